"""The contenders: one function each, written as the framework's own documentation writes such a step.

Each prepares the network of a `Problem` and returns a function that computes the cost and all gradients, without an
update, as (C, [∂C/∂W1, …, ∂C/∂b1, …]). What a contender needs of NumPy's arrays, it converts before the clock runs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import networks
import numpy as np

import tinygrad_edu as tg


class Contender(NamedTuple):
    prepare: Callable
    module: str
    package: str  # which has the module
    slow_to_start: bool


class UnsuitableError(Exception):
    """The contender cannot do this network, and says why."""


CONTENDERS: dict[str, Contender] = {}


def contender(name, module, package=None, slow_to_start=False):
    def register(prepare):
        CONTENDERS[name] = Contender(prepare, module, package or module, slow_to_start)
        return prepare

    return register


# --- By hand --------------------------------------------------------------------------------------------


@contender("by hand, in place", "numpy")
def by_hand_in_place(p):
    return lambda: networks.backprop_in_place(*p)


FLOOR = "matrix products alone"


@contender(FLOOR, "numpy")
def floor(p):
    """No gradients: this is the part of the work that NumPy hands to BLAS, and which nobody can leave out."""
    return networks.gemms(p.weights, p.x)


# --- Ours -------------------------------------------------------------------------------------------------


@contender("ours", "tinygrad_edu")
def ours_eager(p):
    net = tg.nn.MLP(p.sizes, dtype=p.dtype)
    parameters = [*net.weights, *net.biases]
    for t, value in zip(parameters, [*p.weights, *p.biases], strict=True):
        t.data = value

    def run():
        for t in parameters:
            t.grad = None
        C = tg.costs.quadratic(net(p.x), p.y)
        C.backward()
        return C, [t.grad for t in parameters]

    return run


def ours_compiled(p, backend):
    def cost(parameters, x, y):
        weights, biases = parameters
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = tg.sigmoid(a @ W + b)
        return tg.costs.quadratic(a, y)

    f = tg.compile(tg.value_and_grad(cost), backend=backend)

    def run():
        C, (grad_W, grad_b) = f((p.weights, p.biases), p.x, p.y)
        return C, [*grad_W, *grad_b]

    return run


@contender("ours, compiled", "tinygrad_edu")
def ours_numpy(p):
    return ours_compiled(p, "numpy")


@contender("ours, numba", "numba", slow_to_start=True)
def ours_numba(p):
    import numba  # noqa: F401 - so that a missing one is noticed here

    return ours_compiled(p, "numba")


# --- Frameworks -------------------------------------------------------------------------------------------


def torch_cost(parameters, x, y):
    import torch

    weights, biases = parameters
    a = x
    for W, b in zip(weights, biases, strict=True):
        a = torch.sigmoid(torch.addmm(b, a, W))
    return ((a - y) ** 2).sum() / (2 * len(x))


@contender("PyTorch", "torch")
def pytorch(p):
    """Without nn.Module, which would cost a third more on the smallest network."""
    weights, biases, x, y = torch_arrays(p)
    parameters = [t.requires_grad_() for t in (*weights, *biases)]

    def run():
        for t in parameters:
            t.grad = None
        C = torch_cost((weights, biases), x, y)
        C.backward()
        return C, [t.grad for t in parameters]

    return run


@contender("torch.compile", "torch", slow_to_start=True)
def pytorch_compiled(p):
    """With torch.func, which has forward and backward compiled as one."""
    import torch

    torch.compiler.reset()  # otherwise it gives up, without a word, after eight networks
    f = torch.compile(torch.func.grad_and_value(torch_cost))
    weights, biases, x, y = torch_arrays(p)

    def run():
        (grad_W, grad_b), C = f((weights, biases), x, y)
        return C, [*grad_W, *grad_b]

    return run


def torch_arrays(p):
    import torch

    return (
        [torch.tensor(W) for W in p.weights],
        [torch.tensor(b) for b in p.biases],
        torch.tensor(p.x),
        torch.tensor(p.y),
    )


@contender("JAX jit", "jax")
def jax_jit(p):
    import jax

    jax.config.update("jax_enable_x64", True)

    def cost(parameters, x, y):
        weights, biases = parameters
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = jax.nn.sigmoid(a @ W + b)
        return jax.numpy.sum((a - y) ** 2) / (2 * len(x))

    f = jax.jit(jax.value_and_grad(cost))
    arguments = jax.device_put(((p.weights, p.biases), p.x, p.y))

    def run():
        C, (grad_W, grad_b) = jax.block_until_ready(f(*arguments))  # JAX returns before it has computed
        return C, [*grad_W, *grad_b]

    return run


@contender("HIPS autograd", "autograd")
def hips_autograd(p):
    import autograd
    import autograd.numpy as anp

    def cost(parameters, x, y):
        weights, biases = parameters
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = 1 / (1 + anp.exp(-(a @ W + b)))
        return anp.sum((a - y) ** 2) / (2 * len(x))

    f = autograd.value_and_grad(cost)

    def run():
        C, (grad_W, grad_b) = f((p.weights, p.biases), p.x, p.y)
        return C, [*grad_W, *grad_b]

    return run


@contender("MyGrad", "mygrad")
def mygrad(p):
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    weights, biases = [mg.tensor(W) for W in p.weights], [mg.tensor(b) for b in p.biases]
    parameters = [*weights, *biases]

    def run():
        for t in parameters:
            t.null_grad()
        a = p.x
        for W, b in zip(weights, biases, strict=True):
            a = sigmoid(a @ W + b)
        C = mg.sum((a - p.y) ** 2) / (2 * len(p.x))
        C.backward()
        return C.data, [t.grad for t in parameters]

    return run


@contender("MyGrad, unguarded", "mygrad")
def mygrad_unguarded(p):
    """Faster, but an array changed between forward and backward then gives a wrong gradient, without a word."""
    import mygrad as mg

    return mg.mem_guard_off(mygrad(p))


@contender("tangent-ad", "tangent", "tangent-ad")
def tangent_ad(p):
    """Costs without a loop over the layers, which would take three times as long."""
    import tangent

    depth = len(p.weights)
    cost = {2: tangent_cost_of_two_layers, 3: tangent_cost_of_three_layers}[depth]
    f = tangent.grad(cost, wrt=tuple(range(2 * depth)), preserve_result=True)

    def run():
        *grads, C = f(*p.weights, *p.biases, p.x, p.y)
        return C, grads

    return run


def tangent_cost_of_two_layers(W1, W2, b1, b2, x, y):
    a1 = 1.0 / (1.0 + np.exp(-(np.dot(x, W1) + b1)))
    a2 = 1.0 / (1.0 + np.exp(-(np.dot(a1, W2) + b2)))
    return np.sum((a2 - y) ** 2) / (2.0 * len(x))


def tangent_cost_of_three_layers(W1, W2, W3, b1, b2, b3, x, y):
    a1 = 1.0 / (1.0 + np.exp(-(np.dot(x, W1) + b1)))
    a2 = 1.0 / (1.0 + np.exp(-(np.dot(a1, W2) + b2)))
    a3 = 1.0 / (1.0 + np.exp(-(np.dot(a2, W3) + b3)))
    return np.sum((a3 - y) ** 2) / (2.0 * len(x))


@contender("tinygrad jit", "tinygrad")
def tinygrad(p):
    from tinygrad import Device, Tensor, TinyJit

    try:
        Device.DEFAULT  # noqa: B018 - looking for the device is what may fail
    except RuntimeError:
        raise UnsuitableError("it finds no compiler (for a processor it needs clang)") from None
    weights, biases = [Tensor(W).realize() for W in p.weights], [Tensor(b).realize() for b in p.biases]
    parameters = [*weights, *biases]
    x, y = Tensor(p.x).realize(), Tensor(p.y).realize()
    for t in parameters:
        t.requires_grad = True

    @TinyJit
    def step(x, y):
        for t in parameters:
            t.grad = None
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = (a @ W + b).sigmoid()
        C = ((a - y) ** 2).sum() / (2 * len(p.x))
        C.backward()
        return Tensor.realize(C, *(t.grad for t in parameters)), [t.grad for t in parameters]

    def run():
        C, grads = step(x, y)
        return C.numpy(), grads  # the number is there only when all is computed

    return run


@contender("scikit-learn", "sklearn.neural_network", "scikit-learn")
def scikit_learn(p):
    """Its backpropagation alone, a private method: `fit` does much else. Its cost for sigmoid outputs is the
    cross-entropy, whose BP1 is shorter by the factor a(1 − a); its gradients are checked against that."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(p.sizes[1:-1], "logistic", solver="sgd", alpha=0, batch_size=len(p.x))
    model.partial_fit(p.x, np.squeeze(p.y), classes=np.arange(max(2, p.sizes[-1])))
    model.coefs_, model.intercepts_ = p.weights, p.biases
    grad_W, grad_b = [np.empty_like(W) for W in p.weights], [np.empty_like(b) for b in p.biases]

    def run():
        activations, deltas = [p.x] + [None] * len(p.weights), [None] * len(p.weights)
        C, gw, gb = model._backprop(p.x, p.y, None, activations, deltas, grad_W, grad_b)
        return C, [*gw, *gb]

    return run


