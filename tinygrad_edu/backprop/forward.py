"""The forward pass, and what the two passes find."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.backprop.arguments import Layers, Names, network, require
from tinygrad_edu.backprop.formulas import Activation, Array, formulas_of, softmax


@dataclass(frozen=True)
class Backprop:
    """What backpropagation computes: layer l at index l - 1, except that a[l] is a^l, with a[0] = x.

    `z`, `a` and `delta` have shape (n, n_l); `grad_weights` holds ∂C/∂W^l, shape (n_{l-1}, n_l), and
    `grad_biases` ∂C/∂b^l, shape (n_l,).
    """

    cost: float
    z: list[Array]
    a: list[Array]
    delta: list[Array]
    grad_weights: list[Array]
    grad_biases: list[Array]


def feedforward(
    weights: Layers, biases: Layers, x: ArrayLike, *,
    activation: Names = "sigmoid", output: str | Activation = "sigmoid", nudge: Mapping[int, Array] | None = None,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """Compute z^l = a^{l-1} W^l + b^l and a^l = σ(z^l), layer by layer.

    Parameters
    ----------
    weights, biases : one array per layer, of shapes (n_{l-1}, n_l) and (n_l,)
    x : array of shape (n, n_0)
    activation : a name from `ACTIVATION_FORMULAS` or an `Activation`, or a list with one for each hidden layer
    output : a name from `ACTIVATION_FORMULAS`, "softmax", or an `Activation`
    nudge : {l: array of the shape of z^l}, optional
        What Nielsen's demon adds to z^l before the activation; ∂C/∂nudge is δ^l.

    Returns
    -------
    z, a : lists of arrays of shape (n, n_l); z[l - 1] is z^l and a[l] is a^l

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or a shape does not fit, saying which.
    """
    W, b, x, names = network("feedforward", weights, biases, x, activation, output)
    nudge = dict(nudge or {})
    z: list[Array] = []
    a: list[Array] = [x]
    for l, name in enumerate(names, start=1):
        z_l = a[-1] @ W[l - 1] + b[l - 1]
        if l in nudge:
            shape = np.shape(nudge[l])
            require(shape == z_l.shape, f"feedforward: nudge[{l}] must have shape {z_l.shape}, got {shape}")
            z_l = z_l + nudge.pop(l)
        z.append(z_l)
        a.append(softmax(z_l) if name == "softmax" else formulas_of(name).f(z_l))
    require(not nudge, f"feedforward: nudge names layers {list(nudge)}, but the layers are 1 to {len(W)}")
    return z, a
