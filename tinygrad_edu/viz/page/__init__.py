"""The page of the film: one HTML file that needs nothing else and asks for nothing else.

The page is page.html, its look page.css, its behaviour SCRIPTS. They become one script, in which every file knows the
names of the files before it and of no other: a reader may begin at the top. Whatever comes from the user (names above
all) reaches the page as JSON, and from there only as text.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

SCRIPTS = (
    "data",  # the film, and its arrays of numbers
    "words",  # a number as text, a text as a number
    "entries",  # entry e of an array, or [i, j]
    "steps",  # what is known at which step
    "products",  # upstream × local
    "question",  # what is worth predicting
    "state",  # what the reader looks at; the address
    "elements",  # making HTML and SVG
    "picture",  # the graph, painted at every step
    "keys",  # which keys are for the film
    "zoom",  # the size of the picture
    "save",  # the graph as a file
    "heatmap",  # arrays in colours: few numbers
    "image",  # many numbers
    "rule",  # upstream × local, with the numbers put in
    "forward",  # an operation, with the numbers put in
    "equations",  # BP1–BP4, with the numbers put in
    "predict",  # guessing a number before it is shown
    "step",  # the card of the step
    "panel",  # the card of a node
    "depth",  # ‖δ‖ of each layer
    "find",  # finding a value
    "controls",  # buttons, keys, the player
    "index",  # from equation to equation
    "start",  # everything together
)

ACTIVE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
"""What could end the block of data, or a line of it, and halves of characters, which no file can hold."""


def assemble(film: dict[str, Any]) -> str:
    """The page of a film. It allows these scripts and styles and no others, and the data cannot end its block.

    Parameters
    ----------
    film : dict
        What `tinygrad_edu.viz.film.film` gives, and the pictures.

    Returns
    -------
    str
        HTML.
    """
    behaviour, style = script(), read("page.css")
    text = json.dumps(film, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    text = ACTIVE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    allowed = f"script-src '{_hash(behaviour)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    parts = {"POLICY": policy, "STYLE": style, "SCRIPT": behaviour, "FILM": text}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], read("page.html"))


def script() -> str:
    """All SCRIPTS as one, inside a function: outside of it their names are not known."""
    return "\n".join(['"use strict";', "(() => {", *(read(f"{name}.js") for name in SCRIPTS), "})();"])


def read(name: str) -> str:
    """The text of a file of this folder."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
