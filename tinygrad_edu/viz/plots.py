"""Plots with matplotlib (``pip install "tinygrad_edu[plots]"``). Each function returns a Figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.check import LearningReport
from tinygrad_edu.engine import no_grad
from tinygrad_edu.errors import unknown_name
from tinygrad_edu.figures import BLUE, COLORS, ORANGE, new_figure, whole_numbers
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import MLP
from tinygrad_edu.training import History
from tinygrad_edu.transforms import elementwise_grad

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
Look = dict[str, Any]

PALE_GREEN, PALE_YELLOW = "#E3F4EE", "#FDF6DC"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "<", ">")  # one more shape than classes of digits
SIGMA: Look = {"color": BLUE, "label": "σ(z)"}
SLOPE: Look = {"color": ORANGE, "linestyle": "--", "label": "σ′(z), by autograd"}
GRID = 300  # points along each side of a plane

FAILS: dict[str, tuple[str, ...]] = {
    "sigmoid": (),
    "tanh": (),
    "step": ("not continuous",),
    "sine": ("not monotonic",),
    "relu": ("not bounded",),
    "leaky_relu": ("not bounded",),
    "elu": ("not bounded",),
    "softplus": ("not bounded",),
    "gelu": ("not bounded", "not monotonic"),
    "identity": ("not bounded",),
}
"""Which of the conditions that the lecture notes put on σ each activation function of one number fails."""

POLYNOMIALS = {"identity"}
"""Networks of all others approximate any continuous function (Leshno and others, 1993)."""


def learning_curves(history: History) -> Figure:
    """The learning curves of a `fit`, as `tinygrad_edu.History.plot` draws them.

    Parameters
    ----------
    history : History
        Of the training examples, and of the validation examples if there were any.

    Returns
    -------
    matplotlib.figure.Figure
        With one axes for the cost, and one for the examples if the targets are classes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    return history.plot()


def activation_functions(names: Sequence[str] | None = None) -> Figure:
    """The activation functions σ(z) and their derivatives σ′(z), the latter found by autograd.

    Words under each say whether networks with this function in the hidden layer approximate every continuous function
    on a bounded region as closely as one likes, if there are units enough. The first line is about the conditions of
    the lecture notes, which are sufficient: non-constant, bounded, monotonically increasing (or level) and continuous.
    The second is about the theorem of Leshno, Lin, Pinkus and Schocken (1993), which is sufficient and necessary: σ is
    no polynomial. So networks of relu do approximate.

    Parameters
    ----------
    names : sequence of str, optional
        Which, in this order; all if not given.

    Returns
    -------
    matplotlib.figure.Figure
        With one axes for each function; the first line in it is σ, the second σ′.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If a name is unknown, or there is none.
    """
    names = list(FAILS) if names is None else [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in FAILS:
            raise ValueError(unknown_name("activation_functions", name, FAILS))
    columns = next((n for n in (5, 4, 3) if len(names) % n == 0), 4)
    figure, panels = _grid("activation_functions", "name", len(names), columns, size=1.9, height=2.5)
    half = np.linspace(0.01, 5, 250)
    z = np.concatenate([-half[::-1], half])
    for axes, name in zip(panels, names, strict=True):
        sigma = ACTIVATIONS[name]
        for values, look in ((sigma(z), SIGMA), (elementwise_grad(sigma)(z), SLOPE)):
            # NaN breaks the line at 0, where the functions with a jump have it
            axes.plot(np.insert(z, len(half), 0), np.insert(values, len(half), np.nan), **look)
        axes.set(xlim=(-5, 5), ylim=(-1.3, 2.3), title=name, xticks=range(-4, 5, 2))
        axes.set_xlabel("\n".join(["z", *_verdicts(name)]), linespacing=1.3)
        axes.set_facecolor("white" if name in POLYNOMIALS else PALE_YELLOW if FAILS[name] else PALE_GREEN)
        axes.grid(color="#DDDDDD")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        frameon=False,
        title="Which networks approximate every continuous function?\n"
        "By the notes, if σ is bounded, monotonic and continuous (sufficient).\n"
        "By Leshno et al. (1993), if and only if σ is no polynomial.",
    )
    return figure


