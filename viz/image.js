"use strict";
// The page of one image: which units fire where, how strongly, and how well each position is reconstructed.

{
  const LISTED = 24; // units of each kind

  // Split an image's data into byte planes: see _image_page.py.
  const unpack = async (page) => {
    const bytes = await visae.inflate(page.data);
    const positions = page.height * page.width;
    let start = 0;
    const plane = (rows) => { const part = bytes.subarray(start, start + rows * positions); start += rows * positions; return part; };
    const strongest = (rows) => ({ rows, high: plane(rows), low: plane(rows), values: plane(rows) });
    const features = strongest(page.features);
    const neurons = strongest(page.neurons);
    return { ...page, positions, kinds: [{ ...neurons, largest: page.largest[1] }, { ...features, largest: page.largest[0] }], reconstruction: plane(page.neurons), unexplained: plane(1) };
  };

  // The units of a kind at a position, the strongest first: their number, their value, and its index in the planes.
  const strongestUnits = (data, kind, position) => {
    const planes = data.kinds[kind];
    return Array.from({ length: planes.rows }, (_, row) => row * data.positions + position)
      .filter((index) => planes.values[index] > 0)
      .map((index) => ({ number: 256 * planes.high[index] + planes.low[index], value: (planes.values[index] / data.levels) * planes.largest, index }));
  };

  // The map of one unit, 0..1, from the positions where it is among the strongest.
  const unitMap = (data, kind, number) => {
    const planes = data.kinds[kind];
    const map = new Float32Array(data.positions);
    for (let index = 0; index < planes.values.length; index += 1) if (256 * planes.high[index] + planes.low[index] === number) map[index % data.positions] = planes.values[index] / data.levels;
    return map;
  };

  // Units by the sum of their values over the image.
  const ranked = (data, kind) => {
    const planes = data.kinds[kind];
    const sums = new Map();
    for (let index = 0; index < planes.values.length; index += 1) {
      if (planes.values[index] > 0) { const number = 256 * planes.high[index] + planes.low[index]; sums.set(number, (sums.get(number) ?? 0) + planes.values[index]); }
    }
    return [...sums].sort((a, b) => b[1] - a[1]).slice(0, LISTED).map(([number]) => number);
  };

  // The position of the strongest feature.
  const strongestPosition = (data) => {
    const { values } = data.kinds[1];
    let best = (data.height >> 1) * data.width + (data.width >> 1);
    for (let position = 0; position < data.positions; position += 1) if (values[position] > values[best]) best = position;
    return [Math.floor(best / data.width), best % data.width];
  };

  const paint = (canvas, data, map) => {
    const largest = Math.max(...map, 1e-6);
    const pixels = new ImageData(data.width, data.height);
    map.forEach((value, position) => pixels.data.set([...visae.plasma(value / largest), 215 * (value / largest)], 4 * position));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };

  const credit = (images, number) => {
    const [author, licence, origin] = images.credits.rows[images.credits.row[number]];
    if (author || licence || origin) return [visae.isolate([author, licence].filter(Boolean).join(", ")), origin && [" · ", visae.isolate(origin)]];
    return images.name.startsWith("leaves:") ? "Generated dead leaves." : "No credit is known for this photograph.";
  };

  visae.views.image = async (units, path) => {
    const { atlas } = units;
    const number = Number(path[1]);
    if (!/^\d+$/.test(path[1] ?? "") || number >= atlas.images.keys.length) return null;
    const data = await unpack(await visae.load(visae.dataFile("images", number)));
    visae.evict("data/images/", 4);
    const key = atlas.images.keys[number];
    const canvas = visae.html("canvas", { class: "over", width: data.width, height: data.height, style: visae.overMap(atlas) });
    const field = visae.html("span", { class: "field" });
    const stage = visae.html("div", { class: "stage", tabindex: 0, role: "application", "aria-label": "The image. Arrow keys move the position whose units are listed." }, visae.html("img", { src: visae.photo(number), alt: key }), canvas, field);
    const status = visae.html("p", { role: "status" });
    const tables = visae.html("div", {});
    const [row, column] = (path[2] ?? "").split(",").map(Number);
    const isInside = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
    let position = isInside(row, data.height) && isInside(column, data.width) ? [row, column] : strongestPosition(data);

    const link = (kind, unit) => visae.html("a", { href: units.href(units.unit(kind, unit)) }, units.short(units.unit(kind, unit)));
    const update = () => {
      const index = position[0] * data.width + position[1];
      Object.assign(field.style, visae.over(atlas, visae.receptiveField(atlas, ...position)));
      const features = strongestUnits(data, 1, index);
      const neurons = strongestUnits(data, 0, index);
      const reconstructed = neurons.map(({ index: entry }) => (data.reconstruction[entry] / data.levels) * data.kinds[0].largest);
      const where = `Row ${position[0]}, column ${position[1]}`;
      const explained = data.unexplained[index] === data.levels ? "nothing" : visae.percent(1 - data.unexplained[index] / data.levels);
      status.replaceChildren(...(neurons.length === 0 && features.length === 0
        ? [`${where}: no unit fires here.`]
        : [`${where}: ${explained} of the activation is reconstructed `, visae.html("span", { class: "formula" }, "(1 − |x − x̂|² / |x|²).")]));
      tables.replaceChildren(
        visae.table("Strongest features", ["feature", "activation"], features.map((unit) => [link(1, unit.number), visae.number(unit.value)]), features.map((unit) => [units.label(units.unit(1, unit.number)), unit.value])),
        visae.table("Strongest neurons", ["neuron", "activation", "reconstruction"], neurons.map((unit, rank) => [link(0, unit.number), visae.number(unit.value), visae.number(reconstructed[rank])]), neurons.map((unit, rank) => [units.label(units.unit(0, unit.number)), unit.value, reconstructed[rank]])));
    };
    const moveTo = (target) => {
      position = target;
      visae.replaceAddress(`#image/${number}/${position.join(",")}`);
      update();
    };
    const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    stage.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const cell = (client, start, size, count) => Math.min(Math.max(Math.floor(((client - start) / size) * count), 0), count - 1);
      moveTo([cell(event.clientY, box.top, box.height, data.height), cell(event.clientX, box.left, box.width, data.width)]);
    });
    stage.addEventListener("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      moveTo(position.map((value, axis) => Math.min(Math.max(value + keys[event.key][axis], 0), [data.height, data.width][axis] - 1)));
    });

    let pressed = null;
    const toggleMap = (button, map) => {
      pressed?.setAttribute("aria-pressed", "false");
      pressed = pressed === button ? null : button;
      pressed?.setAttribute("aria-pressed", "true");
      paint(canvas, data, pressed ? map() : new Float32Array(data.positions));
    };
    const mapButton = (label, map, unit) => {
      const button = visae.html("button", { type: "button", class: unit === undefined ? "layer plain" : "layer", "aria-pressed": "false", onclick: () => toggleMap(button, map) }, unit !== undefined && visae.html("span", { class: "face small" }), label);
      if (unit !== undefined) visae.thumbnail(button.firstChild, units, unit, visae.isRendered(units, unit) ? "rendered" : "examples");
      return button;
    };
    const unitButtons = (kind) => visae.html("div", { class: "layers" }, ranked(data, kind).map((unit) => mapButton(units.short(units.unit(kind, unit)), () => unitMap(data, kind, unit), units.unit(kind, unit))));
    const error = mapButton("reconstruction error", () => Float32Array.from(data.unexplained, (value) => value / data.levels));
    const step = (by, text) => number + by >= 0 && number + by < atlas.images.keys.length && visae.html("a", { class: "step", href: `#image/${number + by}` }, text);
    update();
    stage.style.maxWidth = `${Math.max(2 * atlas.images.size, 448)}px`;
    const content = visae.html("article", { class: "image" },
      visae.html("nav", { "aria-label": "Previous and next image" }, step(-1, "‹ previous"), visae.html("a", { class: "step", href: visae.href("") }, "all units"), step(1, "next ›")),
      visae.html("h1", {}, visae.isolate(key)),
      visae.html("p", { class: "note credit" }, credit(atlas.images, number)),
      visae.html("div", { class: "image-layout" },
        visae.html("div", {}, stage, visae.html("p", { class: "note" }, `Click a position to list the units that fire there, or a unit below to see where it fires. Each position keeps its ${data.features} strongest features and ${data.neurons} strongest neurons, in ${data.levels} steps of the image's largest activation.`)),
        visae.html("div", { class: "position" }, status, tables)),
      visae.html("h2", {}, "Heat maps"), error, visae.html("h3", {}, "Features, by summed activation"), unitButtons(1), visae.html("h3", {}, "Neurons, by summed activation"), unitButtons(0));
    return { title: key, content };
  };
}
