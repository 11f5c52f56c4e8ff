"""The compiler: record a function once, and write down the NumPy program that it is.

A run of the function is traced (`trace`), tidied up (`simplify`), its values get names (`names`) and places (`plan`),
and it is printed: as NumPy with buffers (`program`), or as mathematics (`formula`).
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import update_wrapper
from inspect import signature
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler.formula import FormulaPrinter
from tinygrad_edu.compiler.names import Names, arguments_of
from tinygrad_edu.compiler.program import NumpyPrinter
from tinygrad_edu.compiler.simplify import simplify
from tinygrad_edu.compiler.trace import trace
from tinygrad_edu.engine import Node
from tinygrad_edu.transforms import leaves_of, tree_map

Array = npt.NDArray[Any]
MOST_PROGRAMS = 16
RECYCLED_FROM = 1 << 16  # bytes; smaller arrays are allocated faster than they are looked after


def compile(f: Callable[..., Any]) -> Compiled:
    """The same function, run as a NumPy program that is derived from it once.

    The first call with arguments of some structure, shapes and dtypes records what ``f`` does with them, forwards and
    backwards, simplifies it, and prints it as a straight line of NumPy calls that write into arrays allocated once.
    Later calls run that program.

    Parameters
    ----------
    f : callable
        A function of arrays, or of nested lists, tuples and dicts of arrays; typically ``tg.value_and_grad(cost)``,
        a forward pass, ``tg.hvp(cost)``, or a whole training step. Anything else among its arguments, Python numbers
        too, is a part of the program: another value makes another program.

    Returns
    -------
    Compiled
        Called like ``f``, it returns what ``f`` returns, to rounding, in arrays that are never written again as long
        as somebody holds them. Called with a Tensor it simply runs ``f``.

    Raises
    ------
    TypeError
        At the first call, if the program would depend on values: ``if``, ``float``, ``.item()`` or ``.numpy()`` of
        something computed from the arguments, or a result whose shape follows the values (``t[mask]``).

    Notes
    -----
    Tensors that ``f`` uses without being given them, such as the parameters of a model, are read at every call, and
    results that depend on one are arrays all the same. Arrays, numbers and random numbers that it finds elsewhere are
    those of the first call. ``.source`` is the program, ``.formula`` the same without buffers, one assignment for each
    equation.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> slope = tg.compile(tg.grad(lambda x: np.sum(np.tanh(x))))
    >>> slope(np.array([0.0, 1.0]))
    array([1.        , 0.41997434])
    >>> print(slope.formula)
    import numpy as np
    <BLANKLINE>
    def program(x):
        grad_x = 1 - np.tanh(x)**2
        return grad_x
    """
    return Compiled(f)


class Compiled:
    """A function that runs as a printed NumPy program; see `compile`."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._latest: Program | None = None
        self._lock = Lock()
        update_wrapper(self, f)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of ``f`` for these arguments."""
        program = self._latest
        if program is None or not program.fits(args, kwargs):
            if any(isinstance(x, Node) for x in leaves_of((args, kwargs))):
                return self._f(*args, **kwargs)
            args, kwargs = tree_map(_as_array, args), tree_map(_as_array, kwargs)
            program = self._program_for(args, kwargs)
        return program(*args, **kwargs)

    def _program_for(self, args: Any, kwargs: dict[str, Any]) -> Program:
        with self._lock:
            key = tuple(_kinds((args, kwargs)))
            program = self._programs.get(key)
            if program is None:
                program = self._programs[key] = Program(self._f, args, kwargs)
                if len(self._programs) > MOST_PROGRAMS:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
            self._latest = program
            return program

    @property
    def programs(self) -> list[Program]:
        """The programs that are kept, one for each shape, dtype and structure of the arguments; the latest last."""
        return list(self._programs.values())

    @property
    def source(self) -> str:
        """The latest program."""
        return self._needed().source

    @property
    def formula(self) -> str:
        """The latest program as mathematics, one assignment for each equation."""
        return self._needed().formula

    def _needed(self) -> Program:
        if self._latest is None:
            raise ValueError("compile: the program is written for the shapes of the arguments; call the function first")
        return self._latest


class Program:
    """One program, for arguments of one structure, shapes and dtypes."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        parameters = list(zip(_parameter_names(f, args, kwargs), [*args, *kwargs.values()], strict=True))
        traced = trace(f, args, kwargs)
        simplify(traced)
        names = Names(traced, list(arguments_of([name for name, _ in parameters], [x for _, x in parameters])))
        printer = NumpyPrinter(traced, names, parameters)
        self.source = printer.write()
        self.formula = FormulaPrinter(traced, names, parameters).write()
        self._captured = {name: x for name, x in printer.given.items() if isinstance(x, Node)}
        self._given = {name: x for name, x in printer.given.items() if not isinstance(x, Node)}
        self._places: dict[str, Any] = {}
        exec(self.source, self._places)
        self._run = self._places["program"]
        self._outputs = self._places.get("outputs")
        self._pool: list[tuple[Array, ...]] = []
        self._lock = Lock()
        self.fits = _guard(args, kwargs)

    @property
    def given(self) -> dict[str, Any]:
        """What the program is passed by keyword besides its arguments: captured tensors, large constants."""
        return {name: x._data for name, x in self._captured.items()} | self._given

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        with self._lock:  # the buffers belong to one run at a time
            if self._captured or self._given:
                kwargs = kwargs | self.given
            return self._run(*args, **kwargs, out=self._free_outputs())

    def _free_outputs(self) -> tuple[Array, ...] | None:
        """Arrays for the results: earlier ones that the caller has dropped, or new ones."""
        if self._outputs is None:
            return None
        for arrays in self._pool:
            if _holders(arrays) == _UNHELD * len(arrays):
                return arrays
        new: tuple[Array, ...] = self._outputs()
        if len(self._pool) < 3:
            self._pool.append(new)
        return new


