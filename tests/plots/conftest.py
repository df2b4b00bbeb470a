import pytest


@pytest.fixture
def saved_figures(monkeypatch):
    """Return a function that keeps the figures of a plotting module in a list instead of saving them."""

    def keep(module):
        figures = []
        monkeypatch.setattr(module, "save_figure", lambda figure, _: figures.append(figure))
        return figures

    return keep
