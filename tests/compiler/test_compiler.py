"""A compiled function gives what the function gives, for all values, and its text is the program that runs."""

import gc
import sys
import threading
import weakref
from collections import namedtuple
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import N, programs, run
from rule_cases import CASES, Case

import tinygrad_edu as tg
from tinygrad_edu.errors import name_of
from tinygrad_edu.trees import leaves_of

WEIGHTS = np.random.default_rng(9)
SHAPE_FOLLOWS_VALUES = {np.trim_zeros, np.piecewise}
EVERY_CASE = [
    pytest.param(case, id=f"{name_of(fn)} {case.label}")
    for fn, cases in CASES.items()
    for case in cases
    if fn not in SHAPE_FOLLOWS_VALUES
]


def arrays(result):
    """The values in a result, flat; a tensor counts as its array."""
    return [x.value if isinstance(x, tg.Tensor) else np.asarray(x) for x in leaves_of(result)]


def assert_close(got, expected, tolerance=1e-9):
    """Equal to rounding, also in structure, shapes and dtypes."""
    got, expected = arrays(got), arrays(expected)
    assert [(a.shape, a.dtype) for a in got] == [(a.shape, a.dtype) for a in expected]
    for a, b in zip(got, expected, strict=True):
        scale = max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))) if b.dtype.kind == "f" else 1.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def assert_same_bits(got, expected):
    for a, b in zip(arrays(got), arrays(expected), strict=True):
        assert (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes())


def alone(text, compiled):
    """The printed function, run on its own."""
    namespace = {}
    exec(text, namespace)
    return lambda *args: namespace["program"](*args, **compiled.programs[-1].given)


def check(f, *runs, tolerance=1e-9):
    """Compile, and compare on several sets of arguments with ``f`` and with the printed texts."""
    compiled = tg.compile(f)
    with np.errstate(all="ignore"):
        for args in runs:
            result = compiled(*args)
            assert_close(result, f(*args), tolerance)
            assert_same_bits(alone(compiled.source, compiled)(*args), result)
            assert_close(alone(compiled.formula, compiled)(*args), result, tolerance)
    return compiled


# --- Every rule ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", EVERY_CASE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_rule(case: Case, dtype):
    """Value and gradient, on two sets of values: what depends on them must follow them."""
    runs = [case.arrays(np.random.default_rng(seed), dtype) for seed in (0, 1)]

    def f(*xs):
        return sum(np.sum(np.sin(part)) for part in leaves_of(case.call(*xs)))

    try:
        tg.value_and_grad(f, tuple(range(len(runs[0]))))(*runs[0])
    except (TypeError, ValueError, np.linalg.LinAlgError):
        f = case.call  # nothing to differentiate, or not in this precision
        check(f, *runs, tolerance=1e-9 if dtype is np.float64 else 1e-3)
        return
    check(
        tg.value_and_grad(f, tuple(range(len(runs[0])))),
        *runs,
        tolerance=1e-9 if dtype is np.float64 else 2e-3,
    )


@pytest.mark.long
@given(programs, st.integers(0, 2**32 - 1))
def test_random_programs(program, seed):
    rng = np.random.default_rng(seed)

    def f(xs):
        return run(np, program, *xs)

    runs = [(tuple(rng.normal(size=(2, N, N))),) for _ in range(3)]
    check(tg.value_and_grad(f), *runs, tolerance=1e-7)
    check(tg.hvp(f), *((*args, tuple(rng.normal(size=(2, N, N)))) for args in runs[:2]), tolerance=1e-6)


# --- Networks -----------------------------------------------------------------------------------------------------


@st.composite
def networks(draw, widest, deepest, most_examples):
    """A cost of a network, two sets of arguments, and how much rounding may differ."""
    sizes = draw(st.lists(st.integers(1, widest), min_size=2, max_size=deepest))
    activations = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus", "sine", "identity"]
    sigma = getattr(tg, draw(st.sampled_from(activations)))
    endings = [("sigmoid", "quadratic"), ("sigmoid", "binary_cross_entropy"), ("softmax", "cross_entropy")]
    output, cost = draw(st.sampled_from(endings))
    n = draw(st.integers(1, most_examples))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if cost == "binary_cross_entropy":
        dtype = np.float64  # 1 − a loses all digits of float32 where a is near 1, in one way or another
    last = getattr(tg, output)

    def C(params, x, y):
        a = x
        for i, (W, b) in enumerate(params, start=1):
            z = a @ W + b
            a = last(z) if i == len(params) else sigma(z)
        return getattr(tg.costs, cost)(a, y)

    def arguments():
        params = [(rng.normal(size=(i, o)).astype(dtype), rng.normal(size=o).astype(dtype)) for i, o in pairwise(sizes)]
        return params, rng.normal(size=(n, sizes[0])).astype(dtype), rng.uniform(size=(n, sizes[-1])).astype(dtype)

    return C, (arguments(), arguments()), 1e-10 if dtype is np.float64 else 1e-3


