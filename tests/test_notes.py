"""The equations of the lecture notes and of Nielsen's chapter, index by index, against what the library computes."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg

SEEDS = pytest.mark.parametrize("seed", range(5))


def f(z):
    """The logistic function of one number, as the notes define it."""
    return 1 / (1 + math.exp(-z))


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-11, atol=1e-13)


def arrays(net):
    """W and b of every layer, W[i, j] from unit i to unit j."""
    return [W.numpy() for W in net.weights], [b.numpy() for b in net.biases]


# --- Networks, and what they can approximate -----------------------------------------------------------------


@pytest.mark.parametrize("f", [tg.sigmoid, tg.tanh, tg.relu, tg.sine, np.square], ids=lambda f: f.__name__)
def test_one_hidden_layer_approximates_unless_it_is_a_polynomial(f):
    """The best output weights for random hidden units; relu is not bounded, and the sine does not increase."""
    x = np.linspace(-1, 1, 200)[:, None]
    target = np.sin(4 * x) + np.abs(x)
    errors = []
    for width in (4, 100):
        rng = np.random.default_rng(0)
        net = tg.nn.MLP([1, width, 1], f, output="identity", rng=rng)
        for parameter in net.parameters()[:2]:
            parameter.data = rng.uniform(-8, 8, parameter.shape)
        a = np.column_stack([net.layers[0](x).numpy(), np.ones(200)])
        best = np.linalg.lstsq(a, target, rcond=None)[0]
        net.weights[1].data, net.biases[1].data = best[:-1], best[-1]
        errors.append(np.abs(net(x).numpy() - target).max())
    if f is np.square:
        np.testing.assert_allclose(errors[0], errors[1], rtol=1e-6)
        assert errors[1] > 0.3
    else:
        assert errors[1] < min(0.05, errors[0] / 5)


@SEEDS
def test_the_error_shrinks_less_with_tanh(seed):
    """tanh′ is 1 at most, σ′ only ¼: of what the last layer is wrong, the first hears more."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(20, 5)), rng.uniform(size=(20, 5))
    kept = []
    for name in ("sigmoid", "tanh"):
        errors = tg.learning_report(tg.nn.MLP([5] * 6, name, rng=seed), x, y).errors
        kept.append(errors[0] / errors[-1])
    assert kept[1] > 20 * kept[0]


# --- Mathematical model ------------------------------------------------------------------------------------


@SEEDS
def test_one_neuron(seed):
    net, x = tg.nn.MLP([4, 1], rng=seed), np.random.default_rng(seed).normal(size=4)
    (W,), (b,) = arrays(net)
    total = sum(W[i, 0] * x[i] for i in range(4))
    close(net(x[None])[0, 0].item(), f(total + b[0]))
    net.biases[0].data = np.zeros(1)
    close(net(x[None])[0, 0].item(), f(total))


@SEEDS
def test_the_network_2_3_3_1_written_out(seed):
    """Nested sums, with another activation function for each layer; w(l, i, j) leads to unit i, as the notes have it."""
    net = tg.nn.MLP([2, 3, 3, 1], ["tanh", "softplus"], output="sigmoid", rng=seed)
    Ws, bs = arrays(net)
    x = np.random.default_rng(seed).normal(size=2)

    def w(l, i, j):
        return Ws[l - 1][j, i]

    def b(l, i):
        return bs[l - 1][i]

    def softplus(z):
        return math.log(1 + math.exp(z))

    def y2(j):
        inner = (w(2, j, k) * math.tanh(sum(w(1, k, m) * x[m] for m in range(2)) + b(1, k)) for k in range(3))
        return softplus(sum(inner) + b(2, j))

    close(net(x[None])[0, 0].item(), f(sum(w(3, 0, j) * y2(j) for j in range(3)) + b(3, 0)))


@SEEDS
def test_the_complete_network_is_a_nested_sum(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 5, rng.integers(2, 6))]
    net, x = tg.nn.MLP(sizes, rng=seed), rng.normal(size=sizes[0])
    Ws, bs = arrays(net)

    def y(l, i):
        """The output of unit i of layer l; layer 0 is the input."""
        return x[i] if l == 0 else f(sum(Ws[l - 1][j, i] * y(l - 1, j) for j in range(sizes[l - 1])) + bs[l - 1][i])

    close(net(x[None]).numpy()[0], [y(len(sizes) - 1, i) for i in range(sizes[-1])])


