"""What an atlas says, against the network and the SAE asked directly."""

import base64
import json
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import visae
from visae._support.errors import VisaeError
from visae.atlas import Contents, build_atlas
from visae.examples import border_margin, find_examples
from visae.images import Leaves, open_images
from visae.tuning import battery, curves
from visae.units import features, neurons

IMAGES = Leaves(10, 96)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    network = visae.network("planted", device="cpu")
    sae = visae.TopK(width=20, k=3).build(48, torch.Generator().manual_seed(3)).requires_grad_(False)
    sae.about = {"network": "planted", "layer": "mixed"}
    out = tmp_path_factory.mktemp("built") / "site"
    assert build_atlas(sae, network, IMAGES, out, Contents(top=3)) == out / "index.html"
    units = [neurons(network, "mixed"), features(network, "mixed", sae)]
    return next(out.glob("atlas-*")), units


def data(folder, name):
    text = (folder / f"{name}.js").read_text()
    return json.loads(text[len(f'visae.take("{name}",') : -len(");\n")])


def as_bytes(text):
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_the_columns(made):
    folder, units = made
    atlas = data(folder, "data/atlas")
    columns = atlas["columns"]
    assert atlas["counts"] == [48, 20]
    assert {len(column) for column in columns.values()} == {68}
    images = torch.stack([IMAGES.read(place)[0] for place in range(10)]).float() / 255
    with torch.inference_mode():
        maps = [of.maps(images) for of in units]
    density = torch.cat([(of > 0).double().mean((0, 2, 3)) for of in maps])
    assert columns["density"] == pytest.approx(density.tolist(), rel=1e-3)
    found = find_examples(units, IMAGES, 3, margin=border_margin(units[0].layer, IMAGES))
    assert columns["peak"] == pytest.approx(torch.cat([of.top.value[:, 0] for of in found]).tolist(), rel=1e-3)
    assert columns["norm"][48:] == pytest.approx(units[1].directions.norm(dim=1).tolist(), rel=1e-3)
    assert columns["x"][:48] == [None] * 48
    assert min(columns["x"][48:]) == 0
    assert max(columns["y"][48:]) == 1
    assert sum(columns["share"][:48]) == pytest.approx(1, abs=1e-3)
    assert 0 < sum(columns["share"][48:]) < 1.2
    assert atlas["positions"] == maps[0][:, 0].numel()


def test_tuning_is_said_only_of_units_that_answer_and_orientation_of_those_that_are_tuned(made):
    folder, units = made
    atlas = data(folder, "data/atlas")
    columns, oriented = atlas["columns"], [name not in ("none", "colour") for name in atlas["families"]]
    member = iter(oriented[family] for family in columns["family"])
    said = {name: iter(columns[name]) for name in ("selectivity", "echo", "radius", "orientation", "width")}
    untuned = 0
    for of in units:
        values = battery([of])[0].responses["circle"].values.double().numpy()
        strongest = values.max()
        for answer in values:
            tuning = answer.clip(0).mean(0)
            angle = np.deg2rad(np.arange(72) * 5.0)
            total = max(tuning.sum(), 1e-30)
            length = max(abs((tuning * np.exp(1j * k * angle)).sum()) / total for k in (1, 2))
            answers = answer.max() > 0 and answer.max() >= 0.1 * strongest
            tuned = (next(member) or length >= 0.85) and answers
            for name in ("selectivity", "echo", "radius"):
                assert (next(said[name]) is not None) == answers
            for name in ("orientation", "width"):
                assert (next(said[name]) is not None) == tuned
            untuned += answers and not tuned
    assert untuned > 0


def test_what_circles_alone_say_is_what_the_sweep_of_curves_says(made):
    folder, units = made
    found = [curves(of) for of in units]
    expected = [[of.count, pytest.approx(of.max_gap, rel=1e-3)] for of in found]
    assert data(folder, "data/atlas")["circle"]["by_circles"] == expected


def test_the_page_of_a_unit(made):
    folder, units = made
    found = find_examples(units, IMAGES, 3, margin=border_margin(units[0].layer, IMAGES))
    swept = battery(units)
    for place, unit, index in ((0, 7, 7), (1, 4, 52)):
        page = data(folder, "data/units/00000")["units"][index]
        top = page["examples"][:3]
        assert [tuple(example[:3]) for example in top] == found[place].top.positions(unit)
        assert all(example[4] is not None for example in page["examples"][3:])
        assert page["fires_in"] == found[place].fires[unit]
        circle = swept[place].responses["circle"]
        peak = circle.tuning()[unit].max().item()
        assert page["tuning_peak"] == pytest.approx(peak, rel=1e-3)
        assert as_bytes(page["tuning"]) / 255 * peak == pytest.approx(circle.tuning()[unit].numpy(), abs=peak / 250)
        assert len(as_bytes(page["map"])) == circle.values[unit].numel()
        assert sum(page["histogram"]["counts"]) > 0
        assert len(page["histogram"]["edges"]) == len(page["histogram"]["counts"]) + 1
    decoder = torch.nn.functional.normalize(units[1].directions, dim=1)
    page = data(folder, "data/units/00000")
    expected = decoder[4].abs().argsort(descending=True)[:12].tolist()
    assert [other for other, _ in page["units"][52]["writes"]] == expected
    assert page["units"][52]["writes"][0][1] == pytest.approx(decoder[4, expected[0]].item(), rel=2e-3)
    assert [other for other, _ in page["units"][7]["writes"]] == decoder[:, 7].abs().argsort(descending=True)[
        :12
    ].tolist()
    cosine = torch.nn.functional.cosine_similarity(decoder[4], torch.eye(48), dim=1)
    near = dict(map(tuple, page["units"][52]["alike"]))
    assert max((value, unit) for unit, value in near.items() if unit < 48)[1] == int(cosine.argmax())


