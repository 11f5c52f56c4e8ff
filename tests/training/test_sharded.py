"""`sharded` and `fit` with an executor: the same bits whoever computes, data sent once, and what happens when a worker
dies, forgets, or is asked for what cannot be.
"""

import gc
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import weakref
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.costs import quadratic
from tinygrad_edu.nn import MLP, BatchNorm1d, Dropout, Linear, Module, Sequential
from tinygrad_edu.training import shards as shards_of
from tinygrad_edu.training import stored, worker

pytest.importorskip("threadpoolctl", reason='it comes with "tinygrad_edu[cluster]", and with make test')

RNG = np.random.default_rng(0)
X = RNG.normal(size=(101, 6))
LABELS = X[:, :3].argmax(axis=1)
Y = np.eye(3)[LABELS]
PARAMS = {"W": [RNG.normal(size=(6, 20)), RNG.normal(size=(20, 3))], "b": (RNG.normal(size=20), RNG.normal(size=3))}


def cost(params, x, y):
    (W1, W2), (b1, b2) = params["W"], params["b"]
    return quadratic(tg.sigmoid(np.tanh(x @ W1 + b1) @ W2 + b2), y)


def bits(result):
    """Of a nested result, its dtypes too."""
    parts = [np.asarray(leaf) for leaf in tg.trees.leaves_of(result)]
    return [(part.dtype.str, part.tobytes()) for part in parts]


