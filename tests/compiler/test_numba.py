"""The program for numba gives what the function gives; where there is none, the NumPy program runs and that is said.

The text is run twice: as plain Python, quickly and without numba, for every rule; and compiled.
"""

import sys
import time
import types
import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import N, programs, run
from rule_cases import Case
from test_compiler import (
    EVERY_CASE,
    alone,
    arguments_of_nielsen,
    arrays,
    assert_close,
    assert_same_bits,
    check_threads,
    networks,
    nielsen,
)

import tinygrad_edu as tg
from tinygrad_edu.compiler import NumbaProgram, Program
from tinygrad_edu.compiler.printers.loops.kernel import print_loops
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError
from tinygrad_edu.trees import leaves_of

try:
    import numba
except ImportError:
    numba = None
needs_numba = pytest.mark.skipif(numba is None, reason='numba is missing: pip install "tinygrad_edu[fast]"')
PLAIN_PYTHON = types.SimpleNamespace(njit=lambda *_, **__: lambda f: f, objmode=nullcontext)  # changes nothing
few = settings(max_examples=settings.default.max_examples // 8)

FOR_NUMPY = {  # what the printer leaves to the NumPy program; whatever else it takes
    *("np.argsort", "np.argpartition", "np.searchsorted", "np.unwrap"),
    *("np.interp", "np.nanmax", "np.nanmin", "np.nanvar", "np.convolve", "np.linalg.det"),
    *("np.linalg.norm", "np.linalg.inv", "np.linalg.pinv", "np.linalg.solve", "np.linalg.cholesky", "np.concatenate"),
}


@pytest.fixture
def plain_python(monkeypatch):
    """The text for numba runs without it."""
    monkeypatch.setitem(sys.modules, "numba", PLAIN_PYTHON)


def check(f, *runs, tolerance=1e-9):
    """Compile with numba, and compare on several sets of arguments with ``f``."""
    compiled = tg.compile(f, backend="numba")
    with np.errstate(all="ignore"):
        for args in runs:
            before = [x.copy() for x in arrays(args)]
            result = compiled(*args)
            assert compiled.backend == "numba"
            assert_close(result, f(*args), tolerance)
            assert_close(before, arrays(args), 0)
    return compiled


# --- Every rule ---------------------------------------------------------------------------------------------------


def with_gradients(case, xs):
    """The sum of the results and its gradients, where there are any."""

    def f(*xs):
        return sum(np.sum(np.sin(part)) for part in leaves_of(case.call(*xs)))

    g = tg.value_and_grad(f, tuple(range(len(xs))))
    try:
        g(*xs)
    except (TypeError, ValueError, np.linalg.LinAlgError):
        return case.call
    return g


@pytest.mark.parametrize("case", EVERY_CASE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_rule_as_plain_python(case: Case, dtype, plain_python):
    runs = [case.arrays(np.random.default_rng(seed), dtype) for seed in (0, 1)]
    f = with_gradients(case, runs[0])
    try:
        program = NumbaProgram(f, tuple(runs[0]), {})
    except CannotTakeError as reason:
        words = str(reason)
        assert words in FOR_NUMPY or " with " in words, words
        return
    with np.errstate(all="ignore"):
        for args in runs:
            assert_close(program.run_any(tuple(args), {}), f(*args), 1e-9 if dtype is np.float64 else 2e-3)


@pytest.mark.long
@given(programs, st.integers(0, 2**32 - 1))
def test_random_programs_as_plain_python(program, seed):
    rng = np.random.default_rng(seed)
    f = tg.value_and_grad(lambda xs: run(np, program, *xs))
    runs = [(tuple(rng.normal(size=(2, N, N))),) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setitem(sys.modules, "numba", PLAIN_PYTHON)
        try:
            made = NumbaProgram(f, runs[0], {})
        except CannotTakeError:
            return
        for args in runs:
            assert_close(made.run_any(args, {}), f(*args), 1e-7)


# fmt: off
UNARY = (
    np.negative, np.absolute, np.fabs, np.square, np.sqrt, np.cbrt, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10,
    np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arctanh,
    np.deg2rad, np.rad2deg, np.sign, np.floor, np.ceil, np.rint, np.reciprocal, np.sinc,
)
BINARY = (
    np.add, np.subtract, np.multiply, np.divide, np.remainder, np.fmod, np.power, np.logaddexp, np.logaddexp2, np.hypot,
    np.arctan2, np.maximum, np.minimum, np.fmax, np.fmin, np.floor_divide,
)
EVERYWHERE = (
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin, np.arctan2, np.hypot,
    np.logaddexp,
)
# fmt: on


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_elementwise_functions(dtype):
    def f(x, y):
        return [fn(x) for fn in UNARY], [fn(x, y) for fn in BINARY], np.arccosh(1 + x)

    rng = np.random.default_rng(0)
    draw = lambda: tuple(rng.uniform(0.05, 0.95, (2, 20)).astype(dtype))
    check(f, draw(), draw(), tolerance=1e-12 if dtype is np.float64 else 1e-5)


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_elementwise_functions_of_special_values(dtype):
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5, 1e30, -1e30, 1e-30], dtype)
    x, y = map(np.ravel, np.meshgrid(special, special))

    def f(x, y):
        chosen = np.where(x > y, x, y), np.clip(x, -1, 2), (x < y) * 2.0, np.isnan(x) | (x == y), np.sign(x)
        return chosen, [fn(x, y) for fn in EVERYWHERE], [fn(x) for fn in (tg.sigmoid, tg.relu, np.exp, np.log)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(f, (x, y), (y, x), tolerance=1e-12 if dtype is np.float64 else 1e-5)


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_reductions_views_and_products(dtype):
    def f(x, A, B, v):
        sums = np.sum(x), np.sum(x, axis=(0, 2), keepdims=True), np.mean(x, axis=-1), np.sum(x > 0)
        most = np.max(x), np.min(x, axis=0), np.prod(x, axis=2)
        views = x[1, ::-1], x[:, None, 1:], np.swapaxes(x, 0, 1), x[:, [2, 0, 2]], x.reshape(-1)
        parts = np.concatenate([x, 2 * x], axis=1), np.diag(v)
        products = A @ B, A @ v, v @ B, v @ v, x @ B, np.einsum("ij,kj->ki", A, A)
        return sums, most, views, parts, products, tg.softmax(A)

    rng = np.random.default_rng(0)
    draw = lambda: [rng.normal(size=shape).astype(dtype) for shape in ((2, 3, 4), (5, 4), (4, 6), (4,))]
    check(f, draw(), draw(), tolerance=1e-12 if dtype is np.float64 else 1e-5)


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_large_matrices(dtype):
    def f(A, B, v):
        return A @ B, (A + 1) @ B[:, ::2], A @ v, (A @ B).T @ A, A.reshape((40, 30)) @ B[:30]

    rng = np.random.default_rng(0)
    draw = lambda: [rng.normal(size=shape).astype(dtype) for shape in ((30, 40), (40, 50), (40,))]
    compiled = check(f, draw(), draw(), tolerance=1e-11 if dtype is np.float64 else 1e-3)
    assert compiled.source.count("np.dot(") == 5


# --- Networks -----------------------------------------------------------------------------------------------------


@needs_numba
@few
@given(networks(widest=12, deepest=4, most_examples=12))
def test_networks(network):
    C, runs, tolerance = network
    check(tg.value_and_grad(C), *runs, tolerance=tolerance)


@needs_numba
def test_the_program_of_the_notes_reads_as_the_textbook():
    compiled = check(tg.value_and_grad(nielsen), arguments_of_nielsen(), arguments_of_nielsen(seed=1))
    args = arguments_of_nielsen(seed=2)
    assert_same_bits(alone(compiled.source, compiled)(*args), compiled(*args))
    assert "tinygrad" not in compiled.source
    for line in (
        "z1 = t1[i, j] + b1[j]  # layer 1: z1 = x W1 + b1",
        "grad_b2[j] += delta2[i, j]  # BP3",
        "* a1[i, j] * (1 - a1[i, j])  # BP2: the error moves back through W2",
        "np.dot(x.T, delta1, grad_W1)  # BP4",
    ):
        assert line in compiled.source
    assert "delta1 = delta2 @ W2.T * a1 * (1 - a1)" in compiled.formula


FLAT = {
    "in order": (lambda a: a * 2 - np.exp(a), True),
    "a sum": (lambda a: np.sum(np.sin(a) * a), True),
    "a number for all": (lambda a: a * np.max(a), True),
    "the corner of a larger array": (lambda a: np.sin(a[:2, :2]) * 3, False),
    "stretched": (lambda a: a * np.broadcast_to(a[:, :1], (3, 3)), False),
    "transposed": (lambda a: a.T * a.T, False),
    "the diagonal": (lambda a: a * np.diagonal(a), False),
    "sums of rows": (lambda a: np.sum(np.sin(a), axis=1), False),
}


@needs_numba
@pytest.mark.parametrize(("f", "flat"), FLAT.values(), ids=FLAT)
def test_arrays_that_are_read_in_order_need_one_loop(f, flat):
    found = check(f, [np.random.default_rng(0).normal(size=(3, 3))])
    assert (".flat[i]" in found.source, "for j" in found.source) == (flat, not flat)


@needs_numba
def test_masks_follow_the_values():
    functions = (
        tg.relu,
        lambda x: np.where(x > 0.5, x * x, -x),
        lambda x: np.max(x) * x,
        lambda x: np.clip(x, -0.5, 0.5),
        lambda x: x * (x > 0) + np.abs(x) * np.sign(x),
        lambda x: np.maximum(x, 0.25),
    )
    f = tg.value_and_grad(lambda x: sum(np.sum(np.sin(f(x))) for f in functions))
    check(f, *((np.array(x),) for x in ([1.0, -1.0, 0.3, 2.0], [-1.0, 2.0, 0.7, -3.0], [0.6, 0.1, -0.2, 0.4])))


@needs_numba
def test_integer_labels():
    def C(W, x, labels):
        return tg.costs.cross_entropy(tg.softmax(x @ W), labels)

    rng = np.random.default_rng(0)
    draw = lambda: (rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.integers(0, 3, size=5))
    compiled = check(tg.value_and_grad(C), draw(), draw())
    W, x, _ = draw()
    with pytest.raises(IndexError, match="out of range"):
        compiled(W, x, np.array([0, 1, 2, 3, 0]))


@needs_numba
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_integers_as_inputs(dtype):
    rng = np.random.default_rng(0)
    draw = lambda: (rng.integers(0, 256, size=(3, 4)).astype(dtype), rng.normal(size=(4, 2)))
    check(lambda x, W: np.tanh((x / 255.0) @ W), draw(), draw())


@needs_numba
def test_captured_tensors_are_read_at_every_call():
    net = tg.nn.MLP([3, 4, 2], rng=0)
    compiled = tg.compile(net, backend="numba")
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert_close(compiled(x), net(x))
    net.biases[1].data = np.array([1.0, -1.0])
    assert_close(compiled(x), net(x))


# --- Arguments and results ----------------------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("sizes", [(2, 3, 1), (40, 30, 10)])
def test_arrays_of_any_layout(sizes):
    compiled = tg.compile(tg.value_and_grad(nielsen), backend="numba")
    params, x, y = arguments_of_nielsen(sizes, n=6)
    expected = compiled(params, x, y)
    for change in (
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.broadcast_to(a, a.shape),
    ):
        assert_close(compiled([change(p) for p in params], change(x), change(y)), expected)
    assert len(compiled.programs) == 1


@needs_numba
def test_nested_containers_and_results_that_are_arguments():
    def f(tree, scale):
        a, (b, c) = tree["a"], tree["rest"]
        z = a + b
        return {"sum": z, "again": z, "more": [a * scale, (c[0], -c[0], a)], "none": None, "ones": np.ones(2), "n": 3}

    tree = {"a": np.arange(3.0), "rest": (np.ones(3), [np.array(2.0)])}
    got, expected = tg.compile(f, backend="numba")(tree, 2.0), f(tree, 2.0)
    assert list(got) == list(expected)
    assert (got["none"], got["n"]) == (None, 3)
    assert_close(
        [got[key] for key in ("sum", "again", "more", "ones")], [expected[k] for k in ("sum", "again", "more", "ones")]
    )
    for x in arrays([got["sum"], got["again"], got["more"], got["ones"]]):
        assert not np.shares_memory(x, tree["a"])
        x[...] = -1
    np.testing.assert_array_equal(tree["a"], np.arange(3.0))


@needs_numba
def test_a_function_that_computes_nothing():
    compiled = tg.compile(lambda x: (x, 1.0), backend="numba")
    x = np.arange(3.0)
    got = compiled(x)[0]
    np.testing.assert_array_equal(got, x)
    assert not np.shares_memory(got, x)


@needs_numba
@pytest.mark.parametrize("size", [3, 20_000])
def test_results_that_are_held_are_never_written_again(size):
    compiled = tg.compile(tg.value_and_grad(lambda x: np.sum(np.square(x))), backend="numba")
    rng = np.random.default_rng(0)
    held = []
    for _ in range(10):
        x = rng.normal(size=size)
        value, gradient = compiled(x)
        held.append((value, gradient if rng.random() < 0.5 else gradient[1:], x))
        if rng.random() < 0.3:
            held.pop(0)
        for value, view, x in held:
            np.testing.assert_allclose(value, np.sum(x**2))
            np.testing.assert_array_equal(view, 2 * x[-len(view) :])


@needs_numba
def test_threads():
    check_threads("numba")
    check_threads("numba", (80, 60, 5), n=64)  # with products that NumPy computes


@needs_numba
def test_the_text_alone_refuses_other_shapes():
    compiled = tg.compile(lambda x, y: x + y, backend="numba")
    compiled(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="other shapes"):
        alone(compiled.source, compiled)(np.ones((1, 3)), np.ones(3))


# --- Which backend ------------------------------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.linalg.inv(x), "np.linalg.inv"),
        (lambda x: np.cumsum(x), "np.cumsum with axis=None"),
        (lambda x: np.sort(x, axis=0), "np.sort"),
        (lambda x: x.astype(np.float16), "float16"),
        (lambda x: tg.primitive(lambda g, y, x: g)(lambda x: x + 1)(x), "lambda"),
    ],
)
def test_what_numba_cannot_take_runs_as_numpy_and_says_so(f, words):
    compiled = tg.compile(f, backend="numba")
    x = np.array([[2.0, 1.0], [0.5, 3.0]])
    with pytest.warns(UserWarning, match="the results are the same") as caught:
        result = compiled(x)
    assert len(caught) == 1
    assert words in str(caught[0].message)
    assert caught[0].filename == __file__
    assert_close(result, f(x))
    assert_close(compiled(x + 1), f(x + 1))
    assert compiled.backend == "numpy"
    assert "numba" not in compiled.source


