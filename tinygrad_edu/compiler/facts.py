"""What can be said of an operation or of a constant at a glance."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.rules import REDUCTIONS

UFUNC_OF: dict[Any, np.ufunc] = {function: ufunc for ufunc, function in REDUCTIONS.items()}
"""np.sum → np.add, whose ``reduce`` it is, and so on."""


def is_plain_transpose(node: Node) -> bool:
    """Whether the operation is ``a.T``, a view that costs nothing and so stands where it is used."""
    return node.fn is np.transpose and len(node.args) == 1 and not node.kwargs


def same_kind(x: Any, node: Node) -> bool:
    """Whether x is a node of the same shape and dtype."""
    return isinstance(x, Node) and x.value.shape == node.value.shape and x.value.dtype == node.value.dtype


def is_short_float(node: Node) -> bool:
    """Whether the value is of floating-point numbers that a Python number holds exactly."""
    return isinstance(node.value, np.ndarray) and node.value.dtype in (np.float16, np.float32, np.float64)


def value_of(x: Any) -> Any:
    """The array of a node (of which only shape and dtype mean something), or the constant itself."""
    return x.value if isinstance(x, Node) else x


def is_uniform(x: np.ndarray[Any, Any]) -> bool:
    """Whether all elements of an array of numbers are the same, to the bit."""
    return x.dtype.kind in "fiub" and bool(x.size) and content(x) == content(x.ravel()[:1]) * x.size


def uniform_value(x: Any) -> float | None:
    """The number that a constant is, or that all elements of a constant array are."""
    if isinstance(x, int | float | np.generic):
        return float(x)
    if isinstance(x, np.ndarray) and x.size and is_uniform(x):
        return float(x.flat[0])
    return None


def content(x: np.ndarray[Any, Any]) -> Any:
    """Something hashable that is equal for arrays of the same elements, to the bit, of the same dtype."""
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        return tuple(map(repr, x.ravel()))  # a long double has bytes that mean nothing
    return x.tobytes()
