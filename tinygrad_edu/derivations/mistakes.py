"""Mistakes that are made in backpropagation by hand: each is one of the equations with one thing changed.

A run of both passes with one of them gives the numbers that somebody who makes it will have. Their short names are
those of `tinygrad_edu.diagnosis`, where the same mistakes are looked for in programs.
"""

# mypy: no-warn-return-any
# (NumPy types the result of a ufunc as Any)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem
from tinygrad_edu.backprop.formulas import formulas_of

Array = npt.NDArray[Any]


class Quantity(NamedTuple):
    """What is computed, in this order, and by which equation, of which layer."""

    name: str
    tag: str
    layer: int


def quantities(L: int) -> Iterator[Quantity]:
    """All of them: forward by rising layer, then backward by falling layer."""
    for l in range(1, L + 1):
        yield Quantity(f"z{l}", "z", l)
        yield Quantity(f"a{l}", "a", l)
    yield Quantity("C", "C", L)
    for l in range(L, 0, -1):
        yield Quantity(f"δ{l}", "BP1" if l == L else "BP2", l)
        yield Quantity(f"∂C/∂b{l}", "BP3", l)
        yield Quantity(f"∂C/∂W{l}", "BP4", l)


class At:
    """Where an equation is used: what stands in it, from what has been computed before."""

    def __init__(self, given: Problem, cost: str, l: int, found: Mapping[str, Array]) -> None:
        self.given, self.cost, self.l, self.found = given, cost, l, found
        self.n, self.name = len(given.x), given.names[l - 1]
        self.W, self.b, self.y = given.weights[l - 1], given.biases[l - 1], given.y
        self.a_before = given.x if l == 1 else found[f"a{l - 1}"]
        self.z_before = given.x if l == 1 else found[f"z{l - 1}"]

    @property
    def z(self) -> Array:
        """The weighted inputs."""
        return self.found[f"z{self.l}"]

    @property
    def a(self) -> Array:
        """The activations."""
        return self.found[f"a{self.l}"]

    @property
    def delta(self) -> Array:
        """The error."""
        return self.found[f"δ{self.l}"]

    @property
    def next(self) -> tuple[Array, Array]:
        """The error of the next layer, and its weights."""
        return self.found[f"δ{self.l + 1}"], self.given.weights[self.l]

    @property
    def nabla(self) -> Array:
        """∂C/∂a of the outputs."""
        return by_hand.COST_FORMULAS[self.cost].gradient(self.a, self.y)

    def slope(self, z: Array) -> Array:
        """σ′ of something; softmax has none."""
        if self.name == "softmax":
            raise ValueError("softmax has no slope")
        return formulas_of(self.name).prime(z)


RIGHT: dict[str, Callable[[At], Array]] = {
    "z": lambda at: at.a_before @ at.W + at.b,
    "a": lambda at: by_hand.softmax(at.z) if at.name == "softmax" else formulas_of(at.name).f(at.z),
    "C": lambda at: np.asarray(by_hand.total_cost(at.z, at.a, at.y, output=at.name, cost=at.cost)),
    "BP1": lambda at: by_hand.output_error(at.z, at.a, at.y, output=at.name, cost=at.cost),
    "BP2": lambda at: by_hand.bp2(at.next[1], at.next[0], at.slope(at.z)),
    "BP3": lambda at: by_hand.bp3(at.delta),
    "BP4": lambda at: by_hand.bp4(at.a_before, at.delta),
}


class Mistake(NamedTuple):
    """An equation with one thing changed."""

    tag: str
    slug: str
    words: str
    value: Callable[[At], Array]


def _factors(tag: str) -> list[Mistake]:
    """The right-hand side with a wrong factor."""
    right = RIGHT[tag]
    return [
        Mistake(tag, "sign", "its sign is the opposite one", lambda at: -right(at)),
        Mistake(tag, "one-over-n-missing", "it is n times the right value: the 1/n of the mean is missing",
                lambda at: at.n * right(at)),
        Mistake(tag, "one-over-n-double", "it is divided by n once more than it should be",
                lambda at: right(at) / at.n),
        Mistake(tag, "factor-2", "it is twice the right value", lambda at: 2 * right(at)),
        Mistake(tag, "factor-half", "it is half the right value", lambda at: right(at) / 2),
    ]  # fmt: skip


def _one_by_one(at: At) -> Array:
    """What each example gives to the weights."""
    return np.einsum("pi,pj->pij", at.a_before, at.delta)


