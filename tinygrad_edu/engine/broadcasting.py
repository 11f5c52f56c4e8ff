"""The form of gradients: broadcasting and type promotion undone, once for all rules; those of several results."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.graph import Node

_ARRAYS = (np.ndarray, np.generic, Node)


def added(a: Any, b: Any) -> Any:
    """The sum of two gradients; those of a call with several results are lists."""
    return [x + y for x, y in zip(a, b, strict=True)] if isinstance(a, list) else a + b


def hand(received: dict[Node, Any], arg: Node, part: Any) -> None:
    """Add a gradient to what a node has been handed so far."""
    received[arg] = added(received[arg], part) if arg in received else part


def one_of_several(g: Any, item: Node) -> list[Any]:
    """The gradients of all results of a call, where only one of them has a gradient."""
    results, i = item.values
    gradients = [np.zeros_like(result) for result in results]
    gradients[i] = g
    return gradients


def fitted(g: Any, value: Any) -> Any:
    """A gradient in the shape and dtype of its value: broadcasting and type promotion undone, once for all rules."""
    if not isinstance(g, _ARRAYS):
        g = np.asarray(g, dtype=value.dtype)
    shape = value.shape
    if g.shape != shape:
        g = _stretched(unbroadcast(g, shape), shape)
    return g if g.dtype is value.dtype or g.dtype == value.dtype else g.astype(value.dtype)


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which a value of this shape was stretched.

    If y_ij = x_j for every i, then a change of x_j changes all y_ij: ∂C/∂x_j = Σ_i ∂C/∂y_ij.
    """
    extra = g.ndim - len(shape)
    if extra > 0:
        g = np.add.reduce(g, axis=0 if extra == 1 else tuple(range(extra)))
    if g.ndim == 0 or g.shape == shape:
        return g
    stretched = tuple(i for i, (n, wide) in enumerate(zip(shape[-g.ndim :], g.shape, strict=False)) if n == 1 != wide)
    return np.add.reduce(g, axis=stretched, keepdims=True) if stretched else g


def _stretched(g: Any, shape: tuple[int, ...]) -> Any:
    """Stretch a gradient that a rule left smaller (that of `np.sum` is one number for all elements)."""
    if g.shape == shape:
        return g
    if isinstance(g, Node):
        return np.broadcast_to(g, shape)  # type: ignore[call-overload] # a Tensor, by protocol
    full = np.empty(shape, g.dtype)  # np.broadcast_to costs several small operations
    full[...] = g
    return full
