"""Seven optimisers in a narrow valley, and on handwritten digits, with learning-rate schedules.

The valley C = ½(x² + 50 y²) is steep across and flat along. Plain gradient descent needs a small learning rate, or it
would climb the walls, and with it crawls along the floor. Momentum adds up what the gradients agree on; Adagrad,
RMSprop and Adam divide each parameter's step by the size of its own gradients. (AdamW also draws weights towards 0,
where this valley happens to end.) With noisy gradients, the learning rate has to fall before the cost does.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import COLORS, new_figure

quick = "--quick" in sys.argv
optim = tg.optim
OPTIMISERS = {  # a class, its options, and the learning rate for the valley and for the digits
    "SGD": (optim.SGD, {}, 0.03, 0.3),
    "momentum": (optim.SGD, {"momentum": 0.9}, 0.01, 0.1),
    "Nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True}, 0.01, 0.1),
    "Adagrad": (optim.Adagrad, {}, 1.0, 0.1),
    "RMSprop": (optim.RMSprop, {"alpha": 0.9}, 0.2, 0.005),
    "Adam": (optim.Adam, {}, 0.5, 0.01),
    "AdamW": (optim.AdamW, {"weight_decay": 0.01}, 0.5, 0.01),
}
CURVATURES = np.array([1.0, 50.0])
START, STEPS = np.array([-10.0, 1.5]), 100


def path(start, optimizer_of, schedule_of, noise=0.0):
    """Where an optimiser goes in the valley."""
    w, points = tg.Tensor(start, requires_grad=True), [start]
    optimizer, rng = optimizer_of([w]), np.random.default_rng(0)
    schedule = schedule_of(optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        C = np.sum(CURVATURES * w**2) / 2 + np.sum(noise * rng.normal(size=w.shape) * w)  # a gradient with noise
        C.backward()
        optimizer.step()
        schedule.step()
        points.append(w.numpy().copy())
    return np.array(points)


def height(points):
    return points**2 @ CURVATURES / 2


def cosine(optimizer, epochs=STEPS):
    return optim.CosineAnnealingLR(optimizer, epochs)


print(f"in the valley, from C = {height(START)}")
paths = {}
for name, (kind, options, lr, _) in OPTIMISERS.items():
    paths[name] = path(START, lambda params, k=kind, o=options, lr=lr: k(params, lr=lr, **o), cosine)
    print("  {:9} C = {:8.2e} after 20 steps, {:8.2e} after {}".format(name, *height(paths[name][[20, -1]]), STEPS))
last = {name: height(points[-1]) for name, points in paths.items()}
assert all(last[name] < 0.5 * last["SGD"] for name in last if name != "SGD")
assert last["Adam"] < 0.01 * last["SGD"]

print("gradients with noise, as from small batches: a constant learning rate ends where the noise holds it")
many = np.tile(START / 5, (500, 1))
schedules = {
    "constant": lambda sgd: optim.LambdaLR(sgd, lambda t: 1.0),
    "steps": lambda sgd: optim.StepLR(sgd, 40, gamma=0.2),
    "cosine": cosine,
}
noisy = {name: path(many, lambda w: optim.SGD(w, 0.036), make, noise=3.0) for name, make in schedules.items()}
mean_cost = {name: height(points).mean(axis=1) for name, points in noisy.items()}
for name, C in mean_cost.items():
    print(f"  {name:8} C = {C[-1]:.3f}, mean of {len(many)} runs")
assert max(mean_cost[name][-1] for name in ("steps", "cosine")) < 0.2 * mean_cost["constant"][-1]

(x, y), held_out = tg.data.digits()
epochs = 8 if quick else 30
settings = {"cost": "cross_entropy", "epochs": epochs, "batch_size": 32, "progress": False, "validation": held_out}
digits = {}
print(f"digits, {epochs} epochs: the same network, from the same weights, with the same batches")
for name, (kind, options, _, lr) in OPTIMISERS.items():
    net = tg.nn.MLP([64, 30, 10], "tanh", "softmax", rng=0)
    optimizer = kind(net.parameters(), lr=lr, **options)
    digits[name] = tg.fit(net, x, y, optimizer=optimizer, schedule=cosine(optimizer, epochs), rng=0, **settings)
    print(f"  {name:9} {digits[name].latest()}")
    assert digits[name].validation_accuracy[-1] > (0.92 if quick else 0.96)
assert digits["momentum"].cost[-1] < 0.5 * digits["SGD"].cost[-1]

figure = new_figure(12, 4)
valley, curves, noise = figure.subplots(1, 3)
X, Y = np.meshgrid(np.linspace(-11, 4, 200), np.linspace(-2, 2, 100))
valley.contour(X, Y, height(np.stack([X, Y], axis=-1)), levels=np.geomspace(0.1, 100, 10), colors="0.8", linewidths=0.8)
for (name, points), color, marker in zip(paths.items(), COLORS, "os^Dv*P", strict=False):
    valley.plot(*points.T, marker + "-", color=color, markersize=3, linewidth=1)
    curves.semilogy(digits[name].cost, marker + "-", color=color, markersize=3, label=name)
valley.set(xlabel="x", ylabel="y", title="paths in the valley, 100 steps")
curves.set(xlabel="epoch", ylabel="cost on the training images", title="digits (colours also of the paths)")
curves.legend(fontsize=8, ncols=2)
for name, color in zip(schedules, COLORS, strict=False):
    noise.semilogy(mean_cost[name], color=color, label=name)
noise.set(xlabel="step", ylabel="mean C of 500 runs", title="SGD with noisy gradients: schedules")
noise.legend(fontsize=8)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/08_optimisers.png", dpi=150)
