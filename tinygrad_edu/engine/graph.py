"""The graph: a node is a value and the NumPy call that made it, as plain data."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    from tinygrad_edu.engine.modes import Scope

Array = npt.NDArray[Any]
NO_KWARGS: Mapping[str, Any] = {}


class Node:
    """A value and the recipe that made it: ``fn(*args, **kwargs)``.

    A leaf has no recipe (``fn is None``). `values` are the arguments as the arrays they were at the time
    of the call, so that rebinding a leaf's data later cannot change a gradient. A node points only to
    what it was made from, never the other way, so that dropping the result frees the graph.
    """

    __slots__ = (
        "__weakref__",
        "args",  # as they were given: nodes, arrays, numbers
        "fn",
        "grad",
        "index",  # order of creation
        "known_to",  # who has this very array: PRIVATE, IN_GRAPH or EXPOSED, see ownership.py
        "kwargs",
        "name",
        "parents",  # the nodes among args that need a gradient
        "requires_grad",
        "scope",
        "value",  # an ndarray, or a tuple of them; to be read, never written into
        "values",  # args with every node replaced by its array
    )

    args: tuple[Any, ...]
    fn: Callable[..., Any] | None
    grad: Array | None
    index: int
    known_to: int
    kwargs: Mapping[str, Any]
    name: str | None
    parents: list[Node]
    requires_grad: bool
    scope: Scope | None
    value: Array
    values: list[Any]

    __hash__ = object.__hash__


next_index: Callable[[], int] = itertools.count(1).__next__
"""The order of creation: every node and every scope takes the next number."""


def make_leaf(node: Node, requires_grad: bool) -> None:
    """Give a node no recipe: it is where the graph begins."""
    node.fn, node.args, node.kwargs, node.values, node.parents = None, (), NO_KWARGS, [], []
    node.grad = None
    node.requires_grad = requires_grad
    node.index = next_index()
    node.known_to = 0


def ancestors(root: Node) -> list[Node]:
    """The root and every node its gradient can reach, latest first."""
    order, found = [root], {root}
    for node in order:  # which grows meanwhile
        for parent in node.parents:
            if parent not in found:
                found.add(parent)
                order.append(parent)
    return sorted(order, key=attrgetter("index"), reverse=True)


def operations_under(outputs: Iterable[Any], start: int = 0) -> list[Node]:
    """The operations that the outputs are computed by, recorded since ``start``, in the order of creation."""
    found: set[Node] = set()
    unvisited = nodes_in(outputs)
    while unvisited:
        node = unvisited.pop()
        if node.fn is not None and node.index > start and node not in found:
            found.add(node)
            unvisited += nodes_in(node.args)
    return sorted(found, key=attrgetter("index"))


def nodes_in(args: Any) -> list[Node]:
    """The nodes among arguments, or in lists and tuples among them."""
    found: list[Node] = []
    for arg in args:
        if isinstance(arg, Node):
            found.append(arg)
        elif type(arg) in (list, tuple):
            found += nodes_in(arg)
    return found
