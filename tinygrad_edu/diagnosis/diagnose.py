"""Which equation did I get wrong? A student's own backpropagation, told what is wrong in it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.backprop import ACTIVATION_FORMULAS, COST_FORMULAS
from tinygrad_edu.diagnosis.explain import Explanation, Seen, explanations, uphill, with_cost
from tinygrad_edu.diagnosis.forms import AddsUpError, Form, OtherFormError, UnreadableError, forms_of
from tinygrad_edu.diagnosis.problems import Problem, Setting, Sizes, problem, small_problem
from tinygrad_edu.diagnosis.report import Diagnosis, Evidence, of_behaviour, of_explanation
from tinygrad_edu.errors import unknown_name


@dataclass(frozen=True)
class Networks:
    """What a program is run on: three random networks, each with a batch.

    Attributes
    ----------
    sizes : dict of int to tuple of Sizes
        The widths of the three, for each number of layers that there is to be.
    batches : tuple of int
        How many examples each has.
    seed : int
        Of the first; the others have the next.
    scale : float
        How many times larger than usual the weights are.
    """

    sizes: dict[int, tuple[Sizes, ...]]
    batches: tuple[int, ...]
    seed: int = 0
    scale: float = 1.0


DISTINCT = Networks(
    {2: ((3, 5, 4), (4, 3, 6), (2, 6, 3)), 3: ((3, 5, 4, 2), (2, 4, 5, 3), (4, 3, 6, 5))}, (7, 8, 9)
)  # fmt: skip
"""Widths all different, and different from the sizes of the batches."""

SQUARE = Networks({2: ((3,) * 3, (4,) * 3, (5,) * 3), 3: ((3,) * 4, (4,) * 4, (5,) * 4)}, (7, 8, 9))
"""Equal widths: what runs there alone has a wrong transpose, or a wrong layer."""

ALL_SQUARE = replace(SQUARE, batches=(3, 4, 5))
"""As many examples as the layers are wide: where only this runs, ⊙ stands for a matrix product, or the reverse."""


OF_ITSELF = ("random", "accumulates-over-calls", "stale-weights")
"""Troubles of a program that no other form explains: on a single example, say, shuffling would not be seen."""


class Trial(NamedTuple):
    """What came of running a program in one form: numbers, or what went wrong."""

    form: Form
    problems: list[Problem]
    seen: list[Seen]
    trouble: str | None = (
        None  # a slug: "exception", "shape", "nan", "random", "accumulates-over-calls", "mutates-inputs"
    )
    words: str = ""


def diagnose(
    student_backprop: Any, *, activation: str = "sigmoid", output: str = "sigmoid", cost: str = "quadratic"
) -> Diagnosis:
    """Tell which equation a hand-written backpropagation has wrong, in which layer, and how.

    It is run on random networks, and its gradients are compared with those of BP1–BP4, and of BP1–BP4 with one thing
    changed. What kind of program it is, how its arrays lie, whether C is a mean or a sum, with or without ½, and
    whether it returns the gradient or the direction of descent, is found out and said; none of this is a mistake.

    Parameters
    ----------
    student_backprop : callable, class or object
        The program, in one of the forms of `tinygrad_edu.diagnosis.forms.KNOWN`.
    activation : str
        The name of σ of the hidden layers in it.
    output : str
        That of the output layer.
    cost : {"quadratic", "binary_cross_entropy", "cross_entropy"}
        The cost whose gradient it is.

    Returns
    -------
    Diagnosis
        ``.ok``, ``.equation``, ``.layer``, ``.mistake``, ``.convention``; ``str(report)`` is the answer in words.

    Raises
    ------
    TypeError
        If the program has no form that is known.
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> def sigmoid(z):
    ...     return 1 / (1 + np.exp(-z))
    >>> def backprop(weights, biases, x, y):
    ...     (W1, W2), (b1, b2) = weights, biases
    ...     a1 = sigmoid(x @ W1 + b1)
    ...     a2 = sigmoid(a1 @ W2 + b2)
    ...     delta2 = (a2 - y) * a2 * (1 - a2) / len(x)
    ...     delta1 = delta2 @ W2.T
    ...     return [x.T @ delta1, a1.T @ delta2], [delta1.sum(axis=0), delta2.sum(axis=0)]
    >>> report = diagnose(backprop)
    >>> report.equation, report.layer, report.mistake
    ('BP2', 2, 'no-sigma-prime')
    """
    return judged(student_backprop, _setting(activation, output, cost), DISTINCT)


def judged(student_backprop: Any, setting: Setting, networks: Networks) -> Diagnosis:
    """The same, from what the program gives for these networks."""
    trials: list[tuple[float, Trial, Explanation]] = []
    failed: list[Trial] = []
    for form in forms_of(student_backprop):
        if form.is_single and trials:
            break  # it is for batches
        trial = attempt(form, setting, networks)
        if trial.trouble in OF_ITSELF:
            return of_behaviour(trial, setting)
        if trial.trouble is None:
            explained = _best(trial)
            if not explained.found and not explained.unknown:
                if name := next((s.changed for s in trial.seen if s.changed), ""):
                    words = f"the gradients are right, but it changes its argument {name}; let it work on a copy"
                    return of_behaviour(trial._replace(trouble="mutates-inputs", words=words), setting)
                return of_explanation(trial, setting, explained, None)
            trials.append((explained.cost, trial, explained))
        else:
            failed.append(trial)
    if trials:
        _, trial, explained = min(trials, key=lambda t: t[0])
        if explained.unknown and (name := next((s.changed for s in trial.seen if s.changed), "")):
            words = f"it changes its argument {name}, and computes with what it has made of it; let it work on a copy"
            return of_behaviour(trial._replace(trouble="mutates-inputs", words=words), setting)
        return of_explanation(trial, setting, explained, smallest(trial, setting, explained))
    return _in_trouble(failed, setting)


def _best(trial: Trial) -> Explanation:
    """What explains the gradients, and the cost or the step that goes with them."""
    found = []
    for explained in explanations(trial.problems, trial.seen):
        if trial.form.updates and explained.convention.is_descent:
            found.append(uphill(explained, trial.problems[0].depth))
        else:
            found.append(with_cost(trial.problems, trial.seen, explained))
    return min(found, key=lambda explained: explained.cost)


def _in_trouble(failed: Sequence[Trial], setting: Setting) -> Diagnosis:
    """Where the program does not run on networks of different widths: perhaps on those of equal ones."""
    for trial in failed:
        if trial.trouble in ("exception", "shape"):
            for networks in (SQUARE, ALL_SQUARE):
                square = attempt(trial.form, setting, networks)
                if square.trouble is None:
                    explained = _best(square)
                    if explained.found and not explained.unknown:
                        evidence = smallest(square, setting, explained)
                        return of_explanation(square, setting, explained, evidence, trial.words)
    # What tells most is a program that ran, then one that gave something; an exception may come of the layout alone.
    order = [*OF_ITSELF, "mutates-inputs", "nan", "shape", "exception", "other-form"]
    return of_behaviour(min(failed, key=lambda t: order.index(t.trouble or "exception")), setting)


def _setting(activation: str, output: str, cost: str) -> Setting:
    for what, name, known in (
        ("activation", activation, list(ACTIVATION_FORMULAS)),
        ("output", output, [*ACTIVATION_FORMULAS, "softmax"]),
        ("cost", cost, list(COST_FORMULAS)),
    ):
        if not isinstance(name, str) or name not in known:
            raise ValueError(unknown_name(f"diagnose: {what}", name, known))
    return Setting(activation, output, cost)


def attempt(form: Form, setting: Setting, networks: Networks) -> Trial:
    """Run the program on three networks as deep as it can have, or else less deep.

    Of a program that stops on all of them, its own error is told: not that it unpacks another number of layers.
    """
    trials = []
    for depth in sorted(networks.sizes.keys() & form.depths, reverse=True):
        trials.append(_attempt(form, replace(setting, classes=form.classes), networks, depth))
        if trials[-1].trouble not in ("exception", "shape"):
            return trials[-1]
    return next((trial for trial in trials if "values to unpack" not in trial.words), trials[0])


def _attempt(form: Form, setting: Setting, networks: Networks, depth: int) -> Trial:
    """Run the program on the networks of one depth, twice each."""
    each = zip(networks.sizes[depth], networks.batches, strict=True)
    problems = [
        problem(widths, 1 if form.is_single else n, setting, seed, form.has_biases, networks.scale)
        for seed, (widths, n) in enumerate(each, networks.seed)
    ]
    seen: list[Seen] = []
    for p in problems:
        first = _run(form, p)
        if isinstance(first, tuple) and not isinstance(first, Seen):
            return Trial(form, problems, seen, *first)
        again = _run(form, p)
        if isinstance(again, Seen) and not same(first, again):
            return Trial(form, problems, seen, *_changed(first, again))
        if first.again is not None and not same(first, first.again):
            return Trial(form, problems, seen, *_changed(first, first.again))
        if first.later is not None and not same(first, first.later):
            words = (
                "an object that was called with other weights before gives other gradients: it has kept the old ones"
            )
            return Trial(form, problems, seen, "stale-weights", words)
        seen.append(first)
    return Trial(form, problems, seen)


def _run(form: Form, p: Problem) -> Any:
    """What the program gave, or a slug and words for what went wrong."""
    try:
        with np.errstate(all="ignore"):
            seen = form.run(p)
    except AddsUpError:
        return "accumulates-over-calls", "the gradients of a second call are added to those of the call before"
    except OtherFormError as error:
        return "other-form", str(error)
    except UnreadableError as error:
        return "shape", str(error)
    except Exception as error:  # a student's program may raise anything
        return "exception", f"{type(error).__name__}: {error}{_line(error)}"
    if not all(np.isfinite(g).all() for g in arrays_of(seen)):
        return "nan", "a gradient is NaN or infinite"
    return seen


def _line(error: Exception) -> str:
    """Where in the program it was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "tinygrad_edu" not in f.filename]
    return f" (line {frames[-1].lineno}: {frames[-1].line})" if frames and frames[-1].line else ""


