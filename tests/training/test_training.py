"""`fit`: Nielsen's update, repeatability, history, Ctrl-C, saturation, and every error message."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import costs
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import MLP, Linear, Sequential
from tinygrad_edu.training import accuracy, cost_of, measuring
from tinygrad_edu.training.step import Step

SEEDS = st.integers(0, 2**32)


def problem(n=20, n_in=3, n_out=2, seed=0):
    """Points and the class of each: whether the first coordinate is the largest, and so on."""
    x = np.random.default_rng(seed).normal(size=(n, n_in))
    return x, x[:, :n_out].argmax(axis=1)


def train(net, x, y, *, lr=0.5, optimizer=tg.optim.SGD, **options):
    settings = {"cost": "quadratic", "epochs": 2, "batch_size": 4, "rng": 0, "progress": False} | options
    return tg.fit(net, x, y, optimizer=optimizer(net.parameters(), lr), **settings)


def bits(model):
    return [p.numpy().tobytes() for p in model.parameters()]


# --- the update -----------------------------------------------------------------------------------------


NETWORKS = tg.testing.networks(activations=["sigmoid", "tanh", "softplus"], outputs=["sigmoid", "softmax", "identity"])


@given(problem=tg.testing.problems(NETWORKS, n=st.integers(1, 6), labels=False), eta=st.floats(0.01, 10))
def test_one_batch_is_nielsens_update(problem, eta):
    """w → w − η/m Σₓ δ aᵀ and b → b − η/m Σₓ δ, with δ found by hand, one example at a time."""
    net, x, y, cost = problem
    m, activation, output = len(x), net.activation, net.output
    W, b = [w.numpy() for w in net.weights], [v.numpy() for v in net.biases]
    sum_w, sum_b = [np.zeros_like(w) for w in W], [np.zeros_like(v) for v in b]
    for i in range(m):
        one = tg.backprop.backprop(
            W, b, x[i : i + 1], y[i : i + 1], activation=activation, output=output, cost=cost
        )  # a batch of one: its mean is itself
        sum_w = [s + g for s, g in zip(sum_w, one.grad_weights, strict=True)]
        sum_b = [s + g for s, g in zip(sum_b, one.grad_biases, strict=True)]

    train(net, x, y, cost=cost, lr=eta, epochs=1, batch_size=m)

    exact = {"rtol": 1e-10, "atol": 1e-11 * (1 + eta)}
    for found, w, s in zip(net.weights, W, sum_w, strict=True):
        np.testing.assert_allclose(found.numpy(), w - eta / m * s, **exact)
    for found, v, s in zip(net.biases, b, sum_b, strict=True):
        np.testing.assert_allclose(found.numpy(), v - eta / m * s, **exact)


def test_every_example_is_seen_once_an_epoch_in_batches():
    seen = []

    def cost(a, y):
        seen.append(np.asarray(y)[:, 0].tolist())
        return costs.quadratic(a, y)

    x, y = np.ones((10, 3)), np.arange(20.0).reshape(10, 2)
    train(MLP([3, 2], output="identity", rng=0), x, y, cost=cost, epochs=2, batch_size=4, compiled=False)
    whole, first, second = seen[0], seen[1:4], seen[5:8]
    assert seen[4] == seen[8] == whole == y[:, 0].tolist()  # measured in order
    assert [len(batch) for batch in first] == [4, 4, 2]  # the last is smaller
    first, second = ([i for batch in epoch for i in batch] for epoch in (first, second))
    assert sorted(first) == sorted(second) == whole
    assert first != second != whole  # shuffled anew each time
    assert first != whole


def test_a_batch_larger_than_the_data_is_the_data():
    x, y = problem(5)
    nets = [MLP([3, 2], rng=0) for _ in range(2)]
    for net, batch_size in zip(nets, (5, 1000), strict=True):
        train(net, x, y, batch_size=batch_size)
    assert bits(nets[0]) == bits(nets[1])


def test_old_gradients_do_not_count():
    x, y = problem()
    fresh, stale = MLP([3, 2], rng=0), MLP([3, 2], rng=0)
    costs.quadratic(stale(x), y).backward()
    for net in (fresh, stale):
        train(net, x, y)
    assert bits(fresh) == bits(stale)


# --- repeatability --------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [tg.optim.SGD, tg.optim.Adam])
@settings(max_examples=settings.default.max_examples // 5)
@given(seed=SEEDS)
def test_same_seed_same_bits(optimizer, seed):
    x, y = problem()
    nets, histories = [], []
    for rng in (seed, seed, np.random.default_rng(seed)):
        nets.append(MLP([3, 4, 2], rng=seed))
        histories.append(train(nets[-1], x, y, optimizer=optimizer, rng=rng, validation=(x[:5], y[:5])))
    assert bits(nets[0]) == bits(nets[1]) == bits(nets[2])
    assert histories[0] == histories[1] == histories[2]


def test_another_seed_shuffles_otherwise():
    x, y = problem()
    nets = [MLP([3, 4, 2], rng=0) for _ in range(2)]
    for net, seed in zip(nets, (1, 2), strict=True):
        train(net, x, y, rng=seed)
    assert bits(nets[0]) != bits(nets[1])


def test_validation_and_progress_change_no_bit(capsys):
    x, y = problem()
    nets = [MLP([3, 4, 2], rng=0) for _ in range(3)]
    for net, options in zip(nets, ({}, {"validation": (x, y)}, {"progress": True}), strict=True):
        train(net, x, y, **options)
    assert bits(nets[0]) == bits(nets[1]) == bits(nets[2])


def test_data_are_left_alone():
    x, y = problem()
    x.flags.writeable = y.flags.writeable = False
    before = x.copy(), y.copy()
    train(MLP([3, 2], rng=0), x, y, validation=(x, y))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


# --- history --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_history_has_one_entry_more_than_epochs(epochs):
    x, y = problem()
    history = train(MLP([3, 2], rng=0), x, y, epochs=epochs, validation=(x[:4], y[:4]))
    lists = (history.cost, history.accuracy, history.validation_cost, history.validation_accuracy)
    assert [len(values) for values in lists] == [epochs + 1] * 4
    assert all(type(value) is float for values in lists for value in values)
    assert history.epochs == epochs
    assert history.interrupted is False
    assert tg.History().epochs == 0


@pytest.mark.parametrize(
    ("output", "cost"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"), ("sigmoid", "quadratic")]
)
def test_history_is_what_one_measures(output, cost):
    x, y = problem()
    held_out = problem(7, seed=1)
    net = MLP([3, 4, 2], output=output, rng=0)
    first = costs.COSTS[cost](net(x), y).item()
    history = train(net, x, y, cost=cost, validation=held_out)
    np.testing.assert_allclose(history.cost[0], first, rtol=1e-12)
    np.testing.assert_allclose(history.cost[-1], costs.COSTS[cost](net(x), y).item(), rtol=1e-12)
    np.testing.assert_allclose(history.validation_cost[-1], costs.COSTS[cost](net(held_out[0]), held_out[1]).item())
    assert history.accuracy[-1] == np.mean(net(x).argmax(axis=1) == y)
    assert history.validation_accuracy[-1] == np.mean(net(held_out[0]).argmax(axis=1) == held_out[1])


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_measuring_in_parts_is_measuring(rows, monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(50, 3)), np.eye(4)[np.arange(50) % 4]
    measured = []
    for at_once in (10**9, rows):
        monkeypatch.setattr(measuring, "ROWS", at_once)
        net = tg.nn.MLP([3, 5, 4], output="softmax", rng=0)
        sgd = tg.optim.SGD(net.parameters(), 0.5)
        history = tg.fit(net, x, y, cost="cross_entropy", optimizer=sgd, epochs=2, batch_size=10, rng=0,
                         validation=(x[:9], y[:9]), progress=False)  # fmt: skip
        measured.append([history.cost, history.accuracy, history.validation_cost, history.validation_accuracy])
    np.testing.assert_allclose(measured[1], measured[0], rtol=1e-13)


def test_a_function_is_measured_as_a_whole(monkeypatch):
    monkeypatch.setattr(measuring, "ROWS", 2)
    w, seen = tg.Tensor(np.ones((3, 1)), requires_grad=True), []

    def model(x):
        seen.append(len(x))
        return x @ w

    x, _ = problem()
    sgd = tg.optim.SGD([w], 0.1)
    tg.fit(model, x, x[:, :1], cost="quadratic", optimizer=sgd, epochs=0, batch_size=4, progress=False)
    assert set(seen) == {len(x)}


def test_measuring_needs_little_memory():
    net = tg.nn.MLP([2, 500, 1], rng=0)
    x, y = np.zeros((20_000, 2)), np.zeros((20_000, 1))
    sgd = tg.optim.SGD(net.parameters(), 0.5)
    tracemalloc.start()
    tg.fit(net, x, y, cost="quadratic", optimizer=sgd, epochs=0, batch_size=1000, rng=0, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 20_000 * 500 * 8  # the activations of the hidden layer alone would be twice as much


def test_without_validation_its_lists_are_empty_and_regression_has_no_accuracy():
    x, _ = problem()
    history = train(MLP([3, 1], output="identity", rng=0), x, x[:, :1], lr=0.01)
    assert history.accuracy == history.validation_cost == history.validation_accuracy == []
    assert len(history.cost) == 3


def test_measuring_and_zero_epochs_move_nothing():
    x, y = problem()
    net = MLP([3, 2], rng=0)
    before = bits(net)
    train(net, x, y, epochs=0)
    assert bits(net) == before
    assert all(p.grad is None for p in net.parameters())


# --- accuracy -------------------------------------------------------------------------------------------

ACCURACY = {
    "labels": ([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], [1, 0, 1], 2 / 3),
    "one-hot rows": ([[0.1, 0.9], [0.8, 0.2]], [[0, 1], [0, 1]], 1 / 2),
    "one-hot rows as truth values": ([[0.1, 0.9], [0.8, 0.2]], [[False, True], [True, False]], 1),
    "a tie goes to the first": ([[0.5, 0.5]], [0], 1),
    "one unit": ([[0.2], [0.5], [0.9]], [[0.0], [1.0], [0.0]], 2 / 3),
    "rows that are not classes": ([[0.1, 0.9]], [[0.3, 0.7]], None),
    "several classes at once": ([[0.1, 0.9]], [[1, 1]], None),
    "no class": ([[0.1, 0.9]], [[0, 0]], None),
    "one unit, any number": ([[0.2], [0.5]], [[0.3], [1.0]], None),
    "outputs in one row": ([0.2, 0.7], [0.0, 1.0], None),
    "outputs of rank 3": ([[[0.2, 0.7]]], [[[0.0, 1.0]]], None),
}


@pytest.mark.parametrize("case", ACCURACY)
@pytest.mark.parametrize("lift", [np.array, lambda a: tg.Tensor(a, requires_grad=True)], ids=["array", "tensor"])
def test_accuracy(case, lift):
    a, y, expected = ACCURACY[case]
    assert accuracy(lift(a), np.array(y)) == expected


def test_weighted_inputs_are_classified_at_0_and_probabilities_at_one_half():
    """σ(z) ≥ ½ where z ≥ 0, so that both views of one network report the same accuracy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = (x > 0.1).astype(float)
    on_z = Sequential(Linear(1, 1, rng=1))
    on_a = Sequential(*on_z.layers, tg.sigmoid)
    histories = [
        train(on_z, x, y, cost="binary_cross_entropy_with_logits", epochs=0),
        train(on_z, x, y, cost=costs.binary_cross_entropy_with_logits, epochs=0),
        train(on_a, x, y, cost="binary_cross_entropy", epochs=0),
    ]
    a = tg.sigmoid(on_z(x)).numpy()
    assert [h.accuracy for h in histories] == [[np.mean((a >= 0.5) == y)]] * 3
    assert np.mean((on_z(x).numpy() >= 0.5) == y) != histories[0].accuracy[0]  # this would be another number


