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


def _cholesky_back(g: Any, low: Any, a: Any) -> Any:
    inner = _lower_half(T(low) @ g)
    half = np.linalg.solve(T(low), inner)  # L⁻ᵀ Φ
    return _symmetric(T(np.linalg.solve(T(low), T(half))))


def _gaps(values: Any) -> Any:
    """1 / (λⱼ − λᵢ), and 0 on the diagonal."""
    eye = np.eye(values.shape[-1], dtype=values.dtype)
    return (1 - eye) / (values[..., None, :] - values[..., :, None] + eye)


def _eigh_back(g: Any, y: Any, a: Any) -> Any:
    values, vectors = y[0], y[1]
    inner = _gaps(values) * (T(vectors) @ g[1])
    diagonal = vectors * g[0][..., None, :]
    return _symmetric(diagonal @ T(vectors) + vectors @ inner @ T(vectors))


def _svd_back(g: Any, y: Any, a: Any, full_matrices: bool = False) -> Any:
    u, s, v = y[0], y[1], T(y[2])
    gu, gs, gv = g[0], g[1], T(g[2])
    gaps = _gaps(s * s)
    inner_u, inner_v = T(u) @ gu, T(v) @ gv
    inner = gaps * (inner_u - T(inner_u)) * s[..., None, :] + s[..., :, None] * gaps * (inner_v - T(inner_v))
    grad = (u * gs[..., None, :] + u @ inner) @ T(v)
    # What sticks out of the space of u (a tall matrix), or of v (a wide one):
    grad = grad + (gu - u @ inner_u) / s[..., None, :] @ T(v)
    return grad + u @ T((gv - v @ inner_v) / s[..., None, :])


def _qr_back(g: Any, y: Any, a: Any) -> Any:
    q, r = y[0], y[1]
    m = r @ T(g[1]) - T(g[0]) @ q
    n = m.shape[-1]
    low = np.tri(n, dtype=a.dtype)
    copied = m * low + T(m * (low - np.eye(n, dtype=a.dtype)))  # the lower triangle, mirrored
    return T(np.linalg.solve(r, T(g[0] + q @ copied)))


defvjp(np.linalg.cholesky, _cholesky_back)
defvjp(np.linalg.eigh, _eigh_back)
defvjp(np.linalg.svd, _svd_back)
defvjp(np.linalg.qr, _qr_back)


@expands(np.linalg.eigvalsh)
def eigvalsh(a: Any) -> Any:
    return np.linalg.eigh(a)[0]


@expands(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if compute_uv and full_matrices and a.shape[-1] != a.shape[-2]:
        raise ValueError(
            f"np.linalg.svd: of a matrix of shape {a.shape} the full U and V have columns that are arbitrary, with no "
            "derivative; use full_matrices=False"
        )
    parts = record(np.linalg.svd, (a,), {"full_matrices": False})
    return parts if compute_uv else parts[1]


@expands(np.linalg.svdvals)
def svdvals(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


@expands(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "r") or a.shape[-2] < a.shape[-1]:
        raise ValueError(
            f"np.linalg.qr: mode {mode!r} of a matrix of shape {a.shape} has no derivative; it has one for mode "
            "'reduced' or 'r' and at least as many rows as columns"
        )
    parts = record(np.linalg.qr, (a,))
    return parts if mode == "reduced" else parts[1]
