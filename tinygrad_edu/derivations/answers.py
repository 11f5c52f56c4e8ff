"""What is said of an answer: right, or which equation is wrong first, and by which mistake its numbers come about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu.backprop.arguments import Problem
from tinygrad_edu.derivations.mistakes import MISTAKES, Mistake, Quantity, both_passes, quantities
from tinygrad_edu.equations import words
from tinygrad_edu.errors import shown
from tinygrad_edu.tables import Part, Report

Array = npt.NDArray[Any]

NAMES = {"z": "forward", "a": "forward", "C": "cost"}  # of the quantities that are not one of BP1–BP4


@dataclass(frozen=True, repr=False)
class Answer(Report):
    """What `Exercise.check` says. ``str(answer)`` is the answer in words.

    Attributes
    ----------
    ok : bool
        Whether all that was answered is right.
    quantity : str or None
        The first that is wrong, in the order in which they are computed, such as "δ1".
    equation : str or None
        The equation that is wrong: "BP1" to "BP4", "forward" or "cost"; None if all is right, or if a single number
        does not tell where it went wrong.
    layer : int or None
        Its layer.
    mistake : str or None
        What is probably wrong in it, in a word or two, such as "no slope"; None if nothing is, or no known mistake
        gives these numbers.
    sentences : tuple of str
    """

    ok: bool
    quantity: str | None
    equation: str | None
    layer: int | None
    mistake: str | None
    sentences: tuple[str, ...]

    def parts(self) -> list[Part]:
        """The answer in words."""
        return list(self.sentences)


class Guess(NamedTuple):
    """A mistake in a layer that explains an answer."""

    mistake: Mistake
    at: Quantity


def judged(given: Problem, cost: str, answers: Mapping[str, Array], tolerance: float) -> Answer:
    """Compare answers with the right numbers, and look for a mistake that makes these of them.

    Parameters
    ----------
    given, cost
        The network, the batch and the cost.
    answers : mapping of str to array
        By the names of `quantities`.
    tolerance : float
        What two numbers may differ by and be the same, relative to the greater of 1 and the right one.
    """
    right = both_passes(given, cost)
    answers = {q.name: answers[q.name] for q in quantities(len(given.weights)) if q.name in answers}
    steps = [q for q in quantities(len(given.weights)) if q.name in answers]
    wrong = [q for q in steps if not same(answers[q.name], right[q.name], tolerance)]
    good = [q.name for q in steps if q not in wrong]
    missing = [q.name for q in quantities(len(given.weights)) if q.name not in answers and q.tag.startswith("BP")]
    if not wrong:
        more = f" Still to be found: {', '.join(missing)}." if len(steps) > 1 and missing else ""
        return Answer(True, None, None, None, None, (f"Right: {', '.join(good)}.{more}",))
    first = wrong[0]
    before = steps[: steps.index(first)]
    so_far = (f"Right so far: {', '.join(q.name for q in before)}.",) if before else ()
    guesses, explains_all = _guesses(given, cost, answers, first, right, tolerance)
    if guesses:
        (mistake, at), *_ = guesses
        equation = NAMES.get(at.tag, at.tag)
        sentence = f"{equation}, layer {at.layer}: {_named(given, first, cost)}. {_causes(guesses, first)}"
        rest = " All your other numbers follow from that." if explains_all and len(wrong) > 1 else ""
        return Answer(False, first.name, equation, at.layer, mistake.slug, (*so_far, sentence + rest))
    sentence = f"{_named(given, first, cost)}. {_pattern(answers[first.name], right[first.name], tolerance)}"
    unseen = _unseen(first, steps, len(given.weights))
    if unseen:
        said = f"{sentence} Answer {', '.join(unseen)} as well, and the first wrong step can be told."
        return Answer(False, first.name, None, None, None, (*so_far, said))
    equation = NAMES.get(first.tag, first.tag)
    if len(wrong) > 1 and _follows(given, cost, answers, first, tolerance):
        sentence += " All that you have after it follows from it: mend this one, and go on from there."
    return Answer(
        False, first.name, equation, first.layer, None, (*so_far, f"{equation}, layer {first.layer}: {sentence}")
    )


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two arrays are the same to rounding; a vector may be a row or a column."""
    one, other = np.squeeze(one), np.squeeze(other)
    return one.shape == other.shape and bool(np.all(_near(one, other, tolerance)))


def _near(answer: Array, right: Array, tolerance: float) -> Any:
    return np.abs(answer - right) <= tolerance * np.maximum(1, np.abs(right))


def _guesses(
    given: Problem, cost: str, answers: Mapping[str, Array], first: Quantity, right: Mapping[str, Array], tolerance: float
) -> tuple[list[Guess], bool]:
    """The mistakes that give all answers; or, if there is none, those that give the first wrong one."""
    whole: list[Guess] = []
    part: list[Guess] = []
    upto = [name for name in answers if name == first.name or same(answers[name], right[name], tolerance)]
    for mistake, layer, found in _runs(given, cost):
        if all(same(answers[name], found[name], tolerance) for name in upto):
            made = [q for q in quantities(len(given.weights)) if q.tag == mistake.tag and layer in (None, q.layer)]
            at = next(q for q in made if not same(found[q.name], right[q.name], tolerance))
            explains = all(same(answers[name], found[name], tolerance) for name in answers)
            (whole if explains else part).append(Guess(mistake, at))
    return _once(whole or part), bool(whole)


