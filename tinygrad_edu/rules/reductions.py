"""Sums, products and extrema over axes.

A result has fewer axes than its argument. `_kept` gives it back the lost ones, of size 1; the engine stretches a
gradient to the shape of its argument.
"""

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine import defvjp


def _kept(g: Any, a: Any, axis: Any) -> Any:
    """Reshape a reduced ``g`` as ``keepdims=True`` would have left it."""
    if axis is None:
        return g.reshape((1,) * a.ndim)
    gone = {i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))}
    return g.reshape(tuple(1 if i in gone else n for i, n in enumerate(a.shape)))


def _share_of_extremum(g: Any, y: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The gradient goes to the extreme element; equal ones share it equally."""
    chosen = a == _kept(y, a, axis)
    return _kept(g, a, axis) * (chosen / np.sum(chosen, axis=axis, keepdims=True))


def _product_of_others(a: Any, axis: Any) -> Any:
    """For every element the product of all others along the axes: exact also where elements are 0.

    The others are those before it times those after it, and both come from scans in log₂ n steps.
    """
    n = a.ndim
    axes = tuple(range(n)) if axis is None else tuple(i % n for i in (axis if isinstance(axis, tuple) else (axis,)))
    order = tuple(i for i in range(n) if i not in axes) + axes
    moved = np.transpose(a, order)
    rows = moved.reshape((*moved.shape[: n - len(axes)], math.prod(a.shape[i] for i in axes)))
    others = _product_before(rows) * _product_before(rows[..., ::-1])[..., ::-1]
    return np.transpose(others.reshape(moved.shape), tuple(np.argsort(order)))


def _product_before(rows: Any) -> Any:
    """The product of the elements before each one, along the last axis."""
    one = np.ones((*rows.shape[:-1], 1), rows.dtype)
    product = np.concatenate([one, rows[..., :-1]], axis=-1) if rows.shape[-1] else rows
    step = 1
    while step < rows.shape[-1]:
        ones = np.ones((*rows.shape[:-1], step), rows.dtype)
        product = product * np.concatenate([ones, product[..., :-step]], axis=-1)
        step *= 2
    return product


defvjp(np.sum, lambda g, y, a, axis=None, keepdims=False: _kept(g, a, axis))
defvjp(np.prod, lambda g, y, a, axis=None, keepdims=False: _kept(g, a, axis) * _product_of_others(a, axis))
defvjp(np.max, _share_of_extremum)
defvjp(np.min, _share_of_extremum)
