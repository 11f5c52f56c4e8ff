"""Inverses, determinants, powers, and equations solved.

Source of the rules: M. Giles, An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation (2008).
"""

from math import prod
from operator import index
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, constant, defvjp, expands, records_all
from tinygrad_edu.rules.products import T


def _columns(g: Any, x: Any, b: Any) -> tuple[Any, Any]:
    """NumPy takes a right side with one axis as one vector, for every matrix of a stack."""
    return (g[..., None], x[..., None]) if b.ndim == 1 else (g, x)


def _solve_matrix(g: Any, x: Any, a: Any, b: Any) -> Any:
    g, x = _columns(g, x, b)
    return -np.linalg.solve(T(a), g) @ T(x)


def _solve_right_side(g: Any, x: Any, a: Any, b: Any) -> Any:
    g, _ = _columns(g, x, b)
    grad = np.linalg.solve(T(a), g)
    return grad[..., 0] if b.ndim == 1 else grad


defvjp(np.linalg.inv, lambda g, y, a: -T(y) @ g @ T(y))
defvjp(np.linalg.solve, _solve_matrix, _solve_right_side)

SMALL = 6


def cofactors(a: Any, determinant: Any) -> Any:
    """∂ det A / ∂ A: (−1)^(i+j) times the determinant of A without row i and column j.

    Up to 6 × 6 so computed, which is exact, to any order, also where A is singular. There are n² such determinants, so
    for larger matrices det A · A⁻ᵀ, which needs an inverse: NumPy raises where there is none.
    """
    n = a.shape[-1]
    if n > SMALL:
        return determinant[..., None, None] * T(np.linalg.inv(a))
    others = np.array([[k for k in range(n) if k != i] for i in range(n)], int).reshape(n, max(n - 1, 0))
    without = a[..., others[:, None, :, None], others[None, :, None, :]]
    signs = (-1) ** np.add.outer(np.arange(n), np.arange(n)).astype(a.dtype)
    return signs * np.linalg.det(without)


defvjp(np.linalg.det, lambda g, y, a: g[..., None, None] * cofactors(a, y))
defvjp(np.linalg.slogdet, lambda g, y, a: g[1][..., None, None] * T(np.linalg.inv(a)))  # the sign is constant


def _pinv_back(g: Any, p: Any, a: Any, rcond: Any = None, *, rtol: Any = None) -> Any:
    """From A⁺ A A⁺ = A⁺ and the symmetry of A A⁺ and A⁺ A (Golub and Pereyra 1973); at constant rank.

    Singular values that NumPy took as 0 are taken to stay 0: where the rank changes, A⁺ jumps and has no derivative.
    """
    outside_range = np.eye(a.shape[-2], dtype=a.dtype) - a @ p
    outside_rows = np.eye(a.shape[-1], dtype=a.dtype) - p @ a
    return -T(p) @ g @ T(p) + outside_range @ T(g) @ p @ T(p) + T(p) @ p @ T(g) @ outside_rows


defvjp(np.linalg.pinv, _pinv_back)


@expands(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    a, b = (m if m.dtype.kind == "f" else m.astype(np.float64) for m in (a, b))
    value_a, value_b = (m.value if isinstance(m, Node) else m for m in (a, b))
    _, residuals, rank, s = np.linalg.lstsq(value_a, value_b, rcond)
    eps = float(np.finfo(s.dtype).eps)
    cutoff = eps * max(a.shape) if rcond is None else eps if rcond < 0 else rcond
    if records_all():  # these two follow the values; whether there are residuals, as their shape, cannot
        rank, s = constant(np.linalg.matrix_rank, (a,), {"rtol": cutoff}), constant(np.linalg.svdvals, (a,))
    x = np.linalg.pinv(a, cutoff) @ b
    if residuals.size:  # more equations than unknowns, and none superfluous
        residuals = np.sum((b - a @ x) ** 2, axis=0, keepdims=np.ndim(b) == 1)
    return x, residuals, rank, s


@expands(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind must be positive, but is {ind!r}")
    n = prod(a.shape[ind:])
    return np.linalg.inv(as_square("np.linalg.tensorinv", a, n)).reshape((*a.shape[ind:], *a.shape[:ind]))


@expands(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any) -> Any:
    unknown = np.shape(a)[np.ndim(b) :]
    square = as_square("np.linalg.tensorsolve", a, prod(unknown))
    return np.linalg.solve(square, np.ravel(b)).reshape(unknown)


def as_square(who: str, a: Any, n: int) -> Any:
    """A tensor as a matrix of n × n numbers."""
    if np.size(a) != n * n:
        raise np.linalg.LinAlgError(f"{who}: an array of shape {np.shape(a)} is no square matrix of {n} × {n} numbers")
    return np.reshape(a, (n, n))


@expands(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"np.linalg.matrix_power: the matrices must be square, but the shape is {a.shape}")
    n = index(n)
    if n == 0:
        return np.where(False, a, np.eye(a.shape[-1], dtype=a.dtype))
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return (a @ a) @ a
    power, square = None, a
    while True:  # a, a², a⁴, …: multiply those that are binary digits of n, as NumPy does
        n, bit = divmod(n, 2)
        if bit:
            power = square if power is None else power @ square
        if not n:
            return power
        square = square @ square
