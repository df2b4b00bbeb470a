import hashlib
import json
import os
import re

import pytest
import safetensors.torch
import torch

from visae._support import files
from visae._support.errors import VisaeError

TENSORS = {"rows": torch.arange(6.0).half().view(2, 3), "mean": torch.tensor([1 / 3], dtype=torch.float64)}
HEADER = {"schema": 3, "images": [["a.jpg", "ff"]], "note": "é"}


def file_names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "deep" / "down" / "x.bin"
    files.write_bytes(path, b"one")
    files.write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert file_names(path.parent) == ["x.bin"]


class Crash(BaseException):
    """The end of the process: no error that anything could handle."""


def run_out_of_space(*_):
    raise OSError(28, "No space left on device")


def crash(*_):
    raise Crash


@pytest.mark.parametrize(("fault", "error"), [(run_out_of_space, VisaeError), (crash, Crash)])
@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, moment, fault, error):
    path = tmp_path / "x.json"
    files.write_bytes(path, b"old")
    monkeypatch.setattr(moment, fault)
    with pytest.raises(error):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert file_names(tmp_path) == ["x.json"]


def test_a_file_is_on_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    events = []
    sync, replace = os.fsync, files.Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append("sync"), sync(number)))
    monkeypatch.setattr(files.Path, "replace", lambda *paths: (events.append("rename"), replace(*paths)))
    files.write_bytes(tmp_path / "x", b"data")
    assert events == ["sync", "rename"]


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VisaeError, match=r"cannot write .*file/deep/x\.json: Not a directory"):
        files.write_json(tmp_path / "file" / "deep" / "x.json", {})


def test_only_temporary_files_of_killed_processes_are_dropped(tmp_path):
    keep = ["a.tmp", ".a.tmp", ".hidden", "manifest.json", ".notes.txt.tmp"]
    for name in [*keep, ".manifest.json.123.tmp", ".shard-00000.safetensors.9.tmp"]:
        (tmp_path / name).write_bytes(b"x")
    files.drop_leftovers(tmp_path)
    assert file_names(tmp_path) == sorted(keep)
    files.drop_leftovers(tmp_path / "not there")


