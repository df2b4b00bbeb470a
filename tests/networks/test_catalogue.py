import subprocess
import sys

import pytest

from visae._support.errors import VisaeError
from visae.networks import card_names, network_card, network_names
from visae.networks._inception import FLAVOURS


def test_network_names():
    assert set(network_names()) == {"planted", "inceptionv1", "inceptionv1-caffe"}


def test_every_flavour_has_a_card_and_every_card_a_flavour():
    assert set(card_names()) == FLAVOURS.keys()


@pytest.mark.parametrize("name", ["inceptionv1", "inceptionv1-caffe"])
def test_a_card_has_the_networks_name(name):
    assert network_card(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("inceptionv3", "no network named 'inceptionv3'; the nearest are inceptionv1"),
        ("planted", "planted is constructed, not trained"),
        ("planted:0.2", r"planted:0\.2 is constructed, not trained"),
    ],
)
def test_networks_without_weights_have_no_card(name, message):
    with pytest.raises(VisaeError, match=message):
        network_card(name)


LISTING = """
import sys
from visae.networks import PublishedTuning, card_names, find_weights, network_card, network_names
assert [network_card(name).title for name in card_names()]
print("torch" in sys.modules, "torchvision" in sys.modules)
"""


def test_listing_networks_imports_no_torch():
    output = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["False", "False"]
