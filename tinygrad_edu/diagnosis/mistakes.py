"""The equations with one thing changed: the hypotheses of a diagnosis.

Each is a small function that computes a quantity as a program with this mistake does, from what stands before it in the
program. The first of each list is the equation itself.
"""

# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.backprop import COST_FORMULAS, output_error
from tinygrad_edu.diagnosis.problems import Array, Problem, slope, value


@dataclass(frozen=True)
class Mistake:
    """One thing that is otherwise than it should be.

    Attributes
    ----------
    slug : str
        Its short name; empty for what is right.
    equation : str
        "BP1", …, "BP4", "forward" or "cost".
    words : str
        What the program does instead, with ``{l}`` for the layer, ``{next}`` and ``{prev}`` for those beside it.
    """

    slug: str
    equation: str
    words: str


@dataclass
class Pass:
    """What a program knows of one problem: z and a of each layer (a[0] = x), and from the back δ."""

    problem: Problem
    z: list[Array]
    a: list[Array]

    def sigma(self, l: int) -> str:
        """The name of σ of layer l, from 1."""
        return self.problem.setting.sigma(l, self.problem.depth)

    def slope(self, l: int) -> Array:
        """σ′(z^l)."""
        return slope(self.sigma(l), self.z[l - 1])


# --- Forward --------------------------------------------------------------------------------------------------


def forward(p: Problem, act: Callable[[int, Array], Array], bias: bool = True) -> Pass:
    """The forward pass, with any function of (l, z)."""
    z: list[Array] = []
    a = [p.x]
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        z.append(a[-1] @ W + (b if bias else 0))
        a.append(act(l, z[-1]))
    return Pass(p, z, a)


def forwards(p: Problem) -> Iterator[tuple[Mistake, Callable[[Problem], Pass]]]:
    """All ways to go forward, the right one first."""
    s, L = p.setting, p.depth

    def right(l: int, z: Array) -> Array:
        return value(s.sigma(l, L), z)

    yield Mistake("", "forward", ""), lambda q: forward(q, right)
    yield (
        Mistake("no-bias", "forward", "the biases are not added: z is aW, where aW + b is meant"),
        lambda q: forward(q, right, bias=False),
    )
    if s.output == "softmax":
        yield (
            Mistake("softmax-over-batch", "forward", "softmax sums over the examples, where it is over the classes"),
            lambda q: forward(q, lambda l, z: value("softmax", z.T).T if l == L else right(l, z)),
        )
        yield (
            Mistake("softmax-over-all", "forward", "softmax sums over the whole batch, where each example has its own"),
            lambda q: forward(
                q, lambda l, z: value("softmax", z.reshape(1, -1)).reshape(z.shape) if l == L else right(l, z)
            ),
        )
    yield (
        Mistake("activation-twice", "forward", "σ is applied twice at the output"),
        lambda q: forward(q, lambda l, z: right(l, right(l, z)) if l == L else right(l, z)),
    )
    for name in ("identity", "sigmoid", "tanh", "relu", "softmax"):
        if name != s.output:
            slug = "no-output-activation" if name == "identity" else "other-output-activation"
            words = f"the output layer has {name}, where it should have {s.output}"
            yield Mistake(slug, "forward", words), _with_other(name, at_output=True)
        if L > 1 and name not in (s.activation, "softmax"):
            slug = "no-activation" if name == "identity" else "other-activation"
            words = f"the hidden layers have {name}, where they should have {s.activation}"
            yield Mistake(slug, "forward", words), _with_other(name, at_output=False)


def _with_other(name: str, at_output: bool) -> Callable[[Problem], Pass]:
    """A forward pass with another activation function."""

    def run(p: Problem) -> Pass:
        L = p.depth
        return forward(p, lambda l, z: value(name if (l == L) == at_output else p.setting.sigma(l, L), z))

    return run


# --- δ ----------------------------------------------------------------------------------------------------------

Delta = Callable[[Pass, int, Any], Any]
"""δ of layer l from the pass and, below the last layer, δ of the layer after it."""


