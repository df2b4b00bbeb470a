"""A small atlas whose file names, labels and texts are hostile, and a browser to open it."""

import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

import visae
from visae.atlas import AtlasConfig, Credit, Visualisations, build_atlas, server
from visae.featurevis import Album, RenderSettings
from visae.images import Images, Leaves, open_images
from visae.sae import load, save
from visae.units import Units, features, neurons

HOSTILE = (
    '"><img src=x onerror=alert(1)>.png',
    "a\nb'c\".png",
    "</script><script>alert(2)<|script>.png".replace("|", "\u2215"),
    "\u202egnp.exe.png",
    "=HYPERLINK(1).png",
    "javascript:alert(3)&lt;b&gt;.png",
)
TEXT = "<b onmouseover=alert(4)>Ada</b></script>"
DEAD = 5  # a feature that never fires


@dataclass(frozen=True)
class SmallAtlas:
    """site: its folder.  version: the folder of its data.  units: neurons, then features."""

    site: Path
    version: Path
    images: Images
    units: list[Units]


@pytest.fixture(scope="session")
def small_atlas(shared):
    """An atlas of the planted network, of photographs with hostile names; made once for all workers."""
    folder = shared("small_atlas", _make_small_atlas)
    network, sae = visae.network("planted", device="cpu"), load(folder / "sae.safetensors")
    units = [neurons(network, "mixed"), features(network, "mixed", sae)]
    site = folder / "site"
    return SmallAtlas(site, next(site.glob("atlas-*")), open_images(folder / "photographs", 96, 96), units)


def _make_small_atlas(folder):
    network = visae.network("planted", device="cpu")
    images = _hostile_photographs(folder / "photographs")
    sae = visae.TopK(width=24, k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    sae.decoder.data.copy_(network.truth.directions[:24])
    sae.encoder.data.copy_(sae.decoder)
    sae.encoder.data[DEAD] = 0
    sae.about = {"network": "planted", "layer": "mixed", "stopped": TEXT, "metrics": {"l0": 2.0}}
    save(sae, folder / "sae.safetensors")
    units = features(network, "mixed", sae)
    albums = [
        Album(units, folder / "maximised", RenderSettings(steps=8)),
        Album(units, folder / "minimised", RenderSettings("pre_activation", negative=True, steps=2)),
    ]
    for album in albums:
        album.render(range(24))
    credits = {images.key(0): Credit(TEXT, TEXT, "javascript:alert(5)/" + "a-long-address-without-a-break" * 3)}
    config = AtlasConfig(top=4, credits=credits, dictionary=_hostile_run(folder / "sweep" / "<b>topk"))
    build_atlas(sae, network, images, folder / "site", config, Visualisations(None, *albums))


def _hostile_photographs(folder):
    (folder / "</script>").mkdir(parents=True)
    leaves = Leaves(12, 96)
    for index in range(12):
        name = HOSTILE[index] if index < len(HOSTILE) else f"{index}.png"
        parent = folder / ("</script>" if index == 7 else ".")
        Image.fromarray(leaves.read(index)[0].permute(1, 2, 0).numpy()).save(parent / name, "png")
    return open_images(folder, 96, 96)


def _hostile_run(folder):
    """Write a training log, and the evaluation of a sweep beside it."""
    folder.mkdir(parents=True)
    lines = [{"step": step, "error": 0.78 - step / 1000, "sparsity": 0} for step in range(0, 100, 10)]
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    dictionaries = {
        folder.name: {"kind": "topk", "l0": 2.0, "explained_variance": 0.9},
        "</script>": {"kind": TEXT * 3, "l0": 4.0, "explained_variance": -7.0},
        "none": {"kind": None, "l0": 1.0, "explained_variance": 0.2},
    }
    (folder.parent / "evaluation.json").write_text(json.dumps({"schema": 3, "dictionaries": dictionaries}))
    return folder


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, headless; one for all tests of a worker."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'visae[dev]'")
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def address(request, small_atlas):
    """Where the small atlas is opened: on disk, or, if a test's parameter says so, on the server."""
    if getattr(request, "param", "file") == "file":
        yield (small_atlas.site / "index.html").as_uri()
        return
    with server(small_atlas.site) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


class Pages:
    """Pages of the browser, kept from one test to the next, since to open one takes longer than to load the atlas.

    complaints: what the page logged, raised, or failed to load.  requests: addresses that it requested.
    """

    def __init__(self, browser):
        self.browser, self.pages, self.in_use = browser, {}, {}
        self.complaints, self.requests = [], []

    def get(self, settings):
        """Return a page that this test has not opened yet."""
        key = repr(sorted(settings.items()))
        pages, used = self.pages.setdefault(key, []), self.in_use.get(key, 0)
        if used == len(pages):
            pages.append(self._new(settings))
        self.in_use[key] = used + 1
        page = pages[used]
        page.set_viewport_size(settings.get("viewport", {"width": 1280, "height": 720}))
        page.mouse.move(0, 0)
        return page

    def reset(self):
        self.in_use.clear()
        self.complaints.clear()
        self.requests.clear()

    def close(self):
        for pages in self.pages.values():
            for page in pages:
                page.context.close()

    def _new(self, settings):
        page = self.browser.new_context(accept_downloads=True, **settings).new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("requestfailed", lambda request: self.complaints.append(request.url))
        page.on("request", lambda request: self.requests.append(request.url))
        return page


@pytest.fixture(scope="session")
def pages(browser):
    kept = Pages(browser)
    yield kept
    kept.close()


@pytest.fixture
def open_page(pages, address):
    """Open a view; afterwards check that the page complained of nothing and requested nothing outside the atlas."""
    pages.reset()

    def opened(view="", page=None, **settings):
        page = page or pages.get(settings)
        # A change of what follows the # alone would not load the page again.
        page.goto("about:blank")
        page.goto(f"{address}#{view}")
        page.wait_for_selector("h1")
        return page

    yield opened
    base = address.removesuffix("index.html")
    assert pages.complaints == []
    assert [url for url in pages.requests if not url.startswith((base, "data:", "blob:", "about:"))] == []
