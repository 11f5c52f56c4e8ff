"""What a training run was like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygrad_edu.figures import BLUE, ORANGE, new_figure, whole_numbers
from tinygrad_edu.tables import as_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RARE = 0.1
"""Where fewer examples than this are wrong in the end, they are counted, not those that are right."""


@dataclass(repr=False)
class History:
    """What `fit` saw after each epoch that it measured; entry 0 is the state before the first.

    Attributes
    ----------
    cost, validation_cost : list of float
        C over the whole training set, and over the validation set if one was given.
    accuracy, validation_accuracy : list of float
        Fraction classified rightly, from 0 to 1; empty for targets that are not classes.
    measured : list of int
        The number of the epoch after which each entry was measured: 0, 1, 2, … if after all.
    kept : int or None
        The epoch whose parameters the model has now, if it was the best one that `fit` was to keep.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    advice : tuple of str
        What keeps the network from learning, in sentences; none where it learns. They are a part of ``print(history)``.
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    kept: int | None = None
    interrupted: bool = False
    advice: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Of a history by hand every epoch was measured."""
        self.measured = self.measured or list(range(max(len(self.cost), len(self.validation_cost))))

    @property
    def epochs(self) -> int:
        """The number of whole epochs, as far as something was measured."""
        return self.measured[-1] if self.measured else 0

    def latest(self) -> str:
        """The last entries, in one line."""
        text = f"cost {self.cost[-1]:.4f}"
        if self.accuracy:
            text += f", accuracy {self.accuracy[-1]:.1%}"
        if self.validation_accuracy:
            text += f", validation {self.validation_accuracy[-1]:.1%}"
        return text

    def __repr__(self) -> str:
        """What was measured, in one line, and the advice."""
        if not self.cost:
            return "History of no epoch"
        ends = ", ".join(f"{name} {first} → {last}" for name, first, last in self.ends())
        return "\n".join([f"{epochs(self.epochs)}{', interrupted' * self.interrupted}: {ends}", *self.advice])

    def _repr_html_(self) -> str:
        rows = [("", "before", f"after {epochs(self.epochs)}{', interrupted' * self.interrupted}"), *self.ends()]
        return as_html([rows, *self.advice] if self.cost else [repr(self)])

    def ends(self) -> list[tuple[str, str, str]]:
        """What was measured, before the first epoch and after the last one, as text."""
        measured = [
            ("cost", self.cost, ".4g"),
            ("accuracy", self.accuracy, ".1%"),
            ("validation cost", self.validation_cost, ".4g"),
            ("validation accuracy", self.validation_accuracy, ".1%"),
        ]
        return [(name, f"{values[0]:{form}}", f"{values[-1]:{form}}") for name, values, form in measured if values]

    def plot(self) -> Figure:
        """The learning curves: the cost after every epoch and, for classes, how many examples are wrong (or right).

        Returns
        -------
        matplotlib.figure.Figure
            With one axes for the cost, and one for the examples if the targets are classes. Epoch 0 is the untrained
            network. What falls by more than a factor of ten is on a logarithmic axis.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        panels = [("Cost", "C", self.cost, self.validation_cost)]
        if self.accuracy:
            right, held_out = self.accuracy, self.validation_accuracy
            if 1 - right[-1] < RARE:
                wrong, held_out = ([1 - share for share in shares] for shares in (right, held_out))
                panels.append(("Examples classified wrongly", "error rate", wrong, held_out))
            else:
                panels.append(("Examples classified rightly", "accuracy", right, held_out))
        figure: Figure = new_figure(width=4.2 * len(panels))
        for i, panel in enumerate(panels, start=1):
            _draw(figure.add_subplot(1, len(panels), i), self.measured, *panel)
        return figure


def _draw(
    axes: Any, measured: list[int], title: str, label: str, training: list[float], validation: list[float]
) -> None:
    marker = "." if len(training) <= 20 else ""  # of a single entry there is no line
    axes.plot(measured, training, color=BLUE, marker=marker, label="training")
    if validation:
        axes.plot(measured, validation, color=ORANGE, marker=marker, linestyle="--", label="validation")
    axes.set(title=title, xlabel="epoch", ylabel=label)
    whole_numbers(axes)
    values = [value for value in (*training, *validation) if math.isfinite(value)]
    positive = [value for value in values if value > 0]
    if positive and min(values) >= 0 and max(positive) > 10 * min(positive) and label != "accuracy":
        axes.set_yscale("log")
        if 0 in values:  # which has no logarithm: below the smallest number the axis goes evenly on to it
            axes.set_yscale("symlog", linthresh=min(positive), linscale=0.5)
            decades = range(math.ceil(math.log10(min(positive))), math.ceil(math.log10(max(positive))) + 1)
            axes.set_yticks([0, *(10.0**k for k in decades)])
    elif values and min(values) >= 0:
        axes.set_ylim(0, 1.02 if label == "accuracy" else None)
    if label != "C":
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
    axes.grid(axis="y", color="#DDDDDD")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def epochs(n: int) -> str:
    """So many, in words."""
    return f"{n} epoch{'s' * (n != 1)}"
