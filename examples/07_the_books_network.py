"""The network of Nielsen's book on handwritten digits, and with what its third chapter changes.

The book's first program has sigmoid neurons, the quadratic cost and weights of standard deviation 1. Its third chapter
changes the cost, to the cross-entropy (here of softmax outputs), so that an output that is badly wrong no longer learns
slowly; and the first weights, to standard deviation 1/√n_in, so that no hidden neuron starts saturated. The learning
rate η goes with the cost. Both networks have as many neurons.

On the 8×8 digits of the package; or on MNIST, where the first program takes its time: so it trains on 8,000 of the
10,000 test digits, and is tested on the others. tg.data.fetch_mnist(FOLDER) downloads the files.

    python 07_the_books_network.py --mnist FOLDER
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure, whole_numbers

parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true", help="fewer epochs")
parser.add_argument("--mnist", metavar="FOLDER", help="where the IDX files of MNIST are")
options = parser.parse_args()
epochs = 6 if options.quick else 30

if options.mnist:
    x, y = tg.data.mnist(options.mnist, split="test")
    order = np.random.default_rng(0).permutation(len(x))  # the last digits of the file are easier than the first
    (x, x_test), (y, y_test) = (np.split(v[order], [8000]) for v in (x, y))
else:
    (x, y), (x_test, y_test) = tg.data.digits()
sizes = [x.shape[1], 30, 10]
print(f"{len(x)} digits to train with, {len(x_test)} to test, a network of {sizes} neurons\n")

net = tg.backprop.Network(sizes, rng=0)
test_data = tg.data.columns(x_test, y_test, n_classes=None)
before = net.evaluate(test_data)
correct = net.SGD(tg.data.columns(x, y), epochs, mini_batch_size=10, eta=3.0, test_data=test_data)
first = np.array([before, *correct]) / len(x_test)

mlp = tg.nn.MLP(sizes, activation="sigmoid", output="softmax", init="scaled", rng=0)
optimizer = tg.optim.SGD(mlp.parameters(), lr=0.5)
training = {"cost": "cross_entropy", "optimizer": optimizer, "epochs": epochs, "batch_size": 10, "rng": 0}
history = tg.fit(mlp, x, y, **training, validation=(x_test, y_test), progress=False)
third = np.array(history.validation_accuracy)  # before the first epoch, and after each

print(f"\nright after {epochs} epochs:")
print(f"quadratic cost, weights of standard deviation 1: {first[-1]:.1%}, after the first epoch {first[1]:.1%}")
print(f"cross-entropy, scaled weights:                   {third[-1]:.1%}, after the first epoch {third[1]:.1%}")
assert first[-1] > (0.9 if options.quick or options.mnist else 0.93)
assert third[-1] > 0.93
assert third[1] > first[1]  # it starts faster
if options.mnist:
    assert third[-1] > first[-1]  # of the small digits both can read nearly all in the end

figure = new_figure(8, 4.5)
axes = figure.subplots()
numbers = np.arange(epochs + 1)
axes.plot(numbers, first, "o-", color=ORANGE, label="quadratic cost, weights of standard deviation 1, η = 3")
axes.plot(
    numbers, third, "s-", color=BLUE, label=r"cross-entropy, weights of standard deviation $1/\sqrt{n_{in}}$, η = 0.5"
)
axes.set(
    xlabel="epoch",
    ylabel="accuracy on the test digits",
    title="The book's first network, and with the changes of its third chapter",
)
axes.yaxis.set_major_formatter("{x:.0%}")
axes.grid(alpha=0.3)
axes.legend(loc="lower right")
whole_numbers(axes)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/07_the_books_network.png", dpi=150)
