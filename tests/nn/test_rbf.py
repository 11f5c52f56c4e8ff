"""Radial basis function networks: their formula, centres from data, derivatives, pictures, and their errors."""

import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import RBF

SEEDS = st.integers(0, 2**32 - 1)
SOME = settings(max_examples=25)


@st.composite
def networks(draw, dtype=np.float64):
    """A network with other widths than at the start, and a batch, some rows of which are centres."""
    n_in, n_units, n_out = (draw(st.integers(1, 4)) for _ in range(3))
    rng = np.random.default_rng(draw(SEEDS))
    net = RBF(n_in, n_units, n_out, rng, dtype)
    net.log_widths.data = rng.normal(size=n_units).astype(dtype)
    x = rng.normal(size=(draw(st.integers(1, 5)), n_in)).astype(dtype)
    if draw(st.booleans()):
        x[0] = net.centres.data[0]
    return net, x


def by_loops(net, x):
    """The outputs, one product at a time."""
    c, log_s, W, b = (net.state_dict()[name] for name in ("centres", "log_widths", "linear.W", "linear.b"))
    z = np.zeros((len(x), len(b)), np.result_type(x, c, log_s, W, b))
    for i in range(len(x)):
        for k in range(len(b)):
            z[i, k] = b[k]
            for j in range(len(c)):
                square = sum((x[i, m] - c[j, m]) * (x[i, m] - c[j, m]) for m in range(x.shape[1]))
                z[i, k] += np.exp(-square / (2 * np.exp(log_s[j]) ** 2)) * W[j, k]
    return z


def with_parameters(net):
    """Σ z² as a function of a dict of parameters and x."""

    def f(point):
        twin = RBF(*net.centres.shape[::-1], net.linear.W.shape[1])
        twin.centres, twin.log_widths = point["c"], point["log_s"]
        return np.sum(np.square(twin.phi(point["x"]) @ point["W"] + point["b"]))

    return f


def point_of(net, x):
    tensors = zip(("c", "log_s", "W", "b"), net.parameters(), strict=True)
    return {"x": x} | {name: t.numpy() for name, t in tensors}


# --- The formula ----------------------------------------------------------------------------------------------


@SOME
@given(networks())
def test_the_network_is_its_formula(drawn):
    net, x = drawn
    np.testing.assert_allclose(net(x).numpy(), by_loops(net, x), rtol=1e-10, atol=1e-12)
    phi = net.phi(x).numpy()
    assert phi.shape == (len(x), len(net.centres))
    assert (phi >= 0).all()
    assert (phi <= 1).all()
    np.testing.assert_array_equal(np.diag(net.phi(net.centres).numpy()), 1)


@SOME
@given(networks())
def test_every_gradient_is_that_of_the_complex_step(drawn):
    net, x = drawn
    np.sum(np.square(net(x))).backward()
    for p in net.parameters():
        start = p.numpy()
        for i in np.ndindex(p.shape):
            stepped = start.astype(complex)
            stepped[i] += 1e-30j
            state = net.state_dict() | {n: stepped for n, q in net.named_tensors().items() if q is p}
            slope = np.sum(np.square(by_loops(_Values(state), x))).imag / 1e-30
            np.testing.assert_allclose(p.grad[i], slope, rtol=1e-9, atol=1e-12)


class _Values:
    """What `by_loops` asks for, of any numbers."""

    def __init__(self, state):
        self.state_dict = lambda: state


@settings(max_examples=15)
@given(networks())
def test_derivatives_to_second_order(drawn):
    net, x = drawn
    assert tg.check_grads(with_parameters(net), point_of(net, x), order=2)


@pytest.mark.peers
@settings(max_examples=10)
@given(networks())
def test_pytorch_agrees(drawn):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    net, x = drawn
    np.sum(np.square(net(x))).backward()
    c, log_s, W, b = theirs = [torch.tensor(p.numpy(), requires_grad=True) for p in net.parameters()]
    square = ((torch.tensor(x)[:, None] - c) ** 2).sum(dim=2)
    z = torch.exp(-square / (2 * torch.exp(log_s) ** 2)) @ W + b
    (z**2).sum().backward()
    for mine, other in zip(net.parameters(), theirs, strict=True):
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_at_a_centre_the_gradient_is_finite_and_far_away_there_is_none():
    net = RBF(2, 3, 1, rng=0)
    for x in (net.centres.numpy(), np.full((1, 2), 1e150), np.full((1, 2), -1e8)):
        t = tg.Tensor(x, requires_grad=True)
        np.sum(net(t)).backward()
        assert np.isfinite(t.grad).all()
        assert all(np.isfinite(p.grad).all() for p in net.parameters())
    np.testing.assert_array_equal(net.phi(np.full((1, 2), 1e150)).numpy(), 0)
    np.testing.assert_array_equal(t.grad, 0)


