"use strict";
// Curve detectors on a circle: which orientations neurons and features cover, and where the gaps are.

{
  const MAX_SIDE = 520; // px
  const LARGE = 420; // px from which on dots are large
  const INNERMOST = 14; // px
  // Dots that do not fit on their ring move inwards for neurons and outwards for features.
  const RINGS = [{ share: 0.44, label: "neuron", colour: "#d9771c", outwards: -1 }, { share: 0.68, label: "feature", colour: "#2a86c7", outwards: 1 }];

  // The largest gap between neighbours: where it begins and how wide it is; null for fewer than two orientations.
  const largestGap = (orientations) => {
    const order = [...orientations].sort((a, b) => a - b);
    if (order.length < 2) return null;
    const next = (index) => (index + 1 < order.length ? order[index + 1] : order[0] + 360);
    const widths = order.map((from, index) => next(index) - from);
    const index = widths.indexOf(Math.max(...widths));
    return { from: order[index], width: widths[index] };
  };

  const arc = (centre, radius, from, width) => {
    const [a, b] = visae.polar(centre, radius, from);
    const [c, d] = visae.polar(centre, radius, from + width);
    return `M${a} ${b}A${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${c} ${d}`;
  };

  const isFree = ([x, y], occupied, distance) => occupied.every(([a, b]) => Math.hypot(a - x, b - y) >= distance);

  // Lay dots out at their orientation, as near their ring as they do not overlap; where there is no room left, at the end.
  const layOut = (angles, centre, radius, end, step) => {
    const occupied = [];
    const rows = Math.floor(Math.abs(end - radius) / step) + 1;
    return angles.map((angle) => {
      const candidates = Array.from({ length: rows }, (_, row) => visae.polar(centre, radius + Math.sign(end - radius) * row * step, angle));
      const point = candidates.find((candidate) => isFree(candidate, occupied, step - 1)) ?? candidates.at(-1);
      occupied.push(point);
      return point;
    });
  };

  const dots = (units, members, points, size, colour, inspect) =>
    members.map((unit, index) => {
      const [x, y] = points[index].map((px) => px.toFixed(1));
      const dot = visae.svg("circle", { cx: x, cy: y, r: size, fill: colour, stroke: "#ffffff", "stroke-width": 0.8, onpointerenter: () => inspect(unit) });
      return visae.svg("a", { href: units.href(unit), "aria-label": units.describe(unit), onfocus: () => inspect(unit) }, visae.svg("title", {}, units.describe(unit)), dot);
    });

  // A gap's band, and its width as text between the rings, where there are no dots.
  const gapMark = (gap, centre, radius, { colour, outwards }, occupied) => {
    const band = visae.svg("path", { d: arc(centre, radius, gap.from, gap.width), fill: "none", stroke: colour, "stroke-opacity": 0.28, "stroke-width": 14 });
    const candidates = [0.5, 0.3, 0.7, 0.15, 0.85].map((share) => visae.polar(centre, radius - 16 * outwards, gap.from + share * gap.width));
    const point = candidates.find((candidate) => isFree(candidate, occupied, 30));
    if (point === undefined) return [band];
    occupied.push(point);
    return [band, visae.text(point[0], point[1] + 4, `${Math.round(gap.width)}°`, { "text-anchor": "middle" })];
  };

  const countText = (count, label, gap) => `${visae.number(count)} ${label}${count === 1 ? "" : "s"}${gap === null ? "" : `, largest gap ${Math.round(10 * gap) / 10}°`}`;

  const draw = (units, members, inspect) => {
    const side = visae.room(MAX_SIDE);
    const centre = side / 2;
    const dial = centre - 30;
    const step = side < LARGE ? 9 : 12;
    const svg = visae.plot(side, side + 44, `Curve detectors by orientation: ${members.map((list, kind) => countText(list.length, RINGS[kind].label, null)).join(" and ")}`);
    visae.dial(svg, centre, dial, [1]);
    const labels = [];
    RINGS.forEach((ring, kind) => {
      const angles = members[kind].map((unit) => units.columns.orientation[unit]);
      const radius = ring.share * dial;
      const gap = largestGap(angles);
      svg.append(visae.svg("circle", { cx: centre, cy: centre, r: radius, fill: "none", stroke: ring.colour, "stroke-opacity": 0.5 }));
      if (gap) svg.append(...gapMark(gap, centre, radius, ring, labels));
      const points = layOut(angles, centre, radius, ring.outwards > 0 ? dial - step / 2 : INNERMOST, step);
      svg.append(...dots(units, members[kind], points, 0.42 * step, ring.colour, inspect));
      svg.append(visae.svg("circle", { cx: 8, cy: side + 11 + 20 * kind, r: 5, fill: ring.colour }), visae.text(20, side + 15 + 20 * kind, countText(angles.length, ring.label, gap && gap.width)));
    });
    return svg;
  };

  // `visae curves` has the same detectors at another estimate of orientation.
  const definition = (byCircularMean) => `Curve detectors are selective units that circles drive more than lines and edges do, and that do not prefer corners. They are shown at the circular mean of the lobe around their peak. At the circular mean of the whole tuning curve, as in curves.png: ${byCircularMean.map(([count, gap], kind) => countText(count, RINGS[kind].label, count > 1 ? gap : null)).join("; ")}.`;

  visae.views.circle = (units) => {
    const { members, in_gaps: inGaps, gap, by_circular_mean: byCircularMean } = units.atlas.circle;
    const preview = visae.html("div", { class: "preview", role: "status" }, "Hover over a detector to inspect it.");
    const angle = (unit) => (Math.round(units.columns.orientation[unit] * 10) / 10) % 360;
    const sorted = members.map((numbers, kind) => numbers.map((number) => units.unit(kind, number)).sort((a, b) => angle(a) - angle(b)));
    const rows = sorted.flat().sort((a, b) => angle(a) - angle(b));
    const svg = draw(units, sorted, (unit) => preview.replaceChildren(visae.unitLink(units, unit), visae.html("span", {}, units.describe(unit))));
    const table = () => [["unit", "orientation", "selectivity"], rows.map((unit) => [units.label(unit), units.columns.orientation[unit], units.columns.selectivity[unit]])];
    const link = (unit) => visae.html("a", { href: units.href(unit) }, units.short(unit));
    const gapText = members[0].length && members[1].length ? ` ${inGaps} ${inGaps === 1 ? "feature lies" : "features lie"} ${gap}° or more from every neuron.` : "";
    return {
      title: "Curve detectors",
      content: visae.html("div", { class: "circle-view" }, visae.html("h1", {}, "Curve detectors"),
        rows.length === 0
          ? visae.html("p", {}, "No neuron or feature meets the default criteria for curve detectors.")
          : [visae.html("div", { class: "circle-plot" }, visae.figure("Preferred orientations", svg, { table, note: `Neurons inside, features outside; bands mark the largest gap of each.${gapText}` }), preview, visae.html("p", { class: "note" }, definition(byCircularMean))),
            visae.table("Curve detectors", ["unit", "orientation", "selectivity", "density"],
              rows.map((unit) => [link(unit), visae.number(angle(unit), "°"), visae.number(units.columns.selectivity[unit]), visae.percent(units.columns.density[unit])]),
              rows.map((unit) => [units.label(unit), units.columns.orientation[unit], units.columns.selectivity[unit], units.columns.density[unit]]))]),
    };
  };
}
