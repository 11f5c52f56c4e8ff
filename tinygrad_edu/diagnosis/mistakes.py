"""The equations with one thing changed: the hypotheses of a diagnosis.

Each is a small function that computes a quantity as a program with this mistake does, from what stands before it in the
program. The first of each list is the equation itself.
"""

# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations, product
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
    for k in range(1, L + 1):
        words = f"z of layer {k + 1} is aWᵀ, where aW is meant (rows are examples)"
        yield from ways("weights-transposed", words, _right, partial(_one_transposed, k))
    yield from ways(
        "x-for-a",
        "each layer gets the inputs x, where the activations before it are meant",
        _right,
        lambda a, W, b: a[0] @ W + b,
    )


def _one_transposed(k: int, a: list[Array], W: Array, b: Array) -> Array:
    return a[-1] @ (W.T if len(a) == k else W) + b


def _twice(p: Problem, l: int, z: Array) -> Array:
    return _right(p, l, _right(p, l, z))


# --- Parts of an equation ---------------------------------------------------------------------------------------

Part = list[tuple[Mistake, Callable[..., Any]]]
"""A factor of an equation, or how factors are put together: as it should be, and all ways to have it otherwise."""


def one_changed(parts: list[Part], make: Callable[..., Any]) -> Part:
    """The equation with one of its parts changed, and first with none."""
    right = [part[0][1] for part in parts]
    found: Part = [(parts[0][0][0], make(*right))]
    for i, part in enumerate(parts):
        found += [(mistake, make(*right[:i], way, *right[i + 1 :])) for mistake, way in part[1:]]
    return found


def two_changed(parts: list[Part], make: Callable[..., Any]) -> list[tuple[tuple[Mistake, Mistake], Any]]:
    """The equation with two of its parts changed."""
    right = [part[0][1] for part in parts]
    found = []
    for i, j in combinations(range(len(parts)), 2):
        for (one, first), (other, second) in product(parts[i][1:], parts[j][1:]):
            ways = [*right]
            ways[i], ways[j] = first, second
            found.append(((one, other), make(*ways)))
    return found


