"use strict";
// The circle of curve detectors: at which orientations there are neurons and features, and where there are none.

{
  const MIDDLE = 260;
  const RINGS = [{ radius: 128, label: "neurons", colour: "#d9771c" }, { radius: 196, label: "features", colour: "#2a86c7" }];

  // The largest gap between neighbours: where it begins, and how wide it is. The whole circle with fewer than two.
  const gap = (orientations) => {
    const order = [...orientations].sort((a, b) => a - b);
    if (order.length < 2) return null;
    const after = (at) => (at + 1 < order.length ? order[at + 1] : order[0] + 360);
    const widths = order.map((from, at) => after(at) - from);
    const at = widths.indexOf(Math.max(...widths));
    return { from: order[at], width: widths[at] };
  };

  const arc = (radius, from, width) => {
    const [a, b] = visae.polar(MIDDLE, radius, from);
    const [c, d] = visae.polar(MIDDLE, radius, from + width);
    return `M${a} ${b}A${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${c} ${d}`;
  };

  visae.parts.circle = (units) => {
    const { members, in_gaps: inGaps } = units.atlas.circle;
    const svg = visae.plot(2 * MIDDLE, 2 * MIDDLE, `Curve detectors by orientation: ${members[0].length} neurons and ${members[1].length} features`);
    visae.dial(svg, MIDDLE, 226);
    const near = visae.html("div", { class: "near", role: "status" }, "Point at a detector to see it.");
    const rows = [];
    RINGS.forEach(({ radius, label, colour }, kind) => {
      const of = members[kind].map((number) => units.of(kind, number));
      const angles = of.map((unit) => units.columns.orientation[unit]);
      const widest = gap(angles);
      svg.append(visae.svg("circle", { cx: MIDDLE, cy: MIDDLE, r: radius, fill: "none", stroke: colour, "stroke-opacity": 0.5 }));
      if (widest) {
        const [x, y] = visae.polar(MIDDLE, radius - 20, widest.from + widest.width / 2);
        svg.append(visae.svg("path", { d: arc(radius, widest.from, widest.width), fill: "none", stroke: colour, "stroke-opacity": 0.28, "stroke-width": 16 }), visae.text(x, y + 4, `${Math.round(widest.width)}°`, { "text-anchor": "middle" }));
      }
      of.forEach((unit, at) => {
        const [x, y] = visae.polar(MIDDLE, radius, angles[at]);
        const look = () => near.replaceChildren(visae.thumb(units, unit), visae.html("span", {}, units.words(unit)));
        const dot = visae.svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 5.5, fill: colour, stroke: "#ffffff", "stroke-width": 0.8, onpointerenter: look });
        svg.append(visae.svg("a", { href: units.href(unit), "aria-label": units.words(unit), onfocus: look }, visae.svg("title", {}, units.words(unit)), dot));
        rows.push([unit, angles[at]]);
      });
      svg.append(visae.text(MIDDLE, MIDDLE - 8 + 20 * kind, `${of.length} ${label}${widest ? `, largest gap ${Math.round(widest.width)}°` : ""}`, { "text-anchor": "middle", fill: colour, "font-weight": "bold" }));
    });
    rows.sort((a, b) => a[1] - b[1]);
    const table = () => [["unit", "orientation", "selectivity"], rows.map(([unit, angle]) => [units.label(unit), angle, units.columns.selectivity[unit]])];
    const link = (unit) => visae.html("a", { href: units.href(unit) }, units.short(unit));
    const words = members[0].length && members[1].length ? `${inGaps} ${inGaps === 1 ? "feature lies" : "features lie"} 15° or more from every neuron.` : "";
    return {
      title: "Circle of curves",
      content: visae.html("div", { class: "circled" }, visae.html("h1", {}, "Circle of curve detectors"),
        rows.length === 0
          ? visae.html("p", {}, "No neuron and no feature passes for a curve detector by the usual criteria.")
          : [visae.html("div", { class: "dialled" }, visae.figure("Curve detectors by preferred orientation", svg, { table, note: `Inside neurons, outside features; the largest gap of each is marked. ${words}` }), near),
            visae.table("Curve detectors", ["unit", "orientation", "selectivity", "density"],
              rows.map(([unit, angle]) => [link(unit), visae.number((Math.round(angle * 10) / 10) % 360, "°"), visae.number(units.columns.selectivity[unit]), visae.percent(units.columns.density[unit])]),
              rows.map(([unit, angle]) => [units.label(unit), angle, units.columns.selectivity[unit], units.columns.density[unit]]))]),
    };
  };
}
