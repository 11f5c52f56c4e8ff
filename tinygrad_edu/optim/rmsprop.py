"""RMSprop: steps scaled by a running mean of the squared gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.errors import check_number
from tinygrad_edu.optim.base import Array, Optimizer, State
from tinygrad_edu.tensor import Tensor


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012, lecture 6): s → α s + (1 − α) g², w → w − η g / (√s + ε).

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The learning rate η.
    alpha : float
        α, how much of the mean is kept, from 0 to below 1.
    eps : float
        ε, against division by zero.
    momentum : float
        μ: v → μ v + g / (√s + ε), w → w − η v.
    centered : bool
        Divide by the running standard deviation of g instead, √(s − ḡ²) + ε (Graves 2013).
    weight_decay : float
        λ ≥ 0: every gradient is ∂C/∂w + λ w.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        *,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (("alpha", alpha), ("momentum", momentum)):
            check_number("RMSprop", name, value, "from 0 to below 1", lambda value: 0 <= value < 1)
        check_number("RMSprop", "eps", eps, "0 or more", lambda eps: eps >= 0)
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        self.centered = bool(centered)
        super().__init__(params, lr, weight_decay)

    def initial_state(self, w: Array) -> State:
        """The running means of g² and of g, and the velocity v."""
        return np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """Gives w − η v, where without momentum v = g / (√s + ε)."""
        g = self.decayed(w, g)
        s, mean, v = state
        alpha = float(self.alpha)
        s = alpha * s + (1 - alpha) * g * g
        variance = s
        if self.centered:
            mean = alpha * mean + (1 - alpha) * g
            variance = np.maximum(s - mean * mean, 0.0)  # rounding can take it below
        v = float(self.momentum) * v + g / (np.sqrt(variance) + float(self.eps))
        return w - lr * v, (s, mean, v)
