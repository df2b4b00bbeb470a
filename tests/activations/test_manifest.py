import json

import pytest
from captures import Pictures, take

from visae._support.errors import VisaeError
from visae.activations import Rows


@pytest.fixture
def edit(tmp_path):
    """Changes a store's manifest, or replaces it by text; opening the store then is what is tested."""
    take(tmp_path / "rows", Pictures(4))
    path = tmp_path / "rows" / "manifest.json"

    def change(text=None, drop=(), **keys):
        content = {key: value for key, value in (json.loads(path.read_text()) | keys).items() if key not in drop}
        path.write_text(json.dumps(content) if text is None else text)

    return change


BAD = [
    ({"schema": 2}, "has schema 2, this visae reads schema 1; use the visae that wrote it"),
    ({"drop": ["schema"]}, "has schema None"),
    ({"text": "{"}, "is not JSON"),
    ({"text": "[]"}, "has schema None"),
    ({"state": "odd"}, "has state 'odd', expected partial or whole; delete .* and capture again"),
    ({"drop": ["state"]}, "has state None"),
    ({"colour": "red"}, "other keys than this visae knows: unknown 'colour'"),
    ({"drop": ["mean", "rows"]}, "missing 'rows', missing 'mean'"),
    ({"state": "partial"}, "unknown 'rows'"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_manifest_that_is_not_as_it_should_be(tmp_path, edit, change, message):
    edit(**change)
    for attempt in (lambda: Rows(tmp_path / "rows"), lambda: take(tmp_path / "rows", Pictures(4))):
        with pytest.raises(VisaeError, match=message) as error:
            attempt()
        assert "\n" not in str(error.value)
        assert "manifest.json" in str(error.value)
