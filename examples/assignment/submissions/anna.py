"""Anna: one example after the other, so that each line is one of the lecture."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def feedforward(weights, biases, a):
    activations = [a]
    for W, b in zip(weights, biases, strict=True):
        activations.append(sigmoid(activations[-1] @ W + b))
    return activations


def backprop(weights, biases, x, y):
    dW = [np.zeros_like(W) for W in weights]
    db = [np.zeros_like(b) for b in biases]
    for xi, yi in zip(x, y, strict=True):
        _, hidden, out = feedforward(weights, biases, xi)
        error_out = (out - yi) * out * (1 - out)
        error_hidden = weights[1] @ error_out * hidden * (1 - hidden)
        dW[1] += np.outer(hidden, error_out)
        db[1] += error_out
        dW[0] += np.outer(xi, error_hidden)
        db[0] += error_hidden
    return [g / len(x) for g in dW], [g / len(x) for g in db]