def processes(n):
    """Processes that import the library once, if the system can do that."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["tinygrad_edu.training", "cloudpickle"])
    return ProcessPoolExecutor(n, mp_context=context)


@pytest.fixture(scope="module")
def pool():
    with processes(2) as two:
        yield two


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(3) as three:
        yield three


EXECUTORS = {
    "one thread": lambda: ThreadPoolExecutor(1),
    "eight threads": lambda: ThreadPoolExecutor(8),
    "one process": lambda: processes(1),
    "two processes": lambda: processes(2),
    "eight processes": lambda: processes(8),
}


class Here(Executor):
    """It calls at once, after whatever a test wants to happen before, and remembers the tasks."""

    def __init__(self, before=lambda task: None):
        self.before, self.tasks = before, []

    def submit(self, f, /, task):
        self.tasks.append(task)
        self.before(task)
        future = Future()
        try:
            with pytest.MonkeyPatch.context() as patch:  # as if it were elsewhere
                patch.setattr(worker, "_program", "another")
                future.set_result(f(pickle.loads(pickle.dumps(task))))
        except Exception as error:
            future.set_exception(error)
        return future

    def sent(self):
        """What has been sent since it was asked the last time."""
        tasks, self.tasks = self.tasks, []
        return [name for task in tasks for name in task.parcels]


# --- The same bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXECUTORS)
def test_who_computes_changes_no_bit(name):
    step = tg.compile(tg.value_and_grad(cost))
    expected = tg.sharded(step, shards=5)(PARAMS, X, Y)
    with EXECUTORS[name]() as executor:
        found = tg.sharded(step, shards=5, executor=executor)
        for _ in range(3):
            assert bits(found(PARAMS, X, Y)) == bits(expected)


LAYOUTS = {
    "float32": (X.astype(np.float32), Y),
    "column by column": (np.asfortranarray(X), np.asfortranarray(Y)),
    "with gaps": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 3, axis=1)[:, ::3]),
    "backwards": (X[::-1], Y[::-1]),
    "read-only": (stored.read_only(X), stored.read_only(Y)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_the_layout_of_the_data_changes_no_bit(layout, compiled, pool, threads):
    x, y = LAYOUTS[layout]
    f = tg.value_and_grad(cost)
    f = tg.compile(f) if compiled else f
    params = tg.trees.tree_map(lambda w: np.asfortranarray(w.astype(x.dtype)), PARAMS)
    results = [tg.sharded(f, shards=4, executor=executor)(params, x, y) for executor in (None, threads, pool)]
    assert bits(results[0]) == bits(results[1]) == bits(results[2])
    assert {leaf.dtype for leaf in tg.trees.leaves_of(results[0][1])} == {x.dtype}
    close = {"rtol": 1e-4, "atol": 1e-6} if x.dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-15}
    for found, expected in zip(*map(tg.trees.leaves_of, (results[0], f(params, x, y))), strict=True):
        np.testing.assert_allclose(found, expected, **close)


def test_loky(pool):
    loky = pytest.importorskip("loky", reason="loky comes with make test")
    net = MLP([6, 3], rng=0)

    def slopes(params, x, y):  # in a function, which pickle does not take
        return tg.value_and_grad(lambda w, b: quadratic(tg.sigmoid(x @ w + b), y), (0, 1))(*params)

    params = [p.numpy() for p in net.parameters()]
    executor = loky.get_reusable_executor(2)
    try:
        found = tg.sharded(slopes, shards=3, executor=executor)(params, X, Y)
    finally:
        executor.shutdown()
    assert bits(found) == bits(tg.sharded(slopes, shards=3)(params, X, Y))


@settings(max_examples=30, deadline=None)
@given(
    problem=tg.testing.problems(n=st.integers(1, 12), labels=False), shards=st.integers(1, 14), compiled=st.booleans()
)
def test_the_parts_add_up_to_the_gradient(problem, shards, compiled):
    net, x, y, name = problem
    C = tg.costs.COSTS[name]

    def f(params, x, y):
        W, b = params
        a = x
        for l, layer in enumerate(net.layers):
            a = layer._sigma(a @ W[l] + b[l])
        return C(a, y)

    step = tg.value_and_grad(f)
    step = tg.compile(step) if compiled else step
    params = [w.numpy() for w in net.weights], [v.numpy() for v in net.biases]
    found, expected = tg.sharded(step, shards=shards)(params, x, y), step(params, x, y)
    if shards == 1:
        assert bits(found) == bits(expected)
    scale = max(np.abs(leaf).max() for leaf in tg.trees.leaves_of(expected))
    for part, whole in zip(*map(tg.trees.leaves_of, (found, expected)), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-10, atol=1e-13 * (1 + scale))


@given(n=st.integers(1, 60), k=st.integers(1, 80))
def test_cuts(n, k):
    places = shards_of.cuts(n, k)
    sizes = [stop - start for start, stop in places]
    assert [row for place in places for row in range(*place)] == list(range(n))
    assert len(places) == min(n, k)
    assert max(sizes) - min(sizes) <= 1


def test_in_axes():
    x, w, y = X, np.ones(6), Y[:, 0]

    def f(x, w, more):
        return np.mean((x @ w["w"] - more["y"]) ** 2 * w["factor"]), {"w": 2 * x.T @ (x @ w["w"] - more["y"]) / len(x)}

    args = x, {"w": w, "factor": 1}, {"y": y}
    found, expected = tg.sharded(f, shards=4, in_axes=(0, None, 0))(*args), f(*args)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
    np.testing.assert_allclose(found[1]["w"], expected[1]["w"], rtol=1e-12)


def test_one_thread_for_products_while_a_task_runs(pool, threads):
    def most_threads(_, x):
        import threadpoolctl

        return max(float(lib["num_threads"]) for lib in threadpoolctl.threadpool_info())

    import threadpoolctl

    with threadpoolctl.threadpool_limits(2):
        before = most_threads(None, None)
        for executor in (None, threads, pool):
            assert tg.sharded(most_threads, shards=6, executor=executor)(0.0, X) == 1
            assert most_threads(None, None) == before


# --- Data are sent once -----------------------------------------------------------------------------------


def test_data_are_sent_once_and_again_if_they_change():
    here = Here()
    step = tg.sharded(tg.value_and_grad(cost), shards=3, executor=here)
    x, y = X.copy(), Y.copy()
    step(PARAMS, x, y)
    assert here.sent() == [(), (1, 0), (1, 1), (1, 2)]
    step(PARAMS, x, y)
    step(tg.trees.tree_map(lambda w: 2 * w, PARAMS), x, y)
    assert here.sent() == []
    x[7, 2] += 1  # in place
    assert bits(step(PARAMS, x, y)) == bits(tg.sharded(tg.value_and_grad(cost), shards=3)(PARAMS, x, y))
    assert here.sent() == [(2, 0), (2, 1), (2, 2)]
    step(PARAMS, x, y.copy())  # another array
    assert here.sent() == [(3, 0), (3, 1), (3, 2)]
    step(PARAMS, x, y)
    assert here.sent() == []


def test_what_cannot_be_written_to_is_not_looked_through():
    x = X.copy()
    fingerprint = sys.modules["tinygrad_edu.training.sharded"].fingerprint
    assert fingerprint(x) != fingerprint(np.where(x == x[3, 3], 0, x))
    view = stored.read_only(x)
    before = fingerprint(view)
    x[0, 0] = 9  # through the array that the view is of
    assert fingerprint(view) != before
    x.flags.writeable = False
    assert fingerprint(x) is None


def test_workers_that_forget_are_sent_everything_again():
    here = Here(before=lambda task: worker.forget(task.owner))
    step = tg.sharded(tg.value_and_grad(cost), shards=4, executor=here)
    expected = bits(tg.sharded(tg.value_and_grad(cost), shards=4)(PARAMS, X, Y))
    for _ in range(2):
        assert bits(step(PARAMS, X, Y)) == expected
    net, other = MLP([6, 3], rng=0), MLP([6, 3], rng=0)
    train(net, executor=here, shards=4)
    train(other, shards=4)
    assert bits(net.state_dict()) == bits(other.state_dict())


def test_one_thing_is_sent_to_one_worker_at_a_time():
    """A worker that lacks the examples lacks them for all parts, but is sent them once."""
    here = Here()
    train(MLP([6, 3], rng=0), executor=here, shards=4, epochs=1, batch_size=20)
    assert here.sent() == [(), (1,)]


def test_data_that_nobody_has_any_more_are_dropped(threads):
    step = tg.sharded(tg.value_and_grad(cost), shards=2, executor=threads)
    alive = []
    for _ in range(10):
        x = X.copy()
        alive.append(weakref.ref(x))
        step(PARAMS, x, Y)
    del x
    step(PARAMS, X, Y)
    gc.collect()
    assert [ref() for ref in alive] == [None] * 10
    held = X.copy()
    last = weakref.ref(held)
    step(PARAMS, held, Y)
    del step, held
    gc.collect()
    assert last() is None


def test_few_data_sets_are_kept():
    here = Here()
    step = tg.sharded(tg.value_and_grad(cost), shards=1, executor=here)
    xs = [X.copy() for _ in range(6)]
    for x in xs:
        step(PARAMS, x, Y)
    here.sent()
    step(PARAMS, xs[-1], Y)
    assert here.sent() == []
    step(PARAMS, xs[0], Y)
    assert here.sent() == [(7, 0)]


# --- Data in files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The data in a file of memory-mapped numbers, after a header, and in one of HDF5."""
    folder = tmp_path_factory.mktemp("data")
    with open(folder / "numbers", "wb") as file:
        file.write(b"header!!")
        X.tofile(file)
    np.save(folder / "y.npy", Y)
    return folder


