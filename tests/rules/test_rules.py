"""Every rule of the table, against complex step and central differences, at first and second order.

And the tester tested: rules made wrong on purpose must all be caught.
"""

import re

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from rule_cases import CASES, Case

import tinygrad_edu as tg
from tinygrad_edu.engine import EXPANSIONS, RULES, Each
from tinygrad_edu.errors import name_of
from tinygrad_edu.tensor import stop_gradient

EVERY_CASE = [pytest.param(case, id=f"{name_of(fn)} {case.label}") for fn, cases in CASES.items() for case in cases]

LAYOUTS = {
    "contiguous": lambda a: a,
    "fortran": lambda a: a.copy(order="F"),
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: np.flip(np.flip(a).copy()) if a.ndim else a,
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}


def check(case: Case, arrays: list[np.ndarray], seed: int = 0) -> None:
    tg.check_grads(lambda xs: case.call(*xs), arrays, order=2, rng=seed)


def test_every_rule_and_expansion_has_cases():
    assert set(CASES) == set(RULES) | set(EXPANSIONS)


# By function, not by case: Hypothesis remembers every parameter of a test in one more layer of its settings, and after
# 900 of them Python's recursion ends.
@pytest.mark.parametrize("fn", CASES, ids=name_of)
@settings(max_examples=settings.default.max_examples // 10)
@given(data=st.data())
def test_rule(fn, data):
    for case in CASES[fn]:
        note(case.label)
        dtype = data.draw(st.sampled_from([np.float64, np.float64, np.float32]))
        seed = data.draw(st.integers(0, 2**32 - 1))
        layouts = [data.draw(st.sampled_from(list(LAYOUTS))) for _ in case.shapes]
        arrays = case.arrays(np.random.default_rng(seed), dtype)
        check(case, [LAYOUTS[layout](a) for layout, a in zip(layouts, arrays, strict=True)], seed)


# Here NumPy itself turns float32 into float64; tensors stay float32.
CHANGES_DTYPE = (np.cov, np.corrcoef, np.polyval, np.vander)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_float32_stays_float32(case):
    xs = [tg.Tensor(a, requires_grad=True) for a in case.arrays(np.random.default_rng(0), np.float32)]
    y = case.call(*xs)
    plain = case.call(*(x.numpy() for x in xs))
    if case not in [case for fn in CHANGES_DTYPE for case in CASES[fn]]:
        assert y.dtype == plain.dtype
    np.testing.assert_allclose(y.numpy(), plain, rtol=1e-5)
    y.backward(np.ones(y.shape))
    assert all(x.grad is None or (x.grad.dtype == np.float32 and x.grad.shape == x.shape) for x in xs)


def mutants():
    """Every rule made wrong in several ways: sign, factor, elements in another order, arguments swapped, and a gradient
    whose own dependence on the inputs is cut (right at first order, wrong at second)."""
    for fn, rules in RULES.items():
        for i, rule in enumerate(rules):
            if rule is None:
                continue
            for how in ("sign", "factor", "rolled", "cut", *(["swapped"] if len(rules) == 2 else [])):
                yield pytest.param(fn, i, how, id=f"{name_of(fn)}[{i}] {how}")


def wrong(rule, how):
    def each(change):
        if isinstance(rule, Each):
            return Each(lambda g, y, *args, **kwargs: [change(part) for part in rule.rule(g, y, *args, **kwargs)])
        return lambda g, y, *args, **kwargs: change(rule(g, y, *args, **kwargs))

    match how:
        case "sign":
            return each(lambda g: -g)
        case "factor":
            return each(lambda g: g * 1.001)
        case "rolled":
            return each(
                lambda g: g if g.size < 2 else np.concatenate([g.reshape(-1)[1:], g.reshape(-1)[:1]]).reshape(g.shape)
            )
        case "cut":
            return each(stop_gradient)
        case "swapped":
            return lambda g, y, a, b, *args, **kwargs: rule(g, y, b, a, *args, **kwargs)


# A rule that does not look at its arguments in order cannot be hurt by swapping them.
SYMMETRIC = {"np.add[0]", "np.add[1]", "np.subtract[0]", "np.subtract[1]", "np.remainder[0]", "np.fmod[0]"}


@pytest.mark.parametrize(("fn", "i", "how"), list(mutants()))
def test_a_wrong_rule_is_caught(fn, i, how, monkeypatch, request):
    rules = list(RULES[fn])
    rules[i] = wrong(rules[i], how)
    monkeypatch.setitem(RULES, fn, tuple(rules))
    caught = 0
    for case in CASES[fn]:
        try:
            check(case, case.arrays(np.random.default_rng(0)))
        except (AssertionError, ValueError, TypeError, IndexError, RuntimeWarning):
            caught += 1
    name = re.search(r"\[(.*) ", request.node.name).group(1)
    if how == "swapped" and name in SYMMETRIC:
        assert not caught
    else:
        assert caught, f"no case of {name_of(fn)} notices a {how} gradient of argument {i}"


# --- Where NumPy's value is fine and the derivative is 0/0 -------------------------------------------------------

ZERO_NORMS = {
    "vectors": lambda a: np.sum(np.linalg.norm(a, axis=0)),
    **{f"{p} of vectors": lambda a, p=p: np.sum(np.linalg.norm(a, p, axis=0)) for p in (1, 2, 3, np.inf)},
    **{f"{p}": lambda a, p=p: np.linalg.norm(a, p) for p in (None, "fro", "nuc", 1, 2, np.inf)},
}


@pytest.mark.parametrize("name", ZERO_NORMS)
def test_where_a_norm_is_0_its_gradient_is_0_at_every_order(name):
    zero = np.zeros((2, 3))
    assert np.all(tg.grad(ZERO_NORMS[name])(zero) == 0)
    assert np.all(tg.hvp(ZERO_NORMS[name])(zero, np.ones((2, 3))) == 0)


def test_equal_singular_values_and_eigenvalues_have_gradients():
    np.testing.assert_allclose(tg.grad(lambda a: np.linalg.norm(a, "nuc"))(np.eye(3)), np.eye(3), atol=1e-15)
    np.testing.assert_allclose(
        tg.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(np.eye(3)), 2 * np.eye(3), atol=1e-15
    )


SYMMETRIC_MATRIX = np.array([[4.0, 1.0, -0.5], [1.0, 3.0, 0.25], [-0.5, 0.25, 2.0]])
OF_SYMMETRIC = {
    "cholesky": lambda a: np.linalg.cholesky(a),
    "eigh": lambda a: np.linalg.eigh(a)[1],
    "eigvalsh": lambda a: np.linalg.eigvalsh(a),
}


@pytest.mark.parametrize("name", OF_SYMMETRIC)
def test_the_gradient_at_a_symmetric_matrix_is_symmetric(name):
    """As if both triangles moved together, although NumPy reads one."""
    y = OF_SYMMETRIC[name](SYMMETRIC_MATRIX)
    weights = np.arange(1.0, y.size + 1).reshape(y.shape)
    gradient = tg.grad(lambda a: np.sum(weights * OF_SYMMETRIC[name](a)))(SYMMETRIC_MATRIX)
    np.testing.assert_allclose(gradient, gradient.T, atol=1e-13)
    assert np.max(np.abs(gradient)) > 0.1


def test_the_vectors_of_equal_eigenvalues_have_no_finite_gradient():
    with np.errstate(all="ignore"):
        gradient = tg.grad(lambda a: np.linalg.eigh(a)[1][0, 1])(np.eye(2))
    assert not np.isfinite(gradient).all()


@pytest.mark.parametrize("p", [1, 1.5, 3])
def test_an_element_that_is_0_leaves_the_gradient_of_a_norm_finite_at_every_order(p):
    a = np.array([0.0, 3.0, -1.0])
    norm = lambda a: np.linalg.norm(a, p)
    assert tg.grad(norm)(a)[0] == 0
    assert np.isfinite(tg.hvp(norm)(a, np.ones(3))).all()


NAN_FUNCTIONS = (np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd, np.nancumsum)


@pytest.mark.parametrize("fn", NAN_FUNCTIONS, ids=name_of)
def test_an_element_that_is_nan_has_gradient_0(fn):
    gradient = tg.grad(lambda a: np.sum(fn(a)))(np.array([1.5, np.nan, 0.5, 3.0]))
    assert gradient[1] == 0
    assert np.isfinite(gradient).all()
    assert gradient.any()


@pytest.mark.parametrize("fn", [np.power, np.float_power], ids=name_of)
def test_powers_of_0(fn):
    a, b = np.zeros(3), np.array([0.0, 1.0, 2.0])
    of_base, of_exponent = tg.grad(lambda a, b: np.sum(fn(a, b)), (0, 1))(a, b)
    assert of_base.tolist() == [0, 1, 0]
    assert of_exponent.tolist() == [0, 0, 0]


@pytest.mark.parametrize("fn", [np.absolute, np.fabs], ids=name_of)
def test_the_gradient_of_the_absolute_value_is_0_at_0(fn):
    assert tg.elementwise_grad(fn)(np.array([-2.0, 0.0, 3.0])).tolist() == [-1, 0, 1]


def test_det_of_a_singular_matrix_has_its_cofactors_as_gradient():
    diagonal = np.diag([1.0, 2.0, 1.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(tg.grad(np.linalg.det)(diagonal), np.diag([0.0, 0, 0, 0, 0, 2]))
    a = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(tg.grad(np.linalg.det)(a), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-12)
    product = tg.hvp(np.linalg.det)(np.ones((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(product, [[4, -3], [-2, 1]], atol=1e-12)
