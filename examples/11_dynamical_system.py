"""A driven, damped pendulum that a GRU learns to predict, and then runs from its own predictions.

The pendulum θ″ = −sin θ − γ θ′ + F cos ωt is integrated by Runge and Kutta's method. The network sees θ and cos ωt, but
never θ′: it must keep how fast the pendulum moves in its state. It learns what θ is 0.2 later. Then it is shown the
beginning of a motion that it has never met, and goes on alone: each prediction is its next input.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick, rng = "--quick" in sys.argv, np.random.default_rng(0)
gamma, F, omega, dt = 0.3, 0.4, 0.7, 0.2
shown, free_steps = 30, 60


def slope(s, t):
    theta, v = s
    return np.array([v, -np.sin(theta) - gamma * v + F * np.cos(omega * t)])


def motions(n, length):
    """n sequences of (θ, cos ωt) of shape (n, length, 2), which begin anywhere and at any time."""
    s, t = rng.uniform(-1, 1, size=(2, n)), rng.uniform(0, 2 * np.pi / omega, size=n)
    found = []
    for _ in range(length):
        found.append(np.stack([s[0], np.cos(omega * t)], axis=1))
        k1 = slope(s, t)
        k2 = slope(s + dt / 2 * k1, t + dt / 2)
        k3 = slope(s + dt / 2 * k2, t + dt / 2)
        k4 = slope(s + dt * k3, t + dt)
        s, t = s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + dt
    return np.stack(found, axis=1)


class Predictor(tg.nn.Module):
    """The next θ after every step; the network finds by how much it changes."""

    def __init__(self, n_hidden):
        self.gru, self.linear = tg.nn.GRU(2, n_hidden, rng=rng), tg.nn.Linear(n_hidden, 1, rng=rng)

    def step(self, x, state=None):
        outputs, state = self.gru(x, state)
        return x[..., :1] + self.linear(outputs), state

    def __call__(self, x):
        return self.step(x)[0]


train, test = motions(64 if quick else 256, 25 if quick else 45), motions(20, shown + free_steps)
x, y = train[:, :-1].copy(), train[:, 1:, :1]
x[..., 0] += 0.01 * rng.normal(size=x.shape[:2])  # its own predictions will not be exact either

net, epochs = Predictor(16 if quick else 32), 40 if quick else 100
optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
schedule = tg.optim.CosineAnnealingLR(optimizer, epochs)  # ever smaller steps
options = {"batch_size": 32, "rng": rng, "schedule": schedule, "progress": False}
history = tg.fit(net, x, y, cost="quadratic", optimizer=optimizer, epochs=epochs, **options)
print(f"cost of a sequence {history.cost[0]:.2f} before, {history.cost[-1]:.4f} after {epochs} epochs")

predicted, state = net.step(test[:, :shown])
free = [predicted.numpy()[:, -1:]]
for t in range(shown, shown + free_steps - 1):
    predicted, state = net.step(np.concatenate([free[-1], test[:, t : t + 1, 1:]], axis=2), state)
    free.append(predicted.numpy())
free, truth = np.concatenate(free, axis=1)[..., 0], test[:, shown:, 0]

error = np.sqrt(np.mean((free - truth) ** 2, axis=0)) / truth.std()
print(f"on its own, error as a part of the spread of θ: {error[0]:.1%} after 1 step, {error.max():.1%} at most")
assert error[0] < 0.03
assert error.max() < (0.3 if quick else 0.1)

figure = new_figure(10, 3.4)
left, right = figure.subplots(1, 2, width_ratios=[2, 1])
times = dt * np.arange(shown + free_steps)
for k, offset in enumerate((0, 4, 8)):
    left.plot(times, test[k, :, 0] + offset, color="black", label=None if k else "truth")
    left.plot(times[shown:], free[k] + offset, "o", color=ORANGE, markersize=3, label=None if k else "network alone")
left.axvspan(0, times[shown], color=BLUE, alpha=0.12, label="shown to the network")
left.set(
    xlabel="time",
    ylabel="θ (two of them shifted by 4 and 8)",
    title="Three motions that it has never met",
    ylim=(-2, 13),
)
left.legend(loc="upper right", ncols=3, fontsize=8)
right.plot(dt * np.arange(1, free_steps + 1), 100 * error, color=ORANGE)
right.set(
    xlabel="time since it runs alone", ylabel="error, % of the spread of θ", title="The error grows", ylim=(0, None)
)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/11_dynamical_system.png", dpi=150)
