"""Two mistakes at once: the first in backward order is named."""

import pytest
from diagnosis.catalogue import MISTAKES
from diagnosis.confusion import diagnosed
from diagnosis.pairs import Pair, answer, firsts, pairs, place, sample, source_of
from hypothesis import settings

THOROUGH = settings.default.max_examples > 1000


def number(equation, slug):
    return next(i for i, mistake in enumerate(MISTAKES) if (mistake.equation, mistake.slug) == (equation, slug))


def pair_of(name, one, other):
    return Pair(number(*one), number(*other), name)


def said_of(pair):
    report = diagnosed(source_of(pair), pair.name)
    assert report.unknown is None
    return [(finding.equation, finding.mistake) for finding in report.findings]


def test_of_two_mistakes_the_first_in_backward_order_is_named():
    """All pairs with the profile `thorough`, in half an hour, else forty. The aim is 95 in a hundred of all."""
    answers = [answer(pair)[0] for pair in (pairs() if THOROUGH else sample(40))]
    assert answers.count("named") >= 0.95 * len(answers)


def test_backward_order_is_by_layers_then_by_equations():
    one, other = ("BP2", "no-sigma-prime"), ("BP4", "transposed")
    assert place(number(*one), "plain_rows") == (-2, 0)  # of three layers of weights
    assert place(number(*other), "plain_rows") == (-3, 2)
    assert firsts(pair_of("plain_rows", one, other)) == [number(*other)]


def test_pairs_go_together():
    drawn = sample(20, seed=1)
    assert len(set(drawn)) == 20
    assert all(source_of(pair) for pair in drawn)
    assert drawn == sample(20, seed=1)
    assert len(pairs()) > 9000


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("plain_rows", ("BP1", "not-cost-derivative"), ("BP1", "sigma-prime-of-a")),
        ("plain_rows", ("BP2", "no-sigma-prime"), ("BP2", "weights-not-transposed")),
        ("dense_rows", ("BP2", "no-sigma-prime"), ("BP2", "delta-not-carried")),
        ("welch_biases", ("BP3", "error-for-delta"), ("BP4", "a-of-this-layer")),
        ("script", ("BP2", "weights-already-updated"), ("BP2", "no-sigma-prime")),
    ],
)
def test_two_mistakes_in_one_equation_are_both_named(name, one, other):
    assert set(said_of(pair_of(name, one, other))) >= {one, other}


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (
            "two_layer_net",
            ("BP1", "sign"),
            ("BP2", "weights-not-transposed"),
        ),  # only the cost that is returned shows it
        ("script", ("BP1", "sign"), ("BP2", "no-sigma-prime")),  # only that the step goes up
        ("dense_rows", ("BP2", "one-over-n-again"), ("BP3", "sign")),  # n in both gradients, −1 in one
        ("plain_rows", ("BP1", "one-over-n-double"), ("BP3", "zero")),  # 0 knows of no factor
    ],
)
def test_a_factor_of_delta_and_another_mistake_are_both_named(name, one, other):
    assert sorted(set(said_of(pair_of(name, one, other)))) == sorted({one, other})


def test_what_cancels_is_right():
    double, missing = ("BP1", "one-over-n-double"), ("BP4", "one-over-n-missing")
    how, _, text = answer(pair_of("coursera", double, missing))
    assert how == "named"
    assert text.startswith("Right")
