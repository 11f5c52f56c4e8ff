"""From a program's numbers to what is wrong in it: the change of an equation that gives just these.

The layers are gone through from the last to the first, as the equations do. At each, the gradients of its biases and
weights must be those that BP3 and BP4 make of some δ, and that δ one of those that BP1 or BP2 gives: as it should be,
or with one thing changed. Below, the program's own δ is taken, so what follows from a mistake is no other mistake. A
factor that all gradients share is a convention: whether C is a mean or a sum, with or without ½, and whether the
program returns the gradient or the direction of descent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.diagnosis.mistakes import (
    FACTORS,
    QUANTITY,
    Mistake,
    Pass,
    forwards,
    hidden,
    hidden_twice,
    of_biases,
    of_biases_twice,
    of_weights,
    of_weights_twice,
    of_weights_with_their_delta,
    outputs,
    outputs_twice,
    slopes,
)
from tinygrad_edu.diagnosis.problems import Array, Problem

TOLERANCE = 1e-6
"""Of two gradients that are called equal, relative to the largest number in them."""

NOTHING = 1e-13
"""Below this a gradient is 0 but for rounding, as the sum over the outputs of δ is for softmax."""

MOST = 12
"""So many explanations are followed at a time."""

Ratio = tuple[float, ...]  # one number for each problem


class Seen(NamedTuple):
    """What a program gave for one problem, in our layout: rows are examples."""

    grad_weights: list[Array]
    grad_biases: list[Array] | None  # None where it has no biases
    changed: str = ""  # which of its arguments it has changed
    cost: float | None = None  # C, where it returns it, too
    again: Seen | None = None  # what a second call of the same object gave
    later: Seen | None = None  # what an object gave that had been called with other weights before


@dataclass(frozen=True)
class Found:
    """A mistake, and the layer in which it is; None: it is in no layer of its own."""

    mistake: Mistake
    layer: int | None

    @property
    def key(self) -> tuple[str, str]:
        """What it is called, wherever it is."""
        return self.mistake.equation, self.mistake.slug


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together give the numbers of the program, in backward order.

    Attributes
    ----------
    found : tuple of Found
    convention : Convention
    unknown : tuple of (str, int), or None
        The first quantity, and its layer, that nothing explains.
    """

    found: tuple[Found, ...]
    convention: Convention
    unknown: tuple[str, int] | None = None

    @property
    def cost(self) -> float:
        """The fewer mistakes, and the rarer, the better; a convention of one's own is no mistake, but tells of one."""
        kinds = dict.fromkeys(found.key for found in self.found)
        late = sum(found.mistake.equation in ("BP3", "BP4") for found in self.found)  # rather a wrong δ
        odd = sum(slug == "factor" for _, slug in kinds)  # it has no name: rather two that have one
        rare = 0.01 * len(self.found) + 0.001 * late + 0.1 * self.convention.oddness + odd
        return len(kinds) + rare + 10 * (self.unknown is not None)

    @property
    def has_other_error(self) -> bool:
        """Whether δ of the last layer is wrong, which then has no sign that could be."""
        return any(found.mistake.equation == "BP1" for found in self.found)

    def also(self, found: Found, convention: Convention) -> Explanation:
        """The same with one mistake more, which comes before the others unless it is only in what is returned."""
        is_last = found.mistake.equation == "cost"
        all_found = (*self.found, found) if is_last else (found, *self.found)
        return Explanation(all_found, convention, self.unknown)


class Convention(NamedTuple):
    """What the program computes the gradient of, and how it hands it on."""

    is_sum: bool = False  # C = Σ C_x rather than the mean
    is_double: bool = False  # C_x = ‖y − a‖² rather than half of it
    is_descent: bool = False  # −∂C/∂w rather than ∂C/∂w
    is_mean_of_outputs: bool = False  # C_x is a mean over the outputs rather than a sum

    @property
    def oddness(self) -> int:
        """How many of them are otherwise than here."""
        return sum(self)

    def factor(self, p: Problem) -> float:
        """How many times our gradient its is."""
        factor = (p.n if self.is_sum else 1) * (2 if self.is_double else 1) * (-1 if self.is_descent else 1)
        return factor / (p.sizes[-1] if self.is_mean_of_outputs else 1)


