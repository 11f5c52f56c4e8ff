"""Which mistakes `tg.diagnose` names: every one of the catalogue, in every implementation where it can occur.

    python tests/diagnosis/confusion.py [PART OF]

prints a table for the page on diagnosing, and what was not named; in some minutes, or one of several parts.
"""

import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from diagnosis.catalogue import MISTAKES, source_with
from diagnosis.right import RIGHT

from tinygrad_edu.diagnosis.diagnose import DISTINCT, judged
from tinygrad_edu.diagnosis.problems import Setting


class Case(NamedTuple):
    """A mistake, by its place in the catalogue, planted in an implementation."""

    number: int
    name: str


CASES = [
    Case(i, name)
    for i, mistake in enumerate(MISTAKES)
    for name in mistake.planted
    if mistake.needs(name) != "raises"
]  # fmt: skip


def diagnosed(source, name, networks=DISTINCT):
    """What is said of an implementation, by what it gives for these networks."""
    right, namespace = RIGHT[name], {"__name__": name}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    setting = Setting(right.activation, right.output, right.cost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of programs that overflow
        return judged(namespace[right.entry], setting, networks)


def answer(case):
    """What is said of a planted mistake, and how good that is."""
    mistake = MISTAKES[case.number]
    report = diagnosed(source_with(mistake, case.name), case.name)
    said = (report.equation or ("state" if report.trouble else None), report.mistake)
    right = {(mistake.equation, mistake.slug), *mistake.same_as}
    if said in right:
        return "named"
    if said[0] in {equation for equation, _ in right}:
        return "equation"
    if report.ok:
        return "missed"
    return "unknown" if report.equation is None else "wrong"


def main():
    part, of = (int(text) for text in sys.argv[1:3]) if len(sys.argv) > 2 else (0, 1)
    cases = CASES[part::of]
    with ProcessPoolExecutor() as pool:
        answers = list(pool.map(answer, cases, chunksize=4))
    for case, how in zip(cases, answers, strict=True):
        if how != "named":
            print(f"{how:8} {MISTAKES[case.number].equation} {MISTAKES[case.number].slug} in {case.name}")
    columns = ["named", "equation", "unknown", "missed", "wrong"]
    rows = Counter((MISTAKES[case.number].equation, how) for case, how in zip(cases, answers, strict=True))
    print("| planted in | cases | named | only the equation | not known | not seen | wrong equation |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for equation in [*dict.fromkeys(mistake.equation for mistake in MISTAKES), "all"]:
        counts = [
            sum(n for (e, how), n in rows.items() if how == column and equation in (e, "all")) for column in columns
        ]
        print(f"| {equation} | {sum(counts)} | {' | '.join(map(str, counts))} |")


if __name__ == "__main__":
    main()