def part_of(equation: str, right: Callable[..., Any], *otherwise: tuple[str, str, Callable[..., Any]]) -> Part:
    """A part from (slug, words, way) of each mistake."""
    return [
        (Mistake("", equation, ""), right),
        *((Mistake(slug, equation, words), way) for slug, words, way in otherwise),
    ]


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
    if s.output != "softmax":
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

    if cancels and s.output == "sigmoid":
        words = "δ{l} has a factor z{l}(1 − z{l}), the form of σ′ for a, although σ′ cancels with this cost"
        add("extra-sigma-prime", words, lambda p, l, d: _right_output(p, l, d) * p.z[l - 1] * (1 - p.z[l - 1]))
    if cancels and s.output == "sigmoid":  # where ∂C/∂a and σ′ are not cancelled, but multiplied
        add(
            "sigma-for-sigma-prime",
            "σ(z{l}) is a factor, where σ′(z{l}) is meant",
            lambda p, l, d: _nabla(p) * p.a[l],
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


@cache
def outputs_twice(s: Setting) -> list[tuple[tuple[Mistake, Mistake], Delta]]:
    """The same with a mistake in ∂C/∂a and one in σ′."""
    if s.output == "softmax":
        return []
    singles = [(mistake, way) for mistake, way in outputs(s) if mistake.slug]
    errors = [(m, way) for m, way in singles if m.slug in ERRORS]
    others = [(m, way) for m, way in singles if m.slug in SLOPES]
    return [((m, n), partial(_both, one, other)) for (m, one), (n, other) in product(errors, others)]


ERRORS = ("not-cost-derivative", "cost-for-cost-derivative", "z-for-a", "mean-over-outputs", "error-without-sign")
SLOPES = (
    "no-sigma-prime",
    "extra-sigma-prime",
    "sigma-prime-of-a",
    "sigma-prime-of-z-as-a",
    "sigma-for-sigma-prime",
    "derivative-of-another-activation",
    "sigma-prime-of-wrong-layer",
)
"""The mistakes in the one factor of BP1, and in the other."""


def _both(error: Delta, other: Delta, p: Pass, l: int, d: Any) -> Any:
    """δ is a product of numbers, so that the one factor's change and the other's go together by division."""
    return error(p, l, d) * other(p, l, d) / _right_output(p, l, d)


def _back(p: Pass, l: int, d: Any) -> Array:
    return d @ p.problem.weights[l].T


@cache
def slopes(s: Setting) -> Part:
    """σ′(z^l) ⊙ what comes back to layer l, c, in BP2."""
    found = part_of(
        "BP2",
        lambda p, l, c: c * p.slope(l),
        (
            "no-sigma-prime",
            "δ{l} equals δ{next} carried back through w{next}; the factor σ′(z{l}) is missing",
            lambda p, l, c: c,
        ),
        ("extra-sigma-prime", "δ{l} has the factor σ′(z{l}) twice", lambda p, l, c: c * p.slope(l) ** 2),
        (
            "sigma-prime-of-a",
            "σ′ is taken of a{l}, where σ′(z{l}) is meant",
            lambda p, l, c: c * slope(p.sigma(l), p.a[l]),
        ),
        (
            "sigma-prime-of-z-as-a",
            "σ′ is written for a, as a(1 − a) is for the sigmoid, but z{l} is put in",
            lambda p, l, c: c * _of_activation(p.sigma(l), p.z[l - 1]),
        ),
        (
            "tanh-prime-of-tanh",
            "the derivative of tanh is taken as 1 − tanh(a{l})², on the activation",
            lambda p, l, c: c * (1 - np.tanh(p.a[l]) ** 2),
        ),
        (
            "sigma-prime-of-wrong-layer",
            "σ′ is taken of z{next}, where σ′(z{l}) is meant",
            lambda p, l, c: c * p.slope(l + 1),
        ),
        (
            "sigma-prime-of-wrong-layer",
            "σ′ is taken of z{next}, where σ′(z{l}) is meant",
            lambda p, l, c: c * slope(p.sigma(l), p.z[l]),
        ),
        *(
            (
                "sigma-prime-of-wrong-layer",
                f"σ′ is written for a, and a{said} is put in, where a{{l}} is meant",
                partial(_with_a_of, other),
            )
            for other, said in ((1, "{next}"), (-1, "{prev}"))
        ),
        (
            "sigma-prime-of-wrong-layer",
            "σ′ is taken of z{prev}, where σ′(z{l}) is meant",
            lambda p, l, c: c * slope(p.sigma(l), p.z[l - 2]),
        ),
    )

    def add(slug: str, words: str, way: Callable[..., Any]) -> None:
        found.append((Mistake(slug, "BP2", words), way))

    for name in ("sigmoid", "tanh", "relu", "identity"):
        if name != s.activation:
            words = f"the derivative is that of {name}, where layer {{l}} has {s.activation}"
            add("derivative-of-another-activation", words, partial(_with_slope_of, name, False))
            add("derivative-of-another-activation", f"{words}, written for a", partial(_with_slope_of, name, True))
            put_in = f"{words}, written for a, and z{{l}} is put in"
            add("derivative-of-another-activation", put_in, partial(_with_form_of, name))
    add("sigma-for-sigma-prime", "σ(z{l}) is a factor, where σ′(z{l}) is meant", lambda p, l, c: c * p.a[l])
    add(
        "relu-prime-of-gradient",
        "the slope of relu is taken of the gradient, where z{l} decides",
        lambda p, l, c: c * (c > 0),
    )
    add(
        "relu-mask-inverted",
        "the gradient goes through where z{l} < 0, and is stopped where z{l} > 0",
        lambda p, l, c: c * (p.z[l - 1] <= 0),
    )
    add(
        "relu-prime-as-relu",
        "relu is applied to the gradient, where its slope is a factor",
        lambda p, l, c: np.maximum(c, 0),
    )
    add(
        "relu-prime-as-relu",
        "relu(z{l}) is a factor, where its slope is meant",
        lambda p, l, c: c * np.maximum(p.z[l - 1], 0),
    )
    words = "σ′(z{l}) comes in by a matrix product, where it is element by element"
    add("matrix-product-for-elementwise", words, lambda p, l, c: c @ p.slope(l))
    add("matrix-product-for-elementwise", words, lambda p, l, c: (p.slope(l).T @ c.T).T)
    add("matrix-product-for-elementwise", words, lambda p, l, c: p.slope(l) @ c)
    return found


def _with_slope_of(name: str, in_a: bool, p: Pass, l: int, c: Any) -> Any:
    return c * (_of_activation(name, p.a[l]) if in_a else slope(name, p.z[l - 1]))


def _with_form_of(name: str, p: Pass, l: int, c: Any) -> Any:
    return c * _of_activation(name, p.z[l - 1])


def _with_a_of(other: int, p: Pass, l: int, c: Any) -> Any:
    return c * _of_activation(p.sigma(l), p.a[l + other])


CARRIED = part_of(
    "BP2",
    _back,
    ("weights-not-transposed", "w{next} is not transposed on the way back", lambda p, l, d: d @ p.problem.weights[l]),
    (
        "weights-of-wrong-layer",
        "δ{next} is carried back through w{l}, where w{next} is meant",
        lambda p, l, d: d @ p.problem.weights[l - 1].T,
    ),
    (
        "weights-of-wrong-layer",
        "δ{next} is carried back through w{l}, not transposed, where w{next} is meant",
        lambda p, l, d: d @ p.problem.weights[l - 1],
    ),
    ("delta-not-carried", "δ{next} is not multiplied by w{next}", lambda p, l, d: d),
    (
        "delta-not-carried",
        "δ{next} is summed over its units; the weights w{next} are missing",
        lambda p, l, d: d.sum(axis=1, keepdims=True) + 0 * p.z[l - 1],
    ),
    (
        "weights-without-delta",
        "w{next} is there, but δ{next} is not",
        lambda p, l, d: p.problem.weights[l].sum(axis=1) + 0 * p.z[l - 1],
    ),
    ("a-for-delta", "a{next} is carried back, where δ{next} is meant", lambda p, l, d: _back(p, l, p.a[l + 1])),
    (
        "gradient-for-weights",
        "δ{next} is carried back through ∂C/∂w{next}, where w{next} is meant",
        lambda p, l, d: d @ (p.a[l].T @ d).T,
    ),
    (
        "upstream-dropped",
        "δ{l} is σ′(z{l}) alone: what comes back from the next layer is missing",
        lambda p, l, d: np.ones_like(p.z[l - 1]),
    ),
    (
        "error-for-delta",
        "the error before σ′(z{next}) is carried back, where δ{next} is meant",
        lambda p, l, d: _back(p, l, d / p.slope(l + 1)),
    ),
    (
        "bias-column-wrong",
        "δ{next} goes back through b{next} and all but the last row of w{next}: the wrong column of Theta is left out",
        lambda p, l, d: d @ np.vstack([p.problem.biases[l], p.problem.weights[l][:-1]]).T,
    ),
    (
        "elementwise-for-matrix-product",
        "δ{next} and w{next} are multiplied element by element",
        lambda p, l, d: d * p.problem.weights[l],
    ),
    (
        "elementwise-for-matrix-product",
        "δ{next} and the transposed w{next} are multiplied element by element",
        lambda p, l, d: d * p.problem.weights[l].T,
    ),
    (
        "delta-averaged",
        "δ{next} is averaged over the batch before it goes back",
        lambda p, l, d: _back(p, l, d.mean(axis=0, keepdims=True)) + 0 * p.z[l - 1],
    ),
)
"""(w^{l+1})ᵀ δ^{l+1}, in BP2."""

OTHERWISE = [
    (
        Mistake(
            "sigma-prime-at-next-layer",
            "BP2",
            "δ{next} is multiplied by σ′(z{next}) once more, and σ′(z{l}) is missing",
        ),
        lambda p, l, d: _back(p, l, d * p.slope(l + 1)),
    ),
    (
        Mistake("loop-stops-early", "BP2", "δ{l} stays 0: the loop over the layers stops too early"),
        lambda p, l, d: 0 * p.z[l - 1],
    ),
]
"""What is no change of one part of BP2."""


@cache
def hidden(s: Setting) -> Part:
    """All ways to find δ of a hidden layer."""
    return [*one_changed([slopes(s), CARRIED], _sloped), *OTHERWISE]


@cache
def hidden_twice(s: Setting) -> list[tuple[tuple[Mistake, Mistake], Delta]]:
    """The same with two mistakes in BP2."""
    return two_changed([slopes(s), CARRIED], _sloped)


def _sloped(sloped: Callable[..., Any], carried: Delta) -> Delta:
    return lambda p, l, d: sloped(p, l, carried(p, l, d))


# --- Gradients ----------------------------------------------------------------------------------------------------

Gradient = Callable[[Pass, int, list[Array]], Any]
"""∂C/∂b or ∂C/∂W of layer l from the pass and all δ of the program: δ of layer l at index l − 1."""


def _delta(p: Pass, l: int, d: list[Array]) -> Array:
    return d[l - 1]


def _error(p: Pass, l: int, d: list[Array]) -> Array:
    """What δ is before σ′, also where that is a wrong one."""
    return _nabla(p) if l == p.problem.depth else _back(p, l, d[l])


BIAS_DELTAS = part_of(
    "BP3",
    _delta,
    (
        "error-for-delta",
        "the error before σ′(z{l}) is summed, where δ{l} is meant",
        lambda p, l, d: d[l - 1] / p.slope(l),
    ),
    ("error-for-delta", "the error before σ′(z{l}) is summed, where δ{l} is meant", _error),
    ("of-wrong-layer", "it is made of δ{next}, where δ{l} is meant", lambda p, l, d: d[l]),
    ("extra-sigma-prime", "it has the factor σ′(z{l}) once more", lambda p, l, d: d[l - 1] * p.slope(l)),
    ("of-activation", "it is multiplied by a{l}; the input of a bias is 1", lambda p, l, d: d[l - 1] * p.a[l]),
    ("of-values", "it is the sum of a{l}, where δ{l} is meant", lambda p, l, d: p.a[l]),
)
"""What is summed, in BP3."""

SUMS = part_of(
    "BP3",
    lambda d: d.sum(axis=0),
    ("not-summed", "only the first example of δ{l} is taken; the sum over the batch is missing", lambda d: d[0]),
    ("not-summed", "only the last example of δ{l} is taken; the sum over the batch is missing", lambda d: d[-1]),
    (
        "one-per-example",
        "δ{l} is handed on with a row for each example; the sum over the batch is missing",
        lambda d: d,
    ),
    ("wrong-axis", "δ{l} is summed over the units, where the sum is over the examples", lambda d: d.sum(axis=1)),
    (
        "summed-over-everything",
        "δ{l} is summed over everything, where the sum is over the examples",
        lambda d: np.full(d.shape[1], d.sum()),
    ),
    ("summed-over-everything", "δ{l} is summed over everything, to a single number", lambda d: d.sum().reshape(1)),
    ("largest", "the largest of δ{l} is taken, where the sum over the batch is meant", lambda d: d.max(axis=0)),
    ("zero", "the gradient of b{l} is 0", lambda d: np.zeros(d.shape[1])),
)
"""How it is summed."""

OTHER_BIASES: Part = [
    (
        Mistake("times-bias", "BP3", "it is multiplied by b{l} itself"),
        lambda p, l, d: d[l - 1].sum(axis=0) * p.problem.biases[l - 1],
    ),
    (Mistake("bias-for-gradient", "BP3", "it is b{l} itself"), lambda p, l, d: p.problem.biases[l - 1]),
    (
        Mistake("sum-of-weight-gradient", "BP3", "it is ∂C/∂w{l}, summed over the inputs; the input of a bias is 1"),
        lambda p, l, d: (p.a[l - 1].T @ d[l - 1]).sum(axis=0),
    ),
]
"""What is no change of one part of BP3."""


def _summed(sums: Callable[..., Any], delta: Gradient) -> Gradient:
    return lambda p, l, d: sums(delta(p, l, d))


@cache
def of_biases() -> Part:
    """All ways to find ∂C/∂b."""
    return [*one_changed([SUMS, BIAS_DELTAS], _summed), *OTHER_BIASES]


@cache
def of_biases_twice() -> list[tuple[tuple[Mistake, Mistake], Gradient]]:
    """The same with two mistakes in BP3."""
    return two_changed([SUMS, BIAS_DELTAS], _summed)


def _sigma_of_input(p: Pass, l: int) -> Any:
    name = p.sigma(max(l - 1, 1))
    return value(name, p.a[l - 1]) if name != "softmax" else None


INPUTS = part_of(
    "BP4",
    lambda p, l: p.a[l - 1],
    ("z-for-a", "z{prev} comes in, where a{prev} is meant", lambda p, l: p.z[l - 2] if l > 1 else None),
    ("a-of-this-layer", "a{l} comes in, where a{prev} is meant", lambda p, l: p.a[l]),
    ("x-for-a", "the inputs x come in, where a{prev} is meant", lambda p, l: p.a[0]),
    ("a-of-layer-before", "the activations before a{prev} come in", lambda p, l: p.a[l - 2] if l > 1 else None),
    ("no-activation", "a{prev} is missing: each row is the sum of δ{l}", lambda p, l: np.ones_like(p.a[l - 1])),
    (
        "sigma-prime-of-input",
        "σ′(z{prev}) comes in, where a{prev} is meant",
        lambda p, l: p.slope(l - 1) if l > 1 else None,
    ),
    ("sigma-of-activation", "σ(a{prev}) comes in, where a{prev} is meant", _sigma_of_input),
)
"""What comes in, in BP4."""

WEIGHT_DELTAS = part_of(
    "BP4",
    _delta,
    ("delta-of-next-layer", "δ{next} is taken, where δ{l} is meant", lambda p, l, d: d[l]),
    ("extra-sigma-prime", "it has the factor σ′(z{l}) once more", lambda p, l, d: d[l - 1] * p.slope(l)),
    (
        "error-for-delta",
        "the error before σ′(z{l}) is used, where δ{l} is meant",
        lambda p, l, d: d[l - 1] / p.slope(l),
    ),
    ("error-for-delta", "the error before σ′(z{l}) is used, where δ{l} is meant", _error),
)
"""What it is multiplied by."""

PRODUCTS = part_of(
    "BP4",
    lambda a, d: a.T @ d,
    ("transposed", "∂C/∂w{l} is transposed", lambda a, d: d.T @ a),
    (
        "one-example",
        "only the first example is used; the sum over the batch is missing",
        lambda a, d: np.outer(a[0], d[0]),
    ),
    (
        "last-example-only",
        "only the last example is used; the sum over the batch is missing",
        lambda a, d: np.outer(a[-1], d[-1]),
    ),
    (
        "sums-multiplied",
        "a{prev} and δ{l} are summed over the batch before they are multiplied",
        lambda a, d: np.outer(a.sum(axis=0), d.sum(axis=0)),
    ),
    (
        "sums-multiplied",
        "a{prev} is averaged over the batch before it is multiplied",
        lambda a, d: np.outer(a.mean(axis=0), d.sum(axis=0)),
    ),
    (
        "elementwise-for-outer-product",
        "a{prev} and δ{l} are multiplied element by element",
        lambda a, d: a * d,
    ),
    (
        "elementwise-for-outer-product",
        "a{prev} and δ{l} are multiplied element by element",
        lambda a, d: (a * d).T,
    ),
    ("zero", "the gradient of w{l} is 0", lambda a, d: np.zeros((a.shape[1], d.shape[1]))),
)
"""How they are multiplied, and summed over the examples."""


def _multiplied(products: Callable[..., Any], inputs: Callable[..., Any], delta: Gradient) -> Gradient:
    def multiplied(p: Pass, l: int, d: list[Array]) -> Any:
        a = inputs(p, l)
        return None if a is None else products(a, delta(p, l, d))

    return multiplied


@cache
def of_weights() -> Part:
    """All ways to find ∂C/∂W."""
    return [
        *one_changed([PRODUCTS, INPUTS, WEIGHT_DELTAS], _multiplied),
        (
            Mistake("weights-in-gradient", "BP4", "w{l} is in the product"),
            lambda p, l, d: (p.a[l - 1].T @ d[l - 1]) * p.problem.weights[l - 1],
        ),
    ]


@cache
def of_weights_with_their_delta() -> Part:
    """Those that take δ of their layer as it is."""
    return one_changed([PRODUCTS, INPUTS, WEIGHT_DELTAS[:1]], _multiplied)


@cache
def of_weights_twice() -> list[tuple[tuple[Mistake, Mistake], Gradient]]:
    """The same with two mistakes in BP4."""
    return two_changed([PRODUCTS, INPUTS, WEIGHT_DELTAS], _multiplied)


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