def test_json_is_read_as_it_was_written(tmp_path):
    content = {"schema": 1, "x": [1 / 3, 1e300, -0.0], "name": "é", "none": None}
    files.write_json(tmp_path / "x.json", content)
    assert files.read_json(tmp_path / "x.json", 1) == content


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused_and_leave_the_old_file(tmp_path, value):
    path = tmp_path / "x.json"
    files.write_json(path, {"schema": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"schema": 1, "metrics": {"x": value}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_tensors(path, {}, {"schema": 1, "x": [value]})
    assert files.read_json(path, 1) == {"schema": 1}


BAD_JSON = [
    (b"", "is not JSON"),
    (b"{", "is not JSON"),
    (b"\xff\xfe", "is not JSON"),
    (b"[1]", "has schema None, this version of visae reads schema 1"),
    (b"{}", "has schema None, this version of visae reads schema 1"),
    (b'{"schema": 2}', "has schema 2, this version of visae reads schema 1"),
    (b'{"schema": "1"}', "has schema '1', this version of visae reads schema 1"),
    (b'{"schema": [1]}', "has schema [1], this version of visae reads schema 1"),
]


@pytest.mark.parametrize(("data", "message"), BAD_JSON)
def test_other_json_is_refused(tmp_path, data, message):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(VisaeError, match=re.escape(f"{path} {message}")):
        files.read_json(path, 1)


@pytest.mark.parametrize("read", [files.read_json, files.read_tensors])
def test_missing_files_and_folders_are_refused(tmp_path, read):
    with pytest.raises(VisaeError, match="nothing does not exist"):
        read(tmp_path / "nothing", 1)
    with pytest.raises(VisaeError, match="cannot read"):
        read(tmp_path, 1)


def test_tensors_are_read_to_the_bit(tmp_path):
    path = tmp_path / "x.safetensors"
    digest = files.write_tensors(path, TENSORS, HEADER)
    assert digest == files.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    tensors, header = files.read_tensors(path, 3)
    assert header == HEADER
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_equal_content_is_written_as_equal_bytes(tmp_path):
    digests = {files.write_tensors(tmp_path / "x", dict(order), HEADER) for order in ([*TENSORS.items()],) * 3}
    digests.add(files.write_tensors(tmp_path / "y", dict(reversed(TENSORS.items())), HEADER))
    assert len(digests) == 1


# Two versions ago `metrics` was `figures`, and before that a list.
UPGRADES = {
    1: lambda content: {**content, "figures": dict(content["figures"])},
    2: lambda content: {"metrics" if key == "figures" else key: value for key, value in content.items()},
}


def write_json(path, content):
    files.write_json(path, content)


def write_header(path, content):
    files.write_tensors(path, TENSORS, content)


def read_header(*arguments, **options):
    return files.read_tensors(*arguments, **options)[1]


with_both_formats = pytest.mark.parametrize(
    ("write", "read"), [(write_json, files.read_json), (write_header, read_header)], ids=["json", "tensors"]
)


@with_both_formats
@pytest.mark.parametrize(
    "content",
    [
        {"schema": 1, "figures": [["l0", 2.0]]},
        {"schema": 2, "figures": {"l0": 2.0}},
        {"schema": 3, "metrics": {"l0": 2.0}},
    ],
)
def test_older_schemas_are_upgraded_step_by_step(tmp_path, write, read, content):
    write(tmp_path / "x", content)
    before = (tmp_path / "x").read_bytes()
    assert read(tmp_path / "x", 3, upgrades=UPGRADES) == {"schema": 3, "metrics": {"l0": 2.0}}
    assert (tmp_path / "x").read_bytes() == before, "a file that is read is not rewritten"


@with_both_formats
@pytest.mark.parametrize("schema", [0, 4, None, "2"])
def test_schemas_that_cannot_be_upgraded_are_refused(tmp_path, write, read, schema):
    write(tmp_path / "x", {"schema": schema})
    with pytest.raises(VisaeError, match=re.escape(f"has schema {schema!r}, this version of visae reads schema 3")):
        read(tmp_path / "x", 3, upgrades=UPGRADES)


def test_only_the_named_tensors_are_read(tmp_path):
    files.write_tensors(tmp_path / "x", TENSORS, HEADER)
    tensors, _ = files.read_tensors(tmp_path / "x", 3, ["mean"])
    assert list(tensors) == ["mean"]
    with pytest.raises(VisaeError, match="not a complete safetensors file"):
        files.read_tensors(tmp_path / "x", 3, ["nothing"])


def test_views_and_gradients_are_written_as_values(tmp_path):
    square = torch.arange(9.0).view(3, 3)
    files.write_tensors(tmp_path / "x", {"a": square.T, "b": torch.nn.Parameter(square)}, HEADER)
    tensors, _ = files.read_tensors(tmp_path / "x", 3)
    assert torch.equal(tensors["a"], square.T)
    assert torch.equal(tensors["b"], square)


def tensor_file(metadata):
    return safetensors.torch.save({"x": torch.zeros(2)}, metadata)


BAD_TENSORS = [
    (b"", "is not a complete safetensors file"),
    (b"\x80\x04pickle", "is not a complete safetensors file"),
    (tensor_file({"visae": json.dumps({"schema": 3})})[:-1], "is not a complete safetensors file"),
    (tensor_file(None), "has no 'visae' header: it was not written by visae"),
    (tensor_file({"format": "pt"}), "has no 'visae' header: it was not written by visae"),
    (tensor_file({"visae": json.dumps({"schema": 4})}), "has schema 4, this version of visae reads schema 3"),
    (tensor_file({"visae": "[]"}), "has schema None, this version of visae reads schema 3"),
]


@pytest.mark.parametrize(("data", "message"), BAD_TENSORS)
def test_other_tensor_files_are_refused(tmp_path, data, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(VisaeError, match=re.escape(f"{path} {message}")):
        files.read_tensors(path, 3)


def test_a_header_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(tensor_file({"visae": "{"}))
    with pytest.raises(VisaeError, match=r"header of .* is not JSON"):
        files.read_tensors(tmp_path / "x", 3)


def test_unknown_and_missing_keys_are_refused(tmp_path):
    files.expect_keys({"a": 1, "b": 2}, ("b", "a"), tmp_path)
    with pytest.raises(VisaeError, match="unknown 'c', missing 'b'"):
        files.expect_keys({"a": 1, "c": 2}, ("a", "b"), tmp_path)


def test_metrics_that_are_nan_become_null():
    metrics = {"l0": 2.0, "gamma": float("nan"), "count": 3, "name": "nan"}
    assert files.without_nan(metrics) == {"l0": 2.0, "gamma": None, "count": 3, "name": "nan"}
