"""Sums, products, extrema and statistics over axes, and their running forms.

A result has fewer axes than its argument. `_kept` gives it back the lost ones, of size 1; the engine stretches a
gradient to the shape of its argument.
"""

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, defvjp, expands


def _kept(g: Any, a: Any, axis: Any) -> Any:
    """Reshape a reduced ``g`` as ``keepdims=True`` would have left it; a single number fits as it is."""
    if axis is None:
        return g
    gone = {i % a.ndim for i in _axes(axis)}
    return g.reshape(tuple(1 if i in gone else n for i, n in enumerate(a.shape)))


def _share_of_extremum(g: Any, y: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The gradient goes to the extreme element; equal ones share it equally."""
    chosen = a == _kept(y, a, axis)
    return _kept(g, a, axis) * (chosen / np.sum(chosen, axis=axis, keepdims=True))


def _product_of_others(a: Any, axis: Any) -> Any:
    """For every element the product of all others along the axes: exact also where elements are 0.

    The others are those before it times those after it.
    """
    axes = tuple(range(a.ndim)) if axis is None else tuple(i % a.ndim for i in _axes(axis))
    order = tuple(i for i in range(a.ndim) if i not in axes) + axes
    moved = np.transpose(a, order)
    n = math.prod(a.shape[i] for i in axes)
    rows = moved.reshape((*moved.shape[: a.ndim - len(axes)], n))
    one = np.ones((*rows.shape[:-1], min(n, 1)), rows.dtype)
    before = _running_product(np.concatenate([one, rows[..., :-1]], axis=-1))
    after = _running_product(np.concatenate([one, rows[..., :0:-1]], axis=-1))[..., ::-1]
    return np.transpose((before * after).reshape(moved.shape), tuple(np.argsort(order)))


def _running_product(rows: Any) -> Any:
    """The product of the elements up to each one, along the last axis, in log₂ n multiplications."""
    step = 1
    while step < rows.shape[-1]:
        ones = np.ones((*rows.shape[:-1], step), rows.dtype)
        rows = rows * np.concatenate([ones, rows[..., :-step]], axis=-1)
        step *= 2
    return rows


def _axes(axis: Any) -> tuple[int, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def _running_sum_back(g: Any, y: Any, a: Any, axis: int | None = None) -> Any:
    """An element counts in every sum from its own place on: the gradient runs from the end."""
    backwards = np.flip(np.cumsum(np.flip(g, axis=axis or 0), axis=axis or 0), axis=axis or 0)
    return backwards.reshape(a.shape) if axis is None else backwards


defvjp(np.sum, lambda g, y, a, axis=None, keepdims=False: _kept(g, a, axis))
defvjp(np.prod, lambda g, y, a, axis=None, keepdims=False: _kept(g, a, axis) * _product_of_others(a, axis))
defvjp(np.max, _share_of_extremum)
defvjp(np.min, _share_of_extremum)
defvjp(np.cumsum, _running_sum_back)


@expands(np.amax)
def amax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims)


@expands(np.amin)
def amin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.min(a, axis=axis, keepdims=keepdims)


@expands(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@expands(np.cumprod)
def cumprod(a: Any, axis: int | None = None) -> Any:
    if axis is None:
        return _running_product(a.reshape(-1))
    return np.swapaxes(_running_product(np.swapaxes(a, axis, -1)), axis, -1)


# --- Means and moments --------------------------------------------------------------------------------------


def _count(a: Any, axis: Any) -> int:
    """How many elements are reduced into one."""
    return math.prod(a.shape if axis is None else [a.shape[i] for i in _axes(axis)])


@expands(np.mean)
def mean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(a, axis=axis, keepdims=keepdims) / _count(a, axis)


@expands(np.var)
def var(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    return np.sum(np.square(deviation), axis=axis, keepdims=keepdims) / (_count(a, axis) - ddof)


@expands(np.std)
def std(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return np.sqrt(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


@expands(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.ndim(weights) == 1 < a.ndim and isinstance(axis, int):
        weights = weights.reshape([-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
    total = np.sum(weights + 0 * a, axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


@expands(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    rows = np.atleast_2d(m) if rowvar or np.ndim(m) == 1 else m.T
    if y is not None:
        rows = np.concatenate([rows, np.atleast_2d(y) if rowvar or np.ndim(y) == 1 else y.T])
    deviation = rows - np.mean(rows, axis=1, keepdims=True)
    ddof = (0 if bias else 1) if ddof is None else ddof
    return np.squeeze(deviation @ deviation.T / (rows.shape[1] - ddof))


@expands(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = np.atleast_2d(np.cov(x, y, rowvar))
    deviation = np.sqrt(np.diagonal(c))
    return np.squeeze(c / (deviation[:, None] * deviation))


# --- Leaving out what is not a number -----------------------------------------------------------------------


@expands(np.nansum)
def nansum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims)


@expands(np.nanprod)
def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.prod(np.where(np.isnan(a), 1, a), axis=axis, keepdims=keepdims)


@expands(np.nancumsum)
def nancumsum(a: Any, axis: Any = None) -> Any:
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis)


@expands(np.nancumprod)
def nancumprod(a: Any, axis: Any = None) -> Any:
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis)


@expands(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(np.where(np.isnan(a), -np.inf, a), axis=axis, keepdims=keepdims)


@expands(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.min(np.where(np.isnan(a), np.inf, a), axis=axis, keepdims=keepdims)


@expands(np.nanmean)
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return np.nansum(a, axis=axis, keepdims=keepdims) / count.astype(a.dtype)


@expands(np.nanvar)
def nanvar(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    missing = np.isnan(a)
    deviation = np.where(missing, 0, np.where(missing, 0, a) - np.nanmean(a, axis=axis, keepdims=True))
    count = np.sum(~missing, axis=axis, keepdims=keepdims).astype(a.dtype)
    return np.sum(np.square(deviation), axis=axis, keepdims=keepdims) / (count - ddof)


@expands(np.nanstd)
def nanstd(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return np.sqrt(np.nanvar(a, axis=axis, ddof=ddof, keepdims=keepdims))


# --- Order ---------------------------------------------------------------------------------------------------


@expands(np.sort)
def sort(a: Any, axis: int | None = -1, *, kind: Any = None, stable: bool | None = None) -> Any:
    if axis is None:
        a, axis = a.reshape(-1), 0
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind=kind, stable=stable), axis)


@expands(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    if axis is None:
        a, axis = a.reshape(-1), 0
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis), axis)


@expands(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    # The elements in order, and between two neighbours a straight line: a weighted sum of the two.
    reduced = tuple(range(a.ndim)) if axis is None else tuple(i % a.ndim for i in _axes(axis))
    rest = tuple(i for i in range(a.ndim) if i not in reduced)
    n = math.prod(a.shape[i] for i in reduced)
    ordered = np.sort(np.transpose(a, rest + reduced).reshape((*(a.shape[i] for i in rest), n)))
    place = np.asarray(q) * (n - 1)
    low = np.floor(place).astype(int)
    match method:
        case "linear":
            share = place - low
        case "lower" | "higher" | "nearest" | "midpoint":
            exact = place == low
            half = {"lower": 0.0, "higher": 1.0, "nearest": np.rint(place) - low, "midpoint": 0.5}[method]
            share = np.where(exact, 0.0, half)
        case _:
            known = "linear, lower, higher, nearest, midpoint"
            raise ValueError(f"np.quantile: method {method!r} has no derivative here; known: {known}")
    if isinstance(q, int | float):
        share = float(share)  # a Python number keeps float32 so
    result = ordered[..., low] * (1 - share) + ordered[..., np.minimum(low + 1, n - 1)] * share
    result = np.transpose(result, (*range(len(rest), result.ndim), *range(len(rest))))  # NumPy puts the axes of q first
    if not keepdims:
        return result
    kept = tuple(1 if i in reduced else size for i, size in enumerate(a.shape))
    return result.reshape(np.shape(q) + kept)


@expands(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    share: Any = q / 100 if isinstance(q, int | float) else np.asarray(q) / 100
    return np.quantile(a, share, axis=axis, method=method, keepdims=keepdims)


@expands(np.median)
def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.quantile(a, 0.5, axis=axis, keepdims=keepdims)


# --- Differences and integrals --------------------------------------------------------------------------------


@expands(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    def edge(value: Any) -> Any:
        return np.broadcast_to(value, tuple(1 if i == axis % a.ndim else size for i, size in enumerate(a.shape)))

    parts = [edge(prepend) if np.ndim(prepend) == 0 else prepend] if prepend is not None else []
    parts += [a] + ([edge(append) if np.ndim(append) == 0 else append] if append is not None else [])
    a = np.moveaxis(np.concatenate(parts, axis=axis) if len(parts) > 1 else a, axis, -1)
    for _ in range(n):
        a = a[..., 1:] - a[..., :-1]
    return np.moveaxis(a, -1, axis)


@expands(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    inner = np.diff(ary.reshape(-1))
    begin, end = ([] if part is None else [_of_dtype(part, inner.dtype).reshape(-1)] for part in (to_begin, to_end))
    return np.concatenate([*begin, inner, *end])


def _of_dtype(value: Any, dtype: Any) -> Any:
    """A constant in the dtype of what it joins; a tensor as it is."""
    return value if isinstance(value, Node) else np.asarray(value, dtype)


@expands(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))
    return np.sum((y[..., 1:] + y[..., :-1]) * dx, axis=-1) / 2


@expands(np.gradient)
def gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = tuple(range(f.ndim)) if axis is None else tuple(i % f.ndim for i in _axes(axis))
    steps = spacing * len(axes) if len(spacing) == 1 else spacing or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise TypeError(f"np.gradient: {len(steps)} spacings for {len(axes)} axes; give one, or one for each axis")
    slopes = [
        np.moveaxis(_slopes(np.moveaxis(f, i, -1), h, edge_order), -1, i) for i, h in zip(axes, steps, strict=True)
    ]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slopes(f: Any, h: Any, edge_order: int) -> Any:
    """Slopes along the last axis: of the parabola through three neighbours; at the ends of a line, or of it again."""
    d = h if np.ndim(h) == 0 else np.diff(h)
    secant = (f[..., 1:] - f[..., :-1]) / d
    left, right = (1, 1) if np.ndim(h) == 0 else (d[:-1], d[1:])
    inside = (secant[..., :-1] * right + secant[..., 1:] * left) / (left + right)
    first, last = secant[..., :1], secant[..., -1:]
    if edge_order == 2:
        first, last = 2 * first - inside[..., :1], 2 * last - inside[..., -1:]
        # The parabola's slopes at the two ends of an interval average to its secant.
    return np.concatenate([first, inside, last], axis=-1).astype(f.dtype)  # as NumPy, whatever that of h
