"""Ben: the whole batch at once."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def d_sigmoid(z):
    return sigmoid(z) * (1 - sigmoid(z))


def backprop(weights, biases, x, y):
    W1, W2 = weights
    b1, b2 = biases
    a2 = sigmoid(x @ W1 + b1)
    z3 = a2 @ W2 + b2
    delta3 = (sigmoid(z3) - y) * d_sigmoid(z3) / len(x)
    delta2 = (delta3 @ W2.T) * d_sigmoid(a2)
    return [x.T @ delta2, a2.T @ delta3], [delta2.sum(axis=0), delta3.sum(axis=0)]
