"""A small atlas whose names, labels and texts are hostile, and a browser to look at it."""

import json
import shutil
import threading
from pathlib import Path

import pytest

HOSTILE = (
    '"><img src=x onerror=alert(1)>.png',
    "a\nb'c\".png",
    "</script><script>alert(2)<|script>.png".replace("|", "\u2215"),
    "\u202egnp.exe.png",
    "=HYPERLINK(1).png",
    "javascript:alert(3)&lt;b&gt;.png",
)
TEXT = "<b onmouseover=alert(4)>Ada</b></script>"


@pytest.fixture(scope="session")
def small_atlas(tmp_path_factory):
    """The folder of an atlas of the planted network, of photographs with hostile names."""
    import torch
    from PIL import Image

    import visae
    from visae.atlas import Contents, Pictures, build_atlas
    from visae.atlas._credits import Credit
    from visae.featurevis._album import Album, RenderSettings
    from visae.images import Leaves, open_images

    folder = tmp_path_factory.mktemp("atlas")
    photographs = folder / "photographs"
    (photographs / "</script>").mkdir(parents=True)
    leaves = Leaves(12, 96)
    for place in range(12):
        name = HOSTILE[place] if place < len(HOSTILE) else f"{place}.png"
        where = photographs / ("</script>" if place == 7 else ".") / name
        Image.fromarray(leaves.read(place)[0].permute(1, 2, 0).numpy()).save(where, "png")
    network = visae.network("planted", device="cpu")
    sae = visae.TopK(width=24, k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    images = open_images(photographs, 96, 96)
    sae.decoder.data.copy_(network.truth.directions[:24])
    sae.encoder.data.copy_(sae.decoder)
    sae.encoder.data[5] = 0  # never fires
    sae.about = {"network": "planted", "layer": "mixed", "stopped": TEXT, "figures": {"l0": 2.0}}
    of = visae.units.features(network, "mixed", sae)
    albums = [
        Album(of, folder / "drawn", RenderSettings(steps=8)),
        Album(of, folder / "down", RenderSettings("pre_activation", negative=True, steps=8)),
    ]
    for album in albums:
        album.draw(range(0, 24))
    known = {images.key(0): Credit(TEXT, TEXT, "javascript:alert(5)/" + "a-long-address-without-a-break" * 3)}
    run = folder / "sweep" / "<b>topk"
    run.mkdir(parents=True)
    lines = [{"step": step, "error": 0.78 - step / 1000, "sparsity": 0} for step in range(0, 100, 10)]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    figures = {
        run.name: {"kind": "topk", "l0": 2.0, "explained_variance": 0.9},
        "</script>": {"kind": TEXT * 3, "l0": 4.0, "explained_variance": -7.0},
        "none": {"kind": None, "l0": 1.0, "explained_variance": 0.2},
    }
    (run.parent / "evaluation.json").write_text(json.dumps({"schema": 1, "dictionaries": figures}))
    contents = Contents(top=4, credits=known, dictionary=run)
    out = folder / "site"
    build_atlas(sae, network, images, out, contents, Pictures(None, *albums))
    return out


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium of the system's."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'visae[dev]'")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(Path(found)), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module", params=["file", "server"])
def address(request, small_atlas):
    """Where the small atlas is opened: from the disk, or from the server."""
    # Here, because nothing of the package may be imported before shapes are checked.
    from visae.atlas import server

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
