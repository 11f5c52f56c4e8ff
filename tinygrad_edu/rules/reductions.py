"""Sums, products and extrema over axes, their running forms, and sorting.

A result has fewer axes than its argument. `kept` gives it back the lost ones, of size 1; the engine stretches a
gradient to the shape of its argument.
"""

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine import defvjp, expands


def axes_of(a: Any, axis: Any) -> tuple[int, ...]:
    """The axes that are reduced, counted from the first; a single number has none, whichever is named."""
    if axis is None or a.ndim == 0:
        return tuple(range(a.ndim))
    return tuple(i % a.ndim for i in (axis if isinstance(axis, tuple | list) else (axis,)))


def kept(g: Any, a: Any, axis: Any) -> Any:
    """Reshape a reduced ``g`` as ``keepdims=True`` would have left it; a single number fits as it is."""
    if axis is None:
        return g
    gone = axes_of(a, axis)
    return g.reshape(tuple(1 if i in gone else n for i, n in enumerate(a.shape)))


def as_rows(a: Any, axes: tuple[int, ...]) -> Any:
    """The axes that are reduced as one, the last; the others before it."""
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    n = math.prod(a.shape[i] for i in axes)
    return np.transpose(a, rest + axes).reshape((*(a.shape[i] for i in rest), n))


def from_rows(rows: Any, a: Any, axes: tuple[int, ...]) -> Any:
    """`as_rows` undone: the shape of ``a``."""
    order = tuple(i for i in range(a.ndim) if i not in axes) + axes
    return np.transpose(rows.reshape(tuple(a.shape[i] for i in order)), tuple(map(int, np.argsort(order))))


# --- Sums and products ----------------------------------------------------------------------------------------


def _prod_back(g: Any, y: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """For every element the product of all others: those before it times those after it, exact also with zeros."""
    axes = axes_of(a, axis)
    rows = as_rows(a, axes)
    one = np.ones((*rows.shape[:-1], min(rows.shape[-1], 1)), rows.dtype)
    before = _running_product(np.concatenate([one, rows[..., :-1]], axis=-1))
    after = _running_product(np.concatenate([one, rows[..., :0:-1]], axis=-1))[..., ::-1]
    return kept(g, a, axis) * from_rows(before * after, a, axes)


def _running_product(rows: Any) -> Any:
    """The product of the elements up to each one, along the last axis, in log₂ n multiplications."""
    step = 1
    while step < rows.shape[-1]:
        rows = np.concatenate([rows[..., :step], rows[..., step:] * rows[..., :-step]], axis=-1)
        step *= 2
    return rows


def _cumsum_back(g: Any, y: Any, a: Any, axis: int | None = None) -> Any:
    """An element counts in every sum from its own place on: the gradient runs from the end."""
    backwards = np.flip(np.cumsum(np.flip(g, axis=axis or 0), axis=axis or 0), axis=axis or 0)
    return backwards.reshape(a.shape) if axis is None else backwards


def _cumprod_back(g: Any, y: Any, a: Any, axis: int | None = None) -> Any:
    """For y_j = a_0 ⋯ a_j: the product before a_i, times r_i = g_i + a_{i+1} r_{i+1}; exact also with zeros.

    All r are found in log₂ n steps. With r_i over the next s places known, and the product of a over them, that over
    2s places is r_i plus the product times r_{i+s}.
    """
    axes = axes_of(a, axis)
    rows, r, y = as_rows(a, axes), *(v if v.ndim == 1 else as_rows(v, axes) for v in (g, y))
    n = rows.shape[-1]
    product, s = rows[..., 1:], 1
    while s < n:
        r = np.concatenate([r[..., : n - s] + product * r[..., s:], r[..., n - s :]], axis=-1)
        product, s = product[..., : max(n - 2 * s, 0)] * product[..., s:], 2 * s
    one = np.ones((*rows.shape[:-1], min(n, 1)), rows.dtype)
    return from_rows(np.concatenate([one, y[..., :-1]], axis=-1) * r, a, axes)


defvjp(np.sum, lambda g, y, a, axis=None, keepdims=False: kept(g, a, axis))
defvjp(np.prod, _prod_back)
defvjp(np.cumsum, _cumsum_back)
defvjp(np.cumprod, _cumprod_back)


# --- Extrema --------------------------------------------------------------------------------------------------


def _extremum_back(g: Any, y: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The gradient goes to the extreme element; equal ones share it equally."""
    chosen = a == kept(y, a, axis)
    return kept(g, a, axis) * (chosen / np.sum(chosen, axis=axis, keepdims=True))


def _nan_extremum_back(g: Any, y: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The same; where all elements are NaN, none is the extreme one."""
    chosen = a == kept(y, a, axis)
    return kept(g, a, axis) * (chosen / np.maximum(np.sum(chosen, axis=axis, keepdims=True), 1))


defvjp(np.max, _extremum_back)
defvjp(np.min, _extremum_back)
defvjp(np.nanmax, _nan_extremum_back)
defvjp(np.nanmin, _nan_extremum_back)


@expands(np.amax)
def amax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims)


@expands(np.amin)
def amin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.min(a, axis=axis, keepdims=keepdims)


@expands(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# --- Leaving out what is not a number -------------------------------------------------------------------------


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


# --- Order ----------------------------------------------------------------------------------------------------


def _reordered_back(g: Any, y: Any, a: Any, axis: int | None) -> Any:
    """The elements of y are those of a in another order: the k-th smallest is the k-th smallest."""
    if axis is None:
        return _reordered_back(g, y, a.reshape(-1), 0).reshape(a.shape)
    in_order = np.take_along_axis(g, np.argsort(y, axis=axis), axis)
    return np.take_along_axis(in_order, np.argsort(np.argsort(a, axis=axis), axis=axis), axis)


defvjp(np.sort, lambda g, y, a, axis=-1, kind=None, stable=None: _reordered_back(g, y, a, axis))
defvjp(np.partition, lambda g, y, a, kth, axis=-1: _reordered_back(g, y, a, axis))