@given(networks(widest=6, deepest=5, most_examples=5))
def test_networks(network):
    C, runs, tolerance = network
    check(tg.value_and_grad(C), *runs, tolerance=tolerance)


def nielsen(params, x, y):
    W1, b1, W2, b2 = params
    a1 = tg.sigmoid(x @ W1 + b1)
    return tg.costs.quadratic(tg.sigmoid(a1 @ W2 + b2), y)


def arguments_of_nielsen(sizes=(784, 30, 10), n=10, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    n_in, hidden, n_out = sizes
    params = [rng.normal(size=shape).astype(dtype) for shape in [(n_in, hidden), (hidden,), (hidden, n_out), (n_out,)]]
    return params, rng.normal(size=(n, n_in)).astype(dtype), rng.uniform(size=(n, n_out)).astype(dtype)


def test_the_program_of_the_notes_reads_as_the_textbook():
    compiled = check(tg.value_and_grad(nielsen), arguments_of_nielsen(), arguments_of_nielsen(seed=1))
    assert len(compiled.source.splitlines()) <= 45
    assert "tinygrad" not in compiled.source
    assert "tg." not in compiled.source
    for line in (
        "z1 = x @ W1 + b1  # layer 1: z1 = x W1 + b1",
        "z2 = a1 @ W2 + b2  # layer 2: z2 = a1 W2 + b2",
        "a2 * (1 - a2)  # BP1: the error at the outputs",
        "delta1 = delta2 @ W2.T * a1 * (1 - a1)  # BP2: the error moves back through W2",
        "grad_b2 = np.sum(delta2, axis=0)  # BP3",
        "grad_W1 = x.T @ delta1  # BP4",
    ):
        assert line in compiled.formula


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_saturated_units(dtype):
    """The mask of the limited exponential is left out where it changes nothing; far beyond the limit nothing breaks."""
    compiled = tg.compile(tg.value_and_grad(lambda z: np.sum(tg.sigmoid(z))))
    z = np.array([-1e30, -800, -40, 0, 39.9, 40, 41, 800, 1e30], dtype)
    compiled(z)
    assert "less" not in compiled.source
    value, slope = compiled(z)
    expected = tg.value_and_grad(lambda z: np.sum(tg.sigmoid(z)))(z)
    np.testing.assert_allclose(value, expected[0], rtol=1e-6)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-6)


LOGIT_COSTS = {
    "binary_cross_entropy_with_logits": lambda z: tg.costs.binary_cross_entropy_with_logits(z, np.zeros_like(z)),
    "cross_entropy_with_logits": lambda z: tg.costs.cross_entropy_with_logits(z, np.eye(3, dtype=z.dtype)),
}
SAFE = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "softmax", "log_softmax", "logsumexp", "gelu"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*SAFE, *LOGIT_COSTS])
def test_huge_inputs_give_no_warning(name, dtype):
    """What the functions promise for 1e300 (float32: 1e30) at first and second order, their programs keep."""
    big = 1e300 if dtype is np.float64 else 1e30
    z = np.array([[-big, 0, big], [-50, 45, 0.1], [1e-30, -3, 3]], dtype)
    f = LOGIT_COSTS.get(name) or getattr(tg, name)
    total = lambda z: np.sum(f(z))
    for g, args in ((f, (z,)), (tg.value_and_grad(total), (z,)), (tg.hvp(total), (z, np.ones_like(z)))):
        result = tg.compile(g)(*args)
        assert not any(np.isnan(a).any() for a in arrays(result))
        assert_close(result, g(*args), 1e-14 if dtype is np.float64 else 1e-5)


