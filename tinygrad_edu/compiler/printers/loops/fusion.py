"""Which operations share a loop.

What is computed element by element over the same axes stands in one loop, products of small matrices too; a product
of large ones is a call of BLAS between two loops. A value that only its own loop reads is a number there; the others
are arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tinygrad_edu.compiler.facts import is_plain_transpose
from tinygrad_edu.compiler.printers.formula import MOST_NESTED
from tinygrad_edu.compiler.printers.loops.kinds import kind
from tinygrad_edu.engine import Node, nodes_in

IN_ORDER = ("elementwise", "product", "view", "running")
"""The kinds of which each turn of a loop computes the element that has its index."""


@dataclass(eq=False)
class Loop:
    """Nested loops over all elements of arrays of one shape; or a call in between, with no shape."""

    shape: tuple[int, ...] | None
    nodes: list[tuple[Node, int]] = field(default_factory=list)  # each with the number of the part, if it has several


class Fusion:
    """The loops of a program, in order, and how each value is kept.

    Attributes
    ----------
    operations, results
        What is computed, and what of it is handed to the caller.
    loops : list of Loop
    loop_of : dict of Node to int
        The number of the loop that computes a value; of the last one, where there are several. Views have none.
    inlined : set of Node
        Numbers that stand where they are used.
    arrays : set of Node
        Values that are kept for other loops; as a number if they have no axes and are no results.
    """

    def __init__(self, operations: list[Node], results: set[Node], named: set[Node]) -> None:
        """``named``: values with a name of their own, which is to be seen in the text."""
        self.operations = dict.fromkeys(operations)
        self.results = results & self.operations.keys()
        self.inlined = used_once(operations, self.results | named)
        self.arrays = set(self.results)
        self.loops: list[Loop] = []
        self.loop_of: dict[Node, int] = {}
        for node in operations:
            self._place(node)

    def _place(self, node: Node) -> None:
        """Put an operation into the first loop over its axes that comes after what it reads."""
        args, its_kind = nodes_in(node.args), kind(node)
        if node in self.inlined or (its_kind == "view" and node not in self.results):
            return
        if its_kind == "reduction":
            self._join(node, np.shape(node.args[0]), args)
        elif its_kind == "parts":
            for i, part in enumerate(node.args[0]):
                self._join(node, np.shape(part), nodes_in([part]), i)
        elif its_kind in IN_ORDER:
            self._join(node, node.value.shape, args)
        else:
            for arg in args:
                self._make_array(arg, transposed=its_kind == "BLAS")
            self._join(node, None, args)
        if its_kind in ("running", "reduction", "parts", "reshape", "BLAS"):
            self.arrays.add(node)

    def _join(self, node: Node, shape: tuple[int, ...] | None, args: list[Node], part: int = 0) -> None:
        """Put it into a loop over ``shape``, or between loops."""
        reads = [x for arg in args for x in self._reads(arg, in_step=kind(node) not in ("product", "view"))]
        first = [self.loop_of[x] + (not in_step or x.value.shape != shape) for x, in_step in reads]
        number = max(first, default=0)
        while number < len(self.loops) and (shape is None or self.loops[number].shape != shape):
            number += 1
        if number == len(self.loops):
            self.loops.append(Loop(shape))
        self.loops[number].nodes.append((node, part))
        self.loop_of[node] = max(number, self.loop_of.get(node, 0))
        self.arrays |= {x for x, _ in reads if self.loop_of[x] < number}

    def _reads(self, x: Node, in_step: bool) -> Iterator[tuple[Node, bool]]:
        """What is read for ``x``; in step if a turn of the loop needs only what the same turn computes of it."""
        if x in self.loop_of:
            yield x, in_step and kind(x) in IN_ORDER
        elif x in self.operations:
            for arg in nodes_in(x.args):
                yield from self._reads(arg, in_step and x in self.inlined)

    def _make_array(self, x: Node, transposed: bool) -> None:
        """See to it that ``x`` is an array without gaps, or the transpose of one."""
        if transposed and x in self.operations and is_plain_transpose(x) and x not in self.loop_of:
            x = x.args[0]
        if x in self.operations and x not in self.loop_of:
            self._join(x, x.value.shape, nodes_in(x.args))
        self.arrays.add(x)


def used_once(operations: list[Node], kept: set[Node]) -> set[Node]:
    """Numbers that stand where they are used: in the same turn of one loop, and nowhere else."""
    readers: dict[Node, list[Node]] = {}
    for node in operations:
        for arg in nodes_in(node.args):
            readers.setdefault(arg, []).append(node)
    depths: dict[Node, int] = {}  # how many operations deep an expression is
    for node in operations:
        depth = 1 + max((depths.get(arg, 0) for arg in nodes_in(node.args)), default=0)
        reader, *more = readers.get(node, [node])
        if depth <= MOST_NESTED and not more and node not in kept and kind(node) == "elementwise":
            same_shape = reader.value.shape == node.value.shape
            once = reader.fn is not np.heaviside  # in whose text its argument stands several times
            if kind(reader) == "reduction" or (kind(reader) == "elementwise" and same_shape and once):
                depths[node] = depth
    return set(depths)
