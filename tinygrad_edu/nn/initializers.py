"""Where the weights start: random matrices of shape (n_in, n_out), by name.

A unit adds n_in products, so with weights of variance 1 its weighted input z has variance about n_in: large, and the
unit saturates. Dividing by √n_in keeps z near 1 (Nielsen, chapter 3). Biases are drawn like the weights in ``normal``,
as the texts do it, and ``scaled`` (with standard deviation 1); in ``glorot`` and ``he`` they are 0.

In a convolution a unit sees n_in channels at each of the ``places`` of a kernel, so it adds n_in · places products, and
an input goes into n_out · places of them: these are the numbers that n_in and n_out stand for below.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import unknown_name

Array = npt.NDArray[Any]
Weights = Callable[..., tuple[Array, Array]]  # of rng, n_in, n_out, places=1


def scaled(rng: np.random.Generator, n_in: int, n_out: int, places: int = 1) -> tuple[Array, Array]:
    """W ~ N(0, 1/n_in), b ~ N(0, 1)."""
    return rng.normal(size=(n_in * places, n_out)) / sqrt(n_in * places), rng.normal(size=n_out)


def normal(rng: np.random.Generator, n_in: int, n_out: int, places: int = 1) -> tuple[Array, Array]:
    """W, b ~ N(0, 1)."""
    return rng.normal(size=(n_in * places, n_out)), rng.normal(size=n_out)


def glorot(rng: np.random.Generator, n_in: int, n_out: int, places: int = 1) -> tuple[Array, Array]:
    """W ~ N(0, 2/(n_in + n_out)), b = 0 (Glorot and Bengio 2010; for tanh)."""
    return rng.normal(size=(n_in * places, n_out)) * sqrt(2 / (n_in + n_out) / places), np.zeros(n_out)


def he(rng: np.random.Generator, n_in: int, n_out: int, places: int = 1) -> tuple[Array, Array]:
    """W ~ N(0, 2/n_in), b = 0 (He et al. 2015; for relu)."""
    return rng.normal(size=(n_in * places, n_out)) * sqrt(2 / n_in / places), np.zeros(n_out)


INITIALIZERS: dict[str, Weights] = {f.__name__: f for f in (scaled, normal, glorot, he)}


def initializer_named(name: str, who: str) -> Weights:
    """The initialiser of a name; ``who`` asks, for the error message."""
    if not isinstance(name, str) or name not in INITIALIZERS:
        raise ValueError(unknown_name(who, name, INITIALIZERS))
    return INITIALIZERS[name]


def generator_of(rng: int | np.random.Generator | None, who: str) -> np.random.Generator:
    """The source of random numbers, or that of a seed; ``who`` asks, for the error message."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(
            f"{who} must be a seed (an integer from 0 up), a numpy Generator or None, not {rng!r}"
        ) from None
