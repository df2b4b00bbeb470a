import errno

import numpy as np
import pytest

from visae._support.errors import VisaeError
from visae.plots._spooled import spooled


def test_pictures_come_back_in_any_order(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 4), dtype=np.uint8)
    with spooled(tmp_path / "new", (2, 3, 4)) as waiting:
        for number in (4, 0, 2):
            waiting.put(number, pictures[number])
        for number in (0, 2, 4):
            assert np.array_equal(waiting.get(number), pictures[number])
        assert waiting.get(1) is None
        assert waiting.get(9) is None
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_disk_is_told_in_one_line(tmp_path):
    with pytest.raises(VisaeError, match=r"cannot write in .*: No space left"), spooled(tmp_path, (1,)):
        raise OSError(errno.ENOSPC, "No space left on device")
