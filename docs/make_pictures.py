"""Make the pictures in docs/images anew: make pictures."""

from pathlib import Path

import numpy as np

import tinygrad_edu as tg

IMAGES = Path(__file__).parent / "images"


def gradient_graph() -> tg.Tensor:
    """The cost of a 2-3-1 network on XOR, after 300 steps of training."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    net = tg.nn.MLP([2, 3, 1], rng=1)
    optimizer = tg.optim.SGD(net.parameters(), lr=3.0)
    tg.fit(net, x, y, cost="quadratic", optimizer=optimizer, epochs=300, batch_size=4, rng=1, progress=False)
    return tg.costs.quadratic(net(x), y)


if __name__ == "__main__":
    drawing = tg.draw(gradient_graph(), legend=False)
    drawing.attr(rankdir="TB")  # upright, to be read in a narrow column
    print(drawing.render(outfile=IMAGES / "gradient_graph.svg", cleanup=True))
