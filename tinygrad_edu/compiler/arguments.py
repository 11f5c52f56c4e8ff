"""The names of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

import numpy as np

TAKEN = {"np", "out", "outputs", "program"}  # names that the printed text uses itself


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
