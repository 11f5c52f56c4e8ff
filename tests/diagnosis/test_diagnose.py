"""What `tg.diagnose` says of right and wrong programs, of odd ones, and of what is none."""

import re

import numpy as np
import pytest
from diagnosis.catalogue import MISTAKES, source_with
from diagnosis.confusion import CASES, answer, diagnosed
from diagnosis.right import RIGHT
from hypothesis import settings

import tinygrad_edu as tg
from tinygrad_edu.diagnosis.explain import Seen, explanations, merged
from tinygrad_edu.diagnosis.mistakes import Pass, forwards, hidden, of_biases, of_weights, outputs
from tinygrad_edu.diagnosis.problems import Setting, problem

THOROUGH = settings.default.max_examples > 1000


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(weights, biases, x, y):
    """Two layers, rows: right, but for what the tests change."""
    (W1, W2), (b1, b2) = weights, biases
    a1 = sigmoid(x @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    d2 = (a2 - y) * a2 * (1 - a2) / len(x)
    d1 = d2 @ W2.T * a1 * (1 - a1)
    return [x.T @ d1, a1.T @ d2], [d1.sum(axis=0), d2.sum(axis=0)]


def general(weights, biases, x, y):
    """Any number of layers, rows."""
    a = [x]
    for W, b in zip(weights, biases, strict=True):
        a.append(sigmoid(a[-1] @ W + b))
    d = (a[-1] - y) * a[-1] * (1 - a[-1]) / len(x)
    dW, db = [], []
    for l in range(len(weights) - 1, -1, -1):
        dW.insert(0, a[l].T @ d)
        db.insert(0, d.sum(axis=0))
        if l:
            d = d @ weights[l].T * a[l] * (1 - a[l])
    return dW, db


@pytest.mark.parametrize("layers", [2, 3])
def test_a_program_that_stops_is_told_its_own_error(layers):
    def unfinished(weights, biases, x, y):
        if layers == 2:
            _, _ = weights
        else:
            _, _, _ = weights
        raise NotImplementedError("to be written")

    assert "NotImplementedError: to be written" in str(tg.diagnose(unfinished))


# --- Right programs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(name):
    report = diagnosed(RIGHT[name].source, name)
    assert report.ok, str(report)
    assert (report.equation, report.layer, report.mistake) == (None, None, None)
    assert str(report).startswith("Right")


@pytest.mark.parametrize("seed", range(2000 if THOROUGH else 20))
@pytest.mark.parametrize("factor", ["one", "n", "minus two"])
def test_no_convention_is_a_mistake_on_random_networks(seed, factor):
    rng = np.random.default_rng(seed)
    setting = Setting("sigmoid", "sigmoid", "quadratic")
    sizes = tuple(int(m) for m in rng.permutation([2, 3, 4, 5, 6])[: rng.integers(3, 5)])
    problems = [problem(sizes, n, setting, seed + n) for n in (7, 8)]
    factors = {"one": lambda p: 1, "n": lambda p: p.n, "minus two": lambda p: -2}
    seen = []
    for p in problems:
        right, c = p.solve(), factors[factor](p)
        seen.append(Seen([c * g for g in right.grad_weights], [c * g for g in right.grad_biases]))
    best = explanations(problems, seen)[0]
    assert not best.found
    assert best.unknown is None


def test_what_was_found_out_is_said():
    def columns(weights, biases, X, Y):
        dW, db = general([W.T for W in weights], [b[:, 0] for b in biases], X.T, Y.T)
        n = X.shape[1]
        return {
            **{f"dW{l}": -2 * n * g.T for l, g in enumerate(dW, start=1)},
            **{f"db{l}": -2 * n * g[:, None] for l, g in enumerate(db, start=1)},
        }

    report = tg.diagnose(columns)
    assert report.ok
    assert "examples are columns, weights are (n_out, n_in)" in report.convention
    assert (
        "the direction of descent, minus the gradient of the sum of C_x over the batch, C_x = ‖y − a‖²"
        in report.convention
    )


# --- Mistakes -------------------------------------------------------------------------------------------------

FIRST = [next(case for case in CASES if case.number == i) for i in sorted({case.number for case in CASES})]
OTHERWISE = {
    "one-per-example": "missed",  # what sums no biases over a batch is a program for one example at a time
}
"""What is said of the mistakes of the catalogue that are not named where they are planted first."""


@pytest.mark.parametrize(
    "case", FIRST, ids=lambda case: f"{MISTAKES[case.number].equation} {MISTAKES[case.number].slug}"
)
def test_a_mistake_of_the_catalogue_is_named(case):
    assert answer(case) == OTHERWISE.get(MISTAKES[case.number].slug, "named")


@pytest.mark.long
def test_the_whole_catalogue():
    """In some minutes with the profile `thorough`, else every twentieth planting."""
    answers = [answer(case) for case in CASES[:: 1 if THOROUGH else 20]]
    assert answers.count("named") >= 0.98 * len(answers)
    assert answers.count("wrong") < 0.005 * len(answers)


SETTINGS = [
    Setting("sigmoid", "sigmoid", "quadratic"),
    Setting("tanh", "softmax", "cross_entropy"),
    Setting("relu", "identity", "quadratic"),
]


def planted(setting, kind, i, seed):
    """What a program gives that has one entry of the tables of `mistakes` in it, and the mistake; None if it cannot."""
    problems = [problem((3, 5, 4, 6), n, setting, seed + n) for n in (7, 8, 9)]
    tables = {"BP1": outputs(setting), "BP2": hidden(setting), "BP3": of_biases(), "BP4": of_weights()}
    mistake, way = tables[kind][i]
    seen = []
    for p in problems:
        passed: Pass = next(iter(forwards(p)))[1](p)
        delta = [None] * p.depth
        try:
            with np.errstate(all="ignore"):
                for l in range(p.depth, 0, -1):
                    table = "BP1" if l == p.depth else "BP2"
                    rule = way if table == kind else tables[table][0][1]
                    delta[l - 1] = rule(passed, l, None if l == p.depth else delta[l])
                W, b = (
                    [(way if k == kind else tables[k][0][1])(passed, l, delta) for l in (1, 2, 3)]
                    for k in ("BP4", "BP3")
                )
        except (ValueError, TypeError, IndexError):
            return None
        if any(g is None for g in (*W, *b)) or any(d.shape != z.shape for d, z in zip(delta, passed.z, strict=True)):
            return None
        seen.append(Seen(W, b))
    return problems, seen, mistake


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.output)
@pytest.mark.parametrize("kind", ["BP1", "BP2", "BP3", "BP4"])
def test_every_entry_of_the_tables_is_found_again(setting, kind):
    """Or another one that gives the same numbers: the explanation must reproduce them, with as few mistakes."""
    size = {"BP1": outputs, "BP2": hidden, "BP3": lambda s: of_biases(), "BP4": lambda s: of_weights()}[kind]
    found = 0
    for i in range(1, len(size(setting)), 1 if THOROUGH else 4):
        drawn = planted(setting, kind, i, seed=i)
        if drawn is None:
            continue
        problems, seen, mistake = drawn
        best = explanations(problems, seen)[0]
        assert best.unknown is None, mistake
        assert len(merged(best.found)) <= 2, (mistake, best.found)
        found += best.found == () or best.found[0].mistake.equation == kind
    assert found >= 2


