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
        What is probably wrong in it, by a short name such as "no-sigma-prime"; None if nothing is, or no known mistake
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
    """A mistake that explains an answer, where it was made, and whether even the shape is that of the answer."""

    mistake: Mistake
    at: Quantity
    in_shape: bool


class Rounding(NamedTuple):
    """How much two numbers may differ: a share of the largest one of an array, or of ``least`` if that is more."""

    share: float
    least: float

    def near(self, answer: Array, right: Array) -> Any:
        """Entry by entry, whether an answer is that number."""
        return np.abs(answer - right) <= self.share * max(self.least, float(np.abs(right).max()), 1e-300)


def judged(given: Problem, cost: str, answers: Mapping[str, Array], rounding: Rounding) -> Answer:
    """Compare answers with the right numbers, and look for a mistake that makes these of them.

    Parameters
    ----------
    given, cost
        The network, the batch and the cost.
    answers : mapping of str to array
        By the names of `quantities`.
    rounding : Rounding
    """
    right = both_passes(given, cost)
    answers = {q.name: answers[q.name] for q in quantities(len(given.weights)) if q.name in answers}
    steps = [q for q in quantities(len(given.weights)) if q.name in answers]
    wrong = [q for q in steps if not same(answers[q.name], right[q.name], rounding)]
    good = [q.name for q in steps if q not in wrong]
    missing = [q.name for q in quantities(len(given.weights)) if q.name not in answers and q.tag.startswith("BP")]
    if not wrong:
        more = f" Still to be found: {', '.join(missing)}." if len(steps) > 1 and missing else ""
        return Answer(True, None, None, None, None, (f"Right: {', '.join(good)}.{more}",))
    first = wrong[0]
    before = steps[: steps.index(first)]
    so_far = (f"Right so far: {', '.join(q.name for q in before)}.",) if before else ()
    guesses, explains_all = _guesses(given, cost, answers, first, right, rounding)
    if guesses:
        mistake, at, _ = guesses[0]
        equation = NAMES.get(at.tag, at.tag)
        sentence = f"{equation}, layer {at.layer}: {_causes(given, cost, guesses, first)}"
        rest = " All your other numbers follow from that." if explains_all and len(wrong) > 1 else ""
        return Answer(False, first.name, equation, at.layer, mistake.slug, (*so_far, sentence + rest))
    sentence = f"{_named(given, first, cost)}. {_pattern(answers[first.name], right[first.name], rounding)}"
    unseen = _unseen(first, steps, len(given.weights))
    if unseen:
        said = f"{sentence[0].upper()}{sentence[1:]} Answer {', '.join(unseen)} as well, to be told where it begins."
        return Answer(False, first.name, None, None, None, (*so_far, said))
    equation = NAMES.get(first.tag, first.tag)
    if len(wrong) > 1 and _follows(given, cost, answers, first, rounding):
        sentence += " All that you have after it follows from it: mend this one, and go on from there."
    return Answer(
        False, first.name, equation, first.layer, None, (*so_far, f"{equation}, layer {first.layer}: {sentence}")
    )


def same(one: Any, other: Any, rounding: Rounding) -> bool:
    """Whether two arrays are the same to rounding; a vector may be written as a row or a column."""
    one, other = np.asarray(one), np.asarray(other)
    is_same = one.shape == other.shape or (
        min(one.ndim, other.ndim) < 2 and np.squeeze(one).shape == np.squeeze(other).shape
    )
    return is_same and bool(np.all(rounding.near(np.squeeze(one), np.squeeze(other))))


def _guesses(
    given: Problem,
    cost: str,
    answers: Mapping[str, Array],
    first: Quantity,
    right: Mapping[str, Array],
    rounding: Rounding,
) -> tuple[list[Guess], bool]:
    """The mistakes that give all answers; or, if there is none, those that give the first wrong one."""
    whole: list[Guess] = []
    part: list[Guess] = []
    upto = list(answers)[: list(answers).index(first.name) + 1]
    entries = sum(np.sum(~near) for near in _agreement(answers, right, rounding))
    for mistake, layer, found in _runs(given, cost):
        if all(same(answers[name], found[name], rounding) for name in upto):
            made = [q for q in quantities(len(given.weights)) if q.tag == mistake.tag and layer in (None, q.layer)]
            at = next((q for q in made if not same(found[q.name], right[q.name], rounding)), made[0])
            explains = all(same(answers[name], found[name], rounding) for name in answers)
            in_shape = found[first.name].shape == answers[first.name].shape
            guess = Guess(mistake, at, in_shape)
            if explains and (at == first or entries > 1):  # small whole numbers may be explained by chance
                whole.append(guess)
            elif at == first:
                part.append(guess)
    return _once(whole or part), bool(whole)


