"""The program as text: straight-line NumPy that writes into buffers."""

from __future__ import annotations

import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_edu.compiler import text
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.plan import Place, plan, takes_out
from tinygrad_edu.compiler.trace import Trace, operations_under
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.transforms import leaves_of

WIDTH = 120
IN_PLACE = {np.add: "+=", np.subtract: "-=", np.multiply: "*=", np.divide: "/="}
NUMBERS = {1.0: "one", 2.0: "two", 0.5: "half"}
LARGEST_LITERAL = 16  # elements of an array that are written out


class Printer:
    """What the NumPy text and the mathematical one have in common: names, arguments, constants, results.

    Attributes
    ----------
    given : dict of str to object
        What the text does not define and is passed by keyword: captured tensors, large constants, functions of users.
    """

    def __init__(self, trace: Trace, names: Names, parameters: list[tuple[str, Any]]) -> None:
        self.trace = trace
        self.names = names.copy()
        self.parameters = parameters  # the name and the value of every argument
        self.operations = operations_under(leaves_of(trace.result), trace.start)
        self.given: dict[str, Any] = {names.of[node]: node for node in trace.captured}
        self.constants: dict[str, str] = {}  # name → text

    # --- Arguments and results --------------------------------------------------------------------------------

    def unpacking(self) -> list[str]:
        """Statements that take the arrays out of the containers among the arguments."""
        lines: list[str] = []
        inputs = iter(self.trace.inputs)

        def target(x: Any, path: str, name: str | None = None) -> str:
            """What stands left of the equals sign for ``x``."""
            if isinstance(x, np.ndarray | np.generic):
                return self.names.of[next(inputs)]
            if isinstance(x, list | tuple):
                parts = [target(part, f"{path}_{i}") for i, part in enumerate(x)]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})" if parts else "_"
            if isinstance(x, dict) and x:
                container = name or self.names.new(path)
                place = len(lines)
                targets = [target(part, f"{path}_{key}") for key, part in x.items()]
                values = ", ".join(f"{container}[{text.quoted(key)}]" for key in x)
                lines.insert(place, f"{', '.join(targets)} = {values}")
                return container
            return "_"

        for name, x in self.parameters:
            if isinstance(x, np.ndarray | np.generic):
                next(inputs)
            elif isinstance(x, dict):
                target(x, name, name)
            elif isinstance(x, list | tuple) and x:
                place = len(lines)
                inside = target(x, name)
                lines.insert(place, f"{inside[1:-1]} = {name}")
        return lines

    def signature(self, *more: str) -> str:
        """The head of the function."""
        words = [name for name, _ in self.parameters] + list(more)
        return ", ".join([*words, "*", *self.given] if self.given else words)

    def container(self, x: Any) -> str:
        """The result as text, with the name of every value at its place; a trailing comma is left to tuples."""
        if isinstance(x, dict):
            return "{" + ", ".join(f"{text.quoted(key)}: {self.container(part)}" for key, part in x.items()) + "}"
        if isinstance(x, list | tuple):
            parts = [self.container(part) for part in x]
            if type(x) is list:
                return f"[{', '.join(parts)}]"
            inside = f"{', '.join(parts)}{',' if len(parts) == 1 else ''}"
            return f"({inside})" if type(x) is tuple else f"{self.give(type(x))}({', '.join(parts)})"
        return self.result(x)

    def result(self, x: Any) -> str:
        """One value of the result."""
        raise NotImplementedError

    def scatter(self, node: Node, name: str) -> list[str]:
        """Statements that add values into zeros at an index."""
        g, where, shape = node.args
        parts = where if isinstance(where, tuple) else (where,)
        new = f"{name} = np.zeros({shape}, {text.literal(node.value.dtype, self.name)})"
        if all(isinstance(part, int | slice | type(None) | type(...)) for part in parts):
            return [new, f"{name}[{text.index(where, self.name)}] = {self.name(g)}"]
        return [new, f"np.add.at({name}, {text.literal(where, self.name)}, {self.name(g)})"]

    def _empty(self, like: Any) -> str:
        shape = like.shape[0] if len(like.shape) == 1 else like.shape
        dtype = "" if like.dtype == np.float64 else f", {text.literal(like.dtype, self.name)}"
        return f"np.empty({shape}{dtype})"

    # --- Names ------------------------------------------------------------------------------------------------

    def name(self, x: Any) -> str:
        """What a value is called in an expression."""
        if isinstance(x, Node):
            return text.call(x, self.name) if x.fn is not None and text.is_plain_transpose(x) else self.names.of[x]
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if isinstance(x, int | float | np.generic):
            return text.literal(x, self.name)
        return self.give(x)

    def constant(self, x: np.ndarray[Any, Any], name: str | None = None) -> str:
        """The name of a constant array."""
        dtype = text.literal(x.dtype, self.name)
        if x.size > 1 and text.is_uniform(x):
            filling = text.literal(x.flat[0].item(), self.name)
            dtyped = "" if x.dtype == np.float64 else f", {dtype}"
            shape = len(x) if x.ndim == 1 else x.shape
            written = f"np.ones({shape}{dtyped})" if x.flat[0] == 1 else f"np.full({shape}, {filling}, {dtype})"
        elif x.size <= LARGEST_LITERAL and x.dtype.kind in "fiub":
            dtyped = "" if x.dtype in (np.float64, np.int64, np.bool_) and x.size else f", {dtype}"
            values = text.literal(x.tolist(), self.name)
            written = f"np.array({values}{dtyped})" if x.size else f"np.empty({x.shape}, {dtype})"
        else:
            return self.give(x)
        known = [name for name, value in self.constants.items() if value == written]
        if known:
            return known[0]
        if x.ndim == 0 and x.dtype.kind == "f":
            short = f"{float(x):g}"
            name = NUMBERS.get(float(x)) or (
                f"c{short}" if float(short) == x and short.replace(".", "").isdigit() else None
            )
        new = self.names.new(name or f"c{len(self.constants) + 1}")
        self.constants[new] = written
        return new

    def give(self, x: Any) -> str:
        """The name of something that the text cannot define."""
        for name, value in self.given.items():
            if value is x:
                return name
        name = self.names.new(getattr(x, "__name__", f"constant{len(self.given) + 1}"))
        self.given[name] = x
        return name


