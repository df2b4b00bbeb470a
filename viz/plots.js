"use strict";
// Plots as SVG. Colours are set on the elements and not in the style sheet, so that saved files keep them.

{
  const TEXT = { fill: "currentColor", "font-size": 12 };
  const LINE = { stroke: "currentColor", "stroke-width": 0.7, "stroke-opacity": 0.35, fill: "none" };

  // The width of a plot, px: at most the page's, so that text is not scaled down on a phone.
  visae.room = (maximum) => {
    const main = document.getElementById("main");
    const { paddingLeft, paddingRight } = getComputedStyle(main);
    return Math.floor(Math.min(maximum, main.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)));
  };

  visae.plot = (width, height, description) => visae.svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description, class: "plot" });
  visae.text = (x, y, text, attributes = {}) => visae.svg("text", { x, y, ...TEXT, ...attributes }, text);
  visae.line = (x1, y1, x2, y2) => visae.svg("line", { x1, y1, x2, y2, ...LINE });

  // About five round numbers from low to high.
  visae.ticks = (low, high, log) => {
    if (log) {
      if (high / low < 40) {
        const round = [0, 1, 2, 3].flatMap((decade) => [1, 2, 5].map((factor) => factor * 10 ** (Math.floor(Math.log10(low)) + decade))).filter((value) => value >= low && value <= high);
        return round.length > 1 ? round : visae.ticks(low, high, false);
      }
      const first = Math.floor(Math.log10(low));
      const last = Math.ceil(Math.log10(high));
      const step = Math.max(1, Math.ceil((last - first) / 6));
      return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => 10 ** (first + index * step)).filter((value) => value >= low * 0.999 && value <= high * 1.001);
    }
    const span = high - low || 1;
    const size = 10 ** Math.floor(Math.log10(span / 4));
    const step = [1, 2, 5, 10].map((factor) => factor * size).find((candidate) => span / candidate <= 6);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
  };

  // Draw the axes of a plot; return the functions from values to px.
  visae.axes = (svg, box, x, y) => {
    const project = (axis, from, to) => (value) => {
      const scaled = (v) => (axis.log ? Math.log10(v) : v);
      const share = (scaled(value) - scaled(axis.low)) / (scaled(axis.high) - scaled(axis.low) || 1);
      return from + share * (to - from);
    };
    const px = project(x, box.left, box.right);
    const py = project(y, box.bottom, box.top);
    for (const value of x.ticks ?? visae.ticks(x.low, x.high, x.log)) {
      svg.append(visae.line(px(value), box.top, px(value), box.bottom), visae.text(px(value), box.bottom + 14, visae.number(value), { "text-anchor": "middle" }));
    }
    for (const value of y.ticks ?? visae.ticks(y.low, y.high, y.log)) {
      svg.append(visae.line(box.left, py(value), box.right, py(value)), visae.text(box.left - 5, py(value) + 4, visae.number(value), { "text-anchor": "end" }));
    }
    const middle = (box.top + box.bottom) / 2;
    svg.append(visae.text((box.left + box.right) / 2, box.bottom + 30, x.label, { "text-anchor": "middle" }), visae.text(12, middle, y.label, { "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }));
    return { px, py };
  };

  // A histogram with logarithmic axes.
  visae.histogram = ({ edges, counts }) => {
    const across = visae.room(380);
    const svg = visae.plot(across, 200, `Histogram of activations above zero, from ${visae.number(edges[0])} to ${visae.number(edges.at(-1))}`);
    const box = { left: 56, right: across - 10, top: 10, bottom: 158 };
    const largest = Math.max(...counts);
    const { px, py } = visae.axes(svg, box, { low: edges[0], high: edges.at(-1), log: true, label: "activation" }, { low: 0.7, high: largest * 1.3, log: true, label: "positions" });
    counts.forEach((count, bin) => {
      if (count) svg.append(visae.svg("rect", { x: px(edges[bin]), y: py(count), width: Math.max(px(edges[bin + 1]) - px(edges[bin]) - 0.7, 0.5), height: box.bottom - py(count), fill: visae.BLUE }));
    });
    return svg;
  };

  // Bars to the left and right of zero; a row with an href has its label as a link.
  visae.bars = (rows, description) => {
    const rowHeight = 19;
    const across = visae.room(380);
    const svg = visae.plot(across, rows.length * rowHeight + 26, description);
    const largest = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-12);
    const signed = rows.some((row) => row.value < 0);
    // Labels end at 92; the value of a bar to the left is written before it.
    const zero = signed ? across / 2 + 50 : 112;
    const scale = (signed ? across / 2 - 95 : across - 172) / largest;
    rows.forEach((row, index) => {
      const y = index * rowHeight + 5;
      const width = Math.abs(row.value) * scale;
      const label = visae.text(92, y + 12, row.label, { "text-anchor": "end", class: row.href ? "link" : undefined });
      svg.append(row.href ? visae.svg("a", { href: row.href }, label) : label);
      svg.append(visae.svg("rect", { x: row.value < 0 ? zero - width : zero, y: y + 2, width: Math.max(width, 0.5), height: rowHeight - 6, fill: row.value < 0 ? visae.ORANGE : visae.BLUE }));
      svg.append(visae.text(row.value < 0 ? zero - width - 4 : zero + width + 4, y + 12, visae.number(row.value), { "text-anchor": row.value < 0 ? "end" : "start", "font-size": 11 }));
    });
    svg.append(visae.line(zero, 2, zero, rows.length * rowHeight + 6));
    return svg;
  };

  // Lines, or a scatter plot for series with `marks`: series are { label, colour, points: [[x, y]], marks }.
  visae.lines = (series, x, y, description) => {
    const across = visae.room(400);
    // The legend lies above, in as many rows as it needs.
    const legendWidth = (label) => 26 + 7 * label.length;
    const rows = Math.ceil((series.reduce((sum, { label }) => sum + legendWidth(label), 0) * 1.2) / (across - 63));
    const svg = visae.plot(across, 270, description);
    const { px, py } = visae.axes(svg, { left: 58, right: across - 10, top: 9 + 15 * rows, bottom: 226 }, x, y);
    let [left, row] = [58, 0];
    for (const { label, colour, points, marks } of series) {
      if (marks) points.forEach(([a, b, name, strong]) => svg.append(visae.svg("circle", { cx: px(a), cy: py(b), r: strong ? 6 : 3.5, fill: colour, stroke: strong ? "currentColor" : "none", "stroke-width": 1.5 }, visae.svg("title", {}, name))));
      else svg.append(visae.svg("polyline", { points: points.map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`).join(" "), fill: "none", stroke: colour, "stroke-width": 1.5 }));
      if (left + legendWidth(label) > across) [left, row] = [58, row + 1];
      svg.append(visae.svg("rect", { x: left, y: 3 + 15 * row, width: 10, height: 10, fill: colour }), visae.text(left + 14, 12 + 15 * row, label));
      left += legendWidth(label);
    }
    return svg;
  };
}
