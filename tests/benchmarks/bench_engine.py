"""The engine itself: the first call, the time of one operation, and second derivatives."""

import gc
import importlib
import os
import subprocess
import sys
import tempfile
from functools import partial
from statistics import median
from time import perf_counter

import networks
import numpy as np
import report
import timing
from contenders import CONTENDERS

import tinygrad_edu as tg

# --- The first call -----------------------------------------------------------------------------------------------------

NETWORK = "784-30-10, batch 10"
FIRST = ["ours", "ours, compiled", "ours, numba", "torch.compile", "JAX jit", "tangent-ad", "tinygrad jit"]


def first_call_of(name):
    """Seconds for preparing a network and its first gradient, less those of a later one; the import does not count."""
    p = networks.problem(NETWORK)
    importlib.import_module(CONTENDERS[name].module)
    start = perf_counter()
    run = CONTENDERS[name].prepare(p)
    run()
    first = perf_counter() - start
    return first - min(timing.block(run, 1) for _ in range(5))


def first_call_in_a_process_of_its_own(name):
    """With empty caches."""
    with tempfile.TemporaryDirectory() as empty:
        caches = dict.fromkeys(["TORCHINDUCTOR_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"], empty)
        caches["PYTHONDONTWRITEBYTECODE"] = ""  # a user's second program finds the modules compiled
        command = [sys.executable, __file__, "--first-call-of", name]
        return subprocess.run(command, env=os.environ | caches, capture_output=True, text=True)


def first_calls(quick):
    rows = []
    for name in FIRST:
        if quick and CONTENDERS[name].slow_to_start:
            continue
        times = []
        while len(times) < (1 if quick else 3) and sum(times) < 20:
            report.say(f"first call: {name}")
            child = timing.undisturbed(partial(first_call_in_a_process_of_its_own, name))
            if child.returncode:
                break
            times.append(float(child.stdout.split()[-1]))
        if times:
            rows.append([name, report.number(1000 * median(times))])
    return report.table([f"first call, {NETWORK}, float64", "ms"], rows)


# --- One operation ------------------------------------------------------------------------------------------------------


def chain_of_ours():
    x = tg.Tensor(1.0, requires_grad=True)
    return x, lambda y: y.backward(), lambda x: x.grad


def chain_of_pytorch():
    import torch

    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    return x, lambda y: y.backward(), lambda x: x.grad


def chain_of_mygrad():
    import mygrad as mg

    x = mg.tensor(1.0)
    return x, lambda y: y.backward(), lambda x: x.grad


def chain_of_micrograd():
    from micrograd.engine import Value

    x = Value(1.0)
    return x, lambda y: y.backward(), lambda x: x.grad


CHAINS = {
    "ours": chain_of_ours,
    "PyTorch": chain_of_pytorch,
    "MyGrad": chain_of_mygrad,
    "micrograd": chain_of_micrograd,
}


def time_chain(make, n):
    """Seconds to record y = x + x + … + x of n operations, to find dy/dx = n + 1, and to free the record."""
    x, backward_from, gradient = make()
    gc.collect()
    gc.freeze()  # the garbage collector need not look again at what was there before
    y = x
    times = [perf_counter()]
    for _ in range(n):
        y = y + x
    times.append(perf_counter())
    backward_from(y)
    times.append(perf_counter())
    del y
    gc.collect()  # a record with reference cycles is freed only here
    times.append(perf_counter())
    gc.unfreeze()
    if float(gradient(x)) != n + 1:
        raise ArithmeticError(f"the gradient is {gradient(x)}, not {n + 1}")
    return np.diff(times)


def operations(quick):
    rows = []
    for name, make in CHAINS.items():
        try:
            once = time_chain(make, 100)
            for n in (10**3,) if quick else (10**3, 10**4, 10**5, 10**6):
                report.say(f"operations: {name}, {n:,}")
                if sum(once) * 10 > 20:
                    rows.append([name, f"{n:,}", "too slow to wait for", None, None])
                    break
                tries = [timing.undisturbed(partial(time_chain, make, n))]
                while len(tries) < (1 if quick else 5) and np.sum(tries) < 5:
                    tries.append(timing.undisturbed(partial(time_chain, make, n)))
                once = np.min(tries, axis=0)
                rows.append([name, f"{n:,}", *(report.number(1e6 * t / n) for t in once)])
        except ModuleNotFoundError:
            continue
        except RecursionError:
            rows.append([name, f"{n:,}", "recursion error", None, None])
    return report.table(["µs for one operation of a chain", "length", "record", "backward", "free"], rows)