def test_a_scaled_and_shifted_activation_is_the_smallest_network():
    c1, c2, c3, c4 = -1.5, 4.0, -3.0, 0.5
    net = tg.nn.MLP([1, 1, 1], "tanh", output="identity", rng=0)
    for parameter, value in zip(net.parameters(), (c2, c3, c1, c4), strict=True):
        parameter.data = np.full(parameter.shape, value)
    x = np.linspace(-3, 3, 13)
    close(net(x[:, None]).numpy()[:, 0], [c1 * math.tanh(c2 * v + c3) + c4 for v in x])


@SEEDS
def test_columns_in_matrix_vector_form(seed):
    net = tg.nn.MLP([2, 3, 3, 1], rng=seed)
    y = x = np.random.default_rng(seed).normal(size=(2, 1))
    for W, b in zip(*arrays(net), strict=True):
        y = tg.sigmoid(W.T @ y + b[:, None])
    close(net(x.T).numpy(), y.T)


@SEEDS
def test_layers_without_activation_are_one(seed):
    net, x = tg.nn.MLP([3, 5, 4, 2], "identity", "identity", rng=seed), np.random.default_rng(seed).normal(size=(6, 3))
    (W1, W2, W3), (b1, b2, b3) = arrays(net)
    close(net(x).numpy(), x @ (W1 @ W2 @ W3) + ((b1 @ W2 + b2) @ W3 + b3))


# --- The derivation for regression ---------------------------------------------------------------------------


@SEEDS
def test_derivatives_of_one_layer(seed):
    """∂z_j/∂w_ij = a_i and ∂z_j/∂a_i = w_ij, if w_ij leads from i to j; ∂a_j/∂z_j = a_j (1 − a_j); all others are 0."""
    rng = np.random.default_rng(seed)
    W, b, a = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    by_w = tg.jacobian(lambda W: a @ W + b)(W)
    for j, i, k in np.ndindex(4, 3, 4):
        assert by_w[j, i, k] == (a[i] if k == j else 0)
    close(tg.jacobian(lambda a: a @ W + b)(a), W.T)
    close(tg.jacobian(lambda b: a @ W + b)(b), np.eye(4))
    z = a @ W + b
    close(tg.jacobian(tg.sigmoid)(z), np.diag([f(v) * (1 - f(v)) for v in z]))


def by_nudges(net, x, t):
    """δ of every layer of one example by autograd: the derivative of ½ Σ (a − t)² by a nudge of each z."""
    Ws, bs = arrays(net)

    def C(nudges):
        a = x
        for W, b, nudge in zip(Ws, bs, nudges, strict=True):
            a = tg.sigmoid(a @ W + b + nudge)
        return 0.5 * np.sum((a - t) ** 2)

    return tg.grad(C)([np.zeros(b.shape) for b in bs])


def example_of(seed, sizes=(3, 4, 5, 2)):
    rng = np.random.default_rng(seed)
    net = tg.nn.MLP(sizes, rng=seed)
    x, t = rng.normal(size=sizes[0]), rng.uniform(size=sizes[-1])
    a = [x]
    for W, b in zip(*arrays(net), strict=True):
        a.append(np.array([f(z) for z in a[-1] @ W + b]))
    tg.costs.quadratic(net(x[None]), t[None]).backward()  # one example, so the mean is the cost itself
    return net, x, t, a


@SEEDS
def test_the_starting_equations(seed):
    net, x, t, a = example_of(seed)
    delta = [a_j * (1 - a_j) * (a_j - t_j) for a_j, t_j in zip(a[-1], t, strict=True)]
    close(by_nudges(net, x, t)[-1], delta)
    close(net.weights[-1].grad, [[delta_j * a_i for delta_j in delta] for a_i in a[-2]])
    close(net.biases[-1].grad, delta)


