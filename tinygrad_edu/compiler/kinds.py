"""What a program is written for: everything about the arguments that it depends on.

Arrays: their shapes and dtypes. Numbers, text, slices and the like: their values. Functions, types and modules: which
they are. Any other object: its attributes, and theirs in turn, with the contents of arrays; tensors in it are read at
every call, so it is enough to know which they are.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator
from operator import is_
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import content
from tinygrad_edu.engine import Node

Guard = Callable[[tuple[Any, ...], dict[str, Any]], bool]

_KNOWN_BY_ITSELF = (FunctionType, BuiltinFunctionType, ModuleType, type, np.ufunc, np.dtype, type(np.sum))
_OPEN = (dict, list, tuple, deque, slice, functools.partial, MethodType)
_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def kinds(x: Any, arrays: bool = True) -> Iterator[Any]:
    """Everything about (nested) arguments that the program depends on; or everything but the ``arrays``.

    Raises
    ------
    TypeError
        For an argument that can be read only once, or changes without showing it.
    """
    if type(x) is np.ndarray and not arrays:
        return
    yield type(x)
    if isinstance(x, np.ndarray):
        yield x.shape
        yield x.dtype
    elif isinstance(x, list | tuple):
        yield len(x)
        for part in x:
            yield from kinds(part, arrays)
    elif isinstance(x, dict):
        yield tuple(x)
        for part in x.values():
            yield from kinds(part, arrays)
    else:
        yield value_of_static(x)


def value_of_static(x: Any) -> Any:
    """What tells apart values that are a part of the program: 1.0 from -0.0 and NaN, and objects by what is in them."""
    if isinstance(x, float | complex):
        return repr(x)
    if isinstance(x, int | str | bytes | None):
        return x
    return tuple(_inside(x, {}))


def _inside(x: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """The kind of an object and of everything in it; ``seen`` is filled with what has been looked into."""
    yield type(x)
    if isinstance(x, float | complex | int | str | bytes | None):
        yield value_of_static(x)
    elif isinstance(x, Node):
        yield id(x), x.requires_grad, x.value.shape, x.value.dtype
    elif isinstance(x, _KNOWN_BY_ITSELF) or hasattr(x, "__wrapped__"):
        yield x if isinstance(x, np.dtype) else id(x)
    elif id(x) in seen:
        yield list(seen).index(id(x))
    elif isinstance(x, np.ndarray | np.generic):
        seen[id(x)] = x
        yield np.shape(x), x.dtype, id(x) if x.dtype.hasobject else content(np.asarray(x))
    elif isinstance(x, set | frozenset):
        seen[id(x)] = x
        yield frozenset(tuple(_inside(part, {})) for part in x)
    elif (parts := _parts(x)) is not None:
        seen[id(x)] = x
        yield tuple(parts)
        if _hides_something(x):
            yield x if type(x).__hash__ is not None else id(x)
        for part in parts.values():
            yield from _inside(part, seen)
    elif isinstance(x, Iterator) or type(x).__hash__ is None:
        raise TypeError(
            f"compile: what is in an argument of type {type(x).__name__} can be read only once, or changes without "
            "notice, and a program is written for arguments that stay; pass arrays, numbers, or lists of them"
        )
    else:
        yield x  # equal ones are the same: a range, a date


def _parts(x: Any) -> dict[Any, Any] | None:
    """What is in an object, by name or place; None if it shows nothing."""
    if isinstance(x, dict):
        return x
    if isinstance(x, list | tuple | deque):
        return dict(enumerate(x))
    if isinstance(x, slice):
        return {"start": x.start, "stop": x.stop, "step": x.step}
    if isinstance(x, functools.partial):
        return {"func": x.func, "args": x.args, "keywords": x.keywords}
    if isinstance(x, MethodType):
        return {"func": x.__func__, "self": x.__self__}
    slots = {name: getattr(x, name) for name in _slots(type(x)) if hasattr(x, name)}
    return {**slots, **vars(x)} if hasattr(x, "__dict__") else slots or None


def _hides_something(x: Any) -> bool:
    """Whether a class of an object is not written in Python, and so may keep what no attribute shows."""
    if isinstance(x, _OPEN):
        return False
    return not all(kind.__flags__ & _WRITTEN_IN_PYTHON for kind in type(x).__mro__[:-1])


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name.startswith("__") and not name.endswith("__"):
                yield f"_{base.__name__.lstrip('_')}{name}"
            elif name not in ("__dict__", "__weakref__"):
                yield name


# --- The guard: the same question, answered quickly -----------------------------------------------------------------


def guard(args: tuple[Any, ...], kwargs: dict[str, Any], owner: Any = None, arrays: bool = True) -> Guard:
    """A function that tells quickly whether other arguments are of the same kinds as these; ``arrays`` are too.

    It stands in the way of every call, so it is written out: unpack everything, then compare one tuple. Objects must
    be the same ones, with the same things in them, as must the ``owner`` of the function; equal ones take longer.
    """
    question = _Question(arrays)
    question.look("args", args)
    if kwargs:
        question.look("kwargs", kwargs)
    else:
        question.found.append("len(kwargs)")
        question.expected.append(0)
    if owner is not None:
        tuple(_inside(owner, question.objects))
    answer = f"({', '.join(question.found)},) == expected"
    text = "\n".join(
        [
            "def fits(args, kwargs):",
            "    try:",
            *question.lines,
            f"        return {answer}{' and unchanged()' if question.objects else ''}",
            "    except (TypeError, ValueError, AttributeError):  # another structure",
            "        return False",
        ]
    )
    made: dict[str, Any] = {"static": value_of_static, "expected": tuple(question.expected), "kept": question.kept}
    made["unchanged"] = _watched(list(question.objects.values()))
    exec(compile(text, "<kinds>", "exec"), made)
    fits: Guard = made["fits"]
    return fits


class _Question:
    """What the guard asks.

    Attributes
    ----------
    lines : list of str
        Statements that unpack the arguments.
    found, expected : list
        Expressions that give the kinds of the arguments, and what they should give.
    objects : dict
        What has been looked into.
    kept : list
        Objects that are known by their identity, so that none is used again.
    """

    def __init__(self, arrays: bool) -> None:
        self._arrays = arrays
        self._names = (f"x{i}" for i in range(10**9))
        self.lines: list[str] = []
        self.found: list[str] = []
        self.expected: list[Any] = []
        self.objects: dict[int, Any] = {}
        self.kept: list[Any] = []

    def look(self, name: str, x: Any) -> None:
        """Ask about an argument, or a part of one."""
        if type(x) is np.ndarray and not self._arrays:
            return
        self._ask(f"type({name})", type(x))
        if isinstance(x, np.ndarray):
            self._ask(f"{name}.shape", x.shape)
            self._ask(f"{name}.dtype", x.dtype)
        elif isinstance(x, list | tuple | dict):
            self._ask(f"tuple({name})" if isinstance(x, dict) else f"len({name})", _keys(x))
            parts = [next(self._names) for _ in x]
            if parts:
                values = f"{name}.values()" if isinstance(x, dict) else name
                self.lines.append(f"        {', '.join(parts)}, = {values}")
            for part, value in zip(parts, x.values() if isinstance(x, dict) else x, strict=True):
                self.look(part, value)
        elif isinstance(x, float | complex | int | str | bytes | slice | None):
            self._ask(f"static({name})", value_of_static(x))
        else:
            self._ask(f"id({name})", id(x))
            self.kept.append(x)
            tuple(_inside(x, self.objects))

    def _ask(self, expression: str, expected: Any) -> None:
        self.found.append(expression)
        self.expected.append(expected)


def _keys(x: Any) -> Any:
    return tuple(x) if isinstance(x, dict) else len(x)


def _watched(objects: list[Any]) -> Callable[[], bool]:
    """A function that tells whether what is in these objects is what is in them now."""
    contents = [(x, content(x)) for x in objects if isinstance(x, np.ndarray) and not x.dtype.hasobject]
    readers = [reader for x in objects if (reader := _reader(x)) is not None]
    parts = [(read, read()) for read in readers]

    def unchanged() -> bool:
        for read, before in parts:
            now = read()
            if len(now) != len(before) or not all(map(is_, now, before)):
                return False
        return all(content(x) == before for x, before in contents)

    return unchanged


def _reader(x: Any) -> Callable[[], list[Any]] | None:
    """A function that gives what is in an object; None for what cannot change, or is known by itself."""
    if isinstance(x, (np.ndarray, np.generic, tuple, frozenset, slice, MethodType, *_KNOWN_BY_ITSELF)):
        return None
    if isinstance(x, list | set | deque):
        return lambda: list(x)
    if isinstance(x, dict):
        return lambda: [*x, *x.values()]
    if hasattr(x, "__dict__") and not any(_slots(type(x))):
        attributes = vars(x)
        return lambda: [*attributes, *attributes.values()]
    return lambda: [part for pair in (_parts(x) or {}).items() for part in pair]


def owner_of(f: Callable[..., Any]) -> Any:
    """The object whose method, or call, a function is; None for a function of its own."""
    if isinstance(f, MethodType):
        return f.__self__
    is_function = isinstance(f, (*_KNOWN_BY_ITSELF, functools.partial)) or hasattr(f, "__wrapped__")
    return None if is_function else f
