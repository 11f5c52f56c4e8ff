"""One recorded call, to be made for all examples at once; and the table of how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.engine import RULES, Node, constant, nodes_in, record, recording

Function = Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """A call as it was recorded for one example, with the arguments of all examples.

    Attributes
    ----------
    node : Node
        The record: of one example, ``node.values`` are the arguments and ``node.value`` is the result.
    args : tuple
        The arguments; those that differ between examples have these along a first axis more.
    differs : tuple
        For each argument whether it does; for lists a list.
    n : int
        How many examples there are.
    """

    node: Node
    args: tuple[Any, ...]
    differs: tuple[Any, ...]
    n: int

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of the call."""
        return self.node.kwargs

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result of one example."""
        return self.node.value.shape

    def ndim(self, i: int) -> int:
        """How many axes an argument has in one example."""
        return int(np.ndim(self.node.values[i]))

    def only(self, *places: int) -> bool:
        """Whether the examples differ in these arguments alone."""
        return not any(some(differs) for i, differs in enumerate(self.differs) if i not in places)

    def run(self, *args: Any, **options: Any) -> Any:
        """Call the function with other arguments."""
        return called(self.node, args, options)

    def run_as(self, fn: Function, *args: Any) -> Any:
        """Call another function, which computes the same."""
        return called(self.node, args, {}, fn)

    def aligned(self, i: int, ndim: int) -> Any:
        """An argument with as many axes behind the examples' as given, so that it broadcasts as in one example."""
        return aligned(self.args[i], self.differs[i], self.ndim(i), ndim)

    def each(self, i: int) -> Any:
        """An argument with an axis of examples, along which it is repeated if it does not differ."""
        return spread(self.args[i], self.differs[i], self.n)


def some(differs: Any) -> bool:
    """Whether an argument, or a part of it, differs between examples."""
    return any(map(some, differs)) if isinstance(differs, list) else differs


def aligned(x: Any, differs: bool, of_one: int, ndim: int) -> Any:
    """New axes behind that of the examples, before those of the example."""
    if not differs or of_one >= ndim:
        return x
    return np.reshape(x, (x.shape[0], *(1,) * (ndim - of_one), *x.shape[1:]))


def spread(x: Any, differs: bool, n: int) -> Any:
    """The same for every example."""
    return x if differs else np.broadcast_to(x, (n, *np.shape(x)))


def called(node: Node, args: tuple[Any, ...], options: Mapping[str, Any], fn: Function | None = None) -> Any:
    """Make the call of a node with other arguments; where no gradient flowed through that, none does now."""
    fn = fn or node.fn
    assert fn
    if not nodes_in(args):
        return fn(*args, **options)
    if fn not in RULES:
        return constant(fn, args, options)
    if node.requires_grad:
        return record(fn, args, options)
    with recording(False):
        return record(fn, args, options)


Rule = Callable[[Call], Any]
BATCHED: dict[Function, Rule] = {}
"""How a function is called for all examples at once: (call) → the results, with the examples along the first axis."""


def batches(*functions: Function) -> Callable[[Rule], Rule]:
    """A decorator: the rule below is that of these functions. It gives NotImplemented for what it does not know."""

    def register(rule: Rule) -> Rule:
        BATCHED.update(dict.fromkeys(functions, rule))
        return rule

    return register


def rule_of(call: Call) -> Rule | None:
    """The rule for a call; ufuncs act on each element by itself and have one in common."""
    fn = call.node.fn
    if fn is None or any(isinstance(option, np.ndarray) for option in call.options.values()):
        return None  # an array among the options has axes of one example
    return elementwise if isinstance(fn, np.ufunc) and not fn.signature else BATCHED.get(fn)


def elementwise(call: Call) -> Any:
    """Functions of each element by itself: the axes are aligned from behind, as NumPy's broadcasting does."""
    arrays = [i for i in range(len(call.args)) if call.differs[i]]
    ndim = max(np.ndim(value) for value in call.node.values if isinstance(value, np.ndarray | np.generic | int | float))
    args = [call.aligned(i, ndim) if i in arrays else arg for i, arg in enumerate(call.args)]
    return call.run(*args, **call.options)
