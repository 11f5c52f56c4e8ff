"""What `fit` says where nothing is learned; and that it says nothing where a network learns."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import costs
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import MLP, Linear, Sequential
from tinygrad_edu.training import advice, measuring

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
FALL, REACH, DEAD = (f'(see "{name}" in docs/training.md)' for name in re.findall(r"^## (.*)", PAGE, re.MULTILINE))

T = np.linspace(-3, 3, 50)[:, None]
WAVE = np.sin(T)
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def blobs(n=60, classes=3, seed=0):
    """Points around the corners of a triangle, and which corner."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return np.eye(classes)[y] * 3 + rng.normal(size=(n, classes)), y


def train(net, x, y, *, lr=0.5, optimizer=tg.optim.SGD, **options):
    settings = {"cost": "quadratic", "epochs": 20, "batch_size": 10, "rng": 0, "progress": False} | options
    return tg.fit(net, x, y, optimizer=optimizer(net.parameters(), lr), **settings)


def digits(factor=1.0, n=300):
    (x, y), _ = tg.data.digits()
    return factor * x[:n], y[:n]


# --- refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu"])
def test_cross_entropy_needs_softmax(output):
    for net in (MLP([3, 4, 3], output=output, rng=0), Sequential(Linear(3, 3, rng=0), ACTIVATIONS[output])):
        for cost in ("cross_entropy", costs.cross_entropy):
            with pytest.raises(
                ValueError, match=f"output is {output}; use output='softmax', or .*binary_cross_entropy"
            ):
                train(net, *blobs(), cost=cost)


def test_what_fit_cannot_know_is_not_refused():
    own = Sequential(Linear(3, 3, rng=0), lambda z: tg.softmax(z))
    assert train(own, *blobs(), cost="cross_entropy").accuracy[-1] > 0.9


# --- targets out of reach -------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["quadratic", lambda a, y: np.mean((a - y) ** 2)], ids=["named", "own"])
def test_a_sine_is_no_target_for_a_sigmoid(cost):
    net = MLP([1, 5, 1], rng=0)
    with pytest.warns(
        UserWarning, match=r"from -0\.999 to 0\.999, but the outputs of sigmoid only from 0 to 1"
    ) as told:
        train(net, T, WAVE, cost=cost, validation=(T, WAVE))
    (one,) = told
    assert "output='identity'" in str(one.message)
    assert str(one.message).endswith(REACH)
    assert one.filename == __file__  # whoever calls fit


REACHED = {
    "sigmoid": [0.0, 1.0], "softmax": [0.0, 1.0], "tanh": [-1.0, 1.0], "sine": [-1.0, 1.0], "relu": [0.0, 50.0],
    "softplus": [0.0, 50.0], "elu": [-1.0, 50.0], "gelu": [-0.16, 50.0], "leaky_relu": [-50.0, 50.0],
    "identity": [-50.0, 50.0],
}  # fmt: skip


@pytest.mark.parametrize("output", REACHED)
def test_targets_at_the_ends_of_the_range_are_no_reason_to_warn(output):
    low, high = REACHED[output]
    y = np.array([[low, high], [high, low]])
    net = MLP([2, 2], output=output, rng=0)
    train(net, np.eye(2), y, lr=1e-6, epochs=1)
    train(net, np.eye(2), y + np.array([[0, 0.01], [0, -0.01]]), lr=1e-6, epochs=1)  # noise
    if low > -50:
        with pytest.warns(UserWarning, match=f"the outputs of {output} only"):
            train(net, np.eye(2), -1.5 - y, lr=1e-6, epochs=1)


@pytest.mark.parametrize("output", REACHED)
def test_the_ranges_are_those_of_the_functions(output):
    z = np.linspace(-60, 60, 100_001)
    a = ACTIVATIONS[output](np.stack([z, -z], axis=1) if output == "softmax" else z)
    low, high = advice.RANGES.get(output, (-np.inf, np.inf))
    assert low <= a.min() + 1e-12
    assert a.max() - 1e-12 <= high
    assert a.max() > min(high, 50) - 0.01
    assert a.min() < max(low, -0.5) + 0.02


