"""Record one whole run of a function: the joint graph of the forward pass and of all backward passes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from gc import collect
from operator import is_
from threading import Lock
from time import sleep
from typing import Any
from weakref import ref

import numpy as np

from tinygrad_edu.compiler.facts import content
from tinygrad_edu.compiler.kinds import kinds
from tinygrad_edu.engine import (
    Node,
    Tracer,
    next_index,
    nodes_in,
    operations_under,
    recording,
    watchers,
    watching,
)
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trees import leaves_of, tree_map


@dataclass(eq=False)
class Trace(Tracer):
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
    made : list of weakref.ref
        Everything that was recorded.
    forgets : bool
        Whether the next backward pass forgets the values that it has used; see `last_backward_pass`.
    """

    inputs: list[Node]
    start: int
    captured: list[Node] = field(default_factory=list)
    result: Any = None
    root: Node | None = None
    gradients: dict[Node, Node] = field(default_factory=dict)
    made: list[ref[Node]] = field(default_factory=list)
    forgets: bool = False
    _seen: int = 0  # of those made
    _kept: list[Any] = field(default_factory=list)
    who = "compile"
    why = "a compiled program is the same for all values: use np.where with a mask, or leave this function uncompiled"

    @property
    def operations(self) -> list[Node]:
        """What the result is computed by, in the order of creation."""
        return operations_under(leaves_of(self.result), self.start)

    @property
    def results(self) -> list[Node]:
        """The nodes in the result, each once."""
        return list(dict.fromkeys(nodes_in(leaves_of(self.result))))

    # What the engine tells those who look on:

    def recorded(self, node: Node) -> None:
        """Remember it."""
        self.made.append(ref(node))

    def walked(self, steps: Iterator[Any], received: dict[Node, Any]) -> Iterator[Any]:
        """Note where a backward pass began, and whose gradient each is."""
        self._seen = len(self.made)
        for node, g, parts in steps:
            if self.root is None:
                self.root = node
            if isinstance(g, Node):
                self.gradients.setdefault(g, node)
            yield node, g, parts
            if self.forgets:
                self._kept.append(node)
                self.forget_all_but(received.values())
        for node, g in received.items():
            if isinstance(g, Node):
                self.gradients.setdefault(g, node)

    def forget_all_but(self, awaited: Iterable[Any]) -> None:
        """Forget the values of what was recorded since the last backward pass began, but of those awaited."""
        nodes = self._kept + [made() for made in self.made[self._seen :]]
        self._seen, ids = len(self.made), set(map(id, awaited))
        self._kept = [node for node in nodes if id(node) in ids]
        for node in nodes:
            if node is not None and id(node) not in ids and node.index > self.start:
                _forget_value(node)

    def read(self, node: Node, how: str) -> None:
        """Refuse: a compiled program is the same for all values, so while it is traced none may be looked at."""
        if how == ".backward()":
            raise TypeError(
                "compile: .backward() leaves its result in .grad, outside the program; compile tg.value_and_grad(f)"
            )
        if how == ".data = …":
            raise TypeError(
                f"compile: the function sets the value of a tensor of shape {node.value.shape} (.data = …), and the "
                "program would not; return the new value and set it outside, or leave this function uncompiled"
            )
        raise TypeError(
            f"compile: {how} of a tensor of shape {node.value.shape} would fix, for all later calls, what it is now; "
            "compute with the tensor itself (np.where chooses between values), or leave this function uncompiled"
        )


def trace(f: Callable[..., Any], args: Any, kwargs: dict[str, Any], owner: Any = None) -> Trace:
    """Run ``f`` twice with a tensor in the place of every array, and record everything.

    Raises
    ------
    TypeError
        If the two runs differ: then ``f`` depends on something that is not among its arguments and changes. If it
        leaves something behind besides its result: the program would not. If the result is no container of arrays.
    """
    run = _run(f, args, kwargs)
    first, made = _text(run), run.made
    del run
    _refuse_what_is_left_behind(made)
    reached = (args, kwargs, owner, getattr(f, "args", None))  # the last of a partial
    state = tuple(kinds(reached, arrays=False))
    run = _run(f, args, kwargs)
    if _text(run) != first:
        raise TypeError(
            "compile: two runs of the function with the same arguments did different things, so it draws random "
            "numbers, or depends on something else that changes; pass that (a numpy.random.Generator, too) as an "
            "argument, or leave it uncompiled"
        )
    if tuple(kinds(reached, arrays=False)) != state:
        raise TypeError(
            "compile: the function changes attributes of an object whenever it runs, and the program would not; return "
            "what is new, or leave it uncompiled"
        )
    _forget_values(run)
    return run


