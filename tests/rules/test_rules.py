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


def test_det_of_a_singular_matrix_has_its_cofactors_as_gradient():
    a = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(tg.grad(np.linalg.det)(a), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-12)
    product = tg.hvp(np.linalg.det)(np.ones((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(product, [[4, -3], [-2, 1]], atol=1e-12)
