"""Single elements of the values of a program, as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import uniform_value, value_of
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.compiler.printers.loops.fusion import Fusion
from tinygrad_edu.compiler.printers.loops.indices import Index, through
from tinygrad_edu.compiler.printers.loops.kinds import DTYPES, CannotTakeError, argument
from tinygrad_edu.compiler.printers.words import NUMBERS, Words
from tinygrad_edu.engine import Node
from tinygrad_edu.errors import name_of

DOUBLE = np.dtype(np.float64)


class Elements:
    """The text of elements.

    Attributes
    ----------
    words : Words
    fusion : Fusion
    passed : dict of str to ndarray
        The arrays that have been read from outside, by name.
    checks : list of str
        Lines that must stand before those that use what was asked for: are computed indices in range?
    shapes : set of tuple
        Of the arrays that elements were asked of.
    """

    def __init__(self, words: Words, fusion: Fusion) -> None:
        self.words = words
        self.fusion = fusion
        self.passed: dict[str, Any] = {}
        self.checks: list[str] = []
        self.shapes: set[tuple[int, ...]] = set()

    def expression(self, node: Node, index: Index) -> tuple[str, int]:
        """An operation on single elements, and how strongly its parts hold together."""
        fn: Any = node.fn
        args, dtype = node.args, node.value.dtype
        if fn is np.astype:
            return self.operand(args[0], dtype, index), text.ATOM
        if fn is np.where:
            a, b = (self.operand(x, dtype, index, 0) for x in args[1:])
            return f"{a} if {self.operand(args[0], np.dtype(bool), index, 0)} else {b}", -1
        if fn is np.clip:
            low, high = argument(node, 1, "min", None), argument(node, 2, "max", None)
            clipped = self.operand(args[0], dtype, index)
            for name, limit in (("np.maximum", low), ("np.minimum", high)):
                clipped = clipped if limit is None else f"{name}({clipped}, {self.operand(limit, dtype, index)})"
            return clipped, text.ATOM
        kinds = [type(x) if type(x) in (int, float) else np.asarray(value_of(x)).dtype for x in args]
        dtypes = fn.resolve_dtypes((*kinds, None))
        if node.kwargs or any(d not in DTYPES for d in dtypes):
            raise CannotTakeError(f"{name_of(fn)} of {dtypes[0]}")
        if fn in text.INFIX and dtypes[0].kind != "b":
            symbol, strength = text.INFIX[fn]
            left = self.operand(args[0], dtypes[0], index, strength)
            return f"{left} {symbol} {self.operand(args[1], dtypes[1], index, strength + 1)}", strength
        if fn is np.negative:
            return f"-{self.operand(args[0], dtypes[0], index, 3)}", 2
        if fn is np.heaviside:  # which numba does not know
            x, middle = (self.operand(arg, dtypes[0], index, 0) for arg in args)
            zero, one = (self.literal(number, dtypes[0]) for number in (0.0, 1.0))
            return f"{zero} if {x} < 0 else {one} if {x} > 0 else {middle} if {x} == 0 else {x}", -1  # the last: NaN
        operands = [self.operand(x, d, index) for x, d in zip(args, dtypes, strict=False)]
        return f"{text.name_in_numpy(fn)}({', '.join(operands)})", text.ATOM

    def operand(self, x: Any, dtype: np.dtype[Any], index: Index, strength: int = -1) -> str:
        """An element as a value of a dtype, in brackets where it would fall apart."""
        number = uniform_value(value_of(x)) if not isinstance(x, Node) else None
        if number is not None:
            exact = x if type(x) in (int, float, bool) else np.asarray(x).flat[0].item()
            written = self.literal(exact, dtype)
            return f"({written})" if written.startswith("-") and strength > 1 else written
        if isinstance(x, Node) and x in self.fusion.inlined:
            written, own = self.expression(x, index)
        else:
            written, own = self.element(x, index), text.ATOM
        if value_of(x).dtype != dtype:
            return cast(written, dtype)
        return written if own >= strength else f"({written})"

    def literal(self, x: Any, dtype: np.dtype[Any]) -> str:
        """A number as a value of a dtype."""
        if dtype.kind != "f":
            return repr(dtype.type(x).item())
        written = text.literal(float(x) if isinstance(x, bool) else x, self.words.name)
        if dtype == DOUBLE:
            return written
        written = f"np.float32({written})"
        constants = self.words.constants
        for name, value in constants.items():
            if value == written:
                return name
        name = self.words.names.new(NUMBERS.get(float(x)) or ("zero" if x == 0 else f"c{len(constants) + 1}"))
        constants[name] = written
        return name

    def element(self, x: Any, index: Index) -> str:
        """The element of ``x``, stretched to the axes of a loop, that is at an index."""
        shape = np.shape(x)
        its_own = index[len(index) - len(shape) :]
        its_own = tuple("0" if n == 1 else i for i, n in zip(its_own, shape, strict=True))
        if isinstance(x, Node) and x in self.fusion.operations and x not in self.fusion.loop_of:
            return self.element(x.args[0], through(x, its_own, self.place))
        return self.at(x, its_own)

    def at(self, x: Any, index: Index) -> str:
        """Where an element is kept."""
        self.shapes.add(np.shape(x))
        if isinstance(x, Node) and x in self.fusion.operations:
            kept = x in self.fusion.arrays and (x.value.shape or x in self.fusion.results)
            return f"{self.words.names.of[x]}[{', '.join(index) or '()'}]" if kept else self.words.names.of[x]
        return f"{self.array(x)}[{', '.join(index) or '()'}]"

    def array(self, x: Any) -> str:
        """The name of a whole array."""
        if isinstance(x, Node) and x in self.fusion.operations:
            return self.words.names.of[x] if x in self.fusion.loop_of else f"{self.array(x.args[0])}.T"
        name = self.words.constant(x) if isinstance(x, np.ndarray) else self.words.names.of[x]
        if name not in self.words.constants:
            self.passed[name] = value_of(x)
        return name

    def place(self, places: Any, index: Index, n: int) -> str:
        """An element of an array of places, all below n: part of an index."""
        if isinstance(places, np.ndarray):
            places = np.where(places < 0, places + n, places)
        written = self.operand(places, np.dtype(np.int64), index, 0)
        if isinstance(places, Node):
            self.checks.append(f"if not {-n} <= {written} < {n}: raise IndexError('an index is out of range')")
        return written


def cast(written: str, dtype: np.dtype[Any]) -> str:
    """A value made one of another dtype."""
    return f"({written} != 0)" if dtype.kind == "b" else f"np.{dtype.name}({written})"
