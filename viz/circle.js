"use strict";
// The circle of curve detectors: at which orientations there are neurons and features, and where there are none.

{
  const LARGEST = 520; // px
  const WIDE = 420; // px from which on dots are large
  const INNERMOST = 14; // px
  // Dots that have no room on their ring go inwards from that of neurons and outwards from that of features.
  const RINGS = [{ share: 0.44, label: "neuron", colour: "#d9771c", out: -1 }, { share: 0.68, label: "feature", colour: "#2a86c7", out: 1 }];

  // The largest gap between neighbours: where it begins, and how wide it is; null with fewer than two.
  const gap = (orientations) => {
    const order = [...orientations].sort((a, b) => a - b);
    if (order.length < 2) return null;
    const after = (at) => (at + 1 < order.length ? order[at + 1] : order[0] + 360);
    const widths = order.map((from, at) => after(at) - from);
    const at = widths.indexOf(Math.max(...widths));
    return { from: order[at], width: widths[at] };
  };

  const arc = (middle, radius, from, width) => {
    const [a, b] = visae.polar(middle, radius, from);
    const [c, d] = visae.polar(middle, radius, from + width);
    return `M${a} ${b}A${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${c} ${d}`;
  };

  const clear = ([x, y], taken, apart) => taken.every(([a, b]) => Math.hypot(a - x, b - y) >= apart);

  // Where dots lie: at their orientation, and as near their ring as others leave room. Where there is none at all they
  // lie on the last place.
  const spread = (angles, middle, radius, end, step) => {
    const taken = [];
    const rows = Math.floor(Math.abs(end - radius) / step) + 1;
    return angles.map((angle) => {
      const tried = Array.from({ length: rows }, (_, row) => visae.polar(middle, radius + Math.sign(end - radius) * row * step, angle));
      const place = tried.find((at) => clear(at, taken, step - 1)) ?? tried.at(-1);
      taken.push(place);
      return place;
    });
  };

  const dots = (units, of, places, size, colour, look) =>
    of.map((unit, at) => {
      const [x, y] = places[at].map((px) => px.toFixed(1));
      const dot = visae.svg("circle", { cx: x, cy: y, r: size, fill: colour, stroke: "#ffffff", "stroke-width": 0.8, onpointerenter: () => look(unit) });
      return visae.svg("a", { href: units.href(unit), "aria-label": units.words(unit), onfocus: () => look(unit) }, visae.svg("title", {}, units.words(unit)), dot);
    });

  // A gap's band and its width, which stands between the rings, where there are no dots.
  const marked = (widest, middle, radius, { colour, out }, taken) => {
    const band = visae.svg("path", { d: arc(middle, radius, widest.from, widest.width), fill: "none", stroke: colour, "stroke-opacity": 0.28, "stroke-width": 14 });
    const along = [0.5, 0.3, 0.7, 0.15, 0.85].map((share) => visae.polar(middle, radius - 16 * out, widest.from + share * widest.width));
    const place = along.find((at) => clear(at, taken, 30));
    if (place === undefined) return [band];
    taken.push(place);
    return [band, visae.text(place[0], place[1] + 4, `${Math.round(widest.width)}°`, { "text-anchor": "middle" })];
  };

  const counted = (count, label, width) => `${visae.number(count)} ${label}${count === 1 ? "" : "s"}${width === null ? "" : `, largest gap ${Math.round(10 * width) / 10}°`}`;

  const draw = (units, members, look) => {
    const side = visae.room(LARGEST);
    const middle = side / 2;
    const dial = middle - 30;
    const step = side < WIDE ? 9 : 12;
    const svg = visae.plot(side, side + 44, `Curve detectors by orientation: ${members.map((of, kind) => counted(of.length, RINGS[kind].label, null)).join(" and ")}`);
    visae.dial(svg, middle, dial, [1]);
    const labels = [];
    RINGS.forEach((ring, kind) => {
      const of = members[kind];
      const angles = of.map((unit) => units.columns.orientation[unit]);
      const radius = ring.share * dial;
      const widest = gap(angles);
      svg.append(visae.svg("circle", { cx: middle, cy: middle, r: radius, fill: "none", stroke: ring.colour, "stroke-opacity": 0.5 }));
      if (widest) svg.append(...marked(widest, middle, radius, ring, labels));
      const places = spread(angles, middle, radius, ring.out > 0 ? dial - step / 2 : INNERMOST, step);
      svg.append(...dots(units, of, places, 0.42 * step, ring.colour, look));
      svg.append(visae.svg("circle", { cx: 8, cy: side + 11 + 20 * kind, r: 5, fill: ring.colour }), visae.text(20, side + 15 + 20 * kind, counted(of.length, ring.label, widest && widest.width)));
    });
    return svg;
  };

  // What `visae curves` says of the same units is another figure: it asks circles alone.
  const alone = (found) => `Shown is the family of curves: what a circle moves more than lines, edges, corners and colour do, at the mean of the lobe around its peak. By circles alone, at the mean of the whole tuning, as curves.png has it: ${found.map(([count, width], kind) => counted(count, RINGS[kind].label, count > 1 ? width : null)).join("; ")}.`;

  visae.parts.circle = (units) => {
    const { members, in_gaps: inGaps, by_circles: byCircles } = units.atlas.circle;
    const near = visae.html("div", { class: "near", role: "status" }, "Point at a detector to see it.");
    const angle = (unit) => (Math.round(units.columns.orientation[unit] * 10) / 10) % 360;
    const sorted = members.map((numbers, kind) => numbers.map((number) => units.of(kind, number)).sort((a, b) => angle(a) - angle(b)));
    const rows = sorted.flat().sort((a, b) => angle(a) - angle(b));
    const svg = draw(units, sorted, (unit) => near.replaceChildren(visae.thumb(units, unit), visae.html("span", {}, units.words(unit))));
    const table = () => [["unit", "orientation", "selectivity"], rows.map((unit) => [units.label(unit), units.columns.orientation[unit], units.columns.selectivity[unit]])];
    const link = (unit) => visae.html("a", { href: units.href(unit) }, units.short(unit));
    const words = members[0].length && members[1].length ? ` ${inGaps} ${inGaps === 1 ? "feature lies" : "features lie"} 15° or more from every neuron.` : "";
    return {
      title: "Circle of curves",
      content: visae.html("div", { class: "circled" }, visae.html("h1", {}, "Circle of curve detectors"),
        rows.length === 0
          ? visae.html("p", {}, "No neuron and no feature passes for a curve detector by the usual criteria.")
          : [visae.html("div", { class: "dialled" }, visae.figure("Curve detectors by preferred orientation", svg, { table, note: `Inside neurons, outside features; the largest gap of each is marked.${words}` }), near, visae.html("p", { class: "note" }, alone(byCircles))),
            visae.table("Curve detectors", ["unit", "orientation", "selectivity", "density"],
              rows.map((unit) => [link(unit), visae.number(angle(unit), "°"), visae.number(units.columns.selectivity[unit]), visae.percent(units.columns.density[unit])]),
              rows.map((unit) => [units.label(unit), units.columns.orientation[unit], units.columns.selectivity[unit], units.columns.density[unit]]))]),
    };
  };
}
