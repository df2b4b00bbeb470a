"""Writing an atlas of 480 neurons and 768 features, and browsing it: seconds, megabytes, frames a second.

    OMP_NUM_THREADS=2 python benchmarks/atlas.py write --dictionary runs/mixed3b/dictionary --images DIR --out SITE
    python benchmarks/atlas.py browse SITE   # needs Chromium and playwright
    python benchmarks/atlas.py browse SITE --features 16384

write:  without rendering: smooth noise of the default size replaces the visualisations. It takes as long to lay out
        and, judging by those of mixed3b_5x5, as much space, 2.4 KB each.
browse: from disk, at 1280 x 800. First view: from the navigation to the first screen of the grid, thumbnails decoded.
        Scrolling: 60 px a frame over the grid, frames a second, alternating with an empty page of the same height in
        the same browser, which shows what the machine can do. Sorting, filtering, search: from the change to the next
        frame. Memory: of JavaScript, after that and after opening the pages of 50 units. With --features, on a copy
        whose features are repeated to that number, without opening pages.
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
from visae.atlas import AtlasConfig, Visualisations, build_atlas
from visae.featurevis import Album, RenderSettings, save_png
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
        size = album.window.picture_size
        picture = F.interpolate(torch.rand(1, 3, 16, 16, generator=draws), (size, size), mode="bicubic")[0]
        save_png(picture, album.file(number), {})
    return album


def write(options: argparse.Namespace) -> None:
    sae = load(options.dictionary)
    network = visae.network(sae.about["network"], options.weights, "cpu")
    images = evenly_spaced(open_images(options.images), options.count)
    layer = sae.about["layer"]
    layer_neurons, sae_features = neurons(network, layer), features(network, layer, sae)
    with tempfile.TemporaryDirectory() as folder:
        albums = [
            placeholders(Album(units, Path(folder) / str(index), RenderSettings()))
            for index, units in enumerate((layer_neurons, sae_features, sae_features))
        ]
        config = AtlasConfig(dictionary=options.dictionary)
        started = time.perf_counter()
        build_atlas(sae, network, images, options.out, config, Visualisations(*albums))
        seconds = time.perf_counter() - started
    print(f"{machine()}; {len(layer_neurons)} neurons, {len(sae_features)} features, {len(images):,} images\n")
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


def with_features(site: Path, count: int, out: Path) -> Path:
    """Copy an atlas and repeat its features until there are `count`; only the first have pages."""
    shutil.copytree(site, out)
    path = next(out.glob("atlas-*/data/atlas.js"))
    head, _, rest = path.read_text().partition(",")
    atlas = json.loads(rest[:-3])
    first, own = atlas["counts"]
    atlas["counts"][1] = count
    for name, column in atlas["columns"].items():
        atlas["columns"][name] = column[:first] + [column[first + index % own] for index in range(count)]
    path.write_text(f"{head},{json.dumps(atlas)});\n")
    sheets = sorted(path.parent.parent.glob("thumbnails/*-0000.webp"))
    for sheet in sheets:
        for number in range((first + count) // atlas["thumbnails"]["across"] ** 2 + 1):
            copy = sheet.with_name(sheet.name.replace("0000", f"{number:04d}"))
            if not copy.exists():
                shutil.copy(sheet, copy)
    return out


def scroll(pages: dict[str, Any]) -> dict[str, list[float]]:
    """Return the milliseconds of each frame while pages are scrolled in turn."""
    frames: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(ROUNDS):
        for name, page in pages.items():
            page.bring_to_front()
            frames[name] += page.evaluate(FRAMES)
    return frames


def browse(options: argparse.Namespace) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        site, count = options.site, options.features
        if count:
            site = with_features(site, count, Path(folder) / "copy")
        executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        size = f"{count:,} features" if count else "own features"
        print(f"{machine()}; Chromium {browser.version}, {size}\n\n| measure | value |\n| --- | --- |")
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
        for name, frames in scroll({"the grid": page, "an empty page": empty}).items():
            mean, worst = 1000 / statistics.mean(frames), sorted(frames)[int(0.95 * len(frames))]
            print(f"| scrolling {name} | {mean:.0f} frames a second, 95 % within {worst:.0f} ms |")
        page.bring_to_front()
        for name, change in CHANGES.items():
            script, frame = page.evaluate(CHANGE, list(change))
            print(f"| {name} | {script:.0f} ms of script, {frame:.0f} ms to the next frame |")
        if not count:
            for unit in range(50):
                page.goto(f"{(site / 'index.html').absolute().as_uri()}#{options.layer}/f/{unit * 15}")
                page.wait_for_selector("article.unit")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
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
    browses = commands.add_parser("browse")
    browses.add_argument("site", type=Path)
    browses.add_argument("--layer", default="mixed3b")
    browses.add_argument("--features", type=int)
    browses.set_defaults(run=browse)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
