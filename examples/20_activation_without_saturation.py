"""An activation function that never saturates: what is gained when σ′ is always positive and never gets close to zero?

Nielsen, chapter 2, suggests it from BP1 and BP2, in which σ′(z) is a factor of every error δ. Here the sigmoid gets a
slope of its own, σ(z) + z/10, so that the derivative is never below 1/10. Two networks, which differ in nothing else,
learn handwritten digits from weights so large that many sigmoids are saturated. Then both begin with small weights:
there δ fades because each layer multiplies it by a small W and by σ′ ≤ ¼ + 1/10, and the slope does not cure that.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick = "--quick" in sys.argv
epochs, seeds = (4, 1) if quick else (12, 5)
(x, y), (x_test, y_test) = tg.data.digits()


def with_slope(z):
    return tg.sigmoid(z) + z / 10


ACTIVATIONS = {"σ(z)": (tg.sigmoid, BLUE), "σ(z) + z/10": (with_slope, ORANGE)}
STARTS = {"large": "normal", "small": "scaled"}  # W ~ N(0, 1), or with a deviation of 1/√n_in


def network(activation, start, seed):
    return tg.nn.MLP([64, 30, 30, 30, 30, 30, 30, 10], activation, "softmax", init=STARTS[start], rng=seed)


def errors(net):
    """‖δ‖ of every layer, δ = ∂C/∂z."""
    return np.array(tg.learning_report(net, x, y, "cross_entropy").errors)


def learn(activation, start, seed):
    """The share of the test digits that are right, before the first epoch and after each."""
    net = network(activation, start, seed)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.3)  # the best of 0.03, 0.1, 0.3 and 1 for both functions
    options = {"epochs": epochs, "batch_size": 32, "validation": (x_test, y_test), "rng": seed, "progress": False}
    return tg.fit(net, x, y, cost="cross_entropy", optimizer=optimizer, **options).validation_accuracy


delta, right = {}, {}
for start in STARTS:
    for name, (activation, _) in ACTIVATIONS.items():
        delta[start, name] = np.median([errors(network(activation, start, seed)) for seed in range(seeds)], axis=0)
        right[start, name] = np.array([learn(activation, start, seed) for seed in range(seeds)])
assert np.all(tg.elementwise_grad(with_slope)(np.linspace(-50, 50, 1001)) > 0.1 - 1e-12)
ratios = {key: norms[0] / norms[-1] for key, norms in delta.items()}
final = {key: np.median(runs[:, -1]) for key, runs in right.items()}
half = {key: np.median(runs[:, epochs // 2]) for key, runs in right.items()}
print(f"medians of {seeds} runs: weights, activation, ‖δ¹‖/‖δᴸ‖, right after {epochs // 2} and {epochs} epochs")
for key in delta:
    print(f"{key[0]} {key[1]:12} {ratios[key]:9.1e} {half[key]:7.1%} {final[key]:7.1%}")
assert ratios["large", "σ(z) + z/10"] > 5 * ratios["large", "σ(z)"]
assert half["large", "σ(z) + z/10"] > half["large", "σ(z)"] + 0.15
assert final["large", "σ(z) + z/10"] > final["large", "σ(z)"] + 0.03
assert ratios["small", "σ(z) + z/10"] < 0.01  # what it does not cure
assert final["small", "σ(z) + z/10"] < 0.2

figure = new_figure(10, 7.5)
(functions, errors_of), learning = figure.subplots(2, 2)
z = np.linspace(-10, 10, 400)
for name, (activation, color) in ACTIVATIONS.items():
    functions.plot(z, activation(z), color=color, label=name)
    functions.plot(z, tg.elementwise_grad(activation)(z), "--", color=color, label=f"derivative of {name}")
    for start, style in zip(STARTS, ("o-", "s:"), strict=True):
        norms = delta[start, name]
        errors_of.semilogy(range(1, len(norms) + 1), norms, style, color=color, label=f"{name}, {start} weights")
    for axes, start in zip(learning, STARTS, strict=True):
        axes.plot(right[start, name].T, color=color, alpha=0.25)
        axes.plot(np.median(right[start, name], axis=0), color=color, linewidth=2.5, label=name)
functions.axhline(0, color="black", linewidth=0.5)
functions.set(xlabel="z", title="With a slope, σ′ is never below 1/10")
errors_of.set(xlabel="layer l", ylabel="‖δ$^l$‖ before the first step", title="Errors go back from right to left")
learning[0].set(title=f"Large weights at first (median of {seeds} runs)", ylabel="test digits that are right")
learning[1].set(title="Small weights at first: the slope is no cure")
for axes in learning:
    axes.set(xlabel="epoch", ylim=(0, 1))
for axes in (functions, errors_of, *learning):
    axes.legend(fontsize=8)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/20_activation_without_saturation.png", dpi=150)
