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

Source: M. Nielsen, Neural Networks and Deep Learning (2015), chapter 2, whose matrices are ours transposed.
"""

# mypy: no-warn-return-any
# (NumPy types the result of a ufunc as Any)

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[Any]
Layers = Sequence[ArrayLike]  # one array per layer
Names = str | Sequence[str]  # one name for every hidden layer, or one each


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


ACTIVATIONS: dict[str, Activation] = {
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


def _log(a: Array) -> Array:
    """Logarithm of max(a, tiny), where tiny is the smallest normal number: finite at a = 0."""
    return np.log(np.maximum(a, np.finfo(a.dtype).tiny))


def _log_prime(a: Array) -> Array:
    """1/a, the derivative of `_log`, and 0 where it clips."""
    tiny = np.finfo(a.dtype).tiny
    return np.where(a > tiny, 1 / np.maximum(a, tiny), 0)


def _mean_over_examples(terms: Array) -> float:
    return float(terms.sum() / len(terms))


COSTS: dict[str, Cost] = {
    # C_x = ½ ‖y - a‖²
    "quadratic": Cost(
        lambda a, y: _mean_over_examples(0.5 * (y - a) ** 2),
        lambda a, y: (a - y) / len(a),
    ),
    # C_x = -Σ_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)]
    "binary_cross_entropy": Cost(
        lambda a, y: _mean_over_examples(-(y * _log(a) + (1 - y) * _log(1 - a))),
        lambda a, y: ((1 - y) * _log_prime(1 - a) - y * _log_prime(a)) / len(a),
    ),
    # C_x = -Σ_j y_j ln a_j
    "cross_entropy": Cost(
        lambda a, y: _mean_over_examples(-y * _log(a)),
        lambda a, y: -y * _log_prime(a) / len(a),
    ),
}


def one_hot(labels: ArrayLike, n_classes: int, dtype: DTypeLike = float) -> Array:
    """Rows with a single 1, shape (n, n_classes), from integer labels 0 to n_classes - 1, shape (n,)."""
    return _one_hot("one_hot: labels", np.asarray(labels), n_classes, dtype)


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
    activation: Names = "sigmoid", output: str = "sigmoid", nudge: Mapping[int, Array] | None = None,
) -> tuple[list[Array], list[Array]]:  # fmt: skip
    """Compute z^l = a^{l-1} W^l + b^l and a^l = σ(z^l), layer by layer.

    Parameters
    ----------
    weights, biases : one array per layer, of shapes (n_{l-1}, n_l) and (n_l,)
    x : array of shape (n, n_0)
    activation : a name from `ACTIVATIONS`, or a list with one for each hidden layer
    output : a name from `ACTIVATIONS`, or "softmax"
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
    W, b, x, names = _check_network("feedforward", weights, biases, x, activation, output)
    nudge = dict(nudge or {})
    z: list[Array] = []
    a: list[Array] = [x]
    for l, name in enumerate(names, start=1):
        z_l = a[-1] @ W[l - 1] + b[l - 1]
        if l in nudge:
            shape = np.shape(nudge[l])
            _require(shape == z_l.shape, f"feedforward: nudge[{l}] must have shape {z_l.shape}, got {shape}")
            z_l = z_l + nudge.pop(l)
        z.append(z_l)
        a.append(softmax(z_l) if name == "softmax" else ACTIVATIONS[name].f(z_l))
    _require(not nudge, f"feedforward: nudge names layers {list(nudge)}, but the layers are 1 to {len(W)}")
    return z, a


