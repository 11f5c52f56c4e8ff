"""The exercises of Nielsen's chapter 2, with numbers: each answer next to automatic differentiation or differences.

The network has three layers of weights and the quadratic cost C = Σ (a − y)²/2. Examples are rows, z = aW + b; where an
equation of the text is about one example, it stands as in the text, with columns and w = Wᵀ.
"""

from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

rng = np.random.default_rng(0)
sizes = [3, 4, 5, 2]
W = [rng.normal(size=shape) for shape in zip(sizes, sizes[1:], strict=False)]
b = [rng.normal(size=n) for n in sizes[1:]]
X, Y = rng.normal(size=(6, 3)), rng.random((6, 2))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def dsigma(z):
    return sigma(z) * (1 - sigma(z))


SIGMOID = [(sigma, dsigma)] * 3  # of each layer, σ and σ′


def feedforward(x, units=SIGMOID, added=(0, 0, 0), W=W, b=b):
    """The weighted inputs z and the activations a of all layers; the demon may have added something to z."""
    z, a = [], [x]
    for l, (f, _) in enumerate(units):
        z.append(a[-1] @ W[l] + b[l] + added[l])
        a.append(f(z[-1]))
    return z, a


def cost(x, y, **options):
    return np.sum((feedforward(x, **options)[1][-1] - y) ** 2) / 2


def backprop(x, y, units=SIGMOID):
    """BP1–BP4 by hand: δ of every layer, ∂C/∂W and ∂C/∂b."""
    z, a = feedforward(x, units)
    delta = [(a[-1] - y) * units[-1][1](z[-1])]  # BP1
    for l in (1, 0):
        delta.insert(0, delta[0] @ W[l + 1].T * units[l][1](z[l]))  # BP2
    return delta, [a[l].T @ delta[l] for l in range(3)], [d.sum(axis=0) for d in delta]  # BP4, BP3


def autograd(x, y, units=SIGMOID):
    """The same by automatic differentiation; δ is the gradient with respect to zeros that are added to z."""
    zeros, weights, biases = (
        [tg.Tensor(v, requires_grad=True) for v in values]
        for values in ([np.zeros((len(x), n)) for n in sizes[1:]], W, b)
    )
    cost(x, y, units=units, added=zeros, W=weights, b=biases).backward()
    return tuple([t.grad for t in tensors] for tensors in (zeros, weights, biases))


def differences(parameters):
    """∂C/∂p of every parameter by central differences."""
    found = [np.zeros_like(p) for p in parameters]
    for p, slopes in zip(parameters, found, strict=True):
        for i in np.ndindex(p.shape):
            value, costs = p[i], []
            for p[i] in (value + 1e-5, value - 1e-5):
                costs.append(cost(X, Y))
            p[i], slopes[i] = value, (costs[0] - costs[1]) / 2e-5
    return found


(z, a), y, w = feedforward(X[0]), Y[0], [matrix.T for matrix in W]  # one example, as in the text
delta = [d[0] for d in autograd(X[:1], Y[:1])[0]]


def Sigma(z):
    """Σ′(z): a square matrix with σ′(z) on its diagonal."""
    return np.diag(dsigma(z))


def equation_33():
    """Problem, part 1: BP1 is δL = Σ′(zL) ∇aC."""
    return [Sigma(z[2]) @ (a[-1] - y)], [delta[2]]


def equation_34():
    """Problem, part 2: BP2 is δl = Σ′(zl) (w^(l+1))ᵀ δ^(l+1)."""
    return [Sigma(z[l]) @ w[l + 1].T @ delta[l + 1] for l in (0, 1)], delta[:2]


def equation_35():
    """Problem, part 3: δ¹ = Σ′(z¹) (w²)ᵀ Σ′(z²) (w³)ᵀ Σ′(z³) ∇aC, all as one product."""
    return [Sigma(z[0]) @ w[1].T @ Sigma(z[1]) @ w[2].T @ Sigma(z[2]) @ (a[-1] - y)], [delta[0]]
