"""Hostile text stays text, nothing outside the atlas is requested, and damaged files are named."""

import re
import shutil
from urllib.parse import unquote

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
everywhere = pytest.mark.parametrize("address", ["file", "server"], indirect=True, scope="module")


@everywhere
def test_hostile_names_are_text(open_page):
    page = open_page("run")
    page.locator("summary").click()
    names = page.locator("details td:first-child").all_inner_texts()
    assert any("<img src=x onerror=alert(1)>" in name for name in names)
    assert any("</script>" in name for name in names)
    assert page.locator("main img, main script, main b").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert "<b onmouseover=alert(4)>Ada</b>" in page.inner_text("main")


@everywhere
def test_hostile_names_are_text_beside_images_and_units(open_page):
    page = open_page("run")
    for number in range(6):
        page.evaluate(f"location.hash = 'image/{number}'")
        page.wait_for_selector(f".stage img[src*='{number:05d}']")
        assert page.locator("h1 bdi").count() == 1
        assert page.locator("main script, main b, h1 img").count() == 0
    page.evaluate("location.hash = 'mixed/n/3'")
    page.wait_for_selector("article.unit")
    keys = page.evaluate("visae.load('data/atlas').then(atlas => atlas.images.keys)")
    titles = page.eval_on_selector_all(".example", "all => all.map(e => e.title)")
    assert titles
    assert set(titles) <= set(keys)
    assert page.locator("main script, main b").count() == 0


@everywhere
def test_nothing_outside_can_be_requested(browser, address):
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


def test_missing_and_damaged_files_are_named(browser, small_atlas, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(small_atlas.site, copy)
    next(copy.glob("atlas-*/data/units/00000.js")).unlink()
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri() + "#mixed/n/1")
    page.wait_for_selector("[role=alert]")
    assert "data/units/00000.js is missing" in page.inner_text("main")
    next(copy.glob("atlas-*/data/units/00001.js")).write_text("visae.receive(")
    page.goto((copy / "index.html").as_uri() + "#mixed/f/20")
    page.get_by_text("data/units/00001.js is damaged").wait_for()
    page.goto((copy / "index.html").as_uri() + "#")
    page.wait_for_selector(".grid")
    context.close()


def test_folder_may_have_any_name(browser, small_atlas, tmp_path):
    copy = tmp_path / "50% of & 'all' #1"
    shutil.copytree(small_atlas.site, copy)
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri())
    page.wait_for_selector(".cell")
    assert unquote(page.url).endswith("#1/index.html")
    context.close()
