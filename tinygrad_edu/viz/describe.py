"""From a tensor to the description of its picture.

In the picture a value is a box and an operation is a circle; a value without a name of its own is written into the
circle of the operation that made it. The stages, each a function of what the one before gives: `recorded` (the graph
and its gradients), `units` (which operations are one circle), `symbols` (what the values are called), `boxes` (boxes
and arrows, with the text of `labels`).
"""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad_edu.engine import Node
from tinygrad_edu.viz import boxes
from tinygrad_edu.viz.description import Description, Note
from tinygrad_edu.viz.loops import roll
from tinygrad_edu.viz.recorded import Recorded, read
from tinygrad_edu.viz.symbols import NOTHING, name
from tinygrad_edu.viz.units import Folded, Level, fold

REACH = 12  # columns that arrows may cross, for each of max_nodes: long arrows are what makes a layout slow


def describe(
    root: Node,
    *,
    level: Level = "equations",
    depth: int | None = None,
    gradients: bool = True,
    entries: int = 8,
    max_nodes: int = 200,
    unfold: bool = False,
) -> Description:
    """Describe the picture of the graph under a tensor; the arguments are those of `tinygrad_edu.draw`."""
    return describe_recorded(read(root, gradients), level, depth, entries, max_nodes, unfold)


def describe_recorded(
    recorded: Recorded,
    level: Level,
    depth: int | None,
    entries: int,
    max_nodes: int,
    unfold: bool,
    symbols: Mapping[int, str] = NOTHING,
) -> Description:
    """The same of a graph that was read already.

    ``symbols``, by id, are those of another picture, so that a value has one symbol in both.
    """
    folded, is_as_asked = _folded(recorded, level, depth, max_nodes, unfold)
    named = name(recorded.structure, folded.units, symbols, folded.loops)
    notes: list[Note] = []
    if recorded.grads and recorded.root.value.size != 1:
        notes.append(Note("sum", "The gradients are those of the sum of all elements of the last tensor."))
    notes += [
        Note("size", f"{loop.length} steps of a loop are drawn as one", "draw(…, unfold=True) shows each.")
        for loop in folded.loops
    ]
    if not is_as_asked:
        notes.append(Note("size", "Scopes are closed to keep the picture small (max_nodes)."))
    most = min(max_nodes, boxes.size(folded.units, named.boxed))
    while True:
        description = boxes.draw(recorded, folded, named, most, entries, notes)
        if most <= 8 or _reach(description) <= REACH * max_nodes:
            return description
        most = most * 2 // 3


def _folded(recorded: Recorded, level: Level, depth: int | None, max_nodes: int, unfold: bool) -> tuple[Folded, bool]:
    """Folded as asked or, for a picture that is small enough, more than that; and whether it is as asked."""
    asked: tuple[Level, int | None] = (level, depth)
    smaller: list[tuple[Level, int | None]] = [("equations", None), ("equations", 1), ("equations", 0)]
    foldings = [asked, *(smaller if any(node.scope for node in recorded.operations) else smaller[:1])]
    known: dict[tuple[Level, int | None], Folded] = {}
    for folding in dict.fromkeys(foldings):
        folded = fold(recorded.structure, *folding)
        folded = known[folding] = folded if unfold else roll(folded)
        boxed = name(recorded.structure, folded.units, NOTHING, folded.loops).boxed
        if boxes.size(folded.units, boxed) <= max_nodes:
            return folded, folding == asked
    # Nothing is small enough: the middle of the equations will be hidden
    folding = asked if level == "equations" else smaller[0]
    return known[folding], folding == asked


def _reach(description: Description) -> int:
    """How many columns the arrows cross: each box is one column to the right of the last that leads to it."""
    column: dict[str, int] = {}
    for arrow in description.arrows:
        if not arrow.gradient and not arrow.recurrent:
            column[arrow.target] = max(column.get(arrow.target, 0), column.get(arrow.source, 0) + 1)
    return sum(abs(column.get(arrow.target, 0) - column.get(arrow.source, 0)) for arrow in description.arrows)
