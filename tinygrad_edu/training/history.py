"""What a training run was like."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(repr=False)
class History:
    """What `fit` saw after each epoch; entry 0 is the state before the first.

    Attributes
    ----------
    cost, validation_cost : list of float
        C over the whole training set, and over the validation set if one was given.
    accuracy, validation_accuracy : list of float
        Fraction classified rightly, from 0 to 1; empty for targets that are not classes.
    interrupted : bool
        Whether Ctrl-C ended the run early.
    advice : tuple of str
        What keeps the network from learning, in sentences; none where it learns. They are a part of ``print(history)``.
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = False
    advice: tuple[str, ...] = ()

    @property
    def epochs(self) -> int:
        """The number of whole epochs."""
        return max(len(self.cost) - 1, 0)

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

    def ends(self) -> list[tuple[str, str, str]]:
        """What was measured, before the first epoch and after the last one, as text."""
        measured = [
            ("cost", self.cost, ".4g"),
            ("accuracy", self.accuracy, ".1%"),
            ("validation cost", self.validation_cost, ".4g"),
            ("validation accuracy", self.validation_accuracy, ".1%"),
        ]
        return [(name, f"{values[0]:{form}}", f"{values[-1]:{form}}") for name, values, form in measured if values]


def epochs(n: int) -> str:
    """So many, in words."""
    return f"{n} epoch{'s' * (n != 1)}"
