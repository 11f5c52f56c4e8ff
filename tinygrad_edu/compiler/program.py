"""One program: its text made a function, with the arrays that this writes its results into."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from sys import getrefcount
from threading import Lock
from time import perf_counter
from types import ModuleType
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler.arguments import parameter_names
from tinygrad_edu.compiler.kinds import guard, owner_of
from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers.formula import print_formula
from tinygrad_edu.compiler.printers.loops.kernel import print_loops
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError
from tinygrad_edu.compiler.printers.loops.steps import print_steps
from tinygrad_edu.compiler.printers.numpy import print_numpy
from tinygrad_edu.compiler.simplify import simplify
from tinygrad_edu.compiler.trace import trace
from tinygrad_edu.engine import Node
from tinygrad_edu.trees import tree_map

Array = npt.NDArray[Any]
# Sets of arrays for results that are used again when the caller has dropped them; without the GIL nobody could tell.
POOL = 3 if getattr(sys, "_is_gil_enabled", lambda: True)() else 0
UNHELD = sum(map(getrefcount, (object(),)))  # how often something is referred to that only a tuple holds


class Program:
    """One program, for arguments of one structure, shapes and dtypes."""

    backend = "numpy"
    write = staticmethod(print_numpy)

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        parameters = list(zip(parameter_names(f, args, kwargs), [*args, *kwargs.values()], strict=True))
        owner = owner_of(f)
        traced = trace(f, args, kwargs, owner)
        simplify(traced)
        names = Names(traced, parameters)
        printed = self.write(traced, names, parameters)
        self.source = printed.source
        self.formula = print_formula(traced, names, parameters).source
        self._captured = {name: x for name, x in printed.given.items() if isinstance(x, Node)}
        self._constants = {name: x for name, x in printed.given.items() if not isinstance(x, Node)}
        namespace: dict[str, Any] = {}
        # Compiled first: Ctrl-C while `exec` runs a text would later be the exit code of Python, though it was handled.
        exec(compile(self.source, "<compiled>", "exec"), namespace)
        self._program = namespace["program"]
        finalize(self, namespace.clear)  # the function and its buffers refer to each other
        self._new_outputs: Callable[[], tuple[Array, ...]] = namespace.get("outputs", tuple)
        self._pool: list[tuple[Array, ...]] = []
        self._lock = Lock()
        self.fits = guard(args, kwargs, owner, arrays=not printed.checks_arrays)

    @property
    def given(self) -> dict[str, Any]:
        """What the program is passed by keyword besides its arguments: captured tensors, large constants."""
        return {name: x.value for name, x in self._captured.items()} | self._constants

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result for arguments that fit."""
        with self._lock:  # the buffers belong to one run at a time
            for outputs in self._pool:
                if sum(map(getrefcount, outputs)) == UNHELD * len(outputs):
                    break
            else:
                outputs = self._new_outputs()
                if len(self._pool) < POOL:
                    self._pool.append(outputs)
            if kwargs:
                args += tuple(kwargs.values())
            if self._captured or self._constants:
                return self._program(*args, out=outputs, **self.given)
            return self._program(*args, out=outputs)

    run_any = run

    def steps(self, tensors: Sequence[Node], args: tuple[Any, ...], batches: Array) -> Iterator[Any]:
        """A step of training for one mini-batch after the other; what each leaves, which the next begins with.

        The function takes columns of examples (or None), a learning rate, and what is remembered of each of the
        tensors; it returns pairs of a new value, None if there is none, and what is remembered.

        Parameters
        ----------
        tensors : list of Tensor
            What the function moves. They keep their values.
        args : tuple
            The arguments of the function, with whole columns, of which the ``batches`` are cut.
        batches : ndarray of int, shape (steps, examples)
            The rows of each mini-batch.
        """
        *columns, lr, state = args
        cuts = [_rows_of(column, batches.shape[1]) for column in columns]
        names = {node: name for name, node in self._captured.items()}
        given, outputs = self.given, (self._new_outputs(), self._new_outputs())
        with self._lock:
            for i, rows in enumerate(batches):
                left = self._program(*(cut(rows) for cut in cuts), lr, state, out=outputs[i % 2], **given)
                yield left
                given |= {names[t]: value for t, (value, _) in zip(tensors, left, strict=True) if value is not None}
                state = [remembered for _, remembered in left]


