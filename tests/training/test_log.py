import json

import pytest

from visae._support.errors import VisaeError
from visae.training._checkpoint import LOG, Log


def lines(folder):
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_every_line_is_json(tmp_path):
    log = Log(tmp_path / "run", 0)
    log.write(step=0, error=0.1, rows_since_fired=3)
    log.write(step=100, error=1 / 3, rows_since_fired=0)
    assert lines(tmp_path / "run") == [
        {"step": 0, "error": 0.1, "rows_since_fired": 3},
        {"step": 100, "error": 1 / 3, "rows_since_fired": 0},
    ]


KEPT = [
    (0, []),
    (1, [0]),
    (100, [0]),
    (101, [0, 100]),
    (500, [0, 100, 200]),
]


@pytest.mark.parametrize(("step", "kept"), KEPT)
@pytest.mark.parametrize("torn", ["", '{"step": 20', "\n", "[1]\n", "5", "null\n", '{"st'])
def test_lines_of_steps_that_come_again_and_torn_ones_are_dropped(tmp_path, step, kept, torn):
    log = Log(tmp_path, 0)
    for number in (0, 100, 200):
        log.write(step=number, error=0.5)
    with log.path.open("a") as file:
        file.write(torn)
    again = Log(tmp_path, step)
    assert [line["step"] for line in lines(tmp_path)] == kept
    again.write(step=step, error=0.25)
    assert lines(tmp_path)[-1] == {"step": step, "error": 0.25}


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    log = Log(tmp_path / "run", 0)
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(VisaeError, match=r"cannot write .*log\.jsonl: Is a directory"):
        log.write(step=0)
