"""How fast each layer learns: every number of the report against plain NumPy, every sentence against its network."""

import dataclasses

import numpy as np
import pytest

import tinygrad_edu as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def one_line(report):
    return " ".join(str(report).split())


def problem(sizes=(5, 4, 3), gain=1.0, **options):
    """A network with a batch of seven examples, their targets, and its parameters as plain arrays."""
    rng = np.random.default_rng(2)
    net = tg.nn.MLP(list(sizes), rng=rng, **options)
    for W in net.weights:
        W.data = gain * W.numpy()
    return net, rng.normal(size=(7, sizes[0])), rng.uniform(size=(7, sizes[-1]))


def test_the_numbers_are_those_of_numpy():
    net, x, y = problem()
    (W1, W2), (b1, b2) = ([p.numpy() for p in params] for params in (net.weights, net.biases))
    x[:, 0] = 0.001
    report = tg.learning_report(net, x, y)

    a1 = sigmoid(z1 := x @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    delta2 = (a2 - y) / 7 * a2 * (1 - a2)
    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    assert report.cost == pytest.approx(np.sum((a2 - y) ** 2) / 14)
    assert report.errors == pytest.approx([np.sqrt(np.sum(d**2)) for d in (delta1, delta2)])
    assert [layer.gradient for layer in report.layers] == pytest.approx(
        [np.linalg.norm(x.T @ delta1), np.linalg.norm(a1.T @ delta2)]
    )
    assert report.layers[0].low_inputs == np.mean(np.abs(x) < 0.01) > 0.19
    assert [(layer.number, layer.activation, layer.units) for layer in report.layers] == [
        (1, "sigmoid", 4),
        (2, "sigmoid", 3),
    ]

    def C(nudge):
        return np.sum((sigmoid(sigmoid(z1 + nudge) @ W2 + b2) - y) ** 2) / 14

    for step in report.layers[0].demon:
        nudge = -step.size * delta1 / np.abs(delta1).max()
        assert step.predicted == pytest.approx(np.sum(delta1 * nudge))
        assert step.actual == pytest.approx(C(nudge) - C(0), abs=1e-14)
        assert step.ratio == step.actual / step.predicted
        assert step.actual < 0  # a good demon


def test_a_fraction_is_saturated():
    """With a single weight, σ′ < 0.01 beyond |z| = 4.6."""
    net, _, _ = problem((1, 1))
    net.weights[0].data, net.biases[0].data = np.ones((1, 1)), np.zeros(1)
    z = np.array([[-5.0], [-4.7], [-4.5], [0.0], [4.5], [4.7], [5.0], [6.0]])
    report = tg.learning_report(net, z, np.zeros_like(z))
    assert report.layers[0].saturated == 5 / 8
    assert report.layers[0].low_inputs == 1 / 8


@pytest.mark.parametrize(("activation", "fraction"), [("relu", 0.5), ("leaky_relu", 0), ("step", 1), ("identity", 0)])
def test_flat_is_where_the_derivative_is_0(activation, fraction):
    net, _, _ = problem((1, 1, 1), activation=activation)
    net.weights[0].data, net.biases[0].data = np.ones((1, 1)), np.zeros(1)
    assert tg.learning_report(net, [[-1.0], [1.0]], [[0.0], [1.0]]).layers[0].saturated == fraction


def test_the_derivative_of_softmax_is_that_of_each_unit():
    net, x, _ = problem((5, 3), gain=10.0, output="softmax")
    report = tg.learning_report(net, x, np.arange(7) % 3, "cross_entropy")
    a = net(x).numpy()
    assert 0 < report.layers[0].saturated == np.mean(a * (1 - a) < 0.01) < 1


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu", "sine"])
@pytest.mark.parametrize(("output", "cost"), [("sigmoid", "quadratic"), ("softmax", "cross_entropy")])
def test_the_demon_finds_the_error_to_first_order(activation, output, cost):
    net, x, y = problem((5, 6, 6, 3), activation=activation, output=output)
    report = tg.learning_report(net, x, y, cost)
    for layer in report.layers:
        gaps = [abs(step.ratio - 1) for step in layer.demon]
        assert gaps[0] < 0.5
        assert gaps[2] < 1e-4  # Δz is ten thousand times smaller
        assert gaps[1] < max(gaps[0] / 10, 1e-4)
        sizes = [step.size for step in layer.demon]
        assert sizes == sorted(sizes, reverse=True)
    assert "So, to first order, ΔC = δ·Δz." in str(report)


def test_where_the_steps_are_too_long_it_says_so():
    net, x, y = problem((5, 6, 6, 3), gain=1e4, activation="sine", output="identity")
    report = tg.learning_report(net, x, y)
    assert "These steps are still too long" in str(report)
    assert "to first order" not in str(report)


def test_a_saturated_network_is_reported():
    net, x, y = problem((5, 20, 20, 3), gain=100.0)
    report = tg.learning_report(net, x, y)
    assert all(layer.saturated > 0.8 for layer in report.layers)
    text = one_line(report)
    assert max(map(len, str(report).splitlines())) <= 88
    assert f"{report.layers[0].saturated:.0%} of the units of layer 1 are saturated: they learn slowly" in text
    assert "where such an output is wrong, it learns slowly (BP1: σ′(z3) is in δ3)" in text
    assert "Neither" not in text


def test_a_saturated_output_does_no_harm_with_the_cost_made_for_it():
    net, x, y = problem((5, 3), gain=100.0)
    text = one_line(tg.learning_report(net, x, y, "binary_cross_entropy"))
    assert "which does no harm: with this cost, σ′ cancels in BP1." in text


def test_dead_inputs_are_reported():
    net, x, y = problem()
    x[:, :4] = 0
    report = tg.learning_report(net, x, y)
    assert report.layers[0].low_inputs >= 0.8
    assert report.layers[1].low_inputs == 0
    (sentence,) = report.diagnosis
    assert "of the inputs of layer 1 are low, so its weights learn slowly (BP4: a0 is in ∂C/∂W1)." in sentence
    assert report.layers[0].saturated == 0


def test_dead_hidden_units_are_the_low_inputs_of_the_next_layer():
    net, x, y = problem(activation="relu")
    net.biases[0].data = np.full(4, -100.0)
    report = tg.learning_report(net, x, y)
    assert report.layers[0].saturated == report.layers[1].low_inputs == 1
    assert report.layers[0].error == report.layers[1].gradient == 0
    text = one_line(report)
    assert "100% of the units of layer 1 are saturated, and δ1 = 0: the layer does not learn at all." in text
    assert "‖δ‖ shrinks to nothing: a vanishing gradient" in text
    assert all(np.isnan(step.ratio) for step in report.layers[0].demon)


def test_vanishing_and_exploding_gradients_are_named():
    net, x, y = problem([5] * 7)
    first, *_, last = tg.learning_report(net, x, y).errors
    text = one_line(tg.learning_report(net, x, y))
    assert f"Back from layer 6 to layer 1, ‖δ‖ shrinks {last / first:.3g} times: a vanishing gradient" in text
    net, x, y = problem([5] * 7, gain=3.0, activation="identity")
    report = tg.learning_report(net, x, y)
    first, *_, last = report.errors
    text = one_line(report)
    assert f"Back from layer 6 to layer 1, ‖δ‖ grows {first / last:.3g} times: an exploding gradient" in text
    assert max(map(len, str(report).splitlines())) <= 88


def test_a_network_that_learns_well_is_told_so():
    report = tg.learning_report(*problem())
    (sentence,) = report.diagnosis
    assert sentence.startswith("Neither cause holds a layer back")


def test_a_network_that_has_learnt_everything():
    net, x, _ = problem(output="identity")
    report = tg.learning_report(net, x, net(x).numpy())
    assert report.cost == 0
    assert report.errors == [0, 0]
    assert "The changes of C are too small to be seen" in str(report)


def test_a_negative_cost_and_a_layer_that_learns_nothing():
    """The logarithm of outputs above 1 makes the cost negative."""
    net, x, _ = problem(activation="step", output="identity")
    net.biases[1].data = np.full(3, 50.0)
    report = tg.learning_report(net, x, np.ones((7, 3)), "cross_entropy")
    assert report.cost < 0
    assert all(np.isnan(step.ratio) for step in report.layers[0].demon)
    assert "to first order" in str(report)


def test_the_report_is_a_table_a_student_can_read():
    text = str(tg.learning_report(*problem()))
    lines = text.splitlines()
    assert lines[0].startswith("5-4-3 network, 7 examples, quadratic cost, C = 0.")
    assert lines[2].split("  ")[0] == "layer"
    assert max(map(len, lines)) <= 120
    for words in ("A weight learns slowly if its unit is saturated (|σ′(z)| < 0.01", "its input is low (|a| < 0.01"):
        assert words in text
    assert "Does C change by δ·Δz?" in text


def test_labels_and_rows_are_the_same_targets_and_float32_networks_work():
    net, x, _ = problem(dtype=np.float32)
    labels = np.arange(7) % 3
    assert tg.learning_report(net, x, labels) == tg.learning_report(net, x, np.eye(3)[labels])


def test_nothing_of_the_network_is_changed():
    net, x, y = problem()
    before = [p.numpy().copy() for p in net.parameters()]
    report = tg.learning_report(net, x, y)
    assert all(p.grad is None for p in net.parameters())
    assert all(np.array_equal(p.numpy(), old) for p, old in zip(net.parameters(), before, strict=True))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.cost = 0.0


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"mlp": np.tanh}, TypeError, "mlp must be a tg.nn.MLP, or .* not a ufunc"),
        ({"x": np.zeros((7, 4))}, ValueError, r"x has shape \(7, 4\), but this network takes \(n, 5\)"),
        ({"x": np.zeros(5)}, ValueError, r"x has shape \(5,\)"),
        ({"x": np.zeros((0, 5))}, ValueError, r"n ≥ 1"),
        ({"x": np.full((7, 5), np.nan)}, ValueError, "x contains NaN"),
        ({"x": np.full((7, 5), "a")}, TypeError, "x must hold real numbers"),
        ({"y": np.zeros((7, 2))}, ValueError, r"y must have the outputs' shape \(7, 3\).*got \(7, 2\)"),
        ({"y": np.array([0, 1, 2, 3, 0, 0, 0])}, ValueError, "between 0 and 2"),
        ({"cost": "quadratc"}, ValueError, "did you mean 'quadratic'"),
        ({"cost": tg.costs.quadratic}, TypeError, "must be a name"),
    ],
)
def test_errors_are_plain(change, error, words):
    net, x, y = problem()
    with pytest.raises(error, match=f"^learning_report: .*{words}"):
        tg.learning_report(**{"mlp": net, "x": x, "y": y} | change)


def test_a_network_that_diverged_is_told_so():
    net, x, y = problem()
    net.biases[1].data = np.full(3, np.inf)
    with pytest.raises(ValueError, match="W2 or b2 contains NaN or infinity: the training diverged"):
        tg.learning_report(net, x, y)


def test_a_single_stuck_unit_is_named():
    net = tg.nn.MLP([2, 30, 2], rng=0)
    biases = net.biases[0].numpy()
    biases[4] = 50.0
    net.biases[0].data = biases
    report = tg.learning_report(net, np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2)
    assert [layer.stuck for layer in report.layers] == [1, 0]
    assert "1 of the 30 units of layer 1 are stuck" in report.diagnosis[0]
    assert "stuck" in str(report)


def test_the_page_on_the_equations_shows_units_that_are_stuck():
    wide = tg.nn.MLP([64, 100, 100, 10], init="normal", rng=0)
    text = str(tg.learning_report(wide, *tg.data.digits()[1]))
    assert "units of layer 2 are stuck" in text
    assert "to first order, ΔC = δ·Δz" in text