def conventions(quadratic: bool) -> Iterator[Convention]:
    """All there are, the usual one first."""
    both = (False, True)
    for choice in product(both, both if quadratic else (False,), both, both if quadratic else (False,)):
        yield Convention(*choice)


# --- One quantity ---------------------------------------------------------------------------------------------


def ratio(given: Sequence[Array], made: Iterable[Array | None]) -> Ratio | None:
    """How many times the one the other is, in each problem; None if it is not."""
    found = []
    for x, y in zip(given, made, strict=True):
        if y is None or np.shape(x) != np.shape(y):
            return None
        size = float(np.max(np.abs(y), initial=0.0))
        if size < NOTHING:
            if np.max(np.abs(x), initial=0.0) >= NOTHING:
                return None
            found.append(1.0)
            continue
        at = np.unravel_index(np.argmax(np.abs(y)), y.shape)
        r = float(x[at] / y[at])
        if not np.isfinite(r) or r == 0 or np.max(np.abs(x - r * y)) > TOLERANCE * abs(r) * size:
            return None
        found.append(r)
    return tuple(found)


def made(function: Any, *args: Any) -> Any:
    """What a changed equation gives; None where its shapes do not fit, as they may."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except (ValueError, IndexError, TypeError):
        return None


Mistakes = tuple[Mistake, ...]
"""What is changed in one equation: nothing, one thing, or two."""


class Match(NamedTuple):
    """A way to get a gradient from δ, up to a factor."""

    mistakes: Mistakes
    ratio: Ratio


def alone(ways: Iterable[tuple[Mistake, Any]]) -> Iterator[tuple[Mistakes, Any]]:
    """Ways with at most one mistake, as those with more are."""
    return (((mistake,) if mistake.slug else (), way) for mistake, way in ways)


def matches(
    given: Sequence[Array], ways: Any, passes: Sequence[Pass], l: int, deltas: list[list[Array]]
) -> list[Match]:
    """All ways that give these gradients of layer l."""
    found = []
    for mistakes, way in ways:
        r = ratio(given, (made(way, p, l, d) for p, d in zip(passes, deltas, strict=True)))
        if r is not None:
            found.append(Match(mistakes, r))
            if not mistakes:
                break
    return found


# --- All layers -----------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """How one layer is explained."""

    layer: int
    delta: Mistakes
    biases: Match | None
    weights: Match


@dataclass
class Path:
    """How the layers from the last to some other are explained, and δ of these, one list for each problem."""

    steps: list[Step] = field(default_factory=list)
    deltas: list[list[Any]] = field(default_factory=list)  # None where they are not known yet


@np.errstate(all="ignore")  # of programs that overflow
def explanations(problems: Sequence[Problem], seen: Sequence[Seen]) -> list[Explanation]:
    """What explains the numbers, the simplest first; there is always one, if only that nothing is known."""
    found: list[Explanation] = []
    L, most = problems[0].depth, 2
    for forward_mistake, forward in forwards(problems[0]):
        passes = [made(forward, p) for p in problems]
        if any(p is None for p in passes):
            continue
        for path, reached in _paths(passes, seen, most):
            unknown = None if reached == 0 else ("δ", reached)
            if unknown and forward_mistake.slug:
                continue
            before = (Found(forward_mistake, None),) if forward_mistake.slug else ()
            found += [
                Explanation((*before, *factors), convention, unknown)
                for convention, factors in _factored(problems, path, L)
            ]
        if not forward_mistake.slug:
            best = min(found, key=lambda e: e.cost)
            if best.cost < 1.5 or (best.unknown and best.unknown[1] < L):
                break  # nothing simpler is to be found in another forward pass
            most = 1 if best.unknown else 0  # two mistakes are not told from one before that and another
    return sorted(found, key=lambda e: e.cost)


def _paths(passes: Sequence[Pass], seen: Sequence[Seen], most: int) -> list[tuple[Path, int]]:
    """The ways down through the layers, as far as they lead: the layer that nothing explains, or 0.

    At most so many mistakes are looked for in one equation, and two only if one leads nowhere.
    """
    found = _down(passes, seen, [min(most, 1)])
    if most == 2 and found[0][1]:
        found = min(found, _down(passes, seen, [1, 2]), key=lambda paths: paths[0][1])
    return found


def _down(passes: Sequence[Pass], seen: Sequence[Seen], counts: list[int]) -> list[tuple[Path, int]]:
    L = passes[0].problem.depth
    paths = [Path([], [[None] * L for _ in passes])]
    for l in range(L, 0, -1):
        further = [longer for n in counts for path in paths for longer in _one_layer(path, passes, seen, l, n)]
        if not further:
            return [(path, l) for path in paths[:1]]
        paths = sorted(further, key=_rank)[:MOST]
    return [(path, 0) for path in paths]


def _rank(path: Path) -> int:
    kinds = set()
    for step in path.steps:
        kinds |= {("δ", m.slug) for m in step.delta}
        kinds |= {("b", m.slug) for m in (step.biases.mistakes if step.biases else ())}
        kinds |= {("w", m.slug) for m in step.weights.mistakes}
    return len(kinds)


def _one_layer(
    path: Path, passes: Sequence[Pass], seen: Sequence[Seen], l: int, mistakes_in_one: int
) -> Iterator[Path]:
    """The path with layer l explained, in all ways that do so with 0, 1 or 2 mistakes in one equation."""
    L = passes[0].problem.depth
    after = [None if l == L else d[l] for d in path.deltas]
    known: list[list[Array]] = []
    for mistakes, delta in _deltas(passes, seen, l, after, mistakes_in_one):
        if not all(_fits(d, p.z[l - 1]) for d, p in zip(delta, passes, strict=True)):
            continue
        deltas = [[*d[: l - 1], new, *d[l:]] for d, new in zip(path.deltas, delta, strict=True)]
        given = [s.grad_weights[l - 1] for s in seen]
        is_twice = mistakes_in_one == 2 and not mistakes  # in BP4, or in BP3
        is_all = mistakes_in_one == 1 or is_twice
        by_weights = matches(given, [*alone(of_weights())][: None if is_all else 1], passes, l, deltas)
        if mistakes_in_one and all(g.dtype.kind == "i" and s.grad_biases for g, s in zip(given, seen, strict=True)):
            by_weights = [Match((CUT,), (1.0,) * len(passes))]  # only the biases tell of δ
        ways = [*alone(of_weights())][: None if is_twice else 1]
        if not by_weights and mistakes_in_one:
            by_weights = [*_penalty_on_weights(given, ways, passes, l, deltas)]
        if is_twice and not by_weights:
            by_weights = matches(given, of_weights_twice(), passes, l, deltas)
        if not by_weights or any(_is_one(ratio(delta, other) or (0.0,)) for other in known):
            continue  # or the same numbers as a simpler way
        known.append(delta)
        by_biases: Sequence[Match | None] = [None]
        if all(s.grad_biases is not None for s in seen):
            given = [s.grad_biases[l - 1] for s in seen if s.grad_biases]
            by_biases = matches(given, [*alone(of_biases())][: None if is_all else 1], passes, l, deltas)
            ways = [*alone(of_biases())][: None if is_twice else 1]
            if not by_biases and mistakes_in_one:
                by_biases = [*_penalty_on_biases(given, ways, passes, l, deltas, by_weights[0].ratio)]
            if is_twice and not by_biases:
                by_biases = matches(given, of_biases_twice(), passes, l, deltas)
        for b in by_biases:
            for w in by_weights:
                b, w = _of_one_factor(b, w)
                yield Path([*path.steps, Step(l, mistakes, b, w)], deltas)
                if not (mistakes or w.mistakes or (b and b.mistakes)):
                    return  # nothing is changed, but perhaps for a factor


def _of_one_factor(b: Match | None, w: Match) -> tuple[Match | None, Match]:
    """What knows of no factor has that of the other."""
    if b and any(m.slug in ("bias-for-gradient", "zero") for m in b.mistakes):
        return b._replace(ratio=w.ratio), w
    if b and any(m.slug in ("zero", "integer-truncation") for m in w.mistakes):
        return b, w._replace(ratio=b.ratio)
    return b, w


def _fits(delta: Any, z: Array) -> bool:
    return delta is not None and np.shape(delta) == z.shape and bool(np.isfinite(delta).all())


def _deltas(
    passes: Sequence[Pass], seen: Sequence[Seen], l: int, after: Sequence[Any], mistakes_in_one: int
) -> Iterator[tuple[Mistakes, Any]]:
    """All δ of a layer, in each problem; the last is one with weights that were updated too early."""
    L, setting = passes[0].problem.depth, passes[0].problem.setting
    ways: list[Any] = [*alone(outputs(setting) if l == L else hidden(setting))]
    if mistakes_in_one == 0:
        ways = ways[:1]
    if mistakes_in_one == 2:
        ways = [ways[0], *(outputs_twice(setting) if l == L else hidden_twice(setting))]
    for mistakes, way in ways:
        yield mistakes, [made(way, p, l, d) for p, d in zip(passes, after, strict=True)]
    if l == L or mistakes_in_one == 0:
        return
    for mistake, way in slopes(setting)[: None if mistakes_in_one == 2 else 1]:
        for _, in_weights in of_weights_with_their_delta()[: 1 if mistake.slug else None]:
            delta = _updated_too_early(passes, seen, l, after, way, in_weights)
            if delta is not None:
                words = "w{next} was updated before δ{next} went back through it"
                early = Mistake("weights-already-updated", "BP2", words)
                yield ((early, mistake) if mistake.slug else (early,)), delta
                break


def _updated_too_early(
    passes: Sequence[Pass], seen: Sequence[Seen], l: int, after: Sequence[Any], way: Any, in_weights: Any
) -> list[Any] | None:
    """δ that went back through w − η ∂C/∂w, with some learning rate η; None if it did not.

    What it would add to ∂C/∂W^l, made of δ by ``in_weights``, shows how large η is.
    """
    grads = [s.grad_weights[l] for s in seen]
    if any(g.shape != p.problem.weights[l].shape for g, p in zip(grads, passes, strict=True)):
        return None
    right, moved = (
        [made(way, p, l, d @ W.T) for p, d, W in zip(passes, after, weights, strict=True)]
        for weights in ([p.problem.weights[l] for p in passes], grads)
    )
    rates = []
    for p, s, one, other in zip(passes, seen, right, moved, strict=True):
        if np.shape(one) != p.z[l - 1].shape or np.shape(other) != p.z[l - 1].shape:
            return None
        of_one, of_other = (made(in_weights, p, l, [*([None] * (l - 1)), delta]) for delta in (one, other))
        parts = None if of_one is None or of_other is None else _parts(s.grad_weights[l - 1], of_one, of_other)
        if parts is None or not parts[0]:
            return None
        rates.append(parts[1] / parts[0])
    if abs(rates[0]) > 1e-9 and np.allclose(rates, rates[0], rtol=1e-4):
        return [a + rates[0] * b for a, b in zip(right, moved, strict=True)]
    return None


def _parts(given: Array, one: Any, other: Array) -> tuple[float, float] | None:
    """How much of one and of the other array is in the given one; None if there is something else in it."""
    if given.shape != np.shape(one) or given.shape != other.shape or given.size < 3:
        return None
    A = np.column_stack([one.ravel(), other.ravel()])
    if not np.isfinite(A).all():
        return None
    found = np.linalg.lstsq(A, given.ravel(), rcond=None)[0]
    if np.max(np.abs(A @ found - given.ravel())) > TOLERANCE * np.max(np.abs(given)):
        return None
    return float(found[0]), float(found[1])


CUT = Mistake(
    "integer-truncation", "BP4", "∂C/∂w{l} is put into an array of whole numbers, which cuts its fractions off"
)

PENALTY = "a multiple of {q} is added, as a penalty would, but there is none in this cost"


def _penalty_on_weights(
    given: Sequence[Array], ways: Any, passes: Sequence[Pass], l: int, deltas: Any
) -> Iterator[Match]:
    """∂C/∂W with λ W in it."""
    penalty = Mistake("l2-extra", "BP4", PENALTY.format(q="w{l}"))
    for mistakes, way in ways:
        ratios = []
        for g, p, d in zip(given, passes, deltas, strict=True):
            parts = _parts(g, made(way, p, l, d), p.problem.weights[l - 1])
            if parts is None or not parts[0] or abs(parts[1]) < 1e-9:
                break
            ratios.append(parts[0])
        else:
            yield Match((*mistakes, penalty), tuple(ratios))


def _penalty_on_biases(
    given: Sequence[Array], ways: Any, passes: Sequence[Pass], l: int, deltas: Any, ratios: Ratio
) -> Iterator[Match]:
    """∂C/∂b with λ b in it, if the weights tell how large δ is."""
    penalty = Mistake("l2-extra", "BP3", PENALTY.format(q="b{l}"))
    for mistakes, way in ways:
        for factor in (lambda p: 1, *(factor for factor, _ in FACTORS.values())):  # that the weights alone may have
            of_delta = tuple(r / factor(p.problem) for r, p in zip(ratios, passes, strict=True))
            for g, p, d, r in zip(given, passes, deltas, of_delta, strict=True):
                b, right = p.problem.biases[l - 1], made(way, p, l, d)
                if g.shape != b.shape or np.shape(right) != b.shape:
                    break
                strength = (g - r * right) / b
                if np.ptp(strength) > 1e-5 * abs(strength[0]) or abs(strength[0]) < 1e-9:
                    break
            else:
                yield Match((*mistakes, penalty), of_delta)
                break


# --- Rounding -----------------------------------------------------------------------------------------------------


def rounding(problems: Sequence[Problem], seen: Sequence[Seen], convention: Convention) -> float:
    """The largest error of right gradients, in units in the last place.

    That is |yours − right| over the distance of the largest number in an array to the next one of float64, for all
    gradients of all problems, and right by this convention. What is 0 but for rounding does not count.
    """
    largest = 0.0
    for p, s in zip(problems, seen, strict=True):
        solved, c = p.solve(), convention.factor(p)
        right = [*solved.grad_weights, *(solved.grad_biases if s.grad_biases is not None else [])]
        for yours, its in zip([*s.grad_weights, *(s.grad_biases or [])], right, strict=True):
            size = np.max(np.abs(c * its))
            if size >= NOTHING:
                largest = max(largest, float(np.max(np.abs(yours - c * its)) / np.spacing(size)))
    return largest


# --- Factors ----------------------------------------------------------------------------------------------------


def _factored(problems: Sequence[Problem], path: Path, L: int) -> Iterator[tuple[Convention, tuple[Found, ...]]]:
    """Each convention, with the mistakes that are left if the program keeps to it."""
    quadratic = problems[0].setting.cost == "quadratic"
    for convention in conventions(quadratic):
        # what δ of the program is, in units of the path's, and the mistakes so far
        ways: list[tuple[Any, tuple[Found, ...]]] = [(np.array([convention.factor(p) for p in problems]), ())]
        for step in path.steps:
            ways = [further for way in ways for further in _factors_of(step, *way, problems, L)]
        yield from ((convention, found) for _, found in ways)


def _factors_of(
    step: Step, carried: Any, found: tuple[Found, ...], problems: Sequence[Problem], L: int
) -> Iterator[tuple[Any, tuple[Found, ...]]]:
    """The factors of one layer: those of δ are handed on, those of its biases and weights are their own."""
    w = np.array(step.weights.ratio) / carried
    b = w if step.biases is None else np.array(step.biases.ratio) / carried
    equation = "BP1" if step.layer == L else "BP2"
    if step.layer == 1 and np.allclose(w, [p.n for p in problems], rtol=1e-5, atol=0):
        equation = "BP4"  # BP2 has no 1/n that could be missing, and no layer below tells how large δ is
    one = np.ones(len(problems))
    if np.allclose(b, w):
        of_delta = [w]
    elif _is_one(w) or _is_one(b):
        of_delta = [one]
    else:  # two of the three have a factor
        of_delta = [one, w, b]
    for factor in of_delta:
        mine = [*step.delta]
        if not _is_one(factor):
            mine.append(_factor(equation, factor, problems))
        mine += step.biases.mistakes if step.biases else ()
        if not _is_one(b / factor):
            mine.append(_factor("BP3", b / factor, problems))
        mine += step.weights.mistakes
        if not _is_one(w / factor):
            mine.append(_factor("BP4", w / factor, problems))
        yield carried * factor, (*found, *(Found(mistake, step.layer) for mistake in mine))


def _is_one(ratios: Any) -> bool:
    return all(abs(r - 1) <= 1e-5 for r in ratios)


def _factor(equation: str, ratios: Any, problems: Sequence[Problem]) -> Mistake:
    """A factor that does not belong there, by its name if it has one."""
    q = QUANTITY[equation]
    for slug, (factor, words) in FACTORS.items():
        if np.allclose(ratios, [factor(p) for p in problems], rtol=1e-5, atol=0):
            own = {"BP2": "one-over-n-again", "BP3": "mean-for-sum"} if slug == "one-over-n-double" else {}
            return Mistake(own.get(equation, slug), equation, words.replace("{q}", q))
    if np.ptp(ratios) <= 1e-5 * abs(ratios[0]):
        return Mistake("factor", equation, f"{q} is {ratios[0]:.4g} times what it should be")
    return Mistake("factor", equation, f"{q} is the right one times a number that changes from batch to batch")


COSTS: dict[str, tuple[Callable[[Problem], float], str]] = {
    "one-over-n-missing": (lambda p: p.n, "the cost is a sum over the batch, but the gradient that of the mean"),
    "one-over-n-double": (lambda p: 1 / p.n, "the cost is a mean over the batch, but the gradient that of the sum"),
    "half-missing": (lambda p: 2, "the cost has no ½, but the gradient is that of a cost with it"),
    "half-too-much": (lambda p: 0.5, "the cost is half of the one whose gradient this is"),
    "sign": (lambda p: -1, "the sign of the cost is wrong"),
}
"""Factors between the cost and the gradient."""

OTHER_COSTS: list[tuple[str, Callable[[Array, Array], float], str]] = [
    (
        "half-of-the-cross-entropy",
        lambda a, y: float(-np.sum(y * np.log(a)) / len(a)),
        "the cost has only −y ln a of the cross-entropy; −(1 − y) ln(1 − a) is missing",
    ),
    (
        "log-of-wrong-class",
        lambda a, y: float(-np.mean(np.log(a))),
        "the cost is the mean of −ln a over all classes, where that of the right class is meant",
    ),
    (
        "log-of-wrong-class",
        lambda a, y: float(-np.sum(np.log(a)) / len(a)),
        "the cost is the sum of −ln a over all classes, where that of the right class is meant",
    ),
]
"""Costs that are returned in place of the one whose gradient is."""


def with_cost(problems: Sequence[Problem], seen: Sequence[Seen], explained: Explanation) -> Explanation:
    """The explanation, and what else is wrong if the cost that is returned is not the one whose gradients these are."""
    c, L = explained.convention, problems[0].depth
    is_of_other_outputs = any(
        found.mistake.equation == "forward" or found.key == ("BP1", "z-for-a") for found in explained.found
    )
    if explained.unknown or is_of_other_outputs or any(s.cost is None for s in seen):
        return explained
    if c.is_descent and explained.has_other_error:
        return explained
    right = [p.solve().cost for p in problems]
    costs = [float(s.cost or 0.0) / C for s, C in zip(seen, right, strict=True)]
    if c.is_descent and np.all(np.array(costs) > 0):
        words = "the gradients are those of −C, but the cost that is returned is C: a{l} − y is meant, not y − a{l}"
        return explained.also(Found(Mistake("sign", "BP1", words), L), c._replace(is_descent=False))
    ratios = np.array(costs) / [abs(c.factor(p)) for p in problems]
    if np.allclose(ratios, 1, rtol=1e-6):
        return explained
    if c.is_double and np.allclose(ratios, 0.5, rtol=1e-6):  # it is the gradients that are unusual
        return explained.also(Found(_factor("BP1", 1 / ratios, problems), L), c._replace(is_double=False))
    if np.allclose(costs, 1, rtol=1e-6):
        return explained.also(Found(_factor("BP4", 1 / ratios, problems), L), Convention())
    if _is_penalty(
        problems, [float(s.cost or 0.0) - C * abs(c.factor(p)) for p, s, C in zip(problems, seen, right, strict=True)]
    ):
        words = "a penalty on the weights is in the cost that is returned, but not in the gradients"
        return explained.also(Found(Mistake("l2-extra", "cost", words), None), c)
    found = Mistake("other-cost", "cost", "the cost that is returned is not the one whose gradient this is")
    for slug, (factor, words) in COSTS.items():
        if np.allclose(ratios, [factor(p) for p in problems], rtol=1e-6):
            found = Mistake(slug, "cost", words)
    for slug, cost, words in OTHER_COSTS:
        if np.allclose([s.cost for s in seen if s.cost is not None], [cost(p.solve().a[-1], p.y) for p in problems]):
            found = Mistake(slug, "cost", words)
    return explained.also(Found(found, None), c)


def _is_penalty(problems: Sequence[Problem], rest: Sequence[float]) -> bool:
    """Whether this is λ Σ w², or λ/n Σ w²."""
    strengths = [r / sum(float(np.sum(W**2)) for W in p.weights) for p, r in zip(problems, rest, strict=True)]
    over_n = [strength * p.n for strength, p in zip(strengths, problems, strict=True)]
    return any(np.ptp(of) < 1e-6 * abs(of[0]) for of in (strengths, over_n))


def uphill(explained: Explanation, L: int) -> Explanation:
    """For a program that takes the step itself: the other direction is no convention."""
    if explained.has_other_error:
        return explained
    words = "the step goes up: what is subtracted is minus the gradient; a{l} − y is meant, not y − a{l}"
    return explained.also(Found(Mistake("sign", "BP1", words), L), explained.convention._replace(is_descent=False))


def merged(found: Sequence[Found]) -> list[tuple[Mistake, list[int | None]]]:
    """Each mistake once, with all its layers, in backward order."""
    together: dict[tuple[str, str], tuple[Mistake, list[int | None]]] = {}
    for f in found:
        together.setdefault(f.key, (f.mistake, []))[1].append(f.layer)
    return list(together.values())


__all__ = ["Convention", "Explanation", "Found", "Seen", "explanations", "merged", "rounding"]
