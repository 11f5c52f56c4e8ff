"""Products of matrices, and linear algebra: NumPy's own stacks of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.batching.calls import Call, aligned, batches
from tinygrad_edu.batching.families import shifted


@batches(np.matmul)
def matmul(call: Call) -> Any:
    (a, b), (of_a, of_b) = call.args, call.differs
    m, n = call.ndim(0), call.ndim(1)
    if not of_b and n == 2 and m <= 2:  # one matrix for all: the rows of all examples are those of one matrix
        rows = a if m == 1 else np.reshape(a, (call.n * a.shape[1], a.shape[2]))
        return np.reshape(call.run(rows, b), (call.n, *call.shape))
    if not of_a and m <= 2 and n <= 2 and b.shape[2:] in ((), (1,)):  # one matrix for all vectors
        return np.reshape(call.run(np.reshape(b, b.shape[:2]), np.transpose(a)), (call.n, *call.shape))
    # Vectors as matrices of one row or column, and the stacks of one example behind the examples.
    a, m = (np.expand_dims(a, -2), 2) if m == 1 else (a, m)
    b, n = (np.expand_dims(b, -1), 2) if n == 1 else (b, n)
    if of_a and of_b and m == n == 2 and a.shape[-1] == 1:  # outer products, such as those of BP4
        product = call.run_as(np.einsum, "ni,nj->nij", a[:, :, 0], b[:, 0])
    else:
        ndim = max(m, n)
        product = call.run(aligned(a, of_a, m, ndim), aligned(b, of_b, n, ndim))
    return np.reshape(product, (call.n, *call.shape))


@batches(np.einsum)
def einsum(call: Call) -> Any:
    subscripts, *arrays = call.args
    letter = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts)
    terms, output = subscripts.split("->")
    batched = [letter * own + term for term, own in zip(terms.split(","), call.differs[1:], strict=True)]
    return call.run(f"{','.join(batched)}->{letter}{output}", *arrays, **call.options)


@batches(
    *(np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh),
    *(np.linalg.svd, np.linalg.svdvals, np.linalg.qr, np.linalg.pinv, np.linalg.matrix_rank),
)
def of_matrices(call: Call) -> Any:
    return call.run(*call.args, **call.options) if call.only(0) else NotImplemented


@batches(np.linalg.solve)
def solve(call: Call) -> Any:
    (a, b), (of_a, of_b) = call.args, call.differs
    m, n = call.ndim(0), call.ndim(1)
    b, n = (b[..., None], 2) if n == 1 else (b, n)
    ndim = max(m, n)
    return np.reshape(call.run(aligned(a, of_a, m, ndim), aligned(b, of_b, n, ndim)), (call.n, *call.shape))


@batches(np.linalg.norm)
def norm(call: Call) -> Any:
    a, options = call.args[0], dict(call.options)
    axis = options.get("axis")
    if axis is None and options.get("ord") is None:  # of all numbers, as of one vector
        flat = np.reshape(a, (call.n, -1))
        return np.reshape(call.run(flat, axis=1), (call.n, *call.shape))
    axis = axis if axis is not None else tuple(range(call.ndim(0))) if call.ndim(0) == 2 else 0
    return call.run(a, **{**options, "axis": shifted(axis)})
