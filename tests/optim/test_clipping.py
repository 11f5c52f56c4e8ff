"""Clipping, against its formula and PyTorch."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_edu as tg

GRADIENTS = st.lists(arrays(float, (2, 3), elements=st.floats(-1e3, 1e3)), min_size=1, max_size=3)
LIMIT = st.floats(1e-3, 1e3)


def parameters(grads):
    params = [tg.Tensor(np.zeros(g.shape), requires_grad=True) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = g.copy()
    return [*params, tg.Tensor(1.0, requires_grad=True)]  # the last one has no gradient


@given(GRADIENTS, LIMIT)
def test_the_norm_is_that_of_all_together(grads, max_norm):
    params = parameters(grads)
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    assert tg.optim.clip_grad_norm_(params, max_norm) == pytest.approx(norm, rel=1e-12)
    factor = min(1, max_norm / (norm + 1e-6))
    for p, g in zip(params, grads, strict=False):
        np.testing.assert_allclose(p.grad, g * factor, rtol=1e-12)
    assert params[-1].grad is None


@given(GRADIENTS, LIMIT)
def test_values_are_brought_between_the_limits(grads, limit):
    params = parameters(grads)
    tg.optim.clip_grad_value_(params, limit)
    for p, g in zip(params, grads, strict=False):
        np.testing.assert_array_equal(p.grad, np.minimum(np.maximum(g, -limit), limit))


@pytest.mark.peers
@settings(max_examples=20, deadline=None)
@given(GRADIENTS, LIMIT)
def test_both_are_pytorchs(grads, limit):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        ours, theirs = parameters(grads), [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in grads]
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.tensor(g)
        getattr(tg.optim, name)(ours, limit)
        getattr(torch.nn.utils, name)(theirs, limit)
        for p, q in zip(ours, theirs, strict=False):
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda p: tg.optim.clip_grad_norm_(p, 0), ValueError, "clip_grad_norm_: max_norm must be positive, not 0"),
        (lambda p: tg.optim.clip_grad_norm_([1.0], 1), TypeError, "clip_grad_norm_: params must be tensors"),
        (lambda p: tg.optim.clip_grad_value_(["W"], 1), TypeError, "clip_grad_value_: params must be tensors"),
        (lambda p: tg.optim.clip_grad_norm_(p, "1"), TypeError, "clip_grad_norm_: max_norm must be a number"),
        (
            lambda p: tg.optim.clip_grad_value_(p, -1),
            ValueError,
            "clip_grad_value_: clip_value must be positive, not -1",
        ),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        wrong(parameters([np.ones(2)]))


def test_a_gradient_that_is_not_finite_stays_and_is_told_of():
    params = parameters([np.array([1.0, np.nan])])
    with pytest.raises(ValueError, match=r"^clip_grad_norm_: the norm of the gradient is nan"):
        tg.optim.clip_grad_norm_(params, 1.0)
    np.testing.assert_array_equal(params[0].grad, [1.0, np.nan])
    assert tg.optim.clip_grad_norm_(parameters([]), 1.0) == 0


def test_a_norm_beyond_the_largest_number_is_told_of_without_a_warning():
    params = parameters([np.array([1e200, 1e200])])
    with pytest.raises(ValueError, match=r"^clip_grad_norm_: the norm of the gradient is inf"):
        tg.optim.clip_grad_norm_(params, 1.0)


def test_one_parameter_by_itself_and_one_that_is_shared():
    p = parameters([np.array([3.0, 4.0])])[0]
    assert tg.optim.clip_grad_norm_(p, 10.0) == 5
    assert tg.optim.clip_grad_norm_([p, p], 10.0) == 5
    tg.optim.clip_grad_value_(p, 3.5)
    np.testing.assert_array_equal(p.grad, [3, 3.5])


@pytest.mark.parametrize(
    ("params", "said"), [(3, "not 3"), (tg.nn.MLP([2, 1], rng=0), "not a MLP; pass net.parameters")]
)
def test_what_is_no_list_of_tensors(params, said):
    with pytest.raises(TypeError, match=f"clip_grad_norm_: params must be a list of tensors, {said}"):
        tg.optim.clip_grad_norm_(params, 1.0)
