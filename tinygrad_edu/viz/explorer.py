"""The film as one HTML file that needs nothing else.

`Explorer` puts the data of a `film`, and two drawings of the graph, into a page. The page is explorer.html, its look
explorer.css, its behaviour explorer.js. Whatever comes from the user (names above all) reaches the page as JSON, and
from there only as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from pathlib import Path

from tinygrad_edu.tensor import Tensor
from tinygrad_edu.viz import dot
from tinygrad_edu.viz.encoding import Data
from tinygrad_edu.viz.film import make
from tinygrad_edu.viz.pictures import pictures


class Explorer:
    """The film as a page. A notebook shows it; `save` writes it.

    Attributes
    ----------
    film : dict
        What `tinygrad_edu.viz.film.film` gives, and the pictures.
    html : str
        The page.
    """

    def __init__(self, tensor: Tensor) -> None:
        made = make(tensor)
        self.film = {**made.data, "pictures": pictures(made)}
        self._tensor = tensor
        self.html = _page(self.film)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a file, and return its path. The old file stays until the new one is complete."""
        dot.write_file(path, self.html)
        return os.fspath(path)

    def __repr__(self) -> str:
        forward, backward = len(self.film["forward"]), len(self.film["backward"])
        return f"<Explorer: {forward} steps forward, {backward} back; .save('film.html') writes it>"

    def _repr_html_(self) -> str:
        """For notebooks: a frame that can reach neither the notebook nor the network."""
        page = html.escape(self.html, quote=True)
        return (
            '<iframe sandbox="allow-scripts allow-downloads" title="Film of a forward and backward pass" '
            f'style="width:100%;height:900px;border:1px solid #999" srcdoc="{page}"></iframe>'
        )

    def _repr_svg_(self) -> str:
        """For viewers that show no HTML: the static drawing."""
        from tinygrad_edu.viz import draw

        return draw(self._tensor)._repr_image_svg_xml()


# --- The page ---------------------------------------------------------------------------------------------


def _page(film: Data) -> str:
    """One file: the scripts and styles allowed are these and no others, and the data cannot end its block."""
    template, style, script = (_part(f"explorer.{kind}") for kind in ("html", "css", "js"))
    text = json.dumps(film, allow_nan=False, separators=(",", ":"))  # ASCII: U+2028 is escaped as well
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    allowed = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    parts = {"POLICY": policy, "STYLE": style, "SCRIPT": script, "FILM": text}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
