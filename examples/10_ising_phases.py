"""Phases of the Ising model: a convolutional network that finds the critical temperature.

Spins ±1 on a square lattice prefer to be like their four neighbours: E = −Σ s s′ (J = k = 1). Below T_c = 2/ln(1 + √2)
most of them agree, above it they do not. A network is shown pictures of spins far from T_c, and told which are ordered.
Between, where it has seen nothing, its answer turns over at T_c (after J. Carrasquilla and R. G. Melko, Nature Physics
13, 431, 2017).
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick = "--quick" in sys.argv
L, sweeps, copies = (16, 60, 20) if quick else (16, 400, 100)  # size of the lattice, and lattices at each temperature
T_c = 2 / np.log(1 + np.sqrt(2))
rng = np.random.default_rng(0)


def sample(temperatures):
    """Spins in equilibrium, one lattice for each temperature: shape (n, L, L). All are simulated at once.

    Heat bath: in turn, each spin forgets its value and is up with probability 1/(1 + exp(−2h/T)), where h is the sum of
    its neighbours. The black squares of a chessboard have white neighbours only, so all black ones go at once.
    """
    T = np.float32(temperatures)[:, None, None]
    s = np.ones((len(T), L, L), np.float32) * rng.choice([-1, 1], size=T.shape)  # all up, or all down
    black = np.indices((L, L)).sum(axis=0) % 2 == 0
    for _ in range(sweeps):
        for color in (black, ~black):
            h = np.roll(s, 1, 1) + np.roll(s, -1, 1) + np.roll(s, 1, 2) + np.roll(s, -1, 2)  # the edges meet
            up = rng.random(s.shape, np.float32) < 1 / (1 + np.exp(-2 * h / T))
            s = np.where(color, np.where(up, np.float32(1), np.float32(-1)), s)
    return s


temperatures = np.linspace(1.0, 3.6, 27)
far = np.abs(temperatures - T_c) > 0.4
T_train, T_test = np.repeat(temperatures[far], copies), np.repeat(temperatures, copies)
x_train, x_test = np.split(sample(np.concatenate([T_train, T_test])), [len(T_train)])

net = tg.nn.Sequential(
    tg.nn.Conv2d(1, 8, kernel_size=3, init="he", rng=rng, dtype=np.float32),
    tg.relu,
    tg.nn.MaxPool2d(2),
    tg.nn.Flatten(),
    tg.nn.Linear(8 * 7 * 7, 2, rng=rng, dtype=np.float32),
    tg.softmax,
)
optimizer = tg.optim.Adam(net.parameters(), lr=1e-3)
ordered = (T_train < T_c).astype(int)
tg.fit(
    net, x_train[:, None], ordered, cost="cross_entropy", optimizer=optimizer, epochs=10, batch_size=32, rng=rng, progress=False
)

p = net(x_test[:, None]).numpy()[:, 1]  # how sure it is that the spins are ordered
right = (p > 0.5) == (T_test < T_c)
by_temperature = p.reshape(len(temperatures), copies).mean(axis=1), right.reshape(len(temperatures), copies).mean(axis=1)
for T, mean, accuracy in zip(temperatures, *by_temperature, strict=True):
    print(f"T = {T:.1f}: ordered with probability {mean:.2f}, {accuracy:4.0%} right")
away = np.abs(T_test - T_c) > 0.3
turn = np.interp(0.5, by_temperature[0][::-1], temperatures[::-1])
print(f"away from T_c {right[away].mean():.1%} right; the answer turns over at T = {turn:.2f} (T_c = {T_c:.3f})")
assert right[away].mean() >= (0.9 if quick else 0.98)
assert abs(turn - T_c) < (0.4 if quick else 0.15)
