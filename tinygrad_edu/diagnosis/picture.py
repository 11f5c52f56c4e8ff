"""The spot of a mistake in the gradient graph of the smallest network that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_edu.costs import cost_named
from tinygrad_edu.diagnosis.mistakes import Pass, forwards
from tinygrad_edu.diagnosis.problems import Problem
from tinygrad_edu.functional import activation_named
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.viz import draw

if TYPE_CHECKING:
    from tinygrad_edu.viz.dot import Drawing

WIDTH = 34
"""Of a line in a box."""


class Spot(NamedTuple):
    """A quantity of a layer, and what is said of it: "z" stands for δ, "b" and "w" for their gradients."""

    quantity: str
    number: int
    text: str


def spots_of(p: Problem, equation: str, layers: Sequence[int], words: str) -> list[Spot]:
    """Where a mistake is: in an equation of layers, as the text counts them, or forward in the first wrong value."""
    text = f"✗ {equation}: {words}"
    if equation == "cost":
        return [Spot("C", p.depth, text)]
    if equation == "forward":
        return [_first_wrong_value(p, words, text)]
    quantity = {"BP3": "b", "BP4": "w"}.get(equation, "z")
    if not layers:
        return [Spot(quantity, p.depth, text)]
    return [Spot(quantity, l - 1, text if l == layers[0] else f"✗ {equation}: here, too") for l in layers]


def _first_wrong_value(p: Problem, words: str, text: str) -> Spot:
    ways = list(forwards(p))
    right: Pass = ways[0][1](p)
    for mistake, way in ways:
        if mistake.words == words:
            wrong = way(p)
            for l in range(1, p.depth + 1):
                for quantity, x, y in (("z", wrong.z[l - 1], right.z[l - 1]), ("a", wrong.a[l], right.a[l])):
                    if x.shape != y.shape or not np.allclose(x, y):
                        return Spot(quantity, l, text)
    return Spot("a", p.depth, text)  # on these numbers it makes no difference


def draw_spots(p: Problem, factor: float, spots: Sequence[Spot]) -> Drawing:
    """The graph of the network with its cost, times a factor; layers are numbered as in the text, from 2."""
    values: dict[tuple[str, int], Tensor] = {}

    def named(quantity: str, l: int, value: Tensor) -> Tensor:
        value.name = f"{quantity}{l + 1}" if quantity != "C" else "C"
        values[quantity, l] = value
        return value

    a: Any = p.x
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        w = named("w", l, Tensor(W, requires_grad=True))
        z = named("z", l, a @ w + named("b", l, Tensor(b, requires_grad=True)))
        a = activation_named(p.setting.sigma(l, p.depth), "draw")(z)
        values["a", l] = z if a is z else named("a", l, a)  # the identity makes nothing new
    C = cost_named(p.setting.cost, "draw")(a, p.y)
    named("C", p.depth, C if factor == 1 else factor * C)
    marks: dict[Tensor, str] = {}
    for quantity, l, text in spots:
        value = values[quantity, l]
        before = f"{marks[value]}\n" if value in marks else ""
        marks[value] = before + "\n".join(fill(line, WIDTH) for line in text.splitlines())
    return draw(values["C", p.depth], mark=marks)
