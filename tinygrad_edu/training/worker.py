"""What runs in a worker: it keeps functions and data that it has been sent, and answers tasks that name them."""

from __future__ import annotations

import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from threading import RLock, local
from typing import Any, NamedTuple
from uuid import uuid4

Name = tuple[int, ...]

FUNCTION: Name = ()
"""The name of the function itself; data have names of one number or more, the first of which is that of a data set."""

MOST_OWNERS = 8
"""A worker keeps what belongs to so many callers at most, those that it has heard of last."""


class Owner(NamedTuple):
    """Whose functions and data these are: a process, and a number in it."""

    process: str
    number: int


@dataclass(frozen=True)
class Task:
    """A call of a function that the worker has, or is sent along, with data likewise."""

    number: int
    """No two tasks are equal, so that no executor takes one for the other."""
    owner: Owner
    data: Name
    arguments: tuple[Any, ...]
    parcels: Mapping[Name, Any]
    """What is sent along."""
    living: Mapping[int, tuple[int, ...]]
    """The owners in that process that are still there, and their data sets; the rest can be forgotten."""


@dataclass(frozen=True)
class Missing:
    """The answer of a worker that has not been sent these."""

    names: tuple[Name, ...]


_program = uuid4().hex[:16]
_lock = RLock()  # the garbage collector may call `forget` at any time
_kept: OrderedDict[Owner, dict[Name, Any]] = OrderedDict()
_here = set[Owner]()
_of_this_thread = local()  # its functions: a compiled program runs in one thread at a time


def this_process() -> str:
    """A name that no other process has, on whatever machine, nor one that was forked from this."""
    return f"{_program}-{os.getpid()}"


def work(task: Task) -> Any:
    """The result of a task, or what is missing for it."""
    with _lock:
        mine = _remembered(task)
    missing = tuple(name for name in (FUNCTION, task.data) if name not in mine)
    if missing:
        return Missing(missing)
    f = _loaded(task.owner, mine[FUNCTION])
    return with_one_thread(f, mine[task.data], *task.arguments, for_good=not is_here(task.owner))


def is_here(owner: Owner) -> bool:
    """Whether tasks of this process have been run by it, in other threads: then nothing is sent, all is at hand."""
    return owner in _here


def forget(owner: Owner) -> None:
    """Drop what belongs to an owner, in this process."""
    with _lock:
        _kept.pop(owner, None)
        _here.discard(owner)


def _remembered(task: Task) -> dict[Name, Any]:
    """What is there of the owner, with what has just come; what nobody can ask for again is dropped."""
    for owner in list(_kept):
        if owner.process == task.owner.process and owner.number not in task.living:
            forget(owner)
    data_sets = task.living[task.owner.number]
    mine = _kept.pop(task.owner, {}) | dict(task.parcels)
    if task.owner.process == this_process():
        _here.add(task.owner)
        data_sets = ()  # they come along each time, and are gone when the caller drops them
    _kept[task.owner] = {name: x for name, x in mine.items() if name == FUNCTION or name[0] in data_sets}  # the latest
    while len(_kept) > MOST_OWNERS:
        forget(next(iter(_kept)))
    return mine


def _loaded(owner: Owner, pickled: bytes) -> Callable[..., Any]:
    """The function, unpickled once in each thread."""
    functions: dict[Any, Callable[..., Any]] = vars(_of_this_thread)
    for other in [o for o in functions if o != owner and o not in _kept]:
        del functions[other]
    if owner not in functions:
        try:
            functions[owner] = pickle.loads(pickled)
        except Exception as error:
            raise TypeError(
                f"sharded: a worker cannot load the function ({type(error).__name__}: {error}); functions of a "
                "notebook or of a script need cloudpickle (pip install cloudpickle), those of a module must be "
                "importable where the worker runs"
            ) from error
    return functions[owner]


# --- Threads of BLAS --------------------------------------------------------------------------------------


class _Blas:
    """The libraries of this process whose threads can be set."""

    controller: Any = None
    modules = 0
    """So many had been imported when they were looked for: with another one, another BLAS may have come."""


def with_one_thread(f: Callable[..., Any], *args: Any, for_good: bool = False) -> Any:
    """``f(*args)``, with one thread for matrix products: with more of them, the last bits of a sum may be others.

    ``for_good`` leaves it at that, as in a worker process: where tasks overlap, nobody knows which of them is the last.
    """
    for _ in range(2):
        limit = one_thread()
        with nullcontext() if for_good else limit:
            result = f(*args)
        if len(sys.modules) == _Blas.modules:
            break  # else the call has imported something, perhaps a BLAS with all its threads
    return result


def one_thread() -> Any:
    """Limit the threads of BLAS to one, from now on; as a context, until it ends."""
    if _Blas.controller is None or len(sys.modules) != _Blas.modules:
        _Blas.controller, _Blas.modules = _controller(), len(sys.modules)
    return _Blas.controller.limit(limits=1)


def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError as error:
        raise ImportError(
            f"sharded: threadpoolctl, which sets the threads of BLAS, is not installed ({error}); install it with: "
            'pip install "tinygrad_edu[cluster]"'
        ) from error
    return ThreadpoolController()