def last_backward_pass() -> None:
    """Say, in a function that may be traced, that after its next backward pass it only looks at the gradients.

    Then a trace forgets the other values on the way back, as a backward pass does that is not recorded.
    """
    for watcher in watchers():
        if isinstance(watcher, Trace):
            watcher.forgets = True


def only_needed(nodes: Iterable[Any]) -> None:
    """Say, after a last backward pass, which of the nodes made since it began the function still looks at."""
    for watcher in watchers():
        if isinstance(watcher, Trace):
            watcher.forget_all_but(nodes)


_collecting = Lock()


def _refuse_what_is_left_behind(made: list[ref[Node]]) -> None:
    """Raise if somebody still has a tensor of a run that is over."""
    for _ in range(3):
        if any(node() is not None for node in made):
            with _collecting:
                collect()  # it may have been a cycle; while another thread collects, this does nothing
            sleep(0)
    left = [node for node in (reference() for reference in made) if node is not None]
    if left:
        raise TypeError(
            f"compile: the function keeps a tensor of shape {left[0].value.shape} that it computed, in an attribute, a "
            "cache or a list outside, where the program would not put it; return it instead, or leave the function "
            "uncompiled"
        )


def _run(f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Trace:
    """One run.

    What was computed before is known by its creation index: of that, a leaf is read anew at every call, and the value
    of a computed tensor is fixed.
    """
    inputs: list[Node] = []
    made = Trace(inputs, 0)

    def stand_in(x: Any) -> Any:
        if not isinstance(x, np.ndarray | np.generic):
            return x
        inputs.append(Tensor(x))
        made.recorded(inputs[-1])
        return inputs[-1]

    args, kwargs = tree_map(stand_in, args), tree_map(stand_in, kwargs)
    before = list(leaves_of((args, kwargs)))
    made.start = start = next_index()
    with recording(True), watching(made), np.errstate(all="ignore"):
        made.result = f(*args, **kwargs)
    after = list(leaves_of((args, kwargs)))
    if len(after) != len(before) or not all(map(is_, after, before)):
        raise TypeError(
            "compile: the function changes a list or dict among its arguments, and the program would not; return what "
            "is new, or leave it uncompiled"
        )
    _check_result(made.result)
    given, outputs = set(inputs), list(leaves_of(made.result))
    arguments = [arg for node in operations_under(outputs, start) for arg in nodes_in(node.args)]
    for node in dict.fromkeys(nodes_in(outputs) + arguments):
        if node.fn is None and node.index < start and node not in given:
            made.captured.append(node)
    return made


def _check_result(x: Any) -> None:
    """Raise if a result has parts that the program could not make anew at every call."""
    if type(x) in (list, dict, tuple) or (isinstance(x, tuple) and hasattr(x, "_fields")):
        for part in x.values() if isinstance(x, dict) else x:
            _check_result(part)
    elif not isinstance(x, _RESULTS) or isinstance(x, np.ma.MaskedArray | np.matrix):
        raise TypeError(
            f"compile: there is a {type(x).__name__} in the result, and a program returns arrays, numbers and text, in "
            "lists, tuples, named tuples and dicts; return what is in it, and put it together outside"
        )


_RESULTS = (
    Node,
    np.ndarray,
    np.generic,
    np.dtype,
    int,
    float,
    complex,
    str,
    bytes,
    slice,
    type,
    type(None),
    type(...),
    Enum,
)


def _forget_values(run: Trace) -> None:
    """Keep only shapes and dtypes of what was computed: no program depends on more, and it may be large."""
    for node in run.inputs:
        node.value = _blank(node.value)
    for node in operations_under([*leaves_of(run.result), run.root], run.start):
        _forget_value(node)


def _forget_value(node: Node) -> None:
    node.value, node.values = _blank(node.value), _blank(node.values)


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
    return [
        [getattr(node.fn, "__name__", node.fn), _said(node.args, numbers), _said(list(node.kwargs.items()), numbers)]
        for node in numbers
        if node.fn is not None
    ] + [_said(x, numbers) for x in outputs]


def _said(x: Any, numbers: dict[Node, int]) -> Any:
    """What an argument is.

    As a function within `_text` it would refer to itself, a cycle that keeps the nodes.
    """
    if isinstance(x, Node):
        return ("node", numbers[x]) if x in numbers else _said(x.value, numbers)
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, content(x)
    if type(x) in (list, tuple):
        return [type(x), *(_said(part, numbers) for part in x)]
    return repr(x) if isinstance(x, int | float | str | slice | np.dtype | np.generic | None) else type(x)
