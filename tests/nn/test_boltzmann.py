"""Restricted Boltzmann machines: energies and probabilities against all states, sampling, gradients, and errors."""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import RBM, Linear, Sequential

SEEDS = st.integers(0, 2**32 - 1)
SOME = settings(max_examples=20)


@st.composite
def machines(draw, dtype=np.float64):
    """A machine with parameters of ordinary size, and binary data."""
    n_visible, n_hidden = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(SEEDS))
    rbm = RBM(n_visible, n_hidden, rng, dtype)
    for p in rbm.parameters():
        p.data = rng.normal(size=p.shape).astype(dtype)
    return rbm, rng.integers(0, 2, (draw(st.integers(1, 5)), n_visible)).astype(dtype)


def states(n):
    return [np.array(state, float) for state in product((0, 1), repeat=n)]


def weight(rbm, v, h):
    """exp(−E), term by term."""
    W, b, c = (t.numpy() for t in (rbm.W, rbm.b, rbm.c))
    total = sum(b[i] * v[i] for i in range(len(b))) + sum(c[j] * h[j] for j in range(len(c)))
    return np.exp(total + sum(v[i] * W[i, j] * h[j] for i in range(len(b)) for j in range(len(c))))


def joint(rbm):
    """p(v, h) of all states: a list of (v, h, probability)."""
    all_weights = [(v, h, weight(rbm, v, h)) for v in states(rbm.b.size) for h in states(rbm.c.size)]
    Z = sum(w for _, _, w in all_weights)
    return [(v, h, w / Z) for v, h, w in all_weights], Z


def gradients(rbm, C):
    for p in rbm.parameters():
        p.zero_grad()
    C.backward()
    return [p.grad for p in (rbm.W, rbm.b, rbm.c)]


def statistics(rbm, v):
    """⟨v h⟩, ⟨v⟩ and ⟨h⟩ over these rows, with h at its mean given v."""
    h = 1 / (1 + np.exp(-(v @ rbm.W.numpy() + rbm.c.numpy())))
    return [v.T @ h / len(v), v.mean(axis=0), h.mean(axis=0)]


# --- Energies and probabilities -----------------------------------------------------------------------------


@SOME
@given(machines())
def test_energy_and_free_energy(drawn):
    rbm, v = drawn
    for h in states(rbm.c.size):
        E = rbm.energy(v, np.tile(h, (len(v), 1))).numpy()
        np.testing.assert_allclose(E, [-np.log(weight(rbm, row, h)) for row in v], rtol=1e-10, atol=1e-12)
    F = [-np.log(sum(weight(rbm, row, h) for h in states(rbm.c.size))) for row in v]
    np.testing.assert_allclose(rbm.free_energy(v).numpy(), F, rtol=1e-10, atol=1e-12)


@SOME
@given(machines())
def test_probabilities_and_likelihood_are_those_of_all_states(drawn):
    rbm, v = drawn
    all_p, Z = joint(rbm)
    np.testing.assert_allclose(rbm.log_partition_function().item(), np.log(Z), rtol=1e-10, atol=1e-12)
    p_v = [sum(p for u, _, p in all_p if (u == row).all()) for row in v]
    np.testing.assert_allclose(rbm.log_likelihood(v).item(), np.mean(np.log(p_v)), rtol=1e-10)
    for row, p_row in zip(v, p_v, strict=True):
        expected = sum(p * h for u, h, p in all_p if (u == row).all()) / p_row
        np.testing.assert_allclose(rbm.probability_hidden(row[None]).numpy()[0], expected, rtol=1e-10)
        np.testing.assert_array_equal(rbm(row[None]).numpy(), rbm.probability_hidden(row[None]).numpy())
    g = states(rbm.c.size)[-1]
    p_g = sum(p for _, h, p in all_p if (h == g).all())
    expected = sum(p * u for u, h, p in all_p if (h == g).all()) / p_g
    np.testing.assert_allclose(rbm.probability_visible(g[None]).numpy()[0], expected, rtol=1e-10)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(2, 30), (30, 2)])