@SEEDS
def test_the_final_equation(seed):
    """δ_j = Σ_k δ_k w_jk f′(z_j): the second index is where the connection arrives, as in z_k = Σ_j w_jk a_j + b_k."""
    net, x, t, a = example_of(seed)
    Ws, _ = arrays(net)
    delta = by_nudges(net, x, t)
    for l in (0, 1):  # the layer after it is l + 1; its weights are Ws[l + 1], and its inputs a[l + 1]
        W, later, a_l = Ws[l + 1], delta[l + 1], a[l + 1]
        found = [sum(later[k] * W[j, k] for k in range(len(later))) * a_l[j] * (1 - a_l[j]) for j in range(len(a_l))]
        close(found, delta[l])
        close(net.weights[l].grad, np.outer(a[l], found))
        close(net.biases[l].grad, found)


# --- Classification ------------------------------------------------------------------------------------------


@SEEDS
def test_the_likelihood_of_two_classes(seed):
    """−ln Π P(y) is n times the cost: with P(y = 1) = σ(z), and with the notes' P(y = 0) = σ(z) if y changes places."""
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=6), rng.integers(0, 2, 6)
    likelihood = math.prod(f(z_i) if y_i == 1 else 1 - f(z_i) for z_i, y_i in zip(z, y, strict=True))
    close(6 * tg.costs.binary_cross_entropy(tg.sigmoid(z[:, None]), y[:, None]), -math.log(likelihood))
    likelihood = math.prod(f(z_i) if y_i == 0 else 1 - f(z_i) for z_i, y_i in zip(z, y, strict=True))
    close(6 * tg.costs.binary_cross_entropy(tg.sigmoid(z[:, None]), 1 - y[:, None]), -math.log(likelihood))


@SEEDS
def test_the_likelihood_of_many_classes(seed):
    rng = np.random.default_rng(seed)
    a, w, y = rng.normal(size=(6, 3)), rng.normal(size=(3, 4)), rng.integers(0, 4, 6)
    likelihood = 1.0
    for i in range(6):
        exps = [math.exp(sum(a[i, k] * w[k, c] for k in range(3))) for c in range(4)]
        likelihood *= exps[y[i]] / sum(exps)
    close(6 * tg.costs.cross_entropy(tg.softmax(a @ w), y), -math.log(likelihood))


@SEEDS
def test_softmax_of_two_classes_is_the_logistic_function(seed):
    rng = np.random.default_rng(seed)
    a, w = rng.normal(size=(6, 3)), rng.normal(size=(3, 2))
    close(tg.softmax(a @ w)[:, 0], tg.sigmoid(a @ (w[:, 0] - w[:, 1])))


@SEEDS
def test_the_derivative_of_the_logarithm_of_softmax(seed):
    z = np.random.default_rng(seed).normal(size=4)
    expected = [[(j == c) - tg.softmax(z)[j] for j in range(4)] for c in range(4)]
    close(tg.jacobian(tg.log_softmax)(z), expected)
    close(tg.jacobian(lambda z: np.log(tg.softmax(z)))(z), expected)


# --- Nielsen's chapter ---------------------------------------------------------------------------------------


def test_the_hadamard_product_is_the_star():
    close(np.array([1, 2]) * np.array([3, 4]), [3, 8])


@SEEDS
def test_every_step_of_the_proof_of_bp1(seed):
    """(36) to (39): all ∂a_k/∂z_j but those with k = j are 0."""
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=3), rng.uniform(size=3)
    delta = tg.grad(lambda z: 0.5 * np.sum((y - tg.sigmoid(z)) ** 2))(z)
    nabla = tg.grad(lambda a: 0.5 * np.sum((y - a) ** 2))(tg.sigmoid(z))
    slopes = tg.jacobian(tg.sigmoid)(z)
    close(nabla, tg.sigmoid(z) - y)
    close(delta, [sum(nabla[k] * slopes[k, j] for k in range(3)) for j in range(3)])  # (37)
    close(slopes - np.diag(np.diag(slopes)), np.zeros((3, 3)))
    close(delta, nabla * np.diag(slopes))  # (38), (39)


