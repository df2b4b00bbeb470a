"""visae reproduce: each result has options of its own."""

import pytest

from visae import cli, papers


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", *map(str, arguments)])
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "result", ["missing-curves", "polysemantic", "persian-rug", "bag-of-words", "superposition-in-curves"]
)
def test_help_of_each_result_teaches(capsys, result):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", result, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert f"visae reproduce {result}" in shown
    assert "--out" in shown
    assert "Example:" in shown


def test_options_of_another_result_are_not_known(tmp_path, capsys):
    assert "--network" in refused(capsys, "persian-rug", "--network", "planted", "--out", tmp_path)
    assert "--examples" in refused(capsys, "missing-curves", "--examples", "x", "--out", tmp_path)
    assert "persian-rug" in refused(capsys, "persian-carpet", "--out", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "book.txt"), (b"", "empty"), (b"one two three", "20"), (b"\xff\xfe\x00", "UTF-8")]
)
def test_a_text_that_cannot_be_is_one_line(tmp_path, capsys, content, words):
    book = tmp_path / "book.txt"
    if content is not None:
        book.write_bytes(content)
    error = refused(capsys, "bag-of-words", "--text", book, "--out", tmp_path / "out")
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_out_that_is_a_file_and_a_device_that_is_not_there(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert "is a file; name a folder" in refused(capsys, "persian-rug", "--out", tmp_path / "file")
    assert "cupola" in refused(capsys, "persian-rug", "--device", "cupola", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("result", "paper", "position"),
    [
        ("persian-rug", papers.persian_rug, 1),
        ("bag-of-words", papers.bag_of_words, 1),
        ("superposition-in-curves", papers.superposition_in_curves, 5),
    ],
)
@pytest.mark.parametrize("setting", ["quick", "full"])
def test_a_paper_gets_its_settings_and_its_page_is_shown(
    tmp_path, capsys, monkeypatch, result, paper, position, setting
):
    calls = []

    def reproduce(*arguments):
        calls.append(arguments)
        (out / f"{result}.md").write_text("# A page")

    monkeypatch.setattr(paper, "reproduce", reproduce)
    out = tmp_path / "out"
    out.mkdir()
    cli.main(["reproduce", result, "--out", str(out), "--setting", setting, "--seed", "5", "--device", "cpu"])
    assert capsys.readouterr().out == f"# A page\npage: {out / result}.md\n"
    [arguments] = calls
    assert arguments[position] is paper.SETTINGS[setting]
    assert out in arguments
    if position == 1:
        assert 5 in arguments
    else:
        assert arguments[1] == ["mixed"]
        assert arguments[4].positions.seed == 5


@pytest.mark.parametrize("result", ["persian-rug", "bag-of-words", "superposition-in-curves"])
def test_a_setting_that_is_not_known_is_told_those_that_are(tmp_path, capsys, result):
    error = refused(capsys, result, "--setting", "quik", "--out", tmp_path / "out")
    assert "quick" in error
    assert "full" in error
    assert not (tmp_path / "out").exists()
