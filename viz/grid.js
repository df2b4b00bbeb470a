"use strict";
// The grid of all units' thumbnails. Only rows near the viewport are in the page, however many units there are.

{
  const CELL = { width: 72, height: 92 };
  const OVERSCAN = 6; // rows above and below the viewport

  class Grid {
    constructor(units, listed) {
      this.units = units;
      this.rows = new Map();
      this.links = new Map();
      this.element = visae.html("div", { class: "grid", role: "list", "aria-label": "Units", onkeydown: (event) => this.move(event) });
      this.scrolled = () => this.render();
      this.resized = new ResizeObserver(() => this.layOut());
      this.show(listed);
    }

    attach() {
      window.addEventListener("scroll", this.scrolled, { passive: true });
      this.resized.observe(this.element);
      this.layOut();
    }

    detach() {
      window.removeEventListener("scroll", this.scrolled);
      this.resized.disconnect();
    }

    show(listed) {
      this.listed = listed;
      this.current = Math.max(listed.indexOf(visae.state.unit), 0);
      this.clear();
      if (this.element.isConnected) this.layOut();
    }

    clear() {
      this.element.replaceChildren();
      this.rows.clear();
      this.links.clear();
    }

    // Compute the number of columns and the height from the available width.
    layOut() {
      const columns = Math.max(Math.floor(this.element.clientWidth / CELL.width), 1);
      if (columns !== this.columns) this.clear();
      this.columns = columns;
      this.count = Math.ceil(this.listed.length / columns);
      this.element.style.height = `${this.count * CELL.height}px`;
      this.render();
    }

    // Add rows that scrolled into view and remove those far outside, a few at a time, so that most frames of a scroll
    // change nothing.
    render() {
      if (!this.element.isConnected || !this.columns) return;
      const above = -this.element.getBoundingClientRect().top;
      const visible = { first: Math.max(Math.floor(above / CELL.height), 0), last: Math.min(Math.ceil((above + window.innerHeight) / CELL.height), this.count) };
      for (let row = visible.first; row < visible.last; row += 1) {
        if (!this.rows.has(row)) {
          this.replaceRows(visible);
          break;
        }
      }
      this.keepReachable(above);
    }

    replaceRows({ first, last }) {
      // The first time, add only what is visible, to show it sooner.
      const overscan = this.rows.size === 0 ? 0 : OVERSCAN;
      const [from, to] = [Math.max(first - overscan, 0), Math.min(last + overscan, this.count)];
      for (const [row, element] of this.rows) {
        if ((row < from || row >= to) && !element.contains(document.activeElement)) this.removeRow(row, element);
      }
      const added = [];
      for (let row = from; row < to; row += 1) if (!this.rows.has(row)) added.push(this.row(row));
      this.element.append(...added);
    }

    removeRow(row, element) {
      element.remove();
      this.rows.delete(row);
      for (let column = 0; column < this.columns; column += 1) this.links.delete(row * this.columns + column);
    }

    row(number) {
      const first = number * this.columns;
      const cells = this.listed.slice(first, first + this.columns).map((unit, column) => this.cell(unit, first + column));
      const element = visae.html("div", { class: "row", role: "none", style: { top: `${number * CELL.height}px` } }, cells);
      this.rows.set(number, element);
      return element;
    }

    cell(unit, index) {
      const { units } = this;
      const family = units.family(unit);
      const rendered = visae.state.pictures === "rendered" && visae.isRendered(units, unit);
      const description = units.describe(unit, rendered);
      const face = visae.html("span", { class: "face" });
      visae.thumbnail(face, units, unit, rendered ? "rendered" : "examples");
      const link = visae.html("a", { href: units.href(unit), tabindex: -1, "aria-label": description, title: description, onfocus: () => this.select(index), onclick: () => this.select(index) },
        face, visae.html("span", { class: "name" }, family !== "none" && visae.html("span", { class: "dot", style: { background: visae.FAMILY_COLOURS[family] } }), units.short(unit)));
      this.links.set(index, link);
      return visae.html("div", { role: "listitem", class: units.isDead(unit) || (rendered && units.isSilent(unit)) ? "cell faint" : "cell", "aria-setsize": this.listed.length, "aria-posinset": index + 1 }, link);
    }

    // One of the visible units can always be reached with Tab.
    keepReachable(above) {
      const firstVisible = Math.max(Math.ceil(above / CELL.height), 0) * this.columns;
      const index = this.links.has(this.current) ? this.current : Math.min(firstVisible, this.listed.length - 1);
      this.makeReachable(this.links.get(index));
    }

    makeReachable(link) {
      if (link === this.reachable) return;
      this.reachable?.setAttribute("tabindex", -1);
      link?.setAttribute("tabindex", 0);
      this.reachable = link;
    }

    select(index) {
      this.current = index;
      visae.state.unit = this.listed[index];
      this.makeReachable(this.links.get(index));
    }

    // Arrow keys move between units; Tab leaves the grid.
    move(event) {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -4 * this.columns, PageDown: 4 * this.columns, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const index = Math.min(Math.max(this.current + steps[event.key], 0), this.listed.length - 1);
      const top = Math.floor(index / this.columns) * CELL.height + this.element.getBoundingClientRect().top;
      if (top < 0 || top + CELL.height > window.innerHeight) window.scrollBy(0, top - window.innerHeight / 2);
      this.render();
      this.links.get(index)?.focus({ preventScroll: true });
    }
  }

  const countText = (units, listed) => {
    const shown = listed.length === units.count ? "All" : `${visae.number(listed.length)} of`;
    return `${shown} ${visae.number(units.count)} units of ${units.layer}`;
  };

  // Why some units are faded: a visualisation that leaves its unit silent does not show what drives the unit.
  const fadedNote = (units, listed) => {
    const dead = listed.filter((unit) => units.isDead(unit)).length;
    const silent = visae.state.pictures === "rendered" ? listed.filter((unit) => units.isSilent(unit)).length : 0;
    const reasons = [
      silent && `${visae.number(silent)} ${silent === 1 ? "does not fire on its own visualisation" : "do not fire on their own visualisation"}`,
      dead && `${visae.number(dead)} ${dead === 1 ? "never fires" : "never fire"}`,
    ].filter(Boolean);
    return reasons.length > 0 ? [visae.html("span", { class: "note" }, ` Faded: ${reasons.join(", ")}`)] : [];
  };

  // How good the dictionary is, in one line; an atlas of an earlier version does not say.
  const verdictNote = (units) => {
    const verdict = units.atlas.run?.verdict;
    return verdict && visae.html("p", { class: "note verdict" }, visae.html("a", { href: visae.href("run") }, "Verdict"), ": ", visae.isolate(verdict));
  };

  const noMatch = (units, clear) => [visae.html("span", {}, "No unit matches ", visae.isolate(visae.describeFilters(units).join(", ")), ". "), visae.html("button", { type: "button", onclick: clear }, "clear filters")];

  visae.views.grid = (units) => {
    const grid = new Grid(units, visae.filtered(units));
    const count = visae.html("p", { class: "count", role: "status" });
    const empty = visae.html("p", { class: "no-match" });
    const names = Object.keys(visae.METRICS);
    const planted = units.columns.planted ? ["planted"] : [];
    const table = () => [["unit", "family", ...planted, ...names], grid.listed.map((unit) => [units.label(unit), units.family(unit), ...[...planted, ...names].map((name) => units.columns[name][unit])])];
    const save = visae.html("button", { type: "button", class: "save", onclick: () => visae.saveCsv(...table(), `${units.layer}-units`), "aria-label": "Save the table of these units as CSV" }, "CSV");
    const panel = visae.html("details", { class: "panel", open: window.innerWidth > 720 }, visae.html("summary", {}, "Sort and filter"));
    const report = () => {
      count.replaceChildren(countText(units, grid.listed), save, ...fadedNote(units, grid.listed));
      empty.replaceChildren(...(grid.listed.length === 0 ? noMatch(units, clear) : []));
    };
    const update = (writeAddress) => () => {
      grid.show(visae.filtered(units));
      report();
      writeAddress(visae.href(""));
      visae.updateNavigation();
    };
    const chosen = update(visae.pushAddress);
    const clear = () => {
      Object.assign(visae.state, visae.noFilters());
      replacePanel();
      chosen();
      // The pressed button is gone.
      document.getElementById("main").focus({ preventScroll: true });
    };
    const replacePanel = () => {
      panel.querySelector("form")?.remove();
      panel.append(visae.filterPanel(units, { chosen, changing: update(visae.replaceAddress), clear }));
    };
    replacePanel();
    report();
    return {
      title: "All units",
      content: visae.html("div", { class: "overview" }, panel, visae.html("section", { class: "units" }, visae.html("h1", {}, "Units of ", visae.isolate(units.layer)), verdictNote(units), count, empty, grid.element)),
      enter: () => { grid.attach(); window.scrollTo(0, visae.state.scroll); },
      leave: () => { visae.state.scroll = window.scrollY; grid.detach(); },
    };
  };
}
