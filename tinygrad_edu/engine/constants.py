"""Functions that are constant wherever they have a derivative: no gradient flows, plain arrays come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import refuse_other_arithmetic
from tinygrad_edu.engine.graph import NO_KWARGS
from tinygrad_edu.engine.modes import watchers
from tinygrad_edu.engine.ownership import with_arrays


def constant(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] = NO_KWARGS) -> Any:
    """Call a function through which no gradient flows: on values, giving plain arrays.

    While the compiler looks on it is recorded nevertheless: a mask must follow the values it was made from.

    Raises
    ------
    TypeError
        If an argument is a masked array or a matrix.
    """
    places: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    for i, arg in places:
        if isinstance(arg, np.ndarray) and type(arg) is not np.ndarray:
            refuse_other_arithmetic(fn, i, arg)
    values = [with_arrays(arg) for arg in args]
    value = fn(*values, **{name: with_arrays(arg) for name, arg in kwargs.items()})
    for watcher in watchers():
        value = watcher.constant(fn, args, kwargs, values, value)
    return value


PIECEWISE_CONSTANT: frozenset[Callable[..., Any]] = frozenset(
    {
        # comparisons and logic
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.any, np.all),
        *(np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.isclose, np.allclose, np.isin),
        *(np.array_equal, np.array_equiv, np.count_nonzero, np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal),
        # rounding and signs
        *(np.sign, np.signbit, np.heaviside, np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around),
        *(np.floor_divide, np.angle, np.imag, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
        # places
        *(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort),
        *(np.argwhere, np.nonzero, np.flatnonzero, np.searchsorted, np.digitize, np.unique, np.bincount),
        *(np.histogram, np.histogram_bin_edges, np.linalg.matrix_rank),
        # shapes and types
        *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type, np.min_scalar_type),
        *(np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.shares_memory, np.may_share_memory),
        *(np.array_repr, np.array_str, np.array2string),
    }
)
