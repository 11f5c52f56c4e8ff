"""Record one whole run of a function: the joint graph of the forward pass and of all backward passes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, _clock, _watch, nodes_in, recording, tracing
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import leaves_of, tree_map


@dataclass(eq=False)
class Trace:
    """What a function did.

    Attributes
    ----------
    inputs : list of Tensor
        A tensor in the place of every array among the arguments, in order.
    start : int
        The creation index from which on everything belongs to this run.
    captured : list of Tensor
        Tensors that the function found elsewhere, such as the parameters of a model: they are read at every call.
    result
        What the function returned: containers of nodes and of constants.
    root : Node or None
        Where the first backward pass began: the cost.
    gradients : dict of Node to Node
        A gradient that came up in a backward pass → the node it is the gradient of.
    """

    inputs: list[Node]
    start: int
    captured: list[Node] = field(default_factory=list)
    result: Any = None
    root: Node | None = None
    gradients: dict[Node, Node] = field(default_factory=dict)

    # What a watch of the engine is told:

    def forward(self, node: Node) -> None:
        """Nothing: the node itself is the record."""

    def backward(self, node: Node, g: Any, part: Any) -> None:
        """Note whose gradient ``g`` is."""
        if isinstance(g, Node):
            self.gradients.setdefault(g, node)

    def finished(self, root: Node, found: dict[Node, Any]) -> None:
        """Note where a backward pass began, and the gradients that it was made for."""
        if self.root is None:
            self.root = root
        for node, g in found.items():
            if isinstance(g, Node):
                self.gradients.setdefault(g, node)


def trace(f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Trace:
    """Run ``f`` twice with a tensor in the place of every array, and record everything.

    Raises
    ------
    TypeError
        If the two runs differ: then ``f`` depends on something that is not among its arguments and changes.
    """
    first = _text(_run(f, args, kwargs))
    run = _run(f, args, kwargs)
    if _text(run) != first:
        raise TypeError(
            "compile: two runs of the function with the same arguments did different things, so it draws random "
            "numbers, or depends on something else that changes; pass that as an argument, or leave it uncompiled"
        )
    _forget_values(run)
    return run


def _run(f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Trace:
    """One run.

    What was computed before is known by its creation index: of that, a leaf is read anew at every call, and the value
    of a computed tensor is fixed.
    """
    inputs: list[Node] = []

    def stand_in(x: Any) -> Any:
        if not isinstance(x, np.ndarray | np.generic):
            return x
        inputs.append(Tensor(x))
        return inputs[-1]

    args, kwargs = tree_map(stand_in, args), tree_map(stand_in, kwargs)
    start = next(_clock)
    watching = _watch.set(made := Trace(inputs, start))
    try:
        with recording(True), tracing(), np.errstate(all="ignore"):
            made.result = f(*args, **kwargs)
    finally:
        _watch.reset(watching)
    given, outputs = set(inputs), list(leaves_of(made.result))
    arguments = [arg for node in operations_under(outputs, start) for arg in nodes_in(node.args)]
    for node in dict.fromkeys(nodes_in(outputs) + arguments):
        if node.fn is None and node.index < start and node not in given:
            made.captured.append(node)
    return made


def operations_under(outputs: Iterable[Any], start: int = 0) -> list[Node]:
    """The operations that the outputs are computed by, recorded since ``start``, in the order of creation."""
    found: set[Node] = set()
    unvisited = nodes_in(outputs)
    while unvisited:
        node = unvisited.pop()
        if node.fn is not None and node.index > start and node not in found:
            found.add(node)
            unvisited += nodes_in(node.args)
    return sorted(found, key=attrgetter("index"))


def _forget_values(run: Trace) -> None:
    """Keep only shapes and dtypes of what was computed: no program depends on more, and it may be large."""
    for node in run.inputs:
        node._data = _blank(node._data)
    for node in operations_under([*leaves_of(run.result), run.root], run.start):
        node._data, node.values = _blank(node._data), _blank(node.values)


def _blank(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return blank(x)
    return type(x)(map(_blank, x)) if type(x) in (list, tuple) else x


def blank(x: Any) -> np.ndarray[Any, Any]:
    """An array of this shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)


def _text(run: Trace) -> list[Any]:
    """What a run did, equal for equal runs: functions, constants, and where each argument comes from."""
    outputs = list(leaves_of(run.result))
    numbers = {node: i for i, node in enumerate([*run.inputs, *run.captured, *operations_under(outputs, run.start)])}

    def said(x: Any) -> Any:
        if isinstance(x, Node):
            return ("node", numbers[x]) if x in numbers else said(x._data)
        if isinstance(x, np.ndarray):
            return x.shape, x.dtype.str, x.tobytes()
        if type(x) in (list, tuple):
            return [type(x), *map(said, x)]
        return repr(x) if isinstance(x, int | float | str | slice | np.dtype | None) else type(x)

    return [
        [getattr(node.fn, "__name__", node.fn), said(node.args), said(list(node.kwargs.items()))]
        for node in numbers
        if node.fn is not None
    ] + [said(x) for x in outputs]
