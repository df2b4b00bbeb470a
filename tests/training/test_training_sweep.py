import pytest

from visae._support.errors import VisaeError
from visae.sae import PCA, JumpReLU, ReLU, TopK
from visae.training import SAESpec, TrainingConfig, read_sweep


def swept(tmp_path, text, *training):
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


@pytest.mark.parametrize(("text", "members"), GRIDS)
def test_grids(tmp_path, text, members):
    found, training = swept(tmp_path, text)
    assert found == members
    assert list(found) == list(members)
    assert all(type(found[name].config) is type(member.config) for name, member in members.items())
    assert training == TrainingConfig()


SAE = '[[sae]]\nkind = "topk"\n'


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        ("", TrainingConfig(epochs=5), TrainingConfig(epochs=5)),
        ("[training]\n", TrainingConfig(epochs=5), TrainingConfig(epochs=5)),
        ("[training]\nepochs = 3\n", TrainingConfig(epochs=5, lr=0.5), TrainingConfig(epochs=3, lr=0.5)),
        (
            "[training]\nlr = 1\nholdout = 0.25\nseed = 9\n",
            TrainingConfig(),
            TrainingConfig(lr=1.0, holdout=0.25, seed=9),
        ),
    ],
)
def test_how_to_train(tmp_path, table, given, expected):
    assert swept(tmp_path, table + SAE, given)[1] == expected
    assert type(swept(tmp_path, table + SAE, given)[1].lr) is float


NO_SWEEP = [
    # the file, and what is said of it
    ("", r"has nothing; a sweep has tables \[\[sae\]\]"),
    ("[training]\nepochs = 3", r"has \[training\]; a sweep has tables"),
    ("[sae]\nkind = 'topk'", r"has \[sae\]; a sweep has tables \[\[sae\]\]"),
    ("sae = []", "a sweep has tables"),
    ("sae = [1, 2]", "a sweep has tables"),
    ("sae = 'topk'", "a sweep has tables"),
    ("[[saes]]\nkind = 'topk'", r"has \[saes\]; a sweep"),
    (SAE + "[more]\na = 1", r"has \[sae\], \[more\]; a sweep"),
    ("training = 5\n" + SAE, "a sweep has tables|training"),
    (SAE + "[[training]]\nepochs = 3", "a sweep has tables|training"),
    ("[[sae]\nkind = 3", "is not TOML: "),
    ("kind = topk", "is not TOML: "),
    ("[[sae]]\nk = 3", "has no kind; the kinds are .*relu, topk"),
    ("[[sae]]\nkind = 3", "has no kind"),
    ("[[sae]]\nkind = ['topk', 'relu']", "has no kind"),
    ("[[sae]]\nkind = 'tpok'", r"sweep\.toml.*: .*tpok.*topk"),
    (SAE + "l1 = 3", r"sweep\.toml.*: a topk SAE has no setting l1; its settings are width, k"),
    (SAE + "k = []", "k of topk in .* is an empty list"),
    (SAE + "k = 2.5", r"sweep\.toml.*: k is 2\.5; it must be a whole number"),
    (SAE + "k = [2, 'x']", r"sweep\.toml.*: k is 'x'; it must be a whole number"),
    (SAE + "k = [[2, 3]]", r"sweep\.toml.*: k is \[2, 3\]; it must be a whole number"),
    (SAE + "k = true", r"sweep\.toml.*: k is True; it must be a whole number"),
    (SAE + "k = 0", r"sweep\.toml.*: k is 0, the width 768"),
    (SAE + "aux_weight = 'x'", r"sweep\.toml.*: aux_weight is 'x'; it must be a number"),
    (SAE + "origin = 3", r"sweep\.toml.*: origin is 3; it must be a word"),
    (SAE + "seed = 1.5", "seed is 1.5 in .*; it must be a whole number"),
    (SAE + "seed = [0, 'x']", "seed is 'x' in"),
    (SAE + "seed = true", "seed is True in"),
    (SAE + "name = ''", "the name '' in"),
    (SAE + "name = 3", "the name 3 in"),
    (SAE + "name = 'a/b'", "the name 'a/b' in .* cannot be that of a folder"),
    (SAE + "name = '..'", r"the name '\.\.' in"),
    (SAE + 'name = "a\\u0000"', "the name"),
    (SAE + SAE, "has two SAEs called topk; give one of the tables"),
    (SAE + "k = [2, 2]", "has two SAEs called topk-k2"),
    (SAE + "k = [2, 3]\n[[sae]]\nkind = 'relu'\nname = 'topk-k3'", "has two SAEs called topk-k3"),
    ("[training]\nepoch = 3\n" + SAE, r"sweep\.toml.*: training has no setting epoch; its settings are epochs, "),
    ("[training]\nepochs = 1.5\n" + SAE, r"sweep\.toml.*: epochs is 1\.5; it must be a whole number"),
    ("[training]\nepochs = true\n" + SAE, "epochs is True; it must be a whole number"),
    ("[training]\nlr = '1'\n" + SAE, "lr is '1'; it must be a number"),
    ("[training]\nlr = [1, 2]\n" + SAE, r"lr is \[1, 2\]; it must be a number"),
    ("[training]\nepochs = 0\n" + SAE, "epochs is 0, batch"),
    ("[training]\nholdout = 1\n" + SAE, "holdout is 1; it is a share"),
]


@pytest.mark.parametrize(("text", "said"), NO_SWEEP)
def test_what_is_no_sweep(tmp_path, text, said):
    with pytest.raises(VisaeError, match=said) as error:
        swept(tmp_path, text)
    assert str(tmp_path / "sweep.toml") in str(error.value) or said.startswith(("epochs is 0", "holdout"))


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(VisaeError, match=r"cannot read .*none\.toml: No such file"):
        read_sweep(tmp_path / "none.toml")
    with pytest.raises(VisaeError, match=r"cannot read .*: Is a directory"):
        read_sweep(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(VisaeError, match="is not TOML"):
        read_sweep(tmp_path / "bytes")


def test_the_command_lines_example_is_a_sweep(tmp_path):
    from visae.commands.train import Train

    text = Train.__doc__
    members, training = swept(tmp_path, text[text.index("[training]") :])
    assert len(members) == 4 * 2 + 3
    assert training == TrainingConfig(epochs=16)
