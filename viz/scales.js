"use strict";
// Colour scales that are legible with any colour vision, on white and on black.

{
  // Samples of matplotlib's viridis and plasma, even in lightness, and of twilight, which is cyclic.
  const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
  const PLASMA = ["#0d0887", "#4c02a1", "#7e03a8", "#a92395", "#cc4778", "#e56b5d", "#f89540", "#fdc527", "#f0f921"];
  const TWILIGHT = ["#cfcad9", "#8ba6c0", "#6276ba", "#5a3898", "#2f1436", "#741a50", "#ac4a55", "#cb907a", "#cfcad9"];

  const parse = (colours) => colours.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  const scale = (colours) => {
    const stops = parse(colours);
    return (share) => {
      const position = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
      const first = Math.min(Math.floor(position), stops.length - 2);
      return stops[first].map((from, at) => Math.round(from + (position - first) * (stops[first + 1][at] - from)));
    };
  };
  const css = (colour) => (share) => `rgb(${colour(share).join(",")})`;

  visae.viridis = css(scale(VIRIDIS));
  visae.plasma = scale(PLASMA);
  visae.twilight = css(scale(TWILIGHT));

  // Okabe and Ito's colours for families, which are safe for colour-blind readers; grey for none.
  visae.FAMILY_COLOURS = { none: "#8f8f8f", curve: "#2a86c7", double_curve: "#56b4e9", angle: "#cc79a7", line: "#d55e00", edge: "#e69f00", colour: "#009e73" };
  visae.BLUE = "#2a86c7";
  visae.ORANGE = "#d9771c";

  // A value as a share of a range, on the metric's scale: linear, logarithmic or cyclic.
  visae.share = (name, value, range) => {
    const metric = visae.METRICS[name];
    if (value === null) return null;
    if (metric.cyclic) return (((value % metric.cyclic) + metric.cyclic) % metric.cyclic) / metric.cyclic;
    const [low, high] = metric.log ? range.map(Math.log) : range;
    const scaled = metric.log ? Math.log(Math.max(value, range[0])) : value;
    return high > low ? (scaled - low) / (high - low) : 0.5;
  };

  // The inverse of `share`.
  visae.unshare = (name, share, range) => {
    const metric = visae.METRICS[name];
    if (!metric.log) return range[0] + share * (range[1] - range[0]);
    return Math.exp(Math.log(range[0]) + share * (Math.log(range[1]) - Math.log(range[0])));
  };
}
