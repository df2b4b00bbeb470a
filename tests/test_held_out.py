import pytest
import torch
from evaluated import LAYER, MEMBERS, POSITIONS, TRAINING, held_out_images, pixels, rows_of_images, small_network

from visae._support.errors import VisaeError
from visae.activations import capture
from visae.held_out import HeldOut
from visae.images import Leaves, Subset
from visae.training import TrainingConfig, train, train_many


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def rows(network, tmp_path_factory):
    """The rows of 20 images."""
    return capture(network, LAYER, Leaves(20, 32), tmp_path_factory.mktemp("rows") / "rows", positions=POSITIONS)


@pytest.fixture(scope="module")
def sae(rows, tmp_path_factory):
    return train(rows, MEMBERS["topk-0"].config, tmp_path_factory.mktemp("sae"), TRAINING, "cpu")


def test_of_the_rows_trained_on_those_of_held_out_images_are_used(rows, sae):
    x = torch.cat(list(HeldOut(rows).rows_for(sae)))
    assert len(held_out_images(rows)) == 6
    assert torch.equal(x, rows_of_images(rows, held_out_images(rows)))


def test_all_rows_are_used_of_another_store(network, sae, tmp_path):
    other = capture(network, LAYER, Leaves(8, 32, seed=5), tmp_path / "rows", positions=POSITIONS)
    assert torch.equal(torch.cat(list(HeldOut(other).rows_for(sae))), rows_of_images(other, range(8)))


def test_all_rows_are_used_if_none_were_held_out(rows, tmp_path):
    training = TrainingConfig(rows_seen=200, batch=50, holdout=0.0)
    sae = train(rows, MEMBERS["topk-0"].config, tmp_path, training, "cpu")
    assert len(torch.cat(list(HeldOut(rows).rows_for(sae)))) == len(rows)


@pytest.mark.parametrize(("count", "expected"), [(96, range(96)), (500, range(96)), (4, [0, 31, 63, 95]), (1, [0])])
def test_a_sample_is_evenly_spaced_over_the_rows(rows, sae, count, expected):
    held_out = HeldOut(rows)
    every = torch.cat(list(held_out.rows_for(sae)))
    assert torch.equal(held_out.sample_for(sae, count), every[list(expected)])


def test_dictionaries_of_one_split_have_the_same_rows(rows, sae, tmp_path):
    held_out = HeldOut(rows)
    settings = TrainingConfig(rows_seen=50, batch=50, holdout=0.5)
    other = train(rows, MEMBERS["topk-0"].config, tmp_path / "other", settings, "cpu")
    again = train(rows, MEMBERS["topk-more"].config, tmp_path / "again", TRAINING, "cpu")
    assert held_out.split_of(sae) == held_out.split_of(again) != held_out.split_of(other)


class Renamed(Subset):
    """The same pictures under other names."""

    def key(self, index):
        return f"copy of {super().key(index)}"


@pytest.mark.slow
@pytest.mark.parametrize("source", [Subset, Renamed])
@pytest.mark.parametrize("max_images", [128, 4])
def test_images_trained_on_are_left_out_by_name_and_by_content(rows, sae, source, max_images):
    """Among ten that were captured and ten that were not."""
    images = source(Leaves(30, 32), range(10, 30))
    used = torch.cat(list(HeldOut(rows, images=images, max_images=max_images).images_for([sae])))
    fresh = [index for index in range(10, 30) if index >= 20 or index in held_out_images(rows)]
    expected = pixels(Leaves(30, 32), fresh)
    assert all((image == expected).flatten(1).all(1).any() for image in used)
    # Evenly spaced candidates, of which those with other names turn out to be trained on only when they are read.
    assert len(used) == len(fresh) if max_images == 128 else 1 <= len(used) <= 4


def test_images_are_left_out_that_any_of_several_was_trained_on(rows, sae, tmp_path):
    training = TrainingConfig(rows_seen=200, batch=50, holdout=0.3, seed=1)
    other = train_many(rows, {"other": MEMBERS["topk-1"]}, tmp_path, training, "cpu")["other"]
    both = {*held_out_images(rows)} & {*held_out_images(rows, training)}
    assert 0 < len(both) < 6
    used = torch.cat(list(HeldOut(rows, images=Leaves(20, 32)).images_for([sae, other])))
    assert torch.equal(used, pixels(Leaves(20, 32), sorted(both)))


@pytest.mark.parametrize("source", [Subset, Renamed])
def test_images_that_were_all_trained_on_are_refused(rows, sae, source):
    trained_on = [index for index in range(20) if index not in held_out_images(rows)]
    with pytest.raises(VisaeError, match="every image of leaves:20 was trained on"):
        list(HeldOut(rows, images=source(Leaves(20, 32), trained_on)).images_for([sae]))
