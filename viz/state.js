"use strict";
// What is sorted, filtered and coloured, and how it stands in the address: `#?family=curve&sort=density`, `#map?colour=peak`.
// What an address says that is not known here is passed over.

// The steps of a slider from end to end.
visae.STEPS = 200;

{
  const MOST = 200; // letters of a search

  const KINDS = ["both", "neurons", "features"];
  const ONLY = ["dead", "alive", "dense", "silent"];

  // The figures that have sliders.
  visae.RANGES = ["density", "selectivity", "orientation", "share", "peak"];

  // `unit` and `scroll` are where one was on the wall; they are not part of the address.
  visae.state = { unit: null, scroll: 0, colour: "family" };

  // Nothing filtered.
  visae.unfiltered = () => ({ kinds: "both", families: new Set(), states: new Set(), ranges: {}, search: "" });

  const usual = (units) => ({ ...visae.unfiltered(), sort: "number", falling: false, wall: units.atlas.drawn.features ? "drawn" : "examples" });

  const sorts = () => ["number", ...Object.keys(visae.FIGURES)];

  const said = (fields) => {
    const there = fields.filter(([, value]) => value);
    // Commas are between names, and stay legible.
    return there.length ? `?${there.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",").replaceAll("%20", "+")}`).join("&")}` : "";
  };

  // The ends of a range as values of the figure; exact to the step of a slider.
  const ends = (units, name) => visae.state.ranges[name].map((share) => Number(visae.unshare(name, share, units.range(name)).toPrecision(5))).join("..");

  const wall = (units) => {
    const { kinds, families, states, ranges, search, sort, falling, wall } = visae.state;
    const before = usual(units);
    return said([
      ["search", search.trim()],
      ["show", kinds !== before.kinds && kinds],
      ["family", [...families].join(",")],
      ["only", [...states].join(",")],
      ...Object.keys(ranges).map((name) => [name, ends(units, name)]),
      ["sort", sort !== before.sort && sort],
      ["order", falling && "falling"],
      ["pictures", wall !== before.wall && wall],
    ]);
  };

  // Shares of a slider from the text of a range; undefined for what is none.
  const range = (units, name, text) => {
    const [low, high, ...more] = (text ?? "").split("..").map((end) => (end.trim() === "" ? NaN : Number(end)));
    if (more.length > 0 || !Number.isFinite(low) || !Number.isFinite(high) || low > high) return undefined;
    const { cyclic } = visae.FIGURES[name];
    const share = (value) => (cyclic ? value / cyclic : visae.share(name, value, units.range(name)));
    const shares = [low, high].map((value) => Math.round(visae.STEPS * Math.min(Math.max(share(value), 0), 1)) / visae.STEPS);
    return shares[0] === 0 && shares[1] === 1 ? undefined : shares;
  };

  const readWall = (units, fields) => {
    const one = (name, known) => (known.includes(fields.get(name)) ? fields.get(name) : undefined);
    const several = (name, known) => new Set((fields.get(name) ?? "").split(",").filter((value) => known.includes(value)));
    const state = usual(units);
    state.kinds = one("show", KINDS) ?? state.kinds;
    state.sort = one("sort", sorts()) ?? state.sort;
    state.falling = fields.get("order") === "falling";
    state.wall = one("pictures", units.atlas.drawn.features ? ["drawn", "examples"] : []) ?? state.wall;
    state.search = (fields.get("search") ?? "").slice(0, MOST);
    state.families = several("family", units.atlas.families);
    state.states = several("only", ONLY);
    state.ranges = Object.fromEntries(visae.RANGES.map((name) => [name, range(units, name, fields.get(name))]).filter(([, shares]) => shares));
    return state;
  };

  // What follows the path of a view in its address.
  visae.query = (units, view) => {
    if (view === "") return wall(units);
    return view === "map" && visae.state.colour !== "family" ? said([["colour", visae.state.colour]]) : "";
  };

  // Take over what follows the path of a view.
  visae.restore = (units, view, query) => {
    const fields = new URLSearchParams(query);
    if (view === "") Object.assign(visae.state, readWall(units, fields));
    if (view === "map") visae.state.colour = Object.hasOwn(visae.FIGURES, fields.get("colour") ?? "") ? fields.get("colour") : "family";
  };
}
