"""Phases of the Ising model: a convolutional network finds the critical temperature.

Spins ±1 on a square lattice prefer to be like their four neighbours: E = −Σ s s′ (in units where J = k = 1). Below
T_c = 2/ln(1 + √2) most of them agree, above it they do not. The network is shown pictures of spins far from T_c, and
told which are ordered. Of the temperatures between it has seen nothing, and there its answer turns over, near T_c
(after J. Carrasquilla and R. G. Melko, Nature Physics 13, 431, 2017).
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick = "--quick" in sys.argv
copies, sweeps = (20, 60) if quick else (60, 400)  # lattices at each temperature, and how long they are simulated
L = 16
T_c = 2 / np.log(1 + np.sqrt(2))
rng = np.random.default_rng(0)


def sample(temperatures):
    """Spins in equilibrium, shape (n, L, L): a lattice for each temperature, all of them simulated at once.

    Heat bath: a spin forgets what it was, and is up with probability 1/(1 + exp(−2h/T)), where h is the sum of its
    neighbours. All on the black squares of a chessboard do so at once, as their neighbours are white; then the white.
    """
    T = np.float32(temperatures)[:, None, None]
    spins = np.where(rng.random(T.shape) < 0.5, 1, -1) * np.ones((L, L), np.int8)  # at first all up, or all down
    black = np.indices((L, L)).sum(axis=0) % 2 == 0
    for _ in range(sweeps):
        for square in (black, ~black):
            h = sum(np.roll(spins, step, axis) for step in (1, -1) for axis in (1, 2))  # the lattice has no edge
            up = rng.random(spins.shape, np.float32) < 1 / (1 + np.exp(-2 * h / T))
            spins = np.where(square, np.where(up, 1, -1), spins)
    return spins


temperatures = np.linspace(1.0, 3.6, 27)
T_train = np.repeat(temperatures[np.abs(temperatures - T_c) > 0.4], copies)
T_test = np.repeat(temperatures, copies)
x_train, x_test = np.split(sample(np.concatenate([T_train, T_test])), [len(T_train)])

net = tg.nn.Sequential(
    tg.nn.Conv2d(1, 8, kernel_size=3, init="he", rng=rng),
    tg.relu,
    tg.nn.MaxPool2d(2),
    tg.nn.Flatten(),
    tg.nn.Linear(8 * 7 * 7, 2, rng=rng),
    tg.softmax,
)
optimizer = tg.optim.Adam(net.parameters(), lr=1e-3)
is_ordered = (T_train < T_c).astype(int)
options = {"cost": "cross_entropy", "optimizer": optimizer, "batch_size": 32, "rng": rng, "progress": False}
tg.fit(net, x_train[:, None], is_ordered, epochs=10, **options)

p = net(x_test[:, None]).numpy()[:, 1]  # the probability that it gives to "ordered"
right = (p > 0.5) == (T_test < T_c)
mean_p, accuracy = (v.reshape(len(temperatures), copies).mean(axis=1) for v in (p, right))
for row in zip(temperatures, mean_p, accuracy, strict=True):
    print("T = {:.1f}: ordered with probability {:.2f}, {:4.0%} right".format(*row))
away = right[np.abs(T_test - T_c) > 0.3].mean()
turn = temperatures[np.argmax(mean_p < 0.5)] - 0.05  # between two of the temperatures
print(f"{away:.1%} right where T is more than 0.3 from T_c; its answer turns over near {turn:.2f} (T_c = {T_c:.3f})")
assert away >= (0.95 if quick else 0.98)
assert abs(turn - T_c) < (0.3 if quick else 0.2)

figure = new_figure(8, 6)
axes = figure.subplot_mosaic([["cold", "critical", "hot"], ["curves"] * 3])
for name, T, what in (("cold", 1.5, "ordered"), ("critical", 2.3, "near $T_c$"), ("hot", 3.5, "disordered")):
    axes[name].imshow(x_test[np.argmin(np.abs(T_test - T))], cmap="gray", vmin=-1, vmax=1)
    axes[name].set(title=f"T = {T}: {what}", xticks=[], yticks=[])
axes["cold"].set(ylabel="spins: white up, black down")
curves = axes["curves"]
curves.plot(temperatures, mean_p, "o-", color=BLUE, label="mean output, the probability of “ordered”")
curves.plot(temperatures, accuracy, "s--", color=ORANGE, label="accuracy")
curves.axvline(T_c, color="black", label=f"$T_c$ = {T_c:.3f}")
curves.axvspan(T_c - 0.4, T_c + 0.4, color="0.9", zorder=0, label="not among the training data")
curves.set(xlabel="temperature T", title=f"A network that tells ordered from disordered spins, {L}×{L}")
curves.legend(loc="center right")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/10_ising_phases.png", dpi=150)
