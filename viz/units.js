"use strict";
// The units: neurons first, then features, each a number from 0; what is known of them from the beginning, and their
// addresses, as mixed3b/f/17.

{
  const KINDS = ["n", "f"];
  const NAMES = ["neuron", "feature"];

  // What can be sorted by, filtered by and coloured by. The last two are there only where pictures were drawn, and of a
  // network whose truth is known.
  visae.FIGURES = {
    density: { label: "density", note: "share of all positions at which the unit fires", log: true, text: visae.percent },
    share: { label: "variance share", note: "of the layer's variance, the covariance with what the unit adds: below zero where it takes away what others add too much", log: true, text: visae.percent },
    peak: { label: "largest value", note: "in the images that were searched", log: true, text: visae.number },
    selectivity: { label: "selectivity", note: "resultant length of the tuning to circles, 0 to 1", text: visae.number },
    orientation: { label: "orientation", note: "preferred orientation of circles, of units that are tuned to them; degrees clockwise from +x, from the circle's centre to its rim", cyclic: 360, text: (value) => visae.number(value === null ? null : Math.round(value) % 360, "°") },
    radius: { label: "preferred radius", note: "of circles, px", log: true, text: (value) => visae.number(value, " px") },
    echo: { label: "echo", note: "largest answer to the opposite curve, over the peak", text: visae.number },
    width: { label: "tuning width", note: "full width at half maximum, degrees", text: (value) => visae.number(value, "°") },
    line_or_curve: { label: "lines or circles", note: "1 for lines only, −1 for circles only", text: visae.number },
    norm: { label: "decoder norm", note: "length of the decoder's row: what an activation of 1 adds to the layer, before it is multiplied into the value; 1 for a neuron", text: visae.number },
    drawn: { label: "picture over examples", note: "the unit's value under the picture drawn for it, over its largest in the images that were searched; 0 if the picture leaves it silent", text: visae.number },
    planted_cosine: { label: "cosine with planted", note: "of the unit's direction and that of the planted feature it is matched to, one to one", text: visae.number },
  };

  visae.FAMILY_NAMES = { none: "no family", curve: "curve", double_curve: "double curve", angle: "angle", line: "line", edge: "edge", colour: "colour" };

  class Units {
    constructor(atlas) {
      this.atlas = atlas;
      this.columns = atlas.columns;
      this.neurons = atlas.counts[0];
      this.count = atlas.counts[0] + atlas.counts[1];
      this.layer = atlas.layer.name;
      this.ranges = new Map();
    }

    kind(unit) { return unit < this.neurons ? 0 : 1; }
    number(unit) { return unit < this.neurons ? unit : unit - this.neurons; }
    of(kind, number) { return kind === 0 ? number : this.neurons + number; }
    label(unit) { return `${this.layer}/${KINDS[this.kind(unit)]}/${this.number(unit)}`; }
    short(unit) { return `${KINDS[this.kind(unit)]} ${this.number(unit)}`; }
    title(unit) { return `${this.layer} ${NAMES[this.kind(unit)]} ${this.number(unit)}`; }
    href(unit) { return `#${encodeURIComponent(this.layer)}/${KINDS[this.kind(unit)]}/${this.number(unit)}`; }
    family(unit) { return this.atlas.families[this.columns.family[unit]]; }
    dead(unit) { return this.columns.density[unit] === 0; }
    // Whether the picture drawn for a unit leaves it silent.
    silent(unit) { return (this.columns.drawn?.[unit] ?? 1) <= 0; }
    dense(unit) { return this.columns.density[unit] >= this.atlas.dense; }

    // The planted feature that a unit has recovered; null for none, and where nothing was planted.
    planted(unit) { return this.columns.planted_cosine?.[unit] >= this.atlas.recovered ? this.columns.planted[unit] : null; }

    // The unit of an address; null for what is none.
    find(parts) {
      const kind = KINDS.indexOf(parts[1]);
      const number = /^\d+$/.test(parts[2] ?? "") ? Number(parts[2]) : -1;
      const there = parts.length === 3 && parts[0] === this.layer && kind >= 0 && number >= 0;
      return there && number < this.atlas.counts[kind] ? this.of(kind, number) : null;
    }

    // A sentence, for those who hear the page. `drawn`: beside a picture that was drawn for the unit.
    words(unit, drawn) {
      const states = [this.family(unit) === "none" ? "" : visae.FAMILY_NAMES[this.family(unit)], this.dead(unit) ? "dead" : "", this.dense(unit) ? "dense" : "", drawn && this.silent(unit) ? "its picture leaves it silent" : ""];
      const orientation = this.family(unit) === "curve" ? `at ${visae.FIGURES.orientation.text(this.columns.orientation[unit])}` : "";
      const planted = this.planted(unit) === null ? "" : `recovers the planted ${this.planted(unit)}`;
      return [this.title(unit), ...states, orientation, planted, this.dead(unit) ? "" : `fires at ${visae.percent(this.columns.density[unit])} of positions`].filter(Boolean).join(", ");
    }

    // Units in the order of a figure; those of which it is not defined come last.
    sorted(name, falling) {
      const order = Array.from({ length: this.count }, (_, unit) => unit);
      if (name === "number") return falling ? order.reverse() : order;
      const column = this.columns[name];
      const sign = falling ? -1 : 1;
      return order.sort((a, b) => {
        if (column[a] === null || column[b] === null) return (column[a] === null) - (column[b] === null) || a - b;
        return sign * (column[a] - column[b]) || a - b;
      });
    }

    // Smallest and largest value of a figure; of a logarithmic one, above zero.
    range(name) {
      if (!this.ranges.has(name)) this.ranges.set(name, this.measured(name));
      return this.ranges.get(name);
    }

    measured(name) {
      const figure = visae.FIGURES[name];
      if (figure.cyclic) return [0, figure.cyclic];
      let low = Infinity;
      let high = -Infinity;
      for (const value of this.columns[name]) {
        if (value === null || (figure.log && value <= 0)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return low > high ? [figure.log ? 1 : 0, 1] : [low, high];
    }
  }

  visae.Units = Units;
}
