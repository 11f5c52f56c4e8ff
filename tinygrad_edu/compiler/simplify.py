"""Make a traced graph smaller: what a person would cross out when tidying up a derivation.

The graph is written down again, operation by operation; each is looked at once with its arguments already tidy.
Whole passes are repeated until nothing changes. A pass

- computes what depends on constants only, and computes everything else once (common subexpressions),
- leaves out what does nothing: adding 0, multiplying by 1, reshaping to the same shape,
- gathers each chain of products and quotients into one: c · a · b / d, with a single number c in front,
- factors sums: t − t a = t (1 − a),
- uses a quotient that exists already: (g / d) · p = g · a where a = p / d.

The last two turn what the rules give for σ(z) = p / (1 + p), p = eᶻ, into the a (1 − a) of the textbooks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import UFUNC_OF, is_plain_transpose, uniform_value
from tinygrad_edu.compiler.trace import Trace, blank, operations_under
from tinygrad_edu.engine import NO_KWARGS, RULES, Node, make_node, nodes_in
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import leaves_of, tree_map

MOST_PASSES = 20


def simplify(trace: Trace) -> None:
    """Replace the result, root and gradients of a trace by smaller ones of the same value, to rounding."""
    before = None
    known: dict[Any, Node] = {}
    for _ in range(MOST_PASSES):
        _Pass(trace, known).run()
        now = [(node.fn, len(nodes_in(node.args))) for node in operations_under(leaves_of(trace.result), trace.start)]
        if now == before:
            return
        before = now


@dataclass(eq=False)
class _Product:
    """coefficient · ∏ above / ∏ under, of tidy nodes and constant arrays."""

    coefficient: float = 1.0
    above: list[Any] = field(default_factory=list)
    under: list[Any] = field(default_factory=list)

    @property
    def is_number(self) -> bool:
        return not self.above and not self.under

    @property
    def is_zero(self) -> bool:
        return self.is_number and self.coefficient == 0

    def times(self, factor: Any, under: bool = False) -> _Product:
        """Take in one more factor, above or under the line."""
        if isinstance(factor, Node) and factor.fn is np.negative:
            self.coefficient, factor = -self.coefficient, factor.args[0]
        if isinstance(factor, Node) and factor.fn is np.broadcast_to:
            factor = factor.args[0]
        number = uniform_value(factor)
        if number is None or (under and number == 0):
            (self.under if under else self.above).append(factor)
        elif under:
            self.coefficient /= number
        else:
            self.coefficient *= number
        return self

    def negative(self) -> _Product:
        return _Product(-self.coefficient, self.above, self.under)


class _Pass:
    def __init__(self, trace: Trace, known: dict[Any, Node]) -> None:
        self._trace = trace
        self._known = known  # recipe → tidy node, of this pass and those before it
        self._given = {*trace.inputs, *trace.captured}
        # The cost is kept, although it may not be asked for: it tells the names of what is in it.
        self._old = operations_under([*leaves_of(trace.result), trace.root], trace.start)
        self._users: dict[Node, list[Node | None]] = {node: [] for node in self._old}
        for node in self._old:
            for arg in nodes_in(node.args):
                self._users.setdefault(arg, []).append(node)
        for node in nodes_in(leaves_of(trace.result)):
            self._users.setdefault(node, []).append(None)
        self._now: dict[Node, Any] = {}  # old node → tidy node, or constant
        # Each with what is above and under the line.
        self._quotients: list[tuple[Node, Counter[int], Counter[int]]] = []

    def run(self) -> None:
        with np.errstate(all="ignore"):
            for node in self._old:
                self._now[node] = self._tidy(node)
                self._carry_over(node, self._now[node])
        trace = self._trace
        trace.result = tree_map(self._tidied, trace.result)
        trace.root = None if trace.root is None else self._tidied(trace.root)
        trace.gradients = {
            self._tidied(g): self._tidied(of)
            for g, of in trace.gradients.items()
            if isinstance(self._tidied(g), Node) and isinstance(self._tidied(of), Node)
        }

    def _tidied(self, old: Any) -> Any:
        """What stands now for a node of the old graph; anything else is itself."""
        if isinstance(old, Node):
            if old in self._now:
                return self._now[old]
            if old in self._given:
                return old
            return old.value  # made within the function, or computed before it ran: a constant
        if type(old) in (list, tuple):
            return type(old)(map(self._tidied, old))
        return old

    def _carry_over(self, old: Node, new: Any) -> None:
        if isinstance(new, Node) and new.fn is not None:
            new.name = new.name or old.name
            new.scope = new.scope or old.scope

    # --- One operation ----------------------------------------------------------------------------------------

    def _tidy(self, node: Node) -> Any:
        fn: Any = node.fn
        args, kwargs = tuple(map(self._tidied, node.args)), dict(node.kwargs)
        if not nodes_in(args):
            value = fn(*args, **kwargs)
            return np.asarray(value) if isinstance(node.value, np.ndarray) else value
        if fn in _PRODUCTS and _is_float(node):
            (user, *more) = self._users[node] or [None]
            if user is not None and user.fn in _PRODUCTS and not more and self._is_inner(node, user):
                return self._as_it_was(node)  # the product that it is a part of will take it apart
            return self._write(self._gather(node), node)
        if fn in (np.add, np.subtract) and _is_float(node):
            return self._sum(node)
        if fn in (np.positive, np.copy) or (
            fn in _MAY_DO_NOTHING and isinstance(args[0], Node) and _same_kind(args[0], node)
        ):
            if fn is np.positive and node.requires_grad and args[0].fn is None:
                args[0].requires_grad = True  # what a gradient is taken with respect to
            return args[0]
        if fn is np.reshape and isinstance(args[0], Node) and args[0].fn is np.reshape:
            args = (args[0].args[0], *args[1:])
        if is_plain_transpose(node) and isinstance(args[0], Node) and is_plain_transpose(args[0]):
            return args[0].args[0]
        if fn in UFUNC_OF and len(args) > 1:
            args, kwargs = args[:1], dict(zip(("axis",), args[1:], strict=True)) | kwargs
        if fn is np.sum and not kwargs.get("keepdims") and (dot := self._as_dot(node)) is not None:
            return dot
        if fn is np.sum and isinstance(axis := kwargs.get("axis"), tuple):
            if not axis:
                return args[0]
            kwargs["axis"] = None if len(axis) == args[0].value.ndim else axis[0] if len(axis) == 1 else axis
        if fn is np.sum:
            kwargs = {name: value for name, value in kwargs.items() if value is not None and value is not False}
        return self._make(fn, args, kwargs, node)

    def _make(self, fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] = NO_KWARGS, like: Any = None) -> Any:
        """The node of this call; the one there is already, if there is one."""
        if not nodes_in(args):
            return fn(*args, **kwargs)
        key = _recipe(fn, args, kwargs)
        if key in self._known:
            return self._known[key]
        if like is not None and _recipe(like.fn, like.args, like.kwargs) == key:
            node = like
        else:
            values = list(_values(args))
            value = blank(np.asarray(fn(*values, **kwargs))) if like is None else like.value
            parents = [arg for arg in nodes_in(args) if arg.requires_grad] if fn in RULES else []
            node = make_node(Tensor, fn, args, kwargs, values, value, parents)
        self._known[key] = node
        return node

    def _as_dot(self, node: Node) -> Any:
        """The sum of all elements of a product, Σ a b, as a dot product; None if it is none."""
        factor, *place = node.args
        axis, whole = place[0] if place else node.kwargs.get("axis"), factor.value
        if not (axis is None or axis == tuple(range(whole.ndim))) or whole.ndim == 0 or not _is_float(factor):
            return None
        if factor in self._now and len(self._users[factor]) == 1 and factor.fn in (np.multiply, np.square):
            a, b = map(self._tidied, factor.args * (1 + (factor.fn is np.square)))
            if all(np.shape(_value(x)) == whole.shape and _value(x).dtype == whole.dtype for x in (a, b)):
                return self._make(np.vdot, (a, b))
        return None

    # --- Products ---------------------------------------------------------------------------------------------

    def _gather(self, node: Node) -> _Product:
        """The chain of products and quotients that ends in ``node``, one of the old graph."""
        product = _Product()
        waiting: list[tuple[Any, bool]] = [(node, False)]  # and whether it stands under the line of the fraction
        while waiting:
            part, under = waiting.pop()
            if part is not node and not self._is_inner(part, node):
                product.times(self._tidied(part), under)
                continue
            if part.fn is np.negative:
                product.coefficient = -product.coefficient
            turned = {np.divide: (False, True), np.reciprocal: (True,)}.get(part.fn, (False, False))
            waiting += [(arg, under != turn) for arg, turn in zip(part.args, turned, strict=False)][::-1]
        return product

    def _is_inner(self, part: Any, of: Node) -> bool:
        """Whether an operand is a product itself, and is needed for nothing else."""
        return (
            isinstance(part, Node)
            and part not in self._given
            and part.fn in _PRODUCTS
            and part in self._users
            and part.value.dtype == of.value.dtype
            and len(self._users[part]) == 1
        )

    def _write(self, product: _Product, node: Node) -> Any:
        """The operations that compute a product which replaces ``node``."""
        result = self._compute(product)
        if not (_fits(product.coefficient, node) and _same_kind(result, node)):
            return self._as_it_was(node)  # weak and strong numbers, or a shape that came from a constant
        return result

    def _as_it_was(self, node: Node) -> Any:
        return self._make(node.fn, tuple(map(self._tidied, node.args)), node.kwargs, node)

    def _compute(self, product: _Product) -> Any:
        above, under = self._with_quotients(_without_needless_masks(product.above), product.under)
        above.sort(key=_place_in_product)
        c: float = int(product.coefficient) if product.coefficient.is_integer() else product.coefficient  # 2, not 2.0
        sign = c in (1, -1)
        result: Any = None
        for factor in above:
            if result is None:
                result = factor if sign else self._times_number(factor, c)
            elif result is factor:
                result = self._make(np.square, (factor,))
            else:
                result = self._make(np.multiply, (result, factor))
        for factor in under:
            result = self._make(np.divide, ((1 if sign else c) if result is None else result, factor))
        if result is None:
            return c
        if c == 1 and under and above and isinstance(result, Node):
            self._quotients.append((result, _count(above), _count(under)))
        return self._make(np.negative, (result,)) if c == -1 else result

    def _times_number(self, factor: Any, c: float) -> Any:
        """The number times a factor: c (A B) = A (c B) where B is smaller than the product."""
        if isinstance(factor, Node) and factor.fn is np.matmul and len(self._users.get(factor, [])) == 1:
            a, b = factor.args
            if min(np.size(_value(a)), np.size(_value(b))) < factor.value.size:
                if np.size(_value(a)) < np.size(_value(b)):
                    return self._make(np.matmul, (self._make(np.multiply, (a, c)), b))
                return self._make(np.matmul, (a, self._make(np.multiply, (b, c))))
        return self._make(np.multiply, (factor, c))

    def _with_quotients(self, above: list[Any], under: list[Any]) -> tuple[list[Any], list[Any]]:
        """The factors, with p above and d below the line replaced by a where a = p / d is there already."""
        above, under = list(above), list(under)
        for quotient, its_above, its_under in self._quotients:
            if its_above <= _count(above) and its_under <= _count(under):
                above, under = [*_without(above, its_above), quotient], _without(under, its_under)
        return above, under

    # --- Sums -------------------------------------------------------------------------------------------------

    def _sum(self, node: Node) -> Any:
        """The sum or difference, with the factors that both have put in front, and without zeros and double signs."""
        left, right = (
            self._gather(part) if self._is_inner(part, node) else _Product().times(self._tidied(part))
            for part in node.args
        )
        if node.fn is np.subtract:
            right.coefficient = -right.coefficient
        above = _count(left.above) & _count(right.above)
        under = _count(left.under) & _count(right.under)
        shared = _Product(1.0, _only(left.above, above), _only(left.under, under))
        for term in (left, right):
            term.above, term.under = _without(term.above, above), _without(term.under, under)
        if (above or under) and (left.is_number or right.is_number):
            result = self._compute(shared.times(self._add(left, right)))
        elif above or under:
            return self._as_it_was(node)
        elif left.is_zero or right.is_zero:
            result = self._compute(right if left.is_zero else left)
        elif right.coefficient < 0 or left.coefficient < 0:
            result = self._add(left, right)
        else:
            return self._as_it_was(node)
        return result if _same_kind(result, node) else self._as_it_was(node)

    def _add(self, left: _Product, right: _Product) -> Any:
        if left.is_number and right.is_number:
            return float(left.coefficient + right.coefficient)
        if right.coefficient < 0:
            return self._make(np.subtract, (self._compute(left), self._compute(right.negative())))
        if left.coefficient < 0:
            return self._make(np.subtract, (self._compute(right), self._compute(left.negative())))
        return self._make(np.add, (self._compute(left), self._compute(right)))


# --- Helpers ----------------------------------------------------------------------------------------------------

_PRODUCTS = (np.multiply, np.divide, np.negative, np.reciprocal)
_MAY_DO_NOTHING = (np.reshape, np.broadcast_to, np.astype, np.squeeze)


def _count(factors: list[Any]) -> Counter[int]:
    return Counter(map(id, factors))


def _without(factors: list[Any], gone: Counter[int]) -> list[Any]:
    gone, kept = gone.copy(), []
    for factor in factors:
        if gone[id(factor)]:
            gone[id(factor)] -= 1
        else:
            kept.append(factor)
    return kept


def _only(factors: list[Any], wanted: Counter[int]) -> list[Any]:
    return _without(factors, _count(factors) - wanted)


def _place_in_product(factor: Any) -> tuple[int, bool, bool]:
    """Small factors first, as they are cheap to multiply; masks late, as they are no numbers; and 1 − a at the end."""
    value = np.asarray(_value(factor))
    complement = isinstance(factor, Node) and factor.fn is np.subtract and uniform_value(factor.args[0]) is not None
    return value.size, value.dtype == bool, complement


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Node) else x


def _values(x: Any) -> Any:
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else _value(x)


def _same_kind(x: Any, node: Node) -> bool:
    return isinstance(x, Node) and x.value.shape == node.value.shape and x.value.dtype == node.value.dtype


def _is_float(node: Node) -> bool:
    return isinstance(node.value, np.ndarray) and node.value.dtype.kind == "f"


def _fits(number: float, node: Node) -> bool:
    """Whether a coefficient neither overflowed nor underflowed on its way, nor does in the precision of ``node``."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(node.value.dtype.type(number))) and (number == 0 or node.value.dtype.type(number) != 0)


