"use strict";
// Routing: every view has an address after the #, so that it can be shared and the back button works.

{
  const VIEWS = { "": ["All units", "grid"], map: ["Map", "map"], circle: ["Curve detectors", "circle"], run: ["Training run", "run"] };
  const RESIZE_DELAY = 150; // ms without a further change of the window's width
  let units = null;
  let view = null;
  let navigation = 0;

  const notFound = (message) => ({ title: "Not found", content: visae.html("div", {}, visae.html("h1", {}, "Not found"), visae.html("p", {}, visae.isolate(message)), visae.html("p", {}, visae.html("a", { href: visae.href("") }, "All units"))) });

  const resolve = async (path, query) => {
    if (path.length === 1 && path[0] === units.layer && !Object.hasOwn(VIEWS, path[0])) path = [""];
    if (path.length === 1 && Object.hasOwn(VIEWS, path[0])) {
      visae.restore(units, path[0], query);
      return { ...visae.views[VIEWS[path[0]][1]](units), name: path[0] };
    }
    // Units come first, since a layer may be called "image".
    const unit = units.find(path);
    if (unit !== null) return visae.views.unit(units, unit);
    if (path[0] === "image") return (await visae.views.image(units, path)) ?? notFound(`This atlas has no image ${path[1] ?? ""}.`);
    return notFound(`This atlas of ${units.layer} has no page ${path.join("/")}.`);
  };

  // The address of a view with its current state.
  visae.href = (name) => `#${name}${visae.query(units, name)}`;

  // Point the navigation's links to the views in their current state, and mark the current view.
  visae.updateNavigation = () => {
    const links = document.querySelectorAll("#top nav a");
    Object.keys(VIEWS).forEach((name, index) => {
      links[index].setAttribute("href", visae.href(name));
      if (view.name === name) links[index].setAttribute("aria-current", "page");
      else links[index].removeAttribute("aria-current");
    });
  };

  const show = async () => {
    navigation += 1;
    const current = navigation;
    const main = document.getElementById("main");
    const { path, query } = visae.address() ?? { path: ["?"], query: "" };
    let next;
    try {
      next = await resolve(path, query);
    } catch (error) {
      next = { title: "Error", content: visae.html("div", { role: "alert" }, visae.html("h1", {}, "This page cannot be displayed"), visae.html("p", {}, error.message)) };
    }
    // The visitor may have moved on while data were loading.
    if (current !== navigation) return;
    const first = view === null;
    view?.leave?.();
    view = next;
    main.replaceChildren(next.content);
    document.title = `${next.title} · visae atlas`;
    visae.updateNavigation();
    if (next.enter) next.enter();
    else window.scrollTo(0, 0);
    if (!first) main.focus({ preventScroll: true });
  };

  // Redraw plots for the new width. The grid has none, and lays itself out.
  const redraw = async () => {
    // Nothing is displayed until the data have loaded.
    if (view === null || view.name === "") return;
    const top = window.scrollY;
    visae.flushAddress();
    await show();
    window.scrollTo(0, top);
  };

  const header = () => {
    const { run } = units.atlas;
    document.getElementById("top").replaceChildren(
      visae.html("p", { class: "brand" }, visae.html("a", { href: "#" }, "visae atlas"), " ", visae.html("span", { class: "layer-name" }, visae.isolate([run?.network.name, units.layer].filter(Boolean).join(" ")))),
      visae.html("nav", { "aria-label": "Views" }, Object.values(VIEWS).map(([label]) => visae.html("a", { href: "#" }, label))));
  };

  const start = async () => {
    try {
      const atlas = await visae.load("data/atlas");
      if (atlas.schema !== 2) throw new Error(`The data have schema ${atlas.schema}, but this page reads schema 2; write the atlas again`);
      atlas.images.numbers = new Map(atlas.images.indices.map((index, number) => [index, number]));
      for (const name of Object.keys(visae.METRICS)) if (!(name in atlas.columns)) delete visae.METRICS[name];
      units = new visae.Units(atlas);
      // No filters, until an address says otherwise.
      visae.restore(units, "", "");
      header();
      window.addEventListener("hashchange", show);
      // Turning a phone changes the width; an on-screen keyboard changes only the height.
      let width = window.innerWidth;
      let timer;
      window.addEventListener("resize", () => {
        if (window.innerWidth === width) return;
        width = window.innerWidth;
        clearTimeout(timer);
        timer = setTimeout(redraw, RESIZE_DELAY);
      });
      await show();
    } catch (error) {
      document.getElementById("main").replaceChildren(visae.html("div", { role: "alert" }, visae.html("h1", {}, "This atlas cannot be displayed"), visae.html("p", {}, error.message)));
    }
  };

  // Followed as a link, #main would be taken for the address of a view.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  history.scrollRestoration = "manual";
  start();
}
