"use strict";
// The map of decoder directions: similar features are near each other.

{
  const MAX_SIDE = 620; // px
  const MARGIN = 14;
  const BINS = 32;
  const px = (share, side) => MARGIN + share * (side - 2 * MARGIN);

  // A unit's colour by a metric or by its family.
  const colouring = (units, name) => {
    if (name === "family") return (unit) => visae.FAMILY_COLOURS[units.family(unit)];
    const range = units.range(name);
    const scale = visae.METRICS[name].cyclic ? visae.twilight : visae.viridis;
    return (unit) => {
      const share = visae.share(name, units.columns[name][unit], range);
      return share === null ? visae.FAMILY_COLOURS.none : scale(Math.round(share * (BINS - 1)) / (BINS - 1));
    };
  };

  // The legend lies below the points, inside the SVG, so that it is saved with them.
  const legend = (svg, units, name, side) => (name === "family" ? familyLegend(svg, units, side) : colourBar(svg, units, visae.METRICS[name], name, side));

  const familyLegend = (svg, units, side) => {
    let [x, y] = [MARGIN, side + 16];
    for (const family of units.atlas.families) {
      const width = 26 + 7 * visae.FAMILY_NAMES[family].length;
      if (x + width > side) [x, y] = [MARGIN, y + 18];
      svg.append(visae.svg("circle", { cx: x + 5, cy: y - 4, r: 5, fill: visae.FAMILY_COLOURS[family] }), visae.text(x + 14, y, visae.FAMILY_NAMES[family]));
      x += width;
    }
  };

  const colourBar = (svg, units, metric, name, side) => {
    const y = side + 16;
    const [low, high] = units.range(name);
    const scale = metric.cyclic ? visae.twilight : visae.viridis;
    for (let bin = 0; bin < BINS; bin += 1) svg.append(visae.svg("rect", { x: MARGIN + 70 + 5 * bin, y: y - 10, width: 5.3, height: 12, fill: scale(bin / (BINS - 1)) }));
    svg.append(
      visae.text(MARGIN + 64, y, metric.cyclic ? "0°" : metric.text(low), { "text-anchor": "end" }),
      visae.text(MARGIN + 76 + 5 * BINS, y, metric.cyclic ? `${metric.cyclic}°` : metric.text(high)),
      visae.text(MARGIN, y + 18, `${metric.label}${metric.log ? ", log scale" : ""}; grey where undefined`));
  };

  // Points of one colour share a path of dots, so that thousands of features need only a few dozen elements.
  const draw = (units, features, name, side) => {
    const svg = visae.plot(side, side + 40, `Map of ${features.length} features by decoder direction, coloured by ${name}`);
    const colour = colouring(units, name);
    const paths = new Map();
    for (const unit of features) {
      const stroke = colour(unit);
      paths.set(stroke, `${paths.get(stroke) ?? ""}M${px(units.columns.x[unit], side).toFixed(1)} ${px(units.columns.y[unit], side).toFixed(1)}h0`);
    }
    const size = Math.max(3.5, Math.min(8, (0.37 * side) / Math.sqrt(features.length)));
    for (const [stroke, path] of paths) svg.append(visae.svg("path", { d: path, stroke, "stroke-width": size.toFixed(1), "stroke-linecap": "round", fill: "none" }));
    legend(svg, units, name, side);
    return svg;
  };

  visae.views.map = (units) => {
    const features = Array.from({ length: units.count - units.neurons }, (_, number) => units.neurons + number);
    const side = visae.room(MAX_SIDE);
    const container = visae.html("div", {});
    const preview = visae.html("div", { class: "preview", role: "status" }, "Hover, or use the arrow keys, to inspect a feature; click, or press Enter, to open it.");
    let current = null;
    const inspect = (unit, svg) => {
      current = unit;
      svg.querySelector(".mark")?.remove();
      svg.append(visae.svg("circle", { class: "mark", cx: px(units.columns.x[unit], side), cy: px(units.columns.y[unit], side), r: 9, fill: "none", stroke: "currentColor", "stroke-width": 2 }));
      const metrics = ["density", "selectivity", "orientation"].map((name) => `${visae.METRICS[name].label} ${visae.METRICS[name].text(units.columns[name][unit])}`);
      preview.replaceChildren(visae.unitLink(units, unit), visae.html("span", {}, [visae.FAMILY_NAMES[units.family(unit)], ...metrics].join(", ")));
    };
    const nearest = (x, y, accept = () => true) => {
      let best = null;
      let least = Infinity;
      for (const unit of features) {
        const distance = (units.columns.x[unit] - x) ** 2 + (units.columns.y[unit] - y) ** 2;
        if (distance < least && accept(unit)) [best, least] = [unit, distance];
      }
      return best;
    };
    const underPointer = (event, svg) => {
      const box = svg.getBoundingClientRect();
      const share = (client, start, size) => (((client - start) / size) * side - MARGIN) / (side - 2 * MARGIN);
      return nearest(share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.width));
    };
    const open = () => { if (current !== null) location.hash = units.href(current); };
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const pressed = (event, svg) => {
      if (event.key === "Enter") open();
      if (!(event.key in keys)) return;
      event.preventDefault();
      const [dx, dy] = keys[event.key];
      const { x, y } = units.columns;
      if (current === null) return inspect(nearest(0.5, 0.5), svg);
      // The nearest feature within 45° of the arrow's direction.
      const next = nearest(x[current], y[current], (unit) => { const [a, b] = [x[unit] - x[current], y[unit] - y[current]]; return a * dx + b * dy > Math.abs(a * dy) + Math.abs(b * dx) + 1e-9; });
      if (next !== null) inspect(next, svg);
    };
    const show = () => {
      const name = visae.state.colour;
      const svg = draw(units, features, name, side);
      svg.setAttribute("tabindex", 0);
      svg.addEventListener("pointermove", (event) => { const unit = underPointer(event, svg); if (unit !== null && unit !== current) inspect(unit, svg); });
      svg.addEventListener("click", (event) => { current = underPointer(event, svg); open(); });
      svg.addEventListener("keydown", (event) => pressed(event, svg));
      const table = () => [["unit", "x", "y", name], features.map((unit) => [units.label(unit), units.columns.x[unit], units.columns.y[unit], name === "family" ? units.family(unit) : units.columns[name][unit]])];
      container.replaceChildren(visae.figure("Decoder directions", svg, { table, note: "t-SNE of the principal components of the normalised decoder directions. Neighbours are similar; distances between clusters mean little." }));
    };
    const options = [["family", "family"], ...Object.entries(visae.METRICS).map(([name, { label }]) => [name, label])];
    const colourBy = visae.html("label", { class: "choice" }, "colour by", visae.html("select", { "aria-label": "colour by", onchange: (event) => { visae.state.colour = event.target.value; show(); visae.pushAddress(visae.href("map")); visae.updateNavigation(); } }, options.map(([name, label]) => visae.html("option", { value: name, selected: name === visae.state.colour }, label))));
    show();
    return { title: "Map", content: visae.html("div", { class: "map-view" }, visae.html("h1", {}, "Map of features"), colourBy, preview, container) };
  };
}
