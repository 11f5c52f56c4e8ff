"""The program as mathematics: one assignment for each equation."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_edu.compiler import text
from tinygrad_edu.compiler.program import Printer
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.transforms import leaves_of

DEEPEST = 8  # operations within each other in one expression


class FormulaPrinter(Printer):
    """A function of the same arguments without buffers; what has no name of its own stands where it is used."""

    def write(self) -> str:
        """The whole text."""
        users: dict[Node, int] = dict.fromkeys(self.operations, 0)
        for node in self.operations:
            for arg in nodes_in(node.args):
                users[arg] = users.get(arg, 0) + 1
        results = {x for x in leaves_of(self.trace.result) if isinstance(x, Node)}
        self._inlined: set[Node] = set()
        depths: dict[Node, int] = {}  # how many operations deep an expression is
        count = 0
        for node in self.operations:
            depths[node] = 1 + max((depths.get(arg, 0) for arg in nodes_in(node.args)), default=0)
            if node in self.names.of or text.is_plain_transpose(node):
                depths[node] = 0
            elif depths[node] <= DEEPEST and users[node] == 1 and node not in results and node.fn is not scatter_add:
                self._inlined.add(node)
            else:
                count += 1
                depths[node] = 0
                self.names.give(node, f"t{count}")
        body = [line for node in self.operations if node in self.names.of for line in self._equation(node)]
        returned = self.container(self.trace.result)
        returned = returned[1:-1] if type(self.trace.result) is tuple and len(self.trace.result) > 1 else returned
        lines = [f"{name} = {value}" for name, value in self.constants.items()]
        lines = ["import numpy as np", "", *lines, *([""] if lines else []), f"def program({self.signature()}):"]
        return "\n".join(lines + [f"    {line}" for line in [*self.unpacking(), *body, f"return {returned}"]])

    def _equation(self, node: Node) -> list[str]:
        name, comment = self.names.of[node], self.names.comments.get(node)
        if node.fn is scatter_add:
            return self.scatter(node, name)
        return [f"{name} = {self.expression(node)[0]}" + (f"  # {comment}" if comment else "")]

    def result(self, x: Any) -> str:
        """One value of the result."""
        return self.name(x) if isinstance(x, Node | np.ndarray) else text.literal(x, self.name)

    def name(self, x: Any) -> str:
        """What a value is called in an expression, or the expression that it stands for."""
        if isinstance(x, Node) and x in self._inlined:
            return self.expression(x)[0]
        if isinstance(x, Node) and text.is_plain_transpose(x) and x not in self.names.of:
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
        if text.is_plain_transpose(node):
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
