"""One step of gradient descent as in Nielsen's book, one example at a time, against `backward` and `SGD`.

His update is w → w − η/m Σ δ aᵀ over the m examples of a mini-batch. An example is a column there, and his matrices are
ours transposed.
"""

import numpy as np

import tinygrad_edu as tg

eta, m = 3.0, 10
(x, y), _ = tg.data.digits()
x, y = x[:m], np.eye(10)[y[:m]]
net = tg.nn.MLP([64, 30, 10], rng=0)
w1, w2 = (W.numpy().T for W in net.weights)
b1, b2 = (b.numpy()[:, None] for b in net.biases)

sums = [np.zeros_like(p) for p in (w1, b1, w2, b2)]
for a0, target in zip(x[:, :, None], y[:, :, None], strict=True):  # columns
    a1 = tg.sigmoid(w1 @ a0 + b1)
    a2 = tg.sigmoid(w2 @ a1 + b2)
    delta2 = (a2 - target) * a2 * (1 - a2)  # BP1
    delta1 = (w2.T @ delta2) * a1 * (1 - a1)  # BP2
    for total, gradient in zip(sums, (delta1 @ a0.T, delta1, delta2 @ a1.T, delta2), strict=True):  # BP4, BP3
        total += gradient
by_hand = [p - eta / m * total for p, total in zip((w1, b1, w2, b2), sums, strict=True)]

tg.costs.quadratic(net(x), y).backward()
tg.optim.SGD(net.parameters(), lr=eta).step()

for (name, p), mine in zip(net.named_parameters().items(), by_hand, strict=True):
    difference = np.abs(p.numpy() - mine.T.reshape(p.shape)).max()
    print(f"{name}: shape {p.shape!s:8}  largest difference {difference:.1e}")
    assert difference < 1e-14
