"use strict";
// The panel for sorting and filtering units.

{
  const inRange = (units, unit) =>
    Object.entries(visae.state.ranges).every(([name, [low, high]]) => {
      const share = visae.share(name, units.columns[name][unit], units.range(name));
      return share !== null && share >= low - 1e-9 && share <= high + 1e-9;
    });

  // The text of each unit that a search looks through, cached.
  const texts = new Map();
  const searchText = (units, unit) => {
    if (!texts.has(unit)) texts.set(unit, `${units.title(unit)} ${units.label(unit)} ${units.short(unit)} ${visae.FAMILY_NAMES[units.family(unit)]}`.toLowerCase());
    return texts.get(unit);
  };

  const matches = (units, unit, words) => {
    const text = searchText(units, unit);
    const short = units.short(unit).replace(" ", "");
    return words.every((word) => {
      if (/^\d+$/.test(word)) return units.number(unit) === Number(word);
      if (/\/[nf]\/\d+$/.test(word)) return units.label(unit).toLowerCase() === word.replace(/^#/, "");
      return /^[nf]\d+$/.test(word) ? short === word : text.includes(word);
    });
  };

  // Names of planted features contain numbers too, so they are matched as a whole and not word by word.
  const matchesPlanted = (units, unit, phrase) => /[a-z]/.test(phrase) && (units.planted(unit) ?? "").startsWith(phrase);

  // The units that pass the filters, in order.
  visae.filtered = (units) => {
    const { kinds, families, statuses, search, sort, falling } = visae.state;
    const phrase = search.trim().toLowerCase();
    const words = phrase.replace(/(?<![\w/])([nf])[ /]?(\d+)\b/g, "$1$2").split(/\s+/).filter(Boolean);
    return units.sorted(sort, falling).filter((unit) =>
      (kinds === "both" || (kinds === "neurons") === (units.kind(unit) === 0))
      && (families.size === 0 || families.has(units.family(unit)))
      && (!statuses.has("dead") || units.isDead(unit))
      && (!statuses.has("dense") || units.isDense(unit))
      && (!statuses.has("alive") || !units.isDead(unit))
      && (!statuses.has("silent") || units.isSilent(unit))
      && inRange(units, unit)
      && (words.length === 0 || matches(units, unit, words) || matchesPlanted(units, unit, phrase)));
  };

  // The active filters in words.
  visae.describeFilters = (units) => {
    const { kinds, families, statuses, search, ranges } = visae.state;
    return [
      search.trim() && `“${search.trim()}”`,
      kinds !== "both" && kinds,
      ...[...families].map((name) => visae.FAMILY_NAMES[name]),
      ...statuses,
      ...Object.entries(ranges).map(([name, shares]) => `${visae.METRICS[name].label} ${rangeText(units, name, shares)}`),
    ].filter(Boolean);
  };

  // The ends of a range for reading.
  const rangeText = (units, name, shares) => {
    const { cyclic, text } = visae.METRICS[name];
    return shares.map((share) => (cyclic ? `${Math.round(share * cyclic)}°` : text(visae.unshare(name, share, units.range(name))))).join(" to ");
  };

  const select = (label, options, value, change) =>
    visae.html("label", { class: "choice" }, label, visae.html("select", { "aria-label": label, onchange: (event) => change(event.target.value) },
      options.map(([name, text]) => visae.html("option", { value: name, selected: name === value }, text))));

  const chip = (label, set, name, changed, colour) =>
    visae.html("label", { class: "chip" }, visae.html("input", { type: "checkbox", checked: set.has(name), onchange: (event) => { event.target.checked ? set.add(name) : set.delete(name); changed(); } }),
      colour && visae.html("span", { class: "dot", style: { background: colour } }), label);

  // Two sliders for the ends of a metric's range. With both at their ends, units for which it is undefined pass too.
  const slider = (units, name, changed) => {
    const metric = visae.METRICS[name];
    const output = visae.html("output", {});
    const ends = (visae.state.ranges[name] ?? [0, 1]).map((share, index) => visae.html("input", { type: "range", min: 0, max: visae.STEPS, value: Math.round(share * visae.STEPS), "aria-label": `${index ? "largest" : "smallest"} ${metric.label}` }));
    const update = () => {
      const shares = ends.map((end) => Number(end.value) / visae.STEPS);
      output.textContent = rangeText(units, name, shares);
      ends.forEach((end, index) => end.setAttribute("aria-valuetext", output.textContent.split(" to ")[index]));
      return shares;
    };
    const moved = (event) => {
      const opposite = ends[event.target === ends[0] ? 1 : 0];
      if (Number(ends[0].value) > Number(ends[1].value)) opposite.value = event.target.value;
      const [low, high] = update();
      if (low === 0 && high === 1) delete visae.state.ranges[name];
      else visae.state.ranges[name] = [low, high];
      changed();
    };
    ends.forEach((end) => end.addEventListener("input", moved));
    update();
    return visae.html("fieldset", { class: "slider", title: metric.note }, visae.html("legend", {}, metric.label), output, visae.html("span", { class: "ends" }, ends));
  };

  const orderButton = (changed) => {
    const { state } = visae;
    const text = () => (state.falling ? "largest first" : "smallest first");
    const button = visae.html("button", { type: "button", class: "direction", "aria-pressed": String(state.falling) }, text());
    button.addEventListener("click", () => {
      state.falling = !state.falling;
      button.setAttribute("aria-pressed", String(state.falling));
      button.textContent = text();
      changed();
    });
    return button;
  };

  // The panel. `chosen` is called after a choice, `changing` while the visitor types or drags, `clear` to reset filters.
  visae.filterPanel = (units, { chosen, changing, clear }) => {
    const { state } = visae;
    const set = (name, then) => (value) => { state[name] = value; then(); };
    const metrics = Object.entries(visae.METRICS).map(([name, { label }]) => [name, label]);
    const typed = set("search", changing);
    return visae.html("form", { class: "filters", "aria-label": "Sort and filter units", onsubmit: (event) => event.preventDefault() },
      visae.html("label", { class: "choice" }, "search", visae.html("input", { type: "search", value: state.search, placeholder: "17, curve, f 3 …", oninput: (event) => typed(event.target.value) })),
      select("show", [["both", "neurons and features"], ["neurons", "neurons"], ["features", "features"]], state.kinds, set("kinds", chosen)),
      select("sort by", [["number", "number"], ...metrics], state.sort, set("sort", chosen)), orderButton(chosen),
      units.atlas.rendered.features && select("pictures", [["rendered", "feature visualisation"], ["examples", "strongest example"]], state.pictures, set("pictures", chosen)),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "family"), units.atlas.families.map((name) => chip(visae.FAMILY_NAMES[name], state.families, name, chosen, visae.FAMILY_COLOURS[name]))),
      visae.html("fieldset", { class: "chips" }, visae.html("legend", {}, "only"), chip("dead", state.statuses, "dead", chosen), chip("alive", state.statuses, "alive", chosen), chip(`dense (≥ ${visae.percent(units.atlas.dense)})`, state.statuses, "dense", chosen), "rendered" in units.columns && chip("silent on its visualisation", state.statuses, "silent", chosen)),
      visae.RANGES.map((name) => slider(units, name, changing)),
      visae.html("button", { type: "button", onclick: clear }, "clear filters"));
  };
}
