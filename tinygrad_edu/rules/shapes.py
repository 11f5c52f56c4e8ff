"""The same numbers in another arrangement: reshaping, joining, splitting, indexing."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import EXPANSIONS, Each, Node, constant, defvjp, expands, nodes_in, primitive, record, scoped

_Functions = tuple[Callable[..., Any], ...]

defvjp(np.reshape, lambda g, y, a, shape, order="C", copy=None: np.reshape(g, a.shape, order=order))
defvjp(np.expand_dims, lambda g, y, a, axis: g.reshape(a.shape))
defvjp(np.squeeze, lambda g, y, a, axis=None: g.reshape(a.shape))


def _transposed_back(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, tuple(np.argsort([i % a.ndim for i in axes])))


defvjp(np.transpose, _transposed_back)
defvjp(np.swapaxes, lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.broadcast_to, lambda g, y, a, shape: g)  # the engine sums over the stretched axes
defvjp(np.astype, lambda g, y, a, dtype: g)  # the engine casts back


@expands(np.astype)
def astype(a: Any, dtype: Any, *, copy: bool = True) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "c":
        raise TypeError("np.astype: complex tensors are not supported; keep real and imaginary part as two tensors")
    if kind != "f":
        return constant(np.astype, (a, np.dtype(dtype)))  # rounding: piecewise constant
    return record(np.astype, (a, np.dtype(dtype)))


# --- Indexing -------------------------------------------------------------------------------------------------


@primitive()
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with ``g`` added at an index; an element indexed twice receives twice."""
    out = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, int | slice | type(None) | type(...)) for part in parts):
        out[index] = g  # each element at most once
    else:
        np.add.at(out, index, g)
    return out


def at(a: Any, index: Any) -> Any:
    """``a[index]``, also where only the index holds a tensor, as it does while the compiler traces a sort."""
    return record(operator.getitem, (a, index)) if nodes_in((index,)) else a[index]


# Taking elements and adding them into zeros undo each other: each is the rule of the other.
defvjp(operator.getitem, lambda g, y, a, index: scatter_add(g, index, a.shape))
defvjp(scatter_add, lambda g, y, a, index, shape: at(g, index))


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


@expands(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, reflect_type: str = "even"
) -> Any:
    if mode == "constant" and np.ndim(constant_values) == 0:
        places = np.pad(np.arange(1, array.size + 1).reshape(array.shape), pad_width)
        value: Any = constant_values if isinstance(constant_values, Node) else np.asarray(constant_values, array.dtype)
        return np.concatenate([value.reshape(1), array.reshape(-1)])[places]
    if mode not in ("edge", "reflect", "symmetric", "wrap") or reflect_type != "even":
        raise ValueError(
            f"np.pad: mode {mode!r} with these options has no derivative here; known: constant (one value), edge, "
            "reflect (even), symmetric, wrap"
        )
    return array.reshape(-1)[np.pad(np.arange(array.size).reshape(array.shape), pad_width, mode)]


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


# --- Axes -----------------------------------------------------------------------------------------------------


