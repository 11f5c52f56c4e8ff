"""Programs of the kinds that users of autograd write, each once, for whichever NumPy it is handed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy


class Program(NamedTuple):
    """A cost to differentiate with respect to its first argument.

    Attributes
    ----------
    cost : callable
        Takes a module that has NumPy's names; returns the function of ``params`` and ``data`` that gives one number.
    params : array, or list, tuple or dict of arrays
    data : tuple of arrays
    """

    cost: Callable[[Any], Callable[..., Any]]
    params: Any
    data: tuple[Any, ...]


def normal(rng, *shape, scale=1.0):
    return scale * rng.normal(size=shape)


# --- A fluid: which flow at the start carries the smoke to where it should be? -------------------------------------------


def fluid(n, steps):
    """An incompressible fluid on an n × n torus; each step looks back along the flow, and between four cells."""
    rng = numpy.random.default_rng(0)
    rows, columns = numpy.mgrid[:n, :n]
    smoke, target = (numpy.exp(-((rows - n / 2) ** 2 + (columns - n * at) ** 2) / n) for at in (0.3, 0.6))

    def cost(np):
        def carried(f, down, right):
            """What is in each cell after a step: what was where the flow comes from."""
            y, x = rows - down, columns - right
            top, left = np.floor(y), np.floor(x)
            wy, wx = y - top, x - left
            i, j = top.astype(int) % n, left.astype(int) % n
            below, beside = (i + 1) % n, (j + 1) % n
            upper = (1 - wx) * f[i, j] + wx * f[i, beside]
            lower = (1 - wx) * f[below, j] + wx * f[below, beside]
            return (1 - wy) * upper + wy * lower

        def neighbours(p, axis):
            return np.roll(p, -1, axis), np.roll(p, 1, axis)

        def incompressible(down, right):
            """The flow without its divergence, by a few steps of Jacobi's method for the pressure."""
            (d1, d0), (r1, r0) = neighbours(down, 0), neighbours(right, 1)
            divergence = (d1 - d0 + r1 - r0) / 2
            p = np.zeros((n, n))
            for _ in range(8):
                (a, b), (c, d) = neighbours(p, 0), neighbours(p, 1)
                p = (a + b + c + d - divergence) / 4
            (d1, d0), (r1, r0) = neighbours(p, 0), neighbours(p, 1)
            return down - (d1 - d0) / 2, right - (r1 - r0) / 2

        def distance(flow, smoke, target):
            down, right = flow
            for _ in range(steps):
                down, right = incompressible(carried(down, down, right), carried(right, down, right))
                smoke = carried(smoke, down, right)
            return np.mean((smoke - target) ** 2)

        return distance

    return Program(cost, [normal(rng, n, n), normal(rng, n, n)], (smoke, target))


# --- A Gaussian process ------------------------------------------------------------------------------------------------


def gaussian_process(n, dimensions=3):
    """The negative log marginal likelihood of n observations under a squared exponential kernel and noise."""
    rng = numpy.random.default_rng(1)
    x = normal(rng, n, dimensions)
    y = numpy.sin(x).sum(axis=1) + normal(rng, n, scale=0.1)

    def cost(np):
        def evidence(params, x, y):
            scaled = x / np.exp(params["log_lengths"])
            squares = np.sum((scaled[:, None, :] - scaled[None, :, :]) ** 2, axis=2)
            K = np.exp(params["log_height"] - squares / 2) + np.exp(params["log_noise"]) * np.eye(n)
            L = np.linalg.cholesky(K)
            white = np.linalg.solve(L, y)
            return np.sum(white**2) / 2 + np.sum(np.log(np.diag(L))) + n / 2 * np.log(2 * np.pi)

        return evidence

    params = {"log_lengths": numpy.zeros(dimensions), "log_height": numpy.array(0.3), "log_noise": numpy.array(-2.0)}
    return Program(cost, params, (x, y))


# --- Networks that remember --------------------------------------------------------------------------------------------


