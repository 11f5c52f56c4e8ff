"""The equations with one thing changed: the hypotheses of a diagnosis.

Each is a small function that computes a quantity as a program with this mistake does, from what stands before it in the
program. The first of each list is the equation itself.
"""

# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from tinygrad_edu.backprop import COST_FORMULAS, output_error
from tinygrad_edu.diagnosis.problems import Array, Problem, Setting, slope, value


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
    from_a: bool = False  # whether σ′ is written for a, as a(1 − a) is, and so depends on what a has become

    def sigma(self, l: int) -> str:
        """The name of σ of layer l, from 1."""
        return self.problem.setting.sigma(l, self.problem.depth)

    def slope(self, l: int) -> Array:
        """σ′(z^l)."""
        in_a = _of_activation(self.sigma(l), self.a[l]) if self.from_a else None
        return slope(self.sigma(l), self.z[l - 1]) if in_a is None else in_a


# --- Forward --------------------------------------------------------------------------------------------------


Act = Callable[[Problem, int, Array], Array]


def forward(p: Problem, act: Act, from_a: bool = False, affine: Callable[..., Any] | None = None) -> Pass:
    """The forward pass, with any function of (problem, l, z) for σ."""
    z: list[Array] = []
    a = [p.x]
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        z.append(a[-1] @ W + b if affine is None else affine(a, W, b))
        a.append(act(p, l, z[-1]))
    return Pass(p, z, a, from_a)


def _right(p: Problem, l: int, z: Array) -> Array:
    return value(p.setting.sigma(l, p.depth), z)


def _at_output(act: Act) -> Act:
    return lambda p, l, z: act(p, l, z) if l == p.depth else _right(p, l, z)


def _in_hidden(act: Act) -> Act:
    return lambda p, l, z: act(p, l, z) if l < p.depth else _right(p, l, z)


def _other(name: str) -> Act:
    return lambda p, l, z: value(name, z)


def _softmax(over: int | None, shift: bool = True) -> Act:
    """Softmax, summed over another axis; each row is shifted by its maximum, as it is often written."""

    def act(p: Problem, l: int, z: Array) -> Array:
        e = np.exp(z - z.max(axis=1, keepdims=True) if shift else z)
        return np.asarray(e / e.sum(axis=over, keepdims=True))

    return act


def forwards(p: Problem) -> Iterator[tuple[Mistake, Callable[[Problem], Pass]]]:
    """All ways to go forward, the right one first."""

    def ways(
        slug: str, words: str, act: Act, affine: Any = None
    ) -> Iterator[tuple[Mistake, Callable[[Problem], Pass]]]:
        for from_a in (False, True) if slug else (False,):
            yield Mistake(slug, "forward", words), partial(forward, act=act, from_a=from_a, affine=affine)

    s, L = p.setting, p.depth
    yield from ways("", "", _right)
    words = "the biases are not added: z is aW, where aW + b is meant"
    yield from ways("no-bias", words, _right, lambda a, W, b: a[-1] @ W)
    if s.output == "softmax":
        words = "softmax sums over the examples, where it is over the classes"
        yield from ways("softmax-over-batch", words, _at_output(_softmax(0)))
        yield from ways("softmax-over-batch", words, _at_output(_softmax(0, shift=False)))
        words = "softmax sums over the whole batch, where each example has its own"
        yield from ways("softmax-over-everything", words, _at_output(_softmax(None)))
        yield from ways("softmax-over-everything", words, _at_output(_softmax(None, shift=False)))
        words = "softmax is not divided by the sum over the classes"
        yield from ways(
            "softmax-not-normalised", words, _at_output(lambda p, l, z: np.exp(z - z.max(axis=1, keepdims=True)))
        )
        yield from ways("softmax-not-normalised", words, _at_output(lambda p, l, z: np.exp(z)))
    if "sigmoid" in (s.activation, s.output):
        words = "the sigmoid is 1 / (1 + e^z), with the wrong sign"
        yield from ways(
            "sigmoid-sign", words, lambda p, l, z: _right(p, l, -z if p.setting.sigma(l, p.depth) == "sigmoid" else z)
        )
    twice = partial(_twice)
    yield from ways("activation-twice", "σ is applied twice at the output", _at_output(twice))
    if L > 1:
        yield from ways("activation-twice", "σ is applied twice in the hidden layers", _in_hidden(twice))
        yield from ways("activation-twice", "σ is applied twice in each layer", twice)
    for name in ("identity", "sigmoid", "tanh", "relu", "softmax"):
        if name != s.output:
            slug = "no-output-activation" if name == "identity" else "other-activation"
            words = f"the output layer has {name}, where it should have {s.output}"
            yield from ways(slug, words, _at_output(_other(name)))
        if L > 1 and name not in (s.activation, "softmax"):
            slug = "no-hidden-activation" if name == "identity" else "other-activation"
            words = f"the hidden layers have {name}, where they should have {s.activation}"
            yield from ways(slug, words, _in_hidden(_other(name)))
            if name != s.output:
                yield from ways("other-activation", f"all layers have {name}", _other(name))
    yield from ways(
        "weights-transposed", "z is aWᵀ, where aW is meant (rows are examples)", _right, lambda a, W, b: a[-1] @ W.T + b
    )
    yield from ways(
        "x-for-a",
        "each layer gets the inputs x, where the activations before it are meant",
        _right,
        lambda a, W, b: a[0] @ W + b,
    )


