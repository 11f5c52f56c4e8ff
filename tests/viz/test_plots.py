"""What the plots show is what NumPy computes: axes, labels, and the data in the artists."""

import builtins
import io

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional
from tinygrad_edu.viz import plots


@pytest.fixture(autouse=True)
def matplotlib(request):
    """Every test but those of its absence needs matplotlib."""
    if "without_matplotlib" not in request.fixturenames:
        return pytest.importorskip("matplotlib", reason="plots need matplotlib")


def drawn(figure):
    """The figure, after it was rendered without a warning; pyplot knows nothing of it."""
    figure.savefig(io.BytesIO(), dpi=50)
    return figure


def texts(axes):
    return [text.get_text() for text in axes.texts]


def report(sizes=(5, 4, 3), **options):
    rng = np.random.default_rng(0)
    net = tg.nn.MLP(list(sizes), rng=0, **options)
    return tg.learning_report(net, rng.normal(size=(6, sizes[0])), rng.uniform(size=(6, sizes[-1])))


# --- Learning curves --------------------------------------------------------------------------------------


def test_learning_curves_show_the_history():
    history = tg.History(cost=[3.0, 2.0, 1.0], accuracy=[0.1, 0.5, 0.8], validation_cost=[3.0, 2.5, 2.0])
    for figure in (history.plot(), plots.learning_curves(history)):
        cost, accuracy = drawn(figure).axes
        training, validation = cost.get_lines()
        assert list(training.get_ydata()) == history.cost
        assert list(validation.get_ydata()) == history.validation_cost
        assert list(accuracy.get_lines()[0].get_ydata()) == history.accuracy
        assert [axes.get_xlabel() for axes in (cost, accuracy)] == ["epoch", "epoch"]
        assert [axes.get_ylabel() for axes in (cost, accuracy)] == ["C", "accuracy"]
        assert [axes.get_title() for axes in (cost, accuracy)] == ["Cost", "Examples classified rightly"]
        assert [line.get_label() for line in cost.get_lines()] == ["training", "validation"]
        assert len(accuracy.get_lines()) == 1
        assert all(tick == round(tick) for tick in cost.get_xticks())
        assert [axes.get_yscale() for axes in (cost, accuracy)] == ["linear", "linear"]
        assert [axes.get_ylim()[0] for axes in (cost, accuracy)] == [0, 0]


def test_few_wrong_examples_are_counted_on_a_logarithmic_axis():
    history = tg.History(cost=[3.0, 0.2], accuracy=[0.1, 0.99], validation_accuracy=[0.2, 0.97])
    cost, errors = drawn(history.plot()).axes
    for line, accuracy in zip(errors.get_lines(), (history.accuracy, history.validation_accuracy), strict=True):
        np.testing.assert_allclose(line.get_ydata(), 1 - np.array(accuracy))
    assert (errors.get_ylabel(), errors.get_title()) == ("error rate", "Examples classified wrongly")
    assert [axes.get_yscale() for axes in (cost, errors)] == ["log", "log"]


def test_no_error_at_all_is_on_the_axis_too():
    history = tg.History(cost=[3.0, 0.2, 0.1], accuracy=[0.5, 0.999, 1.0])
    _, errors = drawn(history.plot()).axes
    assert errors.get_yscale() == "symlog"
    low, high = errors.get_ylim()
    assert low <= 0 < 0.5 <= high
    assert [label.get_text() for label in errors.get_yticklabels()] == ["0 %", "1 %", "10 %", "100 %"]
    (line,) = errors.get_lines()
    assert line.get_ydata()[-1] == 0


@pytest.mark.parametrize("cost", [[2.0], [2.0, -3.0], [1.0, 1e200, np.inf, np.nan], [0.0, 0.0], [np.nan], []])
def test_any_cost_is_drawn(cost):
    (axes,) = drawn(tg.History(cost=cost).plot()).axes
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), cost)
    assert line.get_marker() == "."
    assert axes.get_yscale() == ("log" if 1e200 in cost else "linear")


# --- Activation functions ---------------------------------------------------------------------------------


