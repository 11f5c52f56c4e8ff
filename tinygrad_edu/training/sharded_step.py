"""The step of `fit` whose gradient is computed in parts, by workers who hold the examples."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.compiler import compile
from tinygrad_edu.engine import gradients, is_watched, replace_values
from tinygrad_edu.errors import check_whole
from tinygrad_edu.nn import Module
from tinygrad_edu.optim.base import Optimizer
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.measuring import Array, Cost, Model, set_training
from tinygrad_edu.training.shards import Call, Executor, Workers, check_executor, cuts, weighted_sum
from tinygrad_edu.training.step import Examples, clipped, cost_to_lower
from tinygrad_edu.training.stored import Parcel

Gradients = list[Any]
"""One for each parameter; None where the cost does not depend on it."""

DATA_SET = 1
"""The number of the examples, of which there is one set."""


class ShardedStep:
    """Steps as `Step` takes them, with the gradient of a mini-batch added from those of its parts.

    A part is some of its rows. A worker, who holds the examples, is told their numbers, and the parameters.
    """

    def __init__(
        self,
        model: Model,
        cost: Cost,
        optimizer: Optimizer,
        compiled: bool,
        clip_norm: float | None,
        executor: Executor | None,
        shards: int | None,
    ) -> None:
        _check(model, executor, shards)
        self._optimizer, self._clip_norm, self._shards = optimizer, clip_norm, int(shards or 1)
        self._eager = GradientOfPart(model, cost, optimizer.params, compiled=False)
        self._here = executor is None
        set_training(model, True)  # also in the copies
        self._workers = Workers("fit", GradientOfPart(model, cost, optimizer.params, compiled), executor)
        set_training(model, False)
        self._workers.data_sets = (DATA_SET,)
        self.is_compiled = compiled
        self._checked = self._warned = False

    def epoch(self, examples: Examples, order: Array, batch_size: int) -> None:
        """A step for each mini-batch: so many rows of the examples, in this order."""
        parcels = [None if array is None else Parcel(array) for array in examples]
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            grads = self._gradients(parcels, examples[2], batch)
            if not self._checked:
                _check_sum(self._eager(parcels, batch, None)[0], grads, examples, batch)
                self._checked = True
            self._move(grads)

    def _gradients(self, parcels: list[Parcel | None], weights: Array | None, batch: Array) -> Gradients:
        """The gradient of a mini-batch: the sum of those of its parts, in their order."""
        parts = [batch[start:stop] for start, stop in cuts(len(batch), self._shards)]
        sizes = [float(len(rows) if weights is None else np.sum(weights[rows])) for rows in parts]
        counted = [(rows, size) for rows, size in zip(parts, sizes, strict=True) if size > 0]
        total = sum(size for _, size in counted)
        here = self._here or is_watched()
        values = None if here else [p.value for p in self._optimizer.params]
        calls = [Call((DATA_SET,), parcels, (rows, values)) for rows, _ in counted]
        found = self._workers.run(calls, here)
        self._warn(next((reason for _, reason in found if reason is not None), None))
        sums: Gradients = weighted_sum("fit", [grads for grads, _ in found], [size / total for _, size in counted])
        return sums

    def _warn(self, reason: str | None) -> None:
        if reason is not None and not self._warned:
            self._warned = True
            warnings.warn(
                f"fit: this model is not compiled, so it learns as well but more slowly: {reason}", stacklevel=8
            )

    def _move(self, grads: Gradients) -> None:
        optimizer = self._optimizer
        found = {p: g for p, g in zip(optimizer.params, grads, strict=True) if g is not None}
        found = clipped(found, self._clip_norm)
        optimizer.move(
            [
                optimizer.update(p.value, found[p], np.asarray(optimizer.lr, p.dtype), *s) if p in found else (None, s)
                for p, s in zip(optimizer.params, optimizer.state, strict=True)
            ]
        )


class GradientOfPart:
    """What a worker does: the gradient of the cost of some rows of the examples.

    It is pickled with the model and its parameters; these then belong together in the copy, too.
    """

    def __init__(self, model: Model, cost: Cost, params: list[Tensor], compiled: bool) -> None:
        self._params = params
        self._slopes = partial(_slopes, model, cost, params)
        self._compiled = compile(partial(self._slopes, True)) if compiled else None
        self._reason: str | None = None

    def __call__(
        self, data: list[Parcel | None], rows: Array, values: list[Array] | None
    ) -> tuple[Gradients, str | None]:
        """The gradients, with new values for the parameters, and why they are not compiled, if they cannot be."""
        if values is not None:
            replace_values(list(zip(self._params, values, strict=True)))
        batch = [None if parcel is None else parcel.array[rows] for parcel in data]
        if self._compiled is None or is_watched():
            return self._slopes(False, *batch), self._reason
        try:
            return self._compiled(*batch), None
        except Exception as error:
            found = self._slopes(False, *batch)  # an error of the model itself comes out here
            self._compiled, self._reason = None, str(error)
            return found, self._reason


def _slopes(model: Model, cost: Cost, params: list[Tensor], traced: bool, x: Any, y: Any, weights: Any) -> Gradients:
    C = cost_to_lower(model, x, y, weights, cost)
    found = gradients(C, np.ones(C.shape, C.dtype), params, create_graph=traced)
    if not found:
        raise ValueError(
            "fit: the cost depends on no parameter of the optimizer: is it of another model, or are they global "
            "variables, which are not a part of the copies that workers are sent?"
        )
    return [found.get(p) for p in params]


def _check(model: Model, executor: Executor | None, shards: Any) -> None:
    """Raise where there is nothing to cut, or the parts would not add up."""
    check_executor("fit", executor)
    if shards is None:
        raise ValueError(
            "fit: with an executor, shards must say into how many parts each mini-batch is cut, as in shards=4; the "
            "bits depend on that number, and not on how many workers there are"
        )
    check_whole("fit", shards=shards)
    for module in model.named_modules().values() if isinstance(model, Module) else ():
        if not module.compilable:
            raise ValueError(
                f"fit: {module!r} draws random numbers, or looks at the other examples of its batch, while it learns, "
                "so that the parts of a mini-batch do not add up to the whole; leave out shards and executor, or that "
                "layer"
            )


def _check_sum(whole: Gradients, sums: Gradients, examples: Examples, batch: Array) -> None:
    """Raise where the parts of a mini-batch do not add up to the whole."""
    pairs = [(w, s) for w, s in zip(whole, sums, strict=True) if w is not None and s is not None]
    off = max(float(np.max(np.abs(w - s), initial=0)) for w, s in pairs)
    size = max(float(np.max(np.abs(w), initial=0)) for w, _ in pairs)
    eps = max(float(np.finfo(w.dtype).eps) for w, _ in pairs)
    # Where an example is met exactly, its gradient is a rounding error.
    of_rounding = 1e3 * eps * np.prod([max(1.0, float(np.max(np.abs(part[batch])))) for part in examples[:2]])
    surplus = any((w is None) != (s is None) for w, s in zip(whole, sums, strict=True))
    if surplus or off > np.sqrt(eps) * size + of_rounding:
        raise ValueError(
            f"fit: the gradient of a mini-batch in parts is not that of the whole (off by {off:.2g}, of {size:.2g}). "
            "With shards, the cost must be a mean over the examples, the model must treat each example by itself and "
            "draw no random numbers, and what workers need must be a part of the model and the cost, not a global "
            "variable"
        )
