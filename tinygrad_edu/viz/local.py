"""How the entries of a contribution come from those of the upstream gradient: local derivatives as numbers.

Nothing here walks a graph: a step back through an operation, or through several of a circle, is the engine's, asked
with gradients of our own. It is linear in them, so a few questions find all derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from tinygrad_edu.engine import RULES, Contribution, Node, Rule, steps_of, unbroadcast
from tinygrad_edu.equations.arrays import Array, flat, norm
from tinygrad_edu.equations.structure import WeightedInput, is_elementwise, is_product_of_matrices
from tinygrad_edu.viz.units import Unit

FACTORS = 40_000  # how many local derivatives are tabulated, for operations that are not elementwise

Table = list[tuple[int, int, float]]  # (entry of y, entry of the argument, derivative), where it is not zero
Back = Callable[[Any], list[Array]]  # from a gradient of y to what each argument is handed


class Local(NamedTuple):
    """The local derivative ∂y/∂x for one contribution, of one of these kinds.

    matmul: the ``other`` factor of a product of two matrices, of which this ``argument`` is handed the contribution;
    its transpose if ``turned``.
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
    turned: bool = False


NONE = Local("none")


def local_derivatives(unit: Unit, g: Any, parts: list[Contribution], room: int = FACTORS) -> list[Local]:
    """The local derivative for each contribution of a circle; in tables, if they have room."""
    if len(unit.nodes) == 1:
        return _of_operation(unit.nodes[0], g, parts, room)
    if len(unit.outputs) != 1:
        return [NONE] * len(parts)
    if unit.layer and unit.nodes[-1] is unit.layer.z:
        return [_of_layer(unit, unit.layer, g, part) for part in parts]
    y, back = unit.outputs[0].value, _back(unit.nodes, unit.outputs[0], parts)
    return _each_by_itself(y, parts, back) or _single(y, parts, back) or _in_tables(y, g, parts, back, room)


def _of_operation(node: Node, g: Any, parts: list[Contribution], room: int) -> list[Local]:
    if is_product_of_matrices(node):
        return [Local("matmul", argument=position, other=node.values[1 - position]) for position, _, _ in parts]
    if is_elementwise(node):
        found = [_diagonal(node, position, g, part) for position, _, part in parts]
        return [NONE if array is None else Local("diagonal", array=array) for array in found]
    back = _back([node], node, parts)
    return _single(node.value, parts, back) or _in_tables(node.value, g, parts, back, room)


def _of_layer(unit: Unit, layer: WeightedInput, g: Any, contribution: Contribution) -> Local:
    """Of z = a W + b, with respect to one of these."""
    position, arg, part = contribution
    taken = [i for i in unit.inputs if i.operand is arg]
    if len(taken) != 1:
        return NONE
    for product in layer.products:
        if product.is_of_matrices and (arg is product.W or arg is product.a):
            argument = int((arg is product.W) != product.layout.W_first)
            turned = arg is product.W and product.layout.transposed
            return Local("matmul", argument=argument, other=product.node.values[1 - argument], turned=turned)
    array = _diagonal(taken[0].node, position, g, part) if is_elementwise(taken[0].node) else None
    return NONE if array is None else Local("diagonal", array=array)


def _back(nodes: list[Node], output: Node, parts: list[Contribution]) -> Back:
    """The step back through operations, from a gradient of the output of the last to the arguments."""
    order, useful = nodes[::-1], {parent for node in nodes for parent in node.parents}

    def of_several(g: Any) -> list[Array]:
        received = {output: g}
        for _ in steps_of(order, useful, received, (), False):
            pass
        return [np.asarray(flat(received[arg])) for _, arg, _ in parts]

    def of_one(g: Any) -> list[Array]:
        [(_, _, handed)] = steps_of(order, useful, {output: g}, (), False)
        return [np.asarray(flat(part)) for _, _, part in handed]

    return of_one if len(nodes) == 1 else of_several


def _in_tables(y: Any, g: Any, parts: list[Contribution], back: Back, room: int) -> list[Local]:
    n = flat(y).size
    work = n * sum(np.size(flat(part)) for _, _, part in parts)
    if not (parts and work <= 20_000 and n <= 64 and room > 0):
        return [NONE] * len(parts)
    tables = _tables(y, parts, back)
    return [Local("table", entries=table) if _adds_up(table, g, part) else NONE for table, part in tables]


def _each_by_itself(y: Any, parts: list[Contribution], back: Back) -> list[Local]:
    """Where each entry of y depends on the same entry of each argument and on no other. Empty if that is not so.

    Random numbers upstream show whether it is.
    """
    if isinstance(y, tuple) or any(np.shape(flat(part)) != y.shape for _, _, part in parts):
        return []
    probe = _shaped(np.random.default_rng(0).random(y.size) + 1, y)
    slopes, tried = back(np.ones_like(y)), back(probe)
    if not all(np.allclose(slope * probe, t, 1e-4, 0) for slope, t in zip(slopes, tried, strict=True)):
        return []
    return [Local("diagonal", array=slope) for slope in slopes]


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


def _single(y: Any, parts: list[Contribution], back: Back) -> list[Local]:
    """Where each entry of a contribution is one upstream entry times a factor: for each entry, which one, and factor.

    With ones upstream, the factors are handed back; with 1, 2, 3 … the entries; and with random numbers it shows
    whether this is all there is to it. Empty if it is not.
    """
    if isinstance(y, tuple) or not parts or any(isinstance(part, list) for _, _, part in parts):
        return []
    probe = np.random.default_rng(0).random(y.size) + 1
    asked = (np.ones(y.size), np.arange(y.size) + 1.0, probe)
    found = []
    for factor, counted, tried in zip(*(back(_shaped(g, y)) for g in asked), strict=True):
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


def _tables(y: Any, parts: list[Contribution], back: Back) -> Iterator[tuple[Table, Array]]:
    """All local derivatives of what is small: what is handed back of a 1 at one entry of y after the other."""
    tables: list[Table] = [[] for _ in parts]
    n = flat(y).size
    for k in range(n):
        for table, part in zip(tables, back(_shaped(np.eye(n)[k], y)), strict=True):
            row = np.ravel(part)
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