@pytest.mark.parametrize(
    "f",
    [
        tg.relu,
        tg.leaky_relu,
        lambda x: np.where(x > 0.5, x * x, -x),
        lambda x: np.max(x) * x,
        lambda x: np.clip(x, -0.5, 0.5),
        lambda x: np.sort(x) * np.arange(4.0),
        lambda x: x * (x > 0) + np.abs(x) * np.sign(x),
        lambda x: np.maximum(x, 0.25),
    ],
)
def test_masks_follow_the_values(f):
    g = tg.value_and_grad(lambda x: np.sum(np.sin(f(x))))
    check(g, *((np.array(x),) for x in ([1.0, -1.0, 0.3, 2.0], [-1.0, 2.0, 0.7, -3.0], [0.6, 0.1, -0.2, 0.4])))


def test_rank_and_singular_values_follow_the_values():
    compiled = tg.compile(lambda a, b: np.linalg.lstsq(a, b))
    rng = np.random.default_rng(0)
    for _ in range(3):
        a, b = rng.normal(size=(5, 3)), rng.normal(size=5)
        for ours, numpys in zip(compiled(a, b), np.linalg.lstsq(a, b), strict=True):
            np.testing.assert_allclose(ours, numpys)
    a[:, 2] = a[:, 1]
    assert compiled(a, b)[2] == np.linalg.lstsq(a, b)[2] == 2


# --- Arguments and results ----------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "left right")


def test_nested_containers():
    def f(tree, scale):
        a, (b, c) = tree["a"], tree["rest"]
        return {"sum": a + b, "more": [a * scale, Pair(c[0], -c[0])], "none": None, "text": "kept", "number": 3}

    tree = {"a": np.arange(3.0), "rest": (np.ones(3), [np.array(2.0)])}
    compiled = tg.compile(f)
    got, expected = compiled(tree, 2.0), f(tree, 2.0)
    assert list(got) == list(expected)
    assert type(got["more"][1]) is Pair
    assert (got["none"], got["text"], got["number"]) == (None, "kept", 3)
    for key in ("sum", "more"):
        assert_close(got[key], expected[key])


def test_keywords_defaults_and_any_number_of_arguments():
    def f(x, *others, scale=2.0, shift):
        return x * scale + shift + sum(others)

    x = np.arange(3.0)
    compiled = tg.compile(f)
    assert_close(compiled(x, x, x, shift=x), f(x, x, x, shift=x))
    assert_close(compiled(x, shift=x, scale=x), f(x, shift=x, scale=x))


def test_another_number_is_another_program():
    compiled = tg.compile(lambda x, n: x**n)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(compiled(x, 2), [1, 4])
    np.testing.assert_array_equal(compiled(x, 3), [1, 8])
    np.testing.assert_array_equal(compiled(x, 2), [1, 4])
    assert len(compiled.programs) == 2


def test_another_shape_dtype_or_structure_is_another_program():
    f = tg.value_and_grad(lambda xs: sum(np.sum(np.square(x)) for x in xs))
    compiled = tg.compile(f)
    for xs in ([np.ones(2)], [np.ones(3)], [np.ones(3, np.float32)], [np.ones(3), np.ones(2)], (np.ones(3),)):
        got, expected = compiled(xs), f(xs)
        assert type(got[1]) is type(expected[1])
        assert_close(got, expected)
    assert len(compiled.programs) == 5


def test_the_number_of_programs_is_bounded():
    compiled = tg.compile(lambda x: x + 1)
    for n in range(40):
        assert compiled(np.zeros(n)).shape == (n,)
    assert len(compiled.programs) == 16
    assert "np.empty(39)" in compiled.source


def test_methods():
    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        @tg.compile
        def apply(self, x):
            return x * self.factor

    two, three = Scaled(2.0), Scaled(3.0)
    assert [s.apply(np.ones(1))[0] for s in (two, three, two)] == [2, 3, 2]


def test_names_that_the_program_uses_itself():
    def f(np_, out, program, outputs):
        return out * program["np"] + outputs[0] - np_

    f.__code__ = f.__code__.replace(co_varnames=("np", "out", "program", "outputs"))
    x = np.arange(3.0)
    check(f, (x, x + 1, {"np": x, "def": x}, [x]))
    check(lambda params, x: params["params"] * x, ({"params": x}, x))


