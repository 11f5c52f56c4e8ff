"""Where values are extreme and options odd, a function of tensors gives what NumPy gives: value, dtype, warning, error.

And where a value is fine but its derivative is 0/0, the gradient is 0, of every order.
"""

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import name_of
from tinygrad_edu.trees import leaves_of

NAN, INF = np.nan, np.inf
HALVES = np.ones(70_000, np.float16)
EMPTY = np.empty((2, 0))
TABLE = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])
CUBE = np.arange(24.0).reshape(2, 3, 4)[:, ::-1]
BROKEN = np.array([[NAN, 1.0, NAN], [NAN, 2.0, 5.0]])
NONE = np.full((2, 3), NAN)
NUMBER = np.array(3.0)


# function → (arguments, options); the first argument becomes the tensor
CALLS = [
    # Sums and extrema
    *((fn, (NUMBER,), {"axis": axis}) for fn in (np.sum, np.prod, np.max, np.min, np.ptp) for axis in (0, -1, 1, ())),
    *(
        (fn, (NUMBER,), {"axis": axis})
        for fn in (np.mean, np.var, np.median, np.cumsum, np.cumprod)
        for axis in (0, -1)
    ),
    *((fn, (TABLE, 5), {}) for fn in (np.sum, np.mean, np.var, np.std, np.median, np.cumsum, np.cumprod, np.sort)),
    *((fn, (TABLE,), {"axis": (0, 0)}) for fn in (np.sum, np.mean, np.std, np.nanvar, np.average)),
    *((fn, (TABLE,), {"axis": np.int64(1)}) for fn in (np.sum, np.mean, np.std, np.ptp, np.average, np.median)),
    *((fn, (EMPTY, axis), {}) for fn in (np.sum, np.prod, np.max, np.ptp, np.mean, np.var) for axis in (None, 0, 1)),
    *((fn, (EMPTY, axis), {}) for fn in (np.nanmax, np.nanmean, np.nanvar, np.median, np.average) for axis in (0, 1)),
    (np.prod, (np.array([1e200, 1e200, 0.0]),), {}),
    (np.cumprod, (np.array([1e-200, 1e-200, 1e300, 1e300]),), {}),
    (np.cumprod, (np.array([1e200, 1e200, 0.0, 2.0]),), {}),
    (np.nancumprod, (np.array([1e-200, NAN, 1e-200, 1e300]),), {}),
    (np.ptp, (np.array([INF, INF]),), {}),
    (np.ptp, (np.array([-INF, 2.0]),), {}),
    (np.nanmax, (NONE,), {}),
    (np.nanmin, (BROKEN, 0), {}),
    (np.nanmax, (np.array([-INF, NAN]),), {}),
    (np.nansum, (np.array([INF, -INF, NAN]),), {}),
    # Means and moments
    *((fn, (EMPTY, 0), {"ddof": n}) for fn in (np.var, np.std) for n in (1, 2, 5)),
    (np.cov, (EMPTY,), {"rowvar": False, "ddof": 2}),
    (np.cov, (EMPTY, np.ones((2, 2))), {"rowvar": False}),
    (np.average, (NUMBER, 0), {"weights": np.array(1.0)}),
    (np.average, (NUMBER, np.int64(0)), {"weights": np.array(0.0)}),
    (np.mean, (HALVES,), {}),
    (np.mean, (HALVES.reshape(-1, 7), 0), {"keepdims": True}),
    (np.mean, (np.array([INF, -INF]),), {}),
    *((fn, (TABLE,), {"ddof": n}) for fn in (np.var, np.std, np.nanvar, np.nanstd) for n in (5, 6, 7, -1, 0.5)),
    *((fn, (TABLE, 0), {"ddof": n}) for fn in (np.var, np.std, np.nanvar, np.nanstd) for n in (2, 3)),
    *((fn, (TABLE,), {"ddof": 1, "correction": 1}) for fn in (np.var, np.std, np.nanvar, np.nanstd)),
    *((fn, (TABLE,), {"correction": n}) for fn in (np.var, np.std, np.nanvar, np.nanstd) for n in (0, 2.0)),
    *((fn, (TABLE, 1), {"mean": np.array([[2.0], [3.0]])}) for fn in (np.var, np.std, np.nanvar, np.nanstd)),
    *((fn, (a,), {}) for fn in (np.nanmean, np.nanvar, np.nanstd) for a in (NONE, BROKEN)),
    *((fn, (BROKEN, 0), {}) for fn in (np.nanmean, np.nanvar, np.nanstd)),
    *((fn, (BROKEN, 0), {"ddof": 1}) for fn in (np.nanvar, np.nanstd)),
    (np.var, (np.array([1.0, INF]),), {}),
    (np.average, (np.array([1.0, INF, 2.0]),), {}),
    (np.average, (np.array([1.0, INF, 2.0]),), {"weights": [1, 2, 3]}),
    (np.average, (np.array([1.0, INF, 2.0]),), {"weights": np.array([1.0, 0.0, 3.0])}),
    (np.average, (TABLE,), {"axis": np.int64(1), "weights": [1, 2, 3]}),
    (np.average, (TABLE,), {"axis": (1,), "weights": [1.0, 2.0, 3.0]}),
    (np.average, (CUBE,), {"axis": (2, 0), "weights": np.arange(8.0).reshape(4, 2)}),
    (np.average, (CUBE,), {"axis": (2, 0), "weights": np.arange(8.0).reshape(2, 4)}),
    (np.average, (TABLE,), {"axis": 0, "weights": [1, 2, 3]}),
    (np.average, (TABLE,), {"weights": [1, 2, 3]}),
    (np.average, (TABLE,), {"axis": 1, "weights": (1, 2, -3)}),
    (np.average, (TABLE, 1, [1, 2, 3], True), {}),
    (np.average, (TABLE, 1, None, True), {"keepdims": True}),
    (np.average, (TABLE,), {"axis": 1, "weights": np.float32([1, 2, 3]), "returned": True, "keepdims": True}),
    (np.average, (TABLE,), {"axis": 2, "weights": [1, 2, 3]}),
    (np.average, (np.arange(3),), {"weights": [1, 2, 3]}),
    # Covariances
    (np.cov, (TABLE,), {"ddof": 3}),
    (np.cov, (TABLE,), {"ddof": 4}),
    (np.cov, (TABLE,), {"ddof": 0.5}),
    (np.cov, (TABLE,), {"ddof": -1}),
    (np.cov, (TABLE[:, :1],), {}),
    (np.cov, (TABLE[:1],), {"rowvar": False}),
    (np.cov, (TABLE,), {"y": TABLE, "rowvar": False}),
    (np.cov, (np.array([1.0, 2.0]),), {"y": [[3.0, 5.0]], "rowvar": False}),
    (np.cov, (TABLE,), {"y": [1, 5, 2]}),
    (np.cov, (TABLE.astype(np.float32),), {}),
    (np.cov, (CUBE,), {}),
    (np.cov, (EMPTY.T,), {}),
    (np.cov, (NUMBER,), {}),
    (np.corrcoef, (TABLE,), {}),
    (np.corrcoef, (TABLE[0],), {}),
    (np.corrcoef, (np.ones(4),), {}),
    (np.corrcoef, (TABLE[0], [1.0, 1.0, 1.0]), {}),
    (np.corrcoef, (np.float32([1, 2, 3]), [2, 4, 6.0]), {}),
    (np.linalg.cond, (TABLE, "x"), {}),
    *((fn, (np.ones(3),), {}) for fn in (np.linalg.svd, np.linalg.qr, np.linalg.cond)),
    *((np.linalg.cond, (np.ones(shape),), {}) for shape in ((0, 0), (2, 0, 0))),
    *((np.linalg.cond, (a, p), {}) for p in (2, -2) for a in (TABLE, np.zeros((2, 2)), np.ones((2, 2)))),
    (np.linalg.cond, (np.array([[NAN, 1.0], [2.0, 1.0]]),), {}),
    *((np.linalg.lstsq, (np.diag([2.0, 0.01]), np.ones(2), rcond), {}) for rcond in (None, 0.1, -1)),
    (np.linalg.lstsq, (np.diag([2.0, 0.0]), np.ones(2), -1), {}),
    *((np.linalg.matrix_power, (np.ones(shape), 2), {}) for shape in ((3,), (2, 3), (2, 2))),
    *((np.trim_zeros, (np.zeros(3), trim), {}) for trim in ("fb", "f", "b")),
    *((np.linalg.norm, (np.array([[1.0, INF, 1e300]]), ord), {}) for ord in (None, "fro", "f")),
    (np.linalg.norm, (np.array([INF, 1e300]), 2), {}),
    # Order
    *((np.median, (np.array(a),), {}) for a in ([1, INF, 2], [1, NAN, 2], [INF, INF, 1, 2], [-INF, INF], [3.0], [])),
    *((np.quantile, (np.array(a), 0.5), {}) for a in ([1, INF, 2], [1, NAN, 2], [-INF, INF], [2.0, 1.0])),
    *((fn, (TABLE, q), {}) for fn in (np.quantile, np.percentile) for q in (1.5, -0.1, NAN, 101, [0.1, 2.0])),
    *((fn, (TABLE, [0.1, 0.5], 1), {}) for fn in (np.quantile, np.percentile)),
    *((fn, (TABLE, ((0.1,), (0.5,)), 1), {"keepdims": True}) for fn in (np.quantile, np.percentile)),
    (np.quantile, (TABLE, 0.5), {"method": "middle"}),
    (np.quantile, (TABLE.astype(np.float32), 0.4), {}),
    (np.quantile, (TABLE, 0.4), {"axis": [0, 1]}),
    (np.median, (TABLE,), {"axis": [0, 1], "keepdims": True}),
    (np.median, (np.array([[1.0, NAN], [2.0, 3.0]]), 0), {}),
    (np.sort, (NUMBER,), {}),
    (np.sort, (np.array([2.0, NAN, INF, -INF, -0.0, 0.0]),), {}),
    (np.sort, (TABLE, 0, "stable"), {}),
    (np.partition, (TABLE, 7), {}),
    (np.partition, (TABLE, [0, 2]), {"axis": 1}),
    # Differences
    (np.diff, (TABLE,), {"n": -1}),
    (np.diff, (NUMBER,), {}),
    (np.diff, (TABLE,), {"n": 5}),
    (np.diff, (TABLE,), {"axis": 2}),
    (np.diff, (TABLE,), {"prepend": [[1], [2]], "append": (7.0)}),
    (np.diff, (TABLE[0],), {"prepend": [1, 2], "append": (3.0, 4.0)}),
    (np.diff, (np.array([True, False, False]),), {}),
    (np.diff, (np.array([1.0, INF, INF]),), {}),
    (np.ediff1d, (TABLE, [1.0, 2], 7), {}),
    (np.ediff1d, (np.arange(4), 1.5), {}),
    (np.ediff1d, (TABLE, 1j), {}),
    (np.ediff1d, (np.float32([1, 5]), 1.5), {}),
    (np.ediff1d, (np.array([]),), {}),
    (np.trapezoid, (TABLE, [0, 1, 3]), {}),
    (np.trapezoid, (TABLE,), {"dx": [[1.0], [2.0]], "axis": 1}),
    (np.trapezoid, (TABLE,), {"dx": np.array([[1.0, 2.0, 3.0]]), "axis": 0}),
    (np.trapezoid, (TABLE,), {"x": [0, 2], "axis": 0}),
    (np.trapezoid, (TABLE,), {"x": [0, 2, 3], "axis": 0}),
    (np.trapezoid, (np.array([1.0, INF, 2.0]),), {}),
    (np.trapezoid, (TABLE,), {"axis": 2}),
    (np.gradient, (np.array([1.0]),), {}),
    (np.gradient, (np.array([1.0, 2.0]),), {"edge_order": 2}),
    (np.gradient, (TABLE[0],), {"edge_order": 3}),
    (np.gradient, (np.array([1, 5, 2, 9]),), {}),
    (np.gradient, (np.array([0.0, INF, 1.0, 2.0, 5.0]),), {}),
    (np.gradient, (np.array([0.0, INF, 1.0, 2.0, 5.0]), [0.0, 1, 2, 3, 4]), {}),
    (np.gradient, (TABLE, 2.0, [0, 1, 3]), {}),
    (np.gradient, (TABLE, [0, 1, 3]), {}),
    (np.gradient, (TABLE, [0, 1, 3, 4]), {"axis": 1}),
    (np.gradient, (TABLE, [[0, 1, 3]]), {"axis": 1}),
    (np.gradient, (TABLE, 1, 2, 3), {}),
    (np.gradient, (TABLE,), {"axis": (1, 0)}),
    (np.gradient, (TABLE,), {"axis": 2}),
    (np.gradient, (TABLE.astype(np.float32), np.float64(0.5)), {"axis": 1, "edge_order": 2}),
    (np.gradient, (NUMBER,), {}),
    # Elementwise
    (np.modf, (np.array([INF, -INF, NAN, -1.0, 2.5, -0.0]),), {}),
    (np.modf, (np.array([1, 2]),), {}),
    (np.copysign, (np.array([1.0, -0.0, INF, NAN]), -1.0), {}),
    (np.copysign, (np.array([1, 2]), np.array([-1, 1])), {}),
    (np.copysign, (np.float32([1, 2]), -1.0), {}),
    *((np.copysign, (number, np.float32([1, -2])), {}) for number in (2, -1.5, INF)),
    (np.copysign, (np.float32([1, 2]), np.array([-1.0, 2.0])), {}),
    (np.nan_to_num, (np.array([NAN, INF, -INF, 1.0]),), {}),
    (np.nan_to_num, (np.float32([NAN, INF, -INF, 1.0]),), {"nan": np.float64(2), "posinf": [1.0, 2, 3, 4]}),
    (np.nan_to_num, (np.array([1, 2]),), {}),
    (np.unwrap, (np.array([INF, 1.0, 8.0]),), {}),
    (np.unwrap, (np.array([1.0, 8.0, 15.5]), 4.0), {"period": 7}),
    (np.unwrap, (TABLE,), {"axis": 2}),
    (np.sinc, (np.array([INF, NAN, 0.0, 1e-9, 3.0]),), {}),
    (np.copy, (np.array([True, False]),), {}),
    (np.real, (np.array([True, False]),), {}),
    (np.divmod, (np.array([1.0, INF, -7.5]), np.array([0.0, 2.0, 2.0])), {}),
    (np.polyval, ([1, 2, 3], np.array([1.0, INF])), {}),
    (np.polyval, (np.float32([1, 2, 3]), 1.5), {}),
    (np.polyval, (np.array([1.0, 2, 3]), [1.0, 2.0]), {}),
    *(
        (np.interp, (np.array([-1.0, 0.0, 0.5, 1.0, 3.0, NAN, INF]), xp, fp), options)
        for xp, fp in (
            ([0.5], [7.0]),
            ([0.0, 1.0, 2.0], [1, 5, 2]),
            (np.array([0.0, 1.0, 2.0]), np.array([1.0, INF, 2.0])),
            ((0, 1), (1, NAN)),
            ([0.0, 1.0], [1.0]),
            ([], []),
            ([2.5, 0.0, 1.0], [1, 5, 2]),
        )
        for options in ({}, {"left": -1.0, "right": 9}, {"period": 2.7})
    ),
    (np.interp, (np.float32([0.5]), np.float32([0, 1]), np.float32([1, 2])), {}),
    (np.interp, (np.array([0.5]), [0, 1], [1, 2]), {"period": 0}),
]


