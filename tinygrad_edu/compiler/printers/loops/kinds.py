"""How each operation is written in loops over single elements, or that it cannot be."""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import value_of
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.equations.structure import is_elementwise_ufunc
from tinygrad_edu.errors import name_of
from tinygrad_edu.rules.indexing import scatter_add

BLAS_FROM = 500  # multiplications in a matrix product; loops do fewer of them faster than BLAS is called
NUMPY_FROM = 1 << 18  # so many BLAS shares among threads, and numba's and NumPy's are in each other's way
MOST_OPERATIONS = 1000  # numba takes half a minute for half as many, two minutes for that many
DTYPES = {np.dtype(t) for t in (np.float64, np.float32, np.int64, np.bool_)}
BEGIN: dict[Any, float] = {np.sum: 0.0, np.vdot: 0.0, scatter_add: 0.0, np.prod: 1.0, np.max: -np.inf, np.min: np.inf}
RUNNING: dict[Any, tuple[str, float]] = {np.cumsum: ("+", 0.0), np.cumprod: ("*", 1.0)}  # how, and from what
VIEWS = (np.transpose, np.swapaxes, np.broadcast_to, np.expand_dims, np.squeeze, operator.getitem)


class CannotTakeError(Exception):
    """The reason why there is no program for numba."""


def check(operations: list[Node]) -> None:
    """Raise `CannotTakeError` if they are too many, or have values that the loops do not know."""
    if len(operations) > MOST_OPERATIONS:
        raise CannotTakeError(f"{len(operations)} operations would take minutes to compile")
    for node in operations:
        for x in [node, *nodes_in(node.args)]:
            known = isinstance(x.value, np.ndarray) and x.value.dtype.isnative
            if not known or not (x.value.dtype in DTYPES or (x.fn is None and x.value.dtype.kind in "iu")):
                fn: Any = x.fn or node.fn
                raise CannotTakeError(f"{name_of(fn)} with {getattr(x.value, 'dtype', 'several results')}")


def kind(node: Node) -> str:
    """How an operation is written: "elementwise", "view", "reshape", "reduction", "running" and so on."""
    fn: Any = node.fn
    shape = np.shape(node.value)
    if (is_elementwise_ufunc(node) and text.name_in_numpy(fn)) or fn in (np.where, np.clip, np.astype):
        return "elementwise"
    if fn in VIEWS:
        return "view"
    if fn is np.reshape:
        return "view" if _without_ones(shape) == _without_ones(np.shape(node.args[0])) else "reshape"
    if fn in BEGIN and set(node.kwargs) <= {"axis", "keepdims"} and (fn not in (np.max, np.min) or _is_float(node)):
        return "reduction"
    if fn in RUNNING:
        if len(shape) != np.ndim(node.args[0]):
            raise CannotTakeError(f"{name_of(fn)} with axis=None")
        return "running"
    if fn is np.concatenate and argument(node, 1, "axis", 0) is not None and "dtype" not in node.kwargs:
        return "parts"
    if fn is np.matmul and _is_float(node):
        a, b = map(value_of, node.args)
        pays = multiplications(node) >= BLAS_FROM
        return "BLAS" if pays and shape and max(a.ndim, b.ndim) <= 2 and a.dtype == b.dtype else "product"
    if fn is np.einsum and isinstance(node.args[0], str) and _is_float(node):
        return "product"
    raise CannotTakeError(name_of(fn))


def multiplications(node: Node) -> int:
    """How many a matrix product takes."""
    return prod(node.value.shape) * int(value_of(node.args[0]).shape[-1])


def argument(node: Node, position: int, name: str, default: Any) -> Any:
    """An argument given by place or by name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _is_float(node: Node) -> bool:
    return bool(node.value.dtype.kind == "f")


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]
