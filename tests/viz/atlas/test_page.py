"""The page, driven in a browser: from the disk, and from the server."""

import csv
import io
import re
import threading
from urllib.parse import unquote

import pytest

from visae.viz.atlas import server

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module", params=["file", "server"])
def address(request, small_atlas):
    if request.param == "file":
        yield (small_atlas / "index.html").as_uri()
        return
    with server(small_atlas) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture
def open_page(browser, address):
    """Opens a view; afterwards it is certain that nothing was complained of, and that nothing was asked for outside."""
    contexts, wrong, asked = [], [], []

    def opened(view="", **settings):
        context = browser.new_context(accept_downloads=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}#{view}")
        page.wait_for_selector("h1")
        return page

    yield opened
    for context in contexts:
        context.close()
    base = address.removesuffix("index.html")
    assert wrong == []
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []


def labels(page):
    """What stands below the tiles of the wall, in the order in which they are seen."""
    page.wait_for_timeout(50)
    found = page.eval_on_selector_all(
        ".cell", "tiles => tiles.map(t => [t.offsetTop, t.offsetLeft, t.querySelector('.name').textContent])"
    )
    return [name for _, _, name in sorted(found)]


def downloaded(page, click):
    with page.expect_download() as waiting:
        click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_the_wall_has_all_units(open_page):
    page = open_page()
    assert page.title() == "All units · visae atlas"
    assert labels(page) == [f"n {unit}" for unit in range(48)] + [f"f {unit}" for unit in range(24)]
    assert "all 72 units" in page.inner_text(".count")
    first = page.locator(".cell a").first
    assert first.get_attribute("aria-label").startswith("mixed neuron 0")


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
    page.get_by_role("button", name="show all again").click()
    assert len(labels(page)) == 72
    page.get_by_label("line", exact=True).check()
    lines = labels(page)
    families = page.evaluate("visae.load('data/atlas').then(a => a.columns.family.map(f => a.families[f]))")
    assert len(lines) == families.count("line") > 0
    page.get_by_role("button", name="show all again").click()
    page.get_by_label("smallest selectivity").fill("150")
    selectivity = page.evaluate("visae.load('data/atlas').then(atlas => atlas.columns.selectivity)")
    low, high = min(selectivity), max(selectivity)
    assert len(labels(page)) == sum(of >= low + 0.75 * (high - low) - 1e-6 for of in selectivity)


@pytest.mark.parametrize(("words", "found"), [("7", ["n 7", "f 7"]), ("feature 7", ["f 7"]), ("f/23", ["f 23"])])
def test_search(open_page, words, found):
    page = open_page()
    page.get_by_label("search").fill(words)
    assert labels(page) == found


def test_a_units_page_and_back(open_page):
    page = open_page()
    page.get_by_label("search").fill("feature")
    page.locator(".cell a", has_text="f 7").click()
    page.wait_for_selector("article.unit")
    assert page.url.endswith("#mixed/f/7")
    assert page.inner_text("h1") == "mixed feature 7"
    assert page.locator(".drawn img").count() == 2
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
def test_a_position_that_is_not_there_is_the_middle(open_page, where):
    assert "Row 12, column 12" in open_page(f"image/0/{where}").inner_text(".told")


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


def test_plots_are_saved_as_svg_and_png(open_page):
    page = open_page("mixed/n/3")
    name, data = downloaded(page, page.get_by_role("button", name="Save Tuning to circles as SVG").click)
    assert name == "Tuning-to-circles.svg"
    assert data.startswith(b"<svg")
    assert b"currentColor" in data
    assert b'color="#1a1a1a"' in data
    name, data = downloaded(page, page.get_by_role("button", name="Save Tuning to circles as PNG").click)
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 720


def test_tables_are_saved_as_csv(open_page):
    page = open_page()
    name, data = downloaded(page, page.get_by_role("button", name="Save the table of these units as CSV").click)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert name == "mixed-units.csv"
    assert len(rows) == 72
    assert rows[53]["unit"] == "mixed/f/5"
    assert float(rows[53]["density"]) == 0


def test_names_that_look_like_formulas_are_saved_as_texts(open_page):
    page = open_page("run")
    page.locator("summary").click()
    _, data = downloaded(page, page.get_by_role("button", name="Save Images as CSV").click)
    names = [row["image"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))]
    assert "'=HYPERLINK(1).png" in names
    assert "a\nb'c\".png" in names


def test_hostile_names_are_texts(open_page):
    page = open_page("run")
    page.locator("summary").click()
    shown = page.locator("details td:first-child").all_inner_texts()
    assert any("<img src=x onerror=alert(1)>" in name for name in shown)
    assert any("</script>" in name for name in shown)
    assert page.locator("main img, main script, main b").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert "<b onmouseover=alert(4)>Ada</b>" in page.inner_text("main")
    for place in range(6):
        there = open_page(f"image/{place}")
        assert there.locator("h1 bdi").count() == 1
        assert there.locator("main script, main b, h1 img").count() == 0
    there = open_page("mixed/n/3")
    keys = there.evaluate("visae.load('data/atlas').then(atlas => atlas.images.keys)")
    titles = there.eval_on_selector_all(".example", "all => all.map(e => e.title)")
    assert titles
    assert set(titles) <= set(keys)
    assert there.locator("main script, main b").count() == 0


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


def test_the_skip_link_leads_to_the_content(open_page):
    page = open_page("circle")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.inner_text("h1") == "Circle of curve detectors"


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


# The least contrast (WCAG 2) of a text with what is behind it; SVG aside, whose texts are of the page's own colour.
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


def test_nothing_outside_can_be_asked_for(browser, address):
    context = browser.new_context()
    page = context.new_page()
    sent = []
    context.route(re.compile("^https?://(?!127)"), lambda route: (sent.append(route.request.url), route.abort()))
    page.goto(address)
    page.wait_for_selector("h1")
    page.evaluate(
        """() => {
          new Image().src = 'https://outside.example/a.png';
          const script = document.createElement('script');
          script.src = 'https://outside.example/b.js';
          document.head.append(script);
          fetch('https://outside.example/c').catch(() => 0);
          const link = document.createElement('link');
          Object.assign(link, { rel: 'stylesheet', href: 'https://outside.example/d.css' });
          document.head.append(link);
        }"""
    )
    page.wait_for_timeout(300)
    assert sent == []
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.ran = true';
          document.head.append(script);
          document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = true">');
        }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None
    context.close()


def test_a_file_that_is_missing_is_named(browser, small_atlas, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(small_atlas, copy)
    next(copy.glob("atlas-*/data/units/00000.js")).unlink()
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri() + "#mixed/n/1")
    page.wait_for_selector("[role=alert]")
    assert "data/units/00000.js is missing" in page.inner_text("main")
    next(copy.glob("atlas-*/data/units/00001.js")).write_text("visae.take(")
    page.goto((copy / "index.html").as_uri() + "#mixed/f/20")
    page.get_by_text("data/units/00001.js is damaged").wait_for()
    page.goto((copy / "index.html").as_uri() + "#")
    page.wait_for_selector(".wall")
    context.close()


def test_the_folder_may_have_any_name(browser, small_atlas, tmp_path):
    import shutil

    copy = tmp_path / "50% of & 'all' #1"
    shutil.copytree(small_atlas, copy)
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri())
    page.wait_for_selector(".cell")
    assert unquote(page.url).endswith("#1/index.html")
    context.close()
