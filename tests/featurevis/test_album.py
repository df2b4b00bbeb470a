"""Albums: what is rendered and what is kept, on small networks; units' values under pictures."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from convnets import small_network

import visae
from visae._support import files
from visae._support.errors import VisaeError
from visae.featurevis import Album, Optimisation, RenderSettings, render, save_png
from visae.featurevis._album import dictionary_digest, unit_values
from visae.featurevis._png import load_png, read_about
from visae.featurevis._window import smallest_window
from visae.featurevis.objectives import everywhere, unit
from visae.images import Leaves
from visae.sae import load
from visae.units import features, neurons

STORED = Path(__file__).parent / "stored/album"


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def planted():
    return visae.network("planted", device="cpu")


def album(units, folder, size=None, photographs=None, **settings):
    return Album(units, folder, RenderSettings(steps=2, **settings), size, photographs)


def test_only_missing_pictures_are_rendered(network, tmp_path):
    pictures = album(neurons(network, "4"), tmp_path)
    assert pictures.render([1, 2]) == 2
    written, whole = pictures.file(1).stat().st_mtime_ns, pictures.picture(2)
    pictures.file(2).write_bytes(b"half a pic")
    assert pictures.render([1, 2]) == 1
    assert pictures.file(1).stat().st_mtime_ns == written
    assert torch.equal(pictures.picture(2), whole)
    assert set(pictures.metrics()) == {1, 2}


def test_other_settings_render_pictures_again(network, tmp_path):
    album(neurons(network, "4"), tmp_path).render([1, 2])
    other = album(neurons(network, "4"), tmp_path, seed=1)
    assert other.render([1]) == 1
    assert set(other.metrics()) == {1}


def test_other_settings_can_be_refused(network, tmp_path):
    pictures = album(neurons(network, "4"), tmp_path)
    pictures.refuse_other_settings()
    pictures.render([1])
    pictures.refuse_other_settings()
    with pytest.raises(VisaeError, match=r"other settings: seed was 0 and is now 1; use a new folder"):
        album(neurons(network, "4"), tmp_path, seed=1).refuse_other_settings()
    with pytest.raises(VisaeError, match=r"other settings: size was \d+ and is now 24; use a new folder"):
        album(neurons(network, "4"), tmp_path, size=24).refuse_other_settings()
    with pytest.raises(VisaeError, match=r"neurons of .* 4, not of .* 0; give a new folder"):
        album(neurons(network, "0"), tmp_path).refuse_other_settings()
    content = json.loads((tmp_path / "render.json").read_text())
    (tmp_path / "render.json").write_text(json.dumps({**content, "torch": "2.5", "visae": "0.0.1"}))
    pictures.refuse_other_settings()


def test_pictures_say_what_they_were_made_with(network, tmp_path):
    pictures = album(neurons(network, "4"), tmp_path, rate=0.1)
    pictures.render([3])
    about = read_about(tmp_path / "00003.png")
    assert about == {**pictures.about, "unit": 3}
    assert (about["layer"], about["kind"], about["rate"], about["steps"]) == ("4", "neurons", 0.1, 2)
    stored = files.read_json(tmp_path / "render.json", 2)
    assert set(stored["units"]["3"]) == {"before", "value", "reached"}
    assert {**stored, "unit": 3} == {"schema": 2, **about, "units": stored["units"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"parameterisation": "pixels", "negative": True},
        {"parameterisation": "pyramid", "everywhere": True, "size": 24},
        {"parameterisation": "maco", "images": "leaves:2", "photographs": Leaves(2, 32)},
        {"alpha": True},
        {"objective": "direction"},
        {"objective": "pre_activation"},
        {"objective": "activation", "rate": 0.1},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_every_setting_decides_pictures(network, tmp_path, monkeypatch, settings):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    sae = visae.TopK(width=12, k=1).build(8, torch.Generator().manual_seed(0)).requires_grad_(False)
    units = features(network, "4", sae)
    pictures, default = album(units, tmp_path / "out", **settings), album(units, tmp_path / "default")
    assert pictures.render([5]) == default.render([5]) == 1
    assert len(pictures.picture(5)) == (4 if "alpha" in settings else 3)
    assert not torch.equal(pictures.picture(5), default.picture(5))


def test_units_that_their_picture_leaves_silent(planted, tmp_path):
    pictures = album(neurons(planted, "truth"), tmp_path)
    pictures.render(range(4))
    metrics = pictures.metrics()
    # The objective of a neuron is its value.
    assert all(row["reached"] == pytest.approx(row["value"], abs=1e-5) for row in metrics.values())
    silent = pictures.silent(range(4))
    assert silent == [number for number, row in metrics.items() if row["reached"] <= 0]
    assert silent


def test_pictures_of_other_units_are_not_mixed_in(network, planted, tmp_path):
    album(neurons(network, "4"), tmp_path).render([1])
    sae = visae.TopK(width=12, k=1).build(8, torch.Generator().manual_seed(0)).requires_grad_(False)
    for units in (neurons(network, "0"), neurons(planted, "mixed"), features(network, "4", sae)):
        with pytest.raises(VisaeError, match=r"neurons of .* 4, not of .*new folder"):
            album(units, tmp_path).render([1])
    assert read_about(tmp_path / "00001.png")["layer"] == "4"


def test_a_folder_of_photographs_is_refused_and_one_of_examples_is_not(network, tmp_path):
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs/cat.JPG").touch()
    with pytest.raises(VisaeError, match=r"cat\.JPG.*new folder"):
        album(neurons(network, "4"), tmp_path / "photographs").render([1])
    assert [path.name for path in (tmp_path / "photographs").iterdir()] == ["cat.JPG"]
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/00001-examples.png").touch()
    assert album(neurons(network, "4"), tmp_path / "examples").render([1]) == 1


@pytest.fixture
def stored(planted, tmp_path):
    """An album by visae 0.1.0, which wrote `drive` and `usual`, and its settings in today's words.

    As if written with this machine's torch and weights; pictures of another torch or other weights are not kept.
    """
    settings = RenderSettings("pre_activation", steps=16)
    pictures = Album(neurons(planted, "mixed"), tmp_path / "stored", settings, 24)
    shutil.copytree(STORED, pictures.folder)
    local = {key: pictures.about[key] for key in ("visae", "torch", "weights")}
    path = pictures.folder / "render.json"
    content = json.loads(path.read_text())
    assert (content["objective"], content["parameterisation"]) == ("drive", "usual")
    path.write_text(json.dumps({**content, **local}))
    for number in (3, 17):
        picture = pictures.file(number)
        save_png(load_png(picture), picture, {**read_about(picture), **local})
    return pictures


def test_albums_of_a_dictionary_of_the_first_version_are_still_its_own():
    """The digest that version 0.1.0 wrote into albums of the stored dictionary, which it trained."""
    sae = load(Path(__file__).parents[1] / "training/stored/dictionary")
    assert dictionary_digest(sae) == "b2972fa2ef6ce7058f89e9da10adf0b308acfe97458fa43ca36a22e6d7a823a5"


def test_albums_of_the_first_version_are_kept(stored):
    before = {path.name: path.read_bytes() for path in stored.folder.iterdir()}
    stored.refuse_other_settings()
    assert stored.render([3, 17]) == 0
    assert stored.silent([3, 17]) == [3]
    assert stored.metrics()[17]["reached"] == pytest.approx(0.0792, abs=1e-4)
    assert before == {path.name: path.read_bytes() for path in stored.folder.iterdir()}


@pytest.mark.slow
def test_albums_of_the_first_version_grow(stored):
    metrics = stored.metrics()
    assert stored.render([3, 5, 17]) == 1
    assert {number: row for number, row in stored.metrics().items() if number != 5} == metrics
    assert files.read_json(stored.folder / "render.json", 2)["objective"] == "pre_activation"
    assert Album(stored.units, stored.folder, RenderSettings("unit", steps=16), 24).missing([3, 5]) == [3, 5]


def test_values_of_neurons_are_their_objectives(network):
    units, numbers = neurons(network, "4"), [3, 0, 7]
    result = render(network, unit(units, numbers), optimisation=Optimisation(4))
    window = smallest_window(network, unit(units, numbers), None)
    torch.testing.assert_close(
        unit_values(units, numbers, result.pictures, window), result.values, rtol=1e-4, atol=1e-6
    )
    window = smallest_window(network, unit(units, numbers, everywhere), 64)
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = units.maps(pictures).mean((2, 3))[range(3), numbers]
    torch.testing.assert_close(unit_values(units, numbers, pictures, window, everywhere), expected)


def test_values_of_features_are_read_over_grey(planted):
    sae = visae.TopK(width=12, k=6).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    units, numbers = features(planted, "mixed", sae), list(range(12))
    window = smallest_window(planted, unit(units, numbers), 64)
    leaves = torch.stack([Leaves(12, 64).read(index)[0] for index in range(12)]).float() / 255
    alpha = torch.rand(12, 1, 64, 64, generator=torch.Generator().manual_seed(1)) ** 0.1
    opaque = alpha * leaves + (1 - alpha) * 0.5
    maps = units.maps(window.unperturbed(opaque, torch.Generator()))
    middle = maps.shape[2] // 2
    values = unit_values(units, numbers, torch.cat([leaves, alpha], 1), window)
    torch.testing.assert_close(values, maps[range(12), numbers, middle, middle], rtol=1e-4, atol=1e-5)
    assert 0 < (values > 0).sum() < 12
    torch.testing.assert_close(values, unit_values(units, numbers, opaque, window), rtol=1e-4, atol=1e-5)
