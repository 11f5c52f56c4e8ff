"""The program as mathematics: one assignment for each equation."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import is_plain_transpose
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.compiler.printers.containers import Parameters, returned, signature, unpacking
from tinygrad_edu.compiler.printers.layout import Printed, indented
from tinygrad_edu.compiler.printers.words import Words
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.rules.indexing import scatter_add

MOST_NESTED = 8  # operations within each other in one expression


def print_formula(trace: Trace, names: Names, parameters: Parameters) -> Printed:
    """A function of the same arguments without buffers; what has no name of its own stands where it is used."""
    names, operations = names.copy(), trace.operations
    inlined = _name_or_inline(operations, set(trace.results), names)
    words = Expressions(names, trace.captured, inlined)
    body = [line for node in operations if node in words.names.of for line in _equation(words, node)]
    end = returned(words, trace.result, words.result)
    lines = [f"{name} = {value}" for name, value in words.constants.items()]
    head = f"def program({signature(words, parameters)}):"
    lines = ["import numpy as np", "", *lines, *([""] if lines else []), head]
    body = [*unpacking(words, parameters, trace.inputs), *body, f"return {end}"]
    return Printed("\n".join(lines + indented(body)), words.given)


def _name_or_inline(operations: list[Node], results: set[Node], names: Names) -> set[Node]:
    """What stands where it is used; everything else gets a name."""
    users: dict[Node, int] = dict.fromkeys(operations, 0)
    for node in operations:
        for arg in nodes_in(node.args):
            users[arg] = users.get(arg, 0) + 1
    inlined: set[Node] = set()
    depths: dict[Node, int] = {}  # how many operations deep an expression is
    count = 0
    for node in operations:
        depths[node] = 1 + max((depths.get(arg, 0) for arg in nodes_in(node.args)), default=0)
        if node in names.of or is_plain_transpose(node):
            depths[node] = 0
        elif depths[node] <= MOST_NESTED and users[node] == 1 and node not in results and node.fn is not scatter_add:
            inlined.add(node)
        else:
            count += 1
            depths[node] = 0
            names.give(node, f"t{count}")
    return inlined


def _equation(words: Expressions, node: Node) -> list[str]:
    name = words.names.of[node]
    if node.fn is scatter_add:
        return text.scatter(node, name, words.name)
    return [f"{name} = {words.expression(node)[0]}{words.comment(node)}"]


class Expressions(Words):
    """Names, or the expressions that stand in their place."""

    def __init__(self, names: Names, captured: list[Node], inlined: set[Node]) -> None:
        super().__init__(names, captured)
        self._inlined = inlined

    def result(self, x: Any) -> str:
        """One value of the result."""
        return self.name(x) if isinstance(x, Node | np.ndarray) else text.literal(x, self.name)

    def name(self, x: Any) -> str:
        """What a value is called in an expression, or the expression that it stands for."""
        if isinstance(x, Node) and (x in self._inlined or (is_plain_transpose(x) and x not in self.names.of)):
            return self.expression(x)[0]
        return self.names.of[x] if isinstance(x, Node) else super().name(x)

    def expression(self, node: Node) -> tuple[str, int]:
        """An operation as people write it, and how strongly its parts hold together."""
        fn, args = node.fn, node.args
        if fn in text.INFIX and not node.kwargs:
            symbol, strength = text.INFIX[fn]
            # a − (b − c) and a / (b / c) need their brackets; a + (b + c) would round differently without
            return f"{self._operand(args[0], strength)} {symbol} {self._operand(args[1], strength + 1)}", strength
        if fn is np.negative:
            return f"-{self._operand(args[0], 3)}", 2
        if fn is np.square:
            return f"{self._operand(args[0], text.ATOM)}**2", 4
        if fn is operator.getitem:
            return f"{self._operand(args[0], text.ATOM)}[{text.index(args[1], self.name)}]", text.ATOM
        if is_plain_transpose(node):
            return f"{self._operand(args[0], text.ATOM)}.T", text.ATOM
        if fn is np.astype or (fn is np.reshape and len(args) == 2):
            return text.call(node, lambda x: self._operand(x, text.ATOM)), text.ATOM
        return text.call(node, self.name), text.ATOM

    def _operand(self, x: Any, strength: int) -> str:
        """An operand, in brackets where it would fall apart."""
        if isinstance(x, Node) and x in self._inlined:
            written, own = self.expression(x)
            return written if own >= strength else f"({written})"
        written = self.name(x)
        return f"({written})" if written.startswith("-") and strength > 1 else written
