"use strict";
// The address: after the # come a view's path and the query of its state. A choice is an entry of the history, which the
// back button undoes; typing and dragging only change the current entry.

{
  const DELAY = 200; // ms without a further change; browsers refuse hundreds of changes in a row
  let pending = null;
  let timer;

  const isCurrent = (address) => (location.hash || "#") === address;

  const cancel = () => { clearTimeout(timer); pending = null; };

  // Write a pending change at once.
  visae.flushAddress = () => {
    if (pending !== null && !isCurrent(pending)) history.replaceState(null, "", pending);
    cancel();
  };

  // The path's parts, decoded, and the query; null if they cannot be decoded.
  visae.address = () => {
    cancel();
    const [path, ...query] = location.hash.slice(1).split("?");
    try {
      return { path: path.split("/").map(decodeURIComponent), query: query.join("?") };
    } catch {
      return null;
    }
  };

  // Add an entry to the history.
  visae.pushAddress = (address) => {
    visae.flushAddress();
    if (!isCurrent(address)) history.pushState(null, "", address);
  };

  // Change the current entry, once no further change follows.
  visae.replaceAddress = (address) => {
    clearTimeout(timer);
    pending = address;
    timer = setTimeout(visae.flushAddress, DELAY);
  };

  // Flush before a link is followed, so that the back button returns to the latest state.
  window.addEventListener("click", visae.flushAddress, true);
}
