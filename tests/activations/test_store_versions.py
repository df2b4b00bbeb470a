"""A store written by version 0.1 (schema 1) is still read, taken as finished, and continued."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from captures import content

from visae._support.errors import VisaeError
from visae.activations import Rows, capture
from visae.networks import Network, network

STORED = Path(__file__).with_name("stored")
MANIFEST = json.loads((STORED / "manifest.json").read_text())


@pytest.fixture(scope="module")
def planted():
    """The planted network, with the digest of the machine that wrote the store."""
    return Network("planted", network("planted", device="cpu").readable, MANIFEST["settings"]["weights"])


def capture_again(planted, folder):
    """Capture with the settings of the stored store."""
    return capture(planted, "mixed", "leaves:4", folder, positions=6, crop=64, seed=3, batch=2)


def test_it_is_read():
    rows = Rows(STORED)
    assert (len(rows), rows.dim, rows.rows_per_image, rows.images_read, rows.images_skipped) == (24, 48, 6, 4, 0)
    assert rows.digest == "f8b0aa6b634094bd68e2748ae7935636d806842d0ee0322d002e84ba4980c781"
    assert [rows.position(index) for index in (7, 23)] == [(1, 13, 10), (3, 15, 11)]
    values = rows.gather(torch.arange(24)).double()
    torch.testing.assert_close(values.mean(0), rows.mean)
    torch.testing.assert_close(values.var(0, correction=0), rows.variance)


def test_the_same_settings_take_it_as_finished(tmp_path, planted):
    shutil.copytree(STORED, tmp_path / "rows")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir()}
    assert capture_again(planted, tmp_path / "rows").digest == Rows(STORED).digest
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir()} == before


def test_an_unfinished_one_is_finished_to_the_same_content(tmp_path, planted):
    shutil.copytree(STORED, tmp_path / "rows")
    unfinished = {key: MANIFEST[key] for key in ("schema", "settings", "shards")} | {"state": "partial"}
    (tmp_path / "rows" / "manifest.json").write_text(json.dumps(unfinished))
    capture_again(planted, tmp_path / "rows")
    assert json.loads((tmp_path / "rows" / "manifest.json").read_text()) == MANIFEST
    shard = "shard-00000.safetensors"
    assert content(tmp_path / "rows")[shard] == content(STORED)[shard]


def test_its_checksums_are_verified(tmp_path):
    shutil.copytree(STORED, tmp_path / "rows")
    shard = tmp_path / "rows" / "shard-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(VisaeError, match="missing or damaged"):
        Rows(tmp_path / "rows")
