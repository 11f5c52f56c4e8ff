"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.errors import shown
from tinygrad_edu.functional import activation_named
from tinygrad_edu.nn.batches import rows
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.module import Module, Sequential
from tinygrad_edu.tensor import Tensor

Activation = str | Callable[[Any], Any]


class Layer(Module):
    """A fully connected layer l of an `MLP`: z = a W + b, then a = σ(z).

    Attributes
    ----------
    linear : Linear
        With the parameters W and b.
    activation : str
        The name of σ.
    """

    def __init__(self, linear: Linear, activation: Activation, number: int) -> None:
        self.linear = linear
        self.number = number
        self._sigma = _function(activation, f"MLP: activation of layer {number}")
        self.activation = (
            activation if isinstance(activation, str) else getattr(activation, "__name__", "σ").replace("<lambda>", "σ")
        )

    def weighted_input(self, x: Any) -> Tensor:
        """The weighted inputs z = a W + b, for the activations ``x`` of the one before."""
        with scope(f"layer {self.number}"):
            return self.linear(x)

    def activate(self, z: Any) -> Any:
        """The activations a = σ(z)."""
        a = self._sigma(z)
        if isinstance(a, Tensor) and a is not z:  # the identity returns z, which has its name
            a.name = f"a{self.number}"
        return a

    def __call__(self, x: Any) -> Any:
        """The activations a of the layer, for those of the one before."""
        with scope(f"layer {self.number}"):
            return self.activate(self.linear(x))

    def split(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """The weighted inputs, and σ."""
        return self.weighted_input, self._sigma

    def __repr__(self) -> str:
        return f"Layer({self.linear!r}, {self.activation!r})"


class MLP(Module):
    """A fully connected feed-forward network of any depth.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, from the inputs to the outputs: ``[784, 30, 10]``.
    activation : str or callable, or a list of them
        Of the hidden layers: one for all, or one for each; a name such as "tanh", or a function of z that is built from
        NumPy's functions.
    output : str or callable
        Of the output layer; also "softmax" and "identity".
    init : {"scaled", "normal", "glorot", "he"}
        How the parameters start; see `tinygrad_edu.nn.initializers`.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers: the same seed gives the same network.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    layers : list of Layer
        From the first hidden layer, l = 1, to the output layer, l = L.
    weights, biases : list of Tensor
        W1, …, WL of shapes (sizes[l−1], sizes[l]); b1, …, bL of shapes (sizes[l],).

    Raises
    ------
    ValueError
        If there are fewer than two sizes, one is not positive, a name is unknown, or the number of activations is
        wrong.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> net = tg.nn.MLP([2, 3, 1], rng=0)
    >>> net(np.zeros((5, 2))).shape
    (5, 1)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Activation | Sequence[Activation] = "sigmoid",
        output: Activation = "sigmoid",
        init: str = "scaled",
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        sizes = _whole_numbers(sizes)
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(
                f"MLP: sizes {sizes} must name at least the inputs and the outputs, each of 1 or more, for example "
                "[784, 30, 10]"
            )
        hidden: list[Any]
        if isinstance(activation, str) or callable(activation):
            hidden = [activation] * (len(sizes) - 2)
            if not hidden:  # where no layer asks
                _function(activation, "MLP: activation")
        elif isinstance(activation, Sequence):
            hidden = list(activation)
        else:
            raise TypeError(
                f"MLP: activation must be a name or a function, or one for each hidden layer, not {activation!r}"
            )
        if len(hidden) != len(sizes) - 2:
            raise ValueError(
                f"MLP: {len(hidden)} activations for {len(sizes) - 2} hidden layers; give one name for all, "
                "or one for each (the output layer has output=)"
            )
        generator = generator_of(rng, "MLP: rng")
        self.sizes = sizes
        self.layers = [
            Layer(Linear(n_in, n_out, init, generator, dtype, suffix=str(l)), name, l)
            for l, (n_in, n_out, name) in enumerate(zip(sizes, sizes[1:], [*hidden, output], strict=False), start=1)
        ]
        *self.activation, self.output = (layer.activation for layer in self.layers)  # their names

    @property
    def weights(self) -> list[Tensor]:
        """W1, …, WL."""
        return [layer.linear.W for layer in self.layers]

    @property
    def biases(self) -> list[Tensor]:
        """b1, …, bL."""
        return [layer.linear.b for layer in self.layers]

    def named_tensors(self) -> dict[str, Tensor]:
        """The tensors by their names in the equations, W1, b1, W2, and so on."""
        return {
            f"{letter}{layer.number}": getattr(layer.linear, letter) for layer in self.layers for letter in ("W", "b")
        }

    def __call__(self, x: Any) -> Any:
        """The outputs a^L for a batch ``x`` of shape (n, sizes[0]); shape (n, sizes[-1])."""
        x = self.batch(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def logits(self, x: Any) -> Any:
        """The weighted inputs z^L of the output layer, from which the ``with_logits`` costs are computed."""
        x = self.batch(x)
        for layer in self.layers[:-1]:
            x = layer(x)
        return self.layers[-1].weighted_input(x)

    def split(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """The weighted inputs z^L of the output layer, and its activation function."""
        return Sequential(self.batch, *self.layers).split()

    def batch(self, x: Any) -> Any:
        """``x`` as a batch of the right shape; an array also in the dtype of the parameters."""
        return rows("MLP", x, self.sizes[0], self.layers[0].linear.W.dtype)

    def __repr__(self) -> str:
        return f"MLP({self.sizes}, activation={self.activation}, output={self.output!r})"


def _whole_numbers(sizes: Any) -> list[int]:
    try:
        whole = [None if isinstance(n, bool | np.bool_) else index(n) for n in sizes]
    except TypeError:
        whole = [None]
    if None in whole:
        raise TypeError(
            f"MLP: sizes must be whole numbers, from the inputs to the outputs, as in [784, 30, 10], not {sizes!r}"
        )
    return [n for n in whole if n is not None]


def _function(activation: Any, who: str) -> Callable[[Any], Any]:
    """The activation function itself, or that of a name."""
    if isinstance(activation, type | Module):
        raise TypeError(
            f"{who} must be a name, such as 'tanh', or a function of z, not {shown(activation)}; layers with "
            "parameters go into tg.nn.Sequential"
        )
    return activation if callable(activation) else activation_named(activation, who)
