"""What layers are called on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import records_all
from tinygrad_edu.tensor import Tensor


def real(who: str, x: Any, dtype: Any = None, name: str = "x") -> Any:
    """A tensor, or an array of real numbers: in this dtype, or where none is given, whole ones as float64.

    While the compiler traces, arrays come as tensors, too.
    """
    if isinstance(x, Tensor):
        is_array = dtype is not None and records_all() and not x.requires_grad
        return x.astype(dtype) if is_array and x.dtype != dtype else x
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{who}: {name} must be real numbers, not of dtype {x.dtype}")
    if dtype is None and x.dtype.kind != "f":
        dtype = np.float64
    return x if dtype is None else x.astype(dtype, copy=False)


def rows(who: str, x: Any, n_in: int, dtype: Any) -> Any:
    """A batch of shape (n, n_in), one example a row."""
    x = real(who, x, dtype)
    if x.ndim != 2 or x.shape[1] != n_in:
        raise ValueError(
            f"{who}: x has shape {x.shape}, but this network takes (n, {n_in}), one example a row"
            + ("; a single one is x[None, :]" if x.shape == (n_in,) else "")
            + ("; numbers in a row are x[:, None]" if x.ndim == 1 and n_in == 1 else "")
        )
    return x
