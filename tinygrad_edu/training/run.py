"""One run of `fit`: what it is made of, and its loop over epochs and mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.optim import LambdaLR
from tinygrad_edu.training.checkpoint import Checkpoint
from tinygrad_edu.training.history import History
from tinygrad_edu.training.measuring import Array, Cost, InParts, Model, measure, set_training
from tinygrad_edu.training.sharded_step import ShardedStep
from tinygrad_edu.training.step import Step
from tinygrad_edu.training.stopping import Best


@dataclass
class Run:
    """The parts, as `fit` has checked them."""

    model: Model
    cost: Cost
    examples: tuple[Array, Array, Array | None]
    """x, y, and how much each example counts."""
    held_out: tuple[Array, Array] | None
    step: Step | ShardedStep
    in_parts: InParts
    measure_every: int
    order: np.random.Generator
    history: History
    best: Best
    schedule: LambdaLR | None
    callbacks: Sequence[Callable[[History], Any]]
    checkpoint: Checkpoint | None
    stopped: bool = False

    def begin(self) -> Any:
        """Measure the model as it is; the outputs for x."""
        outputs = self._measure(self.history if not self.history.cost else History())
        self.best.look(self.history)
        return outputs

    def train(self, epochs: int, batch_size: int, bar: Any, outputs: Any) -> Any:
        """Go on to so many epochs; the outputs for x in the end, or those of before if there is nothing to do."""
        bar.update(self.history.epochs)
        while self.history.epochs < epochs and not self.stopped:
            n = min(self.measure_every - self.history.epochs % self.measure_every, epochs - self.history.epochs)
            for i in range(n):
                self._epoch(batch_size)
                if self.schedule is not None and i < n - 1:
                    self.schedule.step()
            outputs = self._measure(self.history, n)
            self._end_of_epoch()
            bar.set_postfix_str(self.history.latest(), refresh=False)
            bar.update(n)
        return outputs

    def finish(self) -> None:
        """Leave the model as it is used, with its best parameters if these were kept."""
        set_training(self.model, False)
        if self.best.values and self.best.entry is not None:
            self.best.restore()
            self.history.kept = self.history.measured[self.best.entry]

    def _epoch(self, batch_size: int) -> None:
        set_training(self.model, True)
        x, _, weights = self.examples
        order = self.order.permutation(len(x))
        if weights is not None and not np.add.reduceat(weights[order], range(0, len(x), batch_size)).all():
            raise ValueError(
                "fit: all examples of a mini-batch have weight 0; take a larger batch_size, or leave such examples out"
            )
        self.step.epoch(self.examples, order, batch_size)

    def _measure(self, history: History, epochs: int = 0) -> Any:
        """Measure, so many epochs after the last time."""
        x, y, weights = self.examples
        return measure(
            history, self.model, x, y, self.cost, self.held_out, weights, epochs=epochs, in_parts=self.in_parts
        )

    def _end_of_epoch(self) -> None:
        self.best.look(self.history)
        if self.schedule is not None:
            self.schedule.step()
        answers = [callback(self.history) for callback in self.callbacks]  # all are asked
        self.stopped = any(answers)
        if self.checkpoint is not None:
            self.checkpoint.save(self.stopped)
