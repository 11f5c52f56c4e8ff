"""What all networks have in common: their parameters, their last step, and layers in a row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import replace_values
from tinygrad_edu.errors import shown
from tinygrad_edu.functional import identity
from tinygrad_edu.nn.saving import check_names, fitting, read_arrays, write_arrays
from tinygrad_edu.nn.summary import Summary, summary_of
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]
Function = Callable[[Any], Any]


class Module:
    """Something with parameters that is called on a batch.

    A subclass assigns tensors, modules, or lists and dicts of these as attributes, and defines ``__call__``. Tensors
    that require no gradient are saved with the model, but not trained.

    Attributes
    ----------
    training : bool
        Whether layers that do something else while they learn, such as `Dropout`, do so. See `train` and `eval`.
    compilable : bool
        Whether `tinygrad_edu.fit` compiles a model with this in it. A program that is written once can neither draw
        random numbers nor change the module, so layers that do so while they learn say False.
    """

    training = True
    compilable = True

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch ``x``, one example a row."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what it computes: define __call__(self, x), which returns the outputs"
        )

    def split(self) -> tuple[Function, Function]:
        """The network in two parts: its weighted inputs z, and the function that makes outputs of them.

        A subclass that ends in an activation function defines it next to its ``__call__``; `fit` then computes the
        cost from z where that is more accurate. The function `tinygrad_edu.nn.split` asks for it.

        Returns
        -------
        logits, sigma : callable
            Such that ``self(x)`` is ``sigma(logits(x))``.
        """
        return self, identity

    def train(self, mode: bool = True) -> Self:
        """Set `training` of this module and of all modules in it; returns the module itself."""
        for module in self.named_modules().values():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """As it is used once it has learned: ``train(False)``."""
        return self.train(False)

    def named_modules(self) -> dict[str, Module]:
        """This module, under the empty name, and all modules in it, by the path to them (``"layers.0"``)."""
        found: dict[str, Module] = {"": self}
        for path, part in _parts(vars(self)):
            if isinstance(part, Module):
                found |= {f"{path}.{inner}".rstrip("."): module for inner, module in part.named_modules().items()}
        return found

    def named_tensors(self) -> dict[str, Tensor]:
        """All tensors of the model by the path to them (``"layers.0.W"``), also those that are not trained."""
        found: dict[str, Tensor] = {}
        for path, part in _parts(vars(self)):
            if isinstance(part, Tensor):
                found[path] = part
            else:
                found |= {f"{path}.{inner}": tensor for inner, tensor in part.named_tensors().items()}
        return found

    def named_parameters(self) -> dict[str, Tensor]:
        """The tensors that require a gradient, by the path to them."""
        return {name: tensor for name, tensor in self.named_tensors().items() if tensor.requires_grad}

    def summary(self, x: Any = None) -> Summary:
        """What the model is made of, as a table: its layers, the shapes of their parameters, and how many these are.

        Parameters
        ----------
        x : array_like, optional
            A batch: then the table also has the shape of what each layer returns. For models with a list ``layers``
            that are called one after the other, such as `MLP` and `Sequential`.
        """
        return summary_of(self, x)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all tensors of the model as plain arrays, by name."""
        return {name: tensor.numpy() for name, tensor in self.named_tensors().items()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Give the tensors the values of `state_dict`: all of them, or none if something does not fit.

        Parameters
        ----------
        state : dict of str to array_like
            A value of the same shape for every tensor. A dtype of less precision is widened.

        Raises
        ------
        ValueError
            If a name or a shape is another one, or a dtype has more precision; it names the tensor.
        TypeError
            If ``state`` is no dict.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict: state must be a dict of names and arrays, not {shown(state)}; of a file, use load"
            )
        self._take("load_state_dict", state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tensors of `state_dict` to a file in NumPy's .npz format, which holds no code.

        Whatever goes wrong, and if the program is killed meanwhile, the old file stays as it was.

        Parameters
        ----------
        path : str or path-like
            Such as ``"net.npz"``.
        """
        write_arrays(path, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Give the tensors the values that `save` has written: all of them, or none if something is wrong.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, no .npz file, or of another model: it names the parameter that does not fit.

        Examples
        --------
        >>> import tempfile
        >>> import tinygrad_edu as tg
        >>> net, other = tg.nn.MLP([2, 3, 1], rng=0), tg.nn.MLP([2, 3, 1], rng=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save(f"{folder}/net.npz")
        ...     other.load(f"{folder}/net.npz")
        >>> bool((other.weights[0].data == net.weights[0].data).all())
        True
        """
        expected = {name: tensor.value for name, tensor in self.named_tensors().items()}
        self._take("load", read_arrays("load", path, expected)[0])

    def flatten(self) -> Array:
        """All `parameters` as one float64 vector, for optimisers that know only vectors."""
        return np.concatenate([np.zeros(0), *(p.value.ravel() for p in self.parameters())])

    def unflatten(self, vector: npt.ArrayLike) -> None:
        """Give the parameters, each in its own dtype, the values of a vector that `flatten` made.

        Raises
        ------
        ValueError
            If it does not have just one number for each.
        TypeError
            If they are not real numbers.
        """
        numbers, parameters = np.asarray(vector), self.parameters()
        size = sum(p.size for p in parameters)
        if numbers.shape != (size,):
            raise ValueError(
                f"unflatten: vector has shape {numbers.shape}, but the parameters of this model are {size} numbers in "
                f"all, so it must have shape ({size},)"
            )
        if numbers.dtype.kind not in "fiub":
            raise TypeError(f"unflatten: vector must be of real numbers, not of dtype {numbers.dtype}")
        parts = np.split(numbers, np.cumsum([p.size for p in parameters])[:-1])
        pairs = zip(parameters, parts, strict=False)  # without parameters there is one part, an empty one
        replace_values([(p, part.reshape(p.shape).astype(p.dtype)) for p, part in pairs])

    def _take(self, who: str, state: Mapping[str, Any]) -> None:
        """New values for all tensors at once."""
        named = self.named_tensors()
        check_names(f"{who}: state", state, named)
        replace_values([(tensor, fitting(who, name, state[name], tensor.value)) for name, tensor in named.items()])

    def parameters(self) -> list[Tensor]:
        """The tensors that require a gradient, each once, in the order of their definition."""
        return list(dict.fromkeys(self.named_parameters().values()))


def _parts(value: Any, path: str = "") -> Iterator[tuple[str, Tensor | Module]]:
    """The tensors and modules in nested dicts and lists, with the path to each."""
    if isinstance(value, Tensor | Module):
        yield path, value
    elif isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _parts(part, f"{path}.{key}".lstrip("."))


def split(model: Function) -> tuple[Function, Function]:
    """A model in two parts, ``(logits, sigma)`` with ``model(x) = sigma(logits(x))``.

    Parameters
    ----------
    model : callable
        A network, a layer, or a function such as `tinygrad_edu.sigmoid`.

    Returns
    -------
    logits, sigma : callable
        What a `Module` says of itself (`Module.split`), unless a subclass has defined ``__call__`` anew and left
        ``split`` to the class it inherits from, which knows nothing of it: then the module and the identity. Of a
        function, the identity and itself.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.sigmoid)
    >>> logits, sigma = split(net)
    >>> logits, sigma is tg.sigmoid
    (Sequential(Linear(2, 3), identity), True)
    """
    if not isinstance(model, Module):
        return identity, model
    classes = type(model).__mro__
    speaks_of_its_own_call = next(c for c in classes if "split" in vars(c) or "__call__" in vars(c))
    return model.split() if "split" in vars(speaks_of_its_own_call) else (model, identity)


class Sequential(Module):
    """Layers in a row: each is called on what the one before it returns.

    Parameters
    ----------
    *layers : callable
        Modules, or functions such as `tinygrad_edu.tanh`; one after the other, or in one list.

    Raises
    ------
    TypeError
        If a layer cannot be called on a batch.
    """

    def __init__(self, *layers: Function | list[Function] | tuple[Function, ...]) -> None:
        in_one = layers[0] if len(layers) == 1 and isinstance(layers[0], list | tuple) else layers
        self.layers: list[Function] = []
        for i, layer in enumerate(in_one, start=1):
            if isinstance(layer, type) or not callable(layer):
                what = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
                raise TypeError(
                    f"Sequential: layer {i} must be a module or a function, not {what}; as in "
                    "Sequential(Linear(2, 3), tg.tanh)"
                )
            self.layers.append(layer)

    def __call__(self, x: Any) -> Any:
        """The output of the last layer."""
        for i, layer in enumerate(self.layers):
            if isinstance(x, tuple):
                raise TypeError(
                    f"Sequential: layer {i}, {self.layers[i - 1]!r}, returns {len(x)} values, but layer {i + 1} takes "
                    "one; take the one you mean in a Module of your own, as in rnn(x)[0]"
                )
            x = layer(x)
        return x

    def split(self) -> tuple[Function, Function]:
        """The layers but for the last step of the last one, and that step."""
        if not self.layers:
            return self, identity
        logits, sigma = split(self.layers[-1])
        return Sequential(*self.layers[:-1], logits), sigma

    def __repr__(self) -> str:
        return f"Sequential({', '.join(getattr(layer, '__name__', repr(layer)) for layer in self.layers)})"
