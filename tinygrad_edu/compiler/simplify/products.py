"""Chains of products and quotients: c · a · b / d.

A chain keeps the order in which the function multiplies. Any other order could overflow or underflow on the way:
x / c · b is not x · b / c where x, b and c are 1e200. What may change is what passes only through values that the
function comes by as well, or through values between those:

- a number moves to the number beside it, and signs go to the front;
- factors of at most 1 in size, one beside the other, change places among themselves;
- b · (1 / d) and (1 / d) · b are b / d;
- (g / d) · p becomes g · a where a = p / d is a share, from 0 to 1, and all that stands between is of at most 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import same_kind, uniform_value, value_of
from tinygrad_edu.compiler.simplify.masks import needless_masks
from tinygrad_edu.compiler.simplify.rewriting import Rewriting
from tinygrad_edu.engine import Node


@dataclass(frozen=True)
class Factor:
    """A tidy node, a constant array, or a number; above or under the line of a fraction."""

    x: Any
    under: bool = False

    @property
    def number(self) -> float | None:
        """Its value, if it is the same everywhere and stands above the line."""
        return None if self.under else uniform_value(self.x)


@dataclass(eq=False)
class Product:
    """± the factors, one after the other, in one precision."""

    dtype: np.dtype[Any]
    sign: int = 1
    factors: list[Factor] = field(default_factory=list)

    def times(self, x: Any, under: bool = False) -> Product:
        """Take in one more factor, above or under the line."""
        if isinstance(x, Node) and x.fn is np.negative:
            self.sign, x = -self.sign, x.args[0]
        if isinstance(x, Node) and x.fn is np.broadcast_to:
            x = x.args[0]
        if isinstance(x, Node) and x.fn is np.divide and uniform_value(x.args[0]) == 1 and self.factors:
            x, under = x.args[1], not under  # b · (1 / d)
        number = uniform_value(x)
        if number is None or (under and not (number and fits(1 / number, self.dtype))):
            self.factors.append(Factor(x, under))
            return self
        self.sign = -self.sign if number < 0 else self.sign
        number = abs(1 / number if under else number)
        if number != 1:
            self.factors.append(Factor(plain(number)))
        return self

    def negative(self) -> Product:
        """The same with the other sign."""
        return Product(self.dtype, -self.sign, self.factors)

    @property
    def is_zero(self) -> bool:
        """Whether it is the number 0."""
        return [factor.number for factor in self.factors] == [0]

    def count(self) -> Counter[tuple[int, bool]]:
        """How often each factor that is no number occurs."""
        return Counter((id(f.x), f.under) for f in self.factors if f.number is None)

    def numbers(self) -> float:
        """All numbers in it, multiplied, with the sign."""
        return self.sign * float(np.prod([f.number for f in self.factors if f.number is not None]))


def chain_of(graph: Rewriting, node: Node) -> Product:
    """The chain of products and quotients that ends in ``node``, one of the old graph."""
    parts = [node]
    while parts[-1] in graph.continued:
        parts.append(graph.continued[parts[-1]])
    product, inner = Product(node.value.dtype), None
    for part in reversed(parts):
        fn: Any = part.fn
        turned = {np.divide: (False, True), np.reciprocal: (True,)}.get(fn, (False, False))
        operands = [(arg, under) for arg, under in zip(part.args, turned, strict=False)]
        if inner is not None:
            del operands[next(i for i, (arg, _) in enumerate(operands) if arg is inner)]
        for arg, under in operands:
            product.times(graph.now(arg), under)
        product.sign = -product.sign if fn is np.negative else product.sign
        inner = part
    return product


def write(graph: Rewriting, product: Product, node: Node) -> Any:
    """The operations that compute a product which replaces ``node``."""
    result = compute(graph, product)
    return result if same_kind(result, node) else graph.as_it_was(node)  # or a shape that came from a constant


def compute(graph: Rewriting, product: Product) -> Any:
    """The operations for a product; a number if it is one."""
    factors = _with_shares(graph, _without_masks(product.factors))
    factors = _merged(_in_order(graph, factors), product.dtype)
    if len(factors) > 1 and factors[0].under and factors[1].number is None and not factors[1].under:
        factors[:2] = factors[1::-1]  # (1 / d) · b
    sign, result = product.sign, None
    for i, factor in enumerate(factors):
        x = factor.x
        if factor.number is not None:
            if sign < 0:
                x, sign = -x, 1
            if result is None and i + 1 < len(factors) and not factors[i + 1].under:
                factors[i + 1], x = Factor(x), factors[i + 1].x  # x · 2 rather than 2 · x
            result = x if result is None else _times_number(graph, result, x)
        elif factor.under:
            result = graph.make(np.divide, (1 if result is None else result, x))
        elif result is x:
            result = graph.make(np.square, (x,))
        else:
            result = x if result is None else graph.make(np.multiply, (result, x))
    if result is None:
        return float(sign)
    return graph.make(np.negative, (result,)) if sign < 0 else result


def _times_number(graph: Rewriting, x: Any, c: float) -> Any:
    """The number times a node: c (A B) = A (c B) where B is smaller than the product.

    That makes elements of B smaller, by not so much that digits are lost unless they nearly underflow already.
    """
    is_product = isinstance(x, Node) and x.fn is np.matmul and len(graph.users.get(x, [])) == 1
    if is_product and x.value.dtype in (np.float32, np.float64) and 1e-6 <= abs(c) <= 1:
        a, b = x.args
        if min(np.size(value_of(a)), np.size(value_of(b))) < x.value.size:
            if np.size(value_of(a)) < np.size(value_of(b)):
                return graph.make(np.matmul, (graph.make(np.multiply, (a, c)), b))
            return graph.make(np.matmul, (a, graph.make(np.multiply, (b, c))))
    return graph.make(np.multiply, (x, c))


# --- What may change places -------------------------------------------------------------------------------------


def is_at_most_one(graph: Rewriting, factor: Factor) -> bool:
    """Whether the factor makes nothing larger."""
    low, high = graph.bounds(factor.x)
    return (low >= 1 or high <= -1) if factor.under else -1 <= low <= high <= 1


def _in_order(graph: Rewriting, factors: list[Factor]) -> list[Factor]:
    """Factors of at most 1 that stand side by side: numbers first, then quotients, and 1 − a at the end."""
    ordered = factors[:1]
    for shrinks, run in groupby(factors[1:], lambda factor: is_at_most_one(graph, factor)):
        ordered += sorted(run, key=_place_in_run if shrinks else lambda factor: 0)
    return ordered


def _place_in_run(factor: Factor) -> tuple[bool, bool, int, bool, bool]:
    value = np.asarray(value_of(factor.x))
    is_complement = isinstance(factor.x, Node) and factor.x.fn is np.subtract and uniform_value(factor.x.args[0]) == 1
    return factor.number is None, not factor.under, value.size, value.dtype == bool, is_complement


def _merged(factors: list[Factor], dtype: np.dtype[Any]) -> list[Factor]:
    """Numbers that stand side by side, or before and after the first factor, as one number if that is one."""
    merged: list[Factor] = []
    for factor in factors:
        before = len(merged) - 1
        if factor.number is not None and len(merged) == 2 and merged[1].number is None:
            before = 0  # 2 · x · 3
        there = merged[before].number if merged else None
        if factor.number is None or there is None or not fits(there * factor.number, dtype):
            merged.append(factor)
        elif there * factor.number == 1:
            del merged[before]
        else:
            merged[before] = Factor(plain(there * factor.number))
    return merged


def plain(number: float) -> float:
    """2 for 2.0."""
    return int(number) if number.is_integer() and abs(number) < 1e9 else number


def fits(number: float, dtype: np.dtype[Any]) -> bool:
    """Whether a number has all its digits in a precision: neither overflow nor underflow."""
    return bool(number == 0 or np.finfo(dtype).tiny <= abs(number) <= np.finfo(dtype).max)


def _with_shares(graph: Rewriting, factors: list[Factor]) -> list[Factor]:
    """The factors, with p above and d below the line replaced by a = p / d where that is a share."""
    for p, d, a in [share for factor in factors for share in graph.shares.get(id(factor.x), ())]:
        above = next((i for i, factor in enumerate(factors) if factor.x is p and not factor.under), None)
        below = next((i for i, factor in enumerate(factors) if factor.x is d and factor.under), None)
        if above is not None and below is not None:
            first, last = sorted((above, below))
            between = factors[first + 1 : last]
            if all(is_at_most_one(graph, factor) for factor in between):
                factors = [*factors[:first], *between, Factor(a), *factors[last + 1 :]]
    return factors


def _without_masks(factors: list[Factor]) -> list[Factor]:
    needless = needless_masks([factor.x for factor in factors if not factor.under])
    return [factor for factor in factors if not any(factor.x is mask for mask in needless)]
