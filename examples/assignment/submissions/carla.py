"""Carla: it learns until it is right, but the biases are missing, so that it never is."""

import numpy as np


def backprop(weights, biases, x, y):
    W1, W2 = weights
    a2 = 1 / (1 + np.exp(-(x @ W1)))
    a3 = 1 / (1 + np.exp(-(a2 @ W2)))
    d3 = (a3 - y) * a3 * (1 - a3)
    d2 = d3 @ W2.T * a2 * (1 - a2)
    return [x.T @ d2, a2.T @ d3], [d2.sum(0), d3.sum(0)]


x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
W = [np.ones((2, 3)), np.ones((3, 1))]
cost = 1.0
while cost > 1e-4:
    gradients, _ = backprop(W, None, x, y)
    W = [w - 0.5 * g for w, g in zip(W, gradients, strict=True)]
    cost = np.mean((1 / (1 + np.exp(-(1 / (1 + np.exp(-(x @ W[0])))) @ W[1])) - y) ** 2)
