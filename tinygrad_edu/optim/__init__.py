"""Optimisers: how the parameters move once the gradient is known."""

from tinygrad_edu.optim.adam import Adam
from tinygrad_edu.optim.base import Optimizer
from tinygrad_edu.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
