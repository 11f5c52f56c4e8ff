"""The four equations in one line: δ as a product of matrices."""

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.backprop.arguments import Layers, Names, problem
from tinygrad_edu.backprop.formulas import COST_FORMULAS, Activation, Array, formulas_of, softmax_jacobian
from tinygrad_edu.backprop.forward import feedforward


def matrix_form(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str | Activation = "sigmoid", cost: str = "quadratic",
) -> list[Array]:  # fmt: skip
    """δ^l = Σ'(z^l) W^{l+1} Σ'(z^{l+1}) ... W^L Σ'(z^L) ∇_a C: Nielsen's (33) to (35), example by example.

    Σ'(z) is a real square matrix with σ'(z) on its diagonal; for softmax the whole Jacobian takes its place.
    There is no shortcut here: where an output underflows to 0, so does the clipped ∇_a C.

    Parameters and errors raised are those of `backprop`; returns the list of δ^l, of shape (n, n_l).
    """
    W, b, x, y, names = problem("matrix_form", weights, biases, x, y, activation, output, cost)
    z, a = feedforward(W, b, x, activation=names[:-1], output=output)
    nabla_a = COST_FORMULAS[cost].gradient(a[-1], y)
    delta = [np.empty_like(z_l) for z_l in z]
    for i in range(len(nabla_a)):
        Sigma = [
            softmax_jacobian(a[-1][[i]])[0] if name == "softmax" else np.diag(formulas_of(name).prime(z_l[i]))
            for name, z_l in zip(names, z, strict=True)
        ]
        for l in range(len(W)):  # from 0 here
            product = Sigma[l]
            for W_next, Sigma_next in zip(W[l + 1 :], Sigma[l + 1 :], strict=True):
                product = product @ W_next @ Sigma_next
            delta[l][i] = product @ nabla_a[i]
    return delta
