"""Two workers with one BLAS thread each against one process with two, and the memory of training from a large file."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import numpy as np
import report
import timing

NETWORKS = [("784-30-10", 256), ("784-30-10", 10_000), ("784-1024-1024-10", 256), ("784-1024-1024-10", 4096)]
"""Sizes and rows."""

WORKERS = 2


# --- Time ---------------------------------------------------------------------------------------------------------------


def slopes():
    """Cost and gradients, as a function of parameters and data."""
    import tinygrad_edu as tg

    def cost(params, x, y):
        weights, biases = params
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = tg.sigmoid(a @ W + b)
        return tg.costs.quadratic(a, y)

    return tg.compile(tg.value_and_grad(cost))


def problem(sizes, n):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in pairwise(sizes)]
    x, y = rng.random((n, sizes[0])), np.eye(sizes[-1])[rng.integers(sizes[-1], size=n)]
    x.flags.writeable = y.flags.writeable = False  # so that nobody looks whether they have changed
    return ([*weights], [rng.normal(size=size) for size in sizes[1:]]), x, y


def single(f, params, x, y, threads):
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()

    def run():
        with controller.limit(limits=threads):
            return f(params, x, y)

    return run


def speed(quick):
    import tinygrad_edu as tg

    found = {}
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")))
        threads = stack.enter_context(ThreadPoolExecutor(WORKERS))
        for name, n in NETWORKS[:1] if quick else NETWORKS:
            report.say(f"{name}, {n} rows")
            args = problem([int(size) for size in name.split("-")], n)
            f = slopes()
            contenders = {
                "ours, one process, one thread": single(f, *args, 1),
                "ours, two parts here, one after the other": partial(tg.sharded(f, shards=WORKERS), *args),
                "ours, two threads": partial(tg.sharded(f, shards=WORKERS, executor=threads), *args),
                "ours, two processes": partial(tg.sharded(f, shards=WORKERS, executor=pool), *args),
            }
            baseline = single(f, *args, WORKERS)
            right = baseline()
            for run in contenders.values():
                for a, b in zip(tg.trees.leaves_of(run()), tg.trees.leaves_of(right), strict=True):
                    assert np.allclose(a, b, rtol=1e-9, atol=1e-12)
            rounds = {"seconds": 0.1, "rounds": 1} if quick else {"seconds": 6, "rounds": 15, "block_seconds": 0.05}
            timings = timing.compare(baseline, contenders, **rounds)
            column = {"ours, one process, two threads of BLAS: ms": report.number(1000 * timings[None].seconds)}
            found[f"{name}, {n:,} rows"] = column | {key: report.number(timings[key].ratio) for key in contenders}
    names = next(iter(found.values()))
    return report.table(["", *found], [[name, *(column[name] for column in found.values())] for name in names])


# --- Memory -------------------------------------------------------------------------------------------------------------


def resident(kind):
    """Megabytes of this process in memory: "RssAnon", what is in no file, or "RssFile"."""
    return int(Path("/proc/self/status").read_text().split(f"{kind}:")[1].split()[0]) / 1024


def train(file, n, processes, limit):
    """An epoch from a file of so many images, and a line with what it took; no more memory than ``limit``, in MB."""
    import resource

    import tinygrad_edu as tg

    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit * 2**20,) * 2)  # pages of the file do not count
    highest, over = {"RssAnon": 0.0, "RssFile": 0.0}, Event()

    def watch():
        while not over.wait(0.01):
            highest.update({kind: max(before, resident(kind)) for kind, before in highest.items()})

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    x, y = np.memmap(file, np.float32, "r", shape=(n, 784)), np.arange(n) % 10
    net = tg.nn.MLP([784, 30, 10], output="softmax", rng=0, dtype=np.float32)
    sgd = tg.optim.SGD(net.parameters(), 0.1)
    options = {"cost": "cross_entropy", "optimizer": sgd, "epochs": 1, "batch_size": 200, "rng": 0, "progress": False}
    with ExitStack() as stack:
        if processes:
            pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
            options |= {"executor": stack.enter_context(pool), "shards": 2}
        history = tg.fit(net, x, y, **options)
    over.set()
    watcher.join()
    assert history.cost[-1] < history.cost[0]
    print(*highest.values(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write(file, n):
    """Images that can be learned: noise, with one brighter row for each class."""
    rng = np.random.default_rng(0)
    with open(file, "wb") as out:
        for start in range(0, n, 2**14):
            labels = np.arange(start, min(start + 2**14, n)) % 10
            images = rng.random((len(labels), 28, 28), np.float32)
            images[np.arange(len(labels)), 2 * labels + 4] += 0.5
            images.tofile(out)


def memory(quick):
    if not Path("/proc/self/status").exists():
        return "Only Linux tells."
    n = (10**7 if quick else 4 * 2**30) // (784 * 4)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "images")
        report.say("a large file")
        write(file, n)
        for name, processes in (("tg.fit", 0), ("tg.fit, two processes", WORKERS)):
            report.say(name)
            done = subprocess.run(
                [sys.executable, __file__, "--train", str(file), str(n), str(processes), "0" if quick else "1024"],
                capture_output=True, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
            )  # fmt: skip
            if done.returncode:
                report.say(done.stderr)
            numbers = [report.number(float(word)) for word in done.stdout.split()] or [None] * 3
            rows.append([name, *numbers])
    size = file_size(n)
    head = [f"an epoch from a file of {size}", "in no file, MB", "pages of files, MB", "both, at most, MB"]
    return report.table(head, rows)


def file_size(n):
    size = n * 784 * 4
    return f"{size / 2**30:.1f} GB" if size > 2**30 else f"{size / 2**20:.0f} MB"


def main():
    options = report.options(__doc__, lambda parser: parser.add_argument("--train", nargs=4))
    if options.train:  # this is the process of its own that `memory` starts
        file, *numbers = options.train
        train(file, *map(int, numbers))
        return
    report.begin(options.quick)
    timing.patience = 0.0  # the work of our workers would be taken for that of others
    report.publish({"large file": memory(options.quick)}, options.quick)
    report.publish({"workers": speed(options.quick)}, options.quick)


if __name__ == "__main__":
    main()
