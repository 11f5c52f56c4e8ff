"""Forwards and backwards: `record` calls a NumPy function and remembers the call; `contributions` walks the record.

Walking from a result back to its inputs, and asking each call's *rule* how a small change of an argument changes the
result, is all that reverse-mode automatic differentiation is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import admit, as_array
from tinygrad_edu.engine.graph import NO_KWARGS, Node, ancestors, constant_node, next_index
from tinygrad_edu.engine.modes import current_scope, is_recording, records_all, watchers
from tinygrad_edu.engine.ownership import IN_GRAPH, check_leaves, copied, own_arguments, value_for_graph
from tinygrad_edu.engine.table import RULES, Each
from tinygrad_edu.errors import keyword_is_a_tensor, no_argument_rule, shapes_do_not_fit

Contribution = tuple[int, Node, Any]
"""(position of an argument, the argument, the gradient that it is handed)"""

_NUMBERS = frozenset({int, float, bool, np.float64, np.float32})
_RESULT, _GRADIENT = (np.ndarray, tuple), (np.ndarray, np.generic, Node)


# --- Forwards -------------------------------------------------------------------------------------------------


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
        If ``fn`` has no rule for an argument that requires a gradient, or an argument is no array of real numbers.
    ValueError
        If the shapes do not fit.
    """
    rules = RULES[fn]
    values = list(args)
    parents: list[Node] = []
    foreign: list[int] = []  # arguments with arrays that are not ours: the caller may change them later
    kind: type[Node] = Node
    for i, arg in enumerate(args):
        if isinstance(arg, Node):
            kind = type(arg)
            values[i] = arg.value if arg.known_to == IN_GRAPH else value_for_graph(arg)
            if arg.requires_grad:
                parents.append(arg)
                if i >= len(rules) or rules[i] is None:
                    raise TypeError(no_argument_rule(fn, i))
        elif type(arg) is np.ndarray:
            foreign.append(i)
            if arg.dtype.kind in "cO":
                as_array(fn, i, arg)  # raises
        elif type(arg) not in _NUMBERS:
            foreign.append(i)
            arg, values[i], nodes = admit(fn, i, arg, rules[i] if i < len(rules) else None)
            args = (*args[:i], arg, *args[i + 1 :])
            parents += [node for node in nodes if node.requires_grad]
            kind = type(nodes[0]) if nodes else kind
    if kwargs and any(isinstance(option, Node) for option in kwargs.values()):
        raise TypeError(keyword_is_a_tensor(fn, kwargs))

    try:
        value = fn(*values, **kwargs)
    except (np.exceptions.AxisError, np.linalg.LinAlgError):
        raise
    except ValueError as error:
        raise ValueError(shapes_do_not_fit(fn, values, error)) from error

    if not (parents and is_recording()):
        if not records_all():
            if not isinstance(value, tuple):
                return constant_node(value, kind)
            constants: list[Any] = [constant_node(part, kind) for part in value]
            return type(value)(*constants) if hasattr(value, "_fields") else tuple(constants)
        parents = []
    if foreign:
        args = own_arguments(args, values, foreign)
    if kwargs:
        kwargs = {name: copied(option) for name, option in kwargs.items()}
    node = make_node(kind, fn, args, kwargs, values, value, parents)
    for watcher in watchers():
        watcher.recorded(node)
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
    node.value = value
    node.known_to = IN_GRAPH
    node.fn, node.args, node.kwargs, node.values, node.parents = fn, args, kwargs, values, parents
    node.grad = node.name = None
    node.requires_grad = bool(parents)
    node.scope = current_scope()
    node.index = next_index()
    return node


# --- Backwards ------------------------------------------------------------------------------------------------