def test_the_smaller_layer_is_enumerated(n_visible, n_hidden):
    """With W = 0 the units are independent: Z = Π (1 + exp b_i) · Π (1 + exp c_j)."""
    rbm = RBM(n_visible, n_hidden, rng=0)
    rbm.W.data, rbm.b.data = np.zeros((n_visible, n_hidden)), np.linspace(-3, 3, n_visible)
    rbm.c.data = np.linspace(-1, 2, n_hidden)
    expected = np.log1p(np.exp(rbm.b.numpy())).sum() + np.log1p(np.exp(rbm.c.numpy())).sum()
    np.testing.assert_allclose(rbm.log_partition_function().item(), expected, rtol=1e-12)


def test_large_weights_do_not_overflow():
    rbm = RBM(2, 2, rng=0)
    rbm.W.data = np.array([[1e4, 1e4], [2e4, 3e4]])
    v = np.array([[1.0, 1.0]])
    assert rbm.log_partition_function().item() == pytest.approx(7e4, rel=1e-15)  # v = h = (1, 1)
    assert all(np.isfinite(g).all() for g in gradients(rbm, rbm.log_likelihood(v)))


# --- Sampling -----------------------------------------------------------------------------------------------


@SOME
@given(machines(), SEEDS)
def test_samples_are_binary_and_the_same_for_a_seed(drawn, seed):
    rbm, v = drawn
    h = rbm.sample_hidden(v, seed)
    assert isinstance(h, np.ndarray)
    assert h.shape == (len(v), rbm.c.size)
    assert set(np.unique(h)) <= {0.0, 1.0}
    np.testing.assert_array_equal(h, np.random.default_rng(seed).random(h.shape) < rbm(v).numpy())
    np.testing.assert_array_equal(rbm.gibbs(v, 3, seed), rbm.gibbs(v, 3, seed))
    rng = np.random.default_rng(seed)
    twice = rbm.gibbs(rbm.gibbs(v, 1, rng), 1, rng)
    np.testing.assert_array_equal(rbm.gibbs(v, 2, seed), twice)


def test_long_gibbs_sampling_is_the_distribution():
    rng = np.random.default_rng(0)
    rbm = RBM(2, 2, rng)
    for p in rbm.parameters():
        p.data = rng.normal(size=p.shape)
    v = rbm.gibbs(np.zeros((20_000, 2)), 20, rng)
    all_p, _ = joint(rbm)
    for state in states(2):
        expected = sum(p for u, _, p in all_p if (u == state).all())
        assert np.mean((v == state).all(axis=1)) == pytest.approx(expected, abs=0.015)


def test_samples_have_the_probabilities():
    rbm = RBM(1, 1, rng=0)
    rbm.W.data, rbm.b.data, rbm.c.data = np.array([[2.0]]), np.array([-1.0]), np.array([0.5])
    ones = np.ones((50_000, 1))
    assert rbm.sample_hidden(ones, 0).mean() == pytest.approx(1 / (1 + np.exp(-2.5)), abs=0.01)
    assert rbm.sample_visible(ones, 0).mean() == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.01)


# --- Gradients ----------------------------------------------------------------------------------------------


@SOME
@given(machines(), SEEDS, st.integers(1, 3), st.booleans())
def test_contrastive_divergence_is_data_less_samples(drawn, seed, k, persistent):
    rbm, v = drawn
    chains = np.random.default_rng(seed).integers(0, 2, (7, rbm.b.size)).astype(float) if persistent else None
    samples = rbm.gibbs(chains if persistent else v, k, seed)
    C = rbm.contrastive_divergence(v, k, seed, chains)
    if persistent:
        np.testing.assert_array_equal(chains, samples)
    data, model = statistics(rbm, v), statistics(rbm, samples)
    for g, of_data, of_model in zip(gradients(rbm, C), data, model, strict=True):
        np.testing.assert_allclose(-g, of_data - of_model, rtol=1e-10, atol=1e-12)


@SOME
@given(machines())
def test_the_gradient_of_the_likelihood_is_data_less_model(drawn):
    """∂ ln p(v)/∂W = ⟨v h⟩ of the data − Σ p(v, h) v h over all states."""
    rbm, v = drawn
    all_p, _ = joint(rbm)
    model = [
        sum(p * np.outer(u, h) for u, h, p in all_p),
        sum(p * u for u, _, p in all_p),
        sum(p * h for _, h, p in all_p),
    ]
    for g, of_data, of_model in zip(gradients(rbm, rbm.log_likelihood(v)), statistics(rbm, v), model, strict=True):
        np.testing.assert_allclose(g, of_data - of_model, rtol=1e-10, atol=1e-12)


