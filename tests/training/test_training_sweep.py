import pytest

from visae._support.errors import VisaeError
from visae.commands.train import TrainCommand
from visae.sae import PCA, JumpReLU, ReLU, TopK
from visae.training import SAESpec, TrainingConfig, read_sweep


def read(tmp_path, text, *training):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return read_sweep(path, *training)


GRIDS = [
    ('[[sae]]\nkind = "topk"', {"topk": SAESpec(TopK())}),
    ('[[sae]]\nkind = "topk"\nk = 4\nseed = 3', {"topk": SAESpec(TopK(k=4), 3)}),
    ('[[sae]]\nkind = "topk"\nk = [4]', {"topk-k4": SAESpec(TopK(k=4))}),
    (
        '[[sae]]\nkind = "topk"\nwidth = 96\nk = [2, 4]\nseed = [0, 7]',
        {f"topk-k{k}-seed{seed}": SAESpec(TopK(width=96, k=k), seed) for k in (2, 4) for seed in (0, 7)},
    ),
    (
        '[[sae]]\nkind = "relu"\nseed = [1]\nl1 = [5, 0.5]',
        {"relu-seed1-l1_5": SAESpec(ReLU(l1=5.0), 1), "relu-seed1-l1_0.5": SAESpec(ReLU(l1=0.5), 1)},
    ),
    (
        '[[sae]]\nkind = "topk"\nname = "big"\nwidth = 1000\n[[sae]]\nkind = "topk"\n[[sae]]\nkind = "pca"\nk = [0, 8]',
        {
            "big": SAESpec(TopK(width=1000)),
            "topk": SAESpec(TopK()),
            "pca-k0": SAESpec(PCA()),
            "pca-k8": SAESpec(PCA(k=8)),
        },
    ),
    (
        '[[sae]]\nkind = "jumprelu"\nname = "jump it"\ntarget = [4, 8.0]',
        {"jump it-target4": SAESpec(JumpReLU(target=4.0)), "jump it-target8.0": SAESpec(JumpReLU(target=8.0))},
    ),
    (
        '[[sae]]\nkind = "topk"\norigin = ["mean", "median"]',
        {"topk-originmean": SAESpec(TopK()), "topk-originmedian": SAESpec(TopK(origin="median"))},
    ),
]


@pytest.mark.parametrize(("text", "expected"), GRIDS)
def test_lists_of_settings_span_a_grid(tmp_path, text, expected):
    specs, training = read(tmp_path, text)
    assert specs == expected
    assert list(specs) == list(expected)
    assert all(type(specs[name].config) is type(spec.config) for name, spec in expected.items())
    assert training == TrainingConfig()


SAE = '[[sae]]\nkind = "topk"\n'


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        ("", TrainingConfig(rows_seen=5), TrainingConfig(rows_seen=5)),
        ("[training]\n", TrainingConfig(rows_seen=5), TrainingConfig(rows_seen=5)),
        ("[training]\nrows_seen = 3\n", TrainingConfig(rows_seen=5, lr=0.5), TrainingConfig(rows_seen=3, lr=0.5)),
        (
            "[training]\nlr = 1\nholdout = 0.25\nseed = 9\n",
            TrainingConfig(),
            TrainingConfig(lr=1.0, holdout=0.25, seed=9),
        ),
    ],
)
def test_the_training_table_overrides_the_given_training(tmp_path, table, given, expected):
    assert read(tmp_path, table + SAE, given)[1] == expected
    assert type(read(tmp_path, table + SAE, given)[1].lr) is float


