"""σ and C with their derivatives: what a network may be made of, in plain NumPy."""

# mypy: no-warn-return-any
# (NumPy types the result of a ufunc as Any)

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


# --- activations: each a function of z, with its derivative -----------------------------------------


class Activation(NamedTuple):
    """An elementwise activation σ and its derivative σ', both functions of z."""

    f: Callable[[Array], Array]
    prime: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    """σ(z) = e^z / (1 + e^z): accurate for very negative z, and 1 in floating point beyond z = 40."""
    p = np.exp(np.minimum(z, 40))
    return p / (1 + p)


def _sigmoid_prime(z: Array) -> Array:
    """σ'(z) = a (1 - a)."""
    a = _sigmoid(z)
    return a * (1 - a)


def _gelu_tanh(z: Array) -> tuple[Array, Array]:
    """T = tanh(u) and u' for u = √(2/π) (z + 0.044715 z³); where |z| is clipped at 10, T is ±1 already."""
    t, c = np.clip(z, -10, 10), math.sqrt(2 / math.pi)
    return np.tanh(c * (t + 0.044715 * t * t * t)), c * (1 + 3 * 0.044715 * t * t)


def _gelu(z: Array) -> Array:
    """½ z (1 + T)."""
    return 0.5 * z * (1 + _gelu_tanh(z)[0])


def _gelu_prime(z: Array) -> Array:
    """½ (1 + T) + ½ z (1 - T²) u', by the product and chain rules."""
    T, u_prime = _gelu_tanh(z)
    return 0.5 * (1 + T) + 0.5 * z * (1 - T**2) * u_prime


ACTIVATION_FORMULAS: dict[str, Activation] = {
    "sigmoid": Activation(_sigmoid, _sigmoid_prime),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": Activation(lambda z: np.where(z <= 0, 0, z), lambda z: (z > 0).astype(z.dtype)),
    "leaky_relu": Activation(
        lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01).astype(z.dtype)
    ),
    # where() evaluates both of its branches, and the one it drops must not overflow: hence the minimum
    "elu": Activation(lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z: np.exp(np.minimum(z, 0))),
    "gelu": Activation(_gelu, _gelu_prime),
    "softplus": Activation(lambda z: np.logaddexp(0, z), _sigmoid),
    "sine": Activation(np.sin, np.cos),
    "step": Activation(lambda z: (z >= 0).astype(z.dtype), np.zeros_like),
    "identity": Activation(lambda z: z, np.ones_like),
}


def formulas_of(activation: str | Activation) -> Activation:
    """σ and σ' of a name from `ACTIVATION_FORMULAS`; those of one's own are what they are."""
    return activation if isinstance(activation, Activation) else ACTIVATION_FORMULAS[activation]


def softmax(z: Array) -> Array:
    """a_j = e^{z_j} / Σ_k e^{z_k} over the last axis; subtracting max z changes nothing but the overflow."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_jacobian(a: Array) -> Array:
    """∂a_j/∂z_k = a_j (δ_jk - a_k) for a = softmax(z): shape (n, m) to (n, m, m), each matrix symmetric."""
    return a[:, :, np.newaxis] * (np.eye(a.shape[1], dtype=a.dtype) - a[:, np.newaxis, :])


# --- costs: C = 1/n Σ_x C_x, and ∇_a C --------------------------------------------------------------


class Cost(NamedTuple):
    """A cost of the outputs a, shape (n, m), and targets y of the same shape.

    `value(a, y)` is C, the mean over the n examples of C_x; `gradient(a, y)` is ∇_a C = ∂C/∂a, 1/n included.
    """

    value: Callable[[Array, Array], float]
    gradient: Callable[[Array, Array], Array]


def log(a: Array) -> Array:
    """Logarithm of max(a, tiny), where tiny is the smallest normal number: finite at a = 0."""
    return np.log(np.maximum(a, np.finfo(a.dtype).tiny))


def log_prime(a: Array) -> Array:
    """1/a, the derivative of `log`, and 0 where it clips."""
    tiny = np.finfo(a.dtype).tiny
    return np.where(a > tiny, 1 / np.maximum(a, tiny), 0)


def mean_over_examples(terms: Array) -> float:
    """1/n Σ, where the terms have one row for each of the n examples."""
    return float(terms.sum() / len(terms))


COST_FORMULAS: dict[str, Cost] = {
    # C_x = ½ ‖y - a‖²
    "quadratic": Cost(
        lambda a, y: mean_over_examples(0.5 * (y - a) ** 2),
        lambda a, y: (a - y) / len(a),
    ),
    # C_x = -Σ_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)]
    "binary_cross_entropy": Cost(
        lambda a, y: mean_over_examples(-(y * log(a) + (1 - y) * log(1 - a))),
        lambda a, y: ((1 - y) * log_prime(1 - a) - y * log_prime(a)) / len(a),
    ),
    # C_x = -Σ_j y_j ln a_j
    "cross_entropy": Cost(
        lambda a, y: mean_over_examples(-y * log(a)),
        lambda a, y: -y * log_prime(a) / len(a),
    ),
}


def total_cost(z: Array, a: Array, y: Array, *, output: str | Activation, cost: str) -> float:
    """C, from z and a of the last layer and the targets y, all of shape (n, m).

    The two pairs made for each other take their logarithms from z, where nothing has underflowed yet:
    ln softmax(z)_j = z_j - ln Σ_k e^{z_k}, and -ln σ(z) = ln(1 + e^{-z}), -ln(1 - σ(z)) = ln(1 + e^z).
    """
    match (output, cost):
        case ("softmax", "cross_entropy"):
            z = z - z.max(axis=1, keepdims=True)
            return mean_over_examples(y * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z))
        case ("sigmoid", "binary_cross_entropy"):
            return mean_over_examples(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
    return COST_FORMULAS[cost].value(a, y)
