"use strict";
// Foundations: loading data files, which are scripts, and creating elements without markup, so that no file name, label
// or other text is ever parsed as HTML.

const visae = { views: {} };

{
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  const requests = new Map();

  // The URL of a file of this version of the atlas.
  visae.file = (name) => base + name;

  // Called by the data files.
  visae.receive = (name, content) => {
    const request = requests.get(name);
    if (request) request.received = true;
    request?.resolve(content);
  };

  // The content of a data file, loaded once. A page opened from disk may not fetch files, but may run scripts.
  visae.load = (name) => {
    if (!requests.has(name)) {
      const request = {};
      request.promise = new Promise((resolve, reject) => Object.assign(request, { resolve, reject }));
      requests.set(name, request);
      const script = document.createElement("script");
      script.src = visae.file(`${name}.js`);
      const failed = (problem) => {
        requests.delete(name);
        script.remove();
        request.reject(new Error(`${name}.js is ${problem}; the atlas may have been copied incompletely`));
      };
      script.onload = () => (request.received ? script.remove() : failed("damaged"));
      script.onerror = () => failed("missing");
      document.head.append(script);
    }
    return requests.get(name).promise;
  };

  // Drop all but the last `keep` files loaded, so that a long visit does not fill the memory.
  visae.evict = (prefix, keep) => {
    const names = [...requests.keys()].filter((name) => name.startsWith(prefix));
    names.slice(0, -keep).forEach((name) => requests.delete(name));
  };
}

// Decode base64 to bytes.
visae.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// Decode base64 of zlib-compressed bytes.
visae.inflate = async (text) => {
  const stream = new Blob([visae.bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

// Set attributes, listeners (onclick), styles and children of an element.
visae.populate = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
};

// An HTML element; strings among its children stay text.
visae.html = (tag, attributes = {}, ...children) =>
  visae.populate(document.createElement(tag), attributes, children);

// An SVG element.
visae.svg = (tag, attributes = {}, ...children) =>
  visae.populate(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A text from outside, isolated so that its direction does not affect the text around it: a file name may be in Arabic,
// or pretend to be.
visae.isolate = (text) => visae.html("bdi", {}, text);

// A number for reading: three significant digits, and no exponent for large numbers.
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