def mapped(files, mode="r"):
    return np.memmap(files / "numbers", float, mode, offset=8, shape=X.shape), np.load(files / "y.npy", mmap_mode=mode)


VIEWS = {
    "all": lambda x: x,
    "from row 3 on": lambda x: x[3:],
    "every second": lambda x: x[::2],
    "backwards": lambda x: x[::-1],
    "some columns, then rows": lambda x: x[:, 1:4][5:40],
    "transposed": lambda x: x.T,
    "as a plain array": lambda x: np.asarray(x)[2:],
}


@pytest.mark.parametrize("view", VIEWS)
def test_of_a_memory_map_only_its_place_is_sent(view, files):
    x = VIEWS[view](mapped(files)[0])
    pickled = pickle.dumps(stored.Parcel(x))
    assert len(pickled) < 500
    found = pickle.loads(pickled).array
    np.testing.assert_array_equal(found, VIEWS[view](X))
    assert not found.flags.writeable
    assert pickle.dumps(stored.Parcel(found)) == pickled  # and so on


def test_changes_of_a_private_map_are_sent(files):
    x, _ = mapped(files, "c")
    x[0, 0] = 77
    assert pickle.loads(pickle.dumps(stored.Parcel(x))).array[0, 0] == 77
    assert mapped(files)[0][0, 0] == X[0, 0]


def test_a_map_in_workers(files, pool):
    x, y = mapped(files)
    here = Here()
    expected = bits(tg.sharded(tg.value_and_grad(cost), shards=4)(PARAMS, X, Y))
    for executor in (None, here, pool):
        assert bits(tg.sharded(tg.value_and_grad(cost), shards=4, executor=executor)(PARAMS, x, y)) == expected
    assert max(len(pickle.dumps(list(task.parcels.values())[-1])) for task in here.tasks) < 1000


