"""Autograd against BP1–BP4: on random networks, and with rules made wrong on purpose."""

import re

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import backprop as by_hand
from tinygrad_edu import check, engine

ACTIVATIONS = sorted(by_hand.ACTIVATION_FORMULAS)
COSTS = sorted(by_hand.COST_FORMULAS)


@st.composite
def problems(draw):
    """Any network with any cost, also where units are saturated or at a corner, where widths are equal, and n is 1."""
    nets = tg.testing.networks(
        max_layers=5, activations=ACTIVATIONS, outputs=[*ACTIVATIONS, "softmax"], equal_widths=True
    )
    net, x, y, cost = draw(tg.testing.problems(nets, costs=COSTS, n=st.integers(1, 6), anywhere=True))
    gain = draw(st.sampled_from([1.0, 0.1, 0.3, 3.0, 10.0, 100.0]))
    for parameter in net.parameters():
        parameter.data = gain * parameter.numpy()
    if y.ndim == 2 and draw(st.booleans()):
        y = 0.5 * y  # then no row sums to 1
    return net, x, y, cost, gain


@settings(max_examples=10 * settings.default.max_examples)  # 500 in CI, 20,000 under `thorough`
@given(problems())
def test_autograd_equals_the_four_equations(problem):
    net, x, y, cost, gain = problem
    report = tg.check_backprop(net, x, y, cost)
    event(f"gain {gain}")
    assert report.max_error <= 1e-12, f"{net}\n{report}"
    assert report.ok, f"{net}\n{report}"


@pytest.mark.filterwarnings("error")
@given(
    output=st.sampled_from(["identity", "relu", "leaky_relu", "elu", "tanh", "sine", "gelu", "softplus", "softmax"]),
    cost=st.sampled_from(["cross_entropy", "binary_cross_entropy"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    smallness=st.floats(0, 1),
    gain=st.floats(-1, 2).map(lambda exponent: 10**exponent),
    seed=st.integers(0, 2**32 - 1),
)
def test_outputs_near_zero_are_no_disagreement(output, cost, dtype, smallness, gain, seed):
    """1/a in BP1 is as large as floats get where an output is tiny, or where a softmax is saturated."""
    rng = np.random.default_rng(seed)
    net = tg.nn.MLP([2, 3, 3], "tanh", output, init="he", rng=rng, dtype=dtype)  # biases of 0
    for parameter in net.parameters():
        parameter.data = gain * parameter.numpy()
    x = rng.normal(size=(2, 2)) * 10 ** (smallness * 0.95 * np.log10(np.finfo(dtype).tiny))
    y = rng.integers(0, 2, (2, 3)) if seed % 2 else rng.uniform(size=(2, 3))
    report = tg.check_backprop(net, x, y, cost)
    assert report.ok, f"{net}\n{report}"


@given(problems())
def test_the_matrix_form_finds_the_same_errors(problem):
    net, x, y, cost, _ = problem
    arguments = [[W.numpy() for W in net.weights], [b.numpy() for b in net.biases], x, y]
    options = {"activation": net.activation, "output": net.output, "cost": cost}
    if net.output == "softmax" or "cross_entropy" in cost:
        return  # an output that underflows is clipped there, and the two forms differ by design
    hand, scale = by_hand.backprop(*arguments, **options), by_hand.scales(*arguments, **options)
    for delta, other, S in zip(hand.delta, by_hand.matrix_form(*arguments, **options), scale.delta, strict=True):
        assert np.all(np.abs(delta - other) <= 1e-12 * S)


def small():
    rng = np.random.default_rng(1)
    net = tg.nn.MLP([4, 4, 4, 4], ["sigmoid", "tanh"], rng=1)
    return net, rng.normal(size=(5, 4)), rng.uniform(size=(5, 4))


def test_the_report_is_a_table_a_student_can_read():
    report = tg.check_backprop(*small())
    text = str(report)
    assert report.ok
    assert [row.equation for row in report.rows] == ["forward"] * 6 + ["BP1", "BP3", "BP4"] + ["BP2", "BP3", "BP4"] * 2
    for phrase in ("4-4-4-4 network, 5 examples, quadratic cost", "δ3", "BP2", "(δ3 W3ᵀ) ⊙ σ′(z2)", "a0ᵀ δ1", "agree"):
        assert phrase in text
    assert "DO NOT" not in text


def test_nothing_of_the_network_is_changed():
    net, x, y = small()
    before = [p.numpy() for p in net.parameters()]
    tg.check_backprop(net, x, y)
    assert all(p.grad is None for p in net.parameters())
    assert all(np.array_equal(p.numpy(), old) for p, old in zip(net.parameters(), before, strict=True))
    with tg.no_grad():
        assert tg.check_backprop(net, x, y).ok


def test_float32_is_measured_by_its_own_precision():
    net = tg.nn.MLP([3, 4, 2], rng=0, dtype=np.float32)
    report = tg.check_backprop(net, np.ones((2, 3), np.float32), np.array([0, 1]))
    assert report.ok
    assert 1e-4 < report.tolerance < 1e-3


PLANTED = {
    "sign of tanh": (np.tanh, 0, lambda g, y, a: -g * (1 - y * y)),
    "tanh without square": (np.tanh, 0, lambda g, y, a: g * (1 - y)),
    "a bias that is not summed": (np.add, 1, lambda g, y, a, b: g * 1.0001),
    "BP2 without the transpose": (np.matmul, 0, lambda g, y, a, b: g @ b),
    "BP4 without the activation": (np.matmul, 1, lambda g, y, a, b: np.ones_like(a).T @ g),
    "square without its 2": (np.square, 0, lambda g, y, a: g * a),
    "quotient": (np.divide, 1, lambda g, y, a, b: -g * y),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_wrong_rule_is_caught(planted, monkeypatch):
    fn, i, rule = PLANTED[planted]
    rules = list(engine.RULES[fn])
    rules[i] = rule
    monkeypatch.setitem(engine.RULES, fn, tuple(rules))
    report = tg.check_backprop(*small())
    assert not report.ok
    assert report.max_error > 1e-6
    assert "DO NOT AGREE" in str(report)


@pytest.mark.parametrize(
    ("equation", "wrong"),
    {
        "bp1": lambda nabla_a, sigma_prime: nabla_a,
        "bp2": lambda W_next, delta_next, sigma_prime: delta_next @ W_next.T,
        "bp3": lambda delta: delta.mean(axis=0),
        "bp4": lambda a_prev, delta: -a_prev.T @ delta,
    }.items(),
)
def test_a_wrong_equation_is_caught(equation, wrong, monkeypatch):
    monkeypatch.setattr(by_hand, equation, wrong)
    report = tg.check_backprop(*small())
    assert not report.ok
    assert equation.upper() in {row.equation for row in report.rows if not row.error <= report.tolerance}


def test_finite_differences_catch_an_error_that_both_sides_share(monkeypatch):
    """If the formulas and autograd were wrong in the same way, the second witness would still tell."""
    rules = list(engine.RULES[np.tanh])
    rules[0] = lambda g, y, a: 2 * g * (1 - y * y)
    monkeypatch.setitem(engine.RULES, np.tanh, tuple(rules))
    tanh = by_hand.ACTIVATION_FORMULAS["tanh"]
    monkeypatch.setitem(by_hand.ACTIVATION_FORMULAS, "tanh", tanh._replace(prime=lambda z: 2 * tanh.prime(z)))
    report = tg.check_backprop(*small())
    assert report.max_error <= report.tolerance
    assert not report.ok
    assert max(row.witness for row in report.rows if row.witness is not None) > check.WITNESS_TOLERANCE


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net, x, y: tg.check_backprop(np.tanh, x, y), TypeError, "must be a tg.nn.MLP, or .* not a ufunc"),
        (lambda net, x, y: tg.check_backprop(net, x, y, "quadratics"), ValueError, "did you mean 'quadratic'"),
        (
            lambda net, x, y: tg.check_backprop(net, x[:, :2], y),
            ValueError,
            r"check_backprop: x has shape \(5, 2\), but this network takes \(n, 4\)",
        ),
        (lambda net, x, y: tg.check_backprop(net, x, y[:, :1]), ValueError, r"y must have the outputs' shape \(5, 4\)"),
    ],
)
def test_bad_input_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(*small())