def test_small_distances_far_from_the_origin_keep_their_digits():
    """‖x‖² − 2x·c + ‖c‖² would have none left."""
    net = RBF(1, 1, 1, rng=0)
    net.centres.data = np.array([[1e8]])
    np.testing.assert_allclose(net.phi([[1e8 + 1]]).numpy(), np.exp(-0.5), rtol=1e-12)


@settings(max_examples=15)
@given(networks())
def test_compiled_it_gives_the_same(drawn):
    net, x = drawn
    f, point = with_parameters(net), point_of(net, x)
    value, gradient = tg.value_and_grad(f)(point)
    again, compiled = tg.compile(tg.value_and_grad(f))(point)
    np.testing.assert_allclose(again, value, rtol=1e-10, atol=1e-13)
    for name, g in gradient.items():
        np.testing.assert_allclose(compiled[name], g, rtol=1e-9, atol=1e-12)


@settings(max_examples=10)
@given(networks(np.float32))
def test_single_precision_stays(drawn):
    net, x = drawn
    C = np.sum(np.square(net(x)))
    C.backward()
    assert C.dtype == np.float32
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net(x.astype(float)).dtype == np.float32
    np.testing.assert_allclose(net(x).numpy(), by_loops(net, x), rtol=1e-3, atol=1e-5)
    assert RBF.from_data(x, 1, 1, rng=0, dtype=np.float32)(x).dtype == np.float32


# --- Centres from data ------------------------------------------------------------------------------------------


def blobs():
    """Three clusters far from each other."""
    middles = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    return middles, (middles[:, None] + np.random.default_rng(0).normal(size=(3, 20, 2))).reshape(60, 2)


@pytest.mark.parametrize("unit", [1e-170, 1e-9, 1.0, 1e170])
def test_centres_are_the_means_of_clusters(unit):
    _, x = blobs()
    net = RBF.from_data(x * unit, 3, 1, rng=0)
    means = x.reshape(3, 20, 2).mean(axis=1)
    distances = np.linalg.norm(net.centres.numpy()[:, None] / unit - means, axis=2)
    order = distances.argmin(axis=1)
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(distances.min(axis=1), 0, atol=1e-10)
    apart = np.linalg.norm(means[:, None] - means, axis=2).sum(axis=1) / 2  # the mean of the two others
    np.testing.assert_allclose(np.exp(net.log_widths.numpy()), apart[order] * unit, rtol=1e-10)


@SOME
@given(st.integers(1, 3), st.integers(1, 6), SEEDS)
def test_from_data_with_any_points(n_in, n_units, seed):
    x = np.random.default_rng(seed).integers(-3, 4, (12, n_in))  # many are equal
    if len(np.unique(x, axis=0)) < n_units:
        return
    nets = [RBF.from_data(x, n_units, 2, rng=seed) for _ in range(2)]
    for name, value in nets[0].state_dict().items():
        assert np.isfinite(value).all()
        np.testing.assert_array_equal(value, nets[1].state_dict()[name])
    assert nets[0](x).shape == (12, 2)
    assert (nets[0].centres.numpy() >= x.min(axis=0) - 1e-9).all()
    assert (nets[0].centres.numpy() <= x.max(axis=0) + 1e-9).all()


def test_centres_are_learned_or_stay():
    _, x = blobs()
    names = ["log_widths", "linear.W", "linear.b"]
    assert list(RBF.from_data(x, 3, 1, rng=0).named_parameters()) == names
    assert list(RBF.from_data(x, 3, 1, rng=0, learn_centres=True).named_parameters()) == ["centres", *names]
    assert list(RBF.from_data(tg.Tensor(x, requires_grad=True), 3, 1, rng=0).state_dict()) == ["centres", *names]


def test_one_unit_is_as_wide_as_the_data():
    net = RBF.from_data([[0.0], [2.0]], 1, 1, rng=0)
    assert net.centres.item() == 1
    assert net.log_widths.item() == 0
    assert RBF.from_data([[5.0], [5.0]], 1, 1, rng=0).log_widths.item() == 0  # no spread at all


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.cluster.vq", None)
    with pytest.raises(ImportError, match=re.escape('pip install "tinygrad_edu[scipy]"')):
        RBF.from_data(np.ones((3, 2)), 1, 1)


