"""Several arrays made one; padding and inserting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import Each, Node, defvjp, expands


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
        return 1 + max(map(depth, part)) if isinstance(part, list) else 0

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
def insert(a: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    numbers = np.arange(a.size, a.size + np.size(values)).reshape(np.shape(values))
    places = np.insert(np.arange(a.size).reshape(a.shape), obj, numbers, axis)
    return np.concatenate([a.reshape(-1), np.reshape(values, -1)])[places]


@expands(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, reflect_type: str = "even"
) -> Any:
    if mode == "constant" and np.ndim(constant_values) == 0:
        places = np.pad(np.arange(1, array.size + 1).reshape(array.shape), pad_width)
        value: Any = constant_values if isinstance(constant_values, Node) else np.asarray(constant_values, array.dtype)
        return np.concatenate([value.reshape(1), array.reshape(-1)])[places]
    if mode not in ("edge", "reflect", "symmetric", "wrap") or reflect_type != "even":
        raise ValueError(
            f"np.pad: mode {mode!r} with these options has no derivative here; known: constant (one value), edge, "
            "reflect (even), symmetric, wrap"
        )
    return array.reshape(-1)[np.pad(np.arange(array.size).reshape(array.shape), pad_width, mode)]
