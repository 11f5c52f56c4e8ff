"""Seven optimisers in a narrow valley, and on handwritten digits, with learning-rate schedules.

The valley C = ½(x² + 50 y²) is steep across and flat along. Plain gradient descent needs a small learning rate, or it
would climb the walls, and with it crawls along the floor. Momentum adds up what the gradients agree on; Adagrad,
RMSprop and Adam divide each parameter's step by the size of its own gradients.
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
    "Adagrad": (optim.Adagrad, {}, 1.0, 0.05),
    "RMSprop": (optim.RMSprop, {"alpha": 0.9}, 0.2, 0.003),
    "Adam": (optim.Adam, {}, 0.5, 0.005),
    "AdamW": (optim.AdamW, {"weight_decay": 0.01}, 0.5, 0.005),
}
CURVATURES = np.array([1.0, 50.0])
START = np.array([-10.0, 1.5])


def path(kind, options, lr, steps=100):
    """Where an optimiser goes in the valley; its learning rate falls to 0 as half a cosine."""
    w = tg.Tensor(START, requires_grad=True)
    optimizer = kind([w], lr=lr, **options)
    schedule = optim.CosineAnnealingLR(optimizer, steps)
    points = [START]
    for _ in range(steps):
        optimizer.zero_grad()
        C = np.sum(CURVATURES * w**2) / 2
        C.backward()
        optimizer.step()
        schedule.step()
        points.append(w.numpy().copy())
    return np.array(points)


def height(points):
    return points**2 @ CURVATURES / 2


print("cost in the valley after 100 steps, from", height(START))
paths = {name: path(kind, options, lr) for name, (kind, options, lr, _) in OPTIMISERS.items()}
for name, points in paths.items():
    print(f"  {name:9} {height(points[20]):9.2e} after 20, {height(points[-1]):9.2e}")
assert max(height(paths[name][-1]) for name in paths if name != "SGD") < 0.5 * height(paths["SGD"][-1])
assert min(paths, key=lambda name: height(paths[name][-1])) in ("Adam", "AdamW")

(x, y), (x_test, y_test) = tg.data.digits()
epochs = 8 if quick else 30
settings = {"cost": "cross_entropy", "epochs": epochs, "batch_size": 32, "rng": 0, "progress": False}


def train(kind, options, lr, schedule):
    """The same network from the same weights, with the same batches; only optimiser and schedule differ."""
    net = tg.nn.MLP([64, 30, 10], "tanh", "softmax", rng=0)
    optimizer = kind(net.parameters(), lr=lr, **options)
    return tg.fit(net, x, y, optimizer=optimizer, schedule=schedule(optimizer), validation=(x_test, y_test), **settings)


def cosine(optimizer):
    return optim.CosineAnnealingLR(optimizer, epochs)


def warm_up(optimizer):
    parts = [optim.LinearLR(optimizer, 0.1, total_iters=3), optim.CosineAnnealingLR(optimizer, epochs - 3)]
    return optim.SequentialLR(optimizer, parts, milestones=[3])


print(f"digits after {epochs} epochs, with a cosine schedule")
runs = {name: train(kind, options, lr, cosine) for name, (kind, options, _, lr) in OPTIMISERS.items()}
for name, history in runs.items():
    print(f"  {name:9} {history.latest()}")

schedules = {
    "constant": lambda optimizer: None,
    "steps": lambda optimizer: optim.StepLR(optimizer, epochs // 3),
    "cosine": cosine,
    "warm-up, cosine": warm_up,
}
print("Adam with a large learning rate")
scheduled = {name: train(optim.Adam, {}, 0.03, schedule) for name, schedule in schedules.items()}
for name, history in scheduled.items():
    print(f"  {name:15} {history.latest()}")