def test_every_activation_function_of_one_number_is_drawn():
    figure = drawn(plots.activation_functions())
    assert {axes.get_title() for axes in figure.axes} == set(functional.ACTIVATIONS) - {"softmax"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["σ(z)", "σ′(z), by autograd"]
    for words in ("bounded, monotonic and continuous", "Leshno et al. (1993), if and only if σ is no polynomial"):
        assert words in figure.legends[0].get_title().get_text()


def test_no_cell_is_empty_and_the_legend_is_on_top():
    figure = drawn(plots.activation_functions())
    rows, columns = figure.axes[0].get_subplotspec().get_gridspec().get_geometry()
    assert rows * columns == len(figure.axes)
    legend = figure.legends[0].get_window_extent()
    assert all(legend.y0 >= axes.get_tightbbox().y1 - 1 for axes in figure.axes)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert all(not a.overlaps(b.shrunk(0.98, 0.98)) for a in boxes for b in boxes if a is not b)  # words, too


@pytest.mark.parametrize("name", plots.FAILS)
def test_the_lines_are_the_function_and_its_derivative(name):
    (axes,) = drawn(plots.activation_functions([name])).axes
    value, slope = axes.get_lines()
    z = value.get_xdata()
    kept = z != 0
    hand = tg.backprop.ACTIVATION_FORMULAS[name]
    np.testing.assert_allclose(value.get_ydata()[kept], hand.f(z[kept]), atol=1e-14)
    np.testing.assert_allclose(slope.get_ydata()[kept], hand.prime(z[kept]), atol=1e-14)
    assert np.isnan(value.get_ydata()[~kept]).all()  # no line joins the sides of a jump


@pytest.mark.parametrize("name", plots.FAILS)
def test_the_conditions_are_told_truthfully(name):
    """Each of them, tried on numbers."""
    sigma = functional.ACTIVATIONS[name]
    z = np.linspace(-50, 50, 200_001)
    a = sigma(z)
    true = {
        "not constant": np.ptp(a) > 0,
        "not bounded": np.ptp(sigma(np.linspace(-1e6, 1e6, 1001))) < 10,
        "not monotonic": bool((np.diff(a) >= -1e-15).all()),
        "not continuous": np.abs(np.diff(a)).max() < 0.01,
    }
    assert true.pop("not constant")
    assert set(plots.FAILS[name]) == {words for words, holds in true.items() if not holds}
    (axes,) = plots.activation_functions([name]).axes
    _, *verdict, leshno = axes.get_xlabel().splitlines()
    assert " ".join(verdict) == ("✗ " + ", ".join(plots.FAILS[name]) if plots.FAILS[name] else "✓ the notes")
    # The sixth differences of a polynomial of lower degree are 0.
    polynomial = np.abs(np.diff(sigma(np.linspace(-5, 5, 12)), 6)).max() < 1e-9
    assert leshno == ("✗ a polynomial" if polynomial else "✓ Leshno")


def test_names_choose_functions_in_their_order():
    assert [axes.get_title() for axes in plots.activation_functions(["sine", "tanh"]).axes] == ["sine", "tanh"]
    assert [axes.get_title() for axes in plots.activation_functions("relu").axes] == ["relu"]
    with pytest.raises(ValueError, match="activation_functions: unknown name 'rellu'; did you mean 'relu'"):
        plots.activation_functions(["rellu"])
    with pytest.raises(ValueError, match="activation_functions: at least one name is needed"):
        plots.activation_functions([])


# --- Learning speed ---------------------------------------------------------------------------------------


def test_gradient_norms_has_a_line_for_each_layer():
    reports = [report((5, 4, 3)), report((5, 6, 3))]
    (axes,) = drawn(plots.gradient_norms(reports)).axes
    for line, norms in zip(axes.get_lines(), np.transpose([r.errors for r in reports]), strict=True):
        assert list(line.get_ydata()) == list(norms)
        assert list(line.get_xdata()) == [0, 1]
    assert [line.get_label() for line in axes.get_lines()] == ["layer 1", "layer 2 (output)"]
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "‖δ‖ = ‖∂C/∂z‖")


def test_gradient_norms_takes_an_array_and_leaves_gaps_at_0():
    norms = np.array([[0.0, 1.0], [0.1, 0.5], [0.2, 0.2]])
    (axes,) = drawn(plots.gradient_norms(norms)).axes
    first, second = axes.get_lines()
    np.testing.assert_array_equal(first.get_ydata(), [np.nan, 0.1, 0.2])
    assert list(second.get_ydata()) == [1.0, 0.5, 0.2]
    assert first.get_marker() != second.get_marker()
    (axes,) = drawn(plots.gradient_norms(np.zeros((2, 2)))).axes
    assert axes.get_yscale() == "linear"


