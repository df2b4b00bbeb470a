"use strict";
// The way through the page: an address after the # for everything, so that it can be shared, and back works.

{
  const VIEWS = { "": ["All units", "wall"], map: ["Map", "map"], circle: ["Circle", "circle"], run: ["The run", "run"] };
  const RESIZED = 150; // ms in which a window keeps its width
  let units = null;
  let view = null;
  let turn = 0;

  const missing = (words) => ({ title: "Not found", content: visae.html("div", {}, visae.html("h1", {}, "Not found"), visae.html("p", {}, visae.foreign(words)), visae.html("p", {}, visae.html("a", { href: visae.href("") }, "All units"))) });

  const find = async (of, query) => {
    if (of.length === 1 && of[0] === units.layer && !Object.hasOwn(VIEWS, of[0])) of = [""];
    if (of.length === 1 && Object.hasOwn(VIEWS, of[0])) {
      visae.restore(units, of[0], query);
      return { ...visae.parts[VIEWS[of[0]][1]](units), name: of[0] };
    }
    // A layer may be called "image".
    const unit = units.find(of);
    if (unit !== null) return visae.parts.unit(units, unit);
    if (of[0] === "image") return (await visae.parts.image(units, of)) ?? missing(`There is no image ${of[1] ?? ""} in this atlas.`);
    return missing(`This atlas of ${units.layer} has nothing at ${of.join("/")}.`);
  };

  // The address of a view, as it was left.
  visae.href = (name) => `#${name}${visae.query(units, name)}`;

  // Let the links to the views lead to them as they were left, and mark the one that is shown.
  visae.mark = () => {
    const links = document.querySelectorAll("#top nav a");
    Object.keys(VIEWS).forEach((name, place) => {
      links[place].setAttribute("href", visae.href(name));
      if (view.name === name) links[place].setAttribute("aria-current", "page");
      else links[place].removeAttribute("aria-current");
    });
  };

  const show = async () => {
    turn += 1;
    const now = turn;
    const main = document.getElementById("main");
    const { path, query } = visae.address() ?? { path: ["?"], query: "" };
    let next;
    try {
      next = await find(path, query);
    } catch (error) {
      next = { title: "Error", content: visae.html("div", { role: "alert" }, visae.html("h1", {}, "This cannot be shown"), visae.html("p", {}, error.message)) };
    }
    // Somebody who is quick has gone on meanwhile.
    if (now !== turn) return;
    const first = view === null;
    view?.left?.();
    view = next;
    main.replaceChildren(next.content);
    document.title = `${next.title} · visae atlas`;
    visae.mark();
    if (next.shown) next.shown();
    else window.scrollTo(0, 0);
    if (!first) main.focus({ preventScroll: true });
  };

  // Plots are as wide as there was room when they were drawn. The wall has none, and lays itself out.
  const redraw = async () => {
    // Nothing is shown before the data are there.
    if (view === null || view.name === "") return;
    const at = window.scrollY;
    visae.settle();
    await show();
    window.scrollTo(0, at);
  };

  const head = () => {
    const { run } = units.atlas;
    document.getElementById("top").replaceChildren(
      visae.html("p", { class: "brand" }, visae.html("a", { href: "#" }, "visae atlas"), " ", visae.html("span", { class: "of" }, visae.foreign(`${run.network.name} ${units.layer}`))),
      visae.html("nav", { "aria-label": "Views" }, Object.values(VIEWS).map(([words]) => visae.html("a", { href: "#" }, words))));
  };

  const begin = async () => {
    try {
      const atlas = await visae.load("data/atlas");
      if (atlas.schema !== 1) throw new Error(`The data have schema ${atlas.schema}, this page reads schema 1; write the atlas again`);
      atlas.images.places = new Map(atlas.images.indices.map((index, place) => [index, place]));
      for (const name of Object.keys(visae.FIGURES)) if (!(name in atlas.columns)) delete visae.FIGURES[name];
      units = new visae.Units(atlas);
      // Nothing filtered, until an address says otherwise.
      visae.restore(units, "", "");
      head();
      window.addEventListener("hashchange", show);
      // A phone was turned; a keyboard that comes up changes the height alone.
      let width = window.innerWidth;
      let waiting;
      window.addEventListener("resize", () => {
        if (window.innerWidth === width) return;
        width = window.innerWidth;
        clearTimeout(waiting);
        waiting = setTimeout(redraw, RESIZED);
      });
      await show();
    } catch (error) {
      document.getElementById("main").replaceChildren(visae.html("div", { role: "alert" }, visae.html("h1", {}, "This atlas cannot be shown"), visae.html("p", {}, error.message)));
    }
  };

  // An address of its own would be taken for a view.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  history.scrollRestoration = "manual";
  begin();
}
