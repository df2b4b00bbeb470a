"""The options that several commands share."""

from dataclasses import fields

import pytest

from visae._support.errors import VisaeError
from visae.commands.options import CaptureOptions, TrainingOptions, check_at_least, check_network, rows_beside
from visae.commands.sae_options import KINDS, SAEOptions, field_help
from visae.sae import kinds
from visae.sae._registry import setting_names
from visae.training import TrainingConfig


def test_every_training_setting_is_an_option():
    settings = {field.name for field in fields(TrainingConfig)} - {"seed"}
    assert {field.name for field in fields(TrainingOptions)} == settings


def test_every_setting_of_every_kind_is_an_option():
    settings = {name for config in kinds().values() for name in setting_names(config)}
    assert {field.name for field in fields(SAEOptions)} - {"sae"} == settings


def test_kinds_that_are_read_without_torch_are_the_registered_ones():
    assert list(KINDS) == [name for name, config in kinds().items() if config.__module__.startswith("visae.")]
    for name, config in KINDS.items():
        registered = kinds()[name]
        assert config.__doc__ == registered.__doc__
        assert config().__dict__ == registered().__dict__
        assert {field.name: field.type for field in fields(config)} == {f.name: f.type for f in fields(registered)}
        for attribute in ("kind", "varied", "summary", "source", "style", "baseline"):
            assert getattr(config, attribute) == getattr(registered, attribute)


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_of_a_kind_explains_each_setting(kind):
    explained = field_help(KINDS[kind])
    assert list(explained) == setting_names(KINDS[kind])
    assert all(explained.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_options_of_a_kind_make_its_config(kind):
    registered = kinds()[kind]
    defaults = {field.name: field.default for field in fields(registered)}
    assert SAEOptions(sae=kind).open_config() == registered()
    assert SAEOptions(sae=kind, **defaults).open_config() == registered()
    for name in {field.name for field in fields(SAEOptions)} - {"sae", *defaults}:
        options = SAEOptions(sae=kind, **{name: "mean" if name == "origin" else 1})
        for make in (options.check_sae, options.open_config):
            with pytest.raises(VisaeError, match=rf"a {kind} SAE has no setting {name}"):
                make()


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("2KB", 2000), ("1.5 GB", 1_500_000_000), ("3tb", 3 * 10**12), (None, None)]
)
def test_sizes_on_disk_have_units(text, size):
    assert CaptureOptions(images="x", max_disk=text).max_bytes() == size


@pytest.mark.parametrize("text", ["", ".", "GB", "1.2.3GB", "5 parsecs", "-1GB"])
def test_other_sizes_are_refused(text):
    with pytest.raises(VisaeError, match="max-disk"):
        CaptureOptions(images="x", max_disk=text).max_bytes()


@pytest.mark.parametrize("name", ["planted", "planted:0.5", "inceptionv1", "inceptionv1-caffe", "torchvision:resnet18"])
def test_networks_that_exist_pass(name):
    check_network(name)


@pytest.mark.parametrize(("name", "nearest"), [("inceptionv2", "inceptionv1"), ("plantd", "planted")])
def test_other_networks_are_refused_with_the_nearest(name, nearest):
    with pytest.raises(VisaeError, match=rf"{name}'; the nearest are .*{nearest}"):
        check_network(name)


def test_options_below_the_least_are_refused_by_their_name():
    check_at_least(1, count=1, max_size=2)
    with pytest.raises(VisaeError, match=r"--max-size is 0; .* 1"):
        check_at_least(1, count=1, max_size=0)


@pytest.mark.parametrize("depth", ["", "dictionary", "sweep/topk"])
def test_rows_are_found_up_to_two_folders_above(tmp_path, depth):
    (tmp_path / depth).mkdir(parents=True, exist_ok=True)
    (tmp_path / "rows").mkdir()
    assert rows_beside(tmp_path / depth) == tmp_path / "rows"
    with pytest.raises(VisaeError, match=r"no rows/ beside .*far"):
        rows_beside(tmp_path / "far" / "too" / "far")
