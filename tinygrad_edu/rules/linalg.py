"""Products of matrices and vectors.

For Y = A B, with G = ∂C/∂Y:  ∂C/∂A = G Bᵀ and ∂C/∂B = Aᵀ G. (With A the activations and B the weights of a layer these
are the heart of BP2 and BP4.) Leading axes are stacks of matrices; the engine undoes their broadcasting.
"""

from typing import Any

import numpy as np

from tinygrad_edu.engine import defvjp


def _transposed(m: Any) -> Any:
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
    grad = g @ _transposed(b)
    return grad if a.ndim > 1 else grad[..., 0, :]


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    g, a, _ = _as_matrices(g, a, b)
    grad = _transposed(a) @ g
    return grad if b.ndim > 1 else grad[..., 0]


defvjp(np.matmul, _matmul_left, _matmul_right)