def total_cost(z: Array, a: Array, y: Array, *, output: str, cost: str) -> float:
    """C, from z and a of the last layer and the targets y, all of shape (n, m).

    The two pairs made for each other take their logarithms from z, where nothing has underflowed yet:
    ln softmax(z)_j = z_j - ln Σ_k e^{z_k}, and -ln σ(z) = ln(1 + e^{-z}), -ln(1 - σ(z)) = ln(1 + e^z).
    """
    match (output, cost):
        case ("softmax", "cross_entropy"):
            z = z - z.max(axis=1, keepdims=True)
            return _mean_over_examples(y * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z))
        case ("sigmoid", "binary_cross_entropy"):
            return _mean_over_examples(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
    return COSTS[cost].value(a, y)


def output_error(z: Array, a: Array, y: Array, *, output: str, cost: str) -> Array:
    """δ^L = ∂C/∂z^L, from z and a of the last layer and the targets y, all of shape (n, m).

    BP1 where the output is elementwise. In the two pairs made for each other σ' cancels against ∇_a C on
    paper and is never computed. Any other softmax needs its whole Jacobian: δ_j = Σ_k ∂a_k/∂z_j ∂C/∂a_k.
    """
    match (output, cost):
        case ("softmax", "cross_entropy"):  # ŷ - y, but a row of y need not sum to 1
            return (a * y.sum(axis=1, keepdims=True) - y) / len(y)
        case ("sigmoid", "binary_cross_entropy"):
            return (a - y) / len(y)
        case ("softmax", _):
            return np.einsum("njk,nk->nj", softmax_jacobian(a), COSTS[cost].gradient(a, y))
    return bp1(COSTS[cost].gradient(a, y), ACTIVATIONS[output].prime(z))


def _all_errors(W: list[Array], delta_L: Array, sigma_primes: list[Array]) -> list[Array]:
    """δ^1, ..., δ^L from δ^L and σ'(z^1), ..., σ'(z^{L-1}): BP2 from the top down."""
    delta = [delta_L]
    for W_next, sigma_prime in zip(W[:0:-1], sigma_primes[::-1], strict=True):
        delta.insert(0, bp2(W_next, delta[0], sigma_prime))
    return delta


def backprop(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str = "sigmoid", cost: str = "quadratic",
) -> Backprop:  # fmt: skip
    """Run forward, then BP1 to BP4: the cost and its exact gradient.

    Parameters
    ----------
    weights, biases, x, activation, output
        As in `feedforward`.
    y : array of shape (n, n_L), or integer labels of shape (n,) when n_L ≥ 2
    cost : a name from `COSTS`

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or a shape does not fit, saying which.
    """
    W, _, names, z, a, y = _check_and_run("backprop", weights, biases, x, y, activation, output, cost)
    sigma_primes = [ACTIVATIONS[name].prime(z_l) for name, z_l in zip(names[:-1], z[:-1], strict=True)]
    delta = _all_errors(W, output_error(z[-1], a[-1], y, output=output, cost=cost), sigma_primes)
    grad_biases = [bp3(delta_l) for delta_l in delta]
    grad_weights = [bp4(a_prev, delta_l) for a_prev, delta_l in zip(a[:-1], delta, strict=True)]
    C = total_cost(z[-1], a[-1], y, output=output, cost=cost)
    return Backprop(C, z, a, delta, grad_weights, grad_biases)


def scales(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str = "sigmoid", cost: str = "quadratic",
) -> Backprop:  # fmt: skip
    """Evaluate the same equations with absolute values, to learn how large the numbers were that met in them.

    Every factor and term enters by its magnitude, with 1 for σ' and |a| + |y| for a - y. A gradient may
    cancel or saturate to nearly nothing while its rounding errors do not, so |difference| / scale is the
    honest measure of agreement. Where a logarithm is clipped the gradient is exactly 0, and so is its scale.

    Parameters, errors raised and shapes returned are those of `backprop`.
    """
    W, b, _, _, a, y = _check_and_run("scales", weights, biases, x, y, activation, output, cost)
    S_terms, S_delta_L = _output_scales(a[-1], y, output=output, cost=cost)
    W, b, a = ([np.abs(array) for array in arrays] for arrays in (W, b, a))
    S_z = [a_prev @ W_l + b_l for a_prev, W_l, b_l in zip(a[:-1], W, b, strict=True)]
    S_a = [a[0]] + [a_l + S for a_l, S in zip(a[1:], S_z, strict=True)]  # errors of z^l reach a^l too
    S_delta = _all_errors(W, S_delta_L, [np.ones_like(S) for S in S_z[:-1]])
    S_b = [bp3(S) for S in S_delta]
    S_W = [bp4(a_prev, S) for a_prev, S in zip(a[:-1], S_delta, strict=True)]
    S_C = S_terms + float(np.sum(S_delta_L * S_a[-1]))  # the terms, and what errors of a^L do to them
    return Backprop(S_C, S_z, S_a, S_delta, S_W, S_b)


def _output_scales(a: Array, y: Array, *, output: str, cost: str) -> tuple[float, Array]:
    """Return the magnitudes of the terms of C, summed, and the scale of δ^L, shape (n, m)."""
    if cost == "quadratic":
        nabla = np.abs(a) + np.abs(y)
        terms = 0.5 * nabla**2
    else:
        terms, nabla = np.abs(y * _log(a)), np.abs(y) * _log_prime(a)
    if cost == "binary_cross_entropy":
        terms, nabla = terms + np.abs((1 - y) * _log(1 - a)), nabla + np.abs(1 - y) * _log_prime(1 - a)
    through_softmax = (a * nabla).sum(axis=1, keepdims=True)
    nabla = np.minimum(nabla, np.sqrt(np.finfo(a.dtype).max))  # 1/a is unbounded, and sums must not overflow
    match (output, cost):
        case ("softmax", "cross_entropy"):
            nabla = a * np.abs(y).sum(axis=1, keepdims=True) + np.abs(y)
        case ("sigmoid", "binary_cross_entropy"):
            nabla = a + np.abs(y)
        case ("softmax", _):
            nabla = nabla + through_softmax
    return _mean_over_examples(terms), nabla / len(a)


def matrix_form(
    weights: Layers, biases: Layers, x: ArrayLike, y: ArrayLike, *,
    activation: Names = "sigmoid", output: str = "sigmoid", cost: str = "quadratic",
) -> list[Array]:  # fmt: skip
    """δ^l = Σ'(z^l) W^{l+1} Σ'(z^{l+1}) ... W^L Σ'(z^L) ∇_a C: Nielsen's (33) to (35), example by example.

    Σ'(z) is a real square matrix with σ'(z) on its diagonal; for softmax the whole Jacobian takes its place.
    There is no shortcut here: where an output underflows to 0, so does the clipped ∇_a C.

    Parameters and errors raised are those of `backprop`; returns the list of δ^l, of shape (n, n_l).
    """
    W, _, names, z, a, y = _check_and_run("matrix_form", weights, biases, x, y, activation, output, cost)
    nabla_a = COSTS[cost].gradient(a[-1], y)
    delta = [np.empty_like(z_l) for z_l in z]
    for i in range(len(nabla_a)):
        Sigma = [
            softmax_jacobian(a[-1][[i]])[0] if name == "softmax" else np.diag(ACTIVATIONS[name].prime(z_l[i]))
            for name, z_l in zip(names, z, strict=True)
        ]
        for l in range(len(W)):  # from 0 here
            product = Sigma[l]
            for W_next, Sigma_next in zip(W[l + 1 :], Sigma[l + 1 :], strict=True):
                product = product @ W_next @ Sigma_next
            delta[l][i] = product @ nabla_a[i]
    return delta


# --- plain words for what does not fit --------------------------------------------------------------


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)