# --- learning -------------------------------------------------------------------------------------------


def test_digits_are_learned():
    train_set, test_set = tg.data.digits()
    net = MLP([64, 30, 10], rng=0)
    history = train(net, *train_set, lr=3.0, epochs=5, batch_size=10, validation=test_set)
    assert history.validation_accuracy[-1] > 0.9
    assert history.cost[-1] < history.cost[0] / 3


@pytest.mark.parametrize(
    "options",
    [
        {"output": "softmax", "cost": "cross_entropy"},
        {"output": "sigmoid", "cost": "binary_cross_entropy"},
        {"output": "sigmoid", "cost": "quadratic"},
        {"activation": "tanh", "output": "softmax", "cost": "quadratic"},
        {"activation": "relu", "init": "he", "output": "softmax", "cost": "cross_entropy"},
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", [tg.optim.SGD, tg.optim.Adam])
def test_points_are_learned_by_every_pair(options, optimizer):
    options = dict(options)
    cost = options.pop("cost")
    x, y = problem(100)
    lr = 0.05 if optimizer is tg.optim.Adam else 0.5
    history = train(MLP([3, 8, 2], rng=0, **options), x, y, cost=cost, optimizer=optimizer, lr=lr, epochs=20)
    assert history.accuracy[-1] > 0.95
    assert history.cost[-1] < history.cost[0] / 2


def test_regression_lowers_the_cost():
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.sin(3 * x)
    net = MLP([1, 10, 1], "tanh", "identity", rng=0)
    history = train(net, x, y, lr=0.1, epochs=200)
    best_line = np.mean((y - x * (x * y).sum() / (x * x).sum()) ** 2) / 2
    assert history.cost[-1] < best_line / 5 < best_line < history.cost[0]


def test_linear_regression_finds_the_line():
    x = np.linspace(-1, 1, 20)[:, None]
    net = MLP([1, 1], output="identity", rng=0)
    train(net, x, 3 * x - 1, lr=0.3, epochs=100)
    np.testing.assert_allclose([net.weights[0].item(), net.biases[0].item()], [3, -1], rtol=1e-6)


def test_float32_is_kept():
    x, y = problem()
    net = MLP([3, 4, 2], rng=0, dtype=np.float32)
    train(net, x.astype(np.float32), y)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    train(net, x.astype(np.float32), y, compiled=False)
    assert {p.dtype for p in net.parameters()} | {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_lists_and_whole_numbers_do():
    history = train(MLP([2, 2], rng=0), [[0, 1], [1, 0]], [1, 0], epochs=1)
    assert len(history.cost) == 2


# --- models and costs of one's own ----------------------------------------------------------------------


def test_the_layers_in_a_row_train_as_the_mlp():
    x, y = problem()
    net, twin = MLP([3, 4, 2], rng=0), MLP([3, 4, 2], rng=0)
    histories = [train(net, x, y), train(Sequential(*twin.layers), x, y)]
    assert bits(net) == bits(twin)
    assert histories[0] == histories[1]


def test_a_function_is_a_model():
    w = tg.Tensor([[0.0], [0.0]], requires_grad=True)
    x = np.random.default_rng(0).normal(size=(30, 2))
    settings = {"cost": "quadratic", "epochs": 50, "batch_size": 5, "rng": 0, "progress": False}
    history = tg.fit(lambda x: x @ w, x, x @ [[2.0], [-1.0]], optimizer=tg.optim.SGD([w], 0.2), **settings)
    np.testing.assert_allclose(w.numpy(), [[2], [-1]], rtol=1e-6)
    assert history.cost[-1] < 1e-10


def test_a_cost_with_a_penalty():
    x, y = problem()
    plain, decayed = MLP([3, 2], rng=0), MLP([3, 2], rng=0)
    train(plain, x, y, epochs=20)
    train(decayed, x, y, epochs=20, cost=lambda a, y: costs.quadratic(a, y) + costs.l2(decayed.weights, 0.1))
    assert np.linalg.norm(decayed.weights[0].numpy()) < np.linalg.norm(plain.weights[0].numpy())


def test_a_cost_by_name_and_the_function_are_the_same():
    x, y = problem()
    both, one = ("sigmoid", "softmax"), ("softmax",)
    for cost, outputs in {"quadratic": both, "binary_cross_entropy": both, "cross_entropy": one}.items():
        for output in outputs:
            nets = [MLP([3, 4, 2], output=output, rng=0) for _ in range(2)]
            histories = [train(net, x, y, cost=c) for net, c in zip(nets, (cost, costs.COSTS[cost]), strict=True)]
            assert bits(nets[0]) == bits(nets[1])
            assert histories[0] == histories[1]


@pytest.mark.parametrize(("output", "cost"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")])
def test_stable_pairs_are_computed_from_z(output, cost):
    """A saturated output unit has gradient ŷ − y, although a itself has lost it; whatever class the network is of."""
    net = MLP([1, 2], output=output, rng=0)
    net.weights[0].data = np.zeros((1, 2))
    net.biases[0].data = np.array([1000.0, -1000.0])
    row = Sequential(tg.identity, net.layers[0].linear, ACTIVATIONS[output])
    for model in (net, row, Sequential(*net.layers), Sequential(net)):
        for c in (cost, costs.COSTS[cost]):
            net.biases[0].zero_grad()
            C, outputs = cost_of(model, np.ones((1, 1)), np.array([[0.0, 1.0]]), c)
            C.backward()
            assert C.item() == 2000
            np.testing.assert_array_equal(outputs.numpy(), model(np.ones((1, 1))).numpy())
            np.testing.assert_allclose(net.biases[0].grad, [1, -1], rtol=1e-15)


@pytest.mark.parametrize("sigma", [tg.softmax, tg.sigmoid, tg.tanh])
def test_costs_of_weighted_inputs_take_no_outputs(sigma):
    x, y = problem()
    with pytest.raises(ValueError, match=f"takes weighted inputs, but the network's output is {sigma.__name__}; use"):
        train(Sequential(Linear(3, 2, rng=0), sigma), x, y, cost="cross_entropy_with_logits")
    train(Sequential(Linear(3, 2, rng=0), lambda z: sigma(z)), x, y, cost="cross_entropy_with_logits")


@pytest.mark.parametrize("optimizer", [tg.optim.SGD, tg.optim.Adam])
@pytest.mark.parametrize("gain", [1e2, 1e6])
@pytest.mark.parametrize(
    ("output", "cost"),
    [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"), ("sigmoid", "quadratic")],
)
def test_training_from_saturated_weights_stays_finite(optimizer, gain, output, cost):
    x, y = problem(50)
    net = MLP([3, 8, 8, 2], ["sigmoid", "tanh"], output, init="normal", rng=0)
    for p in net.parameters():
        p.data = gain * p.data
    history = train(net, x, y, cost=cost, optimizer=optimizer, epochs=3, validation=(x, y))
    assert np.isfinite([*history.cost, *history.validation_cost]).all()
    assert all(np.isfinite(p.numpy()).all() for p in net.parameters())
    if cost != "quadratic":  # the others do learn: their output error ŷ − y does not vanish
        assert history.cost[-1] < history.cost[0]


# --- Ctrl-C and other exceptions ------------------------------------------------------------------------


class Interrupts:
    """A cost, or a model, that is interrupted at a given call."""

    def __init__(self, call, inner, error=KeyboardInterrupt):
        self.calls_left, self.inner, self.error = call, inner, error

    def __call__(self, *args):
        self.calls_left -= 1
        if self.calls_left < 0:
            raise self.error
        return self.inner(*args)


# 20 examples in batches of 5: cost is called once for the first measuring, then 4 times and once per epoch,
# and with a validation set once more in each measuring.
@pytest.mark.parametrize(
    ("call", "steps", "epochs"), [(0, 0, -1), (1, 0, 0), (3, 2, 0), (5, 4, 0), (6, 4, 1), (8, 6, 1)]
)
def test_ctrl_c_in_the_cost_keeps_history_and_parameters(call, steps, epochs):
    x, y = problem()
    net, reference = MLP([3, 4, 2], rng=0), MLP([3, 4, 2], rng=0)
    history = train(net, x, y, cost=Interrupts(call, costs.quadratic), epochs=5, batch_size=5, compiled=False)
    assert history.interrupted
    assert len(history.cost) == len(history.accuracy) == epochs + 1
    assert history.epochs == max(epochs, 0)
    # the parameters are those after the last whole step
    optimizer, rng = tg.optim.SGD(reference.parameters(), 0.5), np.random.default_rng(0)
    batches = [batch for _ in range(2) for batch in np.split(rng.permutation(20), 4)]
    for batch in batches[:steps]:
        optimizer.zero_grad()
        costs.quadratic(reference(x[batch]), y[batch]).backward()
        optimizer.step()
    assert bits(net) == bits(reference)


@pytest.mark.parametrize("call", range(26))
def test_ctrl_c_anywhere_in_the_model_leaves_lists_of_one_length(call):
    x, y = problem()
    net = MLP([3, 2], rng=0)
    model = Interrupts(call, net)
    optimizer = tg.optim.SGD(net.parameters(), 0.5)
    settings = {"cost": "quadratic", "epochs": 9, "batch_size": 10, "validation": (x, y), "rng": 0, "progress": False}
    history = tg.fit(model, x, y, optimizer=optimizer, compiled=False, **settings)
    assert history.interrupted
    lengths = {
        len(values) for values in (history.cost, history.accuracy, history.validation_cost, history.validation_accuracy)
    }
    # A measuring asks the model twice, an epoch twice besides.
    assert lengths == {(call + 2) // 4}


def test_training_goes_on_after_ctrl_c():
    x, y = problem()
    net = MLP([3, 2], rng=0)
    train(net, x, y, cost=Interrupts(7, costs.quadratic), epochs=5, compiled=False)
    cost = costs.quadratic(net(x), y).item()
    history = train(net, x, y, epochs=5)
    assert history.cost[0] == cost
    assert history.cost[-1] < cost
    assert not history.interrupted


@pytest.mark.parametrize("error", [ZeroDivisionError("own"), SystemExit(3)])
def test_any_other_exception_comes_through(error, capsys):
    x, y = problem()
    for progress in (False, True):
        with pytest.raises(type(error)) as caught:
            train(MLP([3, 2], rng=0), x, y, cost=Interrupts(2, costs.quadratic, error), progress=progress)
        assert caught.value is error


def test_recording_is_on_again_after_an_exception():
    x, y = problem()
    with pytest.raises(ZeroDivisionError):
        train(MLP([3, 2], rng=0), x, y, cost=Interrupts(0, costs.quadratic, ZeroDivisionError))
    assert MLP([3, 2], rng=0)(x).requires_grad


# --- progress bar ---------------------------------------------------------------------------------------


def test_progress_bar_off_prints_nothing(capfd):
    x, y = problem()
    train(MLP([3, 2], rng=0), x, y, validation=(x, y), progress=False)
    assert capfd.readouterr() == ("", "")


def test_progress_bar_is_on_by_default_and_says_cost_and_accuracy(capsys):
    x, y = problem()
    net = MLP([3, 2], rng=0)
    history = tg.fit(
        net, x, y, cost="quadratic", optimizer=tg.optim.SGD(net.parameters(), 0.5), epochs=2, batch_size=4,
        validation=(x, y), rng=0,
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert out == ""
    last = err.split("\r")[-1]
    assert "training: 100%" in last
    assert "2/2" in last
    assert f"cost {history.cost[-1]:.4f}, accuracy {history.accuracy[-1]:.1%}, validation" in last


# --- error messages -------------------------------------------------------------------------------------

X, Y = np.ones((4, 3)), np.array([0, 1, 0, 1])
HOLE = np.where(np.arange(12).reshape(4, 3) == 7, np.nan, 1.0)

WRONG = {
    "NaN in x": ({"x": HOLE}, "fit: x has nan at index (2, 1); drop or fill such rows first"),
    "inf in x": ({"x": np.where(np.isnan(HOLE), -np.inf, 1)}, "fit: x has -inf at index (2, 1); drop or fill"),
    "NaN in y": ({"y": np.array([[0, 1], [1, 0], [0, np.nan], [0, 1]])}, "fit: y has nan at index (2, 1); drop or"),
    "NaN in validation x": ({"validation": (HOLE, Y)}, "fit: validation x has nan at index (2, 1)"),
    "inf in validation y": ({"validation": (X[:2], np.array([np.inf, 0]))}, "fit: validation y has inf at index (0,)"),
    "lengths": ({"y": Y[:3]}, "fit: x of shape (4, 3) and y of shape (3,) need one row per example each"),
    "validation lengths": (
        {"validation": (X, Y[:3])},
        "fit: validation x of shape (4, 3) and validation y of shape (3,) need one row per example each",
    ),
    "x a number": ({"x": 1.0}, "fit: x of shape () and y of shape (4,) need one row per example each"),
    "y a number": ({"y": 1}, "fit: x of shape (4, 3) and y of shape () need one row per example each"),
    "no examples": ({"x": X[:0], "y": Y[:0]}, "fit: x is empty (shape (0, 3)); there is nothing to learn from"),
    "no validation examples": ({"validation": (X[:0], Y[:0])}, "fit: validation x is empty (shape (0, 3))"),
    "batch_size 0": ({"batch_size": 0}, "fit: batch_size must be at least 1, not 0"),
    "batch_size -3": ({"batch_size": -3}, "fit: batch_size must be at least 1, not -3"),
    "epochs -1": ({"epochs": -1}, "fit: epochs must be 0 or more, not -1"),
    "cost": ({"cost": "quadradic"}, "fit: cost: unknown name 'quadradic'; did you mean 'quadratic'? known: binary_"),
    "label": ({"y": Y + 1}, "quadratic: label 2 is out of range; 2 classes are numbered 0 to 1"),
    "float labels": ({"y": Y * 1.0}, "quadratic: targets of shape (4,) for outputs of shape (4, 2) must be class lab"),
    "target width": ({"y": np.ones((4, 3))}, "quadratic: targets have shape (4, 3), outputs (4, 2); make them equal"),
    "input width": ({"x": np.ones((4, 5))}, "MLP: x has shape (4, 5), but this network takes (n, 3), one example a"),
    "x one example": ({"x": np.ones(3), "y": Y[:3]}, "MLP: x has shape (3,), but this network takes (n, 3)"),
    "cost of rows": (
        {"cost": lambda a, y: np.sum(a, axis=1)},
        "fit: the cost returned shape (4,); it must return one number, the mean over the batch",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    changed, message = WRONG[case]
    net = MLP([3, 2], rng=0)
    before = bits(net)
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        train(net, **({"x": X, "y": Y} | changed))
    assert bits(net) == before


def test_an_unknown_cost_is_found_before_anything_is_shown(capfd):
    with pytest.raises(ValueError, match="unknown name 'cost'"):
        train(MLP([3, 2], rng=0), X, Y, cost="cost", progress=True)
    assert capfd.readouterr() == ("", "")


def test_column_targets_for_one_unit():
    with pytest.raises(ValueError, match=re.escape("quadratic: targets have shape (4,), outputs (4, 1); make them eq")):
        train(MLP([3, 1], rng=0), X, Y)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": np.full((4, 3), "1")}, "fit: x must be real numbers, not of dtype <U1"),
        ({"y": np.array(["a", "b", "a", "b"])}, "fit: y must be real numbers, not of dtype <U1"),
        ({"x": np.ones((4, 3)) * 1j}, "fit: x must be real numbers, not of dtype complex128"),
        ({"x": np.full((4, 3), None)}, "fit: x must be real numbers, not of dtype object"),
    ],
)
def test_data_that_are_not_numbers(changed, message):
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        train(MLP([3, 2], rng=0), **({"x": X, "y": Y} | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"net": MLP([3, 2], output="step", rng=0)},
        {"cost": lambda a, y: np.mean((a.numpy() - 1) ** 2)},
        {"cost": lambda a, y: costs.quadratic(tg.stop_gradient(a), y)},
    ],
    ids=["step", "array", "detached"],
)
def test_a_cost_that_depends_on_no_parameter(changed):
    with pytest.raises(TypeError, match=r"^fit: the cost does not depend on any parameter, so nothing can be learned"):
        train(**({"net": MLP([3, 2], rng=0), "x": X, "y": Y} | changed))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"batch_size": 2.5}, TypeError, "fit: batch_size must be a whole number, not 2.5"),
        ({"optimizer": "another model"}, ValueError, "depends on no parameter of the optimizer"),
        (
            {"cost": "cross_entropy_with_logits"},
            ValueError,
            "the network's output is softmax; use the cost 'cross_entropy'",
        ),
    ],
)
def test_mistakes_that_would_train_nothing_or_wrongly(change, error, message):
    net = tg.nn.MLP([2, 3, 2], output="softmax", rng=0)
    options = {"cost": "cross_entropy", "optimizer": tg.optim.SGD(net.parameters(), 0.1), "epochs": 1, "batch_size": 2}
    options |= change
    if options["optimizer"] == "another model":
        options["optimizer"] = tg.optim.SGD(tg.nn.MLP([2, 2]).parameters(), 0.1)
    with pytest.raises(error, match=message):
        tg.fit(net, np.ones((4, 2)), np.array([0, 1, 0, 1]), progress=False, **options)


def test_a_subclass_with_its_own_call_is_called():
    class Scaled(tg.nn.MLP):
        def __call__(self, x):
            return super().__call__(x) * 0 + 0.5

    history = tg.fit(
        net := Scaled([2, 2], output="softmax", rng=0), np.ones((2, 2)), np.array([0, 1]),
        cost="cross_entropy", optimizer=tg.optim.SGD(net.parameters(), 0.1), epochs=0, batch_size=1, progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(history.cost, [np.log(2)])


# --- the compiled step ----------------------------------------------------------------------------------

OPTIMIZERS = pytest.mark.parametrize(
    "optimizer",
    [
        tg.optim.SGD,
        lambda p, lr: tg.optim.SGD(p, lr, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p, lr: tg.optim.Adam(p, lr / 10),
        lambda p, lr: tg.optim.AdamW(p, lr / 10),
        lambda p, lr: tg.optim.Adagrad(p, lr / 10, lr_decay=0.1),
        lambda p, lr: tg.optim.RMSprop(p, lr / 100, momentum=0.5, centered=True),
    ],
    ids=["SGD", "nesterov", "Adam", "AdamW", "Adagrad", "RMSprop"],
)


@OPTIMIZERS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("output", "cost"), [("sigmoid", "quadratic"), ("softmax", "cross_entropy")])
def test_the_compiled_step_is_the_step(optimizer, dtype, output, cost):
    """Batches of 4, 4, 4 and 2: also the smaller last one."""
    x, y = problem(14)
    nets = [MLP([3, 4, 2], output=output, rng=0, dtype=dtype) for _ in range(2)]
    histories = [
        train(net, x, y, cost=cost, optimizer=optimizer, epochs=5, compiled=compiled)
        for net, compiled in zip(nets, (True, False), strict=True)
    ]
    tolerance = 1e-12 if dtype is np.float64 else 1e-4
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(histories[0].cost, histories[1].cost, rtol=10 * tolerance)
    assert not any(np.shares_memory(a.data, b.data) for a in nets[0].parameters() for b in nets[1].parameters())


@OPTIMIZERS
def test_the_compiled_step_follows_the_learning_rate(optimizer):
    x, y = problem(4)
    nets = [MLP([3, 2], rng=0) for _ in range(2)]
    for net, compiled in zip(nets, (True, False), strict=True):
        opt = optimizer(net.parameters(), 0.5)
        step = Step(net, "quadratic", opt, compiled)
        for lr in (0.5, 0.5, 0.25, 0.1, 1.0):
            opt.lr = lr
            step(x, y)
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


@OPTIMIZERS
def test_steps_by_hand_go_on_where_fit_stopped(optimizer):
    x, y = problem(8)
    nets = [MLP([3, 2], rng=0) for _ in range(2)]
    for net, compiled in zip(nets, (True, False), strict=True):
        optimizer_of_net = optimizer(net.parameters(), 0.5)
        settings = {"cost": "quadratic", "batch_size": 4, "rng": 0, "progress": False, "compiled": compiled}
        tg.fit(net, x, y, optimizer=optimizer_of_net, epochs=3, **settings)
        optimizer_of_net.zero_grad()
        costs.quadratic(net(x), y).backward()
        optimizer_of_net.step()
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_what_the_caller_holds_is_not_written():
    x, y = problem(400, n_in=120)
    net = MLP([120, 100, 2], rng=0)  # large enough for arrays to be used again
    held = [p.data for p in net.parameters()]
    copies = [array.copy() for array in held]
    train(net, x, y, epochs=2)
    later = [p.data for p in net.parameters()]
    copies += [array.copy() for array in later]
    train(net, x, y, epochs=2)
    for array, copy in zip(held + later, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_ctrl_c_between_compiled_steps(monkeypatch):
    from tinygrad_edu.compiler import Program

    x, y = problem()
    net, reference = MLP([3, 4, 2], rng=0), MLP([3, 4, 2], rng=0)
    followed, right = iter(range(100)), Program.steps

    def interrupted(self, *args):
        for left in right(self, *args):
            if next(followed) == 4:  # the first step of an epoch is taken by itself, three follow
                raise KeyboardInterrupt
            yield left

    monkeypatch.setattr(Program, "steps", interrupted)
    history = train(net, x, y, epochs=5, batch_size=5)
    assert history.interrupted
    assert len(history.cost) == 2
    monkeypatch.undo()
    optimizer, rng = tg.optim.SGD(reference.parameters(), 0.5), np.random.default_rng(0)
    for batch in [batch for _ in range(2) for batch in np.split(rng.permutation(20), 4)][:6]:
        optimizer.zero_grad()
        costs.quadratic(reference(x[batch]), y[batch]).backward()
        optimizer.step()
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


class Noisy:
    """A model that draws a random mask at every call, as dropout does."""

    def __init__(self):
        self.net, self.rng = MLP([3, 4, 2], rng=0), np.random.default_rng(0)

    def parameters(self):
        return self.net.parameters()

    def __call__(self, x):
        return self.net(x * self.rng.integers(0, 2, size=np.shape(x)))


class Branching:
    """A model that looks at a value."""

    def __init__(self):
        self.net = MLP([3, 2], rng=0)

    def parameters(self):
        return self.net.parameters()

    def __call__(self, x):
        z = self.net(x)
        return z * 2 if np.max(z) > 0.9 else z


@pytest.mark.parametrize(("model", "reason"), [(Noisy, "random"), (Branching, "truth value")])
def test_what_cannot_be_compiled_runs_as_it_is_and_says_so_once(model, reason):
    x, y = problem()
    net = model()
    with pytest.warns(UserWarning, match=reason) as warned:
        history = train(net, x, y, epochs=4)
    assert len(warned) == 1
    assert history.cost[-1] != history.cost[0]


def test_the_mask_of_a_random_model_is_new_in_every_step():
    x, y = problem()
    net = Noisy()
    masks = []
    draw = net.rng.integers
    net.rng = type("Spy", (), {"integers": lambda self, *a, **k: masks.append(draw(*a, **k)) or masks[-1]})()
    with pytest.warns(UserWarning, match="random"):
        train(net, x, y, epochs=3, batch_size=20)
    assert len({mask.tobytes() for mask in masks}) == len(masks)


@pytest.mark.parametrize(
    ("cost", "output"),
    [("cross_entropy", "identity"), *(("binary_cross_entropy", output) for output in ("identity", "tanh", "softplus"))],
)
def test_outputs_that_are_no_probabilities(cost, output):
    x, y = problem()
    words = f"fit: an output of the model is .*, but the cost '{cost}' takes probabilities, .* '{cost}_with_logits'"
    bad = MLP([3, 4, 2], output=output, rng=0)
    bad.biases[-1].data = np.array([-2.0, 2.0])
    with pytest.raises(ValueError, match=words):
        train(bad, x, y, cost=cost)
    good = Sequential(MLP([3, 4, 2], output="sigmoid", rng=0), lambda a: a * (1 + 1e-9))  # above 1 by rounding
    good.layers[0].biases[-1].data = np.array([40.0, 1.0])
    assert np.isfinite(train(good, x, y, cost=cost, validation=(x, y)).cost).all()


def test_one_unit_is_no_class():
    x, y = problem(n_out=1)
    for output, cost in (("softmax", "cross_entropy"), ("identity", "cross_entropy_with_logits")):
        with pytest.raises(ValueError, match=f"fit: the model has one output unit, but {cost} has one unit for each"):
            train(MLP([3, 4, 1], output=output, rng=0), x, y[:, None], cost=cost)


def test_an_anomaly_is_found_while_training():
    x, y = problem()
    net = Sequential(MLP([3, 2], rng=0), lambda a: np.log(a - 10))
    with tg.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"np\.log"):
        train(net, x, y)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"validation": X},
            "fit: validation must be a pair (x, y) of examples and their targets, not an array of shape",
        ),
        ({"validation": np.ones((2, 3))}, "fit: validation must be a pair (x, y)"),
        ({"validation": (X,)}, "fit: validation must be a pair (x, y)"),
        ({"optimizer": "sgd"}, "fit: optimizer must be one of tg.optim, over the model's parameters, not 'sgd'; as in"),
        ({"optimizer": tg.optim.SGD}, "fit: optimizer must be one of tg.optim"),
        ({"epochs": True}, "fit: epochs must be a whole number, not True"),
        ({"batch_size": True}, "fit: batch_size must be a whole number, not True"),
        ({"epochs": "3"}, "fit: epochs must be a whole number, not '3'"),
        ({"rng": "seed"}, "fit: rng must be a seed (an integer from 0 up), a numpy Generator or None, not 'seed'"),
        ({"cost": lambda a, y: None}, "fit: the cost returned None; it must return one number (does it lack its `ret"),
        ({"model": MLP}, "fit: model must be a network, or a function of a batch, not the class MLP"),
        ({"model": "net"}, "fit: model must be a network, or a function of a batch, not 'net'"),
    ],
)
def test_arguments_of_a_wrong_kind(changed, message, capfd):
    net = MLP([3, 2], rng=0)
    options = {"model": net, "cost": "quadratic", "optimizer": tg.optim.SGD(net.parameters(), 0.1), "epochs": 1}
    options |= {"batch_size": 2, "progress": True} | changed
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        tg.fit(options.pop("model"), X, Y, **options)


