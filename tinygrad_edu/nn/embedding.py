"""A row of numbers for each symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import Node, records_all, scope
from tinygrad_edu.errors import check_whole
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor


class Embedding(Module):
    """A table with a learned row for each symbol: the symbol i becomes W[i].

    The same as a `Linear` layer without bias on one-hot rows, but nothing is multiplied by 0.

    Parameters
    ----------
    n_symbols, n_features : int
        The number of rows and their length.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers: W ~ N(0, 1), as in PyTorch.
    dtype : dtype
        Of the table.

    Attributes
    ----------
    W : Tensor, shape (n_symbols, n_features)

    Raises
    ------
    ValueError, TypeError
        If the sizes are not whole numbers from 1 up.

    Examples
    --------
    >>> Embedding(26, 4, rng=0)([[0, 1, 2], [2, 1, 0]]).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        n_symbols: int,
        n_features: int,
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = float,
    ) -> None:
        check_whole("Embedding", n_symbols=n_symbols, n_features=n_features)
        W = generator_of(rng, "Embedding: rng").normal(size=(n_symbols, n_features))
        self.W = Tensor(W, requires_grad=True, name="W", dtype=dtype)

    def __call__(self, symbols: Any) -> Tensor:
        """The rows of the symbols, integers from 0 up of any shape; their shape and one more axis.

        Raises
        ------
        ValueError
            If a symbol has no row.
        TypeError
            If the symbols are no integers.
        """
        if not isinstance(symbols, Node):
            symbols = np.asarray(symbols)
        if symbols.dtype.kind not in "iu":
            raise TypeError(
                f"Embedding: symbols must be integers, not of dtype {symbols.dtype}; use symbols.astype(int)"
            )
        if not (isinstance(symbols, Node) and records_all()):  # a compiled program looks at no value
            values = symbols.value if isinstance(symbols, Node) else symbols
            wrong = values[(values < 0) | (values >= len(self.W))]
            if wrong.size:
                raise ValueError(f"Embedding: symbol {wrong[0]} has no row; there are rows for 0 to {len(self.W) - 1}")
        with scope("embedding"):
            return self.W[symbols]

    def __repr__(self) -> str:
        return f"Embedding({self.W.shape[0]}, {self.W.shape[1]})"
