"""Gradients that vanish or explode in time, and a step that is made shorter.

On its way back through a plain recurrent network the gradient is multiplied by Whᵀ and by tanh′ at every step. With
Wh = r × (an orthogonal matrix) it shrinks like rᵗ for r below 1, and may grow for r above 1. An LSTM multiplies the
gradient of its cell by the forget gate f: it keeps it where f is near 1, and loses it where f is ½.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import COLORS, new_figure

steps, n_hidden = (100 if "--quick" in sys.argv else 200), 32
rng = np.random.default_rng(0)
x = rng.normal(size=(1, steps, 2))
y = rng.normal(size=(1, n_hidden))


def plain(radius):
    net = tg.nn.RNNCell(2, n_hidden, rng=0)
    net.W_h.data = radius * np.linalg.qr(rng.normal(size=(n_hidden, n_hidden)))[0]
    return net


def lstm(forget_bias):
    net = tg.nn.LSTMCell(2, n_hidden, rng=0)
    net.b_x.data[n_hidden : 2 * n_hidden] = forget_bias  # the columns are those of the gates i, f, g, o
    return net


def gradient_norms(net):
    """‖∂C/∂(state after step t)‖ for every t: of zeros that are added to the state there. C is of the last h alone."""
    is_lstm = isinstance(net, tg.nn.LSTMCell)
    added = [tg.Tensor(np.zeros((2, n_hidden)), requires_grad=True) for _ in range(steps)]
    h = c = np.zeros((1, n_hidden))
    for t in range(steps):
        state = net(x[:, t], (h, c) if is_lstm else h)
        h, c = state if is_lstm else (state, c)
        h, c = h + added[t][:1], c + added[t][1:]  # the second is the cell's, which a plain network does not have
    tg.costs.quadratic(h, y).backward()
    return np.array([np.linalg.norm(zero.grad) for zero in added])


networks = {
    "RNN, r = 0.9": plain(0.9),
    "RNN, r = 2": plain(2.0),
    "LSTM, forget gate ½": lstm(0.0),
    "LSTM, forget gate near 1": lstm(6.0),
}
norms, ratios = {}, {}
for name, net in networks.items():
    norms[name] = gradient_norms(net)
    ratios[name] = norms[name][0] / norms[name][-1]
    print(f"{name:25} gradient at the first step is {ratios[name]:.1e} of that at the last")
vanishing, exploding, forgetful, keeping = ratios.values()
assert vanishing < 0.9 ** (steps - 1) * 1.01
assert forgetful < 1e-10
assert exploding > 1.1**steps
assert 0.01 < keeping < 100

# The exploding gradient would throw the weights far away; clipped, it points the same way and is 1 long
params = networks["RNN, r = 2"].parameters()
before = np.concatenate([p.grad.ravel() for p in params])
norm = tg.optim.clip_grad_norm_(params, max_norm=1.0)
after = np.concatenate([p.grad.ravel() for p in params])
cosine = before @ after / (np.linalg.norm(before) * np.linalg.norm(after))
print(f"gradient of the weights for r = 2: ‖∇C‖ = {norm:.1e}, clipped {np.linalg.norm(after):.3f}; cosine {cosine:.6f}")
assert norm > 1000
assert np.isclose(np.linalg.norm(after), 1)
assert np.isclose(cosine, 1)

figure = new_figure(8.5, 4.2)
axes = figure.subplots()
for (name, values), color, style in zip(norms.items(), COLORS, ("-", "-", "--", "--"), strict=False):
    axes.semilogy(np.arange(1, steps + 1), values, style, color=color, label=name)
axes.set(
    xlabel="step t", ylabel="‖∂C/∂(state after step t)‖", title="The gradient goes back in time from right to left"
)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
axes.grid(alpha=0.3)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/13_vanishing_gradients_in_time.png", dpi=150)
