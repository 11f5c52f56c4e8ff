"""Functions given by their values: on a grid, piece by piece, as a signal, along one axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import expands
from tinygrad_edu.rules.indexing import scatter_add


@expands(np.linspace)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    step = stop - start
    share = np.linspace(0.0, 1.0, num, endpoint, dtype=step.dtype).reshape((-1, *(1 for _ in step.shape)))
    return np.moveaxis(start + share * step, 0, axis)


@expands(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    n = len(x) if N is None else N
    return np.stack([x**k for k in (range(n) if increasing else range(n - 1, -1, -1))], axis=-1)


@expands(np.piecewise)
def piecewise(x: Any, conditions: Any, functions: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    masks = [np.asarray(c, bool) for c in (conditions if isinstance(conditions, list | tuple) else [conditions])]
    if len(functions) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    y = 0 * x
    for mask, f in zip(masks, functions, strict=True):
        value = f(x[mask], *args, **kwargs) if callable(f) else f  # evaluated only where it applies
        inside = scatter_add(np.broadcast_to(value, (int(np.sum(mask)),)), mask, x.shape)
        y = np.where(mask, inside, y)
    return y.astype(x.dtype)


@expands(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    if np.size(v) > np.size(a):
        a, v = v, a
    n, m = np.size(a), np.size(v)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(np.positive(a), m - 1), m)
    full = windows @ v[::-1]
    match mode:
        case "full":
            return full
        case "same":
            return full[(m - 1) // 2 : (m - 1) // 2 + n]
        case "valid":
            return full[m - 1 : n]
    raise ValueError(f"np.convolve: unknown mode {mode!r}; known: full, same, valid")


@expands(np.apply_along_axis)
def apply_along_axis(f: Any, axis: int, a: Any, *args: Any, **kwargs: Any) -> Any:
    rows = np.moveaxis(a, axis, -1)
    outer = rows.shape[:-1]
    results = [f(row, *args, **kwargs) for row in rows.reshape((-1, rows.shape[-1]))]
    joined = np.stack(results)
    inner = joined.shape[1:]
    joined = joined.reshape((*outer, *inner))
    return np.moveaxis(joined, range(len(outer), joined.ndim), range(axis % a.ndim, axis % a.ndim + len(inner)))
