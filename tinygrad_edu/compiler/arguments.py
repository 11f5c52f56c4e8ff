"""What a program is written for: the names, structure, shapes and dtypes of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import numpy as np

TAKEN = {"np", "out", "outputs", "program"}  # names that the printed text uses itself
Guard = Callable[[tuple[Any, ...], dict[str, Any]], bool]


def kinds(x: Any, arrays: bool = True) -> Iterator[Any]:
    """Everything about (nested) arguments that the program depends on; or everything but the ``arrays``."""
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
        yield _static(x)


def _static(x: Any) -> Any:
    """What tells apart values that are a part of the program: 1.0 from -0.0 and NaN, and objects by identity."""
    return repr(x) if isinstance(x, float) else x if isinstance(x, int | str | None) else id(x)


def guard(args: tuple[Any, ...], kwargs: dict[str, Any], arrays: bool = True) -> Guard:
    """A function that tells quickly whether other arguments are of the same kinds as these; ``arrays`` are too.

    It stands in the way of every call, so it is written out: unpack everything, then compare one tuple.
    """
    lines: list[str] = []
    found: list[str] = []  # expressions that give the kinds of the arguments
    names = (f"x{i}" for i in range(10**9))
    objects: list[Any] = []  # kept, so that no identity is used again
    keep: dict[str, Any] = {"static": _static, "objects": objects}

    def look(name: str, x: Any) -> None:
        if type(x) is np.ndarray and not arrays:
            return
        found.append(f"type({name})")
        if isinstance(x, np.ndarray):
            found.extend((f"{name}.shape", f"{name}.dtype"))
        elif isinstance(x, list | tuple | dict):
            parts = [next(names) for _ in x]
            found.append(f"tuple({name})" if isinstance(x, dict) else f"len({name})")
            if parts:
                values = f"{name}.values()" if isinstance(x, dict) else name
                lines.append(f"        {', '.join(parts)}, = {values}")
            for part, value in zip(parts, x.values() if isinstance(x, dict) else x, strict=True):
                look(part, value)
        else:
            found.append(f"static({name})")
            objects.append(x)

    look("args", args)
    if kwargs:
        look("kwargs", kwargs)
    else:
        found.append("len(kwargs)")
    keep["expected"] = (*kinds(args, arrays), *(kinds(kwargs, arrays) if kwargs else [0]))
    text = "\n".join(
        [
            "def fits(args, kwargs):",
            "    try:",
            *lines,
            f"        return ({', '.join(found)},) == expected",
            "    except (TypeError, ValueError, AttributeError):  # another structure",
            "        return False",
        ]
    )
    exec(text, keep)
    fits: Guard = keep["fits"]
    return fits


def parameter_names(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """The names of the arguments, as the function calls them where that can be found out."""
    names: list[str] = []
    try:
        for parameter in signature(f).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}{i}" for i in range(len(args) - len(names))]
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    except (TypeError, ValueError):  # a function that says nothing about itself
        pass
    names += [f"x{i}" for i in range(len(names), len(args))]
    return [name if name not in TAKEN else f"{name}_" for name in (*names[: len(args)], *kwargs)]


def arrays_in(parameters: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """For every array in the arguments: its name where it has one, and a name for when nothing better is known."""

    def walk(name: str, path: str, x: Any) -> Iterator[tuple[str, str]]:
        if isinstance(x, np.ndarray | np.generic):
            yield name, path
        elif isinstance(x, dict):
            for key, part in x.items():
                yield from walk(key if isinstance(key, str) else "", f"{path}_{key}", part)
        elif isinstance(x, list | tuple):
            for i, part in enumerate(x):
                field = x._fields[i] if hasattr(x, "_fields") else ""
                yield from walk(field, f"{path}_{i}", part)

    for name, x in parameters:
        yield from walk(name, name, x)
