"use strict";
// The wall: a picture of every unit. Only the rows that are seen are in the page, whatever the number of units.

{
  const CELL = { width: 72, height: 92 };
  const BEYOND = 6; // rows above and below what is seen

  class Wall {
    constructor(units, chosen) {
      this.units = units;
      this.rows = new Map();
      this.links = new Map();
      this.grid = visae.html("div", { class: "wall", role: "list", "aria-label": "Units", onkeydown: (event) => this.move(event) });
      this.scrolled = () => this.fill();
      this.sized = new ResizeObserver(() => this.lay());
      this.show(chosen);
    }

    attach() {
      window.addEventListener("scroll", this.scrolled, { passive: true });
      this.sized.observe(this.grid);
      this.lay();
    }

    detach() {
      window.removeEventListener("scroll", this.scrolled);
      this.sized.disconnect();
    }

    show(chosen) {
      this.chosen = chosen;
      this.current = Math.max(chosen.indexOf(visae.state.unit), 0);
      this.clear();
      if (this.grid.isConnected) this.lay();
    }

    clear() {
      this.grid.replaceChildren();
      this.rows.clear();
      this.links.clear();
    }

    // Work out the columns for the width there is, and where the wall begins.
    lay() {
      const columns = Math.max(Math.floor(this.grid.clientWidth / CELL.width), 1);
      if (columns !== this.columns) this.clear();
      this.columns = columns;
      this.count = Math.ceil(this.chosen.length / columns);
      this.grid.style.height = `${this.count * CELL.height}px`;
      this.fill();
    }

    // Put in the rows that are seen, and take out those that are not: at once a few, so that most frames of a scroll
    // change nothing.
    fill() {
      if (!this.grid.isConnected || !this.columns) return;
      const above = -this.grid.getBoundingClientRect().top;
      const seen = { first: Math.max(Math.floor(above / CELL.height), 0), last: Math.min(Math.ceil((above + window.innerHeight) / CELL.height), this.count) };
      for (let row = seen.first; row < seen.last; row += 1) {
        if (!this.rows.has(row)) {
          this.replace(seen);
          break;
        }
      }
      this.reach(above);
    }

    replace({ first, last }) {
      // At first there is nothing but what is seen: it is there the sooner.
      const beyond = this.rows.size === 0 ? 0 : BEYOND;
      const [from, to] = [Math.max(first - beyond, 0), Math.min(last + beyond, this.count)];
      for (const [row, element] of this.rows) {
        if ((row < from || row >= to) && !element.contains(document.activeElement)) this.remove(row, element);
      }
      const fresh = [];
      for (let row = from; row < to; row += 1) if (!this.rows.has(row)) fresh.push(this.row(row));
      this.grid.append(...fresh);
    }

    remove(row, element) {
      element.remove();
      this.rows.delete(row);
      for (let column = 0; column < this.columns; column += 1) this.links.delete(row * this.columns + column);
    }

    row(number) {
      const first = number * this.columns;
      const tiles = this.chosen.slice(first, first + this.columns).map((unit, column) => this.tile(unit, first + column));
      const element = visae.html("div", { class: "row", role: "none", style: { top: `${number * CELL.height}px` } }, tiles);
      this.rows.set(number, element);
      return element;
    }

    tile(unit, place) {
      const { units } = this;
      const family = units.family(unit);
      const drawn = visae.state.wall === "drawn" && visae.isDrawn(units, unit);
      const words = units.words(unit, drawn);
      const face = visae.html("span", { class: "face" });
      visae.tile(face, units, unit, drawn ? "drawn" : "examples");
      const link = visae.html("a", { href: units.href(unit), tabindex: -1, "aria-label": words, title: words, onfocus: () => this.choose(place), onclick: () => this.choose(place) },
        face, visae.html("span", { class: "name" }, family !== "none" && visae.html("span", { class: "dot", style: { background: visae.FAMILY_COLOURS[family] } }), units.short(unit)));
      this.links.set(place, link);
      return visae.html("div", { role: "listitem", class: units.dead(unit) || (drawn && units.silent(unit)) ? "cell faint" : "cell", "aria-setsize": this.chosen.length, "aria-posinset": place + 1 }, link);
    }

    // One of those that are seen can always be reached with Tab.
    reach(above) {
      const inside = Math.max(Math.ceil(above / CELL.height), 0) * this.columns;
      const place = this.links.has(this.current) ? this.current : Math.min(inside, this.chosen.length - 1);
      this.tabbed(this.links.get(place));
    }

    tabbed(link) {
      if (link === this.tabbable) return;
      this.tabbable?.setAttribute("tabindex", -1);
      link?.setAttribute("tabindex", 0);
      this.tabbable = link;
    }

    choose(place) {
      this.current = place;
      visae.state.unit = this.chosen[place];
      this.tabbed(this.links.get(place));
    }

    // Arrow keys go from tile to tile; Tab leaves the wall.
    move(event) {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -4 * this.columns, PageDown: 4 * this.columns, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const place = Math.min(Math.max(this.current + steps[event.key], 0), this.chosen.length - 1);
      const top = Math.floor(place / this.columns) * CELL.height + this.grid.getBoundingClientRect().top;
      if (top < 0 || top + CELL.height > window.innerHeight) window.scrollBy(0, top - window.innerHeight / 2);
      this.fill();
      this.links.get(place)?.focus({ preventScroll: true });
    }
  }

  const described = (units, chosen) => {
    const all = chosen.length === units.count ? "all" : `${visae.number(chosen.length)} of`;
    return `${all} ${visae.number(units.count)} units of ${units.layer}`;
  };

  // What the faint ones are: of a picture that does not drive its unit nobody shall think that this is what it wants.
  const faint = (units, chosen) => {
    const dead = chosen.filter((unit) => units.dead(unit)).length;
    const silent = visae.state.wall === "drawn" ? chosen.filter((unit) => units.silent(unit)).length : 0;
    const words = [silent && `${visae.number(silent)} ${silent === 1 ? "stays silent under the picture drawn for it" : "stay silent under the picture drawn for them"}`, dead && `${visae.number(dead)} ${dead === 1 ? "never fires" : "never fire"}`].filter(Boolean);
    return words.length > 0 ? [visae.html("span", { class: "note" }, ` faint: ${words.join(", ")}`)] : [];
  };

  // What is said in place of a wall on which there is nothing.
  const nothing = (units, clear) => [visae.html("span", {}, "No unit matches ", visae.foreign(visae.wanted(units).join(", ")), ". "), visae.html("button", { type: "button", onclick: clear }, "clear filters")];

  visae.parts.wall = (units) => {
    const wall = new Wall(units, visae.chosen(units));
    const count = visae.html("p", { class: "count", role: "status" });
    const empty = visae.html("p", { class: "nothing" });
    const names = Object.keys(visae.FIGURES);
    const planted = units.columns.planted ? ["planted"] : [];
    const table = () => [["unit", "family", ...planted, ...names], wall.chosen.map((unit) => [units.label(unit), units.family(unit), ...[...planted, ...names].map((name) => units.columns[name][unit])])];
    const save = visae.html("button", { type: "button", class: "save", onclick: () => visae.saveCsv(...table(), `${units.layer}-units`), "aria-label": "Save the table of these units as CSV" }, "CSV");
    const panel = visae.html("details", { class: "panel", open: window.innerWidth > 720 }, visae.html("summary", {}, "Sort and filter"));
    const tell = () => {
      count.replaceChildren(described(units, wall.chosen), save, ...faint(units, wall.chosen));
      empty.replaceChildren(...(wall.chosen.length === 0 ? nothing(units, clear) : []));
    };
    const noted = (note) => () => {
      wall.show(visae.chosen(units));
      tell();
      note(visae.href(""));
      visae.mark();
    };
    const chosen = noted(visae.step);
    const clear = () => {
      Object.assign(visae.state, visae.unfiltered());
      fill();
      chosen();
      // The button that was pressed is gone.
      document.getElementById("main").focus({ preventScroll: true });
    };
    const fill = () => {
      panel.querySelector("form")?.remove();
      panel.append(visae.filterPanel(units, { chosen, changing: noted(visae.amend), clear }));
    };
    fill();
    tell();
    return {
      title: "All units",
      content: visae.html("div", { class: "overview" }, panel, visae.html("section", { class: "units" }, visae.html("h1", {}, "Units of ", visae.foreign(units.layer)), count, empty, wall.grid)),
      shown: () => { wall.attach(); window.scrollTo(0, visae.state.scroll); },
      left: () => { visae.state.scroll = window.scrollY; wall.detach(); },
    };
  };
}
