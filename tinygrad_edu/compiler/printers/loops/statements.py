"""The lines of the loops."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.compiler.printers.layout import indented
from tinygrad_edu.compiler.printers.loops.elements import DOUBLE, Elements, cast
from tinygrad_edu.compiler.printers.loops.fusion import Loop
from tinygrad_edu.compiler.printers.loops.indices import Index, shifted, through, through_index
from tinygrad_edu.compiler.printers.loops.kinds import (
    BEGIN,
    NUMPY_FROM,
    RUNNING,
    CannotTakeError,
    argument,
    kind,
    multiplications,
)
from tinygrad_edu.engine import Node
from tinygrad_edu.rules.indexing import scatter_add

ADDING: dict[Any, str] = {np.prod: "*=", np.max: "np.maximum", np.min: "np.minimum"}  # += for the others


class Statements:
    """Writes one loop after the other."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._words, self._fusion = elements.words, elements.fusion
        most_axes = max((len(loop.shape or ()) for loop in self._fusion.loops), default=0) + 4
        self._axes = [self._words.names.new("ijklmn"[d] if d < 6 else "i") for d in range(most_axes)]
        self._totals: dict[Any, str] = {}  # names of what sums are added up in
        self._begun: set[Node] = set()

    def of(self, loop: Loop) -> list[str]:
        """The lines of a loop, or of the call between two."""
        nodes = [node for node, _ in loop.nodes]
        lines = [line for node in nodes for line in self._begin(node)]
        if loop.shape is None:
            return [*lines, *self._call(nodes[0])]
        index = tuple("0" if n == 1 else axis for axis, n in zip(self._axes, loop.shape, strict=False))
        self._elements.shapes.clear()
        inside = [line for node, i in loop.nodes for line in self._turn(node, i, index)]
        axes = [(axis, n) for axis, n in zip(index, loop.shape, strict=True) if axis != "0"]
        here, turns = f"[{', '.join(index)}]", "\n".join(inside)
        in_order = self._elements.shapes <= {loop.shape, ()} and not _named(axes, [turns.replace(here, "")])
        if len(axes) > 1 and in_order:  # one long loop is quicker than many short ones
            axes = [(self._axes[0], prod(loop.shape))]
            inside = turns.replace(here, f".flat[{self._axes[0]}]").splitlines()
        lines += nested(axes, inside)
        return lines + [line for node in nodes for line in self._end(node)]

    def _begin(self, node: Node) -> list[str]:
        """Before the loop: the array that it fills, or what a reduction starts from."""
        its_kind, name, fusion = kind(node), self._words.names.of[node], self._fusion
        if node in self._begun or node not in fusion.arrays or its_kind == "reshape":
            return []
        self._begun.add(node)
        literal = self._elements.literal
        start = BEGIN[node.fn] if its_kind == "reduction" else 0
        if its_kind == "reduction" and not node.value.shape:
            dtype = DOUBLE if node.value.dtype.kind == "f" else node.value.dtype
            direct = dtype == node.value.dtype and node not in fusion.results
            self._totals[node] = name if direct else self._words.names.new(f"total_{name}")
            return [f"{self._totals[node]} = {literal(start, dtype)}"]
        new = [f"{name} = {self._words.empty(node)}"] if node.value.shape and node not in fusion.results else []
        return [*new, f"{name}[:] = {literal(start, node.value.dtype)}"] if its_kind == "reduction" else new

    def _end(self, node: Node) -> list[str]:
        """After the loop: a reduction to one number was computed in double precision."""
        total, target = self._totals.get(node), self._elements.at(node, ())
        if total is None or total == target:
            return []
        value = total if node.value.dtype == DOUBLE else cast(total, node.value.dtype)
        return [f"{target} = {value}{self._words.comment(node)}"]

    def _call(self, node: Node) -> list[str]:
        """An operation on whole arrays."""
        name, (a, *others), array = self._words.names.of[node], node.args, self._elements.array
        comment = self._words.comment(node)
        if kind(node) == "BLAS" and multiplications(node) >= NUMPY_FROM:
            return ["with numba.objmode():", f"    {array(a)}.dot({array(others[0])}, {name}){comment}"]
        if kind(node) == "BLAS":
            return [f"np.dot({array(a)}, {array(others[0])}, {name}){comment}"]
        target = f"{name}[:]" if node in self._fusion.results else name
        return [f"{target} = {array(a)}.reshape({node.value.shape}){comment}"]

    def _turn(self, node: Node, part: int, index: Index) -> list[str]:
        """What one turn of the loop does for a value, after looking whether indices that are computed are in range."""
        self._elements.checks.clear()
        statements = self._compute(node, part, index)
        return [*dict.fromkeys(self._elements.checks), *statements]

    def _compute(self, node: Node, part: int, index: Index) -> list[str]:
        its_kind, comment, elements = kind(node), self._words.comment(node), self._elements
        if its_kind == "elementwise":
            return [f"{elements.at(node, index)} = {elements.expression(node, index)[0]}{comment}"]
        if its_kind == "view":
            element = elements.element(node.args[0], through(node, index, elements.place))
            return [f"{elements.at(node, index)} = {element}{comment}"]
        if its_kind == "reduction":
            return [f"{self._reduce(node, index)}{'' if node in self._totals else comment}"]
        if its_kind == "running":
            return [f"{elements.at(node, index)} = {self._run(node, index)}{comment}"]
        if its_kind == "parts":
            axis = argument(node, 1, "axis", 0) % len(index)
            offset = sum(np.shape(x)[axis] for x in node.args[0][:part])
            there = (*index[:axis], shifted(index[axis], offset), *index[axis + 1 :])
            return [f"{elements.at(node, there)} = {elements.operand(node.args[0][part], node.value.dtype, index)}"]
        return self._multiply(node, index)

    def _run(self, node: Node, index: Index) -> str:
        """An element of a running sum: the one before, and what is added."""
        elements, dtype = self._elements, node.value.dtype
        axis, (sign, start) = (argument(node, 1, "axis", None) or 0) % len(index), RUNNING[node.fn]
        value = elements.operand(node.args[0], dtype, index, 2)
        if index[axis] == "0":
            return value
        before = elements.at(node, (*index[:axis], f"{index[axis]} - 1", *index[axis + 1 :]))
        return f"({before} if {index[axis]} else {elements.literal(start, dtype)}) {sign} {value}"

    def _multiply(self, node: Node, index: Index) -> list[str]:
        """An element of a matrix product: a loop over the axes that it sums over."""
        elements, dtype, kept = self._elements, node.value.dtype, node in self._fusion.arrays
        factors, inner = factors_of(node, index, self._axes[len(index) :])
        product = " * ".join(elements.operand(x, dtype, its_index, 2) for x, its_index in factors)
        comment = self._words.comment(node)
        if not inner:
            return [f"{elements.at(node, index)} = {product}{comment}"]
        if kept and dtype not in self._totals:
            self._totals[dtype] = self._words.names.new("total")
        total = self._totals[dtype] if kept else self._words.names.of[node]
        inside = _named(inner, elements.checks)  # of an index that the inner loop reads
        elements.checks[:] = [check for check in elements.checks if check not in inside]
        turn = [*dict.fromkeys(inside), f"{total} += {product}"]
        lines = [f"{total} = {elements.literal(0.0, dtype)}", *nested(inner, turn)]
        return [*lines, f"{elements.at(node, index)} = {total}{comment}"] if kept else lines

    def _reduce(self, node: Node, index: Index) -> str:
        """An element is added to the sum that it belongs to, or to where it is scattered."""
        elements, a = self._elements, node.args[0]
        if node.fn is scatter_add:
            there = through_index(node.args[1], index, node.value.shape, elements.place)
        else:
            axis = argument(node, 1, "axis", None) if node.fn is not np.vdot else None
            axes = range(len(index)) if axis is None else [axis] if isinstance(axis, int) else axis
            gone = {i % len(index) for i in axes} if index else set()
            keep = bool(node.kwargs.get("keepdims"))
            there = tuple("0" if d in gone else i for d, i in enumerate(index) if keep or d not in gone)
        target = self._totals.get(node) or elements.at(node, there)
        value = elements.operand(a, node.value.dtype, index, 2)
        if node.fn is np.vdot:
            value = f"{value} * {elements.operand(node.args[1], node.value.dtype, index, 3)}"
        sign = ADDING.get(node.fn, "+=")
        return f"{target} = {sign}({target}, {value})" if sign.startswith("np.") else f"{target} {sign} {value}"


