"""Polysemantic neurons: the report, its page and plots, on the planted network and on the real one."""

import json

import pytest

import visae
from visae import cli
from visae.activations import Positions
from visae.images import Leaves, Subset, open_images
from visae.papers.polysemantic import _reproduce, reproduce
from visae.papers.polysemantic._page import polysemantic_page
from visae.sae import MOD
from visae.training import Budget

pytestmark = pytest.mark.slow
NULLS = ["random directions", "data rows", "stopped early"]


def budget(width, k, rows_seen):
    training = visae.TrainingConfig(rows_seen=rows_seen, batch=256)
    return Budget({"mod": lambda _: MOD(width=width, k=k)}, training, Positions(count=64))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("polysemantic")
    network, images, searched = visae.network("planted", device="cpu"), Leaves(160, 128), Leaves(20, 128, seed=9)
    return out, reproduce(network, ["mixed"], images, out, budget(96, 2, 32_768), searched)


@pytest.fixture
def layer(made):
    return made[1]["layers"]["mixed"]


def test_neurons_are_ranked_and_three_are_shown(made, layer):
    out, _ = made
    assert layer["neurons"] == len(layer["explained_by_one_feature"]) == 48
    figures = layer["figures"]["mod"]
    assert 20 < len(layer["ranking"]) == figures["polysemantic"] <= figures["several_large_parts"]
    assert [case["neuron"] for case in layer["cases"]] == [row["neuron"] for row in layer["ranking"][:3]]
    for case in layer["cases"]:
        assert (out / "mixed" / f"neuron-{case['neuron']}.png").read_bytes().startswith(b"\x89PNG")
        # There is one example per image, and the images are those that were searched.
        examples = [key for part in case["parts"] for key in part["examples"]]
        assert len(examples) + case["examples_of_other_features"] == 20
        assert len(set(examples)) == len(examples)
        assert case["parts"][0]["share"] >= 0.1
        assert case["parts"][0]["helps"]
        assert case["parts"][0]["found_again"]


def test_random_directions_find_nothing_of_what_is_known_to_be_there(layer):
    own, nulls = layer["figures"], layer["nulls"]
    assert list(own) == ["mod", "second seed"]
    assert own["mod"]["precision"] > 0.6
    assert own["mod"]["recall"] > 0.8
    assert own["second seed"]["recall"] > 0.8
    assert list(nulls) == NULLS
    assert all(len(null["seeds"]) == 3 for null in nulls.values())
    for figure in ("precision", "recall"):
        assert nulls["random directions"][figure]["highest"] < 0.05
    assert nulls["random directions"]["polysemantic"]["highest"] < own["mod"]["polysemantic"]
    assert not [line for line in layer["headlines"] if line.startswith("random directions")]


def test_the_page_compares_with_nulls_and_with_the_truth(made, layer):
    out, report = made
    page = (out / "polysemantic.md").read_text()
    assert page == polysemantic_page(report)
    figures = layer["figures"]["mod"]
    for figure in ("precision", "recall"):
        assert f" {figures[figure]:.1%} " in page
    for null in NULLS:
        assert f"| null: {null}, 3 seeds " in page
    assert all(f"- {line}" in page for line in layer["headlines"])
    first = layer["cases"][0]["neuron"]
    assert f"![mixed:{first}](mixed/neuron-{first}.png)" in page
    assert "| helps | found again |" in page
    assert json.loads((out / "polysemantic.json").read_text()) == json.loads(json.dumps(report))


def test_the_page_of_a_layer_without_polysemantic_neurons(made):
    report = json.loads(json.dumps(made[1]))
    report["layers"]["mixed"] |= {"ranking": [], "cases": [], "headlines": []}
    page = polysemantic_page(report)
    assert "0 of 48 neurons are polysemantic" in page
    assert "there is no example" in page
    assert "No null matches any of these figures." in page


def test_on_the_real_network(data, tmp_path):
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = Subset(open_images(data / "images" / "kodak", crop=224), range(8))
    layer = reproduce(network, ["conv2d0"], photographs, tmp_path, budget(128, 4, 2048))["layers"]["conv2d0"]
    assert layer["neurons"] == 64
    assert "precision" not in layer["figures"]["mod"]
    assert 0 < len(layer["cases"]) <= _reproduce.SHOWN
    keys = [key for case in layer["cases"] for part in case["parts"] for key in part["examples"]]
    assert keys
    assert all(key.endswith(".jpg") for key in keys)
    for case in layer["cases"]:
        assert (tmp_path / "conv2d0" / f"neuron-{case['neuron']}.png").exists()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["polysemantic", "--layers", "mixd"], "mixed"),
        (["polysemantic", "--examples", "nowhere"], "nowhere"),
        (["polysemantic", "--network", "torchvision:resnet18"], "give --layers"),
        (["polysemantic", "--k", "0"], "k"),
        (["polysemantic", "--rows-seen", "0"], "rows_seen"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, name):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", *arguments, "--out", str(tmp_path / "o")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert name in error
    assert error.strip().count("\n") == 0
