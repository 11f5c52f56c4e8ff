"""The program as text: straight-line NumPy that writes into buffers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import UFUNC_OF, is_plain_transpose
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.plan import Place, plan, takes_out
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.compiler.printers.containers import Parameters, returned, signature, unpacking
from tinygrad_edu.compiler.printers.layout import Printed, assignments, gap, indented, wrapped
from tinygrad_edu.compiler.printers.words import Words
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.rules.products import is_large_product

IN_PLACE = {np.add: "+=", np.subtract: "-=", np.multiply: "*=", np.divide: "/="}


def print_numpy(trace: Trace, names: Names, parameters: Parameters) -> Printed:
    """The program with buffers."""
    words, operations, results = Words(names, trace.captured), trace.operations, trace.results
    direct = {node for node in results if node.fn is not None and takes_out(node)}  # written where the caller has it
    places = plan(operations, direct, set(results) - direct)
    _name_values(words.names, operations, places)
    outputs = {words.names.of[node]: words.empty(node.value) for node in operations if node in direct}
    statements = _Statements(words, places, {places[node]: words.names.of[node] for node in direct})
    body = [line for node in operations for line in statements.of(node)]
    results_out = _Results(words, direct, outputs)
    end = returned(words, trace.result, results_out.text)

    lines = ["import numpy as np", "", *assignments(words.constants)]
    inside = unpacking(words, parameters, trace.inputs)
    if statements.buffers:
        lines.append("# Arrays for what is needed in between, allocated once and written again at every call:")
        kinds: dict[tuple[Any, ...], list[str]] = {}
        for name, place in statements.buffers.items():
            kinds.setdefault((place.shape, place.dtype), []).append(name)
        lines += wrapped("buffers = (", [_several(words, len(names), *kind) for kind, names in kinds.items()], ")")
        inside += wrapped("(", [name for names in kinds.values() for name in names], ") = buffers")
    if outputs:
        lines += [*gap(lines), "def outputs():", f"    return {', '.join(outputs.values())},"]
        inside.append(f"{', '.join(outputs)}, = out or outputs()")
    lines += [*gap(lines), f"def program({signature(words, parameters, 'out=None')}):"]
    lines += indented([*inside, *body, *results_out.copies, f"return {end}"])
    return Printed("\n".join(lines), words.given)


def _several(words: Words, count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Empty arrays of one kind, for a list of arrays."""
    if count == 1:
        return words.empty(np.empty(shape, dtype))
    return f"*{words.empty(np.empty((count, *shape), dtype))}"


def _name_values(names: Names, operations: list[Node], places: dict[Node, Place]) -> None:
    """A value without a name takes that of the value that is made of it in place, or else a new one."""
    following: dict[Place, str] = {}
    readers = {arg for node in operations for arg in nodes_in(node.args)}
    count = 0
    for node in reversed(operations):
        place = places.get(node)
        if node in names.of:
            pass
        elif place in following and node in readers:
            names.of[node] = following[place]
        elif not is_plain_transpose(node):
            count += 1
            names.give(node, f"t{count}")
        if place is not None:
            following[place] = names.of[node]
            before = [arg for arg in nodes_in(node.args) if places.get(arg) is place]
            if not before:
                following.pop(place)  # the value before it in this place is another story


class _Statements:
    """The lines that compute, one operation after the other.

    Attributes
    ----------
    buffers : dict of str to Place
        The arrays that they need, by the first name of each.
    """

    def __init__(self, words: Words, places: dict[Node, Place], current: dict[Place, str]) -> None:
        """``current``: the names of places that are there from the beginning."""
        self._words = words
        self._places = places
        self._current = current  # the name under which each place is known at this moment
        self.buffers: dict[str, Place] = {}

    def of(self, node: Node) -> list[str]:
        """The lines of the next operation."""
        if is_plain_transpose(node):
            return []
        words, name, comment = self._words, self._words.names.of[node], self._words.comment(node)
        if node.fn is scatter_add:
            return text.scatter(node, name, words.name, flat=True)
        if node not in self._places:
            if _is_number(node) and node.fn in text.INFIX and not node.kwargs:
                l, r = (text.literal(arg, words.name) for arg in node.args)  # of single numbers this is the fastest
                return [f"{name} = {l} {text.INFIX[node.fn][0]} {r}{comment}"]
            return [f"{name} = {text.call(node, words.name)}{comment}"]
        place = self._places[node]
        if place not in self._current:
            self._current[place] = name
            self.buffers[name] = place
        there = self._current[place]
        self._current[place] = name
        if there == name and node.fn in IN_PLACE and not node.kwargs:
            # In place `a *= b` is quicker than np.multiply(a, b, out=a).
            a, b = (words.name(arg) for arg in _with_arrays(node).args)
            if a == name or (b == name and node.fn in (np.add, np.multiply)):
                return [f"{name} {IN_PLACE[node.fn]} {b if a == name else a}{comment}"]
        call = _call_into(words, node, there)
        return [f"{call}{comment}" if there == name else f"{name} = {call}{comment}"]


