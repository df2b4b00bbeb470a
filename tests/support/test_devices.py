import pytest
import torch

from visae._support.devices import open_device
from visae._support.errors import VisaeError


@pytest.mark.parametrize("name", ["cpu", torch.device("cpu")])
def test_a_device_is_opened_by_name(name):
    assert open_device(name) == torch.device("cpu")


def test_the_default_is_cuda_where_there_is_one():
    assert open_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["warp", "cuda:99", "cpu:x"])
def test_a_missing_device_is_refused_with_those_that_exist(name):
    with pytest.raises(VisaeError, match="there are cpu"):
        open_device(name)
