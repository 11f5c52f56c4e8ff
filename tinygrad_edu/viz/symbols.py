"""How operations, derivatives, numbers and names are written in pictures."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.errors import name_of

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

# Scopes closed into one box, in the same way; {n} is how many examples a cost, or elements a mean, is over.
SCOPES: dict[str, tuple[str, str]] = {
    "sigmoid": ("σ", "{y}(1 − {y})"),
    "tanh": ("tanh", "1 − {y}²"),
    "relu": ("relu", "1 where {a} > 0"),
    "softplus": ("softplus", "σ({a})"),
    "sine": ("sin", "cos({a})"),
    "softmax": ("softmax", "diag {y} − {y}{y}ᵀ"),
    "mean": ("mean", "1/{n}"),
    "quadratic": ("quadratic cost", "({a} − y)/{n}"),
    "binary_cross_entropy": ("cross-entropy cost", "({a} − y)/({n}{a}(1 − {a}))"),
    "binary_cross_entropy_with_logits": ("cross-entropy cost of σ", "(σ({a}) − y)/{n}"),
    "cross_entropy": ("cross-entropy cost", "−y/({n}{a})"),
    "cross_entropy_with_logits": ("cross-entropy cost of softmax", "(softmax({a}) − y)/{n}"),
}

LONGEST = 60
FORBIDDEN = {  # characters that reorder the text after them, and those that no XML file may contain
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane * 0x10000 + low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
}


def clean(name: Any, longest: int = LONGEST) -> str:
    """A name as one line of harmless text: no control characters, white space collapsed, the length capped.

    >>> clean(chr(0) + "a  <b>")
    'a <b>'
    """
    text = " ".join(str(name)[: 20 * longest].split())
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs") and c not in FORBIDDEN)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def expression(node: Node, arguments: list[str]) -> str:
    """What an operation computes, in the symbols of its arguments."""
    if node.fn in OPERATIONS and len(arguments) >= 1:
        a, b = (*arguments, "…")[:2]
        return OPERATIONS[node.fn][0].format(a=a, b=b)
    name = name_of(node.fn).rpartition(".")[2] if node.fn else ""
    if len(arguments) > 3:
        arguments = [*arguments[:2], "…"]
    return f"{name}({', '.join(arguments)})"


def derivative(node: Node, position: int, y: str, arguments: list[str]) -> str:
    """∂y/∂(argument) in symbols; empty where there is no short way to write it."""
    texts = OPERATIONS.get(node.fn, ()) if node.fn else ()
    if len(texts) <= position + 1:
        return ""
    a, b = (*arguments, "…")[:2]
    return texts[position + 1].format(y=y, a=a, b=b)


def flat(x: Any) -> Any:
    """An array as it is; the several results of one operation (`np.linalg.svd`) as one row of numbers."""
    return np.concatenate([np.ravel(part) for part in x]) if isinstance(x, tuple | list) else x


def number(x: float) -> str:
    """Three significant digits.

    >>> number(0.012345), number(-2.0)
    ('0.0123', '-2')
    """
    return f"{x:.3g}"


def norm(x: Any) -> float:
    """The Euclidean norm of all elements, also where their squares would overflow."""
    x = np.asarray(x, dtype=np.float64)
    largest = float(np.max(np.abs(x), initial=0.0))
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm((x / largest).ravel()))


def summary(symbol: str, x: Any) -> str:
    """One line about an array: its numbers if there are few, else its norm; what is not finite is said in words."""
    x = np.asarray(x)
    nans, infs = int(np.isnan(x).sum()), int(np.isinf(x).sum())
    if x.size > 1 and (nans or infs):
        words = [f"{count} {word}" for count, word in ((nans, "NaN"), (infs, "inf")) if count]
        return f"{symbol}: {' and '.join(words)} of {x.size}"
    if x.size == 0:
        return f"{symbol}: empty"
    if x.size == 1:
        return f"{symbol} = {'NaN' if nans else number(float(x.item()))}"
    if x.ndim == 1 and x.size <= 3:
        return f"{symbol} = [{', '.join(number(float(v)) for v in x)}]"
    return f"‖{symbol}‖ = {number(norm(x))}"
