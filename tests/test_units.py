import pytest
import torch

import visae
from visae._support.seeds import generator
from visae.sae import save
from visae.units import Units, join_units


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def dictionary(of, layer="mixed", dim=48, **about):
    sae = visae.TopK(width=64, k=4).build(dim, generator(0, "test"))
    sae.fit_scale(torch.full((dim,), 0.1), torch.full((dim,), 4.0))
    sae.about = {"network": of.name, "layer": layer, "weights": of.digest} | about
    return sae


def test_neurons_are_the_channels(network):
    images = torch.rand(2, 3, 64, 64)
    units = visae.neurons(network, "mixed")
    assert (units.kind, len(units)) == ("neurons", 48)
    assert torch.equal(units.maps(images), network.maps(images, ["mixed"])["mixed"])


def test_features_are_the_sae_at_every_position_in_units_of_what_they_add(network):
    images = torch.rand(2, 3, 64, 64)
    sae = dictionary(network)
    units = visae.features(network, "mixed", sae)
    maps = units.maps(images)
    assert (units.kind, len(units)) == ("features", 64)
    assert maps.shape == (2, 64, 16, 16)
    row = network.maps(images, ["mixed"])["mixed"][1, :, 3, 5]
    f = sae.encode(row[None])[0]
    added = (f[:, None] * sae.decoder * sae.scale).norm(dim=1)
    assert torch.allclose(maps[1, :, 3, 5], added, atol=1e-5)


def test_what_units_rebuild_is_what_the_sae_rebuilds(network):
    sae = dictionary(network)
    maps = network.maps(torch.rand(2, 3, 64, 64), ["mixed"])["mixed"]
    units = visae.features(network, "mixed", sae)
    torch.testing.assert_close(units.rebuilt(units.read(maps)), sae.decode(sae.encode(maps)))
    of = visae.neurons(network, "mixed")
    assert units.rebuilt(units.read(maps)).shape == maps.shape
    assert torch.equal(of.rebuilt(of.read(maps)), maps)


def test_features_take_a_dictionary_from_its_folder(network, tmp_path):
    sae = dictionary(network)
    save(sae, tmp_path / "sae.safetensors")
    units = visae.features(network, "mixed", tmp_path)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(units.maps(images), visae.features(network, "mixed", sae).maps(images))


@pytest.mark.parametrize(
    ("layer", "changes", "words"),
    [
        ("mixt", {}, "mixed"),
        ("truth", {}, "rows of 48, truth of planted has 70"),
        ("mixed", {"layer": "other"}, "trained on other of planted"),
        ("mixed", {"weights": "f" * 64}, "weights ffffffffffff"),
        ("mixed", {"network": "inceptionv1"}, "of inceptionv1"),
    ],
)
def test_a_dictionary_of_something_else_is_refused(network, layer, changes, words):
    with pytest.raises(visae.VisaeError, match=words):
        visae.features(network, layer, dictionary(network, **changes))


def test_joined_populations_are_one_after_the_other():
    network = visae.network("planted", device="cpu")
    one = visae.neurons(network, "mixed")
    other = Units("features", network, one.layer, 2, lambda maps: maps[:, :2].double() * 3)
    both = join_units(one, other)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = both.maps(images)
    assert len(both) == maps.shape[1] == 50
    assert torch.equal(maps[:, :48], one.maps(images))
    assert torch.allclose(maps[:, 48:], 3 * maps[:, :2])
