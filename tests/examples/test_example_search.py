"""The search for dataset examples, against keeping everything and sorting it."""

import pytest
import torch
from memory_images import MemoryImages, noise, units_over_pixels

import visae
from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.examples import _search as search
from visae.examples import find_examples, join_examples, strongest
from visae.examples._collector import MEMBERS, Collector
from visae.images import Leaves, batches
from visae.units import Units, join_units, neurons

OFFSETS = torch.tensor([0.0, 0.15, 0.3, 0.5, 2.0])


def shifted(maps):
    """Five units that fire in fewer and fewer images, the last in none."""
    return maps.mean(1, keepdim=True) - OFFSETS[:, None, None]


def all_maps(units, pixels):
    return units.maps(pixels.float() / 255).numpy().astype("float64")


def images_of(positions):
    return [image for image, _, _ in positions]


def test_several_positions_per_image_only_on_request():
    pixels = noise(7)
    units, images = units_over_pixels(5, shifted), MemoryImages(pixels)
    maps = all_maps(units, pixels)
    top = find_examples([units], images, 10, per_image=3)[0].top
    for unit in range(5):
        active = [
            (maps[image, unit, row, column], image, row, column)
            for image in range(7)
            for row in range(4)
            for column in range(4)
            if maps[image, unit, row, column] > 0
        ]
        active.sort(key=lambda entry: -entry[0])
        expected, count = [], dict.fromkeys(range(7), 0)
        for _, image, row, column in active:
            if count[image] < 3:
                expected.append((image, row, column))
                count[image] += 1
        assert top.positions(unit) == expected[:10]
    assert len(set(images_of(top.positions(0)))) < 10
    top = find_examples([units], images, 10)[0].top
    for unit in range(5):
        assert len(top.positions(unit)) == len(set(images_of(top.positions(unit))))


def test_more_positions_per_image_than_the_map_has():
    units = units_over_pixels(1, lambda maps: maps[:, :1] + 0.1)
    top = find_examples([units], MemoryImages(noise(2)), 40, per_image=40)[0].top
    assert sorted(top.positions(0)) == [
        (image, row, column) for image in range(2) for row in range(4) for column in range(4)
    ]


def test_images_in_which_a_unit_fires_are_counted():
    pixels = noise(50)
    units = units_over_pixels(5, shifted)
    examples = find_examples([units], MemoryImages(pixels), 2)[0]
    expected = (all_maps(units, pixels).max((2, 3)) > 0).sum(0)
    assert examples.fires.tolist() == expected.tolist()
    assert expected[0] == 50
    assert expected[-1] == 0
    assert 0 < expected[3] < expected[1] < 50
    assert (examples.images, examples.skipped) == (50, 0)


def test_the_sample_has_the_lowest_priorities():
    pixels = noise(200)
    units = units_over_pixels(5, shifted)
    examples = find_examples([units], MemoryImages(pixels), 1, [0.5, 0.0, 1.0], seed=4)[0]
    peak = all_maps(units, pixels).max((2, 3))
    priority = [torch.rand(1, dtype=torch.float64, generator=generator(4, "examples", i)).item() for i in range(200)]
    for unit in (0, 1):
        fires = [image for image in range(200) if peak[image, unit] > 0]
        sample = sorted(fires, key=priority.__getitem__)[:MEMBERS]
        sample.sort(key=lambda image: peak[image, unit])
        best = max(fires, key=lambda image: peak[image, unit])
        assert examples.members[unit] == len(sample) == MEMBERS
        allowed = [j for j, image in enumerate(sample, 1) if image != best]
        ranks = [max(allowed), min(allowed, key=lambda j: abs(j - 0.5 * 65)), min(allowed)]
        assert images_of(examples.samples.positions(unit)) == [sample[j - 1] for j in ranks]
        assert examples.rank[unit].tolist() == pytest.approx([j / 65 for j in ranks])


def test_samples_and_top_share_no_image():
    units = units_over_pixels(5, shifted)
    examples = find_examples([units], MemoryImages(noise(40)), 5)[0]
    for unit in range(5):
        top = set(images_of(examples.top.positions(unit)))
        samples = images_of(examples.samples.positions(unit))
        assert len(samples) == len(set(samples)) == min(4, max(examples.fires[unit].item() - 5, 0))
        assert not top & set(samples)
        values = examples.samples.value[unit].tolist()
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_batch_size_makes_no_difference(monkeypatch, size):
    units, images = units_over_pixels(5, shifted), MemoryImages(noise(100), unreadable=[3, 64])
    expected = find_examples([units], images, 4, per_image=2, seed=7)[0]
    monkeypatch.setattr(search, "_BATCH", size)
    examples = find_examples([units], images, 4, per_image=2, seed=7)[0]
    for name in ("value", "image", "row", "column"):
        for kind in ("top", "samples"):
            assert torch.equal(getattr(getattr(examples, kind), name), getattr(getattr(expected, kind), name))
    assert torch.equal(examples.fires, expected.fires)
    assert torch.equal(examples.rank, expected.rank)


def test_seeds_change_the_samples_and_not_the_top():
    units, images = units_over_pixels(5, shifted), MemoryImages(noise(150))
    first, second = (find_examples([units], images, 4, seed=seed)[0] for seed in (0, 1))
    assert torch.equal(first.top.image, second.top.image)
    assert not torch.equal(first.samples.image, second.samples.image)


