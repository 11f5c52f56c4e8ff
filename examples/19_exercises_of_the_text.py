"""Exercises of Nielsen's chapter 2 as numbers: each answer against automatic differentiation or differences.

Rows are examples: z = aW + b, and δ = ∂C/∂z with C = Σ (a − y)²/2 over all outputs and examples.
"""

import numpy as np

import tinygrad_edu as tg

rng = np.random.default_rng(0)
W = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))]
b = [rng.normal(size=4), rng.normal(size=2)]
x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def dsigma(z):
    return sigma(z) * (1 - sigma(z))


def one_modified(z):
    """Neuron 0 of the hidden layer answers with sin, the others with σ."""
    return np.concatenate([np.sin(z[:, :1]), sigma(z[:, 1:])], axis=1)


def d_one_modified(z):
    return np.concatenate([np.cos(z[:, :1]), dsigma(z[:, 1:])], axis=1)


def cost(W, b, f, g, nudge=0.0):
    return np.sum((g(f(x @ W[0] + b[0] + nudge) @ W[1] + b[1]) - y) ** 2) / 2


def backprop(f, df, g, dg, x=x, y=y):
    """BP1–BP4 for two layers; only σ′ changes with the neurons: f′ stands in its place."""
    z1 = x @ W[0] + b[0]
    z2 = f(z1) @ W[1] + b[1]
    d2 = (g(z2) - y) * dg(z2)  # BP1
    d1 = (d2 @ W[1].T) * df(z1)  # BP2
    return [x.T @ d1, f(z1).T @ d2, d1.sum(0), d2.sum(0)], d1, d2  # BP4, BP3


def autograd(f, g):
    p = [tg.Tensor(v, requires_grad=True) for v in (*W, *b)]
    cost(p[:2], p[2:], f, g).backward()
    return [v.grad for v in p]


def error(ours, theirs):
    return max(float(np.max(np.abs(u - v))) for u, v in zip(ours, theirs, strict=True))


s = (sigma, dsigma, sigma, dsigma)
linear = (lambda z: z, np.ones_like, lambda z: z, np.ones_like)
modified = (one_modified, d_one_modified, sigma, dsigma)
grads, d1, d2 = backprop(*s)
singles = [backprop(*s, x[i : i + 1], y[i : i + 1])[0] for i in range(len(x))]
z1 = x @ W[0] + b[0]
diagonal = np.array([np.diag(dsigma(z)) @ W[1] @ d for z, d in zip(z1, d2, strict=True)])  # δ = Σ′ W δ

h = 1e-5
central = [np.zeros_like(v) for v in (*W, *b)]
for value, slope in zip((*W, *b), central, strict=True):
    for i in np.ndindex(value.shape):
        old = value[i]
        value[i] = old + h
        up = cost(W, b, sigma, sigma)
        value[i] = old - h
        slope[i] = (up - cost(W, b, sigma, sigma)) / (2 * h)
        value[i] = old
dz = 1e-5 * rng.normal(size=z1.shape)  # the demon's nudge
demon = cost(W, b, sigma, sigma, dz) - cost(W, b, sigma, sigma)

table = {
    "one modified neuron: f′ for σ′": (error(backprop(*modified)[0], autograd(one_modified, sigma)), 1e-10),
    "linear neurons: σ′ = 1": (error(backprop(*linear)[0], autograd(linear[0], linear[2])), 1e-10),
    "mini-batch as matrices = sum of examples": (error(grads, [sum(v) for v in zip(*singles, strict=True)]), 1e-10),
    "BP3 and BP4 by central differences": (error(grads, central), 1e-7),
    "BP2 with Σ′ diagonal": (error([d1], [diagonal]), 1e-10),
    "the demon: ΔC ≈ δ·Δz": (abs(demon - np.sum(d1 * dz)), 1e-8),
}
for name, (found, allowed) in table.items():
    print(f"{name:42} error {found:.1e}")
    assert found < allowed, name
