"""Corners and jumps: where a derivative is a convention, the check must neither raise a false alarm nor miss an error."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import backprop as by_hand
from tinygrad_edu.check import WITNESS_TOLERANCE, witnesses
from tinygrad_edu.check import backprop as the_check
from tinygrad_edu.functional import ACTIVATIONS as ACTIVATIONS_OF_TENSORS

ACTIVATIONS = sorted(by_hand.ACTIVATION_FORMULAS)
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def special(rng, shape):
    """Numbers that put units on corners and make them equal: zero, one, ±1, few, tied; or tiny, or any."""
    return [
        np.zeros(shape),
        np.ones(shape),
        rng.choice([-1.0, 1.0], shape),
        rng.choice([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0], shape),
        np.full(shape, rng.normal()),
        rng.normal(size=shape) * 10.0 ** rng.integers(-12, -2),
        rng.normal(size=shape) * rng.choice([0.1, 1, 10, 100]),
    ][rng.integers(7)]


@st.composite
def special_problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    hidden = [draw(st.sampled_from(ACTIVATIONS)) for _ in sizes[2:]]
    output = draw(st.sampled_from([*ACTIVATIONS, "softmax"]))
    cost = draw(st.sampled_from(sorted(by_hand.COST_FORMULAS)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    net = tg.nn.MLP(sizes, hidden, output, rng=rng, dtype=dtype)
    for parameter in net.parameters():
        parameter.data = special(rng, parameter.shape).astype(dtype)
    n = draw(st.integers(1, 4))
    y = special(rng, (n, sizes[-1])) if cost == "quadratic" else rng.choice([0, 0.5, 1], (n, sizes[-1]))
    return net, special(rng, (n, sizes[0])), y, cost


@settings(max_examples=20 * settings.default.max_examples)  # 1,000 in CI, 40,000 under `thorough`
@given(special_problems())
def test_there_is_no_false_alarm(problem):
    report = tg.check_backprop(*problem)
    for row in report.rows:
        event(f"mark {row.mark or 'none'}")
    assert report.ok, f"{problem[0]}\n{report}"


def xor(activation="relu", output="identity", dtype=np.float64):
    """Nielsen's smallest example, whose hidden units are at 0 for the input (0, 0) as long as their biases are 0."""
    net = tg.nn.MLP([2, 3, 1], activation, output, rng=0, dtype=dtype)
    for b in net.biases:
        b.data = np.zeros(b.shape, dtype)
    return net, *XOR


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "step"])
def test_xor_with_biases_of_zero_agrees_and_the_report_says_from_which_side(activation, dtype):
    report = tg.check_backprop(*xor(activation, dtype=dtype))
    assert report.ok
    marks = {row.quantity: row.mark for row in report.rows}
    if activation == "step":  # δ1 = 0 in every term, so that there is nothing to move by
        return
    assert marks["δ1"] == marks["∂C/∂b1"] == "*"
    assert marks["∂C/∂W1"] == ""  # the input is 0 where the unit is: no weight moves it
    assert marks["∂C/∂b2"] == marks["∂C/∂W2"] == ""
    text = str(report)
    assert " *\n" in text
    assert "* The move leads across a corner" in text


def test_where_nothing_crosses_a_corner_no_side_is_named():
    net, x, y = xor("tanh")
    assert not any(row.mark for row in tg.check_backprop(net, x, y).rows)
    assert "corner" not in str(tg.check_backprop(net, x, y))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_pieces_are_the_function(name):
    z = np.concatenate([np.linspace(-5, 5, 101), [-1e-300, 0.0, 1e-300]])
    f = by_hand.ACTIVATION_FORMULAS[name].f
    if name in witnesses.CORNERS:
        is_right, left, right = witnesses.CORNERS[name]
        np.testing.assert_array_equal(np.where(is_right(z, 0), right(z), left(z)), f(z))
    else:  # no corner and no jump: the slopes on both sides of every point are the same
        h = 1e-6
        np.testing.assert_allclose((f(z + h) - f(z)) / h, (f(z) - f(z - h)) / h, atol=1e-5)


# --- Planted errors: in autograd alone, by hand alone, and in both ------------------------------------------

WRONG = {
    "relu": (lambda z: np.where(z < 0, 0, z), lambda z: (z >= 0).astype(z.dtype)),
    "leaky_relu": (lambda z: np.where(z >= 0, z, 0.01 * z), lambda z: np.where(z >= 0, 1, 0.01).astype(z.dtype)),
    "elu": (
        lambda z: np.where(z > 0, z, np.where(z < 0, np.expm1(z), 2 * z)),
        lambda z: np.where(z == 0, 2, np.exp(np.minimum(z, 0))).astype(z.dtype),
    ),
    "step": (lambda z: np.heaviside(z, 1) + np.where(z == 0, z, 0), lambda z: (z == 0).astype(z.dtype)),
}


