"""Data sets: handwritten digits that come with the package, and MNIST, which is fetched and read."""

import io
from importlib import resources

import numpy as np

from tinygrad_edu.data.fetching import fetch_mnist
from tinygrad_edu.data.pairs import columns
from tinygrad_edu.data.readers import Pair, mnist

__all__ = ["columns", "digits", "fetch_mnist", "mnist"]

_TRAINING = 1437  # of the 1,797 images; the other 360 are the test set


def digits() -> tuple[Pair, Pair]:
    """Return the 1,797 handwritten digits of 8×8 pixels that come with the package.

    They are stored in a shuffled order that never changes, so the split into 1,437 images for training
    and 360 for testing is the same on every machine and with every version of NumPy.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images ``x`` of shape (n, 64): one image a row, its pixels row by row from the top left, float64
        from 0 (paper) to 1 (ink) in steps of 1/16. Labels ``y`` of shape (n,): the digits 0 to 9, int64.
        Each call returns new arrays, yours to change.

    Notes
    -----
    Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
    Repository (1998), doi:10.24432/C50P49, licence CC BY 4.0. ``README.md`` in this folder says what was
    changed.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = digits()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((1437, 64), (1437,), (360, 64), (360,))
    >>> for row in x_train[3].reshape(8, 8):
    ...     print("".join("-.:*#"[int(4 * pixel)] for pixel in row))
    --:*----
    -.##.---
    -***:---
    -::*.---
    ---#.---
    --.*----
    --#*..:-
    --:####:
    >>> print(y_train[3])
    2
    """
    packed = resources.files(__name__).joinpath("digits.npz").read_bytes()
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]

    def pair(part: slice) -> Pair:
        return images[part] / 16.0, labels[part].astype(np.int64)

    return pair(slice(_TRAINING)), pair(slice(_TRAINING, None))
