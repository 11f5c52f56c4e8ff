"""The derivative table: what every NumPy function does to a gradient, one file a chapter of NumPy's manual.

- `elementwise`: one number in, one number out (and two-argument arithmetic). Read this first.
- `reductions`: sums, products and extrema over axes, running sums, sorting.
- `statistics`: means, moments, quantiles.
- `differences`: differences, slopes, integrals.
- `shapes`: the same numbers in another shape; axes.
- `indexing`: some of the elements, by index, condition or choice; elements moved.
- `joining`: several arrays made one; padding and inserting.
- `signals`: functions given by their values: on a grid, piece by piece; convolution.
- `products`: of matrices and vectors; Einstein sums.
- `linalg`: inverses and determinants; equations solved.
- `decompositions`: Cholesky, eigenvalues, SVD, QR.
- `norms`: of vectors and matrices; the condition number.

A function has either a rule (`defvjp`), or is a short composition of others (`expands`) and needs none.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.rules import (
    decompositions,
    differences,
    elementwise,
    indexing,
    joining,
    linalg,
    norms,
    products,
    reductions,
    shapes,
    signals,
    statistics,
)

REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
"""What ``ufunc.reduce`` means (its default axis is 0, theirs None)."""

__all__ = [
    "REDUCTIONS",
    "decompositions",
    "differences",
    "elementwise",
    "indexing",
    "joining",
    "linalg",
    "norms",
    "products",
    "reductions",
    "shapes",
    "signals",
    "statistics",
]
