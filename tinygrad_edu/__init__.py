"""The autograd engine that shows its work.

>>> import numpy as np
>>> import tinygrad_edu as tg
>>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
>>> np.sum(np.tanh(x)).backward()
>>> bool(np.allclose(x.grad, 1 - np.tanh([1.0, 2.0]) ** 2))
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinygrad_edu.engine import defvjp, detect_anomaly, no_grad, primitive
from tinygrad_edu.functional import (
    elu,
    gelu,
    identity,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    sine,
    softmax,
    softplus,
    step,
    tanh,
)
from tinygrad_edu.tensor import Tensor, stop_gradient
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from tinygrad_edu import backprop, costs, data, nn, optim, testing, viz
    from tinygrad_edu.batching import vmap
    from tinygrad_edu.check import check_backprop, check_grads, learning_report
    from tinygrad_edu.compiler import compile
    from tinygrad_edu.derivations.derive import derive
    from tinygrad_edu.derivations.exercise import exercise
    from tinygrad_edu.training.fit import fit
    from tinygrad_edu.training.history import History
    from tinygrad_edu.training.sharded import sharded
    from tinygrad_edu.training.stopping import early_stopping
    from tinygrad_edu.viz import draw, explore

__version__ = "0.1.0"
__all__ = [
    "History",
    "Tensor",
    "backprop",
    "check_backprop",
    "check_grads",
    "compile",
    "costs",
    "data",
    "defvjp",
    "derive",
    "detect_anomaly",
    "diagnose",
    "draw",
    "early_stopping",
    "elementwise_grad",
    "elu",
    "exercise",
    "explore",
    "fit",
    "gelu",
    "grad",
    "hessian",
    "hvp",
    "identity",
    "jacobian",
    "jvp",
    "leaky_relu",
    "learning_report",
    "log_softmax",
    "logsumexp",
    "nn",
    "no_grad",
    "optim",
    "primitive",
    "relu",
    "sharded",
    "sigmoid",
    "sine",
    "softmax",
    "softplus",
    "step",
    "stop_gradient",
    "tanh",
    "testing",
    "value_and_grad",
    "viz",
    "vjp",
    "vmap",
]

# The rest is loaded when it is first used, so that the import costs little more than that of NumPy.
_ROOMS = {"backprop", "costs", "data", "nn", "optim", "testing", "viz"}
_ROOM_OF = {
    "History": "training",
    "check_backprop": "check",
    "check_grads": "check",
    "compile": "compiler",
    "diagnose": "diagnosis",
    "derive": "derivations",
    "draw": "viz",
    "early_stopping": "training",
    "exercise": "derivations",
    "explore": "viz",
    "fit": "training",
    "learning_report": "check",
    "sharded": "training",
    "vmap": "batching",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _ROOM_OF:
        globals()[name] = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