def test_class_numbers_on_one_unit_are_told_of_labels():
    with pytest.warns(UserWarning, match="from 0 to 9, .* for classes it has a unit for each, and y is their labels"):
        train(MLP([64, 1], rng=0), digits()[0], digits()[1][:, None], epochs=1)


def test_no_word_on_targets_of_another_meaning():
    """Of a cost of one's own, which takes class numbers and weights, say."""
    x, y = blobs()
    y = np.stack([y, np.ones(len(y))], axis=1)
    cost = lambda a, y: -np.sum(y[:, 1] * np.log(a[np.arange(len(a)), y[:, 0].astype(int)])) / len(a)
    assert train(MLP([3, 3], output="softmax", rng=0), x, y, cost=cost, compiled=False).advice == ()


# --- advice ---------------------------------------------------------------------------------------------


def relu_that_is_never_on():
    net = MLP([3, 4, 3], "relu", "softmax", rng=0)
    net.biases[0].data = np.full(4, -100.0)
    return net


def far_from_zero(**options):
    """Both layers saturated on one side."""
    net = MLP([3, 4, 3], rng=0, **options)
    net.biases[0].data = np.full(4, 50.0)
    return net


def outputs_off():
    net = MLP([3, 3], rng=0)
    net.biases[0].data = np.array([0.0, -40.0, 0.0])
    return net


