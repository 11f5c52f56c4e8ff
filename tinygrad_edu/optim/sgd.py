"""Gradient descent, with or without momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.errors import check_number
from tinygrad_edu.optim.base import Array, Optimizer, State
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
    nesterov : bool
        Look ahead: step along ∂C/∂w + μ v instead of v (Sutskever et al. 2013, in the form of PyTorch).
    weight_decay : float
        λ ≥ 0: every gradient is ∂C/∂w + λ w, as if λ/2 ‖w‖² were part of the cost.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        check_number("SGD", "momentum", momentum, "from 0 to below 1", lambda mu: 0 <= mu < 1)
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov=True looks ahead along the momentum, but momentum is 0; as in momentum=0.9")
        self.momentum = momentum
        self.nesterov = bool(nesterov)
        super().__init__(params, lr, weight_decay)

    def initial_state(self, w: Array) -> State:
        """The velocity v, at rest."""
        return (np.zeros_like(w),) if self.momentum else ()

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """Gives w − η g; with momentum, w − η v."""
        g = self.decayed(w, g)
        if not state:
            return w - lr * g, ()
        mu = float(self.momentum)
        v = mu * state[0] + g
        return w - lr * (g + mu * v if self.nesterov else v), (v,)
