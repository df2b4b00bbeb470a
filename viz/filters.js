"use strict";
// Which units are shown, and in what order. The state outlives the view, so that one comes back to what one left.

{
  const RANGES = ["density", "selectivity", "orientation", "share", "peak"];
  const STEPS = 200;

  visae.state = { kinds: "both", families: new Set(), states: new Set(), ranges: {}, search: "", sort: "number", falling: false, wall: "drawn", scroll: 0, colour: "family" };

  const inRange = (units, unit) =>
    Object.entries(visae.state.ranges).every(([name, [low, high]]) => {
      const share = visae.share(name, units.columns[name][unit], units.range(name));
      return share !== null && share >= low - 1e-9 && share <= high + 1e-9;
    });

  // What a search looks through: made once, of thousands of units.
  const texts = new Map();
  const textOf = (units, unit) => {
    if (!texts.has(unit)) texts.set(unit, `${units.title(unit)} ${units.label(unit)} ${units.short(unit)} ${visae.FAMILY_NAMES[units.family(unit)]}`.toLowerCase());
    return texts.get(unit);
  };

  const matches = (units, unit, words) => {
    const text = textOf(units, unit);
    const short = units.short(unit).replace(" ", "");
    return words.every((word) => {
      if (/^\d+$/.test(word)) return units.number(unit) === Number(word);
      return /^[nf]\d+$/.test(word) ? short === word : text.includes(word);
    });
  };

  // The units that pass, in order.
  visae.chosen = (units) => {
    const { kinds, families, states, search, sort, falling } = visae.state;
    const words = search.toLowerCase().replace(/\b([nf])[ /]?(\d+)\b/g, "$1$2").split(/\s+/).filter(Boolean);
    return units.sorted(sort, falling).filter((unit) =>
      (kinds === "both" || (kinds === "neurons") === (units.kind(unit) === 0))
      && (families.size === 0 || families.has(units.family(unit)))
      && (!states.has("dead") || units.dead(unit))
      && (!states.has("dense") || units.dense(unit))
      && (!states.has("alive") || !units.dead(unit))
      && inRange(units, unit)
      && (words.length === 0 || matches(units, unit, words)));
  };

  const choice = (label, options, value, change) =>
    visae.html("label", { class: "choice" }, label, visae.html("select", { "aria-label": label, onchange: (event) => change(event.target.value) },
      options.map(([name, words]) => visae.html("option", { value: name, selected: name === value }, words))));

  const chip = (label, set, name, changed, colour) =>
    visae.html("label", { class: "chip" }, visae.html("input", { type: "checkbox", checked: set.has(name), onchange: (event) => { event.target.checked ? set.add(name) : set.delete(name); changed(); } }),
      colour && visae.html("span", { class: "dot", style: { background: colour } }), label);

  // Two sliders for the ends of a figure's range; at both ends, units without the figure pass too.
  const slider = (units, name, changed) => {
    const figure = visae.FIGURES[name];
    const range = units.range(name);
    const [low, high] = visae.state.ranges[name] ?? [0, 1];
    const said = visae.html("output", {});
    const ends = [low, high].map((share, at) => visae.html("input", { type: "range", min: 0, max: STEPS, value: Math.round(share * STEPS), "aria-label": `${at ? "largest" : "smallest"} ${figure.label}` }));
    const show = () => {
      const [from, to] = ends.map((end) => Number(end.value) / STEPS);
      const text = (share) => (figure.cyclic ? `${Math.round(share * figure.cyclic)}°` : figure.text(visae.unshare(name, share, range)));
      said.textContent = `${text(from)} to ${text(to)}`;
      ends.forEach((end, at) => end.setAttribute("aria-valuetext", text([from, to][at])));
      return [from, to];
    };
    const moved = (event) => {
      const other = ends[event.target === ends[0] ? 1 : 0];
      if (Number(ends[0].value) > Number(ends[1].value)) other.value = event.target.value;
      const [from, to] = show();
      if (from === 0 && to === 1) delete visae.state.ranges[name];
      else visae.state.ranges[name] = [from, to];
      changed();
    };
    ends.forEach((end) => end.addEventListener("input", moved));
    show();
    return visae.html("fieldset", { class: "slider", title: figure.note }, visae.html("legend", {}, figure.label), said, visae.html("span", { class: "ends" }, ends));
  };

  // The panel. `changed` is called when anything was.
  visae.filterPanel = (units, changed, rebuild) => {
    const { state } = visae;
    const set = (name) => (value) => { state[name] = value; changed(); };
    const figures = Object.entries(visae.FIGURES).map(([name, { label }]) => [name, label]);
    const reset = () => { Object.assign(state, { kinds: "both", families: new Set(), states: new Set(), ranges: {}, search: "", sort: "number", falling: false }); rebuild(); };
    const direction = visae.html("button", { type: "button", class: "direction", "aria-pressed": String(state.falling), onclick: () => { state.falling = !state.falling; direction.setAttribute("aria-pressed", String(state.falling)); direction.textContent = state.falling ? "largest first" : "smallest first"; changed(); } }, state.falling ? "largest first" : "smallest first");
    const drawn = units.atlas.drawn.features;
    return visae.html("form", { class: "filters", "aria-label": "Which units are shown", onsubmit: (event) => event.preventDefault() },
      visae.html("label", { class: "choice" }, "search", visae.html("input", { type: "search", value: state.search, placeholder: "17, curve, f 3 …", oninput: (event) => set("search")(event.target.value) })),
      choice("show", [["both", "neurons and features"], ["neurons", "neurons"], ["features", "features"]], state.kinds, set("kinds")),
      choice("sort by", [["number", "number"], ...figures], state.sort, set("sort")), direction,
      drawn && choice("pictures", [["drawn", "what was drawn"], ["examples", "strongest example"]], state.wall, set("wall")),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "family"), units.atlas.families.map((name) => chip(visae.FAMILY_NAMES[name], state.families, name, changed, visae.FAMILY_COLOURS[name]))),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "only"), chip("dead", state.states, "dead", changed), chip("alive", state.states, "alive", changed), chip(`dense (${visae.percent(units.atlas.dense)} and more)`, state.states, "dense", changed)),
      RANGES.map((name) => slider(units, name, changed)),
      visae.html("button", { type: "button", onclick: reset }, "show all again"));
  };
}
