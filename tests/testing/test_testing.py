"""The testers, tested: what they draw, that nothing wrong gets through, and how small a failing example becomes."""

import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

import tinygrad_edu as tg
from tinygrad_edu import backprop as by_hand
from tinygrad_edu import engine
from tinygrad_edu.costs import COSTS
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import INITIALIZERS
from tinygrad_edu.testing import (
    activations,
    arrays,
    assert_gradients_match,
    assert_matches_backprop,
    batches,
    costs,
    networks,
    problems,
)

SMALLEST = settings(
    database=None, derandomize=True, deadline=None, max_examples=2000, phases=[Phase.generate, Phase.shrink]
)


def smallest(strategy, condition):
    return find(strategy, condition, settings=SMALLEST)


def drawn_from(strategy):
    """The elements of sampled_from."""
    found = set()
    settings(max_examples=200, database=None, derandomize=True)(given(strategy)(lambda name: found.add(name)))()
    return found


def many(strategy):
    found = []
    settings(max_examples=40, database=None, derandomize=True)(given(strategy)(lambda one: found.append(one)))()
    return found


def widths(net):
    return [net.weights[0].shape[0], *(b.size for b in net.biases)]


# --- arrays -----------------------------------------------------------------------------------------------


@given(
    st.data(),
    st.sampled_from([(), 3, (4,), (2, 3), (0, 2)]),
    st.tuples(st.floats(-50, 0), st.floats(1, 50)),
    st.sampled_from([(), (0.0,), (0.0, 1.0)]),
    st.sampled_from([np.float64, np.float32]),
)
def test_arrays_are_finite_round_and_away_from_corners(data, shape, bounds, corners, dtype):
    low, high = bounds
    strategy = arrays(shape, min_value=low, max_value=high, away_from=corners, distance=0.2, dtype=dtype)
    array = data.draw(strategy)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert array.dtype == dtype
    assert all(low - 1e-6 <= v <= high + 1e-6 for v in array.flat)
    assert all(abs(v - corner) > 0.2 - 1e-6 for v in array.flat for corner in corners)
    assert np.array_equal(array, np.round(array.astype(float), 3).astype(dtype))


@given(arrays(st.sampled_from([(2, 3), (5,)]), unique=True))
def test_a_shape_may_be_drawn_and_numbers_be_different(array):
    assert array.shape in ((2, 3), (5,))
    assert len(set(array.flat)) == array.size


def test_many_different_numbers_need_decimals():
    array = smallest(arrays(20, min_value=-3, max_value=3, unique=True), lambda _: True)
    assert len(set(array)) == 20


def test_arrays_shrink_to_whole_numbers():
    assert smallest(arrays((2, 2)), lambda a: True).tolist() == [[1, 1], [1, 1]]
    few = smallest(arrays(3), lambda a: np.sum(a) < -4)
    assert np.array_equal(few, np.round(few))
    assert np.sum(few) == -5
    assert smallest(arrays(4), lambda a: np.max(a) > 2.5).tolist() == [1, 1, 1, 3]
    assert {*np.abs(smallest(arrays(3, unique=True), lambda a: True))} <= {1, 2, 3}
    assert smallest(arrays(1), lambda a: a[0] != round(a[0])).tolist() == [0.1]
    assert smallest(arrays(1, min_value=0.4, max_value=0.9), lambda a: True).tolist() == [0.4]


# --- networks ---------------------------------------------------------------------------------------------


@given(networks(), networks(max_layers=6, max_width=4, dtypes=[np.float32, np.float64]))
def test_nothing_about_a_network_hides_mistakes(net, other):
    for n in (net, other):
        sizes = widths(n)
        assert all(a != b for a, b in pairwise(sizes))
        assert all(a != c for a, c in zip(sizes, sizes[2:], strict=False))
        assert all(np.all(p.value != 0) for p in n.parameters())
        assert not {"step", "identity"} & set(n.activation)
        assert n.output != "softmax" or sizes[-1] > 1
    assert 2 <= len(widths(net)) <= 4
    assert max(widths(other)) <= 4
    assert net.weights[0].dtype == float
    assert all(p.dtype == other.weights[0].dtype for p in other.parameters())


