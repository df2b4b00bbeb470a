import hashlib

import numpy as np
import pytest
import torch
from captures import Pictures, Stop, capture_rows, content, modules_of, rows_and_positions, shared_tower, stop_at, tower

from visae._support.errors import VisaeError
from visae.activations import Positions, _capture, capture, capture_layers
from visae.images import Leaves
from visae.networks import network

SAMPLINGS = [
    Positions("magnitude", 6),
    Positions("uniform", 1, border=1, seed=5),
    Positions("all"),
    Positions("all", border=1),
]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 50)


def maps_by_image(images, layer):
    """The maps of every readable image, one forward pass each: the slow reference."""
    net = shared_tower()
    readable = [index for index in range(len(images)) if index not in images.bad]
    pixels = {index: images.read(index)[0][None].float() / 255 for index in readable}
    with torch.no_grad():
        return {index: net.maps(image, [layer])[layer][0].numpy() for index, image in pixels.items()}


@pytest.mark.parametrize("layer", ["early", "late"])
@pytest.mark.parametrize("positions", SAMPLINGS)
def test_rows_are_the_maps_at_their_positions(tmp_path, layer, positions):
    images = Pictures(11, bad={2, 7})
    rows = capture_rows(tmp_path / "rows", images, layer, positions)
    maps = maps_by_image(images, layer)
    values, coordinates = rows_and_positions(rows)
    assert len(rows) == 9 * positions.per_image(*maps[0].shape[1:])
    expected = np.stack([maps[image][:, y, x] for image, y, x in coordinates])
    np.testing.assert_allclose(values, expected, rtol=2**-10, atol=1e-6)
    assert [image for image, _, _ in coordinates] == np.repeat(sorted(maps), rows.rows_per_image).tolist()
    assert len(set(coordinates)) == len(coordinates)


def test_positions_are_those_that_were_sampled(tmp_path):
    images, positions = Pictures(8), Positions("magnitude", 6, border=1, seed=2)
    _, coordinates = rows_and_positions(capture_rows(tmp_path / "rows", images, "early", positions))
    maps = torch.stack([torch.from_numpy(values) for values in maps_by_image(images, "early").values()])
    chosen = positions.choose(maps, range(8))
    assert [(y, x) for _, y, x in coordinates] == [divmod(position, 8) for position in chosen.flatten().tolist()]


@pytest.mark.parametrize("positions", SAMPLINGS)
def test_stores_do_not_depend_on_the_other_layers_in_the_pass(tmp_path, positions):
    images, folders = Pictures(21, bad={3, 20}), {name: tmp_path / "both" / name for name in ("late", "early")}
    capture_layers(shared_tower(), folders, images, positions, 4)
    for layer, folder in folders.items():
        capture_rows(tmp_path / layer, images, layer, positions)
        assert content(folder) == content(tmp_path / layer)
        assert len(content(folder)) > 1


def test_stores_begun_one_by_one_are_continued_in_one_pass(tmp_path):
    """The layers' shards end at different images, so the pass begins with the first image that any store misses."""
    positions, images = Positions("all"), Pictures(23, bad={1})
    for layer, begun in (("early", True), ("late", True), ("after", False)):
        capture_rows(tmp_path / "whole" / layer, images, layer, positions)
        if begun:
            with pytest.raises(Stop):
                capture_rows(tmp_path / "begun" / layer, Pictures(23, bad={1}, before=stop_at(16)), layer, positions)
    folders = {layer: tmp_path / "begun" / layer for layer in ("after", "late", "early")}
    capture_layers(shared_tower(), folders, images, positions, 4)
    assert content(tmp_path / "begun") == content(tmp_path / "whole")


@pytest.mark.parametrize("count", [1, 3, 4, 5, 12])
def test_any_number_of_images(tmp_path, count):
    rows = capture_rows(tmp_path / "rows", Pictures(count))
    assert (rows.images_read, rows.images_skipped, len(rows)) == (count, 0, 6 * count)
    assert [image for image, _, _ in rows_and_positions(rows)[1]] == np.repeat(range(count), 6).tolist()


