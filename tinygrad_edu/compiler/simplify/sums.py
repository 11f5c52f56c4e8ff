"""Sums and differences: without zeros and double signs, and t − t a = t (1 − a)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import same_kind, uniform_value
from tinygrad_edu.compiler.simplify.products import Factor, Product, chain_of, compute, fits
from tinygrad_edu.compiler.simplify.rewriting import Rewriting
from tinygrad_edu.engine import Node


def write_sum(graph: Rewriting, node: Node) -> Any:
    """The operations for a sum or difference of two chains."""
    left, right = (
        chain_of(graph, part) if graph.is_inner(part, node) else Product().times(graph.now(part)) for part in node.args
    )
    if node.fn is np.subtract:
        right = right.negative()
    result: Any = None
    if left.is_zero or right.is_zero:
        result = compute(graph, right if left.is_zero else left, node)
    elif (product := _factored(graph, left, right, node) or _factored(graph, right, left, node)) is not None:
        result = compute(graph, product, node)
    elif left.sign < 0 or right.sign < 0:
        result = add(graph, left, right, node)
    return result if result is not None and same_kind(result, node) else graph.as_it_was(node)


def _factored(graph: Rewriting, t: Product, other: Product, like: Node) -> Product | None:
    """T + c t a as t (1 + c a), if the other term is one more factor a times t, or a number times t; else None."""
    rest, shared = other.count(), t.count()
    if not shared or not shared <= rest or not t.numbers():
        return None
    rest -= shared
    c = other.numbers() / t.numbers()
    if not fits(c, like.value.dtype) or rest.total() > 1:
        return None
    if not rest:
        return Product(t.sign, [*t.factors, *Product().times(1 + c).factors]) if 1 + c > 0 else None
    ((a, under),) = rest
    factor = next(f for f in other.factors if id(f.x) == a)
    low, high = graph.bounds(factor.x)
    if under or uniform_value(factor.x) is not None or (abs(c) > 1 and not fits(c * max(-low, high), like.value.dtype)):
        return None  # c a, or 1 / a, might overflow where t c a does not
    bracket = add(graph, Product(), Product().times(c).times(factor.x), like)
    return Product(t.sign, [*t.factors, Factor(bracket)])


def add(graph: Rewriting, left: Product, right: Product, like: Node) -> Any:
    """Left + right, as a difference where one is negative."""
    if right.sign < 0:
        return graph.make(np.subtract, (_term(graph, left, like), _term(graph, right.negative(), like)))
    if left.sign < 0:
        return graph.make(np.subtract, (_term(graph, right, like), _term(graph, left.negative(), like)))
    return graph.make(np.add, (_term(graph, left, like), _term(graph, right, like)))


def _term(graph: Rewriting, product: Product, like: Node) -> Any:
    value = compute(graph, product, like)
    return int(value) if isinstance(value, float) and value.is_integer() else value
