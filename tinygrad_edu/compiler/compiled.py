"""`compile`: which program runs for which arguments."""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial, update_wrapper
from threading import RLock
from types import MethodType
from typing import Any

import numpy as np

from tinygrad_edu.compiler.drawing import DrawingProgram, draws, without_generators
from tinygrad_edu.compiler.kinds import kinds, owner_of
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError
from tinygrad_edu.compiler.program import (
    NumbaProgram,
    Program,
    UnfitError,
    faster,
    import_numba,
    in_machine_code,
    in_order,
)
from tinygrad_edu.engine import Node
from tinygrad_edu.errors import shown, unknown_name
from tinygrad_edu.tables import as_html, code_as_html
from tinygrad_edu.trees import leaves_of, tree_map

MOST_PROGRAMS = 16
AnyProgram = Program | DrawingProgram
BACKENDS = ("auto", "numba", "numpy")


def compile(f: Callable[..., Any], *, backend: str = "numpy") -> Compiled:
    """The same function, run as a NumPy program that is derived from it once.

    The first call with arguments of some structure, shapes and dtypes records what ``f`` does with them, forwards and
    backwards, simplifies it, and prints it as a straight line of NumPy calls that write into arrays allocated once.
    Later calls run that program.

    Parameters
    ----------
    f : callable
        A function of arrays, or of nested lists, tuples and dicts of arrays; typically ``tg.value_and_grad(cost)``,
        a forward pass, ``tg.hvp(cost)``, or a whole training step. It may draw random numbers from a
        `numpy.random.Generator` that is an argument. Anything else among its arguments, Python numbers too, is a part
        of the program: another value makes another program. Of an object that is the attributes, and what is in them;
        so it is of the object whose method, or call, ``f`` is.

    backend : {"numpy", "numba", "auto"}
        What runs the program. "numba" (``pip install "tinygrad_edu[fast]"``) prints it as loops over single elements
        and compiles them to machine code, which takes a second or more at the first call, half a minute for a thousand
        operations, and pays off for small networks; a function that numba cannot take runs as the NumPy program, with
        a warning. "auto" makes both where numba is installed, times them with the arguments of the first call, and
        keeps the faster one.

    Returns
    -------
    Compiled
        Called like ``f``, it returns what ``f`` returns, to rounding, in arrays that are never written again as long
        as somebody holds them. Called with a Tensor it simply runs ``f``.

    Raises
    ------
    ValueError
        If the backend is unknown.
    ImportError
        If the backend is "numba" and that is not installed.
    TypeError
        At the first call, if the program would depend on values: ``if``, ``float``, ``.item()`` or ``.numpy()`` of
        something computed from the arguments, or a result whose shape follows the values (``t[mask]``). If it would
        not do what ``f`` does: ``f`` draws random numbers from a generator that is no argument, keeps a tensor in an
        attribute or a list outside, sets the value of a tensor (``w.data = …``), changes an object or a container among
        its arguments, or returns anything but arrays, numbers and text, in lists, tuples, named tuples and dicts. If an
        argument is a masked array or a matrix, or can be read only once.

    Notes
    -----
    What ``f`` draws from a generator among its arguments is drawn anew at every call, in the same order, before the
    program runs; so what is drawn must not depend on the other arguments.

    Tensors that ``f`` uses without being given them, such as the parameters of a model, are read at every call, and
    results that depend on one are arrays all the same. Everything else that it finds outside, in a global variable, a
    closure or a `functools.partial`, is as in the first call. Sums may be taken in another order than in ``f``,
    products only where no step on the way can overflow or underflow that did not before. Copies and pickles are the
    function without its programs. ``.source`` is the program, ``.formula`` the same without buffers, one assignment
    for each equation, which a notebook shows, ``.backend`` what runs it. Machine code gives no floating-point warnings.
    It copies arguments that are read-only or not contiguous (in C order) before it runs.

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
    return Compiled(f, backend)


class Compiled:
    """A function that runs as a printed NumPy program; see `compile`."""

    def __init__(self, f: Callable[..., Any], backend: str = "numpy") -> None:
        if not callable(f):
            raise TypeError(f"compile: {f!r} is not a function; as in tg.compile(tg.value_and_grad(cost))")
        if backend not in BACKENDS:
            raise ValueError(unknown_name("compile: backend", backend, BACKENDS))
        if backend == "numba":
            import_numba()
        update_wrapper(self, f)
        self._f = f
        self._owner = owner_of(f)
        self._backend = backend
        self._programs: OrderedDict[Any, AnyProgram] = OrderedDict()
        self._latest: AnyProgram | None = None
        self._lock = RLock()  # a function may call itself while it is traced

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of ``f`` for these arguments."""
        program = self._latest
        if program is not None and program.fits(args, kwargs):
            try:
                return program.run(args, kwargs)
            except UnfitError:
                pass
        if any(isinstance(x, Node) for x in leaves_of((args, kwargs))):
            return self._f(*args, **kwargs)
        args, kwargs = tree_map(_as_array, args), tree_map(_as_array, kwargs)
        return self._program_for(args, kwargs).run_any(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A compiled method knows its object, as other methods do."""
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        """A copy, or a pickle, is the function compiled anew: its programs are written where it is called."""
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:  # what a decorator left under this name
            return name
        return Compiled, (self._f, self._backend)

    def _program_for(self, args: Any, kwargs: dict[str, Any]) -> AnyProgram:
        with self._lock:
            key = tuple(kinds((*without_generators(args, kwargs), self._owner)))
            program = self._programs.get(key)
            if program is None:
                program = self._programs[key] = _write(self._f, args, kwargs, self._backend)
                if len(self._programs) > MOST_PROGRAMS:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
            self._latest = program
            return program

    def __repr__(self) -> str:
        name = getattr(self, "__name__", None) or shown(self._f)
        n = len(self._programs)
        if self._latest is None:
            return f"compiled {name}, not called yet"
        return f"compiled {name}: {n} program{'s' * (n != 1)}, the latest one of {self.backend}"

    def _repr_html_(self) -> str:
        return as_html([repr(self)]) + (code_as_html(self.formula) if self._latest is not None else "")

    @property
    def programs(self) -> list[AnyProgram]:
        """The programs that are kept, one for each shape, dtype and structure of the arguments; the latest last."""
        return list(self._programs.values())

    @property
    def backend(self) -> str:
        """What runs the latest program: "numpy" or "numba"."""
        return self._needed().backend

    @property
    def source(self) -> str:
        """The latest program."""
        return self._needed().source

    @property
    def formula(self) -> str:
        """The latest program as mathematics, one assignment for each equation."""
        return self._needed().formula

    def _needed(self) -> AnyProgram:
        if self._latest is None:
            raise ValueError("compile: the program is written for the shapes of the arguments; call the function first")
        return self._latest


def _write(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], backend: str) -> AnyProgram:
    """The program for a backend, or the one for NumPy where numba cannot take the function."""
    if draws(args, kwargs):
        return DrawingProgram(f, args, kwargs, partial(_write, backend=backend))
    if backend == "numpy":
        return Program(f, args, kwargs)
    try:
        fast = in_machine_code(NumbaProgram, f, args, kwargs)
    except (CannotTakeError, ImportError) as reason:
        if backend == "numba":
            warnings.warn(
                f"compile: numba cannot take this function ({reason}), so it runs as the NumPy program; the results "
                "are the same",
                stacklevel=4,
            )
        return Program(f, args, kwargs)
    if backend == "numba":
        return fast
    args, kwargs = tree_map(in_order, args), tree_map(in_order, kwargs)
    return faster(Program(f, args, kwargs), fast, lambda program: program.run(args, kwargs))


def _as_array(x: Any) -> Any:
    """A plain array in place of other kinds of arrays, and of NumPy's numbers."""
    if isinstance(x, np.ma.MaskedArray | np.matrix):
        raise TypeError(
            f"compile: an argument is a {type(x).__name__}, whose rules of arithmetic are not those of arrays; pass "
            "np.asarray(array), and leave out masked elements with np.where"
        )
    return np.asarray(x) if isinstance(x, np.ndarray | np.generic) and type(x) is not np.ndarray else x
