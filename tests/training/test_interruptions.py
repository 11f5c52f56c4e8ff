"""Ctrl-C at every line: `fit` stops after a whole number of steps, with a history to match, and nothing is left open."""

import inspect
import signal
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.compiler import Program
from tinygrad_edu.engine import is_recording, is_watched
from tinygrad_edu.engine.modes import current_scope
from tinygrad_edu.nn import MLP
from tinygrad_edu.training import History

PACKAGE = Path(tg.__file__).parent
ROOMS = TRAINING, _, ENGINE = tuple(str(PACKAGE / room) for room in ("training", "optim", "engine"))
EVERY_TIME = settings.default.max_examples > 1000  # --hypothesis-profile=thorough: each line, every time it is run

X = np.random.default_rng(0).normal(size=(6, 2))
Y = (X[:, :1] > 0).astype(float)
STEPS = 3  # in an epoch
EPOCHS = 2

OPTIMIZERS = {
    "momentum": lambda params: optim.SGD(params, 0.5, momentum=0.9),
    "Adam": lambda params: optim.Adam(params, 0.1),
}
EVERY = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
EACH = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


class Run:
    """A network and its optimiser, and `fit` for them."""

    def __init__(self, make, compiled):
        self.net = MLP([2, 2, 1], rng=0)
        self.optimizer = make(self.net.parameters())
        self.options = {
            "cost": "binary_cross_entropy", "optimizer": self.optimizer, "epochs": EPOCHS, "batch_size": 2,
            "validation": (X[:2], Y[:2]), "rng": 0, "progress": False, "compiled": compiled,
        }  # fmt: skip

    def fit(self):
        return tg.fit(self.net, X, Y, **self.options)

    def bits(self):
        """All that a step changes."""
        values = [p.numpy() for p in self.optimizer.params]
        return [np.asarray(a).tobytes() for a in [*values, *(part for state in self.optimizer.state for part in state)]]


def states_after_each_step(make, compiled, monkeypatch):
    """The bits after 0, 1, 2, … steps, and the history."""
    run = Run(make, compiled)
    states = [run.bits()]
    move, steps = optim.Optimizer.move, Program.steps

    def watched(self, *args):
        for left in steps(self, *args):
            arrays = [*(value for value, _ in left), *(part for _, state in left for part in state)]
            states.append([np.asarray(a).tobytes() for a in arrays])
            yield left

    with monkeypatch.context() as patch:
        patch.setattr(optim.Optimizer, "move", lambda self, moved: (move(self, moved), states.append(run.bits())))
        patch.setattr(Program, "steps", watched)
        history = run.fit()
    states = [state for i, state in enumerate(states) if i == 0 or state != states[i - 1]]
    assert len({tuple(state) for state in states}) == len(states) == STEPS * EPOCHS + 1
    return states, history


