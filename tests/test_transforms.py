"""Transforms: any order, any nesting, nested containers, and what they return."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import transforms

X = np.array([0.3, -1.2, 2.0])
M = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])


def test_orders():
    f = lambda x: x**5
    derivatives = [f]
    for _ in range(5):
        derivatives.append(tg.grad(derivatives[-1]))
    np.testing.assert_allclose([d(2.0) for d in derivatives], [32, 80, 160, 240, 240, 120])


def test_a_high_order_of_tanh():
    f = np.tanh
    for _ in range(6):
        f = tg.grad(f)
    t = np.tanh(0.4)
    expected = _sixth_derivative_of_tanh(t)
    np.testing.assert_allclose(f(0.4), expected, rtol=1e-12)


def _sixth_derivative_of_tanh(t):
    """By hand: with t′ = 1 − t², differentiate the polynomial in t six times."""
    polynomial = np.polynomial.Polynomial([0, 1])
    for _ in range(6):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([1, 0, -1])
    return polynomial(t)


def test_the_inner_derivative_is_not_confused_with_the_outer():
    """d/dx [x · d/dy (x y)] = 2x, not 3x: perturbation confusion."""
    f = tg.grad(lambda x: x * tg.grad(lambda y: x * y)(x))
    assert f(3.0) == 6.0
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(3.0) == 1.0


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_hessian_jacobian_hvp_jvp_and_vjp_agree(n, m, seed):
    rng = np.random.default_rng(seed)
    W, x, v, u = rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=n), rng.normal(size=m)
    f = lambda x: np.tanh(W @ x)
    J = (1 - np.tanh(W @ x) ** 2)[:, None] * W
    np.testing.assert_allclose(tg.jacobian(f)(x), J, rtol=1e-12)
    y, Jv = tg.jvp(f, (x,), (v,))
    np.testing.assert_allclose(y, f(x))
    np.testing.assert_allclose(Jv, J @ v, rtol=1e-10, atol=1e-14)
    y, pull_back = tg.vjp(f, x)
    np.testing.assert_allclose(pull_back(u)[0], u @ J, rtol=1e-10, atol=1e-14)
    c = lambda x: np.sum(f(x) ** 2)
    H = tg.hessian(c)(x)
    np.testing.assert_allclose(H, H.T, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(tg.hvp(c)(x, v), H @ v, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(tg.jacobian(tg.grad(c))(x), H)


def test_jacobian_of_matrices():
    f = lambda A: A @ M
    J = tg.jacobian(f)(np.ones((2, 2)))
    assert J.shape == (2, 3, 2, 2)
    np.testing.assert_array_equal(J, np.einsum("ik,lj->ijkl", np.eye(2), M))
    assert tg.jacobian(np.sin)(0.0).shape == ()
    assert tg.jacobian(lambda x: x[:0])(X).shape == (0, 3)


@pytest.mark.parametrize("few", [0, 10**9], ids=["together", "one by one"])
@pytest.mark.parametrize("at_once", [2**24, 60, 1], ids=["all", "some", "one"])
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_the_rows_of_a_jacobian_are_the_same_together_and_one_by_one(few, at_once, n, m, seed):
    rng = np.random.default_rng(seed)
    W, x, v = rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=n)
    f = lambda x: np.sort(np.tanh(W @ x))[::-1] * np.max(x) + np.sum(np.where(x > 0, x, 0.1 * x) ** 3)
    c = lambda x: np.sum(f(x) ** 2)

    def results():
        w = tg.Tensor(1.5, requires_grad=True)  # somebody outside
        outside = tg.jacobian(lambda x: f(w * x))(x)
        np.sum(outside**2).backward()
        inside = tg.grad(lambda s: np.sum(tg.hessian(lambda x: c(x * s))(x) ** 2))(v)
        return [tg.jacobian(f)(x), tg.hessian(c)(x), outside.numpy(), w.grad, inside, tg.jacobian(tg.jacobian(f))(x)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transforms, "FEW", 10**9)
        expected = results()
        patch.setattr(transforms, "FEW", few)
        patch.setattr(transforms, "AT_ONCE", at_once)
        for ours, theirs in zip(results(), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_rows_of_a_jacobian_by_what_it_does_not_depend_on():
    w = tg.Tensor(2.0, requires_grad=True)
    for n in (3, 30):
        assert np.array_equal(tg.jacobian(lambda x, n=n: np.ones(n) * w)(X), np.zeros((n, 3)))
        assert isinstance(tg.jacobian(lambda x, n=n: np.ones(n) * w)(X), np.ndarray)
        assert np.array_equal(tg.jacobian(lambda x, n=n: np.ones(n))(X), np.zeros((n, 3)))


def test_a_jacobian_needs_memory_for_its_result_and_a_bounded_part_more(monkeypatch):
    x = np.linspace(-1, 1, 400)

    def deep(x):
        for _ in range(30):
            x = np.sin(x)
        return x

    tg.jacobian(deep)(x[:20])  # what it imports
    peaks = []
    for at_once in (2**24, 2**17):
        monkeypatch.setattr(transforms, "AT_ONCE", at_once)
        tracemalloc.start()
        tg.jacobian(deep)(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    result = 8 * 400 * 400
    assert peaks[0] < 5 * result  # of its thirty steps, each is dropped when it is done
    assert peaks[1] < 3.5 * result  # the seeds, which are as large, the rows in parts, and whole


def test_elementwise_grad():
    np.testing.assert_allclose(tg.elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    second = tg.elementwise_grad(tg.elementwise_grad(np.sin))
    np.testing.assert_allclose(second(X), -np.sin(X))
    np.testing.assert_allclose(tg.elementwise_grad(lambda x, k: x**k)(X, 3), 3 * X**2)


def test_containers():
    params = {"W": M, "list": [X, (2.0, np.float32(3))]}

    def f(p):
        return np.sum(p["W"] @ p["list"][0]) * p["list"][1][0] + p["list"][1][1] ** 2

    g = tg.grad(f)(params)
    assert list(g) == ["W", "list"]
    assert isinstance(g["list"][1], tuple)
    np.testing.assert_allclose(g["list"][0], 2 * M.sum(axis=0))
    assert g["list"][1][1] == 6
    assert g["list"][1][1].dtype == np.float32
    v = {"W": np.ones_like(M), "list": [np.zeros(3), (1.0, 0.0)]}
    h = tg.hvp(f)(params, v)
    np.testing.assert_allclose(h["list"][0], [4 + 1, 4 + 1, 4 + 3.5])
    value, Jv = tg.jvp(f, (params,), (v,))
    np.testing.assert_allclose(Jv, 2 * 2 * X.sum() + np.sum(M @ X))
    value_2, pull_back = tg.vjp(f, params)
    assert value == value_2
    np.testing.assert_allclose(pull_back(1.0)[0]["W"], g["W"])


def test_argnums_and_keywords():
    f = lambda x, y, *, power: (x * y) ** power
    assert tg.grad(f)(2.0, 3.0, power=2) == 36
    assert tg.grad(f, argnums=1)(2.0, 3.0, power=2) == 24
    assert tg.grad(f, argnums=(1, 0))(2.0, 3.0, power=2) == (24, 36)
    assert tg.grad(f, argnums=-1)(2.0, 3.0, power=2) == 24
    value, (gx, gy) = tg.value_and_grad(f, argnums=(0, 1))(2.0, 3.0, power=2)
    assert (value, gx, gy) == (36, 36, 24)


def test_what_comes_back_is_a_tensor_exactly_when_something_outside_wants_a_gradient():
    w = tg.Tensor(2.0, requires_grad=True)
    assert isinstance(tg.grad(lambda x: x**2)(3.0), np.ndarray)
    assert isinstance(tg.grad(lambda x: x**2 + w)(3.0), np.ndarray)
    inner = tg.grad(lambda x: x**2 * w)(3.0)
    assert isinstance(inner, tg.Tensor)
    inner.backward()
    assert w.grad == 6
    value, slope = tg.value_and_grad(lambda x: x * w)(3.0)
    assert isinstance(value, tg.Tensor)
    assert isinstance(slope, tg.Tensor)
    with tg.no_grad():
        assert isinstance(tg.grad(lambda x: x**2 * w)(3.0), np.ndarray)
        assert tg.grad(lambda x: x**2 * w)(3.0) == 12
        assert isinstance(tg.grad(lambda x: x**2)(w), np.ndarray)
    assert tg.grad(lambda x: x**2)(tg.Tensor(3.0)) == 6


def test_a_finished_inner_transform_wants_nothing_any_more():
    inner = lambda x: tg.grad(np.sin)(0.5) * x + tg.jacobian(lambda p: p * x)(0.3) ** 2
    assert isinstance(tg.grad(inner)(2.0), np.ndarray)
    w = tg.Tensor(2.0, requires_grad=True)
    slope = tg.grad(lambda x: x**3 * w)(1.5)
    slope.backward()
    assert w.grad == 3 * 1.5**2
    y, pull_back = tg.vjp(lambda x: x, X)
    assert isinstance(y, np.ndarray)
    assert pull_back(np.ones(3))[0].tolist() == [1, 1, 1]


def test_grads_of_tensors_are_not_touched():
    w = tg.Tensor(2.0, requires_grad=True)
    tg.grad(lambda x: x * w)(3.0)
    tg.hessian(lambda x: np.sum(x * x * w))(X)
    assert w.grad is None


def test_results_are_arrays_of_their_own():
    a, b = tg.grad(lambda x, y: np.sum(x + y), argnums=(0, 1))(X, X)
    a[0] = 7
    assert b[0] == 1
    assert X[0] == 0.3
    y, pull_back = tg.vjp(lambda x: x, X)
    y[0] = 9
    v = np.ones(3)
    g = pull_back(v)[0]
    g[0] = 5
    assert v[0] == 1
    assert pull_back(v)[0].tolist() == [1, 1, 1]


def test_functions_that_do_not_depend_on_their_argument():
    assert tg.grad(lambda x: 3.0)(2.0) == 0
    assert tg.grad(lambda x: np.sum(x > 0))(X).tolist() == [0, 0, 0]
    assert tg.hessian(lambda x: np.sum(x))(X).tolist() == np.zeros((3, 3)).tolist()
    assert tg.jvp(lambda x: np.ones(2), (X,), (X,))[1].tolist() == [0, 0]
    assert tg.grad(lambda x, y: x, argnums=(0, 1))(1.0, X)[1].tolist() == [0, 0, 0]


def test_integers_are_taken_as_float64():
    g = tg.grad(lambda x: x**2)(3)
    assert g == 6
    assert g.dtype == np.float64


def test_one_argument_used_as_two():
    assert tg.grad(lambda x, y: x * y)(X[0], X[0]) == X[0]
    assert tg.grad(lambda p: p[0] * p[1])([X[0], X[0]]) == [X[0], X[0]]


def test_names_and_docs_are_kept():
    def cost(x):
        """A cost."""
        return x**2

    assert tg.grad(cost).__name__ == "cost"
    assert tg.elementwise_grad(cost).__doc__ == "A cost."


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.grad(np.tanh)(X), ValueError, r"returned shape \(3,\).*jacobian, or elementwise_grad"),
        (lambda: tg.grad(lambda x: (x, x))(1.0), TypeError, "returned a tuple; it must return one array"),
        (lambda: tg.grad(np.sin, argnums=1)(1.0), ValueError, "argnums is 1, but the function was called with 1 arg"),
        (lambda: tg.grad(np.sin)("a"), TypeError, "data must be numbers"),
        (lambda: tg.grad(np.sin)(1j), TypeError, "complex data are not supported"),
        (lambda: tg.jvp(np.sin, X, X), TypeError, "jvp: xs and vs must be tuples"),
        (lambda: tg.jvp(np.sin, (X,), (X[:2],)), ValueError, r"jvp: vs has shape \(2,\) where the argument has \(3,\)"),
        (lambda: tg.vjp(np.sin, X)[1](np.ones(2)), ValueError, r"vjp: v has shape \(2,\), but must have \(3,\)"),
        (lambda: tg.hvp(lambda x: x[0])([1.0], [1.0, 2.0]), ValueError, "hvp: v has 2 arrays, but the argument has 1"),
        (lambda: tg.jacobian(lambda x: x[0])([X]), TypeError, "jacobian: the argument must be one array"),
    ],
)
def test_bad_input_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()
