"""The implementations in which mistakes are planted are right before that."""

import numpy as np
import pytest
from diagnosis.right import RIGHT, caller, random_problem

import tinygrad_edu as tg


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
