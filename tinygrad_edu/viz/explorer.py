"""The film as one HTML file that needs nothing else.

`Explorer` puts the data of a `film`, and two drawings of the graph, into a page, see the folder page.
"""

from __future__ import annotations

import html
import os

from tinygrad_edu.equations.words import EQUATIONS
from tinygrad_edu.files import write_file
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.viz import page
from tinygrad_edu.viz.film import make
from tinygrad_edu.viz.pictures import pictures


class Explorer:
    """The film as a page. A notebook shows it; `save` writes it.

    Parameters
    ----------
    tensor : Tensor
    at : {"BP1", "BP2", "BP3", "BP4"}, optional
        The equation at which the page opens.

    Attributes
    ----------
    film : dict
        What `tinygrad_edu.viz.film.film` gives, and the pictures.
    html : str
        The page.
    """

    def __init__(self, tensor: Tensor, at: str | None = None) -> None:
        made = make(tensor)
        _check_is_there(at, {equation["tag"] for equation in made.data["equations"]})
        self.film = {**made.data, "at": at, "pictures": pictures(made)}
        self._tensor = tensor
        self.html = page.assemble(self.film)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a file, and return its path. The old file stays until the new one is complete."""
        write_file(path, self.html)
        return os.fspath(path)

    def __repr__(self) -> str:
        forward, backward = len(self.film["forward"]), len(self.film["backward"])
        return f"<Explorer: {forward} steps forward, {backward} back; .save('film.html') writes it>"

    def _repr_html_(self) -> str:
        """For notebooks: a frame that can reach neither the notebook nor the network."""
        srcdoc = html.escape(self.html, quote=True)
        return (
            '<iframe sandbox="allow-scripts allow-downloads" title="Film of a forward and backward pass" '
            f'style="width:100%;height:900px;border:1px solid #999" srcdoc="{srcdoc}"></iframe>'
        )

    def _repr_svg_(self) -> str:
        """For viewers that show no HTML: the static drawing."""
        from tinygrad_edu.viz import draw

        return draw(self._tensor)._repr_image_svg_xml()


def _check_is_there(at: str | None, there: set[str]) -> None:
    """Raise unless the film has the equation at which it is to open."""
    if at is None or (isinstance(at, str) and at in there):
        return
    if not isinstance(at, str) or at not in EQUATIONS:
        raise ValueError(f"explore: at must be 'BP1', 'BP2', 'BP3', 'BP4' or None, not {at!r}")
    if not there:
        raise ValueError(
            f"explore: at={at!r}, but this graph has none of BP1 to BP4: they stand where activations are multiplied "
            "by a matrix of parameters, z = a @ W + b, and a gradient flows back to it"
        )
    *first, last = sorted(there)
    found = f"{', '.join(first)} and {last}" if first else last
    raise ValueError(f"explore: at={at!r}, but of the equations this graph has {found} only")
