"""Between which numbers a value lies, whatever the arguments of the program are.

Factors of at most 1 may change places in a product: what comes up on the way lies between the first value and the last
in size, so it cannot overflow or underflow where these do not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import uniform_value, value_of
from tinygrad_edu.engine import Node

Bounds = tuple[float, float]
ANY: Bounds = (-inf, inf)

_KEEPS_VALUES = (np.broadcast_to, np.reshape, np.transpose, np.expand_dims, np.squeeze)
_FIXED: dict[Any, Bounds] = {np.tanh: (-1, 1), np.sin: (-1, 1), np.cos: (-1, 1)}
_OF_BOUNDS: dict[Any, Callable[..., Bounds]] = {
    np.exp: lambda a: (float(np.exp(a[0])), float(np.exp(a[1]))),
    np.sqrt: lambda a: (0, inf),
    np.absolute: lambda a: (0, max(-a[0], a[1])),
    np.square: lambda a: (0, max(a[0] * a[0], a[1] * a[1])),
    np.negative: lambda a: (-a[1], -a[0]),
    np.add: lambda a, b: (a[0] + b[0], a[1] + b[1]),
    np.subtract: lambda a, b: (a[0] - b[1], a[1] - b[0]),
    np.minimum: lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    np.maximum: lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    np.where: lambda mask, a, b: (min(a[0], b[0]), max(a[1], b[1])),
}


def bounds_of_call(fn: Any, args: tuple[Any, ...], known: Callable[[Any], Bounds]) -> Bounds:
    """The least and the greatest value of a call; ``known`` gives those of its arguments."""
    if fn in _FIXED:
        return _FIXED[fn]
    if fn in _KEEPS_VALUES:
        return known(args[0])
    if fn in _OF_BOUNDS:
        return _OF_BOUNDS[fn](*map(known, args))
    if fn is np.multiply:
        ends = [x * y for x in known(args[0]) for y in known(args[1])]
        return (min(ends), max(ends)) if all(end == end for end in ends) else ANY
    if fn is np.divide and is_share(args, known):
        return 0, 1
    return ANY


def is_share(args: tuple[Any, ...], known: Callable[[Any], Bounds]) -> bool:
    """Whether p / d is p / (p + c) with p ≥ 0 and a number 0 < c ≤ 1: from 0 to 1, and 0 only where p is."""
    p, d = args
    if not (isinstance(d, Node) and d.fn is np.add and known(p)[0] >= 0):
        return False
    others = [arg for arg in d.args if arg is not p]
    number = uniform_value(others[0]) if len(others) == 1 else None
    return number is not None and 0 < number <= 1


def bounds_of_constant(x: Any) -> Bounds:
    """The least and the greatest element."""
    number = uniform_value(x)
    if number is not None:
        return (number, number) if number == number else ANY
    value = value_of(x)
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return 0, 1
    if isinstance(x, np.ndarray) and x.size and x.dtype.kind in "fiu" and np.isfinite(x).all():
        return float(x.min()), float(x.max())
    return ANY