@pytest.mark.parametrize("where", ["autograd", "hand", "both"])
@pytest.mark.parametrize("name", WRONG)
def test_a_derivative_that_is_wrong_at_a_corner_only_is_caught(name, where, monkeypatch):
    function, prime = WRONG[name]
    net, x, y = xor(name)
    y = 1 - y  # so that the output for (0, 0) is wrong, and its error reaches the units that are at 0
    assert tg.check_backprop(net, x, y).ok
    if where in ("autograd", "both"):
        function.__name__ = name  # else it would be one of the user's own
        monkeypatch.setitem(ACTIVATIONS_OF_TENSORS, name, function)
        monkeypatch.setattr(net.layers[0], "_sigma", function)
    if where in ("hand", "both"):
        formulas = by_hand.ACTIVATION_FORMULAS
        monkeypatch.setitem(formulas, name, formulas[name]._replace(prime=prime))
    report = tg.check_backprop(net, x, y)
    assert not report.ok
    assert "DO NOT AGREE" in str(report)
    assert (report.max_error <= report.tolerance) == (where == "both")  # in both: only finite differences can tell


@pytest.mark.parametrize("where", ["hand", "both"])
@pytest.mark.parametrize(
    ("equation", "wrong"),
    {
        "bp1": lambda nabla_a, sigma_prime: 1.1 * nabla_a * sigma_prime,
        "bp2": lambda W_next, delta_next, sigma_prime: delta_next @ W_next.T,
        "bp3": lambda delta: delta.mean(axis=0),
        "bp4": lambda a_prev, delta: -a_prev.T @ delta,
    }.items(),
)
def test_a_wrong_equation_is_caught_at_corners(equation, wrong, where, monkeypatch):
    monkeypatch.setattr(by_hand, equation, wrong)
    net, x, y = xor()
    if where == "both":
        arrays = [W.value for W in net.weights], [b.value for b in net.biases], x, y
        same = by_hand.backprop(*arrays, activation="relu", output="identity")
        monkeypatch.setattr(the_check, "_autograd", lambda *args: same)
    report = tg.check_backprop(net, x, y)
    assert not report.ok
    assert (report.max_error <= report.tolerance) == (where == "both")


# --- What finite differences can see ------------------------------------------------------------------------


def test_a_network_of_float32_is_looked_at_where_it_is():
    """A sine that is run through many times turns the rounding of z into another number: not an error of the gradient."""
    for seed in range(20):
        net = tg.nn.MLP([5, 4, 4, 3], "sine", "identity", rng=seed, dtype=np.float32)
        for W in net.weights:
            W.data = 100 * W.numpy()
        x, y = np.random.default_rng(seed).normal(size=(2, 3, 5))[0], np.zeros((3, 3))
        assert tg.check_backprop(net, x, y).ok


def test_an_output_at_the_end_of_the_logarithm():
    """A long move would lead from 1 − a = 1e-12 beyond 0, where the logarithm is clipped."""
    net = tg.nn.MLP([1, 2], output="identity", rng=0)
    net.weights[0].data, net.biases[0].data = np.zeros((1, 2)), np.array([1 - 1e-12, 1e-12])
    assert tg.check_backprop(net, [[1.0]], [[0.5, 0.5]], "binary_cross_entropy").ok


def test_where_the_differences_see_nothing_the_report_says_so():
    net = tg.nn.MLP([2, 2, 2], "sigmoid", "identity", rng=0)
    net.biases[1].data = np.array([1e9, 0.0])  # C is 1e18: what W1 and b1 change is below its rounding
    net.weights[1].data = np.array([[0.0, 1e-3], [0.0, 1e-3]])
    report = tg.check_backprop(net, XOR[0], np.zeros((4, 2)))
    assert report.ok
    assert {row.quantity for row in report.rows if row.mark == "?"} >= {"δ1", "∂C/∂W1"}
    assert "? Finite differences cannot see this gradient" in str(report)
    assert all(row.witness <= WITNESS_TOLERANCE for row in report.rows if row.witness is not None)


def test_the_rounding_of_one_minus_a_is_no_error():
    """With y = 0 the cost is −ln(1 − a) ≈ a, far below the rounding of 1 − a where a is small."""
    net = tg.nn.MLP([1, 1, 1], "identity", "identity", rng=0)
    for parameter, value in zip(net.parameters(), (1e-6, 0.0, 1e-11, 0.0), strict=True):
        parameter.data = np.full(parameter.shape, value)
    report = tg.check_backprop(net, [[1.0]], [[0.0]], "binary_cross_entropy")
    assert report.ok, str(report)
