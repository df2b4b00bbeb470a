"use strict";
// A unit's tuning to circles: over orientation, and over orientation and radius. Angles run clockwise from +x, since y
// points down in images.

{
  const polar = (centre, radius, degrees) => {
    const angle = (degrees * Math.PI) / 180;
    return [centre + radius * Math.cos(angle), centre + radius * Math.sin(angle)];
  };

  visae.polar = polar;

  // Draw circles at shares of a radius, and spokes with their angles outside.
  visae.dial = (svg, centre, radius, shares) => {
    for (const share of shares) svg.append(visae.svg("circle", { cx: centre, cy: centre, r: share * radius, fill: "none", stroke: "currentColor", "stroke-opacity": 0.3, "stroke-width": 0.7 }));
    for (let degrees = 0; degrees < 360; degrees += 45) {
      const [x, y] = polar(centre, radius, degrees);
      const [a, b] = polar(centre, radius + 14, degrees);
      svg.append(visae.line(centre, centre, x, y), visae.text(a, b + 4, `${degrees}°`, { "text-anchor": "middle" }));
    }
  };

  visae.radial = (tuning, orientations, description) => {
    const svg = visae.plot(240, 240, description);
    svg.classList.add("dial");
    visae.dial(svg, 120, 92, [0.5, 1]);
    const points = [...tuning].map((value, index) => polar(120, (92 * value) / 255, orientations[index]).map((px) => px.toFixed(1)).join(","));
    svg.append(visae.svg("polygon", { points: points.join(" "), fill: visae.BLUE, "fill-opacity": 0.3, stroke: visae.BLUE, "stroke-width": 1.6, "stroke-linejoin": "round" }));
    return svg;
  };

  // Rows are radii, the largest on top. Neighbours of one colour share a rectangle, which keeps saved files small.
  visae.heatMap = (values, orientations, radii, description) => {
    const across = visae.room(380);
    const svg = visae.plot(across, 220, description);
    const box = { left: 50, right: across - 18, top: 8, bottom: 178 };
    const width = (box.right - box.left) / orientations.length;
    const height = (box.bottom - box.top) / radii.length;
    radii.forEach((_, row) => {
      const level = (column) => values[row * orientations.length + column] >> 3;
      let first = 0;
      for (let column = 1; column <= orientations.length; column += 1) {
        if (column < orientations.length && level(column) === level(first)) continue;
        svg.append(visae.svg("rect", { x: (box.left + first * width).toFixed(2), y: (box.bottom - (row + 1) * height).toFixed(2), width: ((column - first) * width + 0.3).toFixed(2), height: (height + 0.3).toFixed(2), fill: visae.viridis(level(first) / 31), "shape-rendering": "crispEdges" }));
        first = column;
      }
    });
    for (let degrees = 0; degrees <= 360; degrees += 90) svg.append(visae.text(box.left + ((box.right - box.left) * degrees) / 360, box.bottom + 14, `${degrees}°`, { "text-anchor": "middle" }));
    for (const row of [0, Math.floor(radii.length / 2), radii.length - 1]) svg.append(visae.text(box.left - 5, box.bottom - (row + 0.5) * height + 4, visae.number(Math.round(radii[row] * 10) / 10), { "text-anchor": "end" }));
    svg.append(visae.text((box.left + box.right) / 2, 210, "orientation", { "text-anchor": "middle" }), visae.text(12, 93, "radius, px", { "text-anchor": "middle", transform: "rotate(-90 12 93)" }));
    return svg;
  };
}
