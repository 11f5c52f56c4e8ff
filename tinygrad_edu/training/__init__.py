"""Training: mini-batches, epochs, and the history of a run."""

from tinygrad_edu.training.fit import fit
from tinygrad_edu.training.history import History
from tinygrad_edu.training.measuring import accuracy, cost_of
from tinygrad_edu.training.sharded import sharded
from tinygrad_edu.training.stopping import early_stopping

__all__ = ["History", "accuracy", "cost_of", "early_stopping", "fit", "sharded"]
