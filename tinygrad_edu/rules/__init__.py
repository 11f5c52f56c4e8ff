"""The derivative table: what every NumPy function does to a gradient, grouped as NumPy's manual groups them.

- `elementwise`: one number in, one number out (and two-argument arithmetic).
- `reductions`: sums, products and extrema over axes, running sums, sorting.
- `statistics`: means, moments, quantiles.
- `differences`: differences, slopes, integrals.
- `linalg`: products of matrices and vectors, decompositions, norms.
- `shapes`: the same numbers in another arrangement; joining, splitting, indexing.

A function has either a rule (`defvjp`), or is a short composition of others (`expands`) and needs none.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.rules import differences, elementwise, linalg, reductions, shapes, statistics

REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
"""What ``ufunc.reduce`` means (its default axis is 0, theirs None)."""

__all__ = ["REDUCTIONS", "differences", "elementwise", "linalg", "reductions", "shapes", "statistics"]
