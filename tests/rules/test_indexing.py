"""Indices into arrays that are large enough for the quicker ways of taking elements and adding them back."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.rules.indexing import adds_faster_flat, scatter_add, takes_each_once

rng = np.random.default_rng(0)
SQUARE, MANY = (20, 30), (25, 24)
MASK = rng.random(SQUARE) < 0.7

LARGE = {
    "two arrays": (SQUARE, (rng.integers(-20, 20, MANY), rng.integers(-30, 30, MANY))),
    "arrays that broadcast": (SQUARE, (rng.integers(20, size=(25, 1)), rng.integers(30, size=24))),
    "array and slice": (SQUARE, (rng.integers(-20, 20, 40), slice(3, None, 2))),
    "array and integer": ((20, 30, 2), (rng.integers(20, size=900), rng.integers(30, size=900), -1)),
    "arrays on both sides of a slice": ((5, 30, 6), (rng.integers(5, size=20), slice(None), rng.integers(6, size=20))),
    "new axis": (SQUARE, (None, rng.integers(20, size=30))),
    "rows": (SQUARE, rng.integers(-20, 20, 25)),
    "list": ((10, 60), [3, 3, 0, -1, 5, 5, 5]),
    "unsigned": ((400,), rng.integers(400, size=300).astype("uint8")),
    "matrix of places in one row": ((100,), rng.integers(-100, 100, MANY)),
    "places of one row in another order": ((100,), np.asfortranarray(rng.integers(100, size=MANY))),
    "mask": (SQUARE, MASK),
    "mask and slice": ((4, 20, 30), (slice(1, 3), MASK)),
    "mask and array": ((4, 20, 30), (np.arange(MASK.sum()) % 4, MASK)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.longdouble])
@pytest.mark.parametrize(("shape", "index"), LARGE.values(), ids=LARGE)
def test_scatter_add_is_numpys_own(shape, index, dtype):
    expected = np.zeros(shape, dtype)
    g = rng.normal(size=expected[index].shape).astype(dtype)
    assert adds_faster_flat(g, shape)
    np.add.at(expected, index, g)
    found = scatter_add(g, index, shape)
    np.testing.assert_array_equal(found, expected)  # in the same order, so to the bit
    assert found.dtype == dtype


@pytest.mark.parametrize(("shape", "index"), LARGE.values(), ids=LARGE)
def test_gradients_compiled_and_not(shape, index):
    a = rng.normal(size=shape)
    weights = rng.normal(size=a[index].shape)
    expected = np.zeros(shape)
    np.add.at(expected, index, 2 * weights * a[index])
    gradient = tg.grad(lambda a: np.sum(weights * a[index] ** 2))
    np.testing.assert_allclose(gradient(a), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(tg.compile(gradient)(a), expected, rtol=0, atol=1e-13)


def test_places_that_are_computed():
    """The index is an argument, so that the program must find out at each call where to add."""
    a, w = rng.normal(size=SQUARE), rng.normal(size=MANY)
    program = tg.compile(tg.grad(lambda a, i, j, w: np.sum(w * a[i, j % 30])))
    for _ in range(2):
        i, j = rng.integers(-20, 20, MANY), rng.integers(100, size=MANY)
        expected = np.zeros(SQUARE)
        np.add.at(expected, (i, j % 30), w)
        np.testing.assert_allclose(program(a, i, j, w), expected, rtol=0, atol=1e-13)
    assert "np.add.at" in program.source
    assert ".reshape(-1)" in program.source
    with pytest.raises(IndexError, match="out of bounds"):
        program(a, i + 20, j, w)

    row = tg.compile(tg.grad(lambda a, i, w: np.sum(w * a[i])))
    expected = np.zeros(100)
    np.add.at(expected, i, w)
    np.testing.assert_allclose(row(np.ones(100), i, w), expected, rtol=0, atol=1e-13)
    with pytest.raises(IndexError, match="out of bounds"):
        row(np.ones(100), i + 100, w)


def test_the_program_for_large_indices_runs_alone():
    index = rng.integers(0, 20, MANY), rng.integers(0, 30, MANY)
    a, w = rng.normal(size=SQUARE), rng.normal(size=MANY)
    program = tg.compile(tg.grad(lambda a, i, j: np.sum(w * a[i, j] ** 2)))
    found = program(a, *index)
    namespace = {}
    exec(program.source, namespace)
    np.testing.assert_array_equal(namespace["program"](a, *index, constant1=w), found)


@pytest.mark.parametrize(
    ("index", "once"),
    [
        (3, True),
        ((slice(None), None, ..., -1), True),
        (MASK, True),
        ((slice(1), MASK), True),
        ((MASK[0], MASK[1]), False),
        (np.array([0, 0]), False),
        ([0, 0], False),
        ((0, np.array([1, 1])), False),
    ],
)
def test_what_is_taken_once(index, once):
    assert takes_each_once(index) == once


def test_a_few_rows_of_a_large_table_are_added_as_they_are():
    assert not adds_faster_flat(np.ones((10, 50)), (10_000, 50))
    assert not adds_faster_flat(np.ones(10), (10,))


@pytest.mark.parametrize("k", [-25, -19, -3, 0, 2, 29, 40])
@pytest.mark.parametrize("fn", [np.diag, np.diagonal])
def test_a_diagonal_is_a_slice(fn, k):
    a, w = rng.normal(size=SQUARE), rng.normal(size=fn(np.ones(SQUARE), k).shape)
    gradient = tg.grad(lambda a: np.sum(w * fn(a, k) ** 2))
    expected = np.zeros(SQUARE)
    rows = np.arange(len(w)) + max(0, -k)
    expected[rows, rows + k] = 2 * w * fn(a, k)
    for found in (gradient(a), tg.compile(gradient)(a)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    program = tg.compile(lambda a: fn(a, k) + 1)
    np.testing.assert_array_equal(program(a), fn(a, k) + 1)
    if len(w) > 1:
        assert ":31]" in program.source or ", 31)" in program.source, program.source  # every 31st element