def gradients(
    root: Node, seed: Any, targets: Collection[Node] | None = None, *, create_graph: bool = False
) -> dict[Node, Any]:
    """The gradient of ``sum(seed * root)`` at the nodes asked for.

    Parameters
    ----------
    root, seed, targets, create_graph
        See `contributions`.

    Returns
    -------
    dict
        Node → gradient, of the node's shape and dtype. A target that the root does not depend on is absent.
    """
    received: dict[Node, Any] = {}
    steps = contributions(root, seed, targets, received, create_graph=create_graph)
    for watcher in watchers():
        steps = watcher.walked(steps, received)
    for _ in steps:
        pass
    return received


def contributions(
    root: Node,
    seed: Any,
    targets: Collection[Node] | None,
    received: dict[Node, Any],
    *,
    create_graph: bool = False,
) -> Iterator[tuple[Node, Any, list[Contribution]]]:
    """The backward pass, step by step: what each call hands to each of its arguments.

    Every node passes what it has received on to its parents, one rule per argument, until only leaves are left. A node
    made later never feeds one made earlier, so going by falling creation index visits each node once, after everything
    that depends on it: that is the topological order, without recursion.

    Parameters
    ----------
    root : Node
        Where to start.
    seed : array_like, or Node
        The gradient at the root, of its shape.
    targets : collection of Node, or None
        Where the gradient is wanted, leaves or not; only what leads there is walked. None: all leaves that require one.
    received : dict
        Filled on the way: node → the sum of what it has been handed so far. In the end the targets are left in it.
    create_graph : bool
        Run the rules on tensors rather than on arrays, so that the gradients are recorded themselves and
        can be differentiated again.

    Yields
    ------
    node, g, parts
        A call, the gradient of its result, and what it hands on: for each argument its position, itself (a node), and
        its share of the gradient.
    """
    order = ancestors(root)
    if create_graph and not records_all():  # what the compiler records runs later, on values of its own
        check_leaves(order)
    wanted = set(targets or ())
    useful = {node for node in order if node.requires_grad} if targets is None else _leading_to(wanted, order)
    if root in useful:
        received[root] = seed
    for node in order:
        if node.fn is not None and node in received:
            g = received[node] if node in wanted else received.pop(node)
            parts = hand_back(node, g, useful, create_graph)
            for _, arg, part in parts:
                if arg not in received:
                    received[arg] = part
                elif isinstance(part, list):  # the gradients of several results
                    received[arg] = [a + b for a, b in zip(received[arg], part, strict=True)]
                else:
                    received[arg] = received[arg] + part
            yield node, g, parts


def hand_back(node: Node, g: Any, useful: Collection[Node], create_graph: bool = False) -> list[Contribution]:
    """One step back through one call: what each useful argument is handed of the gradient g of the result."""
    if node.fn is getitem and isinstance(node.values[0], tuple):  # one of several results
        whole = [np.zeros_like(part) for part in node.values[0]]
        whole[node.args[1]] = g
        return [(0, node.args[0], whole)]
    inputs = (g, node, *node.args) if create_graph else (g, node.value, *node.values)
    rules: tuple[Any, ...] = RULES[node.fn]  # type: ignore[index] # an operation, no leaf
    options = node.kwargs
    parts: list[Contribution] = []
    for position, (rule, arg) in enumerate(zip(rules, node.args)):  # noqa: B905 - strict= costs a fifth of the walk
        if isinstance(arg, Node):
            if arg in useful:
                parts.append((position, arg, _fitted(rule(*inputs, **options), arg.value)))
        elif isinstance(rule, Each) and any(isinstance(x, Node) and x in useful for x in arg):
            for x, part in zip(arg, rule.rule(*inputs, **options), strict=True):
                if isinstance(x, Node) and x in useful:
                    parts.append((position, x, _fitted(part, x.value)))
    return parts


def _leading_to(wanted: set[Node], order: list[Node]) -> set[Node]:
    """The nodes among ``order`` (latest first) that depend on a wanted one, and those themselves."""
    useful = set(wanted)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def _fitted(g: Any, value: Any) -> Any:
    """A gradient in the shape and dtype of its value: broadcasting and type promotion undone, once for all rules."""
    if not isinstance(g, _GRADIENT):
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
    if g.shape == shape:
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
