import pytest
from small_saes import force_decoding


@pytest.fixture(params=[True, False], ids=["sparse", "dense"])
def decoding(request, monkeypatch):
    """Decode sparse codes, then dense features: two implementations of the same numbers."""
    force_decoding(monkeypatch, sparse=request.param)
