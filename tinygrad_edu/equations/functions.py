"""Whether a function is one of those with formulas in `tinygrad_edu.backprop`: by its name and by its numbers.

Anyone may call a function of their own "sigmoid", or write the sigmoid by hand without calling it anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.costs import COSTS, FROM_LOGITS
from tinygrad_edu.equations.arrays import Array, agree

SATURATED = 0.01
"""A unit is saturated for an example where |σ′(z)| is below this: beyond |z| = 4.6 for the sigmoid, 3.0 for tanh."""

BRANCHED = ("relu", "leaky_relu", "elu")

PAIR_IN = {cost.__name__: pair for pair, cost in FROM_LOGITS.items()}
"""The costs of weighted inputs: the output function that is inside, and the cost of its result."""


def is_activation(name: str, z: Any, a: Any) -> bool:
    """Whether a is the activation function of this name of z."""
    with np.errstate(all="ignore"):
        return (
            name in by_hand.ACTIVATION_FORMULAS
            and z.dtype.kind == "f"
            and agree(by_hand.ACTIVATION_FORMULAS[name].f(z), a)
        )


def shows_as(name: str, z: Any, a: Any) -> bool:
    """Whether the numbers tell that a is the activation function of this name of z, however it was computed.

    They must be finite, and for a function of two branches, such as relu, on both; a must not be z itself, as the sine
    of very small numbers is.
    """
    told = np.any(z > 0) and np.any(z < 0) if name in BRANCHED else np.isfinite(z).any()
    return bool(told) and is_activation(name, z, a) and not agree(z, a)


def is_softmax(z: Any, a: Any) -> bool:
    """Whether a is softmax of z, along any axis."""
    along = [(np.moveaxis(z, i, -1), np.moveaxis(a, i, -1)) for i in range(np.ndim(z)) if z.shape == a.shape and z.size]
    with np.errstate(all="ignore"):
        return any(agree(by_hand.softmax(x), y) for x, y in along)


def is_cost(name: str, a: Any, y: Any, C: Any) -> bool:
    """Whether C is the cost of this name, of outputs (or weighted inputs) a and targets y, both of shape (n, m)."""
    if name not in COSTS or not (np.ndim(a) == 2 and a.shape == np.shape(y) and a.size and np.size(C) == 1):
        return False
    with np.errstate(all="ignore"):
        if name in PAIR_IN:
            output, cost = PAIR_IN[name]
            value = by_hand.total_cost(a, a, y, output=output, cost=cost)
        else:
            value = by_hand.COST_FORMULAS[name].value(a, y)
    return agree(np.asarray(value, dtype=C.dtype), C.reshape(()), float(np.max(np.abs(a))) if name in PAIR_IN else 0.0)


def cost_gradient(name: str, a: Array, y: Array) -> tuple[Array, Array]:
    """∇ₐC by hand, and the same with every term by its magnitude: rounding errors are proportional to that."""
    if name not in PAIR_IN:
        nabla = by_hand.COST_FORMULAS[name].gradient(a, y)
        return nabla, np.abs(nabla)
    output, cost = PAIR_IN[name]
    inside = by_hand.softmax(a) if output == "softmax" else by_hand.ACTIVATION_FORMULAS[output].f(a)
    total = np.abs(y.sum(axis=1, keepdims=True)) if output == "softmax" else 1
    return by_hand.output_error(a, inside, y, output=output, cost=cost), (inside * total + np.abs(y)) / len(a)
