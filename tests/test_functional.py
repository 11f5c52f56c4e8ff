"""Activations and softmax: values, derivatives, conventions at ties, and the ends of the floating-point range."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinygrad_edu as tg
from tinygrad_edu.functional import ACTIVATIONS, activation_named

mpmath.mp.dps = 40
EPS = np.finfo(float).eps

EXACT = {
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf(0.01) * z,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "gelu": lambda z: z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3))),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "sine": mpmath.sin,
    "identity": lambda z: +z,
}
KINKED = {"relu", "leaky_relu", "elu"}  # their derivative, or its derivative, jumps at 0
EVERY = pytest.mark.parametrize("name", EXACT)
EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float64, np.float32])
ALONG_AN_AXIS = pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])

EXTREMES = {
    np.float64: [0.0, -0.0, 1.0, -1.0, 40.0, -87.0, 710.0, -740.0, 1e4, -1e4, 1e-300, -5e-324, 1e300, -1e300],
    np.float32: [0.0, -0.0, 1.0, -1.0, 40.0, -87.0, 89.0, -104.0, 1e4, -1e4, 1e-30, -1e-45, 1e30, -1e30],
}


def derivative(f, order):
    for _ in range(order):
        f = tg.elementwise_grad(f)
    return f


def reals(low=-30.0, high=30.0):
    return st.floats(low, high, allow_nan=False)


REALS = reals()


def tables(elements=REALS, min_dims=1, max_dims=3):
    shapes = array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=4)
    return arrays(np.float64, shapes, elements=elements)


# --- what they take -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ACTIVATIONS, "log_softmax", "logsumexp"])
def test_lists_and_numbers_are_taken_as_arrays(name):
    f = getattr(tg, name)
    for z in ([1.0, -1.0], (1, -1), [[1, -1], [2, 3]], [True, False]):
        np.testing.assert_array_equal(f(z), f(np.array(z)))
        assert type(f(z)) is type(f(np.array(z)))
    if name not in ("softmax", "log_softmax", "logsumexp"):
        assert f(1.5) == f(np.array(1.5))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", [*ACTIVATIONS, "log_softmax", "logsumexp"])
@pytest.mark.parametrize(
    ("z", "words"),
    [
        ("abc", "z must be a tensor, an array, a number or a list of numbers, not 'abc'"),
        (None, "not None"),
        ([1.0, None], r"not \[1.0, None\]"),
        (np.array(["a"]), "not an array of dtype <U1"),
        ((i for i in range(3)), "not <generator"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "z is a masked array"),
        (np.array([[1.0, 2.0]]).view(np.matrix), r"z is an np\.matrix"),
    ],
    ids=["text", "None", "a list with None", "an array of text", "generator", "masked", "matrix"],
)
def test_what_is_no_number_is_refused_in_words(name, z, words):
    with pytest.raises(TypeError, match=f"{name}: .*{words}"):
        getattr(tg, name)(z)


# --- values ---------------------------------------------------------------------------------------------


@EVERY
@given(z=reals(-700, 700))
def test_value_is_the_definition(name, z):
    exact = EXACT[name](mpmath.mpf(z))
    scale = max(1, abs(z)) if name == "gelu" else abs(exact)  # gelu cancels in 1 + tanh
    assert abs(mpmath.mpf(float(getattr(tg, name)(z))) - exact) <= 8 * EPS * scale + 5e-324


@EVERY
@given(z=reals(-100, 100).map(lambda z: float(np.float32(z))))
def test_float32_value_is_the_definition(name, z):
    value = getattr(tg, name)(np.array([z], np.float32))
    exact = EXACT[name](mpmath.mpf(z))
    scale = max(1, abs(z)) if name == "gelu" else abs(exact)
    assert value.dtype == np.float32
    # 0.01 itself is rounded to float32; below 2⁻¹²⁶ there are fewer digits
    assert abs(mpmath.mpf(float(value[0])) - exact) <= 8 * np.finfo(np.float32).eps * scale + 1e-44


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float64, -740), (np.float32, -87)])
def test_sigmoid_is_relatively_accurate_on_a_grid(dtype, lowest):
    z = np.linspace(lowest, 40, 2001).astype(dtype)
    a = tg.sigmoid(z)
    smallest = float(np.finfo(dtype).smallest_subnormal)
    for z_i, a_i in zip(z, a, strict=True):
        exact = EXACT["sigmoid"](mpmath.mpf(float(z_i)))
        assert abs(mpmath.mpf(float(a_i)) - exact) <= 6 * float(np.finfo(dtype).eps) * exact + smallest


def test_the_accuracy_tested_is_more_than_the_tanh_form_has():
    z, exact = -20.0, float(EXACT["sigmoid"](mpmath.mpf(-20)))
    assert abs(0.5 * (1 + np.tanh(z / 2)) - exact) > 1e-9 * exact
    assert abs(tg.sigmoid(z) - exact) < 1e-15 * exact


@given(z=reals(-700, 0))
def test_sigmoid_prime_is_relatively_accurate_for_negative_z(z):
    a = EXACT["sigmoid"](mpmath.mpf(z))
    exact = a * (1 - a)
    assert abs(mpmath.mpf(float(tg.grad(tg.sigmoid)(z))) - exact) <= 16 * EPS * exact


@given(z=reals(-1e3, 1e3), slope=st.floats(0, 2), alpha=st.floats(0.1, 3))
def test_slope_and_alpha(z, slope, alpha):
    assert tg.leaky_relu(z, slope) == (z if z > 0 else slope * z)
    np.testing.assert_allclose(tg.elu(z, alpha=alpha), z if z > 0 else alpha * np.expm1(min(z, 0)), rtol=4 * EPS)
    assert tg.grad(lambda z: tg.leaky_relu(z, slope))(z) == (1 if z > 0 else slope)
    # eᶻ is found as expm1(z) + 1, so that its error is one of 1
    expected = 1 if z > 0 else alpha * np.exp(min(z, 0))
    np.testing.assert_allclose(tg.grad(lambda z: tg.elu(z, alpha))(z), expected, rtol=4 * EPS, atol=4 * EPS * alpha)


def test_step_is_heaviside_with_1_at_0():
    np.testing.assert_array_equal(tg.step(np.array([-2.0, -0.0, 0.0, 1e-300, 5.0])), [0, 1, 1, 1, 1])


def test_identity_returns_the_very_thing():
    t = tg.Tensor([1.0], requires_grad=True)
    assert tg.identity(t) is t


# --- derivatives ----------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("order", [1, 2, 3])
@given(z=reals())
def test_derivative_is_that_of_the_definition(name, order, z):
    if name in KINKED:
        assume(abs(z) > 1e-3)
    if name == "gelu":
        assume(abs(z) < 9)  # its tail of e^-53 is clipped away at 10
    exact = float(mpmath.diff(EXACT[name], mpmath.mpf(z), order))
    # An error of one rounding of numbers that cancel, which in the third derivative of gelu are of size 1000.
    tolerance = 1e-11 if name == "gelu" else 1e-13
    np.testing.assert_allclose(derivative(getattr(tg, name), order)(z), exact, rtol=1e-12, atol=tolerance)


@EVERY
@given(z=tables())
def test_gradients_pass_the_checker(name, z):
    if name in KINKED:
        z = z + np.where(z >= 0, 0.02, -0.02)  # differences must not step over the kink
    tg.check_grads(getattr(tg, name), z / 3, order=2)


@given(z=tables(reals(-800, 800)))
def test_textbook_derivatives_are_found(z):
    a, t = tg.sigmoid(z), np.tanh(z)
    np.testing.assert_allclose(tg.elementwise_grad(tg.sigmoid)(z), a * (1 - a), rtol=8 * EPS, atol=2 * EPS)
    np.testing.assert_allclose(tg.elementwise_grad(tg.tanh)(z), 1 - t**2, rtol=0, atol=0)
    np.testing.assert_allclose(tg.elementwise_grad(tg.softplus)(z), a, rtol=1e-12, atol=0)
    np.testing.assert_allclose(tg.elementwise_grad(tg.sine)(z), np.cos(z), rtol=0, atol=0)
    second = a * (1 - a) * (1 - 2 * a)
    np.testing.assert_allclose(derivative(tg.sigmoid, 2)(z), second, rtol=1e-12, atol=8 * EPS)


@given(z=tables(reals(-1e3, 1e3)))
def test_symmetries(z):
    np.testing.assert_allclose(tg.sigmoid(-z), 1 - tg.sigmoid(z), rtol=0, atol=2 * EPS)
    np.testing.assert_array_equal(tg.tanh(-z), -tg.tanh(z))
    np.testing.assert_array_equal(tg.relu(z) - tg.relu(-z), z)
    np.testing.assert_allclose(tg.softplus(z) - tg.softplus(-z), z, rtol=4 * EPS, atol=4 * EPS)
    np.testing.assert_allclose(tg.gelu(z) - tg.gelu(-z), z, rtol=4 * EPS, atol=4 * EPS)


AT_ZERO = [
    ("sigmoid", (0.5, 0.25, 0, -0.125)),
    ("tanh", (0, 1, 0, -2)),
    ("relu", (0, 0, 0, 0)),
    ("leaky_relu", (0, 0.01, 0, 0)),
    ("elu", (0, 1, 1, 1)),  # the branch α(eᶻ − 1)
    ("gelu", (0, 0.5, 2 * np.sqrt(2 / np.pi) / 2, 0)),
    ("softplus", (np.log(2), 0.5, 0.25, 0)),
    ("sine", (0, 1, 0, -1)),
    ("identity", (0, 1, 0, 0)),
]


@pytest.mark.parametrize(("name", "expected"), AT_ZERO)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_conventions_at_zero(name, expected, zero):
    for order, value in enumerate(expected):
        np.testing.assert_allclose(derivative(getattr(tg, name), order)(zero), value, rtol=4 * EPS, atol=0)


def test_abs_has_derivative_0_at_0():
    np.testing.assert_array_equal(tg.elementwise_grad(np.abs)(np.array([-2.0, -0.0, 0.0, 3.0])), [-1, 0, 0, 1])


def test_relu_and_abs_have_no_curvature():
    z = np.array([-3.0, 0.0, 2.0])
    np.testing.assert_array_equal(derivative(tg.relu, 2)(z), [0, 0, 0])
    np.testing.assert_array_equal(derivative(np.abs, 2)(z), [0, 0, 0])


def test_step_lets_no_gradient_through():
    z = tg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    assert type(tg.step(z)) is np.ndarray
    np.testing.assert_array_equal(tg.elementwise_grad(tg.step)(np.array([-1.0, 0.0, 2.0])), [0, 0, 0])
    np.sum(tg.step(z) * z).backward()  # as a constant factor it takes part
    np.testing.assert_array_equal(z.grad, [0, 1, 1])


# --- the ends of the range ------------------------------------------------------------------------------


@EVERY
@EVERY_DTYPE
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_extreme_inputs_are_finite_without_warning(name, dtype, order):
    z = np.array(EXTREMES[dtype], dtype)
    value = derivative(getattr(tg, name), order)(z)
    assert value.dtype == dtype
    assert np.isfinite(value).all(), dict(zip(z, value, strict=True))


@EVERY
@EVERY_DTYPE
@given(data=st.data())
def test_hessian_products_at_extreme_inputs_are_finite(name, dtype, data):
    f = getattr(tg, name)
    z = np.array(data.draw(st.lists(st.sampled_from(EXTREMES[dtype]), min_size=1, max_size=5)), dtype)
    v = np.array([data.draw(st.sampled_from([1, -1e3, 1e3, 0.1])) for _ in z], dtype)
    product = tg.hvp(lambda z: np.sum(f(z)))(z, v)
    assert product.dtype == dtype
    assert np.isfinite(product).all()
    np.testing.assert_allclose(product, v * derivative(f, 2)(z), rtol=1e-5)  # its Hessian is diagonal


SATURATED = [  # value and first derivative far to the left and far to the right; None: the z itself
    ("sigmoid", (0, 0), (1, 0)),
    ("tanh", (-1, 0), (1, 0)),
    ("relu", (0, 0), (None, 1)),
    ("elu", (-1, 0), (None, 1)),
    ("gelu", (0, 0), (None, 1)),
    ("softplus", (0, 0), (None, 1)),
]


@pytest.mark.parametrize(("name", "left", "right"), SATURATED)
@pytest.mark.parametrize(("dtype", "sizes"), [(np.float64, (1e4, 1e300)), (np.float32, (1e4, 1e30))])
def test_saturation_is_exact(name, left, right, dtype, sizes):
    f = getattr(tg, name)
    for size, (sign, (value, slope)) in itertools.product(sizes, ((-1, left), (1, right))):
        z = dtype(sign * size)
        assert f(z) == (z if value is None else value)
        assert derivative(f, 1)(z) == slope
        assert derivative(f, 2)(z) == 0


@EVERY
def test_nan_stays_nan_and_spoils_nothing_else(name):
    f = getattr(tg, name)
    with np.errstate(invalid="ignore"):  # NumPy's logaddexp warns of a NaN
        value = f(np.array([np.nan, 1.0]))
        on_tensor = f(tg.Tensor([np.nan, 1.0], requires_grad=True)).numpy()
    assert np.isnan(value[0])
    assert value[1] == f(np.array([1.0]))[0]
    np.testing.assert_array_equal(value, on_tensor)


def test_nan_in_step_and_along_an_axis():
    assert np.isnan(tg.step(np.nan))
    z = np.array([[np.nan, 1.0], [0.0, 0.0]])
    for f in (tg.softmax, tg.log_softmax, lambda z: tg.logsumexp(z, axis=-1, keepdims=True)):
        assert np.isnan(f(z)[0]).all()
        np.testing.assert_array_equal(f(z)[1], f(z[1:])[0])


@pytest.mark.parametrize(
    ("name", "left", "right"), [*SATURATED[:4], SATURATED[5], ("leaky_relu", (None, 0.01), (None, 1))]
)
def test_infinity_gives_the_limit(name, left, right):
    f = getattr(tg, name)
    for z, (value, slope) in ((-np.inf, left), (np.inf, right)):
        assert f(z) == (z if value is None else value)
        if (name, z) != ("softplus", np.inf):  # ∞ − ∞
            assert derivative(f, 1)(z) == slope


# --- softmax, log-softmax, log-sum-exp ------------------------------------------------------------------


@given(z=tables(reals(-700, 700), max_dims=2))
def test_logsumexp_and_softmax_are_their_definitions(z):
    rows = z.reshape(-1, z.shape[-1])
    for z_row, a_row, log_a_row, total in zip(
        rows,
        tg.softmax(z).reshape(rows.shape),
        tg.log_softmax(z).reshape(rows.shape),
        np.reshape(tg.logsumexp(z, axis=-1), len(rows)),
        strict=True,
    ):
        powers = [mpmath.exp(mpmath.mpf(z_j)) for z_j in z_row]
        largest = float(np.max(np.abs(z_row)))
        assert abs(mpmath.mpf(float(total)) - mpmath.log(sum(powers))) <= 8 * EPS * (1 + largest)
        for p, a_j, log_a_j in zip(powers, a_row, log_a_row, strict=True):
            exact = p / sum(powers)
            # zⱼ − max z is rounded, and the exponential of that error is a relative one
            assert abs(mpmath.mpf(float(a_j)) - exact) <= 8 * EPS * (1 + largest) * exact + 5e-324
            assert abs(mpmath.mpf(float(log_a_j)) - mpmath.log(exact)) <= 8 * EPS * (1 + largest)


@given(z=tables(reals(-50, 50), min_dims=2), shift=st.integers(-100, 100), data=st.data())
def test_softmax_invariances(z, shift, data):
    z = np.round(z * 64) / 64  # then adding an integer is exact
    a = tg.softmax(z)
    np.testing.assert_allclose(a.sum(axis=-1), 1, rtol=0, atol=8 * EPS)
    np.testing.assert_array_equal(tg.softmax(z + shift), a)
    np.testing.assert_array_equal(tg.log_softmax(z + shift), tg.log_softmax(z))
    np.testing.assert_allclose(
        tg.logsumexp(z + shift, axis=-1), tg.logsumexp(z, axis=-1) + shift, rtol=1e-13, atol=1e-13
    )
    order = np.array(data.draw(st.permutations(range(z.shape[-1]))))
    np.testing.assert_allclose(tg.softmax(z[..., order]), a[..., order], rtol=8 * EPS)
    np.testing.assert_allclose(np.exp(tg.log_softmax(z)), a, rtol=1e-13)


@ALONG_AN_AXIS
@given(z=tables(min_dims=2), data=st.data())
def test_any_axis_is_the_last_one_moved(name, z, data):
    f = getattr(tg, name)
    axis = data.draw(st.integers(-z.ndim, z.ndim - 1))
    keep = {"keepdims": True} if name == "logsumexp" else {}
    moved = np.moveaxis(f(np.moveaxis(z, axis, -1), axis=-1, **keep), -1, axis)
    np.testing.assert_allclose(f(z, axis=axis, **keep), moved, rtol=1e-13, atol=1e-13)


@given(z=tables(), data=st.data())
def test_logsumexp_axes_and_keepdims(z, data):
    axis = data.draw(st.none() | st.lists(st.integers(0, z.ndim - 1), min_size=1, unique=True).map(tuple))
    keepdims = data.draw(st.booleans())
    found = tg.logsumexp(z, axis=axis, keepdims=keepdims)
    expected = np.log(np.sum(np.exp(z), axis=axis, keepdims=keepdims))  # |z| ≤ 30: no overflow
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    on_tensor = tg.logsumexp(tg.Tensor(z, requires_grad=True), axis=axis, keepdims=keepdims)
    assert on_tensor.shape == np.shape(expected)
    np.testing.assert_array_equal(on_tensor.numpy(), found)


def test_axis_defaults():
    z = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(tg.softmax(z), tg.softmax(z, axis=1))
    np.testing.assert_array_equal(tg.log_softmax(z), tg.log_softmax(z, axis=1))
    assert np.shape(tg.logsumexp(z)) == ()


@given(z=arrays(np.float64, st.integers(1, 5), elements=reals()))
def test_softmax_jacobian_and_logsumexp_hessian(z):
    a = tg.softmax(z)
    matrix = np.diag(a) - np.outer(a, a)
    np.testing.assert_allclose(tg.grad(tg.logsumexp)(z), a, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(tg.jacobian(tg.softmax)(z), matrix, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(tg.hessian(tg.logsumexp)(z), matrix, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(tg.jacobian(tg.log_softmax)(z), np.eye(len(z)) - a, rtol=1e-12, atol=1e-15)


@ALONG_AN_AXIS
@given(z=tables())
def test_gradients_along_an_axis_pass_the_checker(name, z):
    tg.check_grads(lambda z: getattr(tg, name)(z, axis=0), z / 3, order=2)


@ALONG_AN_AXIS
@EVERY_DTYPE
@given(data=st.data())
def test_extreme_rows_are_finite_at_both_orders(name, dtype, data):
    z = np.array(data.draw(st.lists(st.sampled_from(EXTREMES[dtype]), min_size=1, max_size=5)), dtype)
    v = np.array([data.draw(st.sampled_from([1, -1e3, 1e3])) for _ in z], dtype)
    weights = np.linspace(-1, 2, z.size).astype(dtype)  # the sum of a softmax has no gradient

    def f(z):
        return np.sum(weights * getattr(tg, name)(z, axis=-1))

    for value in (getattr(tg, name)(z, axis=-1), tg.grad(f)(z), tg.hvp(f)(z, v)):
        assert value.dtype == dtype
        assert np.isfinite(value).all()


@EVERY_DTYPE
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_the_largest_of_a_row_takes_all(dtype, size):
    z = np.array([[size, -size, 0], [-size, -size, -size]], dtype)
    np.testing.assert_array_equal(tg.softmax(z)[0], [1, 0, 0])
    np.testing.assert_allclose(tg.softmax(z)[1], [1 / 3] * 3, rtol=1e-6)
    np.testing.assert_array_equal(tg.log_softmax(z)[0], np.array([0, -2 * size, -size], dtype))
    np.testing.assert_array_equal(tg.logsumexp(z, axis=1)[0], dtype(size))


def test_minus_infinity_is_probability_0():
    z = np.array([-np.inf, 0.0, 0.0])
    np.testing.assert_array_equal(tg.softmax(z), [0, 0.5, 0.5])
    assert tg.log_softmax(z)[0] == -np.inf
    assert tg.logsumexp(z) == np.log(2)
    np.testing.assert_array_equal(tg.grad(tg.logsumexp)(z), [0, 0.5, 0.5])


def test_a_row_of_minus_infinities():
    z = np.array([[-np.inf, -np.inf], [0.0, 0.0]])
    np.testing.assert_array_equal(tg.logsumexp(z, axis=1), [-np.inf, np.log(2)])  # ln 0, and no warning
    assert tg.logsumexp(tg.Tensor(z, requires_grad=True), axis=1).numpy()[0] == -np.inf
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0: there are no probabilities
        a, log_a = tg.softmax(z), tg.log_softmax(z)
    assert np.isnan(a[0]).all()
    np.testing.assert_array_equal(a[1], [0.5, 0.5])
    np.testing.assert_allclose(log_a[1], -np.log(2))


def test_one_element_and_no_rows():
    np.testing.assert_array_equal(tg.softmax(np.array([[7.0], [-1e300]])), [[1], [1]])
    assert tg.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert tg.logsumexp(np.zeros((0, 3)), axis=1).shape == (0,)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_whole_numbers_along_an_axis(dtype):
    z = np.array([1, 3, 2], dtype)  # 1 − 3 must not wrap round to 254
    for f in (tg.softmax, tg.log_softmax, tg.logsumexp):
        np.testing.assert_allclose(f(z), f(z.astype(float)), rtol=1e-14)


# --- arrays, tensors, dtypes ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ACTIVATIONS, "log_softmax", "logsumexp"])
@EVERY_DTYPE
def test_arrays_give_arrays_and_tensors_tensors(name, dtype):
    f = getattr(tg, name)
    z = np.array([[-1.5, 0.0, 2.0]], dtype)
    on_array, on_tensor = f(z), f(tg.Tensor(z, requires_grad=True))
    assert isinstance(on_array, np.ndarray | np.generic)
    assert on_array.dtype == on_tensor.dtype == dtype
    if name == "step":
        assert isinstance(on_tensor, np.ndarray)
        return
    assert isinstance(on_tensor, tg.Tensor)
    assert on_tensor.requires_grad
    np.testing.assert_array_equal(on_tensor.numpy(), on_array)
    gradient = tg.grad(lambda z: np.sum(f(z) * f(z)))(z)
    assert gradient.dtype == dtype
    assert gradient.shape == z.shape


@pytest.mark.parametrize("name", [*ACTIVATIONS, "log_softmax", "logsumexp"])
def test_inputs_are_left_alone(name):
    z = np.array([-1.0, 0.0, 50.0])
    z.flags.writeable = False
    getattr(tg, name)(z)
    t = tg.Tensor(z, requires_grad=True)
    tg.grad(lambda z: np.sum(getattr(tg, name)(z)))(z)
    getattr(tg, name)(t)
    np.testing.assert_array_equal(t.numpy(), [-1, 0, 50])
    assert t.grad is None


@given(z=tables())
@example(z=np.zeros((0, 2)))
def test_shape_is_kept(z):
    for f in ACTIVATIONS.values():
        assert np.shape(f(z)) == z.shape


def test_every_activation_of_the_contract_has_its_name():
    assert set(ACTIVATIONS) == {*EXACT, "step", "softmax"}
    assert all(f is getattr(tg, name) for name, f in ACTIVATIONS.items())
    assert activation_named("elu", "f") is tg.elu


@pytest.mark.parametrize(("wrong", "meant"), [("sigmoud", "sigmoid"), ("Tanh", "tanh"), ("soft_max", "softmax")])
def test_unknown_activation_suggests_the_nearest(wrong, meant):
    with pytest.raises(ValueError, match=rf"^MLP: output: unknown name '{wrong}'; did you mean '{meant}'\? known: elu"):
        activation_named(wrong, "MLP: output")


def test_hopeless_name_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"^f: unknown name 'xyzzy'; known: elu, gelu, .*, tanh$"):
        activation_named("xyzzy", "f")


# --- another framework ----------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.parametrize("name", [*EXACT, "softmax", "log_softmax", "logsumexp"])
def test_jax_agrees(name):
    jax = pytest.importorskip("jax", reason="JAX is in the dependency group peers")
    theirs = {
        "tanh": jax.numpy.tanh,
        "sine": jax.numpy.sin,
        "identity": lambda z: z,
        "gelu": lambda z: jax.nn.gelu(z, approximate=True),
        "logsumexp": lambda z: jax.nn.logsumexp(z, axis=-1),
    }.get(name) or getattr(jax.nn, name)
    ours = (lambda z: tg.logsumexp(z, axis=-1)) if name == "logsumexp" else getattr(tg, name)
    rng = np.random.default_rng(0)
    z = 5 * rng.normal(size=(20, 6))
    w = rng.normal(size=np.shape(ours(z)))
    v = rng.normal(size=z.shape)

    def all_three(z):
        slope = jax.grad(lambda z: (w * theirs(z)).sum())
        return theirs(z), slope(z), jax.grad(lambda z: (slope(z) * v).sum())(z)

    with jax.enable_x64(True):
        value, gradient, curvature = jax.jit(all_three)(z)
    np.testing.assert_allclose(ours(z), value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(tg.grad(lambda z: np.sum(w * ours(z)))(z), gradient, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(tg.hvp(lambda z: np.sum(w * ours(z)))(z, v), curvature, rtol=1e-10, atol=1e-12)
