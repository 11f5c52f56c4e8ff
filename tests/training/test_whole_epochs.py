"""Whole epochs as one program: the same steps, to rounding, as one by one; and measuring that is not done each time."""

import tracemalloc
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.compiler import Compiled, NumbaSteps, Program
from tinygrad_edu.training import measuring

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 5))
LABELS = RNG.integers(3, size=23)
ROWS = np.eye(3)[LABELS]

OPTIMIZERS = {
    "SGD": lambda params: optim.SGD(params, 0.5),
    "momentum": lambda params: optim.SGD(params, 0.5, momentum=0.9, nesterov=True),
    "Adam": lambda params: optim.Adam(params, 0.05),
    "RMSprop": lambda params: optim.RMSprop(params, 0.05),
}


def run(make=OPTIMIZERS["SGD"], y=ROWS, cost="quadratic", output="sigmoid", dtype=np.float64, batch_size=4, **options):
    net = tg.nn.MLP([5, 4, 3], output=output, rng=1, dtype=dtype)
    options = {"epochs": 3, "progress": False, "rng": 2} | options
    optimizer = make(net.parameters())
    history = tg.fit(net, X.astype(dtype), y, cost=cost, optimizer=optimizer, batch_size=batch_size, **options)
    return [p.numpy() for p in net.parameters()], history, optimizer


def assert_same(one, other, rtol=1e-9):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(a, b, rtol, rtol)
    np.testing.assert_allclose(one[1].cost, other[1].cost, rtol)
    assert one[1].accuracy == other[1].accuracy
    for s, t in zip(one[2].state, other[2].state, strict=True):
        for a, b in zip(s, t, strict=True):
            np.testing.assert_allclose(a, b, rtol, rtol)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 23, 100])  # 23 examples: with a rest, without, and all at once
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_epochs_of_numpy_are_the_steps_one_by_one(make, batch_size):
    assert_same(run(make, batch_size=batch_size), run(make, batch_size=batch_size, compiled=False))


CASES = [
    ("SGD", ("quadratic", "sigmoid", ROWS)),
    ("Adam", ("cross_entropy", "softmax", LABELS)),
    ("momentum", ("binary_cross_entropy", "sigmoid", ROWS)),
]


@pytest.mark.parametrize(("name", "about"), CASES)
def test_epochs_in_machine_code_are_the_steps_one_by_one(name, about):
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    cost, output, y = about
    same = {"make": OPTIMIZERS[name], "y": y, "cost": cost, "output": output}
    assert_same(run(**same, backend="numba"), run(**same, compiled=False))


def test_epochs_in_machine_code_with_all_that_fit_offers():
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    options = {
        "sample_weight": np.arange(1.0, 24), "clip_norm": 0.1, "keep_best": True, "validation": (X[:5], ROWS[:5]),
        "measure_every": 2, "epochs": 5,
    }  # fmt: skip
    assert_same(run(**options, backend="numba"), run(**options, compiled=False))


def test_epochs_in_machine_code_in_single_precision():
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    found = run(dtype=np.float32, backend="numba")
    assert_same(found, run(dtype=np.float32, compiled=False), 1e-5)
    assert all(w.dtype == np.float32 for w in found[0])


def test_machine_code_takes_the_steps(monkeypatch):
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    taken, right = [], NumbaSteps.steps

    def counted(self, tensors, args, batches):
        taken.append(len(batches))
        return right(self, tensors, args, batches)

    monkeypatch.setattr(NumbaSteps, "steps", counted)
    run(backend="numba")
    assert taken == [4, 4, 4]  # of 5 whole mini-batches the first is the one that is traced


def test_what_is_held_stays_as_it_is_in_machine_code():
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    net = tg.nn.MLP([5, 4, 3], rng=1)
    optimizer = optim.SGD(net.parameters(), 0.5, momentum=0.9)
    held = [*(p.data for p in net.parameters()), *(v for (v,) in optimizer.state), X, ROWS]
    copies = [a.copy() for a in held]
    for _ in range(2):
        tg.fit(net, X, ROWS, cost="quadratic", optimizer=optimizer, epochs=2, batch_size=4, progress=False,
               backend="numba")  # fmt: skip
        for a, copy in zip(held, copies, strict=True):
            np.testing.assert_array_equal(a, copy)


@pytest.mark.parametrize("faster", [Program, NumbaSteps])
def test_auto_keeps_the_faster_one(faster, monkeypatch):
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    from tinygrad_edu.training import step

    seen = []

    def choose(one, other, run):
        seen.extend([run(one), run(other)])
        return one if type(one) is faster else other

    monkeypatch.setattr(step, "faster", choose)
    assert_same(run(backend="auto"), run(compiled=False))
    assert len(seen) == 2
    for (a, _), (b, _) in zip(seen[0][-1], seen[1][-1], strict=True):
        np.testing.assert_allclose(a, b, 1e-9)


def own_cost(a, y):
    return np.mean(np.sort((a - y) ** 2, axis=1) * [1.0, 2.0, 3.0])


