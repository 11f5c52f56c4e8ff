"""The demo: ``python -m tinygrad_edu`` trains on real digits, checks BP1–BP4, and draws the gradient graph."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.viz.plots import learning_curves


def main(arguments: list[str] | None = None) -> None:
    """Run the demo with command-line arguments (those of the process by default)."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # "?" for a δ that the terminal does not have
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = tg.data.digits()

    print(f"Training a 64-30-10 network on {len(train[0])} handwritten digits (8×8 pixels) ...")
    net = tg.nn.MLP([64, 30, 10], rng=options.seed)
    history = tg.fit(
        net,
        *train,
        cost="quadratic",
        optimizer=tg.optim.SGD(net.parameters(), lr=3.0),
        epochs=options.epochs,
        batch_size=10,
        validation=test,
        rng=options.seed,
    )
    print(
        f"It classifies {history.validation_accuracy[-1]:.1%} of {len(test[0])} digits rightly that it has never seen."
    )

    print("\nDoes automatic differentiation find what BP1–BP4 say? On the trained network:\n")
    x, y = test[0][:10], test[1][:10]
    print(tg.check_backprop(net, x, y, cost="quadratic"))

    print("\nThe program that backpropagation is, for this network and ten images:\n")
    print(_program(net, x, np.eye(10)[y]))

    print()
    C = tg.costs.quadratic(net(x), y)
    print("The gradient graph:", tg.draw(C).render(outfile=options.out / "gradient_graph.svg", cleanup=True))
    print("The film of its two passes:", tg.explore(C).save(options.out / "explorer.html"))
    _plot(history, options.out / "learning_curve.png")


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


def _plot(history: tg.History, path: Path) -> None:
    try:
        figure = learning_curves(history)
    except ImportError as error:
        print(f"No learning curve: {error}")
        return
    figure.savefig(path, dpi=150)
    print("The learning curve:", path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_edu",
        description="Train a network on handwritten digits, check its gradients against BP1-BP4, and draw their graph.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=_count, default=30, help="passes over the training digits")
    parser.add_argument("--seed", type=_count, default=0, help="of the initial weights and of the shuffling")
    parser.add_argument("--out", type=_folder, default=Path("demo"), help="folder for the pictures")
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
