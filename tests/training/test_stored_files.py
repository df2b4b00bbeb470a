"""Files that the version before wrote (dictionaries of schema 1, checkpoints of schema 2) are still read.

`stored/` holds rows of the planted network (6 leaves images of 64 px), a dictionary, a sweep with its evaluation, and
a run that was interrupted at step 20 of 40.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from visae._support import files
from visae._support.errors import VisaeError
from visae.activations import Rows
from visae.evaluation import earlier_evaluation, find_dictionaries, read_evaluation
from visae.sae import TopK, load
from visae.training import TrainingConfig, train

CONFIG = TopK(width=8, k=2, aux_k=64)
TRAINING = TrainingConfig(rows_seen=640, batch=16, lr=3e-3, revive=0.25)


@pytest.fixture(autouse=True)
def frequent_checkpoints():
    """Leave checkpoints and refreshes at their defaults, with which the files were written."""


@pytest.fixture
def stored(tmp_path):
    shutil.copytree(Path(__file__).parent / "stored", tmp_path / "stored")
    return tmp_path / "stored"


def test_a_dictionary_is_read_under_current_names(stored):
    sae = load(stored / "dictionary")
    assert sae.config == CONFIG
    assert sae.about["metrics"]["l0"] == 2.0
    assert sae.about["settings"]["config"]["k"] == 2
    assert sae.about["settings"]["training"]["revive"] == 0.25


def test_a_finished_run_is_loaded_and_not_trained_again(stored, monkeypatch):
    monkeypatch.setattr("visae.training._group.Group.step", None)
    before = (stored / "dictionary" / "sae.safetensors").read_bytes()
    sae = train(stored / "rows", CONFIG, stored / "dictionary", TRAINING, "cpu")
    assert sae.config == CONFIG
    assert (stored / "dictionary" / "sae.safetensors").read_bytes() == before


def test_an_interrupted_run_is_resumed_to_the_same_bits(stored):
    resumed = train(stored / "rows", CONFIG, stored / "stopped", TRAINING, "cpu")
    whole = train(stored / "rows", CONFIG, stored / "new", TRAINING, "cpu")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
    # Earlier versions measured held-out rows less often.
    curve = resumed.about.pop("held_out")
    assert curve[-1] == whole.about.pop("held_out")[-1]
    assert resumed.about == whole.about


def test_other_settings_are_refused_under_current_names(stored):
    with pytest.raises(VisaeError, match=r"training\.revive was 0\.25 and is now 0\.5"):
        train(stored / "rows", CONFIG, stored / "stopped", replace(TRAINING, revive=0.5), "cpu")


def test_an_evaluation_is_read_and_reused(stored):
    saes = find_dictionaries(stored / "sweep")
    assert list(saes) == ["relu", "topk"]
    evaluation = read_evaluation(stored / "sweep" / "evaluation.json")
    assert evaluation["dictionaries"]["topk"]["config"]["k"] == 2
    rows = Rows(stored / "rows")
    earlier = earlier_evaluation(saes, rows, stored / "sweep")
    assert earlier["topk"]["explained_variance"] == evaluation["dictionaries"]["topk"]["explained_variance"]
    swapped = {"topk": saes["relu"], "relu": saes["topk"]}
    assert earlier_evaluation(swapped, rows, stored / "sweep") is None


@pytest.mark.parametrize(
    ("file", "schema", "read"),
    [
        ("dictionary/sae.safetensors", 1, load),
        (
            "stopped/checkpoint.safetensors",
            2,
            lambda file: train(file.parents[1] / "rows", CONFIG, file.parent, TRAINING),
        ),
    ],
)
def test_a_later_schema_is_refused_in_one_line(stored, file, schema, read):
    tensors, header = files.read_tensors(stored / file, schema)
    files.write_tensors(stored / file, tensors, header | {"schema": 99})
    with pytest.raises(VisaeError, match="has schema 99, this version of visae reads schema") as error:
        read(stored / file)
    assert "\n" not in str(error.value)
