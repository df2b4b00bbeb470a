"""What is hostile stays text, nothing outside the folder is asked for, and damaged files are named."""

import re
import shutil
from urllib.parse import unquote

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


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
    copy = tmp_path / "50% of & 'all' #1"
    shutil.copytree(small_atlas, copy)
    context = browser.new_context()
    page = context.new_page()
    page.goto((copy / "index.html").as_uri())
    page.wait_for_selector(".cell")
    assert unquote(page.url).endswith("#1/index.html")
    context.close()
