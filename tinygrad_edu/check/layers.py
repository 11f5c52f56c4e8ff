"""A network as the equations see it: layers of z = aW + b and a = σ(z), in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu.backprop import Activation
from tinygrad_edu.engine import Node, gradients, recording
from tinygrad_edu.functional import ACTIVATIONS, identity
from tinygrad_edu.nn import MLP, Linear, Module, Sequential
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]


class Layer(NamedTuple):
    """Layer l: the weighted inputs, and the function σ of them."""

    linear: Linear
    sigma: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """What σ is called."""
        name = getattr(self.sigma, "__name__", "")
        return name if name.isidentifier() else "σ"

    @property
    def activation(self) -> str | Activation:
        """The name of σ, or, of a function of one's own, σ and σ′ on arrays."""
        is_known = ACTIVATIONS.get(self.name) is self.sigma
        return self.name if is_known else Activation(self.value, self._slope)

    def value(self, z: Array) -> Array:
        """σ(z) of an array."""
        return np.asarray(plain(self.sigma(Tensor(z))))

    def _slope(self, z: Array) -> Array:
        """σ′ from autograd, of σ alone: nobody has derived it by hand."""
        with recording(True):
            a = self.sigma(at := Tensor(z, requires_grad=True))
        if not (isinstance(a, Tensor) and a.requires_grad):
            return np.zeros_like(z)
        return np.asarray(gradients(a, np.ones(a.shape, a.dtype), {at}).get(at, np.zeros_like(z)))


def plain(value: Any) -> Any:
    """The array of a tensor, or what NumPy makes of anything else."""
    return value.value if isinstance(value, Node) else np.asarray(value)


def layers_of(who: str, model: Any) -> list[Layer]:
    """The layers of an `MLP`, a `Linear`, or a `Sequential` of these and of activation functions."""
    if not isinstance(model, MLP | Linear | Sequential):
        raise TypeError(f"{who}: mlp must be {_WHAT}, not a {type(model).__name__}; {_OTHERS}")
    layers: list[Layer] = []
    for step in _steps(model):
        if isinstance(step, Linear):
            layers.append(Layer(step, identity))
        elif isinstance(step, Module):
            raise TypeError(f"{who}: mlp must be {_WHAT}, but it has {step!r} in it; {_OTHERS}")
        elif not layers or layers[-1].sigma is not identity:
            where = "first of all" if not layers else "after another function"
            name = getattr(step, "__name__", repr(step))
            raise TypeError(f"{who}: in mlp, {name} comes {where}, but each activation function must follow a Linear")
        else:
            layers[-1] = Layer(layers[-1].linear, step)
    if not layers:
        raise TypeError(f"{who}: mlp has no layers; {_OTHERS}")
    return layers


_WHAT = "a tg.nn.MLP, or a tg.nn.Sequential of Linear and activation functions"
_OTHERS = "BP1–BP4 are about layers of z = aW + b and a = σ(z); tg.check_grads checks the gradients of any model"


def _steps(model: Any) -> Iterator[Any]:
    """The parts of a model in a row, also those inside of others."""
    if isinstance(model, MLP):
        for layer in model.layers:
            yield from (layer.linear, layer.split()[1])
    elif isinstance(model, Sequential):
        for part in model.layers:
            yield from _steps(part)
    else:
        yield model


def check_elementwise(who: str, number: int, layer: Layer, z: Array) -> None:
    """Raise unless what σ makes of a unit depends on that unit's z alone, as BP1 and BP2 take it."""
    name, rng = f"{who}: activation {layer.name!r} of layer {number}", np.random.default_rng(0)
    with np.errstate(all="ignore"):
        a = layer.value(z)
        if a.shape != z.shape:
            raise ValueError(f"{name} makes shape {a.shape} of {z.shape}, but it must give one number for each z")
        for _ in range(5):
            moved = rng.random(z.shape) < 0.5
            b = layer.value(np.where(moved, z + 1, z))
            if not np.array_equal(b[~moved], a[~moved], equal_nan=True):
                raise ValueError(
                    f"{name} mixes the units or examples, or draws random numbers; BP1 and BP2 are about a σ that is "
                    "applied to each z alone (softmax at the output is known)"
                )
