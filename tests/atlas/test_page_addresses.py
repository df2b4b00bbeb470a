"""The state of a view is in its address and restored from it, on disk and on the server."""

import re

import pytest
from page_checks import labels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
# Changing the address is what a browser treats differently for a page opened from disk.
everywhere = pytest.mark.parametrize("address", ["file", "server"], indirect=True, scope="module")

SORTED = "?show=features&sort=density&order=falling"
# Longer than the page waits until it writes what was typed into the address.
SETTLED = 400


def fragment(page):
    return page.url.partition("#")[2]


def settled_fragment(page):
    page.wait_for_timeout(SETTLED)
    return fragment(page)


@everywhere
def test_choices_are_in_the_address(open_page):
    page = open_page()
    page.get_by_label("show", exact=True).select_option("features")
    page.get_by_label("sort by").select_option("density")
    page.get_by_role("button", name="smallest first").click()
    assert fragment(page) == SORTED
    page.get_by_label("curve", exact=True).check()
    page.get_by_label("line", exact=True).check()
    page.get_by_label("alive", exact=True).check()
    page.get_by_label("pictures").select_option("examples")
    assert fragment(page) == (
        "?show=features&family=curve,line&only=alive&sort=density&order=falling&pictures=examples"
    )


@everywhere
def test_address_restores_choices(open_page):
    page = open_page()
    page.get_by_label("search").fill("mixed")
    page.get_by_label("smallest selectivity").fill("11")
    page.get_by_label("largest density").fill("190")
    page.get_by_label("smallest orientation").fill("0")
    page.get_by_label("largest orientation").fill("151")
    page.get_by_label("alive", exact=True).check()
    page.get_by_label("sort by").select_option("peak")
    before, address = labels(page), settled_fragment(page)
    assert before
    for restored in (page, open_page(address)):
        restored.reload()
        restored.wait_for_selector("h1")
        assert labels(restored) == before
        assert restored.get_by_label("search").input_value() == "mixed"
        assert restored.get_by_label("smallest selectivity").input_value() == "11"
        assert restored.get_by_label("largest density").input_value() == "190"
        assert restored.get_by_label("largest orientation").input_value() == "151"
        assert restored.get_by_label("alive", exact=True).is_checked()
        assert restored.get_by_label("sort by").input_value() == "peak"
        assert settled_fragment(restored) == address


@everywhere
def test_back_and_forward_undo_and_redo(open_page):
    page = open_page()
    everything = labels(page)
    page.get_by_label("sort by").select_option("density")
    by_density = labels(page)
    page.get_by_label("dead", exact=True).check()
    assert labels(page) == ["f 5"]
    page.locator(".cell a").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".grid")
    assert labels(page) == ["f 5"]
    page.go_back()
    page.wait_for_selector("[aria-posinset='9']")
    assert labels(page) == by_density
    assert page.get_by_label("sort by").input_value() == "density"
    page.go_back()
    page.wait_for_function("document.querySelector('[aria-label=\"sort by\"]').value === 'number'")
    assert labels(page) == everything
    page.go_forward()
    page.wait_for_function("document.querySelector('[aria-label=\"sort by\"]').value === 'density'")
    assert labels(page) == by_density


@everywhere
def test_typing_and_dragging_add_no_history(open_page):
    page = open_page()
    before = page.evaluate("history.length")
    page.get_by_label("search").press_sequentially("feature 12", delay=5)
    for value in range(0, 60, 3):
        page.get_by_label("smallest density").fill(str(value))
    assert re.fullmatch(r"\?search=feature\+12&density=[\d.e+-]+\.\.[\d.e+-]+", settled_fragment(page))
    assert page.evaluate("history.length") == before


@everywhere
def test_search_survives_leaving_at_once(open_page):
    page = open_page()
    page.get_by_label("search").fill("f 7")
    page.locator(".cell a", has_text="f 7").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".grid")
    assert fragment(page) == "?search=f+7"
    assert labels(page) == ["f 7"]


@everywhere
def test_links_lead_to_views_in_their_last_state(open_page):
    page = open_page(SORTED)
    order = labels(page)
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(".map-view")
    page.get_by_label("colour by").select_option("density")
    assert fragment(page) == "map?colour=density"
    page.get_by_role("link", name="All units", exact=True).click()
    page.wait_for_selector(".grid")
    assert labels(page) == order
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(".map-view")
    assert page.get_by_label("colour by").input_value() == "density"
    page.reload()
    page.wait_for_selector(".map-view")
    assert page.get_by_label("colour by").input_value() == "density"
    page.get_by_role("link", name="visae atlas").click()
    page.wait_for_selector(".grid")
    assert len(labels(page)) == 72


ALL = [f"n {unit}" for unit in range(48)] + [f"f {unit}" for unit in range(24)]


@pytest.mark.parametrize(
    "view",
    [
        "?sort=toString&order=up&show=all&family=cat,&only=undead&pictures=no&colour=red&what=ever",
        "?sort=__proto__&density=1..0&peak=x..y&share=..&selectivity=0.1&orientation=1..2..3",
        "?density=NaN..Infinity&family=%E0%A4%A&sort=%",
        "?sort=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&density=<script>..</script>",
        "?constructor=1&hasOwnProperty=2&show=",
        "?",
        "mixed",
    ],
)
def test_unknown_parts_are_ignored(open_page, view):
    page = open_page(view)
    assert labels(page) == ALL
    assert page.locator("main img[onerror], main script").count() == 0
    assert page.get_by_role("link", name="All units", exact=True).get_attribute("href") == "#"


def test_hostile_search_is_text(open_page):
    page = open_page("?search=%3Cimg src=x onerror=alert(1)%3E\"'%26&family=line")
    assert page.get_by_label("search").input_value() == "<img src=x onerror=alert(1)>\"'&"
    assert "<img src=x onerror=alert(1)>" in page.inner_text(".no-match")
    assert page.locator(".no-match img").count() == 0
    href = page.get_by_role("link", name="All units", exact=True).get_attribute("href")
    open_page(href.removeprefix("#"), page)
    assert page.get_by_label("search").input_value() == "<img src=x onerror=alert(1)>\"'&"
    open_page(f"?search={'a' * 9999}", page)
    assert len(page.get_by_label("search").input_value()) == 200


def test_name_of_the_layer_leads_to_the_grid(open_page):
    assert labels(open_page("mixed?show=features")) == [f"f {unit}" for unit in range(24)]


def test_map_with_an_unknown_colour_shows_families(open_page):
    assert open_page("map?colour=toString").get_by_label("colour by").input_value() == "family"


@pytest.mark.parametrize("layer", ["image", "a/b", "</script><b>", "features.0 %2F#?"])
def test_units_are_found_whatever_the_layer_is_called(open_page, layer):
    page = open_page()
    result = page.evaluate(
        """async (name) => {
            const atlas = await visae.load("data/atlas");
            const units = new visae.Units({ ...atlas, layer: { ...atlas.layer, name } });
            location.hash = units.href(51);
            return [units.find(visae.address().path), units.label(51)];
        }""",
        layer,
    )
    assert result == [51, f"{layer}/f/3"]


def test_layer_may_be_called_image(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            const { find } = visae.Units.prototype;
            visae.Units.prototype.find = function (path) { this.layer = "image"; return find.call(this, path); };
        }"""
    )
    page.evaluate("location.hash = '#image/f/3'")
    page.wait_for_selector("article.unit")
