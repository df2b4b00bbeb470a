import pytest
import torch
import torch.nn.functional as F

from visae.activations import Rows
from visae.activations._store import Shard, Store
from visae.nulls import FEATURES, SECOND, fixed_nulls, frozen_nulls, trained_nulls, with_nulls
from visae.sae import MOD, PCA, TopK
from visae.training import TrainingConfig, train

TRAINING = TrainingConfig(rows_seen=6400, batch=50, seed=3)
FROZEN = ["frozen decoder", "soft-frozen decoder", "frozen encoder"]
CONFIG = TopK(width=24, k=2)
DIM = 10


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """600 rows of 60 images, sparse combinations of 16 directions."""
    generator = torch.Generator().manual_seed(0)
    directions = F.normalize(torch.randn(16, DIM, generator=generator), dim=1)
    code = (torch.rand(600, 16, generator=generator) < 0.1) * torch.rand(600, 16, generator=generator)
    folder = tmp_path_factory.mktemp("nulls") / "rows"
    names = {"network": "made", "weights": "0" * 64, "layer": "up"}
    store = Store(folder, {**names, "dim": DIM, "rows_an_image": 10, "images_a_shard": 60})
    shard = Shard(images=[(f"image {index}", "digest") for index in range(60)])
    shard.add((20 * code @ directions + 1).half(), torch.zeros(600, 3, dtype=torch.int32))
    store.put(shard)
    store.finish()
    return Rows(folder)


@pytest.fixture(scope="module")
def sae(rows, tmp_path_factory):
    return train(rows, CONFIG, tmp_path_factory.mktemp("nulls") / "dictionary", TRAINING, "cpu")


def test_fixed_nulls_have_the_dictionary_s_width_and_l0(rows, sae, tmp_path):
    nulls = fixed_nulls(rows, sae, tmp_path, 3, TRAINING, "cpu")
    assert list(nulls) == ["random directions", "data rows"]
    for seeds in nulls.values():
        assert [null.width for null in seeds] == [24] * 3
        # k holds on the training rows: 60 held-out rows have an L0 of their own.
        assert [null.config.k for null in seeds] == [2] * 3
        assert all(null.about["held_out_images"] == sae.about["held_out_images"] for null in seeds)
        assert not seeds[0].directions.allclose(seeds[1].directions)


def test_data_rows_are_rows(rows, sae, tmp_path):
    null = fixed_nulls(rows, sae, tmp_path, 1, TRAINING, "cpu")["data rows"][0]
    every = F.normalize(rows.gather(torch.arange(len(rows))).float(), dim=1)
    assert (F.normalize(null.directions, dim=1) @ every.T).amax(1).allclose(torch.ones(24), atol=1e-3)


def test_a_null_that_the_rows_do_not_allow_is_left_out(rows, tmp_path, capsys):
    wide = train(rows, TopK(width=700, k=1), tmp_path / "wide", TrainingConfig(rows_seen=50, batch=50), "cpu")
    assert list(fixed_nulls(rows, wide, tmp_path, 1, TRAINING, "cpu")) == ["random directions"]
    assert "data rows are left out: only 540 of 540 rows" in capsys.readouterr().err


def test_trained_nulls_learn_less(rows, tmp_path):
    nulls = trained_nulls(rows, CONFIG, tmp_path, 2, TRAINING, "cpu")
    assert list(nulls) == [SECOND, *FROZEN, "stopped early"]
    assert [len(seeds) for seeds in nulls.values()] == [1, 2, 2, 2, 2]
    settings = [nulls[name][0].about["settings"] for name in nulls]
    assert [each["seed"] for each in settings] == [4, 3, 3, 3, 3]
    assert [each["config"]["freeze"] for each in settings] == ["none", "decoder", "soft-decoder", "encoder", "none"]
    assert [each["training"]["rows_seen"] for each in settings] == [6400, 6400, 6400, 6400, 100]
    explained = {name: seeds[0].about["metrics"]["explained_variance"] for name, seeds in nulls.items()}
    assert explained["second seed"] > max(explained["frozen decoder"], explained["stopped early"])


def test_nulls_are_made_once(rows, tmp_path, monkeypatch):
    first = trained_nulls(rows, CONFIG, tmp_path, 1, TRAINING, "cpu")
    monkeypatch.setattr("visae.training._group.Group.step", None)
    again = trained_nulls(rows, CONFIG, tmp_path, 1, TRAINING, "cpu")
    assert all(again[name][0].directions.equal(first[name][0].directions) for name in first)


def test_baselines_have_no_trained_nulls(rows, tmp_path):
    assert trained_nulls(rows, PCA(), tmp_path, 2, TRAINING, "cpu") == {}


def test_a_frozen_dictionary_is_not_frozen_again(rows, tmp_path):
    frozen = TopK(width=24, k=2, freeze="encoder")
    assert list(trained_nulls(rows, frozen, tmp_path, 1, TRAINING, "cpu")) == [SECOND, "stopped early"]


def test_frozen_nulls_stand_in_for_a_kind_that_has_none(rows, tmp_path):
    (frozen,) = frozen_nulls(rows, CONFIG, tmp_path, 2, TRAINING, "cpu").values()
    assert [sae.about["settings"]["config"]["freeze"] for sae in frozen] == ["decoder"] * 2
    assert frozen_nulls(rows, MOD(width=24, k=2), tmp_path, 2, TRAINING, "cpu") == {}


def test_a_dictionary_is_kept_with_its_second_seed_and_nulls(rows, sae, tmp_path):
    populations = with_nulls(rows, sae, tmp_path, 1, TRAINING, "cpu")
    assert list(populations) == [FEATURES, "random directions", "data rows", *FROZEN, "stopped early"]
    first, second = populations[FEATURES]
    assert first is sae
    assert second.about["settings"]["seed"] == 4
    assert len(with_nulls(rows, sae, tmp_path, 2, TRAINING, "cpu")["data rows"]) == 2
