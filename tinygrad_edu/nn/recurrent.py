"""Recurrent networks: one cell, used again at every step of a sequence.

Backpropagation through time is what autograd does with such a loop: nothing here knows of it. Sequences have the shape
(n, T, features), one example a row, as PyTorch's with ``batch_first=True``. Each step multiplies its own inputs by the
weights. One product for all steps would be quicker by itself, but the gradient of each of its slices is an array as
large as the whole, so that a sequence twice as long would take four times the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.errors import check_whole
from tinygrad_edu.functional import activation_named, sigmoid
from tinygrad_edu.nn.batches import real
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor


class _Cell(Module):
    """What all cells share: the parameters, and one step."""

    gates = 1

    def __init__(
        self, n_in: int, n_hidden: int, rng: int | np.random.Generator | None = None, dtype: npt.DTypeLike = np.float64
    ) -> None:
        who = type(self).__name__
        check_whole(who, n_in=n_in, n_hidden=n_hidden)
        self.n_in, self.n_hidden = int(n_in), int(n_hidden)
        generator, bound, columns = generator_of(rng, f"{who}: rng"), 1 / np.sqrt(n_hidden), self.gates * self.n_hidden

        def start(name: str, *shape: int) -> Tensor:
            return Tensor(generator.uniform(-bound, bound, size=shape), requires_grad=True, name=name, dtype=dtype)

        self.W_x = start("Wx", self.n_in, columns)
        self.W_h = start("Wh", self.n_hidden, columns)
        self.b_x = start("bx", columns)
        self.b_h = start("bh", columns)

    def __call__(self, x: Any, state: Any = None) -> Any:
        """One step.

        Parameters
        ----------
        x : Tensor or array_like, shape (n, n_in)
        state : optional
            The state before, as it is returned; zeros by default.

        Returns
        -------
        state
            The state after: h of shape (n, n_hidden), or for an `LSTMCell` the pair (h, c).

        Raises
        ------
        ValueError
            If ``x`` or ``state`` has another shape.
        TypeError
            If ``x`` are no real numbers.
        """
        x = real(type(self).__name__, x, self.W_x.dtype)
        if x.ndim != 2 or x.shape[1] != self.n_in:
            raise ValueError(
                f"{type(self).__name__}: x has shape {x.shape}, but this cell takes one step of (n, {self.n_in})"
                + ("; a single one is x[None, :]" if x.shape == (self.n_in,) else "")
                + (f"; {type(self).__name__[:-4]} takes whole sequences" if x.ndim == 3 else "")
            )
        state = self._begin(len(x)) if state is None else self._checked(state, len(x))
        with scope(type(self).__name__.lower()):
            return self.step(x, state)

    def step(self, x: Any, state: Any) -> Any:
        """The state after one more step, from its inputs and the state before."""
        raise NotImplementedError

    def _begin(self, n: int) -> Any:
        """The state before the first step."""
        return np.zeros((n, self.n_hidden), self.W_x.dtype)

    def _checked(self, state: Any, n: int) -> Any:
        h = state if isinstance(state, Tensor) else np.asarray(state, self.W_x.dtype)
        if h.shape != (n, self.n_hidden):
            raise ValueError(
                f"{type(self).__name__}: state has shape {h.shape}, but for {n} sequences it must be "
                f"({n}, {self.n_hidden})"
            )
        return h

    def _parts(self, sums: Any) -> list[Any]:
        """The columns of each gate."""
        return [sums[:, i * self.n_hidden : (i + 1) * self.n_hidden] for i in range(self.gates)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_in}, {self.n_hidden})"


class _Sequences(_Cell):
    """What makes a recurrent network of a cell: the loop over the steps."""

    def __call__(self, x: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Go through the sequences.

        Parameters
        ----------
        x : Tensor or array_like, shape (n, T, n_in)
        state : optional
            Where to begin, as it is returned; zeros by default.

        Returns
        -------
        outputs : Tensor, shape (n, T, n_hidden)
            The hidden state h after every step.
        state
            The state after the last step: h of shape (n, n_hidden), or for an `LSTM` the pair (h, c).

        Raises
        ------
        ValueError
            If ``x`` or ``state`` has another shape, or the sequences are empty.
        TypeError
            If ``x`` are no real numbers.
        """
        who = type(self).__name__
        x = real(who, x, self.W_x.dtype)
        if x.ndim != 3 or x.shape[2] != self.n_in:
            more = "; a single sequence is x[None]" if x.ndim == 2 and x.shape[1] == self.n_in else ""
            raise ValueError(f"{who}: x has shape {x.shape}, but this layer takes (n, T, {self.n_in}){more}")
        n, T = x.shape[:2]
        if T == 0:
            raise ValueError(f"{who}: x has shape {x.shape}: the sequences are empty; at least one step is needed")
        state = self._begin(n) if state is None else self._checked(state, n)
        with scope(who.lower()):
            outputs = []
            for t in range(T):
                state = self.step(x[:, t], state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            together: Any = np.stack(outputs, axis=1)
            return together, state


class RNNCell(_Cell):
    """One step of the plain recurrent network, h' = f(x Wx + bx + h Wh + bh) (Elman 1990).

    Parameters
    ----------
    n_in, n_hidden : int
        Numbers of inputs and of hidden units.
    activation : str
        The name of f: "tanh", "relu" and so on.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers: all parameters start uniform in ±1/√n_hidden, as in PyTorch.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    W_x, W_h : Tensor, shapes (n_in, n_hidden) and (n_hidden, n_hidden)
    b_x, b_h : Tensor, shape (n_hidden,)

    Raises
    ------
    ValueError, TypeError
        If the sizes are not whole numbers from 1 up, or the activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> cell, h = RNNCell(3, 5, rng=0), None
    >>> for x in np.zeros((7, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 5)
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        activation: str = "tanh",
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(n_in, n_hidden, rng, dtype)
        self.activation = activation
        self._f = activation_named(activation, f"{type(self).__name__}: activation")

    def step(self, x: Any, state: Any) -> Any:
        """f(x Wx + bx + h Wh + bh)."""
        return self._f(x @ self.W_x + self.b_x + state @ self.W_h + self.b_h)


class GRUCell(_Cell):
    """One step of the gated recurrent unit (Cho et al. 2014), in the form of PyTorch.

    With the reset gate r, the update gate z and the candidate n::

        r = σ(x Wxr + bxr + h Whr + bhr)
        z = σ(x Wxz + bxz + h Whz + bhz)
        n = tanh(x Wxn + bxn + r ⊙ (h Whn + bhn))
        h' = (1 − z) ⊙ n + z ⊙ h

    Parameters
    ----------
    n_in, n_hidden, rng, dtype
        As for `RNNCell`, without ``activation``.

    Attributes
    ----------
    W_x, W_h : Tensor, shapes (n_in, 3 n_hidden) and (n_hidden, 3 n_hidden)
        The columns of r, z and n, in this order.
    b_x, b_h : Tensor, shape (3 n_hidden,)
    """

    gates = 3

    def step(self, x: Any, state: Any) -> Any:
        """(1 − z) ⊙ n + z ⊙ h."""
        xr, xz, xn = self._parts(x @ self.W_x + self.b_x)
        hr, hz, hn = self._parts(state @ self.W_h + self.b_h)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        return (1 - z) * np.tanh(xn + r * hn) + z * state


class LSTMCell(_Cell):
    """One step of long short-term memory (Hochreiter and Schmidhuber 1997), in the form of PyTorch.

    With the gates i (input), f (forget), o (output) and the candidate g, each of its own columns of x Wx + bx + h Wh +
    bh::

        c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)
        h' = σ(o) ⊙ tanh(c')

    Parameters
    ----------
    n_in, n_hidden, rng, dtype
        As for `RNNCell`, without ``activation``.

    Attributes
    ----------
    W_x, W_h : Tensor, shapes (n_in, 4 n_hidden) and (n_hidden, 4 n_hidden)
        The columns of i, f, g and o, in this order.
    b_x, b_h : Tensor, shape (4 n_hidden,)
    """

    gates = 4

    def step(self, x: Any, state: Any) -> Any:
        """(h', c')."""
        h, c = state
        i, f, g, o = self._parts(x @ self.W_x + self.b_x + h @ self.W_h + self.b_h)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def _begin(self, n: int) -> Any:
        return super()._begin(n), super()._begin(n)

    def _checked(self, state: Any, n: int) -> Any:
        if not isinstance(state, tuple) or len(state) != 2:
            raise TypeError(f"{type(self).__name__}: state must be the pair (h, c), as it is returned")
        h, c = state
        return super()._checked(h, n), super()._checked(c, n)


class RNN(_Sequences, RNNCell):
    """The plain recurrent network: `RNNCell` at every step, h_t = f(x_t Wx + bx + h_{t−1} Wh + bh).

    Parameters and attributes are those of `RNNCell`.

    Examples
    --------
    >>> import numpy as np
    >>> outputs, h = RNN(3, 5, rng=0)(np.zeros((2, 7, 3)))
    >>> outputs.shape, h.shape
    ((2, 7, 5), (2, 5))
    """


class GRU(_Sequences, GRUCell):
    """A network of gated recurrent units: `GRUCell` at every step. Parameters and attributes are those of `GRUCell`."""


class LSTM(_Sequences, LSTMCell):
    """Long short-term memory: `LSTMCell` at every step. Parameters and attributes are those of `LSTMCell`."""