def test_a_model_that_numba_cannot_take_learns_all_the_same():
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    with pytest.warns(UserWarning, match=r"^fit: numba cannot take this model \(np.sort\), so it learns as") as caught:
        found = run(cost=own_cost, backend="numba")
    assert caught[0].filename == __file__
    assert_same(found, run(cost=own_cost, compiled=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(cost=own_cost, backend="auto")


def test_ctrl_c_during_machine_code_keeps_the_epoch_before(monkeypatch):
    pytest.importorskip("numba", reason='numba is missing: pip install "tinygrad_edu[fast]"')
    right, epochs = NumbaSteps.steps, iter(range(9))

    def interrupted(self, *args):
        if next(epochs) == 1:
            raise KeyboardInterrupt
        return right(self, *args)

    monkeypatch.setattr(NumbaSteps, "steps", interrupted)
    weights, history, _ = run(backend="numba", batch_size=23 // 2)
    assert history.interrupted
    assert history.epochs == 1
    assert all(np.isfinite(w).all() for w in weights)


def test_wrong_backends():
    with pytest.raises(ValueError, match=r"^fit: backend: unknown name 'nmba'"):
        run(backend="nmba")
    with pytest.raises(ValueError, match=r"^fit: backend='auto' is what runs compiled steps, but compiled is False"):
        run(backend="auto", compiled=False)
    with pytest.raises(ValueError, match=r"^fit: measure_every must be at least 1, not 0"):
        run(measure_every=0)


def test_numba_that_is_not_installed(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r'^fit: backend="numba" needs numba'):
        run(backend="numba")
    run(backend="auto")


# --- Measuring ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "measured"), [(0, [0]), (1, [0, 1]), (3, [0, 3]), (7, [0, 3, 6, 7])])
def test_measured_every_third_epoch(epochs, measured):
    called = []
    found = run(epochs=epochs, measure_every=3, callbacks=[lambda h: called.append(h.epochs)])
    each = run(epochs=epochs)
    assert found[1].measured == measured
    assert found[1].epochs == epochs
    assert found[1].cost == [each[1].cost[i] for i in measured]
    assert called == measured[1:]
    for a, b in zip(found[0], each[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_schedule_steps_after_every_epoch_measured_or_not():
    def scheduled(**options):
        net = tg.nn.MLP([5, 4, 3], rng=1)
        sgd = optim.SGD(net.parameters(), 0.5)
        tg.fit(net, X, ROWS, cost="quadratic", optimizer=sgd, epochs=5, batch_size=4, rng=0, progress=False,
               schedule=optim.StepLR(sgd, 2), **options)  # fmt: skip
        return sgd.lr, [p.numpy() for p in net.parameters()]

    (lr, some), (same, each) = scheduled(measure_every=3), scheduled()
    assert lr == same
    for a, b in zip(some, each, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_counts_epochs_counts_those_between():
    history = tg.History(cost=[3.0, 2.0, 2.5], measured=[0, 10, 20])
    assert history.epochs == 20
    assert "20 epochs" in repr(history)
    assert tg.early_stopping(patience=10)(history)
    assert not tg.early_stopping(patience=11)(history)
    axes = history.plot().axes[0]
    assert list(axes.lines[0].get_xdata()) == [0, 10, 20]


def test_the_best_epoch_has_its_number():
    _, history, _ = run(keep_best=True, epochs=6, measure_every=2)
    assert history.kept == history.measured[int(np.argmin(history.cost))]


def test_going_on_measures_the_same_epochs(tmp_path):
    same = {"measure_every": 3, "checkpoint": tmp_path / "run.npz"}
    run(epochs=3, **same)
    _, history, _ = run(epochs=9, resume=True, **same)
    whole = run(epochs=9, measure_every=3)[1]
    assert (history.measured, history.cost) == (whole.measured, whole.cost)


def test_many_examples_are_measured_in_parts_by_a_program(monkeypatch):
    calls, right = [], Compiled.__call__

    def counted(self, *args):
        if len(args) == 1:
            calls.append(len(args[0]))
        return right(self, *args)

    monkeypatch.setattr(measuring, "ROWS", 10)
    monkeypatch.setattr(Compiled, "__call__", counted)
    found = run(epochs=2)
    assert calls == [10, 10] * 3
    monkeypatch.setattr(measuring, "ROWS", 1024)
    assert_same(found, run(epochs=2))


def test_a_model_that_cannot_be_compiled_is_measured_in_parts(monkeypatch):
    class Looks(tg.nn.Module):
        def __init__(self):
            self.layer = tg.nn.Linear(5, 3, rng=0)

        def __call__(self, x):
            z = self.layer(x)
            return tg.sigmoid(z) if np.all(np.isfinite(z.numpy())) else z

    monkeypatch.setattr(measuring, "ROWS", 10)
    net = Looks()
    with pytest.warns(UserWarning, match=r"^fit: this model is not compiled") as caught:
        history = tg.fit(net, X, ROWS, cost="quadratic", optimizer=optim.SGD(net.parameters(), 0.5), epochs=2,
                         batch_size=4, progress=False)  # fmt: skip
    assert caught[0].filename == __file__
    assert history.cost[-1] == pytest.approx(float(tg.costs.quadratic(net(X), ROWS).item()))


def test_training_takes_hardly_more_memory_than_the_parameters_their_gradients_and_what_they_become():
    net = tg.nn.MLP([200, 300, 300, 5], rng=0)
    x, y = np.random.default_rng(0).normal(size=(200, 200)), np.eye(5)[np.arange(200) % 5]
    optimizer = optim.SGD(net.parameters(), 0.1)
    options = {"cost": "quadratic", "optimizer": optimizer, "progress": False}
    tg.fit(net, x[:7], y[:7], epochs=1, batch_size=7, **options)  # what is loaded once
    tracemalloc.start()
    try:
        tg.fit(net, x, y, epochs=3, batch_size=200, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    of_parameters, of_activations = sum(p.numpy().nbytes for p in net.parameters()), 8 * 200 * (300 + 300 + 5)
    assert peak < 3 * of_parameters + 8 * of_activations  # all values of a traced step would be twice as much