def test_long_chains():
    def f(x):
        for _ in range(2000):
            x = np.tanh(x) * 1.5
        for _ in range(2000):
            x = x * x[::-1] + x
        return x

    check(f, (np.full(3, 0.1),))
    check(lambda x: _power(x, 3000), (np.full(2, 1.0001),))


def _power(x, n):
    y = x
    for _ in range(n):
        y = y * x
    return y


def test_axes_given_by_place():
    check(
        lambda x, y: (np.sum(x * y, 0), np.max(x, 1), np.sum(np.square(x), 1)),
        (np.ones((2, 3)), np.arange(6.0).reshape(2, 3)),
    )


def test_integers_that_do_not_fit():
    check(lambda x: (np.less(x, 300), x + 1), (np.arange(5, dtype=np.uint8),))


def test_scalars_integers_and_views_as_arguments():
    f = lambda x, i: x * 2 + i
    check(f, (np.float64(3.0), np.arange(3)), (np.float64(-1.0), np.arange(3, 6)))
    check(f, (np.arange(12.0).reshape(3, 4).T[::2], np.ones(3, np.float32)))


def test_aliased_arguments_and_repeated_outputs():
    def f(x, y):
        z = x * y
        return z, z, x, x, y[1:], np.ones(2), x.T

    x = np.arange(4.0)
    got = tg.compile(f)(x, x)
    assert_close(got, f(x, x))
    places = [a for a in got if np.shares_memory(a, x)]
    assert not places
    for i, a in enumerate(got):
        a[...] = -1 - i
    assert [a.flat[0] for a in got] == [-1, -2, -3, -4, -5, -6, -7]
    np.testing.assert_array_equal(x, np.arange(4.0))


def test_numbers_in_the_result_are_new_arrays():
    x = np.array([2.0])
    y = np.array(3.0)
    got = tg.compile(lambda x, y: (x.reshape(()), x[0], np.sum(x), y, y * 2))(x, y)
    assert_close(got, (np.array(2.0), np.array(2.0), np.array(2.0), y, np.array(6.0)))
    assert all(type(a) is np.ndarray for a in got)
    for a in got:
        a[...] = -1
    assert (x, y) == (2, 3)


@pytest.mark.parametrize("size", [3, 20_000])
def test_results_that_are_held_are_never_written_again(size):
    compiled = tg.compile(tg.value_and_grad(lambda x: np.sum(np.square(x))))
    rng = np.random.default_rng(0)
    held = []
    for _ in range(10):
        x = rng.normal(size=size)
        gradient = compiled(x)[1]
        held.append((gradient if rng.random() < 0.5 else gradient[1:], 2 * x))
        if rng.random() < 0.3:
            held.pop(0)
        for view, expected in held:
            np.testing.assert_array_equal(view, expected[-len(view) :])


def test_dropped_results_are_used_again():
    compiled = tg.compile(lambda x: x * 2)
    x = np.zeros(100_000)
    places = {compiled(x).ctypes.data for _ in range(20)}
    assert len(places) == 1


def test_captured_tensors_are_read_at_every_call():
    net = tg.nn.MLP([3, 4, 2], rng=0)
    compiled = tg.compile(net)
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(arrays(compiled(x))[0], net(x).numpy())
    net.weights[0].data[...] *= 2
    net.biases[1].data = np.array([1.0, -1.0])
    np.testing.assert_allclose(arrays(compiled(x))[0], net(x).numpy())
    assert "W1" in compiled.source


def test_arrays_found_elsewhere_are_those_of_the_first_call():
    table = np.arange(100.0)
    compiled = tg.compile(lambda x: x + table)
    expected = np.ones(100) + table
    np.testing.assert_array_equal(compiled(np.ones(100)), expected)
    table[:] = 0
    np.testing.assert_array_equal(compiled(np.ones(100)), expected)
    assert_same_bits(alone(compiled.source, compiled)(np.ones(100)), expected)


def test_on_tensors_it_runs_the_function():
    compiled = tg.compile(lambda x: np.sum(np.tanh(x)))
    x = tg.Tensor([0.5, 1.0], requires_grad=True)
    compiled(x).backward()
    np.testing.assert_allclose(x.grad, 1 - np.tanh([0.5, 1.0]) ** 2)
    np.testing.assert_allclose(tg.grad(compiled)(np.array([0.5])), 1 - np.tanh([0.5]) ** 2)
    assert not compiled.programs


