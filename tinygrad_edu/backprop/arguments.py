"""What the functions of this room take, and plain words for what does not fit."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu.backprop.formulas import ACTIVATION_FORMULAS, COST_FORMULAS, Activation, Array

Layers = Sequence[ArrayLike]  # one array per layer
Names = str | Activation | Sequence[str | Activation]  # one for every hidden layer, or one each


def require(ok: bool, message: str) -> None:
    """Raise a ValueError with the message, unless all is well."""
    if not ok:
        raise ValueError(message)


class Problem(NamedTuple):
    """A network, a batch and its targets: all arrays of floats, `y` of the shape and dtype of the outputs."""

    weights: list[Array]
    biases: list[Array]
    x: Array
    y: Array
    names: list[str | Activation]  # of every layer, the output's last; a name, or σ and σ' of one's own


def problem(who: str, weights: Any, biases: Any, x: Any, y: Any, activation: Any, output: Any, cost: Any) -> Problem:
    """Check the arguments of the function ``who``, which has its name in the messages."""
    W, b, x, names = network(who, weights, biases, x, activation, output)
    _check_name(f"{who}: cost", cost, COST_FORMULAS)
    return Problem(W, b, x, _targets(who, np.asarray(y), (len(x), len(b[-1])), np.result_type(x, *W, *b)), names)


def network(
    who: str, weights: Any, biases: Any, x: Any, activation: Any, output: Any
) -> tuple[list[Array], list[Array], Array, list[str | Activation]]:
    """Return the weights, biases and x as arrays of floats, and the name of each layer's activation."""
    weights = [_floats(f"{who}: weights[{i}]", W) for i, W in enumerate(weights)]
    biases = [_floats(f"{who}: biases[{i}]", b) for i, b in enumerate(biases)]
    x, L = _floats(f"{who}: x", x), len(weights)
    require(len(biases) == L > 0, f"{who}: {L} weights and {len(biases)} biases, but a layer needs one of each")
    one_row = "; a single example is x[None, :]" if x.ndim == 1 else ""
    require(x.ndim == 2 and len(x) > 0, f"{who}: x must have shape (n ≥ 1, n_in), got {x.shape}{one_row}")
    n_in = x.shape[1]
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        want = f"{who}: weights[{i}] must have shape ({n_in}, n_out)"
        require(W.ndim == 2 and len(W) == n_in, f"{want}, got {W.shape}; Nielsen's matrices need .T")
        n_in = W.shape[1]
        want = f"{who}: biases[{i}] must have shape ({n_in},)"
        require(b.shape == (n_in,), f"{want}, one for each column of weights[{i}], got {b.shape}")
    is_one = isinstance(activation, Activation) or not isinstance(activation, list | tuple)
    hidden = [activation] * (L - 1) if is_one else list(activation)
    want = f"{who}: activation must be one name for all hidden layers, or a list of {L - 1}"
    require(len(hidden) == L - 1, f"{want}, got {len(hidden)}")
    for name in hidden:
        _check_name(f"{who}: activation", name, ACTIVATION_FORMULAS)
    _check_name(f"{who}: output", output, [*ACTIVATION_FORMULAS, "softmax"])
    return weights, biases, x, [*hidden, output]


def _check_name(what: str, name: Any, known: Iterable[str]) -> None:
    """Raise unless `name` is one of the known names, and suggest the nearest."""
    if isinstance(name, Activation) and "sigmoid" in known:
        return
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


def one_hot(labels: ArrayLike, n_classes: int, dtype: DTypeLike = float, *, who: str = "one_hot: labels") -> Array:
    """Rows with a single 1, shape (n, n_classes), from integer labels 0 to n_classes - 1, shape (n,)."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(f"{who} must be integers of shape (n,), got {labels.dtype} of shape {labels.shape}")
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    require(wrong.size == 0, f"{who} must lie between 0 and {n_classes - 1}, got {wrong[:3].tolist()}")
    rows: Array = np.eye(n_classes, dtype=dtype)[labels]
    return rows


def _targets(who: str, y: NDArray[Any], shape: tuple[int, int], dtype: DTypeLike) -> Array:
    """Return y in the shape (n, m) and dtype of the outputs."""
    n, m = shape
    if y.shape == (n,) and m >= 2:
        return one_hot(y, m, dtype, who=f"{who}: y")
    way_out = f"or be {n} integer labels" if m >= 2 else "so a vector needs y[:, None]"
    require(y.shape == shape, f"{who}: y must have the outputs' shape {shape}, {way_out}; got {y.shape}")
    return _floats(f"{who}: y", y).astype(dtype)
