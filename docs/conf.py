"""Settings of Sphinx, which builds these pages: make docs."""

import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import SphinxError

import tinygrad_edu

project = "tinygrad_edu"
author = "tinygrad_edu contributors"
project_copyright = f"2026, {author}"
version = release = tinygrad_edu.__version__

extensions = [
    "myst_nb",  # pages in Markdown, whose code cells are run
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
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
nb_render_markdown_format = "myst"  # with formulas
nb_code_prompt_show = "Show the answer"
nb_code_prompt_hide = "Hide the answer"
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
html_math_renderer = "mathml"
html_static_path = html_css_files = ["style.css"]


def setup(app):
    app.add_html_math_renderer("mathml", (formula, None), (displayed_formula, None))
    app.connect("autodoc-process-docstring", bars)
    app.connect("build-finished", read_without_network)
    app.connect("doctree-resolved", break_long_names)


def formula(writer, node):
    writer.body.append(mathml(node))
    raise nodes.SkipNode


def displayed_formula(writer, node):
    writer.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def mathml(node, **options):
    """Formulas as browsers know them, so that no page needs a program from the network."""
    tex = node.astext()
    if re.search(r"\\[dt]?frac *[^ {]", tex):
        raise SphinxError(rf"docutils misreads \frac without braces: {tex}")
    return tex2mathml(tex, **options)


def break_long_names(app, doctree, page):
    """A long name in a table may break after / and _, so that the column need not be as wide."""
    for code in [c for entry in doctree.findall(nodes.entry) for c in entry.findall(nodes.literal)]:
        if len(code.astext()) > 16:
            parts = re.split(r"(?<=[/_:=([])(?=[\w\"])|(?<=\.)(?=\w{3})", code.astext())
            code.clear()
            for part in parts:
                code += [nodes.Text(part), nodes.raw("", "<wbr>", format="html")]


def read_without_network(app, exception):
    """Each page can be read without network."""
    for page in [] if exception else Path(app.outdir).glob("**/*.html"):
        fetched = re.findall(
            r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"((?:https?:)?//[^\"]+)", page.read_text("utf-8")
        )
        if fetched:
            raise SphinxError(f"{page.name} fetches {', '.join(fetched)}")


def bars(app, what, name, obj, options, lines):
    """Keep |w| in a docstring the absolute value it is; reStructuredText would look for a replacement called w."""
    lines[:] = [line if "``" in line else line.replace("|", r"\|") for line in lines]
