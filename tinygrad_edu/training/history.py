"""What a training run was like."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
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
    """

    cost: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = False

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
