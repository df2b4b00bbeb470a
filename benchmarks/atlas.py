"""An atlas of 480 neurons and 768 features: seconds to write it, megabytes, and how it feels in a browser.

    OMP_NUM_THREADS=2 python benchmarks/atlas.py write --dictionary runs/mixed3b/dictionary --images DIR --out SITE
    python benchmarks/atlas.py look SITE   # Chromium and playwright are needed
    python benchmarks/atlas.py look SITE --wide 16384

write:  after drawing; smooth noise of the usual size stands for drawn pictures, which take as long to lay out and, by
        those of mixed3b_5x5, 2.4 KB each.
look:   from the disk, 1280 x 800. First view: from the navigation to the first screen of the wall with its pictures
        decoded. Scrolling: 60 px a frame over the wall, frames a second, and beside it those of an empty page as high,
        by turns in the same browser: what the machine can do. Memory: of JavaScript, after that and after the pages of
        50 units. With --wide, of a copy of which the features are repeated to so many: seconds from
        a change of a filter to the next frame.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from machine import machine

import visae
from visae.atlas import Contents, Pictures, build_atlas
from visae.featurevis import save_png
from visae.featurevis._album import Album, RenderSettings
from visae.images import evenly_spaced, open_images
from visae.sae import load
from visae.units import features, neurons

FRAMES = """async () => {
  const times = [];
  const end = document.body.scrollHeight - innerHeight;
  let last = performance.now();
  for (let at = 0; at < 240; at += 1) {
    scrollTo(0, (at % 120) * Math.min(end / 120, 60));
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times.slice(2);
}"""
CHANGES = {
    "sort by density": ("[aria-label='sort by']", "density", "change"),
    "filter by selectivity": ("[aria-label='smallest selectivity']", "100", "input"),
    "search": ("[type=search]", "curve", "input"),
}
CHANGE = """async ([selector, value, event]) => {
  const control = document.querySelector(selector);
  control.value = value;
  const started = performance.now();
  control.dispatchEvent(new Event(event));
  const busy = performance.now() - started;
  await new Promise(requestAnimationFrame);
  return [busy, performance.now() - started];
}"""
ROUNDS = 5
EMPTY = "data:text/html,<body style='margin:0'><div style='height:{}px'></div>"
DECODED = """() => Promise.all([...new Set([...document.querySelectorAll('.cell .face')]
  .map(face => face.style.backgroundImage.slice(5, -2)))]
  .map(url => { const image = new Image(); image.src = url; return image.decode(); }))"""


def placeholders(album: Album) -> Album:
    draws = torch.Generator().manual_seed(0)
    for number in range(len(album.units)):
        size = album.window.picture
        picture = F.interpolate(torch.rand(1, 3, 16, 16, generator=draws), (size, size), mode="bicubic")[0]
        save_png(picture, album.file(number), {})
    return album


def write(options: argparse.Namespace) -> None:
    sae = load(options.dictionary)
    network = visae.network(sae.about["network"], options.weights, "cpu")
    images = evenly_spaced(open_images(options.images), options.count)
    layer = sae.about["layer"]
    of, channels = features(network, layer, sae), neurons(network, layer)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        albums = [
            placeholders(Album(units, place / str(index), RenderSettings()))
            for index, units in enumerate((channels, of, of))
        ]
        started = time.perf_counter()
        build_atlas(sae, network, images, options.out, Contents(dictionary=options.dictionary), Pictures(*albums))
        seconds = time.perf_counter() - started
    print(f"{machine()}; {len(channels)} neurons, {len(of)} features, {len(images):,} images\n")
    print(f"| written in | {seconds:.0f} s |\n| --- | --- |")
    sizes: dict[str, int] = {}
    for path in options.out.rglob("*"):
        if path.is_file():
            part = path.relative_to(options.out).parts
            name = "/".join(part[1:-1]) or "page"
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    print(f"| all | {sum(sizes.values()) / 1e6:.1f} MB |")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"| {name} | {size / 1e6:.1f} MB |")


def widened(site: Path, count: int, out: Path) -> Path:
    """A copy of an atlas whose features are repeated until there are so many; their pages are those of the first."""
    shutil.copytree(site, out)
    path = next(out.glob("atlas-*/data/atlas.js"))
    head, _, rest = path.read_text().partition(",")
    atlas = json.loads(rest[:-3])
    first, own = atlas["counts"]
    atlas["counts"][1] = count
    for name, column in atlas["columns"].items():
        atlas["columns"][name] = column[:first] + [column[first + place % own] for place in range(count)]
    path.write_text(f"{head},{json.dumps(atlas)});\n")
    sheets = sorted(path.parent.parent.glob("walls/*-0000.webp"))
    for sheet in sheets:
        for number in range((first + count) // atlas["wall"]["across"] ** 2 + 1):
            other = sheet.with_name(sheet.name.replace("0000", f"{number:04d}"))
            if not other.exists():
                shutil.copy(sheet, other)
    return out


def scrolled(pages: dict[str, Any]) -> dict[str, list[float]]:
    """Milliseconds of the frames of pages that are scrolled by turns."""
    frames: dict[str, list[float]] = {words: [] for words in pages}
    for _ in range(ROUNDS):
        for words, page in pages.items():
            page.bring_to_front()
            frames[words] += page.evaluate(FRAMES)
    return frames


def look(options: argparse.Namespace) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        site = widened(options.site, options.wide, Path(folder) / "wide") if options.wide else options.site
        executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        features = f"{options.wide:,} features" if options.wide else "as it is"
        print(f"{machine()}; Chromium {browser.version}, {features}\n\n| what | found |\n| --- | --- |")
        first = []
        for _ in range(5):
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            started = time.perf_counter()
            page.goto((site / "index.html").absolute().as_uri())
            page.wait_for_selector(".cell")
            page.evaluate(DECODED)
            first.append(time.perf_counter() - started)
        print(f"| first view | {statistics.median(first):.2f} s |")
        empty = page.context.new_page()
        empty.goto(EMPTY.format(page.evaluate("document.body.scrollHeight")))
        for words, of in scrolled({"the wall": page, "an empty page": empty}).items():
            mean, worst = 1000 / statistics.mean(of), sorted(of)[int(0.95 * len(of))]
            print(f"| scrolling {words} | {mean:.0f} frames a second, 95 % within {worst:.0f} ms |")
        page.bring_to_front()
        for words, change in CHANGES.items():
            seconds = page.evaluate(CHANGE, list(change))
            print(f"| {words} | {seconds[0]:.0f} ms of script, {seconds[1]:.0f} ms to the next frame |")
        if not options.wide:
            for unit in range(50):
                page.goto(f"{(site / 'index.html').absolute().as_uri()}#{options.layer}/f/{unit * 15}")
                page.wait_for_selector("article.unit")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = {of["name"]: of["value"] for of in session.send("Performance.getMetrics")["metrics"]}
        print(f"| memory of JavaScript | {metrics['JSHeapUsedSize'] / 1e6:.0f} MB |")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    writes = commands.add_parser("write")
    writes.add_argument("--dictionary", type=Path, required=True)
    writes.add_argument("--images", required=True)
    writes.add_argument("--weights", type=Path)
    writes.add_argument("--count", type=int, default=1024)
    writes.add_argument("--out", type=Path, required=True)
    writes.set_defaults(run=write)
    looks = commands.add_parser("look")
    looks.add_argument("site", type=Path)
    looks.add_argument("--layer", default="mixed3b")
    looks.add_argument("--wide", type=int)
    looks.set_defaults(run=look)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