def arrays_of(seen: Seen) -> list[Any]:
    """All gradients."""
    return [*seen.grad_weights, *(seen.grad_biases or [])]


def same(a: Seen, b: Seen) -> bool:
    """Whether two runs gave the same."""
    return all(np.array_equal(x, y) for x, y in zip(arrays_of(a), arrays_of(b), strict=True))


def _changed(first: Seen, again: Seen) -> tuple[str, str]:
    pairs = list(zip(arrays_of(first), arrays_of(again), strict=True))
    ratios = [float(np.max(np.abs(y)) / np.max(np.abs(x))) for x, y in pairs if x.shape == y.shape and np.any(x)]
    if len(ratios) == len(pairs) and ratios[0] > 1 and all(np.allclose(ratios[0] * x, y) for x, y in pairs):
        return "accumulates-over-calls", "the gradients of a second call are added to those of the call before"
    words = "two calls with the same arguments give different gradients: it draws random numbers, or keeps a state"
    return "random", words


# --- The smallest network that shows it -----------------------------------------------------------------------


def smallest(trial: Trial, setting: Setting, explained: Explanation) -> Evidence | None:
    """The first of ever larger networks of small whole numbers whose gradients are wrong, and clearly so.

    It has as many layers as those of the answer, so that a layer has one number in both.
    """
    form = trial.form
    setting = replace(setting, classes=form.classes)
    least = 2 if setting.output == "softmax" else 1  # softmax of one unit is 1
    for sizes in [s for s in _ever_larger(trial.problems[0].depth) if s[-1] >= least]:
        for n in (1,) if form.is_single else (1, 2):
            problems = [small_problem(sizes, n, setting, seed, form.has_biases) for seed in range(8)]
            runs = [(p, _run(form, p)) for p in problems]
            found = [_evidence(p, seen, explained) for p, seen in runs if isinstance(seen, Seen)]
            if any(found):
                return max(filter(None, found), key=lambda evidence: evidence.gap)
    return None


def _ever_larger(depth: int) -> Sequence[Sizes]:
    return [(1,) * (depth + 1), (2, *(1,) * depth), (1,) * depth + (2,), (2,) * (depth + 1), tuple(range(2, depth + 3))]


def _evidence(p: Problem, seen: Seen, explained: Explanation) -> Evidence | None:
    """The first number, in backward order, that is not what it should be."""
    right, c = p.solve(), explained.convention.factor(p)
    for l in range(p.depth, 0, -1):
        pairs = [("∂C/∂w", seen.grad_weights[l - 1], right.grad_weights[l - 1])]
        if seen.grad_biases is not None:
            pairs.insert(0, ("∂C/∂b", seen.grad_biases[l - 1], right.grad_biases[l - 1]))
        for name, mine, its in pairs:
            if mine.shape != its.shape:
                return Evidence(p, c, name, l, mine, c * its)
            wrong = np.abs(mine - c * its) > 1e-6 * max(1.0, float(np.max(np.abs(c * its))))
            if wrong.any():
                return Evidence(p, c, name, l, mine, c * its)
    return None