@contender("micrograd", "micrograd")
def micrograd(p):
    from micrograd.engine import Value

    if p.x.size > 100:
        raise UnsuitableError("it computes with single numbers: the smallest network only")
    if p.dtype != np.float64:
        raise UnsuitableError("it computes with Python's floats")
    weights = [[[Value(w) for w in row] for row in W.T.tolist()] for W in p.weights]  # one row per unit
    biases = [[Value(b) for b in bs.tolist()] for bs in p.biases]
    parameters = [v for W in weights for row in W for v in row] + [v for bs in biases for v in bs]
    x, y = p.x.tolist(), p.y.tolist()

    def sigmoid(z):  # made as micrograd's own relu is
        a = 1 / (1 + math.exp(-z.data))
        out = Value(a, (z,), "sigmoid")

        def backward():
            z.grad += a * (1 - a) * out.grad

        out._backward = backward
        return out

    def network(a):
        for W, bs in zip(weights, biases, strict=True):
            a = [sigmoid(sum((w * v for w, v in zip(row, a, strict=True)), b)) for row, b in zip(W, bs, strict=True)]
        return a

    def run():
        for v in parameters:
            v.grad = 0
        errors = [a - t for xs, ts in zip(x, y, strict=True) for a, t in zip(network(xs), ts, strict=True)]
        C = sum(e**2 for e in errors) * (0.5 / len(x))
        C.backward()
        grad_W = [[[v.grad for v in unit] for unit in zip(*W, strict=True)] for W in weights]
        return C.data, [*grad_W, *([v.grad for v in bs] for bs in biases)]

    return run


