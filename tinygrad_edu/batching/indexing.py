"""Elements by index: the same places in every example, or in each its own.

NumPy puts the axes of index arrays where the arrays stand if they stand side by side, else first. With the examples'
axis in front, as a slice or as one index array more, the result comes out with its axes in another order at times; it
is put into that of one example by a transpose, or, where numbers are scattered, they are before.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.batching.calls import Call, batches, some
from tinygrad_edu.engine import Node
from tinygrad_edu.rules.indexing import scatter_add


class Places(NamedTuple):
    """An index into an array of all examples, and how the axes of what it gives are ordered.

    Attributes
    ----------
    into : tuple
    first : int
        The axis of what the index gives along which the examples lie.
    arrays : tuple of int
        Where the axes of the index arrays are in what the index gives, and where in an example they should be: (start,
        number, wanted start); both counted behind the examples.
    """

    into: tuple[Any, ...]
    first: int
    arrays: tuple[int, int, int]


@batches(operator.getitem)
def getitem(call: Call) -> Any:
    a, index = call.args
    places = _places(call, index, call.differs[1], call.ndim(0), has_examples=call.differs[0])
    return _in_order(call.run(a, places.into), places)


@batches(scatter_add)
def scatter(call: Call) -> Any:
    _, index, shape = call.args
    places = _places(call, index, call.differs[1], len(shape), has_examples=True)
    return call.run(_out_of_order(call.each(0), places), places.into, (call.n, *shape))


def _is_array(part: Any) -> bool:
    return isinstance(part, np.ndarray | Node | list)


def _places(call: Call, index: Any, differs: Any, ndim: int, *, has_examples: bool) -> Places:
    """An index into one example as one into all."""
    parts, own = (list(index), list(map(some, differs))) if isinstance(index, tuple) else ([index], [some(differs)])
    parts, own = _without_ellipsis(parts, own, ndim)
    advanced = [i for i, part in enumerate(parts) if _is_array(part) or _is_integer(part)]
    if not any(_is_array(part) for part in parts):
        return Places((slice(None), *parts), 0, (0, 0, 0))
    adjacent = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = sum(not _is_integer(part) for part in parts[: advanced[0]]) if adjacent else 0
    width = len(np.broadcast_shapes(*(_one_shape(parts[i], own[i]) for i in advanced)))
    if not any(own):
        return Places((slice(None), *parts), 0 if adjacent else width, (before, width, before))
    for i in advanced:
        if own[i]:
            missing = width - (parts[i].ndim - 1)
            parts[i] = np.reshape(parts[i], (call.n, *(1,) * missing, *parts[i].shape[1:]))
    if not has_examples:
        return Places(tuple(parts), before, (before, width, before))
    numbers = np.arange(call.n).reshape((call.n, *(1,) * width))
    return Places((numbers, *parts), 0, (0, width, before))


def _is_integer(part: Any) -> bool:
    return isinstance(part, int | np.integer) and not isinstance(part, bool | np.bool_)


def _one_shape(part: Any, own: bool) -> tuple[int, ...]:
    """The shape of an index array in one example; masks are as long as they have true elements."""
    if not _is_array(part):
        return ()
    if not isinstance(part, Node) and np.asarray(part).dtype == bool:
        return (int(np.count_nonzero(part)),)
    shape = part.value.shape if isinstance(part, Node) else np.shape(part)
    return tuple(shape[own:])


def _without_ellipsis(parts: list[Any], own: list[Any], ndim: int) -> tuple[list[Any], list[Any]]:
    """Slices in the place of ``...``."""
    taken = sum(0 if part is None or part is Ellipsis else np.ndim(part) if _is_mask(part) else 1 for part in parts)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            rest = [slice(None)] * (ndim - taken)
            return [*parts[:i], *rest, *parts[i + 1 :]], [*own[:i], *[False] * len(rest), *own[i + 1 :]]
    return parts, own


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray | list) and np.asarray(part).dtype == bool


def _order(ndim: int, places: Places) -> list[int]:
    """The axes of what the index gives, in the order that is wanted: the examples, then as in one example."""
    rest = [i for i in range(ndim) if i != places.first]
    start, width, wanted = places.arrays
    arrays, others = rest[start : start + width], rest[:start] + rest[start + width :]
    return [places.first, *others[:wanted], *arrays, *others[wanted:]]


def _in_order(y: Any, places: Places) -> Any:
    order = _order(y.ndim, places)
    return y if order == list(range(y.ndim)) else np.transpose(y, order)


def _out_of_order(g: Any, places: Places) -> Any:
    order = _order(g.ndim, places)
    return g if order == list(range(g.ndim)) else np.transpose(g, tuple(map(int, np.argsort(order))))
