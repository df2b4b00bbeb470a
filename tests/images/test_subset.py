import pytest
import torch

from visae.images import Images, Leaves, Photographs, Subset, Unreadable, batches

LEAVES = Leaves(6, 16)


@pytest.mark.parametrize("indices", [[], [3], [5, 0, 3], (2, 2), range(1, 6, 2)])
def test_images_are_those_of_the_source_in_this_order(indices):
    some = Subset(LEAVES, indices)
    assert isinstance(some, Images)
    assert (len(some), some.name, some.size) == (len(indices), "leaves:6", 16)
    for place, index in enumerate(indices):
        assert some.key(place) == LEAVES.key(index)
        pixels, digest = some.read(place)
        expected, its_digest = LEAVES.read(index)
        assert torch.equal(pixels, expected)
        assert digest == its_digest


def test_settings_tell_which_they_are():
    some = Subset(LEAVES, range(2, 4))
    assert some.settings() == {**LEAVES.settings(), "subset": [2, 3]}
    assert some.settings() != Subset(LEAVES, [3, 2]).settings()


def test_indices_are_kept_whatever_becomes_of_the_list():
    indices = [4, 1]
    some = Subset(LEAVES, indices)
    indices.append(2)
    assert len(some) == 2


def test_what_cannot_be_read_stays_unreadable(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    photographs = Photographs(tmp_path, ["bad.jpg"], "photos")
    with pytest.raises(Unreadable):
        Subset(photographs, [0]).read(0)


def test_batches_of_a_subset_count_from_its_own_start():
    found = list(batches(Subset(LEAVES, [5, 1, 3]), 2))
    assert [batch.indices for batch in found] == [(0, 1), (2,)]
    assert [digest for batch in found for digest in batch.digests] == [LEAVES.read(index)[1] for index in (5, 1, 3)]
