"""Norms, and the condition number."""

from typing import Any

import numpy as np

from tinygrad_edu.engine import constant, defvjp, expands, record


def _norm_back(g: Any, y: Any, a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """y^(1−p) |a|^(p−1) sign a, and 0 where the norm is 0."""
    if not keepdims:
        axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
        shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
        g, y = g.reshape(shape), y.reshape(shape)
    scaled = a / np.where(y == 0, 1, y)
    if ord in (None, 2, "fro"):
        return g * scaled
    size = np.abs(np.where(a == 0, 1, scaled)) ** (ord - 1)
    return g * np.where(a == 0, 0, size * np.sign(a))


defvjp(np.linalg.norm, _norm_back)


@expands(np.linalg.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and ord is not None and a.ndim == 2:
        axis = (0, 1)
    matrix = isinstance(axis, tuple) and len(axis) == 2
    if ord is None or (matrix and ord == "fro") or (not matrix and ord not in (0, np.inf, -np.inf)):
        return record(np.linalg.norm, (a,), {"ord": ord, "axis": axis, "keepdims": keepdims})
    if not matrix:
        if ord == 0:
            return constant(np.linalg.norm, (a, 0, axis, keepdims))
        extremum = np.max if ord > 0 else np.min
        return extremum(np.abs(a), axis=axis, keepdims=keepdims)
    rows, columns = (i % a.ndim for i in axis)
    if ord in (1, -1, np.inf, -np.inf):
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(a), axis=along, keepdims=True)
        result = (np.max if ord > 0 else np.min)(sums, axis=over, keepdims=True)
    elif ord in (2, -2, "nuc"):
        s = np.linalg.svd(np.moveaxis(a, (rows, columns), (-2, -1)), compute_uv=False)
        value = np.sum(s, axis=-1) if ord == "nuc" else s[..., 0] if ord == 2 else s[..., -1]
        result = np.expand_dims(value, tuple(sorted((rows, columns))))
    else:
        raise ValueError(f"np.linalg.norm: a matrix has no norm of order {ord!r}; known: fro, nuc, ±1, ±2, ±inf")
    return result if keepdims else np.squeeze(result, axis=(rows, columns))


@expands(np.linalg.vector_norm)
def vector_norm(a: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if axis is None:
        flat = np.linalg.norm(a.reshape(-1), ord)
        return flat.reshape((1,) * a.ndim) if keepdims else flat
    return np.linalg.norm(a, ord, axis, keepdims)


@expands(np.linalg.matrix_norm)
def matrix_norm(a: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(a, ord, (-2, -1), keepdims)


@expands(np.linalg.cond)
def cond(a: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = np.linalg.svd(a, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(a, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(a), p, (-2, -1))
