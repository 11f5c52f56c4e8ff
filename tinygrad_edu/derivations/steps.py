"""The forward pass and BP1–BP4 of one network, step by step from the chain rule, before any typesetting.

Every line is an equation that can be evaluated as it stands. Entries have the indices p, the example; j, a unit of the
layer; i, one of the layer before; k, one of the layer after, or an output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from tinygrad_edu.costs import FROM_LOGITS
from tinygrad_edu.equations import words
from tinygrad_edu.equations.words import entry, gradient

Array = npt.NDArray[Any]


SHORT = 30
"""A longer σ′ keeps its name where it is put into a formula."""


class Line(NamedTuple):
    """An equation; with nothing on the left it goes on from the line above.

    Attributes
    ----------
    left, right : str
        Formulas; with nothing on the right, the value is what the left is equal to.
    why : str
        A few words, formulas in them between backticks.
    value : array or None
        The same in numbers.
    """

    left: str
    right: str
    why: str = ""
    value: Array | None = None


class Section(NamedTuple):
    """The derivation of one equation for one layer."""

    title: str
    meaning: str
    lines: list[Line]


class Sigma(NamedTuple):
    """The activation function of a layer: how it is written, and its name in `tinygrad_edu.functional`, or nothing."""

    symbol: str
    known: str


class Net(NamedTuple):
    """What a derivation is about.

    Attributes
    ----------
    sizes : list of int
    sigmas : list of Sigma
        Of the layers 1, …, L.
    cost : str
    n : str
        How many examples.
    adds_up : bool
        Whether each row of y adds up to 1, so far as is known.
    values : mapping of str to array
        The numbers of what has a symbol.
    """

    sizes: list[int]
    sigmas: list[Sigma]
    cost: str
    n: str
    adds_up: bool
    values: Mapping[str, Array]

    def shape(self, l: int) -> str:
        """The shape of z, a and δ of layer l."""
        return f"({self.n}, {self.sizes[l]})"

    def line(self, left: str, right: str, why: str = "") -> Line:
        """An equation of whole arrays, with its numbers."""
        return Line(left, right, why, self.values.get(left))

    def factors(self, *symbols: str) -> list[Line]:
        """The numbers of what stands in the next equation."""
        return [Line(symbol, "", "", self.values[symbol]) for symbol in symbols if symbol in self.values]


def sections(net: Net) -> Iterator[Section]:
    """All of them: the forward pass, then backwards from the last layer to the first."""
    L = len(net.sigmas)
    yield _forward(net)
    for l in range(L, 0, -1):
        yield _bp1(net) if l == L else _bp2(net, l)
        yield _bp3(net, l)
        yield _bp4(net, l)


def _forward(net: Net) -> Section:
    lines, defined = [], set()
    for l, (symbol, known) in enumerate(net.sigmas, start=1):
        shapes = f"{net.shape(l)} = {net.shape(l - 1)} {(net.sizes[l - 1], net.sizes[l])} + ({net.sizes[l]},)"
        lines += [net.line(f"z{l}", words.formula("z", l), shapes)]
        value = f"z{l}" if known == "identity" else words.applied(symbol, f"z{l}")
        lines += [net.line(f"a{l}", value, "entry by entry" if known not in ("softmax", "identity") else "")]
        if known == "softmax":
            share = words.written_softmax(f"z{l}")
            lines += [Line(entry(f"a{l}", "p", "j"), share, "softmax, over the units of an example")]
        elif known not in ("", "identity") and symbol not in defined:
            lines += [Line(f"{symbol}(z)", words.written_value(known, "z"), "" if symbol == known else known)]
        defined.add(symbol)
    L = len(net.sigmas)
    a_j, y_j = entry(f"a{L}", "p", "j"), entry("y", "p", "j")
    lines += [
        Line(
            entry("C", "p"),
            words.written_cost(net.cost, a_j, y_j),
            f"the {_cost(net)} of one example{_within(net, a_j)}",
        ),
        net.line("C", words.mean_cost(), "their mean"),
    ]
    return Section("Forward", "", lines)


def _bp1(net: Net) -> Section:
    l = len(net.sigmas)
    (symbol, known), pair = net.sigmas[-1], (net.sigmas[-1].known, net.cost) in FROM_LOGITS
    z, a, delta = f"z{l}", f"a{l}", words.error(f"z{l}")
    (z_j, _), (a_j, a_k), (y_j, y_k) = ([entry(x, "p", index) for index in "jk"] for x in (z, a, "y"))
    slope = words.slope(symbol, z)
    lines = [
        Line(entry(delta, "p", "j"), gradient(z_j), "the error, by definition"),
        Line("", words.summed("k", words.chain(z_j, a_k)), "chain rule: through all outputs `k`"),
    ]
    if known == "softmax":
        of_cost, of_sigma = words.written_cost_slope(net.cost, a_k, y_k), words.softmax_slope(a_k, a_j)
        put_in = f"put in{_within(net, a_k)}"
        lines += [
            Line(gradient(a_k), of_cost, f"the {_cost(net)}{_within(net, a_k)}"),
            Line(gradient(z_j, a_k), of_sigma, "softmax: no term of the sum is zero"),
            Line(entry(delta, "p", "j"), words.summed("k", words.times(of_cost, of_sigma)), put_in),
        ]
        if pair:
            one, two = words.softmax_pair(a, "y")
            lines += [Line("", one, f"`{a_k}` cancels"), Line("", two, "the sum, term by term")]
            if net.adds_up:
                why = "as each row of `y` adds up to 1"
                lines += [Line("", words.written_cost_slope("quadratic", a_j, y_j), why)]
                lines += [net.line(delta, words.formula("BP1", l, output=known, cost=net.cost), _shapes("BP1", net, l))]
                return _section("BP1", net, l, lines)
        else:
            lines += [Line("", words.softmax_error(a), "the sum, term by term")]
        row = words.bp1_softmax(gradient(entry(a, "p")), entry(a, "p"), entry(z, "p"))
        why = f"BP1: a row times a matrix {(net.sizes[l], net.sizes[l])}"
        lines += [Line(entry(delta, "p"), row, why), *net.factors(gradient(a), delta)]
        return _section("BP1", net, l, lines)
    why = (
        f"`{a_j}` is `{z_j}`" if known == "identity" else f"`{a_k}` sees `{entry(z, 'p', 'k')}` alone: `k = j` is left"
    )
    of_cost = words.written_cost_slope(net.cost, a_j, y_j)
    lines += [
        Line("", gradient(a_j) if known == "identity" else f"{gradient(a_j)} {words.slope(symbol, z_j)}", why),
        Line(gradient(a_j), of_cost, f"the {_cost(net)}{_within(net, a_j)}"),
    ]
    if known not in ("", "identity"):
        of_sigma = words.written_slope(known, z_j, a_j)
        is_short = len(of_sigma) <= SHORT and " where " not in of_sigma
        put_in = words.times(of_cost, of_sigma if is_short else words.slope(symbol, z_j))
        lines += [
            Line(words.slope(symbol, z_j), of_sigma, _derivative(known)),
            Line(entry(delta, "p", "j"), put_in, f"put in{_within(net, a_j)}"),
        ]
    if pair:
        lines += [
            Line("", words.written_cost_slope("quadratic", a_j, y_j), f"`{of_sigma}` cancels"),
            net.line(delta, words.formula("BP1", l, output=known, cost=net.cost), _shapes("BP1", net, l)),
        ]
    else:
        slope = "" if known == "identity" else slope
        lines += net.factors(gradient(a), *[slope] * bool(slope))
        lines += [net.line(delta, words.bp1(gradient(a), slope), _shapes("BP1", net, l))]
    return _section("BP1", net, l, lines)


def _bp2(net: Net, l: int) -> Section:
    symbol, known = net.sigmas[l - 1]
    z, a, z_next, W = f"z{l}", f"a{l}", f"z{l + 1}", f"W{l + 1}"
    delta, delta_next = words.error(z), words.error(z_next)
    z_j, a_j = entry(z, "p", "j"), entry(a, "p", "j")
    z_k, error_k = entry(z_next, "p", "k"), entry(delta_next, "p", "k")
    linear = known == "identity"
    back = words.summed("k", f"{error_k} {entry(W, 'j', 'k')}")
    slope = "" if linear else words.slope(symbol, z)
    lines = [
        Line(entry(delta, "p", "j"), gradient(z_j), "the error, by definition"),
        Line("", words.summed("k", words.chain(z_j, z_k)), f"chain rule: through all `{z_k}`"),
        Line("", words.summed("k", f"{error_k} {words.chain_of(z_j, a_j, z_k)}"), f"`{z_j}` is seen through `{a_j}`"),
        Line(gradient(a_j, z_k), entry(W, "j", "k"), f"in `{z_k}` the term of unit `j`"),
        *([] if linear else [Line(gradient(z_j, a_j), words.slope(symbol, z_j), f"as `{a} = {symbol}({z})`")]),
        *([Line("", words.written_slope(known, z_j, a_j), _derivative(known))] if known and not linear else []),
        Line(
            entry(delta, "p", "j"),
            back if linear else f"({back}) {words.slope(symbol, z_j)}",
            "put in" if not linear else f"put in; `{a_j}` is `{z_j}`",
        ),
        *([] if linear else net.factors(words.carried_back(delta_next, W), slope)),
        net.line(delta, words.bp2([words.carried_back(delta_next, W)], slope), _shapes("BP2", net, l)),
    ]
    return _section("BP2", net, l, lines)


def _bp3(net: Net, l: int) -> Section:
    b_j, z_j, error_j = entry(f"b{l}", "j"), entry(f"z{l}", "p", "j"), entry(f"δ{l}", "p", "j")
    lines = [
        Line(gradient(b_j), words.summed("p", words.chain(b_j, z_j)), "chain rule: the bias serves every example"),
        Line(gradient(b_j, z_j), "1", f"in `{z_j}` the bias stands alone"),
        Line(gradient(b_j), words.summed("p", error_j), "put in"),
        net.line(gradient(f"b{l}"), words.formula("BP3", l), _shapes("BP3", net, l)),
    ]
    return _section("BP3", net, l, lines)


def _bp4(net: Net, l: int) -> Section:
    W_ij, a_i = entry(f"W{l}", "i", "j"), entry(f"a{l - 1}", "p", "i")
    z_j, error_j = entry(f"z{l}", "p", "j"), entry(f"δ{l}", "p", "j")
    lines = [
        Line(gradient(W_ij), words.summed("p", words.chain(W_ij, z_j)), "chain rule: the weight serves every example"),
        Line(gradient(W_ij, z_j), a_i, f"its factor in `{z_j}`"),
        Line(gradient(W_ij), words.summed("p", f"{a_i} {error_j}"), "put in"),
        net.line(gradient(f"W{l}"), words.formula("BP4", l), _shapes("BP4", net, l)),
    ]
    return _section("BP4", net, l, lines)


def _section(tag: str, net: Net, l: int, lines: list[Line]) -> Section:
    return Section(f"{tag}, layer {l}: {words.EQUATIONS[tag].what}", words.EQUATIONS[tag].meaning, lines)


def _shapes(tag: str, net: Net, l: int) -> str:
    """The equation's name, and its shapes."""
    n, m, before = net.n, net.sizes[l], net.sizes[l - 1]
    match tag:
        case "BP1":
            return f"BP1, {net.shape(l)}"
        case "BP2":
            return f"BP2, {net.shape(l)} = {net.shape(l + 1)} {(net.sizes[l + 1], m)}"
        case "BP3":
            return f"BP3, {words.OVER_EXAMPLES}: ({m},) of {net.shape(l)}"
    return f"BP4, {(before, m)} = ({before}, {n}) {net.shape(l)}"


def _cost(net: Net) -> str:
    return words.FUNCTIONS[net.cost][0]


def _derivative(known: str) -> str:
    """Why the derivative of an activation function is what is written."""
    return "where `σ` is the sigmoid" if known == "softplus" else f"the slope of {known}"


def _within(net: Net, a: str) -> str:
    """Where the derivative of a logarithm is not that of one that is cut off."""
    safe = {"quadratic": [net.sigmas[-1].known], "cross_entropy": ["sigmoid", "softmax"]}.get(net.cost, ["sigmoid"])
    if net.sigmas[-1].known in safe:
        return ""
    return f", where `0 < {a} < 1`" if net.cost == "binary_cross_entropy" else f", where `{a} > 0`"
