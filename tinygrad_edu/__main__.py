"""The demo, ``python -m tinygrad_edu``: a small network filmed, one for real digits trained, checked and drawn."""

from __future__ import annotations

import argparse
import io
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg


def main(arguments: list[str] | None = None) -> None:
    """Run the demo with command-line arguments (those of the process by default); or, with ``check``, check files."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["check"]:
        from tinygrad_edu.diagnosis.grading import main as check

        sys.exit(check(given[1:]))
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # "?" for a δ that the terminal does not have
    options.out.mkdir(parents=True, exist_ok=True)

    print("Filmed: backpropagation in a network small enough to follow every number.")
    film = options.out / "film.html"
    _film_small_network(film)
    print(f"  {film}\n")

    (x, y), (x_test, y_test) = tg.data.digits()
    print(f"Now a network that does something: 64-30-10, for {len(x)} handwritten digits of 8×8 pixels.")
    net = tg.nn.MLP([64, 30, 10], rng=options.seed)
    history = tg.fit(
        net,
        x,
        y,
        cost="quadratic",
        optimizer=tg.optim.SGD(net.parameters(), lr=3.0),
        epochs=options.epochs,
        batch_size=10,
        validation=(x_test, y_test),
        rng=options.seed,
    )
    accuracy = history.validation_accuracy[-1]
    print(f"Learned: it is right about {accuracy:.1%} of {len(x_test)} digits that it has never seen.")

    x, y = x_test[:10], y_test[:10]
    report = tg.check_backprop(net, x, y, cost="quadratic")
    print(f"Checked: {report.verdict}")
    C = tg.costs.quadratic(net(x), y)
    print("Drawn:   its gradient graph,", tg.draw(C).render(outfile=options.out / "gradient_graph.svg", cleanup=True))
    print("Plotted: its learning curve,", _plot(history, options.out / "learning_curve.png"))
    print("Filmed:  its forward and backward pass,", tg.explore(C).save(options.out / "digits_film.html"))

    print("\nThe check in full, every quantity by autograd and by hand:\n")
    print(report)
    print("\nThe program that backpropagation is, for this network and ten images:\n")
    print(_program(net, x, np.eye(10)[y]))

    print(f"\nOpen {film} first. It stands at BP2, where the error moves back by one layer; the arrow keys step.")
    if options.open and _has_screen():
        webbrowser.open(film.resolve().as_uri())


def _film_small_network(path: Path) -> None:
    """Film XOR in a 2-3-1 network with fresh weights, in which nothing is saturated."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    net = tg.nn.MLP([2, 3, 1], rng=1)
    tg.explore(tg.costs.quadratic(net(x), y), path, at="BP2")


def _has_screen() -> bool:
    """Somebody sits before it: output that goes to a file, a pipe or a machine without windows opens no browser."""
    windows = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return windows and sys.stdout.isatty()


def _program(net: tg.nn.MLP, x: Any, y: Any) -> str:
    """Value and gradient of the cost as the compiler writes them down."""

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        a = x
        for l in range(1, len(net.sizes)):
            a = tg.sigmoid(a @ parameters[f"W{l}"] + parameters[f"b{l}"])
        return tg.costs.quadratic(a, y)

    compiled = tg.compile(tg.value_and_grad(cost))
    compiled({name: p.numpy() for name, p in net.named_parameters().items()}, x, y)
    return compiled.formula


def _plot(history: tg.History, path: Path) -> Path | str:
    """Where the learning curve is, or why it is not."""
    from tinygrad_edu.viz.plots import learning_curves  # here, as `check` needs no pictures

    try:
        figure = learning_curves(history)
    except ImportError as error:
        return f"no: {error}"
    figure.savefig(path, dpi=150)
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_edu",
        description="Film backpropagation in a small network, train one on handwritten digits, "
        "check its gradients against BP1-BP4, and draw their graph.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=_count, default=30, help="passes over the training digits")
    parser.add_argument("--seed", type=_count, default=0, help="of the initial weights and of the shuffling")
    parser.add_argument("--out", type=_folder, default=Path("demo"), help="folder for the pictures")
    parser.add_argument("--no-open", dest="open", action="store_false", help="open no browser at the end")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return int(text)


def _folder(text: str) -> Path:
    if Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} is a file, not a folder")
    return Path(text)


if __name__ == "__main__":
    main()
