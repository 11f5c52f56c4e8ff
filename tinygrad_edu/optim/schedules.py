"""Learning rates that change from epoch to epoch, under PyTorch's names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import cos, pi

import numpy as np

from tinygrad_edu.errors import check_number, check_whole, shown
from tinygrad_edu.optim.base import Optimizer


class LambdaLR:
    """η = η₀ · f(t), with η₀ the optimiser's ``initial_lr`` and t the number of calls of `step` so far.

    Parameters
    ----------
    optimizer : Optimizer
        Its ``lr`` is set at once, to η₀ · f(0), and at each step.
    lr_lambda : callable
        f, of a whole number t ≥ 0.

    Attributes
    ----------
    last_epoch : int
        t.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> sgd = tg.optim.SGD(tg.nn.MLP([2, 1]).parameters(), lr=1.0)
    >>> schedule = tg.optim.LambdaLR(sgd, lambda t: 1 / (1 + t))
    >>> for epoch in range(3):
    ...     print(sgd.lr)  # train for one epoch here
    ...     schedule.step()
    1.0
    0.5
    0.3333333333333333
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        who = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{who}: optimizer must be one of tg.optim, not {shown(optimizer)}")
        if not callable(lr_lambda):
            raise TypeError(f"{who}: lr_lambda must be a function of the epoch, not {shown(lr_lambda)}")
        self.optimizer = optimizer
        self.factor = lr_lambda
        self.set_epoch(0)

    def step(self) -> None:
        """To the next epoch: set the optimiser's ``lr``."""
        self.set_epoch(self.last_epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """To the epoch t: set the optimiser's ``lr``."""
        factor = self.factor(epoch)
        check_number(type(self).__name__, f"the factor for epoch {epoch}", factor, "0 or more", lambda f: f >= 0)
        self.optimizer.lr = self.optimizer.initial_lr * factor
        self.last_epoch = epoch


class StepLR(LambdaLR):
    """η = η₀ γ^⌊t / s⌋: by the factor γ smaller every s epochs.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
        s ≥ 1.
    gamma : float
        γ > 0.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_whole("StepLR", step_size=step_size)
        check_number("StepLR", "gamma", gamma, "positive", lambda gamma: gamma > 0)
        super().__init__(optimizer, lambda t: gamma ** (t // step_size))


class ExponentialLR(LambdaLR):
    """η = η₀ γᵗ.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
        γ > 0.
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        check_number("ExponentialLR", "gamma", gamma, "positive", lambda gamma: gamma > 0)
        super().__init__(optimizer, lambda t: gamma**t)


class CosineAnnealingLR(LambdaLR):
    """η = η_min + (η₀ − η_min)(1 + cos(π t/T))/2, half a cosine from η₀ down to η_min (Loshchilov and Hutter 2017).

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        T ≥ 1, the epochs that it takes; then η rises again.
    eta_min : float
        η_min ≥ 0.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_whole("CosineAnnealingLR", T_max=T_max)
        check_number("CosineAnnealingLR", "eta_min", eta_min, "0 or more", lambda eta: eta >= 0)
        least = eta_min / optimizer.initial_lr if isinstance(optimizer, Optimizer) else 0.0
        super().__init__(optimizer, lambda t: least + (1 - least) * (1 + cos(pi * t / T_max)) / 2)


class LinearLR(LambdaLR):
    """Warm-up: η goes in a straight line from η₀ · start_factor to η₀ · end_factor, and stays there.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float
        Above 0.
    end_factor : float
        Above 0.
    total_iters : int
        The epochs that it takes, ≥ 1.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        for name, value in (("start_factor", start_factor), ("end_factor", end_factor)):
            check_number("LinearLR", name, value, "positive", lambda value: value > 0)
        check_whole("LinearLR", total_iters=total_iters)
        super().__init__(
            optimizer, lambda t: start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters
        )


class SequentialLR(LambdaLR):
    """One schedule after the other, such as a warm-up and then a cosine.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of schedules
        Of this optimiser.
    milestones : sequence of int
        The epochs at which the second, third, … begins; each counts from there.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> sgd = tg.optim.SGD(tg.nn.MLP([2, 1]).parameters(), lr=1.0)
    >>> parts = [tg.optim.LinearLR(sgd, 0.25, total_iters=3), tg.optim.CosineAnnealingLR(sgd, 4)]
    >>> schedule = tg.optim.SequentialLR(sgd, parts, milestones=[3])
    >>> rates = []
    >>> for epoch in range(8):
    ...     rates.append(round(sgd.lr, 2))
    ...     schedule.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 0.85, 0.5, 0.15, 0.0]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LambdaLR], milestones: Sequence[int]) -> None:
        if not isinstance(schedulers, list | tuple) or not all(isinstance(part, LambdaLR) for part in schedulers):
            raise TypeError(
                f"SequentialLR: schedulers must be a list of schedules such as LinearLR, not {shown(schedulers)}"
            )
        if not isinstance(milestones, list | tuple) or not all(isinstance(m, int | np.integer) for m in milestones):
            raise TypeError(f"SequentialLR: milestones must be a list of whole numbers, not {shown(milestones)}")
        parts: list[LambdaLR] = list(schedulers)
        starts = [0, *milestones]
        if not parts:
            raise ValueError("SequentialLR: 0 schedulers need at least one to begin with")
        if any(part.optimizer is not optimizer for part in parts):
            raise ValueError("SequentialLR: a schedule is of another optimizer; make all of them with this one")
        if len(parts) != len(starts) or sorted(set(starts)) != starts:
            raise ValueError(
                f"SequentialLR: {len(parts)} schedulers need {len(parts) - 1} milestones, rising from 1 up, not "
                f"{list(milestones)}"
            )

        def factor(t: int) -> float:
            i = bisect_right(starts, t) - 1
            return parts[i].factor(t - starts[i])

        super().__init__(optimizer, factor)