def _agreement(answers: Mapping[str, Array], right: Mapping[str, Array], rounding: Rounding) -> Iterator[Array]:
    """Of each answer, which of its entries are right."""
    for name, answer in answers.items():
        is_alike = answer.size == right[name].size
        yield rounding.near(answer.reshape(right[name].shape), right[name]) if is_alike else np.zeros(2, bool)


def _runs(given: Problem, cost: str) -> Iterator[tuple[Mistake, int | None, dict[str, Array]]]:
    """Both passes with each of the mistakes: in all layers, then in one."""
    for mistake in MISTAKES:
        for layer in (None, *range(len(given.weights), 0, -1)):
            try:
                yield mistake, layer, both_passes(given, cost, mistake, layer)
            except ValueError:  # shapes do not fit: nobody gets a number that way
                continue


def _once(guesses: Iterable[Guess]) -> list[Guess]:
    """Each mistake once, backward before forward, and only those that explain the shape, if there are any."""
    once = list({(guess.mistake.words, guess.at): guess for guess in guesses}.values())
    once.sort(key=lambda guess: guess.mistake.tag in NAMES)
    return [guess for guess in once if guess.in_shape] or once


def _follows(given: Problem, cost: str, answers: Mapping[str, Array], first: Quantity, rounding: Rounding) -> bool:
    """Whether the other answers are right if the first wrong one is taken for right."""
    try:
        found = both_passes(given, cost, start={first.name: answers[first.name]})
    except ValueError:
        return False
    return all(same(answers[name], found[name], rounding) for name in answers)


def _unseen(first: Quantity, steps: list[Quantity], L: int) -> list[str]:
    """The errors before the first wrong quantity that were not answered, so that the mistake may be in one of them."""
    answered = {q.name for q in steps}
    deltas = [q.name for q in quantities(L) if q.tag in ("BP1", "BP2") and q.layer >= first.layer]
    return [name for name in deltas if first.tag.startswith("BP") and name not in answered and name != first.name]


def _named(given: Problem, first: Quantity, cost: str) -> str:
    """Which equation the first wrong quantity does not fulfil."""
    name, tag, l = first
    sigma = str(given.names[l - 1])
    symbol = words.FUNCTIONS.get(sigma, (sigma, ""))[0]
    if tag == "C":
        return f"your C is not the {words.FUNCTIONS[cost][0]}"
    if tag == "a":
        return f"your {name} is not {words.applied(symbol, f'z{l}')}"
    formula = words.formula(tag, l, output=str(given.names[-1]), cost=cost)
    slope = words.slope("σ", f"z{l}")
    if sigma == "identity":
        return f"your {name} is not {formula.replace(f' ⊙ {slope}', '')}"
    return f"your {name} is not {formula.replace(slope, words.slope(symbol, f'z{l}'))}"


def _causes(given: Problem, cost: str, guesses: list[Guess], first: Quantity) -> str:
    """What is probably wrong."""
    here = [guess.mistake.words for guess in guesses if guess.at.name == first.name]
    if here:
        return f"{_named(given, first, cost)}. Probably {'; or '.join(here[:3])}."
    before = [f"for {guess.at.name}, {guess.mistake.words}" for guess in guesses[:3]]
    return f"your {first.name} is what comes out if, {'; or, '.join(before)}."


def _pattern(answer: Array, right: Array, rounding: Rounding) -> str:
    """What can be said of a wrong array without telling the right one."""
    if answer.size != right.size or (answer.shape != right.shape and min(answer.ndim, right.ndim) > 1):
        turned = " Is it transposed?" if answer.shape == right.shape[::-1] else ""
        return f"It has shape {answer.shape}, but it should have {right.shape}.{turned}"
    if not np.isfinite(answer).all():
        return "It contains NaN or infinity."
    answer = answer.reshape(right.shape)
    near = rounding.near(answer, right)
    if near.any():
        places = ", ".join(str(list(map(int, at))) for at in np.argwhere(~near)[:3])
        are = "is" if near.sum() == 1 else "are"
        return f"{near.sum()} of its {near.size} entries {are} right; look again at {places}."
    if right.all() and right.size > 1 and np.allclose(answer / right, ratio := (answer / right).flat[0]):
        return f"It is {ratio:.4g} times what it should be."
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
