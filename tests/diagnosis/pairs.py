"""Two mistakes at once: whether `tg.diagnose` names first the one that comes first in backward order.

    python tests/diagnosis/pairs.py [N [SEED]]

prints a table for the page on diagnosing, and the pairs whose first mistake was not named: of N pairs drawn with a seed,
or of all, which takes an hour. "The same numbers" are given by the answer, too, with no more mistakes than were planted.
"""

import functools
import itertools
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from diagnosis.catalogue import MISTAKES, source_with
from diagnosis.confusion import diagnosed
from diagnosis.outcomes import BIAS, WEIGHT, are_as, problems, right_outcomes, run, wrong_parts
from diagnosis.right import RIGHT, caller

EQUATIONS = ("BP1", "BP2", "BP3", "BP4")
ANSWERS = ["named", "same numbers", "equation", "the other", "unknown", "missed", "wrong"]


class Pair(NamedTuple):
    """Two mistakes, by their places in the catalogue, planted in one implementation."""

    one: int
    other: int
    name: str


def source_of(pair):
    """The text of the implementation with both in it; None if the two do not go together."""
    one, other = MISTAKES[pair.one], MISTAKES[pair.other]
    try:
        return source_with(other, pair.name, source_with(one, pair.name))
    except ValueError:
        return None


@functools.cache
def pairs():
    """All pairs of mistakes in BP1–BP4 that go together."""
    found = []
    for name in RIGHT:
        here = [i for i, m in enumerate(MISTAKES) if name in m.planted and m.equation in EQUATIONS]
        here = [i for i in here if MISTAKES[i].needs(name) != "raises"]
        found += [Pair(i, j, name) for i, j in itertools.combinations(here, 2)]
    return [pair for pair in found if source_of(pair)]


def sample(n, seed=0):
    """Some of the pairs, drawn with a seed."""
    every = pairs()
    return [every[i] for i in np.random.default_rng(seed).choice(len(every), min(n, len(every)), replace=False)]


def width_of(name, *numbers):
    """On which networks mistakes are seen: of distinct widths, or "square"."""
    return max(
        (MISTAKES[i].needs(name) for i in numbers), key=lambda needs: needs.count("square") + needs.count("batch")
    )


@functools.cache
def place(number, name):
    """Where a mistake comes in backward order: the last layer first, in a layer δ, then the biases, then the weights.

    By its numbers: the last layer that has a wrong gradient; for BP3 of the biases, for BP4 of the weights.
    """
    mistake, needs = MISTAKES[number], width_of(name, number)
    right = right_outcomes(name, needs)[0][0]
    wrong = wrong_parts(right, run(caller(name, source_with(mistake, name)), problems(name, needs)[0]))
    kinds = {"BP3": {BIAS}, "BP4": {WEIGHT}}.get(mistake.equation, {BIAS, WEIGHT})
    layer = max((l for kind, l in wrong if kind in kinds), default=0)
    return -layer, {"BP3": 1, "BP4": 2}.get(mistake.equation, 0)


def answers_of(number):
    """All that is as right as the name of a mistake: (equation, slug)."""
    mistake = MISTAKES[number]
    return {(mistake.equation, mistake.slug), *mistake.same_as}


@functools.cache
def outcomes(source, name, needs):
    """What a text of an implementation gives; None if it does not run."""
    try:
        return [run(caller(name, source), problem) for problem in problems(name, needs)]
    except Exception:  # NumPy's, of shapes that do not fit
        return None


def is_as_right(report, pair):
    """Whether the answer gives the same numbers as the pair: the mistakes in it, planted in its place."""
    needs = width_of(pair.name, pair.one, pair.other)
    mine = outcomes(source_of(pair), pair.name, needs)
    said = [(finding.equation, finding.mistake) for finding in report.findings]
    if mine is None or report.trouble or report.unknown or len(said) > 2:
        return False
    here = [i for i, m in enumerate(MISTAKES) if pair.name in m.planted]
    choices = [[i for i in here if answer in answers_of(i)] for answer in said]
    for chosen in itertools.product(*choices):
        source = source_of(Pair(chosen[0], chosen[-1], pair.name)) if len(set(chosen)) > 1 else None
        if len(set(chosen)) < 2:
            source = source_with(MISTAKES[chosen[0]], pair.name) if chosen else RIGHT[pair.name].source
        its = outcomes(source, pair.name, needs) if source else None
        if its is not None and all(map(are_as, mine, its)):
            return True
    return False


def firsts(pair):
    """The one that comes first in backward order; both, if they are in one place."""
    places = {i: place(i, pair.name) for i in pair[:2]}
    return [i for i, at in places.items() if at == min(places.values())]


def answer(pair):
    """What is said of a pair, how good that is, and whether both mistakes are named."""
    report = diagnosed(source_of(pair), pair.name)
    first = firsts(pair)
    said = (report.equation or ("state" if report.trouble else None), report.mistake)
    named = [(finding.equation, finding.mistake) for finding in report.findings]
    both = all(answers_of(i) & set(named) for i in pair[:2])
    right = set().union(*map(answers_of, first))
    if said in right:
        return "named", both, str(report)
    if is_as_right(report, pair):
        return "named", both, str(report)
    if said[0] in {equation for equation, _ in right}:
        return "equation", both, str(report)
    if said in set().union(*map(answers_of, pair[:2])):
        return "the other", both, str(report)
    if report.findings and not report.unknown and len(report.findings) <= 2:
        return "same numbers", both, str(report)
    if report.ok:
        return "missed", both, str(report)
    return "unknown" if report.equation is None else "wrong", both, str(report)


def main():
    chosen = sample(*map(int, sys.argv[1:])) if len(sys.argv) > 1 else pairs()
    with ProcessPoolExecutor() as pool:
        answers = list(pool.map(answer, chosen, chunksize=4))
    for pair, (how, _, text) in zip(chosen, answers, strict=True):
        if how != "named":
            one, other = (f"{MISTAKES[i].equation} {MISTAKES[i].slug} {place(i, pair.name)}" for i in pair[:2])
            print(f"{how:9} {one} + {other} in {pair.name}: {text.splitlines()[0]}")
    counts, both = Counter(how for how, _, _ in answers), sum(both for _, both, _ in answers)
    print(
        "| pairs | the first named | the same numbers | only its equation | the other one | not known | not seen "
        "| wrong equation | both named |"
    )
    print("| --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    print(f"| {len(chosen)} | {' | '.join(str(counts[how]) for how in ANSWERS)} | {both} |")


if __name__ == "__main__":
    main()