def _verdicts(name: str) -> tuple[str, str]:
    """In words, by the conditions of the notes, and by those of Leshno and others."""
    return (
        "✗ " + ",\n".join(FAILS[name]) if FAILS[name] else "✓ the notes",
        "✗ a polynomial" if name in POLYNOMIALS else "✓ Leshno",
    )


def gradient_norms(reports: Sequence[LearningReport | npt.ArrayLike] | Array) -> Figure:
    """How fast each layer learns, ‖δ^l‖, over the training: in deep networks the first layers may hardly learn.

    Parameters
    ----------
    reports : sequence of LearningReport, or array_like of shape (epochs, layers)
        One report of `tinygrad_edu.learning_report` for each epoch, the first before any training; or the norms
        themselves.

    Returns
    -------
    matplotlib.figure.Figure
        With one line for each layer, on a logarithmic scale; a norm of 0 is a gap.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no report, or the reports are of networks with different numbers of layers.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> (x, y), _ = tg.data.digits()
    >>> net = tg.nn.MLP([64, 20, 20, 10], rng=0)
    >>> optimizer, reports = tg.optim.SGD(net.parameters(), lr=1.0), []
    >>> for epoch in range(3):
    ...     reports.append(tg.learning_report(net, x[:100], y[:100]))
    ...     history = tg.fit(
    ...         net, x[:100], y[:100], cost="quadratic", optimizer=optimizer, epochs=1, batch_size=10, progress=False
    ...     )
    >>> figure = gradient_norms(reports)  # doctest: +SKIP
    """
    rows: list[Any] = [getattr(report, "errors", report) for report in reports]
    if not rows or len({np.shape(row) for row in rows}) > 1 or np.ndim(rows) != 2:
        raise ValueError(
            "gradient_norms: reports must be a list of learning reports of one network, or an array of shape "
            f"(epochs, layers); the shapes of its rows are {sorted({np.shape(row) for row in rows})}"
        )
    norms = np.array(rows, dtype=float)
    figure: Figure = new_figure(width=6, height=3.8)
    axes = figure.add_subplot()
    for l, values in enumerate(norms.T, start=1):
        look: Look = {"color": COLORS[(l - 1) % len(COLORS)], "marker": MARKERS[(l - 1) % len(MARKERS)]}
        label = f"layer {l} (output)" if l == norms.shape[1] else f"layer {l}"
        axes.plot(np.where(values > 0, values, np.nan), label=label, markevery=_every(len(norms)), **look)
    if (norms > 0).any():
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="‖δ‖ = ‖∂C/∂z‖", title="How fast each layer learns")
    whole_numbers(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return figure


def saturation(report: LearningReport) -> Figure:
    """The two causes of slow learning by layer: saturated units, σ′(z) ≈ 0, and low inputs, a ≈ 0.

    Parameters
    ----------
    report : LearningReport
        Of `tinygrad_edu.learning_report`, which says what counts as ≈ 0.

    Returns
    -------
    matplotlib.figure.Figure
        With two bars for each layer.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``report`` is not a learning report.
    """
    if not isinstance(report, LearningReport):
        raise TypeError(f"saturation: report must come from tg.learning_report, not be a {type(report).__name__}")
    figure: Figure = new_figure(width=max(5, 2 + len(report.layers)), height=3.8)
    axes = figure.add_subplot()
    positions = np.arange(1, len(report.layers) + 1)
    causes: dict[str, tuple[list[float], Look]] = {
        "saturated units: σ′(z) ≈ 0, so δ is small (BP1, BP2)": (
            [layer.saturated for layer in report.layers],
            {"color": BLUE},
        ),
        "low inputs: a ≈ 0, so ∂C/∂W is small (BP4)": (
            [layer.low_inputs for layer in report.layers],
            {"color": ORANGE, "hatch": "//"},
        ),
    }
    for shift, (label, (fractions, look)) in zip((-0.2, 0.2), causes.items(), strict=True):
        bars = axes.bar(positions + shift, fractions, width=0.38, label=label, edgecolor="white", **look)
        axes.bar_label(bars, [f"{fraction:.0%}" for fraction in fractions], padding=2)
    axes.set(ylim=(0, 1.1), ylabel="share (mean over examples)", title="The two causes of slow learning")
    axes.set_xticks(positions, [f"layer {layer.number}\n{layer.activation}" for layer in report.layers])
    axes.yaxis.set_major_formatter(lambda fraction, _: f"{fraction:.0%}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False)
    return figure


def weight_images(mlp: MLP, shape: tuple[int, int] = (8, 8), units: int = 36) -> Figure:
    """The weights into each unit of the first layer as an image: what the unit looks for.

    Parameters
    ----------
    mlp : MLP
        A network whose inputs are images.
    shape : (height, width)
        Of the images; the pixels are in the order of the rows.
    units : int
        Show at most so many; the title says how many there are.

    Returns
    -------
    matplotlib.figure.Figure
        With one axes for each unit, all on one scale of colours, symmetric around 0.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If ``mlp`` is not an MLP, or the shape does not fit its inputs.
    """
    if not isinstance(mlp, MLP):
        raise TypeError(f"weight_images: mlp must be a tinygrad_edu.nn.MLP, not a {type(mlp).__name__}")
    W = mlp.weights[0].numpy()
    if len(shape) != 2 or shape[0] * shape[1] != len(W):
        raise ValueError(f"weight_images: shape {shape} does not fit the {len(W)} inputs of the network")
    shown = min(units, W.shape[1])
    figure, panels = _grid("weight_images", "unit", shown, columns=max(4, math.ceil(math.sqrt(shown))), size=1.1)
    limit = float(np.abs(W).max()) or 1.0
    for j, axes in enumerate(panels):
        image = axes.imshow(W[:, j].reshape(shape), cmap=_signed(), vmin=-limit, vmax=limit)
        axes.set_title(f"unit {j + 1}", fontsize="small")
        axes.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=panels, label="weight", shrink=0.8)
    of = f" ({shown} of {W.shape[1]} units)" if shown < W.shape[1] else ""
    figure.suptitle(
        f"Weights W1 into each unit{of}\norange: the pixel excites the unit, blue: it inhibits", fontsize="medium"
    )
    return figure


def decision_regions(
    model: Callable[[Any], Any], x: npt.ArrayLike, y: npt.ArrayLike, *, threshold: float = 0.5
) -> Figure:
    """Which class a model with two inputs chooses at each point of the plane, and the examples.

    Parameters
    ----------
    model : callable
        Outputs of shape (n, units) from inputs of shape (n, 2), such as an `MLP`. The class is the unit with the
        largest output; with a single unit, 1 from ``threshold`` up.
    x : array_like, shape (n, 2)
        Examples.
    y : array_like
        Their classes: integers of shape (n,), or rows as the outputs are.
    threshold : float
        For a single unit.

    Returns
    -------
    matplotlib.figure.Figure
        With examples that the model gets wrong ringed in black.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the shapes do not fit.
    """
    x, labels = _array(x), _classes("decision_regions: y", y, threshold)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) != len(labels) or len(x) == 0:
        raise ValueError(
            f"decision_regions: x of shape {x.shape} with {len(labels)} classes in y; it must be (n, 2), two inputs"
        )
    margin = 0.12 * (np.ptp(x, axis=0) + 1e-9)
    (left, bottom), (right, top) = x.min(axis=0) - margin, x.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    with no_grad():
        chosen = _classes("decision_regions: the output", model(np.stack([across.ravel(), up.ravel()], 1)), threshold)
        wrong = _classes("decision_regions: the output", model(x), threshold) != labels
    figure: Figure = new_figure(width=5.6, height=4.2)
    axes = figure.add_subplot()
    regions = chosen.reshape(GRID, GRID)
    classes = range(int(max(chosen.max(), labels.max())) + 1)
    colors = [COLORS[k % len(COLORS)] for k in classes]
    area = (left, right, bottom, top)
    axes.imshow(regions, cmap=_listed(colors), vmin=0, vmax=classes[-1], alpha=0.25, origin="lower", extent=area)
    axes.set_aspect("auto")
    for k in np.unique(labels):
        look: Look = {"color": colors[k], "marker": MARKERS[k % len(MARKERS)], "edgecolor": "white"}
        axes.scatter(x[labels == k, 0], x[labels == k, 1], label=f"class {k}", s=40, linewidth=0.7, **look)
    if wrong.any():
        axes.scatter(x[wrong, 0], x[wrong, 1], s=110, facecolor="none", edgecolor="black", label="wrong")
    title = f"Decision regions: {np.mean(~wrong):.1%} of {len(x)} examples right"
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="input 1", ylabel="input 2", title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def confusion_matrix(outputs: npt.ArrayLike, y: npt.ArrayLike, *, threshold: float = 0.5) -> Figure:
    """How often each class is taken for each other one.

    Parameters
    ----------
    outputs : array_like, shape (n, units), or integers of shape (n,)
        Outputs of a model, or the classes it chose. The class is the unit with the largest output; with a single unit,
        1 from ``threshold`` up.
    y : array_like
        The true classes: integers of shape (n,), or rows as the outputs are.
    threshold : float
        For a single unit.

    Returns
    -------
    matplotlib.figure.Figure
        Row i, column j: how many examples of class i were taken for j; the colour is their fraction of the row.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the shapes do not fit.
    """
    chosen = _classes("confusion_matrix: outputs", outputs, threshold)
    labels = _classes("confusion_matrix: y", y, threshold)
    if len(chosen) != len(labels) or len(labels) == 0:
        raise ValueError(f"confusion_matrix: {len(chosen)} outputs for {len(labels)} targets; one for each is needed")
    n = int(max(chosen.max(), labels.max())) + 1
    counts = np.zeros((n, n), dtype=int)
    np.add.at(counts, (labels, chosen), 1)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure: Figure = new_figure(width=2.6 + 0.4 * n, height=1.8 + 0.4 * n)
    axes = figure.add_subplot()
    image = axes.imshow(fractions, cmap=_between("white", BLUE), vmin=0, vmax=1)
    for i, j in np.argwhere(counts):
        axes.text(
            j, i, str(counts[i, j]), ha="center", va="center", color="white" if fractions[i, j] > 0.85 else "black"
        )
    right = f"Confusion matrix: {np.trace(counts)} of {len(labels)} right ({np.trace(counts) / len(labels):.1%})"
    axes.set(xticks=range(n), yticks=range(n), xlabel="class chosen", ylabel="true class", title=right)
    figure.colorbar(image, label="fraction of the true class")
    return figure