def outcome(call):
    """(values, categories of the warnings), or the error."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            return error
    values = [x.value if isinstance(x, tg.Tensor) else np.asarray(x) for x in leaves_of(result)]
    return values, {warning.category for warning in seen}


def as_tensor(call_arguments, wrap):
    """The first array among the arguments as a tensor."""
    i = next(i for i, arg in enumerate(call_arguments) if isinstance(arg, np.ndarray))
    return (*call_arguments[:i], wrap(call_arguments[i]), *call_arguments[i + 1 :])


@pytest.mark.parametrize(
    ("fn", "args", "kwargs"), [pytest.param(*c, id=f"{i} {name_of(c[0])} {c[2]}") for i, c in enumerate(CALLS)]
)
@pytest.mark.parametrize("differentiated", [True, False])
def test_as_numpy(fn, args, kwargs, differentiated):
    plain = outcome(lambda: fn(*args, **kwargs))
    real = next(arg for arg in args if isinstance(arg, np.ndarray)).dtype.kind == "f"
    tensors = as_tensor(args, lambda a: tg.Tensor(a, requires_grad=differentiated and real))
    ours = outcome(lambda: fn(*tensors, **kwargs))
    if isinstance(plain, Exception):
        assert isinstance(ours, type(plain)), (ours, plain)
        return
    assert not isinstance(ours, Exception), ours
    (mine, my_warnings), (theirs, their_warnings) = ours, plain
    assert [(a.shape, a.dtype) for a in mine] == [(a.shape, a.dtype) for a in theirs]
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=100 * np.finfo(a.dtype).eps if a.dtype.kind == "f" else 0)
    assert my_warnings == their_warnings


@pytest.mark.parametrize("reduce", [np.add.reduce, np.multiply.reduce, np.maximum.reduce, np.minimum.reduce])
@pytest.mark.parametrize("args", [(), (0,), (-1,), (None,), (0, None, None, True)])
def test_reduce_of_a_number(reduce, args):
    t = tg.Tensor(3.0, requires_grad=True)
    y = reduce(t, *args)
    assert (y.item(), y.shape) == (3.0, ())
    y.backward()
    assert t.grad == 1.0


@pytest.mark.parametrize("fn", [np.sum, np.mean, np.var, np.std, np.median, np.sort, np.cumprod, np.diff, np.average])
def test_an_axis_that_is_not_there_is_named_in_the_words_of_numpy(fn):
    with pytest.raises(np.exceptions.AxisError, match="axis 5 is out of bounds for array of dimension 2"):
        fn(tg.Tensor(TABLE, requires_grad=True), axis=5)


SIZES = [6, 20_000]  # the rules of maximum and minimum work with a step or with comparisons


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [2, 2.0, np.float32(2), np.inf, -np.inf, 1e300, np.full(6, 2.0)])
@pytest.mark.parametrize("fn", [np.maximum, np.minimum])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_greater_gets_the_gradient_and_equals_share_it(fn, limit, swapped, size):
    x = np.resize([1.0, 2.0, 3.0, np.inf, -np.inf, -1e308], size)
    other = limit if np.ndim(limit) == 0 else np.resize(limit, size)
    share = np.where(x == other, 0.5, (x > other) == (fn is np.maximum))
    f = (lambda x: fn(other, x)) if swapped else (lambda x: fn(x, other))
    for run in (f, tg.compile(f)):
        (gradient,) = tg.vjp(run, x)[1](3 * np.ones(size))
        np.testing.assert_array_equal(gradient, 3 * share)
    (gradient,) = tg.compile(lambda x, g: tg.vjp(f, x)[1](g))(x, 3 * np.ones(size))
    np.testing.assert_array_equal(gradient, 3 * share)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fn", [np.maximum, np.minimum])
def test_what_is_not_a_number_gets_no_gradient(fn, size):
    x = np.resize([1.0, NAN, 3.0], size)
    expected = np.resize([fn is np.minimum, 0, fn is np.maximum], size)
    f = lambda x: np.nansum(fn(x, 2.0))
    for gradient in (tg.grad(f)(x), tg.compile(tg.grad(f))(x)):
        np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("fn", [np.maximum, np.minimum])
def test_the_extreme_half_precision_numbers_are_compared_without_a_warning(fn):
    x = np.array([-65504, 40, 65504], np.float16)
    gradient = tg.grad(lambda x: np.sum(fn(x, 40.0) * np.float16(0.5)))(x)
    assert gradient.tolist() == ([0, 0.25, 0.5] if fn is np.maximum else [0.5, 0.25, 0])


# What NumPy takes and tensors do not, and words of the reason: there is no derivative, or NumPy would leave it to chance.
REFUSED = {
    "the full matrices of a decomposition": (lambda a: np.linalg.svd(a), "full_matrices=False"),
    "Q of a wide matrix": (lambda a: np.linalg.qr(a), "at least as many rows as columns"),
    "R of a wide matrix": (lambda a: np.linalg.qr(a, mode="r"), "at least as many rows as columns"),
    "the full Q": (lambda a: np.linalg.qr(a.T, mode="complete"), "mode 'complete'"),
    "padding with a mean": (lambda a: np.pad(a, 1, mode="mean"), "mode 'mean'"),
    "padding with a ramp": (lambda a: np.pad(a, 1, mode="linear_ramp"), "mode 'linear_ramp'"),
    "an odd reflection": (lambda a: np.pad(a, 1, mode="reflect", reflect_type="odd"), "mode 'reflect'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_derivative_is_refused_in_words(name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call(tg.Tensor(TABLE, requires_grad=True))


SEVERAL = {
    "atleast_2d": lambda a: np.atleast_2d(a, a),
    "broadcast_arrays": lambda a: np.broadcast_arrays(a, 1.0),
    "gradient": lambda a: np.gradient(a),
    "meshgrid": lambda a: np.meshgrid(a[0], a[1]),
    "split": lambda a: np.split(a, 2),
    "eigh": lambda a: np.linalg.eigh(a),
    "divmod": lambda a: np.divmod(a, 2.0),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_results_come_as_numpy_gives_them(name):
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert type(SEVERAL[name](tg.Tensor(a, requires_grad=True))) is type(SEVERAL[name](a))


def test_linspace_ends_exactly_where_it_should():
    start, stop = np.random.default_rng(0).normal(size=(2, 50))
    y = np.linspace(tg.Tensor(start, requires_grad=True), stop, 7)
    assert np.array_equal(y.numpy()[-1], stop)
    assert np.any(start + 6 * ((stop - start) / 6) != stop)  # which rounding does not do by itself


# --- 0/0 ------------------------------------------------------------------------------------------------------

EQUAL = np.full((2, 3), 1.5)
FLAT = {  # functions that are 0 here, and nowhere smaller
    "std": lambda a: np.std(a),
    "std of rows": lambda a: np.std(a, axis=1, ddof=1, keepdims=True),
    "one of two rows": lambda a: np.std(a * np.array([[1.0], [0.0]]), axis=1)[1],
    "std about a mean": lambda a: np.std(a, mean=np.array([[1.5]])),
    "nanstd": lambda a: np.nanstd(np.where([True, False, True], a, np.nan), axis=1),
    "norm": lambda a: np.linalg.norm(a - EQUAL),
    "norm of rows": lambda a: np.linalg.norm(a - EQUAL, axis=1),
    "norm of order 3": lambda a: np.linalg.norm(a - EQUAL, 3, axis=1),
    "hypot": lambda a: np.hypot(a - 1.5, a[0] - 1.5),
}


@pytest.mark.parametrize("name", FLAT)
def test_where_a_norm_like_function_is_0_its_gradient_is_0(name):
    f = lambda a: np.sum(FLAT[name](a))
    assert f(EQUAL) == 0
    gradient = tg.grad(f)(EQUAL)
    assert not gradient.any()
    g = tg.hvp(f)(EQUAL, TABLE)
    assert np.isfinite(g).all()
    loss = lambda a: np.sum((a - 1) / (f(a) + 1e-5))  # as a layer norm has it
    assert np.isfinite(tg.grad(loss)(EQUAL)).all()
    assert np.isfinite(tg.hvp(loss)(EQUAL, TABLE)).all()


def test_the_root_itself_has_the_slope_of_calculus():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert tg.grad(np.sqrt)(0.0) == np.inf


# --- What is no array -----------------------------------------------------------------------------------------


class Wrapped:
    """An object that NumPy takes for an array."""

    def __init__(self, values):
        self.values = np.array(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


ARRAYS = {
    "average": (lambda t, w: np.average(t, weights=w), [1.0, 2.0, 3.0]),
    "interp xp": (lambda t, xp: np.interp(t, xp, [1.0, 5.0, 2.0]), [0.0, 1.0, 2.5]),
    "interp fp": (lambda t, fp: np.interp(t, [0.0, 1.0, 2.5], fp), [1.0, 5.0, 2.0]),
    "diff": (lambda t, p: np.diff(t, prepend=p, append=p), [1.0, 2.0]),
    "ediff1d": (lambda t, p: np.ediff1d(t, p, p), [1.0, 2.0]),
    "trapezoid": (lambda t, x: np.trapezoid(t, x), [0.0, 1.0, 3.0]),
    "trapezoid dx": (lambda t, dx: np.trapezoid(t, dx=dx), [1.0, 3.0]),
    "gradient": (lambda t, x: np.gradient(t, x), [0.0, 1.0, 3.0]),
    "quantile": (lambda t, q: np.quantile(t, q), [0.2, 0.7]),
    "percentile": (lambda t, q: np.percentile(t, q), [20.0, 70.0]),
    "cov": (lambda t, y: np.cov(t, y), [1.0, 5.0, 3.0]),
    "corrcoef": (lambda t, y: np.corrcoef(t, y), [1.0, 5.0, 3.0]),
    "polyval": (lambda t, x: np.polyval(t, x), [1.0, 2.0]),
    "polyval of": (lambda t, p: np.polyval(p, t), [1.0, 2.0, 4.0]),
    "var": (lambda t, m: np.var(t, mean=m), [1.5]),
    "nan_to_num": (lambda t, n: np.nan_to_num(t, nan=n), [1.0, 2.0, 3.0]),
    "copysign": (lambda t, s: np.copysign(t, s), [1.0, -2.0, 3.0]),
    "divmod": (lambda t, d: np.divmod(t, d), [1.0, -2.0, 3.0]),
}


def in_a_file(values, path):
    array = np.memmap(path / "array", float, "w+", shape=np.shape(values))
    array[...] = values
    return array


@pytest.mark.parametrize("name", ARRAYS)
def test_whatever_numpy_takes_for_an_array(name, tmp_path):
    call, values = ARRAYS[name]
    x = np.array([0.3, 2.0, 1.1])
    joined = lambda result: np.concatenate([np.ravel(part) for part in leaves_of(result)])
    expected = joined(call(x, np.array(values)))
    slope = tg.jacobian(lambda t: joined(call(t, np.array(values))))(x)
    for kind in (list, tuple, Wrapped, lambda values: in_a_file(values, tmp_path)):
        other = kind(values)
        t = tg.Tensor(x, requires_grad=True)
        result = joined(call(t, other))
        if isinstance(other, np.memmap):
            other[...] = np.nan  # after the forward pass this has no effect
        np.testing.assert_array_equal(result.numpy(), expected)
        result.backward(np.ones(result.shape))
        np.testing.assert_allclose(t.grad, np.sum(slope, axis=0), atol=1e-12)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("kind", [np.ma.masked_array, np.asmatrix])
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_masked_arrays_and_matrices_are_refused_in_words(name, kind):
    call, values = ARRAYS[name]
    with pytest.raises(TypeError, match=r"^np\.\w+: argument \w+ is (a masked array|an np\.matrix), .* np\.asarray"):
        call(tg.Tensor([0.3, 2.0, 1.1], requires_grad=True), kind(values))
