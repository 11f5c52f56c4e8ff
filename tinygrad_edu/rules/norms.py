"""Norms, and the condition number.

A norm has no derivative where it is 0, but a least slope: there the gradient is taken as 0, at every order.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_edu.engine import constant, defvjp, expands, record


def _norm_back(g: Any, y: Any, a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """y^(1−p) |a|^(p−1) sign a, and 0 where the norm is 0."""
    if not keepdims:
        axes = range(a.ndim) if axis is None else axis
        shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
        g, y = g.reshape(shape), y.reshape(shape)
    nothing = y == 0
    scaled = np.where(nothing, 0, a / np.where(nothing, 1, y))
    if ord in (None, 2, "fro"):
        return g * scaled
    nothing = nothing | (a == 0)
    return g * np.where(nothing, 0, np.abs(np.where(nothing, 1, scaled)) ** (ord - 1) * np.sign(a))


defvjp(np.linalg.norm, _norm_back)


@expands(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    if axis is None and (ord is None or (x.ndim, ord) in ((1, 2), (2, "fro"), (2, "f"))):  # NumPy's own shortcut
        return record(np.linalg.norm, (x,), {"keepdims": keepdims})
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) not in (1, 2):
        raise ValueError(
            f"np.linalg.norm: of {len(axes)} axes there is no norm of order {ord!r}; an array of shape {x.shape} has "
            "norms along one axis (of vectors) or two (of matrices): give axis="
        )
    axes = normalize_axis_tuple(axes, x.ndim)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"np.linalg.norm: a vector has no norm of order {ord!r}; known: numbers, inf, -inf")
    if ord is not None and abs(ord) == np.inf:
        return _extreme(np.abs(x), axes, ord > 0, keepdims)
    if ord == 0:
        return constant(np.linalg.norm, (x, 0, axes, keepdims))
    return record(np.linalg.norm, (x,), {"ord": ord, "axis": axes, "keepdims": keepdims})


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    rows, columns = axes
    if ord in (None, "fro", "f"):
        return record(np.linalg.norm, (x,), {"ord": "fro", "axis": axes, "keepdims": keepdims})
    if ord in (1, -1, np.inf, -np.inf):
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        result = _extreme(np.sum(np.abs(x), axis=along, keepdims=True), (over,), ord > 0, True)
    elif ord in (2, -2, "nuc"):
        s = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        s = np.where(s == 0, 0, s)  # where a singular value is 0 its gradient is taken as 0
        value = np.sum(s, axis=-1) if ord == "nuc" else _extreme(s, (s.ndim - 1,), ord > 0, False)
        result = np.expand_dims(value, tuple(sorted(axes)))
    else:
        raise ValueError(f"np.linalg.norm: a matrix has no norm of order {ord!r}; known: fro, nuc, ±1, ±2, ±inf")
    return result if keepdims else np.squeeze(result, axis=axes)


def _extreme(sizes: Any, axes: tuple[int, ...], largest: bool, keepdims: bool) -> Any:
    """The largest or least of some sizes; of none at all, the largest is 0."""
    if largest and not sizes.size:
        return np.sum(sizes, axis=axes, keepdims=keepdims)
    return (np.max if largest else np.min)(sizes, axis=axes, keepdims=keepdims)


@expands(np.linalg.vector_norm)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    # NumPy makes of several axes one.
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    flat = np.transpose(x, axes + rest).reshape((-1 if x.size else int(not axes), *(x.shape[i] for i in rest)))
    result = np.linalg.norm(flat, ord, 0)
    return result.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape))) if keepdims else result


@expands(np.linalg.matrix_norm)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@expands(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    if not x.size or x.ndim < 2:
        raise np.linalg.LinAlgError(f"np.linalg.cond: there must be a matrix, not empty, but the shape is {x.shape}")
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        with np.errstate(all="ignore"):  # the condition number of a singular matrix is infinite
            ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        wholly_zero = np.isnan(ratio) & ~np.any(np.isnan(x), axis=(-2, -1))
        return np.where(wholly_zero, x.dtype.type(np.inf) if x.dtype.kind == "f" else np.inf, ratio)
    inverse = np.linalg.inv(x)  # first, for it says what x must be
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