class NumpyPrinter(Printer):
    """The program with buffers."""

    backend = "numpy"
    checks_arrays = False  # whether the program itself raises if an array does not fit

    def write(self) -> str:
        """The whole text."""
        results = list(leaves_of(self.trace.result))
        nodes = list(dict.fromkeys(x for x in results if isinstance(x, Node)))
        direct = {node for node in nodes if node.fn is not None and takes_out(node)}
        self._places = plan(self.operations, direct, set(nodes) - direct)
        self._handed_out: set[Node] = set()
        self._direct = direct
        self._current: dict[Place, str] = {}  # the name under which each place is known at this moment
        self._buffers: dict[str, Place] = {}
        self._outputs: dict[str, str] = {}  # name → text that allocates it
        self._copies: list[str] = []
        self._name_values()
        for node in self.operations:
            if node in direct:
                self._outputs[self.names.of[node]] = self._empty(node.value)
                self._current[self._places[node]] = self.names.of[node]
        body = [line for node in self.operations for line in self._statements(node)]
        returned = self.container(self.trace.result)
        returned = returned[1:-1] if type(self.trace.result) is tuple and len(self.trace.result) > 1 else returned
        return "\n".join(self._lay_out(body, returned))

    def _lay_out(self, body: list[str], returned: str) -> list[str]:
        lines = ["import numpy as np", "", *assignments(self.constants)]
        inside = self.unpacking()
        if self._buffers:
            lines.append("# Arrays for what is needed in between, allocated once and written again at every call:")
            kinds: dict[tuple[Any, ...], list[str]] = {}
            for name, place in self._buffers.items():
                kinds.setdefault((place.shape, place.dtype), []).append(name)
            lines += wrapped("buffers = (", [self._several(len(names), *kind) for kind, names in kinds.items()], ")")
            inside += wrapped("(", [name for names in kinds.values() for name in names], ") = buffers")
        if self._outputs:
            lines += [*_gap(lines), "def outputs():", f"    return {', '.join(self._outputs.values())},"]
            inside.append(f"{', '.join(self._outputs)}, = out or outputs()")
        lines += [*_gap(lines), f"def program({self.signature('out=None')}):"]
        return lines + [f"    {line}" for line in [*inside, *body, *self._copies, f"return {returned}"]]

    def _several(self, count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
        """Empty arrays of one kind, for a list of arrays."""
        if count == 1:
            return self._empty(np.empty(shape, dtype))
        return f"*{self._empty(np.empty((count, *shape), dtype))}"

    def _name_values(self) -> None:
        """A value without a name takes that of the value that is made of it in place, or else a new one."""
        following: dict[Place, str] = {}
        readers = {arg for node in self.operations for arg in nodes_in(node.args)}
        count = 0
        for node in reversed(self.operations):
            place = self._places.get(node)
            if node in self.names.of:
                pass
            elif place in following and node in readers:
                self.names.of[node] = following[place]
            elif not text.is_plain_transpose(node):
                count += 1
                self.names.give(node, f"t{count}")
            if place is not None:
                following[place] = self.names.of[node]
                before = [arg for arg in nodes_in(node.args) if self._places.get(arg) is place]
                if not before:
                    following.pop(place)  # the value before it in this place is another story

    def _statements(self, node: Node) -> list[str]:
        if text.is_plain_transpose(node):
            return []
        name = self.names.of[node]
        comment = f"  # {self.names.comments[node]}" if node in self.names.comments else ""
        if node.fn is scatter_add:
            return self.scatter(node, name)
        if node not in self._places and _is_number(node) and node.fn in text.INFIX and not node.kwargs:
            l, r = (text.literal(arg, self.name) for arg in node.args)  # of single numbers this is the fastest
            return [f"{name} = {l} {text.INFIX[node.fn][0]} {r}{comment}"]
        if node not in self._places:
            return [f"{name} = {text.call(node, self.name)}{comment}"]
        place = self._places[node]
        if place not in self._current:
            self._current[place] = name
            if not place.output:
                self._buffers[name] = place
        there = self._current[place]
        self._current[place] = name
        if there == name and node.fn in IN_PLACE and not node.kwargs:
            # In place `a *= b` is quicker than np.multiply(a, b, out=a).
            a, b = (self.name(arg) for arg in _with_arrays(node).args)
            if a == name or (b == name and node.fn in (np.add, np.multiply)):
                return [f"{name} {IN_PLACE[node.fn]} {b if a == name else a}{comment}"]
        call = self._call_into(node, there)
        return [f"{call}{comment}" if there == name else f"{name} = {call}{comment}"]

    def _call_into(self, node: Node, out: str) -> str:
        """The call that writes its result into an array that is there."""
        a = node.args[0]
        if node.fn in text.REDUCTIONS and not _is_sum_of_rows(node):
            words = [f"axis={node.kwargs.get('axis')}"] + ["keepdims=True"] * bool(node.kwargs.get("keepdims"))
            return f"{text.REDUCTIONS[node.fn]}.reduce({self.name(a)}, {', '.join(words)}, out={out})"
        if node.fn is np.matmul and _is_plain_product(node):
            return f"{self.name(a)}.dot({self.name(node.args[1])}, out={out})"
        if node.fn is np.sum and _is_sum_of_rows(node):
            ones = self.constant(np.ones(len(node.values[0]), node.value.dtype), "ones")
            return f"{ones}.dot({self.name(a)}, out={out})"
        return text.call(_with_arrays(node), self.name, f"out={out}")

    def result(self, x: Any) -> str:
        """One value of the result, in an array that belongs to the caller."""
        if not isinstance(x, Node):
            if isinstance(x, np.ndarray):
                return f"{self.constant(x)}.copy()"
            return text.literal(x, self.name)
        if x in self._direct and x not in self._handed_out:
            self._handed_out.add(x)
            return self.names.of[x]
        if _is_number(x):
            fresh = isinstance(x.fn, np.ufunc) or x.fn in text.REDUCTIONS  # a number; anything else may be a view
            return f"np.{'asarray' if fresh else 'array'}({self.name(x)})"
        name = self.names.new(f"{self.names.of.get(x, 'result')}_copy")
        self._outputs[name] = self._empty(x.value)
        self._copies.append(f"np.copyto({name}, {self.name(x)})")
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


def assignments(texts: dict[str, str]) -> list[str]:
    """``a, b = …, …``, as many on a line as fit."""
    lines: list[str] = []
    names: list[str] = []
    values: list[str] = []
    for name, value in texts.items():
        if names and len(", ".join([*names, name])) + len(", ".join([*values, value])) + 3 > WIDTH:
            lines.append(f"{', '.join(names)} = {', '.join(values)}")
            names, values = [], []
        names.append(name)
        values.append(value)
    return [*lines, f"{', '.join(names)} = {', '.join(values)}"] if names else lines


def wrapped(before: str, parts: list[str], after: str) -> list[str]:
    """The parts between commas, on one line if they fit there."""
    inside = ", ".join(parts) + "," * (len(parts) == 1)
    if len(before + inside + after) < WIDTH - 4:
        return [f"{before}{inside}{after}" if before != "(" else f"{inside}{after[1:]}"]
    return [
        before,
        *textwrap.wrap(inside, WIDTH - 8, initial_indent="    ", subsequent_indent="    "),
        after,
    ]


def _gap(lines: list[str]) -> list[str]:
    return [""] if lines[-1] else []