@SEEDS
def test_every_step_of_the_proof_of_bp2(seed):
    """(40) to (45), with his w_kj, which leads from j to k."""
    rng = np.random.default_rng(seed)
    w, b, z, y = rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=3), rng.uniform(size=2)
    z_next = lambda z: w @ tg.sigmoid(z) + b  # (43)
    C = lambda z_next: 0.5 * np.sum((y - tg.sigmoid(z_next)) ** 2)
    delta, delta_next = tg.grad(lambda z: C(z_next(z)))(z), tg.grad(C)(z_next(z))
    slopes, prime = tg.jacobian(z_next)(z), [f(v) * (1 - f(v)) for v in z]
    close(slopes, [[w[k, j] * prime[j] for j in range(3)] for k in range(2)])  # (44)
    close(delta, [sum(slopes[k, j] * delta_next[k] for k in range(2)) for j in range(3)])  # (42)
    close(delta, [sum(w[k, j] * delta_next[k] for k in range(2)) * prime[j] for j in range(3)])  # (45)


@SEEDS
def test_one_modified_neuron(seed):
    """Only σ′ changes: f′ stands in its place, for that neuron."""
    rng = np.random.default_rng(seed)
    is_modified = np.array([True, False, False, False])
    net = tg.nn.MLP([3, 4, 2], lambda z: np.where(is_modified, np.sin(z), tg.sigmoid(z)), rng=seed)
    x, y = rng.normal(size=(5, 3)), rng.uniform(size=(5, 2))
    tg.costs.quadratic(net(x), y).backward()
    (W1, W2), (b1, b2) = arrays(net)
    z1 = x @ W1 + b1
    a1 = np.where(is_modified, np.sin(z1), tg.sigmoid(z1))
    prime1 = np.where(is_modified, np.cos(z1), tg.sigmoid(z1) * (1 - tg.sigmoid(z1)))
    a2 = tg.sigmoid(a1 @ W2 + b2)
    delta2 = tg.backprop.bp1((a2 - y) / 5, a2 * (1 - a2))
    delta1 = tg.backprop.bp2(W2, delta2, prime1)
    found = [W.grad for W in net.weights] + [b.grad for b in net.biases]
    expected = x.T @ delta1, a1.T @ delta2, delta1.sum(axis=0), delta2.sum(axis=0)
    for mine, theirs in zip(found, expected, strict=True):
        close(mine, theirs)


@SEEDS
def test_linear_neurons(seed):
    """σ′ = 1, so it leaves the equations: the error goes back through the weights alone."""
    net = tg.nn.MLP([3, 4, 2], "identity", "identity", rng=seed)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    tg.costs.quadratic(net(x), y).backward()
    (W1, W2), (b1, _) = arrays(net)
    delta2 = (net(x).numpy() - y) / 5
    delta1 = delta2 @ W2.T
    close(net.weights[1].grad, (x @ W1 + b1).T @ delta2)
    close(net.weights[0].grad, x.T @ delta1)
    close(net.biases[0].grad, delta1.sum(axis=0))


# --- The programs --------------------------------------------------------------------------------------------


@SEEDS
@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_the_regression_network_without_biases(seed, strength):
    """Its cost, ½ Σ (y − ŷ)²/n + ½ λ Σ w², and its gradient for both matrices, written as in its program."""
    rng = np.random.default_rng(seed)
    X, y, W1, W2 = rng.uniform(size=(4, 2)), rng.uniform(size=(4, 1)), rng.normal(size=(2, 3)), rng.normal(size=(3, 1))

    def J(weights):
        W1, W2 = weights
        return tg.costs.quadratic(tg.sigmoid(tg.sigmoid(X @ W1) @ W2), y) + tg.costs.l2(weights, strength)

    cost, (dJdW1, dJdW2) = tg.value_and_grad(J)([W1, W2])
    a2 = np.vectorize(f)(X @ W1)
    y_hat = np.vectorize(f)(a2 @ W2)
    delta3 = -(y - y_hat) * y_hat * (1 - y_hat)
    delta2 = delta3 @ W2.T * a2 * (1 - a2)
    close(cost, 0.5 * np.sum((y - y_hat) ** 2) / 4 + strength / 2 * (np.sum(W1**2) + np.sum(W2**2)))
    close(dJdW2, a2.T @ delta3 / 4 + strength * W2)
    close(dJdW1, X.T @ delta2 / 4 + strength * W1)
