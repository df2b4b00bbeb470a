"""The data of an atlas against the network and the SAE themselves."""

import base64
import json
import zlib
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import visae
from visae._support.errors import VisaeError
from visae.atlas import AtlasConfig, build_atlas
from visae.examples import border_margin, find_examples
from visae.images import Leaves, open_images
from visae.tuning import battery, curves
from visae.units import features

pytestmark = pytest.mark.slow


def data(folder, name):
    text = (folder / f"{name}.js").read_text()
    return json.loads(text[len(f'visae.receive("{name}",') : -len(");\n")])


def as_bytes(text):
    return np.frombuffer(base64.b64decode(text), np.uint8)


@pytest.fixture(scope="module")
def examples(small_atlas):
    units, images = small_atlas.units, small_atlas.images
    return find_examples(units, images, 4, margin=border_margin(units[0].layer, images))


@pytest.fixture(scope="module")
def swept(small_atlas):
    return battery(small_atlas.units)


@pytest.fixture(scope="module")
def pixels(small_atlas):
    return torch.stack([small_atlas.images.read(index)[0] for index in range(len(small_atlas.images))]) / 255.0


def test_columns(small_atlas, examples, pixels):
    atlas, units = data(small_atlas.version, "data/atlas"), small_atlas.units
    columns = atlas["columns"]
    assert atlas["counts"] == [48, 24]
    assert {len(column) for column in columns.values()} == {72}
    with torch.inference_mode():
        maps = [population.maps(pixels) for population in units]
    density = torch.cat([(values > 0).double().mean((0, 2, 3)) for values in maps])
    assert columns["density"] == pytest.approx(density.tolist(), rel=1e-3)
    peak = torch.cat([population.top.value[:, 0] for population in examples])
    assert columns["peak"] == pytest.approx(peak.tolist(), rel=1e-3)
    assert columns["norm"][48:] == pytest.approx(units[1].directions.norm(dim=1).tolist(), rel=1e-3)
    assert columns["x"][:48] == [None] * 48
    assert min(columns["x"][48:]) == 0
    assert max(columns["y"][48:]) == 1
    assert sum(columns["share"][:48]) == pytest.approx(1, abs=1e-3)
    assert 0 < sum(columns["share"][48:]) < 1.2
    assert atlas["positions"] == maps[0][:, 0].numel()


def test_tuning_is_null_without_responses_and_orientation_without_tuning(small_atlas, swept):
    atlas = data(small_atlas.version, "data/atlas")
    columns, oriented = atlas["columns"], [name not in ("none", "colour") for name in atlas["families"]]
    member = iter(oriented[family] for family in columns["family"])
    column = {name: iter(columns[name]) for name in ("selectivity", "echo", "radius", "orientation", "width")}
    untuned = 0
    for population in swept:
        values = population.responses["circle"].values.double().numpy()
        strongest = values.max()
        for response in values:
            tuning = response.clip(0).mean(0)
            angle = np.deg2rad(np.arange(72) * 5.0)
            total = max(tuning.sum(), 1e-30)
            length = max(abs((tuning * np.exp(1j * k * angle)).sum()) / total for k in (1, 2))
            responds = response.max() > 0 and response.max() >= 0.1 * strongest
            tuned = (next(member) or length >= 0.85) and responds
            for name in ("selectivity", "echo", "radius"):
                assert (next(column[name]) is not None) == responds
            for name in ("orientation", "width"):
                assert (next(column[name]) is not None) == tuned
            untuned += responds and not tuned
    assert untuned > 0


def test_curve_detectors_agree_with_the_sweep_of_curves(small_atlas):
    swept = [curves(population) for population in small_atlas.units]
    expected = [[detectors.count, pytest.approx(detectors.max_gap, rel=1e-3)] for detectors in swept]
    assert data(small_atlas.version, "data/atlas")["circle"]["by_circular_mean"] == expected


def test_circle_and_families_agree(small_atlas):
    atlas = data(small_atlas.version, "data/atlas")
    members = [unit for unit, family in enumerate(atlas["columns"]["family"]) if atlas["families"][family] == "curve"]
    assert [*atlas["circle"]["members"][0], *(48 + unit for unit in atlas["circle"]["members"][1])] == members


@pytest.mark.parametrize(("population", "unit", "index"), [(0, 7, 7), (1, 4, 52)])
def test_unit_page(small_atlas, examples, swept, population, unit, index):
    page = data(small_atlas.version, "data/units/00000")["units"][index]
    assert [tuple(example[:3]) for example in page["examples"][:4]] == examples[population].top.positions(unit)
    assert all(example[4] is not None for example in page["examples"][4:])
    assert page["fires_in"] == examples[population].fires[unit]
    circle = swept[population].responses["circle"]
    peak = circle.tuning()[unit].max().item()
    assert page["tuning_peak"] == pytest.approx(peak, rel=1e-3)
    assert as_bytes(page["tuning"]) / 255 * peak == pytest.approx(circle.tuning()[unit].numpy(), abs=peak / 250)
    assert len(as_bytes(page["map"])) == circle.values[unit].numel()
    assert sum(page["histogram"]["counts"]) > 0
    assert len(page["histogram"]["edges"]) == len(page["histogram"]["counts"]) + 1


