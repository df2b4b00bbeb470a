"""The search, against keeping everything and sorting it."""

import pytest
import torch
from made_images import Made, made_units, noise

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.examples import _search as search
from visae.examples import find
from visae.examples._collector import MEMBERS, Collector
from visae.images import Leaves

OFFSETS = torch.tensor([0.0, 0.15, 0.3, 0.5, 2.0])


def shifted(maps):
    """Five units that fire in fewer and fewer images, the last in none."""
    return maps.mean(1, keepdim=True) - OFFSETS[:, None, None]


def every_map(units, pixels):
    return units.maps(pixels.float() / 255).numpy().astype("float64")


def test_several_of_one_image_only_when_asked():
    pixels = noise(7)
    units, images = made_units(5, shifted), Made(pixels)
    maps = every_map(units, pixels)
    found = find([units], images, 10, per_image=3)[0].top
    for unit in range(5):
        every = [
            (maps[image, unit, row, column], image, row, column)
            for image in range(7)
            for row in range(4)
            for column in range(4)
            if maps[image, unit, row, column] > 0
        ]
        every.sort(key=lambda entry: -entry[0])
        expected, count = [], dict.fromkeys(range(7), 0)
        for _, image, row, column in every:
            if count[image] < 3:
                expected.append((image, row, column))
                count[image] += 1
        assert found.of(unit) == expected[:10]
    assert len({image for image, _, _ in found.of(0)}) < 10
    for unit in range(5):
        alone = find([units], images, 10)[0].top.of(unit)
        assert len(alone) == len({image for image, _, _ in alone})


def test_more_of_one_image_than_it_has_positions():
    units = made_units(1, lambda maps: maps[:, :1] + 0.1)
    found = find([units], Made(noise(2)), 40, per_image=40)[0].top
    assert sorted(found.of(0)) == [
        (image, row, column) for image in range(2) for row in range(4) for column in range(4)
    ]


def test_it_counts_the_images_in_which_a_unit_fires():
    pixels = noise(50)
    units = made_units(5, shifted)
    found = find([units], Made(pixels), 2)[0]
    expected = (every_map(units, pixels).max((2, 3)) > 0).sum(0)
    assert found.fires.tolist() == expected.tolist()
    assert expected[0] == 50
    assert expected[-1] == 0
    assert 0 < expected[3] < expected[1] < 50
    assert (found.images, found.skipped) == (50, 0)


def test_the_sample_is_that_of_the_lowest_priorities():
    pixels = noise(200)
    units = made_units(5, shifted)
    found = find([units], Made(pixels), 1, [0.5, 0.0, 1.0], seed=4)[0]
    peak = every_map(units, pixels).max((2, 3))
    priority = [torch.rand(1, dtype=torch.float64, generator=generator(4, "examples", i)).item() for i in range(200)]
    for unit in (0, 1):
        fires = [image for image in range(200) if peak[image, unit] > 0]
        drawn = sorted(fires, key=priority.__getitem__)[:MEMBERS]
        drawn.sort(key=lambda image: peak[image, unit])
        best = max(fires, key=lambda image: peak[image, unit])
        assert found.members[unit] == len(drawn) == MEMBERS
        allowed = [j for j, image in enumerate(drawn, 1) if image != best]
        ranks = [max(allowed), min(allowed, key=lambda j: abs(j - 0.5 * 65)), min(allowed)]
        assert [image for image, _, _ in found.samples.of(unit)] == [drawn[j - 1] for j in ranks]
        assert found.rank[unit].tolist() == pytest.approx([j / 65 for j in ranks])


def test_samples_are_of_other_images_than_the_top():
    units = made_units(5, shifted)
    found = find([units], Made(noise(40)), 5)[0]
    for unit in range(5):
        top = {image for image, _, _ in found.top.of(unit)}
        samples = [image for image, _, _ in found.samples.of(unit)]
        assert len(samples) == len(set(samples)) == min(4, max(found.fires[unit].item() - 5, 0))
        assert not top & set(samples)
        values = found.samples.value[unit].tolist()
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_batches_make_no_difference(monkeypatch, size):
    units, images = made_units(5, shifted), Made(noise(100), unreadable=[3, 64])
    one = find([units], images, 4, per_image=2, seed=7)[0]
    monkeypatch.setattr(search, "_IMAGES_A_BATCH", size)
    other = find([units], images, 4, per_image=2, seed=7)[0]
    for name in ("value", "image", "row", "column"):
        for kind in ("top", "samples"):
            assert torch.equal(getattr(getattr(one, kind), name), getattr(getattr(other, kind), name))
    assert torch.equal(one.fires, other.fires)
    assert torch.equal(one.rank, other.rank)


def test_seeds_draw_other_samples_and_the_same_top():
    units, images = made_units(5, shifted), Made(noise(150))
    one, other = (find([units], images, 4, seed=seed)[0] for seed in (0, 1))
    assert torch.equal(one.top.image, other.top.image)
    assert not torch.equal(one.samples.image, other.samples.image)


def test_what_is_kept_does_not_grow_with_the_images(monkeypatch):
    kept = []

    class Watched(Collector):
        def take(self, *arguments):
            super().take(*arguments)
            tensors = [*vars(self.top).values(), *vars(self.sample).values(), self.fires]
            kept.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors))

    monkeypatch.setattr(search, "Collector", Watched)
    find([made_units(5, shifted)], Made(noise(300)), 8)
    assert len(kept) > 50
    assert len(set(kept)) == 1
    assert kept[0] < 5 * (8 + MEMBERS) * 40


def test_unreadable_images_are_named_and_left_out(capsys):
    units, pixels = made_units(5, shifted), noise(30)
    found = find([units], Made(pixels, unreadable=[2, 9]), 28)[0]
    assert {image for image, _, _ in found.top.of(0)} == set(range(30)) - {2, 9}
    assert (found.images, found.skipped) == (28, 2)
    assert "skipped made 2: torn" in capsys.readouterr().err
    with pytest.raises(VisaeError, match="none of the 3 images can be read; made 0: torn"):
        find([units], Made(pixels[:3], unreadable=range(3)))


def test_nan_is_not_an_example():
    units = made_units(1, lambda maps: torch.where(maps[:, :1] > 0.4, torch.nan, maps[:, :1]))
    pixels = noise(20)
    found = find([units], Made(pixels), 20)[0]
    clean = ~units.maps(pixels.float() / 255).isnan().flatten(1).any(1)
    assert 0 < clean.sum() < 20
    assert {image for image, _, _ in found.top.of(0)} == set(clean.nonzero()[:, 0].tolist())


def test_a_population_found_beside_another_is_as_alone():
    both = [made_units(5, shifted), made_units(3, lambda maps: maps)]
    both[1] = type(both[1])("neurons", both[0].network, both[0].layer, 3, both[1].read)
    images = Made(noise(90))
    for one, units in zip(find(both, images), both, strict=True):
        alone = find([units], images)[0]
        assert torch.equal(one.top.image, alone.top.image)
        assert torch.equal(one.samples.image, alone.samples.image)
        assert torch.equal(one.fires, alone.fires)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top": 0}, "0 examples of each unit; ask for at least 1"),
        ({"per_image": 0}, "0 examples of one image; ask for at least 1"),
        ({"quantiles": [0.5, 1.2]}, "1.2 is no quantile; give numbers from 0 to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        find([made_units(5, shifted)], Leaves(2, 8), **settings)