def test_the_manifest_describes_the_store(tmp_path):
    images = Pictures(11, bad={2, 9})
    rows = capture_rows(tmp_path / "rows", images, "late", Positions("uniform", 3, border=1, seed=3))
    manifest, net = rows.manifest, tower()
    values = rows.gather(torch.arange(len(rows))).double().numpy()
    assert manifest["schema"] == 1
    assert manifest["settings"] == {
        "network": "tower",
        "weights": net.digest,
        "layer": "late",
        "dim": 7,
        "map": [4, 4],
        "rows_an_image": 3,
        "positions": {"policy": "uniform", "count": 3, "border": 1, "seed": 3},
        "images": {"kind": "pictures", "count": 11},
        "batch": 4,
        "images_a_shard": 16,
    }
    readable = [index for index in range(11) if index not in images.bad]
    assert manifest["images"] == [[f"picture {index}", images.read(index)[1]] for index in readable]
    assert manifest["skipped"] == [[f"picture {index}", f"picture {index} is torn"] for index in (2, 9)]
    assert manifest["rows"] == len(values) == 27
    np.testing.assert_allclose(manifest["mean"], values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(manifest["variance"], values.var(0), rtol=1e-9)
    for shard in manifest["shards"]:
        assert shard["sha256"] == hashlib.sha256((rows.folder / shard["file"]).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({"layer": "late"}, ["dim was 5 and is now 7", "layer was 'early' and is now 'late'", "map was [8, 8]"]),
        ({"positions": Positions("magnitude", 7)}, ["positions.count was 6 and is now 7", "rows_an_image was 6"]),
        ({"positions": Positions("uniform", 6)}, ["positions.policy was 'magnitude' and is now 'uniform'"]),
        ({"positions": Positions("magnitude", 6, 1)}, ["positions.border was 0 and is now 1"]),
        ({"positions": Positions("magnitude", 6, 0, 1)}, ["positions.seed was 0 and is now 1"]),
        ({"images": Pictures(12)}, ["images.count was 9 and is now 12"]),
        ({"network": tower(gain=2.0)}, ["weights was "]),
        ({"batch": 3}, ["batch was 4 and is now 3"]),
    ],
)
@pytest.mark.parametrize("stopped", [False, True])
def test_other_settings_are_refused_with_the_differences(tmp_path, change, differences, stopped):
    if stopped:
        with pytest.raises(Stop):
            capture_rows(tmp_path / "rows", Pictures(9, before=stop_at(8)))
    else:
        capture_rows(tmp_path / "rows", Pictures(9))
    before = content(tmp_path / "rows")
    with pytest.raises(VisaeError) as error:
        capture_rows(tmp_path / "rows", **{"images": Pictures(9), **change})
    for part in [*differences, "was made with other settings", "use a new folder"]:
        assert part in str(error.value)
    assert content(tmp_path / "rows") == before


def test_a_finished_store_is_opened_without_a_capture(tmp_path):
    read = []
    images, net = Pictures(9, before=read.append), tower()
    first = capture_rows(tmp_path / "rows", images, network=net)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir()}
    modules_of(net).early.calls, read[:] = 0, []
    again = capture_rows(tmp_path / "rows", images, network=net)
    assert read == []
    assert modules_of(net).early.calls <= 1, "only one image, for the size of the maps"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir()} == before
    assert again.digest == first.digest


def test_a_pass_over_other_layers_does_not_touch_a_finished_store(tmp_path):
    net = tower()
    capture_rows(tmp_path / "late", Pictures(9), "late", network=net)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "late").iterdir()}
    modules_of(net).late.calls = 0
    folders = {layer: tmp_path / layer for layer in ("early", "late")}
    capture_layers(net, folders, Pictures(9), Positions("magnitude", 6), 4)
    assert modules_of(net).late.calls <= 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "late").iterdir()} == before


def test_digests_identify_images_that_changed(tmp_path):
    """Each row is from the image with the digest in the manifest, also if files changed between two attempts."""
    with pytest.raises(Stop):
        capture_rows(tmp_path / "rows", Pictures(16, before=stop_at(9), content=1), positions=Positions("uniform", 12))
    rows = capture_rows(tmp_path / "rows", Pictures(16, content=2), positions=Positions("uniform", 12))
    versions = [1] * 8 + [2] * 8
    assert [digest for _, digest in rows.manifest["images"]] == [
        Pictures(16, content=version).read(index)[1] for index, version in enumerate(versions)
    ]
    values, coordinates = rows_and_positions(rows)
    maps = {version: maps_by_image(Pictures(16, content=version), "early") for version in (1, 2)}
    expected = np.stack([maps[versions[image]][image][:, y, x] for image, y, x in coordinates])
    np.testing.assert_allclose(values, expected, rtol=2**-10, atol=1e-6)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda out: capture_rows(out, Pictures(4), batch=0), "a batch of 0 images"),
        (lambda out: capture_rows(out, Pictures(4), positions=Positions("magnitude", 65)), "65 positions .* has 64"),
        (
            lambda out: capture_rows(out, Pictures(4), layer="earl"),
            "no layer .* 'earl'; the nearest are early",
        ),
        (lambda _: capture_layers(tower(), {}, Pictures(4), Positions()), "name one, for instance"),
        (lambda out: capture(tower(), "early", out.parent / "nowhere", out), "found nothing at"),
    ],
)
def test_a_refused_capture_writes_nothing(tmp_path, attempt, message):
    with pytest.raises(VisaeError, match=message):
        attempt(tmp_path / "rows")
    assert list(tmp_path.iterdir()) == []


def test_capture_opens_images_by_name(tmp_path):
    planted = network("planted", device="cpu")
    rows = capture(planted, "mixed", "leaves:3", tmp_path / "rows", positions=5, crop=32, seed=4, batch=2)
    assert (len(rows), rows.dim, rows.images_read) == (15, 48, 3)
    pixels, digest = Leaves(3, 32, 4).read(1)
    assert rows.manifest["images"][1] == ["leaf 1", digest]
    maps = planted.maps(pixels[None].float() / 255, ["mixed"])["mixed"][0]
    _, y, x = rows.position(7)
    torch.testing.assert_close(rows.gather(torch.tensor([7]))[0], maps[:, y, x], rtol=2**-10, atol=1e-5)
