"""The same numbers in another shape: reshaping, axes, stretching to a common shape."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import constant, defvjp, expands, record, spells

defvjp(np.reshape, lambda g, y, a, shape, order="C", copy=None: np.reshape(g, a.shape, order=order))


@spells(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    if order not in ("C", "F"):
        raise ValueError(f"np.reshape: order {order!r} depends on how the memory is laid out; known for tensors: C, F")
    return (a, shape, order), {"copy": copy}


defvjp(np.expand_dims, lambda g, y, a, axis: g.reshape(a.shape))
defvjp(np.squeeze, lambda g, y, a, axis=None: g.reshape(a.shape))


def _transposed_back(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    axes = axes if isinstance(axes, tuple | list) else (axes,)
    return np.transpose(g, tuple(np.argsort([i % a.ndim for i in axes])))


defvjp(np.transpose, _transposed_back)
defvjp(np.swapaxes, lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.broadcast_to, lambda g, y, a, shape: g)  # the engine sums over the stretched axes
defvjp(np.astype, lambda g, y, a, dtype: g)  # the engine casts back


@expands(np.astype)
def astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "c":
        raise TypeError("np.astype: complex tensors are not supported; keep real and imaginary part as two tensors")
    if kind != "f":
        return constant(np.astype, (a, np.dtype(dtype)))  # rounding: piecewise constant
    return record(np.astype, (a, np.dtype(dtype)))


# --- Axes -----------------------------------------------------------------------------------------------------


@expands(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    axes = np.moveaxis(np.empty(range(a.ndim)), source, destination).shape  # which axis comes where
    return np.transpose(a, axes)


@expands(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    return np.transpose(a, np.rollaxis(np.empty(range(a.ndim)), axis, start).shape)


@expands(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


@expands(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    return np.reshape(a, -1, order=order)


# --- To a number of axes, to a common shape -------------------------------------------------------------------------


def _all_at_least(ndim: int, arrays: Sequence[Any], shaped: Callable[[Any], Any]) -> Any:
    results = [shaped(a) if np.ndim(a) < ndim else a for a in arrays]
    return results[0] if len(results) == 1 else tuple(results)


@expands(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    return _all_at_least(1, arrays, lambda a: np.reshape(a, 1))


@expands(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    return _all_at_least(2, arrays, lambda a: np.reshape(a, (1, -1)))


@expands(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    return _all_at_least(3, arrays, lambda a: a[..., None] if np.ndim(a) == 2 else np.reshape(a, (1, -1, 1)))


@expands(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@expands(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: unknown indexing {indexing!r}; known: xy, ij")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    open_grid = [np.reshape(x, [-1 if i == order[k] else 1 for i in range(len(xi))]) for k, x in enumerate(xi)]
    return tuple(open_grid) if sparse else np.broadcast_arrays(*open_grid)
