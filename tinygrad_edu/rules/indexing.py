"""Some of the elements: by index, by condition, by choice; and the same elements in other places."""

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_edu.engine import EXPANSIONS, constant, defvjp, expands, nodes_in, record, recordable, records_all, scoped

_Functions = tuple[Callable[..., Any], ...]


@recordable
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with ``g`` (of the shape that the index gives) added there; what is indexed twice gets both."""
    out = np.zeros(shape, g.dtype)
    if takes_each_once(index):
        out[index] = g
    elif adds_faster_flat(g, shape):
        np.add.at(out.reshape(-1), flat_places(index, shape).ravel(), g.ravel())
    else:
        np.add.at(out, index, g)
    return out


def takes_each_once(index: Any) -> bool:
    """Whether an index is seen to take no element twice: numbers, slices, and one condition at most."""
    parts = index if isinstance(index, tuple) else (index,)
    others = [part for part in parts if not isinstance(part, int | slice | type(None) | type(...))]
    return not others or (len(others) == 1 and isinstance(others[0], np.ndarray) and others[0].dtype == bool)


def adds_faster_flat(g: Any, shape: tuple[int, ...]) -> bool:
    """Whether to number the elements first, and add to one row of them, for which ``np.add.at`` is much faster.

    That takes as many numbers as there are elements, which a few rows of a large table are not worth.
    """
    return bool(max(250, prod(shape) / 8) < g.size)


def flat_places(index: Any, shape: tuple[int, ...]) -> Any:
    """The places of the elements that an index takes, counted through an array of this shape."""
    if len(shape) == 1 and isinstance(index, np.ndarray) and index.dtype.kind in "iu":
        return index
    return np.arange(prod(shape)).reshape(shape)[index]


def at(a: Any, index: Any) -> Any:
    """``a[index]``, also where only the index holds a tensor, as it does while the compiler traces a sort."""
    return record(operator.getitem, (a, index)) if nodes_in((index,)) else a[index]


# Taking elements and adding them into zeros undo each other: each is the rule of the other.
defvjp(operator.getitem, lambda g, y, a, index: scatter_add(g, index, a.shape))
defvjp(scatter_add, lambda g, y, a, index, shape: at(g, index))


# --- Elements moved -------------------------------------------------------------------------------------------------


@expands(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    axes = range(m.ndim) if axis is None else normalize_axis_tuple(axis, m.ndim)
    return m[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim))]


@expands(np.fliplr)
def fliplr(m: Any) -> Any:
    if m.ndim < 2:
        raise ValueError(f"np.fliplr: the array must have two axes or more, but its shape is {m.shape}")
    return np.flip(m, 1)


@expands(np.flipud)
def flipud(m: Any) -> Any:
    if m.ndim < 1:
        raise ValueError("np.flipud: the array must have an axis, but it is a single number")
    return np.flip(m, 0)


defvjp(np.roll, lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis))


@expands(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """One call; while the compiler looks on what it is made of, a[−s:] before a[:−s], which every backend can write."""
    if not records_all():
        return record(np.roll, (a, shift), {} if axis is None else {"axis": axis})
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), int(np.sum(shift)), 0), a.shape)
    for s, i in np.broadcast(shift, normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)):
        cut = int(s) % a.shape[i] if a.shape[i] else 0
        before = (slice(None),) * int(i)
        if cut:
            a = np.concatenate([a[(*before, slice(-cut, None))], a[(*before, slice(None, -cut))]], axis=int(i))
    return np.copy(a)


def _numbered(a: Any, start: int = 0) -> Any:
    """An integer for every element, in the shape of the array."""
    return np.arange(start, start + np.size(a)).reshape(np.shape(a))


def _gather(flat: Any, places: Any) -> Any:
    if isinstance(places, list | tuple):
        return type(places)([_gather(flat, part) for part in places])
    return at(flat, _as_slice(places))


def _as_slice(places: Any) -> Any:
    """Places at equal distances, as those of a diagonal are, as a slice, which needs no array of them."""
    if not isinstance(places, np.ndarray) or places.ndim != 1 or len(places) < 2:
        return places
    step = int(places[1] - places[0])
    if step <= 0 or np.any(np.diff(places) != step):
        return places
    return slice(int(places[0]), int(places[-1]) + 1, step)


def _rearranged(fn: Callable[..., Any]) -> Callable[..., Any]:
    """What a function that only moves elements does to a tensor: move their numbers 0, 1, 2, …, then gather there."""

    def text(a: Any, *args: Any, **kwargs: Any) -> Any:
        return _gather(np.ravel(a), constant(fn, (_numbered(a), *args), kwargs))

    text.__name__ = fn.__name__
    return scoped(text)


_MOVE_ELEMENTS: _Functions = (
    *(np.rot90, np.tile, np.repeat),
    *(np.diagonal, np.take, np.take_along_axis, np.delete),
    *(np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit),
    *(np.linalg.diagonal, np.lib.stride_tricks.sliding_window_view),
    *([np.unstack] if hasattr(np, "unstack") else []),
)
for _fn in _MOVE_ELEMENTS:
    EXPANSIONS[_fn] = _rearranged(_fn)


def _rearranged_with_gaps(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The same where the function also puts in zeros: elements are numbered from 1, and 0 is the place of a zero."""

    def text(a: Any, *args: Any, **kwargs: Any) -> Any:
        places = fn(_numbered(a, 1), *args, **kwargs)
        if np.all(places):
            return _gather(np.ravel(a), places - 1)
        return np.concatenate([np.zeros(1, a.dtype), np.ravel(a)])[places]

    text.__name__ = fn.__name__
    return scoped(text)


