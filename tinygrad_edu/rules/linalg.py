"""Products of matrices and vectors, decompositions, norms.

For Y = A B, with G = ∂C/∂Y:  ∂C/∂A = G Bᵀ and ∂C/∂B = Aᵀ G. (With A the activations and B the weights of a layer
these are the heart of BP2 and BP4.) Leading axes are stacks of matrices; the engine undoes their broadcasting.

Source of the rules for inverses and decompositions: M. Giles, An extended collection of matrix derivative results for
forward and reverse mode algorithmic differentiation (2008); for the SVD, J. Townsend, Differentiating the singular
value decomposition (2016).
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, constant, defvjp, expands, record, spells


def _T(m: Any) -> Any:
    """The transpose of a matrix, or of each in a stack."""
    return m.T if m.ndim == 2 else np.swapaxes(m, -1, -2)


# --- Products -------------------------------------------------------------------------------------------------


def _as_matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """NumPy treats a vector on the left as a row and one on the right as a column, and drops that axis from y."""
    if b.ndim == 1:
        g, b = g[..., None], b[:, None]
    if a.ndim == 1:
        g, a = g[..., None, :], a[None, :]
    return g, a, b


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, _, b = _as_matrices(g, a, b)
    grad = g @ _T(b)
    return grad if a.ndim > 1 else grad[..., 0, :]


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, a, _ = _as_matrices(g, a, b)
    grad = _T(a) @ g
    return grad if b.ndim > 1 else grad[..., 0]


defvjp(np.matmul, _matmul_left, _matmul_right)


@expands(np.linalg.matmul)
def matmul(a: Any, b: Any) -> Any:
    return np.matmul(a, b)


@expands(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    of_a, of_b = (
        [i % m.ndim for i in ([ax] if isinstance(ax, int) else ax)] for m, ax in zip((a, b), axes, strict=True)
    )
    rest_a = [i for i in range(a.ndim) if i not in of_a]
    rest_b = [i for i in range(b.ndim) if i not in of_b]
    n = prod(a.shape[i] for i in of_a)
    shape_a, shape_b = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    left = np.transpose(a, rest_a + of_a).reshape((prod(shape_a), n))
    right = np.transpose(b, of_b + rest_b).reshape((n, prod(shape_b)))
    return np.matmul(left, right).reshape((*shape_a, *shape_b))


@expands(np.dot)
def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@expands(np.inner)
def inner(a: Any, b: Any) -> Any:
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, (-1, -1))


@expands(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    return np.sum(np.ravel(a) * np.ravel(b))


@expands(np.vecdot, np.linalg.vecdot)
def vecdot(a: Any, b: Any, *, axis: int = -1) -> Any:
    return np.sum(a * b, axis=axis)


@expands(np.outer, np.linalg.outer)
def outer(a: Any, b: Any) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)


@expands(np.kron)
def kron(a: Any, b: Any) -> Any:
    n = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (n - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (n - np.ndim(b)) + np.shape(b))
    # Every element of a, times all of b: an axis of a next to one of b, then the pairs are merged.
    spread_a = a.reshape([size for n_a in a.shape for size in (n_a, 1)])
    spread_b = b.reshape([size for n_b in b.shape for size in (1, n_b)])
    return (spread_a * spread_b).reshape([n_a * n_b for n_a, n_b in zip(a.shape, b.shape, strict=True)])


@expands(np.cross, np.linalg.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"np.cross: vectors must have 3 components, but the shapes are {a.shape} and {b.shape}")
    next_, last = [1, 2, 0], [2, 0, 1]
    return np.moveaxis(a[..., next_] * b[..., last] - a[..., last] * b[..., next_], -1, axisc)


@expands(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@expands(np.linalg.trace)
def matrix_trace(a: Any, *, offset: int = 0) -> Any:
    return np.trace(a, offset, -2, -1)


@expands(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = np.eye(a.shape[-1], dtype=a.dtype) + 0 * a
    for bit in bin(n)[2:]:  # square for every binary digit, and multiply where it is 1
        power = power @ power @ a if bit == "1" else power @ power
    return power


@expands(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    product = arrays[0]
    for a in arrays[1:]:
        product = product @ a
    return product


# --- Einstein sums --------------------------------------------------------------------------------------------


def _einsum_operand(k: int) -> Any:
    """The rule of operand k: the sum turned round, from the output's letters and the others' to its own."""

    def rule(g: Any, y: Any, subscripts: str, *arrays: Any, optimize: Any = False) -> Any:
        left, output = subscripts.split("->")
        terms = left.split(",")
        mine, a = terms[k], arrays[k]
        inputs = [output] + [term for i, term in enumerate(terms) if i != k]
        factors = [g] + [array for i, array in enumerate(arrays) if i != k]
        unused = iter(letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if letter not in left)
        wanted = ""
        for letter, size in zip(mine, a.shape, strict=True):
            if letter in wanted:  # a diagonal was taken: put it back on one
                inputs.append(letter + (new := next(unused)))
                factors.append(np.eye(size, dtype=a.dtype))
                wanted += new
            else:
                wanted += letter
        for letter, size in zip(mine, a.shape, strict=True):
            if not any(letter in term for term in inputs[: len(terms)]):  # summed over alone: every element gets it
                inputs.append(letter)
                factors.append(np.ones(size, a.dtype))
        return np.einsum(f"{','.join(inputs)}->{wanted}", *factors, optimize=optimize)

    return rule


defvjp(np.einsum, None, *(_einsum_operand(k) for k in range(16)))


@spells(np.einsum)
def einsum(*operands: Any, **options: Any) -> Any:
    # One of its many spellings is left here: explicit letters, without ellipsis.
    terms, output, arrays = _einsum_terms(operands)
    return (f"{','.join(terms)}->{output}", *arrays), options


def _einsum_terms(operands: tuple[Any, ...]) -> tuple[list[str], str, tuple[Any, ...]]:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if isinstance(operands[0], str):
        left, arrow, right = operands[0].replace(" ", "").partition("->")
        terms, output, arrays = left.split(","), right if arrow else None, operands[1:]
    else:  # np.einsum(a, [0, 1], b, [1, 2], [0, 2])

        def spelled(places: Any) -> str:
            return "".join("..." if place is Ellipsis else letters[place] for place in places)

        arrays = operands[: len(operands) // 2 * 2 : 2]
        terms = [spelled(places) for places in operands[1 : len(arrays) * 2 : 2]]
        output = spelled(operands[-1]) if len(operands) % 2 else None
    if len(terms) != len(arrays):
        raise ValueError(f"np.einsum: {len(terms)} terms for {len(arrays)} arrays in {','.join(terms)!r}")
    unused = [letter for letter in letters if letter not in "".join(terms)]
    ranks = [np.ndim(a) - len(term.replace("...", "")) for term, a in zip(terms, arrays, strict=True) if "..." in term]
    rest = "".join(unused[: max(ranks, default=0)])
    if output is None:
        counts = "".join(terms).replace("...", "")
        output = "..." * bool(ranks) + "".join(sorted(c for c in set(counts) if counts.count(c) == 1))
    full = []
    for term, a in zip(terms, arrays, strict=True):
        rank = np.ndim(a) - len(term.replace("...", ""))
        full.append(term.replace("...", rest[len(rest) - rank :] if rank > 0 else ""))
    return full, output.replace("...", rest), arrays


# --- Inverses and determinants --------------------------------------------------------------------------------


def _solve_matrix(g: Any, x: Any, a: Any, b: Any) -> Any:
    grad_b = np.linalg.solve(_T(a), g)
    if b.ndim == 1:
        return -grad_b[..., :, None] * x[..., None, :]
    return -grad_b @ _T(x)


defvjp(np.linalg.inv, lambda g, y, a: -_T(y) @ g @ _T(y))
defvjp(np.linalg.solve, _solve_matrix, lambda g, x, a, b: np.linalg.solve(_T(a), g))
defvjp(np.linalg.det, lambda g, y, a: (g * y)[..., None, None] * _T(np.linalg.inv(a)))
defvjp(np.linalg.slogdet, lambda g, y, a: g[1][..., None, None] * _T(np.linalg.inv(a)))  # the sign is constant


def _pinv_back(g: Any, p: Any, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """From A⁺ A A⁺ = A⁺ and the symmetry of A A⁺ and A⁺ A (Golub and Pereyra 1973); at constant rank."""
    outside_range = np.eye(a.shape[-2], dtype=a.dtype) - a @ p
    outside_rows = np.eye(a.shape[-1], dtype=a.dtype) - p @ a
    return -_T(p) @ g @ _T(p) + outside_range @ _T(g) @ p @ _T(p) + _T(p) @ p @ _T(g) @ outside_rows


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


# --- Decompositions -------------------------------------------------------------------------------------------
# Those of symmetric matrices take the gradient as if both triangles moved together.


def _symmetric(m: Any) -> Any:
    return (m + _T(m)) / 2


def _lower_half(m: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    n = m.shape[-1]
    return m * (np.tri(n, dtype=m.dtype) - np.eye(n, dtype=m.dtype) / 2)


def _cholesky_back(g: Any, low: Any, a: Any) -> Any:
    inner = _lower_half(_T(low) @ g)
    half = np.linalg.solve(_T(low), inner)  # L⁻ᵀ Φ
    return _symmetric(_T(np.linalg.solve(_T(low), _T(half))))


def _gaps(values: Any) -> Any:
    """1 / (λⱼ − λᵢ), and 0 on the diagonal."""
    eye = np.eye(values.shape[-1], dtype=values.dtype)
    return (1 - eye) / (values[..., None, :] - values[..., :, None] + eye)


def _eigh_back(g: Any, y: Any, a: Any) -> Any:
    values, vectors = y[0], y[1]
    inner = _gaps(values) * (_T(vectors) @ g[1])
    diagonal = vectors * g[0][..., None, :]
    return _symmetric(diagonal @ _T(vectors) + vectors @ inner @ _T(vectors))


def _svd_back(g: Any, y: Any, a: Any, full_matrices: bool = False) -> Any:
    u, s, v = y[0], y[1], _T(y[2])
    gu, gs, gv = g[0], g[1], _T(g[2])
    gaps = _gaps(s * s)
    inner_u, inner_v = _T(u) @ gu, _T(v) @ gv
    inner = gaps * (inner_u - _T(inner_u)) * s[..., None, :] + s[..., :, None] * gaps * (inner_v - _T(inner_v))
    grad = (u * gs[..., None, :] + u @ inner) @ _T(v)
    # What sticks out of the space of u (a tall matrix), or of v (a wide one):
    grad = grad + (gu - u @ inner_u) / s[..., None, :] @ _T(v)
    return grad + u @ _T((gv - v @ inner_v) / s[..., None, :])


def _qr_back(g: Any, y: Any, a: Any) -> Any:
    q, r = y[0], y[1]
    m = r @ _T(g[1]) - _T(g[0]) @ q
    n = m.shape[-1]
    low = np.tri(n, dtype=a.dtype)
    copied = m * low + _T(m * (low - np.eye(n, dtype=a.dtype)))  # the lower triangle, mirrored
    return _T(np.linalg.solve(r, _T(g[0] + q @ copied)))


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


# --- Norms ----------------------------------------------------------------------------------------------------


def _norm_back(g: Any, y: Any, a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """y^(1−p) |a|^(p−1) sign a, and 0 where the norm is 0."""
    if not keepdims:
        axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
        shape = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
        g, y = g.reshape(shape), y.reshape(shape)
    scaled = a / np.where(y == 0, 1, y)
    if ord in (None, 2, "fro"):
        return g * scaled
    size = np.abs(np.where(a == 0, 1, scaled)) ** (ord - 1)
    return g * np.where(a == 0, 0, size * np.sign(a))


defvjp(np.linalg.norm, _norm_back)


@expands(np.linalg.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and ord is not None and a.ndim == 2:
        axis = (0, 1)
    matrix = isinstance(axis, tuple) and len(axis) == 2
    if ord is None or (matrix and ord == "fro") or (not matrix and ord not in (0, np.inf, -np.inf)):
        return record(np.linalg.norm, (a,), {"ord": ord, "axis": axis, "keepdims": keepdims})
    if not matrix:
        if ord == 0:
            return constant(np.linalg.norm, (a, 0, axis, keepdims))
        extremum = np.max if ord > 0 else np.min
        return extremum(np.abs(a), axis=axis, keepdims=keepdims)
    rows, columns = (i % a.ndim for i in axis)
    if ord in (1, -1, np.inf, -np.inf):
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(a), axis=along, keepdims=True)
        result = (np.max if ord > 0 else np.min)(sums, axis=over, keepdims=True)
    elif ord in (2, -2, "nuc"):
        s = np.linalg.svd(np.moveaxis(a, (rows, columns), (-2, -1)), compute_uv=False)
        value = np.sum(s, axis=-1) if ord == "nuc" else s[..., 0] if ord == 2 else s[..., -1]
        result = np.expand_dims(value, tuple(sorted((rows, columns))))
    else:
        raise ValueError(f"np.linalg.norm: a matrix has no norm of order {ord!r}; known: fro, nuc, ±1, ±2, ±inf")
    return result if keepdims else np.squeeze(result, axis=(rows, columns))


@expands(np.linalg.vector_norm)
def vector_norm(a: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if axis is None:
        flat = np.linalg.norm(a.reshape(-1), ord)
        return flat.reshape((1,) * a.ndim) if keepdims else flat
    return np.linalg.norm(a, ord, axis, keepdims)


@expands(np.linalg.matrix_norm)
def matrix_norm(a: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(a, ord, (-2, -1), keepdims)


@expands(np.linalg.cond)
def cond(a: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = np.linalg.svd(a, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(a, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(a), p, (-2, -1))