# --- Second derivatives -------------------------------------------------------------------------------------------------


def rosenbrock(x):
    """Takes arrays and tensors of every kind."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def small_network(np):
    """The cost of a 2-3-1 network as a function of its 13 parameters in one vector, written for a NumPy."""
    p = networks.problem("2-3-1, batch 4")

    def cost(w):
        W1, W2, b1, b2 = w[:6].reshape(2, 3), w[6:9].reshape(3, 1), w[9:12], w[12:]
        a = 1 / (1 + np.exp(-(p.x @ W1 + b1)))
        a = 1 / (1 + np.exp(-(a @ W2 + b2)))
        return ((a - p.y) ** 2).sum() / 8

    return cost


def hessian_of_ours(f):
    return tg.hessian(f(np))


def compiled_hessian(f):
    return tg.compile(tg.hessian(f(np)))


def numba_hessian(f):
    import numba  # noqa: F401 - whether it is there

    return tg.compile(tg.hessian(f(np)), backend="numba")


def hessian_of_hips(f):
    import autograd
    import autograd.numpy

    return autograd.hessian(f(autograd.numpy))


def hessian_of_jax(f):
    import jax

    jax.config.update("jax_enable_x64", True)
    hessian = jax.jit(jax.hessian(f(jax.numpy)))
    return lambda x: jax.block_until_ready(hessian(x))


def central_differences(f):
    """The Hessian of 4n² values of the function, with the step that balances truncation and rounding."""
    f, h = f(np), np.finfo(float).eps ** 0.25

    def hessian(x):
        steps = h * np.eye(len(x))
        return np.array(
            [[(f(x + s + t) - f(x + s - t) - f(x - s + t) + f(x - s - t)) / (4 * h * h) for t in steps] for s in steps]
        )

    return hessian


def waves(A):
    """sum(tanh(A x)²) + sum(exp(−x²)), written for a NumPy."""
    return lambda np: lambda x: (np.tanh(A @ x) ** 2).sum() + np.exp(-(x**2)).sum()


HESSIANS = {
    "ours": hessian_of_ours,
    "ours, compiled": compiled_hessian,
    "ours, numba": numba_hessian,
    "HIPS autograd": hessian_of_hips,
    "JAX jit": hessian_of_jax,
    "central differences": central_differences,
}


def hessians(quick):
    rng = np.random.default_rng(0)
    functions = {
        "Rosenbrock, n = 10": (lambda np: rosenbrock, rng.normal(size=10)),
        "Rosenbrock, n = 20": (lambda np: rosenbrock, rng.normal(size=20)),
        "Rosenbrock, n = 100": (lambda np: rosenbrock, rng.normal(size=100)),
        **{
            f"tanh and exp, n = {n}": (waves(rng.normal(size=(n, n)) / n**0.5), rng.normal(size=n))
            for n in (10, 30, 100)
        },
        "2-3-1 network, 13 parameters": (small_network, rng.normal(size=13)),
    }
    rows = []
    for what, (f, x) in list(functions.items())[:: 3 if quick else 1]:
        report.say(f"Hessian: {what}")
        exact = tg.hessian(f(np))(x)
        runs, errors = {}, {}
        for name, hessian in HESSIANS.items():
            try:
                run = hessian(f)
                errors[name] = np.max(np.abs(run(x) - exact)) / np.max(np.abs(exact))
            except ModuleNotFoundError:
                continue
            runs[name] = lambda run=run, x=x: run(x)
        timings = timing.compare(runs["ours"], runs, **({"seconds": 0.05, "rounds": 2} if quick else {}))
        for name in runs:
            error = (f"{errors[name]:.0e}" if errors[name] else "0") if name != "ours" else None
            rows.append([what, name, report.number(1000 * timings[name].seconds), error])
    return report.table(["Hessian", "", "ms", "difference from ours"], rows)


def main():
    arguments = report.options(__doc__, lambda parser: parser.add_argument("--first-call-of", choices=FIRST))
    if arguments.first_call_of:  # this is the process of its own that `first_calls` starts
        print(first_call_of(arguments.first_call_of))
        return
    quick = arguments.quick
    report.begin(quick)
    report.publish(
        {"first call": first_calls(quick), "operations": operations(quick), "hessians": hessians(quick)}, quick
    )


if __name__ == "__main__":
    main()
