"""Forwards and backwards: `record` calls a NumPy function and remembers the call; `contributions` walks the record.

Walking from a result back to its inputs, and asking each call's *rule* how a small change of an argument changes the
result, is all that reverse-mode automatic differentiation is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from operator import attrgetter, getitem
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import admit, check_options
from tinygrad_edu.engine.broadcasting import added, fitted, hand, one_of_several
from tinygrad_edu.engine.graph import NO_KWARGS, Node, ancestors, next_index
from tinygrad_edu.engine.modes import current_scope, is_recording, records_all, watchers
from tinygrad_edu.engine.ownership import IN_GRAPH, check_leaves, constants, copied, own_arguments, value_for_graph
from tinygrad_edu.engine.table import RULES, Each
from tinygrad_edu.errors import no_argument_rule, shapes_do_not_fit

Contribution = tuple[int, Node, Any]
"""(position of an argument, the argument, the gradient that it is handed)"""

_UNCHANGEABLE = frozenset({int, float, bool, np.float64, np.float32, slice, str, type(None)})
_RESULT = (np.ndarray, tuple)


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
        elif type(arg) not in _UNCHANGEABLE:
            foreign.append(i)
            arg, values[i], nodes = admit(fn, i, arg, rules[i] if i < len(rules) else None)
            if arg is not args[i]:
                args = (*args[:i], arg, *args[i + 1 :])
            if nodes:
                kind = type(nodes[0])
                parents += [node for node in nodes if node.requires_grad]
    if kwargs:
        check_options(fn, kwargs)

    try:
        value = fn(*values, **kwargs)
    except (np.exceptions.AxisError, np.linalg.LinAlgError):
        raise
    except ValueError as error:
        raise ValueError(shapes_do_not_fit(fn, values, error)) from error

    if not (parents and is_recording()):
        if not records_all():
            return constants(value, kind)
        parents = []
    if foreign:
        args = own_arguments(args, values, foreign)
    node = make_node(kind, fn, args, copied(kwargs) if kwargs else kwargs, values, value, parents)
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
    node.value, node.known_to = value, IN_GRAPH
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
    root: Node, seed: Any, targets: Collection[Node] | None, received: dict[Node, Any], *, create_graph: bool = False
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
        Run the rules on tensors, not arrays, so that the gradients are recorded and can be differentiated again.

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
    useful = set(filter(attrgetter("requires_grad"), order)) if targets is None else _leading_to(wanted, order)
    if root in useful:
        received[root] = seed
    return steps_of(order, useful, received, wanted, create_graph)


def steps_of(
    order: list[Node], useful: Collection[Node], received: dict[Node, Any], wanted: Collection[Node], create_graph: bool
) -> Iterator[tuple[Node, Any, list[Contribution]]]:
    """The loop of the backward pass, over calls from the latest to the earliest; see `contributions`."""
    for node in order:
        if node.fn is None or node not in received:
            continue
        g = received[node] if node in wanted else received.pop(node)
        parts: list[Contribution] = []
        if node.fn is getitem and isinstance(node.values[0], tuple):
            parts.append((0, node.args[0], one_of_several(g, node)))
            hand(received, *parts[0][1:])
        else:
            inputs = (g, node, *node.args) if create_graph else (g, node.value, *node.values)
            rules: tuple[Any, ...] = RULES[node.fn]
            kwargs, position = node.kwargs, 0
            for rule, arg in zip(rules, node.args):  # noqa: B905 - strict= costs a fifth
                if isinstance(arg, Node):
                    if arg in useful:
                        part = fitted(rule(*inputs, **kwargs), arg.value)
                        received[arg] = added(received[arg], part) if arg in received else part  # as `hand`, faster
                        parts.append((position, arg, part))
                elif isinstance(rule, Each) and any(isinstance(x, Node) and x in useful for x in arg):
                    for x, part in zip(arg, rule.rule(*inputs, **kwargs), strict=True):
                        if isinstance(x, Node) and x in useful:
                            parts.append((position, x, fitted(part, x.value)))
                            hand(received, *parts[-1][1:])
                position += 1  # noqa: SIM113 - enumerate() would make a tuple for every argument
        yield node, g, parts


def _leading_to(wanted: set[Node], order: list[Node]) -> set[Node]:
    """The nodes among ``order`` (latest first) that depend on a wanted one, and those themselves."""
    useful = set(wanted)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful
