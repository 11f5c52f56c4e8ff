"""Recurrent networks: their equations, backpropagation through time by hand, PyTorch, and what does not fit."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import GRU, LSTM, RNN, GRUCell, Linear, LSTMCell, Module, RNNCell

ALL = [RNN, GRU, LSTM]
EACH = pytest.mark.parametrize("kind", ALL)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
QUIET = settings(max_examples=15, deadline=None)


def sigma(z):
    return 1 / (1 + np.exp(-z))


def one_step(layer, x, state):
    """A step as the docstring has it, gate by gate, in NumPy."""
    weights = [layer.W_x.data, layer.W_h.data, layer.b_x.data, layer.b_h.data]
    k = layer.n_hidden
    parts = [[w[..., i * k : (i + 1) * k] for w in weights] for i in range(layer.gates)]
    h = state[0] if isinstance(layer, LSTM) else state
    given = [x @ Wx + bx for Wx, _, bx, _ in parts]
    kept = [h @ Wh + bh for _, Wh, _, bh in parts]
    if isinstance(layer, RNN):
        return np.tanh(given[0] + kept[0])
    if isinstance(layer, GRU):
        r, z = sigma(given[0] + kept[0]), sigma(given[1] + kept[1])
        return (1 - z) * np.tanh(given[2] + r * kept[2]) + z * h
    i, f, g, o = (a + b for a, b in zip(given, kept, strict=True))
    c = sigma(f) * state[1] + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


@EACH
@QUIET
@given(SIZES, st.integers(0, 2**32 - 1))
def test_it_is_its_equations(kind, sizes, seed):
    n, T, n_in, n_hidden = sizes
    layer, x = kind(n_in, n_hidden, rng=seed), np.random.default_rng(seed).normal(size=(n, T, n_in))
    state = (np.zeros((n, n_hidden)), np.zeros((n, n_hidden))) if kind is LSTM else np.zeros((n, n_hidden))
    outputs, last = layer(x)
    assert outputs.shape == (n, T, n_hidden)
    for t in range(T):
        state = one_step(layer, x[:, t], state)
        np.testing.assert_allclose(outputs.numpy()[:, t], state[0] if kind is LSTM else state, rtol=1e-12, atol=1e-13)
    for mine, theirs in zip(last if kind is LSTM else [last], state if kind is LSTM else [state], strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-12, atol=1e-13)


@EACH
def test_in_two_parts_with_the_state_handed_on(kind):
    layer, x = kind(2, 3, rng=0), np.random.default_rng(0).normal(size=(2, 6, 2))
    whole, _ = layer(x)
    first, state = layer(x[:, :4])
    second, _ = layer(x[:, 4:], state)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1).numpy(), whole.numpy(), rtol=1e-13)


@pytest.mark.parametrize(("cell", "kind"), [(RNNCell, RNN), (GRUCell, GRU), (LSTMCell, LSTM)])
def test_a_cell_is_one_step(cell, kind):
    """Of the same seed, it has the same parameters; the gradients through a loop of one's own are the same too."""
    layer, single, x = kind(2, 3, rng=0), cell(2, 3, rng=0), np.random.default_rng(0).normal(size=(4, 5, 2))
    outputs, state = layer(x)[0], None
    np.sum(outputs[:, -1] ** 2).backward()
    for t in range(5):
        state = single(x[:, t], state)
        h = state[0] if kind is LSTM else state
        np.testing.assert_allclose(h.numpy(), outputs.numpy()[:, t], rtol=1e-13)
    np.sum(h**2).backward()
    for mine, theirs in zip(single.parameters(), layer.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad, theirs.grad, rtol=1e-12, atol=1e-14)
    tg.check_grads(lambda x: np.concatenate(single(x, state)) if kind is LSTM else single(x, state), x[:, 0])


