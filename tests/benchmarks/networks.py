"""The networks of the benchmarks, and their gradients by hand, against which every contender is measured."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

NETWORKS = {  # name: units per layer, examples in the batch
    "2-3-1, batch 4": ([2, 3, 1], 4),
    "784-30-10, batch 10": ([784, 30, 10], 10),
    "784-128-64-10, batch 64": ([784, 128, 64, 10], 64),
    "784-1024-1024-10, batch 256": ([784, 1024, 1024, 10], 256),
}


class Problem(NamedTuple):
    """A network of sigmoid layers, rows of a batch, and their targets."""

    weights: list[np.ndarray]  # (n_in, n_out)
    biases: list[np.ndarray]  # (n_out,)
    x: np.ndarray
    y: np.ndarray

    @property
    def sizes(self):
        return [len(W) for W in self.weights] + [len(self.biases[-1])]

    @property
    def dtype(self):
        return self.x.dtype


def problem(name, dtype=np.float64):
    """Random parameters and inputs, and targets of 0 and 1."""
    sizes, n = NETWORKS[name]
    rng = np.random.default_rng(0)
    return Problem(
        [(rng.normal(size=shape) / np.sqrt(shape[0])).astype(dtype) for shape in pairwise(sizes)],
        [rng.normal(size=size).astype(dtype) for size in sizes[1:]],
        rng.random((n, sizes[0])).astype(dtype),
        np.eye(max(sizes[-1], 2), dtype=dtype)[rng.integers(max(sizes[-1], 2), size=n), : sizes[-1]],
    )


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(weights, biases, x, y):
    """The quadratic cost C = 1/2n Σ‖a − y‖² and all its gradients by BP1–BP4: the baseline, as one writes it."""
    activations = [x]
    for W, b in zip(weights, biases, strict=True):
        activations.append(sigmoid(activations[-1] @ W + b))
    a = activations[-1]
    error = a - y
    C = np.sum(error**2) / (2 * len(x))

    grad_W, grad_b = [], []
    delta = error / len(x) * a * (1 - a)  # BP1
    for l in reversed(range(len(weights))):
        a = activations[l]
        grad_b.append(np.sum(delta, axis=0))  # BP3
        grad_W.append(a.T @ delta)  # BP4
        if l > 0:
            delta = (delta @ weights[l].T) * a * (1 - a)  # BP2
    return C, grad_W[::-1] + grad_b[::-1]


def backprop_in_place(weights, biases, x, y):
    """The same with every trick that keeps it a short program: no array that could be reused, no needless call."""
    a, activations = x, [x]
    for W, b in zip(weights, biases, strict=True):
        a = a @ W
        a += b
        np.negative(a, a)
        np.exp(a, a)
        a += 1
        np.reciprocal(a, a)
        activations.append(a)
    delta = a - y
    e = delta.ravel()
    C = (e @ e) / (2 * len(x))

    grads = []
    delta /= len(x)
    for l in reversed(range(len(weights))):
        a = activations[l + 1]
        delta *= a
        np.subtract(1, a, a)  # nobody needs this activation any more
        delta *= a
        grads += [delta.sum(axis=0), activations[l].T @ delta]
        if l > 0:
            delta = delta @ weights[l].T
    return C, grads[::-2] + grads[-2::-2]


def gemms(weights, x):
    """A function that does nothing but the matrix products of `backprop`, on arrays that are there already."""
    inputs = [x, *(np.ones((len(x), W.shape[1]), x.dtype) for W in weights)]  # of each layer; also used as δ

    def products():
        for a, W in zip(inputs[:-1], weights, strict=True):
            a @ W
        for a, W, delta in zip(inputs[:-1], weights, inputs[1:], strict=True):
            a.T @ delta
            if a is not x:
                delta @ W.T

    return products
