"""Numbers as JSON: a film holds its arrays in one list, and refers to them by index."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from tinygrad_edu.equations.arrays import Array, flat, norm

Data = dict[str, Any]

NUMBERS = 180_000  # how many numbers a film holds; beyond that, the largest arrays are sampled
EXACT = 60_000  # up to so many, all their digits; beyond that, seven of them
SMALL = 32  # arrays up to this size are never sampled, and text in a film of few numbers


class Arrays:
    """The arrays of a film: of those with the same numbers, one."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._kept: dict[int, tuple[int, Any]] = {}  # by id: the index of an array, which stays alive with it
        self._same: dict[tuple[Any, bytes], int] = {}

    def keep(self, x: Any) -> int:
        """The index of an array, or of several in one row."""
        if id(x) not in self._kept:
            array = np.asarray(flat(x), dtype=np.float64)
            index = self._same.setdefault((array.shape, array.tobytes()), len(self._arrays))
            if index == len(self._arrays):
                self._arrays.append(array)
            self._kept[id(x)] = index, x
        return self._kept[id(x)][0]

    def encoded(self) -> list[Data]:
        """All of them; of the largest, so many entries that the film does not hold too many numbers."""
        total = sum(array.size for array in self._arrays)
        cap = max([array.size for array in self._arrays], default=0)
        while sum(min(array.size, cap) for array in self._arrays) > NUMBERS and cap > 2 * SMALL:
            cap = cap * 3 // 4
        return [_array(array, cap, total <= EXACT) for array in self._arrays]


def number(x: float) -> float | str:
    """JSON has no NaN and no infinity: they become text."""
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _array(array: Array, cap: int, exact: bool) -> Data:
    """All numbers, or of an array that is too large those in some of its rows and columns, evenly spread."""
    data: Data = {"shape": list(array.shape)}
    if array.size > cap:
        table = array.reshape(-1, array.shape[-1])
        columns = _spread(table.shape[1], max(math.isqrt(cap), cap // table.shape[0]))
        rows = _spread(table.shape[0], max(cap // len(columns), 1))
        data |= {"rows": rows, "columns": columns, "norm": number(norm(array))}
        data |= {"missing": int(array.size - np.isfinite(array).sum())}
        array = table[np.ix_(rows, columns)]
    return data | _numbers(array, exact)


def _numbers(array: Array, exact: bool) -> Data:
    """As text, where they are few, or as bytes, four or eight to a number."""
    numbers = [number(x) for x in array.ravel().tolist()]
    if array.size <= SMALL and exact:
        return {"numbers": numbers}
    with np.errstate(all="ignore"):
        rounded = array.astype("<f4")
    is_in_range = np.allclose(rounded, array, rtol=1e-6, atol=0, equal_nan=True)
    coded = array.astype("<f8") if exact or not is_in_range else rounded
    text = base64.b64encode(coded.tobytes()).decode()
    return {"numbers": numbers} if len(str(numbers)) < len(text) else {"base64": text, "bytes": coded.itemsize}


def _spread(n: int, most: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))]
