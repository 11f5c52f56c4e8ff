"""`sharded`: a mean over rows, computed in parts by the workers of an executor."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial, wraps
from itertools import count
from operator import is_
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.errors import check_whole, shown
from tinygrad_edu.training.shards import Call, Executor, Workers, cuts, weighted_sum
from tinygrad_edu.training.stored import Rows, Stored, is_stored, place_in_file
from tinygrad_edu.trees import leaves_of, tree_map

MOST_DATA_SETS = 4
"""So many data sets of one function are kept by the workers, those that were used last."""


def sharded(
    value_and_grad_f: Callable[..., Any],
    *,
    shards: int,
    executor: Executor | None = None,
    in_axes: tuple[int | None, ...] | None = None,
) -> Callable[..., Any]:
    """A mean over the rows of its data, and its gradient, computed in parts by the workers of an executor.

    The data are cut by rows into ``shards`` parts, the function is called for each, and the results are added, each
    with its share of the rows: C = Σₖ (nₖ/n) Cₖ. The parts, and the order in which they are added, do not depend on
    who computes them: with one worker, with eight, or without an executor the results have the same bits.

    Parameters
    ----------
    value_and_grad_f : callable
        Typically ``tg.compile(tg.value_and_grad(cost))``, or any other function of parameters and data that returns
        means over the rows, numbers or arrays in nested containers. Each worker unpickles it once, and so compiles it
        once.
    shards : int
        The number of parts; of fewer rows there are as many parts as rows. It belongs to the problem, not to the
        workers: another number gives other rounding errors. A multiple of the number of workers keeps all of them busy.
    executor : concurrent.futures.Executor or None
        Whatever has the method ``submit`` of one: a ``ProcessPoolExecutor`` or ``ThreadPoolExecutor``, loky's, Dask's
        ``client.get_executor(pure=False)``, or that of ``mpi4py.futures``. None computes everything here.
    in_axes : tuple with one entry for each argument, optional
        0 for data, arrays or nested containers of arrays that are cut by rows; None for what is the same for all
        parts, and sent with each. Without it the first argument is shared, and all others are cut.

    Returns
    -------
    callable
        Takes the positional arguments of the function, and returns what it returns.

    Raises
    ------
    TypeError
        If the function, the executor or an argument is of another kind than it should be, if the function cannot be
        pickled, or returns something else than numbers and arrays.
    ValueError
        If ``shards`` is not 1 or more, or the arguments do not fit.
    ImportError
        If threadpoolctl is not installed (it is in the extra ``cluster``).

    Notes
    -----
    Data are sent to a worker once, and named from then on. They are recognised by being the same array; one that can
    be written to is also looked through at each call, so that new numbers are sent again (``x.flags.writeable = False``
    saves that look). Of a `numpy.memmap`, or an HDF5 or Zarr array, only the place of its file is sent, and the worker
    opens it.

    While it computes, a worker uses one thread for its matrix products: workers share the cores already, and the last
    bits of a product may depend on how many threads have computed it.

    What goes wrong in a worker comes out here, also that a worker has died; nothing is tried again, except by the
    executor: Dask does, and the bits are the same.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> def cost(w, x, y):
    ...     return np.mean((x @ w - y) ** 2)
    >>> x, y = np.arange(12.0).reshape(6, 2), np.ones(6)
    >>> with ThreadPoolExecutor(2) as workers:
    ...     step = tg.sharded(tg.value_and_grad(cost), executor=workers, shards=4)
    ...     C, slope = step(np.array([0.5, 0.5]), x, y)
    >>> bool(np.isclose(C, cost(np.array([0.5, 0.5]), x, y)))
    True
    """
    if not callable(value_and_grad_f):
        raise TypeError(f"sharded: value_and_grad_f must be a function, not {shown(value_and_grad_f)}")
    check_whole("sharded", shards=shards)
    parts = _Parts(value_and_grad_f, int(shards), executor, _checked_axes(in_axes))

    @wraps(value_and_grad_f, updated=())
    def in_parts(*args: Any) -> Any:
        return parts(*args)

    return in_parts


def _checked_axes(in_axes: Any) -> tuple[int | None, ...] | None:
    if in_axes is None:
        return None
    if not isinstance(in_axes, tuple | list) or any(axis not in (0, None) for axis in in_axes):
        raise ValueError(
            "sharded: in_axes must have an entry for each argument, None for one that is shared and 0 for one that is "
            f"cut by rows, as in (None, 0, 0), not {in_axes!r}"
        )
    return tuple(in_axes)


class _Parts:
    """The function, cut into shards, and the data sets that it was called with."""

    def __init__(
        self, f: Callable[..., Any], shards: int, executor: Executor | None, axes: tuple[int | None, ...] | None
    ) -> None:
        self._shards, self._axes = shards, axes
        self._workers = Workers("sharded", _OfShard(f), executor)
        self._known: list[_DataSet] = []
        self._next = count(1).__next__

    def __call__(self, *args: Any) -> Any:
        axes = (None, *[0] * (len(args) - 1)) if self._axes is None else self._axes
        if len(axes) != len(args):
            raise ValueError(f"sharded: in_axes has {len(axes)} entries, but there are {len(args)} arguments")
        given = list(enumerate(zip(args, axes, strict=True)))
        shared = {i: tree_map(partial(_shared, i), arg) for i, (arg, axis) in given if axis is None}
        data = {i: tree_map(partial(_cut, i), arg) for i, (arg, axis) in given if axis == 0}
        arrays = list(leaves_of(data))
        n = _number_of_rows(arrays)
        number = self._data_set(arrays)
        places = cuts(n, self._shards)
        calls = [Call((number, k), tree_map(partial(Rows, place), data), (shared,)) for k, place in enumerate(places)]
        return weighted_sum("sharded", self._workers.run(calls), [(stop - start) / n for start, stop in places])

    def _data_set(self, arrays: list[Any]) -> int:
        """The number of these data: that of before, if they are the same arrays and have the same numbers in them."""
        of_now = [fingerprint(array) for array in arrays]
        same = [data for data in self._known if data.is_of(arrays) and data.fingerprints == of_now]
        this = same[0] if same else _DataSet(self._next(), [_reference(array) for array in arrays], of_now)
        others = [data for data in self._known if data is not this and data.is_there()]
        self._known = [this, *others[: MOST_DATA_SETS - 1]]
        self._workers.data_sets = tuple(data.number for data in self._known)
        return this.number


class _OfShard:
    """The function of a worker: it puts the arguments in order again."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f

    def __call__(self, data: dict[int, Any], shared: dict[int, Any]) -> Any:
        args = shared | {i: tree_map(Rows.read, part) for i, part in data.items()}
        return self._f(*(args[i] for i in sorted(args)))


