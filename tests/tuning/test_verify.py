"""The comparison, on responses engineered from the published curves: right ones, and wrong ones of each kind."""

from dataclasses import replace

import pytest
import torch

from visae import cli
from visae.commands.verify import report
from visae.networks import network_card
from visae.tuning._verify import RADII, WIDTHS, compare, swept_radii

PUBLISHED = network_card("inceptionv1").tuning
TRUTH = torch.tensor(list(PUBLISHED.neurons.values()))


def responses(curves=TRUTH, width=2.0, first=8, noise=0.0, scale=1.0):
    """Neurons that prefer a width, and are tuned to the radii of the window that begins with `first`."""
    radii = swept_radii()
    inside = torch.zeros(len(radii))
    inside[first : first + RADII] = 1
    by_radius = inside * (1 + 0.5 * torch.cos(torch.arange(len(radii)) / 3.0))
    by_radius = by_radius / by_radius[first : first + RADII].mean()
    source = torch.Generator().manual_seed(0)
    shape = (len(curves), len(WIDTHS), len(radii), 72)
    # Outside the window, and with another stroke, neurons respond to anything.
    anything = 800 * torch.rand(shape, generator=source)
    tuned = (by_radius[:, None] * curves[:, None, :])[:, None].expand(shape)
    right = inside[:, None] * (torch.tensor(WIDTHS) == width)[:, None, None]
    made = right * tuned + (1 - right) * anything + noise * torch.randn(shape, generator=source)
    return scale * made.clamp_min(0)


def compared(swept):
    return compare(swept, WIDTHS, swept_radii(), PUBLISHED)


def test_the_published_curves_are_in_the_card():
    assert list(PUBLISHED.neurons) == [379, 406, 385, 343, 342, 388, 324, 340, 330, 349]
    assert {len(curve) for curve in PUBLISHED.neurons.values()} == {72}
    assert PUBLISHED.layer == "mixed3b"


@pytest.mark.parametrize("noise", [0.0, 20.0])
def test_right_responses_are_verified(noise):
    verification = compared(responses(noise=noise))
    assert verification.verified
    assert verification.passed == [True] * 10
    assert verification.correlation.min() > 0.97
    assert verification.distance.max() < 4
    assert verification.echo.max() < 0.06
    assert verification.order == (379, 406, 385, 343, 342, 388, 324, 340, 330, 349)
    assert verification.width == 2
    assert verification.scale == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("width", "first"), [(1.0, 6), (3.0, 10)])
def test_the_radii_and_the_stroke_are_fitted(width, first):
    verification = compared(responses(width=width, first=first, noise=2.0))
    assert verification.verified
    assert verification.width == width
    assert verification.radii[0] == pytest.approx(swept_radii()[first].item())
    assert verification.radii[1] / verification.radii[0] == pytest.approx(24.5)


K = torch.arange(72)
WRONG = {
    "mirrored left to right": (36 - K) % 72,
    "flipped upside down": (-K) % 72,
    "turned by half a circle": (K + 36) % 72,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_convention_fails_and_is_named(name):
    verification = compared(responses(TRUTH[:, WRONG[name]], noise=5.0))
    assert not verification.verified
    assert not any(verification.passed)
    assert [name in symptom for symptom in verification.symptoms] == [True]


def test_a_quarter_turn_is_named_whichever_way():
    for step in (18, -18):
        verification = compared(responses(TRUTH.roll(step, 1)))
        assert not verification.verified
        assert "quarter" in verification.symptoms[0]


@pytest.mark.parametrize("scale", [1 / 255, 0.3, 2.5])
def test_activations_of_another_scale_fail_and_are_named(scale):
    verification = compared(responses(scale=scale))
    assert verification.passed == [True] * 10
    assert not verification.verified
    assert "input's range" in verification.symptoms[0]
    assert verification.scale == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("first", [0, 16])
def test_stimuli_of_another_scale_fail_and_are_named(first):
    verification = compared(responses(first=first))
    assert not verification.verified
    assert "too large or too small" in verification.symptoms[0]


def test_neurons_in_another_order_fail():
    """Two channels exchanged: each is well tuned, but not as the published one."""
    order = [1, 0, *range(2, 10)]
    verification = compared(responses(TRUTH[order]))
    assert verification.passed == [False, False, *[True] * 8]
    assert verification.order != verification.order_published
    assert not verification.verified


def test_silent_neurons_fail():
    verification = compared(torch.zeros(10, len(WIDTHS), len(swept_radii()), 72))
    assert verification.passed == [False] * 10
    assert not verification.verified


def test_the_report_names_what_differs():
    good = report(compared(responses()), PUBLISHED)
    assert good.count("as published") == 11
    assert good.splitlines()[-1].startswith("verified against curves-mixed3b.json")
    bad = report(compared(responses(TRUTH[:, WRONG["flipped upside down"]])), PUBLISHED)
    assert bad.count("differs") == 10
    assert "symptom: the sweep looks flipped upside down" in bad
    assert "NOT verified" in bad
    assert "not the published one; published: 379 406" in bad


def test_a_network_that_is_not_the_published_one_is_refused(capsys):
    for name, words in (
        ("inceptionv1-caffe", "there is no published measurement"),
        ("planted", "there is no published measurement"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["verify", name])
        assert stop.value.code == 2
        assert words in capsys.readouterr().err


def test_an_unverified_network_exits_with_one(monkeypatch, capsys, tmp_path):
    (tmp_path / "inception5h.pth").touch()
    arguments = ["verify", "inceptionv1", "--weights", str(tmp_path)]
    swept = compared(responses(TRUTH[:, WRONG["flipped upside down"]]))
    for verification, code in ((swept, 1), (replace(compared(responses())), None)):
        monkeypatch.setattr("visae.tuning.verify", lambda *_, result=verification: result)
        monkeypatch.setattr("visae.network", lambda *_: None)
        if code is None:
            cli.main(arguments)
        else:
            with pytest.raises(SystemExit) as stop:
                cli.main(arguments)
            assert stop.value.code == code
        assert "neuron" in capsys.readouterr().out
