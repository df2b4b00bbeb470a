import re
from itertools import islice
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_python_in_the_readme_runs(data, tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    (tmp_path / "photos").mkdir()
    for path in islice(sorted((data / "images/kodak").glob("*.jpg")), 24):
        (tmp_path / "photos" / path.name).symlink_to(path)
    for path in islice(sorted((data / "images/dreambooth").glob("*.jpg")), 24):
        (tmp_path / "photos" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAE_WEIGHTS", str(data / "weights"))
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert (tmp_path / "curves.png").is_file()
    assert names["curves"].preferred.shape == (768,)
    assert names["rows"].dim == 96


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)]+)\)", README.read_text()))
def test_what_the_readme_links_to_is_there(path):
    assert (README.parent / path).is_file()
