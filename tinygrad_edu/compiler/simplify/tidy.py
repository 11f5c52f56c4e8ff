"""One operation, tidied."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import is_plain_transpose, is_short_float, same_kind, value_of
from tinygrad_edu.compiler.simplify.products import chain_of, write
from tinygrad_edu.compiler.simplify.rewriting import PRODUCTS, Rewriting
from tinygrad_edu.compiler.simplify.sums import write_sum
from tinygrad_edu.engine import Node, nodes_in

_MAY_DO_NOTHING = (np.reshape, np.broadcast_to, np.astype, np.squeeze)


def tidy(graph: Rewriting, node: Node) -> Any:
    """What stands for an operation of the old graph, whose arguments are tidy already: a node, or a constant."""
    fn: Any = node.fn
    args, kwargs = tuple(map(graph.now, node.args)), dict(node.kwargs)
    if not nodes_in(args):
        value = fn(*args, **kwargs)
        return np.asarray(value) if isinstance(node.value, np.ndarray) else value
    if fn in PRODUCTS and is_short_float(node):
        (user, *_) = graph.users[node] or [None]
        if user is not None and graph.continued.get(user) is node:
            return graph.as_it_was(node)  # the chain that it is a part of will take it apart
        return write(graph, chain_of(graph, node), node)
    if fn in (np.add, np.subtract) and is_short_float(node):
        return write_sum(graph, node)
    if fn in (np.positive, np.copy) or (fn in _MAY_DO_NOTHING and same_kind(args[0], node)):
        if fn is np.positive and node.requires_grad and args[0].fn is None:
            args[0].requires_grad = True  # what a gradient is taken with respect to
        return args[0]
    if fn is np.reshape and isinstance(args[0], Node) and args[0].fn is np.reshape:
        args = (args[0].args[0], *args[1:])
    if is_plain_transpose(node) and isinstance(args[0], Node) and is_plain_transpose(args[0]):
        return args[0].args[0]
    return _sum_over_axes(graph, node, args, kwargs) if fn is np.sum else graph.make(fn, args, kwargs, node)


def _sum_over_axes(graph: Rewriting, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    axis = kwargs.get("axis")
    if not kwargs.get("keepdims") and (dot := _as_dot(graph, node, axis)) is not None:
        return dot
    if axis == ():
        return args[0]
    if isinstance(axis, tuple):
        kwargs["axis"] = None if len(axis) == args[0].value.ndim else axis[0] if len(axis) == 1 else axis
    kwargs = {name: value for name, value in kwargs.items() if value is not None and value is not False}
    return graph.make(np.sum, args, kwargs, node)


def _as_dot(graph: Rewriting, node: Node, axis: Any) -> Any:
    """The sum of all elements of a product, Σ a b, as a dot product; None if it is none."""
    factor = node.args[0]
    whole = factor.value
    if not (axis is None or axis == tuple(range(whole.ndim))) or whole.ndim == 0 or not is_short_float(factor):
        return None
    if len(graph.users.get(factor, [])) == 1 and factor.fn in (np.multiply, np.square):
        a, b = map(graph.now, factor.args * (1 + (factor.fn is np.square)))
        if all(np.shape(value_of(x)) == whole.shape and value_of(x).dtype == whole.dtype for x in (a, b)):
            return graph.make(np.vdot, (a, b))
    return None