def with_parameters(rbm, v):
    def f(point):
        twin = RBM(*rbm.W.shape)
        twin.W, twin.b, twin.c = point["W"], point["b"], point["c"]
        return twin.log_likelihood(v) + np.mean(np.square(twin.energy(v, twin(v))))

    return f


@settings(max_examples=10)
@given(machines())
def test_derivatives_to_second_order_and_compiled(drawn):
    rbm, v = drawn
    f, point = with_parameters(rbm, v), rbm.state_dict()
    assert tg.check_grads(f, point, order=2)
    value, gradient = tg.value_and_grad(f)(point)
    again, compiled = tg.compile(tg.value_and_grad(f))(point)
    np.testing.assert_allclose(again, value, rtol=1e-10)
    for name, g in gradient.items():
        np.testing.assert_allclose(compiled[name], g, rtol=1e-9, atol=1e-12)


@pytest.mark.peers
@settings(max_examples=10)
@given(machines())
def test_pytorch_agrees(drawn):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    rbm, v = drawn
    W, b, c = theirs = [torch.tensor(p.numpy(), requires_grad=True) for p in (rbm.W, rbm.b, rbm.c)]
    u = torch.tensor(v)
    F = -(u @ b) - torch.nn.functional.softplus(u @ W + c).sum(dim=1)
    F.mean().backward()
    for mine, other in zip(gradients(rbm, np.mean(rbm.free_energy(v))), theirs, strict=True):
        np.testing.assert_allclose(mine, other.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_sampling_cannot_be_compiled():
    """Its samples would be those of the first call for ever."""
    rbm = RBM(3, 2, rng=0)
    with pytest.raises(TypeError, match="would fix, for all later calls"):
        tg.compile(lambda v: rbm.contrastive_divergence(v, rng=0))(np.ones((4, 3)))


@settings(max_examples=10)
@given(machines(np.float32), SEEDS)
def test_single_precision_stays(drawn, seed):
    rbm, v = drawn
    for C in (rbm.contrastive_divergence(v, 1, seed), rbm.log_likelihood(v), np.mean(rbm.energy(v, rbm(v)))):
        assert C.dtype == np.float32
        assert {g.dtype for g in gradients(rbm, C)} == {np.dtype(np.float32)}
    assert rbm.gibbs(v.astype(int), 1, seed).dtype == np.float32


# --- Learning, saving, pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_persistent", [False, True])
def test_training_raises_the_likelihood(is_persistent):
    """Two patterns, each with probability ½: the best there is is ln ½."""
    persistent = np.zeros((200, 4)) if is_persistent else None
    rng = np.random.default_rng(0)
    v = np.repeat([[1.0, 1, 0, 0], [0, 0, 1, 1]], 20, axis=0)
    rbm = RBM(4, 2, rng)
    optimizer = tg.optim.SGD(rbm.parameters(), lr=0.1)
    before = rbm.log_likelihood(v).item()
    assert before == pytest.approx(4 * np.log(0.5), abs=0.01)
    for _ in range(1000):
        optimizer.zero_grad()
        rbm.contrastive_divergence(v, 1, rng, persistent).backward()
        optimizer.step()
    after = rbm.log_likelihood(v).item()
    assert -1.2 < after <= np.log(0.5)


def test_a_stack_is_fine_tuned_by_fit():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (60, 4)).astype(float)
    net = Sequential(RBM(4, 3, rng), RBM(3, 3, rng), Linear(3, 2, rng=rng), tg.softmax)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.05)
    options = {"cost": "cross_entropy", "optimizer": optimizer, "batch_size": 20, "rng": 0, "progress": False}
    # The biases b of visible units play no part on the way up, so that their gradient is 0
    history = tg.fit(net, x, x[:, 0].astype(int), epochs=100, **options)
    assert history.cost[-1] < 0.1


def test_save_and_load(tmp_path):
    rbm, other = RBM(3, 2, rng=0), RBM(3, 2, rng=1)
    rbm.save(tmp_path / "rbm.npz")
    other.load(tmp_path / "rbm.npz")
    assert list(rbm.state_dict()) == ["W", "b", "c"]
    np.testing.assert_array_equal(other.W.numpy(), rbm.W.numpy())
    assert repr(rbm) == "RBM(3, 2)"