def test_integer_labels():
    def C(W, x, labels):
        return tg.costs.cross_entropy(tg.softmax(x @ W), labels)

    rng = np.random.default_rng(0)
    draw = lambda: (rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.integers(0, 3, size=5))
    check(tg.value_and_grad(C), draw(), draw())


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_raise_in_later_calls_too(label):
    compiled = tg.compile(lambda a, labels: tg.costs.cross_entropy(a, labels))
    a = np.full((2, 3), 1 / 3)
    compiled(a, np.array([0, 2]))
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(a, np.array([0, label]))


def test_arguments_stay_as_they_are():
    def f(x):
        x += 1
        return x

    x = np.zeros(2)
    np.testing.assert_array_equal(tg.compile(f)(x), [1, 1])
    np.testing.assert_array_equal(x, [0, 0])


def test_what_is_no_function_raises():
    with pytest.raises(TypeError, match="not a function"):
        tg.compile(3)


def test_a_training_step_with_its_update():
    @tg.compile
    def step(params, x, y):
        C, grads = tg.value_and_grad(nielsen)(params, x, y)
        return C, [p - 0.5 * g for p, g in zip(params, grads, strict=True)]

    params, x, y = arguments_of_nielsen((5, 4, 3), n=6)
    expected = [p.copy() for p in params]
    for _ in range(5):
        _, params = step(params, x, y)
        grads = tg.grad(nielsen)(expected, x, y)
        expected = [p - 0.5 * g for p, g in zip(expected, grads, strict=True)]
    assert_close(params, expected)


def test_functions_without_a_rule_where_no_gradient_is_asked_for():
    check(
        lambda x: np.fft.irfft(np.fft.rfft(x)) + np.sort(x)[::-1] + np.floor(x),
        (np.arange(4.0),),
        (np.array([3.0, 1.5, 2, 0]),),
    )


def test_functions_of_the_user():
    @tg.primitive(lambda g, y, x: g * 3 * x**2)
    def cube(x):
        return x**3

    check(tg.value_and_grad(lambda x: np.sum(cube(x))), (np.arange(3.0),), (np.arange(1.0, 4.0),))


# --- What cannot be compiled --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x if x[0] > 0 else -x, "truth value"),
        (lambda x: x * float(x[0]), "float"),
        (lambda x: x * x[0].item(), "item"),
        (lambda x: x[x > 0], "np.where"),
        (lambda x: x * np.asarray(x), "asarray"),
        (lambda x: x + np.nonzero(x)[0].size, "nonzero"),
        (lambda x: np.arange(9.0)[x.astype(int)], "tg.Tensor"),
        (lambda x: x * x.data, "data"),
        (lambda x: np.array_equal(x, x), "array_equal"),
    ],
    ids=lambda p: p if isinstance(p, str) else "",
)
def test_what_depends_on_values_raises(f, words):
    compiled = tg.compile(tg.stop_gradient(lambda x: f(x) if isinstance(x, tg.Tensor) else x))
    with pytest.raises(TypeError, match="compile") as error:
        compiled(np.arange(3.0))
    assert words in str(error.value)
    assert not compiled.programs


def test_randomness_raises():
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="random"):
        tg.compile(lambda x: x * rng.normal(size=3))(np.ones(3))
    with pytest.raises(TypeError, match="random"):
        tg.compile(lambda x: (x, rng.random()))(np.ones(3))


def test_not_a_number_is_no_randomness():
    compiled = tg.compile(lambda x: (np.where(x > 0, x, np.nan), float("nan")))
    np.testing.assert_array_equal(compiled(np.array([1.0, -1.0]))[0], [1, np.nan])


def test_backward_inside_raises():
    w = tg.Tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="value_and_grad"):
        tg.compile(lambda x: np.sum(w * x).backward())(np.ones(1))


def test_setting_a_value_inside_raises():
    """The program would compute with the new value, but not leave it behind."""
    w = tg.Tensor([1.0], requires_grad=True)
    sgd = tg.optim.SGD([w], lr=1.0)
    np.sum(w * w).backward()

    def by_assignment(x):
        w.data = np.array([5.0])
        return w * x

    def by_an_optimizer(x):
        sgd.step()
        return w * x

    for f in (by_assignment, by_an_optimizer):
        compiled = tg.compile(f)
        with pytest.raises(TypeError, match=r"compile: .* sets the value of a tensor of shape \(1,\).* return"):
            compiled(np.ones(1))
        assert not compiled.programs
        assert w.item() == 1


