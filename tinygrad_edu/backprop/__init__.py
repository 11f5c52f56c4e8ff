"""Backpropagation derived by hand: the four equations of Nielsen's chapter 2, in plain NumPy.

Nothing here knows about tensors or graphs, and nothing of ours is imported, so that agreement
between these formulas and automatic differentiation is evidence for both.

Rows are examples and weights have shape (n_in, n_out), so for the layers l = 1, ..., L ::

    a^0 = x,    z^l = a^{l-1} W^l + b^l,    a^l = σ(z^l),    C = 1/n Σ_x C_x

With δ^l = ∂C/∂z^l, one row per example (C is the total cost, so δ carries the 1/n) ::

    BP1    δ^L = ∇_a C ⊙ σ'(z^L)
    BP2    δ^l = (δ^{l+1} (W^{l+1})ᵀ) ⊙ σ'(z^l)
    BP3    ∂C/∂b^l = Σ_rows δ^l
    BP4    ∂C/∂W^l = (a^{l-1})ᵀ δ^l

Python counts from 0: `weights[l - 1]`, `z[l - 1]` and `delta[l - 1]` belong to layer l, but `a[l]` is a^l.

The equations and the algorithm are on this page. σ, C and their derivatives stand in `formulas`, the forward pass in
`forward`, and the plain words for what does not fit in `arguments`. `magnitudes` and `matrices` are two other ways to
look at the same equations. `network` is the book's own program: columns, one example at a time.

Source: M. Nielsen, Neural Networks and Deep Learning (2015), chapter 2, whose matrices are ours transposed.
"""

# mypy: no-warn-return-any
# (NumPy types the result of a ufunc as Any)

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.backprop.arguments import Layers, Names, one_hot, problem
from tinygrad_edu.backprop.formulas import (
    ACTIVATION_FORMULAS,
    COST_FORMULAS,
    Activation,
    Array,
    Cost,
    formulas_of,
    softmax,
    softmax_jacobian,
    total_cost,
)
from tinygrad_edu.backprop.forward import Backprop, feedforward
from tinygrad_edu.backprop.magnitudes import scales
from tinygrad_edu.backprop.matrices import matrix_form
from tinygrad_edu.backprop.network import Network

__all__ = [
    "ACTIVATION_FORMULAS",
    "COST_FORMULAS",
    "Activation",
    "Backprop",
    "Cost",
    "Network",
    "backprop",
    "bp1",
    "bp2",
    "bp3",
    "bp4",
    "feedforward",
    "matrix_form",
    "one_hot",
    "output_error",
    "scales",
    "softmax",
    "softmax_jacobian",
    "total_cost",
]


# --- the four equations -----------------------------------------------------------------------------


def bp1(nabla_a: Array, sigma_prime: Array) -> Array:
    """δ^L = ∇_a C ⊙ σ'(z^L); all of shape (n, n_L)."""
    return nabla_a * sigma_prime


def bp2(W_next: Array, delta_next: Array, sigma_prime: Array) -> Array:
    """δ^l = (δ^{l+1} (W^{l+1})ᵀ) ⊙ σ'(z^l); shapes (n_l, n_{l+1}), (n, n_{l+1}), (n, n_l) give (n, n_l)."""
    return (delta_next @ W_next.T) * sigma_prime


def bp3(delta: Array) -> Array:
    """∂C/∂b^l = Σ_rows δ^l, since one bias serves every example; shape (n, n_l) to (n_l,)."""
    return delta.sum(axis=0)


def bp4(a_prev: Array, delta: Array) -> Array:
    """∂C/∂W^l = (a^{l-1})ᵀ δ^l; shapes (n, n_{l-1}) and (n, n_l) give (n_{l-1}, n_l)."""
    return a_prev.T @ delta


# --- the algorithm ----------------------------------------------------------------------------------


def backprop(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str | Activation = "sigmoid", cost: str = "quadratic",
) -> Backprop:  # fmt: skip
    """Run forward, then BP1 to BP4: the cost and its exact gradient.

    Parameters
    ----------
    weights, biases, x, activation, output
        As in `feedforward`.
    y : array of shape (n, n_L), or integer labels of shape (n,) when n_L ≥ 2
    cost : a name from `COST_FORMULAS`

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or a shape does not fit, saying which.
    """
    W, b, x, y, names = problem("backprop", weights, biases, x, y, activation, output, cost)
    z, a = feedforward(W, b, x, activation=names[:-1], output=output)
    delta = [output_error(z[-1], a[-1], y, output=output, cost=cost)]
    for l in range(len(W) - 1, 0, -1):  # from the layer before the last down to the first
        delta.insert(0, bp2(W[l], delta[0], formulas_of(names[l - 1]).prime(z[l - 1])))
    grad_biases = [bp3(delta_l) for delta_l in delta]
    grad_weights = [bp4(a_prev, delta_l) for a_prev, delta_l in zip(a[:-1], delta, strict=True)]
    return Backprop(total_cost(z[-1], a[-1], y, output=output, cost=cost), z, a, delta, grad_weights, grad_biases)


def output_error(z: Array, a: Array, y: Array, *, output: str | Activation, cost: str) -> Array:
    """δ^L = ∂C/∂z^L, from z and a of the last layer and the targets y, all of shape (n, m).

    BP1 where the output is elementwise. In the two pairs made for each other σ' cancels against ∇_a C on
    paper and is never computed. Any other softmax needs its whole Jacobian: δ_j = Σ_k ∂a_k/∂z_j ∂C/∂a_k.
    """
    match (output, cost):
        case ("softmax", "cross_entropy"):  # ŷ - y, but a row of y need not sum to 1
            return (a * y.sum(axis=1, keepdims=True) - y) / len(y)
        case ("sigmoid", "binary_cross_entropy"):
            return (a - y) / len(y)
    nabla_a = COST_FORMULAS[cost].gradient(a, y)
    if output == "softmax":
        return np.einsum("njk,nk->nj", softmax_jacobian(a), nabla_a)
    return bp1(nabla_a, formulas_of(output).prime(z))
