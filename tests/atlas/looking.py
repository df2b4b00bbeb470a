"""What one sees of the page."""

# px of the smallest text of the plots, as it is displayed.
SMALLEST = """() => Math.min(...[...document.querySelectorAll('svg.plot text')].map(text => {
  const svg = text.ownerSVGElement;
  return parseFloat(text.getAttribute('font-size')) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
}))"""
# Whether all texts of the plots lie inside them.
INSIDE = """() => [...document.querySelectorAll('svg.plot')].every(svg => {
  const around = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect())
    .every(box => box.left >= around.left - 1 && box.right <= around.right + 1
      && box.top >= around.top - 1 && box.bottom <= around.bottom + 1);
})"""


def labels(page):
    """What stands below the tiles of the wall, in the order in which they are seen."""
    page.wait_for_timeout(50)
    found = page.eval_on_selector_all(
        ".cell",
        """tiles => tiles.map(tile => {
          const box = tile.getBoundingClientRect();
          return [box.top, box.left, tile.querySelector('.name').textContent];
        })""",
    )
    return [name for _, _, name in sorted(found)]
