"""Distillation, on planted directions."""

from dataclasses import replace

import pytest
import torch
from interruptions import Interrupted, interrupt_at_step
from stores import TWELVE_STEPS, file_contents, write_store

from visae._support.errors import VisaeError
from visae.metrics import distillation
from visae.sae import MOD, PursuitSAE, TopK, load
from visae.training import TrainingConfig, distil, train
from visae.training._batches import Batches
from visae.training._distil import training_beside

TEACHING = replace(TWELVE_STEPS, rows_seen=15_000, lr=0.01)


@pytest.fixture(scope="module")
def teacher(rows, tmp_path_factory):
    """The folder of a dictionary whose features are found by pursuit."""
    folder = tmp_path_factory.mktemp("teacher")
    train(rows, MOD(width=16, k=2), folder, replace(TWELVE_STEPS, rows_seen=9000), "cpu")
    return folder


@pytest.fixture(scope="module")
def student(rows, teacher, tmp_path_factory):
    """The folder of its student, and the student."""
    folder = tmp_path_factory.mktemp("student")
    return folder, distil(teacher, rows, folder, 1, 3, TEACHING, "cpu")


def measured(sae):
    """What its file says of the distillation, without the speeds."""
    return {name: value for name, value in sae.about["distilled"].items() if "second" not in name}


def test_a_student_keeps_the_teachers_directions_and_origin(teacher, student):
    sae, own = load(teacher), student[1]
    assert torch.equal(own.directions, sae.directions)
    f = torch.rand(5, 16)
    torch.testing.assert_close(own.decode(f), sae.decode(f))


def test_a_students_codes_approach_the_teachers(rows, teacher, student, tmp_path):
    untrained = distil(teacher, rows, tmp_path / "untrained", 1, 3, replace(TEACHING, rows_seen=1, lr=1e-9), "cpu")
    before, after = untrained.about["distilled"], student[1].about["distilled"]
    assert after["agreement"] > before["agreement"] + 0.02
    assert after["loss"] < before["loss"]


def test_a_file_says_what_the_student_loses(rows, teacher, student):
    sae, own = load(teacher), load(student[0])
    expected = distillation(own, sae, Batches(rows, TEACHING).held_out())
    assert measured(own) == measured(student[1])
    assert own.about["distilled"]["loss"] == pytest.approx(expected.loss, abs=1e-9)
    assert own.about["distilled"]["explained_variance"] == own.about["metrics"]["explained_variance"]
    assert own.about["settings"]["teacher"]["kind"] == "mod"
    assert own.about["settings"]["teacher"]["config"]["k"] == 2


def test_an_interrupted_distillation_is_resumed_to_the_same_bits(rows, teacher, tmp_path, monkeypatch):
    whole = distil(teacher, rows, tmp_path / "whole", 2, 3, TWELVE_STEPS, "cpu")
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 7)
        with pytest.raises(Interrupted):
            distil(teacher, rows, tmp_path / "resumed", 2, 3, TWELVE_STEPS, "cpu")
    resumed = distil(teacher, rows, tmp_path / "resumed", 2, 3, TWELVE_STEPS, "cpu")
    assert measured(resumed) == measured(whole)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert file_contents(tmp_path / "resumed").keys() == file_contents(tmp_path / "whole").keys()


def test_a_finished_distillation_is_loaded(rows, teacher, student, monkeypatch):
    interrupt_at_step(monkeypatch, 0)
    again = distil(teacher, rows, student[0], 1, 3, TEACHING, "cpu")
    assert again.about == student[1].about


def test_a_dictionary_with_an_encoder_is_taught_by_its_refinement(rows, tmp_path):
    train(rows, TopK(width=16, k=2), tmp_path / "topk", TWELVE_STEPS, "cpu")
    own = distil(tmp_path / "topk", rows, tmp_path / "student", 3, 3, TWELVE_STEPS, "cpu")
    sae = load(tmp_path / "topk")
    torch.testing.assert_close(own.directions, sae.directions)
    assert own.about["distilled"]["teacher_explained_variance"] > sae.about["metrics"]["explained_variance"]


def test_the_teachers_own_held_out_images_are_held_out(rows, tmp_path):
    train(rows, MOD(width=16, k=2), tmp_path / "teacher", replace(TWELVE_STEPS, seed=5, holdout=0.2), "cpu")
    training = training_beside(load(tmp_path / "teacher"), rows)
    assert training == TrainingConfig(seed=5, holdout=0.2)
    others = write_store(tmp_path / "rows", torch.rand(1000, 10))
    assert training_beside(load(tmp_path / "teacher"), others) == TrainingConfig()


def test_another_teacher_is_refused(rows, student, tmp_path):
    train(rows, MOD(width=16, k=2), tmp_path, TWELVE_STEPS, "cpu")
    with pytest.raises(VisaeError, match=r"made with other settings: teacher\.digest was"):
        distil(tmp_path, rows, student[0], 1, 3, TEACHING, "cpu")


def test_rows_of_another_layer_are_refused(teacher, tmp_path):
    others = write_store(tmp_path / "rows", torch.rand(100, 7))
    with pytest.raises(VisaeError, match=r"made, up, 10 channels, but .* has rows of made, up, 7 channels"):
        distil(teacher, others, tmp_path / "student", 1, 3, TWELVE_STEPS, "cpu")


def test_a_distillation_compares_the_features_that_fire(rows, teacher):
    sae = load(teacher)
    assert isinstance(sae, PursuitSAE)
    batches = list(Batches(rows, TWELVE_STEPS).held_out())
    same = distillation(sae, sae, batches)
    assert (same.agreement, same.loss) == (1, 0)
    sparser = load(teacher)
    sparser.min_gain *= 4
    less = distillation(sparser, sae, batches)
    # What fires in both is little else than what fires in the sparser one.
    assert less.agreement == pytest.approx(2 * less.l0 / (less.l0 + less.teacher_l0), abs=0.05)
    assert less.loss > 0