# --- As a network -------------------------------------------------------------------------------------------------


def test_fit_learns_and_widths_stay_positive():
    x = np.linspace(-2, 2, 40)[:, None]
    net = RBF(1, 8, 1, rng=0)
    net.centres.data = np.linspace(-2, 2, 8)[:, None]
    net.log_widths.data = np.full(8, -1.0)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.02)
    options = {"cost": "quadratic", "optimizer": optimizer, "batch_size": 10, "rng": 0, "progress": False}
    history = tg.fit(net, x, np.sin(3 * x), epochs=100, **options)
    assert history.cost[-1] < 1e-3
    net.log_widths.data -= 300.0  # wherever an optimiser may lead
    assert (np.exp(net.log_widths.numpy()) > 0).all()
    assert np.isfinite(net(x).numpy()).all()


def test_save_and_load(tmp_path):
    net, other = RBF(2, 3, 1, rng=0), RBF(2, 3, 1, rng=1)
    net.save(tmp_path / "net.npz")
    other.load(tmp_path / "net.npz")
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], value)
    assert repr(net) == "RBF(2, 3, 1)"


def test_only_the_linear_layer_is_drawn_with_equations(tmp_path):
    """z = φ W + b has a BP1, BP3 and BP4; centres and widths are no weights, and nothing is handed on by BP2."""
    net = RBF(2, 3, 1, rng=0)
    C = tg.costs.quadratic(net(np.ones((4, 2))), np.zeros((4, 1)))
    arrows = [line for line in tg.draw(C).source.splitlines() if "->" in line and "BP" in line]
    assert [re.search(r"BP\d", line)[0] for line in arrows] == ["BP4", "BP3", "BP1"]
    assert "∂C/∂W" in arrows[0]
    assert "∂C/∂b" in arrows[1]
    tg.explore(C, tmp_path / "film.html")
    assert "gaussian" in (tmp_path / "film.html").read_text(encoding="utf-8")


def test_the_units_alone_carry_no_equation():
    assert "BP" not in tg.draw(np.sum(RBF(2, 3, 1, rng=0).phi(np.ones((4, 2))))).source


# --- Errors -------------------------------------------------------------------------------------------------------

ERRORS = {
    "no units": (lambda: RBF(2, 0, 1), ValueError, "RBF: n_units must be at least 1, not 0"),
    "half a unit": (lambda: RBF(2, 1.5, 1), TypeError, "RBF: n_units must be a whole number, not 1.5"),
    "integers": (lambda: RBF(2, 3, 1, dtype=int), TypeError, "RBF: dtype must be one of floats, such as np.float32"),
    "a seed of text": (lambda: RBF(2, 3, 1, rng="a"), TypeError, "RBF: rng must be a seed"),
    "columns": (lambda: RBF(2, 3, 1)(np.ones((4, 3))), ValueError, "(4, 3), but this network takes (n, 2)"),
    "one row": (lambda: RBF(2, 3, 1)(np.ones(2)), ValueError, "a single one is x[None, :]"),
    "text": (lambda: RBF(2, 3, 1)([["a", "b"]]), TypeError, "RBF: x must be real numbers, not of dtype <U1"),
    "data of text": (lambda: RBF.from_data([["a"]], 1, 1), TypeError, "RBF.from_data: x must be real numbers"),
    "data in a row": (lambda: RBF.from_data([1.0, 2.0], 1, 1), ValueError, "x has shape (2,), but must have (n, n_in)"),
    "no data": (lambda: RBF.from_data(np.ones((0, 2)), 1, 1), ValueError, "x has shape (0, 2)"),
    "infinite": (lambda: RBF.from_data([[np.inf]], 1, 1), ValueError, "x must be finite, but has an infinity or NaN"),
    "equal": (lambda: RBF.from_data(np.ones((9, 2)), 2, 1), ValueError, "x has 1 different rows, too few for 2 units"),
    "no centres": (lambda: RBF.from_data(np.ones((9, 2)), 0, 1), ValueError, "RBF: n_units must be at least 1"),
}


@pytest.mark.parametrize(("make", "error", "said"), ERRORS.values(), ids=ERRORS)
def test_errors(make, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make()