def _runs(given: Problem, cost: str) -> Iterator[tuple[Mistake, int | None, dict[str, Array]]]:
    """Both passes with each of the mistakes: in all layers, then in one."""
    for mistake in MISTAKES:
        for layer in (None, *range(len(given.weights), 0, -1)):
            try:
                yield mistake, layer, both_passes(given, cost, mistake, layer)
            except ValueError:  # shapes do not fit: nobody gets a number that way
                continue


def _once(guesses: Iterable[Guess]) -> list[Guess]:
    """Each mistake once, those in the quantity that was seen first to be wrong before others."""
    return list({(guess.mistake.words, guess.at): guess for guess in guesses}.values())


def _follows(given: Problem, cost: str, answers: Mapping[str, Array], first: Quantity, tolerance: float) -> bool:
    """Whether the other answers are right if the first wrong one is taken for right."""
    try:
        found = both_passes(given, cost, start={first.name: answers[first.name]})
    except ValueError:
        return False
    return all(same(answers[name], found[name], tolerance) for name in answers)


def _unseen(first: Quantity, steps: list[Quantity], L: int) -> list[str]:
    """The errors before the first wrong quantity that were not answered, so that the mistake may be in one of them."""
    answered = {q.name for q in steps}
    deltas = [q.name for q in quantities(L) if q.tag in ("BP1", "BP2") and q.layer >= first.layer]
    return [name for name in deltas if first.tag.startswith("BP") and name not in answered and name != first.name]


def _named(given: Problem, first: Quantity, cost: str) -> str:
    """Which equation the first wrong quantity does not fulfil."""
    name, tag, l = first
    if tag == "C":
        return f"your C is not the {words.FUNCTIONS[cost][0]}"
    sigma = given.names[l - 1] if isinstance(given.names[l - 1], str) else "σ"
    if tag == "a":
        return f"your {name} is not {words.applied(str(sigma), f'z{l}')}"
    return f"your {name} is not {words.formula(tag, l, output=str(given.names[-1]), cost=cost)}"


def _causes(guesses: list[Guess], first: Quantity) -> str:
    """What is probably wrong."""
    said = [
        mistake.words if at.name == first.name else f"in {NAMES.get(mistake.tag, mistake.tag)} of layer {at.layer}, "
        f"for {at.name}, {mistake.words}"
        for mistake, at in guesses[:3]
    ]
    return f"Probably {'; or '.join(said)}."


def _pattern(answer: Array, right: Array, tolerance: float) -> str:
    """What can be said of a wrong array without telling the right one."""
    answer, right = np.squeeze(answer), np.squeeze(right)
    if answer.shape != right.shape:
        turned = " Is it transposed?" if answer.shape == right.shape[::-1] else ""
        return f"It has shape {answer.shape}, but it should have {right.shape}.{turned}"
    if not np.isfinite(answer).all():
        return "It contains NaN or infinity."
    near = _near(answer, right, tolerance)
    if right.ndim and near.any():
        places = [list(map(int, at)) for at in np.argwhere(~near)[:3]]
        return f"{near.sum()} of its {near.size} entries are right; look again at {', '.join(map(str, places))}."
    with np.errstate(all="ignore"):
        ratio = np.where(right == 0, np.nan, answer / right)
    ratios = ratio[np.isfinite(ratio)]
    if ratios.size > 1 and np.allclose(ratios, ratios[0]) and np.allclose(answer[right == 0], 0):
        return f"It is {ratios[0]:.4g} times what it should be."
    return "No usual mistake gives these numbers."


# --- What is taken for an answer --------------------------------------------------------------------------

DERIVATIVE = re.compile(r"(?:∂C/∂|dC/d|d|grad_|nabla_)([Wwb])_?(\d+)")
ERROR = re.compile(r"(?:δ|delta)_?(\d+)")


def named_answers(answer: Any, L: int, alone: str) -> dict[str, Array]:
    """An answer as arrays by the names of `quantities`; an array by itself is the one called ``alone``."""
    known = {q.name for q in quantities(L)}
    if isinstance(answer, Mapping):
        if not answer:
            raise ValueError(f"check: the answer is empty; give at least one of {', '.join(sorted(known))}")
        named = {_name(key, known): value for key, value in answer.items()}
    elif hasattr(answer, "grad_weights"):
        named = {}
        for kind, name in (("z", "z"), ("delta", "δ"), ("grad_biases", "∂C/∂b"), ("grad_weights", "∂C/∂W")):
            for l, value in enumerate(getattr(answer, kind, []), start=1):
                named[_name(f"{name}{l}", known)] = value
        named |= {f"a{l}": value for l, value in enumerate(getattr(answer, "a", [])) if l}
        named |= {"C": answer.cost} if hasattr(answer, "cost") else {}
    else:
        named = {alone: answer}
    return {name: _numbers(name, value) for name, value in named.items()}


def _name(key: Any, known: set[str]) -> str:
    text = str(key).replace("cost", "C").replace("[", "").replace("]", "")
    if match := DERIVATIVE.fullmatch(text):
        text = f"∂C/∂{match[1].replace('w', 'W')}{match[2]}"
    elif match := ERROR.fullmatch(text):
        text = f"δ{match[1]}"
    if text not in known:
        raise ValueError(
            f"check: {shown(key)} is none of what can be answered: {', '.join(sorted(known))} "
            "('delta1' and 'dW1' will do for δ1 and ∂C/∂W1)"
        )
    return text


def _numbers(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as error:
        raise ValueError(f"check: the rows of {name} must be of one length") from error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"check: {name} must be an array of real numbers, not {shown(value)}")
    return array.astype(float)
