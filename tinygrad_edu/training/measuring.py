"""How good a model is: its cost, and the fraction that it classifies rightly."""

from __future__ import annotations

from collections.abc import Callable
from operator import call
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler import compile
from tinygrad_edu.costs import (
    COSTS,
    FROM_LOGITS,
    binary_cross_entropy_with_logits,
    cost_named,
    cross_entropy,
    cross_entropy_with_logits,
    stable_cost,
)
from tinygrad_edu.engine import at_once, no_grad
from tinygrad_edu.errors import shown
from tinygrad_edu.functional import ACTIVATIONS, identity
from tinygrad_edu.nn import Module, split
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.history import History
from tinygrad_edu.training.stored import Stored

Array = npt.NDArray[Any]
Model = Callable[[Any], Any]
Cost = str | Callable[[Any, Any], Any]


def set_training(model: Model, mode: bool) -> None:
    """Tell a network whether it learns now; a function has no such thing."""
    if isinstance(model, Module):
        model.train(mode)


ROWS = 256
"""So many examples at once go through a network that is only measured: its hidden layers then need little memory."""


class InParts:
    """``f(x)``, rows by rows; compiled where there are many, and it can be."""

    def __init__(self, compiled: bool = False) -> None:
        self._compiled = compiled
        self._program: Model | None = None

    def __call__(self, f: Model, x: Any) -> Any:
        """The outputs for all examples."""
        whole = range(0, len(x) - ROWS + 1, ROWS)
        if len(whole) < 2:  # too few to be worth a program
            return f(x[:])
        parts = [self._of(f, x[i : i + ROWS]) for i in whole]
        return np.concatenate([*parts, f(x[len(parts) * ROWS :])])

    def _of(self, f: Model, x: Any) -> Any:
        if not self._compiled:
            return f(x)
        self._program = self._program or compile(f)
        try:
            return self._program(x)
        except Exception:  # the step will say why it cannot be compiled, or `f` itself what is wrong
            self._compiled = False
            return f(x)


def cost_of(
    model: Model,
    x: Any,
    y: Any,
    cost: Cost,
    weights: Any = None,
    who: str = "fit",
    forward: Callable[[Model, Any], Any] = call,
) -> tuple[Any, Any]:
    """C for a batch, and the outputs; from the weighted inputs z^L where there is a stable formula for that."""
    C = cost_named(cost, f"{who}: cost")
    more = () if weights is None else (weights,)
    logits, sigma = split(model)
    stable = stable_cost(sigma, C)
    if stable is not None:
        z = forward(logits, x)
        return stable(z, y, *more), sigma(z)
    _check_takes_outputs(who, C, sigma)
    outputs = forward(model, x)
    if outputs is None:
        raise TypeError(f"{who}: the model returned None; it must return its outputs (does it lack its `return`?)")
    value = C(outputs, y, *more)
    if value is None:
        raise TypeError(f"{who}: the cost returned None; it must return one number (does it lack its `return`?)")
    if not isinstance(value, Tensor | np.ndarray | np.number | int | float | list | tuple):
        raise TypeError(f"{who}: the cost returned {shown(value)}; it must return one number, the mean over the batch")
    if isinstance(value, list | tuple) or np.size(value) != 1:
        raise ValueError(
            f"{who}: the cost returned {_shape_of(value)}; it must return one number, the mean over the batch"
        )
    return value, outputs


def _shape_of(value: Any) -> str:
    return f"a {type(value).__name__}" if isinstance(value, list | tuple) else f"shape {np.shape(value)}"


