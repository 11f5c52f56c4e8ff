"""A function run on one example and recorded; the record run on all."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.batching.calls import Call, Function, called, rule_of, some
from tinygrad_edu.engine import (
    Node,
    Tracer,
    is_recording,
    next_index,
    nodes_in,
    operations_under,
    recording,
    records_all,
    watching,
)
from tinygrad_edu.errors import name_of
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trees import leaves_of, tree_map


class OneExample(Tracer):
    """Looks on while a function is run on one example."""

    why = (
        "and they differ between the examples: use np.where with a mask, which has one shape for all, or a loop over "
        "the examples"
    )

    def __init__(self, who: str, start: int) -> None:
        self.who, self.start = who, start

    def read(self, node: Node, how: str) -> None:
        """Refuse: what is said of one example would be taken for all."""
        if node.index >= self.start:
            raise TypeError(
                f"{self.who}: {how} of a tensor of shape {node.value.shape} would take, for all examples, what it is "
                "in the first; compute with the tensor itself (np.where chooses between values), or loop over them"
            )


def for_all(who: str, f: Callable[..., Any], n: int, xs: list[Any], differ: list[bool]) -> tuple[Any, Any]:
    """The results of ``f`` for n examples, and for each result whether they differ.

    Parameters
    ----------
    who : str
        Asks, for error messages.
    f : callable
        Of as many arrays as there are in ``xs``.
    n : int
    xs : list of ndarray or Tensor
        The arguments of all examples.
    differ : list of bool
        For each whether it has the examples along its first axis, or is the same for all.

    Returns
    -------
    results, differ
        In the structure that ``f`` returns; where they differ, with the examples along the first axis.
    """
    start = next_index()
    leaves = [_one(x, own) for x, own in zip(xs, differ, strict=True)]
    with recording(True), watching(OneExample(who, start)), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of one example come again for all
        result = f(*leaves)
    replay = _Replay(start, n, dict(zip(leaves, map(outside, xs), strict=True)), differ)
    operations = operations_under(leaves_of(result), start)
    last = {arg: node for node in operations for arg in nodes_in(node.args)}  # that uses it
    kept = set(nodes_in(leaves_of(result)))
    for node in operations:
        replay.step(node)
        for arg in nodes_in(node.args):
            if last[arg] is node and arg not in kept:
                replay.values.pop(arg, None)
    return tree_map(replay.value, result), tree_map(replay.differs, result)


def _one(x: Any, differs: bool) -> Tensor:
    """The argument in one example."""
    value = x.value if isinstance(x, Node) else x
    if differs:
        value = value[0] if len(value) else np.ones(value.shape[1:], value.dtype)
    return Tensor(value, requires_grad=isinstance(x, Node) and x.requires_grad)


class _Replay:
    """The values of all examples, call by call."""

    def __init__(self, start: int, n: int, values: dict[Node, Any], differ: list[bool]) -> None:
        self.start, self.n = start, n
        self.values = values
        self.differing = {node for node, own in zip(values, differ, strict=True) if own}

    def value(self, x: Any) -> Any:
        """What stands in the place of a value of one example."""
        if isinstance(x, Node):
            return self.values[x] if x in self.values else outside(x) if x.index < self.start else x.value
        return type(x)([self.value(part) for part in x]) if type(x) in (list, tuple) else x

    def differs(self, x: Any) -> Any:
        """Whether it differs between the examples; of a list, for each part."""
        if type(x) in (list, tuple):
            return [self.differs(part) for part in x]
        return isinstance(x, Node) and x in self.differing

    def step(self, node: Node) -> None:
        """Make a call for all examples."""
        args, differs = tuple(map(self.value, node.args)), tuple(map(self.differs, node.args))
        if not any(map(some, differs)):
            self.values[node] = called(node, args, node.kwargs)
            return
        self.differing.add(node)
        if node.fn is operator.getitem and isinstance(args[0], tuple):  # one of several results
            self.values[node] = args[0][args[1]]
            return
        call = Call(node, args, differs, self.n)
        rule = rule_of(call)
        result = NotImplemented if rule is None else rule(call)
        self.values[node] = one_by_one(call) if result is NotImplemented else result


def outside(x: Any) -> Any:
    """A tensor from outside if somebody wants to know what is computed from it, else its array."""
    return x.value if isinstance(x, Node) and not (records_all() or (x.requires_grad and is_recording())) else x


_told: set[Function] = set()


def one_by_one(call: Call) -> Any:
    """A function without a rule: a loop over the examples."""
    fn = call.node.fn
    assert fn
    if fn not in _told:
        _told.add(fn)
        warnings.warn(
            f"vmap: {name_of(fn)}, called as it is here, has no form for many examples at once; it is called in a loop",
            stacklevel=2,
        )
    results = [
        call.run(*(_of_one(x, differs, i) for x, differs in zip(call.args, call.differs, strict=True)), **call.options)
        for i in range(call.n)
    ]
    if not results:
        return np.zeros((0, *call.shape), call.node.value.dtype)
    if isinstance(results[0], tuple):
        parts = [np.stack(part) for part in zip(*results, strict=True)]
        return type(results[0])(*parts) if hasattr(results[0], "_fields") else tuple(parts)
    return np.stack(results)


def _of_one(x: Any, differs: Any, i: int) -> Any:
    """The argument of one example."""
    if isinstance(differs, list):
        return type(x)([_of_one(part, own, i) for part, own in zip(x, differs, strict=True)])
    return x[i] if differs else x