def _nabla(p: Pass) -> Array:
    return COST_FORMULAS[p.problem.setting.cost].gradient(p.a[-1], p.problem.y)


def _of_activation(name: str, t: Array) -> Any:
    """The derivative as it is written for a = σ(z), of whatever it is given."""
    forms: dict[str, Callable[[Array], Any]] = {
        "sigmoid": lambda t: t * (1 - t),
        "softmax": lambda t: t * (1 - t),
        "tanh": lambda t: 1 - t**2,
        "relu": lambda t: (t > 0).astype(float),
    }
    return forms[name](t) if name in forms else None


def _right_output(p: Pass, l: int, _: Array | None) -> Array:
    s = p.problem.setting
    return output_error(p.z[-1], p.a[-1], p.problem.y, output=s.output, cost=s.cost)


def outputs(p: Problem) -> list[tuple[Mistake, Delta]]:
    """All ways to find δ of the last layer; where two give the same numbers, the first is meant."""
    s = p.setting
    cancels = (s.output, s.cost) in (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"))
    found: list[tuple[Mistake, Delta]] = [(Mistake("", "BP1", ""), _right_output)]

    def add(slug: str, words: str, delta: Delta) -> None:
        found.append((Mistake(slug, "BP1", words), delta))

    if not cancels:
        would = (
            {"sigmoid": "; with the cross-entropy that would be right"}.get(s.output, "")
            if s.cost == "quadratic"
            else ""
        )
        add(
            "no-sigma-prime",
            f"δ{{l}} is ∂C/∂a{{l}}; the factor σ′(z{{l}}) is missing{would}",
            lambda p, l, d: _nabla(p),
        )
    if s.output == "softmax":
        add(
            "softmax-diagonal",
            "only the diagonal a(1 − a) of softmax's Jacobian is used; each output depends on all of z{l}",
            lambda p, l, d: _nabla(p) * p.slope(l),
        )
        add("softmax-unchanged", "∂C/∂a{l} goes through softmax as if it were nothing", lambda p, l, d: _nabla(p))
    would = "; with the quadratic cost that would be right" if cancels and s.output == "sigmoid" else ""
    add(
        "extra-sigma-prime",
        f"δ{{l}} has the factor σ′(z{{l}}) once too often{': it cancels with this cost' if cancels else ''}{would}",
        lambda p, l, d: _right_output(p, l, d) * p.slope(l),
    )
    if not cancels:
        add(
            "sigma-prime-of-a",
            "σ′ is taken of a{l}, where σ′(z{l}) is meant",
            lambda p, l, d: _nabla(p) * slope(p.sigma(l), p.a[l]),
        )
        if _of_activation(s.output, p.x) is not None:
            add(
                "sigma-prime-of-z-as-a",
                "σ′ is written for a, as a(1 − a) is for the sigmoid, but z{l} is put in",
                lambda p, l, d: _nabla(p) * _of_activation(p.sigma(l), p.z[l - 1]),
            )

    def times_slope(p: Pass, l: int, x: Array) -> Array:
        return x if cancels else x * p.slope(l)

    add(
        "not-cost-derivative",
        "δ{l} begins with the outputs a{l} themselves, where the derivative of the cost is meant",
        lambda p, l, d: times_slope(p, l, p.a[l]) / p.problem.n,
    )
    add(
        "error-squared",
        "δ{l} begins with (a{l} − y)², the cost, where its derivative is meant",
        lambda p, l, d: times_slope(p, l, (p.a[l] - p.problem.y) ** 2) / p.problem.n,
    )
    add(
        "error-without-sign",
        "δ{l} begins with |a{l} − y|; the sign says in which direction to go",
        lambda p, l, d: times_slope(p, l, np.abs(p.a[l] - p.problem.y)) / p.problem.n,
    )
    add(
        "sigma-prime-of-wrong-layer",
        "σ′ is taken of z{prev}, where σ′(z{l}) is meant",
        lambda p, l, d: _nabla(p) * slope(p.sigma(l), p.z[l - 2]),
    )
    if s.cost != "quadratic":
        add(
            "quadratic-cost",
            "δ{l} is that of the quadratic cost",
            lambda p, l, d: (p.a[l] - p.problem.y) * p.slope(l) / p.problem.n,
        )
    return found


def _with_slope_of(name: str, p: Pass, l: int, d: Any) -> Any:
    return (d @ p.problem.weights[l].T) * slope(name, p.z[l - 1])


def hidden(p: Problem) -> list[tuple[Mistake, Delta]]:
    """All ways to find δ of a hidden layer."""
    found: list[tuple[Mistake, Delta]] = []

    def add(slug: str, words: str, delta: Delta) -> None:
        found.append((Mistake(slug, "BP2", words), delta))

    def back(p: Pass, l: int, d: Any) -> Array:
        return d @ p.problem.weights[l].T

    add("", "", lambda p, l, d: back(p, l, d) * p.slope(l))
    add(
        "no-sigma-prime",
        "δ{l} equals δ{next} carried back through w{next}; the factor σ′(z{l}) is missing",
        back,
    )
    add("extra-sigma-prime", "δ{l} has the factor σ′(z{l}) twice", lambda p, l, d: back(p, l, d) * p.slope(l) ** 2)
    add(
        "sigma-prime-of-a",
        "σ′ is taken of a{l}, where σ′(z{l}) is meant",
        lambda p, l, d: back(p, l, d) * slope(p.sigma(l), p.a[l]),
    )
    add(
        "sigma-prime-of-z-as-a",
        "σ′ is written for a, as a(1 − a) is for the sigmoid, but z{l} is put in",
        lambda p, l, d: back(p, l, d) * _of_activation(p.sigma(l), p.z[l - 1]),
    )
    add(
        "tanh-prime-of-tanh",
        "the derivative of tanh is taken as 1 − tanh(a{l})², on the activation",
        lambda p, l, d: back(p, l, d) * (1 - np.tanh(p.a[l]) ** 2),
    )
    add(
        "sigma-prime-of-next-layer",
        "σ′ is taken of z{next}, where σ′(z{l}) is meant",
        lambda p, l, d: back(p, l, d) * p.slope(l + 1),
    )
    add(
        "sigma-prime-at-next-layer",
        "δ{next} is multiplied by σ′(z{next}) once more, and σ′(z{l}) is missing",
        lambda p, l, d: (d * p.slope(l + 1)) @ p.problem.weights[l].T,
    )
    add(
        "sigma-prime-of-layer-before",
        "σ′ is taken of z{prev}, where σ′(z{l}) is meant",
        lambda p, l, d: back(p, l, d) * slope(p.sigma(l), p.z[l - 2]),
    )
    for name in ("sigmoid", "tanh", "relu", "identity"):
        if name != p.setting.activation:
            words = f"the derivative is that of {name}, where layer {{l}} has {p.setting.activation}"
            add("other-sigma-prime", words, partial(_with_slope_of, name))
    add(
        "weights-not-transposed",
        "w{next} is not transposed on the way back",
        lambda p, l, d: (d @ p.problem.weights[l]) * p.slope(l),
    )
    add(
        "weights-of-wrong-layer",
        "δ{next} is carried back through w{l}, where w{next} is meant",
        lambda p, l, d: (d @ p.problem.weights[l - 1].T) * p.slope(l),
    )
    add(
        "weights-of-wrong-layer",
        "δ{next} is carried back through w{l}, not transposed, where w{next} is meant",
        lambda p, l, d: (d @ p.problem.weights[l - 1]) * p.slope(l),
    )
    add("delta-not-carried", "δ{next} is not multiplied by w{next}", lambda p, l, d: d * p.slope(l))
    add(
        "delta-not-carried",
        "δ{next} is summed over its units; the weights w{next} are missing",
        lambda p, l, d: d.sum(axis=1, keepdims=True) * p.slope(l),
    )
    add(
        "weights-without-delta",
        "w{next} is there, but δ{next} is not",
        lambda p, l, d: p.problem.weights[l].sum(axis=1) * p.slope(l),
    )
    add(
        "a-for-delta",
        "a{next} is carried back, where δ{next} is meant",
        lambda p, l, d: back(p, l, p.a[l + 1]) * p.slope(l),
    )
    add(
        "gradient-for-weights",
        "δ{next} is carried back through ∂C/∂w{next}, where w{next} is meant",
        lambda p, l, d: (d @ (p.a[l].T @ d).T) * p.slope(l),
    )
    add(
        "delta-averaged",
        "δ{next} is averaged over the batch before it goes back",
        lambda p, l, d: back(p, l, d.mean(axis=0, keepdims=True)) * p.slope(l),
    )
    return found


# --- Gradients ----------------------------------------------------------------------------------------------------

Gradient = Callable[[Pass, int, list[Array]], Any]
"""∂C/∂b or ∂C/∂W of layer l from the pass and all δ of the program: δ of layer l at index l − 1."""


def of_biases() -> list[tuple[Mistake, Gradient]]:
    """All ways to find ∂C/∂b."""
    found: list[tuple[Mistake, Gradient]] = []

    def add(slug: str, words: str, gradient: Gradient) -> None:
        found.append((Mistake(slug, "BP3", words), gradient))

    add("", "", lambda p, l, d: d[l - 1].sum(axis=0))
    add(
        "not-summed",
        "only the first example of δ{l} is taken; the sum over the batch is missing",
        lambda p, l, d: d[l - 1][0],
    )
    add(
        "not-summed",
        "only the last example of δ{l} is taken; the sum over the batch is missing",
        lambda p, l, d: d[l - 1][-1],
    )
    add(
        "not-summed",
        "δ{l} is handed on with a row for each example; the sum over the batch is missing",
        lambda p, l, d: d[l - 1],
    )
    add(
        "wrong-axis",
        "δ{l} is summed over the units, where the sum is over the examples",
        lambda p, l, d: d[l - 1].sum(axis=1),
    )
    add(
        "wrong-axis",
        "δ{l} is summed over everything, where the sum is over the examples",
        lambda p, l, d: np.full(d[l - 1].shape[1], d[l - 1].sum()),
    )
    add("zero", "the gradient of b{l} is 0", lambda p, l, d: np.zeros(d[l - 1].shape[1]))
    add(
        "of-wrong-layer",
        "it is made of δ{next}, where δ{l} is meant",
        lambda p, l, d: d[l].sum(axis=0) if l < len(d) else None,
    )
    add(
        "extra-sigma-prime", "it has the factor σ′(z{l}) once more", lambda p, l, d: (d[l - 1] * p.slope(l)).sum(axis=0)
    )
    add(
        "of-activation",
        "it is multiplied by a{l}; the input of a bias is 1",
        lambda p, l, d: (d[l - 1] * p.a[l]).sum(axis=0),
    )
    add("of-values", "it is the sum of a{l}, where δ{l} is meant", lambda p, l, d: p.a[l].sum(axis=0))
    add(
        "largest",
        "the largest of δ{l} is taken, where the sum over the batch is meant",
        lambda p, l, d: d[l - 1].max(axis=0),
    )
    return found


def of_weights() -> list[tuple[Mistake, Gradient]]:
    """All ways to find ∂C/∂W."""
    found: list[tuple[Mistake, Gradient]] = []

    def add(slug: str, words: str, gradient: Gradient) -> None:
        found.append((Mistake(slug, "BP4", words), gradient))

    add("", "", lambda p, l, d: p.a[l - 1].T @ d[l - 1])
    add("transposed", "∂C/∂w{l} is transposed", lambda p, l, d: (p.a[l - 1].T @ d[l - 1]).T)
    add(
        "z-for-a",
        "z{prev} comes in, where a{prev} is meant",
        lambda p, l, d: p.z[l - 2].T @ d[l - 1] if l > 1 else None,
    )
    add("a-of-this-layer", "a{l} comes in, where a{prev} is meant", lambda p, l, d: p.a[l].T @ d[l - 1])
    add("x-for-a", "the inputs x come in, where a{prev} is meant", lambda p, l, d: p.a[0].T @ d[l - 1])
    add(
        "a-of-layer-before",
        "the activations before a{prev} come in",
        lambda p, l, d: p.a[l - 2].T @ d[l - 1] if l > 1 else None,
    )
    add(
        "delta-of-next-layer",
        "δ{next} is taken, where δ{l} is meant",
        lambda p, l, d: p.a[l - 1].T @ d[l] if l < len(d) else None,
    )
    add(
        "one-example",
        "only the first example is used; the sum over the batch is missing",
        lambda p, l, d: np.outer(p.a[l - 1][0], d[l - 1][0]),
    )
    add(
        "one-example",
        "only the last example is used; the sum over the batch is missing",
        lambda p, l, d: np.outer(p.a[l - 1][-1], d[l - 1][-1]),
    )
    add(
        "sums-multiplied",
        "a{prev} and δ{l} are summed over the batch before they are multiplied",
        lambda p, l, d: np.outer(p.a[l - 1].sum(axis=0), d[l - 1].sum(axis=0)),
    )
    add(
        "sums-multiplied",
        "a{prev} is averaged over the batch before it is multiplied",
        lambda p, l, d: np.outer(p.a[l - 1].mean(axis=0), d[l - 1].sum(axis=0)),
    )
    add(
        "no-activation",
        "a{prev} is missing: each row is the sum of δ{l}",
        lambda p, l, d: np.tile(d[l - 1].sum(axis=0), (p.a[l - 1].shape[1], 1)),
    )
    add(
        "extra-sigma-prime",
        "it has the factor σ′(z{l}) once more",
        lambda p, l, d: p.a[l - 1].T @ (d[l - 1] * p.slope(l)),
    )
    add(
        "sigma-prime-of-input",
        "σ′(z{prev}) comes in, where a{prev} is meant",
        lambda p, l, d: p.slope(l - 1).T @ d[l - 1] if l > 1 else None,
    )
    add(
        "sigma-of-activation",
        "σ(a{prev}) comes in, where a{prev} is meant",
        lambda p, l, d: (
            value(p.sigma(max(l - 1, 1)), p.a[l - 1]).T @ d[l - 1] if p.sigma(max(l - 1, 1)) != "softmax" else None
        ),
    )
    add("zero", "the gradient of w{l} is 0", lambda p, l, d: np.zeros((p.a[l - 1].shape[1], d[l - 1].shape[1])))
    add(
        "weights-in-gradient",
        "w{l} is in the product",
        lambda p, l, d: (p.a[l - 1].T @ d[l - 1]) * p.problem.weights[l - 1],
    )
    return found


FACTORS: dict[str, tuple[Callable[[Problem], float], str]] = {
    "sign": (lambda p: -1, "the sign of {q} is wrong"),
    "factor-2": (lambda p: 2, "{q} has a factor 2 too much"),
    "factor-half": (lambda p: 0.5, "{q} has a factor ½ too much"),
    "one-over-n-missing": (lambda p: p.n, "{q} is n times too large, n being the size of the batch: 1/n is missing"),
    "one-over-n-double": (lambda p: 1 / p.n, "{q} is divided by n, the size of the batch, once too often"),
    "one-over-outputs": (lambda p: 1 / p.sizes[-1], "{q} is divided by the number of outputs"),
    "two-over-n": (lambda p: 2 * p.n, "{q} is 2n times too large, n being the size of the batch"),
    "factor-4": (lambda p: 4, "{q} has a factor 4 too much"),
    "factor-minus-2": (lambda p: -2, "{q} has a factor −2 too much"),
}
"""Factors that do not belong there; ``{q}`` is the quantity."""

QUANTITY = {"BP1": "δ{l}", "BP2": "δ{l}", "BP3": "∂C/∂b{l}", "BP4": "∂C/∂w{l}"}
"""What an equation computes."""
