"""A convolutional network on handwritten digits, against a perceptron with as many parameters.

On the test images they differ little. But move these by one pixel, which no reader would notice: the perceptron knows
each pixel by its place, and misses more than half of them. The convolution looks for the same 3×3 patterns everywhere,
and pooling forgives a small shift: it misses fewer. Neither has been trained with a moved digit.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import new_figure

quick = "--quick" in sys.argv
(x_train, y_train), (x_test, y_test) = ((x.reshape(-1, 1, 8, 8), y) for x, y in tg.data.digits())  # one channel
larger = np.pad(x_test, ((0, 0), (0, 0), (1, 1), (1, 1)))
moved = np.concatenate([larger[:, :, i : i + 8, j : j + 8] for i, j in ((0, 1), (2, 1), (1, 0), (1, 2))])

rng = np.random.default_rng(0)
conv = tg.nn.Conv2d(1, 8, kernel_size=3, init="he", rng=rng)
networks = {
    "convolution": tg.nn.Sequential(
        conv,  # (n, 1, 8, 8) → (n, 8, 6, 6)
        tg.relu,
        tg.nn.MaxPool2d(2),  # → (n, 8, 3, 3)
        tg.nn.Flatten(),
        tg.nn.Linear(72, 10, init="he", rng=rng),
        tg.softmax,
    ),
    "perceptron": tg.nn.Sequential(tg.nn.Flatten(), tg.nn.MLP([64, 11, 10], "relu", "softmax", init="he", rng=rng)),
}


def accuracy(net, x, y):
    return np.mean(np.argmax(net(x).numpy(), axis=1) == y)


found = {}
for name, net in networks.items():
    optimizer = tg.optim.Adam(net.parameters(), lr=0.005)
    options = {"cost": "cross_entropy", "optimizer": optimizer, "batch_size": 32, "rng": rng, "progress": False}
    tg.fit(net, x_train, y_train, epochs=8 if quick else 25, **options)
    found[name] = accuracy(net, x_test, y_test), accuracy(net, moved, np.tile(y_test, 4))
    size = sum(p.size for p in net.parameters())
    print("{}, {} parameters: {:.1%} right, {:.1%} of those moved by a pixel".format(name, size, *found[name]))
assert found["convolution"][0] > (0.92 if quick else 0.95)
assert found["convolution"][1] > found["perceptron"][1] + 0.05

digit = x_test[:1]
maps = tg.relu(conv(digit)).numpy()[0]
kernels = conv.W.numpy()[:, 0]
figure = new_figure(11, 3.2)
axes = figure.subplots(2, 9)
axes[1, 0].imshow(digit[0, 0], cmap="gray_r")
axes[1, 0].set_title("a digit, 8×8", fontsize=9)
axes[0, 0].axis("off")
largest = np.abs(kernels).max()
for k, (top, bottom) in enumerate(axes[:, 1:].T, start=1):
    shown = top.imshow(kernels[k - 1], cmap="PuOr_r", vmin=-largest, vmax=largest)
    bottom.imshow(maps[k - 1], cmap="gray_r", vmin=0, vmax=maps.max())
    top.set_title(f"kernel {k}", fontsize=9)
    bottom.set_title(f"map {k}", fontsize=9)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.colorbar(shown, ax=axes[0, :], label="weight")
figure.suptitle("Kernels of 3×3 weights that were learned, and where each found its pattern (feature maps, after relu)")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/09_convolution_digits.png", dpi=150)
