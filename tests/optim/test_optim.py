"""Optimisers against their formulas, written out in NumPy."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_edu as tg

ALL = [tg.optim.SGD, tg.optim.Adam, tg.optim.AdamW, tg.optim.Adagrad, tg.optim.RMSprop]
EACH = pytest.mark.parametrize("optimizer", ALL)
NUMBERS = st.floats(-1e3, 1e3)
RATES = st.floats(1e-4, 10)


def parameter(value, **options):
    return tg.Tensor(value, requires_grad=True, **options)


def follow(optimizer, p, gradients):
    """The values of p after each step, with these gradients."""
    path = []
    for g in gradients:
        optimizer.zero_grad()
        np.sum(p * g).backward()
        optimizer.step()
        path.append(p.numpy())
    return path


# --- the updates ----------------------------------------------------------------------------------------


@given(w=arrays(float, 3, elements=NUMBERS), g=arrays(float, 3, elements=NUMBERS), lr=RATES)
def test_sgd_is_w_minus_eta_g(w, g, lr):
    p = parameter(w)
    follow(tg.optim.SGD([p], lr), p, [g])
    np.testing.assert_array_equal(p.numpy(), w - lr * g)


def test_sgd_by_hand():
    """C = w²: w → w − η 2w = 0.8 w for η = 0.1, twice from 10."""
    w = parameter([10.0])
    optimizer = tg.optim.SGD([w], lr=0.1)
    for expected in (8.0, 6.4):
        optimizer.zero_grad()
        np.sum(w**2).backward()
        optimizer.step()
        np.testing.assert_allclose(w.numpy(), [expected], rtol=1e-15)


@given(
    w=arrays(float, 2, elements=NUMBERS), gs=arrays(float, (8, 2), elements=NUMBERS), lr=RATES, mu=st.floats(0, 0.999)
)
def test_momentum_is_that_of_pytorch(w, gs, lr, mu):
    p = parameter(w)
    path = follow(tg.optim.SGD([p], lr, momentum=mu), p, gs)
    # torch.optim.SGD: the buffer starts as the first gradient; b ← μ b + g; p ← p − lr b
    b = None
    for found, g in zip(path, gs, strict=True):
        b = g if b is None else mu * b + g
        w = w - lr * b
        np.testing.assert_array_equal(found, w)


def test_momentum_by_hand():
    p = parameter([0.0])
    path = follow(tg.optim.SGD([p], lr=1.0, momentum=0.5), p, [[1.0]] * 4)
    np.testing.assert_array_equal(np.ravel(path), [-1, -2.5, -4.25, -6.125])  # steps 1, 1½, 1¾, 1⅞


@given(
    theta=arrays(float, (2, 2), elements=NUMBERS),
    gs=arrays(float, (20, 2, 2), elements=NUMBERS),
    lr=RATES,
    betas=st.just((0.9, 0.999)) | st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)),
    eps=st.sampled_from([1e-8, 1e-3]),
)
def test_adam_is_algorithm_1_of_the_paper(theta, gs, lr, betas, eps):
    p = parameter(theta)
    path = follow(tg.optim.Adam([p], lr, betas=betas, eps=eps), p, gs)
    # Kingma and Ba (2015), Algorithm 1, line by line
    alpha, (beta_1, beta_2) = lr, betas
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    t = 0
    for found, g_t in zip(path, gs, strict=True):
        t = t + 1
        m = beta_1 * m + (1 - beta_1) * g_t
        v = beta_2 * v + (1 - beta_2) * g_t**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta = theta - alpha * m_hat / (np.sqrt(v_hat) + eps)
        np.testing.assert_allclose(found, theta, rtol=1e-12, atol=1e-12 * lr)


@given(g=st.floats(1e-3, 1e6), lr=RATES)
def test_first_step_of_adam_is_the_learning_rate(g, lr):
    p = parameter([0.0, 0.0])
    follow(tg.optim.Adam([p], lr), p, [[g, -g]])
    np.testing.assert_allclose(p.numpy(), [-lr, lr], rtol=2e-5)  # whatever the size of g, as long as it is ≫ ε


def nesterov(w, gs, lr, mu, decay):
    """torch.optim.SGD with nesterov=True."""
    b = np.zeros_like(w)
    for g in gs:
        g = g + decay * w
        b = mu * b + g
        w = w - lr * (g + mu * b)
        yield w


def adagrad(w, gs, lr, kappa, decay):
    """torch.optim.Adagrad."""
    total = np.zeros_like(w)
    for t, g in enumerate(gs, start=1):
        g = g + decay * w
        total = total + g**2
        w = w - lr / (1 + (t - 1) * kappa) * g / (np.sqrt(total) + 1e-10)
        yield w


def rmsprop(w, gs, lr, alpha, mu, decay, centered):
    """torch.optim.RMSprop."""
    square, average, b = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for g in gs:
        g = g + decay * w
        square = alpha * square + (1 - alpha) * g**2
        average = alpha * average + (1 - alpha) * g
        spread = np.sqrt(np.maximum(square - average**2, 0)) if centered else np.sqrt(square)
        b = mu * b + g / (spread + 1e-8)
        w = w - lr * b
        yield w


def adamw(w, gs, lr, beta_1, beta_2, decay):
    """Loshchilov and Hutter (2019), Algorithm 2, with the decay scaled by the rate as torch.optim.AdamW does."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gs, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        w = w - lr * decay * w - lr * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + 1e-8)
        yield w


