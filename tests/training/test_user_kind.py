"""A kind of SAE that is defined in a user's own script trains, resumes, loads, evaluates and is drawn as any other."""

import importlib
import json
import subprocess
import sys
from textwrap import dedent

import pytest
import torch
from interruptions import Interrupted, interrupt_at_step
from matplotlib.colors import to_hex
from stores import file_contents, write_planted_store

import visae
from visae.plots import _frontier, plot_evaluation
from visae.sae import _registry
from visae.training import SAESpec, TrainingConfig, read_sweep, train, train_many

SCRIPT = """
    from dataclasses import dataclass
    from typing import Any, ClassVar

    import torch

    import visae


    class TiedSAE(visae.SAE):
        '''f = ReLU((z - bias) decoder^T - threshold), with one matrix for both ways.'''

        @classmethod
        def create(cls, config, dim, generator):
            decoder = torch.randn(config.width, dim, generator=generator) / dim**0.5
            return cls(config, dim, decoder=decoder, bias=torch.zeros(dim), threshold=torch.zeros(config.width))

        def preactivate(self, z):
            centred = z - self.bias[..., None, :]
            return centred @ self.decoder.mT - self.threshold[..., None, :]

        def features(self, z):
            return self.preactivate(z).relu()

        def losses(self, z):
            f = self.features(z)
            error = (z - self.reconstruct(f)).square().sum(-1).mean(-1)
            terms = {"error": error, "sparsity": self.penalty * f.sum(-1).mean(-1)}
            return visae.Losses(terms, (f.detach() > 0).any(-2))


    @visae.register_kind
    @dataclass(frozen=True)
    class Tied(visae.SAEConfig):
        '''Settings of an SAE with tied weights.

        width:    features.
        penalty:  weight of the L1 norm.
        '''

        kind: ClassVar[str] = "tied"
        sae: ClassVar[Any] = TiedSAE
        varied: ClassVar[tuple[str, ...]] = ("penalty",)
        summary: ClassVar[str] = "one matrix for encoding and decoding"
        style: ClassVar[visae.LineStyle] = visae.LineStyle("#123456", "1", ":")
        penalty: float = 0.1
"""
TRAINING = TrainingConfig(rows_seen=1800, batch=150, lr=3e-3)  # 12 steps


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The path of the user's script."""
    path = tmp_path_factory.mktemp("scripts") / "tied_kind.py"
    path.write_text(dedent(SCRIPT))
    return path


@pytest.fixture(scope="module")
def tied(script):
    """The config class in the script, which is imported; it is forgotten afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        visae.sae.kinds()
        patch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))
        patch.syspath_prepend(str(script.parent))
        yield importlib.import_module("tied_kind").Tied
        del sys.modules["tied_kind"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return write_planted_store(tmp_path_factory.mktemp("user") / "rows", 1000)[0]


@pytest.fixture(scope="module")
def trained(tied, rows, tmp_path_factory):
    """The folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("trained")
    train(rows, tied(width=16), folder, TRAINING, "cpu")
    return folder


@pytest.fixture(scope="module")
def sweep(tied, rows, tmp_path_factory):
    """Two SAEs of the kind, which are one stack, beside two TopK SAEs."""
    members = {
        **{f"tied-{penalty:g}": SAESpec(tied(width=16, penalty=penalty)) for penalty in (0.05, 0.5)},
        **{f"topk-{k}": SAESpec(visae.TopK(width=16, k=k)) for k in (1, 3)},
    }
    return train_many(rows, members, tmp_path_factory.mktemp("sweep"), TRAINING, "cpu")


def test_it_trains(trained, tied):
    sae = visae.load(trained)
    assert type(sae) is tied.sae
    assert sae.config == tied(width=16)
    assert sae.about["metrics"]["explained_variance"] > 0.1
    assert sae.threshold.any()


def test_called_again_it_is_loaded_and_not_trained(trained, tied, rows, monkeypatch):
    before = file_contents(trained)
    interrupt_at_step(monkeypatch, 0)
    sae = train(rows, tied(width=16), trained, TRAINING, "cpu")
    assert torch.equal(sae.decoder, visae.load(trained).decoder)
    assert file_contents(trained) == before


def test_an_interrupted_run_is_resumed(trained, tied, rows, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 7)
        with pytest.raises(Interrupted):
            train(rows, tied(width=16), tmp_path, TRAINING, "cpu")
    train(rows, tied(width=16), tmp_path, TRAINING, "cpu")
    assert (tmp_path / "sae.safetensors").read_bytes() == (trained / "sae.safetensors").read_bytes()


