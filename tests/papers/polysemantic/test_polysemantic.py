"""Polysemantic neurons: the report, its page and plots, on the planted network and on the real one."""

import json

import pytest

import visae
from visae import cli
from visae.activations import Positions
from visae.images import Leaves, Subset, open_images
from visae.papers.polysemantic import _reproduce, reproduce
from visae.papers.polysemantic._page import polysemantic_page
from visae.training import Budget, default_budget

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(recovered, tmp_path_factory):
    _, network, rows, sae = recovered
    out = tmp_path_factory.mktemp("polysemantic")
    images, searched = Leaves(600, 128), Leaves(20, 128, seed=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_reproduce, "train_layer", lambda *_: (rows, sae))
        return out, reproduce(network, ["mixed"], images, out, default_budget("planted"), searched)


def test_neurons_are_ranked_and_three_are_shown(made):
    out, report = made
    layer = report["layers"]["mixed"]
    assert layer["neurons"] == len(layer["explained_by_one_feature"]) == 48
    assert 20 < len(layer["ranking"]) <= layer["several_large_parts"]
    assert [case["neuron"] for case in layer["cases"]] == [row["neuron"] for row in layer["ranking"][:3]]
    for case in layer["cases"]:
        assert (out / "mixed" / f"neuron-{case['neuron']}.png").read_bytes().startswith(b"\x89PNG")
        # There is one example per image, and the images are those that were searched.
        examples = [key for part in case["parts"] for key in part["examples"]]
        assert len(examples) + case["examples_of_other_features"] == 20
        assert len(set(examples)) == len(examples)
        assert case["parts"][0]["share"] >= 0.1


def test_the_page_compares_with_the_truth(made):
    out, report = made
    page = (out / "polysemantic.md").read_text()
    assert page == polysemantic_page(report)
    truth = report["layers"]["mixed"]["constituents"]
    assert f"{truth['precision']:.1%}" in page
    assert f"{truth['recall']:.1%}" in page
    first = report["layers"]["mixed"]["cases"][0]["neuron"]
    assert f"![mixed:{first}](mixed/neuron-{first}.png)" in page
    assert json.loads((out / "polysemantic.json").read_text()) == json.loads(json.dumps(report))


def test_the_page_of_a_layer_without_polysemantic_neurons(made):
    report = json.loads(json.dumps(made[1]))
    report["layers"]["mixed"] |= {"ranking": [], "cases": []}
    page = polysemantic_page(report)
    assert "0 of 48 neurons are polysemantic" in page
    assert "there is no example" in page


def test_on_the_real_network(data, tmp_path):
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = Subset(open_images(data / "images" / "kodak", crop=224), range(8))
    training = visae.TrainingConfig(rows_seen=1024, batch=256)
    budget = Budget(lambda channels: visae.TopK(k=8, width=2 * channels), training, Positions(count=64))
    layer = reproduce(network, ["conv2d0"], photographs, tmp_path, budget)["layers"]["conv2d0"]
    assert layer["neurons"] == 64
    assert "constituents" not in layer
    assert len(layer["cases"]) == 3
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