UNIT = st.floats(0, 0.99)
DECAY = st.just(0.0) | st.floats(0, 0.5)


@given(data=st.data(), w=arrays(float, 3, elements=st.floats(-10, 10)), lr=st.floats(1e-4, 1))
def test_every_step_is_that_of_the_formula(data, w, lr):
    # gradients of at least 1e-3, so that no rounding error is divided by a spread of nearly 0
    size = st.floats(1e-3, 100)
    gs = data.draw(arrays(float, (6, 3), elements=size | size.map(lambda g: -g)))
    optim, a, b, decay = tg.optim, data.draw(UNIT), data.draw(UNIT), data.draw(DECAY)
    centered = data.draw(st.booleans())
    for make, expected in (
        (lambda p: optim.SGD(p, lr, a or 0.5, nesterov=True, weight_decay=decay), nesterov(w, gs, lr, a or 0.5, decay)),
        (lambda p: optim.Adagrad(p, lr, b, weight_decay=decay), adagrad(w, gs, lr, b, decay)),
        (
            lambda p: optim.RMSprop(p, lr, a, momentum=b, centered=centered, weight_decay=decay),
            rmsprop(w, gs, lr, a, b, decay, centered),
        ),
        (lambda p: optim.AdamW(p, lr, (a, b), weight_decay=decay), adamw(w, gs, lr, a, b, decay)),
    ):
        p = parameter(w)
        optimizer = make([p])
        path = follow(optimizer, p, gs)
        np.testing.assert_allclose(path, list(expected), rtol=1e-6, atol=1e-6 * lr, err_msg=type(optimizer).__name__)


@given(w=arrays(float, 3, elements=NUMBERS), g=arrays(float, 3, elements=NUMBERS), decay=st.floats(0, 1))
@pytest.mark.parametrize("optimizer", [tg.optim.SGD, tg.optim.Adam, tg.optim.Adagrad, tg.optim.RMSprop])
def test_weight_decay_is_an_l2_penalty_in_the_cost(optimizer, w, g, decay):
    by_decay, by_cost = parameter(w), parameter(w)
    follow(optimizer([by_decay], 0.1, weight_decay=decay), by_decay, [g])
    opt = optimizer([by_cost], 0.1)
    (np.sum(by_cost * g) + tg.costs.l2([by_cost], decay)).backward()
    opt.step()
    np.testing.assert_allclose(by_decay.numpy(), by_cost.numpy(), rtol=1e-6, atol=1e-9)


