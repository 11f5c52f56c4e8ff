"""A deep belief network: two Boltzmann machines, one on the other, learn handwritten digits without their labels.

The first machine learns the pixels, the second what the hidden units of the first say of them (Hinton, Osindero and
Teh 2006). Together they draw digits of their own. What they found is a good start for a classifier: one linear layer
on top does better than the same layer on the pixels, the more so the fewer labels it is given.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import new_figure

quick = "--quick" in sys.argv
epochs, units, steps = (15, 100, 200) if quick else (60, 200, 2000)
rng = np.random.default_rng(0)
(x, y), (x_test, y_test) = tg.data.digits()
x, x_test = (np.round(images).astype(np.float32) for images in (x, x_test))  # ink or none


def train(rbm, v):
    """Contrastive divergence on batches of 50, with a learning rate that falls to 0."""
    optimizer = tg.optim.SGD(rbm.parameters(), lr=0.2, momentum=0.5)
    schedule = tg.optim.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(v)), len(v) // 50):
            optimizer.zero_grad()
            rbm.contrastive_divergence(v[rows], k=1, rng=rng).backward()
            optimizer.step()
        schedule.step()


def accuracy(inputs, inputs_test, n, draw):
    """Of a linear layer with softmax, on the test digits, after it has learned n labels."""
    rows = np.random.default_rng(draw).choice(len(y), n, replace=False)
    net = tg.nn.MLP([inputs.shape[1], 10], output="softmax", init="glorot", rng=0, dtype=np.float32)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
    options = {"cost": "cross_entropy", "optimizer": optimizer, "batch_size": 50, "rng": 0, "progress": False}
    tg.fit(net, inputs[rows], y[rows], epochs=30 * len(y) // n, **options)
    return np.mean(net(inputs_test).numpy().argmax(axis=1) == y_test)


first = tg.nn.RBM(64, units, rng, dtype=np.float32)
train(first, x)
second = tg.nn.RBM(units, units, rng, dtype=np.float32)
train(second, first.sample_hidden(x, rng))

stack = tg.nn.Sequential(first, second)
features, features_test = stack(x).numpy(), stack(x_test).numpy()
if quick:
    print(
        "These machines have learned for too short a time to help a classifier: in full, four times as long, they do."
    )
else:
    print("labels   test digits right by a linear layer on the pixels, and on what the machines found")
    for n in (50, 200, len(y)):
        of_pixels = np.mean([accuracy(x, x_test, n, draw) for draw in range(3)])
        of_features = np.mean([accuracy(features, features_test, n, draw) for draw in range(3)])
        print(f"{n:6} {of_pixels:35.1%} {of_features:31.1%}")
        assert of_features > of_pixels + (0.05 if n == 50 else 0)

noise = np.round(rng.random((12, units)))
samples = first.probability_visible(second.gibbs(noise, steps, rng)).numpy()  # the top machine dreams; then down
likeness = np.abs(np.round(samples)[:, None] - x).sum(axis=2).min(axis=1)
print(f"Its own digits differ from the nearest real one in {likeness.mean():.1f} of 64 pixels;", end=" ")
random = np.round(rng.random((12, 64)))
print(f"random pictures in {np.abs(random[:, None] - x).sum(axis=2).min(axis=1).mean():.1f}.")
assert likeness.mean() < 10

figure = new_figure(9, 4.2)
W = first.W.numpy().T
W = W[np.argsort(-np.linalg.norm(W, axis=1))]
for strip, pictures, title, cmap, limits in zip(
    figure.subfigures(3, 1),
    (x, samples, W),
    (
        "digits of the data",
        "drawn by the network",
        "the largest weights of hidden units in the first machine: red positive, blue negative",
    ),
    ("gray_r", "gray_r", "RdBu_r"),
    ((0, 1), (0, 1), (-2, 2)),
    strict=True,
):
    strip.suptitle(title)
    for axes, picture in zip(strip.subplots(1, 12), pictures, strict=False):
        axes.imshow(picture.reshape(8, 8), cmap=cmap, vmin=limits[0], vmax=limits[1])
        axes.set(xticks=[], yticks=[])
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/16_deep_belief.png", dpi=150)
