"""A score in a test from hours of sleep and of study: a 2-3-1 network, BFGS, and weight decay.

Ten examples with noise, and thirteen parameters. Without weight decay (λ = 0) the network learns the noise: its cost
falls on the examples, but on others it rises again (overfitting). With a large λ it can learn nothing (underfitting).
Somewhere between lies the λ that is best for examples it has not seen. What is lowered is C + ½ λ Σ w².
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick = "--quick" in sys.argv
seeds = 3 if quick else 20  # so many classes of ten students, each with a network of its own
strengths = (0.0, 1e-4, 1e-2) if quick else (0.0, 1e-5, 1e-4, 1e-3, 1e-2)
LARGEST = np.array([10.0, 5.0])  # hours of sleep and of study


def students(n, noise, rng):
    """Hours, divided by the largest ones, and scores from 0 to 1: rested and prepared is best."""
    hours = rng.uniform(size=(n, 2)) * LARGEST
    sleep, study = hours.T
    score = 0.2 + 0.6 * tg.sigmoid(study - 2.5) * np.exp(-(((sleep - 7) / 3) ** 2)) + 0.03 * study
    return hours / LARGEST, np.clip(score + noise * rng.normal(size=n), 0, 1)[:, None]


x_test, y_test = students(500, 0.0, np.random.default_rng(99))  # measured against scores without noise
histories = {strength: [] for strength in strengths}
for seed in range(seeds):
    x, y = students(10, 0.1, np.random.default_rng(seed))
    for strength in strengths:
        net = tg.nn.MLP([2, 3, 1], "sigmoid", init="normal", rng=seed)
        options = {"method": "BFGS", "l2": strength, "validation": (x_test, y_test), "max_iterations": 200}
        histories[strength].append(tg.optim.minimize(net, "quadratic", x, y, **options))

train = {s: np.median([h.cost[-1] for h in runs]) for s, runs in histories.items()}
test = {s: np.median([h.validation_cost[-1] for h in runs]) for s, runs in histories.items()}
print("     λ   cost on 10 examples   cost on 500 others   (medians)")
for s in strengths:
    print(f"{s:6g} {train[s]:21.5f} {test[s]:20.5f}")
best = min(test, key=test.get)
print(f"best on examples that it has not seen: λ = {best:g}")
assert best == 1e-4
assert test[best] < 0.7 * test[0.0]  # without weight decay it overfits: best on its examples, but not on others
assert train[0.0] < 0.5 * train[best]
assert min(train[1e-2], test[1e-2]) > (1.5 if quick else 2) * test[best]  # and with too much it underfits: bad on both

figure = new_figure(11, 3.8)
*curves, right = figure.subplots(1, 4)
shown = int(np.argmax([h.validation_cost[-1] / min(h.validation_cost) for h in histories[0.0]]))  # overfits most
for axes, strength in zip(curves, (0.0, best, 1e-2), strict=True):
    history = histories[strength][shown]
    axes.semilogy(history.cost, color=BLUE, label="10 examples")
    axes.semilogy(history.validation_cost, "--", color=ORANGE, label="500 others")
    axes.set(xlabel="iteration", title=f"λ = {strength:g}", ylim=(4e-4, 0.2))
curves[0].set(ylabel="cost C, without the penalty")
curves[2].legend(loc="lower right")
places = np.arange(len(strengths))
for runs, color, marker, label in ((train, BLUE, "o-", "10 examples"), (test, ORANGE, "s--", "500 others")):
    right.semilogy(places, [runs[s] for s in strengths], marker, color=color, label=label)
right.set(xlabel="λ", title=f"medians of {seeds} runs")
right.set_xticks(places, [f"{s:g}" for s in strengths], fontsize=8)
right.legend(loc="lower right")
figure.suptitle("Overfitting without weight decay, underfitting with too much (left: the run that overfits most)")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/06_regression_bfgs.png", dpi=150)
