"""The views beside the grid: units, images, the map, the training run."""

import re

import pytest
from page_checks import labels

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_unit_page_and_back(open_page):
    page = open_page()
    page.get_by_label("search").fill("feature")
    page.locator(".cell a", has_text="f 7").click()
    page.wait_for_selector("article.unit")
    assert page.url.endswith("#mixed/f/7")
    assert page.inner_text("h1") == "mixed feature 7"
    assert page.locator(".visualisation img").count() == 2
    activation = page.evaluate("visae.load('data/units/00000').then(data => data.units[55].rendered[0])")
    caption = page.locator(".visualisation figcaption").first.inner_text()
    assert ("stays silent" if activation <= 0 else "What drives this unit") in caption
    page.get_by_role("link", name="next").click()
    page.wait_for_function("document.title.startsWith('mixed feature 8')")
    page.go_back()
    page.wait_for_function("document.title.startsWith('mixed feature 7')")
    page.go_back()
    page.wait_for_selector(".grid")
    assert len(labels(page)) == 24  # the search is as it was left
    page.go_forward()
    page.wait_for_function("document.title.startsWith('mixed feature 7')")


def test_unit_addresses(open_page):
    page = open_page("mixed/n/40")
    assert page.inner_text("h1") == "mixed neuron 40"
    open_page("mixed/f/5", page)
    assert page.inner_text("h1") == "mixed feature 5"
    assert "none of the 12 images" in page.inner_text("main")


@pytest.mark.parametrize(
    "view", ["mixed/f/24", "mixed/x/1", "other/f/1", "image/99", "image/x", "%E0%A4%A", "<b>", "toString"]
)
def test_unknown_address(open_page, view):
    page = open_page(view)
    assert page.inner_text("h1") == "Not found"
    page.get_by_role("link", name="All units", exact=True).first.click()
    page.wait_for_selector(".grid")


def test_examples_show_the_whole_image_and_its_heat_map(open_page):
    page = open_page("mixed/n/3")
    example = page.locator(".example").first
    assert example.locator(".whole").is_hidden()
    example.hover()
    assert example.locator(".whole").is_visible()
    sheet = example.locator(".heat").evaluate("e => e.style.backgroundImage")
    assert re.search(r"data/units/00000\.png", sheet)
    image = example.locator(".crop img")
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") == 96
    example.click()
    page.wait_for_selector("article.image")


def test_image_and_its_positions(open_page):
    page = open_page("image/0/10,12")
    assert "Row 10, column 12" in page.inner_text(".position")
    page.locator(".stage").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert "Row 11, column 11" in page.inner_text(".position")
    stage = page.locator(".stage")
    box = stage.bounding_box()
    stage.click(position={"x": box["width"] - 2, "y": 2})
    assert "Row 0, column 23" in page.inner_text(".position")
    button = page.locator("button.layer").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    painted = page.locator("canvas.over").evaluate("c => c.toDataURL()")
    button.click()
    assert page.locator("canvas.over").evaluate("c => c.toDataURL()") != painted


def test_image_page_lists_what_fires(open_page):
    page = open_page("image/2/8,9")
    listed = [cell.inner_text() for cell in page.locator(".position table").first.locator("td").all()]
    values = page.evaluate(
        """async () => {
          const image = await visae.load('data/images/00002');
          const bytes = await visae.inflate(image.data);
          const p = image.height * image.width, at = 8 * image.width + 9, k = image.features;
          const scale = image.largest[0] / image.levels;
          return Array.from({length: k}, (_, row) => [256 * bytes[row * p + at] + bytes[(k + row) * p + at],
                                                       bytes[(2 * k + row) * p + at] * scale]);
        }"""
    )
    fires = [(number, value) for number, value in values if value > 0]
    assert listed[::2] == [f"f {number}" for number, _ in fires]
    assert [float(value) for value in listed[1::2]] == pytest.approx([value for _, value in fires], rel=0.01)


def test_invalid_position_shows_the_strongest(open_page):
    page = open_page()

    def strongest_at(position):
        open_page(f"image/0/{position}", page)
        row, column = (int(part.split()[-1]) for part in page.inner_text(".position p").split(":")[0].split(","))
        cells = page.locator(".position table").first.locator("tbody td")
        return (row, column), float(cells.nth(1).inner_text()) if cells.count() else 0.0

    (row, column), value = strongest_at("x")
    assert (row, column) != (12, 12)
    for position in ("-5,-3", "1.5,2", "999,0"):
        assert strongest_at(position) == ((row, column), value)
    for position in ((12, 12), (row - 1, column), (row, column + 1)):
        at, there = strongest_at(f"{position[0]},{position[1]}")
        assert at == position
        assert there <= value


@pytest.mark.parametrize("view", ["map", "circle", "run"])
@pytest.mark.parametrize("address", ["file", "server"], indirect=True, scope="module")
def test_current_view_is_marked(open_page, view):
    page = open_page(view)
    assert page.locator("#top a[aria-current]").get_attribute("aria-current") == "page"
    assert page.locator("#top a[aria-current]").get_attribute("href") == f"#{view}"


def test_map_by_pointer_and_keyboard(open_page):
    page = open_page("map")
    svg = page.locator("svg.plot")
    svg.hover()
    assert page.locator(".preview .thumb").count() == 1
    svg.focus()
    visited = set()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown") * 2:
        page.keyboard.press(key)
        visited.add(page.locator(".preview .thumb").get_attribute("href"))
    assert len(visited) > 2
    page.get_by_label("colour by").select_option("density")
    svg.focus()
    page.keyboard.press("ArrowRight")
    href = page.locator(".preview .thumb").get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_selector("article.unit")
    assert page.url.endswith(href)


def test_run_shows_its_log_and_the_frontier_inside_their_frames(open_page):
    page = open_page("run")
    assert page.locator("figure figcaption").all_inner_texts()[0].startswith("Training loss")
    log, frontier = page.locator("svg.plot").all()
    # Losses from 0.69 to 0.78 have round numbers on their axis too.
    assert len([text for text in log.locator("text").all_text_contents() if text.startswith("0.")]) >= 2
    titles = frontier.locator("circle title").all_text_contents()
    assert sorted(titles) == ["</script>", "<b>topk", "none"]
    heights = frontier.evaluate("svg => [...svg.querySelectorAll('circle')].map(dot => dot.cy.baseVal.value)")
    assert all(0 < y < 270 for y in heights)
    assert "Values below" in page.inner_text(".plots")