def test_adamw_decays_all_weights_alike():
    p = parameter([1.0, 1.0])
    follow(tg.optim.AdamW([p], lr=0.1, weight_decay=0.5), p, [[0.0, 0.0]])
    np.testing.assert_allclose(p.numpy(), 0.95, rtol=1e-15)  # 1 − η λ


def test_adam_defaults_are_those_of_the_paper():
    p = parameter([0.0])
    adam = tg.optim.Adam([p])
    assert (adam.lr, adam.betas, adam.eps) == (1e-3, (0.9, 0.999), 1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: tg.optim.SGD(p, 0.1, momentum=0.9),
        lambda p: tg.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda p: tg.optim.Adam(p, 0.3),
        lambda p: tg.optim.AdamW(p, 0.3, weight_decay=0.0),
        lambda p: tg.optim.Adagrad(p, 1.0),
        lambda p: tg.optim.RMSprop(p, 0.02, alpha=0.9, momentum=0.5),
    ],
)
def test_a_bowl_is_descended_to_its_bottom(make):
    w = parameter([5.0, -3.0])
    optimizer = make([w])
    for _ in range(400):
        optimizer.zero_grad()
        np.sum(np.square(w - np.array([1.0, 2.0]))).backward()
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), [1, 2], atol=1e-2)  # RMSprop goes to and fro there


def test_each_parameter_has_a_memory_of_its_own():
    """Two parameters in one optimiser move as each would alone."""
    rng = np.random.default_rng(0)
    gs = rng.normal(size=(6, 2))
    for make in (lambda p: tg.optim.SGD(p, 0.1, momentum=0.9), lambda p: tg.optim.Adam(p, 0.1)):
        together = [parameter(1.0), parameter(-1.0)]
        optimizer = make(together)
        for g in gs:
            optimizer.zero_grad()
            (together[0] * g[0] + together[1] * g[1]).backward()
            optimizer.step()
        for i, start in enumerate((1.0, -1.0)):
            alone = parameter(start)
            np.testing.assert_array_equal(follow(make([alone]), alone, gs[:, i])[-1], together[i].numpy())


# --- what a step touches, and what not ------------------------------------------------------------------


@EACH
def test_a_parameter_without_gradient_is_left(optimizer):
    used, unused = parameter([1.0]), parameter([2.0])
    opt = optimizer([used, unused], lr=0.5)
    for _ in range(2):
        np.sum(used * 3).backward()
        opt.step()
    assert used.numpy() < 1
    np.testing.assert_array_equal(unused.numpy(), [2.0])


def test_a_gradient_that_comes_late_starts_its_memory_late():
    late, gs = parameter([0.0]), [[1.0], [2.0], [-1.0]]
    always = parameter([0.0])
    opt = tg.optim.Adam([late, always], lr=0.1)
    for _ in range(5):
        opt.zero_grad()
        np.sum(always).backward()
        opt.step()
    alone = parameter([0.0])
    np.testing.assert_array_equal(follow(opt, late, gs), follow(tg.optim.Adam([alone], lr=0.1), alone, gs))


@EACH
def test_zero_grad_forgets_and_without_it_gradients_add_up(optimizer):
    p = parameter([1.0])
    opt = optimizer([p], lr=0.1)
    np.sum(p * 2).backward()
    np.sum(p * 3).backward()
    np.testing.assert_array_equal(p.grad, [5])
    opt.zero_grad()
    assert p.grad is None
    with pytest.raises(RuntimeError, match="none of the 1 parameters has a gradient"):
        opt.step()
    np.testing.assert_array_equal(p.numpy(), [1])