def _check_takes_outputs(who: str, cost: Callable[[Any, Any], Any], sigma: Callable[[Any], Any]) -> None:
    """Raise where a cost is given outputs of an activation function that it is not made for."""
    if sigma is identity or sigma not in ACTIVATIONS.values():
        return
    for (_, name), from_logits in FROM_LOGITS.items():
        if cost is from_logits:
            raise ValueError(
                f"{who}: {cost.__name__} takes weighted inputs, but the network's output is {sigma.__name__}; use the "
                f"cost {name!r}, which is computed from the weighted inputs where it can be, or output='identity'"
            )
    if cost is cross_entropy:  # of outputs that need not sum to 1: it falls to 0 when every unit says yes
        raise ValueError(
            f"{who}: cross_entropy is of classes that exclude each other, so it takes the outputs of softmax, but the "
            f"network's output is {sigma.__name__}; use output='softmax', or for units that say yes or no each for "
            "itself the cost 'binary_cross_entropy'"
        )


def _check_probabilities(who: str, cost: Callable[[Any, Any], Any], outputs: Any) -> None:
    """Raise where a cost of probabilities is given something else: it could fall for ever, and mean nothing."""
    for (output, name), from_logits in FROM_LOGITS.items():
        if cost is COSTS[name]:
            a = values_of(outputs)
            wrong = a[(a < -1e-6) | (a > 1 + 1e-6)]  # but for rounding
            if wrong.size:
                raise ValueError(
                    f"{who}: an output of the model is {wrong[0]:g}, but the cost {name!r} takes probabilities, from 0 "
                    f"to 1; end the model in {output}, or take {from_logits.__name__!r} if it gives weighted inputs"
                )


def values_of(outputs: Any) -> Array:
    """The array that outputs are, or hold."""
    return np.asarray(outputs.numpy() if hasattr(outputs, "numpy") else outputs)


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
    a = values_of(outputs)
    if a.ndim != 2 or (y.shape != a.shape and y.shape != a.shape[:1]):  # of a model and a cost of one's own
        return None
    if a.shape[1] == 1:
        return float(np.mean((a >= threshold) == y.reshape(a.shape))) if np.isin(y, (0, 1)).all() else None
    if y.ndim == 1:
        return float(np.mean(a.argmax(axis=1) == y))
    one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
    return float(np.mean(a.argmax(axis=1) == y.argmax(axis=1))) if one_hot else None


@no_grad()
def measure(
    history: History,
    model: Model,
    x: Array,
    y: Array,
    cost: Cost,
    held_out: tuple[Array, Array] | None,
    weights: Array | None = None,
    who: str = "fit",
    epochs: int = 1,
    in_parts: InParts | None = None,
) -> Any:
    """Add an entry to every list of the history, so many epochs after the last; the outputs for x."""
    set_training(model, False)
    named = cost_named(cost, f"{who}: cost")
    threshold = 0.0 if named is binary_cross_entropy_with_logits else 0.5
    seen: list[tuple[list[float], float | None]] = []

    def look(costs: list[float], accuracies: list[float], x: Array, y: Array, weights: Array | None = None) -> Any:
        # A network treats each example by itself; of a function, nothing is known, but a file is read by rows.
        forward = (in_parts or InParts()) if isinstance(model, Module) or isinstance(x, Stored) else call
        C, outputs = cost_of(model, x, y, cost, weights, who, forward)
        _check_probabilities(who, named, outputs)
        if named in (cross_entropy, cross_entropy_with_logits) and np.shape(outputs)[1:] == (1,):
            raise ValueError(
                f"{who}: the model has one output unit, but {named.__name__} has one unit for each class, and softmax "
                "of one is always 1; take 'binary_cross_entropy' and a sigmoid for yes or no"
            )
        seen.extend([(costs, float(C)), (accuracies, accuracy(outputs, y, threshold))])
        return outputs

    outputs = look(history.cost, history.accuracy, x, y, weights)
    if held_out is not None:
        look(history.validation_cost, history.validation_accuracy, *held_out)
    # So that Ctrl-C leaves lists of one length.
    now = (history.measured, history.epochs + epochs if history.measured else 0)
    at_once(list.append, [now, *((values, value) for values, value in seen if value is not None)])
    return outputs
