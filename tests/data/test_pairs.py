"""`columns` makes of rows and labels the pairs that the network of the text takes."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.data import columns


@given(st.integers(0, 5), st.integers(1, 4), st.integers(1, 12), st.integers(0, 99))
def test_one_column_for_each_row_and_label(n, n_in, n_classes, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, n_in)), rng.integers(0, n_classes, n)
    pairs = columns(x, y, n_classes)
    with_labels = columns(x, y, n_classes=None)
    assert len(pairs) == len(with_labels) == n
    for i in range(n):
        for a, _ in (pairs[i], with_labels[i]):
            assert (a.shape, a[:, 0].tolist()) == ((n_in, 1), x[i].tolist())
        assert pairs[i][1].tolist() == [[float(j == y[i])] for j in range(n_classes)]
        assert (type(with_labels[i][1]), with_labels[i][1]) == (int, y[i])


def test_rows_of_targets_become_columns():
    x, y = np.float32([[1, 2], [3, 4]]), [[0.5, 0.1, 0.0], [0.2, 0.3, 0.4]]
    for n_classes in (10, None):
        pairs = columns(x, y, n_classes)
        assert [t.tolist() for _, t in pairs] == [[[0.5], [0.1], [0.0]], [[0.2], [0.3], [0.4]]]
        assert pairs[0][0].dtype == np.float32


def test_ten_classes_are_usual():
    assert columns(np.ones((1, 2)), [3])[0][1].shape == (10, 1)


X = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((X[0], [1]), ValueError, "x must have shape (n, n_in), one example a row; got (2,)"),
        ((X, [1, 2]), ValueError, "y must be 3 labels or 3 rows, one for each row of x; got shape (2,)"),
        ((X, 1), ValueError, "y must be 3 labels or 3 rows, one for each row of x; got shape ()"),
        ((X, [0.0, 1.0, 2.0]), TypeError, "labels must be integers, got dtype float64; a column of targets is y[:, None]"),
        ((X, [0, 1, 10]), ValueError, "labels must lie between 0 and n_classes - 1 = 9, got 10"),
        ((X, [0, -1, 1]), ValueError, "labels must lie between 0 and n_classes - 1 = 9, got -1"),
        ((X, [0, 1, 2], 2.5), TypeError, "n_classes must be a whole number or None, not 2.5"),
    ],
    ids=range(7),
)  # fmt: skip
def test_errors(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        columns(*arguments)
