"""Names for the values of a program, and the equations they belong to."""

from __future__ import annotations

import keyword
from typing import Any

import numpy as np

from tinygrad_edu.compiler.arguments import TAKEN, arrays_in
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node, nodes_in, operations_under
from tinygrad_edu.equations import words
from tinygrad_edu.equations.structure import Product, Structure, WeightedInput
from tinygrad_edu.trees import leaves_of


class Names:
    """Which name each value has, and what is said beside it.

    Attributes
    ----------
    of : dict of Node to str
        The name of a value; operations that stand in no equation have none.
    comments : dict of Node to str
        The equation that a value is the left-hand side of.
    """

    def __init__(self, trace: Trace, parameters: list[tuple[str, Any]]) -> None:
        """``parameters``: the name and the value of every argument."""
        self.of: dict[Node, str] = {}
        self.comments: dict[Node, str] = {}
        self._used: set[str] = TAKEN | {name for name, x in parameters if not isinstance(x, np.ndarray)}
        operations = operations_under([trace.root])
        layers = Structure(trace.root, operations, of_numbers=False).layers if isinstance(trace.root, Node) else []
        inputs = dict(zip(trace.inputs, arrays_in(parameters), strict=True))
        for node, (name, _) in inputs.items():
            if name:
                self.give(node, name)
        self._name_layers(layers)
        for node, (_, fallback) in inputs.items():
            self.give(node, fallback)
        for i, node in enumerate(trace.captured, start=1):
            self.give(node, node.name or f"x{i}")
        for node in operations:
            if node.name:
                self.give(node, node.name)
        if isinstance(trace.root, Node):
            self.give(trace.root, "C", "the cost")
        self._name_gradients(trace, layers)
        for node in nodes_in(leaves_of(trace.result)):
            if node.fn is np.subtract and isinstance(node.args[0], Node) and node.args[0].fn is None:
                self.give(node, f"new_{self.of[node.args[0]]}")  # a parameter after a step

    def copy(self) -> Names:
        """The same names, to add to."""
        twin = object.__new__(Names)
        twin.of, twin.comments, twin._used = self.of.copy(), self.comments.copy(), self._used.copy()
        return twin

    def give(self, node: Node, name: str, comment: str = "") -> None:
        """Name a value, unless it has a name already."""
        if node not in self.of:
            self.of[node] = self.new(name)
        if comment:
            self.comments.setdefault(node, comment)

    def new(self, name: str) -> str:
        """A name like this one that nothing else has."""
        name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
        if not name or not name.isidentifier() or keyword.iskeyword(name):
            name = f"x_{name}"
        tries = (name if i == 1 else f"{name}_{i}" for i in range(1, 10**9))
        free = next(candidate for candidate in tries if candidate not in self._used)
        self._used.add(free)
        return free

    def _name_layers(self, layers: list[WeightedInput]) -> None:
        for layer in layers:
            l = layer.number
            for i, product in enumerate(layer.products):
                self.give(product.W, f"{'WUV'[i] if i < 3 else 'W'}{l}")
            for bias in layer.biases:
                self.give(bias, f"b{l}")
            products = [words.product(self._input_of(p, l), self.of[p.W], p.layout) for p in layer.products]
            z = words.weighted_input(products, [self.of[b] for b in layer.biases])
            self.give(layer.z, f"z{l}", f"layer {l}: z{l} = {z}")
            if layer.a is not layer.z:
                functions = layer.functions
                a = words.applied(functions[0], f"z{l}") if len(functions) == 1 else f"the activation of z{l}"
                self.give(layer.a, f"a{l}", f"a{l} = {a}")

    def _input_of(self, product: Product, l: int) -> str:
        """What the weights of layer l are multiplied with."""
        return (self.of.get(product.a) if isinstance(product.a, Node) else None) or f"a{l - 1}"

    def _name_gradients(self, trace: Trace, layers: list[WeightedInput]) -> None:
        of_z = {layer.z: layer for layer in layers}
        parameters = {p.W: "BP4" for layer in layers for p in layer.products}
        parameters |= {b: "BP3" for layer in layers for b in layer.biases}
        for g, node in trace.gradients.items():
            if node in of_z:
                layer = of_z[node]
                weights = dict.fromkeys(self.of[product.W] for _, product in layer.next)
                comment = words.comment(layer.tag, list(weights))
                self.give(g, f"delta{layer.number}", comment)
            elif node in self.of and node.fn is None:
                tag = parameters.get(node)
                self.give(g, f"grad_{self.of[node]}", words.comment(tag) if tag else "")
