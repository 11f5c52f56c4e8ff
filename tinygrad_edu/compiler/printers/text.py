"""NumPy calls as text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import is_plain_transpose
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.rules.indexing import adds_faster_flat, flat_places, takes_each_once

INFIX = {  # symbol and precedence
    np.add: ("+", 1),
    np.subtract: ("-", 1),
    np.multiply: ("*", 2),
    np.divide: ("/", 2),
    np.matmul: ("@", 2),
    np.less: ("<", 0),
    np.less_equal: ("<=", 0),
    np.greater: (">", 0),
    np.greater_equal: (">=", 0),
    np.equal: ("==", 0),
}
ATOM = 9


def name_in_numpy(fn: Callable[..., Any]) -> str | None:
    """How a program calls the function: ``np.tanh``, ``np.linalg.inv``; None if it is not one of NumPy's."""
    for prefix, home in (("np.", np), ("np.linalg.", np.linalg), ("np.fft.", np.fft)):
        if getattr(home, getattr(fn, "__name__", ""), None) is fn:
            return f"{prefix}{fn.__name__}"
    return None


def quoted(x: Any) -> str:
    """The text of a string in double quotes, of another key as Python writes it."""
    return f'"{x}"' if isinstance(x, str) and repr(x) == f"'{x}'" and '"' not in x else repr(x)


def literal(x: Any, name: Callable[[Any], str]) -> str:
    """A value as Python text; ``name`` gives the name of nodes, arrays, functions and other objects."""
    match x:
        case slice():
            return f"slice({', '.join(literal(part, name) for part in (x.start, x.stop, x.step))})"
        case np.dtype():
            return f"np.{x.name}" if hasattr(np, x.name) else f"np.dtype({x.str!r})"
        case np.generic() if x.dtype == np.longdouble != np.float64:
            return f"np.longdouble({str(x)!r})"  # a Python number has fewer digits
        case np.generic():
            return f"np.{x.dtype.name}({literal(x.item(), name)})"
        case tuple() | list() if type(x) in (tuple, list):
            parts = ", ".join(literal(part, name) for part in x)
            return f"[{parts}]" if isinstance(x, list) else f"({parts}{',' if len(x) == 1 else ''})"
        case float():
            return repr(x) if np.isfinite(x) else f"np.{x}".replace("np.-inf", "-np.inf")
        case str():
            return quoted(x)
        case None | bool() | int():
            return repr(x)
        case _ if x is Ellipsis:
            return "..."
        case type() if issubclass(x, np.generic):
            return f"np.{np.dtype(x).name}"
    return name(x)


def index(x: Any, name: Callable[[Any], str]) -> str:
    """What stands between the brackets of ``a[…]``."""

    def part(p: Any) -> str:
        if isinstance(p, slice):
            ends = ["" if end is None else literal(end, name) for end in (p.start, p.stop, p.step)]
            return ":".join(ends if p.step is not None else ends[:2])
        return literal(p, name)

    if isinstance(x, tuple) and x:
        return ", ".join(map(part, x)) + ("," if len(x) == 1 else "")
    return part(x)


def call(node: Node, name: Callable[[Any], str], *more: str) -> str:
    """The operation as a call of NumPy; ``more`` are further arguments."""
    fn, args = node.fn, node.args
    if fn is operator.getitem:
        return f"{name(args[0])}[{index(args[1], name)}]"
    if is_plain_transpose(node):
        return f"{name(args[0])}.T"
    if fn is np.reshape and len(args) == 2:
        return f"{name(args[0])}.reshape({literal(args[1], name)})"
    if fn is np.astype:
        return f"{name(args[0])}.astype({literal(args[1], name)})"
    words = [literal(arg, name) for arg in args]
    words += [f"{key}={literal(value, name)}" for key, value in node.kwargs.items()]
    return f"{name_in_numpy(fn) or name(fn)}({', '.join([*words, *more])})"  # type: ignore[arg-type] # an operation


def scatter(node: Node, target: str, name: Callable[[Any], str], *, flat: bool = False) -> list[str]:
    """Statements that add values into zeros at an index; ``flat``: by the numbers of elements where that is faster."""
    g, where, shape = node.args
    new = f"{target} = np.zeros({shape}, {literal(node.value.dtype, name)})"
    if takes_each_once(where):
        return [new, f"{target}[{index(where, name)}] = {name(g)}"]
    if not (flat and adds_faster_flat(g, shape)):
        return [new, f"np.add.at({target}, {literal(where, name)}, {name(g)})"]
    if not nodes_in((where,)):
        numbers = name(flat_places(where, shape).ravel())
    elif isinstance(where, Node) and len(shape) == 1:
        numbers = f"{name(where)}.ravel()"
    else:
        numbers = f"{name(np.arange(prod(shape)).reshape(shape))}[{index(where, name)}].ravel()"
    return [new, f"np.add.at({target}.reshape(-1), {numbers}, {name(g)}.ravel())"]