def _check_and_run(
    who: str, weights: Any, biases: Any, x: Any, y: Any, activation: Any, output: Any, cost: Any
) -> tuple[list[Array], list[Array], list[str], list[Array], list[Array], Array]:
    """Check the arguments of the function `who`; return W, b, names, z, a, and y shaped like the outputs."""
    W, b, x, names = _check_network(who, weights, biases, x, activation, output)
    _check_name(f"{who}: cost", cost, COSTS)
    z, a = feedforward(W, b, x, activation=names[:-1], output=output)
    return W, b, names, z, a, _targets(who, np.asarray(y), a[-1])


def _check_network(
    who: str, weights: Any, biases: Any, x: Any, activation: Any, output: Any
) -> tuple[list[Array], list[Array], Array, list[str]]:
    """Return the weights, biases and x as arrays of floats, and the name of each layer's activation."""
    weights = [_floats(f"{who}: weights[{i}]", W) for i, W in enumerate(weights)]
    biases = [_floats(f"{who}: biases[{i}]", b) for i, b in enumerate(biases)]
    x, L = _floats(f"{who}: x", x), len(weights)
    _require(len(biases) == L > 0, f"{who}: {L} weights and {len(biases)} biases, but a layer needs one of each")
    one_row = "; a single example is x[None, :]" if x.ndim == 1 else ""
    _require(x.ndim == 2 and len(x) > 0, f"{who}: x must have shape (n ≥ 1, n_in), got {x.shape}{one_row}")
    n_in = x.shape[1]
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        want = f"{who}: weights[{i}] must have shape ({n_in}, n_out)"
        _require(W.ndim == 2 and len(W) == n_in, f"{want}, got {W.shape}; Nielsen's matrices need .T")
        n_in = W.shape[1]
        want = f"{who}: biases[{i}] must have shape ({n_in},)"
        _require(b.shape == (n_in,), f"{want}, one for each column of weights[{i}], got {b.shape}")
    hidden = list(activation) if isinstance(activation, list | tuple) else [activation] * (L - 1)
    want = f"{who}: activation must be one name for all hidden layers, or a list of {L - 1}"
    _require(len(hidden) == L - 1, f"{want}, got {len(hidden)}")
    for name in hidden:
        _check_name(f"{who}: activation", name, ACTIVATIONS)
    _check_name(f"{who}: output", output, [*ACTIVATIONS, "softmax"])
    return weights, biases, x, [*hidden, output]


def _check_name(what: str, name: Any, known: Iterable[str]) -> None:
    """Raise unless `name` is one of the known names, and suggest the nearest."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a name, one of {', '.join(known)}; got {name!r}")
    if name not in known:
        near = "".join(
            f"did you mean {guess!r}? " for guess in difflib.get_close_matches(name, known, n=1, cutoff=0.65)
        )
        raise ValueError(f"{what} {name!r} is unknown; {near}choose from {', '.join(known)}")


def _floats(what: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} must hold real numbers, got dtype {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(float)


def _one_hot(what: str, labels: NDArray[Any], n_classes: int, dtype: DTypeLike) -> Array:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers of shape (n,), got {labels.dtype} of shape {labels.shape}")
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    _require(wrong.size == 0, f"{what} must lie between 0 and {n_classes - 1}, got {wrong[:3].tolist()}")
    return np.eye(n_classes, dtype=dtype)[labels]


def _targets(who: str, y: NDArray[Any], a: Array) -> Array:
    """Return y in the shape and dtype of the outputs a, shape (n, m)."""
    n, m = a.shape
    if y.shape == (n,) and m >= 2:
        return _one_hot(f"{who}: y", y, m, a.dtype)
    way_out = f"or be {n} integer labels" if m >= 2 else "so a vector needs y[:, None]"
    _require(y.shape == a.shape, f"{who}: y must have the outputs' shape {a.shape}, {way_out}; got {y.shape}")
    return _floats(f"{who}: y", y).astype(a.dtype)
