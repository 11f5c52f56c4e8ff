"""The four equations derived for one network: its own layers, shapes, activation functions and cost."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem
from tinygrad_edu.backprop.formulas import formulas_of
from tinygrad_edu.check.arguments import network_problem, two_passes
from tinygrad_edu.check.backprop import BackpropReport, check_backprop
from tinygrad_edu.check.layers import Layer, layers_of
from tinygrad_edu.derivations.steps import Array, Line, Net, Section, Sigma, sections
from tinygrad_edu.equations import words
from tinygrad_edu.equations.functions import is_activation
from tinygrad_edu.equations.typeset import array, latex, matrix, sentence
from tinygrad_edu.nn import Module
from tinygrad_edu.tables import Rows, as_text

CONVENTIONS = (
    "Rows are examples and weights are (n_in, n_out). `δ` is `∂C/∂z`; `⊙` multiplies entry by entry. Indices: `p` is "
    "the example, `j` the unit; `i` a unit of the layer before; `k` a unit of the layer after, or an output."
)
WIDEST = 52  # a formula in a line of text, before the reason beside it
RESERVED = {"exp", "ln", "sin", "cos", "max", "where", "elsewhere"}


@dataclass(frozen=True, repr=False)
class Derivation:
    """The result of `derive`. ``str(derivation)`` is text; a notebook shows it typeset.

    Attributes
    ----------
    title : str
    symbols : list of rows
        Of every symbol: its shape, what it is, and, where there are numbers, its value.
    sections : list of Section
        The forward pass, then BP1, BP3 and BP4 of the last layer, BP2, BP3 and BP4 of the one before, and so on. Each
        has ``lines``, the equations, with ``left``, ``right``, ``why`` and ``value``.
    report : BackpropReport or None
        Of `check_backprop`, where there are numbers.
    """

    title: str
    symbols: Rows
    sections: list[Section]
    report: BackpropReport | None

    def value(self, symbol: str) -> Array:
        """The numbers of a symbol, such as "δ1" or "∂C/∂W1".

        Raises
        ------
        KeyError
            If there is no such symbol, or there are no numbers.
        """
        known = {line.left: line.value for section in self.sections for line in section.lines if line.value is not None}
        if symbol not in known:
            raise KeyError(
                f"value: no numbers of {symbol!r} here; known: {', '.join(known) or 'none, without x and y'}"
            )
        return known[symbol]

    @property
    def latex(self) -> str:
        """For a document of one's own, with the package amsmath."""
        parts = [r"\textbf{" + self.title + "}", sentence(CONVENTIONS)]
        parts += [r"\[ \begin{array}{llll}" + " \\\\\n".join(map(_row_in_latex, self.symbols)) + r"\end{array} \]"]
        for section in self.sections:
            parts += [rf"\paragraph{{{sentence(section.title)}}} {sentence(section.meaning)}".rstrip()]
            parts += [r"\[ " + _aligned(section) + r" \]"]
        return "\n\n".join([*parts, self.report.verdict.replace("–", "--")] if self.report else parts) + "\n"

    def __str__(self) -> str:
        parts = [self.title, textwrap.fill(CONVENTIONS.replace("`", ""), 100), as_text([self.symbols])]
        parts += [_as_text(section) for section in self.sections]
        return "\n\n".join([*parts, self.report.verdict] if self.report else parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        head, *rows = self.symbols
        table = [head, ["---"] * len(head), *([f"${latex(row[0])}$", *row[1:]] for row in rows)]
        parts = [f"**{self.title}**", sentence(CONVENTIONS)]
        parts += ["\n".join(f"| {' | '.join(row)} |" for row in table)]
        for section in self.sections:
            parts += [f"**{sentence(section.title)}**", sentence(section.meaning), f"$$\n{_aligned(section)}\n$$"]
        return "\n\n".join(filter(None, [*parts, self.report.verdict] if self.report else parts))


def derive(
    mlp: Module, cost: str = "quadratic", x: npt.ArrayLike | None = None, y: npt.ArrayLike | None = None
) -> Derivation:
    """Derive the forward pass and BP1–BP4 for this very network, step by step from the chain rule.

    Parameters
    ----------
    mlp : MLP, or Sequential of Linear and activation functions
        The network. Nothing of it is changed.
    cost : {"quadratic", "binary_cross_entropy", "cross_entropy"}
        The cost function.
    x : array_like, shape (n, n_in), optional
        A batch of examples: the numbers are then written next to the equations.
    y : array_like, shape (n, n_out), or integer labels of shape (n,), optional
        Its targets; given if and only if ``x`` is.

    Returns
    -------
    Derivation
        ``str(derivation)`` is text, ``derivation.latex`` is LaTeX, and a notebook shows the formulas typeset. Arrays of
        more than 12 numbers are told by their shape and norm.

    Raises
    ------
    TypeError, ValueError
        As `check_backprop`, or if only one of ``x`` and ``y`` is given.

    Notes
    -----
    The derivation is that of the page on BP1–BP4 in three layouts, for rows. The slope of an activation function of
    your own is left as σ′(z).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> derivation = tg.derive(tg.nn.MLP([2, 3, 1], rng=0))
    >>> for line in derivation.sections[1].lines[-2:]:
    ...     print(line.left, "=", line.right)
    δ2[p,j] = (a2[p,j] − y[p,j])/n · a2[p,j](1 − a2[p,j])
    δ2 = ∂C/∂a2 ⊙ σ′(z2)
    """
    if (x is None) != (y is None):
        raise ValueError("derive: give both x and y, for the numbers, or neither")
    layers = layers_of("derive", mlp)
    sizes = [layers[0].linear.W.shape[0], *(layer.linear.W.shape[1] for layer in layers)]
    if x is None:  # any batch, as the activation functions are asked what they are
        given = network_problem("derive", mlp, np.linspace(-1, 1, sizes[0])[None], np.zeros((1, sizes[-1])), cost)
    else:
        given = network_problem("derive", mlp, x, y, cost)
    sigmas = _sigmas(layers, given)
    values = {} if x is None else _values(given, cost, sigmas)
    adds_up = x is None or bool(np.allclose(given.y.sum(axis=1), 1))
    n = "n" if x is None else str(len(given.x))
    net = Net(sizes, sigmas, cost, n, adds_up, values)
    return Derivation(
        f"{'-'.join(map(str, sizes))} network, {'' if x is None else f'n = {n} examples, '}{words.FUNCTIONS[cost][0]}",
        _symbols(net, given if values else None),
        list(sections(net)),
        None if x is None or y is None else check_backprop(mlp, x, y, cost),
    )


def _values(given: Problem, cost: str, sigmas: list[Sigma]) -> dict[str, Array]:
    """The numbers of what has a symbol, by hand."""
    hand = two_passes("derive", given, cost)
    L = len(given.weights)
    values = {"C": np.asarray(hand.cost), f"∂C/∂a{L}": by_hand.COST_FORMULAS[cost].gradient(hand.a[-1], given.y)}
    for l, (z, name, sigma) in enumerate(zip(hand.z, given.names, sigmas, strict=True), start=1):
        values |= {f"z{l}": z, f"a{l}": hand.a[l], f"δ{l}": hand.delta[l - 1]}
        values |= {f"∂C/∂W{l}": hand.grad_weights[l - 1], f"∂C/∂b{l}": hand.grad_biases[l - 1]}
        if name != "softmax":
            values[words.slope(sigma.symbol, f"z{l}")] = formulas_of(name).prime(z)
        if l > 1:
            values[words.carried_back(f"δ{l}", f"W{l}")] = hand.delta[l - 1] @ given.weights[l - 1].T
    return values


def _sigmas(layers: list[Layer], given: Problem) -> list[Sigma]:
    """How the activation functions are written; those that are ours by name or by their numbers are known."""
    found: list[Sigma] = []
    owners: dict[str, Callable[[Any], Any] | str] = {}
    for l, (layer, name) in enumerate(zip(layers, given.names, strict=True), start=1):
        known = name if isinstance(name, str) else _by_numbers(layer)
        symbol = words.FUNCTIONS[known][0] if known in words.FUNCTIONS else known or layer.name
        owner = known or layer.sigma
        fits = known or (re.fullmatch(r"[^\W\d_]{2}\w*", symbol) and symbol not in RESERVED)
        if not fits or owners.setdefault(symbol, owner) is not owner:
            symbol = f"f{l}"
        found.append(Sigma(symbol, known))
    return found


def _by_numbers(layer: Layer) -> str:
    """The name of a function that is one of ours under the same name, such as np.tanh; else nothing."""
    z = np.linspace(-3, 3, 13 * layer.linear.W.shape[1]).reshape(13, -1)
    return layer.name if is_activation(layer.name, z, layer.value(z)) else ""


def _symbols(net: Net, given: Problem | None) -> Rows:
    """Each symbol, its shape and what it is."""
    L = len(net.sigmas)
    rows = [("x = a0", net.shape(0), "inputs"), ("y", net.shape(L), "targets")]
    for l, (symbol, known) in enumerate(net.sigmas, start=1):
        sigma = known or symbol if symbol != "σ" else "sigmoid"
        rows += [(f"W{l}", f"{(net.sizes[l - 1], net.sizes[l])}", f"weights of layer {l}")]
        rows += [(f"b{l}", f"({net.sizes[l]},)", f"biases of layer {l}")]
        rows += [(f"z{l}, a{l}, δ{l}", net.shape(l), f"weighted inputs, activations ({sigma}), errors")]
    head = ["symbol", "shape", "what it is"]
    if given is None:
        return [head, *rows]
    values = {"x = a0": given.x, "y": given.y}
    for l, (W, b) in enumerate(zip(given.weights, given.biases, strict=True), start=1):
        values |= {f"W{l}": W, f"b{l}": b}
    return [[*head, "value"], *([*row, array(values[row[0]]) if row[0] in values else ""] for row in rows)]


# --- Typesetting ------------------------------------------------------------------------------------------


def _as_text(section: Section) -> str:
    """A section line by line: the equals signs one below the other, the reasons beside them."""
    rows = [(line.left, line.right, line.why.replace("`", "")) for line in _steps(section.lines, array)]
    before = max(len(left) for left, _, _ in rows)
    width = max(len(right) for _, right, _ in rows if len(right) <= WIDEST)
    lines = [f"  {left:>{before}} = {right:<{width}}   {why}".rstrip() for left, right, why in rows]
    return "\n".join([section.title, *([section.meaning] if section.meaning else []), *lines])


def _aligned(section: Section) -> str:
    """A section as one formula of several lines."""
    rows = []
    for line in _steps(section.lines, matrix):
        right = latex(line.right) if line.value is None else line.right
        why = sentence(line.why, r"}} {} \text{{")  # a formula interrupts the text
        beside = rf" &&\quad \text{{{why}}}".replace(r"\text{}", "") if why else ""
        rows.append(f"{latex(line.left)} &= {right}{beside}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _steps(lines: list[Line], written: Callable[[Any], str]) -> list[Line]:
    """The lines, and each value in a line of its own unless it is all that stands on the right."""
    steps: list[Line] = []
    for line in lines:
        if line.right:
            steps.append(Line(line.left, line.right, line.why))
        if line.value is not None:
            steps.append(Line("" if line.right else line.left, written(line.value), "", line.value))
    return steps


def _row_in_latex(row: Sequence[str]) -> str:
    first, *others = row
    symbol = rf"\text{{{first}}}" if first == "symbol" else latex(first)
    return " & ".join([symbol, *(rf"\text{{{sentence(cell)}}}" for cell in others)])