@EACH
def test_step_leaves_the_gradient_and_old_arrays_alone(optimizer):
    p = parameter([1.0, 2.0])
    given_out, copied = p.data, p.numpy()
    np.sum(p * np.array([3.0, 4.0])).backward()
    before = p.grad
    optimizer([p], lr=0.1).step()
    assert p.grad is before
    np.testing.assert_array_equal(before, [3, 4])
    np.testing.assert_array_equal(given_out, copied)


@EACH
def test_a_step_between_forward_and_backward_changes_no_gradient(optimizer):
    p = parameter([3.0])
    opt = optimizer([p], lr=0.1)
    cost = np.sum(p**2)
    p.grad = np.array([1.0])
    opt.step()
    p.zero_grad()
    cost.backward()
    np.testing.assert_array_equal(p.grad, [6])  # of the value that the cost was computed from


@EACH
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1)])
def test_float32_is_kept(optimizer, lr):
    p = parameter(np.array([1.0, 2.0], np.float32))
    opt = optimizer([p], lr)
    for _ in range(3):
        opt.zero_grad()
        np.sum(np.square(p)).backward()
        opt.step()
        assert p.dtype == p.grad.dtype == np.float32
    assert (p.numpy() < [1, 2]).all()


@EACH
def test_setting_data_between_steps_is_respected(optimizer):
    p = parameter([1.0])
    opt = optimizer([p], lr=0.1)
    p.data = np.array([100.0])
    p.grad = np.array([1.0])
    opt.step()
    assert 99 < p.item() < 100


@EACH
def test_the_learning_rate_may_be_changed(optimizer):
    p = parameter([0.0])
    opt = optimizer([p], lr=0.1)
    opt.lr = 0.5
    q = parameter([0.0])
    np.testing.assert_array_equal(follow(opt, p, [[1.0]]), follow(optimizer([q], lr=0.5), q, [[1.0]]))


@EACH
def test_params_may_be_a_generator(optimizer):
    net = tg.nn.MLP([2, 3, 1], rng=0)
    opt = optimizer((p for p in net.parameters()), lr=0.1)
    assert [id(p) for p in opt.params] == [id(p) for p in net.parameters()]


# --- error messages -------------------------------------------------------------------------------------


def computed():
    return parameter([1.0, 2.0], name="w") * 2


WRONG = [
    (lambda f: f([], 0.1), ValueError, "params is empty; pass model.parameters()"),
    (lambda f: f([parameter(1.0)], 0), ValueError, "lr must be positive, not 0"),
    (lambda f: f([parameter(1.0)], -0.1), ValueError, "lr must be positive, not -0.1"),
    (lambda f: f([parameter(1.0)], np.nan), ValueError, "lr must be positive, not nan"),
    (
        lambda f: f([tg.Tensor([1.0])], 0.1),
        TypeError,
        "every parameter must be a Tensor made with requires_grad=True, not Tensor([1.])",
    ),
    (lambda f: f([computed()], 0.1), TypeError, "every parameter must be a Tensor made with requires_grad=True, not T"),
    (lambda f: f([np.ones(2)], 0.1), TypeError, "every parameter must be a Tensor made with requires_grad=True, not a"),
    (
        lambda f: f({"W1": parameter(1.0)}, 0.1),
        TypeError,
        "params must be a list of tensors, not a dict; pass list(params.values())",
    ),
    (
        lambda f: f(parameter([1.0, 2.0]), 0.1),
        TypeError,
        "params must be a list of tensors, not one Tensor (of shape (2,)); pass [w]",
    ),
    (
        lambda f: f(tg.nn.MLP([2, 1]), 0.1),
        TypeError,
        "params must be a list of tensors, not a MLP; pass net.parameters()",
    ),
    (lambda f: f(0.1, 0.1), TypeError, "params must be a list of tensors, not 0.1; pass net.parameters()"),
    (lambda f: f(["W1"], 0.1), TypeError, "every parameter must be a Tensor made with requires_grad=True, not 'W1'"),
    (lambda f: f([parameter(1.0)], np.inf), ValueError, "lr must be finite, not inf"),
    (lambda f: f([parameter(1.0)], True), TypeError, "lr must be a number, not True"),
    (lambda f: f([parameter(1.0)], "0.1"), TypeError, "lr must be a number, not '0.1'"),
    (lambda f: f([parameter(1.0)], None), TypeError, "lr must be a number, not None"),
    (lambda f: f([parameter(1.0)], np.array([0.1])), TypeError, "lr must be a number, not array([0.1])"),
    (lambda f: setattr(f([parameter(1.0)], 0.1), "lr", -1), ValueError, "lr must be 0 or more, not -1"),
]