def _rows_of(column: Any, n: int) -> Callable[[Array], Any]:
    """A function that cuts n rows out of a column of examples, each time into the same array."""
    if not isinstance(column, np.ndarray):  # there is none, or it is in a file
        return lambda rows: None if column is None else column[rows]
    return partial(column.take, axis=0, out=np.empty((n, *column.shape[1:]), column.dtype), mode="clip")


class UnfitError(Exception):
    """The arrays are of other shapes, dtypes or memory layouts than a program is compiled for."""


class NumbaProgram(Program):
    """A program compiled to machine code, which looks at the arrays itself, and has no buffers but large results."""

    backend = "numba"
    write = staticmethod(print_loops)

    @property
    def given(self) -> dict[str, Any]:
        """What the program is passed by keyword, without gaps."""
        return {name: in_order(x) for name, x in super().given.items()}

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result for arguments that fit; raises `UnfitError` where an array does not."""
        try:
            if kwargs or self._captured or self._constants or self._new_outputs is not tuple:
                return super().run(args, kwargs)
            return self._program(*args)
        except (TypeError, ValueError) as error:
            raise UnfitError from error

    def run_any(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same for arrays of any memory layout, which are copied if they are not in order, or read-only."""
        try:
            return self.run(tree_map(in_order, args), tree_map(in_order, kwargs))
        except UnfitError as error:
            raise error.__cause__ or error from None


class NumbaSteps(Program):
    """All steps as one program in machine code; made for arguments as those of a single step."""

    backend = "numba"

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], tensors: Sequence[Node]) -> None:
        self.write = partial(print_steps, tensors)
        super().__init__(f, args, {})

    def steps(self, tensors: Sequence[Node], args: tuple[Any, ...], batches: Array) -> Iterator[Any]:
        """What is left after the last."""
        yield self._program(*args, batches, **self.given)


def in_machine_code(kind: Callable[..., Program], *args: Any) -> Program:
    """A program of the kind; raises `CannotTakeError` where numba cannot take it, or ImportError without numba."""
    numba = import_numba()
    try:
        with warnings.catch_warnings():  # numba says that calls of NumPy hold the lock; NumPy lets go of it by itself
            warnings.filterwarnings("ignore", "Code running in object mode", numba.core.errors.NumbaWarning)
            return kind(*args)
    except numba.core.errors.NumbaError as error:
        raise CannotTakeError(f"{type(error).__name__}: {error}".splitlines()[0]) from error


def faster(one: Program, other: Program, run: Callable[[Program], Any]) -> Program:
    """The one that takes less time to run."""
    times = {one: np.inf, other: np.inf}
    begin = perf_counter()
    with np.errstate(all="ignore"):
        for turn in range(30):
            if turn >= 3 and perf_counter() > begin + 0.1:  # seconds
                break
            for program in times:
                start = perf_counter()
                run(program)
                times[program] = min(times[program], perf_counter() - start)
    return min(times, key=times.__getitem__)


def in_order(x: Any) -> Any:
    """An array that can be written and has no gaps; a copy, if it is not one."""
    return x.copy() if isinstance(x, np.ndarray) and not (x.flags.carray and x.flags.writeable) else x


def import_numba(who: str = "compile") -> ModuleType:
    """The package, or an `ImportError` that says how to install it."""
    try:
        import numba
    except ImportError as error:
        raise ImportError(
            f'{who}: backend="numba" needs numba ({error}); install it with: pip install "tinygrad_edu[fast]"'
        ) from error
    package: ModuleType = numba
    return package
