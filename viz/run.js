"use strict";
// The run: how the dictionary came about, how good it is, and whose the photographs are.

{
  const flat = (object, prefix = "") => Object.entries(object ?? {}).flatMap(([name, value]) => (value !== null && typeof value === "object" ? flat(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]]));

  const said = (value) => (typeof value === "number" ? visae.number(value) : value === null || value === undefined ? "–" : visae.foreign(String(value)));

  const listed = (title, all, rows = all.filter(([, value]) => value !== "")) => rows.length > 0 && visae.table(title, ["what", "value"], rows.map(([name, value]) => [name, said(value)]), rows);

  const LOSSES = ["error", "sparsity", "aux"];
  const COLOURS = [visae.BLUE, visae.ORANGE, "#009e73"];

  const log = (lines) => {
    const series = LOSSES.map((name, at) => ({ label: name, colour: COLOURS[at], points: lines.filter((line) => line[name] > 0).map((line) => [line.step, line[name]]) })).filter(({ points }) => points.length > 1);
    if (series.length === 0) return null;
    const values = series.flatMap(({ points }) => points.map(([, y]) => y));
    const steps = series.flatMap(({ points }) => points.map(([x]) => x));
    const svg = visae.lines(series, { low: Math.min(...steps), high: Math.max(...steps), label: "step" }, { low: Math.min(...values), high: Math.max(...values), log: true, label: "loss" }, "The training's loss over its steps");
    const names = [...new Set(lines.flatMap(Object.keys))];
    return visae.figure("Training", svg, { table: () => [names, lines.map((line) => names.map((name) => line[name]))] });
  };

  const LEAST = -0.1; // of the explained variance, in the plot

  const frontier = (points) => {
    const known = points.filter(({ l0, explained_variance: ev }) => l0 > 0 && ev !== null);
    if (known.length < 2) return null;
    const kinds = [...new Set(known.map(({ kind }) => kind))];
    const colours = [visae.BLUE, visae.ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8f8f8f", "#8c6d31"];
    const series = kinds.map((kind, at) => ({ label: kind.slice(0, 20), colour: colours[at % colours.length], marks: true, points: known.filter((of) => of.kind === kind).map((of) => [of.l0, Math.max(of.explained_variance, LEAST), of.name, of.this]) }));
    const l0 = known.map((of) => of.l0);
    const ev = known.map((of) => of.explained_variance);
    const svg = visae.lines(series, { low: Math.min(...l0) * 0.9, high: Math.max(...l0) * 1.1, log: true, label: "features that fire at a position (L0)", ticks: [...new Set(l0.map((value) => Math.round(value)))].slice(0, 8).filter(Boolean) }, { low: Math.max(Math.min(...ev), LEAST) - 0.01, high: 1, label: "explained variance" }, "Explained variance against L0 of the dictionaries of this sweep");
    return visae.figure("Frontier", svg, { note: `This dictionary is ringed.${ev.some((value) => value < LEAST) ? ` What explains less than ${visae.number(LEAST)} is drawn there.` : ""}`, table: () => [["dictionary", "kind", "l0", "explained variance"], known.map((of) => [of.name, of.kind, of.l0, of.explained_variance])] });
  };

  const photographs = ({ keys, credits, name }) => {
    const link = (place) => visae.html("a", { href: `#image/${place}` }, visae.foreign(keys[place]));
    const rows = keys.map((key, place) => [key, ...credits.rows[credits.of[place]]]);
    const unsaid = rows.filter(([, author, licence]) => !author && !licence).length;
    const generated = name.startsWith("leaves:");
    return [
      visae.html("h2", {}, "Photographs"),
      unsaid > 0 && !generated && visae.html("p", { class: "warning" }, `Of ${visae.number(unsaid)} of the ${visae.number(rows.length)} images nobody has said whose they are: find out before you publish this page.`),
      generated && visae.html("p", {}, "The images are dead leaves, generated: nobody's photographs."),
      visae.html("details", {}, visae.html("summary", {}, `All ${visae.number(rows.length)} images shown, with author, licence and origin`),
        visae.table("Images", ["image", "author", "licence", "origin"], rows.map((row, place) => [link(place), ...row.slice(1).map((text) => (text ? visae.foreign(text) : "–"))]), rows)),
    ];
  };

  visae.parts.run = (units) => {
    const { run, images, top } = units.atlas;
    const dictionary = [["layer", run.layer], ["kind", run.kind], ...flat(run.recipe), ["rows", run.rows], ["images held out", run.held_out_images], ...(run.stopped ? [["stopped", run.stopped]] : [])];
    const looked = [["images", images.name], ["searched", images.searched], ["could not be read", images.skipped], ["shown", images.keys.length], ["strongest examples of each unit", top], ["positions counted", units.atlas.positions]];
    return {
      title: "The run",
      content: visae.html("div", { class: "run" }, visae.html("h1", {}, "The run"),
        visae.html("div", { class: "tables" }, listed("Dictionary", dictionary), listed("Figures, on held-out images", flat(run.figures)), listed("Training", flat(run.training)), listed("Network", flat(run.network)), listed("This atlas", [...looked, ...flat(run.versions)])),
        visae.html("div", { class: "plots" }, log(run.log), frontier(run.frontier)),
        photographs(images)),
    };
  };
}
