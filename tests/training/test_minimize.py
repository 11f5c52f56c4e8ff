"""Training by SciPy's optimisers: against SciPy on a cost by hand, every method, penalties, and what can go wrong."""

import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import tinygrad_edu as tg
from tinygrad_edu.nn import MLP, Linear, Module, Sequential
from tinygrad_edu.training.minimize import METHODS, minimize

X = np.random.default_rng(0).normal(size=(20, 2))
Y = np.sin(X[:, :1]) * X[:, 1:]


def regression(seed=0):
    return MLP([2, 3, 1], "tanh", output="identity", rng=seed)


def cost_by_hand(vector, l2):
    W1, b1, W2, b2 = np.split(vector, np.cumsum([6, 3, 3]))
    W1, W2 = W1.reshape(2, 3), W2.reshape(3, 1)
    a = np.tanh(X @ W1 + b1)
    e = a @ W2 + b2 - Y
    delta2 = e / len(X)
    delta1 = delta2 @ W2.T * (1 - a * a)
    slopes = X.T @ delta1 + l2 * W1, delta1.sum(axis=0), a.T @ delta2 + l2 * W2, delta2.sum(axis=0)
    penalty = l2 / 2 * (np.sum(W1**2) + np.sum(W2**2))
    return np.sum(e * e) / 2 / len(X) + penalty, np.concatenate([s.ravel() for s in slopes])


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["BFGS", "L-BFGS-B", "CG"]), st.sampled_from([0.0, 1e-3, 0.1]), st.integers(0, 9))
def test_it_goes_the_way_of_scipy_on_a_cost_by_hand(method, l2, seed):
    net = regression(seed)
    seen = []
    optimize.minimize(
        cost_by_hand, net.flatten(), args=(l2,), jac=True, method=method, options={"maxiter": 15},
        callback=lambda vector: seen.append(vector.copy()),
    )  # fmt: skip
    history = minimize(net, "quadratic", X, Y, method, l2, max_iterations=15)
    assert history.epochs == len(seen)
    bare = [cost_by_hand(vector, 0.0)[0] for vector in seen[:8]]  # later, rounding has grown
    np.testing.assert_allclose(history.cost[1:9], bare, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_minimum_of_a_linear_model(method):
    net = Sequential(Linear(2, 1, rng=0))
    history = minimize(net, "quadratic", X, Y, method, validation=(X[:5], Y[:5]))
    exact = np.linalg.lstsq(np.c_[X, np.ones(20)], Y, rcond=None)[0].ravel()
    np.testing.assert_allclose(net.flatten(), exact, atol=1e-5)
    assert len(history.validation_cost) == len(history.cost)
    assert history.advice == ()


def test_weight_decay_is_on_weights_and_not_on_biases():
    net, l2 = Sequential(Linear(2, 1, rng=0)), 0.3
    minimize(net, "quadratic", X, Y, l2=l2)
    A = np.c_[X, np.ones(20)]
    exact = np.linalg.solve(A.T @ A / 20 + l2 * np.diag([1, 1, 0]), A.T @ Y[:, 0] / 20)
    np.testing.assert_allclose(net.flatten(), exact, atol=1e-5)


def test_classes():
    labels = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = MLP([2, 6, 2], "tanh", output="softmax", rng=0)
    history = minimize(net, "cross_entropy", X, labels, l2=1e-3)
    assert history.accuracy[-1] == 1
    assert repr(history).startswith(f"{history.epochs} epochs: cost ")


def test_float32_and_a_frozen_parameter():
    net = MLP([2, 3, 1], "tanh", output="identity", rng=0, dtype=np.float32)
    before = net.weights[0].numpy()
    net.weights[0].requires_grad = False
    history = minimize(net, "quadratic", X, Y, max_iterations=5)
    assert history.cost[-1] < history.cost[0]
    assert net.weights[1].dtype == np.float32
    np.testing.assert_array_equal(net.weights[0].numpy(), before)


def test_no_iteration_and_too_few():
    net = regression()
    before = net.flatten()
    assert minimize(net, "quadratic", X, Y, max_iterations=0).epochs == 0
    np.testing.assert_array_equal(net.flatten(), before)
    history = minimize(net, "quadratic", X, Y, max_iterations=3)
    assert history.epochs == 3
    assert history.advice[0].startswith("After 3 iterations BFGS was still on its way")


def test_ctrl_c_leaves_the_last_iteration():
    class Impatient(Module):
        def __init__(self):
            self.net = regression()
            self.calls = 0

        def __call__(self, x):
            if not isinstance(x, tg.Tensor):
                self.calls += 1
                if self.calls == 4:
                    raise KeyboardInterrupt
            return self.net(x)

    model = Impatient()
    seen = []
    optimize.minimize(
        cost_by_hand, model.net.flatten(), args=(0.0,), jac=True, options={"maxiter": 2},
        callback=lambda vector: seen.append(vector.copy()),
    )  # fmt: skip
    history = minimize(model, "quadratic", X, Y)
    assert history.interrupted
    assert history.epochs == 2
    np.testing.assert_allclose(model.net.flatten(), seen[-1], rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": tg.sigmoid}, TypeError, "minimize: model must be a network with parameters, not "),
        ({"method": "Newton"}, ValueError, "minimize: method"),
        ({"l2": -1}, ValueError, "minimize: l2 must be 0 or more, not -1"),
        ({"l2": "small"}, TypeError, "minimize: l2 must be a number"),
        ({"max_iterations": 1.5}, TypeError, "minimize: max_iterations must be a whole number"),
        ({"x": X[:3]}, ValueError, "minimize: x of shape (3, 2) and y of shape (20, 1) need one row per example"),
        ({"y": Y * np.nan}, ValueError, "minimize: y has nan at index (0, 0)"),
        ({"validation": X}, TypeError, "minimize: validation must be a pair"),
        ({"cost": "square"}, ValueError, "minimize: cost"),
        ({"cost": lambda a, y: None}, TypeError, "minimize: the cost returned None"),
        ({"cost": lambda a, y: 1.0}, TypeError, "minimize: the cost does not depend on any parameter"),
    ],
)
def test_errors(change, error, message):
    arguments = {"model": regression(), "cost": "quadratic", "x": X, "y": Y} | change
    with pytest.raises(error, match="^" + re.escape(message)):
        minimize(**arguments)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r'minimize needs SciPy: pip install "tinygrad_edu\[scipy\]"'):
        minimize(regression(), "quadratic", X, Y)


def test_it_is_where_one_looks_for_it():
    assert tg.optim.minimize is minimize
    with pytest.raises(AttributeError):
        tg.optim.maximize  # noqa: B018 - looking the name up is what raises