def test_two_mistakes_are_told_in_backward_order():
    pair = source_with(
        next(m for m in MISTAKES if (m.equation, m.slug) == ("BP2", "no-sigma-prime")), "plain_rows",
    )  # fmt: skip
    other = next(m for m in MISTAKES if (m.equation, m.slug) == ("BP1", "no-sigma-prime"))
    for old, new in other.planted["plain_rows"]:
        assert pair.count(old) == 1
        pair = pair.replace(old, new)
    report = diagnosed(pair, "plain_rows")
    assert [(f.equation, f.mistake) for f in report.findings] == [("BP1", "no-sigma-prime"), ("BP2", "no-sigma-prime")]
    assert report.layer == 4
    assert "with the cross-entropy that would be right" in " ".join(str(report).split())


def test_the_answer_shows_the_smallest_network():
    def wrong(weights, biases, x, y):
        dW, db = general(weights, biases, x, y)
        return [2 * g if l == 0 else g for l, g in enumerate(dW)], db

    report = tg.diagnose(wrong)
    assert (report.equation, report.layer, report.mistake) == ("BP4", 2, "factor-2")
    evidence = report.evidence
    assert evidence.problem.sizes == [1, 1, 1, 1]
    np.testing.assert_allclose(evidence.yours, 2 * evidence.right)
    text = str(report)
    assert "BP4, layer 2: ∂C/∂w² has a factor 2 too much." in text
    assert re.search(r"1-1-1-1, 1 example .*\n  w² = \[\[", text)
    assert "BP4, layer 2" in report._repr_markdown_()


