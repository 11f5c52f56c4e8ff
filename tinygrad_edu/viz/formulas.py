"""Whether a function is one of those with formulas in `tinygrad_edu.backprop`: by its name and by its numbers.

Anyone may call a function of their own "sigmoid", or write the sigmoid by hand without calling it anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand

Array = npt.NDArray[Any]

LOGITS = {  # costs of weighted inputs: the output function that is inside, and the cost of its result
    "binary_cross_entropy_with_logits": ("sigmoid", "binary_cross_entropy"),
    "cross_entropy_with_logits": ("softmax", "cross_entropy"),
}
COSTS = {*by_hand.COST_FORMULAS, *LOGITS}


def agree(x: Any, y: Any, size: float = 0.0) -> bool:
    """Whether two arrays are the same but for the rounding of numbers up to this size; NaN and infinity included."""
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape:
        return False
    precision = max(float(np.finfo(a.dtype).eps) if a.dtype.kind == "f" else 0.0 for a in (x, y))
    size = max(size, float(np.abs(y[np.isfinite(y)]).max(initial=0)))
    return np.allclose(x, y, rtol=1e3 * precision, atol=1e3 * precision * size, equal_nan=True)


def is_activation(name: str, z: Any, a: Any) -> bool:
    """Whether a is the activation function of this name of z."""
    with np.errstate(all="ignore"):
        return (
            name in by_hand.ACTIVATION_FORMULAS
            and z.dtype.kind == "f"
            and agree(by_hand.ACTIVATION_FORMULAS[name].f(z), a)
        )


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
        if name in LOGITS:
            output, cost = LOGITS[name]
            value = by_hand.total_cost(a, a, y, output=output, cost=cost)
        else:
            value = by_hand.COST_FORMULAS[name].value(a, y)
    return agree(np.asarray(value, dtype=C.dtype), C.reshape(()), float(np.max(np.abs(a))) if name in LOGITS else 0.0)


def cost_gradient(name: str, a: Array, y: Array) -> tuple[Array, Array]:
    """∇ₐC by hand, and the same with every term by its magnitude: rounding errors are proportional to that."""
    if name in LOGITS:
        is_softmax_inside = LOGITS[name][0] == "softmax"
        output = by_hand.softmax(a) if is_softmax_inside else by_hand.ACTIVATION_FORMULAS["sigmoid"].f(a)
        total = y.sum(axis=1, keepdims=True) if is_softmax_inside else 1
        return (output * total - y) / len(a), (output * np.abs(total) + np.abs(y)) / len(a)
    nabla = by_hand.COST_FORMULAS[name].gradient(a, y)
    return nabla, np.abs(nabla)
