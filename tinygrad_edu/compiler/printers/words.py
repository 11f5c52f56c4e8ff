"""What a text calls the values in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import is_plain_transpose, is_uniform
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.engine import Node

NUMBERS = {1.0: "one", 2.0: "two", 0.5: "half"}
LARGEST_LITERAL = 16  # elements of an array that are written out


class Words:
    """The names that a text uses, and the constants that it needs; they are collected while it is written.

    Attributes
    ----------
    names : Names
    given : dict of str to object
        What the text does not define and is passed by keyword: captured tensors, large constants, functions of users.
    constants : dict of str to str
        The name of a constant → the text that makes it.
    """

    def __init__(self, names: Names, captured: list[Node]) -> None:
        self.names = names.copy()
        self.given: dict[str, Any] = {names.of[node]: node for node in captured}
        self.constants: dict[str, str] = {}

    def name(self, x: Any) -> str:
        """What a value is called in an expression."""
        if isinstance(x, Node):
            return text.call(x, self.name) if x.fn is not None and is_plain_transpose(x) else self.names.of[x]
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if isinstance(x, int | float | np.generic):
            return text.literal(x, self.name)
        return self.give(x)

    def constant(self, x: np.ndarray[Any, Any], name: str | None = None) -> str:
        """The name of a constant array."""
        written = self._array_as_text(x)
        if written is None:
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

    def _array_as_text(self, x: np.ndarray[Any, Any]) -> str | None:
        """The expression that makes a constant array; None if it would be too long."""
        dtype = text.literal(x.dtype, self.name)
        if x.size > 1 and is_uniform(x):
            dtyped = "" if x.dtype == np.float64 else f", {dtype}"
            shape = len(x) if x.ndim == 1 else x.shape
            if x.flat[0] == 1:
                return f"np.ones({shape}{dtyped})"
            return f"np.full({shape}, {text.literal(x.flat[0].item(), self.name)}, {dtype})"
        if x.size > LARGEST_LITERAL and x.dtype == np.int64 and np.array_equal(x.ravel(), np.arange(x.size)):
            return f"np.arange({x.size})" + ("" if x.ndim == 1 else f".reshape{x.shape}")
        if x.size > LARGEST_LITERAL or x.dtype.kind not in "fiub":
            return None
        if not x.size:
            return f"np.empty({x.shape}, {dtype})"
        dtyped = "" if x.dtype in (np.float64, np.int64, np.bool_) else f", {dtype}"
        return f"np.array({text.literal(x.tolist(), self.name)}{dtyped})"

    def give(self, x: Any) -> str:
        """The name of something that the text cannot define."""
        for name, value in self.given.items():
            if value is x:
                return name
        name = self.names.new(getattr(x, "__name__", f"constant{len(self.given) + 1}"))
        self.given[name] = x
        return name

    def empty(self, like: Any) -> str:
        """The text that allocates an array of this shape and dtype."""
        shape = like.shape[0] if len(like.shape) == 1 else like.shape
        dtype = "" if like.dtype == np.float64 else f", {text.literal(like.dtype, self.name)}"
        return f"np.empty({shape}{dtype})"

    def comment(self, node: Node) -> str:
        """What stands beside a value."""
        return f"  # {self.names.comments[node]}" if node in self.names.comments else ""