def traced(call, at_line, files=ROOMS):
    """Call, and tell of every line that is run in these files."""

    def trace(frame, event, arg):
        if not frame.f_code.co_filename.startswith(files):
            return None
        if event == "line":
            at_line(frame.f_code.co_filename, frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(before)


def moments(make, compiled):
    """When to interrupt, (file, line, how often it was run before): every line the first time and the last, those of
    `training` every time; or, as compiling takes long, those of `training` and `optim` first, in the middle, and last.
    """
    times = Counter()
    traced(Run(make, compiled).fit, lambda *line: times.update([line]))
    for (file, line), n in times.items():
        if EVERY_TIME or (not compiled and file.startswith(TRAINING)):
            at = range(n)
        elif compiled:
            at = {0, n // 2, n - 1} if not file.startswith(ENGINE) else ()
        else:
            at = {0, n - 1}
        yield from ((file, line, k) for k in at)


def interrupted(make, compiled, file, line, k):
    """A run that is interrupted there: itself, its history or None, and the line of `fit` that let Ctrl-C out."""
    run = Run(make, compiled)
    times = iter(range(10**9))

    def at_line(_, now):
        if now == line and next(times) == k:
            raise KeyboardInterrupt

    try:
        return run, traced(run.fit, at_line, file), None
    except KeyboardInterrupt as caught:
        lines = [line for frame, line in traceback.walk_tb(caught.__traceback__) if frame.f_code is tg.fit.__code__]
        return run, None, lines[0]


def begin_of_training():
    """The line of `fit` from which it catches Ctrl-C."""
    lines, first = inspect.getsourcelines(tg.fit)
    return first + [line.strip() for line in lines].index("try:")


def check(run, history, states, whole):
    """As after a whole number of steps, and an entry for every epoch."""
    bits = run.bits()
    assert bits in states
    steps = states.index(bits)
    history = history or History()
    lists = [(values, getattr(whole, name)) for name, values in vars(history).items() if isinstance(values, list)]
    entries = len(history.cost)
    assert all(values == complete[:entries] for values, complete in lists)
    assert {len(values) for values, _ in lists} == {entries}
    assert entries == steps // STEPS + 1 or (entries == steps // STEPS and steps % STEPS == 0)  # not measured yet
    assert is_recording()
    assert current_scope() is None
    assert not is_watched()
    assert np.geterr()["divide"] == "warn"
    return steps


@pytest.mark.long
@EVERY
@EACH
def test_ctrl_c_at_every_line(make, compiled, monkeypatch):
    states, whole = states_after_each_step(make, compiled, monkeypatch)
    begin = begin_of_training()
    seen = set()
    some = slice(None, None, 3 if compiled and not EVERY_TIME else 1)  # a compiled run begins with its compiling
    for moment in list(moments(make, compiled))[some]:
        run, history, escaped = interrupted(make, compiled, *moment)
        if escaped is None:
            assert history.interrupted
        else:
            assert escaped <= begin
            assert run.bits() == states[0]
        seen.add(check(run, history, states, whole))
    everywhere = set(range(STEPS * EPOCHS + 1))
    assert seen == everywhere if not compiled else len(seen) > 2


class OneByOne(optim.SGD):
    """Moves one parameter after the other, as it is not done."""

    def move(self, moved):
        for i, (p, (value, state)) in enumerate(zip(self.params, moved, strict=True)):
            p.replace(value)
            self.state[i] = state


def test_an_update_that_can_be_interrupted_would_be_found(monkeypatch):
    make = lambda params: OneByOne(params, 0.5, momentum=0.9)
    states, _ = states_after_each_step(OPTIMIZERS["momentum"], False, monkeypatch)
    lines, first = inspect.getsourcelines(OneByOne.move)
    torn = [
        interrupted(make, False, __file__, first + i, k)[0].bits() not in states
        for i in range(1, len(lines))
        for k in range(4)
    ]
    assert any(torn)
    assert not all(torn)


@EACH
def test_a_step_by_hand_is_all_or_nothing_at_every_line(make):
    def started():
        run = Run(make, False)
        tg.costs.quadratic(run.net(X), Y).backward()
        return run

    moved = started()
    moved.optimizer.step()
    states = [started().bits(), moved.bits()]
    times = Counter()
    traced(started().optimizer.step, lambda *line: times.update([line]))
    found = Counter()
    for (file, line), n in times.items():
        for k in range(n):
            run, count = started(), iter(range(10**9))

            def at_line(_, now, line=line, k=k, count=count):
                if now == line and next(count) == k:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                traced(run.optimizer.step, at_line, file)
            found[states.index(run.bits())] += 1
    assert found[0] == sum(times.values())  # the last line to be run is the one that moves everything


SIGNALS = """
import signal
import subprocess
import sys

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine import is_recording, is_watched

x, y = np.linspace(-1, 1, 6).reshape(6, 1), np.array([[0.0], [1.0]] * 3)
params = [tg.Tensor(np.full(1, float(i)), requires_grad=True) for i in range(20)]  # enough to be hit at work


def fit(optimizer, epochs):
    return tg.fit(
        lambda x: x * sum(params), x, y, cost="quadratic", optimizer=optimizer, epochs=epochs, batch_size=6, rng=0,
        progress=False, compiled=sys.argv[1] == "True",
    )


fit(tg.optim.SGD(params, 1e-4, momentum=0.9), 1)  # what it imports must not be left half imported
signal.signal(signal.SIGALRM, signal.default_int_handler)
stopped = 0
for turn in range(12):
    for i, p in enumerate(params):
        p.data = np.full(1, float(i))
    optimizer = tg.optim.SGD(params, 1e-4, momentum=0.9)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02 + turn * 1.3e-3)
        stopped += fit(optimizer, 10_000).interrupted
    except KeyboardInterrupt:
        pass
    # All parameters have the same gradient: each has gone as far as the others.
    assert np.ptp([p.item() - i for i, p in enumerate(params)]) < 1e-9
    assert len({v.tobytes() for (v,) in optimizer.state}) == 1
    assert is_recording()
    assert not is_watched()
print(stopped)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm clock")
@EVERY
def test_real_signals_at_any_time(compiled):
    """Ctrl-C as the system sends it, after more and more microseconds.

    In a process of its own, where there is nothing that the signal could hit instead: a measurer of coverage, or what
    others let the garbage collector call, in which Python only reports it.
    """
    done = subprocess.run(
        [sys.executable, "-c", SIGNALS, str(compiled)], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


IN_A_PROGRAM = """
import sys

import numpy as np

import tinygrad_edu as tg

made = []


def at_its_definition(frame, event, arg):
    if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith("<"):
        made.append(frame.f_code.co_filename)
        if len(made) == int(sys.argv[1]):
            raise KeyboardInterrupt


def fit(*layers):
    net, x, y = tg.nn.MLP([*layers, 1], rng=0), np.ones((4, layers[0])), np.ones((4, 1))
    sgd = tg.optim.SGD(net.parameters(), 0.1)
    return tg.fit(net, x, y, cost="quadratic", optimizer=sgd, epochs=1, batch_size=4, rng=0, progress=False)


fit(1)  # what it imports has definitions of its own
sys.settrace(at_its_definition)
history = fit(2, 2)
sys.settrace(None)
print(len(made), history.interrupted)
"""


@pytest.mark.parametrize("which", [1, 2])
def test_ctrl_c_while_a_program_is_defined_is_not_the_end_of_the_process(which):
    """`exec` of a text would leave a mark, and Python, at its end, kill itself as if Ctrl-C had not been handled."""
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROGRAM, str(which)], capture_output=True, encoding="utf-8", timeout=120
    )
    assert (done.returncode, done.stdout) == (0, f"{which} True\n"), done.stderr
