"""Masks that change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.facts import uniform_value
from tinygrad_edu.engine import Node


def needless_masks(factors: list[Any]) -> list[Any]:
    """Those among the factors of a product that are masks, and 0 only where another factor is 0 anyway.

    The rule of min(z, c) multiplies by 1 where z < c. In σ(z) = p / (1 + p) with p = exp(min(z, 40)), beyond 40 the
    factor 1 − a is exactly 0 already. Whether that is so is found by computing the factor with c for min(z, c).
    """
    needless: list[Any] = []
    for mask in factors:
        limit = _limit_of(mask)
        others = [factor for factor in factors if factor is not mask and not any(factor is x for x in needless)]
        if limit is not None and any(_at_limit(factor, *limit) == 0 for factor in others):
            needless.append(mask)
    return needless


_EXTREME: dict[Any, Any] = {np.less: np.minimum, np.greater: np.maximum}


def _limit_of(mask: Any) -> tuple[Any, Any, float] | None:
    """(np.minimum, z, c) for the mask that is 1 where z < c, and ½ where z = c; likewise for np.maximum.

    None for anything else.
    """
    if not (isinstance(mask, Node) and mask.fn in (np.heaviside, np.where) and uniform_value(mask.args[1]) == 0.5):
        return None
    if mask.fn is np.heaviside:
        return _limit_of_step(mask.args[0])
    ties, _, wins = mask.args
    if not (isinstance(ties, Node) and isinstance(wins, Node) and ties.fn is np.equal and wins.fn in _EXTREME):
        return None
    z, number = wins.args[0], uniform_value(wins.args[1])
    if number is None or ties.args[0] is not z or uniform_value(ties.args[1]) != number:
        return None
    return _EXTREME[wins.fn], z, number


def _limit_of_step(at: Any) -> tuple[Any, Any, float] | None:
    """The same for a step at fmax(c − z, −1), which is that of min(z, c), or at fmax(z − c, −1), that of max(z, c)."""
    if not (isinstance(at, Node) and at.fn is np.fmax and uniform_value(at.args[1]) == -1):
        return None
    z = at.args[0]
    if z.fn is np.negative:
        return np.minimum, z.args[0], 0.0
    if z.fn is np.subtract:
        a, b = z.args
        if (limit := uniform_value(a)) is not None:
            return np.minimum, b, limit
        if (limit := uniform_value(b)) is not None:
            return np.maximum, a, limit
    return np.maximum, z, 0.0


def _at_limit(factor: Any, function: Any, z: Any, limit: float, depth: int = 6) -> Any:
    """The value of a factor where ``function(z, limit)`` is the limit; None if that does not (soon) decide it."""
    number = uniform_value(factor)
    if number is not None:
        return factor if np.ndim(factor) == 0 else number
    if not isinstance(factor, Node) or not isinstance(factor.fn, np.ufunc) or factor.fn.signature or factor.kwargs:
        return None
    if factor.fn is function and factor.args[0] is z and uniform_value(factor.args[1]) == limit:
        return factor.value.dtype.type(limit)
    if depth == 0:
        return None
    values = [_at_limit(arg, function, z, limit, depth - 1) for arg in factor.args]
    return None if any(value is None for value in values) else factor.fn(*values)
