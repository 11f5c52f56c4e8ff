"""Means, moments and quantiles.

Where a value is fine and its derivative 0/0, as that of the deviation of equal numbers, the gradient is taken as 0.
"""

import math
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_edu.engine import Node, defvjp, expands
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.rules.reductions import as_rows, axes_of, from_rows, kept

# --- Means and moments ----------------------------------------------------------------------------------------


def _count(a: Any, axis: Any) -> int:
    """How many elements are reduced into one."""
    return a.size if axis is None else math.prod(a.shape[i] for i in normalize_axis_tuple(axis, a.ndim))


@expands(np.mean)
def mean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    if a.dtype == np.float16:  # its sums are too large for it
        return np.mean(np.astype(a, np.float32), axis=axis, keepdims=keepdims).astype(np.float16)
    return np.sum(a, axis=axis, keepdims=keepdims) / _count(a, axis)


def _degrees(ddof: Any, correction: Any) -> Any:
    """What is subtracted from the number of elements, which has two names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


@expands(np.var)
def var(
    a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, mean: Any = None, correction: Any = None
) -> Any:
    ddof = _degrees(ddof, correction)
    deviation = a - (np.sum(a, axis=axis, keepdims=True) / _count(a, axis) if mean is None else mean)
    degrees = _count(a, axis) - ddof
    if degrees <= 0:  # NumPy says so of no elements, too, where no division would
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
    return np.sum(np.square(deviation), axis=axis, keepdims=keepdims) / max(degrees, 0)


def _nanvar_back(
    g: Any,
    y: Any,
    a: Any,
    axis: Any = None,
    ddof: Any = 0,
    keepdims: bool = False,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """2 (a − mean) / (n − ddof); there is no variance, and no gradient, where that is not positive."""
    missing = np.isnan(a)
    n = np.sum(~missing, axis=axis, keepdims=True)
    centre = np.nansum(a, axis=axis, keepdims=True) / np.maximum(n, 1) if mean is None else mean
    degrees = n - _degrees(ddof, correction)
    return kept(g, a, axis) * np.where(missing, 0, a - centre) * (2 / np.where(degrees > 0, degrees, np.nan))


defvjp(np.nanvar, _nanvar_back)


def _root(square: Any) -> Any:
    """√x, and at 0, where a step either way makes it larger, the gradient 0 instead of ∞."""
    zero = square == 0
    return np.where(zero, 0, np.sqrt(np.where(zero, 1, square)))


def _given(**options: Any) -> dict[str, Any]:
    """The options that are not left at NumPy's default."""
    return {name: value for name, value in options.items() if value is not None}


@expands(np.std)
def std(
    a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, mean: Any = None, correction: Any = None
) -> Any:
    return _root(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims, **_given(mean=mean, correction=correction)))


@expands(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, mean: Any = None, correction: Any = None
) -> Any:
    return _root(np.nanvar(a, axis=axis, ddof=ddof, keepdims=keepdims, **_given(mean=mean, correction=correction)))


@expands(np.nanmean)
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    n = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    result = np.nansum(a, axis=axis, keepdims=keepdims) / n
    return result.astype(a.dtype) if a.dtype.kind == "f" and result.dtype != a.dtype else result


@expands(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        share = a.size / result.size  # NumPy refuses to divide by 0 here, too
        return (result, np.full(result.shape, share, result.dtype)) if returned else result
    weights = _weights_along(weights, a, axis)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if np.any((total.value if isinstance(total, Node) else total) == 0):
        raise ZeroDivisionError("np.average: weights sum to zero, so that they cannot be normalized")
    result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def _weights_along(weights: Any, a: Any, axis: Any) -> Any:
    """The weights, in the precision of the result, so that they stand along the axes that they are for."""
    if not isinstance(weights, Node):
        weights = np.asarray(weights)
    dtype = np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind == "f" else [np.float64]))
    if weights.dtype != dtype:
        weights = np.astype(weights, dtype)
    axes = () if axis is None else normalize_axis_tuple(axis, np.ndim(a), "axis")
    if weights.shape == np.shape(a):
        return weights
    if axis is None:
        raise TypeError(
            f"np.average: weights of shape {weights.shape} for an array of shape {np.shape(a)}; name the axis they "
            "are for"
        )
    along = tuple(a.shape[i] for i in axes)
    if weights.shape != along:
        raise ValueError(
            f"np.average: weights of shape {weights.shape} for axes of shape {along}; they must be the same"
        )
    in_order = np.transpose(weights, tuple(map(int, np.argsort(axes))))
    return np.reshape(in_order, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@expands(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"np.cov: ddof must be an integer, not {ddof!r}")
    parts = [m] if y is None else [m, y]
    if any(np.ndim(part) > 2 for part in parts):
        raise ValueError(f"np.cov: arrays of shapes {[np.shape(part) for part in parts]} have more than 2 dimensions")
    dtype = np.result_type(np.float64, *(part.dtype for part in parts))
    rows, *more = (np.atleast_2d(part if part.dtype == dtype else np.astype(part, dtype)) for part in parts)
    if not rowvar and np.ndim(m) != 1:
        rows = rows.T
    if not len(rows):  # NumPy then does not look at y
        return rows @ rows.T
    for part in more:
        rows = np.concatenate([rows, part if rowvar or len(part) == 1 else part.T])
    deviation = rows - np.mean(rows, axis=1, keepdims=True)
    degrees = rows.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    return np.squeeze(deviation @ deviation.T * np.true_divide(1, max(degrees, 0)))


@expands(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = np.cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation, -1, 1)  # as NumPy; rounding may lead outside


# --- Quantiles ------------------------------------------------------------------------------------------------


def _quantile_back(fn: Any, g: Any, a: Any, axis: Any, *q: Any, **method: Any) -> Any:
    """A quantile lies between two neighbours among the elements in order, who share its gradient.

    Where between them, counted from the smallest element, is what ``fn`` itself says of the numbers 0, 1, 2, …; so
    this holds for every method that NumPy has.
    """
    if a.size == 0:
        return np.zeros(a.shape, a.dtype)
    axes = axes_of(a, axis)
    rows = as_rows(a, axes)
    n = rows.shape[-1]
    place = np.asarray(fn(np.arange(float(n)), *q, **method)).reshape(-1)
    g = np.moveaxis(g.reshape((place.size, *rows.shape[:-1])), 0, -1)  # NumPy puts the axes of q first
    low = np.floor(place).astype(int)
    high, share = np.minimum(low + 1, n - 1), place - low
    in_order = scatter_add(g * (1 - share), (..., low), rows.shape) + scatter_add(g * share, (..., high), rows.shape)
    order = np.argsort(np.argsort(rows, axis=-1), axis=-1)
    return from_rows(np.take_along_axis(in_order, order, -1), a, axes)


defvjp(
    np.quantile,
    lambda g, y, a, q, axis=None, method="linear", keepdims=False: _quantile_back(
        np.quantile, g, a, axis, q, method=method
    ),
)
defvjp(
    np.percentile,
    lambda g, y, a, q, axis=None, method="linear", keepdims=False: _quantile_back(
        np.percentile, g, a, axis, q, method=method
    ),
)
defvjp(np.median, lambda g, y, a, axis=None, keepdims=False: _quantile_back(np.median, g, a, axis))
