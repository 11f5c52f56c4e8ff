"""Dropout and normalisation: their formulas, what they do while the model learns and later, and their errors."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_edu as tg
from tinygrad_edu.nn import MLP, BatchNorm1d, Dropout, LayerNorm, Linear, Sequential

BATCHES = st.tuples(st.integers(2, 6), st.integers(1, 4)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(-20, 20).map(lambda n: n / 4))
)
SEEDS = st.integers(0, 2**32 - 1)


def randomised(layer, seed):
    """The layer with other parameters than at the start."""
    rng = np.random.default_rng(seed)
    for p in layer.parameters():
        p.data = rng.normal(size=p.shape)
    return layer


# --- Dropout ------------------------------------------------------------------------------------------------


@given(BATCHES, st.sampled_from([0.0, 0.2, 0.5, 0.9]), SEEDS)
def test_dropout_leaves_some_and_makes_them_larger(x, p, seed):
    layer = Dropout(p, rng=seed)
    t = tg.Tensor(x, requires_grad=True)
    out = layer(t)
    stays = np.random.default_rng(seed).random(x.shape) >= p if p else np.ones(x.shape, bool)
    np.testing.assert_array_equal(out.numpy(), np.where(stays, x * (1 / (1 - p)), 0) if p else x)
    np.sum(out).backward()
    np.testing.assert_array_equal(t.grad, stays / (1 - p))
    assert layer.eval()(t) is t


def test_dropout_is_right_on_average():
    kept = Dropout(0.3, rng=0)(np.ones(100_000))
    assert np.mean(kept) == pytest.approx(1, abs=0.01)
    assert np.mean(kept == 0) == pytest.approx(0.3, abs=0.01)


def test_dropout_takes_numbers_and_keeps_the_precision():
    assert Dropout(0.5, rng=0)([1, 2, 3]).dtype == float
    assert Dropout(0.5, rng=0)(np.ones(3, np.float32)).dtype == np.float32
    assert repr(Dropout(0.25)) == "Dropout(0.25)"


# --- Normalisation ------------------------------------------------------------------------------------------


@given(BATCHES, SEEDS)
def test_layer_norm_is_its_formula(x, seed):
    layer = randomised(LayerNorm(x.shape[1]), seed)
    gamma, beta = (p.numpy() for p in layer.parameters())
    for row, out in zip(x, layer(x).numpy(), strict=True):
        spread = np.sqrt(sum((v - sum(row) / len(row)) ** 2 for v in row) / len(row) + 1e-5)
        np.testing.assert_allclose(out, gamma * (row - sum(row) / len(row)) / spread + beta, rtol=1e-12, atol=1e-12)


@given(BATCHES, SEEDS, st.sampled_from([0.0, 0.1, 1.0]))
def test_batch_norm_is_its_formula(x, seed, momentum):
    n, k = x.shape
    layer = randomised(BatchNorm1d(k, momentum=momentum), seed)
    gamma, beta = (p.numpy() for p in layer.parameters())
    mean, squares = np.sum(x, axis=0) / n, np.sum((x - np.sum(x, axis=0) / n) ** 2, axis=0)
    out = layer(tg.Tensor(x, requires_grad=True)).numpy()
    np.testing.assert_allclose(out, gamma * (x - mean) / np.sqrt(squares / n + 1e-5) + beta, rtol=1e-12, atol=1e-12)
    running = momentum * mean, 1 - momentum + momentum * squares / (n - 1)
    np.testing.assert_allclose(layer.running_mean.numpy(), running[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), running[1], rtol=1e-12, atol=1e-12)
    later = layer.eval()(x[:1]).numpy()
    expected = gamma * (x[:1] - running[0]) / np.sqrt(running[1] + 1e-5) + beta
    np.testing.assert_allclose(later, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.running_mean.numpy(), running[0], rtol=1e-12, atol=1e-12)  # not in eval()


@pytest.mark.peers
@settings(max_examples=20, deadline=None)
@given(BATCHES, SEEDS, st.booleans())
def test_they_are_those_of_pytorch(x, seed, learns):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    rng = np.random.default_rng(seed)
    for ours, theirs in (
        (LayerNorm(x.shape[1]), torch.nn.LayerNorm(x.shape[1], dtype=torch.float64)),
        (BatchNorm1d(x.shape[1]), torch.nn.BatchNorm1d(x.shape[1], dtype=torch.float64)),
    ):
        randomised(ours, seed).train(learns)
        theirs.train(learns)
        with torch.no_grad():
            for mine, p in zip(ours.parameters(), theirs.parameters(), strict=True):
                p.copy_(torch.tensor(mine.numpy()))
        for _ in range(2):
            batch = x + rng.normal(size=x.shape)
            t, u = tg.Tensor(batch, requires_grad=True), torch.tensor(batch, requires_grad=True)
            np.sum(ours(t) ** 3).backward()
            (theirs(u) ** 3).sum().backward()
            np.testing.assert_allclose(t.grad, u.grad.numpy(), rtol=1e-8, atol=1e-8)
        for name, buffer in theirs.named_buffers():
            if name != "num_batches_tracked":
                np.testing.assert_allclose(getattr(ours, name).numpy(), buffer.numpy(), rtol=1e-12)


@pytest.mark.parametrize("make", [LayerNorm, lambda n: BatchNorm1d(n).eval(), BatchNorm1d])
def test_gradients_to_second_order(make):
    layer = randomised(make(3), 0)
    x = np.random.default_rng(1).normal(size=(4, 3))
    assert tg.check_grads(lambda x: np.sum(np.sin(layer(x))), x)


def test_float32_stays_float32():
    x = np.ones((2, 3), np.float32) * [[1], [2]]
    for layer in (LayerNorm(3, dtype=np.float32), BatchNorm1d(3, dtype=np.float32), Dropout(0.5)):
        assert np.asarray(layer(tg.Tensor(x.astype(np.float32))).numpy()).dtype == np.float32
        assert layer(x.astype(np.float32)).dtype == np.float32


def test_examples_that_are_all_the_same():
    np.testing.assert_array_equal(LayerNorm(3)(np.full((2, 3), 7.0)).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(BatchNorm1d(3)(np.full((2, 3), 7.0)).numpy(), np.zeros((2, 3)))


# --- In a network -------------------------------------------------------------------------------------------


def network(seed=0):
    return Sequential(
        Linear(4, 8, rng=seed),
        BatchNorm1d(8),
        tg.tanh,
        Dropout(0.2, rng=seed),
        LayerNorm(8),
        Linear(8, 2, rng=seed + 1),
    )


def test_train_and_eval_reach_every_module():
    net = network()
    assert all(module.training for module in net.named_modules().values())
    assert net.eval() is net
    assert not any(module.training for module in net.named_modules().values())
    assert list(net.named_modules()) == ["", "layers.0", "layers.1", "layers.3", "layers.4", "layers.5"]
    assert all(module.training for module in net.train().named_modules().values())


def test_what_is_not_trained_is_saved_too(tmp_path):
    net, other = network(), network(5)
    net(np.random.default_rng(0).normal(size=(8, 4)))
    net.save(tmp_path / "net.npz")
    other.load(tmp_path / "net.npz")
    assert "layers.1.running_var" in net.state_dict()
    assert "layers.1.running_var" not in net.named_parameters()
    x = np.random.default_rng(1).normal(size=(3, 4))
    np.testing.assert_array_equal(net.eval()(x).numpy(), other.eval()(x).numpy())


def test_compiled_it_follows_train_and_eval():
    net, x = network().eval(), np.random.default_rng(1).normal(size=(3, 4))
    compiled = tg.compile(net)
    np.testing.assert_allclose(compiled(x), net(x).numpy(), rtol=1e-12)
    net(x)
    net.train()
    net(x + 1)  # other running means
    net.eval()
    np.testing.assert_allclose(compiled(x), net(x).numpy(), rtol=1e-12)
    with pytest.raises(TypeError, match="compile"):
        tg.compile(network())(x)


def test_fit_learns_with_them_and_leaves_the_network_as_it_is_used():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = network()
    history = tg.fit(
        net, x, y, cost="cross_entropy_with_logits", optimizer=tg.optim.Adam(net.parameters(), 0.02), epochs=30,
        batch_size=20, rng=0, progress=False,
    )  # fmt: skip
    assert history.accuracy[-1] > 0.75
    assert not net.training
    np.testing.assert_array_equal(net(x).numpy(), net(x).numpy())


def test_no_wrong_label_in_pictures():
    net = network().eval()
    C = tg.costs.quadratic(net(np.random.default_rng(0).normal(size=(3, 4))), np.zeros((3, 2)))
    source = tg.draw(C).source
    assert "dropout" not in source
    assert "norm" in source
    assert "BP2" not in source  # what stands between the layers is no activation function alone


# --- Errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: Dropout(1), ValueError, "Dropout: p must be a probability, from 0 to below 1, not 1"),
        (lambda: Dropout(-0.1), ValueError, "Dropout: p must be a probability"),
        (lambda: Dropout("half"), TypeError, "Dropout: p must be a number, not 'half'"),
        (lambda: Dropout(rng="x"), TypeError, "Dropout: rng must be a seed"),
        (lambda: Dropout()(["a"]), TypeError, "Dropout: x must be real numbers"),
        (lambda: LayerNorm(0), ValueError, "LayerNorm: n_features must be at least 1, not 0"),
        (lambda: LayerNorm(2.0), TypeError, "LayerNorm: n_features must be a whole number, not 2.0"),
        (lambda: LayerNorm(2, eps=0), ValueError, "LayerNorm: eps must be positive, not 0"),
        (
            lambda: LayerNorm(2)(np.ones((3, 4))),
            ValueError,
            "LayerNorm: x has shape (3, 4), but this layer takes (…, 2)",
        ),
        (lambda: LayerNorm(2)(1.0), ValueError, "LayerNorm: x has shape ()"),
        (lambda: BatchNorm1d(2, momentum=2), ValueError, "BatchNorm1d: momentum must be from 0 to 1, not 2"),
        (lambda: BatchNorm1d(2)(np.ones(2)), ValueError, "BatchNorm1d: x has shape (2,), but this layer takes (n, 2)"),
        (lambda: BatchNorm1d(2)(np.ones((1, 2))), ValueError, "BatchNorm1d: a batch of 1 has no variance"),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        wrong()


# --- The summary --------------------------------------------------------------------------------------------


def test_summary_of_a_network():
    text = str(network().summary(np.ones((5, 4))))
    assert "Linear(4, 8)" in text
    assert "W 4 × 8, b 8" in text
    assert "(5, 8)" in text
    assert text.endswith("90 parameters, and 16 numbers that are not trained")
    assert "<table" in network().summary()._repr_html_()
    assert MLP([784, 30, 10]).summary().parameters == 784 * 30 + 30 + 30 * 10 + 10


def test_summary_of_a_module_without_layers():
    layer = Linear(2, 3)
    assert "W" in str(layer.summary())
    with pytest.raises(TypeError, match=r"^summary: Linear has no list `layers`"):
        layer.summary(np.ones((1, 2)))


def test_a_shared_layer_is_counted_once():
    layer = Linear(2, 2)
    assert Sequential(layer, tg.tanh, layer).summary().parameters == 6


# --- Activation functions of one's own ----------------------------------------------------------------------


def swish(z):
    return z * tg.sigmoid(z)


def test_an_activation_function_of_ones_own():
    net = MLP([2, 3, 1], activation=swish, output=np.tanh, rng=0)
    assert (net.activation, net.output) == (["swish"], "tanh")
    x = np.random.default_rng(0).normal(size=(4, 2))
    z = x @ net.weights[0].data + net.biases[0].data
    a = z / (1 + np.exp(-z))
    np.testing.assert_allclose(net(x).numpy(), np.tanh(a @ net.weights[1].data + net.biases[1].data), rtol=1e-12)
    y = np.zeros((4, 1))
    history = tg.fit(
        net,
        x,
        y,
        cost="quadratic",
        optimizer=tg.optim.SGD(net.parameters(), 0.1),
        epochs=3,
        batch_size=4,
        progress=False,
    )
    assert history.cost[-1] < history.cost[0]
    assert "swish" in repr(net)


def test_a_layer_is_no_activation_function():
    with pytest.raises(TypeError, match=r"^MLP: activation of layer 1 must be a name"):
        MLP([2, 3, 1], activation=Linear(3, 3))
    with pytest.raises(TypeError, match=r"^MLP: activation must be a name"):
        MLP([2, 1], activation=float)
