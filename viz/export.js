"use strict";
// Saving plots as SVG or PNG and tables as CSV.

{
  const save = (blob, name) => {
    const link = visae.html("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const fileName = (title, suffix) => `${title.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "")}.${suffix}`;

  // A standalone copy of a plot, dark on white whatever the page's theme.
  const standalone = (svg) => {
    const copy = svg.cloneNode(true);
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height, color: "#1a1a1a", "font-family": "sans-serif" })) copy.setAttribute(name, value);
    copy.prepend(visae.svg("rect", { x: 0, y: 0, width, height, fill: "#ffffff" }));
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  };

  visae.saveSvg = (svg, title) => save(new Blob([standalone(svg).text], { type: "image/svg+xml" }), fileName(title, "svg"));

  // At three times the size, for print.
  visae.savePng = async (svg, title) => {
    const { text, width, height } = standalone(svg);
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = visae.html("canvas", { width: 3 * width, height: 3 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, 3 * width, 3 * height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((blob) => save(blob, fileName(title, "png")), "image/png");
  };

  // An apostrophe keeps a spreadsheet from evaluating text that looks like a formula.
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };

  visae.csv = (head, rows) => [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

  visae.saveCsv = (head, rows, title) =>
    save(new Blob(["\ufeff", visae.csv(head, rows)], { type: "text/csv" }), fileName(title, "csv"));

  const button = (format, title, save) => visae.html("button", { type: "button", class: "save", onclick: save, "aria-label": `Save ${title} as ${format}` }, format);

  // A plot with its title and buttons to save it. `table` returns the header and the rows of the plotted data.
  visae.figure = (title, svg, { note, table } = {}) =>
    visae.html("figure", {},
      visae.html("figcaption", {}, title, visae.html("span", { class: "saves" },
        button("SVG", title, () => visae.saveSvg(svg, title)),
        button("PNG", title, () => visae.savePng(svg, title)),
        table && button("CSV", title, () => visae.saveCsv(...table(), title)))),
      svg,
      note && visae.html("p", { class: "note" }, note));

  // A table with a button to save it. Cells are text, numbers or elements; `values` are the rows that are saved.
  visae.table = (title, head, rows, values = rows) =>
    visae.html("div", { class: "table" },
      visae.html("table", {},
        visae.html("caption", {}, title, visae.html("span", { class: "saves" }, button("CSV", title, () => visae.saveCsv(head, values, title)))),
        visae.html("thead", {}, visae.html("tr", {}, head.map((name) => visae.html("th", { scope: "col" }, name)))),
        visae.html("tbody", {}, rows.map((row) => visae.html("tr", {}, row.map((value) => visae.html("td", {}, value === null ? "–" : value)))))));
}