# --- check_grads ------------------------------------------------------------------------------------------


def test_check_grads_passes_and_fails():
    x = np.array([0.3, -1.2, 2.0])
    tg.check_grads(lambda x: np.tanh(x) * np.sum(x), x, order=3)
    tg.check_grads(lambda p: p["a"] @ np.sin(p["b"][0]), {"a": x, "b": [x + 1]})
    with pytest.raises(AssertionError, match=r"derivative of order 1 in array 0 of x \(shape \(3,\)\)"):
        tg.check_grads(lambda x: x * tg.stop_gradient(x), x)
    with pytest.raises(AssertionError, match="array 1 of x"):
        tg.check_grads(lambda xs: xs[0] * xs[1] * tg.stop_gradient(xs[1]), (x, x))


def test_check_grads_of_second_order(monkeypatch):
    monkeypatch.setitem(engine.RULES, np.sin, (lambda g, y, a: g * np.cos(tg.stop_gradient(a)),))
    tg.check_grads(np.sin, np.array([0.5, 1.0]), order=1)
    with pytest.raises(AssertionError, match=re.escape("order 2")):
        tg.check_grads(np.sin, np.array([0.5, 1.0]), order=2)


def test_check_grads_of_small_slopes_and_of_models():
    tg.check_grads(lambda x: 1e-5 * np.abs(x), np.array([1.0]))
    with pytest.raises(AssertionError):
        tg.check_grads(lambda x: 1e-4 * x * tg.stop_gradient(x), np.array([0.5, 1.0]))
    net = tg.nn.MLP([2, 3, 1], rng=0)
    tg.check_grads(net, np.array([[0.1, 0.2]]))


def test_check_grads_uses_the_complex_step_where_it_may():
    """An error far below what central differences can see."""
    with pytest.raises(AssertionError):
        tg.check_grads(lambda x: np.sin(x) + 1e-7 * tg.stop_gradient(np.sin(x)), np.array(0.7), order=1)
    tg.check_grads(np.abs, np.array([0.7, -0.3]))  # not analytic: only central differences apply
