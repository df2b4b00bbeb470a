import pytest
import scipy.linalg
import torch

from visae._support.errors import VisaeError
from visae.papers.persian_rug import hadamard
from visae.papers.persian_rug._hadamard import walsh_hadamard


@pytest.mark.parametrize("n", [1, 2, 4, 8, 64, 256])
def test_the_matrix_is_sylvesters(n):
    found = hadamard(n)
    assert found.tolist() == scipy.linalg.hadamard(n).tolist()
    torch.testing.assert_close(found @ found.T, n * torch.eye(n))


@pytest.mark.parametrize("shape", [(8,), (3, 16), (2, 3, 32)])
def test_the_transform_is_the_product(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = torch.from_numpy(scipy.linalg.hadamard(shape[-1])).double()
    torch.testing.assert_close(walsh_hadamard(x), x @ matrix.T)


@pytest.mark.parametrize(("n", "words"), [(12, "8 or 16"), (0, "1 or 2"), (-4, "1 or 2"), (1000, "512 or 1024")])
def test_other_sizes_are_refused(n, words):
    with pytest.raises(VisaeError, match=f"of {n} rows .* power of two, {words}"):
        hadamard(n)