_MOVE_ELEMENTS_AND_PUT_ZEROS: _Functions = (np.diag, np.diagflat, np.tril, np.triu, np.resize)
for _fn in _MOVE_ELEMENTS_AND_PUT_ZEROS:
    EXPANSIONS[_fn] = _rearranged_with_gaps(_fn)


# --- Conditions and choices -----------------------------------------------------------------------------------


@expands(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return _gather(np.ravel(a), constant(np.compress, (condition, _numbered(a), axis)))


@expands(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return _gather(np.ravel(arr), constant(np.extract, (condition, _numbered(arr))))


@expands(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    places = constant(np.argwhere, (filt,))
    np.trim_zeros(np.ones(np.shape(filt)), trim, axis)  # refuses what NumPy refuses
    axes = range(np.ndim(filt)) if axis is None else normalize_axis_tuple(axis, np.ndim(filt))
    box = [slice(None)] * np.ndim(filt)
    for i in axes:
        used = places[:, i]
        low, high = (used.min(), used.max() + 1) if used.size else (0, 0)
        some, ends = used.size > 0, trim.lower()
        box[i] = slice(None if some and "f" not in ends else low, None if some and "b" not in ends else high)
    return filt[tuple(box)]


@expands(np.choose)
def choose(a: Any, choices: Sequence[Any], mode: str = "raise") -> Any:
    starts = np.cumsum([0, *(np.size(choice) for choice in choices)])
    numbers = [_numbered(choice, start) for choice, start in zip(choices, starts, strict=False)]
    dtype = np.result_type(*choices)
    flat = np.concatenate([np.ravel(choice) for choice in choices])
    return _gather(_as(dtype, flat), constant(np.choose, (a, numbers, None, mode)))


def _as(dtype: Any, a: Any) -> Any:
    return a if a.dtype == dtype else a.astype(dtype)


@expands(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    conditions, choices = condlist, choicelist
    if len(conditions) != len(choices) or not len(choices):
        raise ValueError(f"np.select: {len(conditions)} conditions for {len(choices)} choices; there must be as many")
    if any((c if hasattr(c, "dtype") else np.asarray(c)).dtype.kind != "b" for c in conditions):
        raise TypeError("np.select: the conditions must be arrays of truth values, such as t > 0")
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return _as(np.result_type(*choices, default), result)
