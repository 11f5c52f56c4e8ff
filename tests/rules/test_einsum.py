"""Einstein sums so large that they are worth a call of BLAS."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.rules.products import is_large_product

rng = np.random.default_rng(0)

LARGE = {
    "matrices": ("ij,jk->ik", (40, 30), (30, 50)),
    "stacks": ("nkd,kde->nke", (300, 6, 4), (6, 4, 5)),
    "sums over two letters": ("nij,njik->kn", (9, 20, 30), (9, 30, 20, 7)),
    "without an arrow": ("ij,kj", (40, 30), (50, 30)),
    "ellipsis": ("...ij,...jk->...ik", (3, 40, 30), (3, 30, 50)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("subscripts", "shape_a", "shape_b"), LARGE.values(), ids=LARGE)
def test_gradients_of_large_products(subscripts, shape_a, shape_b, dtype):
    """∂/∂A of Σ W ∘ (A B) is linear in W and B: it is compared with sums that are written out."""
    a, b = rng.normal(size=shape_a).astype(dtype), rng.normal(size=shape_b).astype(dtype)
    w = rng.normal(size=np.einsum(subscripts, a, b).shape).astype(dtype)
    both = tg.value_and_grad(lambda a, b: np.sum(w * np.einsum(subscripts, a, b)), argnums=(0, 1))
    left, _, output = subscripts.partition("->")
    A, B = left.split(",")
    output = output or "ik"
    right = np.einsum(f"{output},{B}->{A}", w, b), np.einsum(f"{output},{A}->{B}", w, a)
    for value, grads in (both(a, b), tg.compile(both)(a, b)):
        assert value == pytest.approx(
            np.sum(w * np.einsum(subscripts, a, b)), rel=1e-10 if dtype == np.float64 else 1e-3
        )
        for found, expected in zip(grads, right, strict=True):
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 if dtype == np.float64 else 1e-3)


def test_the_program_calls_blas_where_that_pays_and_writes_into_arrays_that_are_there():
    large, small = (rng.normal(size=(n, n)) for n in (40, 4))
    both = tg.compile(lambda a, b: np.exp(np.einsum("ij,jk->ik", a, b)))
    np.testing.assert_allclose(both(large, large), np.exp(large @ large), rtol=1e-10)
    assert 'np.einsum("ij,jk->ik", a, b, optimize=True, out=' in both.source
    np.testing.assert_allclose(both(small, small), np.exp(small @ small), rtol=1e-12)
    assert 'np.einsum("ij,jk->ik", a, b, out=' in both.source

    result = tg.compile(lambda a, b: np.einsum("ij,ik->ijk", a, b))  # is the caller's, and is not copied
    first, second = result(large, large), result(small, small)
    np.testing.assert_array_equal(first, large[:, :, None] * large[:, None, :])
    np.testing.assert_array_equal(second, small[:, :, None] * small[:, None, :])
    assert "copy" not in result.source
    again = result(large, 2 * large)
    np.testing.assert_array_equal(again, 2 * first)
    np.testing.assert_array_equal(result(large, large), first)


def test_an_option_of_the_user_stays():
    a = rng.normal(size=(40, 40))
    program = tg.compile(lambda a: np.einsum("ij,jk->ik", a, a, optimize="greedy") + 1)
    np.testing.assert_allclose(program(a), a @ a + 1, atol=1e-12)
    assert program.source.count("optimize") == 1
    assert 'optimize="greedy"' in program.source


@pytest.mark.parametrize(
    ("subscripts", "shapes", "large"),
    [
        ("ij,jk->ik", [(40, 30), (30, 50)], True),
        ("ij,jk->ik", [(4, 3), (3, 5)], False),
        ("ij,ij->", [(300, 300), (300, 300)], False),  # no letters of their own
        ("ni,nj->nij", [(100, 50), (100, 50)], False),  # nothing is summed
        ("ij,jk->ijk", [(40, 30), (30, 50)], False),
        ("ij,j->i", [(300, 300), (300,)], False),
        ("ij->i", [(300, 300)], False),
        ("ij,jk,kl->il", [(40, 40)] * 3, False),
    ],
)
def test_what_is_a_large_product(subscripts, shapes, large):
    assert is_large_product(subscripts, [np.ones(shape) for shape in shapes]) == large
