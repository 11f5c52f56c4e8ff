"""The implementations in which mistakes are planted are right before that."""

import os
import re

import numpy as np
import pytest
from diagnosis.confusion import diagnosed
from diagnosis.right import RIGHT, caller, random_problem

import tinygrad_edu as tg
from tinygrad_edu.diagnosis.diagnose import Networks


def test_there_are_at_least_fifteen_of_forms_1_to_8():
    assert sum(right.form in range(1, 9) for right in RIGHT.values()) >= 15
    assert {right.form for right in RIGHT.values()} == set(range(10))


def expected(name, problem):
    right = RIGHT[name]
    return tg.backprop.backprop(*problem, activation=right.activation, output=right.output, cost=right.cost)


@pytest.mark.parametrize("name", RIGHT)
def test_its_gradients_are_those_of_the_four_equations(name):
    rng = np.random.default_rng(7)
    for _ in range(30):
        problem = random_problem(name, rng)
        want, got = expected(name, problem), caller(name)(*problem)
        factor = RIGHT[name].factor(*problem.y.shape)
        for ours, theirs in zip(want.grad_weights, got.grad_weights, strict=True):
            np.testing.assert_allclose(theirs, factor * ours, rtol=1e-10, atol=1e-14)
        if RIGHT[name].biases:
            for ours, theirs in zip(want.grad_biases, got.grad_biases, strict=True):
                np.testing.assert_allclose(theirs, factor * ours, rtol=1e-10, atol=1e-14)
        if got.cost is not None:
            np.testing.assert_allclose(got.cost, abs(factor) * want.cost, rtol=1e-12)
        assert not got.changed


NETWORKS = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 200
"""On so many in all, and as few more as it takes to give each program as many, nothing is to be found wrong."""


def random_networks(name, seed):
    """Three networks of random widths, depth, weights and batches.

    What no shapes or numbers could tell does not occur: a batch of one, a single input, by which the gradient of the
    weights looks like that of the biases, or a sigmoid that is rounded to 1.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    deepest = RIGHT[name].n_layers or int(rng.integers(2, 4))
    least = 2 if RIGHT[name].output == "softmax" else 1

    def widths(depth):
        return (int(rng.integers(2, 10)), *rng.integers(1, 10, depth - 1).tolist(), int(rng.integers(least, 10)))

    sizes = {depth: tuple(widths(depth) for _ in range(3)) for depth in range(2, deepest + 1)}
    batches = tuple(rng.permutation(np.arange(2, 13))[:3].tolist())
    return Networks(sizes, batches, seed=int(rng.integers(2**31)), scale=float(rng.uniform(0.1, 0.8)))


def false_alarm(name, seed):
    networks = random_networks(name, seed)
    report = diagnosed(RIGHT[name].source, name, networks)
    return None if report.ok else f"{networks}:\n{report}"


@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarm_on_random_networks(name):
    of_each = -(-NETWORKS // (3 * len(RIGHT)))
    alarms = [false_alarm(name, seed) for seed in range(of_each)]
    assert not any(alarms), next(filter(None, alarms))


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("book_layers", 3),  # a layer whose relus are all 0 has a gradient of 0, which twice itself is too
        ("nielsen", 75),  # with a single output, what is not summed over the batch is a vector
    ],
)
def test_what_once_was_a_false_alarm_is_none(name, seed):
    assert false_alarm(name, seed) is None


# --- How far off ----------------------------------------------------------------------------------------------


def by_formulas(weights, biases, x, y):
    found = tg.backprop.backprop(weights, biases, x, y, activation="sigmoid", output="sigmoid", cost="quadratic")
    return found.grad_weights, found.grad_biases


def a_unit_off(weights, biases, x, y):
    dW, db = by_formulas(weights, biases, x, y)
    largest = np.argmax(np.abs(dW[0]))
    dW[0].flat[largest] = np.nextafter(dW[0].flat[largest], np.inf)
    return dW, db


def in_float32(weights, biases, x, y):
    weights, biases = ([array.astype(np.float32) for array in arrays] for arrays in (weights, biases))
    return by_formulas(weights, biases, x.astype(np.float32), y.astype(np.float32))


def test_how_far_off_a_right_program_is_is_said_in_units_in_the_last_place():
    exact, off = tg.diagnose(by_formulas), tg.diagnose(a_unit_off)
    assert (exact.units, off.units) == (0, 1)
    assert "\nThe largest error is 0 units in the last place.\n" in str(exact)
    assert "\nThe largest error is 1 unit in the last place.\n" in str(off)


def test_what_computes_with_less_than_float64_is_told_so():
    report = tg.diagnose(in_float32)
    assert report.ok
    assert 0.1 < report.units / 2**29 < 100
    assert re.search(
        r"The largest error is [\d.]+ units? in the last place of float32, so it may compute with", str(report)
    )


@pytest.mark.parametrize("name", RIGHT)
def test_no_right_program_is_far_off(name):
    assert 0 <= diagnosed(RIGHT[name].source, name).units < 100


def test_how_far_off_a_wrong_program_is_is_not_said():
    report = tg.diagnose(lambda weights, biases, x, y: ([2 * g for g in by_formulas(weights, biases, x, y)[0]], biases))
    assert not report.ok
    assert report.units is None
    assert "last place" not in str(report)
