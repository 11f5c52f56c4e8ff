"""The engine: record NumPy calls, then walk them backwards.

A *node* remembers how its value was made, as plain data: the NumPy function, its arguments and its
keywords. Walking from a result back to its inputs, and asking each node's *rule* how a small change of
an argument changes the result, is all that reverse-mode automatic differentiation is.

Read in this order: `Node`, `record`, `gradients`. Everything else here serves those three.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from functools import cache, wraps
from inspect import signature
from operator import attrgetter, getitem
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import is_complex, name_of, no_argument_rule, shapes_do_not_fit

Array = npt.NDArray[Any]
P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

Rule = Callable[..., Any]
"""``rule(g, y, *args, **kwargs)``: the gradient of one argument, from the gradient ``g`` of ``y``."""


# --- What is recorded -------------------------------------------------------------------------------------


class Node:
    """A value and the recipe that made it: ``fn(*args, **kwargs)``.

    A leaf has no recipe (``fn is None``). `values` are the arguments as the arrays they were at the time
    of the call, so that rebinding a leaf's data later cannot change a gradient. A node points only to
    what it was made from, never the other way, so that dropping the result frees the graph.
    """

    __slots__ = (
        "__weakref__",
        "_data",  # the value, always an ndarray
        "_state",  # whom this very array is known to: PRIVATE, IN_GRAPH or EXPOSED
        "args",  # as they were given: nodes, arrays, numbers
        "fn",
        "grad",
        "index",  # order of creation
        "kwargs",
        "name",
        "parents",  # the nodes among args that need a gradient
        "requires_grad",
        "scope",
        "values",  # args with every node replaced by its array
    )

    _data: Array
    _state: int
    args: tuple[Any, ...]
    fn: Callable[..., Any] | None
    grad: Array | None
    index: int
    kwargs: Mapping[str, Any]
    name: str | None
    parents: list[Node]
    requires_grad: bool
    scope: Scope | None
    values: list[Any]

    __hash__ = object.__hash__


class Scope:
    """``with scope(name):`` marks the nodes made within as parts of one thing; drawings fold it into a box.

    A new one for each stretch of the program (``sigmoid``, a layer, a cost); `outer` is the one around it.
    """

    __slots__ = ("name", "outer", "serial")  # the serial number tells two calls of one function apart

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.outer, self.serial = _scope.get(), next(_clock)
        _scope.set(self)

    def __exit__(self, *exc: object) -> None:
        _scope.set(self.outer)

    def path(self) -> list[Scope]:
        """From the outermost scope to this one."""
        return [*(self.outer.path() if self.outer else []), self]


scope = Scope  # reads as `no_grad` and `recording` do

_clock = itertools.count(1)
_recording: ContextVar[bool] = ContextVar("recording", default=True)
_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)
_watch: ContextVar[Any] = ContextVar("watch", default=None)  # see anomaly.py
_tracing: ContextVar[bool] = ContextVar("tracing", default=False)  # see `tracing`

NO_KWARGS: Mapping[str, Any] = {}
_COMPLEX = (complex, np.complexfloating)  # named here, as a | b in a function is built anew at every call
_RESULT, _GRADIENT = (np.ndarray, tuple), (np.ndarray, np.generic, Node)


def record(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] = NO_KWARGS) -> Any:
    """Call ``fn`` on the values of its arguments and remember the call.

    Parameters
    ----------
    fn : callable
        A function that has a rule (see `defvjp`).
    args, kwargs
        As for ``fn``; at least one argument, or an element of a list given as an argument, is a `Node`.

    Returns
    -------
    Node
        Of the same class as the arguments. It has a recipe when an argument requires a gradient and
        recording is on, and is a constant otherwise.

    Raises
    ------
    TypeError
        If ``fn`` has no rule for a keyword, or for an argument that requires a gradient, or an argument is complex.
    ValueError
        If the shapes do not fit.
    """
    rules = RULES[fn]
    if kwargs:
        _check_keywords(fn, kwargs)
    values = list(args)
    parents: list[Node] = []
    foreign: list[int] = []  # arguments with arrays that are not ours: the caller may change them later
    kind: type[Node] = Node
    for i, arg in enumerate(args):
        if isinstance(arg, Node):
            kind = type(arg)
            values[i] = arg._data if arg._state == IN_GRAPH else _value_for_graph(arg)
            if arg.requires_grad:
                parents.append(arg)
                if i >= len(rules) or rules[i] is None:
                    raise TypeError(no_argument_rule(fn, i))
        elif type(arg) is np.ndarray:
            foreign.append(i)
            if arg.dtype.kind == "c":
                raise TypeError(is_complex(fn, i))
        elif type(arg) in (list, tuple):
            foreign.append(i)
            nodes = [part for part in arg if isinstance(part, Node)]
            if nodes:
                kind = type(nodes[0])
                values[i] = type(arg)([_value_for_graph(part) if isinstance(part, Node) else part for part in arg])
                nodes = [part for part in nodes if part.requires_grad]
                parents += nodes
            if nodes and (i >= len(rules) or not isinstance(rules[i], Each)):
                raise TypeError(
                    f"{name_of(fn)}: argument {i} is a {type(arg).__name__} of tensors; make it one tensor "
                    "with np.stack (or np.concatenate) first"
                )
        elif isinstance(arg, _COMPLEX):
            raise TypeError(is_complex(fn, i))

    try:
        value = fn(*values, **kwargs)
    except ValueError as error:
        raise ValueError(shapes_do_not_fit(fn, values, error)) from error

    if not (parents and _recording.get()):
        if not _tracing.get():
            return tuple(_constant(v, kind) for v in value) if isinstance(value, tuple) else _constant(value, kind)
        parents = []
    if foreign:
        args = _own_arguments(args, values, foreign)
    node = make_node(kind, fn, args, kwargs, values, value, parents)
    if (watch := _watch.get()) is not None:
        watch.forward(node)
    if isinstance(value, tuple):  # several results (`np.linalg.svd`) are one node; each is an element of it
        parts = [record(getitem, (node, i)) for i in range(len(value))]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return node


def make_node(
    kind: type[Node],
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    values: list[Any],
    value: Any,
    parents: list[Node],
) -> Node:
    """The node of a call that was made."""
    node = object.__new__(kind)
    if not isinstance(value, _RESULT):
        value = np.asarray(value)
    node._data = value
    node._state = IN_GRAPH
    node.fn, node.args, node.kwargs, node.values, node.parents = fn, args, kwargs, values, parents
    node.grad = node.name = None
    node.requires_grad = bool(parents)
    node.scope = _scope.get()
    node.index = next(_clock)
    return node


def constant(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] = NO_KWARGS) -> Any:
    """Call a function through which no gradient flows: on values, giving plain arrays.

    While the compiler traces it is recorded nevertheless: a mask must follow the values it was made from.
    """
    values = [_plain(arg) for arg in args]
    value = fn(*values, **{name: _plain(arg) for name, arg in kwargs.items()})
    if _tracing.get() and fn not in LOOKS_AT_SHAPE:
        return _trace_constant(fn, args, kwargs, values, value)
    return value


def _plain(arg: Any) -> Any:
    if isinstance(arg, Node):
        return arg._data
    if type(arg) in (list, tuple):
        return type(arg)(map(_plain, arg))
    return arg


LOOKS_AT_SHAPE: frozenset[Callable[..., Any]] = frozenset(
    {
        *(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.result_type),
        *(np.can_cast, np.common_type, np.min_scalar_type, np.iscomplexobj, np.isrealobj),
    }
)
"""Functions whose result does not depend on the values."""

SHAPE_FOLLOWS_VALUES: frozenset[Callable[..., Any]] = frozenset(
    {np.argwhere, np.nonzero, np.flatnonzero, np.unique, np.bincount, np.histogram, np.histogram_bin_edges}
)


def _trace_constant(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], values: list[Any], value: Any
) -> Any:
    kind = next((type(node) for node in nodes_in(args)), None)
    if kind is None:
        return value
    if fn in SHAPE_FOLLOWS_VALUES or not isinstance(value, np.ndarray | np.generic):
        raise TypeError(
            f"compile: {name_of(fn)} gives a result whose shape, or the course of the program, depends on the values; "
            "a compiled program is the same for all values: use np.where with a mask, or leave this function uncompiled"
        )
    return make_node(kind, fn, tuple(map(_copied, args)), kwargs, values, value, [])


def nodes_in(args: Any) -> list[Node]:
    """The nodes among arguments, or in lists and tuples among them."""
    found: list[Node] = []
    for arg in args:
        if isinstance(arg, Node):
            found.append(arg)
        elif type(arg) in (list, tuple):
            found += nodes_in(arg)
    return found


def _constant(value: Any, kind: type[Node]) -> Node:
    node = object.__new__(kind)
    array = np.asarray(value)
    node._data = array if array.base is None else array.copy()  # a view would change with what it views
    node.name = node.scope = None
    make_leaf(node, requires_grad=False)
    return node


def make_leaf(node: Node, requires_grad: bool) -> None:
    """Give a node no recipe: it is where the graph begins."""
    node.fn, node.args, node.kwargs, node.values, node.parents = None, (), NO_KWARGS, [], []
    node.grad = None
    node.requires_grad = requires_grad
    node.index = next(_clock)
    node._state = PRIVATE


# --- Values that stay as they were recorded ---------------------------------------------------------------
# A rule reads, later, the arrays that an operation was computed from. Whoever holds one of them could change it in
# between, and the gradient would silently be wrong. So a graph keeps arrays that nobody else can reach. Copies of
# constants cost a few percent; a read-only array that owns its memory is kept as it is.

PRIVATE, IN_GRAPH, EXPOSED = range(3)  # whom the array of a leaf is known to: itself, a graph, somebody outside


def _value_for_graph(node: Node) -> Any:
    if node._state == EXPOSED:
        return node._data.copy()
    node._state = IN_GRAPH
    return node._data


def _own_arguments(args: tuple[Any, ...], values: list[Any], foreign: list[int]) -> tuple[Any, ...]:
    """The arguments, and in place their values, with every array that is not ours replaced by a copy of it."""
    kept = list(args)
    for i in foreign:
        kept[i] = _copied(args[i])
        if type(kept[i]) in (list, tuple):
            values[i] = type(kept[i])(
                [v if isinstance(k, Node) else k for v, k in zip(values[i], kept[i], strict=True)]
            )
        else:
            values[i] = kept[i]
    return tuple(kept)


def _copied(part: Any) -> Any:
    if type(part) is np.ndarray:
        if part.flags.writeable or part.base is not None:
            part = part.copy()
            part.flags.writeable = False
    elif type(part) in (list, tuple):
        part = type(part)([_copied(inner) for inner in part])
    return part


# --- The backward pass ------------------------------------------------------------------------------------


def gradients(
    root: Node, seed: Any, targets: Collection[Node] | None = None, *, create_graph: bool = False
) -> dict[Node, Any]:
    """The gradient of ``sum(seed * root)`` at the nodes asked for.

    Every node passes what it receives on to its parents, one rule per argument, until only leaves are
    left. A node made later never feeds one made earlier, so going by falling creation index visits each
    node once, after everything that depends on it: that is the topological order, without recursion.

    Parameters
    ----------
    root : Node
        Where to start.
    seed : array_like, or Node
        The gradient at the root, of its shape.
    targets : collection of Node, optional
        Where the gradient is wanted, leaves or not. All leaves that require one by default.
    create_graph : bool
        Run the rules on tensors rather than on arrays, so that the gradients are recorded themselves and
        can be differentiated again.

    Returns
    -------
    dict
        Node → gradient, of the node's shape and dtype. A target that the root does not depend on is absent.
    """
    order = ancestors(root)
    watch = _watch.get()
    if create_graph and not _tracing.get():  # what is traced runs later, on values of its own
        _check_leaves(order)
    wanted = set(targets or ())
    useful = {node for node in order if node.requires_grad} if targets is None else _leads_to(wanted, order)
    received: dict[Node, Any] = {root: seed} if root in useful else {}

    def receive(node: Node, g: Any) -> None:
        # Broadcasting and type promotion are undone here, once for all rules.
        value = node._data
        if not isinstance(g, _GRADIENT):
            g = np.asarray(g, dtype=value.dtype)
        if g.shape != value.shape:
            g = _broadcast(unbroadcast(g, value.shape), value.shape)
        if g.dtype != value.dtype:
            g = g.astype(value.dtype)
        received[node] = received[node] + g if node in received else g

    def receive_part(whole: Node, i: int, g: Any) -> None:
        parts = received.setdefault(whole, [np.zeros_like(part) for part in whole._data])
        parts[i] = parts[i] + g

    for node in order:
        if node.fn is None or node not in received:
            continue
        g = received[node] if node in wanted else received.pop(node)
        if node.fn is getitem and isinstance(node.values[0], tuple):
            receive_part(node.args[0], node.args[1], g)
            continue
        inputs = (g, node, *node.args) if create_graph else (g, node._data, *node.values)
        rules: tuple[Any, ...] = RULES[node.fn]
        for rule, arg in zip(rules, node.args):  # noqa: B905 - strict= costs a fifth of the walk
            if isinstance(arg, Node):
                if arg in useful:
                    part_g = rule(*inputs, **node.kwargs)
                    if watch is not None:
                        watch.backward(node, g, part_g)
                    receive(arg, part_g)
            elif isinstance(rule, Each) and any(isinstance(part, Node) and part in useful for part in arg):
                for part, part_g in zip(arg, rule.rule(*inputs, **node.kwargs), strict=True):
                    if isinstance(part, Node) and part in useful:
                        receive(part, part_g)
    if watch is not None:
        watch.finished(root, received)
    return received  # every other gradient was handed on


def ancestors(root: Node) -> list[Node]:
    """The root and every node its gradient can reach, latest first."""
    order, found = [root], {root}
    for node in order:  # which grows meanwhile
        for parent in node.parents:
            if parent not in found:
                found.add(parent)
                order.append(parent)
    return sorted(order, key=attrgetter("index"), reverse=True)


def _check_leaves(order: list[Node]) -> None:
    """Rules that run on tensors read the leaves as they are now: they must be as they were recorded."""
    for node in order:
        for arg, value in zip(node.args, node.values, strict=True):
            if isinstance(arg, Node) and arg.fn is None and not _same(arg._data, value):
                raise RuntimeError(
                    f"the value of {arg.name or 'a leaf tensor'} (shape {arg._data.shape}) was changed after "
                    f"{name_of(cast(Any, node.fn))} was recorded from it, so a second derivative would be wrong; run "
                    "the forward computation again"
                )


def _same(now: Array, then: Array) -> bool:
    return now is then or np.array_equal(now, then, equal_nan=True)


def _leads_to(wanted: set[Node], order: list[Node]) -> set[Node]:
    """The nodes among ``order`` (latest first) that depend on a wanted one, and those themselves."""
    useful = set(wanted)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which a value of this shape was stretched.

    If y_ij = x_j for every i, then a change of x_j changes all y_ij: ∂C/∂x_j = Σ_i ∂C/∂y_ij.
    """
    if g.ndim > len(shape):
        g = np.add.reduce(g, axis=tuple(range(g.ndim - len(shape))))
    if g.shape == shape:
        return g
    stretched = tuple(i for i, (n, wide) in enumerate(zip(shape[-g.ndim :], g.shape, strict=False)) if n == 1 != wide)
    return np.add.reduce(g, axis=stretched, keepdims=True) if stretched else g