MISTAKES = [
    Mistake("z", "no-bias", "the bias is missing", lambda at: at.a_before @ at.W),
    Mistake("z", "weights-transposed", "W is transposed", lambda at: at.a_before @ at.W.T + at.b),
    Mistake("z", "z-for-a", "it is made of the z of the layer before, not of its a",
            lambda at: at.z_before @ at.W + at.b),
    Mistake("a", "no-activation", "σ is not applied", lambda at: at.z),
    Mistake("C", "sign", "its sign is the opposite one", lambda at: -RIGHT["C"](at)),
    Mistake("C", "one-over-n-missing", "it is the sum over the examples, not the mean",
            lambda at: at.n * RIGHT["C"](at)),
    Mistake("C", "half-missing", "it is twice the right value: the ½ is missing", lambda at: 2 * RIGHT["C"](at)),
    Mistake("BP1", "no-sigma-prime", "the factor σ′(z) is missing", lambda at: at.nabla),
    Mistake("BP1", "extra-sigma-prime", "σ′(z) is one factor too many",
            lambda at: RIGHT["BP1"](at) * at.slope(at.z)),
    Mistake("BP1", "sigma-prime-of-a", "σ′ is taken at a, not at z", lambda at: at.nabla * at.slope(at.a)),
    Mistake("BP1", "not-cost-derivative", "y is not subtracted", lambda at: at.a / at.n * at.slope(at.z)),
    Mistake("BP1", "z-for-a", "∂C/∂a is taken at z, not at a",
            lambda at: by_hand.COST_FORMULAS[at.cost].gradient(at.z, at.y) * at.slope(at.z)),
    *_factors("BP1"),
    Mistake("BP2", "no-sigma-prime", "the factor σ′(z) is missing", lambda at: at.next[0] @ at.next[1].T),
    Mistake("BP2", "sigma-prime-of-a", "σ′ is taken at a, not at z",
            lambda at: at.next[0] @ at.next[1].T * at.slope(at.a)),
    Mistake("BP2", "sigma-for-sigma-prime", "it is multiplied by a = σ(z), not by σ′(z)",
            lambda at: at.next[0] @ at.next[1].T * at.a),
    Mistake("BP2", "weights-not-transposed", "W is not transposed",
            lambda at: at.next[0] @ at.next[1] * at.slope(at.z)),
    Mistake("BP2", "weights-of-wrong-layer", "it is carried back through the W of this layer, not of the next",
            lambda at: at.next[0] @ at.W.T * at.slope(at.z)),
    Mistake("BP2", "delta-not-carried", "W is missing: the δ of the next layer is only summed",
            lambda at: at.next[0].sum(axis=1, keepdims=True) * at.slope(at.z)),
    *_factors("BP2"),
    Mistake("BP3", "one-per-example", "it is not summed over the examples", lambda at: at.delta),
    Mistake("BP3", "mean-for-sum", "it is the mean over the examples, but δ has the 1/n in it already",
            lambda at: at.delta.mean(axis=0)),
    Mistake("BP3", "wrong-axis", "it is summed over the units, not over the examples", lambda at: at.delta.sum(axis=1)),
    *(mistake for mistake in _factors("BP3") if mistake.slug != "one-over-n-double"),
    Mistake("BP4", "transposed", "it is transposed", lambda at: RIGHT["BP4"](at).T),
    Mistake("BP4", "not-summed", "it is not summed over the examples", _one_by_one),
    Mistake("BP4", "last-example-only", "it is that of the last example alone", lambda at: _one_by_one(at)[-1]),
    Mistake("BP4", "one-example", "it is that of the first example alone", lambda at: _one_by_one(at)[0]),
    Mistake("BP4", "one-over-n-double", "it is the mean over the examples, but δ has the 1/n in it already",
            lambda at: _one_by_one(at).mean(axis=0)),
    Mistake("BP4", "a-of-this-layer", "a is that of this layer, not of the one before", lambda at: at.a.T @ at.delta),
    Mistake("BP4", "z-for-a", "it has the z of the layer before, not its a", lambda at: at.z_before.T @ at.delta),
    *(mistake for mistake in _factors("BP4") if mistake.slug != "one-over-n-double"),
]  # fmt: skip


def both_passes(
    given: Problem, cost: str, mistake: Mistake | None = None, layer: int | None = None, start: Mapping[str, Array] = {}
) -> dict[str, Array]:
    """Every quantity, with the mistake in one layer or in all, and with those at the start taken as they are.

    Raises
    ------
    ValueError
        If the shapes do not fit then, or the mistake cannot be made here.
    """
    found: dict[str, Array] = {}
    for name, tag, l in quantities(len(given.weights)):
        is_here = mistake is not None and mistake.tag == tag and layer in (None, l)
        rule = mistake.value if mistake is not None and is_here else RIGHT[tag]
        found[name] = start[name] if name in start else rule(At(given, cost, l, found))
    return found
