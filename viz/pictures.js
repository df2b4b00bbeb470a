"use strict";
// Pictures of units: tiles of the wall, what was drawn, and parts of photographs.

{
  const five = (number) => String(number).padStart(5, "0");

  visae.dataFile = (folder, number) => `data/${folder}/${five(number)}`;

  visae.photo = (place) => visae.file(`photos/${five(place)}.webp`);

  visae.drawnFile = (unit, opposite) => visae.file(`drawn/${five(unit)}${opposite ? "-opposite" : ""}.webp`);

  // Whether there is a drawn picture of a unit's kind.
  visae.isDrawn = (units, unit) => units.atlas.drawn[units.kind(unit) === 0 ? "neurons" : "features"];

  // Lay a unit's tile behind an element: one of a sheet of several across and down.
  visae.tile = (element, units, unit, wall) => {
    const { across } = units.atlas.wall;
    const place = unit % across ** 2;
    const sheet = String(Math.floor(unit / across ** 2)).padStart(4, "0");
    element.style.backgroundImage = `url("${visae.file(`walls/${wall}-${sheet}.webp`)}")`;
    element.style.backgroundSize = `${across * 100}% ${across * 100}%`;
    element.style.backgroundPosition = `${((place % across) / (across - 1)) * 100}% ${(Math.floor(place / across) / (across - 1)) * 100}%`;
  };

  // A small picture of a unit that leads to its page.
  visae.thumb = (units, unit, below) => {
    const face = visae.html("span", { class: "face" });
    const drawn = visae.isDrawn(units, unit);
    visae.tile(face, units, unit, drawn ? "drawn" : "examples");
    return visae.html("a", { class: drawn && units.silent(unit) ? "thumb faint" : "thumb", href: units.href(unit), "aria-label": units.words(unit, drawn) }, face, visae.html("span", { class: "name" }, units.short(unit)), below && visae.html("span", { class: "below" }, below));
  };

  // The square around what a position sees, moved inside the image: left, top and side, px.
  visae.seen = (atlas, row, column) => {
    const { sees, stride, offset } = atlas.layer;
    const size = atlas.images.size;
    const side = Math.min(sees, size);
    const start = (place) => Math.min(Math.max(Math.round(offset + place * stride - (side - 1) / 2), 0), size - side);
    return { left: start(column), top: start(row), side };
  };

  // The style that puts an element over a square of a photograph.
  visae.over = ({ images }, { left, top, side }) => {
    const share = (px) => `${(100 * px) / images.size}%`;
    return { left: share(left), top: share(top), width: share(side), height: share(side) };
  };

  // Where on a photograph the layer's map lies: over what its positions' centres span, and half a step more.
  visae.spread = (atlas) => {
    const { offset, stride, side } = atlas.layer;
    const start = offset - (stride - 1) / 2;
    return visae.over(atlas, { left: start, top: start, side: side * stride });
  };

  // A photograph of which only a part is shown, as an element that is as wide as what it stands in.
  visae.cropped = (atlas, place, { left, top, side }, words) => {
    const scale = atlas.images.size / side;
    const image = visae.html("img", { src: visae.photo(place), alt: words, loading: "lazy", draggable: "false", style: { width: `${100 * scale}%`, left: `${(-100 * left) / side}%`, top: `${(-100 * top) / side}%` } });
    return visae.html("span", { class: "crop" }, image);
  };
}