def sequences(rng, steps, batch, inputs, classes):
    """Inputs (steps, batch, inputs), and targets (steps, batch, classes) with a single 1 in each row."""
    return normal(rng, steps, batch, inputs), numpy.eye(classes)[rng.integers(classes, size=(steps, batch))]


def log_softmax(np, z):
    z = z - np.max(z, axis=-1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


def rnn(steps, batch, units, inputs=10, classes=10):
    """The cross-entropy of a recurrent network of tanh units, at every step of time."""
    rng = numpy.random.default_rng(2)

    def cost(np):
        def cross_entropy(params, x, y):
            Wx, Wh, b, Wy, by = params
            h, total = np.zeros((batch, units)), 0.0
            for t in range(steps):
                h = np.tanh(np.dot(x[t], Wx) + np.dot(h, Wh) + b)
                total = total - np.sum(y[t] * log_softmax(np, np.dot(h, Wy) + by))
            return total / (steps * batch)

        return cross_entropy

    shapes = [(inputs, units), (units, units), (units,), (units, classes), (classes,)]
    params = [normal(rng, *shape, scale=units**-0.5) for shape in shapes]
    return Program(cost, params, sequences(rng, steps, batch, inputs, classes))


def lstm(steps, batch, units, inputs=10, classes=10):
    """The same with long short-term memory."""
    rng = numpy.random.default_rng(3)

    def cost(np):
        def sigmoid(z):
            return (np.tanh(z / 2) + 1) / 2

        def gate(params, name, both):
            return np.dot(both, params["W" + name]) + params["b" + name]

        def cross_entropy(params, x, y):
            h = c = np.zeros((batch, units))
            total = 0.0
            for t in range(steps):
                both = np.concatenate((x[t], h), axis=1)
                forget, accept, show = (sigmoid(gate(params, name, both)) for name in ("f", "i", "o"))
                c = forget * c + accept * np.tanh(gate(params, "c", both))
                h = show * np.tanh(c)
                total = total - np.sum(y[t] * log_softmax(np, gate(params, "y", h)))
            return total / (steps * batch)

        return cross_entropy

    params = {}
    for name in "fioc":
        params["W" + name], params["b" + name] = (
            normal(rng, inputs + units, units, scale=units**-0.5),
            numpy.zeros(units),
        )
    params["Wy"], params["by"] = normal(rng, units, classes, scale=units**-0.5), numpy.zeros(classes)
    return Program(cost, params, sequences(rng, steps, batch, inputs, classes))


# --- A mixture of Gaussians ----------------------------------------------------------------------------------------------


def mixture(n, components, dimensions):
    """The mean negative log-likelihood of n points, with a full covariance (A Aᵀ)⁻¹ for each component."""
    rng = numpy.random.default_rng(4)

    def cost(np):
        def logsumexp(z, axis):
            top = np.max(z, axis=axis, keepdims=True)
            return np.squeeze(top, axis) + np.log(np.sum(np.exp(z - top), axis=axis))

        def surprise(params, x):
            log_weights = params["logits"] - logsumexp(params["logits"], 0)
            white = np.einsum("nkd,kde->nke", x[:, None, :] - params["means"], params["A"])
            _, log_volumes = np.linalg.slogdet(params["A"])
            constant = dimensions / 2 * np.log(2 * np.pi)
            return -np.mean(logsumexp(log_weights + log_volumes - np.sum(white**2, axis=2) / 2, 1)) + constant

        return surprise

    params = {
        "logits": normal(rng, components),
        "means": normal(rng, components, dimensions, scale=2.0),
        "A": numpy.eye(dimensions) + normal(rng, components, dimensions, dimensions, scale=0.1),
    }
    return Program(cost, params, (normal(rng, n, dimensions, scale=2.0),))


# --- A Bayesian network ---------------------------------------------------------------------------------------------------


def bayesian_network(n, units, samples=10):
    """The negative evidence lower bound of a 1-units-units-1 network, by samples of its weights with given noise."""
    rng = numpy.random.default_rng(5)
    x = numpy.linspace(-2, 2, n)[:, None]
    y = numpy.cos(2 * x) + normal(rng, n, 1, scale=0.1)
    shapes = [(1, units), (1, units), (units, units), (1, units), (units, 1), (1, 1)]
    sizes = [rows * columns for rows, columns in shapes]
    ends = numpy.cumsum(sizes)
    count = int(ends[-1])

    def cost(np):
        def outputs(weights, x):
            """Of each sample, (samples, n, 1)."""
            parts = [weights[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]
            W1, b1, W2, b2, W3, b3 = (np.reshape(p, (samples, *shape)) for p, shape in zip(parts, shapes, strict=True))
            a = np.tanh(np.matmul(x, W1) + b1)
            a = np.tanh(np.matmul(a, W2) + b2)
            return np.matmul(a, W3) + b3

        def bound(params, x, y, noise):
            mean, log_std = params
            weights = mean + np.exp(log_std) * noise
            log_prior = -np.sum(weights**2) / 2 / samples
            log_likelihood = -np.sum((y - outputs(weights, x)) ** 2) / 0.02 / samples
            entropy = np.sum(log_std) + count / 2 * (1 + np.log(2 * np.pi))
            return -(log_likelihood + log_prior + entropy)

        return bound

    params = [normal(rng, count, scale=0.3), numpy.full(count, -3.0)]
    return Program(cost, params, (x, y, normal(rng, samples, count)))


# --- A differential equation ------------------------------------------------------------------------------------------------


def ode(steps, batch, units):
    """The distance of trajectories from measured ones; dy/dt is a network, and the steps are Runge and Kutta's."""
    rng = numpy.random.default_rng(6)
    times = numpy.linspace(0, 3, steps + 1)
    phases = rng.uniform(0, 2 * numpy.pi, batch)
    measured = numpy.stack([numpy.cos(times[:, None] + phases), numpy.sin(times[:, None] + phases)], axis=2)
    h = times[1]

    def cost(np):
        def slope(params, y):
            W1, b1, W2, b2 = params
            return np.dot(np.tanh(np.dot(y, W1) + b1), W2) + b2

        def distance(params, measured):
            y, total = measured[0], 0.0
            for t in range(steps):
                k1 = slope(params, y)
                k2 = slope(params, y + h / 2 * k1)
                k3 = slope(params, y + h / 2 * k2)
                k4 = slope(params, y + h * k3)
                y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
                total = total + np.sum((y - measured[t + 1]) ** 2)
            return total / (steps * batch)

        return distance

    shapes = [(2, units), (units,), (units, 2), (2,)]
    return Program(cost, [normal(rng, *shape, scale=0.3) for shape in shapes], (measured,))


PROGRAMS = {  # what it is: at two sizes
    "Fluid, 20 × 20 cells, 5 steps": fluid(20, 5),
    "Fluid, 80 × 80 cells, 5 steps": fluid(80, 5),
    "Gaussian process, 30 points": gaussian_process(30),
    "Gaussian process, 200 points": gaussian_process(200),
    "RNN, 10 steps, 1 × 16 units": rnn(10, 1, 16),
    "RNN, 30 steps, 32 × 64 units": rnn(30, 32, 64),
    "LSTM, 20 steps, 1 × 16 units": lstm(20, 1, 16),
    "LSTM, 30 steps, 32 × 64 units": lstm(30, 32, 64),
    "Mixture, 3 Gaussians, 100 points": mixture(100, 3, 2),
    "Mixture, 10 Gaussians, 2,000 points": mixture(2000, 10, 5),
    "Bayesian network, 20 points, 10 units": bayesian_network(20, 10),
    "Bayesian network, 200 points, 40 units": bayesian_network(200, 40),
    "ODE, 20 steps, 1 × 20 units": ode(20, 1, 20),
    "ODE, 40 steps, 50 × 50 units": ode(40, 50, 50),
}
