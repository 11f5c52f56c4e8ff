"""Arguments are taken out of their containers before a program computes, and results put into theirs after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.compiler.printers.words import Words
from tinygrad_edu.engine import Node

Parameters = list[tuple[str, Any]]
"""The name and the value of every argument."""


def signature(words: Words, parameters: Parameters, *more: str) -> str:
    """The head of the function."""
    listed = [name for name, _ in parameters] + list(more)
    return ", ".join([*listed, "*", *words.given] if words.given else listed)


def unpacking(words: Words, parameters: Parameters, inputs: list[Node]) -> list[str]:
    """Statements that take the arrays out of the containers among the arguments."""
    targets = _Targets(words.names, iter(inputs))
    for name, x in parameters:
        if isinstance(x, dict):
            targets.of(x, name, name)
        elif isinstance(x, list | tuple) and x:
            place = len(targets.lines)
            inside = targets.of(x, name)
            targets.lines.insert(place, f"{inside[1:-1]} = {name}")
        else:
            targets.of(x, name)
    return targets.lines


@dataclass
class _Targets:
    """What stands left of equals signs."""

    names: Names
    inputs: Iterator[Node]
    lines: list[str] = field(default_factory=list)

    def of(self, x: Any, path: str, name: str | None = None) -> str:
        """The target for an argument, or a part of one; a dict is unpacked by a line of its own."""
        if isinstance(x, np.ndarray | np.generic):
            return self.names.of[next(self.inputs)]
        if isinstance(x, list | tuple):
            parts = [self.of(part, f"{path}_{i}") for i, part in enumerate(x)]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})" if parts else "_"
        if isinstance(x, dict) and x:
            container = name or self.names.new(path)
            place = len(self.lines)
            targets = [self.of(part, f"{path}_{key}") for key, part in x.items()]
            values = ", ".join(f"{container}[{text.quoted(key)}]" for key in x)
            self.lines.insert(place, f"{', '.join(targets)} = {values}")
            return container
        return "_"


def returned(words: Words, result: Any, one: Callable[[Any], str]) -> str:
    """What stands after ``return``; ``one`` gives the text of a single value."""
    written = container(words, result, one)
    return written[1:-1] if type(result) is tuple and len(result) > 1 else written


def container(words: Words, x: Any, one: Callable[[Any], str]) -> str:
    """The result as text, with the name of every value at its place; a trailing comma is left to tuples."""
    if isinstance(x, dict):
        return "{" + ", ".join(f"{text.quoted(key)}: {container(words, part, one)}" for key, part in x.items()) + "}"
    if isinstance(x, list | tuple):
        parts = [container(words, part, one) for part in x]
        if type(x) is list:
            return f"[{', '.join(parts)}]"
        inside = f"{', '.join(parts)}{',' if len(parts) == 1 else ''}"
        return f"({inside})" if type(x) is tuple else f"{words.give(type(x))}({', '.join(parts)})"
    return one(x)
