"""Where an element of a view is in what it is a view of: index arithmetic, as text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import value_of
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError, argument
from tinygrad_edu.engine import Node

Index = tuple[str, ...]
PlaceAt = Callable[[Any, Index, int], str]
"""``(array of places, index, n)``: the text of the place that stands there, below n."""


def through(view: Node, index: Index, place_at: PlaceAt) -> Index:
    """The index, in what a view is a view of, of the element that is at ``index`` in the view."""
    fn, shape = view.fn, np.shape(view.args[0])
    if fn is np.broadcast_to:
        return index
    if fn is operator.getitem:
        return through_index(view.args[1], index, shape, place_at)
    if fn in (np.transpose, np.swapaxes):
        order = list(range(len(shape)))
        if fn is np.transpose:
            order = [d % len(shape) for d in argument(view, 1, "axes", None) or order[::-1]]
        else:
            first, second = (argument(view, i, f"axis{i}", None) for i in (1, 2))
            order[first], order[second] = order[second], order[first]
        return tuple(i for _, i in sorted(zip(order, index, strict=True)))
    longer_than_one = iter([i for i, n in zip(index, view.value.shape, strict=True) if n != 1])
    return tuple("0" if n == 1 else next(longer_than_one) for n in shape)


def through_index(where: Any, index: Index, shape: tuple[int, ...], place_at: PlaceAt) -> Index:
    """The index in ``a``, of a shape, of the element that is at ``index`` in ``a[where]``."""
    parts = _parts(where, shape)
    arrays = [i for i, part in enumerate(parts) if isinstance(part, Node | np.ndarray)]
    together = np.broadcast_shapes(*(value_of(parts[i]).shape for i in arrays))
    if arrays and arrays[-1] - arrays[0] >= len(arrays):
        raise CannotTakeError("an index with arrays that do not stand side by side")
    found: list[str] = []
    rest, lengths, of_arrays = list(index), iter(shape), None
    for part in parts:
        if part is None:
            rest.pop(0)
            continue
        n = next(lengths)
        if isinstance(part, slice):
            start, _, step = part.indices(n)
            found.append(shifted(rest.pop(0), start, step))
        elif isinstance(part, Node | np.ndarray):
            if of_arrays is None:
                of_arrays, rest = tuple(rest[: len(together)]), rest[len(together) :]
            found.append(place_at(part, of_arrays, n))
        else:
            found.append(str(part % n))
    return tuple(found)


def _parts(where: Any, shape: tuple[int, ...]) -> list[Any]:
    """One number, slice, array or None for each axis in turn."""
    parts: list[Any] = []
    for part in where if isinstance(where, tuple) else (where,):
        if isinstance(part, Node) and part.value.dtype.kind in "iu":
            parts.append(part)
        elif isinstance(part, list | np.ndarray):
            array = np.asarray(part)
            parts += np.nonzero(array) if array.dtype == bool else [array.astype(np.int64)]
        elif part is None or part is Ellipsis or (isinstance(part, int | slice) and not isinstance(part, bool)):
            parts.append(part)
        else:
            raise CannotTakeError(f"the index {value_of(part)!r}")
    whole = [slice(None)] * (len(shape) - sum(part is not None and part is not Ellipsis for part in parts))
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = whole
    if any(isinstance(part, Node | np.ndarray) for part in parts):
        parts = [np.array(part) if isinstance(part, int) else part for part in parts]
    return parts


def shifted(i: str, start: int, step: int = 1) -> str:
    """The text of start + step · i."""
    if i == "0" or (start, step) == (0, 1):
        return str(start) if i == "0" else i
    i = i if i.isidentifier() else f"({i})"
    term = i if abs(step) == 1 else f"{abs(step)} * {i}"
    return f"{start} - {term}" if step < 0 else f"{start} + {term}" if start else term
