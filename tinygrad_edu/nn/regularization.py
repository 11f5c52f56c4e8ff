"""Layers that help other layers to learn: dropout and normalisation.

`Dropout` and `BatchNorm1d` do one thing while the model learns and another once it has learned; `Module.train` and
`Module.eval` say which. `tinygrad_edu.fit` switches by itself, and leaves the model as it is used, in ``eval()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.errors import check_number, check_whole
from tinygrad_edu.nn.batches import real
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor


class Dropout(Module):
    """While the model learns, each input is set to 0 with probability p, and the others are divided by 1 − p.

    So no unit can rely on one other unit (Srivastava et al. 2014; Nielsen, chapter 3). Later all inputs pass as they
    are, which is what the inputs that are left were on average.

    Parameters
    ----------
    p : float
        The probability, from 0 to below 1.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers.

    Raises
    ------
    ValueError
        If ``p`` is not in [0, 1).
    TypeError
        If ``p`` is no number.
    """

    compilable = False

    def __init__(self, p: float = 0.5, rng: int | np.random.Generator | None = None) -> None:
        check_number("Dropout", "p", p, "a probability, from 0 to below 1", lambda p: 0 <= p < 1)
        self.p = float(p)
        self.rng = generator_of(rng, "Dropout: rng")

    def __call__(self, x: Any) -> Any:
        """What is left of the inputs ``x``, of any shape."""
        if not self.training or self.p == 0:
            return x
        x = real("Dropout", x)
        with scope("dropout"):
            return x * ((self.rng.random(x.shape) >= self.p) / x.dtype.type(1 - self.p))

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class _Normalization(Module):
    """What both have: a scale γ and a shift β for each feature."""

    def __init__(self, n_features: int, eps: float, dtype: npt.DTypeLike) -> None:
        who = type(self).__name__
        check_whole(who, n_features=n_features)
        check_number(who, "eps", eps, "positive", lambda eps: eps > 0)
        self.n_features, self.eps = int(n_features), float(eps)
        self.gamma = Tensor(np.ones(n_features), requires_grad=True, name="γ", dtype=dtype)
        self.beta = Tensor(np.zeros(n_features), requires_grad=True, name="β", dtype=dtype)

    def normalized(self, x: Any, mean: Any, variance: Any) -> Any:
        """γ (x − mean) / √(variance + ε) + β."""
        return self.gamma * ((x - mean) / np.sqrt(variance + self.eps)) + self.beta

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_features})"


class LayerNorm(_Normalization):
    """Each example is normalised over its features: γ (x − mean) / √(variance + ε) + β (Ba et al. 2016).

    Parameters
    ----------
    n_features : int
        The size of the last axis.
    eps : float
        ε > 0.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    gamma, beta : Tensor, shape (n_features,)
        The scale γ and the shift β, at first 1 and 0.

    Raises
    ------
    ValueError, TypeError
        If ``n_features`` is not a whole number from 1 up, or ``eps`` not a positive number.
    """

    def __init__(self, n_features: int, eps: float = 1e-5, dtype: npt.DTypeLike = np.float64) -> None:
        super().__init__(n_features, eps, dtype)

    def __call__(self, x: Any) -> Any:
        """The examples ``x`` of shape (…, n_features), normalised; of the same shape."""
        x = real("LayerNorm", x)
        if x.ndim == 0 or x.shape[-1] != self.n_features:
            raise ValueError(f"LayerNorm: x has shape {x.shape}, but this layer takes (…, {self.n_features})")
        with scope("layer norm"):
            return self.normalized(x, np.mean(x, axis=-1, keepdims=True), np.var(x, axis=-1, keepdims=True))


class BatchNorm1d(_Normalization):
    """Each feature is normalised over the batch: γ (x − mean) / √(variance + ε) + β (Ioffe and Szegedy 2015).

    While the model learns, mean and variance are those of the batch, and running averages of them are kept:
    average → (1 − momentum) average + momentum · new one. Once it has learned, it takes the averages.

    Parameters
    ----------
    n_features : int
        The number of columns.
    eps : float
        ε > 0.
    momentum : float
        How much of the running averages each batch replaces, from 0 to 1.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    gamma, beta : Tensor, shape (n_features,)
        The scale γ and the shift β, at first 1 and 0.
    running_mean, running_var : Tensor, shape (n_features,)
        At first 0 and 1; they are not trained. The variances in ``running_var`` are those with n − 1.

    Raises
    ------
    ValueError, TypeError
        If ``n_features`` is not a whole number from 1 up, ``eps`` not a positive number, or ``momentum`` none from 0 to
        1.
    """

    compilable = False

    def __init__(
        self, n_features: int, eps: float = 1e-5, momentum: float = 0.1, dtype: npt.DTypeLike = np.float64
    ) -> None:
        super().__init__(n_features, eps, dtype)
        check_number("BatchNorm1d", "momentum", momentum, "from 0 to 1", lambda momentum: 0 <= momentum <= 1)
        self.momentum = float(momentum)
        self.running_mean = Tensor(np.zeros(n_features), name="running mean", dtype=dtype)
        self.running_var = Tensor(np.ones(n_features), name="running variance", dtype=dtype)

    def __call__(self, x: Any) -> Any:
        """The batch ``x`` of shape (n, n_features), normalised; of the same shape.

        Raises
        ------
        ValueError
            If ``x`` has another shape, or, while the model learns, a single example, which has no variance.
        """
        x = real("BatchNorm1d", x)
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ValueError(f"BatchNorm1d: x has shape {x.shape}, but this layer takes (n, {self.n_features})")
        if self.training and len(x) < 2:
            raise ValueError(
                f"BatchNorm1d: a batch of {len(x)} has no variance; while it learns, each batch needs 2 examples or "
                "more (in fit, choose a batch_size that leaves no single one at the end), or call eval() first"
            )
        with scope("batch norm"):
            if not self.training:
                return self.normalized(x, self.running_mean, self.running_var)
            mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
            self._remember(mean, variance, len(x))
            return self.normalized(x, mean, variance)

    def _remember(self, mean: Any, variance: Any, n: int) -> None:
        for average, new in ((self.running_mean, mean), (self.running_var, variance * (n / (n - 1)))):
            value = new.numpy() if isinstance(new, Tensor) else new
            average.data = (1 - self.momentum) * average.value + self.momentum * value
