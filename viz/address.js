"use strict";
// The address: the part after the # is the path of a view, and what is chosen there. A choice is a step that back undoes;
// what changes with every letter typed and every move of a slider is written into the step that one is at.

{
  const QUIET = 200; // ms without a change; browsers refuse hundreds of changes in a row
  let waiting = null;
  let timer;

  const same = (address) => (location.hash || "#") === address;

  const forget = () => { clearTimeout(timer); waiting = null; };

  // Write at once what waits to be written.
  visae.settle = () => {
    if (waiting !== null && !same(waiting)) history.replaceState(null, "", waiting);
    forget();
  };

  // The parts of the path, decoded, and what follows it; null for what cannot be decoded.
  visae.address = () => {
    forget();
    const [path, ...query] = location.hash.slice(1).split("?");
    try {
      return { path: path.split("/").map(decodeURIComponent), query: query.join("?") };
    } catch {
      return null;
    }
  };

  // Note a choice.
  visae.step = (address) => {
    visae.settle();
    if (!same(address)) history.pushState(null, "", address);
  };

  // Note a change that others follow.
  visae.amend = (address) => {
    clearTimeout(timer);
    waiting = address;
    timer = setTimeout(visae.settle, QUIET);
  };

  // Before a link is followed, so that back comes to what was left.
  window.addEventListener("click", visae.settle, true);
}
