"""Weights, clipping, schedules, callbacks, the best epoch, and runs that go on from a file with the same bits."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.nn import MLP, Dropout, Linear, Sequential

X = np.random.default_rng(0).normal(size=(12, 2))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)
Y = LABELS[:, None].astype(float)
OPTIONS = {"cost": "cross_entropy", "epochs": 3, "batch_size": 12, "rng": 0, "progress": False}
BOTH = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def classifier(seed=0):
    return MLP([2, 4, 2], output="softmax", rng=seed)


def fit(net, x=X, y=LABELS, optimizer=None, **options):
    optimizer = optimizer or optim.SGD(net.parameters(), 0.5, momentum=0.9)
    return tg.fit(net, x, y, **({"optimizer": optimizer} | OPTIONS | options))


def bits(net):
    return [array.tobytes() for array in net.state_dict().values()]


# --- Weights ------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any), st.booleans())
def test_a_weight_is_so_many_copies(weights, compiled):
    repeated = np.repeat(np.arange(12), weights)
    one, other = classifier(), classifier()
    weighted = fit(one, sample_weight=weights, compiled=compiled)
    copies = fit(other, X[repeated], LABELS[repeated], batch_size=len(repeated), compiled=compiled)
    np.testing.assert_allclose(weighted.cost, copies.cost, rtol=1e-9)
    np.testing.assert_allclose(one.flatten(), other.flatten(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("output", "cost", "y"),
    [
        ("sigmoid", "quadratic", Y),
        ("sigmoid", "binary_cross_entropy", Y),
        ("softmax", "cross_entropy", LABELS),
        ("identity", "cross_entropy_with_logits", LABELS),
    ],
)
@BOTH
def test_every_cost_takes_weights(output, cost, y, compiled):
    sizes, weights = [2, 3, 2 if y.ndim == 1 else 1], np.arange(12)
    one, other = MLP(sizes, output=output, rng=0), MLP(sizes, output=output, rng=0)
    repeated = np.repeat(np.arange(12), weights)
    fit(one, y=y, cost=cost, sample_weight=weights, compiled=compiled)
    fit(other, X[repeated], y[repeated], cost=cost, batch_size=len(repeated), compiled=compiled)
    np.testing.assert_allclose(one.flatten(), other.flatten(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("y", [LABELS, np.eye(2)[LABELS]], ids=["labels", "rows"])
@pytest.mark.parametrize("weights", [{1: 3.0}, [1.0, 3.0], {0: 1, 1: 3}])
def test_class_weights_are_weights_of_examples(weights, y):
    one, other = classifier(), classifier()
    fit(one, y=y, class_weight=weights)
    fit(other, y=y, sample_weight=np.where(LABELS == 1, 3.0, 1.0))
    assert bits(one) == bits(other)


def test_balanced_classes_count_the_same():
    labels = np.array([0] * 9 + [1] * 3)
    one, other = classifier(), classifier()
    fit(one, y=labels, class_weight="balanced")
    fit(other, y=labels, sample_weight=np.where(labels == 0, 12 / (2 * 9), 12 / (2 * 3)))
    assert bits(one) == bits(other)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample_weight": [1.0]}, ValueError, "fit: sample_weight has shape (1,), but must have one number for each"),
        ({"sample_weight": "all"}, TypeError, "fit: sample_weight must be numbers"),
        ({"sample_weight": -np.ones(12)}, ValueError, "fit: sample_weight must be 0 or more"),
        ({"sample_weight": np.zeros(12)}, ValueError, "fit: all weights are 0"),
        ({"class_weight": {2: 1.0}}, ValueError, "fit: class_weight names the class 2, but the labels are 0 to 1"),
        ({"class_weight": "even"}, ValueError, "fit: class_weight must be 'balanced'"),
        ({"class_weight": [1, 2, 3]}, ValueError, "fit: class_weight has shape (3,)"),
        (
            {"class_weight": {}, "y": np.ones((12, 2)) / 2},
            ValueError,
            "fit: class_weight needs targets that are classes",
        ),
        (
            {"sample_weight": np.ones(12), "cost": lambda a, y: np.sum(a)},
            TypeError,
            "fit: sample_weight and class_weight",
        ),
    ],
)
def test_wrong_weights(options, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        fit(classifier(), **options)


def test_wrong_weights_of_a_cost():
    for weights, error in (([1], ValueError), (["a"] * 2, TypeError), ([0, 0], ValueError), ([1, np.nan], ValueError)):
        with pytest.raises(error, match=r"^quadratic: weights "):
            tg.costs.quadratic(np.ones((2, 1)), np.ones((2, 1)), weights)


# --- Clipping and schedules ---------------------------------------------------------------------------------


@BOTH
def test_a_long_gradient_is_made_shorter(compiled):
    net, by_hand = classifier(), classifier()
    lr, longest = 0.5, 1e-2
    fit(net, optimizer=optim.SGD(net.parameters(), lr), epochs=1, clip_norm=longest, compiled=compiled)
    tg.costs.cross_entropy(by_hand(X), LABELS).backward()
    grads = [p.grad for p in by_hand.parameters()]
    norm = np.sqrt(sum(np.sum(g * g) for g in grads))
    assert norm > 2 * longest
    for p, q, g in zip(net.parameters(), by_hand.parameters(), grads, strict=True):
        np.testing.assert_allclose(p.data, q.data - lr * g * longest / (norm + 1e-6), rtol=1e-10)


@BOTH
def test_a_short_gradient_stays(compiled):
    one, other = classifier(), classifier()
    fit(one, clip_norm=1e6, compiled=compiled)
    fit(other, compiled=compiled)
    np.testing.assert_allclose(one.flatten(), other.flatten(), rtol=1e-12)


def test_a_schedule_takes_a_step_after_each_epoch():
    net = classifier()
    optimizer = optim.SGD(net.parameters(), 1.0)
    seen = []
    fit(
        net,
        optimizer=optimizer,
        schedule=optim.StepLR(optimizer, 1, 0.5),
        callbacks=[lambda _: seen.append(optimizer.lr)],
    )
    assert seen == [0.5, 0.25, 0.125]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clip_norm": 0}, ValueError, "fit: clip_norm must be positive, not 0"),
        ({"clip_norm": "1"}, TypeError, "fit: clip_norm must be a number"),
        ({"schedule": 0.1}, TypeError, "fit: schedule must be one of tg.optim"),
        ({"callbacks": print}, TypeError, "fit: callbacks must be a list of functions"),
        ({"callbacks": [1]}, TypeError, "fit: callbacks must be a list of functions"),
        ({"keep_best": "yes"}, TypeError, "fit: keep_best must be True or False"),
        ({"resume": True}, ValueError, "fit: resume=True needs the file to go on from"),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        fit(classifier(), **options)


# --- Callbacks, early stopping, the best epoch ----------------------------------------------------------------


def test_a_callback_sees_every_epoch_and_may_end_the_run():
    seen = []
    history = fit(classifier(), epochs=10, callbacks=[lambda h: seen.append(h.epochs), lambda h: h.epochs == 4])
    assert seen == [1, 2, 3, 4]
    assert history.epochs == 4
    assert not history.interrupted


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 4), st.sampled_from([0.0, 1.0]))
def test_early_stopping_waits_as_long_as_it_says(costs, patience, min_delta):
    stop = tg.early_stopping(patience, min_delta)
    waited, lowest = 0, np.inf
    for n, cost in enumerate(costs, start=1):
        waited, lowest = (0, cost) if cost < lowest - min_delta else (waited + 1, lowest)
        assert stop(tg.History(cost=[9.0], validation_cost=[float(c) for c in costs[:n]])) == (waited >= patience)
        if waited >= patience:
            break


def test_wrong_early_stopping():
    with pytest.raises(ValueError, match=r"^early_stopping: patience must be at least 1, not 0"):
        tg.early_stopping(0)
    with pytest.raises(ValueError, match=r"^early_stopping: min_delta must be 0 or more"):
        tg.early_stopping(1, -1)


def test_the_best_epoch_is_kept():
    net, seen = classifier(), []
    optimizer = optim.SGD(net.parameters(), 10.0)  # too large: the cost jumps
    history = fit(
        net, optimizer=optimizer, epochs=12, batch_size=3, keep_best=True, validation=(X[:6], LABELS[:6]),
        callbacks=[lambda _: seen.append(bits(net))],
    )  # fmt: skip
    best = int(np.argmin(history.validation_cost))
    assert 0 < best < 12
    assert history.kept == best
    assert bits(net) == seen[best - 1]
    assert fit(classifier()).kept is None


# --- Checkpoints --------------------------------------------------------------------------------------------


def noisy(seed=0):
    return Sequential(Linear(2, 4, rng=seed), tg.tanh, Dropout(0.3, rng=seed), Linear(4, 2, rng=seed + 1))


MODELS = {"MLP": (classifier, "cross_entropy"), "dropout": (noisy, "cross_entropy_with_logits")}
OPTIMIZERS = {
    "momentum": lambda params: optim.SGD(params, 0.5, momentum=0.9),
    "Adam": lambda params: optim.Adam(params, 0.1),
    "RMSprop": lambda params: optim.RMSprop(params, 0.01),
}


def run(model, optimizer, epochs, path=None, resume=False):
    make, cost = MODELS[model]
    net = make()
    chosen = OPTIMIZERS[optimizer](net.parameters())
    history = fit(
        net, optimizer=chosen, schedule=optim.CosineAnnealingLR(chosen, 8), epochs=epochs, cost=cost, batch_size=5,
        validation=(X[:4], LABELS[:4]), keep_best=True, checkpoint=path, resume=resume, compiled=model == "MLP",
    )  # fmt: skip
    state = [np.asarray(part).tobytes() for s in chosen.state for part in s]
    return bits(net), state, chosen.lr, {k: v for k, v in vars(history).items() if k != "advice"}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_goes_on_ends_with_the_same_bits(model, optimizer, tmp_path):
    whole = run(model, optimizer, 6)
    for epochs in (0, 2, 4, 6, 6):
        parts = run(model, optimizer, epochs, tmp_path / "run.npz", resume=True)
        assert epochs in (0, 2, 4) or parts == whole


def test_a_run_that_was_stopped_stays_so(tmp_path):
    options = {"checkpoint": tmp_path / "run.npz", "epochs": 9, "callbacks": [lambda h: h.epochs == 2]}
    assert fit(classifier(), **options).epochs == 2
    assert fit(classifier(), **options, resume=True).epochs == 2


def test_ctrl_c_and_on(tmp_path):
    def impatient(history):
        if history.epochs == 2:
            raise KeyboardInterrupt

    net, whole = classifier(), classifier()
    path = tmp_path / "run.npz"
    assert fit(net, checkpoint=path, callbacks=[impatient]).interrupted
    fit(net, checkpoint=path, resume=True)
    fit(whole)
    assert bits(net) == bits(whole)


def test_a_checkpoint_is_not_written_over(tmp_path):
    (tmp_path / "run.npz").write_bytes(b"dear")
    with pytest.raises(FileExistsError, match=r"^fit: the checkpoint run.npz is there already; resume=True"):
        fit(classifier(), checkpoint=tmp_path / "run.npz")
    assert (tmp_path / "run.npz").read_bytes() == b"dear"


def spoiled(path, how):
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif how == "no file of ours":
        np.savez(path, a=np.ones(3))
    else:
        content = path.read_bytes()
        at = content.index(b'"settings"')
        path.write_bytes(content[:at] + b"[" + content[at + 1 :])


@pytest.mark.parametrize("how", ["cut", "no file of ours", "text"])
def test_a_damaged_checkpoint_changes_nothing(how, tmp_path):
    path = tmp_path / "run.npz"
    fit(classifier(), checkpoint=path)
    spoiled(path, how)
    net = classifier(7)
    before = bits(net)
    with pytest.raises(ValueError, match=r"^fit: "):
        fit(net, checkpoint=path, resume=True)
    assert bits(net) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [({"batch_size": 4}, "batch_size 12, not 4"), ({"cost": "quadratic"}, "cost 'cross_entropy', not 'quadratic'")],
)
def test_a_checkpoint_of_another_run(options, words, tmp_path):
    fit(classifier(), checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match=words):
        fit(classifier(), checkpoint=tmp_path / "run.npz", resume=True, **options)
    with pytest.raises(ValueError, match="model/W1 has shape"):
        fit(MLP([2, 5, 2], output="softmax"), checkpoint=tmp_path / "run.npz", resume=True)


KILLED = """
import sys
import numpy as np
import tinygrad_edu as tg
x = np.random.default_rng(0).normal(size=(40, 2))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
net = tg.nn.MLP([2, 8, 2], output="softmax", rng=0)
print("begin", flush=True)
history = tg.fit(
    net, x, y, cost="cross_entropy", optimizer=tg.optim.Adam(net.parameters(), 0.01), epochs=150, batch_size=4, rng=1,
    progress=False, compiled=False, checkpoint=sys.argv[1] or None, resume=bool(sys.argv[1]),
)
print(net.flatten().tobytes().hex(), history.cost)
"""


def test_killed_at_any_time_it_goes_on_to_the_same_bits(tmp_path):
    def start(path):
        process = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, encoding="utf-8")
        assert process.stdout.readline() == "begin\n"
        return process

    whole = start("").communicate(timeout=120)[0]
    for delay in (0.05, 0.13, 0.2, 0.31):
        process = start(str(tmp_path / "run.npz"))
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.returncode in (0, -signal.SIGKILL)
    assert start(str(tmp_path / "run.npz")).communicate(timeout=120)[0] == whole


@pytest.mark.parametrize("options", [{}, {"compiled": False}, {"shards": 2}], ids=str)
def test_a_mini_batch_that_does_not_count_is_refused(options):
    net = classifier()
    weights = np.zeros(len(X))
    weights[0] = 1.0
    before = bits(net)
    with pytest.raises(ValueError, match=r"^fit: all examples of a mini-batch have weight 0; take a larger batch_size"):
        fit(net, sample_weight=weights, batch_size=3, epochs=1, **options)
    assert bits(net) == before
