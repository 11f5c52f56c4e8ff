"""Lines of a text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

WIDTH = 120


@dataclass(frozen=True)
class Printed:
    """A program as text.

    Attributes
    ----------
    source : str
        Defines the function ``program``.
    given : dict of str to object
        What that is passed by keyword besides its arguments.
    checks_arrays : bool
        Whether the program itself raises if an array does not fit.
    """

    source: str
    given: dict[str, Any]
    checks_arrays: bool = False


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


def indented(lines: list[str]) -> list[str]:
    """The lines of a block."""
    return [f"    {line}" for line in lines]


def gap(lines: list[str]) -> list[str]:
    """An empty line, if there is none."""
    return [""] if lines[-1] else []