@given(
    networks(
        sizes=[2, 2, 4, 2], activations=["step", tg.identity], outputs=["tanh"], inits=["he"], dtypes=[np.float32]
    ),
    networks(min_layers=4, max_layers=4, max_width=1, outputs=["sine"], equal_widths=True, zero_biases=True),
)
def test_everything_can_be_asked_for(net, other):
    assert widths(net) == [2, 2, 4, 2]
    assert set(net.activation) <= {"step", "identity"}
    assert net.output == "tanh"
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert widths(other) == [1] * 5
    assert not any(b.value.any() for b in other.biases)
    assert other.output == "sine"


@pytest.mark.parametrize("init", sorted(INITIALIZERS))
def test_weights_are_as_large_as_the_initialisers(init):
    """The root mean square over many networks, next to what the initialiser itself draws."""
    sizes, squares = [6, 9, 4], []
    nets = networks(sizes=sizes, inits=[init])
    collect = given(nets)(lambda net: squares.append([np.mean(np.square(W.value)) for W in net.weights]))
    settings(max_examples=40, database=None, derandomize=True, deadline=None)(collect)()
    theirs = [[np.mean(W.value**2) for W in tg.nn.MLP(sizes, init=init, rng=seed).weights] for seed in range(100)]
    ratio = np.sqrt(np.mean(squares, axis=0) / np.mean(theirs, axis=0))
    assert np.all(ratio > 0.7)
    assert np.all(ratio < 1.5)


def test_networks_shrink_to_small_ones():
    net = smallest(networks(), lambda net: True)
    assert sorted(widths(net)) == [1, 2]
    assert all(np.all(p.value == 1) for p in net.parameters())
    deep = smallest(networks(max_layers=5), lambda net: len(net.weights) >= 3)
    assert sorted(widths(deep)) == [1, 1, 2, 3]
    assert set(deep.activation) == {"sigmoid"}
    assert smallest(networks(), lambda net: "relu" in net.activation).activation == ["relu"]


def test_a_failing_example_shows_the_parameters():
    @settings(SMALLEST, max_examples=5)
    @given(networks(sizes=[2, 1]))
    def fails(net):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fails()
    shown = "\n".join(caught.value.__notes__)
    assert "MLP([2, 1], activation=[], output='sigmoid')" in shown
    assert re.search(r"W1 = array\(\[\[\S+\],\s+\[\S+\]\]\)\nb1 = array\(\[\S+\]\)", shown)


# --- batches ----------------------------------------------------------------------------------------------


def slope(sigma, z, h=1e-6):
    return (sigma(z + h) - sigma(z - h)) / (2 * h)


@given(problems(networks(outputs=sorted(set(ACTIVATIONS) - {"step"}))))
def test_no_unit_is_saturated_dead_or_at_a_corner(problem):
    net, x, _, _ = problem
    assert len(x) >= 2
    assert len(x) not in widths(net)
    assert np.all(x != 0)
    a = x
    for layer in net.layers:
        W, b = layer.linear.W.value, layer.linear.b.value
        z = np.array([[sum(row[i] * W[i, j] for i in range(len(row))) + b[j] for j in range(len(b))] for row in a])
        sigma = ACTIVATIONS[layer.activation]
        if layer.activation in ("relu", "leaky_relu", "elu"):
            assert np.all(np.abs(z) >= 0.009)
        if layer.activation == "relu":
            assert np.all(np.any(z > 0, axis=1))
        elif layer.activation == "softmax":
            assert np.all(sigma(z) < 0.99)
        else:
            assert np.all(np.abs(slope(sigma, z)) > 0.0099)
        a = sigma(z)


