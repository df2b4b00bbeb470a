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


def test_the_same_python_runs_on_the_planted_network(tmp_path, monkeypatch):
    """Without anybody's data: the planted network and dead leaves in the places of InceptionV1 and photographs."""
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    changes = {'"inceptionv1-caffe"': '"planted"', "mixed3b_5x5": "mixed", "photos/": "leaves:48"}
    changes |= {'["conv2d2", "mixed3b"]': '["truth", "mixed"]', "network.logits(images)": "network.truth"}
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["curves"].preferred.shape == (768,)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)]+)\)", README.read_text()))
def test_what_the_readme_links_to_is_there(path):
    assert (README.parent / path).is_file()
