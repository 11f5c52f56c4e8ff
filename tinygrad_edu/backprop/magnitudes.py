"""How large the numbers were that met in the equations: the yardstick for their rounding errors."""

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.backprop.arguments import Layers, Names, problem
from tinygrad_edu.backprop.formulas import Activation, Array, formulas_of, log, log_prime, mean_over_examples
from tinygrad_edu.backprop.forward import Backprop, feedforward


def scales(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str | Activation = "sigmoid", cost: str = "quadratic",
) -> Backprop:  # fmt: skip
    """Evaluate the same equations with absolute values, to learn how large the numbers were that met in them.

    Every factor and term enters by its magnitude, with 1 for a σ' below 1 and |a| + |y| for a - y. A gradient may
    cancel or saturate to nearly nothing while its rounding errors do not, so |difference| / scale is the
    honest measure of agreement. Where a logarithm is clipped the gradient is exactly 0, and so is its scale.

    Parameters, errors raised and shapes returned are those of `backprop`.
    """
    W, b, x, y, names = problem("scales", weights, biases, x, y, activation, output, cost)
    z, a = feedforward(W, b, x, activation=names[:-1], output=output)
    S_terms, S_delta_L = _output_scales(z[-1], a[-1], y, output=output, cost=cost)
    W, b, a = ([np.abs(array) for array in arrays] for arrays in (W, b, a))
    S_z = [a_prev @ W_l + b_l for a_prev, W_l, b_l in zip(a[:-1], W, b, strict=True)]
    steep = [
        1 if name == "softmax" else np.maximum(1, np.abs(formulas_of(name).prime(z_l)))
        for name, z_l in zip(names, z, strict=True)
    ]
    S_a = [a[0]] + [a_l + s * S for a_l, s, S in zip(a[1:], steep, S_z, strict=True)]  # errors of z^l reach a^l too
    S_delta = [S_delta_L]
    for W_next, s in zip(W[:0:-1], steep[-2::-1], strict=True):
        S_delta.insert(0, (S_delta[0] @ W_next.T) * s)
    S_b = [S.sum(axis=0) for S in S_delta]
    S_W = [a_prev.T @ S for a_prev, S in zip(a[:-1], S_delta, strict=True)]
    one = output != "sigmoid" and cost == "binary_cross_entropy"  # which meets a^L in ln(1 - a)
    S_C = S_terms + float(np.sum(S_delta_L * (S_a[-1] + one)))  # the terms, and what errors of a^L do to them
    return Backprop(S_C, S_z, S_a, S_delta, S_W, S_b)


def _output_scales(z: Array, a: Array, y: Array, *, output: str | Activation, cost: str) -> tuple[float, Array]:
    """Return the magnitudes of the terms of C, summed, and the scale of δ^L, shape (n, m)."""
    if cost == "quadratic":
        nabla = np.abs(a) + np.abs(y)
        terms = 0.5 * nabla**2
    else:
        terms, nabla = np.abs(y * log(a)), np.abs(y) * log_prime(a)
    if cost == "binary_cross_entropy":
        terms, nabla = terms + np.abs((1 - y) * log(1 - a)), nabla + np.abs(1 - y) * log_prime(1 - a)
    through_softmax = (a * nabla).sum(axis=1, keepdims=True)
    # 1/a is unbounded, and sums must not overflow where σ' makes it small again; where it does not, δ^L is as large.
    through_sigma = 0 if output == "softmax" else nabla * np.abs(formulas_of(output).prime(z))
    nabla = np.maximum(np.minimum(nabla, np.sqrt(np.finfo(a.dtype).max)), through_sigma)
    match (output, cost):
        case ("softmax", "cross_entropy"):
            nabla = a * np.abs(y).sum(axis=1, keepdims=True) + np.abs(y)
        case ("sigmoid", "binary_cross_entropy"):
            nabla = a + np.abs(y)
        case ("softmax", _):
            nabla = nabla + through_softmax
    return mean_over_examples(terms), nabla / len(a)
