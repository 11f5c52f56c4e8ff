"""What all optimisers do: hold the parameters and what is remembered of them, and move them all at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]


class Optimizer:
    """The base: it holds the parameters; a subclass says by which array each moves.

    Parameters
    ----------
    params : iterable of Tensor
        Leaves that require a gradient.
    lr : float
        The learning rate η, > 0.

    Raises
    ------
    ValueError
        If there are no parameters, or ``lr`` is not positive.
    TypeError
        If a parameter is not a leaf that requires a gradient.
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        who = type(self).__name__
        self.params = list(params)
        self.lr = lr
        if not self.params:
            raise ValueError(f"{who}: params is empty; pass model.parameters()")
        for p in self.params:
            if not isinstance(p, Tensor) or not p.requires_grad or p.fn is not None:
                raise TypeError(f"{who}: every parameter must be a Tensor made with requires_grad=True, not {p!r}")
        self.params = list(dict.fromkeys(self.params))  # one given twice is moved once
        if not lr > 0:
            raise ValueError(f"{who}: lr must be positive, not {lr}")
        self.state = [self.initial_state(p.value) for p in self.params]

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for i, p in enumerate(self.params):
            if p.grad is not None:
                # A new array: what was computed from the old value keeps it.
                value, self.state[i] = self.update(p.value, p.grad, *self.state[i])
                p.replace(value)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.params:
            p.grad = None

    def initial_state(self, w: Array) -> tuple[Array, ...]:
        """What is remembered about a parameter before the first step."""
        return ()

    def update(self, w: Any, g: Any, *state: Any) -> tuple[Any, tuple[Any, ...]]:
        """The parameter after a step down its gradient ``g``, and what is remembered: plain NumPy, so it compiles."""
        raise NotImplementedError
