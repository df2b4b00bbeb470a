from dataclasses import replace

import pytest

from visae._support.errors import VisaeError
from visae.papers.persian_rug import SETTINGS
from visae.papers.persian_rug._settings import large_enough


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_contain_the_point_of_the_notebook(settings):
    assert 0.045 in settings.densities
    assert 0.25 in settings.ratios
    assert all(large_enough(n, 0.25, p) for n, p in settings.sparse)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"densities": (1.5,)}, "p is 1.5;"),
        ({"ratios": (1.0,)}, "ratio is 1;"),
        ({"sparse": ((64, 0.0),)}, "p is 0;"),
        ({"sparse": ((48, 0.1),)}, "32 or 64"),
        ({"sparse": ((64, 0.01), (1024, 0.1))}, "sparse is .* two of its p"),
        ({"table_ratios": (2.0,)}, "ratio is 2;"),
        ({"table_densities": (-0.5,)}, "p is -0.5;"),
        ({"sizes": (24,)}, "16 or 32"),
        ({"engineered_sizes": (20,)}, "16 or 32"),
        ({"n": 100}, "64 or 128"),
    ],
)
def test_bad_settings(change, words):
    with pytest.raises(VisaeError, match=words):
        replace(SETTINGS["quick"], **change)
