"""The same numbers in another arrangement, and indexing."""

import operator
from typing import Any

import numpy as np

from tinygrad_edu.engine import Each, defvjp, primitive


def _reshaped_back(g: Any, y: Any, a: Any, *_: Any, **__: Any) -> Any:
    return g.reshape(a.shape)


for _fn in (np.reshape, np.expand_dims, np.squeeze):
    defvjp(_fn, _reshaped_back)


def _transposed_back(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, tuple(np.argsort([i % a.ndim for i in axes])))


defvjp(np.transpose, _transposed_back)
defvjp(np.swapaxes, lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.broadcast_to, lambda g, y, a, shape: g)  # the engine sums over the stretched axes
defvjp(np.astype, lambda g, y, a, dtype: g)  # the engine casts back


def _pieces(g: Any, y: Any, arrays: Any, axis: int | None = 0) -> list[Any]:
    """Cut the gradient where the arrays were joined."""
    if axis is None:
        ends = np.cumsum([a.size for a in arrays])
        return [g[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)]
    ends = np.cumsum([a.shape[axis] for a in arrays])
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, slice(end - a.shape[axis], end))] for a, end in zip(arrays, ends, strict=True)]


defvjp(np.concatenate, Each(_pieces))


@primitive
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with ``g`` added at an index; an element indexed twice receives twice."""
    out = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, int | slice | type(None) | type(...)) for part in parts):
        out[index] = g  # each element at most once
    else:
        np.add.at(out, index, g)
    return out


# Taking elements and adding them into zeros undo each other: each is the rule of the other.
defvjp(operator.getitem, lambda g, y, a, index: scatter_add(g, index, a.shape))
defvjp(scatter_add, lambda g, y, a, index, shape: g[index])
