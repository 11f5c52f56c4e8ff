"""BP1-BP4 by hand against mpmath, finite differences, arithmetic on paper and each other."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu import backprop as bp

ALL = sorted(bp.ACTIVATION_FORMULAS)
SMOOTH = ["sigmoid", "tanh", "gelu", "softplus", "sine", "identity"]
OUTPUTS = [*ALL, "softmax"]
EVERY_OUTPUT_AND_COST = pytest.mark.parametrize(("output", "cost"), list(itertools.product(OUTPUTS, bp.COST_FORMULAS)))
EPS = np.finfo(float).eps


def numeric(f, at, h=1e-5):
    """Central differences of the number f(array) in every entry of the array."""
    gradient = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[i] = h
        gradient[i] = (f(at + step) - f(at - step)) / (2 * h)
    return gradient


def make_net(sizes, seed, n=2, gain=1.0):
    """Random weights, biases, x and y, with y in (0, 1)."""
    rng = np.random.default_rng(seed)
    weights = [gain * rng.normal(size=shape) / np.sqrt(shape[0]) for shape in itertools.pairwise(sizes)]
    biases = [rng.normal(size=m) for m in sizes[1:]]
    return weights, biases, rng.normal(size=(n, sizes[0])), rng.uniform(0.1, 0.9, size=(n, sizes[-1]))


def make_net_inside(sizes, seed, output, n=2):
    """The same with every output well inside (0, 1), where logarithms are not clipped."""
    weights, biases, x, y = make_net(sizes, seed, n)
    centre = {"softplus": -0.5, "gelu": 0.7}.get(output, 0.4)
    return [*weights[:-1], 0.1 * weights[-1]], [*biases[:-1], centre + 0.05 * biases[-1]], x, y


def assert_matches_differences(net, activation, output, cost, tolerance=1e-7):
    """δ^l against nudges of z^l, and the gradients against nudged weights and biases: C(nudged) from its definition."""
    weights, biases, x, y = net
    result = bp.backprop(*net, activation=activation, output=output, cost=cost)

    def C(weights=weights, biases=biases, nudge=None):
        a = bp.feedforward(weights, biases, x, activation=activation, output=output, nudge=nudge)[1]
        return bp.COST_FORMULAS[cost].value(a[-1], y)

    def swapped(arrays, i, new):
        return [*arrays[:i], new, *arrays[i + 1 :]]

    np.testing.assert_allclose(result.cost, C(), rtol=1e-12)
    for i in range(len(weights)):
        pairs = [
            (result.delta[i], numeric(lambda e, i=i: C(nudge={i + 1: e}), np.zeros_like(result.z[i]))),
            (result.grad_weights[i], numeric(lambda W, i=i: C(weights=swapped(weights, i, W)), weights[i])),
            (result.grad_biases[i], numeric(lambda b, i=i: C(biases=swapped(biases, i, b)), biases[i])),
        ]
        for by_hand, differences in pairs:
            np.testing.assert_allclose(by_hand, differences, rtol=tolerance, atol=tolerance)


# --- activations ------------------------------------------------------------------------------------

EXACT = {
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, 0),
    "leaky_relu": lambda z: max(z, z / 100),
    "elu": lambda z: z if z > 0 else mpmath.exp(z) - 1,
    "gelu": lambda z: z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3))),
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "sine": mpmath.sin,
    "step": lambda z: mpmath.mpf(z >= 0),
    "identity": lambda z: z,
}


@pytest.mark.parametrize("name", ALL)
def test_activation_and_derivative_against_fifty_digits(name):
    z = np.concatenate([np.linspace(-12, 12, 48), [-30.0, 30.0, -1e-3, 1e-3]])  # no 0: kinks have their own test
    with mpmath.workdps(50):
        value = [float(EXACT[name](mpmath.mpf(v))) for v in z]
        slope = [float(mpmath.diff(EXACT[name], mpmath.mpf(v))) for v in z]
    np.testing.assert_allclose(bp.ACTIVATION_FORMULAS[name].f(z), value, rtol=8 * EPS, atol=16 * EPS)
    np.testing.assert_allclose(bp.ACTIVATION_FORMULAS[name].prime(z), slope, rtol=8 * EPS, atol=64 * EPS)


@pytest.mark.parametrize(("dtype", "huge"), [(np.float64, 1e300), (np.float32, 1e30)])
@pytest.mark.parametrize("name", ALL)
def test_extremes_give_limits_without_warnings_and_keep_dtype(name, dtype, huge):
    z = np.array([-huge, -800, -90, 0, 90, 800, huge], dtype)
    limits = {  # of σ and σ' at -huge and at +huge
        "sigmoid": (0, 1, 0, 0), "tanh": (-1, 1, 0, 0), "relu": (0, z[-1], 0, 1), "gelu": (0, z[-1], 0, 1),
        "leaky_relu": (dtype(0.01) * z[0], z[-1], dtype(0.01), 1), "elu": (-1, z[-1], 0, 1),
        "softplus": (0, z[-1], 0, 1), "step": (0, 1, 0, 0), "identity": (z[0], z[-1], 1, 1),
        "sine": (np.sin(z[0]), np.sin(z[-1]), np.cos(z[0]), np.cos(z[-1])),
    }  # fmt: skip
    f, prime = bp.ACTIVATION_FORMULAS[name].f(z), bp.ACTIVATION_FORMULAS[name].prime(z)
    assert f.dtype == prime.dtype == dtype
    assert np.isfinite([f, prime]).all()
    np.testing.assert_allclose([f[0], f[-1], prime[0], prime[-1]], limits[name], rtol=1e-6)


def test_at_zero_the_kinks_take_the_documented_side():
    at_zero = {name: tuple(float(g(np.zeros(1))[0]) for g in bp.ACTIVATION_FORMULAS[name]) for name in ALL}
    assert at_zero["relu"] == (0, 0)
    assert at_zero["leaky_relu"] == (0, 0.01)
    assert at_zero["elu"] == (0, 1)
    assert at_zero["step"] == (1, 0)


def test_sigmoid_is_relatively_accurate_until_it_underflows():
    z = np.linspace(-740, 40, 391)
    with mpmath.workdps(50):
        exact = np.array([float(EXACT["sigmoid"](mpmath.mpf(v))) for v in z])
    # below 2.2e-308 numbers are 4.9e-324 apart, which is then all the accuracy there is
    np.testing.assert_allclose(bp.ACTIVATION_FORMULAS["sigmoid"].f(z), exact, rtol=4 * EPS, atol=1e-323)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=5))
def test_softmax_is_a_distribution_that_ignores_shifts(row):
    a = bp.softmax(np.array([row]))
    assert (a >= 0).all()
    np.testing.assert_allclose(a.sum(), 1, rtol=1e-14)
    moderate = np.clip(np.array([row]), -50, 50)
    np.testing.assert_allclose(bp.softmax(moderate + 64), bp.softmax(moderate), rtol=1e-12)
    np.testing.assert_allclose(bp.softmax(moderate), np.exp(moderate) / np.exp(moderate).sum(), rtol=1e-12)


def test_softmax_jacobian_against_differences():
    z = np.random.default_rng(0).normal(size=(3, 4))
    for j in range(4):
        expected = numeric(lambda z, j=j: bp.softmax(z)[:, j].sum(), z)  # row i depends on z_i only
        np.testing.assert_allclose(bp.softmax_jacobian(bp.softmax(z))[:, j], expected, atol=1e-9)


# --- costs ------------------------------------------------------------------------------------------


def test_cost_values_by_hand():
    a, y = np.array([[0.5, 0.25], [0.5, 0.5]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    # ½(¼ + 1/16) and ½(¼ + ¼), averaged; then logarithms of ½, ¾ and of ½, ½
    assert bp.COST_FORMULAS["quadratic"].value(a, y) == (5 / 32 + 1 / 4) / 2
    np.testing.assert_allclose(
        bp.COST_FORMULAS["binary_cross_entropy"].value(a, y), -np.log(0.5**3 * 0.75) / 2, rtol=1e-15
    )
    np.testing.assert_allclose(bp.COST_FORMULAS["cross_entropy"].value(a, y), np.log(2), rtol=1e-15)


@pytest.mark.parametrize("cost", bp.COST_FORMULAS)
def test_cost_gradient_against_differences(cost):
    a, y = np.random.default_rng(1).uniform(0.05, 0.95, size=(2, 4, 3))
    expected = numeric(lambda a: bp.COST_FORMULAS[cost].value(a, y), a)
    np.testing.assert_allclose(bp.COST_FORMULAS[cost].gradient(a, y), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_logarithms_are_finite_with_gradient_zero(dtype):
    a, y = np.array([[0.0, 1.0, -2.0, 3.0]], dtype), np.array([[1, 0, 1, 0]], dtype)
    for cost in ("cross_entropy", "binary_cross_entropy"):
        gradient = bp.COST_FORMULAS[cost].gradient(a, y)
        assert np.isfinite(bp.COST_FORMULAS[cost].value(a, y))
        assert gradient.dtype == dtype
        assert not gradient.any()


def test_one_hot():
    rows = bp.one_hot([2, 0], 3, dtype=np.float32)
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert rows.dtype == np.float32


# --- the whole algorithm ----------------------------------------------------------------------------


def test_a_relu_network_worked_out_on_paper():
    x, y = [[1, 2], [3, -1]], [[1], [3]]
    weights, biases = [[[1, 0], [-1, 2]], [[2], [1]]], [[0, 1], [-1]]
    # z¹ = [1-2, 0+4+1] = [-1, 5] and [3+1, 0-2+1] = [4, -1]      a¹ = [0, 5] and [4, 0]      σ' = [0, 1] and [1, 0]
    # z² = 0+5-1 = 4 and 8+0-1 = 7 = a²      C = ½ (½ (4-1)² + ½ (7-3)²) = 6.25
    # δ² = (4-1)/2 = 1.5 and (7-3)/2 = 2     δ¹ = 1.5 [2, 1] ⊙ [0, 1] = [0, 1.5] and 2 [2, 1] ⊙ [1, 0] = [4, 0]
    result = bp.backprop(weights, biases, x, y, activation="relu", output="identity")
    assert [z.tolist() for z in result.z] == [[[-1, 5], [4, -1]], [[4], [7]]]
    assert [a.tolist() for a in result.a] == [x, [[0, 5], [4, 0]], [[4], [7]]]
    assert result.cost == 6.25
    assert [d.tolist() for d in result.delta] == [[[0, 1.5], [4, 0]], [[1.5], [2]]]
    assert [g.tolist() for g in result.grad_biases] == [[4, 1.5], [3.5]]
    # W²: [0·1.5 + 4·2, 5·1.5 + 0·2]         W¹: [[1·0 + 3·4, 1·1.5], [2·0 - 1·4, 2·1.5]]
    assert [g.tolist() for g in result.grad_weights] == [[[12, 1.5], [-4, 3]], [[8], [7.5]]]


def test_a_sigmoid_chain_worked_out_on_paper():
    # z¹ = z² = ln 3, so a = 3/4 and σ' = 3/16 in both layers.  C = ½ (1/4)² = 1/32
    # δ² = -1/4 · 3/16 = -3/64    δ¹ = -3/64 · 4 · 3/16 = -9/256    ∂C/∂w² = 3/4 · -3/64 = -9/256
    result = bp.backprop([[[np.log(3)]], [[4]]], [[0], [np.log(3) - 3]], [[1]], [[1]])
    numbers = [result.cost, *result.delta, *result.grad_weights]
    expected = [1 / 32, -9 / 256, -3 / 64, -9 / 256, -9 / 256]
    np.testing.assert_allclose([np.squeeze(v) for v in numbers], expected, rtol=1e-14)


@EVERY_OUTPUT_AND_COST
def test_every_combination_against_differences(output, cost):
    for activation in ALL:
        net = make_net_inside([2, 3, 2], 3, output)
        z, a = bp.feedforward(*net[:3], activation=activation, output=output)
        assert min(np.abs(z_l).min() for z_l in z) > 1e-3  # differences across a kink would prove nothing
        assert output == "step" or np.abs(a[-1] - 0.5).max() < 0.49
        assert_matches_differences(net, activation, output, cost)


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=5),
    st.data(),
    st.sampled_from(["sigmoid", "softmax"]),
    st.sampled_from(sorted(bp.COST_FORMULAS)),
    st.integers(0, 2**32),
)
def test_any_depth_with_a_list_of_activations(sizes, data, output, cost, seed):
    hidden = data.draw(st.lists(st.sampled_from(SMOOTH), min_size=len(sizes) - 2, max_size=len(sizes) - 2))
    if (output, sizes[-1]) == ("softmax", 1):
        sizes[-1] = 2  # the only output would be 1, where binary cross-entropy clips
    assert_matches_differences(make_net_inside(sizes, seed, output), hidden, output, cost, tolerance=1e-6)


def test_a_wrong_rule_is_caught(monkeypatch):
    net = make_net([2, 3, 2], seed=3)
    assert_matches_differences(net, "tanh", "sigmoid", "quadratic")
    monkeypatch.setattr(bp, "bp2", lambda W_next, delta_next, sigma_prime: delta_next @ W_next.T)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_matches_differences(net, "tanh", "sigmoid", "quadratic")


@pytest.mark.parametrize(("output", "cost"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")])
def test_shortcuts_equal_the_long_way(output, cost):
    *_, y = make_net([2, 4], seed=5, n=6)  # rows of y do not sum to 1
    z = np.random.default_rng(5).normal(size=y.shape)
    a = bp.softmax(z) if output == "softmax" else bp.ACTIVATION_FORMULAS["sigmoid"].f(z)
    jacobian = bp.softmax_jacobian(a) if output == "softmax" else np.stack([np.diag(row * (1 - row)) for row in a])
    long_way = [J @ g for J, g in zip(jacobian, bp.COST_FORMULAS[cost].gradient(a, y), strict=True)]
    np.testing.assert_allclose(bp.output_error(z, a, y, output=output, cost=cost), long_way, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        bp.total_cost(z, a, y, output=output, cost=cost), bp.COST_FORMULAS[cost].value(a, y), rtol=1e-14
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shortcuts_stay_finite_and_right_when_outputs_saturate(dtype):
    x, y = np.array([[1e4, -1e4]], dtype), [[0.0, 1.0]]  # as wrong as can be
    net = [np.eye(2, dtype=dtype)], [np.zeros(2, dtype)], x, y
    softmax = bp.backprop(*net, output="softmax", cost="cross_entropy")
    sigmoid = bp.backprop(*net, output="sigmoid", cost="binary_cross_entropy")
    assert softmax.cost == sigmoid.cost == 2e4
    assert softmax.delta[0].tolist() == sigmoid.delta[0].tolist() == [[1, -1]]
    assert softmax.delta[0].dtype == sigmoid.grad_weights[0].dtype == dtype


@EVERY_OUTPUT_AND_COST
def test_matrix_form_equals_backprop(output, cost):
    net = make_net([3, 4, 3, 2], seed=8, n=3)
    for activation in ALL:
        names = {"activation": activation, "output": output, "cost": cost}
        deltas = bp.backprop(*net, **names).delta, bp.matrix_form(*net, **names), bp.scales(*net, **names).delta
        for delta, by_matrices, S in zip(*deltas, strict=True):
            assert (np.abs(by_matrices - delta) <= 100 * EPS * S).all()


def test_integer_labels_are_one_hot_rows():
    weights, biases, x, _ = make_net([2, 3], seed=1)
    names = {"output": "softmax", "cost": "cross_entropy"}
    labels = bp.backprop(weights, biases, x, np.array([2, 0]), **names)
    rows = bp.backprop(weights, biases, x, [[0, 0, 1], [1, 0, 0]], **names)
    assert labels.cost == rows.cost
    assert labels.delta[0].tolist() == rows.delta[0].tolist()


# --- scales -----------------------------------------------------------------------------------------


def assert_float32_is_within(tolerance, net, **names):
    """Compare |float32 result - float64 result| with the scales, field by field."""
    net32 = [[v.astype(np.float32) for v in part] if isinstance(part, list) else np.float32(part) for part in net]
    net64 = [[v.astype(float) for v in part] if isinstance(part, list) else np.float64(part) for part in net32]
    low, exact, scale = bp.backprop(*net32, **names), bp.backprop(*net64, **names), bp.scales(*net64, **names)
    assert abs(low.cost - exact.cost) <= tolerance * scale.cost
    for field in ("z", "a", "delta", "grad_weights", "grad_biases"):
        for got, value, S in zip(*(getattr(r, field) for r in (low, exact, scale)), strict=True):
            assert got.dtype == np.float32
            assert S.shape == value.shape
            assert (np.abs(got - value) <= tolerance * S).all(), field


@EVERY_OUTPUT_AND_COST
def test_scales_bound_what_float32_loses(output, cost):
    net = make_net_inside([5, 6, 4, 3], 11, output, n=4)
    if output == "step":
        net[1][-1][:] = -1  # a = 0, and the next line makes ln a irrelevant: ln tiny differs between the two types
        net[3][:] = 0
    for activation in ALL:
        assert_float32_is_within(1e-5, net, activation=activation, output=output, cost=cost)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus"])
def test_scales_bound_it_in_saturated_networks(activation, seed):
    # not gelu: gelu(-5) in float32 is all rounding, so the float64 |a^l| is no measure of its error
    net = make_net([10, 10, 10, 10, 5], seed, n=8, gain=3)
    assert_float32_is_within(1e-4, net, activation=activation, output="softmax", cost="cross_entropy")


def test_scales_are_the_values_themselves_where_nothing_cancels():
    weights, biases, x, y = make_net([2, 3, 2], seed=2)
    weights, biases, x, y = [abs(W) for W in weights], [abs(b) for b in biases], abs(x), -y
    names = {"activation": "identity", "output": "identity"}
    result, scale = bp.backprop(weights, biases, x, y, **names), bp.scales(weights, biases, x, y, **names)
    for field in ("z", "delta", "grad_biases"):
        for value, S in zip(getattr(result, field), getattr(scale, field), strict=True):
            np.testing.assert_allclose(S, value, rtol=1e-14)
    np.testing.assert_allclose(scale.grad_weights[0], result.grad_weights[0], rtol=1e-14)


@pytest.mark.parametrize(
    ("output", "cost", "S_delta", "terms"),
    [  # z = [0, ln 3], so softmax is [1/4, 3/4] and sigmoid [1/2, 3/4]; y = [1, 1/2]
        ("softmax", "cross_entropy", [0.25 * 1.5 + 1, 0.75 * 1.5 + 0.5], np.log(4) + np.log(4 / 3) / 2),
        ("softmax", "quadratic", [1.25 + 1.25, 1.25 + 1.25], 1.25**2),  # S_∇ + Σ_k a_k S_∇, with S_∇ = 1.25
        ("sigmoid", "binary_cross_entropy", [1.5, 1.25], np.log(2) + np.log(4 / 3) / 2 + np.log(4) / 2),
        ("sigmoid", "cross_entropy", [2, 2 / 3], np.log(2) + np.log(4 / 3) / 2),
    ],
)
def test_scales_of_the_output_on_paper(output, cost, S_delta, terms):
    scale = bp.scales([[[0, np.log(3)]]], [[0, 0]], [[1]], [[1, 0.5]], output=output, cost=cost)
    S_a = [{"softmax": 0.25, "sigmoid": 0.5}[output], 0.75 + np.log(3)]
    np.testing.assert_allclose(scale.a[1], [S_a], rtol=1e-14)
    np.testing.assert_allclose(scale.delta[0], [S_delta], rtol=1e-14)
    np.testing.assert_allclose(scale.cost, terms + np.dot(S_delta, S_a), rtol=1e-14)


def test_scales_where_the_gradient_is_zero():
    net = [np.array([[1.0, -1.0]])], [np.zeros(2)], [[1.0]]
    cancelled = bp.scales(*net, [[1.0, -1.0]], output="identity")  # a = y, so δ = 0 but |a| + |y| = 2
    assert cancelled.delta[0].tolist() == [[2, 2]]
    clipped = bp.scales(*net, [[0.5, 0.5]], output="relu", cost="cross_entropy")  # a = [1, 0]
    assert clipped.delta[0].tolist() == [[0.5, 0]]


@pytest.mark.parametrize("cost", bp.COST_FORMULAS)
def test_scales_do_not_overflow(cost):
    net = [np.ones((1, 2)), np.full((2, 2), 1e10)], [np.zeros(2), np.full(2, -2e10 - 700)], [[100.0]], [0]
    assert bp.backprop(*net).a[-1].max() < 1e-300
    assert np.isfinite(bp.scales(*net, cost=cost).grad_weights[0]).all()


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"activation": "sigmod"}, ValueError, "backprop: activation 'sigmod' is unknown; did you mean 'sigmoid'"),
        ({"activation": [np.tanh]}, TypeError, "activation must be a name"),
        ({"activation": ["tanh", "tanh"]}, ValueError, "a list of 1, got 2"),
        ({"output": "sofmax"}, ValueError, "output 'sofmax' is unknown; did you mean 'softmax'"),
        ({"cost": "cross-entropy"}, ValueError, "did you mean 'cross_entropy'"),
        ({"weights": []}, ValueError, "0 weights and 2 biases"),
        ({"weights": [np.ones((2, 3)), np.ones((2, 2))]}, ValueError, r"weights\[1\] must have shape \(3, n_out\)"),
        ({"weights": [np.ones((3, 2)), np.ones((2, 3))]}, ValueError, r"weights\[0\].*\.T"),
        ({"weights": [np.ones(2), np.ones((3, 2))]}, ValueError, r"weights\[0\].*got \(2,\)"),
        ({"biases": [np.zeros(3), np.zeros(3)]}, ValueError, r"biases\[1\] must have shape \(2,\).*got \(3,\)"),
        ({"biases": [np.zeros(3), np.zeros(2) + 1j]}, TypeError, r"biases\[1\] must hold real numbers"),
        ({"x": np.ones(2)}, ValueError, r"x\[None, :\]"),
        ({"x": np.ones((0, 2))}, ValueError, r"n ≥ 1.*got \(0, 2\)"),
        ({"y": np.ones((4, 1))}, ValueError, r"outputs' shape \(4, 2\), or be 4 integer labels; got \(4, 1\)"),
        ({"y": np.ones(4)}, TypeError, "y must be integers"),
        ({"y": [0, 1, 2, -1]}, ValueError, r"y must lie between 0 and 1, got \[2, -1\]"),
    ],
)
def test_errors_name_the_argument_and_a_way_out(change, error, words):
    weights, biases, x, y = make_net([2, 3, 2], seed=0, n=4)
    with pytest.raises(error, match=words):
        bp.backprop(**{"weights": weights, "biases": biases, "x": x, "y": y} | change)


def test_errors_of_the_other_functions_carry_their_names():
    weights, biases, x, _ = make_net([2, 1], seed=0)
    with pytest.raises(ValueError, match=r"scales: y must.*\(2, 1\), so a vector needs y\[:, None\]; got \(2,\)"):
        bp.scales(weights, biases, x, np.ones(2))
    with pytest.raises(ValueError, match="matrix_form: cost"):
        bp.matrix_form(weights, biases, x, np.ones((2, 1)), cost="")
    with pytest.raises(ValueError, match="feedforward: x"):
        bp.feedforward(weights, biases, np.ones(2))
    with pytest.raises(ValueError, match=r"nudge\[1\] must have shape \(2, 1\), got \(1,\)"):
        bp.feedforward(weights, biases, x, nudge={1: np.ones(1)})
    with pytest.raises(ValueError, match=r"nudge names layers \[0\], but the layers are 1 to 1"):
        bp.feedforward(weights, biases, x, nudge={0: np.ones((2, 1))})
    with pytest.raises(ValueError, match="one_hot: labels must lie between 0 and 1"):
        bp.one_hot([2], 2)
    with pytest.raises(TypeError, match="one_hot: labels must be integers"):
        bp.one_hot([[0]], 2)
