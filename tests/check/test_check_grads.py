"""What `check_grads` cannot check, it refuses in words; it neither passes in silence nor blames the derivative."""

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.array([0.3, -1.2, 2.0])
calls = []


def in_place(x):
    x *= 2
    return np.sum(x)


@pytest.mark.parametrize(
    ("f", "x", "error", "words"),
    [
        (in_place, X, ValueError, "f changes array 0 of x"),
        (lambda x: (x, x), X, TypeError, "f returned a tuple, but must return one array"),
        (lambda x: None, X, TypeError, "f returned a NoneType"),
        (lambda x: {"a": x}, X, TypeError, "f returned a dict"),
        (np.log, X, ValueError, r"f\(x\) contains NaN or infinity"),
        (np.sin, np.array([np.nan]), ValueError, "x contains NaN or infinity"),
        (np.sin, np.array([1j]), TypeError, "x must hold real numbers, not complex128"),
        (np.sin, [], ValueError, "x holds no array"),
        (lambda x: x * len(calls.append(1) or calls), X, ValueError, "f gives another value when it is called again"),
        (3, X, TypeError, "f must be a function"),
        (tg.relu, np.array([0.0, 1.0]), ValueError, "a corner or a jump at x"),
        (np.abs, np.array([0.0, 1.0]), ValueError, "a corner or a jump at x"),
        (np.max, np.array([1.0, 1.0]), ValueError, "a corner or a jump at x"),
        (np.floor, np.array([1.0, 2.5]), ValueError, "a corner or a jump at x"),
        (np.sqrt, np.array([0.0, 1.0]), ValueError, "the function is NaN or infinite beside x"),
    ],
)
def test_what_cannot_be_checked_is_refused(f, x, error, words):
    before = np.array(x)
    with pytest.raises(error, match=f"check_grads: .*{words}"):
        tg.check_grads(f, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("order", [0, -1, 1.5, True])
def test_the_order_must_be_one_or_more(order):
    with pytest.raises(ValueError, match="check_grads: order must be an integer of 1 or more"):
        tg.check_grads(np.sin, X, order=order)


def test_integers_tensors_and_functions_that_end_near_x():
    tg.check_grads(np.sin, np.array([1, 2]))
    tg.check_grads(np.sin, np.zeros((0, 2)))
    tg.check_grads(np.sin, tg.Tensor(X, requires_grad=True))
    tg.check_grads(np.log, np.array([3e-9, 2e-8]))


@pytest.mark.parametrize("check", [tg.check_backprop, tg.learning_report])
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": np.full((4, 2), np.nan)}, ValueError, "x contains NaN or infinity"),
        ({"y": np.full((4, 1), np.inf)}, ValueError, "y contains NaN or infinity"),
        ({"x": np.ma.masked_array(np.ones((4, 2)))}, TypeError, "x is a masked array"),
        ({"x": np.ones((4, 2)) + 0j}, TypeError, "x must hold real numbers"),
        ({"x": np.full((4, 2), 1e300)}, ValueError, "z1 overflows"),
    ],
)
def test_networks_that_cannot_be_checked_are_refused(check, change, error, words):
    net = tg.nn.MLP([2, 3, 1], rng=0)
    net.weights[0].data = np.full((2, 3), 1e10)
    with pytest.raises(error, match=f"^{check.__name__}: {words}"):
        check(**{"mlp": net, "x": np.ones((4, 2)), "y": np.zeros((4, 1))} | change)
