"""Optimisers: how the parameters move once the gradient is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
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
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: momentum must be from 0 to below 1, not {momentum}")
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
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas must be from 0 to below 1, not {betas}")
        self.betas = betas
        self.eps = eps

    def initial_state(self, w: Array) -> tuple[Array, ...]:
        """The number of steps t, and the running means m and v."""
        return np.zeros(()), np.zeros_like(w), np.zeros_like(w)

    def update(self, w: Any, g: Any, *state: Any) -> tuple[Any, tuple[Any, ...]]:
        """Gives w − η m̂ / (√v̂ + ε)."""
        t, m, v = state
        beta1, beta2 = map(float, self.betas)
        t, m, v = t + 1.0, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t).astype(w.dtype), v / (1 - beta2**t).astype(w.dtype)
        return w - float(self.lr) * m_hat / (np.sqrt(v_hat) + float(self.eps)), (t, m, v)
