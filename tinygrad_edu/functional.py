"""Activation functions and softmax, built from tensor operations.

None has a derivative rule of its own: when autograd finds σ′ = a(1 − a), it has found it. Each works on tensors and on
plain arrays, also on numbers and lists of them, keeps the dtype, and gives neither NaN nor a warning for inputs up to
1e300 (float32: 1e30). What is no number raises a `TypeError`, and so do masked arrays and matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import pi, sqrt
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, scope
from tinygrad_edu.errors import other_arithmetic, unknown_name
from tinygrad_edu.tensor import stop_gradient


def _scoped(f: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function of z in a scope of its name, on a tensor or on what NumPy takes for an array of numbers."""
    name = f.__name__

    @wraps(f)
    def wrapper(z: Any, *args: Any, **kwargs: Any) -> Any:
        with scope(name):
            return f(z if isinstance(z, Node) else _numbers(name, z), *args, **kwargs)

    return wrapper


def _numbers(who: str, z: Any) -> Any:
    if isinstance(z, Node):
        return z
    if isinstance(z, np.ma.MaskedArray | np.matrix):
        raise TypeError(other_arithmetic(f"{who}: z", z))
    array = np.asarray(z)
    if array.dtype.kind not in "fiubc":
        what = f"an array of dtype {array.dtype}" if isinstance(z, np.ndarray) else repr(z)
        raise TypeError(f"{who}: z must be a tensor, an array, a number or a list of numbers, not {what}")
    return z if isinstance(z, np.ndarray | np.generic | int | float | complex) else array


@_scoped
def sigmoid(z: Any) -> Any:
    """The logistic function σ(z) = 1 / (1 + e⁻ᶻ), elementwise; values in (0, 1), shape of ``z``.

    Written as eᶻ / (1 + eᶻ), which is exact to rounding for negative z. Beyond z = 40 it rounds to 1 anyway, so the
    exponential stops there and cannot overflow.
    """
    p = np.exp(np.minimum(z, 40.0))
    return p / (1 + p)


@_scoped
def tanh(z: Any) -> Any:
    """The hyperbolic tangent, elementwise; values in (−1, 1), shape of ``z``."""
    return np.tanh(z)


@_scoped
def relu(z: Any) -> Any:
    """The rectified linear unit, z where z > 0 and 0 elsewhere; its derivative at 0 is 0."""
    return np.where(z <= 0, 0, z)  # not z > 0: NaN stays NaN


@_scoped
def leaky_relu(z: Any, slope: float = 0.01) -> Any:
    """Like `relu`, but ``slope`` · z where z ≤ 0."""
    return np.where(z > 0, z, slope * z)


@_scoped
def elu(z: Any, alpha: float = 1.0) -> Any:
    """The exponential linear unit: z where z > 0, α(eᶻ − 1) elsewhere."""
    negative = np.where(z > 0, 0, z)  # so that the exponential of the branch not taken cannot overflow
    return np.where(z > 0, z, alpha * np.expm1(negative))


@_scoped
def gelu(z: Any) -> Any:
    """The Gaussian error linear unit in its tanh form, ½z(1 + tanh(√(2/π)(z + 0.044715 z³)))."""
    t = np.clip(z, -10, 10)  # beyond, the tanh is ±1 to rounding, and z³ could overflow
    return 0.5 * z * (1 + np.tanh(sqrt(2 / pi) * (t + 0.044715 * t * t * t)))


@_scoped
def softplus(z: Any) -> Any:
    """The smooth rectifier ln(1 + eᶻ); its derivative is the sigmoid."""
    return np.logaddexp(z, 0)


@_scoped
def sine(z: Any) -> Any:
    """The sine, elementwise."""
    return np.sin(z)


def step(z: Any) -> Any:
    """The Heaviside step: 1 where z ≥ 0, else 0. Its derivative is 0, so a plain array comes out and nothing learns."""
    return np.heaviside(_numbers("step", z), 1)


def identity(z: Any) -> Any:
    """``z`` itself: a linear unit."""
    return _numbers("identity", z)


@_scoped
def softmax(z: Any, axis: int = -1) -> Any:
    """Probabilities eᶻⱼ / Σₖ eᶻₖ along an axis; they sum to 1 there, shape of ``z``."""
    e = np.exp(z - _shift(z, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


@_scoped
def log_softmax(z: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, finite also where the probability underflows."""
    shifted = z - _shift(z, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@_scoped
def logsumexp(z: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """The smooth maximum ln Σ eᶻ over one axis, several, or all; its gradient is the softmax."""
    shift = _shift(z, axis)
    with np.errstate(divide="ignore"):  # ln 0 = −∞ where every z is −∞
        total = np.log(np.sum(np.exp(z - shift), axis=axis, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis=axis)


def _shift(z: Any, axis: Any) -> Any:
    """The largest z. Subtracting it leaves softmax as it is and keeps every exponential ≤ 1.

    The result does not depend on the shift, so neither does the gradient: it is a constant.
    """
    largest = np.max(stop_gradient(z), axis=axis, keepdims=True)
    # −∞ everywhere: −∞ − (−∞) would be NaN. The 0.0 makes floats of integers: unsigned ones cannot go below 0.
    return np.where(np.isfinite(largest), largest, 0.0)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    f.__name__: f for f in (sigmoid, tanh, relu, leaky_relu, elu, gelu, softplus, sine, step, identity, softmax)
}


def activation_named(name: str, who: str) -> Callable[[Any], Any]:
    """The activation function of a name; ``who`` asks, for the error message."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(unknown_name(who, name, ACTIVATIONS))
    return ACTIVATIONS[name]
