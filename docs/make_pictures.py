"""Make the pictures in docs/images anew: make pictures."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from PIL import Image, ImageOps

import tinygrad_edu as tg
from tinygrad_edu.viz import plots

IMAGES = Path(__file__).parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def xor() -> tg.Tensor:
    """The cost of a 2-3-1 network on XOR, after 300 steps of training."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    net = tg.nn.MLP([2, 3, 1], rng=1)
    optimizer = tg.optim.SGD(net.parameters(), lr=3.0)
    tg.fit(net, x, y, cost="quadratic", optimizer=optimizer, epochs=300, batch_size=4, rng=1, progress=False)
    return tg.costs.quadratic(net(x), y)


def gradient_graph() -> None:
    """The graph with its equations."""
    print(tg.draw(xor(), legend=False).render(outfile=IMAGES / "gradient_graph.svg", cleanup=True))


def film() -> None:
    """The film where the error of the hidden layer is computed: BP2 with its numbers."""
    picture = IMAGES / "film.png"
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"No browser ({', '.join(BROWSERS)}) was found, so {picture} stays as it is: apt install chromium")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, shot = Path(folder, "film.html"), Path(folder, "film.png")
        tg.explore(xor(), page, at="BP2")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,760"]
        flags += [f"--user-data-dir={folder}/profile", f"--screenshot={shot}", page.as_uri()]
        subprocess.run([browser, *flags], check=True, capture_output=True, timeout=120)
        framed = ImageOps.expand(Image.open(shot).convert("RGB"), border=1, fill="#999999")
        framed.quantize(256).save(picture, optimize=True)  # few colours: a third of the size
    print(picture)


def vanishing_gradient() -> None:
    """‖δ‖ of every layer of a deep network that learns the digits."""
    train, test = tg.data.digits()
    net = tg.nn.MLP([64, 30, 30, 30, 30, 10], rng=0)
    optimizer = tg.optim.SGD(net.parameters(), lr=3.0)
    reports = [tg.learning_report(net, *test)]
    for _ in range(8):
        tg.fit(net, *train, cost="quadratic", optimizer=optimizer, epochs=1, batch_size=10, rng=0, progress=False)
        reports.append(tg.learning_report(net, *test))
    save(plots.gradient_norms(reports), "gradient_norms.svg")


def circle() -> None:
    """What a network learns that is to tell the inside of a circle from the outside."""
    x = np.random.default_rng(1).uniform(-1, 1, size=(200, 2))
    y = x[:, :1] ** 2 + x[:, 1:] ** 2 < 0.5
    net = tg.nn.MLP([2, 8, 1], activation="tanh", rng=0)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.05)
    targets = y.astype(float)
    tg.fit(net, x, targets, cost="quadratic", optimizer=optimizer, epochs=40, batch_size=10, rng=0, progress=False)
    save(plots.decision_regions(net, x, y), "decision_regions.svg")


def save(figure: Any, name: str) -> None:
    """Write a plot: the same figure gives the same bytes."""
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(IMAGES / name, metadata={"Date": None})
    print(IMAGES / name)


if __name__ == "__main__":
    gradient_graph()
    vanishing_gradient()
    circle()
    film()
