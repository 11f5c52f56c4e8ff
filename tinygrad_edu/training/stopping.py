"""When to stop, and what to keep: early stopping, and the best parameters of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from tinygrad_edu.engine import replace_values
from tinygrad_edu.errors import check_number, check_whole
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.history import History

Array = npt.NDArray[Any]


def early_stopping(patience: int = 5, min_delta: float = 0.0) -> Callable[[History], bool]:
    """A callback of `fit` that ends the run when the validation cost no longer falls.

    Parameters
    ----------
    patience : int
        After so many epochs in a row without a new lowest cost, the run ends.
    min_delta : float
        How much lower a cost must be to count.

    Returns
    -------
    callable
        Looks at ``history.validation_cost``, or at ``history.cost`` where nothing was held out.

    Examples
    --------
    >>> from tinygrad_edu.training import History, early_stopping
    >>> stop = early_stopping(patience=2)
    >>> stop(History(cost=[0.5, 0.3, 0.4])), stop(History(cost=[0.5, 0.3, 0.4, 0.3]))
    (False, True)
    """
    check_whole("early_stopping", patience=patience)
    check_number("early_stopping", "min_delta", min_delta, "0 or more", lambda delta: delta >= 0)

    def stop(history: History) -> bool:
        costs = watched(history)
        lowest, at = math.inf, 0
        for epoch, cost in zip(history.measured, costs, strict=True):
            if cost < lowest - min_delta:
                lowest, at = cost, epoch
        return history.epochs - at >= patience

    return stop


def watched(history: History) -> list[float]:
    """The costs that say how good a model is: those of the examples held out, if there are any."""
    return history.validation_cost or history.cost


class Best:
    """The values that the tensors of a model had when its cost was lowest."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self.values: dict[str, Array] = {}
        self.entry: int | None = None

    def look(self, history: History) -> None:
        """Remember the values of now, if the cost has never been lower."""
        costs = watched(history)
        if self.entry is None or costs[-1] < costs[self.entry] or math.isnan(costs[self.entry]):
            self.values, self.entry = {name: t.value.copy() for name, t in self.tensors.items()}, len(costs) - 1

    def restore(self) -> None:
        """Give the model these values."""
        replace_values([(t, self.values[name].copy()) for name, t in self.tensors.items() if name in self.values])
