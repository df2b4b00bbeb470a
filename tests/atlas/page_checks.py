"""Checks of what a visitor sees on the page."""

# px of the smallest text of the plots, as displayed.
SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('svg.plot text')].map(text => {
  const svg = text.ownerSVGElement;
  return parseFloat(text.getAttribute('font-size')) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
}))"""
# Whether all texts of the plots lie inside them.
TEXT_INSIDE = """() => [...document.querySelectorAll('svg.plot')].every(svg => {
  const around = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect())
    .every(box => box.left >= around.left - 1 && box.right <= around.right + 1
      && box.top >= around.top - 1 && box.bottom <= around.bottom + 1);
})"""
# Resolves once the grid has drawn what changed: layout and ResizeObserver run before a frame is painted.
FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def labels(page):
    """The names below the thumbnails of the grid, in reading order."""
    page.evaluate(FRAME)
    cells = page.eval_on_selector_all(
        ".cell",
        """cells => cells.map(cell => {
          const box = cell.getBoundingClientRect();
          return [box.top, box.left, cell.querySelector('.name').textContent];
        })""",
    )
    return [name for _, _, name in sorted(cells)]