def factors_of(node: Node, index: Index, free: Sequence[str]) -> tuple[list[tuple[Any, Index]], list[tuple[str, int]]]:
    """What a product multiplies, each with its index, and the axes that it sums over, under names that are free."""
    names = iter(free)
    if node.fn is np.matmul:
        a, b = node.args
        n, is_matrix = np.shape(a)[-1], np.ndim(b) > 1
        k = next(names) if n != 1 else "0"
        rows, column = (index[:-1], index[-1:]) if is_matrix else (index, ())
        batch = rows[:-1] if np.ndim(a) > 1 else rows
        return [(a, (*rows, k)), (b, (*batch, k, *column))], [(k, n)] if n != 1 else []
    subscripts, *operands = node.args
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow or "." in subscripts or len(set(output)) < len(output):
        raise CannotTakeError(f"np.einsum with {subscripts!r}")
    places = dict(zip(output, index, strict=True))
    inner: list[tuple[str, int]] = []
    for letters, x in zip(inputs.split(","), operands, strict=True):
        for letter, n in zip(letters, np.shape(x), strict=True):
            if letter not in places:
                places[letter] = next(names) if n != 1 else "0"
                inner += [(places[letter], n)] if n != 1 else []
    where = [tuple(places[letter] for letter in letters) for letters in inputs.split(",")]
    return list(zip(operands, where, strict=True)), inner


def _named(axes: list[tuple[str, int]], lines: list[str]) -> list[str]:
    """The lines in which one of the axes comes up."""
    names = re.compile("|".join(rf"\b{axis}\b" for axis, _ in axes))
    return [line for line in lines if names.search(line)]


def nested(loops: Sequence[tuple[str, int]], inside: list[str]) -> list[str]:
    """Statements in loops."""
    for axis, n in reversed(loops):
        inside = [f"for {axis} in range({n}):", *indented(inside)]
    return inside
