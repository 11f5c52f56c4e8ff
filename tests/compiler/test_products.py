"""The order of a product changes only where nothing can overflow or underflow that did not before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.compiler.simplify import products

DTYPES = [np.float16, np.float32, np.float64]
ARRAYS = ("x", "y", "c", "g", "h", "z")
SIGMOID = ("p", "d", "a", "1 - a")  # p = exp(min(z, 5)), d = 1 + p, a = p / d: what its gradient multiplies

leaves = st.sampled_from([*ARRAYS[:5], *ARRAYS[:5], *SIGMOID]) | st.sampled_from([2.0, 0.5, 3.0, 1e-3, -1.0, 1e3, 7e-5])
expressions = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.tuples(st.sampled_from(["*", "*", "/"]), parts, parts),
        st.tuples(st.sampled_from(["-", "1 /"]), parts),
    ),
    max_leaves=9,
)


def value(expression, names, steps):
    """Of an expression; every value on the way is put into ``steps``."""
    match expression:
        case str():
            result = names[expression]
        case ("*", a, b):
            result = value(a, names, steps) * value(b, names, steps)
        case ("/", a, b):
            result = value(a, names, steps) / value(b, names, steps)
        case ("-", a):
            result = -value(a, names, steps)
        case ("1 /", a):
            result = 1 / value(a, names, steps)
        case _:
            return expression  # a number
    if isinstance(result, np.ndarray):  # not while it is traced
        steps.append(result)
    return result


def program(expression, steps):
    def f(*arrays):
        names = dict(zip(ARRAYS, arrays, strict=True))
        p = np.exp(np.minimum(names["z"], 5.0))
        a = p / (1 + p)
        names |= {"p": p, "d": 1 + p, "a": a, "1 - a": 1 - a}
        steps.extend(x for x in (p, a) if isinstance(x, np.ndarray))
        # The quotient is a result, too, so that there is one to be found; and no expression is without an array.
        return value(("*", expression, "x"), names, steps), a

    return f


def draw_arrays(rng, dtype):
    """Of all sizes that the precision has."""
    info = np.finfo(dtype)
    low, high = np.log2(float(info.tiny)), np.log2(float(info.max))
    exponents = rng.uniform(low, high, size=(6, 40)) * rng.choice([1, 1, 0.5, 0.1], size=(6, 1))
    arrays = (np.exp2(exponents) * rng.choice([-1, 1], size=(6, 40))).astype(dtype)
    arrays[5] = rng.uniform(-8, 8, size=40)
    return list(arrays)


def assert_safe(expression, arrays):
    """Finite wherever the function is finite and normal, and equal to rounding where all on its way is normal."""
    steps = []
    f = program(expression, steps)
    info = np.finfo(arrays[0].dtype)

    def is_normal(x):
        return np.isfinite(x) & (np.abs(x) >= info.tiny)

    with np.errstate(all="ignore"):
        expected = f(*arrays)[0]
        exact = np.logical_and.reduce([np.broadcast_to(is_normal(x), expected.shape) for x in steps])
        got = tg.compile(f)(*arrays)[0]
    assert got.dtype == expected.dtype
    assert np.isfinite(got[is_normal(expected)]).all()
    np.testing.assert_allclose(got[exact], expected[exact], rtol=64 * float(info.eps))


@pytest.mark.parametrize(
    "expression",
    [
        ("/", "x", ("*", 0.001, 0.001)),  # 10⁶ is not in float16, 10⁻⁶ is
        ("*", ("/", "x", 7e-5), ("/", 7e-5, "y")),
    ],
)
def test_found_before(expression):
    for dtype in DTYPES:
        assert_safe(expression, draw_arrays(np.random.default_rng(0), dtype))


@pytest.mark.long
@given(expressions, st.sampled_from(DTYPES), st.integers(0, 2**32 - 1))
def test_random_products_and_quotients(expression, dtype, seed):
    assert_safe(expression, draw_arrays(np.random.default_rng(seed), dtype))


@pytest.mark.parametrize(("dtype", "large"), [(np.float16, 300), (np.float32, 1e25), (np.float64, 1e200)])
def test_what_overflows_only_in_another_order(dtype, large):
    x = np.array([large], dtype)
    compiled = tg.compile(lambda x, c, b: (x / c * b, x * c**-1 * b, x / (c / b), b * (x / c)))
    for got in compiled(x, x, x):
        np.testing.assert_allclose(got, x, rtol=1e-2 if dtype is np.float16 else 1e-5)
    small = np.array([1 / large], dtype)
    for got in compiled(small, small, small):
        np.testing.assert_allclose(got, small, rtol=1e-2 if dtype is np.float16 else 1e-5)


def test_a_common_factor_is_put_outside_only_where_that_is_safe():
    tiny, huge = np.array([1e-200]), np.array([1e200])
    f = lambda t, a, b: (t + t * a * b, t - t * a, t + 3 * t * a, t - t / a)
    for args in (
        (tiny, huge, huge),
        (huge, tiny, tiny),
        (tiny, np.array([1e308]), np.array([1.0])),
        (huge, huge, tiny),
    ):
        with np.errstate(all="ignore"):
            for got, expected in zip(tg.compile(f)(*args), f(*args), strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_numbers_are_merged_where_they_stand_together():
    compiled = tg.compile(lambda x, y: (2 * x * 3, x / 4 * 2 * y, -x * -1, 1 / x * y, x * 1e200 * 1e200))
    compiled(np.full(2, 1e-200), np.ones(2))
    for expression in ("x * 6", "x * 0.5 * y", "y / x", "x * 1e+200 * 1e+200"):
        assert expression in compiled.formula


def test_no_number_goes_into_a_product_of_matrices_where_it_might_overflow():
    A, B = np.full((4, 3), 1e-200), np.full((3, 5), 1e200)
    f = lambda A, B: ((A @ B) * 1e200, (A.T @ (A @ B)) * 0.25)
    for got, expected in zip(tg.compile(f)(A, B), f(A, B), strict=True):
        np.testing.assert_allclose(got, expected)


# --- The testers are tested ---------------------------------------------------------------------------------------

UNSAFE = [  # each with what was wrong if it failed
    ("is_at_most_one", lambda graph, factor: True, ("*", ("*", ("/", "g", "d"), "h"), "p")),
    ("is_at_most_one", lambda graph, factor: True, ("/", ("*", "g", "h"), "c")),
    ("fits", lambda number, dtype: True, ("*", ("*", "x", 7e-5), 1e-3)),
]


@pytest.mark.parametrize(("name", "wrong", "expression"), UNSAFE)
def test_an_unsafe_order_is_caught(name, wrong, expression, monkeypatch):
    runs = [draw_arrays(np.random.default_rng(seed), np.float16) for seed in range(40)]
    for arrays in runs:
        assert_safe(expression, arrays)
    monkeypatch.setattr(products, name, wrong)
    with pytest.raises(AssertionError):
        [assert_safe(expression, arrays) for arrays in runs]
