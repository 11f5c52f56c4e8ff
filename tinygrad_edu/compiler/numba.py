"""The program as text for numba: loops over single elements, which it compiles to machine code.

What is computed element by element over the same axes stands in one loop, products of small matrices too; a product
of large ones is a call of BLAS between two loops. A value that only its own loop reads is a number there; the others
are arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_edu.compiler import text
from tinygrad_edu.compiler.formula import DEEPEST
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.program import NUMBERS, Printer, assignments, wrapped
from tinygrad_edu.compiler.simplify import uniform_value
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.equations.structure import is_elementwise
from tinygrad_edu.errors import name_of
from tinygrad_edu.rules.shapes import scatter_add
from tinygrad_edu.transforms import leaves_of

BLAS_FROM = 500  # multiplications in a matrix product; loops do fewer of them faster than BLAS is called
REUSED_FROM = 1 << 16  # bytes of all results; smaller ones are allocated faster than they are looked after
MOST_OPERATIONS = 1000  # numba takes half a minute for that many
DTYPES = {np.dtype(t) for t in (np.float64, np.float32, np.int64, np.bool_)}
DOUBLE = np.dtype(np.float64)
BEGIN: dict[Any, float] = {np.sum: 0.0, np.vdot: 0.0, scatter_add: 0.0, np.prod: 1.0, np.max: -np.inf, np.min: np.inf}
ADDING: dict[Any, str] = {np.prod: "*=", np.max: "np.maximum", np.min: "np.minimum"}  # += for the others
VIEWS = (np.transpose, np.swapaxes, np.broadcast_to, np.expand_dims, np.squeeze, operator.getitem)
Index = tuple[str, ...]


class CannotTakeError(Exception):
    """The reason why there is no program for numba."""


@dataclass(eq=False)
class _Loop:
    """Nested loops over all elements of arrays of one shape; or a call in between, with no shape."""

    shape: tuple[int, ...] | None
    nodes: list[tuple[Node, int]] = field(default_factory=list)  # each with the number of the part, if it has several


class NumbaPrinter(Printer):
    """A kernel of flat arrays, and a function that takes them out of their containers and puts the results in."""

    backend = "numba"
    checks_arrays = False  # whether the program itself raises if an array does not fit

    def __init__(self, trace: Trace, names: Names, parameters: list[tuple[str, Any]]) -> None:
        super().__init__(trace, names, parameters)
        self._ours = set(self.operations)
        self._results = {x for x in leaves_of(trace.result) if isinstance(x, Node) and x in self._ours}
        self._arrays = set(self._results)  # values that are kept; as a number if they have no axes and are no results
        self._loops: list[_Loop] = []
        self._loop_of: dict[Node, int] = {}  # the last one, where an operation has several
        self._inlined: set[Node] = set()
        self._begun: set[Node] = set()
        self._passed: dict[str, Any] = {}  # the arrays that the kernel reads from outside, by name
        self._handed_out: set[Node] = set()

    def write(self) -> str:
        """The whole text; raises `CannotTakeError`."""
        if len(self.operations) > MOST_OPERATIONS:
            raise CannotTakeError(f"{len(self.operations)} operations would take minutes to compile")
        for node in self.operations:
            _check(node)
        self._inlined = self._used_once()
        for node in self.operations:
            self._place(node)
        self._name_values()
        body = [line for loop in self._loops for line in self._write_loop(loop)]
        return "\n".join(self._lay_out(body))

    def _lay_out(self, body: list[str]) -> list[str]:
        returned = self.container(self.trace.result)
        returned = returned[1:-1] if type(self.trace.result) is tuple and len(self.trace.result) > 1 else returned
        lines, inside = [], self.unpacking()
        outputs = {self.names.of[node]: self._empty(node) for node in self.operations if node in self._results}
        if outputs:
            kernel, found = self.names.new("kernel"), self.names.new("shapes")
            known = [*(self.names.of[node] for node in self.trace.inputs), *self.given]
            passed = {name: self._passed[name] for name in known if name in self._passed}
            filled = [node for node in self.operations if node in self._results]
            types = [_type_of(x) for x in [*passed.values(), *(node.value for node in filled)]]
            check = wrapped(f"{found} = (", [f"{name}.shape" for name in passed], ")")
            check += wrapped(f"if {found} != (", [str(x.shape) for x in passed.values()], "):")
            check.append('    raise ValueError("this program is for arrays of other shapes")')
            lines += wrapped('types = """(', types, ')"""')
            long = any(_kind(node) == "BLAS" for node in self.operations)  # else others would wait for nothing
            lines += ["", f'@numba.njit(types, error_model="numpy"{", nogil=True" if long else ""})']
            lines += [*wrapped(f"def {kernel}(", [*passed, *outputs], "):"), *_indented([*check, *body]), ""]
            if sum(node.value.nbytes for node in filled) >= REUSED_FROM:
                lines += ["def outputs():", *_indented(wrapped("return (", list(outputs.values()), ")")), ""]
                inside.append(f"{', '.join(outputs)}, = out or outputs()")
            else:
                inside += assignments(outputs)
            inside += wrapped(f"{kernel}(", [*passed, *outputs], ")")
            self.checks_arrays = {self.names.of[node] for node in self.trace.inputs} <= set(passed)
        lines = ["import numba", "import numpy as np", "", *assignments(self.constants), *lines]
        return [*lines, f"def program({self.signature('out=None')}):", *_indented([*inside, f"return {returned}"])]

    def result(self, x: Any) -> str:
        """One value of the result, in an array that belongs to the caller."""
        if isinstance(x, Node):
            if x not in self._results or x in self._handed_out:
                return f"{self.names.of[x]}.copy()"
            self._handed_out.add(x)
            return self.names.of[x]
        return f"{self.constant(x)}.copy()" if isinstance(x, np.ndarray) else text.literal(x, self.name)

    def _used_once(self) -> set[Node]:
        """Numbers without a name of their own that stand where they are used."""
        readers: dict[Node, list[Node]] = {}
        for node in self.operations:
            for arg in nodes_in(node.args):
                readers.setdefault(arg, []).append(node)
        depths: dict[Node, int] = {}  # how many operations deep an expression is
        for node in self.operations:
            depth = 1 + max((depths.get(arg, 0) for arg in nodes_in(node.args)), default=0)
            reader, *more = readers.get(node, [node])
            if (
                depth <= DEEPEST
                and not more
                and node not in self._results
                and node not in self.names.of
                and _kind(node) == "elementwise"
                and (_kind(reader) == "reduction" or (_kind(reader) == "elementwise" and _same_shape(reader, node)))
            ):
                depths[node] = depth
        return set(depths)

    # --- What is computed in which loop -----------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        """Put an operation into the first loop over its axes that comes after what it reads."""
        args, kind = nodes_in(node.args), _kind(node)
        if node in self._inlined or (kind == "view" and node not in self._results):
            pass
        elif kind == "view":
            self._join(node, node.value.shape, args)
        elif kind == "reduction":
            self._join(node, np.shape(node.args[0]), args)
        elif kind == "parts":
            for i, part in enumerate(node.args[0]):
                self._join(node, np.shape(part), nodes_in([part]), i)
        elif kind in ("elementwise", "product"):
            self._join(node, node.value.shape, args)
        else:
            for arg in args:
                self._make_array(arg, transposed=kind == "BLAS")
            self._join(node, None, args)
        if kind in ("reduction", "parts", "reshape", "BLAS"):
            self._arrays.add(node)

    def _join(self, node: Node, shape: tuple[int, ...] | None, args: list[Node], part: int = 0) -> None:
        """Put it into a loop over ``shape``, or between loops."""
        reads = [x for arg in args for x in self._reads(arg, in_step=_kind(node) not in ("product", "view"))]
        first = [self._loop_of[x] + (not in_step or x.value.shape != shape) for x, in_step in reads]
        number = max(first, default=0)
        while number < len(self._loops) and (shape is None or self._loops[number].shape != shape):
            number += 1
        if number == len(self._loops):
            self._loops.append(_Loop(shape))
        self._loops[number].nodes.append((node, part))
        self._loop_of[node] = max(number, self._loop_of.get(node, 0))
        self._arrays |= {x for x, _ in reads if self._loop_of[x] < number}

    def _reads(self, x: Node, in_step: bool) -> Iterator[tuple[Node, bool]]:
        """What is read for ``x``; in step if a turn of the loop needs only what the same turn computes of it."""
        if x in self._loop_of:
            yield x, in_step and _kind(x) in ("elementwise", "product", "view")
        elif x in self._ours:
            for arg in nodes_in(x.args):
                yield from self._reads(arg, in_step and x in self._inlined)

    def _make_array(self, x: Node, transposed: bool) -> None:
        """See to it that ``x`` is an array without gaps, or the transpose of one."""
        if transposed and x in self._ours and text.is_plain_transpose(x) and x not in self._loop_of:
            x = x.args[0]
        if x in self._ours and x not in self._loop_of:
            self._join(x, x.value.shape, nodes_in(x.args))
        self._arrays.add(x)

    def _name_values(self) -> None:
        numbers = count(1)
        for node in self.operations:
            if node in self._loop_of and node not in self.names.of:
                self.names.give(node, f"t{next(numbers)}")
        most_axes = max((len(loop.shape or ()) for loop in self._loops), default=0) + 4
        self._axes = [self.names.new("ijklmn"[d] if d < 6 else "i") for d in range(most_axes)]
        self._totals: dict[Any, str] = {}  # names of what sums are added up in

    # --- Loops ------------------------------------------------------------------------------------------------

    def _write_loop(self, loop: _Loop) -> list[str]:
        nodes = [node for node, _ in loop.nodes]
        lines = [line for node in nodes for line in self._begin(node)]
        if loop.shape is None:
            return [*lines, self._call(nodes[0])]
        index = tuple("0" if n == 1 else axis for axis, n in zip(self._axes, loop.shape, strict=False))
        inside = [line for node, i in loop.nodes for line in self._turn(node, i, index)]
        lines += _nested([(axis, n) for axis, n in zip(index, loop.shape, strict=True) if axis != "0"], inside)
        return lines + [line for node in nodes for line in self._end(node)]

    def _begin(self, node: Node) -> list[str]:
        """Before the loop: the array that it fills, or what a reduction starts from."""
        kind, name = _kind(node), self.names.of[node]
        if node in self._begun or node not in self._arrays or kind == "reshape":
            return []
        self._begun.add(node)
        start = BEGIN[node.fn] if kind == "reduction" else 0
        if kind == "reduction" and not node.value.shape:
            dtype = DOUBLE if node.value.dtype.kind == "f" else node.value.dtype
            direct = dtype == node.value.dtype and node not in self._results
            self._totals[node] = name if direct else self.names.new(f"total_{name}")
            return [f"{self._totals[node]} = {self._literal(start, dtype)}"]
        new = [f"{name} = {self._empty(node)}"] if node.value.shape and node not in self._results else []
        return [*new, f"{name}[:] = {self._literal(start, node.value.dtype)}"] if kind == "reduction" else new

    def _end(self, node: Node) -> list[str]:
        """After the loop: a reduction to one number was computed in double precision."""
        total, target = self._totals.get(node), self._at(node, ())
        if total is None or total == target:
            return []
        return [
            f"{target} = {total if node.value.dtype == DOUBLE else _cast(total, node.value.dtype)}{self._comment(node)}"
        ]

    def _call(self, node: Node) -> str:
        """An operation on whole arrays."""
        name, (a, *others) = self.names.of[node], node.args
        if _kind(node) == "BLAS":
            return f"np.dot({self._array(a)}, {self._array(others[0])}, {name}){self._comment(node)}"
        target = f"{name}[:]" if node in self._results else name
        return f"{target} = {self._array(a)}.reshape({node.value.shape}){self._comment(node)}"

    def _turn(self, node: Node, part: int, index: Index) -> list[str]:
        """What one turn of the loop does for a value, after looking whether indices that are computed are in range."""
        self._checks: list[str] = []
        statements = self._statements(node, part, index)
        return [*dict.fromkeys(self._checks), *statements]

    def _statements(self, node: Node, part: int, index: Index) -> list[str]:
        kind, comment = _kind(node), self._comment(node)
        if kind == "elementwise":
            return [f"{self._at(node, index)} = {self._expression(node, index)[0]}{comment}"]
        if kind == "view":
            return [f"{self._at(node, index)} = {self._element(node.args[0], self._through(node, index))}{comment}"]
        if kind == "reduction":
            return [f"{self._reduce(node, index)}{'' if node in self._totals else comment}"]
        if kind == "parts":
            axis = _argument(node, 1, "axis", 0) % len(index)
            offset = sum(np.shape(x)[axis] for x in node.args[0][:part])
            there = (*index[:axis], _shifted(index[axis], offset), *index[axis + 1 :])
            return [f"{self._at(node, there)} = {self._operand(node.args[0][part], node.value.dtype, index)}"]
        factors, inner = self._factors(node, index)
        product = " * ".join(self._operand(x, node.value.dtype, its_index, 2) for x, its_index in factors)
        if not inner:
            return [f"{self._at(node, index)} = {product}{comment}"]
        total = self.names.of[node] if node not in self._arrays else self._total(node.value.dtype)
        lines = [f"{total} = {self._literal(0.0, node.value.dtype)}", *_nested(inner, [f"{total} += {product}"])]
        return [*lines, f"{self._at(node, index)} = {total}{comment}"] if node in self._arrays else lines

    def _total(self, dtype: Any) -> str:
        if dtype not in self._totals:
            self._totals[dtype] = self.names.new("total")
        return self._totals[dtype]

    def _reduce(self, node: Node, index: Index) -> str:
        a = node.args[0]
        if node.fn is scatter_add:
            there = self._through_index(node.args[1], index, node.value.shape)
        else:
            axis = _argument(node, 1, "axis", None) if node.fn is not np.vdot else None
            axes = range(len(index)) if axis is None else [axis] if isinstance(axis, int) else axis
            gone = {i % len(index) for i in axes} if index else set()
            keep = bool(node.kwargs.get("keepdims"))
            there = tuple("0" if d in gone else i for d, i in enumerate(index) if keep or d not in gone)
        target = self._totals.get(node) or self._at(node, there)
        value = self._operand(a, node.value.dtype, index, 2)
        if node.fn is np.vdot:
            value = f"{value} * {self._operand(node.args[1], node.value.dtype, index, 3)}"
        sign = ADDING.get(node.fn, "+=")
        return f"{target} = {sign}({target}, {value})" if sign.startswith("np.") else f"{target} {sign} {value}"

    def _factors(self, node: Node, index: Index) -> tuple[list[tuple[Any, Index]], list[tuple[str, int]]]:
        """What a product multiplies, each with the index where, and the axes that it sums over."""
        free = iter(self._axes[len(index) :])
        if node.fn is np.matmul:
            a, b = node.args
            n, is_matrix = np.shape(a)[-1], np.ndim(b) > 1
            k = next(free) if n != 1 else "0"
            rows, column = (index[:-1], index[-1:]) if is_matrix else (index, ())
            batch = rows[:-1] if np.ndim(a) > 1 else rows
            return [(a, (*rows, k)), (b, (*batch, k, *column))], [(k, n)] if n != 1 else []
        subscripts, *operands = node.args
        inputs, arrow, output = subscripts.replace(" ", "").partition("->")
        if not isinstance(subscripts, str) or not arrow or "." in subscripts or len(set(output)) < len(output):
            raise CannotTakeError(f"np.einsum with {subscripts!r}")
        places = dict(zip(output, index, strict=True))
        inner: list[tuple[str, int]] = []
        for letters, x in zip(inputs.split(","), operands, strict=True):
            for letter, n in zip(letters, np.shape(x), strict=True):
                if letter not in places:
                    places[letter] = next(free) if n != 1 else "0"
                    inner += [(places[letter], n)] if n != 1 else []
        where = [tuple(places[letter] for letter in letters) for letters in inputs.split(",")]
        return list(zip(operands, where, strict=True)), inner

    def _comment(self, node: Node) -> str:
        return f"  # {self.names.comments[node]}" if node in self.names.comments else ""

    # --- Elements ---------------------------------------------------------------------------------------------

    def _expression(self, node: Node, index: Index) -> tuple[str, int]:
        """An operation on single elements, and how strongly its parts hold together."""
        fn: Any = node.fn
        args, dtype = node.args, node.value.dtype
        if fn is np.astype:
            return self._operand(args[0], dtype, index), text.ATOM
        if fn is np.where:
            a, b = (self._operand(x, dtype, index, 0) for x in args[1:])
            return f"{a} if {self._operand(args[0], np.dtype(bool), index, 0)} else {b}", -1
        if fn is np.clip:
            low, high = _argument(node, 1, "min", None), _argument(node, 2, "max", None)
            clipped = self._operand(args[0], dtype, index)
            for name, limit in (("np.maximum", low), ("np.minimum", high)):
                clipped = clipped if limit is None else f"{name}({clipped}, {self._operand(limit, dtype, index)})"
            return clipped, text.ATOM
        kinds = [type(x) if type(x) in (int, float) else np.asarray(_data(x)).dtype for x in args]
        dtypes = fn.resolve_dtypes((*kinds, None))
        if node.kwargs or any(d not in DTYPES for d in dtypes):
            raise CannotTakeError(f"{name_of(fn)} of {dtypes[0]}")
        if fn in text.INFIX and dtypes[0].kind != "b":
            symbol, strength = text.INFIX[fn]
            left = self._operand(args[0], dtypes[0], index, strength)
            return f"{left} {symbol} {self._operand(args[1], dtypes[1], index, strength + 1)}", strength
        if fn is np.negative:
            return f"-{self._operand(args[0], dtypes[0], index, 3)}", 2
        words = [self._operand(x, d, index) for x, d in zip(args, dtypes, strict=False)]
        return f"{text.name_in_numpy(fn)}({', '.join(words)})", text.ATOM

    def _operand(self, x: Any, dtype: np.dtype[Any], index: Index, strength: int = -1) -> str:
        """An element as a value of a dtype, in brackets where it would fall apart."""
        number = uniform_value(_data(x)) if not isinstance(x, Node) else None
        if number is not None:
            exact = x if type(x) in (int, float, bool) else np.asarray(x).flat[0].item()
            written, own = self._literal(exact, dtype), text.ATOM
            return f"({written})" if written.startswith("-") and strength > 1 else written
        written, own = (
            self._expression(x, index)
            if isinstance(x, Node) and x in self._inlined
            else (self._element(x, index), text.ATOM)
        )
        if _data(x).dtype != dtype:
            return _cast(written, dtype)
        return written if own >= strength else f"({written})"

    def _literal(self, x: Any, dtype: np.dtype[Any]) -> str:
        """A number as a value of a dtype."""
        if dtype.kind != "f":
            return repr(dtype.type(x).item())
        written = text.literal(float(x) if isinstance(x, bool) else x, self.name)
        if dtype == DOUBLE:
            return written
        written = f"np.float32({written})"
        for name, value in self.constants.items():
            if value == written:
                return name
        name = self.names.new(NUMBERS.get(float(x)) or ("zero" if x == 0 else f"c{len(self.constants) + 1}"))
        self.constants[name] = written
        return name

    def _element(self, x: Any, index: Index) -> str:
        """The element of ``x``, stretched to the axes of a loop, that is at an index."""
        shape = np.shape(x)
        its_own = index[len(index) - len(shape) :]
        its_own = tuple("0" if n == 1 else i for i, n in zip(its_own, shape, strict=True))
        if isinstance(x, Node) and x in self._ours and x not in self._loop_of:
            return self._element(x.args[0], self._through(x, its_own))
        return self._at(x, its_own)

    def _at(self, x: Any, index: Index) -> str:
        """Where an element is kept."""
        if isinstance(x, Node) and x in self._ours:
            kept = x in self._arrays and (x.value.shape or x in self._results)
            return f"{self.names.of[x]}[{', '.join(index) or '()'}]" if kept else self.names.of[x]
        return f"{self._array(x)}[{', '.join(index) or '()'}]"

    def _array(self, x: Any) -> str:
        """The name of a whole array."""
        if isinstance(x, Node) and x in self._ours:
            return self.names.of[x] if x in self._loop_of else f"{self._array(x.args[0])}.T"
        name = self.constant(x) if isinstance(x, np.ndarray) else self.names.of[x]
        if name not in self.constants:
            self._passed[name] = _data(x)
        return name

    def _through(self, view: Node, index: Index) -> Index:
        """The index, in what a view is a view of, of the element that is at ``index`` in the view."""
        fn, shape = view.fn, np.shape(view.args[0])
        if fn is np.broadcast_to:
            return index
        if fn is operator.getitem:
            return self._through_index(view.args[1], index, shape)
        if fn in (np.transpose, np.swapaxes):
            order = list(range(len(shape)))
            if fn is np.transpose:
                order = [d % len(shape) for d in _argument(view, 1, "axes", None) or order[::-1]]
            else:
                first, second = (_argument(view, i, f"axis{i}", None) for i in (1, 2))
                order[first], order[second] = order[second], order[first]
            return tuple(i for _, i in sorted(zip(order, index, strict=True)))
        longer_than_one = iter([i for i, n in zip(index, view.value.shape, strict=True) if n != 1])
        return tuple("0" if n == 1 else next(longer_than_one) for n in shape)

    def _through_index(self, where: Any, index: Index, shape: tuple[int, ...]) -> Index:
        """The index in ``a``, of a shape, of the element that is at ``index`` in ``a[where]``."""
        parts = _indices(where, shape)
        arrays = [i for i, part in enumerate(parts) if isinstance(part, Node | np.ndarray)]
        together = np.broadcast_shapes(*(_data(parts[i]).shape for i in arrays))
        if arrays and arrays[-1] - arrays[0] >= len(arrays):
            raise CannotTakeError("an index with arrays that do not stand side by side")
        found: list[str] = []
        rest, lengths, of_arrays = list(index), iter(shape), None
        for part in parts:
            if part is None:
                rest.pop(0)
                continue
            n = next(lengths)
            if isinstance(part, slice):
                start, _, step = part.indices(n)
                found.append(_shifted(rest.pop(0), start, step))
            elif isinstance(part, Node | np.ndarray):
                if of_arrays is None:
                    of_arrays, rest = tuple(rest[: len(together)]), rest[len(together) :]
                if isinstance(part, np.ndarray):
                    part = np.where(part < 0, part + n, part)
                found.append(self._operand(part, np.dtype(np.int64), of_arrays, 0))
                if isinstance(part, Node):
                    self._checks.append(
                        f"if not {-n} <= {found[-1]} < {n}: raise IndexError('an index is out of range')"
                    )
            else:
                found.append(str(part % n))
        return tuple(found)


def _check(node: Node) -> None:
    for x in [node, *nodes_in(node.args)]:
        known = isinstance(x.value, np.ndarray) and x.value.dtype.isnative
        if not known or not (x.value.dtype in DTYPES or (x.fn is None and x.value.dtype.kind in "iu")):
            fn: Any = x.fn or node.fn
            raise CannotTakeError(f"{name_of(fn)} with {getattr(x.value, 'dtype', 'several results')}")


def _kind(node: Node) -> str:
    """How an operation is written."""
    fn: Any = node.fn
    shape = np.shape(node.value)
    if (is_elementwise(node) and text.name_in_numpy(fn)) or fn is np.astype:
        return "elementwise"
    if fn in VIEWS:
        return "view"
    if fn is np.reshape:
        return "view" if _without_ones(shape) == _without_ones(np.shape(node.args[0])) else "reshape"
    if fn in BEGIN and set(node.kwargs) <= {"axis", "keepdims"} and (fn not in (np.max, np.min) or _is_float(node)):
        return "reduction"
    if fn is np.concatenate and _argument(node, 1, "axis", 0) is not None and "dtype" not in node.kwargs:
        return "parts"
    if fn is np.matmul and _is_float(node):
        a, b = map(_data, node.args)
        size = prod(shape) * a.shape[-1]
        return "BLAS" if size >= BLAS_FROM and shape and max(a.ndim, b.ndim) <= 2 and a.dtype == b.dtype else "product"
    if fn is np.einsum and isinstance(node.args[0], str) and _is_float(node):
        return "product"
    raise CannotTakeError(name_of(fn))


def _same_shape(a: Node, b: Node) -> bool:
    return bool(a.value.shape == b.value.shape)


def _is_float(node: Node) -> bool:
    return bool(node.value.dtype.kind == "f")


def _data(x: Any) -> Any:
    return x.value if isinstance(x, Node) else x


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _argument(node: Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _indices(where: Any, shape: tuple[int, ...]) -> list[Any]:
    """One number, slice, array or None for each axis in turn."""
    parts: list[Any] = []
    for part in where if isinstance(where, tuple) else (where,):
        if isinstance(part, Node) and part.value.dtype.kind in "iu":
            parts.append(part)
        elif isinstance(part, list | np.ndarray):
            array = np.asarray(part)
            parts += np.nonzero(array) if array.dtype == bool else [array.astype(np.int64)]
        elif part is None or part is Ellipsis or (isinstance(part, int | slice) and not isinstance(part, bool)):
            parts.append(part)
        else:
            raise CannotTakeError(f"the index {_data(part)!r}")
    whole = [slice(None)] * (len(shape) - sum(part is not None and part is not Ellipsis for part in parts))
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = whole
    if any(isinstance(part, Node | np.ndarray) for part in parts):
        parts = [np.array(part) if isinstance(part, int) else part for part in parts]
    return parts


def _cast(written: str, dtype: np.dtype[Any]) -> str:
    return f"({written} != 0)" if dtype.kind == "b" else f"np.{dtype.name}({written})"


def _shifted(i: str, start: int, step: int = 1) -> str:
    """The text of start + step · i."""
    if i == "0" or (start, step) == (0, 1):
        return str(start) if i == "0" else i
    i = i if i.isidentifier() else f"({i})"
    term = i if abs(step) == 1 else f"{abs(step)} * {i}"
    return f"{start} - {term}" if step < 0 else f"{start} + {term}" if start else term


def _nested(loops: Sequence[tuple[str, int]], inside: list[str]) -> list[str]:
    """Statements in loops."""
    for axis, n in reversed(loops):
        inside = [f"for {axis} in range({n}):", *_indented(inside)]
    return inside


def _type_of(x: Any) -> str:
    """How numba writes the type of an array without gaps."""
    name = f"{x.dtype.kind}{x.dtype.itemsize}"
    return f"{name}[{', '.join([':'] * (x.ndim - 1) + ['::1'])}]" if x.ndim else f"Array({name}, 0, 'C')"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def import_numba() -> ModuleType:
    """The package, or an `ImportError` that says how to install it."""
    try:
        import numba
    except ImportError as error:
        raise ImportError(
            f'compile: backend="numba" needs numba ({error}); install it with: pip install "tinygrad_edu[fast]"'
        ) from error
    package: ModuleType = numba
    return package
