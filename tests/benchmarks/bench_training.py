"""One epoch of training, the memory of a training step, and the time of an import."""

import os
import subprocess
import sys
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter

import networks
import numpy as np
import report
import timing

SIZES, BATCH, RATE = [784, 30, 10], 10, 3.0


def pause(history=None):
    """What a trainer calls after each epoch."""


# --- The trainers: each makes a network, trains it, and returns a function from images to outputs ---------------------


def by_hand(sizes, x, y, batch, epochs=1, each=pause):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in pairwise(sizes)]
    biases = [rng.normal(size=size) for size in sizes[1:]]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            _, grads = networks.backprop(weights, biases, x[rows], y[rows])
            for parameter, gradient in zip([*weights, *biases], grads, strict=True):
                parameter -= RATE * gradient
        each()

    def outputs(a):
        for W, b in zip(weights, biases, strict=True):
            a = networks.sigmoid(a @ W + b)
        return a

    return outputs


def ours(sizes, x, y, batch, epochs=1, each=pause, **options):
    """`tg.fit`, which also measures the cost and the accuracy over all images after each epoch."""
    import tinygrad_edu as tg

    net = tg.nn.MLP(sizes, rng=0)
    sgd = tg.optim.SGD(net.parameters(), lr=RATE)
    tg.fit(net, x, y, cost="quadratic", optimizer=sgd, epochs=epochs, batch_size=batch, rng=0, progress=False,
           callbacks=[each], **options)  # fmt: skip
    return lambda a: net(a).numpy()


def pytorch(sizes, x, y, batch, epochs=1, each=pause):
    """With slices of a shuffled tensor: a DataLoader would take several times as long to cut the batches."""
    import torch

    torch.manual_seed(0)
    layers = [(torch.nn.Linear(*shape, dtype=torch.float64), torch.nn.Sigmoid()) for shape in pairwise(sizes)]
    net = torch.nn.Sequential(*(part for layer in layers for part in layer))
    sgd = torch.optim.SGD(net.parameters(), lr=RATE)
    squares = torch.nn.MSELoss(reduction="sum")
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            sgd.zero_grad()
            C = squares(net(x[rows]), y[rows]) / (2 * len(rows))
            C.backward()
            sgd.step()
        each()
    return lambda a: net(torch.from_numpy(a)).detach().numpy()


def scikit_learn(sizes, x, y, batch, epochs=1, each=pause):
    """Softmax and cross-entropy, which is what it has for classes, with a learning rate that suits them."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    classes = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
    model = MLPClassifier(sizes[1:-1], "logistic", solver="sgd", alpha=0, batch_size=batch, learning_rate_init=0.3,
                          momentum=0, max_iter=1, warm_start=True, random_state=0)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is not the end
        for _ in range(epochs):
            model.fit(x, classes)
            each()
    return model.predict_proba


TRAINERS = {
    "by hand": by_hand,
    "tg.fit": ours,
    "tg.fit, numba": partial(ours, backend="numba"),
    "tg.fit, not compiled": partial(ours, compiled=False),
    "PyTorch": pytorch,
    "scikit-learn": scikit_learn,
}


# --- An epoch -----------------------------------------------------------------------------------------------------------


def images(mnist, n):
    """Images and targets as rows, and where they are from."""
    if mnist:
        import tinygrad_edu as tg

        x, y = tg.data.mnist(mnist, split="test")
        return x[:n], np.eye(10)[y[:n]], f"the first {min(n, len(x)):,} test images of MNIST"
    rng = np.random.default_rng(0)
    return rng.random((n, 784)), np.eye(10)[rng.integers(10, size=n)], f"{n:,} random images (no MNIST was given)"


def points(n):
    """Points and whether they lie in a circle."""
    x = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    return x, np.asarray((x**2).sum(axis=1, keepdims=True) < 0.5, float)


def seconds_of_epochs(trainer, *problem, epochs):
    """Of the first, with whatever is made or compiled then, and of one of the later ones."""
    stamps = [perf_counter()]
    trainer(*problem, epochs=epochs, each=lambda history=None: stamps.append(perf_counter()))
    first, *later = np.diff(stamps)
    return first, median(later)


def epochs_of(sizes, x, y, batch, epochs, rounds, learned):
    """A table of epochs, each trainer in turn with the loop by hand."""
    seconds, missing, right = {}, [], {}
    for name, trainer in TRAINERS.items():
        report.say(f"epochs of {'-'.join(map(str, sizes))}: {name}")
        try:
            outputs = trainer(sizes, x, y, batch)(x)
        except ModuleNotFoundError as error:
            missing.append(f"{name}: {error.name} is not installed")
            continue
        if name == "scikit-learn" and sizes[-1] == 1:
            outputs = outputs[:, 1:]
        right[name] = np.mean((outputs > 0.5) == y) if sizes[-1] == 1 else np.mean(outputs.argmax(1) == y.argmax(1))
        if right[name] < learned:
            missing.append(f"{name}: it learned only {right[name]:.0%}, so something is wrong")
            continue
        seconds[name] = []
    for _ in range(rounds):
        for name, found in seconds.items():

            def pair(name=name):
                problem = sizes, x, y, batch
                hand = seconds_of_epochs(by_hand, *problem, epochs=epochs)[1]
                return *seconds_of_epochs(TRAINERS[name], *problem, epochs=epochs), hand

            found.append(timing.undisturbed(pair))
    rows = []
    for name, found in seconds.items():
        first, later, ratio = np.median([(first, later, later / hand) for first, later, hand in found], axis=0)
        rows.append(
            [name, report.number(1000 * first), report.number(1000 * later), report.number(ratio), f"{right[name]:.1%}"]
        )
    heads = ["", "first epoch, ms", "a later one, ms", "ratio to the loop by hand", "right after the first"]
    return report.table(heads, rows) + (f"\n\nNot measured: {'; '.join(missing)}." if missing else "")


def epoch(mnist, quick):
    n, rounds, epochs = (200, 1, 3) if quick else (8000, 7, 5)
    x, y, origin = images(mnist, n)
    a, b = points(100 if quick else 1000)
    learned = 0.8 if mnist and not quick else 0
    return "\n".join(
        [
            f"784-30-10, mini-batches of 10, float64, {origin}:\n",
            epochs_of(SIZES, x, y, BATCH, epochs, rounds, learned),
            f"\n2-3-1, mini-batches of 4, {len(a):,} points:\n",
            epochs_of([2, 3, 1], a, b, 4, epochs, rounds, 0),
        ]
    )


# --- Memory -------------------------------------------------------------------------------------------------------------


def peak():
    """The most memory that this process ever had, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def memory_of(name):
    """By how much the peak of this process rises when a network of 1.9 million parameters is made and trained."""
    rng = np.random.default_rng(0)
    x, y = rng.random((768, 784)), np.eye(10)[rng.integers(10, size=768)]
    TRAINERS[name](SIZES, x[:20].copy(), y[:20].copy(), BATCH)  # whatever is imported or set up once
    before = peak()
    TRAINERS[name]([784, 1024, 1024, 10], x, y, 256)
    return peak() - before