@EACH
@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG)
def test_wrong_arguments(optimizer, wrong, kind, message):
    with pytest.raises(kind, match=f"^{optimizer.__name__}: {re.escape(message)}"):
        wrong(optimizer)


@pytest.mark.parametrize("momentum", [-0.1, 1, 1.5, np.nan])
def test_wrong_momentum(momentum):
    with pytest.raises(ValueError, match=f"^SGD: momentum must be from 0 to below 1, not {momentum}$"):
        tg.optim.SGD([parameter(1.0)], 0.1, momentum)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"betas": (0.9,)}, TypeError, "betas must be two numbers, (0.9, 0.999), not (0.9,)"),
        ({"betas": 0.9}, TypeError, "betas must be two numbers, (0.9, 0.999), not 0.9"),
        ({"betas": "ab"}, TypeError, "betas must be two numbers, (0.9, 0.999), not 'ab'"),
        ({"betas": (0.9, "0.999")}, TypeError, "each of betas must be a number, not '0.999'"),
        ({"betas": (0.9, np.nan)}, ValueError, "each of betas must be finite, not nan"),
        ({"eps": -1}, ValueError, "eps must be 0 or more, not -1"),
        ({"eps": np.inf}, ValueError, "eps must be finite, not inf"),
        ({"eps": "1e-8"}, TypeError, "eps must be a number, not '1e-8'"),
    ],
)
def test_wrong_options_of_adam(options, kind, message):
    with pytest.raises(kind, match="^" + re.escape(f"Adam: {message}")):
        tg.optim.Adam([parameter(1.0)], **options)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda p: tg.optim.SGD(p, 0.1, nesterov=True), "SGD: nesterov=True looks ahead along the momentum, but"),
        (lambda p: tg.optim.SGD(p, 0.1, weight_decay=-1), "SGD: weight_decay must be 0 or more, not -1"),
        (lambda p: tg.optim.AdamW(p, weight_decay=np.nan), "AdamW: weight_decay must be 0 or more, not nan"),
        (lambda p: tg.optim.AdamW(p, eps=-1), "AdamW: eps must be 0 or more, not -1"),
        (lambda p: tg.optim.Adagrad(p, lr_decay=-1), "Adagrad: lr_decay must be 0 or more, not -1"),
        (lambda p: tg.optim.Adagrad(p, eps=-1), "Adagrad: eps must be 0 or more, not -1"),
        (lambda p: tg.optim.RMSprop(p, alpha=1), "RMSprop: alpha must be from 0 to below 1, not 1"),
        (lambda p: tg.optim.RMSprop(p, momentum=-1), "RMSprop: momentum must be from 0 to below 1, not -1"),
        (lambda p: tg.optim.RMSprop(p, eps=np.inf), "RMSprop: eps must be finite, not inf"),
    ],
)
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        wrong([parameter(1.0)])


@pytest.mark.parametrize("momentum", ["0.9", True, None])
def test_momentum_that_is_no_number(momentum):
    with pytest.raises(TypeError, match=f"^SGD: momentum must be a number, not {momentum!r}$"):
        tg.optim.SGD([parameter(1.0)], 0.1, momentum)


@pytest.mark.parametrize("lr", [np.float32(0.5), np.array(0.5), Fraction(1, 2), np.int64(1)])
def test_numbers_of_every_kind_are_learning_rates(lr):
    p = parameter([0.0])
    follow(tg.optim.SGD([p], lr), p, [[2.0]])
    np.testing.assert_array_equal(p.numpy(), [-2 * float(lr)])


