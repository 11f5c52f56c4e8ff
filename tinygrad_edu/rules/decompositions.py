"""Decompositions of matrices.

Those of symmetric matrices take the gradient as if both triangles moved together.

Source of the rules: M. Giles, An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation (2008); for the SVD, J. Townsend, Differentiating the singular value decomposition (2016).
"""

from typing import Any

import numpy as np

from tinygrad_edu.engine import defvjp, expands, record
from tinygrad_edu.rules.products import T


def _symmetric(m: Any) -> Any:
    return (m + T(m)) / 2


def _lower_half(m: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    n = m.shape[-1]
    return m * (np.tri(n, dtype=m.dtype) - np.eye(n, dtype=m.dtype) / 2)


def _cholesky_back(g: Any, low: Any, a: Any, *, upper: bool = False) -> Any:
    if upper:
        g, low = T(g), T(low)
    inner = _lower_half(T(low) @ g)
    half = np.linalg.solve(T(low), inner)  # L⁻ᵀ Φ
    return _symmetric(T(np.linalg.solve(T(low), T(half))))


def _over_gaps(m: Any, values: Any) -> Any:
    """mᵢⱼ / (λⱼ − λᵢ). Equal values do no harm where nothing is asked, m = 0; elsewhere the result is infinite."""
    return _divided(m, values[..., None, :] - values[..., :, None])


def _divided(m: Any, by: Any) -> Any:
    """Where 0 is divided by 0, the result is 0."""
    return m / np.where((m == 0) & (by == 0), 1, by)


def _off_diagonal(m: Any) -> Any:
    return m * (1 - np.eye(m.shape[-1], dtype=m.dtype))


def _eigh_back(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:
    values, vectors = y[0], y[1]
    inner = _over_gaps(_off_diagonal(T(vectors) @ g[1]), values)
    diagonal = vectors * g[0][..., None, :]
    return _symmetric(diagonal @ T(vectors) + vectors @ inner @ T(vectors))


def _eigvalsh_back(g: Any, values: Any, a: Any, UPLO: Any = "L") -> Any:
    vectors = np.linalg.eigh(a, UPLO)[1]
    return _symmetric((vectors * g[..., None, :]) @ T(vectors))


def _svd_back(g: Any, y: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        u, _, vt = np.linalg.svd(a, full_matrices=False)
        return (u * g[..., None, :]) @ vt
    u, s, v = y[0], y[1], T(y[2])
    gu, gs, gv = g[0], g[1], T(g[2])
    inner_u, inner_v = T(u) @ gu, T(v) @ gv
    # Both are antisymmetric, so there is nothing on the diagonal.
    inner = _over_gaps(inner_u - T(inner_u), s * s) * s[..., None, :]
    inner = inner + s[..., :, None] * _over_gaps(inner_v - T(inner_v), s * s)
    grad = (u * gs[..., None, :] + u @ inner) @ T(v)
    # What sticks out of the space of u (a tall matrix), or of v (a wide one):
    if u.shape[-2] > u.shape[-1]:
        grad = grad + _divided(gu - u @ inner_u, s[..., None, :]) @ T(v)
    if v.shape[-2] > v.shape[-1]:
        grad = grad + u @ T(_divided(gv - v @ inner_v, s[..., None, :]))
    return grad


def _qr_back(g: Any, y: Any, a: Any) -> Any:
    q, r = y[0], y[1]
    m = r @ T(g[1]) - T(g[0]) @ q
    n = m.shape[-1]
    low = np.tri(n, dtype=a.dtype)
    copied = m * low + T(m * (low - np.eye(n, dtype=a.dtype)))  # the lower triangle, mirrored
    return T(np.linalg.solve(r, T(g[0] + q @ copied)))


defvjp(np.linalg.cholesky, _cholesky_back)
defvjp(np.linalg.eigh, _eigh_back)
defvjp(np.linalg.eigvalsh, _eigvalsh_back)
defvjp(np.linalg.svd, _svd_back)
defvjp(np.linalg.qr, _qr_back)


@expands(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return record(np.linalg.svd, (a,), {"compute_uv": False})
    if full_matrices and a.ndim >= 2 and a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"np.linalg.svd: of a matrix of shape {a.shape} the full U and V have columns that are arbitrary, with no "
            "derivative; use full_matrices=False"
        )
    return record(np.linalg.svd, (a,), {"full_matrices": False})


@expands(np.linalg.svdvals)
def svdvals(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


@expands(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "r") or (a.ndim >= 2 and a.shape[-2] < a.shape[-1]):
        raise ValueError(
            f"np.linalg.qr: mode {mode!r} of a matrix of shape {a.shape} has no derivative; it has one for mode "
            "'reduced' or 'r' and at least as many rows as columns"
        )
    parts = record(np.linalg.qr, (a,))
    return parts if mode == "reduced" else parts[1]
