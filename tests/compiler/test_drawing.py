"""Functions that are handed a generator of random numbers: compiled, they draw what they would have drawn."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg

X = np.random.default_rng(1).normal(size=(4, 3))
W = np.array([0.5, -1.0, 2.0])


def noisy(w, x, rng):
    """Dropout, noise and a shuffle: three draws, each of another kind."""
    kept = rng.integers(0, 2, size=x.shape)
    noise = 0.1 * rng.normal(size=len(x))
    rows = rng.permutation(len(x))
    return np.sum(np.tanh((x * kept)[rows] @ w + noise) ** 2)


@pytest.mark.parametrize("backend", ["numpy", "numba", "auto"])
@pytest.mark.parametrize("by_name", [False, True])
def test_the_same_numbers_in_the_same_order(backend, by_name):
    if backend != "numpy":
        pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    f = tg.value_and_grad(noisy)
    compiled = tg.compile(f, backend=backend)
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(3):
        expected = f(W, X, theirs)
        C, slope = compiled(W, X, rng=ours) if by_name else compiled(W, X, ours)
        np.testing.assert_allclose(C, expected[0], 1e-12)
        np.testing.assert_allclose(slope, expected[1], 1e-12, 1e-14)
    assert ours.bit_generator.state == theirs.bit_generator.state
    assert len(compiled.programs) == 1
    other = np.random.default_rng(7)
    np.testing.assert_allclose(
        compiled(W, X, rng=other)[0] if by_name else compiled(W, X, other)[0], f(W, X, np.random.default_rng(7))[0]
    )
    assert len(compiled.programs) == 1  # any generator will do


CALLS = {
    "normal": lambda rng, size: rng.normal(1.0, 2.0, size),
    "standard_normal": lambda rng, size: rng.standard_normal(size, dtype=np.float32),
    "random": lambda rng, size: rng.random(size),
    "integers": lambda rng, size: rng.integers(5, size=size),
    "choice": lambda rng, size: rng.choice([1.0, 2.0, 4.0], size),
    "gamma": lambda rng, size: rng.gamma(2.0, size=size),
    "dirichlet": lambda rng, size: rng.dirichlet([1.0, 2.0], size),
    "permuted": lambda rng, size: rng.permuted(np.arange(6.0)),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.sampled_from([(), (2,), (3, 1)])), max_size=5))
def test_any_draws(calls):
    def f(rng, x):
        return [CALLS[name](rng, size) * x for name, size in calls]

    compiled = tg.compile(f)
    ours, theirs = np.random.default_rng(3), np.random.default_rng(3)
    for x in (2.0, 3.0):
        for a, b in zip(compiled(ours, np.asarray(x)), f(theirs, np.asarray(x)), strict=True):
            np.testing.assert_allclose(a, b, 1e-12)
            assert a.dtype == b.dtype
    assert ours.bit_generator.state == theirs.bit_generator.state


def test_what_nobody_reads_is_drawn_all_the_same():
    def f(x, rng):
        rng.normal(size=3)
        return x + rng.normal(size=3)

    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    np.testing.assert_array_equal(tg.compile(f)(W, ours), f(W, theirs))


def test_two_generators_are_told_apart():
    def f(x, a, b):
        return x + a.normal(size=3) * b.normal(size=3)

    compiled = tg.compile(f)
    for seed in (0, 1):
        a, b = np.random.default_rng(seed), np.random.default_rng(seed + 10)
        expected = f(W, copy.deepcopy(a), copy.deepcopy(b))
        np.testing.assert_array_equal(compiled(W, a, b), expected)


def test_the_generator_is_not_touched_by_compiling():
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError):
        tg.compile(lambda x, rng: float(np.sum(x + rng.normal(size=3))))(W, rng)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_the_numbers_are_the_first_argument_of_the_program():
    compiled = tg.compile(tg.value_and_grad(noisy))
    compiled(W, X, np.random.default_rng(0))
    assert "def program(drawn, w, x, rng):" in compiled.formula


def test_what_a_method_belongs_to_is_looked_at():
    class Noise:
        def __init__(self):
            self.scale = 1.0

        def __call__(self, x, rng):
            return x + self.scale * rng.normal(size=3)

        def method(self, x, rng):
            return self(x, rng)

    noise = Noise()
    for f in (tg.compile(noise), tg.compile(noise.method)):
        for scale in (1.0, 3.0):
            noise.scale = scale
            np.testing.assert_array_equal(f(W, np.random.default_rng(0)), noise(W, np.random.default_rng(0)))


def test_other_shapes_draw_other_numbers():
    def f(x, rng):
        return x * rng.normal(size=x.shape)

    compiled = tg.compile(f)
    for x in (np.ones(3), np.ones((2, 2)), np.ones(3)):
        np.testing.assert_array_equal(compiled(x, np.random.default_rng(0)), f(x, np.random.default_rng(0)))
    assert len(compiled.programs) == 2


REFUSED = {
    "a number of Python": (lambda x, rng: x * rng.normal(), r"\.normal draws a number of Python.*size=\(\)"),
    "of another distribution": (lambda x, rng: rng.normal(x), r"\.normal draws numbers whose distribution depends"),
    "an argument, permuted": (lambda x, rng: rng.permutation(x), r"\.permutation draws.*x\[rng\.permutation\(4\)\]"),
    "in place": (lambda x, rng: rng.shuffle(np.arange(3.0)), r"\.shuffle changes an array"),
    "into an array": (lambda x, rng: x * rng.random(out=np.empty(3)), r"\.random changes an array"),
    "until something is so": (lambda x, rng: x if rng.random(()) > 2 else x + 1, "the truth value"),
}


@pytest.mark.parametrize(("f", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(f, message):
    with pytest.raises(TypeError, match=f"^compile: .*{message}"):
        tg.compile(f)(W, np.random.default_rng(0))


def test_draws_that_change_from_run_to_run():
    count = iter(range(9))

    def f(x, rng):
        return x + rng.normal(size=3) if next(count) % 2 else x + rng.random(3)

    with pytest.raises(TypeError, match=r"^compile: the function draws other numbers in another run \(here by"):
        tg.compile(f)(W, np.random.default_rng(0))


def test_a_generator_that_is_no_argument_is_refused_with_the_way_out():
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match=r"pass that \(a numpy\.random\.Generator, too\) as an argument"):
        tg.compile(lambda x: x + rng.normal(size=3))(W)
