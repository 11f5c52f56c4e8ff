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
        The bounds. About a hundred numbers between them are drawn from, equally spaced.
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
    tables = _tables(float(min_value), float(max_value), tuple(away_from), float(distance))
    if isinstance(shape, st.SearchStrategy):
        return shape.flatmap(lambda shape: _of_shape(tables, shape, unique, np.dtype(dtype)))
    return _of_shape(tables, tuple(shape) if isinstance(shape, tuple | list) else (shape,), unique, np.dtype(dtype))


@cache  # strategies take longer to make than to draw from
def _of_shape(
    tables: tuple[tuple[float, ...], ...], shape: tuple[int, ...], unique: bool, dtype: np.dtype[Any]
) -> st.SearchStrategy[Array]:
    """Arrays of numbers from one of the tables."""
    numbers = (_different if unique else _any)(tables, math.prod(shape))
    return numbers.map(lambda drawn: np.array(drawn, dtype).reshape(shape))


def _any(tables: tuple[tuple[float, ...], ...], size: int) -> st.SearchStrategy[Any]:
    """So many numbers, one for each byte: Hypothesis draws bytes all at once, which is many times as fast."""
    table = st.sampled_from([*map(np.array, tables), *[np.array(tables[-1])] * 2])
    drawn = st.tuples(table, st.binary(min_size=size, max_size=size))
    return drawn.map(lambda pair: pair[0][np.frombuffer(pair[1], np.uint8).astype(int) * len(pair[0]) // 256])


def _different(tables: tuple[tuple[float, ...], ...], size: int) -> st.SearchStrategy[Any]:
    """So many numbers that all differ."""
    different = [list(dict.fromkeys(table)) for table in tables]
    enough = [
        st.lists(st.sampled_from(v), min_size=size, max_size=size, unique=True) for v in different if len(v) >= size
    ]
    if not enough:
        raise ValueError(
            f"arrays: {size} different numbers are more than there are between these bounds, {len(different[-1])}"
        )
    return st.one_of(enough)


@cache
def _tables(low: float, high: float, corners: tuple[float, ...], distance: float) -> tuple[tuple[float, ...], ...]:
    """The numbers to draw from: rounded to no decimal, to one, and so on.

    A place in one table is nearly the same number as in the next, so that a failing example can become rounder and stay
    what it is.
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
    return tuple(tuple(_rounded(v, level) for v in values) for level in levels if level)


def _rounded(v: float, level: list[float]) -> float:
    """The next number of a level, away from 0 if there is one."""
    farther = [w for w in level if w >= v >= 0 or w <= v <= 0]
    return min(farther or level, key=lambda w: abs(w - v))


def round_numbers(low: float, high: float) -> tuple[int, list[float]]:
    """How many decimals there are, and 60 to 150 numbers from low to high, equally spaced."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"arrays: min_value must be below max_value, and both finite, not {low} and {high}")
    decimals = -math.floor(math.log10((high - low) / 150))
    step = next(step for step in (1, 2, 5, 10) if (high - low) / step * 10.0**decimals <= 150.001)
    first, last = (end * 10.0**decimals / step for end in (low, high))
    counted = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
    # float("37e-2") is the float nearest to 0.37, which 37 · 0.01 need not be
    return decimals, [float(f"{k * step}e{-decimals}") for k in counted]
