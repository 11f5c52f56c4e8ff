"""Learning-rate schedules against their formulas, and through `fit`'s step."""

import re
from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg


def sgd(lr=0.5):
    return tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], lr)


def inverse(t):
    return 1 / (1 + t)


def rates(schedule, epochs=12):
    found = []
    for _ in range(epochs):
        found.append(schedule.optimizer.lr)
        schedule.step()
    return found


@given(lr=st.floats(1e-3, 10), n=st.integers(1, 8), factor=st.floats(0.1, 0.9))
def test_each_schedule_is_its_formula(lr, n, factor):
    optim, epochs = tg.optim, range(12)
    for make, formula in (
        (lambda o: optim.StepLR(o, n, factor), lambda t: lr * factor ** (t // n)),
        (lambda o: optim.ExponentialLR(o, factor), lambda t: lr * factor**t),
        (
            lambda o: optim.CosineAnnealingLR(o, n, eta_min=lr * factor),
            lambda t: lr * factor + (lr - lr * factor) * (1 + cos(pi * t / n)) / 2,
        ),
        (
            lambda o: optim.LinearLR(o, factor, 1.0, n),
            lambda t: lr * (factor + (1 - factor) * min(t / n, 1)),
        ),
        (lambda o: optim.LambdaLR(o, inverse), lambda t: lr * inverse(t)),
    ):
        found = rates(make(sgd(lr)))
        np.testing.assert_allclose(found, [formula(t) for t in epochs], rtol=1e-12, atol=1e-15)


def test_one_after_the_other_each_counts_from_its_milestone():
    opt = sgd(1.0)
    parts = [tg.optim.LinearLR(opt, 0.5, total_iters=2), tg.optim.StepLR(opt, 1, 0.5), tg.optim.LambdaLR(opt, float)]
    found = rates(tg.optim.SequentialLR(opt, parts, milestones=[2, 5]), 8)
    assert found == [0.5, 0.75, 1, 0.5, 0.25, 0, 1, 2]


def test_a_rate_of_0_moves_nothing():
    p = tg.Tensor(1.0, requires_grad=True)
    opt = tg.optim.SGD([p], 0.5)
    schedule = tg.optim.CosineAnnealingLR(opt, 1)
    schedule.step()
    (p * 2).backward()
    opt.step()
    assert (opt.lr, p.item()) == (0, 1)


def test_a_function_that_fails_leaves_the_rate_and_the_epoch():
    schedule = tg.optim.LambdaLR(sgd(), lambda t: 1 / (1 - t))
    with pytest.raises(ZeroDivisionError):
        schedule.step()
    assert (schedule.optimizer.lr, schedule.last_epoch) == (0.5, 0)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda o: tg.optim.StepLR(o, 0), ValueError, "StepLR: step_size must be at least 1, not 0"),
        (lambda o: tg.optim.StepLR(o, 1.5), TypeError, "StepLR: step_size must be a whole number, not 1.5"),
        (lambda o: tg.optim.StepLR(o, 2, 0), ValueError, "StepLR: gamma must be positive, not 0"),
        (lambda o: tg.optim.ExponentialLR(o, -1), ValueError, "ExponentialLR: gamma must be positive, not -1"),
        (lambda o: tg.optim.CosineAnnealingLR(o, True), TypeError, "CosineAnnealingLR: T_max must be a whole number"),
        (lambda o: tg.optim.CosineAnnealingLR(o, 3, -1), ValueError, "CosineAnnealingLR: eta_min must be 0 or more"),
        (lambda o: tg.optim.LinearLR(o, 0), ValueError, "LinearLR: start_factor must be positive, not 0"),
        (
            lambda o: tg.optim.LambdaLR(o, 0.5),
            TypeError,
            "LambdaLR: lr_lambda must be a function of the epoch, not 0.5",
        ),
        (
            lambda o: tg.optim.LambdaLR(o, lambda t: -1.0),
            ValueError,
            "LambdaLR: the factor for epoch 0 must be 0 or more, not -1.0",
        ),
        (lambda o: tg.optim.StepLR(o.params, 2), TypeError, "StepLR: optimizer must be one of tg.optim, not "),
        (lambda o: tg.optim.CosineAnnealingLR(3, 2), TypeError, "CosineAnnealingLR: optimizer must be one of tg.optim"),
        (lambda o: tg.optim.LambdaLR(o, str), TypeError, "LambdaLR: the factor for epoch 0 must be a number, not '0'"),
        (lambda o: tg.optim.SequentialLR(o, [], []), ValueError, "SequentialLR: 0 schedulers need at least one"),
        (
            lambda o: tg.optim.SequentialLR(o, tg.optim.StepLR(o, 1), [1]),
            TypeError,
            "SequentialLR: schedulers must be a list of schedules such as LinearLR, not ",
        ),
        (lambda o: tg.optim.SequentialLR(o, [o], []), TypeError, "SequentialLR: schedulers must be a list of"),
        (
            lambda o: tg.optim.SequentialLR(o, [tg.optim.StepLR(o, 1)] * 2, 3),
            TypeError,
            "SequentialLR: milestones must be a list of whole numbers, not 3",
        ),
        (
            lambda o: tg.optim.SequentialLR(o, [tg.optim.StepLR(sgd(), 1)], []),
            ValueError,
            "SequentialLR: a schedule is of another optimizer; make all of them with this one",
        ),
        (
            lambda o: tg.optim.SequentialLR(o, [tg.optim.StepLR(o, 1)] * 2, []),
            ValueError,
            "SequentialLR: 2 schedulers need 1 milestones, rising from 1 up, not []",
        ),
        (
            lambda o: tg.optim.SequentialLR(o, [tg.optim.StepLR(o, 1)] * 3, [4, 2]),
            ValueError,
            "SequentialLR: 3 schedulers need 2 milestones, rising from 1 up, not [4, 2]",
        ),
    ],
)
def test_wrong_arguments(wrong, kind, message):
    with pytest.raises(kind, match="^" + re.escape(message)):
        wrong(sgd())


def test_fit_refuses_a_schedule_of_another_optimizer():
    net = tg.nn.MLP([2, 1], rng=0)
    adam, other = (tg.optim.Adam(net.parameters()) for _ in range(2))
    with pytest.raises(ValueError, match="fit: schedule is of another optimizer than this one"):
        tg.fit(net, np.ones((2, 2)), np.ones((2, 1)), cost="quadratic", optimizer=adam, epochs=1, batch_size=2,
               schedule=tg.optim.StepLR(other, 1), progress=False)  # fmt: skip
