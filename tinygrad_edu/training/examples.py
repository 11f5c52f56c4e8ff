"""The examples that a model learns from, as arrays of real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import shown
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.stored import Stored, is_stored

Array = npt.NDArray[Any]

AT_ONCE = 2**20
"""So many numbers are looked at together, so that no array is copied as a whole."""


def held_out_of(who: str, validation: Any) -> tuple[Array, Array]:
    """The pair of examples that are only measured, and their targets, as arrays; raise where it is none."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        what = f"an array of shape {validation.shape}" if isinstance(validation, np.ndarray) else shown(validation)
        raise TypeError(f"{who}: validation must be a pair (x, y) of examples and their targets, not {what}")
    return examples(who, "validation x", "validation y", *validation)


def _array(who: str, name: str, data: Any) -> Any:
    """The examples, or the targets, as an array, or as one that is read from its file by rows."""
    if is_stored(data):
        return Stored(data)
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            f"{who}: {name} is a masked array, whose mask would be ignored; leave out, or fill, masked rows"
        )
    if isinstance(data, Tensor):
        return data.numpy()
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(
            f"{who}: {name} must have one row per example, all of one shape, but its rows have different shapes; "
            "pad or cut them"
        ) from None
    if array.ndim == 0 and array.dtype.kind == "O":
        raise TypeError(
            f"{who}: {name} must be an array or a list with one row per example, not {shown(data)}; of a generator, "
            "a zip or a set, make np.array(list(...))"
        )
    return array


def examples(who: str, name_x: str, name_y: str, x: Any, y: Any) -> tuple[Array, Array]:
    """Examples and their targets as arrays, one row each; raise where they are none.

    Examples in a file stay there. Their targets are read: the outputs for all of them are kept, too.
    """
    x, y = _array(who, name_x, x), _array(who, name_y, y)
    if isinstance(y, Stored):
        y = np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"{who}: {name_x} of shape {x.shape} and {name_y} of shape {y.shape} need one row per example each"
        )
    if len(x) == 0:
        raise ValueError(f"{who}: {name_x} is empty (shape {x.shape}); there is nothing to learn from")
    for name, values in ((name_x, x), (name_y, y)):
        if values.dtype.kind not in "fiub":
            way_out = (
                "; labels of names are np.unique(names, return_inverse=True)[1]" if values.dtype.kind in "US" else ""
            )
            raise TypeError(f"{who}: {name} must be real numbers, not of dtype {values.dtype}{way_out}")
        _check_finite(who, name, values)
    return x, y


def _check_finite(who: str, name: str, values: Any) -> None:
    rows = max(1, AT_ONCE * len(values) // max(1, math.prod(values.shape)))
    for start in range(0, len(values), rows) if values.dtype.kind == "f" else ():
        part = values[start : start + rows]
        if not np.isfinite(part).all():
            row, *rest = (int(i) for i in np.argwhere(~np.isfinite(part))[0])
            place = (start + row, *rest)
            raise ValueError(f"{who}: {name} has {part[row, *rest]} at index {place}; drop or fill such rows first")
