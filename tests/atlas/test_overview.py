"""Which planted feature each unit is matched to, for known directions."""

import pytest
import torch

import visae
from visae.atlas._overview import planted_columns
from visae.metrics import recovery
from visae.units import features, neurons


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def with_directions(network, directions):
    sae = visae.TopK(width=len(directions), k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    sae.decoder.data.copy_(directions)
    sae.about = {"network": "planted", "layer": "mixed"}
    return features(network, "mixed", sae)


def test_planted_directions_are_named(network):
    order = torch.randperm(70, generator=torch.Generator().manual_seed(1)).tolist()
    units = with_directions(network, torch.cat([network.truth.directions[order], -network.truth.directions[:5]]))
    columns = planted_columns([units])
    assert columns["planted"] == [network.truth.features[index].name for index in order] + [None] * 5
    assert columns["planted_cosine"] == pytest.approx([1.0] * 70 + [None] * 5)


def test_cosines_are_the_pairs_and_sum_to_the_recovery(network):
    units = with_directions(network, torch.randn(30, 48, generator=torch.Generator().manual_seed(2)))
    populations = [neurons(network, "mixed"), units]
    columns = planted_columns(populations)
    truth = network.truth
    direction = {feature.name: row for feature, row in zip(truth.features, truth.directions, strict=True)}
    first = 0
    for population in populations:
        names = columns["planted"][first : first + len(population)]
        cosines = columns["planted_cosine"][first : first + len(population)]
        assert len(set(names)) == len(population)
        for row, name, cosine in zip(population.directions, names, cosines, strict=True):
            assert cosine == pytest.approx(torch.cosine_similarity(row, direction[name], dim=0).item(), abs=1e-4)
        expected = recovery(population.directions, truth.directions).mean_cosine
        assert sum(cosines) / 70 == pytest.approx(expected, abs=1e-3)
        first += len(population)


def test_no_columns_where_nothing_is_planted(network):
    assert planted_columns([neurons(network, "truth")]) == {}
