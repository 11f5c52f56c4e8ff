"""One pass over the graph: the old operations, and what stands for each of them now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import content, is_short_float, value_of
from tinygrad_edu.compiler.simplify.bounds import Bounds, bounds_of_call, bounds_of_constant, is_share
from tinygrad_edu.compiler.trace import Trace, blank
from tinygrad_edu.engine import NO_KWARGS, RULES, Node, make_node, nodes_in, operations_under
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trees import leaves_of

PRODUCTS = (np.multiply, np.divide, np.negative, np.reciprocal)


class Rewriting:
    """What a pass knows.

    Attributes
    ----------
    old : list of Node
        The operations of the graph, in the order of creation.
    users : dict of Node to list of Node or None
        Who reads an old value; None is the result.
    continued : dict of Node to Node
        The operand of an old product that is a product itself, and is needed for nothing else: both are one chain.
    shares : dict of id(p) to list of (p, d, a)
        The tidy quotients a = p / d of p in d = p + c, see `is_share`.
    """

    def __init__(self, trace: Trace, known: dict[Any, Node]) -> None:
        """``known``: recipe → tidy node, of the passes before this one."""
        self._known = known
        self._given = {*trace.inputs, *trace.captured}
        # The cost is kept, although it may not be asked for: it tells the names of what is in it.
        self.old = operations_under([*leaves_of(trace.result), trace.root], trace.start)
        self.users: dict[Node, list[Node | None]] = {node: [] for node in self.old}
        for node in self.old:
            for arg in nodes_in(node.args):
                self.users.setdefault(arg, []).append(node)
        for node in nodes_in(leaves_of(trace.result)):
            self.users.setdefault(node, []).append(None)
        self.continued = self._find_chains()
        self.shares: dict[int, list[tuple[Any, Node, Node]]] = {}
        self._now: dict[Node, Any] = {}  # old node → tidy node, or constant
        self._bounds: dict[Node, Bounds] = {}

    def _find_chains(self) -> dict[Node, Node]:
        """Of two operands that are chains, the longer one goes on; the other is a factor like any other."""
        lengths: dict[Node, int] = {}
        continued: dict[Node, Node] = {}
        for node in self.old:
            if node.fn in PRODUCTS and is_short_float(node):
                lengths[node] = 1
                operands = {np.multiply: node.args, np.reciprocal: ()}.get(node.fn, node.args[:1])
                chains = [part for part in operands if self.is_inner(part, node)]
                if chains:
                    continued[node] = max(chains, key=lengths.__getitem__)
                    lengths[node] += lengths[continued[node]]
        return continued

    def is_inner(self, part: Any, of: Node) -> bool:
        """Whether an operand is a product itself, and is needed for nothing else."""
        return (
            isinstance(part, Node)
            and part not in self._given
            and part.fn in PRODUCTS
            and part in self.users
            and part.value.dtype == of.value.dtype
            and len(self.users[part]) == 1
        )

    def now(self, old: Any) -> Any:
        """What stands now for a node of the old graph; anything else is itself."""
        if isinstance(old, Node):
            if old in self._now:
                return self._now[old]
            if old in self._given:
                return old
            return old.value  # made within the function, or computed before it ran: a constant
        if type(old) in (list, tuple):
            return type(old)(map(self.now, old))
        return old

    def replace(self, old: Node, new: Any) -> None:
        """From now on ``new`` stands for ``old``."""
        self._now[old] = new
        if isinstance(new, Node) and new.fn is not None:
            new.name = new.name or old.name
            new.scope = new.scope or old.scope

    def make(self, fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] = NO_KWARGS, like: Any = None) -> Any:
        """The node of this call; the one there is already, if there is one. ``like`` is an old one of the same kind."""
        if not nodes_in(args):
            return fn(*args, **kwargs)
        key = _recipe(fn, args, kwargs)
        node = self._known.get(key)
        if node is None:
            if like is not None and _recipe(like.fn, like.args, like.kwargs) == key:
                node = like
            else:
                values = list(_values(args))
                value = blank(np.asarray(fn(*values, **kwargs))) if like is None else like.value
                parents = [arg for arg in nodes_in(args) if arg.requires_grad] if fn in RULES else []
                node = make_node(Tensor, fn, args, kwargs, values, value, parents)
            self._known[key] = node
        if node not in self._bounds:
            self._bounds[node] = bounds_of_call(fn, args, self.bounds)
            if fn is np.divide and is_share(args, self.bounds):
                self.shares.setdefault(id(args[0]), []).append((*args, node))
        return node

    def as_it_was(self, node: Node) -> Any:
        """The same call, of what stands for its arguments now."""
        return self.make(node.fn, tuple(map(self.now, node.args)), node.kwargs, node)

    def bounds(self, x: Any) -> Bounds:
        """The least and the greatest value that a tidy node or a constant can have."""
        return self._bounds[x] if isinstance(x, Node) and x in self._bounds else bounds_of_constant(x)


def _values(x: Any) -> Any:
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else value_of(x)


def _recipe(fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return fn, _key(args), _key(tuple(sorted(kwargs.items())))


def _key(x: Any) -> Any:
    """Something hashable that is equal for equal arguments only."""
    if isinstance(x, Node):
        return id(x)
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, content(x) if x.dtype.kind in "fiub" else id(x)
    if type(x) in (list, tuple):
        return type(x), *map(_key, x)
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    return type(x), repr(x) if isinstance(x, float | np.generic) else x  # 0.0 is not -0.0
