"use strict";
// The page of the training run: how the dictionary was made, how good it is, and who took the photographs.

{
  const flatten = (object, prefix = "") => Object.entries(object ?? {}).flatMap(([name, value]) => (value !== null && typeof value === "object" ? flatten(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]]));

  const cell = (value) => (typeof value === "number" ? visae.number(value) : value === null || value === undefined ? "–" : visae.isolate(String(value)));

  const pairs = (title, all, rows = all.filter(([, value]) => value !== "")) => rows.length > 0 && visae.table(title, ["name", "value"], rows.map(([name, value]) => [name, cell(value)]), rows);

  const LOSSES = ["error", "sparsity", "aux"];
  const COLOURS = [visae.BLUE, visae.ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8f8f8f", "#8c6d31"];

  const trainingLog = (lines) => {
    const series = LOSSES.map((name, index) => ({ label: name, colour: COLOURS[index], points: lines.filter((line) => line[name] > 0).map((line) => [line.step, line[name]]) })).filter(({ points }) => points.length > 1);
    if (series.length === 0) return null;
    const values = series.flatMap(({ points }) => points.map(([, y]) => y));
    const steps = series.flatMap(({ points }) => points.map(([x]) => x));
    const svg = visae.lines(series, { low: Math.min(...steps), high: Math.max(...steps), label: "step" }, { low: Math.min(...values), high: Math.max(...values), log: true, label: "loss" }, "Training loss over steps");
    const names = [...new Set(lines.flatMap(Object.keys))];
    return visae.figure("Training loss", svg, { table: () => [names, lines.map((line) => names.map((name) => line[name]))] });
  };

  const LOWEST = -0.1; // explained variance in the plot; lower values are drawn here

  const frontier = (points) => {
    const known = points.filter(({ l0, explained_variance: ev }) => l0 > 0 && ev !== null);
    if (known.length < 2) return null;
    const kinds = [...new Set(known.map(({ kind }) => kind))];
    const series = kinds.map((kind, index) => ({ label: kind.slice(0, 20), colour: COLOURS[index % COLOURS.length], marks: true, points: known.filter((point) => point.kind === kind).map((point) => [point.l0, Math.max(point.explained_variance, LOWEST), point.name, point.this]) }));
    const l0 = known.map((point) => point.l0);
    const ev = known.map((point) => point.explained_variance);
    const svg = visae.lines(series, { low: Math.min(...l0) * 0.9, high: Math.max(...l0) * 1.1, log: true, label: "active features per position (L0)", ticks: [...new Set(l0.map((value) => Math.round(value)))].slice(0, 8).filter(Boolean) }, { low: Math.max(Math.min(...ev), LOWEST) - 0.01, high: 1, label: "explained variance" }, "Explained variance against L0 of the dictionaries of this sweep");
    return visae.figure("Frontier of the sweep", svg, { note: `This dictionary is ringed.${ev.some((value) => value < LOWEST) ? ` Values below ${visae.number(LOWEST)} are drawn at ${visae.number(LOWEST)}.` : ""}`, table: () => [["dictionary", "kind", "l0", "explained variance"], known.map((point) => [point.name, point.kind, point.l0, point.explained_variance])] });
  };

  const photographs = ({ keys, credits, name }) => {
    const link = (number) => visae.html("a", { href: `#image/${number}` }, visae.isolate(keys[number]));
    const rows = keys.map((key, number) => [key, ...credits.rows[credits.row[number]]]);
    const unknown = rows.filter(([, author, licence]) => !author && !licence).length;
    const generated = name.startsWith("leaves:");
    return [
      visae.html("h2", {}, generated ? "Images" : "Photographs"),
      unknown > 0 && !generated && visae.html("p", { class: "warning" }, `${visae.number(unknown)} of ${visae.number(rows.length)} images have no known author or licence: clarify the rights before you publish this page.`),
      generated && visae.html("p", {}, "The images are generated dead leaves, not photographs."),
      visae.html("details", {}, visae.html("summary", {}, `All ${visae.number(rows.length)} images shown, with author, licence and origin`),
        visae.table("Images", ["image", "author", "licence", "origin"], rows.map((row, number) => [link(number), ...row.slice(1).map((text) => (text ? visae.isolate(text) : "–"))]), rows)),
    ];
  };

  visae.views.run = (units) => {
    const { run, images, top } = units.atlas;
    const dictionary = [["layer", run.layer], ["kind", run.kind], ...flatten(run.config), ["rows", run.rows], ["held-out images", run.held_out_images], ...(run.stopped ? [["stopped", run.stopped]] : []), ...(run.verdict ? [["verdict", run.verdict]] : [])];
    const atlas = [["images", images.name], ["images searched", images.searched], ["images unreadable", images.skipped], ["images shown", images.keys.length], ["strongest examples per unit", top], ["positions counted", units.atlas.positions]];
    return {
      title: "Training run",
      content: visae.html("div", { class: "run" }, visae.html("h1", {}, "Training run"),
        visae.html("div", { class: "tables" }, pairs("Dictionary", dictionary), pairs("Held-out metrics", flatten(run.metrics)), pairs("Training", flatten(run.training)), pairs("Network", flatten(run.network)), pairs("This atlas", [...atlas, ...flatten(run.versions)])),
        visae.html("div", { class: "plots" }, trainingLog(run.log), frontier(run.frontier)),
        photographs(images)),
    };
  };
}
