"use strict";
// One unit: what it wants to see, what it sees, how often and how strongly, and which units are near it.

{
  const STIMULI = { circle: "circle", line: "line", edge: "edge", angle: "angle", double_curve: "double curve", colour: "colour" };

  const drawn = (units, unit, page) => {
    if (!visae.isDrawn(units, unit)) return null;
    const one = (opposite, words, note) => visae.html("figure", { class: "drawn" }, visae.html("img", { src: visae.drawnFile(unit, opposite), alt: `Picture drawn for ${units.title(unit)}: ${words}`, width: 168, height: 168 }), visae.html("figcaption", {}, words, visae.html("span", { class: "note" }, ` · ${note}`)));
    const [reached, down] = page.drawn;
    // A picture that leaves its unit silent must not pass for what the unit wants.
    const drives = () => (reached > 0 ? one(false, "drives it", `its value ${visae.number(reached)}`) : one(false, "drawn for it", units.dead(unit) ? "it stays silent, as in all images" : "it stays silent: more steps may help"));
    const opposite = units.kind(unit) === 1 && units.atlas.drawn.opposite;
    return visae.html("div", { class: "drawings" }, reached !== null && drives(), opposite && down !== null && one(true, "drives it down", `pre-activation ${visae.number(down)}`), units.kind(unit) === 0 && visae.html("p", { class: "note" }, "What drives neurons down is not drawn: most stop at zero."));
  };

  // An example: its crop, and on hover or focus the whole image under the unit's map.
  const example = (units, unit, [image, row, column, value, rank], heat) => {
    const { atlas } = units;
    const place = atlas.images.places.get(image);
    const key = atlas.images.keys[place];
    const where = visae.seen(atlas, row, column);
    const crop = visae.cropped(atlas, place, where, `What ${units.title(unit)} sees in ${key}`);
    const whole = visae.html("span", { class: "whole" }, visae.html("img", { src: visae.photo(place), alt: "", loading: "lazy" }), visae.html("span", { class: "heat", style: heat }), visae.html("span", { class: "where", style: visae.over(atlas, where) }));
    const words = rank === null ? visae.number(value) : `${visae.number(value)} (${visae.number(rank)})`;
    return visae.html("a", { class: "example", href: `#image/${place}/${row},${column}`, title: key }, crop, whole, visae.html("span", { class: "value" }, words));
  };

  const examples = (units, unit, data, at) => {
    const page = data.units[at];
    const { across } = data;
    const heat = (column) => ({
      ...visae.spread(units.atlas),
      backgroundImage: `url("${visae.file(`${data.name}.png`)}")`,
      // A tile has a border of one px of its own around it.
      backgroundSize: `${across * data.wide}% ${data.units.length * data.wide}%`,
      backgroundPosition: `${data.at(column, across)}% ${data.at(at, data.units.length)}%`,
    });
    const all = page.examples.map((one, column) => [one, example(units, unit, one, heat(column))]);
    const top = all.filter(([one]) => one[4] === null).map(([, element]) => element);
    const sampled = all.filter(([one]) => one[4] !== null).map(([, element]) => element);
    if (all.length === 0) return visae.html("p", {}, `It fires in none of the ${visae.number(units.atlas.images.searched)} images that were searched, away from their borders.`);
    const toggle = visae.html("button", { type: "button", "aria-pressed": "false", onclick: (event) => { const section = event.target.closest("section"); event.target.setAttribute("aria-pressed", String(section.classList.toggle("wholes"))); } }, "whole images");
    const rows = page.examples.map(([image, row, column, value, rank]) => [units.atlas.images.keys[units.atlas.images.places.get(image)], row, column, value, rank]);
    return visae.html("section", { class: "examples" },
      visae.html("h2", {}, "Dataset examples ", toggle, visae.html("button", { type: "button", class: "save", "aria-label": "Save the examples as CSV", onclick: () => visae.saveCsv(["image", "row", "column", "value", "quantile"], rows, `${units.label(unit)}-examples`) }, "CSV")),
      visae.html("p", { class: "note" }, `It fires in ${visae.number(page.fires_in)} of ${visae.number(units.atlas.images.searched)} images. Point at one to see the whole image and where it fires.`),
      visae.html("h3", {}, "strongest"), visae.html("div", { class: "strip" }, top),
      sampled.length > 0 && [visae.html("h3", {}, "at quantiles of its value in the images in which it fires, the strongest left out: value (quantile)"), visae.html("div", { class: "strip" }, sampled)]);
  };

  // What a unit ought to be, where that is known: the planted feature that it is matched to.
  const planted = (units, unit) => {
    if (!units.columns.planted) return null;
    const name = units.columns.planted[unit];
    const words = name === null ? "–" : `${name}${units.planted(unit) === null ? `, at a cosine of ${visae.number(units.columns.planted_cosine[unit])}` : ""}`;
    return [visae.html("dt", { title: "the built feature whose direction this is; they are matched one to one" }, "planted feature"), visae.html("dd", {}, words)];
  };

  const facts = (units, unit) => {
    const lines = Object.entries(visae.FIGURES).map(([name, { label, note, text }]) => [visae.html("dt", { title: note }, label), visae.html("dd", {}, text(units.columns[name][unit]))]);
    const states = [visae.FAMILY_NAMES[units.family(unit)], units.dead(unit) && "dead", units.dense(unit) && "dense", units.columns.orientation[unit] === null && "not tuned to circles"].filter(Boolean).join(", ");
    return visae.html("dl", { class: "facts" }, visae.html("dt", {}, "family"), visae.html("dd", {}, states), planted(units, unit), lines);
  };

  const tuning = (units, unit, page) => {
    const { orientations, radii, kinds } = units.atlas.stimuli;
    if (page.tuning_peak <= 0 && page.peaks.every((value) => value <= 0)) return visae.html("p", { class: "note" }, "It answers to none of the stimuli.");
    // However sharp the tuning looks of what is hardly there: it is scaled to its own peak.
    const answers = units.columns.selectivity[unit] !== null;
    const curve = visae.bytes(page.tuning);
    const values = visae.bytes(page.map);
    const title = units.title(unit);
    const rows = kinds.map((kind, at) => ({ label: STIMULI[kind], value: Math.max(page.peaks[at] ?? 0, 0) }));
    return [
      !answers && visae.html("p", { class: "note" }, page.peaks[0] > 0
        ? `It hardly answers to circles: at most ${visae.number(page.peaks[0])}, not a tenth of what the strongest of the ${units.kind(unit) === 0 ? "neurons" : "features"} does. Its tuning to them would be noise, and is not shown.`
        : "It does not answer to circles."),
      answers && visae.figure("Tuning to circles", visae.radial(curve, orientations, `Tuning of ${title} over the orientation of circles`), { note: `Mean over radii; the rim is ${visae.number(page.tuning_peak)}.`, table: () => [["orientation", "response"], orientations.map((angle, at) => [angle, (curve[at] / 255) * page.tuning_peak])] }),
      answers && visae.figure("Orientation and radius", visae.heatMap(values, orientations, radii, `Answers of ${title} to circles of all orientations and radii`), { note: `Brightest: ${visae.number(page.map_peak)}.`, table: () => [["radius", "orientation", "response"], radii.flatMap((radius, row) => orientations.map((angle, at) => [radius, angle, (values[row * orientations.length + at] / 255) * page.map_peak]))] }),
      visae.figure("Strongest answer by stimulus", visae.bars(rows, `Strongest answers of ${title} to kinds of stimuli`), { table: () => [["stimulus", "response"], rows.map(({ label, value }) => [label, value])] }),
    ];
  };

  const weights = (units, unit, page) => {
    const other = units.kind(unit) === 1 ? 0 : 1;
    const title = other === 0 ? "What it adds to neurons, over its value" : "What features add to it, over their value";
    const rows = page.writes.map(([number, value]) => ({ label: units.short(units.of(other, number)), value, href: units.href(units.of(other, number)) }));
    if (rows.length === 0) return null;
    return visae.figure(title, visae.bars(rows, `${title}: ${rows.map(({ label, value }) => `${label} ${visae.number(value)}`).join(", ")}`), { table: () => [["unit", "weight"], rows.map(({ label, value }) => [label, value])] });
  };

  const company = (units, title, found) => found.length > 0 && visae.html("section", {}, visae.html("h2", {}, title), visae.html("div", { class: "thumbs" }, found.map(([unit, cosine]) => visae.thumb(units, unit, visae.number(cosine)))));

  visae.parts.unit = async (units, unit) => {
    const { chunk } = units.atlas;
    const name = visae.dataFile("units", Math.floor(unit / chunk));
    const loaded = await visae.load(name);
    visae.forget("data/units/", 8);
    const inner = loaded.heat;
    // Of tiles with a border: how large the sheet is, with what shows of a tile as 100, and where tile `at` begins.
    const wide = (100 * (inner + 2)) / inner;
    const data = { ...loaded, name, wide, at: (at, count) => (100 * (1 + at * (inner + 2))) / (count * (inner + 2) - inner) };
    const at = unit - loaded.first;
    const page = loaded.units[at];
    const chosen = visae.chosen(units);
    const order = chosen.includes(unit) ? chosen : Array.from({ length: units.count }, (_, index) => index);
    const place = order.indexOf(unit);
    const step = (by, words) => order[place + by] !== undefined && visae.html("a", { class: "step", href: units.href(order[place + by]), rel: by < 0 ? "prev" : "next" }, words);
    return {
      title: units.title(unit),
      content: visae.html("article", { class: "unit" },
        visae.html("nav", { "aria-label": "Units before and after" }, step(-1, "‹ before"), visae.html("a", { class: "step", href: visae.href("") }, "all units"), step(1, "after ›")),
        visae.html("h1", {}, visae.foreign(units.title(unit))),
        visae.html("div", { class: "first" }, drawn(units, unit, page), facts(units, unit)),
        examples(units, unit, data, at),
        visae.html("div", { class: "plots" },
          page.histogram.counts.length > 0 && visae.figure("Values above zero", visae.histogram(page.histogram), { note: `At ${visae.percent(units.columns.density[unit])} of ${visae.number(units.atlas.positions)} positions.`, table: () => [["from", "to", "positions"], page.histogram.counts.map((count, index) => [page.histogram.edges[index], page.histogram.edges[index + 1], count])] }),
          tuning(units, unit, page), weights(units, unit, page)),
        company(units, "Directions most alike (cosine)", page.alike), company(units, "Fires most with (cosine of values)", page.together)),
    };
  };
}
