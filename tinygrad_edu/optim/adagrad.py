"""Adagrad: a learning rate for each weight, which falls with what it has moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.errors import check_number
from tinygrad_edu.optim.base import Array, Optimizer, State
from tinygrad_edu.tensor import Tensor


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer 2011): s → s + g², w → w − η g / (√s + ε).

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The learning rate η.
    lr_decay : float
        κ ≥ 0: in step t the rate is η / (1 + (t − 1) κ).
    eps : float
        ε, against division by zero.
    weight_decay : float
        λ ≥ 0: every gradient is ∂C/∂w + λ w.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (("lr_decay", lr_decay), ("eps", eps)):
            check_number("Adagrad", name, value, "0 or more", lambda value: value >= 0)
        self.lr_decay = lr_decay
        self.eps = eps
        super().__init__(params, lr, weight_decay)

    def initial_state(self, w: Array) -> State:
        """The number of steps t, and the sum s of all g²."""
        return np.zeros(()), np.zeros_like(w)

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """Gives w − η g / (√s + ε)."""
        g = self.decayed(w, g)
        t, s = state
        s = s + g * g
        rate = (lr / (1 + t * float(self.lr_decay))).astype(w.dtype)
        return w - rate * g / (np.sqrt(s) + float(self.eps)), (t + 1.0, s)
