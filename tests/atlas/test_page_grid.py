"""The grid of all units: sorting, filters, search, the keyboard."""

import json
import shutil

import pytest
from page_checks import FRAME, labels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

NEURONS = [f"n {unit}" for unit in range(48)]
FEATURES = [f"f {unit}" for unit in range(24)]


def column(page, name):
    """A column of the atlas's data."""
    return page.evaluate("name => visae.load('data/atlas').then(atlas => atlas.columns[name])", name)


def test_grid_has_all_units(open_page):
    page = open_page()
    assert page.title() == "All units · visae atlas"
    assert labels(page) == NEURONS + FEATURES
    assert "All 72 units" in page.inner_text(".count")
    assert page.locator(".cell a").first.get_attribute("aria-label").startswith("mixed neuron 0")


def test_grid_shows_the_verdict_on_the_dictionary(open_page):
    page = open_page()
    verdict = page.evaluate("visae.load('data/atlas').then(atlas => atlas.run.verdict)")
    assert verdict.startswith("not a good dictionary: <b ")
    assert page.inner_text(".verdict") == f"Verdict: {verdict}"
    page.locator(".verdict").get_by_role("link").click()
    page.wait_for_selector(".run")


@pytest.mark.parametrize("run", [{"network": {"name": "planted"}}, None], ids=["earlier version", "no run"])
def test_grid_of_an_atlas_without_a_verdict(browser, small_atlas, tmp_path, run):
    copy = shutil.copytree(small_atlas.site, tmp_path / "copy")
    data = next(copy.glob("atlas-*/data/atlas.js"))
    data.write_text(data.read_text().replace('"run":', f'"run":{json.dumps(run)},"full_run":', 1))
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri())
    page.wait_for_selector(".cell")
    assert page.locator(".verdict").count() == 0
    context.close()


def test_units_that_are_silent_on_their_visualisation_are_faded(open_page):
    page = open_page("?show=features")
    rendered = column(page, "rendered")
    assert rendered[:48] == [None] * 48  # nothing was rendered for neurons
    assert rendered[48 + 5] is None  # it never fires
    silent = {f"f {unit}" for unit in range(24) if rendered[48 + unit] is not None and rendered[48 + unit] <= 0}
    assert 0 < len(silent) < 23
    assert set(page.locator(".cell.faint .name").all_inner_texts()) == silent | {"f 5"}
    cells = page.eval_on_selector_all(
        ".cell", "all => all.map(e => [e.innerText.trim(), e.querySelector('a').getAttribute('aria-label')])"
    )
    for name, description in cells:
        assert ("silent on its visualisation" in description) == (name in silent)
    assert f"Faded: {len(silent)} do not fire on their own visualisation, 1 never fires" in page.inner_text(".count")
    page.get_by_role("checkbox", name="silent on its visualisation").check()
    assert set(labels(page)) == silent
    page.get_by_role("button", name="clear filters").click()
    page.get_by_label("pictures").select_option("examples")
    assert page.locator(".cell.faint .name").all_inner_texts() == ["f 5"]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("mixed/f/7", ["f 7"]),
        ("#mixed/n/1", ["n 1"]),
        ("f 7", ["f 7"]),
        ("n1", ["n 1"]),
        ("f/2", ["f 2"]),
        ("7", ["n 7", "f 7"]),
        ("feature 7", ["f 7"]),
        ("f/23", ["f 23"]),
        ("f7", ["f 7"]),
    ],
)
def test_search_by_address_and_short_name(open_page, search, names):
    page = open_page()
    page.get_by_label("search").fill(search)
    assert labels(page) == names


def test_sorting(open_page):
    page = open_page()
    page.get_by_label("show", exact=True).select_option("features")
    page.get_by_label("sort by").select_option("density")
    rising = labels(page)
    assert len(rising) == 24
    assert rising[0] == "f 5"
    page.get_by_role("button", name="smallest first").click()
    assert labels(page)[-1] == "f 5"
    density = column(page, "density")
    expected = sorted(range(24), key=lambda unit: (-density[48 + unit], unit))
    assert labels(page) == [f"f {unit}" for unit in expected]


def test_filters(open_page):
    page = open_page()
    page.get_by_label("dead", exact=True).check()
    assert labels(page) == ["f 5"]
    page.get_by_role("button", name="clear filters").click()
    assert len(labels(page)) == 72
    page.get_by_label("line", exact=True).check()
    lines = labels(page)
    families = page.evaluate("visae.load('data/atlas').then(a => a.columns.family.map(f => a.families[f]))")
    assert len(lines) == families.count("line") > 0
    page.get_by_role("button", name="clear filters").click()
    page.get_by_label("smallest selectivity").fill("150")
    known = [value for value in column(page, "selectivity") if value is not None]
    low, high = min(known), max(known)
    assert len(labels(page)) == sum(value >= low + 0.75 * (high - low) - 1e-6 for value in known)


def test_units_without_a_value_come_last(open_page):
    page = open_page("?sort=orientation")
    orientation = column(page, "orientation")
    assert 0 < orientation.count(None) < 72
    without = {name for name, value in zip(NEURONS + FEATURES, orientation, strict=True) if value is None}
    assert set(labels(page)[-len(without) :]) == without
    page.get_by_role("button", name="smallest first").click()
    assert set(labels(page)[-len(without) :]) == without


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("?search=<b>zzz</b>", "No unit matches “<b>zzz</b>”."),
        ("?family=line&only=dead&show=neurons", "No unit matches neurons, line, dead."),
    ],
)
def test_empty_grid_names_the_filters(open_page, view, message):
    page = open_page(f"{view}&sort=density")
    assert labels(page) == []
    assert page.inner_text(".no-match span").strip() == message
    assert page.locator(".no-match b").count() == 0
    page.locator(".no-match").get_by_role("button", name="clear filters").click()
    assert len(labels(page)) == 72
    assert page.locator(".no-match").inner_text() == ""
    assert page.url.endswith("#?sort=density")


def test_planted_features_are_found_by_name(open_page):
    page = open_page("?show=features")
    page.get_by_label("search").fill("curve 15 r")
    planted = column(page, "planted")
    assert labels(page) == [
        name for name, truth in zip(FEATURES, planted[48:], strict=True) if (truth or "").startswith("curve 15 r")
    ]
    assert len(labels(page)) == 1


def test_keyboard(open_page):
    page = open_page()
    page.locator(".cell a").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#mixed/n/1"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#mixed/f/23"
    page.keyboard.press("Enter")
    page.wait_for_selector("article.unit")
    assert page.inner_text("h1") == "mixed feature 23"
    assert page.evaluate("document.activeElement.id") == "main"


def test_grid_can_be_reached_with_tab_from_any_scroll_position(open_page):
    page = open_page(viewport={"width": 500, "height": 300})
    reachable = ".cell a[tabindex='0']"
    assert page.locator(reachable).count() == 1
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[href='#mixed/f/23']")
    page.evaluate(FRAME)
    assert page.locator(reachable).count() == 1
    page.locator("[href='#mixed/f/22']").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".grid")
    page.evaluate(FRAME)
    assert page.locator(reachable).get_attribute("href") == "#mixed/f/22"


def test_cells_are_links_in_a_list(open_page):
    page = open_page()
    cell = page.get_by_role("listitem").first
    assert cell.get_attribute("aria-setsize") == "72"
    assert cell.get_by_role("link").get_attribute("href") == "#mixed/n/0"


def test_only_visible_rows_are_in_the_page(open_page):
    page = open_page(viewport={"width": 500, "height": 300})
    assert 0 < page.locator(".cell").count() < 72
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[href='#mixed/f/23']")
