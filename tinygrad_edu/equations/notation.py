"""The equations of one graph, with the symbols that its values have."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.equations import words
from tinygrad_edu.equations.functions import is_activation, shows_as
from tinygrad_edu.equations.structure import Product, Structure, WeightedInput

LONGEST = 60
IN_FORMULA = 14  # longest name in a formula
FORBIDDEN = {  # characters that reorder the text after them, and those that no XML file may contain
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane * 0x10000 + low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
}


def clean(name: Any, longest: int = LONGEST) -> str:
    """A name as one line of harmless text: no control characters, white space collapsed, the length capped.

    >>> clean(chr(0) + "a  <b>")
    'a <b>'
    """
    text = " ".join(str(name)[: 20 * longest].split())
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs") and c not in FORBIDDEN)
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Equation(NamedTuple):
    """An equation of a graph, written out: BP1 or BP2, or without a tag what the next layers hand back to an a."""

    tag: str | None
    left: str
    right: str

    @property
    def text(self) -> str:
        """Both sides."""
        return f"{self.left} = {self.right}"

    def __str__(self) -> str:
        return f"{self.tag}: {self.text}" if self.tag else self.text


class Notation:
    """What the values of a graph, their gradients, and the equations between them are called.

    Parameters
    ----------
    structure : Structure
    symbols : mapping of int to str
        By the id of a value, a tensor or an array: its symbol.

    Attributes
    ----------
    cost : str
        What is differentiated: the root, or the sum of its elements.
    """

    def __init__(self, structure: Structure, symbols: Mapping[int, str]) -> None:
        self.structure, self.symbols = structure, symbols
        root = structure.root
        self.cost = self.symbol(root) if root.value.size == 1 else f"Σ{self.symbol(root)}"

    def symbol(self, value: Any) -> str:
        """What a value is called in formulas; a plain number is written out."""
        if not isinstance(value, Node) and np.ndim(value) == 0:
            return f"{float(value):.4g}".replace("-", "−")
        return self.symbols.get(id(value), "…")

    def gradient(self, value: Node) -> str:
        """What its gradient is called: δ if it is a weighted input."""
        layer = self.structure.with_part.get(value)
        symbol = self.symbol(value)
        return words.error(symbol) if layer and value is layer.z else words.gradient(symbol, self.cost)

    def activation(self, layer: WeightedInput) -> str:
        """The activation function by its name, f if it has none of its own, nothing if there is none."""
        names = layer.functions
        last = layer.applied[-1] if names else layer.z
        if len(names) == 1 and (last.scope is not layer.z.scope or len(last.args) == 1):
            known = is_activation(names[0], layer.z.value, last.value)
            return (
                words.FUNCTIONS[names[0]][0] if known and names[0] in words.FUNCTIONS else clean(names[0], IN_FORMULA)
            )
        by_numbers = (
            symbol for name, (symbol, _) in words.FUNCTIONS.items() if shows_as(name, layer.z.value, last.value)
        )
        return next(by_numbers, "f") if names else ""

    def slope(self, layer: WeightedInput) -> str:
        """σ′(z) by the name of the activation function; nothing if there is none."""
        return words.slope(self.activation(layer), self.symbol(layer.z))

    def weighted_input(self, layer: WeightedInput) -> str:
        """What z is: a W + b."""
        products = [words.product(self.symbol(p.a), self.symbol(p.W), p.written) for p in layer.products]
        return words.weighted_input(products, [self.symbol(bias) for bias in layer.biases])

    def equation(self, value: Node) -> Equation | None:
        """BP1 or BP2 for the z of a layer, and for its a what the next layers hand back; None for other values."""
        layer = self.structure.with_part.get(value)
        if layer and layer.tag == "BP1" and value is layer.z:
            nabla = words.gradient(self.symbol(layer.a), self.cost)
            return Equation("BP1", self.gradient(value), words.bp1(nabla, self.slope(layer)))
        if layer and layer.tag == "BP2":
            back = [words.carried_back(self.gradient(n.z), self.symbol(p.W), p.layout) for n, p in layer.next]
            if value is not layer.z:
                return Equation(None, self.gradient(value), words.added(back))
            return Equation("BP2", self.gradient(value), words.bp2(back, self.slope(layer)))
        return None

    def bias_gradient(self, bias: Node, layers: list[WeightedInput]) -> Equation:
        """BP3, for a bias that these layers add."""
        terms = words.added([words.bp3(self.gradient(layer.z)) for layer in layers])
        return Equation("BP3", self.gradient(bias), f"{terms}, {words.OVER_EXAMPLES}")

    def weight_gradient(self, W: Node, places: list[tuple[WeightedInput, Product]]) -> Equation:
        """BP4, for weights that are multiplied at these places."""
        terms = [words.bp4(self.symbol(p.a), self.gradient(layer.z), p.layout) for layer, p in places]
        return Equation("BP4", self.gradient(W), words.added(terms))
