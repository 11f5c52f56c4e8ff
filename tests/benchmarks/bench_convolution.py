"""The cost and all gradients of a convolutional network of the size of LeNet-5, against PyTorch."""

import numpy as np
import report
import timing

import tinygrad_edu as tg
from tinygrad_edu.engine import gradients
from tinygrad_edu.nn import Conv2d, Flatten, Linear, MaxPool2d, Sequential

rng, f4 = np.random.default_rng(0), np.float32
x, y = rng.random((32, 1, 28, 28), f4), rng.integers(10, size=32)
convolutions = [Conv2d(1, 6, 5, padding=2, rng=rng, dtype=f4), Conv2d(6, 16, 5, rng=rng, dtype=f4)]
dense = [Linear(*sizes, rng=rng, dtype=f4) for sizes in ((400, 120), (120, 84), (84, 10))]
images = [step for conv in convolutions for step in (conv, tg.relu, MaxPool2d(2))]
net = Sequential(*images, Flatten(), dense[0], tg.relu, dense[1], tg.relu, dense[2])


def ours(x, y):
    """The cost, and a list of gradients."""
    C = tg.costs.cross_entropy_with_logits(net(x), y)
    found = gradients(C, np.ones((), f4), net.parameters(), create_graph=True)
    return C, [found[p] for p in net.parameters()]


def pytorch():
    """A function that does the same there."""
    import torch
    from torch.nn import functional as f

    parameters = [torch.tensor(p.numpy(), requires_grad=True) for p in net.parameters()]
    inputs, labels = torch.tensor(x), torch.tensor(y)

    def run():
        W1, b1, W2, b2, W3, b3, W4, b4, W5, b5 = parameters
        a = f.max_pool2d(f.relu(f.conv2d(inputs, W1, b1, padding=2)), 2)
        a = f.max_pool2d(f.relu(f.conv2d(a, W2, b2)), 2).flatten(1)
        a = f.relu(f.relu(a @ W3 + b3) @ W4 + b4)
        C = f.cross_entropy(a @ W5 + b5, labels)
        return C, torch.autograd.grad(C, parameters)

    return run


def main():
    report.begin(quick := report.options(__doc__).quick)
    compiled = tg.compile(ours)
    runs = {"PyTorch": pytorch()} if report.version("torch") else {}
    for run in runs.values():
        for mine, theirs in zip(compiled(x, y)[1], run()[1], strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=1e-6)
    how = {"block_seconds": 0.01, "rounds": 2} if quick else {"seconds": 10, "block_seconds": 0.3}
    found = timing.compare(lambda: compiled(x, y), runs, **how)
    rows = [[name or "ours, compiled", f"{1e3 * t.seconds:.1f}", f"{t.ratio:.2f}"] for name, t in found.items()]
    report.publish({"convolution": report.table(["batch 32, float32", "ms", "ratio"], rows)}, quick)


if __name__ == "__main__":
    main()
