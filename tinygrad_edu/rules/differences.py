"""Functions given at points: differences, slopes, integrals by the trapezoidal rule, and lines between the points."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_edu.engine import Node, defvjp, expands, record
from tinygrad_edu.rules.indexing import at, scatter_add


@expands(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"np.diff: the order must not be negative, but is {n!r}")
    if a.ndim == 0:
        raise ValueError("np.diff: a single number has no neighbours; the array must have at least one axis")
    axis = normalize_axis_index(axis, a.ndim)

    def edge(value: Any) -> Any:
        return value if np.ndim(value) else np.broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))

    parts = [edge(prepend)] if prepend is not None else []
    parts += [a] + ([edge(append)] if append is not None else [])
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    before = (slice(None),) * axis
    for _ in range(n):
        later, earlier = a[(*before, slice(1, None))], a[(*before, slice(None, -1))]
        a = np.not_equal(later, earlier) if a.dtype == bool else later - earlier
    return a


@expands(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = ary.reshape(-1)

    def edge(name: str, part: Any) -> list[Any]:
        if part is None:
            return []
        part = part if isinstance(part, Node) else np.asarray(part)
        if not np.can_cast(part.dtype, flat.dtype, casting="same_kind"):
            raise TypeError(f"np.ediff1d: {name} of dtype {part.dtype} does not fit an array of dtype {flat.dtype}")
        return [np.astype(part, flat.dtype).reshape(-1) if part.dtype != flat.dtype else part.reshape(-1)]

    return np.concatenate([*edge("to_begin", to_begin), flat[1:] - flat[:-1], *edge("to_end", to_end)])


@expands(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    before = (slice(None),) * normalize_axis_index(axis, np.ndim(y))
    if x is not None:
        dx = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        if np.ndim(x) == 1:
            dx = dx.reshape((-1, *(1 for _ in y.shape[len(before) + 1 :])))
    heights = y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]
    return np.sum(dx * heights / 2.0, axis=axis)


# --- Slopes ---------------------------------------------------------------------------------------------------


@expands(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    steps = varargs or (1.0,)
    if len(steps) == 1 and np.ndim(steps[0]) == 0:
        steps = steps * len(axes)
    if len(steps) != len(axes):
        raise TypeError(
            f"np.gradient: {len(steps)} spacings for {len(axes)} axes; give one number, or one for each axis"
        )
    if edge_order > 2:
        raise ValueError(f"np.gradient: edge_order is at most 2, not {edge_order!r}")
    if f.dtype.kind in "iu":
        f = np.astype(f, np.float64)
    slopes = [
        np.moveaxis(_slopes(np.moveaxis(f, i, -1), _distances(h, f.shape[i]), edge_order), -1, i)
        for i, h in zip(axes, steps, strict=True)
    ]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _distances(h: Any, n: int) -> Any:
    """From the places along an axis, how far each is from the next; one number if they all are equally far."""
    if np.ndim(h) == 0:
        return h
    if np.ndim(h) > 1:
        raise ValueError(f"np.gradient: a spacing is a number, or has one axis; one of shape {np.shape(h)} was given")
    if len(h) != n:
        raise ValueError(f"np.gradient: {len(h)} places along an axis of {n} elements; there must be one for each")
    if h.dtype.kind in "iu":
        h = np.astype(h, np.float64)
    d = h[1:] - h[:-1]
    return d if isinstance(d, Node) or np.any(d != d[0]) else d[0]


def _slopes(f: Any, d: Any, edge_order: int) -> Any:
    """Slopes along the last axis: of the parabola through three neighbours; at the ends of a line, or of it again."""
    if f.shape[-1] < edge_order + 1:
        raise ValueError(
            f"np.gradient: {f.shape[-1]} elements along an axis are too few; edge_order={edge_order} needs at least "
            f"{edge_order + 1}"
        )
    left, middle, right = f[..., :-2], f[..., 1:-1], f[..., 2:]
    if np.ndim(d) == 0:
        inside = (right - left) / (2.0 * d)
        d_first = d_last = (d, d)
    else:
        d1, d2 = d[:-1], d[1:]
        inside = -d2 / (d1 * (d1 + d2)) * left + (d2 - d1) / (d1 * d2) * middle + d1 / (d2 * (d1 + d2)) * right
        d_first, d_last = (d[0], d[edge_order - 1]), (d[-1], d[-edge_order])
    if edge_order == 1:
        first, last = (f[..., 1:2] - f[..., :1]) / d_first[0], (f[..., -1:] - f[..., -2:-1]) / d_last[0]
    else:
        first = _slope_at_end(f[..., :1], f[..., 1:2], f[..., 2:3], *d_first)
        last = -_slope_at_end(f[..., -1:], f[..., -2:-1], f[..., -3:-2], *d_last)
    slopes = np.concatenate([first, inside, last], axis=-1)
    return slopes if slopes.dtype == f.dtype else np.astype(slopes, f.dtype)  # as NumPy, whatever that of d


def _slope_at_end(f0: Any, f1: Any, f2: Any, d1: Any, d2: Any) -> Any:
    """Of the parabola through three points, at the first."""
    return -(2.0 * d1 + d2) / (d1 * (d1 + d2)) * f0 + (d1 + d2) / (d1 * d2) * f1 - d1 / (d2 * (d1 + d2)) * f2


# --- Lines between points -------------------------------------------------------------------------------------


def _line(x: Any, xp: Any, fp: Any) -> tuple[Any, Any, Any, Any]:
    """The two neighbours of x among the points, how far it is from one to the other, and the slope between them.

    Outside it is at one end, and the slope 0.
    """
    low = np.clip(np.searchsorted(xp, x) - 1, 0, max(len(xp) - 2, 0))
    high = np.minimum(low + 1, len(xp) - 1)
    x0, x1 = at(xp, low), at(xp, high)
    width = np.where(x1 == x0, 1, x1 - x0)
    inside = (x >= xp[0]) & (x <= xp[-1])
    slope = np.where(inside, (at(fp, high) - at(fp, low)) / width, 0)
    return low, high, (np.clip(x, xp[0], xp[-1]) - x0) / width, slope


def _shared(g: Any, low: Any, high: Any, share: Any, points: Any) -> Any:
    """The gradient of a value between two points, at all points."""
    return scatter_add(g * (1 - share), low, points.shape) + scatter_add(g * share, high, points.shape)


def _interp_xp_back(g: Any, y: Any, x: Any, xp: Any, fp: Any) -> Any:
    low, high, share, slope = _line(x, xp, fp)
    return _shared(-g * slope, low, high, share, xp)


def _interp_fp_back(g: Any, y: Any, x: Any, xp: Any, fp: Any) -> Any:
    low, high, share, _ = _line(x, xp, fp)
    return _shared(g, low, high, share, fp)


defvjp(np.interp, lambda g, y, x, xp, fp: g * _line(x, xp, fp)[3], _interp_xp_back, _interp_fp_back)


@expands(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if period is not None:
        if period == 0:
            raise ValueError("np.interp: period must not be zero")
        period, left, right = abs(period), None, None
        xp, fp = (points if isinstance(points, Node) else np.asarray(points) for points in (xp, fp))
        if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp):
            raise ValueError(
                f"np.interp: points of shapes {np.shape(xp)} and {np.shape(fp)}; both must have one axis, equally long"
            )
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = at(xp, order), at(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    y = record(np.interp, (x, xp, fp))
    if left is not None:
        y = np.where(x < xp[0], left, y)
    return y if right is None else np.where(x > xp[-1], right, y)
