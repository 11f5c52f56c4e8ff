"""Some of the elements: by index, by condition, by choice; and the same elements in other places."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import EXPANSIONS, constant, defvjp, expands, recordable, scoped

_Functions = tuple[Callable[..., Any], ...]


@recordable
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with ``g`` added at an index; an element indexed twice receives twice."""
    out = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, int | slice | type(None) | type(...)) for part in parts):
        out[index] = g  # each element at most once
    else:
        np.add.at(out, index, g)
    return out


# Taking elements and adding them into zeros undo each other: each is the rule of the other.
defvjp(operator.getitem, lambda g, y, a, index: scatter_add(g, index, a.shape))
defvjp(scatter_add, lambda g, y, a, index, shape: g[index])


# --- Elements moved -------------------------------------------------------------------------------------------------


def _gather(flat: Any, places: Any) -> Any:
    return [_gather(flat, part) for part in places] if isinstance(places, list | tuple) else flat[places]


def _rearranged(fn: Callable[..., Any]) -> Callable[..., Any]:
    """What a function that only moves elements does to a tensor: move their numbers 0, 1, 2, …, then gather there."""

    def text(a: Any, *args: Any, **kwargs: Any) -> Any:
        places = constant(fn, (np.arange(a.size).reshape(a.shape), *args), kwargs)
        return _gather(a.reshape(-1), places)

    text.__name__ = fn.__name__
    return scoped(text)


_MOVE_ELEMENTS: _Functions = (
    *(np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.tile, np.repeat, np.resize),
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
        places = fn(np.arange(1, a.size + 1).reshape(a.shape), *args, **kwargs)
        return np.concatenate([np.zeros(1, a.dtype), a.reshape(-1)])[places]

    text.__name__ = fn.__name__
    return scoped(text)


_MOVE_ELEMENTS_AND_PUT_ZEROS: _Functions = (np.diag, np.diagflat, np.tril, np.triu)
for _fn in _MOVE_ELEMENTS_AND_PUT_ZEROS:
    EXPANSIONS[_fn] = _rearranged_with_gaps(_fn)


# --- Conditions and choices -----------------------------------------------------------------------------------------


@expands(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    return np.take(a, np.flatnonzero(condition), axis)


@expands(np.extract)
def extract(condition: Any, a: Any) -> Any:
    return np.take(a, np.flatnonzero(condition))


@expands(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    used = np.flatnonzero(filt)
    if not used.size:
        return filt[:0]
    start = used[0] if "f" in trim.lower() else 0
    return filt[start : used[-1] + 1 if "b" in trim.lower() else None]


@expands(np.choose)
def choose(a: Any, choices: Sequence[Any], mode: str = "raise") -> Any:
    last = len(choices) - 1
    match mode:
        case "clip":
            a = np.clip(a, 0, last)
        case "wrap":
            a = np.remainder(a, last + 1)
        case _ if np.any((np.asarray(a) < 0) | (np.asarray(a) > last)):
            raise ValueError(f"np.choose: an index is out of range; {last + 1} choices are numbered 0 to {last}")
    result = choices[0]
    for i in range(1, last + 1):
        result = np.where(a == i, choices[i], result)
    return np.where(a == 0, choices[0], result)


@expands(np.select)
def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result
