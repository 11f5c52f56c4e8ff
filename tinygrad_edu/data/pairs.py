"""Data in the form of Nielsen's text: a list of pairs of columns."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def columns(x: ArrayLike, y: ArrayLike, n_classes: int | None = 10) -> list[tuple[NDArray[Any], Any]]:
    """Make of n examples the list of pairs (x, y) that `tinygrad_edu.backprop.Network` takes, with each x a column.

    Parameters
    ----------
    x : array of shape (n, n_in)
        One example a row.
    y : array of shape (n,), or (n, n_out)
        Integer labels from 0 to n_classes - 1; or one row of targets for each example.
    n_classes : int or None
        How many classes there are: a label becomes a column with a single 1 in its place. With None labels stay
        integers, as in the text's test data. Rows of targets become columns either way.

    Returns
    -------
    list of pairs
        x of shape (n_in, 1); y of shape (n_classes, 1) or (n_out, 1), or an integer.

    Raises
    ------
    TypeError, ValueError
        If x and y are not of these shapes or not equally many, if labels are no integers, or if one is too large.

    Examples
    --------
    >>> pairs = columns([[0.1, 0.2], [0.3, 0.4]], [1, 0], n_classes=3)
    >>> [(x.shape, y.ravel().tolist()) for x, y in pairs]
    [((2, 1), [0.0, 1.0, 0.0]), ((2, 1), [1.0, 0.0, 0.0])]
    >>> [y for x, y in columns([[0.1, 0.2], [0.3, 0.4]], [1, 0], n_classes=None)]
    [1, 0]
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2:
        raise ValueError(f"columns: x must have shape (n, n_in), one example a row; got {x.shape}")
    if y.ndim not in (1, 2) or len(y) != len(x):
        n = len(x)
        raise ValueError(f"columns: y must be {n} labels or {n} rows, one for each row of x; got shape {y.shape}")
    inputs = [row[:, np.newaxis] for row in x]
    if y.ndim == 2:
        return [(a, row[:, np.newaxis]) for a, row in zip(inputs, y, strict=True)]
    if y.dtype.kind not in "iu":
        raise TypeError(f"columns: labels must be integers, got dtype {y.dtype}; a column of targets is y[:, None]")
    if n_classes is None:
        return list(zip(inputs, y.tolist(), strict=True))
    if not isinstance(n_classes, int | np.integer) or isinstance(n_classes, bool):
        raise TypeError(f"columns: n_classes must be a whole number or None, not {n_classes!r}")
    wrong = y[(y < 0) | (y >= n_classes)]
    if len(wrong):
        raise ValueError(f"columns: labels must lie between 0 and n_classes - 1 = {n_classes - 1}, got {wrong[0]}")
    one_hot = np.eye(n_classes)
    return [(a, one_hot[:, [label]]) for a, label in zip(inputs, y, strict=True)]
