"""The circle of curve detectors, driven in a browser: what lies where, and that it can be told apart."""

import math

import pytest
from looking import INSIDE, SMALLEST

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

PLACES = "all => all.map(e => [+e.getAttribute('cx'), +e.getAttribute('cy')])"
BOXES = """all => all.map(e => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; })"""
# Makes detectors of neurons and features, at orientations of which many are the same or close.
CROWD = """orientations => visae.load('data/atlas').then(atlas => {
  atlas.circle.members = [orientations.map((_, at) => at), orientations.map((_, at) => at)];
  orientations.forEach((angle, at) => { atlas.columns.orientation[at] = atlas.columns.orientation[48 + at] = angle; });
  atlas.circle.by_circles = [[1, 360], [12, 76.54]];
  location.hash = 'circle';
})"""
CROWDED = [0, 0, 1, 3, 90, 91, 180, 180, 181, 200, 359.5]


@pytest.fixture(params=[360, 1280])
def crowded(open_page, request):
    page = open_page("run", viewport={"width": request.param, "height": 740})
    page.evaluate(CROWD, CROWDED)
    page.wait_for_selector(".circled svg")
    return page


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_detectors_that_are_close_do_not_cover_each_other(crowded):
    places = crowded.eval_on_selector_all(".circled svg a circle", PLACES)
    assert len(places) == 2 * len(CROWDED)
    assert min(math.dist(a, b) for at, a in enumerate(places) for b in places[:at]) >= 8


def test_they_stay_at_their_orientation(crowded):
    middle = crowded.evaluate("document.querySelector('.circled svg').viewBox.baseVal.width / 2")
    places = crowded.eval_on_selector_all(".circled svg a circle", PLACES)
    found = [math.degrees(math.atan2(y - middle, x - middle)) % 360 for x, y in places]
    for angle, expected in zip(found, sorted(CROWDED) * 2, strict=True):
        assert abs((angle - expected + 180) % 360 - 180) < 0.5


def test_texts_can_be_read_and_lie_on_nothing_else(crowded):
    texts = crowded.eval_on_selector_all(".circled svg text", BOXES)
    dots = crowded.eval_on_selector_all(".circled svg a circle", BOXES)
    assert len(texts) == 8 + 2 + 2  # degrees, gaps, counts
    assert crowded.evaluate(SMALLEST) >= 11
    assert crowded.evaluate(INSIDE)
    for at, one in enumerate(texts):
        assert not any(overlap(one, other) for other in [*texts[:at], *dots])


def test_a_detector_is_shown_when_it_is_reached(crowded):
    crowded.locator(".circled svg a").nth(3).focus()
    href = crowded.locator(".circled svg a").nth(3).get_attribute("href")
    assert crowded.locator(".near .thumb").get_attribute("href") == href
    crowded.keyboard.press("Enter")
    crowded.wait_for_selector("article.unit")
    assert crowded.url.endswith(href)


def test_gaps_are_said_under_both_definitions(crowded):
    said = crowded.locator(".circled svg").text_content()
    assert "11 neurons, largest gap 159.5°" in said
    assert "11 features, largest gap 159.5°" in said
    note = crowded.locator(".dialled .note").last.inner_text()
    assert "By circles alone" in note
    assert note.endswith("1 neuron; 12 features, largest gap 76.5°.")
