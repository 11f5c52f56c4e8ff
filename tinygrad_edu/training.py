"""Training: mini-batches, epochs, and the history of a run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler import compile
from tinygrad_edu.costs import COSTS, FROM_LOGITS, binary_cross_entropy_with_logits, cost_named
from tinygrad_edu.engine import gradients, is_watched, no_grad
from tinygrad_edu.nn import MLP
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]
Cost = str | Callable[[Any, Any], Any]


@dataclass
class History:
    """What `fit` saw after each epoch; entry 0 is the state before the first.

    Attributes
    ----------
    cost, validation_cost : list of float
        C over the whole training set, and over the validation set if one was given.
    accuracy, validation_accuracy : list of float
        Fraction classified rightly, from 0 to 1; empty for targets that are not classes.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """The number of whole epochs."""
        return max(len(self.cost) - 1, 0)


def fit(
    model: Callable[[Any], Any],
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    cost: Cost,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
    compiled: bool = True,
) -> History:
    """Train a model by mini-batches: shuffle, cut into batches, and for each take one step down the gradient.

    Parameters
    ----------
    model : callable
        Outputs from a batch, such as an `MLP`. With the pairs sigmoid + binary_cross_entropy and softmax +
        cross_entropy of an MLP the cost is computed stably from the weighted inputs.
    x : array_like, shape (n, …)
        Examples, one a row.
    y : array_like
        Targets, one a row, or integer labels.
    cost : str or callable
        A name in `tinygrad_edu.costs`, or a function C(a, y).
    optimizer : Optimizer
        Over the model's parameters.
    epochs : int
        Passes over the examples.
    batch_size : int
        Examples in a mini-batch; the last may be smaller.
    validation : (x, y), optional
        Examples that are only measured.
    rng : int, numpy.random.Generator or None
        Source or seed of the shuffling: the same seed on the same machine gives the same bits.
    progress : bool
        Whether to show a progress bar.
    compiled : bool
        Whether to compile the step (see `tinygrad_edu.compile`): model and cost then run as Python once for every
        shape of mini-batch, and later as the program that came out. A model that cannot be compiled is run as it is,
        after a warning that says why.

    Returns
    -------
    History
        Cost and accuracy before the first epoch and after each. Ctrl-C ends the run early: the history so far is
        returned, and the parameters are those of the last step.

    Raises
    ------
    ValueError
        If x and y have different lengths or none, if x or y contain NaN or infinity, if batch_size < 1 or epochs < 0,
        or if cost is unknown.
    TypeError
        If x or y are not numbers, or if the cost depends on no parameter.
    """
    x, y = _examples("x", "y", x, y)
    held_out = None if validation is None else _examples("validation x", "validation y", *validation)
    if not isinstance(batch_size, int | np.integer) or not isinstance(epochs, int | np.integer):
        raise TypeError(f"fit: batch_size and epochs must be integers, not {batch_size!r} and {epochs!r}")
    if batch_size < 1:
        raise ValueError(f"fit: batch_size must be at least 1, not {batch_size}")
    if epochs < 0:
        raise ValueError(f"fit: epochs must be 0 or more, not {epochs}")
    cost_named(cost, "fit: cost")
    generator = np.random.default_rng(rng)
    history = History()
    step = _Step(model, cost, optimizer, compiled)

    with _bar(epochs, progress) as bar:
        try:
            _measure(history, model, x, y, cost, held_out)
            for _ in range(epochs):
                order = generator.permutation(len(x))
                for start in range(0, len(x), batch_size):
                    batch = order[start : start + batch_size]
                    step(x[batch], y[batch])
                _measure(history, model, x, y, cost, held_out)
                bar.set_postfix_str(_summary(history), refresh=False)
                bar.update()
        except KeyboardInterrupt:
            history.interrupted = True
    return history


class _Step:
    """One step down the gradient of a mini-batch: compiled if that is wanted and can be done, else as it is written."""

    def __init__(self, model: Callable[[Any], Any], cost: Cost, optimizer: Optimizer, compiled: bool) -> None:
        self._model, self._cost, self._optimizer = model, cost, optimizer
        self._compiled = compile(partial(_updated, model, cost, optimizer)) if compiled else None

    def __call__(self, x: Array, y: Array) -> None:
        if self._compiled is None or is_watched():
            self._take(x, y)
            return
        try:
            values, state = self._compiled(x, y, self._optimizer.state)
        except Exception as error:
            self._take(x, y)  # an error of the model itself comes out here
            self._compiled = None
            warnings.warn(
                f"fit: this model is not compiled, so it learns as well but more slowly: {error}", stacklevel=3
            )
            return
        for p, value in zip(self._optimizer.params, values, strict=True):
            if value is not None:
                p.replace(value)
        self._optimizer.state = state

    def _take(self, x: Array, y: Array) -> None:
        self._optimizer.zero_grad()
        _cost_to_lower(self._model, x, y, self._cost).backward()
        if all(p.grad is None for p in self._optimizer.params):
            raise ValueError(ANOTHER_MODEL)
        self._optimizer.step()


ANOTHER_MODEL = "fit: the cost depends on no parameter of the optimizer: is it of another model?"


