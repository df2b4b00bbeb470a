import pytest


@pytest.fixture
def drawn(monkeypatch):
    """The figures that a module of plots would have saved, in a list."""

    def of(module):
        figures = []
        monkeypatch.setattr(module, "save_figure", lambda figure, _: figures.append(figure))
        return figures

    return of
