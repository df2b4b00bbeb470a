"use strict";
// Which units are shown, and in what order.

{
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
      if (/\/[nf]\/\d+$/.test(word)) return units.label(unit).toLowerCase() === word.replace(/^#/, "");
      return /^[nf]\d+$/.test(word) ? short === word : text.includes(word);
    });
  };

  // Numbers stand in the names of planted features too, so these are not looked through word by word.
  const isPlanted = (units, unit, phrase) => /[a-z]/.test(phrase) && (units.planted(unit) ?? "").startsWith(phrase);

  // The units that pass, in order.
  visae.chosen = (units) => {
    const { kinds, families, states, search, sort, falling } = visae.state;
    const phrase = search.trim().toLowerCase();
    const words = phrase.replace(/(?<![\w/])([nf])[ /]?(\d+)\b/g, "$1$2").split(/\s+/).filter(Boolean);
    return units.sorted(sort, falling).filter((unit) =>
      (kinds === "both" || (kinds === "neurons") === (units.kind(unit) === 0))
      && (families.size === 0 || families.has(units.family(unit)))
      && (!states.has("dead") || units.dead(unit))
      && (!states.has("dense") || units.dense(unit))
      && (!states.has("alive") || !units.dead(unit))
      && (!states.has("silent") || units.silent(unit))
      && inRange(units, unit)
      && (words.length === 0 || matches(units, unit, words) || isPlanted(units, unit, phrase)));
  };

  // What is filtered by, in words.
  visae.wanted = (units) => {
    const { kinds, families, states, search, ranges } = visae.state;
    return [
      search.trim() && `“${search.trim()}”`,
      kinds !== "both" && kinds,
      ...[...families].map((name) => visae.FAMILY_NAMES[name]),
      ...states,
      ...Object.entries(ranges).map(([name, shares]) => `${visae.FIGURES[name].label} ${between(units, name, shares)}`),
    ].filter(Boolean);
  };

  // The ends of a range as people read them.
  const between = (units, name, shares) => {
    const { cyclic, text } = visae.FIGURES[name];
    return shares.map((share) => (cyclic ? `${Math.round(share * cyclic)}°` : text(visae.unshare(name, share, units.range(name))))).join(" to ");
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
    const said = visae.html("output", {});
    const ends = (visae.state.ranges[name] ?? [0, 1]).map((share, at) => visae.html("input", { type: "range", min: 0, max: visae.STEPS, value: Math.round(share * visae.STEPS), "aria-label": `${at ? "largest" : "smallest"} ${figure.label}` }));
    const show = () => {
      const shares = ends.map((end) => Number(end.value) / visae.STEPS);
      said.textContent = between(units, name, shares);
      ends.forEach((end, at) => end.setAttribute("aria-valuetext", said.textContent.split(" to ")[at]));
      return shares;
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

  const direction = (changed) => {
    const { state } = visae;
    const words = () => (state.falling ? "largest first" : "smallest first");
    const button = visae.html("button", { type: "button", class: "direction", "aria-pressed": String(state.falling) }, words());
    button.addEventListener("click", () => {
      state.falling = !state.falling;
      button.setAttribute("aria-pressed", String(state.falling));
      button.textContent = words();
      changed();
    });
    return button;
  };

  // The panel. `chosen` is called when something was chosen, `changing` while somebody types or drags, `clear` for all.
  visae.filterPanel = (units, { chosen, changing, clear }) => {
    const { state } = visae;
    const set = (name, then) => (value) => { state[name] = value; then(); };
    const figures = Object.entries(visae.FIGURES).map(([name, { label }]) => [name, label]);
    const typed = set("search", changing);
    return visae.html("form", { class: "filters", "aria-label": "Which units are shown", onsubmit: (event) => event.preventDefault() },
      visae.html("label", { class: "choice" }, "search", visae.html("input", { type: "search", value: state.search, placeholder: "17, curve, f 3 …", oninput: (event) => typed(event.target.value) })),
      choice("show", [["both", "neurons and features"], ["neurons", "neurons"], ["features", "features"]], state.kinds, set("kinds", chosen)),
      choice("sort by", [["number", "number"], ...figures], state.sort, set("sort", chosen)), direction(chosen),
      units.atlas.drawn.features && choice("pictures", [["drawn", "what was drawn"], ["examples", "strongest example"]], state.wall, set("wall", chosen)),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "family"), units.atlas.families.map((name) => chip(visae.FAMILY_NAMES[name], state.families, name, chosen, visae.FAMILY_COLOURS[name]))),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "only"), chip("dead", state.states, "dead", chosen), chip("alive", state.states, "alive", chosen), chip(`dense (${visae.percent(units.atlas.dense)} and more)`, state.states, "dense", chosen), "drawn" in units.columns && chip("silent under its picture", state.states, "silent", chosen)),
      visae.RANGES.map((name) => slider(units, name, changing)),
      visae.html("button", { type: "button", onclick: clear }, "clear filters"));
  };
}