def test_pictures(tmp_path):
    """v W + c is a layer's z, so W and c have a BP4 and a BP3; −b·v is no layer, and b has neither."""
    rbm = RBM(3, 2, rng=0)
    C = rbm.contrastive_divergence(np.eye(3), rng=0)
    source = tg.draw(C).source
    arrows = [line for line in source.splitlines() if "->" in line and "BP" in line]
    assert not any("∂C/∂b" in line for line in arrows)
    assert sum("∂C/∂W" in line for line in arrows) == 2
    assert sorted(re.search(r"BP\d", line)[0] for line in arrows) == ["BP1", "BP1", "BP3", "BP3", "BP4", "BP4"]
    tg.explore(C, tmp_path / "film.html")
    assert "free energy" in (tmp_path / "film.html").read_text(encoding="utf-8")


# --- Errors -------------------------------------------------------------------------------------------------

V = np.ones((4, 3))
ERRORS = {
    "no units": (lambda: RBM(0, 2), ValueError, "RBM: n_visible must be at least 1, not 0"),
    "half a unit": (lambda: RBM(2, 0.5), TypeError, "RBM: n_hidden must be a whole number, not 0.5"),
    "integers": (lambda: RBM(2, 3, dtype=int), TypeError, "RBM: dtype must be one of floats, such as np.float32"),
    "a seed of text": (lambda: RBM(2, 3, rng="a"), TypeError, "RBM: rng must be a seed"),
    "a seed later": (lambda: RBM(3, 2).gibbs(V, rng="a"), TypeError, "RBM: rng must be a seed"),
    "columns": (
        lambda: RBM(2, 3)(V),
        ValueError,
        "RBM: v has shape (4, 3), but with 2 visible units it must have (n, 2)",
    ),
    "hidden": (
        lambda: RBM(3, 2).probability_visible(V),
        ValueError,
        "RBM: h has shape (4, 3), but with 2 hidden units it must have (n, 2)",
    ),
    "one row": (lambda: RBM(3, 2).free_energy(V[0]), ValueError, "a single one is v[None, :]"),
    "text": (lambda: RBM(2, 3)([["a", "b"]]), TypeError, "RBM: v must be real numbers, not of dtype"),
    "pairs": (lambda: RBM(3, 2).energy(V, np.ones((1, 2))), ValueError, "v has 4 rows and h 1; they go in pairs"),
    "no steps": (lambda: RBM(3, 2).gibbs(V, 0), ValueError, "RBM: k must be at least 1, not 0"),
    "a list": (
        lambda: RBM(3, 2).contrastive_divergence(V, persistent=[[0, 0, 0]]),
        TypeError,
        "persistent must be an array, whose samples are replaced by new ones, not [[0, 0, 0]]",
    ),
    "the data": (
        lambda: RBM(3, 2).contrastive_divergence(V, persistent=V[1:]),
        ValueError,
        "persistent is the data v itself, which would be overwritten; give persistent=v.copy()",
    ),
    "read-only": (
        lambda: RBM(3, 2).contrastive_divergence(V, persistent=np.broadcast_to(np.ones(3), (2, 3))),
        ValueError,
        "persistent is read-only, but its samples are replaced by new ones; give a copy",
    ),
    "other samples": (
        lambda: RBM(3, 2).contrastive_divergence(V, persistent=np.ones((4, 2))),
        ValueError,
        "persistent has shape (4, 2), but must have (m, 3), m ≥ 1",
    ),
    "no data": (
        lambda: RBM(3, 2).contrastive_divergence(V[:0]),
        ValueError,
        "v has shape (0, 3), but there is no mean of no examples; give at least one row",
    ),
    "no number": (
        lambda: RBM(3, 2).log_likelihood(np.full((4, 3), np.nan)),
        ValueError,
        "RBM: v contains NaN or infinity; leave out the rows that have them",
    ),
    "too many": (
        lambda: RBM(22, 21).log_likelihood(np.ones((4, 22))),
        ValueError,
        "22 visible and 21 hidden units is a sum over 2^21 states of 22 numbers each; the limit is 33,554,432",
    ),
    "too many for the memory": (lambda: RBM(20, 33).log_partition_function(), ValueError, "2^20 states of 33 numbers"),
}


@pytest.mark.parametrize(("make", "error", "said"), ERRORS.values(), ids=ERRORS)
def test_errors(make, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make()
