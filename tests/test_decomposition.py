"""What neurons are made of: on made shares, and on the planted network, whose constituents are known."""

import pytest
import torch

import visae
from visae import cli
from visae.decomposition import Meaning, meanings, most_polysemantic, named, parts, words
from visae.errors import VisaeError
from visae.evidence import held_out_rows
from visae.metrics import match
from visae.metrics.shares import Shares, shares
from visae.tuning import Families, battery

FAMILIES = ("curve", "double_curve", "angle", "line", "edge")


def of_kinds(*kinds):
    """Families of units given as (family, orientation), or None for none."""
    members = {name: torch.tensor([kind is not None and kind[0] == name for kind in kinds]) for name in FAMILIES}
    turns = torch.tensor([kind[1] if kind else 0.0 for kind in kinds])
    return Families(members, dict.fromkeys(FAMILIES, turns))


KINDS = of_kinds(("curve", 10.0), ("curve", 355.0), ("curve", 100.0), ("line", 2.0), ("line", 178.0), None, None)
MADE = [
    ([0.4, 0.3, 0, 0, 0, 0, 0], [("curve", 10, 0.7)]),
    ([0.2, 0, 0.5, 0, 0, 0, 0], [("curve", 100, 0.5), ("curve", 10, 0.2)]),
    ([0, 0, 0, 0.3, 0.2, 0, 0], [("line", 2, 0.5)]),
    ([0, 0, 0.3, 0.4, 0, 0, 0], [("line", 2, 0.4), ("curve", 100, 0.3)]),
    ([0.3, 0, 0, 0, 0, 0.2, 0.25], [("", None, 0.45), ("curve", 10, 0.3)]),
    ([0.9, 0, 0.09, 0, 0, 0, 0], [("curve", 10, 0.9)]),
    ([0, 0, 0, 0, 0, 0, 0], []),
]


@pytest.mark.parametrize(("share", "expected"), MADE)
def test_large_parts_of_one_kind_and_orientation_are_one_meaning(share, expected):
    found = Shares(torch.tensor(share).double()[:, None], torch.ones(7, 1).double())
    result = meanings(found, KINDS, 0)
    assert [(one.family, one.orientation) for one in result] == [(family, turn) for family, turn, _ in expected]
    assert [one.share for one in result] == pytest.approx([size for _, _, size in expected])


def test_meanings_in_words():
    of = [Meaning("double_curve", 20.4, 0.5), Meaning("", None, 0.25)]
    assert words(of) == "double curve 20° 50%, other 25%"
    assert named("curve", 359.7) == "curve 0°"


@pytest.fixture(scope="module")
def made(recovered):
    """A dictionary of the planted network, its rows, its features' battery, and their shares."""
    out, network, rows, sae = recovered
    swept = battery([visae.features(network, "mixed", sae)])[0]
    return out, network, rows, sae, swept, shares(sae, lambda: held_out_rows(sae, rows))


def test_the_true_constituents_of_the_planted_neurons_come_back(made):
    """Over all 48 neurons together, features with a hundredth of the variance against what truly writes there."""
    _, network, _, sae, _, found = made
    truth = network.truth.directions
    partner = {
        unit: planted
        for planted, unit, cosine in zip(*map(torch.Tensor.tolist, match(truth, sae.directions)), strict=True)
        if cosine >= 0.9
    }
    hits = listed = true = 0
    for neuron in range(48):
        units = found.largest(neuron, 0.01)
        writes = set(truth[:, neuron].nonzero().flatten().tolist())
        hits += sum(partner.get(unit) in writes for unit in units)
        listed += len(units)
        true += len(writes)
    assert true == 70 * 4
    assert hits >= 0.9 * listed
    assert hits >= 0.9 * true


def test_parts_are_described(made):
    _, _, rows, sae, swept, found = made
    result = parts(sae, lambda: held_out_rows(sae, rows), found, swept, 3)
    assert [part.share for part in result] == sorted((part.share for part in result), reverse=True)
    assert result[-1].together > 0.85
    assert any(part.family == "curve" for part in result)
    assert all((part.orientation is None) == (part.family == "") for part in result)
    with pytest.raises(VisaeError, match="there is no neuron 48; the layer has 48, from 0 to 47"):
        parts(sae, list, found, swept, 48)


def test_mixed_neurons_are_polysemantic(made):
    _, _, _, _, swept, found = made
    ranked = most_polysemantic(found, swept)
    assert len(ranked) > 40
    second = [of[1].share for _, of in ranked]
    assert second == sorted(second, reverse=True)
    assert second[0] > 0.3


def test_the_command_prints_parts_and_ranking(made, tmp_path, capsys):
    out = made[0]
    cli.main(["decompose", "--dictionary", str(out / "sae"), "--neuron", "mixed:3", "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "mixed:3 is made of" in shown
    assert (tmp_path / "decomposition.png").read_bytes().startswith(b"\x89PNG")
    cli.main(["decompose", "--dictionary", str(out / "sae")])
    assert "neurons of mixed have two meanings or more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--neuron", "48"], "there is no neuron 48 in mixed; it has 48, from 0 to 47"),
        (["--neuron", "mixd:3"], "give a number, or mixed:NUMBER"),
        (["--neuron", "three"], "give a number, or mixed:NUMBER"),
        (["--neuron", "-1"], "give a number"),
        (["--out", "somewhere"], "say which with --neuron"),
        (["--rows", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(made, capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        cli.main(["decompose", "--dictionary", str(made[0] / "sae"), *arguments])
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