@EACH
def test_a_step_without_any_gradient_names_backward(optimizer):
    opt = optimizer([parameter([1.0]), parameter([2.0])], 0.1)
    message = "step: none of the 2 parameters has a gradient, so nothing would move; call backward() on a cost"
    with pytest.raises(RuntimeError, match=f"^{optimizer.__name__}." + re.escape(message)):
        opt.step()
    assert all(not np.any(s) for state in opt.state for s in state)


# --- all at once, or not at all -------------------------------------------------------------------------


class Breaks(tg.optim.SGD):
    """Fails at the second parameter."""

    def update(self, w, g, lr, *state):
        if w.shape == (2,):
            raise ZeroDivisionError
        return super().update(w, g, lr, *state)


def test_a_step_that_fails_moves_nothing():
    params = [parameter([1.0]), parameter([1.0, 2.0]), parameter([3.0])]
    opt = Breaks(params, 0.1, momentum=0.9)
    sum(np.sum(p * p) for p in params).backward()
    with pytest.raises(ZeroDivisionError):
        opt.step()
    assert [p.numpy().tolist() for p in params] == [[1], [1, 2], [3]]
    assert all(not v.any() for (v,) in opt.state)


@pytest.mark.parametrize("wrong", [lambda w: w[:1], lambda w: w.astype(np.float32)], ids=["shape", "dtype"])
def test_an_update_of_another_shape_or_dtype_is_refused(wrong):
    class Wrong(tg.optim.Optimizer):
        def update(self, w, g, lr, *state):
            return wrong(w - lr * g), ()

    p = parameter([1.0, 2.0], name="W1")
    np.sum(p).backward()
    with pytest.raises(
        ValueError, match=r"^Wrong.update: the new value of W1 is of shape .* but it was of shape \(2,\)"
    ):
        Wrong([p], 0.1).step()
    np.testing.assert_array_equal(p.numpy(), [1, 2])


@EACH
def test_a_single_number_stays_an_array(optimizer):
    p = parameter(1.0)
    (p * 2).backward()
    optimizer([p], 0.1).step()
    assert type(p.data) is np.ndarray
    p.data[...] = 5
    assert p.item() == 5


@pytest.mark.parametrize("betas", [(1, 0.9), (0.9, 1), (-0.1, 0.9)])
def test_wrong_betas(betas):
    with pytest.raises(ValueError, match=re.escape(f"Adam: betas must be from 0 to below 1, not {betas}")):
        tg.optim.Adam([parameter(1.0)], betas=betas)


@pytest.mark.parametrize("g", [1.0, np.ones(2), np.ones((3, 1)), [[1.0, 1.0]]])
def test_a_gradient_of_another_shape_moves_nothing(g):
    """As it would come of a gradient set by hand: one number would be stretched to all weights, and nobody told."""
    w = tg.Tensor(np.ones((3, 2)), requires_grad=True, name="W1")
    w.grad = g
    for optimizer in (tg.optim.SGD([w], 0.1), tg.optim.Adam([w])):
        with pytest.raises(ValueError, match=r"step: the gradient of W1 has shape .*, but must have .*, \(3, 2\)$"):
            optimizer.step()
    np.testing.assert_array_equal(w.numpy(), np.ones((3, 2)))


def test_what_is_long_is_not_written_out():
    net = tg.nn.MLP([64, 30, 10], rng=0)
    with pytest.raises(TypeError, match=r"^SGD: lr must be a number, not a list of 4$"):
        tg.optim.SGD(0.1, net.parameters())
    with pytest.raises(
        TypeError, match=r"every parameter must be .*requires_grad=True, not a Tensor of shape \(64, 30\)$"
    ):
        tg.optim.SGD([w * 2 for w in net.weights], 0.1)
