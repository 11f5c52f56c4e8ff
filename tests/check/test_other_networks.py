"""The checks on networks that are no `MLP`, and on activation functions of one's own."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import MLP, Dropout, Linear, Sequential

OWN = {
    "softsign": lambda z: z / (1 + np.abs(z)),
    "steep": lambda z: np.sin(3 * z),
    "cubic": lambda z: z**3 / 10,
    "bent": lambda z: np.where(z > 0, z, 0.3 * z),
    "flat": np.sign,
    "swish": lambda z: z * tg.sigmoid(z),
    "two": lambda z: np.concatenate([np.sin(z[:, :1]), tg.sigmoid(z[:, 1:])], axis=1),  # one unit is modified
    "tanh": np.tanh,
}


@st.composite
def problems(draw):
    """A `Sequential`, some of whose activation functions are known and some are not, with a batch and targets."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    functions = [*OWN.values(), tg.sigmoid, tg.relu, tg.identity, None]
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        sigma = draw(st.sampled_from(functions))
        layers += [Linear(n_in, n_out, rng=rng, dtype=dtype), *([] if sigma is None else [sigma])]
    return Sequential(*layers), rng.normal(size=(4, sizes[0])), rng.uniform(size=(4, sizes[-1]))


@given(problems())
def test_autograd_equals_the_four_equations(problem):
    report = tg.check_backprop(*problem)
    assert report.ok, f"{problem[0]}\n{report}"
    tg.learning_report(*problem)


def test_a_sequential_is_checked_as_the_same_mlp_is():
    mlp = MLP([3, 4, 5, 2], "tanh", "softmax", rng=0)
    parts = [step for layer in mlp.layers for step in (layer.linear, tg.tanh)][:-1]
    x, y = np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 1, 1, 0, 0, 1])
    for other in (Sequential(*parts, tg.softmax), Sequential(Sequential(*parts), tg.softmax), Sequential(mlp)):
        for check in (tg.check_backprop, tg.learning_report):
            assert str(check(other, x, y, "cross_entropy")) == str(check(mlp, x, y, "cross_entropy"))
    assert tg.check_backprop(mlp.layers[0].linear, x, np.zeros((6, 4))).ok


def test_a_function_of_ones_own_may_have_any_name():
    def sigmoid(z):  # but it is another one
        return 1 / (1 + np.exp(-2 * z))

    x, y = np.random.default_rng(0).normal(size=(6, 3)), np.full((6, 2), 0.5)
    for net in (MLP([3, 4, 2], sigmoid, sigmoid, rng=0), MLP([3, 4, 2], lambda z: sigmoid(z), sigmoid, rng=0)):
        for cost in ("quadratic", "binary_cross_entropy"):
            report = tg.check_backprop(net, x, y, cost)
            assert report.ok, str(report)
            assert "δ2        (2, 6)" not in str(report)
            assert "∇ₐC ⊙ σ′(z2)" in str(report)
    assert "σ(z1)" in str(report)


@pytest.mark.parametrize("name", ["softsign", "swish", "two"])
def test_a_wrong_slope_is_caught_by_the_differences(name, monkeypatch):
    """σ′ is autograd's on both sides, so that only finite differences can tell."""
    from tinygrad_edu import engine

    x, y = np.random.default_rng(0).normal(size=(6, 3)), np.full((6, 2), 0.5)
    net = MLP([3, 4, 2], OWN[name], OWN[name], rng=0)
    assert tg.check_backprop(net, x, y).ok
    for fn in (np.divide, np.multiply, np.sin):
        wrong = tuple(lambda g, y, *args, rule=rule, **kw: 1.5 * rule(g, y, *args, **kw) for rule in engine.RULES[fn])
        monkeypatch.setitem(engine.RULES, fn, wrong)
    assert not tg.check_backprop(net, x, y).ok


def test_at_a_corner_of_a_function_of_ones_own_the_differences_say_nothing():
    net = MLP([2, 3, 1], lambda z: np.where(z > 0, z, 0.3 * z), "identity", rng=0)
    net.biases[0].data = np.zeros(3)
    report = tg.check_backprop(net, np.zeros((1, 2)), [[1.0]])  # z1 = 0 exactly
    assert report.ok, str(report)
    assert "a corner of a σ of your own" in str(report)


def test_a_network_that_does_something_else_is_not_taken_for_its_layers():
    class Residual(MLP):
        def __call__(self, x):
            return np.asarray(x) + super().__call__(x)

    with pytest.raises(ValueError, match="mlp, a Residual, gives other outputs than its layers in a row"):
        tg.check_backprop(Residual([2, 2], rng=0), np.ones((3, 2)), np.ones((3, 2)))


def mixing(z):
    return z - np.mean(z, axis=1, keepdims=True)


x2, y3 = np.random.default_rng(1).normal(size=(4, 2)), np.zeros((4, 3))


@pytest.mark.parametrize(
    ("net", "error", "said"),
    [
        (tg.nn.RNN(2, 3, rng=0), TypeError, "not a RNN; BP1–BP4 are about layers of z = aW"),
        (Sequential(Linear(2, 3), Dropout(0.5)), TypeError, r"but it has Dropout\(0.5\) in it; .*check_grads"),
        (Sequential(tg.tanh, Linear(2, 3)), TypeError, "in mlp, tanh comes first of all"),
        (Sequential(Linear(2, 3), tg.tanh, tg.relu), TypeError, "relu comes after another function"),
        (Sequential(), TypeError, "mlp has no layers"),
        (
            Sequential(Linear(2, 4), Linear(5, 3)),
            ValueError,
            r"weights\[1\] must have shape \(4, n_out\), got \(5, 3\)",
        ),
        (MLP([2, 3], output=mixing), ValueError, "activation 'mixing' of layer 1 mixes the units or examples"),
        (MLP([2, 3], output=lambda z: z[:, :2]), ValueError, r"'σ' of layer 1 makes shape \(4, 2\) of \(4, 3\)"),
        (
            MLP([2, 3, 3], lambda z: z * np.random.default_rng().random(z.shape)),
            ValueError,
            "'σ' of layer 1 .*or draws random numbers",
        ),
    ],
)
@pytest.mark.parametrize("check", [tg.check_backprop, tg.learning_report])
def test_what_the_equations_are_not_about_is_refused(check, net, error, said):
    with pytest.raises(error, match=f"^{check.__name__}: .*{said}"):
        check(net, x2, y3)