def test_many_layers_and_epochs_stay_tellable():
    (axes,) = drawn(plots.gradient_norms(np.geomspace(1e-9, 1, 200 * 10).reshape(200, 10))).axes
    assert len({(line.get_color(), line.get_marker()) for line in axes.get_lines()}) == 10
    assert all(line.get_markevery() == 10 for line in axes.get_lines())


@pytest.mark.parametrize("wrong", [[], [[1.0, 2.0], [1.0]], [1.0, 2.0]])
def test_gradient_norms_refuses_what_is_not_a_table(wrong):
    with pytest.raises(ValueError, match="gradient_norms: reports must be a list of learning reports of one network"):
        plots.gradient_norms(wrong)


def test_saturation_has_two_bars_for_each_layer():
    speeds = report((5, 4, 4, 3), activation=["relu", "tanh"])
    figure = drawn(plots.saturation(speeds))
    (axes,) = figure.axes
    saturated, low = axes.containers
    assert [bar.get_height() for bar in saturated] == [layer.saturated for layer in speeds.layers]
    assert [bar.get_height() for bar in low] == [layer.low_inputs for layer in speeds.layers]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "layer 1\nrelu",
        "layer 2\ntanh",
        "layer 3\nsigmoid",
    ]
    assert texts(axes)[0] == f"{speeds.layers[0].saturated:.0%}" != "0%"
    assert "saturated units" in figure.legends[0].get_texts()[0].get_text()
    with pytest.raises(TypeError, match=r"saturation: report must come from tg.learning_report, not be a list"):
        plots.saturation([0.1, 0.2])


# --- Weights, decisions, confusions -----------------------------------------------------------------------


def test_weight_images_are_the_columns_of_W1():
    net = tg.nn.MLP([6, 5, 2], rng=0)
    W = net.weights[0].numpy()
    figure = drawn(plots.weight_images(net, shape=(2, 3)))
    *panels, colorbar = figure.axes
    assert [axes.get_title() for axes in panels] == [f"unit {j}" for j in range(1, 6)]
    for j, axes in enumerate(panels):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), W[:, j].reshape(2, 3))
        assert image.get_clim() == (-np.abs(W).max(), np.abs(W).max())  # white is 0
    assert colorbar.get_ylabel() == "weight"


def test_weight_images_show_at_most_so_many_units():
    net = tg.nn.MLP([64, 50, 10], rng=0)
    assert len(plots.weight_images(net).axes) == 36 + 1
    figure = plots.weight_images(net, units=3)
    assert len(figure.axes) == 3 + 1
    assert "(3 of 50 units)" in figure.get_suptitle()
    net.weights[0].data = np.zeros((64, 50))
    drawn(plots.weight_images(net, units=2))


def test_weight_images_errors():
    with pytest.raises(ValueError, match=r"weight_images: shape \(8, 8\) does not fit the 5 inputs"):
        plots.weight_images(tg.nn.MLP([5, 2]))
    with pytest.raises(ValueError, match="weight_images: at least one unit is needed"):
        plots.weight_images(tg.nn.MLP([64, 2]), units=0)
    with pytest.raises(TypeError, match=r"weight_images: mlp must be a tinygrad_edu.nn.MLP, not a Linear"):
        plots.weight_images(tg.nn.Linear(64, 2))


def test_decision_regions_show_where_the_model_decides_what():
    def model(x):
        return np.stack([x[:, 0], x[:, 1], 0 * x[:, 0] - 0.5], axis=1)

    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    y = np.array([0, 1, 2, 2])
    (axes,) = drawn(plots.decision_regions(model, x, y)).axes
    (image,) = axes.get_images()
    left, right, bottom, top = image.get_extent()
    across, up = np.meshgrid(np.linspace(left, right, plots.GRID), np.linspace(bottom, top, plots.GRID))
    np.testing.assert_array_equal(image.get_array(), np.where((across < -0.5) & (up < -0.5), 2, up > across))
    assert image.origin == "lower"
    *classes, wrong = axes.collections
    for k, points in enumerate(classes):
        np.testing.assert_array_equal(points.get_offsets(), x[y == k])
    np.testing.assert_array_equal(wrong.get_offsets(), x[3:])
    assert axes.get_title() == "Decision regions: 75.0% of 4 examples right"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["class 0", "class 1", "class 2", "wrong"]