def test_weights_and_similar_directions(small_atlas):
    decoder = F.normalize(small_atlas.units[1].directions, dim=1)
    pages = data(small_atlas.version, "data/units/00000")["units"]
    expected = decoder[4].abs().argsort(descending=True, stable=True)[:12].tolist()
    written = pages[52]["weights"]
    assert [neuron for neuron, _ in written] == [neuron for neuron in expected if decoder[4, neuron] != 0]
    assert written[0][1] == pytest.approx(decoder[4, expected[0]].item(), rel=2e-3)
    expected = decoder[:, 7].abs().argsort(descending=True, stable=True)[:12].tolist()
    assert [feature for feature, _ in pages[7]["weights"]] == [unit for unit in expected if decoder[unit, 7] != 0]
    cosine = F.cosine_similarity(decoder[4], torch.eye(48), dim=1)
    similar = dict(map(tuple, pages[52]["similar"]))
    assert max((value, unit) for unit, value in similar.items() if unit < 48)[1] == int(cosine.argmax())


def test_heat_maps_of_examples(small_atlas, pixels):
    page = data(small_atlas.version, "data/units/00000")
    with Image.open(small_atlas.version / "data/units/00000.png") as sheet:
        levels = np.array(sheet)
    side = page["heat"] + 2
    image, row, column, _, _ = page["units"][7]["examples"][0]
    tile = levels[7 * side + 1 : 8 * side - 1, 1 : side - 1]
    with torch.inference_mode():
        heat = small_atlas.units[0].maps(pixels[image : image + 1])[0, 7].numpy()
    assert tile.shape == heat.shape
    assert np.abs(tile / 15 - heat.clip(0) / heat.max()).max() < 0.04
    assert heat[row, column] == pytest.approx(page["units"][7]["examples"][0][3], rel=1e-3)


def test_every_image_with_an_example_is_in_the_atlas(small_atlas, pixels):
    folder = small_atlas.version
    indices = data(folder, "data/atlas")["images"]["indices"]
    units = [unit for chunk in (0, 1) for unit in data(folder, f"data/units/{chunk:05d}")["units"]]
    assert {example[0] for unit in units for example in unit["examples"]} == set(indices)
    sources = 255 * pixels.permute(0, 2, 3, 1).numpy()
    for number, image in enumerate(indices):
        assert data(folder, f"data/images/{number:05d}")["height"] == 24
        with Image.open(folder / f"photos/{number:05d}.webp") as photo:
            difference = np.abs(np.array(photo).astype(float) - sources).mean((1, 2, 3))
        assert difference[image] == difference.min() < 0.3 * np.sort(difference)[1]


def test_unexplained_share_is_the_saes(small_atlas, pixels):
    page = data(small_atlas.version, "data/images/00000")
    image = data(small_atlas.version, "data/atlas")["images"]["indices"][0]
    neurons, features = small_atlas.units
    with torch.inference_mode():
        x = neurons.maps(pixels[image : image + 1])
        reconstruction = features.sae.decode(features.sae.encode(x))
    unexplained = (x - reconstruction).square().sum(1) / x.square().sum(1).clamp_min(1e-12)
    unexplained = unexplained.clamp(0, 1).flatten().numpy()
    planes = zlib.decompress(base64.b64decode(page["data"]))
    stored = np.frombuffer(planes, np.uint8)[-len(unexplained) :] / page["levels"]
    assert stored == pytest.approx(unexplained, abs=1 / page["levels"])
    assert unexplained.min() < 0.9


@pytest.fixture
def coarse_sweep(monkeypatch):
    """Sweep few stimuli, for tests that do not read the tuning."""
    monkeypatch.setattr("visae.atlas._measurements.battery", partial(battery, orientations=12, radii=2))


def build(out, config, images, layer="mixed"):
    network = visae.network("planted", device="cpu")
    sae = config.build(network.layer(layer).channels, torch.Generator().manual_seed(3)).requires_grad_(False)
    sae.about = {"network": network.name, "layer": layer}
    build_atlas(sae, network, images, out, AtlasConfig(top=2))
    return features(network, layer, sae)


CASES = {
    "relu": (visae.ReLU(width=12), Leaves(4, 96)),
    "block": (visae.Block(width=12, size=2, blocks=2), Leaves(4, 96)),
    "pca": (visae.PCA(), Leaves(4, 96)),
    "map of more than 32 positions": (visae.TopK(width=6, k=2), Leaves(2, 160)),
    "images smaller than the receptive field": (visae.TopK(width=6, k=2), Leaves(3, 48)),
}


@pytest.mark.usefixtures("coarse_sweep")
@pytest.mark.parametrize("name", CASES)
def test_other_dictionaries_and_images(tmp_path, name):
    config, images = CASES[name]
    units = build(tmp_path / "site", config, images)
    folder = next((tmp_path / "site").glob("atlas-*"))
    atlas = data(folder, "data/atlas")
    pixels = torch.stack([images.read(index)[0] for index in range(len(images))]) / 255.0
    with torch.inference_mode():
        density = (units.maps(pixels) != 0).double().mean((0, 2, 3)).tolist()
    assert atlas["columns"]["density"][48:] == pytest.approx(density, rel=1e-3)
    assert atlas["layer"]["side"] == images.size // 4
    assert data(folder, "data/units/00000")["heat"] <= 32


@pytest.mark.usefixtures("coarse_sweep")
def test_paths_of_this_machine_are_not_published(tmp_path):
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    leaves = Leaves(2, 96)
    for index, name in enumerate(("a/1.png", "2.png")):
        Image.fromarray(leaves.read(index)[0].permute(1, 2, 0).numpy()).save(home / name)
    (tmp_path / "list.txt").write_text(f"{home}/a/1.png\n{home}/2.png\n")
    build(tmp_path / "site", visae.TopK(width=4, k=1), open_images(tmp_path / "list.txt", 96, 96))
    images = data(next((tmp_path / "site").glob("atlas-*")), "data/atlas")["images"]
    assert (images["name"], sorted(images["keys"])) == ("list.txt", ["2.png", "a/1.png"])
    written = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in written)


def test_at_least_one_example():
    with pytest.raises(VisaeError, match="at least 1"):
        AtlasConfig(top=0)
