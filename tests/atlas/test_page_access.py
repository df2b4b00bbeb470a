"""Accessibility of the page: phone widths, both themes, legible plots, keyboards that come up."""

import pytest
from page_checks import FRAME, SMALLEST_TEXT, TEXT_INSIDE

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

PHONE = {"width": 360, "height": 740}
TURNED = {"width": 740, "height": 360}
# Longer than the page waits for a further change of its width.
RESIZED = 400

CONTRAST = """() => {
  const light = (css) => {
    const [r, g, b] = css.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const own = getComputedStyle(e).backgroundColor;
    return own !== 'rgba(0, 0, 0, 0)' || !e.parentElement ? own : behind(e.parentElement);
  };
  const texts = [...document.querySelectorAll('main *, #top *')].filter(e => e instanceof HTMLElement
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
    && e.offsetParent && e.tagName !== 'OPTION');
  return Math.min(...texts.map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


def resize(page, size):
    page.set_viewport_size(size)
    page.wait_for_timeout(RESIZED)


def test_skip_link_leads_to_the_content(open_page):
    page = open_page("circle")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.inner_text("h1") == "Curve detectors"


@pytest.mark.parametrize("view", ["", "mixed/n/3", "map", "circle", "run", "image/0"])
def test_nothing_is_wider_than_a_phone(open_page, view):
    page = open_page(view, viewport=PHONE, has_touch=True, is_mobile=True)
    page.evaluate(FRAME)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "mixed/n/3", "map", "run", "image/0"])
def test_contrast_in_both_themes(open_page, scheme, view):
    page = open_page(view, color_scheme=scheme)
    assert page.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("view", ["mixed/n/3", "mixed/f/3", "map", "map?colour=orientation", "run"])
def test_text_of_plots_is_large_enough_and_inside_at_any_width(open_page, view, width):
    page = open_page(view, viewport={"width": width, "height": 740})
    assert page.locator("svg.plot text").count() >= 3
    assert page.evaluate(SMALLEST_TEXT) >= 11
    assert page.evaluate(TEXT_INSIDE)


def test_plots_are_redrawn_when_a_phone_is_turned(open_page):
    page = open_page("map", viewport=PHONE)

    def widths():
        return page.locator("svg.plot").evaluate_all("plots => plots.map(plot => plot.viewBox.baseVal.width)")

    upright = widths()
    resize(page, TURNED)
    assert widths()[0] > upright[0]
    resize(page, PHONE)
    assert widths() == upright


OVERLAPS = """() => [...document.querySelectorAll("svg.plot")].flatMap((plot) => {
    const boxes = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([first, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        .map(([second]) => `${first} | ${second}`));
})"""


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("view", ["mixed/f/1", "mixed/f/5", "mixed/n/3", "mixed/n/9", "run"])
def test_no_text_of_a_plot_covers_another(open_page, view, width):
    assert open_page(view, viewport={"width": width, "height": 740}).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_value_of_a_negative_bar_does_not_cover_its_label(open_page, width):
    page = open_page(viewport={"width": width, "height": 740})
    page.evaluate(
        """() => {
            const rows = [-0.333, 0.5, -1, 1234, -1234].map((value) => ({ label: "n 1234", value }));
            document.getElementById("main").replaceChildren(visae.bars(rows, "test"));
        }"""
    )
    assert page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("size", [{"width": 360, "height": 300}, TURNED])
def test_search_survives_a_keyboard_and_a_turned_phone(open_page, size):
    page = open_page(viewport=PHONE)
    page.locator("summary").click()
    page.get_by_label("search").press_sequentially("feat")
    resize(page, size)
    page.keyboard.type("ure")
    assert page.get_by_label("search").input_value() == "feature"
    assert "24 of 72 units" in page.inner_text(".count")


def test_position_in_an_image_is_in_the_address_and_survives_a_turned_phone(open_page):
    page = open_page("image/0", viewport=PHONE)
    page.locator(".stage").press("ArrowUp")
    status = page.locator(".position p").inner_text()
    resize(page, TURNED)
    assert page.locator(".position p").inner_text() == status
    row, column = (int(part.split()[-1]) for part in status.split(":")[0].split(","))
    assert page.url.endswith(f"#image/0/{row},{column}")


def test_scroll_position_survives_a_turned_phone(open_page):
    page = open_page("mixed/f/7", viewport=PHONE)
    page.evaluate("window.scrollTo(0, 300)")
    page.evaluate("window.before = document.querySelector('article.unit')")
    resize(page, TURNED)
    assert page.evaluate("document.querySelector('article.unit') !== window.before")
    assert page.evaluate("window.scrollY") == 300
