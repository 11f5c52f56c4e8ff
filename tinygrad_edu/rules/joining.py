"""Several arrays made one; padding and inserting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import Each, defvjp, expands


def _pieces(g: Any, y: Any, arrays: Any, axis: int | None = 0) -> list[Any]:
    """Cut the gradient where the arrays were joined."""
    if axis is None:
        ends = np.cumsum([np.size(a) for a in arrays])
        return [g[end - np.size(a) : end].reshape(np.shape(a)) for a, end in zip(arrays, ends, strict=True)]
    sizes = [np.shape(a)[axis] for a in arrays]
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, slice(end - size, end))] for size, end in zip(sizes, np.cumsum(sizes), strict=True)]


defvjp(np.concatenate, Each(_pieces))


@expands(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"np.stack: the arrays must have one shape, but there are {sorted(shapes)}; np.concatenate joins"
        )
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@expands(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    arrays = [np.atleast_1d(a) for a in arrays]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


@expands(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_2d(a) for a in arrays])


@expands(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in arrays], axis=2)


@expands(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in arrays], axis=1)


@expands(np.block)
def block(arrays: Any) -> Any:
    def depth(part: Any) -> int:
        if isinstance(part, tuple):
            raise TypeError("np.block: the arrays must stand in lists, but there is a tuple")
        if not isinstance(part, list):
            return 0
        depths = {1 + depth(inner) for inner in part}
        if len(depths) != 1:
            raise ValueError(
                "np.block: a list is empty, or some arrays stand in more lists than others; all must be equally deep"
            )
        return depths.pop()

    def rank(part: Any) -> int:
        return max(map(rank, part)) if isinstance(part, list) else np.ndim(part)

    levels = depth(arrays)
    ndim = max(levels, rank(arrays))

    def join(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))
        return np.concatenate([join(inner, level - 1) for inner in part], axis=-level)

    return join(arrays, levels)


# --- Added to one array ---------------------------------------------------------------------------------------------


@expands(np.append)
def append(a: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([a, values], axis=axis)


@expands(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    numbers = np.arange(arr.size, arr.size + np.size(values)).reshape(np.shape(values))
    places = np.insert(np.arange(arr.size).reshape(arr.shape), obj, numbers, axis)
    return np.concatenate([np.ravel(arr), _as(arr.dtype, values)])[places]


def _as(dtype: Any, values: Any) -> Any:
    """Values that are put into an array: one axis, and the array's dtype."""
    flat = np.ravel(values)
    return flat if flat.dtype == dtype else flat.astype(dtype)


@expands(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    # NumPy pads the numbers of the elements; those of the constants follow.
    if (
        mode not in ("constant", "edge", "reflect", "symmetric", "wrap")
        or options.get("reflect_type", "even") != "even"
    ):
        raise ValueError(
            f"np.pad: mode {mode!r} with these options has no derivative here; known: constant, edge, reflect (even), "
            "symmetric, wrap"
        )
    constants = options.get("constant_values", 0)
    if mode == "constant":
        options["constant_values"] = np.arange(array.size, array.size + np.size(constants)).reshape(np.shape(constants))
    places = np.pad(np.arange(array.size).reshape(array.shape), pad_width, mode, **options)
    return np.concatenate([np.ravel(array), _as(array.dtype, constants)])[places]