def test_backpropagation_through_time_by_hand_over_200_steps():
    rng = np.random.default_rng(0)
    layer, x, y = RNN(2, 4, rng=0), rng.normal(size=(3, 200, 2)), rng.normal(size=(3, 4))
    layer.W_h.data = np.linalg.qr(rng.normal(size=(4, 4)))[0]  # so that the gradient neither vanishes nor explodes
    outputs, h = layer(x)
    np.sum(0.5 * (h - y) ** 2).backward()
    hs = np.concatenate([np.zeros((3, 1, 4)), outputs.numpy()], axis=1)
    grads = [np.zeros(p.shape) for p in (layer.W_x, layer.W_h, layer.b_x)]
    delta = hs[:, -1] - y
    for t in range(200, 0, -1):
        at_z = delta * (1 - hs[:, t] ** 2)
        for total, part in zip(grads, (x[:, t - 1].T @ at_z, hs[:, t - 1].T @ at_z, at_z.sum(axis=0)), strict=True):
            total += part
        delta = at_z @ layer.W_h.data.T
    for p, g in zip((layer.W_x, layer.W_h, layer.b_x, layer.b_h), [*grads, grads[2]], strict=True):
        np.testing.assert_allclose(p.grad, g, rtol=1e-10, atol=1e-14)