def _broadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Stretch a gradient that a rule left smaller (that of `np.sum` is one number for all elements)."""
    if g.shape == shape:
        return g
    if isinstance(g, Node):
        return np.broadcast_to(g, shape)  # type: ignore[call-overload] # a Tensor, by protocol
    full = np.empty(shape, g.dtype)  # np.broadcast_to costs several small operations
    full[...] = g
    return full


def own(g: Any, taken: set[int]) -> Array:
    """An array that nothing else holds: ``g`` itself where that is safe, or a copy.

    Rules may hand one array to two nodes (that of ``a + b``), or give a view or a read-only array.
    """
    array: Array = np.asarray(g)
    if array.base is not None or not array.flags.writeable or id(array) in taken:
        array = array.copy()
    taken.add(id(array))
    return array


# --- The rule table ---------------------------------------------------------------------------------------


class Each(NamedTuple):
    """A rule for an argument that is a sequence of arrays: it returns one gradient for each."""

    rule: Rule


RULES: dict[Callable[..., Any], tuple[Rule | Each | None, ...]] = {}


def defvjp(fn: Callable[..., Any], *rules: Rule | Each | None) -> None:
    """Say how the gradient flows back through ``fn``: one vector–Jacobian rule per positional argument.

    Parameters
    ----------
    fn : callable
        The function, in most cases NumPy's own.
    *rules : callable or None
        ``rule(g, y, *args, **kwargs)`` with ``g`` the gradient of the result ``y = fn(*args, **kwargs)``; it
        returns the gradient of its argument, gᵀ ∂y/∂arg. It may leave the sum over broadcast axes and the dtype
        to the engine. ``None`` for an argument that has no gradient. Written with NumPy operations, a rule serves
        arrays and, for higher orders, tensors. It may depend on shapes, dtypes and options, never on values.

    Examples
    --------
    >>> defvjp(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
    """
    if not (isinstance(fn, np.ufunc | type(np.sum)) or fn is getitem or fn in RULES):
        raise TypeError(
            f"defvjp: {name_of(fn)} does not hand tensors over as NumPy's functions do, so the rule would never be "
            "used; decorate it with @tg.primitive(rule, ...)"
        )
    EXPANSIONS.pop(fn, None)
    RULES[fn] = rules
    _keywords.cache_clear()


EXPANSIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


def expands(*functions: Callable[..., Any]) -> Callable[[F], F]:
    """A decorator: the function below says what these NumPy functions mean for tensors, in terms of others.

    They then need no rule; their derivatives, of every order, come from what they are made of.
    """

    def register(text: F) -> F:
        for function in functions:
            EXPANSIONS[function] = scoped(text)
        return text

    return register


def primitive(*rules: Rule | Each | None) -> Callable[[F], F]:
    """A decorator: make a function of arrays recordable, as one node, with these rules (see `defvjp`).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> @tg.primitive(lambda g, y, x: g / (1 + np.abs(x)) ** 2)
    ... def softsign(x):
    ...     return x / (1 + np.abs(x))
    >>> tg.check_grads(softsign, np.array([-1.0, 0.5]))
    """

    def decorate(fn: F) -> F:
        @wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(arg, Node) for arg in args):
                return record(wrapper, args, kwargs)
            return fn(*args, **kwargs)

        RULES[wrapper] = rules
        return wrapper  # type: ignore[return-value] # it is called as ``fn`` is, which an F cannot say

    return decorate


@cache
def _keywords(fn: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that every rule of ``fn`` understands; None if it takes any."""
    known: set[str] = set()
    for rule in RULES[fn]:
        if rule is not None:
            parameters = list(signature(rule.rule if isinstance(rule, Each) else rule).parameters.values())[2:]
            if any(p.kind is p.VAR_KEYWORD for p in parameters):
                return None
            known |= {p.name for p in parameters}
    return frozenset(known)


def _check_keywords(fn: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
    known = _keywords(fn)
    for name, value in kwargs.items():
        if isinstance(value, Node):
            raise TypeError(f"{name_of(fn)}: the keyword {name!r} cannot be a tensor; pass {name}.numpy()")
        if known is not None and name not in known:
            raise TypeError(
                f"{name_of(fn)}: its derivative rule does not know the keyword {name!r} "
                f"(it knows {', '.join(sorted(known)) or 'none'})"
            )


# --- Modes and scopes -------------------------------------------------------------------------------------


class recording(ContextDecorator):  # noqa: N801 - used like no_grad
    """``with recording(False):`` switches recording off, or on again, for this thread or async task."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._tokens: list[Token[bool]] = []  # one per entry: the object may be entered again while it is active

    def __enter__(self) -> None:
        self._tokens.append(_recording.set(self._on))

    def __exit__(self, *exc: object) -> None:
        _recording.reset(self._tokens.pop())

    def _recreate_cm(self) -> recording:  # as a decorator: one object per call, so that threads do not share it
        return recording(self._on)


def no_grad() -> recording:
    """A context, or decorator, in which nothing is recorded: results are constants.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return recording(False)


class tracing:  # noqa: N801 - used like no_grad
    """Within this context every call on tensors is recorded, also those through which no gradient flows."""

    def __enter__(self) -> None:
        self._token = _tracing.set(True)

    def __exit__(self, *exc: object) -> None:
        _tracing.reset(self._token)


def is_tracing() -> bool:
    """Whether the compiler is recording a whole program here and now."""
    return _tracing.get()


def is_watched() -> bool:
    """Whether somebody looks at every operation here and now (see anomaly.py)."""
    return _watch.get() is not None


def is_recording() -> bool:
    """Whether operations on tensors are recorded here and now."""
    return _recording.get()


def scoped(fn: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a `scope` of its own name."""
    name = fn.__name__

    @wraps(fn)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with scope(name):
            return fn(*args, **kwargs)

    return wrapper
