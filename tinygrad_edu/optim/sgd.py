"""Gradient descent, with or without momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.optim.base import Array, Optimizer, check_number
from tinygrad_edu.tensor import Tensor


class SGD(Optimizer):
    """Gradient descent, w → w − η ∂C/∂w; with momentum, w → w − η v where v → μ v + ∂C/∂w.

    With a cost that is the mean over a mini-batch of m examples this is Nielsen's update, w → w − η/m Σₓ δ aᵀ.

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The learning rate η.
    momentum : float
        μ, from 0 (none) to below 1.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.0) -> None:
        check_number("SGD", "momentum", momentum, "from 0 to below 1", lambda mu: 0 <= mu < 1)
        self.momentum = momentum
        super().__init__(params, lr)

    def initial_state(self, w: Array) -> tuple[Array, ...]:
        """The velocity v, at rest."""
        return (np.zeros_like(w),) if self.momentum else ()

    def update(self, w: Any, g: Any, *state: Any) -> tuple[Any, tuple[Any, ...]]:
        """Gives w − η g; with momentum, w − η v."""
        if not state:
            return w - float(self.lr) * g, ()
        v = float(self.momentum) * state[0] + g
        return w - float(self.lr) * v, (v,)
