"""The formulas of `tinygrad_edu.equations.words`, which are plain text, in LaTeX; and arrays in both."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygrad_edu.equations.arrays import norm

WRITTEN_OUT = 12
"""Arrays of more numbers are told by their shape and norm."""

SYMBOL = r"(?:[δWwbzaxyCn](?![^\W\dᵀ²³])|1(?=\[))\d*(?:\[[^\]]*\])?"
TOKEN = re.compile(rf"∂{SYMBOL}/∂{SYMBOL}|{SYMBOL}|Σ_[a-z]|[^\W\d_]\w*′?|\d+\.?\d*|\S")
CASES = re.compile(r"(.*) where (.*), (.*) elsewhere")
SIGNS = {
    **{"·": r"\cdot ", "⊙": r"\odot ", "½": r"\tfrac{1}{2} ", "√": r"\sqrt", "π": r"\pi ", "−": "-", "≥": r"\ge "},
    **{"Σ": r"\sum ", "ᵀ": "^{T}", "²": "^{2}", "³": "^{3}"},
}
NAMED = {"σ": r"\sigma", "δ": r"\delta", **{name: rf"\{name}" for name in ("tanh", "exp", "ln", "sin", "cos")}}


def latex(text: str) -> str:
    r"""A formula in LaTeX.

    >>> latex("δ1 = (δ2 W2ᵀ) ⊙ σ′(z1)")
    "\\delta^{1} = (\\delta^{2} (W^{2})^{T}) \\odot \\sigma'(z^{1})"
    """
    if cases := CASES.fullmatch(text):
        value, condition, other = map(latex, cases.groups())
        return rf"\begin{{cases}} {value} & {condition} \\ {other} & \text{{elsewhere}} \end{{cases}}"
    groups: list[list[str]] = [[]]
    before = ""
    for token in TOKEN.findall(text):
        if token == "(":
            groups.append([before])
        elif token == ")":
            function, *inside = groups.pop()
            group = f"({_row(inside)})"
            if _is_name(function):
                groups[-1][-1] += _in_brackets(group)
            else:
                groups[-1].append(group)
        else:
            groups[-1].append(token if token in "/√" else _token(token))
        before = token
    return _row(groups[0])


def _row(items: list[str]) -> str:
    """The parts of a formula one after the other, fractions as fractions."""
    row: list[str] = []
    for i, item in enumerate(items):
        before = items[i - 1] if i else ""
        if before == "/":
            row.append(rf"\frac{{{_bare(row.pop())}}}{{{_bare(item)}}}")
        elif before == "√":
            row.append(rf"\sqrt{{{_bare(item)}}}")
        elif item.startswith("^"):
            raised = row.pop()
            row.append((f"({raised})" if re.search("[_^].*[^)]$", raised) else _in_brackets(raised)) + item)
        elif item not in ("/", "√"):
            row.append(item)
    return " ".join(map(_in_brackets, row)).replace("  ", " ")


def _is_group(item: str) -> bool:
    return item.startswith("(") and item.endswith(")")


def _bare(item: str) -> str:
    return item[1:-1] if _is_group(item) else item


def _in_brackets(item: str) -> str:
    tall = "frac" in item or r"\sum" in item
    return rf"\left({item[1:-1]}\right)" if tall and _is_group(item) else item


def _token(token: str) -> str:
    if token.startswith("∂"):
        above, below = token[1:].split("/∂")
        return rf"\frac{{\partial {_symbol(above)}}}{{\partial {_symbol(below)}}}"
    if token.startswith("Σ_"):
        return rf"\sum_{token[2:]}"
    if token in SIGNS:
        return SIGNS[token].strip()
    if re.fullmatch(SYMBOL, token):
        return _symbol(token)
    if not _is_name(token):
        return token
    name, prime = token.rstrip("′"), "'" * token.endswith("′")
    escaped = name.replace("_", r"\_")
    return NAMED.get(name, rf"\operatorname{{{escaped}}}") + prime


def _is_name(token: str) -> bool:
    """Whether a token is that of a function, or a word."""
    name = re.fullmatch(r"[^\W\d_]\w*′?", token) and not re.fullmatch(rf"{SYMBOL}|Σ_[a-z]|[a-zᵀ²³½]", token)
    return bool(name) and token not in SIGNS


def _symbol(token: str) -> str:
    """a2[p,j]: the layer above, the indices below."""
    if token.startswith("1["):
        return rf"\mathbb{{1}}_{{{token[2:-1]}}}"
    letter: str
    [(letter, layer, indices)] = re.findall(r"^([^\d\[])(\d*)(?:\[(.*)\])?$", token)
    above = f"^{{{layer}}}" if layer else ""
    below = f"_{{{indices.replace(',', ' ')}}}" if indices else ""
    return NAMED.get(letter, letter) + above + below


def sentence(text: str, pattern: str = "${}$") -> str:
    r"""A sentence, with its formulas in LaTeX: those between backticks, and words with one of the letters δ, σ and ∂.

    >>> sentence("the error δ of `z1[p,j]`")
    'the error $\\delta$ of $z^{1}_{p j}$'
    """
    found = re.split(r"`([^`]*)`|([^\s`]*[δσ∂][^\s`.,:;]*)", text)
    return "".join(
        (part or "").replace("_", r"\_") if i % 3 == 0 else pattern.format(latex(part)) if part else ""
        for i, part in enumerate(found)
    )


def number(x: Any) -> str:
    """Four digits, and no minus before zero."""
    return f"{float(x) + 0.0:.4g}"


def array(x: Any) -> str:
    """An array as one writes it in Python; a large one by its shape and norm.

    >>> array([[1.0, -2.0]]), array(np.ones((10, 10)))
    ('[[1, -2]]', 'an array of shape (10, 10) and norm 10')
    """
    x = np.asarray(x)
    if x.size > WRITTEN_OUT:
        return f"an array of shape {x.shape} and norm {number(norm(x))}"
    return number(x) if x.ndim == 0 else f"[{', '.join(map(array, x))}]"


def matrix(x: Any) -> str:
    """The same in LaTeX; a vector is a row."""
    x = np.asarray(x)
    if x.size > WRITTEN_OUT:
        shape = r" \times ".join(map(str, x.shape))
        return rf"\text{{an array of shape }} {shape} \text{{ and norm }} {_power(number(norm(x)))}"
    if x.ndim == 0:
        return _power(number(x))
    rows = r" \\ ".join(" & ".join(_power(number(entry)) for entry in row) for row in np.atleast_2d(x))
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


def _power(text: str) -> str:
    """1e-05 as a power of ten."""
    digits, e, power = text.partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if e else text