@settings(max_examples=15)
@given(problems(networks(max_layers=2, outputs=sorted(set(ACTIVATIONS) - {"step"}))))
def test_fit_takes_what_is_drawn(problem):
    net, x, y, cost = problem
    history = tg.fit(
        net, x, y, cost=cost, optimizer=tg.optim.SGD(net.parameters(), lr=0.01), epochs=1, batch_size=2, progress=False
    )
    assert np.isfinite(history.cost[-1])


@pytest.mark.parametrize("output", sorted(set(ACTIVATIONS) - {"step"}))
def test_costs_are_those_that_fit_takes(output):
    taken = set()
    for cost in COSTS:
        net = tg.nn.MLP([3, 2], output=output, rng=0)
        net.weights[0].data = 3 * net.weights[0].numpy()  # outputs of every size
        x, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 2
        sgd = tg.optim.SGD(net.parameters(), lr=0.1)
        try:
            tg.fit(net, x, y, cost=cost, optimizer=sgd, epochs=1, batch_size=50, progress=False)
        except ValueError:
            continue
        taken.add(cost)
    assert drawn_from(costs(output, logits=True)) == taken
    assert drawn_from(costs(ACTIVATIONS[output])) == {cost for cost in taken if "logits" not in cost}


def test_activations_are_those_with_a_slope_to_forget():
    assert drawn_from(activations()) == set(ACTIVATIONS) - {"softmax", "step", "identity"}


@given(st.data(), st.sampled_from(sorted(COSTS)), st.sampled_from([None, False, True]))
def test_targets_suit_the_cost(data, cost, labels):
    output = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(cost, "identity")
    net = data.draw(networks(min_layers=2, outputs=[output], max_width=4, dtypes=[np.float32]))
    units = net.biases[-1].size
    if units == 1 and (labels or "cross_entropy" in cost.removeprefix("binary_")):
        return
    x, y = data.draw(batches(net, cost, n=data.draw(st.sampled_from([None, 1, st.just(5)])), labels=labels))
    assert x.dtype == np.float32
    if y.ndim == 1:
        assert labels is not False
        assert y.dtype.kind == "i"
        assert np.all((y >= 0) & (y < units))
        return
    assert not labels
    assert y.shape == (len(x), units)
    assert y.dtype == np.float32
    if "entropy" in cost:
        assert np.all((y >= 0) & (y <= 1))
    if cost.startswith("cross_entropy"):
        assert np.all(y.sum(axis=1) == 1)
    assert np.isfinite(COSTS[cost](net(x), y).item())


def test_every_kind_of_target_is_drawn():
    net = tg.nn.MLP([2, 3], output="softmax", rng=0)
    for cost, rows in (("cross_entropy", 4), ("quadratic", 4)):
        smallest(batches(net, cost), lambda batch: batch[1].ndim == 1)
        smallest(batches(net, cost), lambda batch: batch[1].ndim == 2 and np.all(np.isin(batch[1], (0, 1))))
        x, _ = smallest(batches(net, cost), lambda batch: np.any((batch[1] > 0) & (batch[1] < 1)))
        assert len(x) <= rows


@given(
    problems(
        networks(max_layers=2, outputs=["tanh", "sine", "sigmoid", "elu", "gelu", "relu", "softplus"]), labels=False
    )
)
def test_targets_lie_where_outputs_do(problem):
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "sine": (-1, 1), "elu": (-1, np.inf)}.get(
        problem.net.output, (0, np.inf)
    )
    assert np.all((problem.y >= low) & (problem.y <= high))


@pytest.mark.parametrize(("activation", "output"), [("sigmoid", "sigmoid"), ("identity", "softmax")])
def test_anywhere_means_also_where_mistakes_hide(activation, output):
    net = tg.nn.MLP([1, 4, 2], activation, output, rng=0)
    net.weights[0].data = np.full((1, 4), 100.0)
    net.weights[1].data = np.array([[1.0, -1.0]] * 4)
    x, _ = smallest(batches(net, anywhere=True), lambda _: True)
    assert np.all(x == 1)
    with pytest.raises(Unsatisfiable):
        find(batches(net, n=1), lambda _: True, settings=settings(SMALLEST, max_examples=1))