class _DataSet(NamedTuple):
    """Data that workers have been sent."""

    number: int
    references: list[Callable[[], Any]]
    fingerprints: list[int | None]

    def is_of(self, arrays: list[Any]) -> bool:
        """Whether it is of these very arrays."""
        return len(arrays) == len(self.references) and all(map(is_, self._now(), arrays))

    def is_there(self) -> bool:
        """Whether anybody still has the arrays."""
        return all(array is not None for array in self._now())

    def _now(self) -> list[Any]:
        return [reference() for reference in self.references]


def _reference(array: Any) -> Callable[[], Any]:
    """A weak one, to what the caller has."""
    return ref(array.source if isinstance(array, Stored) else array)


def fingerprint(array: Any) -> int | None:
    """A number that changes with the numbers in an array; None where these cannot change, or are read from a file."""
    if isinstance(array, Stored) or (not array.flags.writeable and array.base is None) or place_in_file(array):
        return None
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)


def _shared(i: int, x: Any) -> Any:
    """What is the same for all parts; arrays in C order, as they are after a journey."""
    _check_no_tensor(i, x)
    return np.asarray(x, order="C") if isinstance(x, np.ndarray) else x


def _cut(i: int, x: Any) -> Any:
    """Data, as an array with rows."""
    _check_no_tensor(i, x)
    if is_stored(x):
        return Stored(x)
    array = np.asarray(x)
    if array.ndim == 0 or array.dtype.kind not in "fiubc" or isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"sharded: argument {i} is cut by rows, but {shown(x)} is no array of numbers with rows; in_axes, such as "
            "(None, 0, None), says which arguments are shared"
        )
    return array


def _check_no_tensor(i: int, x: Any) -> None:
    if isinstance(x, Node):
        raise TypeError(
            f"sharded: argument {i} is, or has in it, a Tensor, and no gradient comes back through an executor; pass "
            "arrays, as those of .numpy(), and differentiate inside, as in tg.sharded(tg.value_and_grad(f), …)"
        )


def _number_of_rows(arrays: list[Any]) -> int:
    if not arrays:
        raise ValueError("sharded: no argument is cut by rows; in_axes, such as (None, 0), says which are data")
    sizes = list(dict.fromkeys(len(array) for array in arrays))
    if len(sizes) > 1 or sizes[0] == 0:
        raise ValueError(
            f"sharded: what is cut must have the same number of rows, 1 or more, but the arrays have "
            f"{', '.join(map(str, sizes))}; in_axes says which arguments are shared"
        )
    return sizes[0]