def test_a_program_of_too_many_operations():
    def f(x):
        for _ in range(1100):
            x = np.sin(x)
        return x

    with pytest.raises(CannotTakeError, match="1100 operations"):
        NumbaProgram(f, (np.ones(2),), {})


@needs_numba
def test_an_error_of_numba_is_a_reason_too(monkeypatch):
    def njit(*args, **kwargs):
        raise numba.TypingError("no implementation found")

    monkeypatch.setattr(numba, "njit", njit)
    compiled = tg.compile(np.tanh, backend="numba")
    with pytest.warns(UserWarning, match="TypingError"):
        assert_close(compiled(np.arange(3.0)), [np.tanh(np.arange(3.0))])
    assert compiled.backend == "numpy"


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step(dtype):
    x = np.array([-1, -0.0, 0, 1, np.nan, np.inf, -np.inf], dtype)
    compiled = tg.compile(lambda x, middle: np.heaviside(x, middle), backend="numba")
    for middle in (dtype(0.25), x[::-1].copy()):
        assert_same_bits(compiled(x, middle), np.heaviside(x, middle))
    assert compiled.backend == "numba"


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_large_products_are_those_of_numpy(dtype):
    """NumPy's BLAS and the one that numba calls share large products among threads of their own."""
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal((70, 70)).astype(dtype) for _ in range(2))
    f = tg.value_and_grad(lambda A, B: np.sum(np.tanh(A @ B) ** 2), (0, 1))
    compiled = tg.compile(f, backend="numba")
    assert_close(compiled(A, B), f(A, B), 1e-9 if dtype is np.float64 else 1e-3)
    assert compiled.backend == "numba"
    assert compiled.source.count("with numba.objmode():") == 3
    assert "np.dot" not in compiled.source


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install \"tinygrad_edu\[fast\]\""):
        tg.compile(np.tanh, backend="numba")
    compiled = tg.compile(np.tanh, backend="auto")
    assert_close(compiled(np.ones(2)), np.tanh(np.ones(2)))
    assert compiled.backend == "numpy"