def test_decision_regions_of_a_network_with_a_single_unit():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0], [1], [1], [0]])
    net = tg.nn.MLP([2, 3, 1], rng=0)
    expected = np.mean((net(x).numpy() >= 0.5) == y)
    (axes,) = drawn(plots.decision_regions(net, x, y)).axes
    assert axes.get_title() == f"Decision regions: {expected:.1%} of 4 examples right"
    (axes,) = plots.decision_regions(net, x, y, threshold=1.1).axes
    assert not axes.get_images()[0].get_array().any()
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((4, 3)), np.zeros(4, int), r"x of shape \(4, 3\) with 4 classes in y; it must be \(n, 2\)"),
        (np.zeros((4, 2)), np.zeros(3, int), r"x of shape \(4, 2\) with 3 classes"),
        (np.zeros((0, 2)), np.zeros(0, int), r"x of shape \(0, 2\)"),
        (np.zeros((4, 2)), np.zeros(4), r"y has shape \(4,\) and dtype float64; it must be classes"),
    ],
)
def test_decision_regions_errors(x, y, words):
    with pytest.raises(ValueError, match=f"^decision_regions: {words}"):
        plots.decision_regions(lambda x: x, x, y)


def test_confusion_matrix_counts():
    y = np.array([0, 0, 0, 1, 1, 2])
    chosen = np.array([0, 0, 1, 1, 0, 2])
    axes, colorbar = drawn(plots.confusion_matrix(chosen, y)).axes
    counts = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 1]])
    (image,) = axes.get_images()
    np.testing.assert_allclose(image.get_array(), counts / [[3], [2], [1]])
    assert {(t.get_position()[::-1], t.get_text()) for t in axes.texts} == {
        ((i, j), str(count)) for (i, j), count in np.ndenumerate(counts) if count
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("class chosen", "true class")
    assert axes.get_title() == "Confusion matrix: 4 of 6 right (66.7%)"
    assert colorbar.get_ylabel() == "fraction of the true class"


def test_confusion_matrix_takes_outputs_and_rows_of_targets():
    net = tg.nn.MLP([2, 3], rng=0)
    x, y = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 3
    one, other = (
        plots.confusion_matrix(*arguments).axes[0].get_images()[0].get_array()
        for arguments in ((net(x), np.eye(3)[y]), (net(x).numpy().argmax(axis=1), y))
    )
    np.testing.assert_array_equal(one, other)
    outputs = [[0.2], [0.7], [0.4]]
    title = plots.confusion_matrix(outputs, [[0], [1], [1]]).axes[0].get_title()
    assert title == "Confusion matrix: 2 of 3 right (66.7%)"
    assert (
        plots.confusion_matrix(outputs, [0, 1, 1], threshold=0.3).axes[0].get_title()
        == "Confusion matrix: 3 of 3 right (100.0%)"
    )


@pytest.mark.parametrize(
    ("outputs", "y", "words"),
    [
        ([0, 1], [0, 1, 1], "2 outputs for 3 targets"),
        (np.zeros(0, int), np.zeros(0, int), "0 outputs for 0 targets"),
        ([0.2, 0.7], [0, 1], r"outputs has shape \(2,\) and dtype float64; it must be classes"),
        ([0, -1], [0, 1], "outputs has shape"),
        ([0, 1], np.zeros((2, 2, 2)), r"y has shape \(2, 2, 2\)"),
    ],
)
def test_confusion_matrix_errors(outputs, y, words):
    with pytest.raises(ValueError, match=f"^confusion_matrix: {words}"):
        plots.confusion_matrix(outputs, y)


# --- Without matplotlib -----------------------------------------------------------------------------------


@pytest.fixture
def without_matplotlib(monkeypatch):
    import_it = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(f"No module named {name!r}")
        return import_it(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plots.learning_curves(tg.History(cost=[1.0])),
        lambda: tg.History(cost=[1.0]).plot(),
        lambda: plots.activation_functions(),
        lambda: plots.gradient_norms([[1.0, 2.0]]),
        lambda: plots.saturation(report()),
        lambda: plots.weight_images(tg.nn.MLP([64, 2], rng=0)),
        lambda: plots.decision_regions(lambda x: x, np.eye(2), [0, 1]),
        lambda: plots.confusion_matrix([0, 1], [0, 1]),
    ],
)
def test_without_matplotlib_the_error_says_how_to_install_it(plot, without_matplotlib):
    with pytest.raises(ImportError, match=r'plots need matplotlib: pip install "tinygrad_edu\[plots\]"'):
        plot()