def _array(values: Any) -> Array:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)


def _classes(who: str, values: Any, threshold: float) -> Array:
    """Class numbers, shape (n,), from class numbers or from rows of outputs or targets."""
    rows = _array(values)
    if rows.ndim == 2 and rows.shape[1] > 0:
        return np.asarray(rows.argmax(axis=1) if rows.shape[1] > 1 else (rows[:, 0] >= threshold).astype(int))
    if rows.ndim != 1 or rows.dtype.kind not in "iub" or (rows < 0).any():
        raise ValueError(
            f"{who} has shape {rows.shape} and dtype {rows.dtype}; it must be classes, integers from 0 up of shape "
            "(n,), or one row per example"
        )
    return rows.astype(int)


def _every(points: int) -> int:
    """Markers on a line: at most 20."""
    return math.ceil(points / 20)


def _listed(colors: list[str]) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(colors)


def _between(*colors: str) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("tinygrad_edu", colors)


def _signed() -> Any:
    """Colours for numbers of both signs: blue, white at 0, orange."""
    return _between(BLUE, "white", ORANGE)


def _grid(who: str, what: str, panels: int, columns: int, size: float, height: float = 0) -> tuple[Figure, list[Any]]:
    """A figure and its axes, row by row."""
    if panels < 1:
        raise ValueError(f"{who}: at least one {what} is needed")
    rows, columns = math.ceil(panels / columns), min(panels, columns)
    figure: Figure = new_figure(width=max(size * columns, 5), height=(height or size) * rows + 1)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
