"""Plots and tables saved from the page."""

import csv
import io

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def download(page, button):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_plots_are_saved_as_svg_and_png(open_page):
    page = open_page("mixed/n/3")
    name, data = download(page, "Save Tuning to circles as SVG")
    assert name == "Tuning-to-circles.svg"
    assert data.startswith(b"<svg")
    assert b"currentColor" in data
    assert b'color="#1a1a1a"' in data
    name, data = download(page, "Save Tuning to circles as PNG")
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 720


def test_tables_are_saved_as_csv(open_page):
    name, data = download(open_page(), "Save the table of these units as CSV")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert name == "mixed-units.csv"
    assert len(rows) == 72
    assert rows[53]["unit"] == "mixed/f/5"
    assert float(rows[53]["density"]) == 0


def test_names_that_look_like_formulas_are_saved_as_text(open_page):
    page = open_page("run")
    page.locator("summary").click()
    _, data = download(page, "Save Images as CSV")
    names = [row["image"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))]
    assert "'=HYPERLINK(1).png" in names
    assert "a\nb'c\".png" in names
