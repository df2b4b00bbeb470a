"""Polysemantic neurons: the report, its page and pictures, on the planted network and on the real one."""

import json

import pytest

import visae
from visae import cli
from visae.activations import Positions
from visae.images import Leaves, open_images
from visae.papers.polysemantic._page import polysemantic_page
from visae.papers.polysemantic._reproduce import polysemantic
from visae.training._layer import Budget


def budget(epochs):
    def recipe(_):
        return visae.TopK(k=2, width=128)

    return Budget(recipe, visae.TrainingConfig(epochs=epochs, batch=1024), Positions(count=64))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("polysemantic")
    network = visae.network("planted", device="cpu")
    return out, polysemantic(network, ["mixed"], Leaves(150, 128), out, budget(30), Leaves(20, 128, seed=9))


def test_neurons_are_ranked_and_three_are_shown(made):
    out, report = made
    found = report["layers"]["mixed"]
    assert found["neurons"] == len(found["explained_by_one_feature"]) == 48
    assert 20 < len(found["ranking"]) <= found["several_large_parts"]
    assert [case["neuron"] for case in found["cases"]] == [row["neuron"] for row in found["ranking"][:3]]
    for case in found["cases"]:
        assert (out / "mixed" / f"neuron-{case['neuron']}.png").read_bytes().startswith(b"\x89PNG")
        # One image is one example; they are those in which examples were asked for.
        shown = [key for part in case["parts"] for key in part["examples"]]
        assert len(shown) + case["examples_of_other_features"] == 20
        assert len(set(shown)) == len(shown)
        assert case["parts"][0]["share"] >= 0.1


def test_the_page_says_how_it_compares_with_the_truth(made):
    out, report = made
    page = (out / "polysemantic.md").read_text()
    assert page == polysemantic_page(report)
    truth = report["layers"]["mixed"]["constituents"]
    assert f"{truth['precision']:.1%} truly write to it (precision)" in page
    first = report["layers"]["mixed"]["cases"][0]["neuron"]
    assert f"![mixed:{first}](mixed/neuron-{first}.png)" in page
    assert json.loads((out / "polysemantic.json").read_text()) == json.loads(json.dumps(report))


def test_a_layer_without_polysemantic_neurons_is_said_to_have_none(made):
    report = json.loads(json.dumps(made[1]))
    report["layers"]["mixed"] |= {"ranking": [], "cases": []}
    page = polysemantic_page(report)
    assert "0 of 48 neurons are polysemantic" in page
    assert "there is no case" in page


def test_on_the_real_network(data, tmp_path):
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = open_images(data / "images" / "kodak", crop=224)

    def recipe(channels):
        return visae.TopK(k=8, width=2 * channels)

    small = Budget(recipe, visae.TrainingConfig(epochs=2, batch=256), Positions(count=64))
    report = polysemantic(network, ["mixed3b_5x5"], photographs, tmp_path, small)
    found = report["layers"]["mixed3b_5x5"]
    assert found["neurons"] == 96
    assert "constituents" not in found
    for case in found["cases"]:
        assert all(key.endswith(".jpg") for part in case["parts"] for key in part["examples"])
        assert (tmp_path / "mixed3b_5x5" / f"neuron-{case['neuron']}.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["polysemantic", "--layers", "mixd"], "mixed"),
        (["polysemantic", "--examples", "nowhere"], "nowhere"),
        (["polysemantic", "--network", "torchvision:resnet18"], "give --layers"),
        (["polysemantic", "--k", "0"], "k"),
        (["polysemantic", "--epochs", "0"], "epochs"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", *arguments, "--out", str(tmp_path / "o")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.strip().count("\n") == 0