def test_a_sweep_is_read_from_a_file(tied, tmp_path):
    (tmp_path / "sweep.toml").write_text('[[sae]]\nkind = "tied"\nwidth = 16\npenalty = [0.05, 1]\n')
    specs, _ = read_sweep(tmp_path / "sweep.toml")
    assert [spec.config for spec in specs.values()] == [tied(width=16, penalty=value) for value in (0.05, 1.0)]


def test_it_is_evaluated_and_drawn_beside_other_kinds(sweep, rows, monkeypatch, tmp_path):
    evaluated = visae.evaluate(sweep, visae.HeldOut(rows))
    assert [metrics["kind"] for metrics in evaluated.values()] == ["tied", "tied", "topk", "topk"]
    assert evaluated["tied-0.5"]["l0"] < evaluated["tied-0.05"]["l0"]
    figures = []
    monkeypatch.setattr(_frontier, "save_figure", lambda figure, _: figures.append(figure))
    plot_evaluation(evaluated, "planted", tmp_path / "frontier.png")
    (figure,) = figures
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["tied", "topk", "neurons, on average"]
    for axes in figure.axes:
        line = next(line for line in axes.get_lines() if line.get_label() == "tied")
        assert (to_hex(line.get_color()), line.get_marker(), line.get_linestyle()) == ("#123456", "1", ":")
        assert sorted(line.get_xdata()) == sorted(evaluated[name]["l0"] for name in ("tied-0.05", "tied-0.5"))


# Each expression by itself, in the order in which a user might try them.
PROCESS = """
    import importlib, json, sys

    def attempt(expression):
        try:
            return repr(eval(expression))
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    print(json.dumps([attempt(expression) for expression in sys.argv[1:]]))
"""


@pytest.mark.slow
def test_a_new_process_must_import_the_script_before_it_loads(trained, script):
    """And a name of the package's kinds is refused, although none of their files was imported before."""
    (script.parent / "taken_kind.py").write_text(script.read_text().replace('"tied"', '"topk"'))
    load = f"importlib.import_module('visae').load({str(trained)!r})"
    expressions = [
        "importlib.import_module('taken_kind')",
        load,
        "importlib.import_module('tied_kind').__name__",
        f"{load}.config",
        f"{load}.decoder.sum().item()",
    ]
    command = [sys.executable, "-c", dedent(PROCESS), *expressions]
    ran = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=True)
    taken, unknown, name, config, total = json.loads(ran.stdout)
    assert "VisaeError" in taken
    assert "'topk' already, visae.sae._topk.TopK" in taken
    assert "VisaeError" in unknown
    assert "'tied'" in unknown
    assert "import" in unknown
    assert name == "'tied_kind'"
    assert config == "Tied(width=16, penalty=0.1)"
    assert float(total) == visae.load(trained).decoder.sum().item()


@pytest.mark.slow
def test_the_command_line_imports_the_script(rows, script, tmp_path):
    """One process for all commands: a sweep, one of the same kind alone, the same again, and `evaluate`."""
    (tmp_path / "sweep.toml").write_text('[[sae]]\nkind = "tied"\nwidth = 16\npenalty = [0.05, 0.5]\n')
    train = ["train", "--rows", str(rows.folder), "--rows-seen", "900", "--batch", "150", "--device", "cpu", "--out"]
    alone = [*train, str(tmp_path / "alone"), "--sae", "tied", "--penalty", "0.5", "--width", "16"]
    commands = [
        [*train, str(tmp_path / "sweep"), "--sweep", str(tmp_path / "sweep.toml")],
        alone,
        alone,
        ["evaluate", str(tmp_path / "alone"), "--rows", str(rows.folder), "--device", "cpu"],
    ]
    process = f"""
        from visae import cli

        for command in {commands!r}:
            cli.main(["--import", {str(script)!r}, *command])
    """
    ran = subprocess.run([sys.executable, "-c", dedent(process)], capture_output=True, text=True, check=True)
    first, second = [line for line in ran.stdout.splitlines() if line.startswith("tied, 16 features")]
    assert second == first
    assert (tmp_path / "sweep/frontier.png").is_file()
    (metrics,) = json.loads((tmp_path / "alone/evaluation.json").read_text())["dictionaries"].values()
    assert metrics["kind"] == "tied"