def _twice(p: Problem, l: int, z: Array) -> Array:
    return _right(p, l, _right(p, l, z))


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


def _squared(times_slope: Any, half: float, p: Pass, l: int, d: Any) -> Any:
    return times_slope(p, l, half * (p.a[l] - p.problem.y) ** 2) / p.problem.n


def _other_at_output(name: str, in_a: bool, p: Pass, l: int, d: Any) -> Any:
    return (p.a[l] - p.problem.y) / p.problem.n * (_of_activation(name, p.a[l]) if in_a else slope(name, p.z[l - 1]))


@cache
def outputs(s: Setting) -> list[tuple[Mistake, Delta]]:
    """All ways to find δ of the last layer; where two give the same numbers, the first is meant."""
    cancels = (s.output, s.cost) in (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"))
    found: list[tuple[Mistake, Delta]] = [(Mistake("", "BP1", ""), _right_output)]

    def add(slug: str, words: str, delta: Delta) -> None:
        found.append((Mistake(slug, "BP1", words), delta))

    if s.output == "softmax":
        add("softmax-unchanged", "∂C/∂a{l} goes through softmax as if it were nothing", lambda p, l, d: _nabla(p))
    would = "; with the cross-entropy that would be right" if (s.output, s.cost) == ("sigmoid", "quadratic") else ""
    words = f"δ{{l}} is ∂C/∂a{{l}}; the factor σ′(z{{l}}) is missing{would}"
    add("no-sigma-prime", words, lambda p, l, d: _nabla(p))
    if s.output == "softmax":
        add(
            "softmax-jacobian-sign",
            "the Jacobian of softmax has +a aᵀ in it, where it is diag(a) − a aᵀ",
            lambda p, l, d: p.a[l] * (_nabla(p) + np.sum(_nabla(p) * p.a[l], axis=1, keepdims=True)),
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
        if _of_activation(s.output, np.ones(1)) is not None:
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
    for half in (1.0, 0.5):
        add(
            "cost-for-cost-derivative",
            "δ{l} begins with (a{l} − y)², the cost, where its derivative is meant",
            partial(_squared, times_slope, half),
        )
    add(
        "z-for-a",
        "z{l} is compared with y, where a{l} is meant",
        lambda p, l, d: times_slope(p, l, p.z[l - 1] - p.problem.y) / p.problem.n,
    )
    add(
        "sigma-for-sigma-prime",
        "σ(z{l}) is a factor, where σ′(z{l}) is meant",
        lambda p, l, d: (p.a[l] - p.problem.y) * p.a[l] / p.problem.n,
    )
    add(
        "mean-over-outputs",
        "δ{l} is averaged over the outputs",
        lambda p, l, d: np.broadcast_to(_right_output(p, l, d).mean(axis=1, keepdims=True), p.z[l - 1].shape),
    )
    add(
        "mean-over-outputs",
        "the error is averaged over the outputs before it is multiplied by σ′(z{l})",
        lambda p, l, d: times_slope(p, l, _nabla(p).mean(axis=1, keepdims=True) + 0 * p.z[l - 1]),
    )
    for name in ("sigmoid", "tanh", "relu"):
        if name != s.output:
            linear = s.output == "identity"
            slug = "extra-sigma-prime" if linear else "derivative-of-another-activation"
            words = f"the derivative is that of {name}" + (", but the output is linear" if linear else "")
            add(slug, words, partial(_other_at_output, name, False))
            add(slug, f"{words} (written for a)", partial(_other_at_output, name, True))
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


def _with_slope_of(name: str, in_a: bool, p: Pass, l: int, d: Any) -> Any:
    return (d @ p.problem.weights[l].T) * (_of_activation(name, p.a[l]) if in_a else slope(name, p.z[l - 1]))


def _with_a_of(other: int, p: Pass, l: int, d: Any) -> Any:
    return (d @ p.problem.weights[l].T) * _of_activation(p.sigma(l), p.a[l + other])


@cache
def hidden(s: Setting) -> list[tuple[Mistake, Delta]]:
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
        "sigma-prime-of-wrong-layer",
        "σ′ is taken of z{next}, where σ′(z{l}) is meant",
        lambda p, l, d: back(p, l, d) * p.slope(l + 1),
    )
    for other, said in ((1, "{next}"), (-1, "{prev}")):
        words = f"σ′ is written for a, and a{said} is put in, where a{{l}} is meant"
        add("sigma-prime-of-wrong-layer", words, partial(_with_a_of, other))
    add(
        "sigma-prime-at-next-layer",
        "δ{next} is multiplied by σ′(z{next}) once more, and σ′(z{l}) is missing",
        lambda p, l, d: (d * p.slope(l + 1)) @ p.problem.weights[l].T,
    )
    add(
        "sigma-prime-of-wrong-layer",
        "σ′ is taken of z{prev}, where σ′(z{l}) is meant",
        lambda p, l, d: back(p, l, d) * slope(p.sigma(l), p.z[l - 2]),
    )
    for name in ("sigmoid", "tanh", "relu", "identity"):
        if name != s.activation:
            words = f"the derivative is that of {name}, where layer {{l}} has {s.activation}"
            add("derivative-of-another-activation", words, partial(_with_slope_of, name, False))
            add("derivative-of-another-activation", f"{words}, written for a", partial(_with_slope_of, name, True))
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
    add("sigma-for-sigma-prime", "σ(z{l}) is a factor, where σ′(z{l}) is meant", lambda p, l, d: back(p, l, d) * p.a[l])
    add(
        "relu-prime-of-gradient",
        "the slope of relu is taken of the gradient, where z{l} decides",
        lambda p, l, d: back(p, l, d) * (back(p, l, d) > 0),
    )
    add(
        "relu-mask-inverted",
        "the gradient goes through where z{l} < 0, and is stopped where z{l} > 0",
        lambda p, l, d: back(p, l, d) * (p.z[l - 1] <= 0),
    )
    add(
        "relu-prime-as-relu",
        "relu is applied to the gradient, where its slope is a factor",
        lambda p, l, d: np.maximum(back(p, l, d), 0),
    )
    add(
        "relu-prime-as-relu",
        "relu(z{l}) is a factor, where its slope is meant",
        lambda p, l, d: back(p, l, d) * np.maximum(p.z[l - 1], 0),
    )
    add(
        "upstream-dropped",
        "δ{l} is σ′(z{l}) alone: what comes back from the next layer is missing",
        lambda p, l, d: p.slope(l),
    )
    add(
        "error-for-delta",
        "the error before σ′(z{next}) is carried back, where δ{next} is meant",
        lambda p, l, d: back(p, l, d / p.slope(l + 1)) * p.slope(l),
    )
    add(
        "bias-column-wrong",
        "δ{next} goes back through b{next} and all but the last row of w{next}: the wrong column of Theta is left out",
        lambda p, l, d: (d @ np.vstack([p.problem.biases[l], p.problem.weights[l][:-1]]).T) * p.slope(l),
    )
    add("loop-stops-early", "δ{l} stays 0: the loop over the layers stops too early", lambda p, l, d: 0 * p.z[l - 1])
    add(
        "elementwise-for-matrix-product",
        "δ{next} and w{next} are multiplied element by element",
        lambda p, l, d: (d * p.problem.weights[l]) * p.slope(l),
    )
    add(
        "elementwise-for-matrix-product",
        "δ{next} and the transposed w{next} are multiplied element by element",
        lambda p, l, d: (d * p.problem.weights[l].T) * p.slope(l),
    )
    add(
        "matrix-product-for-elementwise",
        "σ′(z{l}) comes in by a matrix product, where it is element by element",
        lambda p, l, d: back(p, l, d) @ p.slope(l),
    )
    add(
        "matrix-product-for-elementwise",
        "σ′(z{l}) comes in by a matrix product, where it is element by element",
        lambda p, l, d: (p.slope(l).T @ back(p, l, d).T).T,
    )
    add(
        "matrix-product-for-elementwise",
        "σ′(z{l}) comes in by a matrix product, where it is element by element",
        lambda p, l, d: p.slope(l) @ back(p, l, d),
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


@cache
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
        "one-per-example",
        "δ{l} is handed on with a row for each example; the sum over the batch is missing",
        lambda p, l, d: d[l - 1],
    )
    add(
        "wrong-axis",
        "δ{l} is summed over the units, where the sum is over the examples",
        lambda p, l, d: d[l - 1].sum(axis=1),
    )
    add(
        "summed-over-everything",
        "δ{l} is summed over everything, where the sum is over the examples",
        lambda p, l, d: np.full(d[l - 1].shape[1], d[l - 1].sum()),
    )
    add(
        "summed-over-everything",
        "δ{l} is summed over everything, to a single number",
        lambda p, l, d: d[l - 1].sum().reshape(1),
    )
    add("times-bias", "it is multiplied by b{l} itself", lambda p, l, d: d[l - 1].sum(axis=0) * p.problem.biases[l - 1])
    add(
        "error-for-delta",
        "the error before σ′(z{l}) is summed, where δ{l} is meant",
        lambda p, l, d: (d[l - 1] / p.slope(l)).sum(axis=0),
    )
    add("bias-for-gradient", "it is b{l} itself", lambda p, l, d: p.problem.biases[l - 1])
    add(
        "sum-of-weight-gradient",
        "it is ∂C/∂w{l}, summed over the inputs; the input of a bias is 1",
        lambda p, l, d: (p.a[l - 1].T @ d[l - 1]).sum(axis=0),
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


@cache
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
        "last-example-only",
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
    add(
        "error-for-delta",
        "the error before σ′(z{l}) is used, where δ{l} is meant",
        lambda p, l, d: p.a[l - 1].T @ (d[l - 1] / p.slope(l)),
    )
    add(
        "elementwise-for-outer-product",
        "a{prev} and δ{l} are multiplied element by element",
        lambda p, l, d: p.a[l - 1] * d[l - 1],
    )
    add(
        "elementwise-for-outer-product",
        "a{prev} and δ{l} are multiplied element by element",
        lambda p, l, d: (p.a[l - 1] * d[l - 1]).T,
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
