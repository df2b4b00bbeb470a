"use strict";
// What every other file stands on: data that come as scripts, and elements made without markup, so that no text of a
// file name, a label or a card is ever read as HTML.

const visae = { parts: {} };

{
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  const waiting = new Map();

  // Where a file of this version of the atlas is.
  visae.file = (name) => base + name;

  // Called by the data files.
  visae.take = (name, content) => {
    const entry = waiting.get(name);
    if (entry) entry.taken = true;
    entry?.resolve(content);
  };

  // The content of a data file, read once. A page opened from a disk may not fetch, but it may run scripts.
  visae.load = (name) => {
    if (!waiting.has(name)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      waiting.set(name, entry);
      const script = document.createElement("script");
      script.src = visae.file(`${name}.js`);
      const failed = (words) => {
        waiting.delete(name);
        script.remove();
        entry.reject(new Error(`${name}.js is ${words}; the atlas may not have been copied whole`));
      };
      script.onload = () => (entry.taken ? script.remove() : failed("damaged"));
      script.onerror = () => failed("missing");
      document.head.append(script);
    }
    return waiting.get(name).promise;
  };

  // Forget what was loaded longest ago, so that a long visit does not fill the memory.
  visae.forget = (prefix, keep) => {
    const names = [...waiting.keys()].filter((name) => name.startsWith(prefix));
    names.slice(0, -keep).forEach((name) => waiting.delete(name));
  };
}

// Bytes from base64.
visae.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// Bytes from base64 of what zlib compressed.
visae.inflated = async (text) => {
  const stream = new Blob([visae.bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

visae.dress = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
};

// An element of HTML, with attributes, listeners (onclick) and children; texts stay texts.
visae.html = (tag, attributes = {}, ...children) =>
  visae.dress(document.createElement(tag), attributes, children);

// The same of SVG.
visae.svg = (tag, attributes = {}, ...children) =>
  visae.dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A text from outside, whose direction does not spill over: a file name may be in Arabic, or pretend to be.
visae.foreign = (text) => visae.html("bdi", {}, text);

// Numbers as people read them: three digits that count, and no exponents for what is large.
visae.number = (value, unit = "") => {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const text =
    size >= 1000 ? Math.round(value).toLocaleString("en")
    : size >= 1e-3 || size === 0 ? String(Number(value.toPrecision(3)))
    : value.toExponential(1);
  return text.replaceAll("-", "−") + unit;
};

visae.percent = (value) => (value === null ? "–" : visae.number(100 * value, " %"));
