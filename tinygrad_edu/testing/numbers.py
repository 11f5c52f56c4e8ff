"""Arrays of round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Array = npt.NDArray[Any]


def arrays(
    shape: int | tuple[int, ...] | st.SearchStrategy[Any],
    *,
    min_value: float = -3.0,
    max_value: float = 3.0,
    away_from: Sequence[float] = (0.0,),
    distance: float = 0.1,
    unique: bool = False,
    dtype: npt.DTypeLike = np.float64,
) -> st.SearchStrategy[Array]:
    """Arrays of finite, round numbers that keep away from where a function has a corner.

    They shrink to whole numbers if these will do, else to numbers with one decimal, and to small ones.

    Parameters
    ----------
    shape : int, tuple of int, or a strategy for them
        Such as ``hypothesis.extra.numpy.array_shapes()``.
    min_value, max_value : float
        The bounds, which may occur. About a hundred to a thousand numbers between them are drawn from, equally spaced.
    away_from : sequence of float
        Where the corners are: 0 for relu and abs. Every number is at least ``distance`` away from them.
    distance : float
    unique : bool
        Whether all numbers of an array are different, so that there is no tie in a maximum.
    dtype : dtype
        Of floats.

    Raises
    ------
    ValueError
        If there are no such numbers, or too few for ``unique``.
    TypeError
        If ``dtype`` is not one of floats.

    Examples
    --------
    >>> from hypothesis import find
    >>> import numpy as np
    >>> find(arrays((2, 2)), lambda a: np.sum(a) < 0)
    array([[ 1.,  1.],
           [-1., -2.]])
    """
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"arrays: dtype must be one of floats, such as np.float32, not {np.dtype(dtype)}")
    numbers = _numbers(float(min_value), float(max_value), tuple(away_from), float(distance))

    def of_shape(shape: Any) -> st.SearchStrategy[Array]:
        size = math.prod(np.atleast_1d(shape).tolist())
        levels = numbers
        if unique:
            different = [list(dict.fromkeys(number.elements)) for number in numbers]
            levels = [st.sampled_from(values) for values in different if len(values) >= size]
        if not levels:
            raise ValueError(
                f"arrays: shape {shape} needs {size} different numbers, but between these bounds there are "
                f"{len(different[-1])}"
            )
        entries = st.sampled_from([*levels, *levels[-1:] * 2]).flatmap(
            lambda number: st.lists(number, min_size=size, max_size=size, unique=unique)
        )
        return entries.map(lambda drawn: np.array(drawn, dtype).reshape(shape))

    return shape.flatmap(of_shape) if isinstance(shape, st.SearchStrategy) else of_shape(shape)


@cache
def _numbers(low: float, high: float, corners: tuple[float, ...], distance: float) -> list[Any]:
    """Strategies for a number: rounded to no decimal, to one, and so on. It takes longer to make them than to draw.

    All draw from the same finely spaced numbers, so that a failing example can become rounder and stay what it is.
    """
    decimals, values = round_numbers(low, high)
    values = [v for v in values if all(abs(v - corner) >= distance * (1 - 1e-9) for corner in corners)]
    if not values:
        raise ValueError(
            f"arrays: no number from {low:g} to {high:g} is {distance:g} away from "
            f"{', '.join(f'{corner:g}' for corner in corners)}; widen the bounds, or take a smaller distance"
        )
    values.sort(key=lambda v: (abs(v), v < 0))
    levels = [[v for v in values if round(v, d) == v] for d in range(max(decimals, 0) + 1)]
    return [st.sampled_from([_rounded(v, level) for v in values]) for level in levels if level]


def _rounded(v: float, level: list[float]) -> float:
    """The next number of a level, away from 0 if there is one."""
    farther = [w for w in level if w >= v >= 0 or w <= v <= 0]
    return min(farther or level, key=lambda w: abs(w - v))


def round_numbers(low: float, high: float) -> tuple[int, list[float]]:
    """How many decimals there are, and a hundred to a thousand numbers from low to high, equally spaced."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"arrays: min_value must be below max_value, and both finite, not {low} and {high}")
    decimals = -math.floor(math.log10((high - low) / 100))
    first, last = (end * 10.0**decimals for end in (low, high))
    # float("37e-2") is the float nearest to 0.37, which 37 · 0.01 need not be
    return decimals, [float(f"{k}e{-decimals}") for k in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)]
