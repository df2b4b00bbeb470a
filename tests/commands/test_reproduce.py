"""visae reproduce: each result has options of its own."""

import pytest

from visae import cli
from visae.commands import layer_results, toy_results
from visae.papers.superposition_in_curves._setting import FULL, QUICK


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


@pytest.mark.parametrize("result", ["persian-rug", "bag-of-words"])
def test_a_toy_is_run_with_its_setting_and_its_page_shown(tmp_path, capsys, monkeypatch, result):
    name, asked = result.replace("-", "_"), []

    def run(out, setting, *rest):
        asked.append((setting, rest))
        out.mkdir()
        (out / f"{result}.md").write_text("# A page")

    monkeypatch.setattr(toy_results, name, run)
    for number, setting in enumerate(("quick", "full")):
        out = tmp_path / str(number)
        cli.main(["reproduce", result, "--out", str(out), "--setting", setting, "--seed", "5", "--device", "cpu"])
        assert capsys.readouterr().out == f"# A page\npage: {out / result}.md\n"
    settings = toy_results._RUGS if result == "persian-rug" else toy_results._BAGS
    assert [setting for setting, _ in asked] == [settings["quick"], settings["full"]]
    assert all(5 in rest for _, rest in asked)


def test_the_bridge_is_run_with_its_setting_and_its_page_shown(tmp_path, capsys, monkeypatch):
    asked = []

    def run(*given):
        _, layers, _, out, _, setting = given
        asked.append((layers, setting))
        out.mkdir()
        (out / "superposition-in-curves.md").write_text("# A page")

    monkeypatch.setattr(layer_results, "superposition_in_curves", run)
    for given in ([], ["--setting", "full"]):
        out = tmp_path / str(len(given))
        cli.main(["reproduce", "superposition-in-curves", "--out", str(out), "--device", "cpu", *given])
        assert capsys.readouterr().out == f"# A page\npage: {out / 'superposition-in-curves.md'}\n"
    assert asked == [(["mixed"], QUICK), (["mixed"], FULL)]


@pytest.mark.parametrize("result", ["persian-rug", "bag-of-words", "superposition-in-curves"])
def test_a_setting_that_is_not_known_is_told_those_that_are(tmp_path, capsys, result):
    error = refused(capsys, result, "--setting", "quik", "--out", tmp_path / "out")
    assert "quick" in error
    assert "full" in error
    assert not (tmp_path / "out").exists()
