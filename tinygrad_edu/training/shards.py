"""Tasks for an executor of somebody else, and what comes back, added in order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, ClassVar, NamedTuple, Protocol
from weakref import WeakSet, finalize

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.errors import shown
from tinygrad_edu.training.worker import (
    FUNCTION,
    Missing,
    Name,
    Owner,
    Task,
    forget,
    is_here,
    one_thread,
    this_process,
    with_one_thread,
    work,
)
from tinygrad_edu.trees import leaves_of, tree_map

_next = count(1).__next__


class Executor(Protocol):
    """What is asked of an executor, as those of `concurrent.futures` have it."""

    def submit(self, f: Callable[..., Any], /, *args: Any) -> Any:
        """Call ``f`` somewhere; a future with ``result()`` and ``cancel()``."""


class Call(NamedTuple):
    """One call of the function of `Workers`: the name of the data, what they are, and the other arguments."""

    name: Name
    data: Any
    arguments: tuple[Any, ...]


class Workers:
    """A function and its data, known to the workers of an executor: each is sent them once, when it lacks them.

    Parameters
    ----------
    who : str
        For error messages.
    f : callable
        Called as ``f(data, *arguments)``.
    executor : Executor or None
        None calls it here.
    """

    _living: ClassVar[WeakSet[Workers]] = WeakSet()

    def __init__(self, who: str, f: Callable[..., Any], executor: Executor | None) -> None:
        check_executor(who, executor)
        self._f, self._executor = f, executor
        self._pickled = None if executor is None else _pickled(who, f)
        self._owner = Owner(this_process(), _next())
        self._sent: set[Name] = set()
        self.data_sets: tuple[int, ...] = ()
        """The numbers, which their names begin with, of those that may be asked for again."""
        self._living.add(self)
        finalize(self, forget, self._owner)  # where workers are threads

    def run(self, calls: Sequence[Call], here: bool = False) -> list[Any]:
        """The results of all calls, in their order; ``here``: in this process, without an executor."""
        if self._executor is None or here:
            answers: list[Any] = with_one_thread(self._answers, calls)
            return answers
        with one_thread():  # where workers are threads
            return self._ask(calls, self._executor)

    def _answers(self, calls: Sequence[Call]) -> list[Any]:
        return [self._f(call.data, *call.arguments) for call in calls]

    def _ask(self, calls: Sequence[Call], executor: Executor) -> list[Any]:
        """What nobody has been sent comes along at once; for the rest workers are asked, who say what they lack.

        Then each thing is sent with one task at a time: who lacks it lacks it for all tasks. The first task has all
        that it needs with it, so that it is done even where workers remember nothing.
        """
        self._sent = {name for name in self._sent if name == FUNCTION or name[0] in self.data_sets}
        wanted = {i: self._needed(call) for i, call in enumerate(calls)}
        answers: dict[int, Any] = {}
        while wanted:
            futures, sent = {}, set[Name]()
            try:
                for i, lacking in wanted.items():
                    names = lacking if is_here(self._owner) else lacking - sent
                    futures[i] = executor.submit(work, self._task(calls[i], names))
                    sent |= names
                self._sent |= sent
                answers |= {i: future.result() for i, future in futures.items()}
            except BaseException:
                for future in futures.values():
                    future.cancel()
                raise
            wanted = {i: set(answers[i].names) for i in futures if isinstance(answers[i], Missing)}
            wanted |= {i: {FUNCTION, calls[i].name} for i in list(wanted)[:1]}
        return [answers[i] for i in range(len(calls))]

    def _needed(self, call: Call) -> set[Name]:
        """What is sent with a task at first."""
        return {FUNCTION, call.name} if is_here(self._owner) else {FUNCTION, call.name} - self._sent

    def _task(self, call: Call, names: set[Name]) -> Task:
        living = {w._owner.number: w.data_sets for w in list(self._living) if w._owner.process == self._owner.process}
        parcels = {name: self._pickled if name == FUNCTION else call.data for name in sorted(names)}
        return Task(_next(), self._owner, call.name, call.arguments, parcels, living)


def check_executor(who: str, executor: Any) -> None:
    """Raise unless tasks can be submitted to it."""
    if hasattr(executor, "get_executor"):
        raise TypeError(f"{who}: executor is a client of Dask; its executor is client.get_executor(pure=False)")
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "submit", None))):
        raise TypeError(
            f"{who}: executor must be one of concurrent.futures, such as ProcessPoolExecutor(2), or have its method "
            f"submit, not {shown(executor)}"
        )


def _pickled(who: str, f: Callable[..., Any]) -> bytes:
    """By cloudpickle, where it is installed, which also takes functions of a notebook, and functions in functions."""
    try:
        from cloudpickle import dumps
    except ImportError:
        dumps = pickle.dumps
    try:
        pickled: bytes = dumps(f)
    except Exception as error:
        way_out = (
            "define it by def at the top of a module, or install cloudpickle, which takes more: "
            'pip install "tinygrad_edu[cluster]"'
            if dumps is pickle.dumps
            else "hand what cannot be pickled, such as an open file or a lock, to nobody: open it in the function"
        )
        raise TypeError(
            f"{who}: the function cannot be pickled, and so not be sent to a worker ({type(error).__name__}: {error}); "
            + way_out
        ) from error
    return pickled


def cuts(n: int, shards: int) -> list[tuple[int, int]]:
    """Where n rows are cut into so many parts, as equal as can be, none of them empty: (start, stop) of each."""
    shards = min(shards, n)
    return [(k * n // shards, (k + 1) * n // shards) for k in range(shards)]


def weighted_sum(who: str, results: Sequence[Any], shares: Sequence[float]) -> Any:
    """Σₖ shareₖ · resultₖ, added in this order, for nested containers of numbers and arrays; None stays None."""
    rows = [list(leaves_of(result)) for result in results]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{who}: the function returned something of another structure for another shard")
    sums = iter([_sum(who, parts, shares) for parts in zip(*rows, strict=True)])
    return tree_map(lambda _: next(sums), results[0])


def _sum(who: str, parts: Sequence[Any], shares: Sequence[float]) -> Any:
    if all(part is None for part in parts):
        return None
    for part in parts:
        if isinstance(part, Node) or np.asarray(part).dtype.kind not in "fiub":
            raise TypeError(
                f"{who}: the function must return numbers and arrays, means over the rows of a shard, not {shown(part)}"
            )
    if len(shapes := {np.shape(part) for part in parts}) > 1:
        raise ValueError(
            f"{who}: the function returned arrays of shapes {' and '.join(map(str, sorted(shapes)))} for shards of "
            "different sizes, so they are no means over their rows"
        )
    total = np.multiply(parts[0], shares[0])
    for part, share in zip(parts[1:], shares[1:], strict=True):
        total += np.multiply(part, share)
    return total
