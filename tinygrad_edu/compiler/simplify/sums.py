"""Sums and differences: without zeros and double signs, and t − t a = t (1 − a)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import same_kind, uniform_value
from tinygrad_edu.compiler.simplify.products import Factor, Product, chain_of, compute, fits, plain
from tinygrad_edu.compiler.simplify.rewriting import Rewriting
from tinygrad_edu.engine import Node


def write_sum(graph: Rewriting, node: Node) -> Any:
    """The operations for a sum or difference of two chains."""
    dtype = node.value.dtype
    left, right = (
        chain_of(graph, part) if graph.is_inner(part, node) else Product(dtype).times(graph.now(part))
        for part in node.args
    )
    if node.fn is np.subtract:
        right = right.negative()
    result: Any = None
    if left.is_zero or right.is_zero:
        result = compute(graph, right if left.is_zero else left)
    elif (product := _factored(graph, left, right) or _factored(graph, right, left)) is not None:
        result = compute(graph, product)
    elif left.sign < 0 or right.sign < 0:
        result = add(graph, left, right)
    return result if result is not None and same_kind(result, node) else graph.as_it_was(node)


def _factored(graph: Rewriting, t: Product, other: Product) -> Product | None:
    """T + c t a as t (1 + c a), if the other term is one more factor a times t, or a number times t; else None."""
    rest, shared = other.count(), t.count()
    if not shared or not shared <= rest or not t.numbers():
        return None
    rest -= shared
    c = other.numbers() / t.numbers()
    if not fits(c, t.dtype) or rest.total() > 1:
        return None
    if not rest:
        return Product(t.dtype, t.sign, [*t.factors, *Product(t.dtype).times(1 + c).factors]) if 1 + c > 0 else None
    ((a, under),) = rest
    factor = next(f for f in other.factors if id(f.x) == a)
    low, high = graph.bounds(factor.x)
    if under or uniform_value(factor.x) is not None or (abs(c) > 1 and not fits(c * max(-low, high), t.dtype)):
        return None  # c a, or 1 / a, might overflow where t c a does not
    bracket = add(graph, Product(t.dtype), Product(t.dtype).times(c).times(factor.x))
    return Product(t.dtype, t.sign, [*t.factors, Factor(bracket)])


def add(graph: Rewriting, left: Product, right: Product) -> Any:
    """Left + right, as a difference where one is negative."""
    if right.sign < 0:
        return graph.make(np.subtract, (_term(graph, left), _term(graph, right.negative())))
    if left.sign < 0:
        return graph.make(np.subtract, (_term(graph, right), _term(graph, left.negative())))
    return graph.make(np.add, (_term(graph, left), _term(graph, right)))


def _term(graph: Rewriting, product: Product) -> Any:
    value = compute(graph, product)
    return plain(value) if isinstance(value, float) else value