def _call_into(words: Words, node: Node, out: str) -> str:
    """The call that writes its result into an array that is there."""
    a = node.args[0]
    if node.fn in UFUNC_OF and not _is_sum_of_rows(node):
        options = [f"axis={node.kwargs.get('axis')}"] + ["keepdims=True"] * bool(node.kwargs.get("keepdims"))
        return f"{text.name_in_numpy(UFUNC_OF[node.fn])}.reduce({words.name(a)}, {', '.join(options)}, out={out})"
    if node.fn is np.matmul and _is_plain_product(node):
        return f"{words.name(a)}.dot({words.name(node.args[1])}, out={out})"
    if node.fn is np.sum and _is_sum_of_rows(node):
        ones = words.constant(np.ones(len(node.values[0]), node.value.dtype), "ones")
        return f"{ones}.dot({words.name(a)}, out={out})"
    fast = node.fn is np.einsum and "optimize" not in node.kwargs and is_large_product(a, node.args[1:])
    return text.call(_with_arrays(node), words.name, *["optimize=True"] * fast, f"out={out}")


class _Results:
    """What is handed to the caller, each value in an array of its own.

    Attributes
    ----------
    copies : list of str
        Lines that copy what was not computed in such an array.
    """

    def __init__(self, words: Words, direct: set[Node], outputs: dict[str, str]) -> None:
        self._words = words
        self._waiting = set(direct)  # computed in an array for the caller, and not yet handed out
        self._outputs = outputs  # name → text that allocates it
        self.copies: list[str] = []

    def text(self, x: Any) -> str:
        """One value of the result."""
        if not isinstance(x, Node):
            return (
                f"{self._words.constant(x)}.copy()" if isinstance(x, np.ndarray) else text.literal(x, self._words.name)
            )
        if x in self._waiting:
            self._waiting.remove(x)
            return self._words.names.of[x]
        if _is_number(x):
            fresh = isinstance(x.fn, np.ufunc) or x.fn in UFUNC_OF  # a number; anything else may be a view
            return f"np.{'asarray' if fresh else 'array'}({self._words.name(x)})"
        name = self._words.names.new(f"{self._words.names.of.get(x, 'result')}_copy")
        self._outputs[name] = self._words.empty(x.value)
        self.copies.append(f"np.copyto({name}, {self._words.name(x)})")
        return name


def _with_arrays(node: Node) -> Any:
    """The call with arrays without axes for numbers, which NumPy takes faster, of the type it would give them."""
    others = [v.dtype for arg, v in zip(node.args, node.values, strict=True) if isinstance(arg, Node | np.ndarray)]

    def as_array(arg: Any) -> Any:
        try:
            return np.array(arg, np.result_type(*others, arg)) if isinstance(arg, int | float | np.generic) else arg
        except OverflowError:  # an integer that does not fit beside small ones
            return arg

    return SimpleNamespace(fn=node.fn, args=list(map(as_array, node.args)), kwargs=node.kwargs)


def _is_number(node: Node) -> bool:
    """Whether the value has no axes."""
    return isinstance(node.value, np.ndarray) and node.value.ndim == 0


def _is_plain_product(node: Node) -> bool:
    """Whether np.dot does the same as np.matmul; its call is quicker."""
    values = node.values
    return (
        all(isinstance(v, np.ndarray) and v.ndim == 2 and v.dtype == node.value.dtype for v in values)
        and node.value.dtype.kind == "f"
    )


def _is_sum_of_rows(node: Node) -> bool:
    """Whether 1ᵀ A does the same as np.add.reduce over the first axis of A, faster."""
    a = node.values[0]
    return (
        node.fn is np.sum
        and dict(node.kwargs) == {"axis": 0}
        and isinstance(a, np.ndarray)
        and a.ndim == 2
        and a.dtype == node.value.dtype
        and a.dtype.kind == "f"
    )
