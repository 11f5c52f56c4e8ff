"""Third stage: a symbol for every value, and which values have a box of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from tinygrad_edu.costs import COSTS
from tinygrad_edu.engine import Node
from tinygrad_edu.equations.notation import IN_FORMULA, Notation, clean
from tinygrad_edu.equations.structure import Structure, scopes
from tinygrad_edu.viz.units import Input, Unit, is_leaf

NOTHING: Mapping[int, str] = {}


class Named(NamedTuple):
    """What the values are called, and the ids of those with a name, or a part in a layer: they get a box."""

    notation: Notation
    boxed: Set[int]


def name(structure: Structure, units: list[Unit], known: Mapping[int, str] = NOTHING) -> Named:
    """Give every value that units take and hand on a symbol; those in ``known``, by id, keep what they have there."""
    root = structure.root
    shown = [v for unit in units for v in (*(i.operand for i in unit.inputs), *unit.outputs)] or [root]
    symbols = _Symbols()
    for value in shown:
        if isinstance(value, Node) and value.name and clean(value.name):
            symbols.name(value)
    _name_layers(structure, symbols)
    boxed = {*symbols.of, id(root)}
    counts = Counter[str]()
    for unit in units:
        for i in unit.inputs:
            if id(i.operand) not in symbols.of and is_leaf(i.operand):
                letter = "p" if i.needs_gradient else "y" if _is_target(i, structure) else "c"
                counts[letter] += 1
                symbols.call(i.operand, letter if letter == "y" else f"{letter}{counts[letter]}")
        for output in unit.outputs:
            counts["v"] += id(output) not in symbols.of
            symbols.call(output, f"v{counts['v']}")
    symbols.call(root, "v")  # if it is all there is
    of = symbols.of | {value: symbol for value, symbol in known.items() if value in symbols.of}
    return Named(Notation(structure, of), boxed)


class _Symbols:
    """Symbols by id, each for one value."""

    def __init__(self) -> None:
        self.of: dict[int, str] = {}
        self.taken: set[str] = set()

    def name(self, value: Node) -> None:
        """Its own name, which another value may have as well."""
        self.of[id(value)] = clean(value.name, IN_FORMULA)
        self.taken.add(self.of[id(value)])

    def call(self, value: Any, symbol: str) -> None:
        """This symbol, or one like it, for a value that has none."""
        if id(value) not in self.of:
            while symbol in self.taken:
                symbol += "′"
            self.taken.add(symbol)
            self.of[id(value)] = symbol


def _name_layers(structure: Structure, symbols: _Symbols) -> None:
    if structure.root.value.size == 1:
        symbols.call(structure.root, "C")
    _name_inputs(structure, symbols)
    for layer in structure.layers:
        symbols.call(layer.z, f"z{layer.number}")
        symbols.call(layer.a, f"a{layer.number}")
        for i, product in enumerate(layer.products):
            symbols.call(product.W, f"{'WUV'[i] if i < 3 else 'W'}{layer.number}")
        for bias in layer.biases:
            symbols.call(bias, f"b{layer.number}")


def _name_inputs(structure: Structure, symbols: _Symbols) -> None:
    """What comes into layers from outside: x, or x1, x2, … if there are several, and the initial state h0 of a loop."""
    products = [product for layer in structure.layers for product in layer.products]
    of_loops = [product for layer in structure.layers for product in layer.products if len(layer.products) > 1]
    recurrent = {id(product.W) for product in of_loops if not is_leaf(product.a)}
    states = [product.a for product in of_loops if is_leaf(product.a) and id(product.W) in recurrent]
    given = [p.a for p in products if is_leaf(p.a) and p.activations.ndim and not any(p.a is s for s in states)]
    inputs = list({id(x): x for x in given}.values())
    for state in states:
        symbols.call(state, "h0")
    for number, x in enumerate(inputs, start=1):
        symbols.call(x, f"x{number}" if len(inputs) > 1 else "x")


def _is_target(i: Input, structure: Structure) -> bool:
    """Whether a constant is what the outputs are compared with."""
    layers = [structure.with_part[p] for p in i.node.parents if p in structure.with_part]
    is_compared = any(layer.a.value.shape == i.value.shape and layer.tag == "BP1" for layer in layers)
    return is_compared or any(scope.name in COSTS for scope in scopes(i.node))
