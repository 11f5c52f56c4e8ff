"""The numbers that planted mistakes give, and where they first differ from the right ones."""

import functools
import warnings

import numpy as np
from diagnosis.right import RIGHT, caller, random_problem

WEIGHT, BIAS = "w", "b"


@functools.cache
def problems(name, needs=""):
    """Three problems, of distinct widths unless the mistake needs others to run on."""
    rng, found = np.random.default_rng(11), []
    for _ in range(3):
        problem = random_problem(name, rng, square="square" in needs, n_layers=3)
        if "batch" in needs:  # as many examples as a layer is wide
            k = len(problem.biases[0])
            x = rng.normal(size=(k, k))
            y = np.eye(k)[rng.permutation(k)] if RIGHT[name].targets == "classes" else rng.uniform(0.1, 0.9, (k, k))
            problem = problem._replace(x=x, y=y)
        found.append(problem)
    return found


def again(problem):
    """The same with other weights, for what a second call shows."""
    return problem._replace(weights=[1.1 * W for W in problem.weights])


@functools.cache
def right_outcomes(name, needs=""):
    return [(run(caller(name), problem), run(caller(name), again(problem))) for problem in problems(name, needs)]


def run(call, problem):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # NaN and overflow are for the diagnosis to report
        return call(*problem)


def parts(outcome):
    """Every gradient, from the last layer to the first, by (kind, layer)."""
    found = {}
    for l in range(len(outcome.grad_weights), 0, -1):
        found[WEIGHT, l] = np.asarray(outcome.grad_weights[l - 1])
        if outcome.grad_biases is not None:
            found[BIAS, l] = np.asarray(outcome.grad_biases[l - 1])
    return found


def is_as(a, b):
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= 1e-13 + 1e-9 * np.abs(b)))


def wrong_parts(right, got):
    right, got = parts(right), parts(got)
    return {key for key in right if not is_as(right[key], got[key])}


def are_as(a, b):
    """Whether two outcomes cannot be told apart."""
    return (a.cost is None or np.isclose(a.cost, b.cost, equal_nan=True)) and not wrong_parts(a, b)
