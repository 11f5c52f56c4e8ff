"""What single things cost: an operation, a node, a parameter, a task for a worker. For the page "Where it stops"."""

import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import report

import tinygrad_edu as tg

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def least(run, turns):
    """Seconds of the quickest call: what the work itself takes."""
    times = []
    for _ in range(turns):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)


def chain(n, x):
    for _ in range(n):
        x = np.tanh(x)
    return np.sum(x)


def per_operation(quick):
    """The slope of the time with the number of operations, each on four numbers."""
    few, many = (10, 20) if quick else (50, 250)
    x = np.ones(4)

    def eager(n):
        return partial(tg.value_and_grad(partial(chain, n)), x)

    def recorded(n):
        return lambda: chain(n, tg.Tensor(x, requires_grad=True))

    def compiled(n, backend="numpy"):
        return partial(tg.compile(tg.value_and_grad(partial(chain, n)), backend=backend), x)

    ways = {
        "NumPy alone": lambda n: partial(chain, n, x),
        "recorded": recorded,
        "recorded, and its backward pass": eager,
        "compiled, both": compiled,
        "compiled by numba, both": partial(compiled, backend="numba"),
    }
    turns = 3 if quick else 300
    rows = []
    for name, make in ways.items():
        report.say(f"an operation: {name}")
        short, long = make(few), make(many)
        short(), long()
        rows.append([name, two_digits(1e6 * (least(long, turns) - least(short, turns)) / (many - few))])
    return report.table(["one operation on four numbers", "µs"], rows)


def two_digits(x):
    """0.37, 1.2, 59, 320,000."""
    return f"{float(f'{x:.2g}'):,g}"


def bytes_of_node():
    """By how much memory grows with a node, without the numbers in it."""
    n, x = 1000, tg.Tensor(np.ones(4), requires_grad=True)
    chain(n, x)
    tracemalloc.start()
    y = x
    for _ in range(n):
        y = np.tanh(y)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / n - y.numpy().nbytes


def nothing(*args):
    return args


def workers(quick):
    """Seconds of an empty task, and for each parameter that is sent there and back."""
    parameters = np.zeros(10_000 if quick else 2_000_000)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(nothing).result()
        task = least(lambda: pool.submit(nothing).result(), 20)
        sent = least(lambda: pool.submit(nothing, parameters).result(), 10)
    return task, (sent - task) / parameters.size


def per_parameter(quick):
    """A table, and the figures that the page computes with: nanoseconds for a parameter and an example, by network; and for a parameter, by optimiser."""
    rng = np.random.default_rng(0)
    rows = []
    for sizes, n in [([784, 30, 10], 10), ([784, 1024, 1024, 10], 256)][: 1 if quick else None]:
        report.say(f"a parameter: {sizes}")
        net = tg.nn.MLP(sizes, rng=0)
        count = sum(p.size for p in net.parameters())
        x, y = rng.random((n, 784)), rng.random((n, 10))
        params = [p.numpy() for p in net.parameters()]  # W1, b1, W2, b2, …

        def cost(params, x, y):
            for W, b in zip(params[::2], params[1::2], strict=True):
                x = tg.sigmoid(x @ W + b)
            return tg.costs.quadratic(x, y)

        step = tg.compile(tg.value_and_grad(cost))
        step(params, x, y)
        seconds = least(partial(step, params, x, y), 3 if quick else 50)
        name = "-".join(map(str, sizes))
        rows.append([f"value and gradient, compiled, {name}, batch {n}: for a parameter and an example",
                     two_digits(1e9 * seconds / count / n)])  # fmt: skip
    for name, make in (("SGD", tg.optim.SGD), ("Adam", tg.optim.Adam)):
        w = tg.Tensor(rng.random(1_000_000), requires_grad=True)
        optimizer = make([w], lr=0.1)
        w.grad = rng.random(1_000_000)
        rows.append(
            [f"step of {name}: for a parameter", two_digits(1e9 * least(optimizer.step, 3 if quick else 20) / w.size)]
        )
    task, sent = workers(quick)
    rows.append(["a parameter sent to a process, and its gradient back", two_digits(1e9 * sent)])
    rows.append(["a task for a process, with nothing in it", two_digits(1e9 * task)])
    table = report.table(["float64", "ns"], rows)
    figures = f"""```{{code-cell}} python
work = {seconds / count / n:.2g}  # seconds for a parameter and an example, compiled, of the largest network above
sent = {sent:.2g}  # seconds for a parameter that is sent to a process, and its gradient back
task = {task:.2g}  # seconds for a task, however small
```"""
    return f"{table}\n\nA node takes {bytes_of_node():.0f} bytes, besides the numbers in it.", figures


def main():
    quick = report.options(__doc__).quick
    report.begin(quick)
    table, figures = per_parameter(quick)
    report.publish({"operations": per_operation(quick), "parameters": table, "figures": figures}, quick, PAGE)


if __name__ == "__main__":
    main()