def test_before_the_first_call_there_is_no_program():
    with pytest.raises(ValueError, match="call the function first"):
        _ = tg.compile(np.sin).source


def test_an_error_leaves_everything_as_it_was():
    compiled = tg.compile(lambda x, W: np.tanh(x @ W))
    x, W = np.ones((2, 3)), np.ones((3, 2))
    first = compiled(x, W)
    with pytest.raises(ValueError, match="shapes"):
        compiled(x, np.ones((4, 2)))
    assert len(compiled.programs) == 1
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        tg.compile(lambda x: 1 / x)(np.zeros(2))
    assert_same_bits(compiled(x, W), first)


def test_tracing_ends_with_an_error():
    with pytest.raises(TypeError):
        tg.compile(lambda x: float(x))(np.array(1.0))
    assert float(tg.Tensor(1.0)) == 1.0


def test_threads():
    check_threads("numpy")


def check_threads(backend, sizes=(20, 15, 5), n=8):
    compiled = tg.compile(tg.value_and_grad(nielsen), backend=backend)
    sets = [arguments_of_nielsen(sizes, n=n, seed=seed) for seed in range(6)]
    expected = [tg.value_and_grad(nielsen)(*args) for args in sets]
    wrong = []

    def work(i):
        for _ in range(50):
            try:
                assert_close(compiled(*sets[i]), expected[i])
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(sets))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- The testers are tested ---------------------------------------------------------------------------------------


def test_a_wrong_simplification_is_caught(monkeypatch):
    from tinygrad_edu.compiler.simplify import products

    def one_factor_too_few(graph, product):
        product.factors = product.factors[: max(1, len(product.factors) - 1)]
        return right(graph, product)

    right = products.compute
    monkeypatch.setattr(products, "compute", one_factor_too_few)
    with pytest.raises(AssertionError):
        check(tg.value_and_grad(nielsen), arguments_of_nielsen((5, 4, 3), n=6))


def test_a_buffer_written_too_early_is_caught(monkeypatch):
    from tinygrad_edu.compiler.plan import Place
    from tinygrad_edu.compiler.printers import numpy as printer

    def everything_in_one_place(operations, outputs, read_at_end):
        places = plan(operations, outputs, read_at_end)
        shared = {}
        return {
            node: place
            if place.output
            else shared.setdefault((place.shape, place.dtype), Place(place.shape, place.dtype, False))
            for node, place in places.items()
        }

    plan = printer.plan
    monkeypatch.setattr(printer, "plan", everything_in_one_place)
    with pytest.raises(AssertionError):
        check(tg.value_and_grad(nielsen), arguments_of_nielsen((5, 4, 3), n=6))


def test_a_number_is_multiplied_where_that_is_cheapest():
    """η ∂C/∂W1 = xᵀ (η δ): the number goes to the smaller operand."""

    def step(W1, b1, W2, b2, x, y):
        params = W1, b1, W2, b2
        return [p - 0.25 * g for p, g in zip(params, tg.grad(nielsen)(params, x, y), strict=True)]

    params, x, y = arguments_of_nielsen((50, 6, 3), n=4)
    compiled = check(step, (*params, x, y))
    assert "new_W1 = W1 - x.T @ (delta1 * 0.25)" in compiled.formula


def test_a_program_goes_when_it_is_dropped():
    """Without the garbage collector: its buffers may be large."""
    gc.disable()
    try:
        compiled = tg.compile(lambda x: np.tanh(x) * np.sin(x) + 1)
        compiled(np.ones(5))
        program = weakref.ref(compiled.programs[0])
        buffers = program()._program.__globals__["buffers"]
        assert sys.getrefcount(buffers) > 2
        del compiled
        assert program() is None
        assert sys.getrefcount(buffers) == 2
    finally:
        gc.enable()


def test_a_trace_leaves_nothing_to_the_garbage_collector(monkeypatch):
    """Else each compiling would go through all that there is in memory."""
    from tinygrad_edu.compiler import trace

    monkeypatch.setattr(trace, "collect", lambda: pytest.fail("a cycle kept the nodes"))
    f = tg.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2))
    tg.compile(f)(np.ones(3), np.ones((4, 3)))
    tg.compile(tg.hessian(lambda x: np.sum(np.sin(x) * x**2)))(np.ones(12))