@pytest.mark.peers
@EACH
@QUIET
@given(SIZES, st.integers(0, 2**32 - 1), st.booleans())
def test_it_is_pytorchs(kind, sizes, seed, begins):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    n, T, n_in, n_hidden = sizes
    rng = np.random.default_rng(seed)
    ours, theirs = kind(n_in, n_hidden, rng=seed), getattr(torch.nn, kind.__name__)(n_in, n_hidden, batch_first=True)
    theirs = theirs.double()
    names = {"weight_ih_l0": ours.W_x, "weight_hh_l0": ours.W_h, "bias_ih_l0": ours.b_x, "bias_hh_l0": ours.b_h}
    with torch.no_grad():
        for name, p in names.items():
            getattr(theirs, name).copy_(torch.tensor(p.numpy().T))
    x, g = rng.normal(size=(n, T, n_in)), rng.normal(size=(n, T, n_hidden))
    start = rng.normal(size=(2, n, n_hidden))
    state, their_state = None, None
    if begins:
        state = tuple(start) if kind is LSTM else start[0]
        their_state = tuple(torch.tensor(s)[None] for s in start) if kind is LSTM else torch.tensor(start[:1])
    t, u = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    outputs, _ = ours(t, state)
    their_outputs, _ = theirs(u, their_state)
    np.testing.assert_allclose(outputs.numpy(), their_outputs.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.sum(outputs * g).backward()
    (their_outputs * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(t.grad, u.grad.numpy(), rtol=1e-8, atol=1e-11)
    for name, p in names.items():
        np.testing.assert_allclose(p.grad.T, getattr(theirs, name).grad.numpy(), rtol=1e-8, atol=1e-11)


@EACH
def test_gradients_to_second_order(kind):
    layer = kind(2, 2, rng=0)
    assert tg.check_grads(lambda x: np.sum(np.sin(layer(x)[0])), np.random.default_rng(1).normal(size=(1, 3, 2)))


@EACH
def test_compiled_it_is_the_same(kind):
    layer, x = kind(2, 3, rng=0), np.random.default_rng(1).normal(size=(2, 5, 2))
    for p in layer.parameters():
        p.requires_grad = False
    f = tg.value_and_grad(lambda x: np.sum(layer(x)[0] ** 2))
    for mine, theirs in zip(tg.compile(f)(x), f(x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@EACH
def test_float32_and_a_file(kind, tmp_path):
    layer, other = kind(2, 3, rng=0, dtype=np.float32), kind(2, 3, rng=1, dtype=np.float32)
    layer.save(tmp_path / "layer.npz")
    other.load(tmp_path / "layer.npz")
    x = np.ones((1, 4, 2))
    assert layer(x)[0].dtype == np.float32
    np.testing.assert_array_equal(layer(x)[0].numpy(), other(x)[0].numpy())


class LastStep(Module):
    """A recurrent layer, and a linear one on its last state."""

    def __init__(self, kind):
        self.recurrent, self.linear = kind(1, 8, rng=0), Linear(8, 1, rng=1)

    def __call__(self, x):
        outputs, _ = self.recurrent(x)
        return self.linear(outputs[:, -1])


@EACH
def test_fit_learns_to_add(kind):
    x = np.random.default_rng(0).uniform(size=(64, 5, 1))
    net = LastStep(kind)
    history = tg.fit(
        net, x, x.sum(axis=1), cost="quadratic", optimizer=tg.optim.Adam(net.parameters(), 0.02), epochs=40,
        batch_size=16, rng=0, progress=False,
    )  # fmt: skip
    assert history.cost[-1] < 0.05 * history.cost[0]


@EACH
def test_it_is_drawn_without_wrong_labels(kind, tmp_path):
    net = LastStep(kind)
    C = tg.costs.quadratic(net(np.ones((2, 4, 1))), np.ones((2, 1)))
    assert "BP4" in tg.draw(C).source
    tg.explore(C, tmp_path / "film.html")
    assert (tmp_path / "film.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: RNN(0, 2), ValueError, "RNN: n_in must be at least 1, not 0"),
        (lambda: GRU(2, 1.5), TypeError, "GRU: n_hidden must be a whole number, not 1.5"),
        (lambda: RNN(2, 3, activation="than"), ValueError, "RNN: activation"),
        (lambda: LSTM(2, 3, rng="a"), TypeError, "LSTM: rng must be a seed"),
        (lambda: RNN(2, 3)(np.ones((4, 2))), ValueError, "RNN: x has shape (4, 2), but this layer takes (n, T, 2); a single"),
        (lambda: RNN(2, 3)(np.ones((4, 5, 3))), ValueError, "RNN: x has shape (4, 5, 3), but this layer takes (n, T, 2)"),
        (lambda: GRU(2, 3)(np.ones((4, 0, 2))), ValueError, "GRU: x has shape (4, 0, 2): the sequences are empty"),
        (lambda: GRU(2, 3)(np.full((1, 1, 2), "a")), TypeError, "GRU: x must be real numbers"),
        (lambda: RNN(2, 3)(np.ones((4, 5, 2)), np.ones((3, 3))), ValueError, "RNN: state has shape (3, 3), but for 4"),
        (lambda: tg.nn.Sequential(RNN(2, 3), Linear(3, 1))(np.ones((4, 5, 2))), TypeError, "Sequential: layer 1, RNN(2, 3), "
         "returns 2 values, but layer 2 takes one; take the one you mean in a Module of your own, as in rnn(x)[0]"),
        (lambda: RNNCell(2, 3)(np.ones(2)), ValueError, "RNNCell: x has shape (2,), but this cell takes one step of (n, 2); a"),
        (lambda: GRUCell(2, 3)(np.ones((4, 5, 2))), ValueError, "GRUCell: x has shape (4, 5, 2), but this cell takes one step "
         "of (n, 2); GRU takes whole sequences"),
        (lambda: LSTMCell(2, 3)(np.ones((4, 2)), np.ones((4, 3))), TypeError, "LSTMCell: state must be the pair (h, c)"),
        (lambda: LSTM(2, 3)(np.ones((4, 5, 2)), np.ones((4, 3))), TypeError, "LSTM: state must be the pair (h, c)"),
    ],
)  # fmt: skip
def test_errors(wrong, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        wrong()


def test_the_steps_are_drawn_as_one():
    drawn = tg.draw(tg.costs.quadratic(LastStep(RNN)(np.ones((2, 20, 1))), np.ones((2, 1)))).source
    assert "× 20" in drawn
    assert "x[t] Wx + a1[t−1] Wh + bx + bh" in drawn
