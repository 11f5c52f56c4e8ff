"""The exercises of Nielsen's chapter 2 in numbers: what each asks to show, next to automatic differentiation.

The network has three layers of weights. Examples are rows, z = aW + b, and C is the mean over six of them.
"""

from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

rng, start = np.random.default_rng(0), {"sizes": [3, 4, 5, 2], "init": "normal", "rng": 0}
net, X, Y = tg.nn.MLP(**start), rng.normal(size=(6, 3)), rng.random((6, 2))
W, b = [p.numpy() for p in net.weights], [p.numpy() for p in net.biases]
dsigma = tg.backprop.ACTIVATION_FORMULAS["sigmoid"].prime  # σ(z) (1 − σ(z))


def cost(net, x, y, added=(0, 0, 0)):
    """C, where a demon adds something to the weighted inputs z of every layer."""
    a = x
    for layer, more in zip(net.layers, added, strict=True):
        a = layer.activate(layer.weighted_input(a) + more)
    return tg.costs.quadratic(a, y)


def errors(net, x, y):
    """δ = ∂C/∂z of every layer, by automatic differentiation: zeros take the place of what the demon adds."""
    zeros = [np.zeros((len(x), n)) for n in net.sizes[1:]]
    return [delta.numpy() for delta in tg.grad(lambda added: cost(net, x, y, added))(zeros)]


def differences(p, h=1e-5):
    """∂C/∂p of a parameter by central differences."""
    slopes, before = np.zeros(p.shape), p.data
    for unit in np.eye(p.size).reshape(-1, *p.shape):  # 1 at one entry, and 0 at all others
        for step in (h, -h):
            p.data = before + step * unit
            slopes += unit * cost(net, X, Y).item() / (2 * step)
    p.data = before
    return slopes


delta, (z, a) = errors(net, X, Y), tg.backprop.feedforward(W, b, X)


def alternate_presentation():
    """Problem: BP1 and BP2 with the matrix Σ′(z), and all as one product. As in the text: one example, and w = Wᵀ."""
    w, d = [p.T for p in W], [error[0] for error in errors(net, X[:1], Y[:1])]
    Sigma, nabla = [np.diag(dsigma(rows[0])) for rows in z], a[-1][0] - Y[0]
    yield "(33)  δ³ = Σ′(z³) ∇C", Sigma[2] @ nabla, d[2]
    yield "(34)  δ² = Σ′(z²) (w³)ᵀ δ³", Sigma[1] @ w[2].T @ d[2], d[1]
    yield "(35)  δ¹ = Σ′ (w²)ᵀ Σ′ (w³)ᵀ Σ′ ∇C", Sigma[0] @ w[1].T @ Sigma[1] @ w[2].T @ Sigma[2] @ nabla, d[0]


def bp3_and_bp4():
    """Exercise: prove them. Here the left sides are differences; the right sides are summed over the examples."""
    yield "BP3  ∂C/∂b = δ, by differences", differences(net.biases[1]), delta[1].sum(axis=0)
    yield "BP4  ∂C/∂w = a δ, by differences", differences(net.weights[1]), a[1].T @ delta[1]


def modified_neuron():
    """Exercise: neuron 0 of layer 2 answers with f = sin. In BP2, f′ = cos stands where its σ′ was."""
    f = lambda z: np.concatenate([np.sin(z[:, :1]), tg.sigmoid(z[:, 1:])], axis=1)
    d, slopes = errors(tg.nn.MLP(activation=["sigmoid", f], **start), X, Y), dsigma(z[1])
    slopes[:, 0] = np.cos(z[1][:, 0])
    yield "one modified neuron", d[2] @ W[2].T * slopes, d[1]


def linear_neurons():
    """Exercise: with σ(z) = z the factors σ′ = 1 fall away, and backpropagation is a product of weights."""
    linear = tg.nn.MLP(activation="identity", output="identity", **start)
    yield "linear neurons", (linear(X).numpy() - Y) / len(X) @ W[2].T @ W[1].T, errors(linear, X, Y)[0]


def mini_batch():
    """Problem: a mini-batch at once, as the matrices a and δ, gives the mean over the examples one by one."""
    singles = [np.outer(a1, errors(net, x[None], y[None])[1]) for a1, x, y in zip(a[1], X, Y, strict=True)]
    yield "mini-batch as matrices", a[1].T @ delta[1], np.mean(singles, axis=0)


def demon(size=1e-6):
    """He adds Δz of this norm, against δ so that the cost falls: ΔC is nearly δ·Δz."""
    added = [-size * error / np.sqrt(sum(np.sum(d**2) for d in delta)) for error in delta]
    change = cost(net, X, Y, added).item() - cost(net, X, Y).item()
    yield f"the demon, ‖Δz‖ = {size:.0e}", change, sum(map(np.vdot, delta, added))


relative, sizes = {}, np.logspace(-6, 1, 50)
for exercise in (alternate_presentation, bp3_and_bp4, modified_neuron, linear_neurons, mini_batch, demon):
    for name, ours, theirs in exercise():
        relative[name] = np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs))
        print(f"{name:35} relative error {relative[name]:.1e}")
        assert relative[name] < (1e-6 if exercise in (bp3_and_bp4, demon) else 1e-14)  # rounding alone
changes, expected = np.array([next(demon(size))[1:] for size in sizes]).T

figure = new_figure(11, 4)
bars, demons = figure.subplots(1, 2)
bars.barh(list(relative), list(relative.values()), color=BLUE)
bars.axvline(np.finfo(float).eps, color="black", linestyle=":", label="rounding: the spacing of numbers at 1")
bars.set(xscale="log", xlim=(1e-18, 1e-3), ylim=(8.6, -0.6), title="The exercises: largest relative errors")
demons.loglog(sizes, -changes, color=BLUE, label="−ΔC, how much the cost falls")
demons.loglog(sizes, -expected, "--", color=ORANGE, label="−δ·Δz")
demons.loglog(sizes, np.abs(changes - expected), ":", color="black", label="the difference, which falls like ‖Δz‖²")
demons.set(xlabel="‖Δz‖", title="The demon: ΔC is nearly δ·Δz")
for axes in (bars, demons):
    axes.legend(fontsize=9)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/19_exercises_of_the_text.png", dpi=150)
