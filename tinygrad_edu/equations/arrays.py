"""Arrays compared and measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def flat(x: Any) -> Any:
    """An array as it is; the several results of one operation (`np.linalg.svd`) as one row of numbers."""
    return np.concatenate([np.ravel(part) for part in x]) if isinstance(x, tuple | list) else x


def norm(x: Any) -> float:
    """The Euclidean norm of all elements, also where their squares would overflow."""
    x = np.asarray(x, dtype=np.float64)
    largest = float(np.max(np.abs(x), initial=0.0))
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm((x / largest).ravel()))


def agree(x: Any, y: Any, size: float = 0.0) -> bool:
    """Whether two arrays are the same but for the rounding of numbers up to this size; NaN and infinity included."""
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape:
        return False
    precision = max(float(np.finfo(a.dtype).eps) if a.dtype.kind == "f" else 0.0 for a in (x, y))
    size = max(size, float(np.abs(y[np.isfinite(y)]).max(initial=0)))
    return np.allclose(x, y, rtol=1e3 * precision, atol=1e3 * precision * size, equal_nan=True)
