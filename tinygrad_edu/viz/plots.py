"""Plots with matplotlib (``pip install "tinygrad_edu[plots]"``). Each function returns a Figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_edu.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE = "#0072B2", "#E69F00"


def learning_curves(history: History) -> Figure:
    """Cost and accuracy after every epoch of a `fit`, on the training and the validation examples.

    Parameters
    ----------
    history : History
        Epoch 0 is the untrained network.

    Returns
    -------
    matplotlib.figure.Figure
        With one axes for the cost, and one for the accuracy if the targets are classes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    panels = [("cost C", history.cost, history.validation_cost)]
    if history.accuracy:
        panels.append(("accuracy", history.accuracy, history.validation_accuracy))
    figure: Figure = _figure(width=4.2 * len(panels))
    for i, (label, training, validation) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), i)
        axes.plot(training, color=BLUE, label="training")
        if validation:
            axes.plot(validation, color=ORANGE, linestyle="--", label="validation")
        axes.set(xlabel="epoch", ylabel=label)
        axes.set_ylim(0, 1.02 if label == "accuracy" else None)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _figure(width: float, height: float = 3.4) -> Any:
    """A figure outside pyplot, so that nothing is shown twice or kept in memory."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "tinygrad_edu[plots]"') from None
    return Figure(figsize=(width, height), layout="constrained")
