"use strict";
// The units, neurons first, then features, numbered from 0: their metrics, and their addresses, such as mixed3b/f/17.

{
  const KINDS = ["n", "f"];
  const NAMES = ["neuron", "feature"];

  // Metrics to sort, filter and colour by. The last two exist only where visualisations were rendered, and for a network
  // whose features are known.
  visae.METRICS = {
    density: { label: "density", note: "share of all positions at which the unit fires", log: true, text: visae.percent },
    share: { label: "variance share", note: "covariance of the layer with what the unit adds, as a share of the layer's variance; negative for a unit that cancels what others add", log: true, text: visae.percent },
    peak: { label: "max activation", note: "over the images that were searched", log: true, text: visae.number },
    selectivity: { label: "selectivity", note: "resultant length of the orientation tuning to circles, 0 to 1", text: visae.number },
    orientation: { label: "orientation", note: "preferred orientation of circles, for units that are tuned to them: degrees clockwise from +x, from the circle's centre to its rim", cyclic: 360, text: (value) => visae.number(value === null ? null : Math.round(value) % 360, "°") },
    radius: { label: "preferred radius", note: "of circles, px", log: true, text: (value) => visae.number(value, " px") },
    echo: { label: "echo", note: "peak response to the opposite curve, relative to the peak", text: visae.number },
    width: { label: "tuning width", note: "full width at half maximum, degrees", text: (value) => visae.number(value, "°") },
    line_or_curve: { label: "line vs curve", note: "1 for a unit that responds to lines only, −1 for circles only", text: visae.number },
    norm: { label: "decoder norm", note: "norm of the decoder row: what an SAE activation of 1 adds to the layer; the activations shown here include it; 1 for neurons", text: visae.number },
    rendered: { label: "visualisation vs images", note: "the unit's activation on its own visualisation, relative to its max activation in the images; 0 if the visualisation leaves it silent", text: visae.number },
    planted_cosine: { label: "cosine with planted", note: "cosine of the unit's direction with that of the planted feature it is matched to, one to one", text: visae.number },
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
    unit(kind, number) { return kind === 0 ? number : this.neurons + number; }
    label(unit) { return `${this.layer}/${KINDS[this.kind(unit)]}/${this.number(unit)}`; }
    short(unit) { return `${KINDS[this.kind(unit)]} ${this.number(unit)}`; }
    title(unit) { return `${this.layer} ${NAMES[this.kind(unit)]} ${this.number(unit)}`; }
    href(unit) { return `#${encodeURIComponent(this.layer)}/${KINDS[this.kind(unit)]}/${this.number(unit)}`; }
    family(unit) { return this.atlas.families[this.columns.family[unit]]; }
    isDead(unit) { return this.columns.density[unit] === 0; }
    isDense(unit) { return this.columns.density[unit] >= this.atlas.dense; }
    // Whether a unit does not fire on its own visualisation.
    isSilent(unit) { return (this.columns.rendered?.[unit] ?? 1) <= 0; }

    // The planted feature that a unit recovers; null if there is none, or nothing was planted.
    planted(unit) { return this.columns.planted_cosine?.[unit] >= this.atlas.recovered ? this.columns.planted[unit] : null; }

    // The unit at an address; null if the address is not a unit's.
    find(path) {
      const kind = KINDS.indexOf(path[1]);
      const number = /^\d+$/.test(path[2] ?? "") ? Number(path[2]) : -1;
      const valid = path.length === 3 && path[0] === this.layer && kind >= 0 && number >= 0;
      return valid && number < this.atlas.counts[kind] ? this.unit(kind, number) : null;
    }

    // A description for tooltips and screen readers. `rendered`: beside the unit's visualisation.
    describe(unit, rendered) {
      const states = [this.family(unit) === "none" ? "" : visae.FAMILY_NAMES[this.family(unit)], this.isDead(unit) ? "dead" : "", this.isDense(unit) ? "dense" : "", rendered && this.isSilent(unit) ? "silent on its visualisation" : ""];
      const orientation = this.family(unit) === "curve" ? `at ${visae.METRICS.orientation.text(this.columns.orientation[unit])}` : "";
      const planted = this.planted(unit) === null ? "" : `recovers planted feature ${this.planted(unit)}`;
      return [this.title(unit), ...states, orientation, planted, this.isDead(unit) ? "" : `fires at ${visae.percent(this.columns.density[unit])} of positions`].filter(Boolean).join(", ");
    }

    // Units in the order of a metric, those for which it is undefined last.
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

    // Smallest and largest value of a metric; of a logarithmic one, above zero.
    range(name) {
      if (!this.ranges.has(name)) this.ranges.set(name, this.computeRange(name));
      return this.ranges.get(name);
    }

    computeRange(name) {
      const metric = visae.METRICS[name];
      if (metric.cyclic) return [0, metric.cyclic];
      let low = Infinity;
      let high = -Infinity;
      for (const value of this.columns[name]) {
        if (value === null || (metric.log && value <= 0)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return low > high ? [metric.log ? 1 : 0, 1] : [low, high];
    }
  }

  visae.Units = Units;
}