def test_a_single_softmax_is_left_out_unless_it_is_asked_for():
    assert not np.any([net.output == "softmax" for net in many(networks(sizes=[2, 1]))])
    net = tg.nn.MLP([2, 1], output="softmax", rng=0)
    x, y = smallest(batches(net, "cross_entropy"), lambda _: True)
    assert y.shape == (len(x), 1)
    assert all(n.output == "softmax" for n in many(networks(sizes=[2, 1], outputs=["softmax"])))


@given(st.data())
def test_networks_of_ones_own_have_batches_too(data):
    def cube(z):
        return z * z * z

    for net in (
        tg.nn.Sequential(tg.nn.Linear(2, 3, rng=0), tg.tanh, tg.nn.Linear(3, 1, rng=1)),
        tg.nn.MLP([2, 3, 1], [cube], "identity", rng=0),
        tg.nn.MLP([2, 3, 1], ["step"], "identity", rng=0),
    ):
        x, y = data.draw(batches(net))
        assert (x.shape[1], y.shape) == (2, (len(x), 1))
    assert data.draw(problems(st.just(tg.nn.MLP([2, 1], output=cube, rng=0)))).cost == "quadratic"


# --- assert_matches_backprop ------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backpropagation(
    weights, biases, x, y, *, output_error=lambda a, y: (a - y) * a * (1 - a) / len(y), hidden=lambda a, z: a * (1 - a),
    bias=lambda delta: delta.sum(axis=0), weight=lambda a, delta: a.T @ delta, back=lambda delta, W: delta @ W.T,
):  # fmt: skip
    """As a student writes it, for sigmoid units, with a place for every mistake."""
    z, a = [], [x]
    for W, b in zip(weights, biases, strict=True):
        z.append(a[-1] @ W + b)
        a.append(sigmoid(z[-1]))
    delta = output_error(a[-1], y)
    grad_weights, grad_biases = [], []
    for l in range(len(weights) - 1, -1, -1):
        grad_weights.insert(0, weight(a[l], delta))
        grad_biases.insert(0, bias(delta))
        if l:
            delta = back(delta, weights[l]) * hidden(a[l], z[l - 1])
    return grad_weights, grad_biases


def wrong(**parts):
    return lambda *arguments: backpropagation(*arguments, **parts)


def doubles_the_deepest(weights, biases, x, y):
    grad_weights, grad_biases = backpropagation(weights, biases, x, y)
    return ([2 * grad_weights[0], *grad_weights[1:]] if len(weights) == 3 else grad_weights), grad_biases


def updates(weights, biases, x, y):
    grads = backpropagation(weights, biases, x, y)
    for W, g in zip(weights, grads[0], strict=True):
        W -= 0.1 * g
    return grads


