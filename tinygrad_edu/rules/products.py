"""Products of matrices and vectors.

For Y = A B, with G = ∂C/∂Y:  ∂C/∂A = G Bᵀ and ∂C/∂B = Aᵀ G. (With A the activations and B the weights of a layer
these are the heart of BP2 and BP4.) Leading axes are stacks of matrices; the engine undoes their broadcasting.
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_edu.engine import defvjp, expands, spells


def T(m: Any) -> Any:
    """The transpose of a matrix, or of each in a stack."""
    return m.T if m.ndim == 2 else np.swapaxes(m, -1, -2)


def _as_matrices(g: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """NumPy treats a vector on the left as a row and one on the right as a column, and drops that axis from y."""
    if b.ndim == 1:
        g, b = g[..., None], b[:, None]
    if a.ndim == 1:
        g, a = g[..., None, :], a[None, :]
    return g, a, b


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, _, b = _as_matrices(g, a, b)
    grad = g @ T(b)
    return grad if a.ndim > 1 else grad[..., 0, :]


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, a, _ = _as_matrices(g, a, b)
    grad = T(a) @ g
    return grad if b.ndim > 1 else grad[..., 0]


defvjp(np.matmul, _matmul_left, _matmul_right)


@expands(np.linalg.matmul)
def matmul(a: Any, b: Any) -> Any:
    return np.matmul(a, b)


@expands(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = (m if hasattr(m, "ndim") else np.asarray(m) for m in (a, b))
    if np.ndim(axes) == 0:
        axes = (range(-axes, 0), range(axes))
    of_a, of_b = (
        [normalize_axis_index(i, m.ndim) for i in ([ax] if np.ndim(ax) == 0 else ax)]
        for m, ax in zip((a, b), axes, strict=True)
    )
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b] or len({*of_a}) < len(of_a) or len({*of_b}) < len(of_b):
        raise ValueError(
            f"np.tensordot: axes {of_a} of shape {a.shape} and axes {of_b} of shape {b.shape} cannot be summed over "
            "together: there must be as many, of equal sizes, and none twice"
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
    return np.matmul(np.ravel(a), np.ravel(b))


@expands(np.vecdot, np.linalg.vecdot)
def vecdot(a: Any, b: Any, *, axis: int = -1) -> Any:
    rows, columns = np.moveaxis(a, axis, -1)[..., None, :], np.moveaxis(b, axis, -1)[..., None]
    return np.matmul(rows, columns)[..., 0, 0]


@expands(np.outer)
def outer(a: Any, b: Any) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)


@expands(np.linalg.outer)
def outer_of_vectors(a: Any, b: Any) -> Any:
    if np.ndim(a) != 1 or np.ndim(b) != 1:
        raise ValueError(
            f"np.linalg.outer: both must have one axis, but the shapes are {np.shape(a)} and {np.shape(b)}; np.outer "
            "flattens them"
        )
    return np.outer(a, b)


@expands(np.kron)
def kron(a: Any, b: Any) -> Any:
    n = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (n - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (n - np.ndim(b)) + np.shape(b))
    # Every element of a, times all of b: an axis of a next to one of b, then the pairs are merged.
    spread_a = a.reshape([size for n_a in a.shape for size in (n_a, 1)])
    spread_b = b.reshape([size for n_b in b.shape for size in (1, n_b)])
    return (spread_a * spread_b).reshape([n_a * n_b for n_a, n_b in zip(a.shape, b.shape, strict=True)])


@expands(np.linalg.cross)
def cross_of_vectors(a: Any, b: Any, *, axis: int = -1) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise IndexError("np.linalg.cross: a single number is no vector; both arrays must have an axis of 3 components")
    return np.cross(a, b, axis=axis)


@expands(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError("np.cross: a single number is no vector; both arrays must have an axis of 3 components")
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


@expands(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    n, shapes = len(arrays), [np.shape(a) for a in arrays]
    if n < 2:
        raise ValueError(f"np.linalg.multi_dot: there must be at least two arrays, but there is {n}")
    if any(len(shape) not in ((2,) if 0 < i < n - 1 else (1, 2)) for i, shape in enumerate(shapes)):
        raise np.linalg.LinAlgError(
            f"np.linalg.multi_dot: all must be matrices, the first and last may be vectors; the shapes are {shapes}"
        )
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0], *(shape[0] for shape in shapes[1:])]
    sizes.append(shapes[-1][1] if len(shapes[-1]) == 2 else 1)

    @cache
    def best(first: int, last: int) -> tuple[int, int]:
        """The fewest multiplications for the arrays from first to last, and after which of them to cut."""
        return min(
            (
                best(first, k)[0] + best(k + 1, last)[0] + sizes[first] * sizes[k + 1] * sizes[last + 1]
                if k < last
                else 0,
                k,
            )
            for k in (range(first, last) if first < last else (first,))
        )

    def product(first: int, last: int) -> Any:
        k = best(first, last)[1]
        return arrays[first] if first == last else product(first, k) @ product(k + 1, last)

    return product(0, n - 1)


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
        turned = f"{','.join(inputs)}->{wanted}"
        return np.einsum(turned, *factors, optimize=optimize or is_large_product(turned, factors))

    return rule


def is_large_product(subscripts: str, arrays: Sequence[Any]) -> bool:
    """Whether an Einstein sum is a product of matrices, or of stacks of them, so large that BLAS is worth calling.

    ``np.einsum`` calls it with ``optimize=True`` only, which costs time for products of other kinds.
    """
    if len(arrays) != 2:
        return False
    left, output = subscripts.split("->")
    a, b = map(set, left.split(","))
    sizes = dict(zip(left.replace(",", ""), [n for array in arrays for n in np.shape(array)], strict=True))
    return bool(a & b - set(output) and a - b and b - a) and prod(sizes.values()) > 25_000


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
    hidden = [np.ndim(a) - len(term.replace("...", "")) for term, a in zip(terms, arrays, strict=True) if "..." in term]
    if output is not None and "..." not in output and max(hidden, default=0) > 0:
        raise ValueError(f"np.einsum: the axes of '...' are missing in the output {output!r}; sum them with np.sum")
    unused = [letter for letter in letters if letter not in "".join(terms)]
    rest = "".join(unused[: max(hidden, default=0)])
    if output is None:
        counts = "".join(terms).replace("...", "")
        output = "..." * bool(hidden) + "".join(sorted(c for c in set(counts) if counts.count(c) == 1))
    full = []
    for term, a in zip(terms, arrays, strict=True):
        rank = np.ndim(a) - len(term.replace("...", ""))
        full.append(term.replace("...", rest[len(rest) - rank :] if rank > 0 else ""))
    return full, output.replace("...", rest), arrays
