"""The wall of all units, driven in a browser: sorting, filters, search, the keyboard."""

import pytest
from looking import labels

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_the_wall_has_all_units(open_page):
    page = open_page()
    assert page.title() == "All units · visae atlas"
    assert labels(page) == [f"n {unit}" for unit in range(48)] + [f"f {unit}" for unit in range(24)]
    assert "all 72 units" in page.inner_text(".count")
    first = page.locator(".cell a").first
    assert first.get_attribute("aria-label").startswith("mixed neuron 0")


def test_what_was_drawn_for_a_unit_and_leaves_it_silent_is_faint(open_page):
    page = open_page("?show=features")
    drawn = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.drawn)")
    assert drawn[:48] == [None] * 48  # nothing was drawn for neurons
    assert drawn[48 + 5] is None  # it never fires
    silent = {f"f {unit}" for unit in range(24) if drawn[48 + unit] is not None and drawn[48 + unit] <= 0}
    assert 0 < len(silent) < 23
    faint = page.locator(".cell.faint .name").all_inner_texts()
    assert set(faint) == silent | {"f 5"}
    for cell in page.locator(".cell").all():
        says = "its picture leaves it silent" in cell.locator("a").get_attribute("aria-label")
        assert says == (cell.inner_text().strip() in silent)
    assert f"faint: {len(silent)} stay silent under the picture drawn for them, 1 never fires" in page.inner_text(
        ".count"
    )
    page.get_by_label("silent under its picture").check()
    assert set(labels(page)) == silent
    page.get_by_role("button", name="clear filters").click()
    page.get_by_label("pictures").select_option("examples")
    assert page.locator(".cell.faint .name").all_inner_texts() == ["f 5"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("mixed/f/7", ["f 7"]), ("#mixed/n/1", ["n 1"]), ("f 7", ["f 7"]), ("n1", ["n 1"]), ("f/2", ["f 2"])],
)
def test_a_unit_is_found_by_its_address_and_by_its_short_name(open_page, search, found):
    page = open_page()
    page.get_by_label("search").fill(search)
    assert labels(page) == found


def test_sorting(open_page):
    page = open_page()
    page.get_by_label("show", exact=True).select_option("features")
    page.get_by_label("sort by").select_option("density")
    rising = labels(page)
    assert len(rising) == 24
    assert rising[0] == "f 5"
    page.get_by_role("button", name="smallest first").click()
    assert labels(page)[-1] == "f 5"
    density = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.density)")
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
    selectivity = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.selectivity)")
    known = [of for of in selectivity if of is not None]
    low, high = min(known), max(known)
    assert len(labels(page)) == sum(of >= low + 0.75 * (high - low) - 1e-6 for of in known)


def test_units_without_a_figure_come_last(open_page):
    page = open_page("?sort=orientation")
    orientation = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.orientation)")
    assert 0 < orientation.count(None) < 72
    names = [f"n {unit}" for unit in range(48)] + [f"f {unit}" for unit in range(24)]
    without = {name for name, of in zip(names, orientation, strict=True) if of is None}
    assert set(labels(page)[-len(without) :]) == without
    page.get_by_role("button", name="smallest first").click()
    assert set(labels(page)[-len(without) :]) == without


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("?search=<b>zzz</b>", "No unit matches “<b>zzz</b>”."),
        ("?family=line&only=dead&show=neurons", "No unit matches neurons, line, dead."),
    ],
)
def test_a_wall_with_nothing_on_it_says_so(open_page, view, said):
    page = open_page(f"{view}&sort=density")
    assert labels(page) == []
    assert page.inner_text(".nothing span").strip() == said
    assert page.locator(".nothing b").count() == 0
    page.locator(".nothing").get_by_role("button", name="clear filters").click()
    assert len(labels(page)) == 72
    assert page.locator(".nothing").inner_text() == ""
    assert page.url.endswith("#?sort=density")


def test_a_planted_feature_is_found_by_its_name(open_page):
    page = open_page("?show=features")
    page.get_by_label("search").fill("curve 15 r")
    planted = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.planted)")
    assert labels(page) == [f"f {unit}" for unit in range(24) if (planted[48 + unit] or "").startswith("curve 15 r")]
    assert len(labels(page)) == 1


@pytest.mark.parametrize(
    ("words", "found"), [("7", ["n 7", "f 7"]), ("feature 7", ["f 7"]), ("f/23", ["f 23"]), ("f7", ["f 7"])]
)
def test_search(open_page, words, found):
    page = open_page()
    page.get_by_label("search").fill(words)
    assert labels(page) == found


def test_the_wall_from_the_keyboard(open_page):
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


def test_the_wall_can_be_reached_with_tab_wherever_one_is(open_page):
    page = open_page(viewport={"width": 500, "height": 300})
    reachable = ".cell a[tabindex='0']"
    assert page.locator(reachable).count() == 1
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[href='#mixed/f/23']")
    page.wait_for_timeout(50)
    assert page.locator(reachable).count() == 1
    page.locator("[href='#mixed/f/22']").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".wall")
    page.wait_for_timeout(50)
    assert page.locator(reachable).get_attribute("href") == "#mixed/f/22"


def test_tiles_are_links_in_a_list(open_page):
    page = open_page()
    tile = page.get_by_role("listitem").first
    assert tile.get_attribute("aria-setsize") == "72"
    assert tile.get_by_role("link").get_attribute("href") == "#mixed/n/0"


def test_only_what_is_seen_is_in_the_page(open_page):
    page = open_page(viewport={"width": 500, "height": 300})
    assert 0 < page.locator(".cell").count() < 72
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[href='#mixed/f/23']")
