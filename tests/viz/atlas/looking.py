"""What one sees of the page."""


def labels(page):
    """What stands below the tiles of the wall, in the order in which they are seen."""
    page.wait_for_timeout(50)
    found = page.eval_on_selector_all(
        ".cell", "tiles => tiles.map(t => [t.offsetTop, t.offsetLeft, t.querySelector('.name').textContent])"
    )
    return [name for _, _, name in sorted(found)]
