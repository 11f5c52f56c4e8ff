"""Values that stay as they were recorded.

A rule reads, later, the arrays that an operation was computed from. Whoever holds one of them could change it in
between, and the gradient would silently be wrong. So a graph keeps arrays that nobody else can reach. Copies of
constants cost a few percent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import Any

import numpy as np

from tinygrad_edu.engine.graph import Array, Node, make_leaf
from tinygrad_edu.engine.modes import told
from tinygrad_edu.errors import name_of

PRIVATE, IN_GRAPH, EXPOSED = range(3)  # whom the array of a leaf is known to: itself, a graph, somebody outside


def constants(value: Any, kind: type[Node]) -> Any:
    """A result that need not be recorded, as a leaf that requires no gradient; several of them in their container."""
    if isinstance(value, tuple | list):
        parts = [constants(part, kind) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if not isinstance(value, np.ndarray | np.generic):
        return value
    node = object.__new__(kind)
    array = np.asarray(value)
    node.value = array if array.base is None else array.copy()  # a view would change with what it views
    node.name = node.scope = None
    make_leaf(node, requires_grad=False)
    return node


def value_for_graph(node: Node) -> Any:
    """The value of a node, from now on kept by a graph."""
    if node.known_to == EXPOSED:
        return node.value.copy()
    node.known_to = IN_GRAPH
    return node.value


def own_arguments(args: tuple[Any, ...], values: list[Any], foreign: list[int]) -> tuple[Any, ...]:
    """The arguments, and in place their values, with every array that is not ours replaced by a copy of it."""
    kept = list(args)
    for i in foreign:
        kept[i] = copied(args[i])
        if type(kept[i]) in (list, tuple):
            values[i] = type(kept[i])(
                [v if isinstance(k, Node) else k for v, k in zip(values[i], kept[i], strict=True)]
            )
        else:
            values[i] = kept[i]
    return tuple(kept)


def copied(part: Any) -> Any:
    """The same with copies, which nobody can write into, in place of the arrays."""
    if isinstance(part, np.ndarray):
        part = part.copy()
        part.setflags(write=False)
    elif type(part) in (list, tuple):
        part = type(part)([copied(inner) for inner in part])
    elif type(part) is dict:
        part = {key: copied(inner) for key, inner in part.items()}
    return part


def own(g: Any, taken: set[int]) -> Array:
    """An array that nothing else holds: ``g`` itself where that is safe, or a copy.

    Rules may hand one array to two nodes (that of ``a + b``), or give a view or a read-only array.
    """
    array: Array = np.asarray(g)
    if array.base is not None or not array.flags.writeable or id(array) in taken:
        array = array.copy()
    taken.add(id(array))
    return array


def check_leaves(order: list[Node]) -> None:
    """Rules that run on tensors read the leaves as they are now: they must be as they were recorded."""
    for node in order:
        for arg, value in zip(node.args, node.values, strict=True):
            if isinstance(arg, Node) and arg.fn is None and not _same(arg.value, value):
                assert node.fn
                raise RuntimeError(
                    f"the value of {arg.name or 'a leaf tensor'} (shape {arg.value.shape}) was changed after "
                    f"{name_of(node.fn)} was recorded from it, so a second derivative would be wrong; run "
                    "the forward computation again"
                )


def _same(now: Array, then: Array) -> bool:
    return now is then or np.array_equal(now, then, equal_nan=True)


def with_arrays(arg: Any) -> Any:
    """The argument with every node in it replaced by its array."""
    if isinstance(arg, Node):
        return arg.value
    if type(arg) in (list, tuple):
        return type(arg)(map(with_arrays, arg))
    return arg


def replace_values(pairs: Sequence[tuple[Node, Array]], *also: tuple[Any, str, Any]) -> None:
    """Give leaves new values, arrays that nobody else has, and set attributes (object, name, value): all at once.

    What was computed before keeps the old values.
    """
    for node, _ in pairs:
        told(node, ".data = …")
    at_once(
        setattr,
        [
            *((node, "value", value) for node, value in pairs),
            *((node, "known_to", PRIVATE) for node, _ in pairs),
            *also,
        ],
    )


def at_once(fn: Callable[..., Any], changes: Iterable[tuple[Any, ...]]) -> None:
    """Call ``fn(*change)`` for each change, where ``fn`` is a built-in function.

    Python raises KeyboardInterrupt between two of its own instructions, and here is none: the loop runs in C. So Ctrl-C
    comes before the first change or after the last.
    """
    deque(starmap(fn, list(changes)), maxlen=0)
