"""One step down the gradient of a mini-batch."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.compiler import compile
from tinygrad_edu.engine import gradients, is_watched
from tinygrad_edu.nn import Module
from tinygrad_edu.optim.base import Optimizer, State
from tinygrad_edu.optim.clipping import shortened
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.measuring import Array, Cost, Model, cost_of


class Step:
    """The step: compiled if that is wanted and can be done, else as it is written."""

    def __init__(
        self, model: Model, cost: Cost, optimizer: Optimizer, compiled: bool, clip_norm: float | None = None
    ) -> None:
        self._model, self._cost, self._optimizer, self._clip_norm = model, cost, optimizer, clip_norm
        if isinstance(model, Module):
            compiled = compiled and all(module.compilable for module in model.named_modules().values())
        self._compiled = compile(partial(_moved, model, cost, optimizer, clip_norm)) if compiled else None

    def epoch(self, examples: tuple[Array, Array, Array | None], order: Array, batch_size: int) -> None:
        """A step for each mini-batch: so many rows of the examples, in this order."""
        x, y, weights = examples
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            self(x[batch], y[batch], None if weights is None else weights[batch])

    def __call__(self, x: Array, y: Array, weights: Array | None = None) -> None:
        """Take one step, for the examples x with the targets y; some may count more than others."""
        if self._compiled is None or is_watched():
            self._take(x, y, weights)
            return
        try:
            moved = self._compiled(x, y, weights, np.asarray(self._optimizer.lr, float), self._optimizer.state)
        except Exception as error:
            self._take(x, y, weights)  # an error of the model itself comes out here
            self._compiled = None
            warnings.warn(
                f"fit: this model is not compiled, so it learns as well but more slowly: {error}", stacklevel=4
            )
            return
        self._optimizer.move(moved)

    def _take(self, x: Array, y: Array, weights: Array | None) -> None:
        self._optimizer.zero_grad()
        cost_to_lower(self._model, x, y, weights, self._cost).backward()
        found = {p: p.grad for p in self._optimizer.params if p.grad is not None}
        if not found:
            raise ValueError(ANOTHER_MODEL)
        for p, g in clipped(found, self._clip_norm).items():
            p.grad = g
        self._optimizer.step()


ANOTHER_MODEL = "fit: the cost depends on no parameter of the optimizer: is it of another model?"


def _moved(
    model: Model,
    cost: Cost,
    optimizer: Optimizer,
    clip_norm: float | None,
    x: Any,
    y: Any,
    weights: Any,
    lr: Any,
    state: list[State],
) -> list[tuple[Any, State]]:
    """A step as a function: for each parameter its new value, None where there is no gradient, and its state."""
    C = cost_to_lower(model, x, y, weights, cost)
    found = gradients(C, np.ones(C.shape, C.dtype), optimizer.params, create_graph=True)
    if not found:
        raise ValueError(ANOTHER_MODEL)
    found = clipped({p: found[p] for p in optimizer.params if p in found}, clip_norm)
    return [
        optimizer.update(p, found[p], lr.astype(p.dtype), *s) if p in found else (None, s)
        for p, s in zip(optimizer.params, state, strict=True)
    ]


def clipped(grads: dict[Any, Any], max_norm: float | None) -> dict[Any, Any]:
    """The gradients, all made smaller by one factor where their norm is above ``max_norm``."""
    if max_norm is None:
        return grads
    return dict(zip(grads, shortened(list(grads.values()), max_norm)[0], strict=True))


def cost_to_lower(model: Model, x: Any, y: Any, weights: Any, cost: Cost) -> Tensor:
    """C of a batch, which depends on a parameter."""
    C, _ = cost_of(model, x, y, cost, weights)
    if not isinstance(C, Tensor) or not C.requires_grad:
        raise TypeError(
            "fit: the cost does not depend on any parameter, so nothing can be learned; is the output "
            "a step function, or does the model or the cost leave tensors (with .numpy() or no_grad)?"
        )
    return C
