"""The examples that a model learns from, as arrays of real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import shown
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]


def held_out_of(who: str, validation: Any) -> tuple[Array, Array]:
    """The pair of examples that are only measured, and their targets, as arrays; raise where it is none."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        what = f"an array of shape {validation.shape}" if isinstance(validation, np.ndarray) else shown(validation)
        raise TypeError(f"{who}: validation must be a pair (x, y) of examples and their targets, not {what}")
    return examples(who, "validation x", "validation y", *validation)


def _array(who: str, name: str, data: Any) -> Array:
    """The examples, or the targets, as an array."""
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


def examples(who: str, name_x: str, name_y: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Examples and their targets as arrays, one row each; raise where they are none."""
    x, y = _array(who, name_x, x), _array(who, name_y, y)
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
        finite = np.isfinite(values)
        if not finite.all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(f"{who}: {name} has {values[place]} at index {place}; drop or fill such rows first")
    return x, y