# The text of the file, and what the message must contain.
INVALID = [
    ("", r"has nothing; a sweep has tables \[\[sae\]\]"),
    ("[training]\nrows_seen = 3", r"has \[training\]; a sweep has"),
    ("[sae]\nkind = 'topk'", r"has \[sae\]; a sweep has tables \[\[sae\]\]"),
    ("sae = []", "a sweep has"),
    ("sae = [1, 2]", "a sweep has"),
    ("sae = 'topk'", "a sweep has"),
    ("[[saes]]\nkind = 'topk'", r"has \[saes\]; a sweep"),
    (SAE + "[more]\na = 1", r"has \[sae\], \[more\]; a sweep"),
    ("training = 5\n" + SAE, "a sweep has"),
    (SAE + "[[training]]\nrows_seen = 3", "a sweep has"),
    ("[[sae]\nkind = 3", "is not TOML: "),
    ("kind = topk", "is not TOML: "),
    ("[[sae]]\nk = 3", "has no kind; the kinds are .*relu, topk"),
    ("[[sae]]\nkind = 3", "has no kind"),
    ("[[sae]]\nkind = ['topk', 'relu']", "has no kind"),
    ("[[sae]]\nkind = 'tpok'", r"sweep\.toml.*: .*tpok.*topk"),
    (SAE + "l1 = 3", r"sweep\.toml.*: a topk SAE has no setting l1; .* width, freeze, k"),
    (SAE + "k = []", "k of topk in .* is an empty list"),
    (SAE + "k = 2.5", r"sweep\.toml.*: k is 2\.5; .* whole number"),
    (SAE + "k = [2, 'x']", r"sweep\.toml.*: k is 'x'; .* whole number"),
    (SAE + "k = [[2, 3]]", r"sweep\.toml.*: k is \[2, 3\]; .* whole number"),
    (SAE + "k = true", r"sweep\.toml.*: k is True; .* whole number"),
    (SAE + "k = 0", r"sweep\.toml.*: k is 0, the width 768"),
    (SAE + "aux_weight = 'x'", r"sweep\.toml.*: aux_weight is 'x'; .* number"),
    (SAE + "origin = 3", r"sweep\.toml.*: origin is 3; .* word"),
    (SAE + "seed = 1.5", "seed is 1.5 in .*; .* whole number"),
    (SAE + "seed = [0, 'x']", "seed is 'x' in"),
    (SAE + "seed = true", "seed is True in"),
    (SAE + "name = ''", "the name '' in"),
    (SAE + "name = 3", "the name 3 in"),
    (SAE + "name = 'a/b'", "the name 'a/b' in"),
    (SAE + "name = '..'", r"the name '\.\.' in"),
    (SAE + 'name = "a\\u0000"', "the name"),
    (SAE + SAE, "has two SAEs called topk"),
    (SAE + "k = [2, 2]", "has two SAEs called topk-k2"),
    (SAE + "k = [2, 3]\n[[sae]]\nkind = 'relu'\nname = 'topk-k3'", "has two SAEs called topk-k3"),
    ("[training]\nepoch = 3\n" + SAE, r"sweep\.toml.*: training has no setting epoch; .* rows_seen, "),
    ("[training]\nepochs = 3\n" + SAE, r"sweep\.toml.*: training no longer has the setting epochs; write rows_seen"),
    ("[training]\nrows_seen = 1.5\n" + SAE, r"sweep\.toml.*: rows_seen is 1\.5; .* whole number"),
    ("[training]\nrows_seen = true\n" + SAE, "rows_seen is True; .* whole number"),
    ("[training]\nlr = '1'\n" + SAE, "lr is '1'; .* number"),
    ("[training]\nlr = [1, 2]\n" + SAE, r"lr is \[1, 2\]; .* number"),
    ("[training]\nrows_seen = 0\n" + SAE, "rows_seen is 0, batch"),
    ("[training]\nholdout = 1\n" + SAE, "holdout is 1; it "),
]


@pytest.mark.parametrize(("text", "message"), INVALID)
def test_invalid_sweeps_are_refused_with_the_file(tmp_path, text, message):
    with pytest.raises(VisaeError, match=message) as error:
        read(tmp_path, text)
    assert str(tmp_path / "sweep.toml") in str(error.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(VisaeError, match=r"cannot read .*none\.toml: No such file"):
        read_sweep(tmp_path / "none.toml")
    with pytest.raises(VisaeError, match=r"cannot read .*: Is a directory"):
        read_sweep(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(VisaeError, match="is not TOML"):
        read_sweep(tmp_path / "bytes")


def test_the_example_in_the_help_of_visae_train_is_a_sweep(tmp_path):
    text = TrainCommand.__doc__
    specs, training = read(tmp_path, text[text.index("[training]") :])
    assert len(specs) == 4 * 2 + 3
    assert training == TrainingConfig(rows_seen=8_000_000)


def test_a_dictionary_and_its_nulls_are_one_table(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text('[[sae]]\nkind = "topk"\nfreeze = ["none", "decoder", "soft-decoder", "encoder"]\n')
    specs, _ = read_sweep(path)
    assert {name: spec.config.freeze for name, spec in specs.items()} == {
        f"topk-freeze{part}": part for part in ("none", "decoder", "soft-decoder", "encoder")
    }
