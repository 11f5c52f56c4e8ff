"""How operations, their derivatives, and numbers are written in pictures."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.equations.arrays import norm

IN_A_LINE = 5  # numbers of a row

# Operations: how they are written, then the derivative for each argument. {y} is the result, {a} and {b} the arguments.
OPERATIONS: dict[Callable[..., Any], tuple[str, ...]] = {
    np.add: ("{a} + {b}", "1", "1"),
    np.subtract: ("{a} − {b}", "1", "−1"),
    np.multiply: ("{a} × {b}", "{b}", "{a}"),
    np.divide: ("{a} / {b}", "1/{b}", "−{y}/{b}"),
    np.matmul: ("{a} @ {b}", "{b}ᵀ", "{a}ᵀ"),
    np.power: ("{a} ^ {b}", "{b} {a}^({b} − 1)", "{y} ln({a})"),
    np.negative: ("−{a}", "−1"),
    np.square: ("{a}²", "2{a}"),
    np.sqrt: ("√{a}", "1/(2{y})"),
    np.reciprocal: ("1/{a}", "−{y}²"),
    np.absolute: ("|{a}|", "sign({a})"),
    np.exp: ("exp({a})", "{y}"),
    np.expm1: ("expm1({a})", "{y} + 1"),
    np.log: ("ln({a})", "1/{a}"),
    np.log1p: ("ln(1 + {a})", "1/(1 + {a})"),
    np.sin: ("sin({a})", "cos({a})"),
    np.cos: ("cos({a})", "−sin({a})"),
    np.tanh: ("tanh({a})", "1 − {y}²"),
    np.sum: ("Σ{a}", "1"),
    np.maximum: ("max({a}, {b})", "1 where {a} > {b}", "1 where {b} > {a}"),
    np.minimum: ("min({a}, {b})", "1 where {a} < {b}", "1 where {b} < {a}"),
    np.transpose: ("{a}ᵀ",),
    operator.getitem: ("{a}[…]",),
}


def expression(node: Node, arguments: list[str]) -> str:
    """What an operation computes, in the symbols of its arguments."""
    if node.fn in OPERATIONS and len(arguments) >= 1:
        a, b = (*arguments, "…")[:2]
        return OPERATIONS[node.fn][0].format(a=a, b=b)
    if len(arguments) > 3:
        arguments = [*arguments[:2], "…"]
    return f"{name_of_operation(node)}({', '.join(arguments)})"


def name_of_operation(node: Node) -> str:
    """The plain name of its function; nothing for a leaf."""
    return str(getattr(node.fn, "__name__", node.fn)) if node.fn else ""


def derivative(node: Node, position: int, y: str, arguments: list[str]) -> str:
    """∂y/∂(argument) in symbols; empty where there is no short way to write it."""
    texts = OPERATIONS.get(node.fn, ()) if node.fn else ()
    if len(texts) <= position + 1:
        return ""
    a, b = (*arguments, "…")[:2]
    return texts[position + 1].format(y=y, a=a, b=b)


def number(x: float) -> str:
    """Three significant digits.

    >>> number(0.012345), number(-2.0), number(-0.0)
    ('0.0123', '-2', '0')
    """
    return f"{x + 0.0:.3g}"  # there is no use in the sign of −0


def summary(symbol: str, x: Any, entries: int) -> list[str]:
    """An array in lines: its numbers if they are no more than ``entries``, else its norm.

    A column is written as a row that is transposed. What is not finite is said in words.

    >>> summary("x", np.array([[1.0], [2.0]]), 4), summary("x", np.array([3.0, 4.0]), 1)
    (['x = [1, 2]ᵀ'], ['‖x‖ = 5'])
    """
    x = np.asarray(x)
    nans, infs = int(np.isnan(x).sum()), int(np.isinf(x).sum())
    if x.size > 1 and (nans or infs):
        words = [f"{count} {word}" for count, word in ((nans, "NaN"), (infs, "inf")) if count]
        return [f"{symbol}: {' and '.join(words)} of {x.size}"]
    if x.size == 0:
        return [f"{symbol}: empty"]
    if x.size == 1:
        return [f"{symbol} = {'NaN' if nans else number(float(x.item()))}"]
    if x.size > entries or x.ndim > 2:
        return [f"‖{symbol}‖ = {number(norm(x))}"]
    is_column = x.ndim == 2 and x.shape[1] == 1
    rows = np.atleast_2d(x.T if is_column else x)
    text = ",\n".join(map(_row, rows))
    text = text if len(rows) == 1 else f"[{text}]"
    return f"{symbol} = {text}{'ᵀ' * is_column}".split("\n")


def _row(numbers: Any) -> str:
    texts = [number(float(v)) for v in numbers]
    lines = [", ".join(texts[i : i + IN_A_LINE]) for i in range(0, len(texts), IN_A_LINE)]
    return "[" + ",\n".join(lines) + "]"