def _holders(arrays: tuple[Any, ...]) -> int:
    return sum(map(sys.getrefcount, arrays))


_UNHELD = _holders((object(),))


def _guard(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[tuple[Any, ...], dict[str, Any]], bool]:
    """A function that tells whether arguments are of the same structure, shapes and dtypes as these.

    It stands in the way of every call, so it is written out as one expression.
    """
    known: dict[str, Any] = {"ndarray": np.ndarray}

    def constant(x: Any) -> str:
        name = f"k{len(known)}"
        known[name] = x
        return name

    def same(path: str, x: Any) -> Iterator[str]:
        if type(x) is np.ndarray:
            yield f"type({path}) is ndarray and {path}.shape == {x.shape} and {path}.dtype is {constant(x.dtype)}"
        elif isinstance(x, list | tuple):
            yield f"type({path}) is {constant(type(x))} and len({path}) == {len(x)}"
            for i, part in enumerate(x):
                yield from same(f"{path}[{i}]", part)
        elif isinstance(x, dict):
            yield f"type({path}) is {constant(type(x))} and tuple({path}) == {constant(tuple(x))}"
            for key, part in x.items():
                yield from same(f"{path}[{constant(key)}]", part)
        elif isinstance(x, int | float | str | None):
            yield f"type({path}) is {constant(type(x))} and {path} == {constant(x)}"
        else:
            yield f"{path} is {constant(x)}"

    conditions = [*same("args", args), *same("kwargs", kwargs)]
    fits: Callable[[tuple[Any, ...], dict[str, Any]], bool] = eval(
        f"lambda args, kwargs: {' and '.join(conditions)}", known
    )
    return fits


def _kinds(x: Any) -> Iterator[Any]:
    t = type(x)
    if t is np.ndarray:
        yield x.shape
        yield x.dtype
    elif t in (list, tuple) or isinstance(x, list | tuple):
        yield t
        yield len(x)
        for part in x:
            yield from _kinds(part)
    elif isinstance(x, dict):
        yield t
        yield tuple(x)
        for part in x.values():
            yield from _kinds(part)
    else:
        yield t
        yield x if isinstance(x, int | float | str | bool | None) else id(x)


def _as_array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, np.ndarray | np.generic) and type(x) is not np.ndarray else x


def _parameter_names(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    try:
        bound = signature(f).bind(*args, **kwargs)
        parameters = signature(f).parameters
    except (TypeError, ValueError):
        return [f"x{i}" for i in range(len(args))] + list(kwargs)
    names: list[str] = []
    for name in bound.arguments:
        kind = parameters[name].kind
        if kind is parameters[name].VAR_POSITIONAL:
            names += [f"{name}{i}" for i in range(len(bound.arguments[name]))]
        elif kind is not parameters[name].VAR_KEYWORD and name not in kwargs:
            names.append(name)
    return names + list(kwargs)


__all__ = ["Compiled", "Program", "compile"]
