"""Inverses, determinants, decompositions.

Source of the rules: M. Giles, An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation (2008); for the SVD, J. Townsend, Differentiating the singular value decomposition (2016).
"""

from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, defvjp, expands
from tinygrad_edu.rules.products import T

# --- Inverses and determinants --------------------------------------------------------------------------------


def _solve_matrix(g: Any, x: Any, a: Any, b: Any) -> Any:
    grad_b = np.linalg.solve(T(a), g)
    if b.ndim == 1:
        return -grad_b[..., :, None] * x[..., None, :]
    return -grad_b @ T(x)


defvjp(np.linalg.inv, lambda g, y, a: -T(y) @ g @ T(y))
defvjp(np.linalg.solve, _solve_matrix, lambda g, x, a, b: np.linalg.solve(T(a), g))
defvjp(np.linalg.det, lambda g, y, a: (g * y)[..., None, None] * T(np.linalg.inv(a)))
defvjp(np.linalg.slogdet, lambda g, y, a: g[1][..., None, None] * T(np.linalg.inv(a)))  # the sign is constant


def _pinv_back(g: Any, p: Any, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """From A⁺ A A⁺ = A⁺ and the symmetry of A A⁺ and A⁺ A (Golub and Pereyra 1973); at constant rank."""
    outside_range = np.eye(a.shape[-2], dtype=a.dtype) - a @ p
    outside_rows = np.eye(a.shape[-1], dtype=a.dtype) - p @ a
    return -T(p) @ g @ T(p) + outside_range @ T(g) @ p @ T(p) + T(p) @ p @ T(g) @ outside_rows


defvjp(np.linalg.pinv, _pinv_back)


@expands(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    value_a, value_b = (m.value if isinstance(m, Node) else m for m in (a, b))
    _, _, rank, s = np.linalg.lstsq(value_a, value_b, rcond)
    x = np.linalg.pinv(a) @ b
    overdetermined = rank == a.shape[1] < a.shape[0]
    residuals = np.sum((b - a @ x) ** 2, axis=0, keepdims=np.ndim(b) == 1) if overdetermined else np.zeros(0)
    return x, residuals, rank, s


@expands(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    n = prod(a.shape[ind:])
    return np.linalg.inv(a.reshape((n, n))).reshape((*a.shape[ind:], *a.shape[:ind]))


@expands(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any) -> Any:
    n = prod(np.shape(b))
    return np.linalg.solve(a.reshape((n, n)), np.reshape(b, n)).reshape(a.shape[np.ndim(b) :])


@expands(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = np.eye(a.shape[-1], dtype=a.dtype) + 0 * a
    for bit in bin(n)[2:]:  # square for every binary digit, and multiply where it is 1
        power = power @ power @ a if bit == "1" else power @ power
    return power
