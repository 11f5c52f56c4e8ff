"""Cost functions C(a, y) of the outputs a and the targets y.

The cost of a batch is the mean over the examples (first axis) of the cost of one, C = 1/n Σₓ Cₓ, and that of one
example sums over the output units. Targets come one row per example, in the shape of the outputs, or as integer class
labels where there are two or more output units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, records_all, scoped
from tinygrad_edu.errors import other_arithmetic, shown, unknown_name
from tinygrad_edu.functional import ACTIVATIONS, log_softmax, softplus
from tinygrad_edu.tensor import Tensor


@scoped
def quadratic(a: Any, y: Any, weights: Any = None) -> Any:
    """The quadratic cost, Cₓ = ½‖y − a‖² (Nielsen's equation 27).

    Parameters
    ----------
    a : Tensor or ndarray, shape (n, units)
        Outputs of the network.
    y : array_like, shape (n, units), or integer labels of shape (n,)
        Targets.
    weights : array_like, shape (n,), optional
        How much each example counts: the cost is then Σₓ wₓ Cₓ / Σₓ wₓ.

    Returns
    -------
    Tensor or float
        The mean over the n examples.

    Raises
    ------
    ValueError
        If the shapes differ, the batch is empty, a label is out of range, or a weight is negative or all are 0.
    TypeError
        If ``a`` is no tensor or array, or ``y`` or ``weights`` are no real numbers.
    """
    y = _targets("quadratic", a, y)
    return _mean("quadratic", np.square(a - y), 0.5, weights)


@scoped
def binary_cross_entropy(a: Any, y: Any, weights: Any = None) -> Any:
    """The cross-entropy of independent yes/no units, Cₓ = −Σⱼ [yⱼ ln aⱼ + (1 − yⱼ) ln(1 − aⱼ)].

    Parameters, result and errors as for `quadratic`; targets outside [0, 1] are refused, too. ``a`` are probabilities,
    such as outputs of `sigmoid`. Logarithms are taken of max(·, tiny): an exactly wrong 0 or 1 costs a finite amount
    and has gradient 0. So outputs outside [0, 1] raise nothing here, but their cost means nothing, and `fit` refuses
    them. From weighted inputs use `binary_cross_entropy_with_logits`, which knows no such limit.
    """
    y = _fractions("binary_cross_entropy", _targets("binary_cross_entropy", a, y))
    return _mean("binary_cross_entropy", y * _log(a) + (1 - y) * _log(1 - a), -1, weights)


@scoped
def binary_cross_entropy_with_logits(z: Any, y: Any, weights: Any = None) -> Any:
    """`binary_cross_entropy` of sigmoid(z), computed stably from z as Σⱼ [ln(1 + eᶻ) − y z]."""
    y = _fractions("binary_cross_entropy_with_logits", _targets("binary_cross_entropy_with_logits", z, y))
    return _mean("binary_cross_entropy_with_logits", softplus(z) - y * z, 1, weights)


@scoped
def cross_entropy(a: Any, y: Any, weights: Any = None) -> Any:
    """The cross-entropy of exclusive classes, Cₓ = −Σⱼ yⱼ ln aⱼ.

    Parameters, result and errors as for `quadratic`; targets outside [0, 1] are refused, too. ``a`` are probabilities,
    such as outputs of `softmax`. Logarithms are taken of max(·, tiny): an exactly wrong 0 costs a finite amount and has
    gradient 0. So outputs outside [0, 1] raise nothing here, but their cost means nothing, and `fit` refuses them. From
    weighted inputs use `cross_entropy_with_logits`, which knows no such limit.
    """
    y = _fractions("cross_entropy", _targets("cross_entropy", a, y))
    return _mean("cross_entropy", y * _log(a), -1, weights)


@scoped
def cross_entropy_with_logits(z: Any, y: Any, weights: Any = None) -> Any:
    """`cross_entropy` of softmax(z), computed stably from z as −Σⱼ yⱼ log_softmax(z)ⱼ."""
    y = _fractions("cross_entropy_with_logits", _targets("cross_entropy_with_logits", z, y))
    return _mean("cross_entropy_with_logits", y * log_softmax(z), -1, weights)


@scoped
def l1(params: Iterable[Any], strength: float) -> Any:
    """The penalty strength · Σ |w| over all elements of all parameters; the derivative of |w| at 0 is 0.

    Raises
    ------
    TypeError
        If ``params`` is no list of tensors, or ``strength`` no number.
    ValueError
        If ``params`` is empty, or ``strength`` negative or not finite.
    """
    return _strength("l1", strength) * sum(np.sum(np.abs(w)) for w in _list("l1", params))


@scoped
def l2(params: Iterable[Any], strength: float) -> Any:
    """The penalty ½ strength · Σ w² (weight decay) over all elements of all parameters.

    Raises
    ------
    TypeError, ValueError
        As `l1`.
    """
    return 0.5 * _strength("l2", strength) * sum(np.sum(np.square(w)) for w in _list("l2", params))


_ARRAYS = (Tensor, np.ndarray)

COSTS: dict[str, Callable[[Any, Any], Any]] = {
    f.__name__: f
    for f in (
        quadratic,
        binary_cross_entropy,
        binary_cross_entropy_with_logits,
        cross_entropy,
        cross_entropy_with_logits,
    )
}

FROM_LOGITS: dict[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("sigmoid", "binary_cross_entropy"): binary_cross_entropy_with_logits,
    ("softmax", "cross_entropy"): cross_entropy_with_logits,
}
"""(output activation, cost) → the same cost computed stably from the weighted inputs z of the output layer."""


def stable_cost(sigma: Callable[[Any], Any], cost: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any] | None:
    """The cost of the weighted inputs z that is ``cost(sigma(z), y)``, computed stably; None if there is none."""
    for (output, name), from_logits in FROM_LOGITS.items():
        if sigma is ACTIVATIONS[output] and cost is COSTS[name]:
            return from_logits
    return None


def cost_named(cost: str | Callable[[Any, Any], Any], who: str) -> Callable[[Any, Any], Any]:
    """The cost function of a name, or the function itself; ``who`` asks, for the error message."""
    if isinstance(cost, type | Node | np.ndarray):
        raise TypeError(f"{who} must be a name, such as 'quadratic', or a function C(a, y), not {shown(cost)}")
    if callable(cost):
        return cost
    if not isinstance(cost, str) or cost not in COSTS:
        raise ValueError(unknown_name(who, cost, COSTS))
    return COSTS[cost]


def one_hot(labels: Any, n_classes: int, dtype: Any = np.float64, *, who: str = "one_hot") -> Any:
    """Class labels as rows with a single 1: 2 → (0, 0, 1, 0).

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        From 0 to ``n_classes`` − 1.
    n_classes : int
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray, shape (n, n_classes)

    Raises
    ------
    ValueError
        If a label is out of range, or labels are not in one row.
    TypeError
        If labels are not integers.
    """
    labels = np.asarray(labels)
    if labels.size == 0:
        labels = labels.astype(int)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{who}: labels must be integers, not of dtype {labels.dtype}; use labels.astype(int)")
    if labels.ndim > 1:
        raise ValueError(f"{who}: labels have shape {labels.shape}, but must be (n,); use labels.ravel()")
    if not isinstance(n_classes, int | np.integer) or isinstance(n_classes, bool) or n_classes < 1:
        raise ValueError(f"{who}: n_classes must be a whole number from 1 up, not {n_classes!r}")
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    if wrong.size:
        raise ValueError(
            f"{who}: label {wrong[0]} is out of range; {n_classes} classes are numbered 0 to {n_classes - 1}"
        )
    return np.eye(n_classes, dtype=dtype)[labels]


def _targets(who: str, a: Any, y: Any) -> Any:
    """The targets in the shape of the outputs. A wrong shape would broadcast to n × n, so it raises."""
    if not isinstance(a, _ARRAYS):
        raise TypeError(f"{who}: the outputs must be a Tensor or an array, not a {type(a).__name__}")
    if isinstance(y, Node) and y.requires_grad and y.fn is not None and not isinstance(a, Node):
        raise TypeError(f"{who}: the targets are computed, and the outputs are not: it is {who}(outputs, targets)")
    if a.ndim == 0 or len(a) == 0:
        raise ValueError(f"{who}: the outputs have shape {np.shape(a)}; at least one example (row) is needed")
    if not isinstance(y, Node):
        if type(y) is not np.ndarray and isinstance(y, np.ma.MaskedArray | np.matrix):
            raise TypeError(other_arithmetic(f"{who}: y", y))
        y = np.asarray(y)
        if y.dtype.kind not in "fiub":
            raise TypeError(f"{who}: targets must be real numbers, not of dtype {y.dtype}")
    if a.ndim == 2 and y.ndim == 1 and len(y) == len(a) and a.shape[1] >= 2:
        if y.dtype.kind not in "iu":
            raise ValueError(
                f"{who}: targets of shape {y.shape} for outputs of shape {a.shape} must be class labels, integers from "
                f"0 to {a.shape[1] - 1}, but their dtype is {y.dtype}; use y.astype(int), or one row per example"
            )
        if isinstance(y < 0, Node):  # a compiled program looks at no value, but a label out of range must be no index
            return Tensor(np.eye(a.shape[1], dtype=_float_dtype(a)))[np.where(y < 0, a.shape[1], y)]
        return one_hot(np.asarray(y), a.shape[1], _float_dtype(a), who=who)
    if y.shape != a.shape:
        advice = "y[:, None]" if y.shape == a.shape[:1] else "one row per example, as the outputs are"
        if a.ndim > 2 and y.ndim < 3:
            advice = "is there a tg.nn.Flatten() missing in the model?"
        if y.shape == (len(a), 1):
            advice += "; class labels are integers of shape (n,), y.ravel()"
        raise ValueError(f"{who}: targets have shape {y.shape}, outputs {a.shape}; make them equal ({advice})")
    # Targets of float64 or of integers keep a float32 network in float32.
    return y if y.dtype == _float_dtype(a) else y.astype(_float_dtype(a))


def _mean(who: str, terms: Any, factor: float, weights: Any) -> Any:
    """``factor`` times the mean over the examples, or the weighted mean, of the sums over the units."""
    if weights is None:
        return np.sum(terms) * (factor / len(terms))
    w = _weights(who, weights, len(terms))
    shares = (w / np.sum(w)).astype(terms.dtype)
    return np.sum(terms * shares.reshape((-1,) + (1,) * (terms.ndim - 1))) * factor


def _weights(who: str, weights: Any, n: int) -> Any:
    """The weights of the examples; a compiled program looks at no value."""
    if isinstance(weights, Node):
        return weights
    w = np.asarray(weights)
    if w.dtype.kind not in "fiub":
        raise TypeError(f"{who}: weights must be real numbers, not of dtype {w.dtype}")
    if w.shape != (n,):
        raise ValueError(f"{who}: weights have shape {w.shape}, but there are {n} examples; give one each, ({n},)")
    if not (np.isfinite(w).all() and (w >= 0).all() and w.any()):
        raise ValueError(
            f"{who}: weights must be 0 or more and finite, and not all 0, but they go from {w.min()} to {w.max()}"
        )
    return w


def _fractions(who: str, y: Any) -> Any:
    """The targets of a cross-entropy, which are from 0 to 1; a compiled program looks at no value."""
    if not (isinstance(y, Node) and records_all()):
        values = y.value if isinstance(y, Node) else y
        wrong = values[(values < -1e-6) | (values > 1 + 1e-6)]  # but for rounding
        if wrong.size:
            raise ValueError(
                f"{who}: a target is {wrong[0]:g}, but each must be from 0 (no) to 1 (yes); for classes, give labels "
                "or one_hot(labels, n_classes), for other numbers take the quadratic cost"
            )
    return y


def _strength(who: str, strength: Any) -> Any:
    """The strength of a penalty; a compiled program looks at no value."""
    if isinstance(strength, Node):
        return strength
    if np.ndim(strength) or not isinstance(strength, np.ndarray | Real) or isinstance(strength, bool):
        raise TypeError(f"{who}: strength must be a number, not {shown(strength)}")
    if not 0 <= float(strength) < np.inf:
        raise ValueError(f"{who}: strength must be 0 or more, and finite, not {strength}")
    return strength


def _list(who: str, params: Any) -> list[Any]:
    """The parameters of a penalty."""
    if isinstance(params, Tensor | np.ndarray):
        raise TypeError(f"{who}: params must be a list of tensors, not one (of shape {params.shape}); pass [w]")
    if hasattr(params, "parameters") or isinstance(params, dict | str) or not isinstance(params, Iterable):
        raise TypeError(
            f"{who}: params must be a list of tensors, not a {type(params).__name__}; pass net.weights or "
            "net.parameters()"
        )
    found = list(params)
    if not found:
        raise ValueError(f"{who}: params is empty, so there is nothing to penalise (a generator gives its items once)")
    return found


def _log(p: Any) -> Any:
    return np.log(np.maximum(p, np.finfo(_float_dtype(p)).tiny))


def _float_dtype(a: Any) -> np.dtype[Any]:
    """That of ``a``, or float64 if it holds integers."""
    return a.dtype if a.dtype.kind == "f" else np.dtype(np.float64)