# the mistake: what is said of it, and the sizes of the smallest problem
MISTAKES = {
    "BP1 without σ′": (wrong(output_error=lambda a, y: (a - y) / len(y)), r"BP3 and BP4, layer 1: .*δ1 is \(BP1\)", [1, 2]),
    "BP1 without 1/n": (wrong(output_error=lambda a, y: (a - y) * a * (1 - a)), r"layer 1: .*\(BP1\)", [1, 2]),
    "the sign": (wrong(output_error=lambda a, y: (y - a) * a * (1 - a) / len(y)), r"layer 1: .*\(BP1\)", [1, 2]),
    "BP2 without σ′": (wrong(hidden=lambda a, z: 1), r"BP3 and BP4, layer 1: .*δ1 is \(BP2\)", [1, 2, 3]),
    "σ′ of a for σ′ of z": (wrong(hidden=lambda a, z: sigmoid(a) * (1 - sigmoid(a))), r"layer 1: .*\(BP2\)", [1, 2, 3]),
    "z(1 − z)": (wrong(hidden=lambda a, z: z * (1 - z)), r"layer 1: .*\(BP2\)", [1, 2, 3]),
    "BP3 with a mean": (wrong(bias=lambda d: d.mean(axis=0)), r"BP3, layer 1: fn gives 0\.\d+ for ∂C/∂b1\[0\], but", [1, 2]),
    "BP3 over the units": (wrong(bias=lambda d: d.sum(axis=1)), r"BP3, .*shape \(3,\), but must .* of b1, \(2,\)$", [1, 2]),
    "BP3 as a row": (wrong(bias=lambda d: d.sum(axis=0, keepdims=True)), r"∂C/∂b1 has shape \(1, 2\), but", [1, 2]),
    "BP4 transposed": (wrong(weight=lambda a, d: d.T @ a), r"BP4, .*\(2, 1\), but .* W1, \(1, 2\): is it transposed", [1, 2]),
    "BP4 with 1/n again": (wrong(weight=lambda a, d: a.T @ d / len(a)), r"BP4, layer 1: .* ∂C/∂W1\[0, 0\]", [1, 2]),
    "BP4 with a 2": (doubles_the_deepest, r"BP4, layer 1: .* ∂C/∂W1\[0, 0\]", [1, 2, 3, 1]),
    "NaN": (wrong(weight=lambda a, d: a.T @ d * np.nan), r"BP4, layer 1: fn gives nan for ∂C/∂W1\[0, 0\], but", [1, 2]),
    "no numbers": (wrong(bias=lambda d: np.array(["a", "b"])), "∂C/∂b1 must be an array of real numbers", [1, 2]),
    "ragged": (wrong(bias=lambda d: [[1.0], [1.0, 2.0]]), "∂C/∂b1 is no array", [1, 2]),
    "W −= …": (updates, "fn changes the weights", [1, 2]),
    "an error": (lambda weights, biases, x, y: 1 / 0, "fn raises ZeroDivisionError: division by zero", [1, 2]),
    "another signature": (lambda weights, biases: None, "fn raises TypeError", [1, 2]),
    "nothing": (lambda *_: None, r"must return \(grad_weights, grad_biases\).*, not None", [1, 2]),
    "a dict": (lambda *_: {"W": 0, "b": 1}, "must return .*, not {'W'", [1, 2]),
    "weights alone": (lambda *args: (backpropagation(*args)[0], []), "grad_biases .* each layer, 1 in all, not 0", [1, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_and_its_smallest_problem_is_small(name):
    fn, message, sizes = MISTAKES[name]
    with pytest.raises(AssertionError) as caught:
        assert_matches_backprop(fn)
    text = str(caught.value)
    said, program = re.split(r"\n\nThe smallest problem on which it was seen:\n\n", text)
    assert re.search(message, said.removeprefix("assert_matches_backprop: ")), text
    shown = {"np": np}
    exec(program, shown)
    weights, biases, x, y = (shown[part] for part in ("weights", "biases", "x", "y"))
    assert len(weights) == len(sizes) - 1
    assert len(weights[0]) + sum(map(len, biases)) <= sum(sizes) + 1  # how far it shrinks depends on the version
    assert len(x) == len(y) <= 4
    assert {*np.concatenate([x.ravel(), *(W.ravel() for W in weights), *biases])} == {1.0}
    assert {*y.ravel()} <= {0.0, 0.1, 1.0}


def test_the_layer_next_to_the_outputs_is_named_first():
    with pytest.raises(AssertionError, match="BP3, layer 2: fn gives"):
        assert_matches_backprop(wrong(bias=lambda delta: delta.mean(axis=0)), sizes=[2, 3, 1])


def test_both_numbers_are_those_of_the_problem_shown():
    with pytest.raises(AssertionError) as caught:
        assert_matches_backprop(fn := wrong(bias=lambda delta: delta.mean(axis=0)))
    text = str(caught.value)
    mine, right = map(float, re.search(r"gives (\S+) for ∂C/∂b1\[0\], but it is (\S+)\n", text).groups())
    shown = {"np": np}
    exec(text.partition("seen:")[2], shown)
    arguments = [shown[part] for part in ("weights", "biases", "x", "y")]
    assert math.isclose(fn(*arguments)[1][0][0], mine, rel_tol=1e-6)
    assert math.isclose(by_hand.backprop(*arguments).grad_biases[0][0], right, rel_tol=1e-6)


def test_what_is_random_or_remembers_is_said_to_be():
    calls = []

    def every_third_time(*arguments):
        calls.append(1)
        return wrong(bias=lambda delta: delta.sum(axis=0) * (1 + (len(calls) % 3 == 0)))(*arguments)

    with pytest.raises(AssertionError, match="right and wrong on the same problem"):
        assert_matches_backprop(every_third_time)


@pytest.mark.parametrize("sizes", [None, [2, 1], (3, 2, 4)])
def test_a_right_one_passes(sizes):
    assert_matches_backprop(backpropagation, sizes=sizes, max_examples=20)
    two_in_one = wrong(output_error=lambda a, y: (a - y) / len(y))
    assert_matches_backprop(two_in_one, cost="binary_cross_entropy", sizes=sizes, max_examples=20)


def by_autograd(activation, output, cost):
    """The same gradients, found by the engine."""
    names = [ACTIVATIONS[activation], ACTIVATIONS[output]]

    def fn(weights, biases, x, y):
        def C(parameters):
            a = x
            for l, (W, b) in enumerate(zip(*parameters, strict=True), start=1):
                a = names[l == len(weights)](a @ W + b)
            return COSTS[cost](a, y)

        return tg.grad(C)((weights, biases))

    return fn


PAIRS = [(output, cost) for output in ACTIVATIONS for cost in by_hand.COST_FORMULAS
         if cost == "quadratic" or output == "softmax" or (output, cost) == ("sigmoid", "binary_cross_entropy")]  # fmt: skip


@pytest.mark.parametrize(("output", "cost"), PAIRS)
def test_autograd_passes_for_every_function(output, cost):
    names = {"activation": {"softmax": "tanh"}.get(output, output), "output": output, "cost": cost}
    assert_matches_backprop(by_autograd(**names), **names, tolerance=1e-10, max_examples=10)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus", "sine"])
def test_a_wrong_slope_of_the_engine_is_found(name, monkeypatch):
    """σ′ doubled, of a hidden layer."""
    names = {"activation": name, "output": "identity", "cost": "quadratic"}
    right, double = by_autograd(**names), ACTIVATIONS[name]
    monkeypatch.setitem(ACTIVATIONS, name, lambda z: 2 * double(z) - tg.stop_gradient(double(z)))
    wrong_one = by_autograd(**names)
    monkeypatch.undo()
    assert_matches_backprop(right, **names, max_examples=10)
    with pytest.raises(AssertionError, match=r"BP3 and BP4, layer 1: .*\(BP2\)"):
        assert_matches_backprop(wrong_one, **names)


def test_a_program_for_one_shape_is_tried_on_it():
    def two_layers(weights, biases, x, y):
        (W1, W2), (b1, b2) = weights, biases
        a1 = sigmoid(x @ W1 + b1)
        a2 = sigmoid(a1 @ W2 + b2)
        delta2 = (a2 - y) * a2 * (1 - a2) / len(x)
        delta1 = delta2 @ W2.T * a1 * (1 - a1)
        return [x.T @ delta1, a1.T @ delta2], [delta1.sum(axis=0), delta2.sum(axis=0)]

    assert_matches_backprop(two_layers, sizes=(2, 4, 3), max_examples=20)
    with pytest.raises(AssertionError, match="fn raises ValueError: not enough values to unpack"):
        assert_matches_backprop(two_layers)


# --- assert_gradients_match -------------------------------------------------------------------------------


def test_gradients_of_several_arguments():
    a, b = np.array([[0.3, -1.2], [2.0, 0.4]]), np.array([0.5, -0.7])
    assert_gradients_match(lambda a, b, c: np.tanh(a @ b) * c["scale"], a, b, {"scale": 2.0}, order=3)
    with pytest.raises(
        AssertionError, match=r"^assert_gradients_match: derivative of order 1 in argument 1 \(shape \(2,\)\)"
    ):
        assert_gradients_match(lambda a, b: a @ (b * tg.stop_gradient(b)), a, b)
    with pytest.raises(
        AssertionError, match=r"in array 1 of argument 1 \(shape \(2,\)\), .* autograd finds .*, but it is"
    ):
        assert_gradients_match(lambda a, pair: a @ pair[0] * pair[1] * tg.stop_gradient(pair[1]), a, (b, b + 1))


def test_mixed_derivatives_are_checked(monkeypatch):
    """∂f/∂a and ∂f/∂b are right, ∂²f/∂a∂b is not."""
    rules = list(engine.RULES[np.multiply])
    rules[0] = lambda g, y, a, b: np.outer(np.multiply(1.0, g), np.ones(1)).ravel() * tg.stop_gradient(b)
    monkeypatch.setitem(engine.RULES, np.multiply, tuple(rules))
    a, b = np.array([0.3, -1.2]), np.array([0.5, 2.0])
    assert_gradients_match(np.multiply, a, b, order=1)
    with pytest.raises(AssertionError, match="order 2 in argument"):
        assert_gradients_match(np.multiply, a, b)


@given(problems())
@settings(max_examples=20)
def test_gradients_of_drawn_networks(problem):
    net, x, y, cost = problem
    L = range(1, len(net.weights) + 1)

    def C(W, b):
        a = x
        for l in L:
            a = ACTIVATIONS[net.layers[l - 1].activation](a @ W[l - 1] + b[l - 1])
        return COSTS[cost](a, y)

    assert_gradients_match(C, [W.numpy() for W in net.weights], [b.numpy() for b in net.biases], order=1)


@given(arrays((3, 2), unique=True, min_value=0), arrays(2, dtype=np.float32))
def test_arguments_of_two_precisions(a, b):
    """A gradient is as precise as its argument."""
    assert_gradients_match(lambda a, b: np.max(a, axis=0) * b, a, b, order=1)


def test_errors_of_the_function_stay_what_they_are():
    def broken(a, b):
        raise ValueError("mine: array 0 of x")

    with pytest.raises(ValueError, match=r"^mine: array 0 of x$"):
        assert_gradients_match(broken, 1.0, 2.0)
    with pytest.raises(
        ValueError, match=r"^assert_gradients_match: derivative of order \d in argument 1 .* corner or a jump"
    ):
        assert_gradients_match(lambda a, b: a * np.maximum(b, 0), 1.0, 0.0)


# --- without Hypothesis, and with bad arguments -----------------------------------------------------------


def test_without_hypothesis():
    code = """
import sys
sys.modules["hypothesis"] = None
from tinygrad_edu import *
import tinygrad_edu as tg
tg.testing.assert_gradients_match(lambda a, b: a * b, 1.0, 2.0)
for name in set(tg.testing.__all__) - {"assert_gradients_match"}:
    try:
        getattr(tg.testing, name)
    except ImportError as error:
        assert str(error) == f'tg.testing.{name} needs Hypothesis: pip install "tinygrad_edu[testing]"', error
        assert error.__suppress_context__
    else:
        raise AssertionError(name)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_names():
    assert set(tg.testing.__all__) <= set(dir(tg.testing))
    with pytest.raises(AttributeError, match="has no attribute 'network'"):
        tg.testing.network  # noqa: B018 - looking the name up is what raises


NET = tg.nn.MLP([2, 1], rng=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: arrays(2, dtype=int), TypeError, "arrays: dtype must be one of floats"),
        (lambda: arrays(2, min_value=1, max_value=1), ValueError, "min_value must be below max_value"),
        (lambda: arrays(2, max_value=np.inf), ValueError, "both finite"),
        (lambda: arrays(2, min_value=-0.1, max_value=0.1, distance=0.5), ValueError, "no number from -0.1 to 0.1 is 0.5 away"),
        (lambda: arrays((50, 50), unique=True), ValueError, "2500 different numbers are more than there are .*, 118"),
        (lambda: networks(activations=["sigmod"]), ValueError, "did you mean 'sigmoid'"),
        (lambda: networks(outputs=["softmx"]), ValueError, "did you mean 'softmax'"),
        (lambda: networks(inits=["scale"]), ValueError, "networks: inits.* did you mean 'scaled'"),
        (lambda: networks(activations="tanh"), ValueError, r"activations must be a list to draw from, such as \['tanh'\]"),
        (lambda: networks(outputs=[]), ValueError, "outputs must be a list"),
        (lambda: networks(dtypes=[int]), TypeError, "dtype must be one of floats"),
        (lambda: networks(sizes=[3]), ValueError, "MLP: sizes"),
        (lambda: networks(min_layers=3, max_layers=2), ValueError, "max_layers is 2, but must be at least min_layers, 3"),
        (lambda: networks(max_width=2), ValueError, "max_width is 2; layers of different widths need 3"),
        (lambda: networks(max_layers=0.5), TypeError, "max_layers must be a whole number"),
        (lambda: networks(sizes=[784, 30, 10]), ValueError, "784-30-10 have more than 2000 weights and biases"),
        (lambda: costs("softmx"), ValueError, "costs: output.* did you mean 'softmax'"),
        (lambda: batches(NET, "quadratics"), ValueError, "batches: cost.* did you mean 'quadratic'"),
        (lambda: batches(NET, n=0), ValueError, "batches: n must be at least 1"),
        (lambda: batches(NET, labels=True), ValueError, "two or more output units, but this network has one"),
        (lambda: batches(np.tanh), TypeError, "batches: mlp must be a tg.nn.MLP, or"),
        (lambda: problems(costs=["quadratics"]), ValueError, "problems: costs.* did you mean 'quadratic'"),
        (lambda: assert_matches_backprop(None), TypeError, "fn must be a function of weights, biases, x and y, not None"),
        (lambda: assert_matches_backprop(min, activation="tan"), ValueError, "activation.* did you mean 'tanh'"),
        (lambda: assert_matches_backprop(min, activation=["tanh"]), ValueError, "activation"),
        (lambda: assert_matches_backprop(min, cost="entropy"), ValueError, "known: binary_cross_entropy"),
        (lambda: assert_matches_backprop(min, cost="cross_entropy"), ValueError, "the cost 'cross_entropy' does not fit the output 'sigmoid'"),
        (lambda: assert_matches_backprop(min, max_examples=0), ValueError, "max_examples must be at least 1"),
        (lambda: assert_gradients_match(1.0, 2.0), TypeError, "assert_gradients_match: f must be a function, not 1.0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_says_what_happens(capsys):
    """Its cells run, and the problem that it looks at is the one that it was shown."""
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\} python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(cells) >= 6
    names, printed = {}, []
    for cell in cells:
        exec(compile(cell, "testing.md", "exec"), names)
        printed.append(capsys.readouterr().out)
    shown = printed[1].partition("seen:\n\n")[2]
    assert "layer 1" in printed[1]
    assert "(BP2)" in printed[1]
    assert shown.count("np.array") == 6  # two layers, x and y
    assert shown.splitlines()[0][:40] == cells[2].splitlines()[0][:40]
    ratio, a = re.findall(r"\[(\S+) ", printed[2].splitlines()[-1])
    assert ratio == a
    assert "argument 1" in printed[3]
    assert "W1 = array(" in printed[5]
