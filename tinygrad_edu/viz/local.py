"""How the entries of a contribution come from those of the upstream gradient: local derivatives as numbers.

Nothing here walks a graph: one step back through one operation is the engine's `hand_back`, asked with gradients of
our own. It is linear in them, so a few questions find all derivatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from tinygrad_edu.engine import RULES, Contribution, Node, Rule, hand_back, unbroadcast
from tinygrad_edu.equations.arrays import Array, flat, norm
from tinygrad_edu.equations.structure import is_elementwise, is_product_of_matrices

FACTORS = 40_000  # how many local derivatives are tabulated, for operations that are not elementwise

Table = list[tuple[int, int, float]]  # (entry of y, entry of the argument, derivative), where it is not zero


class Local(NamedTuple):
    """The local derivative ∂y/∂x for one contribution, of one of these kinds.

    matmul: the ``other`` factor of a product of two matrices, of which this ``argument`` is handed the contribution.
    diagonal: ``array`` holds the derivative of each entry of y with respect to the one entry it was computed from.
    single: each entry of the contribution is one entry (``which``) of the upstream gradient times a factor (``array``).
    table: ``entries`` are those that are not zero. none: too large to be tabulated.
    """

    kind: Literal["matmul", "diagonal", "single", "table", "none"]
    argument: int | None = None
    other: Array | None = None
    which: Array | None = None
    array: Array | None = None
    entries: Table | None = None


NONE = Local("none")


def local_derivatives(node: Node, g: Any, parts: list[Contribution], room: int = FACTORS) -> list[Local]:
    """The local derivative for each contribution; in tables, if they have room."""
    if is_product_of_matrices(node):
        return [Local("matmul", argument=position, other=node.values[1 - position]) for position, _, _ in parts]
    if is_elementwise(node):
        found = [_diagonal(node, position, g, part) for position, _, part in parts]
        return [NONE if array is None else Local("diagonal", array=array) for array in found]
    single = _single(node, parts)
    if single:
        return single
    n = flat(node.value).size
    work = n * sum(np.size(flat(part)) for _, _, part in parts)
    if not (parts and work <= 20_000 and n <= 64 and room > 0):
        return [NONE] * len(parts)
    return [Local("table", entries=table) if _adds_up(table, g, part) else NONE for table, part in _tables(node, parts)]


def _diagonal(node: Node, position: int, g: Array, part: Array) -> Array | None:
    """The derivative ∂y_e/∂x_e of an elementwise operation, of the shape of y; None if it does not explain ``part``.

    The rule itself is asked: what is handed back is summed where an argument was stretched.
    """
    assert node.fn
    rule, y = cast(Rule, RULES[node.fn][position]), node.value
    try:
        local = np.broadcast_to(np.asarray(rule(np.ones_like(y), y, *node.values, **node.kwargs)), y.shape)
    except ValueError:
        return None
    again = unbroadcast(g * local, part.shape)
    return local if np.allclose(again, part, rtol=1e-4, atol=0, equal_nan=True) else None


def _single(node: Node, parts: list[Contribution]) -> list[Local]:
    """Where each entry of a contribution is one upstream entry times a factor: for each entry, which one, and factor.

    With ones upstream, the factors are handed back; with 1, 2, 3 … the entries; and with random numbers it shows
    whether this is all there is to it. Empty if it is not.
    """
    y = node.value
    if isinstance(y, tuple) or not parts or any(isinstance(part, list) for _, _, part in parts):
        return []

    def back(g: Array) -> list[Array]:
        return [np.asarray(part) for _, _, part in hand_back(node, _shaped(g, y), useful)]

    useful = set(node.parents)
    probe = np.random.default_rng(0).random(y.size) + 1
    found = []
    for factor, counted, tried in zip(*map(back, (np.ones(y.size), np.arange(y.size) + 1.0, probe)), strict=True):
        which = np.rint(np.divide(counted, factor, where=factor != 0, out=np.ones(factor.shape))) - 1
        if not (
            np.all((which >= 0) & (which < y.size)) and np.allclose(factor * probe[which.astype(int)], tried, 1e-5, 0)
        ):
            return []
        found.append(Local("single", which=_as_number(which), array=_as_number(factor)))
    return found


def _as_number(x: Array) -> Array:
    """One number for an array of the same ones."""
    return x.ravel()[0] * np.ones(()) if x.size and np.all(x == x.flat[0]) else x


def _tables(node: Node, parts: list[Contribution]) -> Iterator[tuple[Table, Array]]:
    """All local derivatives of a small operation: what is handed back of a 1 at one entry of y after the other."""
    tables: list[Table] = [[] for _ in parts]
    n, useful = flat(node.value).size, set(node.parents)
    for k in range(n):
        back = hand_back(node, _shaped(np.eye(n)[k], node.value), useful)
        for table, (_, _, part) in zip(tables, back, strict=True):
            row = np.ravel(flat(part))
            table += [(k, int(e), float(row[e])) for e in np.flatnonzero(row)]
    for table, (_, _, part) in zip(tables, parts, strict=True):
        yield table, np.ravel(flat(part))


def _shaped(numbers: Array, y: Any) -> Any:
    """A row of numbers, in the shape of y, which may be several results."""
    if not isinstance(y, tuple):
        return numbers.reshape(y.shape).astype(y.dtype)
    ends = np.cumsum([np.size(part) for part in y])[:-1]
    return [_shaped(piece, part) for piece, part in zip(np.split(numbers, ends), y, strict=True)]


def _adds_up(table: Table, g: Any, part: Array) -> bool:
    total, upstream = np.zeros(part.size), np.ravel(flat(g))
    for k, e, local in table:
        total[e] += upstream[k] * local
    size = norm(part)
    return bool(np.allclose(total, part, rtol=1e-4, atol=1e-4 * size if size < np.inf else 0, equal_nan=True))
