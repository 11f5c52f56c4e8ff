"""Pictures: the gradient graph as a drawing, and the passes through it as a film.

`describe` makes of a graph the description of a picture, in stages, and `dot` renders it; `film` writes down both
passes as data, and `explorer` puts them on a page.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from tinygrad_edu.viz import plots

if TYPE_CHECKING:
    from tinygrad_edu.tensor import Tensor
    from tinygrad_edu.viz.dot import Drawing
    from tinygrad_edu.viz.explorer import Explorer

__all__ = ["draw", "explore", "plots"]


def draw(
    tensor: Tensor,
    *,
    level: Literal["equations", "ops"] = "equations",
    depth: int | None = None,
    direction: Literal["BT", "TB", "LR", "RL"] = "BT",
    gradients: bool = True,
    legend: bool = True,
    entries: int = 8,
    max_nodes: int = 200,
    unfold: bool = False,
    mark: Mapping[Tensor, str] | None = None,
) -> Drawing:
    """Draw how a tensor was computed, and how its gradient flows back.

    Boxes are values and ellipses operations, from the bottom up; the result, with which reading begins, is at the top.
    Dashed arrows carry the gradient back, labelled with the local derivative or with the equation of backpropagation,
    BP1 to BP4, that they are. The equations are found in the structure, so a network written by hand with ``@`` shows
    them too. Gradients are computed for the picture alone: it is the same before and after `Tensor.backward`, and no
    ``.grad`` changes.

    Parameters
    ----------
    tensor : Tensor
        The result to draw; the cost, in most cases. Without being a single number, it is drawn with the gradients of
        the sum of its elements.
    level : {"equations", "ops"}
        "equations" closes every function into one circle, so that the graph reads z → σ → a; "ops" opens all of them.
    depth : int, optional
        Instead: open the scopes (functions, layers) to this depth; 0 closes the outermost.
    direction : {"BT", "TB", "LR", "RL"}
        Which way values flow, as Graphviz calls it: from bottom to top, top to bottom, left to right, right to left.
    gradients : bool
        Whether to show gradients; without them, the picture is of the forward pass alone.
    legend : bool
        Whether to explain shapes, dashed arrows and equations, those that occur.
    entries : int
        How many entries an array may have for its numbers to be written out; of a larger one it is the norm.
    max_nodes : int
        Where there would be more boxes and circles, scopes are closed, then the middle of the graph is hidden in one
        box; the picture says so.
    unfold : bool
        Of a loop of five or more steps with the same parameters, as in a recurrent network, one step is drawn, z[t],
        with the arrow that goes on to the next. With ``unfold=True`` every step is drawn.
    mark : mapping of Tensor to str, optional
        What is to be seen first: these values are red, with this text. Where it names an equation, as "BP2", the arrow
        that brings their gradient by it is red, too.

    Returns
    -------
    Drawing
        A `graphviz.Digraph`: a notebook shows it, ``.source`` is its text, ``.render(outfile="net.svg")`` writes it.
        SVG needs no Graphviz program; PNG and PDF do. In the DOT text a gradient edge runs as values do, with
        ``dir=back``.

    Raises
    ------
    TypeError
        If ``tensor`` is not a tensor.
    ValueError
        If an option has a value that means nothing.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> "∂C/∂w = [2, 4]" in draw(np.sum(w**2)).source
    True
    """
    from tinygrad_edu.viz import dot
    from tinygrad_edu.viz.describe import describe_recorded
    from tinygrad_edu.viz.description import Description
    from tinygrad_edu.viz.recorded import check_is_tensor, read

    check_is_tensor("draw", tensor)
    if level not in ("equations", "ops"):
        raise ValueError(f"draw: level must be 'equations' or 'ops', not {level!r}")
    if depth is not None and depth < 0:
        raise ValueError(f"draw: depth must be 0 or more, not {depth}")
    if direction not in ("BT", "TB", "LR", "RL"):
        raise ValueError(f"draw: direction must be 'BT', 'TB', 'LR' or 'RL' (from bottom to top, …), not {direction!r}")
    if not isinstance(entries, Integral) or entries < 0:
        raise ValueError(f"draw: entries must be 0 or more, a whole number, not {entries!r}")
    if max_nodes < 1:
        raise ValueError(f"draw: max_nodes must be at least 1, not {max_nodes}")

    recorded = read(tensor, gradients)
    marks = _marks(mark, tensor)

    def describe(most: int) -> Description:
        return describe_recorded(recorded, level, depth, entries, most, unfold).marked(marks)

    return dot.draw(describe, max_nodes, legend, direction)


def _marks(mark: Any, root: Tensor) -> dict[Tensor, str]:
    """The values to be marked, each in the graph under the root."""
    from tinygrad_edu.engine import Node, ancestors

    if mark is not None and not isinstance(mark, Mapping):
        raise TypeError(f"draw: mark must be a dict of tensors and texts, not {type(mark).__name__}; try {{w: 'here'}}")
    known = set(ancestors(root))
    for value, text in (mark or {}).items():
        if not isinstance(value, Node) or not isinstance(text, str):
            kinds = f"{type(value).__name__}: {type(text).__name__}"
            raise TypeError(f"draw: mark must be a dict of tensors and texts, not of {kinds}")
        if value not in known:
            raise ValueError(
                f"draw: mark has a tensor of shape {value.value.shape} that is not in this graph ({text!r})"
            )
    return dict(mark or {})


def explore(
    tensor: Tensor, path: str | os.PathLike[str] | None = None, *, at: Literal["BP1", "BP2", "BP3", "BP4"] | None = None
) -> Explorer:
    """Make a film of how a tensor was computed and how its gradient flows back: one page for the browser.

    The page steps forward, then backward, through the boxes of the folded picture or through every operation. Backward
    it shows the rule in symbols and with the numbers put in, the partial sums where a value is used more than once, and
    the equations BP1 to BP4, each recomputed by hand; the keys 1 to 4 jump to these. It needs no network and nothing
    else. Gradients are computed for the film alone: it is the same before and after `Tensor.backward`, and no ``.grad``
    changes.

    Parameters
    ----------
    tensor : Tensor
        The result; the cost, in most cases. Without being a single number, it is shown with the gradients of the sum
        of its elements.
    path : path-like, optional
        The HTML file to write. An old file stays as it is until the new one is complete.
    at : {"BP1", "BP2", "BP3", "BP4"}, optional
        The equation at which the film opens: the first that the backward pass comes to. Without it, at the start.

    Returns
    -------
    Explorer
        A notebook shows it; ``.save(path)`` writes it, ``.html`` is the page, ``.film`` its data.

    Raises
    ------
    TypeError
        If ``tensor`` is not a tensor.
    ValueError
        If ``at`` is no equation of this graph.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> explore(np.sum(w**2))
    <Explorer: 2 steps forward, 2 back; .save('film.html') writes it>
    """
    from tinygrad_edu.viz.explorer import Explorer
    from tinygrad_edu.viz.recorded import check_is_tensor

    check_is_tensor("explore", tensor)
    explorer = Explorer(tensor, at)
    if path is not None:
        explorer.save(path)
    return explorer
