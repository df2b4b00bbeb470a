import itertools

import pytest
import torch

from visae.images import Images, Leaves, Photographs, Subset, Unreadable, batches, evenly_spaced, pick_evenly

LEAVES = Leaves(6, 16)


def test_sources_implement_the_protocol(tmp_path):
    assert isinstance(Leaves(1), Images)
    assert isinstance(Photographs(tmp_path, ["a.jpg"], "photos"), Images)


def test_other_types_do_not_implement_it():
    assert not isinstance("photos/", Images)
    assert not isinstance([1, 2], Images)


def test_the_text_of_unreadable_is_the_reason():
    assert str(Unreadable("empty file")) == "empty file"


@pytest.mark.parametrize("indices", [[], [3], [5, 0, 3], (2, 2), range(1, 6, 2)])
def test_a_subset_has_the_source_images_in_the_given_order(indices):
    subset = Subset(LEAVES, indices)
    assert isinstance(subset, Images)
    assert (len(subset), subset.name, subset.size) == (len(indices), "leaves:6", 16)
    for position, index in enumerate(indices):
        assert subset.key(position) == LEAVES.key(index)
        pixels, digest = subset.read(position)
        expected, expected_digest = LEAVES.read(index)
        assert torch.equal(pixels, expected)
        assert digest == expected_digest


def test_settings_contain_the_indices():
    subset = Subset(LEAVES, range(2, 4))
    assert subset.settings() == {**LEAVES.settings(), "subset": [2, 3]}
    assert subset.settings() != Subset(LEAVES, [3, 2]).settings()


def test_later_changes_of_the_list_have_no_effect():
    indices = [4, 1]
    subset = Subset(LEAVES, indices)
    indices.append(2)
    assert len(subset) == 2


def test_unreadable_images_stay_unreadable(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    photographs = Photographs(tmp_path, ["bad.jpg"], "photos")
    with pytest.raises(Unreadable):
        Subset(photographs, [0]).read(0)


def test_batches_index_into_the_subset():
    reads = list(batches(Subset(LEAVES, [5, 1, 3]), 2))
    assert [batch.indices for batch in reads] == [(0, 1), (2,)]
    assert [digest for batch in reads for digest in batch.digests] == [LEAVES.read(index)[1] for index in (5, 1, 3)]


@pytest.mark.parametrize(
    ("count", "indices"), [(1, [0]), (2, [0, 3]), (3, [0, 2, 4]), (4, [0, 1, 3, 4]), (5, [0, 1, 2, 3, 4])]
)
def test_evenly_spaced_images(capsys, count, indices):
    subset = evenly_spaced(LEAVES, count)
    assert [subset.key(index) for index in range(len(subset))] == [f"leaf {index}" for index in indices]
    assert f"{count} of the 6 of leaves:6" in capsys.readouterr().err


@pytest.mark.parametrize("count", [0, 6, 7])
def test_evenly_spaced_returns_all_images_for_zero_or_enough(capsys, count):
    assert evenly_spaced(LEAVES, count) is LEAVES
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (7, 3, [0, 2, 4]), (1074, 1024, None), (100, 1, [0])],
)
def test_items_are_picked_evenly_up_to_a_maximum(count, most, expected):
    picked = pick_evenly(range(count), most)
    assert expected is None or picked == expected
    assert len(picked) == min(count, most)
    steps = {after - before for before, after in itertools.pairwise(picked)}
    assert not steps or max(steps) - min(steps) <= 1
