"""The views besides the wall, driven in a browser: a unit, an image, the map; and the addresses of all."""

import re

import pytest
from looking import labels

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_units_page_and_back(open_page):
    page = open_page()
    page.get_by_label("search").fill("feature")
    page.locator(".cell a", has_text="f 7").click()
    page.wait_for_selector("article.unit")
    assert page.url.endswith("#mixed/f/7")
    assert page.inner_text("h1") == "mixed feature 7"
    assert page.locator(".drawn img").count() == 2
    reached = page.evaluate("visae.load('data/units/00000').then(data => data.units[55].drawn[0])")
    says = page.locator(".drawn figcaption").first.inner_text()
    assert ("it stays silent" in says) if reached <= 0 else ("drives it · its value" in says)
    page.get_by_role("link", name="after").click()
    page.wait_for_function("document.title.startsWith('mixed feature 8')")
    page.go_back()
    page.wait_for_function("document.title.startsWith('mixed feature 7')")
    page.go_back()
    page.wait_for_selector(".wall")
    assert len(labels(page)) == 24  # the search is as it was left
    page.go_forward()
    page.wait_for_function("document.title.startsWith('mixed feature 7')")


def test_an_address_can_be_shared(open_page):
    assert open_page("mixed/n/40").inner_text("h1") == "mixed neuron 40"
    page = open_page("mixed/f/5")
    assert page.inner_text("h1") == "mixed feature 5"
    assert "fires in none of the 12 images" in page.inner_text("main")


@pytest.mark.parametrize(
    "view", ["mixed/f/24", "mixed/x/1", "other/f/1", "image/99", "image/x", "%E0%A4%A", "<b>", "toString"]
)
def test_what_is_not_there_is_said(open_page, view):
    page = open_page(view)
    assert page.inner_text("h1") == "Not found"
    page.get_by_role("link", name="All units", exact=True).first.click()
    page.wait_for_selector(".wall")


def test_examples_show_the_whole_image_and_its_map(open_page):
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


def test_an_image_and_its_positions(open_page):
    page = open_page("image/0/10,12")
    assert "Row 10, column 12" in page.inner_text(".told")
    page.locator(".stage").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert "Row 11, column 11" in page.inner_text(".told")
    stage = page.locator(".stage")
    box = stage.bounding_box()
    stage.click(position={"x": box["width"] - 2, "y": 2})
    assert "Row 0, column 23" in page.inner_text(".told")
    button = page.locator("button.layer").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    painted = page.locator("canvas.over").evaluate("c => c.toDataURL()")
    button.click()
    assert page.locator("canvas.over").evaluate("c => c.toDataURL()") != painted


def test_what_an_image_page_says_is_what_fires(open_page):
    page = open_page("image/2/8,9")
    listed = [cell.inner_text() for cell in page.locator(".told table").first.locator("td").all()]
    values = page.evaluate(
        """async () => {
          const found = await visae.load('data/images/00002');
          const bytes = await visae.inflated(found.data);
          const p = found.height * found.width, at = 8 * found.width + 9, k = found.features;
          const scale = found.largest[0] / found.levels;
          return Array.from({length: k}, (_, row) => [256 * bytes[row * p + at] + bytes[(k + row) * p + at],
                                                       bytes[(2 * k + row) * p + at] * scale]);
        }"""
    )
    fires = [(number, value) for number, value in values if value > 0]
    assert listed[::2] == [f"f {number}" for number, _ in fires]
    assert [float(value) for value in listed[1::2]] == pytest.approx([value for _, value in fires], rel=0.01)


@pytest.mark.parametrize("where", ["-5,-3", "1.5,2", "999,0", "x"])
def test_in_the_place_of_a_position_that_is_not_there_is_the_strongest(open_page, where):
    page = open_page(f"image/0/{where}")
    row, column = (int(part.split()[-1]) for part in page.inner_text(".told p").split(":")[0].split(","))
    value = float(page.locator(".told table").first.locator("tbody td").nth(1).inner_text())
    assert (row, column) != (12, 12)
    for other in ("12,12", f"{row - 1},{column}", f"{row},{column + 1}"):
        tables = open_page(f"image/0/{other}").locator(".told table").first.locator("tbody td")
        assert tables.count() == 0 or float(tables.nth(1).inner_text()) <= value


@pytest.mark.parametrize("view", ["map", "circle", "run"])
def test_other_views(open_page, view):
    page = open_page(view)
    assert page.locator("#top a[aria-current]").get_attribute("aria-current") == "page"
    assert page.locator("#top a[aria-current]").get_attribute("href") == f"#{view}"


def test_the_map_can_be_pointed_at_and_walked(open_page):
    page = open_page("map")
    svg = page.locator("svg.plot")
    svg.hover()
    assert page.locator(".near .thumb").count() == 1
    svg.focus()
    seen = set()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown") * 2:
        page.keyboard.press(key)
        seen.add(page.locator(".near .thumb").get_attribute("href"))
    assert len(seen) > 2
    page.get_by_label("colour by").select_option("density")
    svg.focus()
    page.keyboard.press("ArrowRight")
    there = page.locator(".near .thumb").get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_selector("article.unit")
    assert page.url.endswith(there)


def test_the_run_shows_its_log_and_the_frontier_inside_their_frames(open_page):
    page = open_page("run")
    assert page.locator("figure figcaption").all_inner_texts()[0].startswith("TrainingConfig")
    log, frontier = page.locator("svg.plot").all()
    # Losses from 0.69 to 0.78 have round numbers beside them too.
    assert len([text for text in log.locator("text").all_text_contents() if text.startswith("0.")]) >= 2
    titles = frontier.locator("circle title").all_text_contents()
    assert sorted(titles) == ["</script>", "<b>topk", "none"]
    boxes = frontier.evaluate("svg => [...svg.querySelectorAll('circle')].map(one => one.cy.baseVal.value)")
    assert all(0 < y < 270 for y in boxes)
    assert "What explains less than" in page.inner_text(".plots")
