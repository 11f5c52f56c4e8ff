"""Adam: steps scaled by running means of the gradient and its square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.errors import check_number
from tinygrad_edu.optim.base import Array, Optimizer, State
from tinygrad_edu.tensor import Tensor


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): steps of about η, scaled by running means of g and g².

    m → β₁ m + (1 − β₁) g, v → β₂ v + (1 − β₂) g², w → w − η m̂ / (√v̂ + ε), with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The learning rate η.
    betas : (float, float)
        β₁ and β₂.
    eps : float
        ε, against division by zero.
    weight_decay : float
        λ ≥ 0: every gradient is ∂C/∂w + λ w. `AdamW` keeps the two apart.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        who = type(self).__name__
        super().__init__(params, lr, weight_decay)
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"{who}: betas must be two numbers, (0.9, 0.999), not {betas!r}")
        for beta in betas:
            check_number(who, "each of betas", beta)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{who}: betas must be from 0 to below 1, not {betas}")
        check_number(who, "eps", eps, "0 or more", lambda eps: eps >= 0)
        self.betas = betas
        self.eps = eps

    def initial_state(self, w: Array) -> State:
        """The number of steps t, and the running means m and v."""
        return np.zeros(()), np.zeros_like(w), np.zeros_like(w)

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """Gives w − η m̂ / (√v̂ + ε)."""
        g = self.decayed(w, g)
        t, m, v = state
        beta1, beta2 = map(float, self.betas)
        t, m, v = t + 1.0, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t).astype(w.dtype), v / (1 - beta2**t).astype(w.dtype)
        return w - lr * m_hat / (np.sqrt(v_hat) + float(self.eps)), (t, m, v)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): w → (1 − η λ) w, then the step of Adam.

    In `Adam` the decay λ w is a part of the gradient and is scaled like it, so that weights with large gradients decay
    less. Here all decay alike.

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        The learning rate η.
    betas : (float, float)
        β₁ and β₂.
    eps : float
        ε, against division by zero.
    weight_decay : float
        λ ≥ 0.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """Gives (1 − η λ) w − η m̂ / (√v̂ + ε)."""
        return super().update(w * (1 - lr * float(self.weight_decay)), g, lr, *state)

    def decayed(self, w: Any, g: Any) -> Any:
        """The gradient as it is."""
        return g
