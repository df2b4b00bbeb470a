"""Which planted feature each unit is, on directions that are planted themselves."""

import pytest
import torch

import visae
from visae.atlas._planted import planted_columns
from visae.metrics import recovery
from visae.units import features, neurons


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def found(network, directions):
    sae = visae.TopK(width=len(directions), k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    sae.decoder.data.copy_(directions)
    sae.about = {"network": "planted", "layer": "mixed"}
    return features(network, "mixed", sae)


def test_each_planted_direction_is_known_by_its_name(network):
    order = torch.randperm(70, generator=torch.Generator().manual_seed(1)).tolist()
    units = found(network, torch.cat([network.truth.directions[order], -network.truth.directions[:5]]))
    columns = planted_columns([units])
    assert columns["planted"] == [network.truth.features[place].name for place in order] + [None] * 5
    assert columns["planted_cosine"] == pytest.approx([1.0] * 70 + [None] * 5)


def test_the_cosines_are_those_of_the_pairs_and_add_up_to_the_recovery(network):
    units = found(network, torch.randn(30, 48, generator=torch.Generator().manual_seed(2)))
    populations = [neurons(network, "mixed"), units]
    columns = planted_columns(populations)
    direction = {of.name: row for of, row in zip(network.truth.features, network.truth.directions, strict=True)}
    first = 0
    for of in populations:
        names = columns["planted"][first : first + len(of)]
        cosines = columns["planted_cosine"][first : first + len(of)]
        assert len(set(names)) == len(of)
        for row, name, cosine in zip(of.directions, names, cosines, strict=True):
            assert cosine == pytest.approx(torch.cosine_similarity(row, direction[name], dim=0).item(), abs=1e-4)
        assert sum(cosines) / 70 == pytest.approx(
            recovery(of.directions, network.truth.directions).mean_cosine, abs=1e-3
        )
        first += len(of)


def test_there_are_none_where_nothing_is_planted(network):
    assert planted_columns([neurons(network, "truth")]) == {}
