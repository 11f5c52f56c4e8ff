"""Optimisers: how the parameters move once the gradient is known."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinygrad_edu.optim.adagrad import Adagrad
from tinygrad_edu.optim.adam import Adam, AdamW
from tinygrad_edu.optim.base import Optimizer
from tinygrad_edu.optim.clipping import clip_grad_norm_, clip_grad_value_
from tinygrad_edu.optim.rmsprop import RMSprop
from tinygrad_edu.optim.schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    SequentialLR,
    StepLR,
)
from tinygrad_edu.optim.sgd import SGD

if TYPE_CHECKING:
    from tinygrad_edu.training.minimize import minimize

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "Optimizer",
    "RMSprop",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "minimize",
]


def __getattr__(name: str) -> Any:
    if name == "minimize":  # it compiles, and so stands below this room
        return import_module("tinygrad_edu.training.minimize").minimize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