@pytest.mark.parametrize("kind", ["HDF5", "Zarr"])
def test_data_in_hdf5_and_zarr(kind, files, pool):
    if kind == "HDF5":
        h5py = pytest.importorskip("h5py", reason="h5py comes with make test")
        with h5py.File(files / "data.h5", "w") as file:
            file["x"], file["labels"] = X, LABELS
        file = h5py.File(files / "data.h5")
        x, labels = file["x"], file["labels"]
    else:
        zarr = pytest.importorskip("zarr", reason="zarr comes with make test")
        x, labels = (
            zarr.create_array(files / f"{name}.zarr", data=a, chunks=(7, *a.shape[1:]))
            for name, a in (("x", X), ("labels", LABELS))
        )
    assert len(pickle.dumps(stored.Stored(x))) < X.nbytes / 3  # the place, not the numbers
    for options in ({}, {"shards": 3}, {"shards": 3, "executor": pool}):
        net, other = (MLP([6, 4, 3], output="softmax", rng=0) for _ in range(2))
        found = train(net, x, labels, cost="cross_entropy", validation=(x, labels), **options)
        expected = train(other, X, LABELS, cost="cross_entropy", validation=(X, LABELS), **options)
        assert bits(net.state_dict()) == bits(other.state_dict())
        assert found == expected
    w = tg.Tensor(np.zeros((6, 3)), requires_grad=True)
    options = {"cost": "quadratic", "epochs": 1, "batch_size": 10, "rng": 0, "progress": False}
    tg.fit(lambda x: x @ w, x, Y, optimizer=optim.SGD([w], 0.1), **options)  # a function
    history = optim.minimize(MLP([6, 3], rng=0), "quadratic", x, Y, max_iterations=3)
    assert history == optim.minimize(MLP([6, 3], rng=0), "quadratic", X, Y, max_iterations=3)
    if kind == "HDF5":
        file.close()


# --- fit --------------------------------------------------------------------------------------------------


def train(net, x=X, y=Y, **options):
    options = {"cost": "quadratic", "epochs": 3, "batch_size": 20, "rng": 0, "progress": False} | options
    optimizer = options.pop("optimizer", None) or optim.SGD(net.parameters(), 0.5, momentum=0.9)
    return tg.fit(net, x, y, optimizer=optimizer, **options)


