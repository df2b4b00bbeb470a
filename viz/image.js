"use strict";
// One image: which units fire where, and at a position which, how strongly, and what is reconstructed of it.

{
  const LISTED = 24;

  // The bytes of an image's data, by plane: see image_pages.py.
  const unpacked = async (found) => {
    const bytes = await visae.inflated(found.data);
    const positions = found.height * found.width;
    let at = 0;
    const plane = (rows) => { const part = bytes.subarray(at, at + rows * positions); at += rows * positions; return part; };
    const of = (rows) => ({ rows, high: plane(rows), low: plane(rows), values: plane(rows) });
    const features = of(found.features);
    const neurons = of(found.neurons);
    return { ...found, positions, kinds: [{ ...neurons, largest: found.largest[1] }, { ...features, largest: found.largest[0] }], rebuilt: plane(found.neurons), missed: plane(1) };
  };

  // The units of a kind at a position, the strongest first: number, value, and which row it is in.
  const strongest = (data, kind, position) => {
    const of = data.kinds[kind];
    return Array.from({ length: of.rows }, (_, row) => row * data.positions + position)
      .filter((at) => of.values[at] > 0)
      .map((at) => ({ number: 256 * of.high[at] + of.low[at], value: (of.values[at] / data.levels) * of.largest, at }));
  };

  // The map of one unit, 0..1, from where it is among the strongest.
  const mapOf = (data, kind, number) => {
    const of = data.kinds[kind];
    const map = new Float32Array(data.positions);
    for (let at = 0; at < of.values.length; at += 1) if (256 * of.high[at] + of.low[at] === number) map[at % data.positions] = of.values[at] / data.levels;
    return map;
  };

  // Units by the sum of their values over the image.
  const ranked = (data, kind) => {
    const of = data.kinds[kind];
    const sums = new Map();
    for (let at = 0; at < of.values.length; at += 1) {
      if (of.values[at] > 0) { const number = 256 * of.high[at] + of.low[at]; sums.set(number, (sums.get(number) ?? 0) + of.values[at]); }
    }
    return [...sums].sort((a, b) => b[1] - a[1]).slice(0, LISTED).map(([number]) => number);
  };

  // Where the strongest feature of all positions fires.
  const strongestAt = (data) => {
    const { values } = data.kinds[1];
    let best = (data.height >> 1) * data.width + (data.width >> 1);
    for (let at = 0; at < data.positions; at += 1) if (values[at] > values[best]) best = at;
    return [Math.floor(best / data.width), best % data.width];
  };

  const paint = (canvas, data, map) => {
    const most = Math.max(...map, 1e-6);
    const pixels = new ImageData(data.width, data.height);
    map.forEach((value, at) => pixels.data.set([...visae.plasma(value / most), 215 * (value / most)], 4 * at));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };

  visae.parts.image = async (units, parts) => {
    const { atlas } = units;
    const place = Number(parts[1]);
    if (!/^\d+$/.test(parts[1] ?? "") || place >= atlas.images.keys.length) return null;
    const data = await unpacked(await visae.load(visae.dataFile("images", place)));
    visae.forget("data/images/", 4);
    const key = atlas.images.keys[place];
    const canvas = visae.html("canvas", { class: "over", width: data.width, height: data.height, style: visae.spread(atlas) });
    const where = visae.html("span", { class: "where" });
    const stage = visae.html("div", { class: "stage", tabindex: 0, role: "application", "aria-label": "The image. Arrow keys move the position whose units are listed." }, visae.html("img", { src: visae.photo(place), alt: key }), canvas, where);
    const said = visae.html("p", { role: "status" });
    const tables = visae.html("div", {});
    const told = visae.html("div", { class: "told" }, said, tables);
    const [row, column] = (parts[2] ?? "").split(",").map(Number);
    const inside = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
    let position = inside(row, data.height) && inside(column, data.width) ? [row, column] : strongestAt(data);

    const link = (kind, number) => { const unit = units.of(kind, number); return visae.html("a", { href: units.href(unit) }, units.short(unit)); };
    const tell = () => {
      const at = position[0] * data.width + position[1];
      Object.assign(where.style, visae.over(atlas, visae.seen(atlas, ...position)));
      const features = strongest(data, 1, at);
      const neurons = strongest(data, 0, at);
      const again = neurons.map(({ at: index }) => (data.rebuilt[index] / data.levels) * data.kinds[0].largest);
      const nowhere = neurons.length === 0 && features.length === 0;
      said.textContent = nowhere ? `Row ${position[0]}, column ${position[1]}: no unit fires here.` : `Row ${position[0]}, column ${position[1]}: ${data.missed[at] === data.levels ? "nothing" : visae.percent(1 - data.missed[at] / data.levels)} of the activation is reconstructed (1 − |x − x̂|² / |x|²). ${features.length} features listed.`;
      tables.replaceChildren(
        visae.table("Strongest features here", ["feature", "value"], features.map(({ number, value }) => [link(1, number), visae.number(value)]), features.map(({ number, value }) => [units.label(units.of(1, number)), value])),
        visae.table("Strongest neurons here", ["neuron", "value", "reconstructed"], neurons.map(({ number, value }, index) => [link(0, number), visae.number(value), visae.number(again[index])]), neurons.map(({ number, value }, index) => [units.label(units.of(0, number)), value, again[index]])));
    };
    const go = (to) => {
      position = to;
      visae.amend(`#image/${place}/${position.join(",")}`);
      tell();
    };
    const pick = (event) => {
      const box = canvas.getBoundingClientRect();
      const within = (at, from, size, count) => Math.min(Math.max(Math.floor(((at - from) / size) * count), 0), count - 1);
      go([within(event.clientY, box.top, box.height, data.height), within(event.clientX, box.left, box.width, data.width)]);
    };
    const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    stage.addEventListener("click", pick);
    stage.addEventListener("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      go(position.map((value, axis) => Math.min(Math.max(value + keys[event.key][axis], 0), [data.height, data.width][axis] - 1)));
    });

    let pressed = null;
    const over = (button, map) => {
      pressed?.setAttribute("aria-pressed", "false");
      pressed = pressed === button ? null : button;
      pressed?.setAttribute("aria-pressed", "true");
      paint(canvas, data, pressed ? map() : new Float32Array(data.positions));
    };
    const button = (words, map, unit) => {
      const made = visae.html("button", { type: "button", class: "layer", "aria-pressed": "false", onclick: () => over(made, map) }, unit !== undefined && visae.html("span", { class: "face small" }), words);
      if (unit !== undefined) visae.tile(made.firstChild, units, unit, visae.isDrawn(units, unit) ? "drawn" : "examples");
      return made;
    };
    const list = (kind) => visae.html("div", { class: "layers" }, ranked(data, kind).map((number) => { const unit = units.of(kind, number); return button(units.short(unit), () => mapOf(data, kind, number), unit); }));
    const missed = button("what is not reconstructed", () => Float32Array.from(data.missed, (value) => value / data.levels));
    const [author, licence, origin] = atlas.images.credits.rows[atlas.images.credits.of[place]];
    const next = (by, words) => place + by >= 0 && place + by < atlas.images.keys.length && visae.html("a", { class: "step", href: `#image/${place + by}` }, words);
    tell();
    stage.style.maxWidth = `${Math.max(2 * atlas.images.size, 448)}px`;
    const content = visae.html("article", { class: "image" },
      visae.html("nav", { "aria-label": "Images before and after" }, next(-1, "‹ before"), visae.html("a", { class: "step", href: visae.href("") }, "all units"), next(1, "after ›")),
      visae.html("h1", {}, visae.foreign(key)),
      visae.html("p", { class: "note credit" }, author || licence || origin ? [visae.foreign([author, licence].filter(Boolean).join(", ")), origin && [" · ", visae.foreign(origin)]] : atlas.images.name.startsWith("leaves:") ? "Dead leaves, generated." : "Whose photograph it is has not been said."),
      visae.html("div", { class: "looked" }, visae.html("div", {}, stage, visae.html("p", { class: "note" }, `Click a position for what fires there; choose a unit for where it fires. Of each position the ${data.neurons} strongest neurons and ${data.features} strongest features are kept, in ${data.levels} steps of the image's largest value.`)), told),
      visae.html("h2", {}, "Where they fire"), missed, visae.html("h3", {}, "features, by the sum of what is kept of them"), list(1), visae.html("h3", {}, "neurons"), list(0));
    return { title: key, content };
  };
}
