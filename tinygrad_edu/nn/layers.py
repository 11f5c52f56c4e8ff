"""The base of all layers, the linear layer, and layers in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.nn.initializers import initializer_named
from tinygrad_edu.tensor import Tensor


class Module:
    """Something with parameters that is called on a batch.

    A subclass assigns tensors, modules, or lists and dicts of these as attributes, and defines ``__call__``.
    """

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch ``x``, one example a row."""
        raise NotImplementedError

    def named_parameters(self) -> dict[str, Tensor]:
        """The tensors that require a gradient, by the path to them (``"layers.0.W"``)."""
        return {
            path: tensor
            for attribute, value in vars(self).items()
            for path, tensor in _tensors(attribute, value)
            if tensor.requires_grad
        }

    def parameters(self) -> list[Tensor]:
        """The tensors that require a gradient, each once, in the order of their definition."""
        return list(dict.fromkeys(self.named_parameters().values()))


def _tensors(path: str, value: Any) -> list[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(path, value)]
    if isinstance(value, Module):
        return [(f"{path}.{inner}", tensor) for inner, tensor in value.named_parameters().items()]
    if isinstance(value, dict):
        return [pair for key, part in value.items() for pair in _tensors(f"{path}.{key}", part)]
    if isinstance(value, list | tuple):
        return [pair for i, part in enumerate(value) for pair in _tensors(f"{path}.{i}", part)]
    return []


class Linear(Module):
    """A layer of weighted inputs, z = a W + b.

    Parameters
    ----------
    n_in, n_out : int
        Numbers of inputs and outputs.
    init : {"scaled", "normal", "glorot", "he"}
        How W and b start; see `tinygrad_edu.nn.initializers`.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers.
    dtype : dtype
        Of the parameters.
    suffix : str
        Of the names in drawings: ``"1"`` names them W1, b1, z1.

    Attributes
    ----------
    W : Tensor, shape (n_in, n_out)
    b : Tensor, shape (n_out,)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        init: str = "scaled",
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
        suffix: str = "",
    ) -> None:
        if n_in < 1 or n_out < 1:
            raise ValueError(f"Linear: n_in and n_out must be at least 1, not {n_in} and {n_out}")
        W, b = initializer_named(init, "Linear: init")(np.random.default_rng(rng), n_in, n_out)
        self.W = Tensor(W, requires_grad=True, name=f"W{suffix}", dtype=dtype)
        self.b = Tensor(b, requires_grad=True, name=f"b{suffix}", dtype=dtype)
        self._name_of_z = f"z{suffix}"

    def __call__(self, x: Any) -> Tensor:
        """The weighted inputs for a batch ``x`` of shape (n, n_in); shape (n, n_out)."""
        with scope("linear"):
            z: Tensor = x @ self.W + self.b
        z.name = self._name_of_z
        return z

    def __repr__(self) -> str:
        return f"Linear({self.W.shape[0]}, {self.W.shape[1]})"


class Sequential(Module):
    """Layers in a row: each is called on what the one before it returns.

    Parameters
    ----------
    *layers : callable
        Modules, or functions such as `tinygrad_edu.tanh`.
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        self.layers = list(layers)

    def __call__(self, x: Any) -> Any:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(getattr(layer, '__name__', repr(layer)) for layer in self.layers)})"