class Returns(tg.nn.Module):
    """A network, and what somebody makes of its outputs."""

    def __init__(self, what):
        self.net = MLP([3, 4, 3], rng=0)
        self.what = what

    def __call__(self, x):
        return self.what(self.net, x)


@tg.no_grad()
def without_gradients(net, x):
    return net(x)


class NoCall(tg.nn.Module):
    def __init__(self):
        self.net = MLP([3, 4, 3], rng=0)


class Frame:
    """As tables of other libraries are: no array, but NumPy makes one of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)


POINTS = np.random.default_rng(3).normal(size=(12, 3))
CLASSES = POINTS.argmax(axis=1)
ROWS = np.eye(3)[CLASSES]


def run_program(model=None, x=POINTS, y=CLASSES, **changed):
    model = MLP([3, 4, 3], rng=0) if model is None else model
    options = {"cost": "quadratic", "optimizer": tg.optim.SGD(model.parameters(), 0.5), "epochs": 2, "batch_size": 4}
    return tg.fit(model, x, y, **{**options, "rng": 0, "progress": False, **changed})


REFUSED = {
    "a generator as x": ({"x": (row for row in POINTS)}, "fit: x must be an array .*, not a generator; .* make np.array"),
    "a generator as y": ({"y": (k for k in CLASSES)}, "fit: y must be an array .*, not a generator; .* make np.array"),
    "zip": ({"x": zip(POINTS, CLASSES, strict=True)}, "fit: x must be an array .*, not a zip; .* make np.array"),
    "a dict": ({"x": {"x": POINTS}}, "fit: x must be an array or a list with one row per example, not a dict of 1"),
    "nothing": ({"x": None}, "fit: x must be an array or a list with one row per example, not None"),
    "rows of two lengths": ({"x": [[1, 2, 3], [1, 2]], "y": [0, 1]}, "fit: x must have one row per .* different shapes"),
    "x and y in one": ({"x": (POINTS, CLASSES)}, "fit: x must have one row per .* different shapes"),
    "masked x": ({"x": np.ma.array(POINTS, mask=POINTS > 1)}, "fit: x is a masked array, whose mask would be ignored"),
    "masked y": ({"y": np.ma.array(CLASSES, mask=CLASSES > 1)}, "fit: y is a masked array, whose mask would be ignored"),
    "masked validation": ({"validation": (POINTS, np.ma.array(CLASSES, mask=CLASSES > 1))}, "fit: validation y is a mas"),
    "names as y": ({"y": np.array(["a", "b", "c"])[CLASSES]}, "fit: y must be real numbers.*np.unique.*return_inverse"),
    "objects": ({"x": POINTS.astype(object)}, "fit: x must be real numbers, not of dtype object"),
    "complex x": ({"x": POINTS + 0j}, "fit: x must be real numbers, not of dtype complex128"),
    "float labels": ({"y": CLASSES.astype(float)}, r"quadratic: targets of shape \(12,\) .* integers.* use y.astype\(int\)"),
    "labels in a column": ({"y": CLASSES[:, None]}, r"quadratic: targets have shape \(12, 1\).* y.ravel\(\)"),
    "labels from 1": ({"y": CLASSES + 1}, "quadratic: label 3 is out of range; 3 classes are numbered 0 to 2"),
    "NaN in x": ({"x": np.where(POINTS > 1, np.nan, POINTS)}, "fit: x has nan at index .* drop or fill such rows first"),
    "x turned": ({"x": POINTS.T}, r"fit: x of shape \(3, 12\) and y of shape \(12,\) need one row per example each"),
    "x too narrow": ({"x": POINTS[:, :2]}, r"MLP: x has shape \(12, 2\), but this network takes \(n, 3\)"),
    "no batch": ({"batch_size": 0}, "fit: batch_size must be at least 1, not 0"),
    "half a batch": ({"batch_size": 0.5}, "fit: batch_size must be a whole number, not 0.5"),
    "three in validation": ({"validation": (POINTS, CLASSES, 1)}, r"fit: validation must be a pair \(x, y\).* of 3$"),
    "a dict as validation": ({"validation": {"x": 1, "y": POINTS}}, "fit: validation must be a pair .*, not a dict of 2$"),
    "a part as validation": ({"validation": 0.2}, "fit: validation must be a pair .*, not 0.2"),
    "a class as cost": ({"cost": MLP}, r"fit: cost must be a name, such as 'quadratic', or a function C\(a, y\), not <class"),
    "a cost that was called": ({"cost": tg.Tensor(1.0)}, r"fit: cost must be .* a function C\(a, y\), not Tensor\(1.\)"),
    "no cost": ({"cost": None}, "fit: cost: unknown name None; known: binary_cross"),
    "a cost that is text": ({"cost": lambda a, y: "low"}, "fit: the cost returned 'low'; it must return one number"),
    "a cost in a list": ({"cost": lambda a, y: [np.sum(a)]}, "fit: the cost returned a list; it must return one number"),
    "two costs": ({"cost": lambda a, y: (np.sum(a), 1)}, "fit: the cost returned a tuple; it must return one number"),
    "the costs of all": ({"cost": lambda a, y: np.sum(a, axis=1)}, r"fit: the cost returned shape \(12,\); it must return one"),
    "a cost without gradient": ({"cost": lambda a, y: np.sum(a).item()}, "fit: the cost does not depend on any parameter"),
    "a model that returns None": ({"model": Returns(lambda net, x: None)}, "fit: the model returned None; .*`return`"),
    "a model of two outputs": ({"model": Returns(lambda net, x: (net(x), 1))}, "quadratic: the outputs must .*a tuple"),
    "a model of arrays": ({"model": Returns(lambda net, x: net(x).numpy())}, "fit: the cost does not depend on any par"),
    "a model without gradients": ({"model": Returns(without_gradients)}, "fit: the cost does not depend .* no_grad"),
    "a model of labels": ({"model": Returns(lambda net, x: net(x).argmax(axis=1))}, "fit: the cost does not depend on"),
    "a model without a call": ({"model": NoCall()}, r"NoCall does not say what it computes: define __call__\(self, x\)"),
    "outputs turned": ({"model": Returns(lambda net, x: net(x).T), "y": ROWS}, r"quadratic: targets have shape \(12, 3\)"),
    "progress as text": ({"progress": "no"}, "fit: progress must be True or False, not 'no'"),
    "compiled as text": ({"compiled": "no"}, "fit: compiled must be True or False, not 'no'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_program_is_told_what_and_where(name):
    changed, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError, NotImplementedError), match=f"^{words}"):
        run_program(**changed)


UNUSUAL = {
    "lists": {"x": POINTS.tolist(), "y": CLASSES.tolist()},
    "tensors": {"x": tg.Tensor(POINTS, requires_grad=True), "y": tg.Tensor(CLASSES)},
    "tables": {"x": Frame(POINTS), "y": Frame(CLASSES)},
    "small integers as labels": {"y": CLASSES.astype(np.uint8)},
    "a list as validation": {"validation": [POINTS, CLASSES]},
    "a cost of shape (1, 1)": {
        "cost": lambda a, y: np.sum(np.square(a - y), keepdims=True) * (0.5 / len(a)),
        "y": ROWS,
    },
    "columns in Fortran's order": {"x": np.asfortranarray(POINTS)},
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_program_learns_the_same(name):
    np.testing.assert_allclose(run_program(**UNUSUAL[name]).cost, run_program().cost, rtol=1e-12)


def test_a_batch_larger_than_the_data_is_all_of_it():
    assert run_program(batch_size=1000).cost == run_program(batch_size=12).cost


def test_images_of_bytes_are_numbers():
    images = np.random.default_rng(0).integers(0, 256, (12, 3)).astype(np.uint8)
    assert run_program(x=images).cost == run_program(x=images.astype(float)).cost


def test_outputs_that_are_no_classes_have_no_accuracy():
    """Of a model and a cost of one's own: targets of another shape than the outputs."""
    pairs = np.ones((12, 2))
    history = run_program(MLP([3, 1], rng=0), y=pairs, cost=lambda a, y: np.mean(np.square(a - y)))
    assert history.accuracy == []
    assert len(history.cost) == 3
