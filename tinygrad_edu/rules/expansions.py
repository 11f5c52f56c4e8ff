"""Functions that are short compositions of others.

Called on tensors, they run the text below in a scope of their name. Their derivatives, of every order, come from
the functions they are made of.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import record, scoped

EXPANSIONS: dict[Callable[..., Any], Callable[..., Any]] = {}

# What ``ufunc.reduce`` means (its default axis is 0, theirs None).
REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}


def _expands(numpy_function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(text: Callable[..., Any]) -> Callable[..., Any]:
        EXPANSIONS[numpy_function] = scoped(text)
        return text

    return register


def _count(a: Any, axis: Any) -> int:
    """How many elements are reduced into one."""
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([a.shape[i] for i in axes], dtype=int))


@_expands(np.mean)
def mean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(a, axis=axis, keepdims=keepdims) / _count(a, axis)


@_expands(np.var)
def var(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    return np.sum(np.square(deviation), axis=axis, keepdims=keepdims) / (_count(a, axis) - ddof)


@_expands(np.std)
def std(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return np.sqrt(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


@_expands(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@_expands(np.dot)
def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    # The sum goes over the last axis of a and the last but one of b; their other axes stand side by side.
    first = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
    columns = np.transpose(b, first)
    product = np.matmul(a, columns.reshape((b.shape[-2], -1)))
    return product.reshape((*a.shape[:-1], *columns.shape[1:]))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Only its two spellings become one here; it has rules of its own."""
    return record(np.clip, (a, a_min if min is None else min, a_max if max is None else max))


EXPANSIONS[np.clip] = _clip
