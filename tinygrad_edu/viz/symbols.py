"""Third stage: a symbol for every value, and which values have a box of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from tinygrad_edu.costs import COSTS
from tinygrad_edu.engine import Node
from tinygrad_edu.equations.notation import IN_FORMULA, Notation, clean
from tinygrad_edu.equations.structure import Structure, WeightedInput, scopes
from tinygrad_edu.viz.units import Input, Loop, Unit, is_leaf

NOTHING: Mapping[int, str] = {}
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Named(NamedTuple):
    """What the values are called, and the ids of those with a name, or a part in a layer: they get a box.

    Inside a loop, z1[t] is what is called z1[7] elsewhere.
    """

    notation: Notation
    boxed: Set[int]
    inside: Notation


def name(
    structure: Structure, units: list[Unit], known: Mapping[int, str] = NOTHING, loops: Sequence[Loop] = ()
) -> Named:
    """Give every value that units take and hand on a symbol; those in ``known``, by id, keep what they have there."""
    root = structure.root
    other_steps = {
        id(value)
        for loop in loops
        for series in loop.series
        for step, (value, _) in series.items()
        if step != loop.number
    } | {id(copy) for loop in loops for copy, _ in loop.copies}
    taken_and_made = [v for unit in units for v in (*(i.operand for i in unit.inputs), *unit.outputs)] or [root]
    shown = [value for value in taken_and_made if id(value) not in other_steps]
    symbols = _Symbols()
    for value in shown:
        if isinstance(value, Node) and value.name and clean(value.name):
            symbols.name(value)
    _name_layers(structure, symbols, other_steps)
    boxed = {*symbols.of, id(root)}
    counts = Counter[str]()
    for unit in units:
        for i in unit.inputs:
            is_new = id(i.operand) not in symbols.of and id(i.operand) not in other_steps
            if is_new and is_leaf(i.operand):
                letter = "p" if i.needs_gradient else "y" if _is_target(i, structure) else "c"
                counts[letter] += 1
                symbols.call(i.operand, letter if letter == "y" else f"{letter}{counts[letter]}")
        for output in unit.outputs:
            counts["v"] += id(output) not in symbols.of
            symbols.call(output, f"v{counts['v']}")
    symbols.call(root, "v")  # if it is all there is
    of = symbols.of | {value: symbol for value, symbol in known.items() if value in symbols.of}
    inside = _number_steps(loops, of, root)
    return Named(Notation(structure, of), boxed, Notation(structure, of | inside))


def _number_steps(loops: Sequence[Loop], of: dict[int, str], root: Node) -> dict[int, str]:
    """Call what a loop makes z[1], z[2], …, and what it begins with z[0]; and give what it is called inside."""
    inside: dict[int, str] = {}
    for loop in loops:
        for series in loop.series:
            ends_in_root = any(value is root for value, _ in series.values())
            symbol = of[id(root if ends_in_root else series[loop.number][0])]
            of.update({id(value): f"{symbol}[{step + 1}]" for step, (value, _) in series.items() if value is not root})
            for step, t in ((loop.number - 1, "t−1"), (loop.number, "t"), (loop.number + 1, "t+1")):
                inside[id(series[step][0])] = f"{symbol}[{t}]"
            for _, first, begins in loop.initial:
                if begins is series and is_leaf(first.operand) and id(first.operand) not in of:
                    own = clean(first.operand.name, IN_FORMULA) if isinstance(first.operand, Node) else ""
                    of[id(first.operand)] = own or f"{symbol}[0]"
        for names in (of, inside):
            names.update({id(copy): names[id(array)] for copy, array in loop.copies if id(array) in names})
    return inside


class _Symbols:
    """Symbols by id, each for one value."""

    def __init__(self) -> None:
        self.of: dict[int, str] = {}
        self.taken: set[str] = set()
        self.asked = Counter[str]()

    def name(self, value: Node) -> None:
        """Its own name, which another value may have as well."""
        self.of[id(value)] = clean(value.name, IN_FORMULA)
        self.taken.add(self.of[id(value)])

    def call(self, value: Any, symbol: str) -> None:
        """This symbol, or one like it, for a value that has none."""
        if id(value) not in self.of:
            self.of[id(value)] = self._free(symbol)
            self.taken.add(self.of[id(value)])

    def _free(self, symbol: str) -> str:
        """The symbol, or x′, x′′, then x₄, x₅, … of many."""
        while True:
            self.asked[symbol] += 1
            n = self.asked[symbol]
            free = symbol + "′" * (n - 1) if n < 4 else symbol + str(n).translate(SUBSCRIPTS)
            if free not in self.taken:
                return free


def _name_layers(structure: Structure, symbols: _Symbols, other_steps: Set[int]) -> None:
    if structure.root.value.size == 1:
        symbols.call(structure.root, "C")
    layers = [layer for layer in structure.layers if id(layer.z) not in other_steps]
    _name_inputs(layers, symbols, other_steps)
    for number, layer in enumerate(layers, start=1):
        symbols.call(layer.z, f"z{number}")
        symbols.call(layer.a, f"a{number}")
        for i, product in enumerate(layer.products):
            symbols.call(product.W, f"{'WUV'[i] if i < 3 else 'W'}{number}")
        for bias in layer.biases:
            symbols.call(bias, f"b{number}")


def _name_inputs(layers: Sequence[WeightedInput], symbols: _Symbols, other_steps: Set[int]) -> None:
    """What comes into layers from outside: x, or x1, x2, … if there are several, and the initial state h0 of a loop."""
    products = [product for layer in layers for product in layer.products]
    of_loops = [product for layer in layers for product in layer.products if len(layer.products) > 1]
    recurrent = {id(product.W) for product in of_loops if not is_leaf(product.a)}
    states = [product.a for product in of_loops if is_leaf(product.a) and id(product.W) in recurrent]
    given = [p.a for p in products if is_leaf(p.a) and p.activations.ndim and not any(p.a is s for s in states)]
    inputs = list({id(x): x for x in given if id(x) not in other_steps}.values())
    for state in states:
        symbols.call(state, "h0")
    for number, x in enumerate(inputs, start=1):
        symbols.call(x, f"x{number}" if len(inputs) > 1 else "x")


def _is_target(i: Input, structure: Structure) -> bool:
    """Whether a constant is what the outputs are compared with."""
    layers = [structure.with_part[p] for p in i.node.parents if p in structure.with_part]
    is_compared = any(layer.a.value.shape == i.value.shape and layer.tag == "BP1" for layer in layers)
    return is_compared or any(scope.name in COSTS for scope in scopes(i.node))