CASES = {
    "deep sigmoid": (lambda: MLP([64, 30, 30, 30, 30, 10], rng=0), digits, {"lr": 3.0}, [("nothing is learned", FALL)]),
    "too small a step": (lambda: MLP([2, 3, 1], rng=0), lambda: XOR, {"lr": 1e-9}, [("nothing is learned", FALL)]),
    "too long a step": (
        lambda: MLP([1, 10, 1], output="identity", rng=0),
        lambda: (T, WAVE),
        {"lr": 3.0, "epochs": 4},
        [("the steps are too long, so take a smaller lr", FALL), ("of layer 1 is dead", DEAD)],
    ),
    "a sum in place of a mean": (
        lambda: MLP([1, 10, 1], output="identity", rng=0),
        lambda: (T, WAVE),
        {"cost": lambda a, y: np.sum((a - y) ** 2), "epochs": 4},
        [("or has the cost the wrong sign?", FALL), ("of layer 1 are dead", DEAD)],
    ),
    "dead relu": (
        relu_that_is_never_on,
        blobs,
        {"cost": "cross_entropy"},
        [("nothing is learned", FALL), ("4 of the 4 units of layer 1 are dead: for every example relu gives 0", DEAD)],
    ),
    "saturated tanh": (
        lambda: far_from_zero(activation="tanh", output="softmax"),
        blobs,
        {"cost": "cross_entropy", "lr": 0.1},
        [("nothing is learned", FALL), ("4 of the 4 units of layer 1 are dead: for every example tanh is on", DEAD)],
    ),
    "one output is off": (outputs_off, blobs, {}, [("1 of the 3 units of layer 1 is dead: for every example sig", DEAD)]),
    "layers in a row": (
        lambda: Sequential(*relu_that_is_never_on().layers),
        blobs,
        {"cost": "cross_entropy"},
        [("nothing is learned", FALL), ("units of layer 1 are dead", DEAD)],
    ),
    "pixels to 255": (
        lambda: MLP([64, 30, 10], rng=0),
        lambda: digits(255.0),
        {"lr": 1.0},
        [("nothing is learned", FALL), ("units of layer 1 are dead", DEAD)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rows", [measuring.ROWS, 7])
@pytest.mark.parametrize("case", CASES)
def test_what_learns_nothing_is_told_why(case, rows, monkeypatch):
    monkeypatch.setattr(measuring, "ROWS", rows)
    make, problem, options, expected = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow
        history = train(make(), *problem(), **options)
    assert len(history.advice) == len(expected)
    for sentence, (words, section) in zip(history.advice, expected, strict=True):
        assert words in sentence
        assert section in sentence
        assert sentence in str(history).splitlines()


def test_a_cost_that_is_not_finite():
    with np.errstate(all="ignore"):
        history = train(MLP([1, 10, 1], output="identity", rng=0), T, WAVE, lr=50.0, epochs=200)
    (sentence,) = history.advice
    epoch = int(re.match(r"After (\d+) epochs the cost is (inf|nan)", sentence)[1])
    assert np.isfinite(history.cost[epoch - 1])
    assert not np.isfinite(history.cost[epoch])
    assert FALL in sentence


PAIRS = [
    ("sigmoid", "quadratic"), ("softmax", "quadratic"), ("sigmoid", "binary_cross_entropy"),
    ("softmax", "cross_entropy"), ("identity", "cross_entropy_with_logits"), ("identity", "quadratic"),
]  # fmt: skip


@pytest.mark.long
@settings(max_examples=settings.default.max_examples // 2)
@given(
    hidden=st.lists(st.tuples(st.integers(2, 8), st.sampled_from(sorted({*ACTIVATIONS} - {"softmax", "step"}))), max_size=2),
    pair=st.sampled_from(PAIRS),
    adam=st.booleans(),
    seed=st.integers(0, 2**32),
    own=st.booleans(),
)  # fmt: skip
def test_a_network_that_learns_is_left_alone(hidden, pair, adam, seed, own):
    x, y = blobs(seed=seed)
    output, name = pair
    net = MLP([3, *(n for n, _ in hidden), 3], [name for _, name in hidden], output, rng=seed)
    cost = (lambda a, y: costs.COSTS[name](a, y)) if own else name
    optimizer, lr = (tg.optim.Adam, 0.02) if adam else (tg.optim.SGD, 0.3)
    with np.errstate(all="ignore"):
        history = train(net, x, y, cost=cost, optimizer=optimizer, lr=lr)
        again = train(net, x, y, cost=cost, optimizer=optimizer, lr=lr / 100, epochs=1)  # hardly anything is left
    assume(history.cost[-1] < 0.8 * history.cost[0])
    assume(history.accuracy[-1] > 0.7)
    assert history.advice == again.advice == ()


def test_no_advice_without_an_epoch_or_a_yardstick():
    assert train(MLP([3, 3], rng=0), *blobs(), epochs=0).advice == ()
    same = np.full((60, 3), 0.5)  # all targets are one: to be the same for every example is right
    assert train(MLP([3, 3], rng=0), blobs()[0], same, lr=1e-9).advice == ()
    assert train(MLP([3, 3], rng=0), *blobs(), cost=lambda a, y: np.mean(a)).advice == ()  # it falls


def test_a_network_that_is_not_its_layers_is_not_searched():
    class Negative(MLP):
        def __call__(self, x):
            return super().__call__(x) * -1

    net = Negative([3, 4, 1], "relu", "identity", rng=0)
    net.biases[0].data = np.full(4, -100.0)
    (sentence,) = train(net, blobs()[0], blobs()[0][:, :1], lr=0.01).advice
    assert DEAD not in sentence


def test_the_advice_stands_below_the_bar(capsys):
    net = relu_that_is_never_on()
    history = train(net, *blobs(), cost="cross_entropy", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(history.advice) == 2
    assert err.endswith("\n".join([*history.advice, ""]))


# --- the text of the history ----------------------------------------------------------------------------


def test_the_text_of_a_history():
    history = tg.History(cost=[0.5, 0.125], accuracy=[0.1, 0.9], validation_cost=[0.5, 0.25])
    assert (
        str(history) == repr(history) == "1 epoch: cost 0.5 → 0.125, accuracy 10.0% → 90.0%, validation cost 0.5 → 0.25"
    )
    history = tg.History(cost=[0.5, 0.5, 0.5], interrupted=True, advice=("Rest.",))
    assert str(history) == "2 epochs, interrupted: cost 0.5 → 0.5\nRest."
    assert str(tg.History()) == "History of no epoch"
