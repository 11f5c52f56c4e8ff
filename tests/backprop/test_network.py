"""The network of Nielsen's book against the batched formulas, autograd, and his equations entry by entry."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.backprop import Network

SIZES = st.lists(st.integers(1, 5), min_size=2, max_size=5)
SEEDS = st.integers(0, 2**32 - 1)


def as_rows(net):
    """Weights and biases in the layout of rows."""
    return [w.T for w in net.weights], [b[:, 0] for b in net.biases]


def twin_of(net):
    """An MLP with the same weights."""
    mlp = tg.nn.MLP(net.sizes, rng=0)
    for mine, theirs in zip((*mlp.weights, *mlp.biases), itertools.chain(*as_rows(net)), strict=True):
        mine.data[...] = theirs
    return mlp


def examples(net, n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, net.sizes[0])), rng.uniform(size=(n, net.sizes[-1]))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def cost_by_loops(weights, biases, x, y):
    """½‖y − a‖², one neuron at a time, in plain Python."""
    a = [float(v) for v in x[:, 0]]
    for w, b in zip(weights, biases, strict=True):
        z = [sum(w[j, k] * a[k] for k in range(len(a))) + b[j, 0] for j in range(len(w))]
        a = [1 / (1 + math.exp(-v)) for v in z]
    return sum((t - v) ** 2 for t, v in zip(y[:, 0], a, strict=True)) / 2


@settings(max_examples=25)
@given(SIZES, SEEDS)
def test_the_gradient_is_that_of_the_batched_formulas_and_of_autograd(sizes, seed):
    net = Network(sizes, rng=seed)
    x, y = examples(net, 1, seed)
    nabla_b, nabla_w = net.backprop(x.T, y.T)
    by_formula = tg.backprop.backprop(*as_rows(net), x, y)
    mlp = twin_of(net)
    tg.costs.quadratic(mlp(x), y).backward()
    for l in range(len(sizes) - 1):
        assert (nabla_w[l].shape, nabla_b[l].shape) == (net.weights[l].shape, net.biases[l].shape)
        close(nabla_w[l].T, by_formula.grad_weights[l])
        close(nabla_b[l][:, 0], by_formula.grad_biases[l])
        close(nabla_w[l].T, mlp.weights[l].grad)
        close(nabla_b[l][:, 0], mlp.biases[l].grad)
    close(net.feedforward(x.T), mlp(x).numpy().T)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 3), min_size=2, max_size=4), SEEDS)
def test_the_gradient_is_the_slope_of_the_cost(sizes, seed):
    net, h = Network(sizes, rng=seed), 1e-5
    x, y = (v.T for v in examples(net, 1, seed))
    nabla_b, nabla_w = net.backprop(x, y)
    for arrays, gradients in ((net.weights, nabla_w), (net.biases, nabla_b)):
        for array, gradient in zip(arrays, gradients, strict=True):
            for place in np.ndindex(array.shape):
                kept = array[place]
                array[place] = kept + h
                ahead = cost_by_loops(net.weights, net.biases, x, y)
                array[place] = kept - h
                behind = cost_by_loops(net.weights, net.biases, x, y)
                array[place] = kept
                np.testing.assert_allclose(gradient[place], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-9)


@settings(max_examples=25)
@given(SIZES, SEEDS, st.integers(1, 7), st.integers(1, 4), st.floats(0.01, 5))
def test_training_is_step_for_step_that_of_the_batched_network(sizes, seed, n, m, eta):
    net = Network(sizes, rng=seed)
    mlp = twin_of(net)
    optimizer = tg.optim.SGD(mlp.parameters(), lr=eta)
    x, y = examples(net, n, seed)
    batches = []
    update = net.update_mini_batch

    def watched(mini_batch, eta):
        batches.append(mini_batch)
        update(mini_batch, eta)

    net.update_mini_batch = watched
    pairs = tg.data.columns(x, y)
    net.SGD(pairs, 2, m, eta)
    assert [len(batch) for batch in batches] == [min(m, n - k) for k in range(0, n, m)] * 2
    for batch in batches:
        rows = [np.concatenate(columns, axis=1).T for columns in zip(*batch, strict=True)]
        optimizer.zero_grad()
        tg.costs.quadratic(mlp(rows[0]), rows[1]).backward()
        optimizer.step()
    for mine, theirs in zip(itertools.chain(*as_rows(net)), (*mlp.weights, *mlp.biases), strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-9, atol=1e-12)
    epochs = [batches[: len(batches) // 2], batches[len(batches) // 2 :]]
    for epoch in epochs:  # every example once in each, in an order of its own
        seen = sorted(id(a) for batch in epoch for a, _ in batch)
        assert seen == sorted(id(a) for a, _ in pairs)


def test_it_learns_the_digits_and_says_so(capsys):
    (x, y), (x_test, y_test) = tg.data.digits()
    net = Network([64, 30, 10], rng=0)
    test = tg.data.columns(x_test, y_test, n_classes=None)
    correct = net.SGD(tg.data.columns(x, y), 6, 10, 3.0, test)
    assert correct[-1] > 0.9 * 360
    assert capsys.readouterr().out.splitlines() == [f"Epoch {j}: {k} / 360" for j, k in enumerate(correct)]
    outputs = net.feedforward(x_test.T)  # all columns at once
    assert net.evaluate(test) == np.sum(np.argmax(outputs, axis=0) == y_test) == correct[-1]
    assert net.evaluate(tg.data.columns(x_test, y_test)) == correct[-1]


def test_without_test_data(capsys):
    net = Network([2, 2], rng=0)
    pairs = tg.data.columns(np.eye(2), np.eye(2))
    assert net.SGD(iter(pairs), 2, 1, 0.1) == []  # what zip returns can be gone through only once
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"


def test_no_epochs_change_nothing():
    net, other = Network([2, 2], rng=3), Network([2, 2], rng=3)
    assert net.SGD(tg.data.columns(np.eye(2), np.eye(2)), 0, 1, 0.1) == []
    assert all(map(np.array_equal, net.weights + net.biases, other.weights + other.biases))


def test_one_seed_is_one_network_and_the_list_is_left_as_it_was():
    x, y = np.random.default_rng(0).uniform(size=(2, 9, 2))
    pairs = tg.data.columns(x, y)
    before = list(pairs)
    nets = [Network([2, 3, 2], rng=rng) for rng in (5, 5, np.random.default_rng(5), 6)]
    for net in nets:
        net.SGD(pairs, 3, 2, 1.0)
    assert all(a is b for a, b in zip(pairs, before, strict=True))
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    assert np.array_equal(nets[0].weights[0], nets[2].weights[0])
    assert not np.array_equal(nets[0].weights[0], nets[3].weights[0])
    assert (nets[0].num_layers, nets[0].sizes) == (3, [2, 3, 2])


@pytest.mark.parametrize("size", [1e3, 1e150, 1e300])
def test_large_weighted_inputs(size):
    net = Network([1, 2, 1], rng=0)
    net.weights[0] = np.array([[size], [-size]])
    nabla_b, nabla_w = net.backprop([[1.0]], [[0.0]])
    assert all(np.isfinite(g).all() for g in nabla_b + nabla_w)


def test_another_cost_is_a_subclass():
    class CrossEntropyNetwork(Network):
        def cost_derivative(self, output_activations, y):
            return (output_activations - y) / (output_activations * (1 - output_activations))

    net = CrossEntropyNetwork([2, 3, 2], rng=0)
    x, y = examples(net, 1, 0)
    expected = tg.backprop.backprop(*as_rows(net), x, y, cost="binary_cross_entropy")
    close(net.backprop(x.T, y.T)[1][0].T, expected.grad_weights[0])


NET = Network([3, 2], rng=0)
X, Y = np.ones((3, 1)), np.ones((2, 1))
WRONG = [
    (lambda: Network([3]), ValueError, "sizes must name two layers or more"),
    (lambda: Network(3), TypeError, "sizes must be a list"),
    (lambda: Network([3, 0]), ValueError, "each of sizes must be at least 1, not 0"),
    (lambda: Network([3, 2.0]), TypeError, "each of sizes must be a whole number, not 2.0"),
    (lambda: Network([3, 2], rng="x"), TypeError, "rng must be a seed"),
    (lambda: NET.feedforward(X.T), ValueError, "a must have shape (3, 1), got (1, 3); an example is a column here, so .T"),
    (lambda: NET.feedforward(X[:, 0]), ValueError, "got (3,); an example is a column here, so [:, None] makes it fit"),
    (lambda: NET.feedforward(["a"]), TypeError, "a must hold real numbers"),
    (lambda: NET.backprop(X.T, Y), ValueError, "backprop: x must have shape (3, 1), got (1, 3)"),
    (lambda: NET.backprop(np.ones((3, 2)), Y), ValueError, "backprop: x must have shape (3, 1), got (3, 2)"),
    (lambda: NET.backprop(X, Y[:, 0]), ValueError, "y must have shape (2, 1), got (2,)"),
    (lambda: NET.backprop(X, np.ones((3, 1))), ValueError, "y must have shape (2, 1), got (3, 1)"),
    (lambda: NET.backprop(X, 1), ValueError, "got (); tinygrad_edu.data.columns(x, labels, n_classes) makes a column"),
    (lambda: NET.SGD([(X, Y)], 1, 0, 1.0), ValueError, "mini_batch_size must be at least 1, not 0"),
    (lambda: NET.SGD([(X, Y)], 1, 1.5, 1.0), TypeError, "mini_batch_size must be a whole number, not 1.5"),
    (lambda: NET.SGD([(X, Y)], -1, 1, 1.0), ValueError, "epochs must be 0 or more, not -1"),
    (lambda: NET.SGD([(X, Y)], True, 1, 1.0), TypeError, "epochs must be a whole number"),
    (lambda: NET.SGD([(X, Y)], 1, 1, "a"), TypeError, "eta must be a number, not 'a'"),
    (lambda: NET.SGD([(X, Y)], 1, 1, math.nan), ValueError, "eta must be finite"),
    (lambda: NET.SGD([], 1, 1, 1.0), ValueError, "training_data is empty"),
    (lambda: NET.SGD([(X, Y)], 1, 1, 1.0, test_data=zip()), ValueError, "test_data is empty; what zip returns"),
    (lambda: NET.SGD(np.ones((3, 3)), 1, 1, 1.0), TypeError, "training_data must be a list of pairs (x, y)"),
    (lambda: NET.SGD(3, 1, 1, 1.0), TypeError, "training_data must be a list of pairs (x, y), not int"),
    (lambda: NET.update_mini_batch([], 1.0), ValueError, "mini_batch is empty"),
    (lambda: NET.evaluate([]), ValueError, "test_data is empty"),
    (lambda: NET.evaluate([(X, 2)]), ValueError, "y must lie between 0 and 1, got 2"),
    (lambda: NET.evaluate([(X, 0.5)]), TypeError, "y must be an integer label or a column of shape (2, 1), got 0.5"),
    (lambda: NET.evaluate([(X, np.ones(2))]), ValueError, "y must have shape (2, 1), got (2,)"),
    (lambda: Network([3, 1]).evaluate([(X, 0)]), ValueError, "it compares outputs, and this network has one"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), WRONG, ids=[message[:40] for *_, message in WRONG])
def test_errors(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_a_wrong_pair_changes_nothing():
    net, other = Network([3, 2], rng=3), Network([3, 2], rng=3)
    with pytest.raises(ValueError, match="x must have shape"):
        net.update_mini_batch([(X, Y), (X.T, Y)], 1.0)
    assert all(map(np.array_equal, net.weights + net.biases, other.weights + other.biases))
