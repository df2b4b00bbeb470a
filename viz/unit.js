"use strict";
// The page of one unit: what drives it, where it fires, its metrics, its tuning, and related units.

{
  const STIMULI = { circle: "circle", line: "line", edge: "edge", angle: "angle", double_curve: "double curve", colour: "colour" };

  const visualisations = (units, unit, page) => {
    if (!visae.isRendered(units, unit)) return null;
    const figure = (opposite, caption, note) => visae.html("figure", { class: "visualisation" }, visae.html("img", { src: visae.visualisation(unit, opposite), alt: `Feature visualisation of ${units.title(unit)}: ${caption}`, width: 168, height: 168 }), visae.html("figcaption", {}, caption, visae.html("span", { class: "note" }, note)));
    const [activation, preActivation] = page.rendered;
    // A visualisation that leaves its unit silent does not show what drives the unit, so do not claim that it does.
    const maximised = () => (activation > 0 ? figure(false, "What drives this unit", `activation ${visae.number(activation)}`) : figure(false, "Optimised for this unit", units.isDead(unit) ? "it stays silent, as on all images" : "it stays silent: more steps may help"));
    const opposite = units.kind(unit) === 1 && units.atlas.rendered.opposite && preActivation !== null;
    return visae.html("div", { class: "visualisations" },
      activation !== null && maximised(),
      opposite && figure(true, "What suppresses it", `pre-activation ${visae.number(preActivation)}`),
      units.kind(unit) === 0 && visae.html("p", { class: "note" }, "No opposite for neurons: most cannot go below zero."));
  };

  // An example: its crop, and on hover or focus the whole image under the unit's heat map.
  const example = (units, unit, [image, row, column, value, quantile], heat) => {
    const { atlas } = units;
    const number = atlas.images.numbers.get(image);
    const key = atlas.images.keys[number];
    const field = visae.receptiveField(atlas, row, column);
    const crop = visae.cropped(atlas, number, field, `What ${units.title(unit)} sees in ${key}`);
    const whole = visae.html("span", { class: "whole" }, visae.html("img", { src: visae.photo(number), alt: "", loading: "lazy" }), visae.html("span", { class: "heat", style: heat }), visae.html("span", { class: "field", style: visae.over(atlas, field) }));
    const text = quantile === null ? visae.number(value) : `${visae.number(value)} (${visae.number(quantile)})`;
    return visae.html("a", { class: "example", href: `#image/${number}/${row},${column}`, title: key }, crop, whole, visae.html("span", { class: "value" }, text));
  };

  const examples = (units, unit, data, index) => {
    const page = data.units[index];
    const { across } = data;
    const heat = (column) => ({
      ...visae.overMap(units.atlas),
      backgroundImage: `url("${visae.file(`${data.name}.png`)}")`,
      // Each tile has a border of one px.
      backgroundSize: `${across * data.scale}% ${data.units.length * data.scale}%`,
      backgroundPosition: `${data.offset(column, across)}% ${data.offset(index, data.units.length)}%`,
    });
    const searched = visae.number(units.atlas.images.searched);
    if (page.examples.length === 0) return visae.html("p", {}, `Fires in none of the ${searched} images that were searched, away from their borders.`);
    const all = page.examples.map((entry, column) => [entry, example(units, unit, entry, heat(column))]);
    const strongest = all.filter(([entry]) => entry[4] === null).map(([, element]) => element);
    const sampled = all.filter(([entry]) => entry[4] !== null).map(([, element]) => element);
    const toggle = visae.html("button", { type: "button", "aria-pressed": "false", onclick: (event) => { const section = event.target.closest("section"); event.target.setAttribute("aria-pressed", String(section.classList.toggle("wholes"))); } }, "whole images");
    const rows = page.examples.map(([image, row, column, value, quantile]) => [units.atlas.images.keys[units.atlas.images.numbers.get(image)], row, column, value, quantile]);
    return visae.html("section", { class: "examples" },
      visae.html("h2", {}, "Dataset examples ", toggle, visae.html("button", { type: "button", class: "save", "aria-label": "Save the examples as CSV", onclick: () => visae.saveCsv(["image", "row", "column", "value", "quantile"], rows, `${units.label(unit)}-examples`) }, "CSV")),
      visae.html("p", { class: "note" }, `Fires in ${visae.number(page.fires_in)} of ${searched} images. Hover over an example to see the whole image and where the unit fires.`),
      visae.html("h3", {}, "Strongest"), visae.html("div", { class: "strip" }, strongest),
      sampled.length > 0 && [visae.html("h3", {}, "Quantiles"), visae.html("p", { class: "note" }, "Activation and its quantile among the images in which the unit fires; the strongest are left out."), visae.html("div", { class: "strip" }, sampled)]);
  };

  // The planted feature that a unit is matched to, where the truth is known.
  const planted = (units, unit) => {
    if (!units.columns.planted) return null;
    const name = units.columns.planted[unit];
    const text = name === null ? "–" : `${name}${units.planted(unit) === null ? ` (cosine only ${visae.number(units.columns.planted_cosine[unit])})` : ""}`;
    return [visae.html("dt", { title: "the planted feature that this unit is matched to, one to one, by the cosine of their directions" }, "planted feature"), visae.html("dd", {}, text)];
  };

  const metrics = (units, unit) => {
    const lines = Object.entries(visae.METRICS).map(([name, { label, note, text }]) => [visae.html("dt", { title: note }, label), visae.html("dd", {}, text(units.columns[name][unit]))]);
    const states = [visae.FAMILY_NAMES[units.family(unit)], units.isDead(unit) && "dead", units.isDense(unit) && "dense", units.columns.orientation[unit] === null && "not tuned to circles"].filter(Boolean).join(", ");
    return visae.html("dl", { class: "metrics" }, visae.html("dt", {}, "family"), visae.html("dd", {}, states), planted(units, unit), lines);
  };

  const tuning = (units, unit, page) => {
    const { orientations, radii, kinds } = units.atlas.stimuli;
    if (page.tuning_peak <= 0 && page.peaks.every((value) => value <= 0)) return visae.html("p", { class: "note" }, "Responds to none of the stimuli.");
    // The plot is scaled to its own peak, so that the tuning of a unit that barely responds would look sharp.
    const responds = units.columns.selectivity[unit] !== null;
    const curve = visae.bytes(page.tuning);
    const values = visae.bytes(page.map);
    const title = units.title(unit);
    const rows = kinds.map((kind, index) => ({ label: STIMULI[kind], value: Math.max(page.peaks[index] ?? 0, 0) }));
    return [
      !responds && visae.html("p", { class: "note" }, page.peaks[0] > 0
        ? `Barely responds to circles: at most ${visae.number(page.peaks[0])}, less than a tenth of the strongest ${units.kind(unit) === 0 ? "neuron" : "feature"}'s response. Its tuning to circles would be noise, so it is not shown.`
        : "Does not respond to circles."),
      responds && visae.figure("Tuning to circles", visae.radial(curve, orientations, `Tuning of ${title} over the orientation of circles`), { note: `Mean response over radii; the rim is ${visae.number(page.tuning_peak)}.`, table: () => [["orientation", "response"], orientations.map((angle, index) => [angle, (curve[index] / 255) * page.tuning_peak])] }),
      responds && visae.figure("Orientation and radius", visae.heatMap(values, orientations, radii, `Responses of ${title} to circles by orientation and radius`), { note: `Response to circles; the brightest is ${visae.number(page.map_peak)}.`, table: () => [["radius", "orientation", "response"], radii.flatMap((radius, row) => orientations.map((angle, index) => [radius, angle, (values[row * orientations.length + index] / 255) * page.map_peak]))] }),
      visae.figure("Responds to", visae.bars(rows, `Peak responses of ${title} by kind of stimulus`), { note: "Peak response to each kind of stimulus.", table: () => [["stimulus", "response"], rows.map(({ label, value }) => [label, value])] }),
    ];
  };

  const weights = (units, unit, page) => {
    const other = units.kind(unit) === 1 ? 0 : 1;
    const title = "Decoder weights";
    const rows = page.weights.map(([number, value]) => ({ label: units.short(units.unit(other, number)), value, href: units.href(units.unit(other, number)) }));
    if (rows.length === 0) return null;
    return visae.figure(title, visae.bars(rows, `${title}: ${rows.map(({ label, value }) => `${label} ${visae.number(value)}`).join(", ")}`), { note: `The largest: what ${other === 0 ? "this feature adds to each neuron" : "each feature adds to this neuron"} per unit of activation.`, table: () => [["unit", "weight"], rows.map(({ label, value }) => [label, value])] });
  };

  const related = (units, title, neighbours) => neighbours.length > 0 && visae.html("section", {}, visae.html("h2", {}, title), visae.html("div", { class: "thumbs" }, neighbours.map(([unit, cosine]) => visae.unitLink(units, unit, visae.number(cosine)))));

  visae.views.unit = async (units, unit) => {
    const { chunk } = units.atlas;
    const name = visae.dataFile("units", Math.floor(unit / chunk));
    const loaded = await visae.load(name);
    visae.evict("data/units/", 8);
    const inner = loaded.heat;
    // The sheet of heat maps has tiles with a border. In percent of a tile's visible part: `scale` is the width of a whole
    // tile, `offset` the background position of a tile.
    const scale = (100 * (inner + 2)) / inner;
    const data = { ...loaded, name, scale, offset: (tile, count) => (100 * (1 + tile * (inner + 2))) / (count * (inner + 2) - inner) };
    const index = unit - loaded.first;
    const page = loaded.units[index];
    const filtered = visae.filtered(units);
    const order = filtered.includes(unit) ? filtered : Array.from({ length: units.count }, (_, number) => number);
    const position = order.indexOf(unit);
    const step = (by, text) => order[position + by] !== undefined && visae.html("a", { class: "step", href: units.href(order[position + by]), rel: by < 0 ? "prev" : "next" }, text);
    return {
      title: units.title(unit),
      content: visae.html("article", { class: "unit" },
        visae.html("nav", { "aria-label": "Previous and next unit" }, step(-1, "‹ previous"), visae.html("a", { class: "step", href: visae.href("") }, "all units"), step(1, "next ›")),
        visae.html("h1", {}, visae.isolate(units.title(unit))),
        visae.html("div", { class: "summary" }, visualisations(units, unit, page), metrics(units, unit)),
        examples(units, unit, data, index),
        visae.html("div", { class: "plots" },
          page.histogram.counts.length > 0 && visae.figure("Activations above zero", visae.histogram(page.histogram), { note: `At ${visae.percent(units.columns.density[unit])} of ${visae.number(units.atlas.positions)} positions.`, table: () => [["from", "to", "positions"], page.histogram.counts.map((count, bin) => [page.histogram.edges[bin], page.histogram.edges[bin + 1], count])] }),
          tuning(units, unit, page), weights(units, unit, page)),
        related(units, "Most similar directions (cosine)", page.similar), related(units, "Most coactive units (cosine of activations)", page.coactive)),
    };
  };
}