def test_the_maps_of_its_examples(made):
    folder, units = made
    page = data(folder, "data/units/00000")
    with Image.open(folder / "data/units/00000.png") as sheet:
        levels = np.array(sheet)
    side = page["heat"] + 2
    image, row, column, _, _ = page["units"][7]["examples"][0]
    tile = levels[7 * side + 1 : 8 * side - 1, 1 : side - 1]
    pixels = IMAGES.read(image)[0][None].float() / 255
    with torch.inference_mode():
        heat = units[0].maps(pixels)[0, 7].numpy()
    assert tile.shape == heat.shape
    assert np.abs(tile / 15 - heat.clip(0) / heat.max()).max() < 0.04
    assert heat[row, column] == pytest.approx(page["units"][7]["examples"][0][3], rel=1e-3)


def test_every_image_that_is_an_example_is_there(made):
    folder, _ = made
    indices = data(folder, "data/atlas")["images"]["indices"]
    shown = {
        example[0]
        for chunk in (0, 1)
        for unit in data(folder, f"data/units/{chunk:05d}")["units"]
        for example in unit["examples"]
    }
    assert shown == set(indices)
    for place, image in enumerate(indices):
        assert data(folder, f"data/images/{place:05d}")["height"] == 24
        with Image.open(folder / f"photos/{place:05d}.webp") as photo:
            pixels = np.array(photo).astype(int)
        apart = [np.abs(pixels - IMAGES.read(other)[0].permute(1, 2, 0).numpy()).mean() for other in range(10)]
        assert apart[image] == min(apart) < 0.3 * sorted(apart)[1]


def test_no_examples_is_refused():
    with pytest.raises(VisaeError, match="at least 1"):
        Contents(top=0)


def test_an_image_is_reconstructed_as_the_sae_does_it(made):
    folder, units = made
    page = data(folder, "data/images/00000")
    image = data(folder, "data/atlas")["images"]["indices"][0]
    with torch.inference_mode():
        x = units[0].maps(IMAGES.read(image)[0][None].float() / 255)
        rebuilt = units[1].sae.decode(units[1].sae.encode(x))
    missed = ((x - rebuilt).square().sum(1) / x.square().sum(1).clamp_min(1e-12)).clamp(0, 1).flatten()
    planes = zlib.decompress(base64.b64decode(page["data"]))
    found = np.frombuffer(planes, np.uint8)[-len(missed) :] / page["levels"]
    assert found == pytest.approx(missed.numpy(), abs=1 / page["levels"])
    assert missed.min() < 0.9


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        (["{0}/a/1.png", "{0}/2.png"], ["a/1.png", "2.png"]),
        (["{0}/a/1.png"], ["1.png"]),
        (["home/a/1.png", "{0}/2.png"], ["home/a/1.png", "2.png"]),
    ],
)
def test_where_photographs_lie_on_this_machine_is_not_told(tmp_path, listed, shown):
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    for name in ("a/1.png", "2.png"):
        Image.fromarray(IMAGES.read(len(name))[0].permute(1, 2, 0).numpy()).save(home / name)
    (tmp_path / "list.txt").write_text("".join(f"{name.format(home)}\n" for name in listed))
    out = tmp_path / "site"
    network = visae.network("planted", device="cpu")
    build_atlas(
        an_sae(network, visae.TopK(width=4, k=1)),
        network,
        open_images(tmp_path / "list.txt", 96, 96),
        out,
        Contents(top=1),
    )
    images = data(next(out.glob("atlas-*")), "data/atlas")["images"]
    assert (images["name"], sorted(images["keys"])) == ("list.txt", sorted(shown))
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in out.rglob("*") if path.is_file())


def an_sae(network, recipe, layer="mixed"):
    dim = network.layer(layer).channels
    sae = recipe.build(dim, torch.Generator().manual_seed(3)).requires_grad_(False)
    sae.about = {"network": network.name, "layer": layer}
    return sae


OTHERS = {
    "relu": (visae.ReLU(width=12), Leaves(4, 96)),
    "block": (visae.Block(width=12, size=2, blocks=2), Leaves(4, 96)),
    "pca": (visae.PCA(), Leaves(4, 96)),
    "a map of more than 32 positions": (visae.TopK(width=6, k=2), Leaves(2, 160)),
    "images smaller than the field": (visae.TopK(width=6, k=2), Leaves(3, 48)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_dictionaries_and_images_of_other_kinds(tmp_path, name):
    recipe, images = OTHERS[name]
    network = visae.network("planted", device="cpu")
    sae = an_sae(network, recipe)
    build_atlas(sae, network, images, tmp_path / "site", Contents(top=2))
    folder = next((tmp_path / "site").glob("atlas-*"))
    atlas = data(folder, "data/atlas")
    with torch.inference_mode():
        maps = features(network, "mixed", sae).maps(
            torch.stack([images.read(i)[0] for i in range(len(images))]) / 255.0
        )
    expected = (maps != 0).double().mean((0, 2, 3)).tolist()
    assert atlas["columns"]["density"][48:] == pytest.approx(expected, rel=1e-3)
    assert atlas["layer"]["side"] == images.size // 4
    assert data(folder, "data/units/00000")["heat"] <= 32


def test_the_circle_and_the_families_agree(made):
    folder, _ = made
    atlas = data(folder, "data/atlas")
    curves = [unit for unit, family in enumerate(atlas["columns"]["family"]) if atlas["families"][family] == "curve"]
    assert [*atlas["circle"]["members"][0], *(48 + unit for unit in atlas["circle"]["members"][1])] == curves
