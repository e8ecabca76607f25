"""Sphinx's settings for the reading site; build.py --site stages the pages and calls Sphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "CENet, explained and running"
author = "The CENet course authors"
copyright = "the CENet course authors. Code: MIT; prose and figures: CC BY 4.0"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",  # for its role "autolink": a name in a docstring becomes a link
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "fittings",
]

# notebooks: their stored outputs are shown; nothing is executed
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = [
    "myst.header",  # a page may begin below the first level
    "ref.python",  # a name in a docstring may stand for several things, such as a clip's path
]

# docstrings, in NumPy's form
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False  # a type such as "list of words" is prose, and no link
napoleon_use_rtype = False
default_role = "autolink"
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# translations: one catalogue per page; those of locale/<language>/LC_MESSAGES are taken
gettext_compact = False
gettext_uuid = False
gettext_location = False

# how it looks
html_theme = "furo"
html_title = project
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"type": "module"})]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1d4f91",
        "color-brand-content": "#1d5aa8",
        "color-brand-visited": "#6b3fa0",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ab8f5",
        "color-brand-content": "#8ab8f5",
        "color-brand-visited": "#c3a6f0",
    },
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# One file, drawn with outlines: no fonts to fetch. The menu would fetch more.
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "local"}}
