"""The restricted Boltzmann machine: a network that learns how probable its inputs are, without being told anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import no_grad, scope
from tinygrad_edu.errors import check_whole, shown
from tinygrad_edu.functional import logsumexp, sigmoid, softplus
from tinygrad_edu.nn.batches import real
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]
Source = int | np.random.Generator | None

LARGEST = 2**25
"""So many numbers are enumerated at most: states of the smaller layer, times units of the larger."""


class RBM(Module):
    """A restricted Boltzmann machine of binary units, visible v and hidden h.

    Each state has an energy, E(v, h) = −b·v − c·h − v W h, and the probability p(v, h) = exp(−E(v, h)) / Z. There are
    no weights between units of one layer, so all of a layer are drawn at once, given the other (Smolensky 1986; Hinton
    2002). Called on a batch, it returns `probability_hidden`, so that machines can be stacked with `Sequential`.

    Parameters
    ----------
    n_visible, n_hidden : int
        Numbers of units.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers: W is drawn from N(0, 0.01²), as Hinton (2010) advises; b and c are 0.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    W : Tensor, shape (n_visible, n_hidden)
    b : Tensor, shape (n_visible,)
        The biases of the visible units.
    c : Tensor, shape (n_hidden,)
        The biases of the hidden units.

    Raises
    ------
    ValueError, TypeError
        If a number is no whole number from 1 up, or ``dtype`` none of floats.

    Examples
    --------
    >>> import numpy as np
    >>> rbm = RBM(2, 3, rng=0)
    >>> v = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> p = np.exp(-rbm.free_energy(v) - rbm.log_partition_function())  # of every v there is
    >>> round(np.sum(p).item(), 12)
    1.0
    """

    def __init__(self, n_visible: int, n_hidden: int, rng: Source = None, dtype: npt.DTypeLike = np.float64) -> None:
        check_whole("RBM", n_visible=n_visible, n_hidden=n_hidden)
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"RBM: dtype must be one of floats, such as np.float32, not {np.dtype(dtype)}")
        W = 0.01 * generator_of(rng, "RBM: rng").normal(size=(n_visible, n_hidden))
        self.W = Tensor(W, requires_grad=True, name="W", dtype=dtype)
        self.b = Tensor(np.zeros(n_visible), requires_grad=True, name="b", dtype=dtype)
        self.c = Tensor(np.zeros(n_hidden), requires_grad=True, name="c", dtype=dtype)

    # --- Energies -----------------------------------------------------------------------------------------

    def energy(self, v: Any, h: Any) -> Any:
        """The energy E(v, h) = −b·v − c·h − v W h of each pair of rows; shape (n,).

        Parameters
        ----------
        v : array_like, shape (n, n_visible)
        h : array_like, shape (n, n_hidden)

        Raises
        ------
        ValueError, TypeError
            If a shape is another one, or these are no real numbers; so in all methods.
        """
        v, h = self._batch("v", v, self.b), self._batch("h", h, self.c)
        if len(v) != len(h):
            raise ValueError(f"RBM: v has {len(v)} rows and h {len(h)}; they go in pairs, so these must be as many")
        with scope("energy"):
            return -np.sum(v * self.b, axis=1) - np.sum(h * self.c, axis=1) - np.sum((v @ self.W) * h, axis=1)

    def free_energy(self, v: Any) -> Any:
        """F(v) = −ln Σ_h exp(−E(v, h)) = −b·v − Σ_j ln(1 + exp(v W + c)_j), of each row; shape (n,).

        So p(v) = exp(−F(v)) / Z.
        """
        v = self._batch("v", v, self.b)
        with scope("free energy"):
            return -np.sum(v * self.b, axis=1) - np.sum(softplus(v @ self.W + self.c), axis=1)

    # --- Given one layer, the other -------------------------------------------------------------------------

    def probability_hidden(self, v: Any) -> Any:
        """p(h_j = 1 | v) = σ(v W + c)_j, for each row of ``v``; shape (n, n_hidden)."""
        return sigmoid(self._batch("v", v, self.b) @ self.W + self.c)

    def probability_visible(self, h: Any) -> Any:
        """p(v_i = 1 | h) = σ(h Wᵀ + b)_i, for each row of ``h``; shape (n, n_visible)."""
        return sigmoid(self._batch("h", h, self.c) @ self.W.T + self.b)

    def __call__(self, x: Any) -> Any:
        """The probabilities of the hidden units, given the visible ones ``x``: what it sees in them."""
        return self.probability_hidden(x)

    def sample_hidden(self, v: Any, rng: Source = None) -> Array:
        """Hidden units, 0 or 1, drawn given each row of ``v``; an array of shape (n, n_hidden)."""
        with no_grad():
            return _drawn(self.probability_hidden(v), generator_of(rng, "RBM: rng"))

    def sample_visible(self, h: Any, rng: Source = None) -> Array:
        """Visible units, 0 or 1, drawn given each row of ``h``; an array of shape (n, n_visible)."""
        with no_grad():
            return _drawn(self.probability_visible(h), generator_of(rng, "RBM: rng"))

    def gibbs(self, v: Any, k: int = 1, rng: Source = None) -> Array:
        """Gibbs sampling from ``v``: draw h given v, then v given h, k times. After many it is a sample of p(v).

        Returns
        -------
        ndarray, shape (n, n_visible)
            The last v, of zeros and ones.
        """
        check_whole("RBM", k=k)
        rng = generator_of(rng, "RBM: rng")
        for _ in range(k):
            v = self.sample_visible(self.sample_hidden(v, rng), rng)
        return np.asarray(v)

    # --- Learning -------------------------------------------------------------------------------------------

    def contrastive_divergence(self, v: Any, k: int = 1, rng: Source = None, persistent: Array | None = None) -> Any:
        """The cost whose gradient is that of contrastive divergence: mean F of data, less mean F of samples.

        The samples are constants. Then −∂C/∂W is ⟨v h⟩ of the data less ⟨v h⟩ of the samples, and so for b and c
        (Hinton 2002). It is no measure of success: it may rise and fall while the likelihood rises.

        Parameters
        ----------
        v : array_like, shape (n, n_visible)
            The data.
        k : int
            So many steps of `gibbs`.
        rng : int, numpy.random.Generator or None
            Source or seed of the random numbers; in a loop give a Generator, since a seed draws the same each time.
        persistent : ndarray, shape (m, n_visible), optional
            Samples of the last time, from which the steps go on, and which the new ones then replace in this array:
            persistent contrastive divergence (Tieleman 2008). Without it, they start at the data.

        Returns
        -------
        Tensor
            One number.
        """
        if persistent is not None:
            self._check_persistent(persistent, v)
        v = self._data(v)
        if persistent is None:
            samples = self.gibbs(v, k, rng)
        else:
            persistent[...] = samples = self.gibbs(persistent, k, rng)
        return np.mean(self.free_energy(v)) - np.mean(self.free_energy(samples))

    def _check_persistent(self, persistent: Any, v: Any) -> None:
        """Raise unless it is an array of samples that may be replaced."""
        if not isinstance(persistent, np.ndarray):
            raise TypeError(
                f"RBM: persistent must be an array, whose samples are replaced by new ones, not {shown(persistent)}"
            )
        n_visible = self.b.size
        if persistent.ndim != 2 or persistent.shape[1] != n_visible or not len(persistent):
            raise ValueError(f"RBM: persistent has shape {persistent.shape}, but must have (m, {n_visible}), m ≥ 1")
        if not persistent.flags.writeable:
            raise ValueError("RBM: persistent is read-only, but its samples are replaced by new ones; give a copy")
        if np.shares_memory(persistent, v.value if isinstance(v, Tensor) else np.asarray(v)):
            raise ValueError(
                "RBM: persistent is the data v itself, which would be overwritten; give persistent=v.copy()"
            )

    def log_partition_function(self) -> Any:
        """The logarithm of the partition function, ln Z = ln Σ exp(−E(v, h)), exactly; one number.

        It enumerates the smaller layer, and sums over the other by formula. That takes 2^smaller · larger numbers.

        Raises
        ------
        ValueError
            If that is more than 2²⁵ numbers: 20 units and 32 are just possible.
        """
        n_visible, n_hidden = self.W.shape
        smaller, larger = sorted(self.W.shape)
        if 2**smaller * larger > LARGEST:
            raise ValueError(
                f"RBM: the partition function of {n_visible} visible and {n_hidden} hidden units is a sum over "
                f"2^{smaller} states of {larger} numbers each; the limit is {LARGEST:,} numbers, "
                "such as those of 20 and 32 units"
            )
        with scope("log Z"):
            if n_visible <= n_hidden:
                return logsumexp(-self.free_energy(_all_states(n_visible, self.W.dtype)))
            h = _all_states(n_hidden, self.W.dtype)
            return logsumexp(np.sum(h * self.c, axis=1) + np.sum(softplus(h @ self.W.T + self.b), axis=1))

    def log_likelihood(self, v: Any) -> Any:
        """The mean of ln p(v) = −F(v) − ln Z over the rows of ``v``, exactly; one number, in nats.

        Raises
        ------
        ValueError
            If the layers are too large: see `log_partition_function`.
        """
        return -np.mean(self.free_energy(self._data(v))) - self.log_partition_function()

    # --- What goes in ---------------------------------------------------------------------------------------

    def _data(self, v: Any) -> Any:
        """Visible units to learn from: at least one row, all finite."""
        v = self._batch("v", v, self.b)
        if not len(v):
            raise ValueError(f"RBM: v has shape {v.shape}, but there is no mean of no examples; give at least one row")
        if not (isinstance(v, Tensor) or np.isfinite(v).all()):
            raise ValueError("RBM: v contains NaN or infinity; leave out the rows that have them")
        return v

    def _batch(self, name: str, x: Any, bias: Tensor) -> Any:
        """The states of the layer with these biases; an array also in the dtype of the parameters."""
        x = real("RBM", x, bias.dtype, name)
        if x.ndim != 2 or x.shape[1] != bias.size:
            layer = "visible" if bias is self.b else "hidden"
            raise ValueError(
                f"RBM: {name} has shape {x.shape}, but with {bias.size} {layer} units it must have "
                f"(n, {bias.size}), one example a row"
                + (f"; a single one is {name}[None, :]" if x.shape == bias.shape else "")
            )
        return x

    def __repr__(self) -> str:
        return f"RBM({self.W.shape[0]}, {self.W.shape[1]})"


def _drawn(p: Tensor, rng: np.random.Generator) -> Array:
    """1 with these probabilities, else 0."""
    value = p.numpy()
    return (rng.random(value.shape) < value).astype(value.dtype)


def _all_states(n: int, dtype: Any) -> Array:
    """All rows of n zeros and ones, shape (2ⁿ, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(dtype)