def _recipe(fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return fn, _key(args), _key(tuple(sorted(kwargs.items())))


def _key(x: Any) -> Any:
    """Something hashable that is equal for equal arguments only."""
    if isinstance(x, Node):
        return id(x)
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, x.tobytes() if x.dtype.kind in "fiub" else id(x)
    if type(x) in (list, tuple):
        return type(x), *map(_key, x)
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    return type(x), repr(x) if isinstance(x, float) else x  # 0.0 is not -0.0


# --- Masks that change nothing -----------------------------------------------------------------------------------


def _without_needless_masks(factors: list[Any]) -> list[Any]:
    """The factors without a mask that is 0 only where another factor is 0 anyway.

    The rule of min(z, c) multiplies by 1 where z < c. In σ(z) = p / (1 + p) with p = exp(min(z, 40)), beyond 40 the
    factor 1 − a is exactly 0 already. Whether that is so is found by computing the factor with c for min(z, c).
    """
    kept = list(factors)
    for mask in factors:
        limit = _limit_of(mask)
        if limit is not None and any(_at_limit(factor, *limit) == 0 for factor in kept if factor is not mask):
            kept = [factor for factor in kept if factor is not mask]
    return kept


def _limit_of(mask: Any) -> tuple[Any, Any, float] | None:
    """(np.minimum, z, c) for the mask (z < c) + ½ (z = c); likewise for np.maximum; None for anything else."""
    if not (isinstance(mask, Node) and mask.fn is np.add and all(isinstance(arg, Node) for arg in mask.args)):
        return None
    wins, half_ties = mask.args
    function = {np.less: np.minimum, np.greater: np.maximum}.get(wins.fn)
    ties = next((arg for arg in half_ties.args if isinstance(arg, Node) and arg.fn is np.equal), None)
    if (
        function is None
        or ties is None
        or half_ties.fn is not np.multiply
        or 0.5 not in map(uniform_value, half_ties.args)
    ):
        return None
    z, number = wins.args[0], uniform_value(wins.args[1])
    return (
        (function, z, number)
        if number is not None and ties.args[0] is z and uniform_value(ties.args[1]) == number
        else None
    )


def _at_limit(factor: Any, function: Any, z: Any, limit: float, depth: int = 6) -> Any:
    """The value of a factor where ``function(z, limit)`` is the limit; None if that does not (soon) decide it."""
    number = uniform_value(factor)
    if number is not None:
        return factor if np.ndim(factor) == 0 else number
    if not isinstance(factor, Node) or not isinstance(factor.fn, np.ufunc) or factor.fn.signature or factor.kwargs:
        return None
    if factor.fn is function and factor.args[0] is z and uniform_value(factor.args[1]) == limit:
        return factor.value.dtype.type(limit)
    if depth == 0:
        return None
    values = [_at_limit(arg, function, z, limit, depth - 1) for arg in factor.args]
    return None if any(value is None for value in values) else factor.fn(*values)
