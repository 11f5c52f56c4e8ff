"""Random NumPy programs: values, gradients, JVPs and Hessian–vector products against JAX in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import N, programs, run

import tinygrad_edu as tg

pytestmark = pytest.mark.peers
jax = pytest.importorskip("jax", reason="JAX is in the dependency group peers")

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)  # each program runs once: compiling it is what takes long
jnp = jax.numpy


@pytest.mark.long
@given(programs, st.integers(0, 2**32 - 1))
def test_random_programs(program, seed):
    rng = np.random.default_rng(seed)
    xs = tuple(rng.normal(size=(2, N, N)))
    vs = tuple(rng.normal(size=(2, N, N)))

    def f(xs):
        return run(np, program, *xs)

    @jax.jit
    def theirs(xs, vs):
        g = lambda xs: run(jnp, program, *xs)
        value, tangent = jax.jvp(g, (xs,), (vs,))
        gradient, product = jax.jvp(jax.grad(g), (xs,), (vs,))
        return value, tangent, gradient, product

    value, gradient = tg.value_and_grad(f)(xs)
    _, tangent = tg.jvp(f, (xs,), (vs,))
    product = tg.hvp(f)(xs, vs)
    for mine, other in zip(
        (value, tangent, *gradient, *product),
        jax.tree.leaves(theirs(xs, vs)),
        strict=True,
    ):
        scale = max(1.0, float(np.max(np.abs(other))))
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-8 * scale)


# Where the two libraries differ by convention, at points without a derivative.
CONVENTIONS = {
    "hypot at the origin": (lambda np, x: np.hypot(x[0], x[1]), [0.0, 0.0], [0.0, 0.0]),
    "relu at 0": (lambda np, x: np.sum(np.where(x > 0, x, 0)), [0.0, 1.0], [0.0, 1.0]),
    "abs at 0": (lambda np, x: np.sum(np.abs(x)), [0.0, -1.0], [0.0, -1.0]),
    "a tie of max": (lambda np, x: np.max(x), [1.0, 1.0], [0.5, 0.5]),
    "a tie of maximum": (lambda np, x: np.maximum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
    "the norm of 0": (lambda np, x: np.linalg.norm(x), [0.0, 0.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_where_there_is_no_derivative(name):
    f, x, expected = CONVENTIONS[name]
    assert tg.grad(lambda x: f(np, x))(np.array(x)).tolist() == expected
