"""Functions given by their values: on a grid, piece by piece, as a signal, along one axis."""

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, defvjp, expands
from tinygrad_edu.rules.indexing import scatter_add


def _convolve_back(g: Any, other: Any, size: int) -> Any:
    """The sum turned round: every product aᵢ vⱼ counts in yᵢ₊ⱼ. What ``mode`` cut off gets no gradient."""
    cut = size + np.size(other) - 1 - g.size
    full = np.pad(g, (cut // 2, cut - cut // 2))
    return np.convolve(full, np.ravel(other)[::-1], "valid")


defvjp(
    np.convolve,
    lambda g, y, a, v, mode="full": _convolve_back(g, v, a.size).reshape(a.shape),
    lambda g, y, a, v, mode="full": _convolve_back(g, a, v.size).reshape(v.shape),
)


def _of_dtype(value: Any, dtype: Any) -> Any:
    return np.astype(value if hasattr(value, "dtype") else np.asarray(value), dtype)


@expands(np.linspace)
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    if index(num) < 0:
        raise ValueError(f"np.linspace: the number of samples must not be negative, but is {num}")
    dtype = np.result_type(start, stop, 1.0)
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    start, stop = (_of_dtype(end, dtype) for end in (start, stop))
    delta = stop - start
    grid = np.arange(num, dtype=dtype).reshape((-1, *(1 for _ in np.shape(delta))))
    steps = num - 1 if endpoint else num
    y = start + (grid * (delta / steps) if steps > 0 else grid * delta)
    if endpoint and num > 1:
        y = np.where(grid == num - 1, stop, y)  # exactly
    return np.moveaxis(y, 0, axis)


@expands(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise ValueError(f"np.vander: x must have one axis, but its shape is {x.shape}")
    n = len(x) if N is None else index(N)
    if n < 0:
        raise ValueError(f"np.vander: the number of columns must not be negative, but is {n}")
    if n == 0:
        return x[:, None][:, :0]
    powers = [np.where(True, np.ones((), x.dtype), x)]
    for _ in range(n - 1):
        powers.append(x if len(powers) == 1 else powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=-1)


@expands(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    if np.isscalar(condlist) or (not isinstance(condlist[0], list | np.ndarray | Node) and x.ndim != 0):
        condlist = [condlist]
    masks = [np.asarray(condition, bool) for condition in condlist]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    if len(funclist) != len(masks):
        raise ValueError(
            f"np.piecewise: {len(funclist)} functions for {len(masks)} conditions; there must be as many, or one more"
        )
    y = np.where(True, np.zeros((), x.dtype), x)
    for mask, f in zip(masks, funclist, strict=True):
        n = int(np.sum(mask))
        if n == 0:
            continue
        value = f(x[mask], *args, **kw) if callable(f) else f  # evaluated only where it applies
        y = np.where(mask, scatter_add(np.broadcast_to(_of_dtype(value, x.dtype), (n,)), mask, x.shape), y)
    return y


@expands(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    rows = np.moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    if 0 in outer and arr.ndim > 1:
        raise ValueError(f"np.apply_along_axis: an array of shape {arr.shape} has nothing along axis {axis}")
    table = rows if arr.ndim > 1 else rows[None]
    results = [func1d(row, *args, **kwargs) for row in table.reshape((prod(outer), rows.shape[-1]))]
    joined = np.stack(results)
    inner = joined.shape[1:]
    joined = joined.reshape((*outer, *inner))
    return np.moveaxis(joined, range(len(outer), joined.ndim), range(axis % arr.ndim, axis % arr.ndim + len(inner)))
