"""The uses of a machine-learning course, written for NumPy as they are: they must work as written."""

import numpy as np

import tinygrad_edu as tg


def trial(x, params):
    """A solution of g′ = −γ g with g(0) = g₀, whatever the network says: g₀ + x N(x)."""
    hidden, output = params
    x = x.reshape(-1, 1)
    ones = np.ones((x.shape[0], 1))
    z = np.concatenate([ones, x], axis=1) @ hidden
    a = np.concatenate([ones, 1 / (1 + np.exp(-z))], axis=1)
    return 10.0 + x[:, 0] * (a @ output)[:, 0]


def test_an_ordinary_differential_equation_with_a_trial_solution():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 10)
    params = [rng.normal(size=(2, 8)), rng.normal(size=(9, 1))]
    slope = tg.elementwise_grad(trial)

    def cost(params):
        residual = slope(x, params) + 2.0 * trial(x, params)
        return np.mean(residual**2)

    value_and_gradient = tg.value_and_grad(cost)
    start = float(cost(params))
    for _ in range(400):
        _, gradient = value_and_gradient(params)
        params = [p - 0.01 * g for p, g in zip(params, gradient, strict=True)]
    assert cost(params) < 0.02 * start
    np.testing.assert_allclose(trial(x, params), 10 * np.exp(-2 * x), atol=0.8)


def test_a_partial_differential_equation_point_by_point():
    """∂g/∂t = ∂²g/∂x² with g = (1 − t) sin(πx) + x(1 − x) t N(x, t): jacobian and hessian per point, in a cost."""
    rng = np.random.default_rng(1)
    params = [rng.normal(size=(3, 5)), rng.normal(size=6)]

    def network(params, point):
        hidden, output = params
        a = np.tanh(np.concatenate([np.ones(1), point]) @ hidden)
        return np.concatenate([np.ones(1), a]) @ output

    def g(point, params):
        x, t = point[0], point[1]
        return (1 - t) * np.sin(np.pi * x) + x * (1 - x) * t * network(params, point)

    points = [np.array([x, t]) for x in (0.2, 0.5, 0.8) for t in (0.1, 0.6)]

    def cost(params):
        total = 0.0
        for point in points:
            gradient = tg.jacobian(g)(point, params)
            curvature = tg.jacobian(tg.grad(g))(point, params)
            total = total + (gradient[1] - curvature[0, 0]) ** 2
        return total / len(points)

    gradient = tg.grad(cost)(params)
    h, direction = 1e-6, [rng.normal(size=p.shape) for p in params]
    ahead = cost([p + h * d for p, d in zip(params, direction, strict=True)])
    behind = cost([p - h * d for p, d in zip(params, direction, strict=True)])
    found = sum(np.sum(a * d) for a, d in zip(gradient, direction, strict=True))
    np.testing.assert_allclose(found, (ahead - behind) / (2 * h), rtol=1e-6)


def regression():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 5))
    return X, X @ np.array([2.0, 0.0, -1.0, 0.0, 0.5]) + 0.1 * rng.normal(size=60)


def test_ridge_regression_by_gradient_descent():
    X, y = regression()

    def cost(beta):
        return np.mean((y - X @ beta) ** 2) + 0.1 * np.sum(beta**2)

    beta = np.zeros(5)
    for _ in range(500):
        beta = beta - 0.1 * tg.grad(cost)(beta)
    np.testing.assert_allclose(beta, np.linalg.solve(X.T @ X / 60 + 0.1 * np.eye(5), X.T @ y / 60), atol=1e-10)


def test_lasso_regression_by_gradient_descent():
    X, y = regression()

    def cost(beta):
        return np.mean((y - X @ beta) ** 2) + 0.4 * np.sum(np.abs(beta))

    beta, best = np.zeros(5), np.inf
    for k in range(3000):
        beta = beta - 0.3 / (k + 10) * tg.grad(cost)(beta)
        best = min(best, float(cost(beta)))
    assert best < cost(np.linalg.lstsq(X, y)[0])
    assert np.abs(beta[[1, 3]]).max() < 0.02  # what does not matter is taken out


def test_newtons_method():
    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x = np.array([-1.2, 1.0, 0.8])
    for _ in range(30):
        x = x - np.linalg.solve(tg.hessian(rosenbrock)(x), tg.grad(rosenbrock)(x))
    np.testing.assert_allclose(tg.grad(rosenbrock)(x), 0, atol=1e-9)
    np.testing.assert_allclose(x, 1, atol=1e-9)


def test_logistic_regression_with_newtons_method():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(80), rng.normal(size=(80, 2))])
    y = (X @ np.array([0.3, 2.0, -1.0]) + rng.logistic(size=80) > 0).astype(float)
    cost = lambda beta: np.mean(tg.softplus(X @ beta) - y * (X @ beta)) + 0.01 * np.sum(beta**2)
    beta = np.zeros(3)
    for _ in range(10):
        beta = beta - np.linalg.solve(tg.hessian(cost)(beta), tg.grad(cost)(beta))
    np.testing.assert_allclose(tg.grad(cost)(beta), 0, atol=1e-12)
