"""The layer of weighted inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.nn.batches import real
from tinygrad_edu.nn.initializers import generator_of, initializer_named
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor


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
        if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in (n_in, n_out)):
            raise TypeError(f"Linear: n_in and n_out must be whole numbers, not {n_in!r} and {n_out!r}")
        if n_in < 1 or n_out < 1:
            raise ValueError(f"Linear: n_in and n_out must be at least 1, not {n_in} and {n_out}")
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"Linear: dtype must be one of floats, such as np.float32, not {np.dtype(dtype)}")
        W, b = initializer_named(init, "Linear: init")(generator_of(rng, "Linear: rng"), n_in, n_out)
        self.W = Tensor(W, requires_grad=True, name=f"W{suffix}", dtype=dtype)
        self.b = Tensor(b, requires_grad=True, name=f"b{suffix}", dtype=dtype)
        self._name_of_z = f"z{suffix}"

    def __call__(self, x: Any) -> Tensor:
        """The weighted inputs for a batch ``x`` of shape (n, n_in); shape (n, n_out).

        Raises
        ------
        ValueError
            If ``x`` has another number of columns, or is a single number.
        TypeError
            If ``x`` are no real numbers.
        """
        x = real("Linear", x)
        if x.ndim == 0 or x.shape[-1] != self.W.shape[0]:
            raise ValueError(
                f"Linear: x has shape {x.shape}, but this layer takes (n, {self.W.shape[0]}), one example a row"
            )
        with scope("linear"):
            z: Tensor = x @ self.W + self.b
        z.name = self._name_of_z
        return z

    def __repr__(self) -> str:
        return f"Linear({self.W.shape[0]}, {self.W.shape[1]})"
