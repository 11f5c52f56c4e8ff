"""Record one whole run of a function: the joint graph of the forward pass and of all backward passes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_edu.engine import (
    Node,
    Watcher,
    copied,
    make_node,
    next_index,
    nodes_in,
    recording,
    watching,
)
from tinygrad_edu.errors import name_of
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import leaves_of, tree_map

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


@dataclass(eq=False)
class Trace(Watcher):
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

    @property
    def operations(self) -> list[Node]:
        """What the result is computed by, in the order of creation."""
        return operations_under(leaves_of(self.result), self.start)

    @property
    def results(self) -> list[Node]:
        """The nodes in the result, each once."""
        return list(dict.fromkeys(nodes_in(leaves_of(self.result))))

    # What the engine tells those who look on:

    records_all = True

    def constant(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], values: list[Any], value: Any
    ) -> Any:
        """Record the call: a mask must follow the values that it was made from."""
        kind = next((type(node) for node in nodes_in(args)), None)
        if kind is None or fn in LOOKS_AT_SHAPE:
            return value
        if fn in SHAPE_FOLLOWS_VALUES or not isinstance(value, np.ndarray | np.generic):
            raise TypeError(
                f"compile: {name_of(fn)} gives a result whose shape, or the course of the program, depends on the "
                "values; a compiled program is the same for all values: use np.where with a mask, or leave this "
                "function uncompiled"
            )
        return make_node(kind, fn, tuple(map(copied, args)), kwargs, values, value, [])

    def walked(self, steps: Iterator[Any], received: dict[Node, Any]) -> Iterator[Any]:
        """Note where a backward pass began, and whose gradient each is."""
        for node, g, parts in steps:
            if self.root is None:
                self.root = node
            if isinstance(g, Node):
                self.gradients.setdefault(g, node)
            yield node, g, parts
        for node, g in received.items():
            if isinstance(g, Node):
                self.gradients.setdefault(g, node)

    def read(self, node: Node, how: str) -> None:
        """Refuse: a compiled program is the same for all values, so while it is traced none may be looked at."""
        if how == ".backward()":
            raise TypeError(
                "compile: .backward() leaves its result in .grad, outside the program; compile tg.value_and_grad(f)"
            )
        raise TypeError(
            f"compile: {how} of a tensor of shape {node.value.shape} would fix, for all later calls, what it is now; "
            "compute with the tensor itself (np.where chooses between values), or leave this function uncompiled"
        )


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
    made = Trace(inputs, next_index())
    start = made.start
    with recording(True), watching(made), np.errstate(all="ignore"):
        made.result = f(*args, **kwargs)
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
        node.value = _blank(node.value)
    for node in operations_under([*leaves_of(run.result), run.root], run.start):
        node.value, node.values = _blank(node.value), _blank(node.values)


def _blank(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return blank(x)
    return type(x)(map(_blank, x)) if type(x) in (list, tuple) else x


def blank(x: Any) -> np.ndarray[Any, Any]:
    """An array of this shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)


def content(x: np.ndarray[Any, Any]) -> Any:
    """Something hashable that is equal for arrays of the same elements, to the bit, of the same dtype."""
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        return tuple(map(repr, x.ravel()))  # a long double has bytes that mean nothing
    return x.tobytes()


def _text(run: Trace) -> list[Any]:
    """What a run did, equal for equal runs: functions, constants, and where each argument comes from."""
    outputs = list(leaves_of(run.result))
    numbers = {node: i for i, node in enumerate([*run.inputs, *run.captured, *operations_under(outputs, run.start)])}

    def said(x: Any) -> Any:
        if isinstance(x, Node):
            return ("node", numbers[x]) if x in numbers else said(x.value)
        if isinstance(x, np.ndarray):
            return x.shape, x.dtype.str, content(x)
        if type(x) in (list, tuple):
            return [type(x), *map(said, x)]
        return repr(x) if isinstance(x, int | float | str | slice | np.dtype | np.generic | None) else type(x)

    return [
        [getattr(node.fn, "__name__", node.fn), said(node.args), said(list(node.kwargs.items()))]
        for node in numbers
        if node.fn is not None
    ] + [said(x) for x in outputs]
