"""The implementations in which mistakes are planted are right before that."""

import os

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
    """Three networks of random widths, depth, weights and batches of two or more; none so large that a sigmoid becomes 1."""
    rng = np.random.default_rng([seed, *name.encode()])
    deepest = RIGHT[name].n_layers or int(rng.integers(2, 4))
    least = 2 if RIGHT[name].output == "softmax" else 1
    sizes = {
        depth: tuple((*rng.integers(1, 10, depth).tolist(), int(rng.integers(least, 10))) for _ in range(3))
        for depth in range(2, deepest + 1)
    }
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
