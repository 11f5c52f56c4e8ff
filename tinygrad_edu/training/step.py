"""One step down the gradient of a mini-batch."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.compiler import compile, last_backward_pass, only_needed
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError
from tinygrad_edu.compiler.program import NumbaSteps, Program, faster, in_machine_code
from tinygrad_edu.engine import gradients, is_watched
from tinygrad_edu.nn import Module
from tinygrad_edu.optim.base import Optimizer, State
from tinygrad_edu.optim.clipping import shortened
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.measuring import Array, Cost, Model, cost_of

Examples = tuple[Array, Array, Array | None]
"""x, y, and how much each example counts."""


class Step:
    """The step: compiled if that is wanted and can be done, else as it is written."""

    def __init__(
        self,
        model: Model,
        cost: Cost,
        optimizer: Optimizer,
        compiled: bool,
        clip_norm: float | None = None,
        backend: str = "numpy",
    ) -> None:
        self._model, self._cost, self._optimizer, self._clip_norm = model, cost, optimizer, clip_norm
        if isinstance(model, Module):
            compiled = compiled and all(module.compilable for module in model.named_modules().values())
        self._function = partial(_moved, model, cost, optimizer, clip_norm)
        self._compiled = compile(self._function) if compiled else None
        self._backend = backend
        self._machine_code: Program | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether the steps are compiled, as far as is known."""
        return self._compiled is not None

    def epoch(self, examples: Examples, order: Array, batch_size: int) -> None:
        """Take a step for each mini-batch of the examples, in this order."""
        whole = len(order) - len(order) % batch_size
        alike = order[batch_size:whole].reshape(-1, batch_size)
        self._of(examples, order[:batch_size])  # from then on there is a program
        if self._compiled is None or is_watched():
            for rows in alike:
                self._of(examples, rows)
        elif len(alike):
            self._follow(examples, alike)
        if 0 < whole < len(order):
            self._of(examples, order[whole:])

    def _of(self, examples: Examples, rows: Array) -> None:
        x, y, weights = examples
        self(x[rows], y[rows], None if weights is None else weights[rows])

    def _follow(self, examples: Examples, batches: Array) -> None:
        """Take many steps as one program. Ctrl-C leaves the parameters as after a whole step."""
        params, args = self._optimizer.params, (*examples, np.asarray(self._optimizer.lr, float), self._optimizer.state)
        left = None
        try:
            for moved in self._program_for(args, batches).steps(params, args, batches):
                left = moved
        finally:
            if left is not None:
                self._optimizer.move(left)

    def _program_for(self, args: tuple[Any, ...], batches: Array) -> Program:
        """What takes the steps, as the backend says."""
        assert self._compiled is not None
        program = self._compiled.programs[-1]
        assert isinstance(program, Program)  # a step is handed no generator of random numbers
        if self._backend == "numpy":
            return program
        if self._machine_code is None:
            self._machine_code = self._fast_program(program, args, batches)
        return self._machine_code

    def _fast_program(self, program: Program, args: tuple[Any, ...], batches: Array) -> Program:
        params = self._optimizer.params
        try:
            *columns, lr, state = args
            batch = [None if column is None else column[batches[0]] for column in columns]
            fast = in_machine_code(NumbaSteps, self._function, (*batch, lr, state), params)
        except (CannotTakeError, ImportError) as reason:
            if self._backend == "numba":
                warnings.warn(
                    f"fit: numba cannot take this model ({reason}), so it learns as the NumPy program; the results are "
                    "the same, to rounding",
                    stacklevel=9,
                )
            return program
        if self._backend == "numba":
            return fast
        return faster(program, fast, lambda one: list(one.steps(params, args, batches[:50])))

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
                f"fit: this model is not compiled, so it learns as well but more slowly: {error}", stacklevel=8
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
    last_backward_pass()
    found = gradients(C, np.ones(C.shape, C.dtype), optimizer.params, create_graph=True)
    if not found:
        raise ValueError(ANOTHER_MODEL)
    found = clipped({p: found[p] for p in optimizer.params if p in found}, clip_norm)
    moved = []
    for p, s in zip(optimizer.params, state, strict=True):
        g = found.pop(p, None)
        moved.append((None, s) if g is None else optimizer.update(p, g, lr.astype(p.dtype), *s))
        only_needed(found.values())
    return moved


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
