"use strict";
// What is sorted, filtered and coloured, and its encoding in the address: `#?family=curve&sort=density`,
// `#map?colour=peak`. Unknown parts of an address are ignored.

// Steps of a slider from end to end.
visae.STEPS = 200;

{
  const MAX_SEARCH = 200; // characters

  const KINDS = ["both", "neurons", "features"];
  const STATUSES = ["dead", "alive", "dense", "silent"];

  // The metrics that have sliders.
  visae.RANGES = ["density", "selectivity", "orientation", "share", "peak"];

  // `unit` and `scroll` are the position in the grid; they are not part of the address.
  visae.state = { unit: null, scroll: 0, colour: "family" };

  visae.noFilters = () => ({ kinds: "both", families: new Set(), statuses: new Set(), ranges: {}, search: "" });

  const defaults = (units) => ({ ...visae.noFilters(), sort: "number", falling: false, pictures: units.atlas.rendered.features ? "rendered" : "examples" });

  const sorts = () => ["number", ...Object.keys(visae.METRICS)];

  const encode = (fields) => {
    const given = fields.filter(([, value]) => value);
    // Commas separate names; leave them legible.
    return given.length ? `?${given.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",").replaceAll("%20", "+")}`).join("&")}` : "";
  };

  // The ends of a range as values of the metric, exact to a slider's step.
  const ends = (units, name) => visae.state.ranges[name].map((share) => Number(visae.unshare(name, share, units.range(name)).toPrecision(5))).join("..");

  const encodeGrid = (units) => {
    const { kinds, families, statuses, ranges, search, sort, falling, pictures } = visae.state;
    const initial = defaults(units);
    return encode([
      ["search", search.trim()],
      ["show", kinds !== initial.kinds && kinds],
      ["family", [...families].join(",")],
      ["only", [...statuses].join(",")],
      ...Object.keys(ranges).map((name) => [name, ends(units, name)]),
      ["sort", sort !== initial.sort && sort],
      ["order", falling && "falling"],
      ["pictures", pictures !== initial.pictures && pictures],
    ]);
  };

  // A slider's shares from the text of a range; undefined if it is not a range.
  const decodeRange = (units, name, text) => {
    const [low, high, ...more] = (text ?? "").split("..").map((end) => (end.trim() === "" ? NaN : Number(end)));
    if (more.length > 0 || !Number.isFinite(low) || !Number.isFinite(high) || low > high) return undefined;
    const { cyclic } = visae.METRICS[name];
    const share = (value) => (cyclic ? value / cyclic : visae.share(name, value, units.range(name)));
    const shares = [low, high].map((value) => Math.round(visae.STEPS * Math.min(Math.max(share(value), 0), 1)) / visae.STEPS);
    return shares[0] === 0 && shares[1] === 1 ? undefined : shares;
  };

  const decodeGrid = (units, fields) => {
    const known = (name, values) => (values.includes(fields.get(name)) ? fields.get(name) : undefined);
    const knownSet = (name, values) => new Set((fields.get(name) ?? "").split(",").filter((value) => values.includes(value)));
    const state = defaults(units);
    state.kinds = known("show", KINDS) ?? state.kinds;
    state.sort = known("sort", sorts()) ?? state.sort;
    state.falling = fields.get("order") === "falling";
    state.pictures = known("pictures", units.atlas.rendered.features ? ["rendered", "examples"] : []) ?? state.pictures;
    state.search = (fields.get("search") ?? "").slice(0, MAX_SEARCH);
    state.families = knownSet("family", units.atlas.families);
    state.statuses = knownSet("only", STATUSES);
    state.ranges = Object.fromEntries(visae.RANGES.map((name) => [name, decodeRange(units, name, fields.get(name))]).filter(([, shares]) => shares));
    return state;
  };

  // The query that encodes a view's state in its address.
  visae.query = (units, view) => {
    if (view === "") return encodeGrid(units);
    return view === "map" && visae.state.colour !== "family" ? encode([["colour", visae.state.colour]]) : "";
  };

  // Restore a view's state from the query of its address.
  visae.restore = (units, view, query) => {
    const fields = new URLSearchParams(query);
    if (view === "") Object.assign(visae.state, decodeGrid(units, fields));
    if (view === "map") visae.state.colour = Object.hasOwn(visae.METRICS, fields.get("colour") ?? "") ? fields.get("colour") : "family";
  };
}