# --- The check --------------------------------------------------------------------------------------------


def as_array(v):
    if hasattr(v, "detach"):
        v = v.detach()
    return np.asarray(v.numpy() if hasattr(v, "numpy") else v)


def expected(name, p):
    if name != "scikit-learn":
        return networks.backprop(*p)
    by_hand = tg.backprop.backprop(*p, activation="sigmoid", output="sigmoid", cost="binary_cross_entropy")
    return by_hand.cost, [*by_hand.grad_weights, *by_hand.grad_biases]


def mistake(name, p, result):
    """What is wrong with the numbers of a contender, in one line; None where they are right."""
    C, grads = result
    right_C, right_grads = expected(name, p)
    tolerance = 1e-11 if p.dtype == np.float64 else 1e-4
    if len(grads) != len(right_grads):
        return f"there are {len(grads)} gradients, not {len(right_grads)}"
    for i, (value, right) in enumerate(zip([C, *grads], [right_C, *right_grads], strict=True)):
        what = f"gradient {i}" if i else "the cost"
        value = as_array(value)
        if value.shape != np.shape(right):
            return f"{what} has shape {value.shape}, not {np.shape(right)}"
        if i and value.dtype != p.dtype:
            return f"{what} is {value.dtype}, not {p.dtype}"
        error = np.max(np.abs(value - right)) / np.max(np.abs(right))
        if not error <= tolerance:  # NaN too
            return f"{what} is off by {error:.0e}"
    return None