@expands(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    axes = np.moveaxis(np.empty(range(a.ndim)), source, destination).shape  # which axis comes where
    return np.transpose(a, axes)


@expands(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    return np.transpose(a, np.rollaxis(np.empty(range(a.ndim)), axis, start).shape)


@expands(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


@expands(np.ravel)
def ravel(a: Any) -> Any:
    return a.reshape(-1)


def _all_at_least(ndim: int, arrays: Sequence[Any], shaped: Callable[[Any], Any]) -> Any:
    results = [shaped(a) if np.ndim(a) < ndim else a for a in arrays]
    return results[0] if len(results) == 1 else tuple(results)


@expands(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    return _all_at_least(1, arrays, lambda a: np.reshape(a, 1))


@expands(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    return _all_at_least(2, arrays, lambda a: np.reshape(a, (1, -1)))


@expands(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    return _all_at_least(3, arrays, lambda a: a[..., None] if np.ndim(a) == 2 else np.reshape(a, (1, -1, 1)))


@expands(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@expands(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    open_grid = [np.reshape(x, [-1 if i == order[k] else 1 for i in range(len(xi))]) for k, x in enumerate(xi)]
    return tuple(open_grid) if sparse else np.broadcast_arrays(*open_grid)


# --- Joining --------------------------------------------------------------------------------------------------


def _pieces(g: Any, y: Any, arrays: Any, axis: int | None = 0) -> list[Any]:
    """Cut the gradient where the arrays were joined."""
    if axis is None:
        ends = np.cumsum([np.size(a) for a in arrays])
        return [g[end - np.size(a) : end].reshape(np.shape(a)) for a, end in zip(arrays, ends, strict=True)]
    sizes = [np.shape(a)[axis] for a in arrays]
    before = (slice(None),) * (axis % g.ndim)
    return [g[(*before, slice(end - size, end))] for size, end in zip(sizes, np.cumsum(sizes), strict=True)]


defvjp(np.concatenate, Each(_pieces))


@expands(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@expands(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    arrays = [np.atleast_1d(a) for a in arrays]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


@expands(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_2d(a) for a in arrays])


@expands(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in arrays], axis=2)


@expands(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in arrays], axis=1)


@expands(np.append)
def append(a: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([a, values], axis=axis)


@expands(np.insert)
def insert(a: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    numbers = np.arange(a.size, a.size + np.size(values)).reshape(np.shape(values))
    places = np.insert(np.arange(a.size).reshape(a.shape), obj, numbers, axis)
    return np.concatenate([a.reshape(-1), np.reshape(values, -1)])[places]


@expands(np.block)
def block(arrays: Any) -> Any:
    def depth(part: Any) -> int:
        return 1 + max(map(depth, part)) if isinstance(part, list) else 0

    def rank(part: Any) -> int:
        return max(map(rank, part)) if isinstance(part, list) else np.ndim(part)

    levels = depth(arrays)
    ndim = max(levels, rank(arrays))

    def join(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))
        return np.concatenate([join(inner, level - 1) for inner in part], axis=-level)

    return join(arrays, levels)


# --- Choosing -------------------------------------------------------------------------------------------------


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


@expands(np.piecewise)
def piecewise(x: Any, conditions: Any, functions: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    masks = [np.asarray(c, bool) for c in (conditions if isinstance(conditions, list | tuple) else [conditions])]
    if len(functions) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    y = 0 * x
    for mask, f in zip(masks, functions, strict=True):
        value = f(x[mask], *args, **kwargs) if callable(f) else f  # evaluated only where it applies
        inside = scatter_add(np.broadcast_to(value, (int(np.sum(mask)),)), mask, x.shape)
        y = np.where(mask, inside, y)
    return y.astype(x.dtype)


@expands(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    if np.size(v) > np.size(a):
        a, v = v, a
    n, m = np.size(a), np.size(v)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(np.positive(a), m - 1), m)
    full = windows @ v[::-1]
    match mode:
        case "full":
            return full
        case "same":
            return full[(m - 1) // 2 : (m - 1) // 2 + n]
        case "valid":
            return full[m - 1 : n]
    raise ValueError(f"np.convolve: unknown mode {mode!r}; known: full, same, valid")


@expands(np.linspace)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    step = stop - start
    share = np.linspace(0.0, 1.0, num, endpoint, dtype=step.dtype).reshape((-1, *(1 for _ in step.shape)))
    return np.moveaxis(start + share * step, 0, axis)


@expands(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    n = len(x) if N is None else N
    return np.stack([x**k for k in (range(n) if increasing else range(n - 1, -1, -1))], axis=-1)


@expands(np.apply_along_axis)
def apply_along_axis(f: Any, axis: int, a: Any, *args: Any, **kwargs: Any) -> Any:
    rows = np.moveaxis(a, axis, -1)
    outer = rows.shape[:-1]
    results = [f(row, *args, **kwargs) for row in rows.reshape((-1, rows.shape[-1]))]
    joined = np.stack(results)
    inner = joined.shape[1:]
    joined = joined.reshape((*outer, *inner))
    return np.moveaxis(joined, range(len(outer), joined.ndim), range(axis % a.ndim, axis % a.ndim + len(inner)))
