"""The universal approximation theorem: one hidden layer is enough, if it is wide enough and its activation bends.

An output of such a network is a sum of shifted and scaled copies of its activation, h(x) = c₁ f(c₂x + c₃) + c₄. With a
sigmoid it comes as close to a continuous function as one likes: the error falls with the width. With f(z) = z it stays
a straight line, and with f(z) = z² a parabola, however many units there are. (The theorem asks for an f that is no
polynomial: M. Leshno et al., Neural Networks 6, 861, 1993. The sufficient conditions of older proofs, an f that is
bounded, rising, continuous and not constant, hold for the sigmoid and tanh.)
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import COLORS, new_figure

quick = "--quick" in sys.argv
widths = (2, 8) if quick else (1, 2, 4, 8, 16)
seeds, iterations = (1, 150) if quick else (5, 800)


def target(x):
    return np.sin(2 * np.pi * x) + 0.5 * np.cos(5 * np.pi * x) + x**2


def square(z):
    return z**2


x = np.linspace(-1, 1, 100)[:, None]
x_fine = np.linspace(-1, 1, 1001)[:, None]  # the error is measured between the examples too
activations = {"sigmoid": tg.sigmoid, "tanh": tg.tanh, "z²": square, "z": tg.identity}


def best_fit(activation, width):
    """The best of a few networks: its largest error, and its outputs on x_fine."""
    found = []
    for seed in range(seeds):
        net = tg.nn.MLP([1, width, 1], activation, output="identity", rng=seed)
        for p in net.parameters()[:2]:  # steeper, and turned over at different x
            p.data *= 3
        tg.optim.minimize(net, "quadratic", x, target(x), max_iterations=iterations)
        a = net(x_fine).numpy()
        found.append((np.abs(a - target(x_fine)).max(), a))
    return min(found, key=lambda pair: pair[0])


errors, fits = {}, {}
print("largest error, width:", *(f"{width:8}" for width in widths))
for name, activation in activations.items():
    runs = [best_fit(activation, width) for width in widths]
    errors[name], fits[name] = zip(*runs, strict=True)
    print(f"{name:20} ", *(f"{error:8.4f}" for error in errors[name]))

for name in ("sigmoid", "tanh"):
    assert errors[name][-1] < (0.8 if quick else 0.1)
    assert all(np.diff(errors[name]) < 0)
for name, degree in (("z²", 2), ("z", 1)):
    assert min(errors[name]) > 1
    polynomial = np.polyval(np.polyfit(x[:, 0], target(x)[:, 0], degree), x_fine[:, 0])
    assert np.abs(fits[name][-1][:, 0] - polynomial).max() < 1e-3  # the widest is the best parabola, or the best line

figure = new_figure(11, 3.8)
left, middle, right = figure.subplots(1, 3)
z = np.linspace(-6, 6, 200)
copies = {"f(x), a sigmoid": (1, 1, 0, 0), "c₁ = −1.5: turned, scaled": (-1.5, 1, 0, 0)}
copies |= {"c₂ = 4: steeper": (1, 4, 0, 0), "c₃ = −3: moved by 3": (1, 1, -3, 0), "c₄ = 1: raised": (1, 1, 0, 1)}
for (label, (c1, c2, c3, c4)), color in zip(copies.items(), ("black", *COLORS), strict=False):
    left.plot(z, c1 * tg.sigmoid(c2 * z + c3) + c4, color=color, label=label)
left.set(xlabel="x", ylabel="h", ylim=(-1.7, 4.6), title="$h(x) = c_1 f(c_2 x + c_3) + c_4$")
left.legend(loc="upper left", fontsize=8)
middle.plot(x_fine, target(x_fine), color="black", linewidth=3, label="the function")
for width, color in ((2, COLORS[1]), (8, COLORS[3])):
    middle.plot(x_fine, fits["sigmoid"][widths.index(width)], color=color, label=f"{width} sigmoids")
middle.plot(x_fine, fits["z²"][-1], "--", color=COLORS[2], label=f"{widths[-1]} units z²")
middle.set(xlabel="x", ylim=(-1.5, 4), title="one hidden layer")
middle.legend(loc="upper right", ncols=2, fontsize=8)
for (name, error), style, color in zip(errors.items(), ("o-", "s-", "^-", "D--"), COLORS, strict=False):
    right.loglog(widths, error, style, color=color, label=f"f(z) = {name}" if "z" in name else name)
right.set(xlabel="hidden units", ylabel="largest error", title="error against width", xticks=widths)
right.set_xticklabels(widths)
right.minorticks_off()
right.legend(loc="lower left", fontsize=8)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/17_universal_approximation.png", dpi=150)
