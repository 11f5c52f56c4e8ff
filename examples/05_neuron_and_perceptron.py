"""One artificial neuron, what it can learn, and why XOR needs a hidden layer.

The neuron of McCulloch and Pitts (1943) fires where the weighted sum of its inputs reaches a threshold. Rosenblatt's
perceptron (1958) finds the weights by itself: after each mistake it adds the input, or subtracts it. It learns AND and
OR, but never XOR. Two layers of sigmoid neurons, trained by gradient descent, learn XOR too.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

steps = 3000 if "--quick" in sys.argv else 10_000
x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])  # the third input is always 1: its weight is the bias
rng = np.random.default_rng(0)
targets = {"AND": np.array([0, 0, 0, 1]), "OR": np.array([0, 1, 1, 1]), "XOR": np.array([0, 1, 1, 0])}


def neuron(x, w):
    """1 where the weighted sum of the inputs is 0 or more, else 0."""
    return np.where(x @ w >= 0, 1, 0)


def perceptron(y, epochs=100):
    """Go through the examples until none is wrong, and learn from each mistake. Returns w, and the mistakes made."""
    w, mistakes = rng.normal(size=3), []
    for _ in range(epochs):
        errors = 0
        for inputs, target in zip(x, y, strict=True):
            error = target - neuron(inputs, w)  # 1: it should have fired; −1: it should not; 0: right
            w = w + error * inputs
            errors += abs(error)
        mistakes.append(errors)
        if errors == 0:
            break
    return w, mistakes


learned = {}
for name, y in targets.items():
    learned[name], mistakes = perceptron(y)
    w1, w2, b = learned[name]
    print(f"{name:3}: outputs {neuron(x, learned[name])} for targets {y}", end=", ")
    print(f"w = ({w1:.2f}, {w2:.2f}), b = {b:.2f}, {mistakes[-1]} mistakes in epoch {len(mistakes)}")
    assert (mistakes[-1] == 0) == (name != "XOR")

print("""
XOR asks of one neuron that b < 0, w₁ + b ≥ 0, w₂ + b ≥ 0 and w₁ + w₂ + b < 0. The two in the middle add up to
w₁ + w₂ + b ≥ −b > 0, against the last: no weights will do. But XOR is "OR and not AND", so two layers can.
""")
hidden = np.column_stack([neuron(x, learned["OR"]), neuron(x, learned["AND"]), np.ones(4)])
assert np.array_equal(neuron(hidden, np.array([1, -2, -1])), targets["XOR"])  # OR − 2 AND − 1 ≥ 0

# Gradient descent finds two such layers, if their neurons have a slope: sigmoid in place of the threshold. The cost is
# ½ Σ (y − a)², the learning rate 1. The target must be a column as the output is: (4,) against (4, 1) would be 4×4.
y = targets["XOR"][:, None]
w_hidden = tg.Tensor(rng.uniform(-1, 1, (3, 4)), requires_grad=True)
w_output = tg.Tensor(rng.uniform(-1, 1, (4, 1)), requires_grad=True)
optimizer = tg.optim.SGD([w_hidden, w_output], lr=1.0)


def network(x):
    return tg.sigmoid(tg.sigmoid(x @ w_hidden) @ w_output)


for step in range(steps + 1):
    optimizer.zero_grad()
    C = 0.5 * np.sum((y - network(x)) ** 2)
    C.backward()
    if step % (steps // 5) == 0:
        print(f"two layers after {step:5} steps: C = {C:.5f}")
    optimizer.step()
a = network(x).numpy()
print("XOR by two layers:", *(f"{v:.3f}" for v in a[:, 0]))
assert np.abs(a - y).max() < (0.1 if steps < 10_000 else 0.05)

u, v = np.meshgrid(*[np.linspace(-0.5, 1.5, 201)] * 2)
plane = np.column_stack([u.ravel(), v.ravel(), np.ones(u.size)])
panels = [(f"{name}: one neuron", y, neuron(plane, learned[name])) for name, y in targets.items()]
panels.append(("XOR: two layers", targets["XOR"], network(plane).numpy() > 0.5))
figure = new_figure(12, 3.6)
for axes, (title, y, fires) in zip(figure.subplots(1, 4, sharey=True), panels, strict=True):
    fires = fires.reshape(u.shape)
    right = np.array_equal(fires[50 + 100 * x[:, 1], 50 + 100 * x[:, 0]], y)  # the grid has 100 steps for each 1
    axes.contourf(u, v, fires, levels=[-0.5, 0.5, 1.5], colors=["white", "#cfe8f7"])
    for target, color, marker in ((0, ORANGE, "o"), (1, BLUE, "s")):
        axes.scatter(*x[y == target, :2].T, s=90, c=color, marker=marker, edgecolors="black", label=f"target {target}")
    axes.set(title=f"{title}, {'learned' if right else 'not learned'}", xlabel="$x_1$", aspect="equal")
    axes.set(xticks=[0, 1], yticks=[0, 1])
figure.axes[0].set_ylabel("$x_2$")
figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figure.suptitle("Where the output is 1 (shaded): one neuron draws one straight line, and XOR needs more")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/05_neuron_and_perceptron.png", dpi=150)
