"""What a program says about its recording: whether, under which names, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tinygrad_edu.engine.graph import Node, next_index

Reader = Callable[[Node, str], None]
P = ParamSpec("P")
R = TypeVar("R")

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)
_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())
_readers: ContextVar[tuple[Reader, ...]] = ContextVar("readers", default=())

is_recording = _recording.get  # whether operations on tensors are recorded here and now
current_scope = _scope.get
_enter_scope = _scope.set
watchers = _watchers.get


# --- Recording, or not ------------------------------------------------------------------------------------


class recording(ContextDecorator):  # noqa: N801 - used like no_grad
    """``with recording(False):`` switches recording off, or on again, for this thread or async task."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._tokens: list[Token[bool]] = []  # one per entry: the object may be entered again while it is active

    def __enter__(self) -> None:
        self._tokens.append(_recording.set(self._on))

    def __exit__(self, *exc: object) -> None:
        _recording.reset(self._tokens.pop())

    def _recreate_cm(self) -> recording:  # as a decorator: one object per call, so that threads do not share it
        return recording(self._on)


def no_grad() -> recording:
    """A context, or decorator, in which nothing is recorded: results are constants.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return recording(False)


# --- Scopes -----------------------------------------------------------------------------------------------


class Scope:
    """``with scope(name):`` marks the nodes made within as parts of one thing; drawings fold it into a box.

    A new one for each stretch of the program (``sigmoid``, a layer, a cost); `outer` is the one around it.
    """

    __slots__ = ("name", "outer", "serial")  # the serial number tells two calls of one function apart

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.outer = current_scope()
        self.serial = next_index()
        _enter_scope(self)

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        _enter_scope(self.outer)

    def path(self) -> list[Scope]:
        """From the outermost scope to this one."""
        return [*(self.outer.path() if self.outer else []), self]


scope = Scope  # reads as `no_grad` and `recording` do


def scoped(fn: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a `scope` of its own name."""
    name = fn.__name__

    @wraps(fn)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with scope(name):
            return fn(*args, **kwargs)

    return wrapper


# --- Whoever looks on -------------------------------------------------------------------------------------


class Watcher:
    """Somebody who looks on while a program is recorded and walked. This base looks away; see `watching`."""

    records_all = False
    """Whether calls through which no gradient flows must be recorded as well."""

    def recorded(self, node: Node) -> None:
        """An operation was recorded."""

    def constant(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], values: list[Any], value: Any
    ) -> Any:
        """A call through which no gradient flows gave ``value``; what is returned stands for it."""
        return value

    def walked(self, steps: Iterator[Any], received: dict[Node, Any]) -> Iterator[Any]:
        """A backward pass begins: its steps, to be handed on one by one (see `contributions`)."""
        return steps

    def read(self, node: Node, how: str) -> None:
        """The value is about to leave the graph, by ``.item()`` or an ``if``, or to be set (``.data = …``)."""


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Within this context the watcher is told of everything, as are those around it."""
    token = _watchers.set((*_watchers.get(), watcher))
    try:
        with reading(watcher.read):
            yield
    finally:
        _watchers.reset(token)


class reading:  # noqa: N801 - used like no_grad
    """Within this context ``reader(node, how)`` is told whenever a value leaves the graph or is set; it may object."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        self._token = _readers.set((*_readers.get(), self._reader))

    def __exit__(self, *exc: object) -> None:
        _readers.reset(self._token)


def told(node: Node, how: str) -> None:
    """Tell those who want to know that the value of a node leaves the graph, or is set."""
    for reader in _readers.get():
        reader(node, how)


def is_watched() -> bool:
    """Whether somebody looks at every operation here and now."""
    return bool(_watchers.get())


def records_all() -> bool:
    """Whether every call on tensors is recorded here and now, also those through which no gradient flows."""
    watching = _watchers.get()
    return bool(watching) and any(watcher.records_all for watcher in watching)  # nearly always nobody looks on
