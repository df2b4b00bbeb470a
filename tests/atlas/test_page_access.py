"""Whether everyone can read the page: at phone width, in either theme, past the head."""

import pytest
from looking import INSIDE, SMALLEST

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


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


def test_the_skip_link_leads_to_the_content(open_page):
    page = open_page("circle")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.inner_text("h1") == "Circle of curve detectors"


@pytest.mark.parametrize("view", ["", "mixed/n/3", "map", "circle", "run", "image/0"])
def test_nothing_is_wider_than_a_phone(open_page, view):
    page = open_page(view, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "mixed/n/3", "map", "run", "image/0"])
def test_texts_can_be_read_in_either_theme(open_page, scheme, view):
    page = open_page(view, color_scheme=scheme)
    assert page.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("view", ["mixed/n/3", "mixed/f/3", "map", "map?colour=orientation", "run"])
def test_texts_of_plots_are_large_enough_and_lie_inside_at_any_width(open_page, view, width):
    page = open_page(view, viewport={"width": width, "height": 740})
    assert page.locator("svg.plot text").count() >= 3
    assert page.evaluate(SMALLEST) >= 11
    assert page.evaluate(INSIDE)


def test_plots_are_drawn_again_when_a_phone_is_turned(open_page):
    page = open_page("map", viewport={"width": 360, "height": 740})

    def widths():
        return page.locator("svg.plot").evaluate_all("all => all.map(one => one.viewBox.baseVal.width)")

    upright = widths()
    page.set_viewport_size({"width": 740, "height": 360})
    page.wait_for_timeout(500)
    assert widths()[0] > upright[0]
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(500)
    assert widths() == upright


OVERLAPS = """() => [...document.querySelectorAll("svg.plot")].flatMap((plot) => {
    const boxes = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
        .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        .map(([other]) => `${one} | ${other}`));
})"""


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("view", ["mixed/f/1", "mixed/f/5", "mixed/n/3", "mixed/n/9", "run"])
def test_no_text_of_a_plot_covers_another(open_page, view, width):
    assert open_page(view, viewport={"width": width, "height": 740}).evaluate(OVERLAPS) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_value_of_a_bar_to_the_left_is_beside_its_label(open_page, width):
    page = open_page(viewport={"width": width, "height": 740})
    page.evaluate(
        """() => {
            const rows = [-0.333, 0.5, -1, 1234, -1234].map((value) => ({ label: "n 1234", value }));
            document.getElementById("main").replaceChildren(visae.bars(rows, "made"));
        }"""
    )
    assert page.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("size", [{"width": 360, "height": 300}, {"width": 740, "height": 360}])
def test_a_search_goes_on_when_a_keyboard_comes_up_and_when_a_phone_is_turned(open_page, size):
    page = open_page(viewport={"width": 360, "height": 740})
    page.locator("summary").click()
    page.get_by_label("search").press_sequentially("feat")
    page.set_viewport_size(size)
    page.wait_for_timeout(300)
    page.keyboard.type("ure")
    assert page.get_by_label("search").input_value() == "feature"
    assert "24 of 72 units" in page.inner_text(".count")


def test_the_position_of_an_image_is_in_the_address_and_kept_when_a_phone_is_turned(open_page):
    page = open_page("image/0", viewport={"width": 360, "height": 740})
    page.locator(".stage").press("ArrowUp")
    said = page.locator(".told p").inner_text()
    page.set_viewport_size({"width": 740, "height": 360})
    page.wait_for_timeout(500)
    assert page.locator(".told p").inner_text() == said
    row, column = (int(part.split()[-1]) for part in said.split(":")[0].split(","))
    assert page.url.endswith(f"#image/0/{row},{column}")


def test_where_one_was_is_kept_when_a_phone_is_turned(open_page):
    page = open_page("mixed/f/7", viewport={"width": 360, "height": 740})
    page.evaluate("window.scrollTo(0, 300)")
    page.evaluate("window.before = document.querySelector('article.unit')")
    page.set_viewport_size({"width": 740, "height": 360})
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('article.unit') !== window.before")
    assert page.evaluate("window.scrollY") == 300