OPTIONS = {
    "plain": {},
    "weights": {"sample_weight": np.arange(101) % 3},
    "clipped": {"clip_norm": 0.01},
    "not compiled": {"compiled": False},
    "one part": {"shards": 1},
    "more parts than rows": {"shards": 30},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_fit_in_parts(name, pool, threads):
    """The same bits with every executor, and the same network as without parts, to rounding."""
    results, plain = [], MLP([6, 4, 3], rng=0)
    for executor in (None, threads, pool):
        net = MLP([6, 4, 3], rng=0)
        history = train(net, **{"shards": 3, "executor": executor} | OPTIONS[name])
        results.append((bits(net.state_dict()), history))
    assert results[0] == results[1] == results[2]
    expected = train(plain, **{key: value for key, value in OPTIONS[name].items() if key != "shards"})
    np.testing.assert_allclose(history.cost, expected.cost, rtol=1e-9)
    np.testing.assert_allclose(net.flatten(), plain.flatten(), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", EXECUTORS)
def test_fit_has_the_same_bits_with_any_number_of_workers(name):
    net, other = MLP([6, 20, 3], rng=0), MLP([6, 20, 3], rng=0)
    expected = train(net, shards=8)
    with EXECUTORS[name]() as executor:
        assert train(other, shards=8, executor=executor) == expected
    assert bits(net.state_dict()) == bits(other.state_dict())


def test_a_schedule_and_an_optimizer_of_another_kind(pool):
    nets = [MLP([6, 4, 3], rng=0) for _ in range(2)]
    for net, executor in zip(nets, (None, pool), strict=True):
        adam = optim.Adam(net.parameters(), 0.1)
        train(net, shards=2, executor=executor, optimizer=adam, schedule=optim.StepLR(adam, 1, 0.5))
    assert bits(nets[0].state_dict()) == bits(nets[1].state_dict())


class Own(Module):
    """A network with an `if` that looks at values, which cannot be compiled, and a fixed tensor."""

    def __init__(self):
        self.layer, self.scale = Linear(6, 3, rng=0), tg.Tensor(2.0)

    def __call__(self, x):
        z = self.layer(x)
        return tg.sigmoid(z * self.scale if np.abs(z.numpy()).max() > 1e-9 else z)


def test_a_model_that_cannot_be_compiled_is_told_of(pool):
    nets = [Own(), Own()]
    train(nets[0], shards=2, compiled=False)
    with pytest.warns(UserWarning, match="^fit: this model is not compiled, so it learns as well but more slowly"):
        train(nets[1], shards=2, executor=pool)
    assert bits(nets[0].state_dict()) == bits(nets[1].state_dict())


def test_anomalies_are_found_here(pool):
    with tg.detect_anomaly(), np.errstate(all="ignore"), pytest.raises(Exception, match="log"):
        train(MLP([6, 3], output=lambda z: np.log(z - 100), rng=0), shards=2, executor=pool)


def test_a_run_goes_on_to_the_same_bits(pool, threads, tmp_path):
    whole, parts = MLP([6, 4, 3], rng=0), MLP([6, 4, 3], rng=0)
    train(whole, shards=3)
    train(parts, shards=3, executor=threads, epochs=1, checkpoint=tmp_path / "run.npz")
    again = MLP([6, 4, 3], rng=1)
    with pytest.raises(ValueError, match="of a run with shards 3, not 4"):
        train(again, shards=4, checkpoint=tmp_path / "run.npz", resume=True)
    train(again, shards=3, executor=pool, checkpoint=tmp_path / "run.npz", resume=True)
    assert bits(again.state_dict()) == bits(whole.state_dict())


# --- Interruptions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [2, 7, 20])
def test_ctrl_c_leaves_whole_steps(after, monkeypatch):
    net, twin, states = MLP([6, 3], rng=0), MLP([6, 3], rng=0), []
    move = optim.Optimizer.move
    with monkeypatch.context() as patch:
        patch.setattr(optim.Optimizer, "move", lambda o, m: (move(o, m), states.append(bits(twin.state_dict()))))
        train(twin, shards=3)

    class Impatient(Here):
        def submit(self, f, /, task):
            if len(self.tasks) == after:
                raise KeyboardInterrupt
            return super().submit(f, task)

    history = train(net, shards=3, executor=Impatient())
    assert history.interrupted
    assert bits(net.state_dict()) in [bits(MLP([6, 3], rng=0).state_dict()), *states]


def test_what_is_still_to_be_computed_is_cancelled():
    futures = []

    class Slow(Here):
        def submit(self, f, /, task):
            if len(futures) == 2:
                raise RuntimeError("no more")
            futures.append(Future())
            return futures[-1]

    with pytest.raises(RuntimeError, match="no more"):
        tg.sharded(tg.value_and_grad(cost), shards=5, executor=Slow())(PARAMS, X, Y)
    assert [future.cancelled() for future in futures] == [True, True]


class Killing(Executor):
    """It passes tasks on, and kills a worker after so many."""

    def __init__(self, executor, pids, after):
        self.executor, self.pids, self.after = executor, pids, after
        self.killed = 0

    def submit(self, f, /, *args):
        future = self.executor.submit(f, *args)
        self.after -= 1
        if self.after == 0:
            os.kill(self.pids()[0], signal.SIGKILL)
            self.killed += 1
        return future


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_pool_that_breaks_loses_nothing(tmp_path):
    whole, net = MLP([6, 4, 3], rng=0), MLP([6, 4, 3], rng=0)
    train(whole, shards=3, epochs=6)
    options = {"shards": 3, "epochs": 6, "checkpoint": tmp_path / "run.npz", "resume": True}
    with processes(2) as pool:
        killing = Killing(pool, lambda: list(pool._processes), after=3 * 6 * 3 + 5)  # in the fourth epoch or so
        with pytest.raises(BrokenProcessPool):
            train(net, executor=killing, **options)
    with processes(2) as pool:
        history = train(net, executor=pool, **options)
    assert history.epochs == 6
    assert bits(net.state_dict()) == bits(whole.state_dict())


@pytest.fixture(scope="module")
def dask():
    distributed = pytest.importorskip("distributed", reason='it comes with "tinygrad_edu[cluster]", and with make test')
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_worker_of_dask_is_killed_in_the_middle_of_an_epoch(dask):
    whole, net = MLP([6, 4, 3], rng=0), MLP([6, 4, 3], rng=0)
    expected = train(whole, shards=3, epochs=4)
    pids = dask.run(os.getpid)
    assert len({os.getpid(), *pids.values()}) == 3  # processes of their own
    killing = Killing(dask.get_executor(pure=False), lambda: list(pids.values()), after=3 * 6 + 3 * 3 + 5)
    assert train(net, shards=3, epochs=4, executor=killing) == expected
    assert killing.killed == 1
    assert bits(net.state_dict()) == bits(whole.state_dict())
    assert dask.run(os.getpid) != pids  # there is a new one


def test_sharded_on_dask(dask):
    step = tg.value_and_grad(cost)
    found = tg.sharded(step, shards=5, executor=dask.get_executor(pure=False))
    expected = tg.sharded(step, shards=5)(PARAMS, X, Y)
    for _ in range(3):
        assert bits(found(PARAMS, X, Y)) == bits(expected)
    with pytest.raises(TypeError, match=r"^sharded: executor is a client of Dask; its executor is client.get_executor"):
        tg.sharded(step, shards=5, executor=dask)


# --- What is refused --------------------------------------------------------------------------------------


def refuses(params, x):
    raise ArithmeticError("seen nowhere else")


LOCK = threading.Lock()
CLASS = "a class, not an executor"


@pytest.mark.parametrize(
    ("options", "args", "error", "message"),
    [
        ({"f": 3}, (), TypeError, "sharded: value_and_grad_f must be a function, not 3"),
        ({"shards": 0}, (), ValueError, "sharded: shards must be at least 1, not 0"),
        ({"shards": 2.0}, (), TypeError, "sharded: shards must be a whole number"),
        ({"executor": 2}, (), TypeError, "sharded: executor must be one of concurrent.futures"),
        ({"executor": ThreadPoolExecutor}, (), TypeError, "sharded: executor must be one of concurrent.futures"),
        ({"in_axes": 0}, (), ValueError, "sharded: in_axes must have an entry for each argument"),
        ({"in_axes": (None, 1)}, (), ValueError, "sharded: in_axes must have an entry for each argument"),
        ({"in_axes": (None, 0)}, (PARAMS, X, Y), ValueError, "sharded: in_axes has 2 entries, but there are 3"),
        ({}, (PARAMS,), ValueError, "sharded: no argument is cut by rows; in_axes"),
        ({}, (PARAMS, X, Y[:-1]), ValueError, "sharded: what is cut must have the same number of rows, 1 or more, but"),
        ({}, (PARAMS, X[:0], Y[:0]), ValueError, "sharded: what is cut must have the same number of rows"),
        ({}, (PARAMS, X, 3.0), TypeError, "sharded: argument 2 is cut by rows, but 3.0 is no array"),
        ({}, (PARAMS, ["a"], Y), TypeError, "sharded: argument 1 is cut by rows, but 'a' is no array"),
        ({}, (PARAMS, np.ma.array(X), Y), TypeError, "sharded: argument 1 is cut by rows"),
        ({}, (PARAMS, tg.Tensor(X), Y), TypeError, "sharded: argument 1 is, or has in it, a Tensor"),
        ({}, ([tg.Tensor(X)], X, Y), TypeError, "sharded: argument 0 is, or has in it, a Tensor"),
        ({"f": lambda p, x: "no"}, (1.0, X), TypeError, "sharded: the function must return numbers and arrays"),
        ({"f": lambda p, x: x}, (1.0, X), ValueError, "sharded: the function returned arrays of shapes (33, 6) and"),
        ({"f": lambda p, x: [1] * len(x)}, (1.0, X), ValueError, "sharded: the function returned something of another"),
    ],
)
def test_refused(options, args, error, message):
    options = {"f": tg.value_and_grad(cost), "shards": 3} | options
    with pytest.raises(error, match="^" + re.escape(message)):
        tg.sharded(options.pop("f"), **options)(*args)


def test_an_error_in_a_worker_comes_out(pool, threads):
    for executor in (None, threads, pool):
        with pytest.raises(ArithmeticError, match="seen nowhere else"):
            tg.sharded(refuses, shards=3, executor=executor)(1.0, X)


def test_a_function_that_cannot_be_pickled(pool, monkeypatch):
    lock = threading.Lock()

    def locked(p, x):
        with lock:
            return np.sum(x)

    said = r"^sharded: the function cannot be pickled, and so not be sent to a worker .*; hand what cannot be pickled"
    with pytest.raises(TypeError, match=said):
        tg.sharded(locked, shards=2, executor=pool)
    assert tg.sharded(locked, shards=1)(0.0, X) == np.sum(X)  # here, nothing is sent
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(TypeError, match=r"; define it by def at the top of a module, or install cloudpickle"):
        tg.sharded(lambda p, x: np.sum(x), shards=2, executor=pool)
    assert tg.sharded(mean_of_squares, shards=2, executor=pool)(0.0, X) == pytest.approx(np.mean(X**2))


def mean_of_squares(p, x):
    return np.mean(x**2)


def test_a_function_that_a_worker_does_not_find(pool):
    gone = type("Gone", (), {"__reduce__": lambda self: (getattr, (np, "no_such_function"))})
    with pytest.raises(TypeError, match=r"^sharded: a worker cannot load the function \(AttributeError"):
        tg.sharded(gone_function(gone()), shards=2, executor=pool)(1.0, X)


def gone_function(thing):
    return lambda p, x: thing


def test_threadpoolctl_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(worker._Blas, "controller", None)
    with pytest.raises(ImportError, match=r"^sharded: threadpoolctl, .* pip install \"tinygrad_edu\[cluster\]\"$"):
        tg.sharded(mean_of_squares, shards=2)(0.0, X)


W = tg.Tensor(np.full((6, 3), 0.1), requires_grad=True)


def of_a_global(x):
    return tg.sigmoid(x @ W)


@pytest.mark.parametrize(
    ("net", "options", "error", "message"),
    [
        (Sequential(Linear(6, 3, rng=0), Dropout(0.5)), {}, ValueError, "fit: Dropout(0.5) draws random numbers, or"),
        (Sequential(BatchNorm1d(6), Linear(6, 3, rng=0)), {}, ValueError, "fit: BatchNorm1d(6) draws random numbers"),
        (MLP([6, 3], rng=0), {"shards": None}, ValueError, "fit: with an executor, shards must say into how many"),
        (MLP([6, 3], rng=0), {"shards": 0}, ValueError, "fit: shards must be at least 1, not 0"),
        (MLP([6, 3], rng=0), {"backend": "auto"}, ValueError, "fit: backend='auto' is for whole epochs in one process"),
        (MLP([6, 3], rng=0), {"executor": 4}, TypeError, "fit: executor must be one of concurrent.futures"),
        (
            MLP([6, 3], rng=0),
            {"cost": lambda a, y: np.sum((a - y) ** 2)},
            ValueError,
            "fit: the gradient of a mini-batch in parts is not that of the whole (off by",
        ),
        (
            MLP([6, 3], rng=0),
            {"sample_weight": np.arange(101) == 50},
            ValueError,
            "fit: all examples of a mini-batch have weight 0; take a larger batch_size",
        ),
    ],
)
def test_fit_refuses(net, options, error, message, threads):
    options = {"shards": 3, "executor": threads} | options
    with pytest.raises(error, match="^" + re.escape(message)):
        train(net, **options)


def test_parameters_that_are_no_part_of_the_copies(pool):
    options = {"optimizer": optim.SGD([W], 0.1), "shards": 2, "executor": pool}
    with pytest.raises(ValueError, match=r"^fit: the cost depends on no parameter of the optimizer: is it of another"):
        train(of_a_global, **options)
    penalty = MLP([6, 3], rng=0)
    sys.modules[__name__].PENALISED = penalty
    with pytest.raises(ValueError, match=r"in parts is not that of the whole .* not a global variable$"):
        train(penalty, cost=penalised, shards=2, executor=pool)


def penalised(a, y):
    return quadratic(a, y) + tg.costs.l2(PENALISED.weights, 1.0)


PENALISED = MLP([6, 3], rng=5)
