"""Where each value of a program is kept: buffers that are allocated once and written again at every call.

A value needs its place from the operation that computes it until the last one that reads it. Elementwise operations
write over an operand that nobody reads later; other values take a buffer that has become free.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import UFUNC_OF, same_kind
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.equations.structure import is_elementwise_ufunc

FOR_EVER = 10**9


@dataclass(eq=False)
class Place:
    """An array that values are written into, one after the other.

    Attributes
    ----------
    shape, dtype
    output : bool
        Whether the last value is handed to the caller: then the array is not one of the program's buffers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    output: bool


@dataclass(eq=False)
class _Run:
    """Values that follow each other in place."""

    begin: int
    end: int
    values: list[Node] = field(default_factory=list)


def takes_out(node: Node) -> bool:
    """Whether the operation can write its result into an array that is there."""
    writes = is_elementwise_ufunc(node) or node.fn in (np.matmul, np.einsum) or node.fn in UFUNC_OF
    return writes and isinstance(node.value, np.ndarray) and node.value.ndim > 0


def plan(operations: list[Node], outputs: set[Node], read_at_end: set[Node]) -> dict[Node, Place]:
    """The place of every value that is written into one; the others are new arrays or views.

    Parameters
    ----------
    operations : list of Node
        In the order in which they run.
    outputs : set of Node
        What is handed to the caller, and so is written into an array of its own.
    read_at_end : set of Node
        What is copied when everything has run.
    """
    ends = dict.fromkeys(read_at_end, len(operations)) | dict.fromkeys(outputs, FOR_EVER)
    for i, node in reversed(list(enumerate(operations))):
        # A result that is no array of its own may be a view of an operand, which then lives as long.
        until = i if takes_out(node) else max(i, ends.setdefault(node, i))
        for arg in nodes_in(node.args):
            ends[arg] = max(ends.get(arg, i), until)

    runs: dict[Node, _Run] = {}
    for i, node in enumerate(operations):
        if takes_out(node):
            end = ends.setdefault(node, i)
            dying = [arg for arg in nodes_in(node.args) if arg in runs and ends[arg] == i and same_kind(arg, node)]
            runs[node] = runs[dying[0]] if dying and is_elementwise_ufunc(node) else _Run(i, end)
            runs[node].values.append(node)
            runs[node].end = end

    places: dict[Node, Place] = {}
    buffers: dict[Place, int] = {}  # until when each is needed
    for run in dict.fromkeys(runs.values()):
        place = Place(run.values[0].value.shape, run.values[0].value.dtype, output=run.end == FOR_EVER)
        if not place.output:
            free = (
                p for p, end in buffers.items() if end < run.begin and (p.shape, p.dtype) == (place.shape, place.dtype)
            )
            place = next(free, place)
            buffers[place] = run.end
        places |= dict.fromkeys(run.values, place)
    return places
