import pytest
import torch

import visae
from visae._support.seeds import generator
from visae.sae import save
from visae.units import Units, join_units, read_all


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def images(count):
    return torch.rand(count, 3, 48, 48, generator=torch.Generator().manual_seed(0))


def dictionary(net, layer="mixed", dim=48, **about):
    sae = visae.TopK(width=64, k=4).build(dim, generator(0, "test"))
    sae.fit_scale(torch.full((dim,), 0.1), torch.full((dim,), 4.0))
    sae.about = {"network": net.name, "layer": layer, "weights": net.digest} | about
    return sae


def test_neurons_are_the_channels(network):
    units = visae.neurons(network, "mixed")
    assert (units.kind, len(units)) == ("neurons", 48)
    assert torch.equal(units.maps(images(2)), network.maps(images(2), ["mixed"])["mixed"])
    assert torch.equal(units.directions, torch.eye(48))


def test_feature_values_are_the_norms_of_what_they_add(network):
    sae = dictionary(network)
    units = visae.features(network, "mixed", sae)
    maps = units.maps(images(2))
    assert (units.kind, len(units)) == ("features", 64)
    assert maps.shape == (2, 64, 12, 12)
    row = network.maps(images(2), ["mixed"])["mixed"][1, :, 3, 5]
    f = sae.encode(row[None])[0]
    added = (f[:, None] * sae.decoder * sae.scale).norm(dim=1)
    assert torch.allclose(maps[1, :, 3, 5], added, atol=1e-5)
    assert torch.equal(units.directions, sae.directions)


@pytest.mark.parametrize("kind", ["neurons", "features"])
def test_values_at_a_position_are_those_of_the_maps(network, kind):
    units = (
        visae.neurons(network, "mixed") if kind == "neurons" else visae.features(network, "mixed", dictionary(network))
    )
    torch.testing.assert_close(units.at(images(2), 3, 5), units.maps(images(2))[:, :, 3, 5], rtol=1e-4, atol=1e-5)


def test_pre_activations_are_the_values_where_features_fire(network):
    maps = network.maps(images(2), ["mixed"])["mixed"]
    units = visae.features(network, "mixed", dictionary(network))
    values = units.read(maps)
    fires = values > 0
    assert 0 < fires.sum() < fires.numel()
    torch.testing.assert_close(units.pre_activations(maps)[fires], values[fires])
    neurons = visae.neurons(network, "mixed")
    assert torch.equal(neurons.pre_activations(maps), maps)


def test_maps_reconstructed_from_features_are_those_of_the_sae(network):
    sae = dictionary(network)
    maps = network.maps(images(2), ["mixed"])["mixed"]
    units = visae.features(network, "mixed", sae)
    torch.testing.assert_close(units.reconstruct(units.read(maps)), sae.decode(sae.encode(maps)))
    neurons = visae.neurons(network, "mixed")
    assert torch.equal(neurons.reconstruct(neurons.read(maps)), maps)


def test_features_load_a_dictionary_from_its_folder(network, tmp_path):
    sae = dictionary(network)
    save(sae, tmp_path / "sae.safetensors")
    units = visae.features(network, "mixed", tmp_path)
    assert torch.equal(units.maps(images(1)), visae.features(network, "mixed", sae).maps(images(1)))


@pytest.mark.parametrize(
    ("layer", "changes", "message"),
    [
        ("mixt", {}, "mixed"),
        ("truth", {}, "rows of 48, but truth of planted has 70"),
        ("mixed", {"layer": "other"}, "trained on other of planted"),
        ("mixed", {"weights": "f" * 64}, "weights ffffffffffff"),
        ("mixed", {"network": "inceptionv1"}, "of inceptionv1"),
    ],
)
def test_a_dictionary_of_another_layer_or_network_is_refused(network, layer, changes, message):
    with pytest.raises(visae.VisaeError, match=message):
        visae.features(network, layer, dictionary(network, **changes))


def test_joined_populations_are_concatenated(network):
    first = visae.neurons(network, "mixed")
    second = Units("features", network, first.layer, 2, lambda maps: maps[:, :2].double() * 3)
    both = join_units(first, second)
    maps = both.maps(images(1))
    assert len(both) == maps.shape[1] == 50
    assert torch.equal(maps[:, :48], first.maps(images(1)))
    assert torch.allclose(maps[:, 48:], 3 * maps[:, :2])


def test_read_all_gives_each_populations_maps_from_one_pass(network, monkeypatch):
    populations = [visae.neurons(network, layer) for layer in ("mixed", "truth", "mixed")]
    expected = [units.maps(images(2)) for units in populations]
    passes, maps = [], network.maps
    monkeypatch.setattr(network, "maps", lambda *call: passes.append(call) or maps(*call))
    for values, reference in zip(read_all(populations, images(2)), expected, strict=True):
        torch.testing.assert_close(values, reference)
    assert len(passes) == 1
