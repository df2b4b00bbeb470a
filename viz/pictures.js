"use strict";
// Pictures of units: thumbnails, feature visualisations, and crops of photographs.

{
  const padded = (number) => String(number).padStart(5, "0");

  visae.dataFile = (folder, number) => `data/${folder}/${padded(number)}`;

  visae.photo = (number) => visae.file(`photos/${padded(number)}.webp`);

  visae.visualisation = (unit, opposite) => visae.file(`rendered/${padded(unit)}${opposite ? "-opposite" : ""}.webp`);

  // Whether visualisations of a unit's kind were rendered.
  visae.isRendered = (units, unit) => units.atlas.rendered[units.kind(unit) === 0 ? "neurons" : "features"];

  // Make a unit's thumbnail the background of an element; it is a tile of a sprite sheet. `kind`: examples or rendered.
  visae.thumbnail = (element, units, unit, kind) => {
    const { across } = units.atlas.thumbnails;
    const index = unit % across ** 2;
    const sheet = String(Math.floor(unit / across ** 2)).padStart(4, "0");
    element.style.backgroundImage = `url("${visae.file(`thumbnails/${kind}-${sheet}.webp`)}")`;
    element.style.backgroundSize = `${across * 100}% ${across * 100}%`;
    element.style.backgroundPosition = `${((index % across) / (across - 1)) * 100}% ${(Math.floor(index / across) / (across - 1)) * 100}%`;
  };

  // A thumbnail that links to its unit's page.
  visae.unitLink = (units, unit, below) => {
    const face = visae.html("span", { class: "face" });
    const rendered = visae.isRendered(units, unit);
    visae.thumbnail(face, units, unit, rendered ? "rendered" : "examples");
    return visae.html("a", { class: rendered && units.isSilent(unit) ? "thumb faint" : "thumb", href: units.href(unit), "aria-label": units.describe(unit, rendered) }, face, visae.html("span", { class: "name" }, units.short(unit)), below && visae.html("span", { class: "below" }, below));
  };

  // A position's receptive field in an image, shifted inside its borders: left, top and side, px.
  visae.receptiveField = (atlas, row, column) => {
    const { receptive_field: field, stride, offset } = atlas.layer;
    const size = atlas.images.size;
    const side = Math.min(field, size);
    const start = (index) => Math.min(Math.max(Math.round(offset + index * stride - (side - 1) / 2), 0), size - side);
    return { left: start(column), top: start(row), side };
  };

  // The style that lays an element over a square of a photograph.
  visae.over = ({ images }, { left, top, side }) => {
    const share = (px) => `${(100 * px) / images.size}%`;
    return { left: share(left), top: share(top), width: share(side), height: share(side) };
  };

  // The style that lays the layer's map over a photograph: the span of its positions' centres, and half a stride more.
  visae.overMap = (atlas) => {
    const { offset, stride, side } = atlas.layer;
    const start = offset - (stride - 1) / 2;
    return visae.over(atlas, { left: start, top: start, side: side * stride });
  };

  // A crop of a photograph that fills its parent's width.
  visae.cropped = (atlas, number, { left, top, side }, description) => {
    const scale = atlas.images.size / side;
    const image = visae.html("img", { src: visae.photo(number), alt: description, loading: "lazy", draggable: "false", style: { width: `${100 * scale}%`, left: `${(-100 * left) / side}%`, top: `${(-100 * top) / side}%` } });
    return visae.html("span", { class: "crop" }, image);
  };
}