def test_an_unknown_mistake_is_called_unknown():
    def strange(weights, biases, x, y):
        dW, db = general(weights, biases, x, y)
        return [np.cos(g) if l == 1 else g for l, g in enumerate(dW)], db

    report = tg.diagnose(strange)
    assert not report.ok
    assert (report.equation, report.layer, report.mistake) == (None, 3, "unknown")
    assert "wrong, in a way that is not known here; those of later layers are right" in " ".join(str(report).split())


# --- What a program may do otherwise --------------------------------------------------------------------------


def changed(how):
    def program(weights, biases, x, y):
        return how(*backprop(weights, biases, x, y)) if len(weights) == 2 else how(*general(weights, biases, x, y))

    return program


def mutating(weights, biases, x, y):
    found = general(weights, biases, x, y)
    weights[0] *= 0
    return found


CALLS = []


def counting(weights, biases, x, y):
    CALLS.append(None)
    dW, db = general(weights, biases, x, y)
    return [len(CALLS) * g for g in dW], [len(CALLS) * g for g in db]


@pytest.mark.parametrize(
    ("program", "trouble", "said"),
    [
        (changed(lambda dW, db: None), "shape", "returned None; is a return missing?"),
        (changed(lambda dW, db: 3.0), "shape", "returned float, where a pair"),
        (changed(lambda dW, db: (dW[:1], db)), "shape", "result 1 has 1 entries, but the network has 3 layers"),
        (changed(lambda dW, db: (["a", "b", "c"], db)), "shape", "should be an array of numbers, but is str"),
        (changed(lambda dW, db: (1 / 0, db)), "exception", "It stops with ZeroDivisionError: division by zero"),
        (changed(lambda dW, db: ([np.nan * g for g in dW], db)), "nan", "is NaN or infinite: is a logarithm of 0"),
        (changed(lambda dW, db: ([g + np.random.default_rng().random() for g in dW], db)), "random", "draws random"),
        (mutating, "mutates-inputs", "right, but it changes its argument weights; let it work on a copy"),
        (counting, "accumulates-over-calls", "are added to those of the call before"),
    ],
)
def test_odd_programs_get_their_own_answers(program, trouble, said):
    report = tg.diagnose(program)
    assert not report.ok
    assert report.trouble == report.mistake == trouble
    assert said in " ".join(str(report).split())


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: tg.diagnose(3), TypeError, "diagnose: int has none of the forms that are known"),
        (lambda: tg.diagnose(lambda a, b: None), TypeError, "backprop\\(weights, biases, x, y\\)"),
        (lambda: tg.diagnose(backprop, activation="sigmoyd"), ValueError, "diagnose: activation: .*sigmoid"),
        (lambda: tg.diagnose(backprop, output=np.tanh), ValueError, "diagnose: output"),
        (lambda: tg.diagnose(backprop, cost="mse"), ValueError, "diagnose: cost: .*quadratic"),
    ],
)
def test_wrong_arguments(call, error, said):
    with pytest.raises(error, match=said):
        call()