def test_memory_does_not_grow_with_the_images(monkeypatch):
    sizes = []

    class Watched(Collector):
        def _add(self, *arguments):
            super()._add(*arguments)
            tensors = [*vars(self.top).values(), *vars(self.sample).values(), self.fires]
            sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors))

    monkeypatch.setattr(search, "Collector", Watched)
    find_examples([units_over_pixels(5, shifted)], MemoryImages(noise(300)), 8)
    assert len(sizes) > 50
    assert len(set(sizes)) == 1
    assert sizes[0] < 5 * (8 + MEMBERS) * 40


def test_unreadable_images_are_reported_and_left_out(capsys):
    units, pixels = units_over_pixels(5, shifted), noise(30)
    examples = find_examples([units], MemoryImages(pixels, unreadable=[2, 9]), 28)[0]
    assert set(images_of(examples.top.positions(0))) == set(range(30)) - {2, 9}
    assert (examples.images, examples.skipped) == (28, 2)
    assert "skipped made 2: torn" in capsys.readouterr().err
    with pytest.raises(VisaeError, match=r"none of the 3 images .*; made 0: torn"):
        find_examples([units], MemoryImages(pixels[:3], unreadable=range(3)))


def test_nan_is_not_an_example():
    units = units_over_pixels(1, lambda maps: torch.where(maps[:, :1] > 0.4, torch.nan, maps[:, :1]))
    pixels = noise(20)
    top = find_examples([units], MemoryImages(pixels), 20)[0].top
    clean = ~units.maps(pixels.float() / 255).isnan().flatten(1).any(1)
    assert 0 < clean.sum() < 20
    assert set(images_of(top.positions(0))) == set(clean.nonzero()[:, 0].tolist())


def test_populations_do_not_influence_each_other():
    populations = [units_over_pixels(5, shifted), units_over_pixels(3, lambda maps: maps)]
    first = populations[0]
    populations[1] = Units("neurons", first.network, first.layer, 3, populations[1].read)
    images = MemoryImages(noise(90))
    for together, units in zip(find_examples(populations, images), populations, strict=True):
        alone = find_examples([units], images)[0]
        assert torch.equal(together.top.image, alone.top.image)
        assert torch.equal(together.samples.image, alone.samples.image)
        assert torch.equal(together.fires, alone.fires)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top": 0}, "0 examples per unit"),
        ({"per_image": 0}, "0 examples per image"),
        ({"quantiles": [0.5, 1.2]}, "1.2 .* from 0 to 1"),
        ({"margin": 5.0}, "5 px .* images of 8 px"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        find_examples([units_over_pixels(5, shifted)], Leaves(2, 8), **settings)


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


@pytest.fixture(scope="module")
def mixed(network):
    return neurons(network, "mixed")


def maps_of(units, images):
    pixels = torch.cat([batch.pixels for batch in batches(images)]).float() / 255
    return units.maps(pixels)


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.0, 30.0])
def test_the_strongest_position_of_each_image(mixed, margin):
    images = Leaves(12, 80, seed=3)
    examples = strongest([mixed], images, 5, margin)[0]
    maps = maps_of(mixed, images)
    centres = [mixed.layer.centre(index) for index in range(maps.shape[3])]
    outside = torch.tensor([not margin <= centre <= 79 - margin for centre in centres])
    maps[:, :, outside], maps[:, :, :, outside] = 0.0, 0.0
    expected = maps.flatten(2).amax(2).T.sort(1, descending=True).values[:, :5]
    assert torch.allclose(examples.value, expected, atol=1e-5)
    for unit in (0, 17, 47):
        positions = examples.positions(unit)
        assert len(set(images_of(positions))) == len(positions)
        for value, (image, row, column) in zip(examples.value[unit], positions, strict=False):
            assert maps[image, unit, row, column].item() == pytest.approx(value.item(), abs=1e-5)


def test_silent_units_have_no_examples_and_rare_units_few(mixed):
    images = Leaves(6, 96)
    peak = maps_of(mixed, images)[:, 0].flatten(1).amax(1)
    threshold = peak.sort().values[-2:].mean()
    units = Units(
        "neurons",
        mixed.network,
        mixed.layer,
        2,
        lambda maps: torch.stack([maps[:, 0] * 0, maps[:, 0]], 1) - threshold,
    )
    examples = strongest([units], images, 4)[0]
    assert examples.positions(0) == []
    assert images_of(examples.positions(1)) == [int(peak.argmax())]


def test_populations_of_two_layers_share_a_pass(network, mixed):
    populations = [mixed, neurons(network, next(iter(network.layers)))]
    images = Leaves(5, 96)
    for together, units in zip(strongest(populations, images, 3), populations, strict=True):
        alone = strongest([units], images, 3)[0]
        assert torch.equal(together.value, alone.value)
        assert torch.equal(together.image, alone.image)
        assert torch.equal(together.row, alone.row)


def test_joined_examples_are_those_of_the_joined_population(mixed):
    images = Leaves(5, 96)
    together = strongest([join_units(mixed, mixed)], images, 3)[0]
    joined = join_examples(*strongest([mixed, mixed], images, 3))
    assert torch.equal(together.value, joined.value)
    assert together.positions(50) == joined.positions(50) == joined.positions(2)
