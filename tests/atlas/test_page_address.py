"""What is sorted, filtered and coloured stands in the address, and comes back with it."""

import re

import pytest
from looking import labels

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SORTED = "?show=features&sort=density&order=falling"
# Longer than it takes until what was typed is written into the address.
QUIET = 400


def fragment(page):
    return page.url.partition("#")[2]


def settle(page):
    page.wait_for_timeout(QUIET)
    return fragment(page)


def test_what_is_chosen_stands_in_the_address(open_page):
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


def test_an_address_restores_what_was_chosen(open_page):
    page = open_page()
    page.get_by_label("search").fill("mixed")
    page.get_by_label("smallest selectivity").fill("11")
    page.get_by_label("largest density").fill("190")
    page.get_by_label("smallest orientation").fill("0")
    page.get_by_label("largest orientation").fill("151")
    page.get_by_label("alive", exact=True).check()
    page.get_by_label("sort by").select_option("peak")
    before, address = labels(page), settle(page)
    assert before
    for again in (page, open_page(address)):
        again.reload()
        again.wait_for_selector("h1")
        assert labels(again) == before
        assert again.get_by_label("search").input_value() == "mixed"
        assert again.get_by_label("smallest selectivity").input_value() == "11"
        assert again.get_by_label("largest density").input_value() == "190"
        assert again.get_by_label("largest orientation").input_value() == "151"
        assert again.get_by_label("alive", exact=True).is_checked()
        assert again.get_by_label("sort by").input_value() == "peak"
        assert settle(again) == address


def test_back_and_forward_undo_and_do_again(open_page):
    page = open_page()
    everything = labels(page)
    page.get_by_label("sort by").select_option("density")
    by_density = labels(page)
    page.get_by_label("dead", exact=True).check()
    assert labels(page) == ["f 5"]
    page.locator(".cell a").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".wall")
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


def test_typing_and_dragging_leave_no_steps_behind(open_page):
    page = open_page()
    before = page.evaluate("history.length")
    page.get_by_label("search").press_sequentially("feature 12", delay=5)
    for value in range(0, 60, 3):
        page.get_by_label("smallest density").fill(str(value))
    assert re.fullmatch(r"\?search=feature\+12&density=[\d.e+-]+\.\.[\d.e+-]+", settle(page))
    assert page.evaluate("history.length") == before


def test_what_was_typed_is_there_when_one_comes_back_at_once(open_page):
    page = open_page()
    page.get_by_label("search").fill("f 7")
    page.locator(".cell a", has_text="f 7").click()
    page.wait_for_selector("article.unit")
    page.go_back()
    page.wait_for_selector(".wall")
    assert fragment(page) == "?search=f+7"
    assert labels(page) == ["f 7"]


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
def test_what_is_not_known_is_passed_over(open_page, view):
    page = open_page(view)
    assert labels(page) == labels(open_page())
    assert page.locator("main img[onerror], main script").count() == 0
    assert page.get_by_role("link", name="All units", exact=True).get_attribute("href") == "#"


def test_what_is_hostile_in_an_address_is_a_text(open_page):
    page = open_page("?search=%3Cimg src=x onerror=alert(1)%3E\"'%26&family=line")
    assert page.get_by_label("search").input_value() == "<img src=x onerror=alert(1)>\"'&"
    assert "<img src=x onerror=alert(1)>" in page.inner_text(".nothing")
    assert page.locator(".nothing img").count() == 0
    href = page.get_by_role("link", name="All units", exact=True).get_attribute("href")
    again = open_page(href.removeprefix("#"))
    assert again.get_by_label("search").input_value() == "<img src=x onerror=alert(1)>\"'&"
    assert len(open_page(f"?search={'a' * 9999}").get_by_label("search").input_value()) == 200


def test_the_layers_name_leads_to_the_wall_too(open_page):
    assert labels(open_page("mixed?show=features")) == [f"f {unit}" for unit in range(24)]


def test_links_lead_to_the_views_as_they_were_left(open_page):
    page = open_page(SORTED)
    order = labels(page)
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(".mapped")
    page.get_by_label("colour by").select_option("density")
    assert fragment(page) == "map?colour=density"
    page.get_by_role("link", name="All units", exact=True).click()
    page.wait_for_selector(".wall")
    assert labels(page) == order
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(".mapped")
    assert page.get_by_label("colour by").input_value() == "density"
    page.reload()
    page.wait_for_selector(".mapped")
    assert page.get_by_label("colour by").input_value() == "density"
    page.get_by_role("link", name="visae atlas").click()
    page.wait_for_selector(".wall")
    assert len(labels(page)) == 72


def test_a_map_of_an_unknown_colour_is_of_families(open_page):
    assert open_page("map?colour=toString").get_by_label("colour by").input_value() == "family"


@pytest.mark.parametrize("layer", ["image", "a/b", "</script><b>", "features.0 %2F#?"])
def test_a_unit_is_found_again_whatever_its_layer_is_called(open_page, layer):
    page = open_page()
    found = page.evaluate(
        """async (name) => {
            const atlas = await visae.load("data/atlas");
            const units = new visae.Units({ ...atlas, layer: { ...atlas.layer, name } });
            location.hash = units.href(51);
            return [units.find(visae.address().path), units.label(51)];
        }""",
        layer,
    )
    assert found == [51, f"{layer}/f/3"]


def test_a_layer_may_be_called_as_the_images_are(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            const { find } = visae.Units.prototype;
            visae.Units.prototype.find = function (parts) { this.layer = "image"; return find.call(this, parts); };
        }"""
    )
    page.evaluate("location.hash = '#image/f/3'")
    page.wait_for_selector("article.unit")