def _updated(
    model: Any, cost: Cost, optimizer: Optimizer, x: Any, y: Any, state: list[tuple[Any, ...]]
) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """A step as a function: new values of the parameters, None where there is no gradient, and the state."""
    C = _cost_to_lower(model, x, y, cost)
    found = gradients(C, np.ones(C.shape, C.dtype), optimizer.params, create_graph=True)
    if not found:
        raise ValueError(ANOTHER_MODEL)
    moved = [
        optimizer.update(p, found[p], *s) if p in found else (None, s)
        for p, s in zip(optimizer.params, state, strict=True)
    ]
    return [value for value, _ in moved], [s for _, s in moved]


def _cost_to_lower(model: Any, x: Any, y: Any, cost: Cost) -> Tensor:
    C, _ = cost_of(model, x, y, cost)
    if not isinstance(C, Tensor) or not C.requires_grad:
        raise TypeError(
            "fit: the cost does not depend on any parameter, so nothing can be learned; is the output "
            "a step function, or does the model or the cost leave tensors (with .numpy() or no_grad)?"
        )
    return C


def cost_of(model: Any, x: Any, y: Any, cost: Cost) -> tuple[Any, Any]:
    """C for a batch, and the outputs; from the weighted inputs z^L where there is a stable formula for that."""
    C = cost_named(cost, "fit: cost")
    if type(model).__call__ is MLP.__call__:
        for (output, name), from_logits in FROM_LOGITS.items():
            if model.output == output and C is COSTS[name]:
                z = model.logits(x)
                return from_logits(z, y), model.layers[-1].activate(z)
            if model.output != "identity" and C is from_logits:
                raise ValueError(
                    f"fit: {C.__name__} takes weighted inputs, but the network's output is {model.output}; use the "
                    f"cost {name!r}, which is computed from the weighted inputs where it can be, or output='identity'"
                )
    outputs = model(x)
    value = C(outputs, y)
    if np.size(value) != 1:
        raise ValueError(
            f"fit: the cost returned shape {np.shape(value)}; it must return one number, the mean over the batch"
        )
    return value, outputs


def accuracy(outputs: Any, y: Array, threshold: float = 0.5) -> float | None:
    """The fraction of examples classified rightly, or None where the targets are not classes.

    Parameters
    ----------
    outputs : Tensor or ndarray, shape (n, units)
        The class is the unit with the largest output; with a single unit, 1 from the threshold up.
    y : ndarray
        Integer labels of shape (n,), or rows with a single 1; for a single unit, 0 or 1.
    threshold : float
        For probabilities ½; for weighted inputs z it is 0, where σ(z) = ½.
    """
    a = outputs.numpy() if hasattr(outputs, "numpy") else np.asarray(outputs)
    if a.ndim != 2:
        return None
    if a.shape[1] == 1:
        return float(np.mean((a >= threshold) == y.reshape(a.shape))) if np.isin(y, (0, 1)).all() else None
    if y.ndim == 1:
        return float(np.mean(a.argmax(axis=1) == y))
    one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
    return float(np.mean(a.argmax(axis=1) == y.argmax(axis=1))) if one_hot else None


def _bar(epochs: int, progress: bool) -> Any:
    import warnings

    from tqdm import TqdmExperimentalWarning, TqdmWarning

    with warnings.catch_warnings():  # in a notebook without widgets tqdm says so, and shows a bar of text
        warnings.simplefilter("ignore", TqdmWarning)
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        from tqdm.auto import tqdm
    return tqdm(total=epochs, desc="training", unit="epoch", disable=not progress)


def _examples(name_x: str, name_y: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"fit: {name_x} of shape {x.shape} and {name_y} of shape {y.shape} need one row per example each"
        )
    if len(x) == 0:
        raise ValueError(f"fit: {name_x} is empty (shape {x.shape}); there is nothing to learn from")
    for name, values in ((name_x, x), (name_y, y)):
        if values.dtype.kind not in "fiub":
            raise TypeError(f"fit: {name} must be real numbers, not of dtype {values.dtype}")
        finite = np.isfinite(values)
        if not finite.all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(f"fit: {name} has {values[place]} at index {place}; drop or fill such rows first")
    return x, y


@no_grad()
def _measure(
    history: History, model: Callable[[Any], Any], x: Array, y: Array, cost: Cost, held_out: tuple[Array, Array] | None
) -> None:
    threshold = 0.0 if cost_named(cost, "fit: cost") is binary_cross_entropy_with_logits else 0.5
    C, outputs = cost_of(model, x, y, cost)
    seen: list[tuple[list[float], float | None]] = [
        (history.cost, float(C)),
        (history.accuracy, accuracy(outputs, y, threshold)),
    ]
    if held_out is not None:
        C, outputs = cost_of(model, *held_out, cost)
        seen += [
            (history.validation_cost, float(C)),
            (history.validation_accuracy, accuracy(outputs, held_out[1], threshold)),
        ]
    for values, value in seen:  # only now, so that Ctrl-C during the measuring leaves lists of one length
        if value is not None:
            values.append(value)


def _summary(history: History) -> str:
    text = f"cost {history.cost[-1]:.4f}"
    if history.accuracy:
        text += f", accuracy {history.accuracy[-1]:.1%}"
    if history.validation_accuracy:
        text += f", validation {history.validation_accuracy[-1]:.1%}"
    return text
