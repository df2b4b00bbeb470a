"""The circle of curve detectors: dots at their orientation that do not overlap, and both definitions' numbers."""

import math

import pytest
from page_checks import SMALLEST_TEXT, TEXT_INSIDE

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

CENTRES = "dots => dots.map(dot => [+dot.getAttribute('cx'), +dot.getAttribute('cy')])"
BOXES = "all => all.map(e => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; })"
# Turns units into detectors, neurons and features, many of them at the same or close orientations.
CROWD = """orientations => visae.load('data/atlas').then(atlas => {
  atlas.circle.members = [orientations.map((_, at) => at), orientations.map((_, at) => at)];
  orientations.forEach((angle, at) => { atlas.columns.orientation[at] = atlas.columns.orientation[48 + at] = angle; });
  atlas.circle.by_circular_mean = [[1, 360], [12, 76.54]];
  location.hash = 'circle';
})"""
CROWDED = [0, 0, 1, 3, 90, 91, 180, 180, 181, 200, 359.5]


@pytest.fixture(params=[360, 1280])
def crowded(open_page, request):
    page = open_page("run", viewport={"width": request.param, "height": 740})
    page.evaluate(CROWD, CROWDED)
    page.wait_for_selector(".circle-view svg")
    return page


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_close_detectors_do_not_overlap(crowded):
    centres = crowded.eval_on_selector_all(".circle-view svg a circle", CENTRES)
    assert len(centres) == 2 * len(CROWDED)
    assert min(math.dist(a, b) for index, a in enumerate(centres) for b in centres[:index]) >= 8


def test_detectors_are_at_their_orientation(crowded):
    middle = crowded.evaluate("document.querySelector('.circle-view svg').viewBox.baseVal.width / 2")
    centres = crowded.eval_on_selector_all(".circle-view svg a circle", CENTRES)
    angles = [math.degrees(math.atan2(y - middle, x - middle)) % 360 for x, y in centres]
    for angle, expected in zip(angles, sorted(CROWDED) * 2, strict=True):
        assert abs((angle - expected + 180) % 360 - 180) < 0.5


def test_text_is_legible_and_overlaps_nothing(crowded):
    texts = crowded.eval_on_selector_all(".circle-view svg text", BOXES)
    dots = crowded.eval_on_selector_all(".circle-view svg a circle", BOXES)
    assert len(texts) == 8 + 2 + 2  # degrees, gaps, counts
    assert crowded.evaluate(SMALLEST_TEXT) >= 11
    assert crowded.evaluate(TEXT_INSIDE)
    for index, text in enumerate(texts):
        assert not any(overlap(text, box) for box in [*texts[:index], *dots])


def test_focused_detector_is_previewed(crowded):
    crowded.locator(".circle-view svg a").nth(3).focus()
    href = crowded.locator(".circle-view svg a").nth(3).get_attribute("href")
    assert crowded.locator(".preview .thumb").get_attribute("href") == href
    crowded.keyboard.press("Enter")
    crowded.wait_for_selector("article.unit")
    assert crowded.url.endswith(href)


def test_gaps_at_both_estimates_of_orientation(crowded):
    text = crowded.locator(".circle-view svg").text_content()
    assert "11 neurons, largest gap 159.5°" in text
    assert "11 features, largest gap 159.5°" in text
    note = crowded.locator(".circle-plot .note").last.inner_text()
    assert "as in curves.png" in note
    assert note.endswith("1 neuron; 12 features, largest gap 76.5°.")
