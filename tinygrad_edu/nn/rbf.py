"""The radial basis function network: bumps around centres, added up."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.errors import check_whole
from tinygrad_edu.nn.batches import rows
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]


class RBF(Module):
    """A radial basis function network: Gaussian units around centres, and a linear output of them.

    Unit j answers where x is near its centre, φ_j(x) = exp(−‖x − c_j‖² / (2 s_j²)), and the outputs are
    z_k = Σ_j φ_j W_jk + b_k (Broomhead and Lowe 1988). `from_data` puts the centres where the data are.

    Parameters
    ----------
    n_in, n_units, n_out : int
        Numbers of inputs, of Gaussian units, and of outputs.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers: the centres are drawn from N(0, 1), as inputs that were standardised are.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    centres : Tensor, shape (n_units, n_in)
        The points c_j.
    log_widths : Tensor, shape (n_units,)
        ln s_j, at first 0. An optimiser changes the logarithms, so that the widths s_j stay positive.
    linear : Linear
        The output, with the parameters W of shape (n_units, n_out) and b of shape (n_out,).

    Raises
    ------
    ValueError, TypeError
        If a number is no whole number from 1 up, or ``dtype`` none of floats.

    Examples
    --------
    >>> import numpy as np
    >>> net = RBF(2, 5, 1, rng=0)
    >>> net(np.zeros((3, 2))).shape
    (3, 1)
    >>> net.phi(net.centres)[1, 1].item()
    1.0
    """

    def __init__(
        self,
        n_in: int,
        n_units: int,
        n_out: int,
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        check_whole("RBF", n_in=n_in, n_units=n_units, n_out=n_out)
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"RBF: dtype must be one of floats, such as np.float32, not {np.dtype(dtype)}")
        generator = generator_of(rng, "RBF: rng")
        centres = generator.normal(size=(n_units, n_in))
        self.centres = Tensor(centres, requires_grad=True, name="c", dtype=dtype)
        self.log_widths = Tensor(np.zeros(n_units), requires_grad=True, name="ln s", dtype=dtype)
        self.linear = Linear(n_units, n_out, rng=generator, dtype=dtype)

    @classmethod
    def from_data(
        cls,
        x: npt.ArrayLike,
        n_units: int,
        n_out: int,
        rng: int | np.random.Generator | None = None,
        learn_centres: bool = False,
        dtype: npt.DTypeLike = np.float64,
    ) -> Self:
        """A network with its centres among data: those that k-means finds.

        The width of a unit is the mean distance from its centre to the nearest other centres, as many as there are
        inputs, so that neighbours overlap; a single unit is as wide as the data are spread about it.

        Parameters
        ----------
        x : array_like, shape (n, n_in)
            The data, n ≥ n_units.
        n_units, n_out : int
            Numbers of Gaussian units and of outputs.
        rng : int, numpy.random.Generator or None
            Source or seed of the random numbers.
        learn_centres : bool
            Whether the centres are trained; if not, they are saved with the model, but stay where they are.
        dtype : dtype
            Of the parameters.

        Returns
        -------
        RBF

        Raises
        ------
        ValueError
            If ``x`` has another shape, is not finite, or has fewer than ``n_units`` different rows.
        TypeError
            If ``x`` are no real numbers.
        ImportError
            If SciPy is missing: ``pip install "tinygrad_edu[scipy]"``.
        """
        points = np.asarray(x.value if isinstance(x, Tensor) else x)
        if points.dtype.kind not in "fiub":
            raise TypeError(f"RBF.from_data: x must be real numbers, not of dtype {points.dtype}")
        if points.ndim != 2 or not points.size:
            raise ValueError(f"RBF.from_data: x has shape {points.shape}, but must have (n, n_in), one example a row")
        if not np.isfinite(points).all():
            raise ValueError("RBF.from_data: x must be finite, but has an infinity or NaN")
        generator = generator_of(rng, "RBF.from_data: rng")
        net = cls(points.shape[1], n_units, n_out, generator, dtype)
        origin, unit = _scale(points)  # squares of very large or very small numbers would overflow or vanish
        points = (points - origin) / unit
        centres = _k_means(points, n_units, generator)
        net.centres = Tensor(origin + unit * centres, requires_grad=learn_centres, name="c", dtype=dtype)
        net.log_widths.data = np.log(unit * _widths(centres, points)).astype(dtype)
        return net

    def phi(self, x: Any) -> Any:
        """What the Gaussian units answer to a batch ``x`` of shape (n, n_in); shape (n, n_units), from 0 to 1.

        On the way, the differences of all inputs from all centres are n · n_units · n_in numbers.

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        TypeError
            If ``x`` are no real numbers.
        """
        x = rows("RBF", x, self.centres.shape[1], self.centres.dtype)
        with scope("gaussian"):
            # Each difference is taken before it is squared: ‖x‖² − 2x·c + ‖c‖² would lose digits, and could be negative
            differences = (x[:, None, :] - self.centres) / np.exp(self.log_widths)[:, None]
            return np.exp(-0.5 * np.sum(np.square(differences), axis=2))

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch ``x`` of shape (n, n_in); shape (n, n_out)."""
        with scope("rbf"):
            return self.linear(self.phi(x))

    def __repr__(self) -> str:
        n_units, n_in = self.centres.shape
        return f"RBF({n_in}, {n_units}, {self.linear.W.shape[1]})"


def _scale(x: Array) -> tuple[Array, Any]:
    """The mean of the rows, and how far the numbers are from it at most."""
    origin = x.mean(axis=0, dtype=float)
    return origin, np.max(np.abs(x - origin)) or 1.0


def _k_means(x: Array, k: int, rng: np.random.Generator) -> Array:
    """The centres of k clusters in the rows of x."""
    try:
        from scipy.cluster.vq import kmeans2
    except ImportError:
        raise ImportError('RBF.from_data needs SciPy: pip install "tinygrad_edu[scipy]"') from None
    different = len(np.unique(x, axis=0))
    if different < k:
        raise ValueError(
            f"RBF.from_data: x has {different} different rows, too few for {k} units with a centre each; choose "
            f"n_units of {different} or less"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a cluster that loses all its points: its centre stays where it was
        centres, _labels = kmeans2(x, k, iter=50, minit="++", rng=rng)
    return np.asarray(centres)


def _widths(centres: Array, x: Array) -> Array:
    """For each centre its mean distance to the nearest others, as many as there are axes; never 0."""
    if len(centres) == 1:
        widths = np.linalg.norm(x - centres, axis=1).mean(keepdims=True)
    else:
        distances = np.linalg.norm(centres[:, None] - centres, axis=2)
        widths = np.sort(distances, axis=1)[:, 1 : 1 + centres.shape[1]].mean(axis=1)  # the very nearest is it itself
    return np.where(widths > 0, widths, 1)