def test_an_unknown_backend():
    with pytest.raises(ValueError, match="did you mean 'numba'"):
        tg.compile(np.tanh, backend="numbа")


@needs_numba
@pytest.mark.parametrize(("slow", "taken"), [(Program, "numba"), (NumbaProgram, "numpy")])
def test_auto_takes_the_faster_one(slow, taken, monkeypatch):
    """One of them is made slow, by far more than any noise."""
    right = slow.run
    monkeypatch.setattr(slow, "run", lambda *args: (time.sleep(0.01), right(*args))[1])
    compiled = tg.compile(tg.value_and_grad(nielsen), backend="auto")
    args = arguments_of_nielsen((2, 3, 1), n=4)
    assert_close(compiled(*args), tg.value_and_grad(nielsen)(*args))
    assert compiled.backend == taken


@needs_numba
def test_auto_says_nothing_of_what_numba_cannot_take():
    compiled = tg.compile(np.linalg.inv, backend="auto")
    assert_close(compiled(np.eye(2)), np.eye(2))
    assert compiled.backend == "numpy"


# --- The testers are tested ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", ["+= t5 * t5", "(1 - a2)", "delta1[k, j]"])
def test_a_wrong_line_is_caught(mistake, plain_python, monkeypatch):
    args = arguments_of_nielsen((2, 3, 1), n=4)
    f = tg.value_and_grad(nielsen)
    assert_close(NumbaProgram(f, args, {}).run_any(args, {}), f(*args))
    wrong = {"+= t5 * t5": "+= t5", "(1 - a2)": "(1 + a2)", "delta1[k, j]": "delta1[0, j]"}[mistake]

    def with_mistake(*args):
        printed = print_loops(*args)
        assert mistake in printed.source
        return replace(printed, source=printed.source.replace(mistake, wrong))

    monkeypatch.setattr(NumbaProgram, "write", staticmethod(with_mistake))
    with pytest.raises(AssertionError):
        assert_close(NumbaProgram(f, args, {}).run_any(args, {}), f(*args))


def test_a_gathered_matrix_in_a_product():
    """Where the index of a factor is one that the product sums over, it is looked at in the inner loop."""

    def f(w, x, rows):
        return np.sum(np.tanh((2 * x)[rows] @ w) ** 2)

    rng = np.random.default_rng(0)
    w, x, rows = rng.normal(size=3), rng.normal(size=(4, 3)), np.array([3, 0, -1, 0, 2])
    compiled = tg.compile(tg.value_and_grad(f, (0, 1)), backend="numba")
    C, (by_w, by_x) = compiled(w, x, rows)
    expected, (of_w, of_x) = tg.value_and_grad(f, (0, 1))(w, x, rows)
    assert compiled.backend == "numba"
    assert_close((C, by_w, by_x), (expected, of_w, of_x), 1e-12)
    with pytest.raises(IndexError):
        compiled(w, x, np.array([3, 0, 4, 0, 2]))
