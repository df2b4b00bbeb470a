"use strict";
// The map of the decoder's directions: features that are alike are near each other.

{
  const LARGEST = 620; // px
  const MARGIN = 14;
  const BINS = 32;
  const px = (share, side) => MARGIN + share * (side - 2 * MARGIN);

  // The colour of a unit by a figure or by its family.
  const coloured = (units, name) => {
    if (name === "family") return (unit) => visae.FAMILY_COLOURS[units.family(unit)];
    const range = units.range(name);
    const scale = visae.FIGURES[name].cyclic ? visae.twilight : visae.viridis;
    return (unit) => {
      const share = visae.share(name, units.columns[name][unit], range);
      return share === null ? visae.FAMILY_COLOURS.none : scale(Math.round(share * (BINS - 1)) / (BINS - 1));
    };
  };

  // The colours' meaning, below the points, where it is saved with them.
  const legend = (svg, units, name, side) => (name === "family" ? families(svg, units, side) : scaled(svg, units, visae.FIGURES[name], name, side));

  const families = (svg, units, side) => {
    let [x, y] = [MARGIN, side + 16];
    for (const family of units.atlas.families) {
      const wide = 26 + 7 * visae.FAMILY_NAMES[family].length;
      if (x + wide > side) [x, y] = [MARGIN, y + 18];
      svg.append(visae.svg("circle", { cx: x + 5, cy: y - 4, r: 5, fill: visae.FAMILY_COLOURS[family] }), visae.text(x + 14, y, visae.FAMILY_NAMES[family]));
      x += wide;
    }
  };

  const scaled = (svg, units, figure, name, side) => {
    const y = side + 16;
    const [low, high] = units.range(name);
    const scale = figure.cyclic ? visae.twilight : visae.viridis;
    for (let bin = 0; bin < BINS; bin += 1) svg.append(visae.svg("rect", { x: MARGIN + 70 + 5 * bin, y: y - 10, width: 5.3, height: 12, fill: scale(bin / (BINS - 1)) }));
    svg.append(
      visae.text(MARGIN + 64, y, figure.cyclic ? "0°" : figure.text(low), { "text-anchor": "end" }),
      visae.text(MARGIN + 76 + 5 * BINS, y, figure.cyclic ? `${figure.cyclic}°` : figure.text(high)),
      visae.text(MARGIN, y + 18, `${figure.label}${figure.log ? ", logarithmic" : ""}; grey where it is not defined`));
  };

  // Points of one colour are one path of dots: thousands of features are a few dozen elements.
  const draw = (units, features, name, side) => {
    const svg = visae.plot(side, side + 40, `Map of ${features.length} features by decoder direction, coloured by ${name}`);
    const colour = coloured(units, name);
    const paths = new Map();
    for (const unit of features) {
      const of = colour(unit);
      paths.set(of, `${paths.get(of) ?? ""}M${px(units.columns.x[unit], side).toFixed(1)} ${px(units.columns.y[unit], side).toFixed(1)}h0`);
    }
    const size = Math.max(3.5, Math.min(8, (0.37 * side) / Math.sqrt(features.length)));
    for (const [of, path] of paths) svg.append(visae.svg("path", { d: path, stroke: of, "stroke-width": size.toFixed(1), "stroke-linecap": "round", fill: "none" }));
    legend(svg, units, name, side);
    return svg;
  };

  visae.parts.map = (units) => {
    const features = Array.from({ length: units.count - units.neurons }, (_, at) => units.neurons + at);
    const side = visae.room(LARGEST);
    const place = visae.html("div", {});
    const near = visae.html("div", { class: "near", role: "status" }, "Point at the map, or move with the arrow keys, to see features; click, or press Enter, to open one.");
    let current = null;
    const look = (unit, svg) => {
      current = unit;
      svg.querySelector(".mark")?.remove();
      svg.append(visae.svg("circle", { class: "mark", cx: px(units.columns.x[unit], side), cy: px(units.columns.y[unit], side), r: 9, fill: "none", stroke: "currentColor", "stroke-width": 2 }));
      const figures = ["density", "selectivity", "orientation"].map((name) => `${visae.FIGURES[name].label} ${visae.FIGURES[name].text(units.columns[name][unit])}`);
      near.replaceChildren(visae.thumb(units, unit), visae.html("span", {}, [visae.FAMILY_NAMES[units.family(unit)], ...figures].join(", ")));
    };
    const nearest = (x, y, also = () => true) => {
      let best = null;
      let least = Infinity;
      for (const unit of features) {
        const apart = (units.columns.x[unit] - x) ** 2 + (units.columns.y[unit] - y) ** 2;
        if (apart < least && also(unit)) [best, least] = [unit, apart];
      }
      return best;
    };
    const pointed = (event, svg) => {
      const box = svg.getBoundingClientRect();
      const share = (at, from, size) => (((at - from) / size) * side - MARGIN) / (side - 2 * MARGIN);
      return nearest(share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.width));
    };
    const go = () => { if (current !== null) location.hash = units.href(current); };
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const pressed = (event, svg) => {
      if (event.key === "Enter") go();
      if (!(event.key in keys)) return;
      event.preventDefault();
      const [dx, dy] = keys[event.key];
      const { x, y } = units.columns;
      if (current === null) return look(nearest(0.5, 0.5), svg);
      // The nearest that lies more in this direction than across it.
      const next = nearest(x[current], y[current], (unit) => { const [a, b] = [x[unit] - x[current], y[unit] - y[current]]; return a * dx + b * dy > Math.abs(a * dy) + Math.abs(b * dx) + 1e-9; });
      if (next !== null) look(next, svg);
    };
    const show = () => {
      const name = visae.state.colour;
      const svg = draw(units, features, name, side);
      svg.setAttribute("tabindex", 0);
      svg.addEventListener("pointermove", (event) => { const unit = pointed(event, svg); if (unit !== null && unit !== current) look(unit, svg); });
      svg.addEventListener("click", (event) => { current = pointed(event, svg); go(); });
      svg.addEventListener("keydown", (event) => pressed(event, svg));
      const table = () => [["unit", "x", "y", name], features.map((unit) => [units.label(unit), units.columns.x[unit], units.columns.y[unit], name === "family" ? units.family(unit) : units.columns[name][unit]])];
      place.replaceChildren(visae.figure("Map of decoder directions", svg, { table, note: "Principal components of the normalised directions, arranged by t-SNE: neighbours are alike; how far apart groups are says little." }));
    };
    const options = [["family", "family"], ...Object.entries(visae.FIGURES).map(([name, { label }]) => [name, label])];
    const choose = visae.html("label", { class: "choice" }, "colour by", visae.html("select", { "aria-label": "colour by", onchange: (event) => { visae.state.colour = event.target.value; show(); visae.step(visae.href("map")); visae.mark(); } }, options.map(([name, label]) => visae.html("option", { value: name, selected: name === visae.state.colour }, label))));
    show();
    return { title: "Map", content: visae.html("div", { class: "mapped" }, visae.html("h1", {}, "Map of the features"), choose, near, place) };
  };
}
