"""Costs: hand values, the mean over examples, exact gradients, the ends of the range, and every error message."""

import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_edu as tg
from tinygrad_edu import costs
from tinygrad_edu.costs import COSTS, FROM_LOGITS, cost_named, one_hot, stable_cost
from tinygrad_edu.functional import ACTIVATIONS

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny
LN2 = np.log(2)

EVERY = pytest.mark.parametrize("name", COSTS)
ON_OUTPUTS = pytest.mark.parametrize("name", ["quadratic", "binary_cross_entropy", "cross_entropy"])
WITH_LOGITS = ["binary_cross_entropy_with_logits", "cross_entropy_with_logits"]
ON_LOGITS = pytest.mark.parametrize("name", WITH_LOGITS)
EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float64, np.float32])


MODERATE = st.floats(-30, 30)


@st.composite
def batches(draw, name="quadratic", min_units=1, z=MODERATE):
    """Outputs (probabilities, or any numbers for costs of z) and targets in [0, 1], of one shape (n, units)."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(min_units, 4)))
    outputs = z if name in WITH_LOGITS else st.floats(0.01, 0.99)
    return draw(arrays(float, shape, elements=outputs)), draw(arrays(float, shape, elements=st.floats(0, 1)))


def as_classes(y):
    """Rows of targets that sum to 1."""
    return (y + 0.01) / (y + 0.01).sum(axis=1, keepdims=True)


# --- values ---------------------------------------------------------------------------------------------

HALF = np.array([[0.5, 0.5], [0.25, 0.75]])
HAND = [
    ("quadratic", [[1.0, 2.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 2.0]], (1 / 2 + 4 / 2) / 2),
    ("quadratic", [[3.0]], [[1.0]], 2),
    ("quadratic", HALF, [0, 1], (0.25 + 0.0625) / 2),
    ("binary_cross_entropy", [[0.5]], [[1.0]], LN2),
    ("binary_cross_entropy", HALF, [[1.0, 0.0], [0.0, 0.5]], (2 * LN2 - 1.5 * np.log(0.75) - np.log(0.25) / 2) / 2),
    ("cross_entropy", HALF, [0, 1], (LN2 - np.log(0.75)) / 2),
    ("cross_entropy", HALF, [[0.0, 1.0], [0.5, 0.5]], (LN2 - np.log(0.25 * 0.75) / 2) / 2),
    ("binary_cross_entropy_with_logits", [[0.0, 0.0]], [[1.0, 0.0]], 2 * LN2),
    ("binary_cross_entropy_with_logits", [[np.log(3)]], [[0.0]], np.log(4)),  # σ(ln 3) = 3/4
    ("cross_entropy_with_logits", [[0.0, 0.0], [np.log(3), 0.0]], [1, 0], (LN2 - np.log(0.75)) / 2),
]


@pytest.mark.parametrize(("name", "a", "y", "value"), HAND)
def test_value_by_hand(name, a, y, value):
    np.testing.assert_allclose(COSTS[name](np.array(a), y), value, rtol=4 * EPS)
    on_tensor = COSTS[name](tg.Tensor(a, requires_grad=True), y)
    np.testing.assert_allclose(on_tensor.item(), value, rtol=4 * EPS)
    assert on_tensor.shape == ()


def test_the_module_has_the_names_of_the_contract():
    assert [f.__name__ for f in COSTS.values()] == list(COSTS)
    assert all(getattr(tg.costs, name) is f for name, f in COSTS.items())
    assert set(FROM_LOGITS) == {("sigmoid", "binary_cross_entropy"), ("softmax", "cross_entropy")}


def test_the_stable_cost_is_that_of_the_pair_alone():
    found = {
        (output, name): stable_cost(sigma, cost)
        for output, sigma in ACTIVATIONS.items()
        for name, cost in COSTS.items()
    }
    assert {pair: cost for pair, cost in found.items() if cost} == FROM_LOGITS

    def sigmoid(z):
        """Another function of the name."""
        return z

    assert stable_cost(sigmoid, costs.binary_cross_entropy) is None


@EVERY
@given(data=st.data())
def test_mean_over_the_batch(name, data):
    a, y = data.draw(batches(name))
    rows = [COSTS[name](a[i : i + 1], y[i : i + 1]) for i in range(len(a))]
    np.testing.assert_allclose(COSTS[name](a, y), np.mean(rows), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", ["quadratic", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
@given(data=st.data())
def test_sum_over_the_units(name, data):
    a, y = data.draw(batches(name))
    columns = [COSTS[name](a[:, j : j + 1], y[:, j : j + 1]) for j in range(a.shape[1])]
    np.testing.assert_allclose(COSTS[name](a, y), sum(columns), rtol=1e-13, atol=1e-13)
    # a vector of outputs is one unit for each example
    np.testing.assert_allclose(COSTS[name](a[:, 0], y[:, 0]), columns[0], rtol=1e-13, atol=1e-13)


@EVERY
@given(data=st.data())
def test_labels_are_one_hot_rows(name, data):
    a, _ = data.draw(batches(name, min_units=2))
    n, m = a.shape
    labels = data.draw(arrays(data.draw(st.sampled_from([np.int64, np.uint8])), n, elements=st.integers(0, m - 1)))
    rows = np.array([[float(j == label) for j in range(m)] for label in labels])
    f = COSTS[name]
    for given_as in (labels, labels.tolist(), tg.Tensor(labels)):
        assert f(a, given_as) == f(a, rows)
        np.testing.assert_array_equal(tg.grad(f)(a, given_as), tg.grad(f)(a, rows))


@given(data=st.data())
def test_with_logits_is_the_plain_pair(data):
    z, y = data.draw(batches("cross_entropy_with_logits", z=st.floats(-10, 10)))
    for plain, sigma, stable in [
        (costs.binary_cross_entropy, tg.sigmoid, costs.binary_cross_entropy_with_logits),
        (costs.cross_entropy, tg.softmax, costs.cross_entropy_with_logits),
    ]:

        def pair(z, plain=plain, sigma=sigma):
            return plain(sigma(z), y)

        np.testing.assert_allclose(stable(z, y), pair(z), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(tg.grad(stable)(z, y), tg.grad(pair)(z), rtol=1e-10, atol=1e-11)


@given(z=st.floats(-700, 700), y=st.floats(0, 1))
def test_binary_with_logits_is_the_definition(z, y):
    z_, y_ = mpmath.mpf(z), mpmath.mpf(y)
    exact = y_ * mpmath.log1p(mpmath.exp(-z_)) + (1 - y_) * mpmath.log1p(mpmath.exp(z_))
    found = costs.binary_cross_entropy_with_logits(np.array([[z]]), [[y]])
    assert abs(mpmath.mpf(float(found)) - exact) <= 4 * EPS * (1 + abs(z))


# --- gradients ------------------------------------------------------------------------------------------


@given(data=st.data())
def test_gradients_are_those_on_paper(data):
    a, y = data.draw(batches())
    z = 20 * (a - 0.5)
    n = len(a)
    exact = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(tg.grad(costs.quadratic)(a, y), (a - y) / n, **exact)
    found = tg.grad(costs.binary_cross_entropy)(a, y)
    np.testing.assert_allclose(found, ((1 - y) / (1 - a) - y / a) / n, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tg.grad(costs.cross_entropy)(a, y), -y / a / n, **exact)
    found = tg.grad(costs.binary_cross_entropy_with_logits)(z, y)
    np.testing.assert_allclose(found, (tg.sigmoid(z) - y) / n, **exact)
    classes = as_classes(y)
    found = tg.grad(costs.cross_entropy_with_logits)(z, classes)
    np.testing.assert_allclose(found, (tg.softmax(z) - classes) / n, **exact)


@given(data=st.data())
def test_softmax_with_its_cost_gives_y_hat_minus_y(data):
    """The shortcut of the notes, found rather than told: through the plain softmax and the plain logarithm."""
    z, y = data.draw(batches("cross_entropy_with_logits", z=st.floats(-5, 5)))
    classes = as_classes(y)
    found = tg.grad(lambda z: costs.cross_entropy(tg.softmax(z), classes))(z)
    np.testing.assert_allclose(found, (tg.softmax(z) - classes) / len(z), rtol=1e-11, atol=1e-13)
    found = tg.grad(lambda z: costs.binary_cross_entropy(tg.sigmoid(z), y))(z)
    np.testing.assert_allclose(found, (tg.sigmoid(z) - y) / len(z), rtol=1e-11, atol=1e-13)


@given(data=st.data())
def test_hessians_are_those_on_paper(data):
    a, y = data.draw(batches())
    a, y = a[:1], y[:1]  # one example: the Hessian has one block
    z, m = 20 * (a - 0.5), a.shape[1]

    def hessian(f, at, y):
        return tg.hessian(lambda at: f(at, y))(at).reshape(m, m)

    exact = {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(hessian(costs.quadratic, a, y), np.eye(m), **exact)
    diagonal = (y / a**2 + (1 - y) / (1 - a) ** 2)[0]
    np.testing.assert_allclose(hessian(costs.binary_cross_entropy, a, y), np.diag(diagonal), **exact)
    np.testing.assert_allclose(hessian(costs.cross_entropy, a, y), np.diag((y / a**2)[0]), **exact)
    p = tg.sigmoid(z)[0]
    np.testing.assert_allclose(hessian(costs.binary_cross_entropy_with_logits, z, y), np.diag(p * (1 - p)), **exact)
    p = tg.softmax(z)[0]
    covariance = np.diag(p) - np.outer(p, p)
    np.testing.assert_allclose(hessian(costs.cross_entropy_with_logits, z, as_classes(y)), covariance, **exact)


@EVERY
@given(data=st.data())
def test_gradients_pass_the_checker(name, data):
    a, y = data.draw(batches(name, z=st.floats(-3, 3)))
    a = np.clip(a, 0.1, 0.9) if name not in WITH_LOGITS else a
    tg.check_grads(lambda a: COSTS[name](a, y), a, order=2)


def test_gradient_flows_into_the_targets_too():
    a, y = np.array([[0.2, 0.7]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(tg.grad(costs.quadratic, 1)(a, y), y - a)
    np.testing.assert_allclose(tg.grad(costs.cross_entropy, 1)(a, y), -np.log(a))


# --- the ends of the range ------------------------------------------------------------------------------


@ON_LOGITS
@EVERY_DTYPE
@given(data=st.data())
def test_extreme_weighted_inputs_are_finite_at_both_orders(name, dtype, data):
    big = 1e300 if dtype is np.float64 else 1e30
    extremes = st.sampled_from([0.0, -0.0, 1.0, 1e4, -1e4, big, -big])
    z = np.array(data.draw(st.lists(st.lists(extremes, min_size=3, max_size=3), min_size=1, max_size=3)), dtype)
    y = data.draw(arrays(dtype, z.shape, elements=st.sampled_from([0.0, 0.5, 1.0])))
    v = data.draw(arrays(dtype, z.shape, elements=st.sampled_from([1.0, -1e3, 1e3])))

    def f(z):
        return COSTS[name](z, y)

    for value in (f(z), tg.grad(f)(z), tg.hvp(f)(z, v)):
        assert value.dtype == dtype
        assert np.isfinite(value).all()
    expected = (tg.sigmoid(z) - y if name.startswith("binary") else tg.softmax(z) * y.sum(1, keepdims=True) - y) / len(
        z
    )
    np.testing.assert_allclose(tg.grad(f)(z), expected, rtol=1e-6, atol=1e-6)


@ON_LOGITS
@pytest.mark.parametrize("size", [1e4, 1e300])
def test_saturated_costs_have_their_exact_value(name, size):
    z = np.array([[size, -size]])
    right, wrong = [[1.0, 0.0]], [[0.0, 1.0]]
    assert COSTS[name](z, right) == 0
    assert COSTS[name](z, wrong) == 2 * size
    np.testing.assert_array_equal(tg.grad(COSTS[name])(z, right), [[0, 0]])
    np.testing.assert_array_equal(tg.grad(COSTS[name])(z, wrong), [[1, -1]])


@EVERY_DTYPE
def test_exactly_wrong_probability_is_finite_with_gradient_0(dtype):
    tiny = np.finfo(dtype).tiny
    a = np.array([[0.0, 1.0]], dtype)
    for f, cost in ((costs.cross_entropy, 1), (costs.binary_cross_entropy, 2)):
        value = f(a, [[1.0, 0.0]])
        np.testing.assert_allclose(value, -cost * np.log(tiny), rtol=1e-6)
        np.testing.assert_array_equal(tg.grad(f)(a, [[1.0, 0.0]]), [[0, 0]])
        np.testing.assert_array_equal(tg.hvp(lambda a, f=f: f(a, [[1.0, 0.0]]))(a, np.ones_like(a)), [[0, 0]])


def test_exactly_right_probability_costs_nothing():
    a = np.array([[0.0, 1.0]])
    for f in (costs.cross_entropy, costs.binary_cross_entropy):
        assert f(a, [1]) == 0
    np.testing.assert_array_equal(tg.grad(costs.cross_entropy)(a, [1]), [[0, -1]])
    np.testing.assert_array_equal(tg.grad(costs.binary_cross_entropy)(a, [1]), [[1, -1]])


def test_smallest_probabilities_still_have_a_gradient():
    a = np.array([[2 * TINY, 1.0]])
    np.testing.assert_allclose(tg.grad(costs.cross_entropy)(a, [0]), [[-1 / (2 * TINY), 0]])


def test_nan_is_not_hidden():
    a = np.array([[np.nan, 0.5]])
    for name in ("quadratic", "binary_cross_entropy", "cross_entropy", "cross_entropy_with_logits"):
        assert np.isnan(COSTS[name](a, [0]))


# --- dtypes ---------------------------------------------------------------------------------------------

TARGETS = {
    "float64": np.array([[0.0, 1.0], [1.0, 0.0]]),
    "integers": np.array([[0, 1], [1, 0]]),
    "truth values": np.array([[False, True], [True, False]]),
    "labels": np.array([1, 0]),
    "a list": [[0.0, 1.0], [1.0, 0.0]],
    "a tensor": tg.Tensor([[0.0, 1.0], [1.0, 0.0]]),
    "a tensor of integers": tg.Tensor([[0, 1], [1, 0]]),
}


@EVERY
@pytest.mark.parametrize("kind", TARGETS)
def test_float32_outputs_stay_float32(name, kind):
    y = TARGETS[kind]
    a = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    assert COSTS[name](a, y).dtype == np.float32
    t = tg.Tensor(a, requires_grad=True)
    cost = COSTS[name](t, y)
    cost.backward()
    assert cost.dtype == t.grad.dtype == np.float32
    np.testing.assert_allclose(cost.item(), COSTS[name](a.astype(float), TARGETS["labels"]), rtol=1e-6)


@ON_OUTPUTS
def test_whole_number_outputs_do_not_round_the_targets(name):
    a, y = np.array([[1, 0]]), np.array([[0.5, 0.5]])
    assert COSTS[name](a, y) == COSTS[name](a.astype(float), y) > 0
    assert COSTS[name](a, [1]) == COSTS[name](a.astype(float), [1])


@EVERY
def test_targets_are_left_alone(name):
    a, y = np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]])
    y.flags.writeable = a.flags.writeable = False
    tg.grad(COSTS[name])(a, y)
    assert COSTS[name](a, y) > 0


def test_costs_are_scopes():
    """Drawings fold what a cost does into one box of its name."""
    for name, f in COSTS.items():
        t = tg.Tensor([[0.25, 0.75]], requires_grad=True)
        assert f(t, [0]).scope.path()[0].name == name


# --- error messages -------------------------------------------------------------------------------------

WRONG = {
    "units": (np.ones((4, 3)), np.ones((4, 2)), "targets have shape (4, 2), outputs (4, 3); make them equal (one row"),
    "batch": (np.ones((4, 3)), np.ones((5, 3)), "targets have shape (5, 3), outputs (4, 3); make them equal (one row"),
    "(n,) for (n, 1)": (np.ones((4, 1)), np.ones(4), "shape (4,), outputs (4, 1); make them equal (y[:, None])"),
    "labels for (n, 1)": (np.ones((4, 1)), [0, 1, 1, 0], "shape (4,), outputs (4, 1); make them equal (y[:, None])"),
    "(n, 1) for (n,)": (np.ones(4), np.ones((4, 1)), "targets have shape (4, 1), outputs (4,); make them equal (one"),
    "row for column": (np.ones((3, 1)), np.ones((1, 3)), "targets have shape (1, 3), outputs (3, 1)"),
    "number": (np.ones((4, 3)), 1.0, "targets have shape (), outputs (4, 3)"),
    "rank 3": (np.ones((4, 3)), np.ones((4, 3, 1)), "targets have shape (4, 3, 1), outputs (4, 3)"),
    "too few labels": (np.ones((4, 3)), [0, 1], "targets have shape (2,), outputs (4, 3); make them equal (one row"),
    "label too large": (np.ones((2, 3)), [0, 3], "label 3 is out of range; 3 classes are numbered 0 to 2"),
    "label negative": (np.ones((2, 3)), [-1, 0], "label -1 is out of range; 3 classes are numbered 0 to 2"),
    "float labels": (
        np.ones((2, 3)),
        [0.0, 1.0],
        "targets of shape (2,) for outputs of shape (2, 3) must be class labels, integers from 0 to 2, but their dtype "
        "is float64; use y.astype(int), or one row per example",
    ),
    "no examples": (np.ones((0, 3)), np.ones((0, 3)), "the outputs have shape (0, 3); at least one example (row)"),
    "no labels": (np.ones((0, 3)), [], "the outputs have shape (0, 3); at least one example (row) is needed"),
    "no rows": (1.0, 1.0, "the outputs have shape (); at least one example (row) is needed"),
}


@EVERY
@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("lift", [np.asarray, lambda a: tg.Tensor(a, requires_grad=True)], ids=["array", "tensor"])
def test_wrong_targets(name, case, lift):
    a, y, message = WRONG[case]
    with pytest.raises(ValueError, match=rf"^{name}: .*{re.escape(message)}"):
        COSTS[name](lift(a), y)


def test_tensors_of_the_wrong_shape_are_refused_too():
    a = tg.Tensor(np.ones((4, 1)), requires_grad=True)
    with pytest.raises(ValueError, match=r"^quadratic: targets have shape \(4,\), outputs \(4, 1\)"):
        costs.quadratic(a, tg.Tensor(np.ones(4)))


@pytest.mark.parametrize(
    ("wrong", "meant"), [("quadrtic", "quadratic"), ("crossentropy", "cross_entropy"), ("Quadratic", "quadratic")]
)
def test_unknown_cost_suggests_the_nearest(wrong, meant):
    with pytest.raises(ValueError, match=rf"^f: unknown name '{wrong}'; did you mean '{meant}'\? known: binary_cross_"):
        cost_named(wrong, "f")


def test_cost_by_name_or_itself():
    assert cost_named("quadratic", "f") is costs.quadratic
    assert cost_named(max, "f") is max


# --- one-hot rows, penalties ----------------------------------------------------------------------------


def test_one_hot():
    np.testing.assert_array_equal(one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    assert one_hot([0], 2).dtype == float
    assert one_hot([0], 2, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match=r"^one_hot: label 2 is out of range; 2 classes are numbered 0 to 1$"):
        one_hot([0, 2], 2)


def test_penalties_by_hand():
    params = [tg.Tensor([[1.0, -2.0]], requires_grad=True), tg.Tensor([0.0, 3.0], requires_grad=True)]
    total = costs.l1(params, 0.1)
    np.testing.assert_allclose(total.item(), 0.6)
    total.backward()
    np.testing.assert_allclose(params[0].grad, [[0.1, -0.1]])
    np.testing.assert_allclose(params[1].grad, [0, 0.1])  # |w|′ = 0 at 0
    for p in params:
        p.zero_grad()
    total = costs.l2(params, 0.1)
    np.testing.assert_allclose(total.item(), 0.05 * (1 + 4 + 9))
    total.backward()
    np.testing.assert_allclose(params[0].grad, [[0.1, -0.2]])
    np.testing.assert_allclose(params[1].grad, [0, 0.3])


@pytest.mark.parametrize("penalty", [costs.l1, costs.l2])
@given(
    params=st.lists(arrays(float, st.integers(1, 3), elements=st.floats(0.1, 5)), min_size=1, max_size=3),
    strength=st.floats(0, 10),
)
def test_penalties_sum_over_parameters(penalty, params, strength):
    each = sum(penalty([p], strength) for p in params)
    np.testing.assert_allclose(penalty(params, strength), each, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(penalty(iter(params), strength), each, rtol=1e-13, atol=1e-15)
    first, second = (np.sign, np.zeros_like) if penalty is costs.l1 else (np.array, np.ones_like)
    for found, p in zip(tg.grad(penalty)(params, strength), params, strict=True):
        np.testing.assert_allclose(found, strength * first(p), rtol=1e-14, atol=1e-300)
    directions = [p + 1 for p in params]
    curvature = tg.hvp(lambda params: penalty(params, strength))(params, directions)
    for found, p, v in zip(curvature, params, directions, strict=True):
        np.testing.assert_allclose(found, strength * second(p) * v, rtol=1e-14, atol=1e-300)


def test_penalties_keep_float32_and_take_a_model():
    net = tg.nn.MLP([2, 3, 1], rng=0, dtype=np.float32)
    for penalty in (costs.l1, costs.l2):
        assert penalty(net.parameters(), 0.1).dtype == np.float32
    weights = np.concatenate([w.numpy().ravel() for w in net.weights])
    np.testing.assert_allclose(costs.l2(net.weights, 2.0).item(), np.sum(weights**2), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(set(COSTS) - {"quadratic"}))
@pytest.mark.parametrize("lift", [np.array, tg.Tensor], ids=["array", "tensor"])
def test_targets_of_a_cross_entropy_are_from_0_to_1(name, lift):
    for wrong in (5.0, -1.0, 255.0):
        with pytest.raises(ValueError, match=f"^{name}: a target is {wrong:g}, but each must be from 0 .no. to 1"):
            COSTS[name](np.array([[0.5], [0.5]]), lift([[1.0], [wrong]]))
    assert np.isfinite(float(COSTS[name](np.array([[0.5], [0.5]]), lift([[1.0 + 1e-9], [-1e-9]]))))  # rounding
    net = tg.nn.MLP([1, 1], output="sigmoid" if name.startswith("binary") else "softmax", rng=0)
    options = {"cost": name.removesuffix("_with_logits"), "optimizer": tg.optim.SGD(net.parameters(), 1), "epochs": 1}
    with pytest.raises(ValueError, match="a target is 2, but"):
        tg.fit(net, np.ones((2, 1)), np.array([[0], [2]]), batch_size=1, progress=False, **options)


@pytest.mark.parametrize("penalty", [costs.l1, costs.l2])
def test_the_strength_of_a_penalty(penalty):
    w = [tg.Tensor([1.0, -2.0], requires_grad=True)]
    for wrong in ("0.1", None, [0.1], np.array([0.1]), True):
        with pytest.raises(TypeError, match=f"^{penalty.__name__}: strength must be a number, not"):
            penalty(w, wrong)
    for wrong in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"^{penalty.__name__}: strength must be 0 or more, and finite, not"):
            penalty(w, wrong)
    for right in (2, 2.0, np.float32(2), np.array(2.0), tg.Tensor(2.0)):
        assert penalty(w, right).item() == penalty(w, 1).item() * 2


@pytest.mark.parametrize("name", COSTS)
def test_outputs_and_targets_that_are_swapped(name):
    a = tg.sigmoid(tg.Tensor([[0.5, 1.0]], requires_grad=True))
    with pytest.raises(
        TypeError, match=rf"^{name}: the targets are computed, and the outputs are not: it is {name}\(o"
    ):
        COSTS[name](np.array([[0.0, 1.0]]), a)
    to_the_targets = tg.grad(COSTS[name], argnums=1)(a.numpy(), np.array([[0.25, 0.5]]))
    assert np.abs(to_the_targets).min() > 0  # this one is meant


def test_a_column_of_labels_is_told_the_way_out():
    with pytest.raises(ValueError, match=r"targets have shape \(2, 1\), outputs \(2, 3\).*y\.ravel\(\)"):
        costs.quadratic(np.full((2, 3), 0.5), np.array([[0], [2]]))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", COSTS)
def test_targets_that_are_masked_or_a_matrix(name):
    with pytest.raises(TypeError, match=f"^{name}: y is a masked array, .* np.asarray"):
        COSTS[name](np.full((1, 2), 0.5), np.ma.array([[0.0, 1.0]], mask=[[0, 1]]))
    with pytest.raises(TypeError, match=f"^{name}: y is an np.matrix"):
        COSTS[name](np.full((1, 2), 0.5), np.matrix([[0.0, 1.0]]))


@pytest.mark.parametrize("y", [[["1"]], [[1j]], [[None]]])
def test_targets_that_are_not_numbers(y):
    with pytest.raises(TypeError, match=r"^quadratic: targets must be real numbers, not of dtype"):
        costs.quadratic(np.ones((1, 1)), y)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], 3), TypeError, "labels must be integers, not of dtype float64; use labels.astype(int)"),
        (([True, False], 2), TypeError, "labels must be integers, not of dtype bool"),
        (([[0], [1]], 2), ValueError, "labels have shape (2, 1), but must be (n,); use labels.ravel()"),
        (([0], 2.0), ValueError, "n_classes must be a whole number from 1 up, not 2.0"),
        (([0], 0), ValueError, "n_classes must be a whole number from 1 up, not 0"),
    ],
)
def test_wrong_labels(arguments, error, message):
    with pytest.raises(error, match="^" + re.escape(f"one_hot: {message}")):
        one_hot(*arguments)


def test_one_hot_of_no_labels_and_unsigned_ones():
    assert one_hot([], 3).shape == (0, 3)
    np.testing.assert_array_equal(one_hot(np.array([1], np.uint64), 2), [[0, 1]])


@pytest.mark.parametrize("penalty", [costs.l1, costs.l2])
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (tg.Tensor([1.0]), TypeError, "params must be a list of tensors, not one (of shape (1,)); pass [w]"),
        (np.ones((2, 2)), TypeError, "params must be a list of tensors, not one (of shape (2, 2)); pass [w]"),
        (tg.nn.MLP([1, 1]), TypeError, "params must be a list of tensors, not a MLP; pass net.weights or"),
        ({"W": tg.Tensor([1.0])}, TypeError, "params must be a list of tensors, not a dict"),
        (3.0, TypeError, "params must be a list of tensors, not a float"),
        (iter(()), ValueError, "params is empty, so there is nothing to penalise"),
    ],
    ids=["tensor", "array", "net", "dict", "number", "nothing"],
)
def test_wrong_parameters_of_a_penalty(penalty, params, error, message):
    with pytest.raises(error, match="^" + re.escape(f"{penalty.__name__}: {message}")):
        penalty(params, 0.1)


def test_a_cost_of_a_wrong_kind():
    for wrong in (None, 3, ["quadratic"]):
        with pytest.raises(ValueError, match=r"^f: unknown name"):
            cost_named(wrong, "f")
