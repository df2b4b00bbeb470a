"""Configuration of the documentation: what Sphinx builds with `make docs`."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import docstrings  # noqa: E402 - found through the path above

import visae  # noqa: E402

project = "visae"
author = "the authors of visae"
copyright = author
release = version = visae.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
suppress_warnings = ["mystnb.unknown_mime_type"]

# Prose.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# The notebooks are run by the tests; here they are shown with the outputs they are stored with.
nb_execution_mode = "off"
nb_merge_streams = True
# Outputs that are Markdown are plain CommonMark by default, which has no tables.
nb_render_markdown_format = "myst"

# Docstrings.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries_show_parents = "hide"

# Blocks without a language are commands.
highlight_language = "bash"

html_theme = "furo"
html_title = "visae"
html_static_path = ["_static"]
html_css_files = ["visae.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c8a", "color-brand-content": "#0b5c8a"},
    "dark_css_variables": {"color-brand-primary": "#7cc0e8", "color-brand-content": "#7cc0e8"},
}
pygments_style = "tango"
pygments_dark_style = "native"


def list_kinds(_app, page, source):
    """Document the config class of every registered kind of SAE where the page of visae.sae says so."""
    if page == "api/sae":
        names = [config.__name__ for config in visae.sae.kinds().values()]
        classes = "\n".join(f".. autoclass:: visae.{name}\n   :members:\n" for name in names)
        source[0] = source[0].replace("<!-- kinds -->", f"```{{eval-rst}}\n{classes}\n```")


def setup(app):
    """Copy the notebooks beside the pages, and convert docstrings to reStructuredText."""
    copied = HERE / "notebooks"
    copied.mkdir(exist_ok=True)
    for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
        target = copied / notebook.name
        # An unchanged copy keeps its date, so that Sphinx need not read it again.
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)
    app.connect("source-read", list_kinds)
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-skip-member", docstrings.skip_member)
