"""Programs of the kinds that users of autograd write, and the gradients of each example, against other libraries."""

import os
import warnings
from functools import partial

import networks
import numpy as np
import report
import timing
from user_programs import PROGRAMS

import tinygrad_edu as tg

BASELINE = "HIPS autograd"


# --- Value and gradient of a cost ---------------------------------------------------------------------------------------


def hips(cost):
    import autograd
    import autograd.numpy

    return autograd.value_and_grad(cost(autograd.numpy))


def ours(cost):
    return tg.value_and_grad(cost(np))


def compiled(cost):
    return tg.compile(ours(cost))


def numba(cost):
    import numba  # noqa: F401 - whether it is there

    return tg.compile(ours(cost), backend="numba")


def jax(cost):
    import jax

    jax.config.update("jax_enable_x64", True)
    run = jax.jit(jax.value_and_grad(cost(jax.numpy)))
    return lambda *args: jax.block_until_ready(run(*args))


CONTENDERS = {BASELINE: hips, "ours": ours, "ours, compiled": compiled, "ours, numba": numba, "JAX jit": jax}
SLOW_TO_START = {"ours, numba", "JAX jit"}


def arrays_of(tree):
    """The arrays in nested containers; those of a dict in the order of its keys, for JAX sorts them."""
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    return [x for part in tree for x in arrays_of(part)] if isinstance(tree, list | tuple) else [np.asarray(tree)]


def prepared(program, contenders):
    """{name: a function without arguments}, of those that are installed and can take the program; all agree."""
    runs, right = {}, None
    for name in contenders:
        try:
            differentiated = CONTENDERS[name](program.cost)
        except ModuleNotFoundError:
            continue
        run = partial(differentiated, program.params, *program.data)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "compile: numba cannot take")
            found = arrays_of(run())
        if name == "ours, numba" and differentiated.backend != "numba":
            continue  # what runs is the program for NumPy, which is there already
        right = found if right is None else right
        for a, b in zip(found, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * max(1, np.max(np.abs(b))), err_msg=name)
        runs[name] = run
    return runs


def programs(quick):
    """A line for each program: the time of the first contender that there is, and what part of it the others need."""
    rows, names = [], [name for name in CONTENDERS if not (quick and name in SLOW_TO_START)]
    for what, program in list(PROGRAMS.items())[:: 2 if quick else 1]:
        report.say(what)
        runs = prepared(program, names)
        first = next(iter(runs))
        found = timing.compare(runs[first], runs, **({"seconds": 0.01, "rounds": 1} if quick else {}))
        ratios = [report.number(found[name].ratio) if name in found else None for name in names[1:]]
        rows.append([what, f"{report.number(1000 * found[first].seconds)}", *ratios])
    return report.table(["value and gradient, float64", f"{first}, ms", *(f"{name}" for name in names[1:])], rows)


# --- The gradients of each example -----------------------------------------------------------------------------------------


def cost_of_one(np):
    """C_x of the network 784-30-10, written for a NumPy."""

    def cost(params, x, y):
        W1, W2, b1, b2 = params
        a = 1 / (1 + np.exp(-(x @ W1 + b1)))
        a = 1 / (1 + np.exp(-(a @ W2 + b2)))
        return np.sum((a - y) ** 2) / 2

    return cost


def one_by_one(cost):
    gradient = tg.compile(tg.grad(cost(np)))
    return lambda params, xs, ys: [gradient(params, x, y) for x, y in zip(xs, ys, strict=True)]


def eager_for_each(cost):
    return tg.vmap(tg.grad(cost(np)), in_axes=(None, 0, 0))


def compiled_for_each(cost):
    return tg.compile(eager_for_each(cost))


def jax_for_each(cost):
    import jax

    jax.config.update("jax_enable_x64", True)
    run = jax.jit(jax.vmap(jax.grad(cost(jax.numpy)), in_axes=(None, 0, 0)))
    return lambda *args: jax.block_until_ready(run(*args))


FOR_EACH = {"JAX jit": jax_for_each, "ours": eager_for_each, "ours, compiled": compiled_for_each}


def examples(quick):
    """The gradients of each of a hundred examples: milliseconds, and in units of JAX's time."""
    columns = {}
    for dtype in ("float64", "float32"):
        report.say(f"gradients of each example, {dtype}")
        p, rng = networks.problem("784-30-10, batch 10", dtype), np.random.default_rng(0)
        x, y = rng.random((100, 784)).astype(dtype), np.eye(10, dtype=dtype)[rng.integers(10, size=100)]
        args = [*p.weights, *p.biases], x, y
        runs, expected = {}, [np.stack(parts) for parts in zip(*one_by_one(cost_of_one)(*args), strict=True)]
        for name, prepare in FOR_EACH.items():
            try:
                runs[name] = partial(prepare(cost_of_one), *args)
            except ModuleNotFoundError:
                continue
            for found, right in zip(runs[name](), expected, strict=True):
                assert found.dtype == dtype, (name, found.dtype)
                np.testing.assert_allclose(found, right, rtol=0, atol=1e-12 if dtype == "float64" else 1e-5)
        how = {"seconds": 0.02, "rounds": 2} if quick else {"seconds": 4, "block_seconds": 0.1}
        columns[dtype] = timing.compare(next(iter(runs.values())), runs, **how)
    rows = []
    for name in runs:
        times = [(1000 * column[name].seconds, column[name].ratio) for column in columns.values()]
        rows.append([name, *(report.number(value) for pair in times for value in pair)])
    return report.table(["784-30-10, batch 100", "float64, ms", "ratio", "float32, ms", "ratio"], rows)


def main():
    quick = report.options(__doc__).quick
    report.begin(quick)
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    said = f"\n\nNumPy's BLAS was kept to {threads} thread{'s' * (threads != '1')}." if threads else ""
    report.publish({"programs": programs(quick) + said, "examples": examples(quick) + said}, quick)


if __name__ == "__main__":
    main()
