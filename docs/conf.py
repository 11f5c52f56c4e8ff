"""Settings of Sphinx, which builds these pages: make docs."""

import tinygrad_edu

project = "tinygrad_edu"
author = "tinygrad_edu contributors"
project_copyright = f"2026, {author}"
version = release = tinygrad_edu.__version__

extensions = [
    "myst_nb",  # pages in Markdown, whose code cells are run
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_google_docstring = False

html_theme = "furo"
html_title = f"tinygrad_edu {release}"
