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
nb_output_stderr = "error"  # a warning in a cell is a failure too

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings say it in words
add_module_names = False
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False  # "ndarray, shape (n, units)" is for reading, not a list of classes
napoleon_custom_sections = [("Attributes", "params_style")]

html_theme = "furo"
html_title = f"tinygrad_edu {release}"


def setup(app):
    app.connect("autodoc-process-docstring", bars)


def bars(app, what, name, obj, options, lines):
    """Keep |w| in a docstring the absolute value it is; reStructuredText would look for a replacement called w."""
    lines[:] = [line if "``" in line else line.replace("|", r"\|") for line in lines]
