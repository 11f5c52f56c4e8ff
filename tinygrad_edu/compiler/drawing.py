"""Functions that are handed a generator of random numbers: what they draw is drawn before their program runs.

The numbers do not depend on the other arguments, so they are arguments themselves. A first run tells which are drawn;
for the program the function is handed them one after the other, and each call draws them anew, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from inspect import Parameter, Signature
from types import MethodType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler.arguments import parameter_names
from tinygrad_edu.compiler.kinds import owner_of, value_of_static
from tinygrad_edu.engine import Node
from tinygrad_edu.trees import leaves_of

Array = npt.NDArray[Any]

_METHODS = {name for name in dir(np.random.Generator) if not name.startswith("_")} - {"bit_generator", "spawn"}


def draws(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an argument is a generator."""
    return any(isinstance(x, np.random.Generator) for x in (*args, *kwargs.values()))


def without_generators(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with the type of a generator in its place: any other serves as well."""
    return _with_generators(args, kwargs, lambda place, x: np.random.Generator)


class _Draw(NamedTuple):
    """One call of a method of a generator."""

    place: int | str
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def same(self, other: _Draw) -> bool:
        """Whether another one draws the same numbers from the same generator."""
        return bool(value_of_static(self) == value_of_static(other))


class DrawingProgram:
    """A program, and what is drawn for it.

    Parameters
    ----------
    write : callable
        Makes the program of a function and its arguments.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        write: Callable[..., Any],
    ) -> None:
        self._draws: list[_Draw] = []
        drawn: list[Array] = []

        def log(generator: _Watched, draw: _Draw) -> Array:
            drawn.append(_drawn(generator.real, draw))
            self._draws.append(draw)
            return drawn[-1].copy()

        given, named = _with_generators(args, kwargs, lambda place, x: _Watched(place, deepcopy(x), log))
        f(*given, **named)
        self._like = drawn
        names = parameter_names(f, args, kwargs)
        args, kwargs = _with_generators(args, kwargs, lambda place, x: None)
        self._program = write(self._handed(f, names), (drawn, *args), kwargs)
        self.source, self.formula, self.backend = self._program.source, self._program.formula, self._program.backend

    def fits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether these arguments are of the same kinds, with generators in the same places."""
        args, kwargs = _with_generators(args, kwargs, lambda place, x: None)
        return bool(self._program.fits((self._like, *args), kwargs))

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Draw, and run."""
        generators = dict(enumerate(args)) | kwargs
        drawn = [_drawn(generators[draw.place], draw) for draw in self._draws]
        args, kwargs = _with_generators(args, kwargs, lambda place, x: None)
        return self._program.run_any((drawn, *args), kwargs)

    run_any = run

    def _handed(self, f: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
        """The function with the numbers as its first argument; of the same owner."""

        def of_numbers(drawn: list[Any], *args: Any, **kwargs: Any) -> Any:
            rest = list(zip(self._draws, drawn, strict=True))

            def hand(generator: _Watched, draw: _Draw) -> Any:
                if any(isinstance(x, Node) for x in leaves_of((draw.args, draw.kwargs))):
                    raise TypeError(
                        f"compile: .{draw.method} draws numbers whose distribution depends on other arguments, and a "
                        "program draws all numbers first; draw others, and compute with them: m + s * "
                        "rng.normal(size=(3,)), or x[rng.permutation(4)]"
                    )
                if not rest or not rest[0][0].same(draw):
                    raise TypeError(
                        f"compile: the function draws other numbers in another run (here by .{draw.method}), and the "
                        "program would not; leave it uncompiled"
                    )
                return rest.pop(0)[1]

            places = {draw.place for draw in self._draws}
            watched = {place: _Watched(place, np.random.default_rng(0), hand) for place in places}
            given = [watched.get(i, x) for i, x in enumerate(args)]
            return f(*given, **{name: watched.get(name, x) for name, x in kwargs.items()})

        parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("drawn", *names)]
        owner = owner_of(f)
        if owner is None:
            of_numbers.__signature__ = Signature(parameters)  # type: ignore[attr-defined] # functions may have one
            return of_numbers
        return MethodType(lambda _, *args, **kwargs: of_numbers(*args, **kwargs), owner)


class _Watched(np.random.Generator):
    """A generator whose draws are seen by somebody."""

    def __init__(self, place: int | str, real: np.random.Generator, draw: Callable[[_Watched, _Draw], Any]) -> None:
        super().__init__(real.bit_generator)
        self._place, self.real, self._draw = place, real, draw

    def __getattribute__(self, name: str) -> Any:
        if name not in _METHODS:
            return super().__getattribute__(name)
        return lambda *args, **kwargs: self._draw(self, _Draw(self._place, name, args, kwargs))


def _drawn(generator: np.random.Generator, draw: _Draw) -> Array:
    """What a generator draws."""
    if draw.method == "shuffle" or draw.kwargs.get("out") is not None:
        raise TypeError(
            f"compile: .{draw.method} changes an array, and the program would not; take .permutation, or what is "
            "returned"
        )
    numbers = getattr(generator, draw.method)(*draw.args, **draw.kwargs)
    if not isinstance(numbers, np.ndarray):
        raise TypeError(
            f"compile: .{draw.method} draws a number of Python, which would be a part of the program; draw an array, "
            "which has no axes with size=()"
        )
    return numbers


def _with_generators(
    args: tuple[Any, ...], kwargs: dict[str, Any], instead: Callable[[int | str, Any], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with something else in the places of generators."""

    def one(place: int | str, x: Any) -> Any:
        return instead(place, x) if isinstance(x, np.random.Generator) else x

    return tuple(one(i, x) for i, x in enumerate(args)), {name: one(name, x) for name, x in kwargs.items()}