def memory(quick):
    rows = []
    for name in list(TRAINERS)[: 2 if quick else None]:
        report.say(f"memory: {name}")
        values = []
        for _ in range(1 if quick else 3):
            child = subprocess.run([sys.executable, __file__, "--memory-of", name], capture_output=True, text=True)
            values += [float(child.stdout)] if child.returncode == 0 else []
        if values:
            rows.append([name, f"{median(values):.0f}"])
    return report.table(["784-1024-1024-10, batch 256, float64", "MB"], rows)


# --- Imports ------------------------------------------------------------------------------------------------------------

MODULES = ["tinygrad_edu", "jax", "torch", "autograd", "mygrad", "tangent", "tinygrad", "sklearn.neural_network"]


def seconds_to(program):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as a user has it
    start = perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=env)
    return perf_counter() - start if done.returncode == 0 else None


def imports(quick):
    """Whole processes, in turns."""
    programs = {
        "Python alone": "pass",
        "numpy": "import numpy",
        **{m: f"import {m}" for m in MODULES[: 1 if quick else None]},
    }
    programs = {name: program for name, program in programs.items() if seconds_to(program)}  # also fills the caches
    times = {name: [] for name in programs}
    for turn in range(1 if quick else 15):
        report.say(f"imports: turn {turn + 1}")
        for name, program in programs.items():
            if len(times[name]) < 3 or name in ("Python alone", "numpy", "tinygrad_edu"):
                times[name].append(timing.undisturbed(partial(seconds_to, program)))
    rows = [
        [name, f"{1000 * median(t):.0f}", report.number(median(a / b for a, b in zip(t, times["numpy"], strict=False)))]
        for name, t in times.items()
    ]
    return report.table(["", "ms", "ratio to numpy"], rows)


def main():
    arguments = report.options(__doc__, lambda parser: parser.add_argument("--memory-of", choices=TRAINERS))
    if arguments.memory_of:  # this is the process of its own that `memory` starts
        print(memory_of(arguments.memory_of))
        return
    quick = arguments.quick
    report.begin(quick)
    # The memory comes first: a process inherits the peak of the one that starts it.
    sections = {
        "memory": memory(quick) if sys.platform != "win32" else "Windows does not tell.",
        "imports": imports(quick),
    }
    sections["epoch"] = epoch(arguments.mnist, quick)
    report.publish(sections, quick)


if __name__ == "__main__":
    main()
