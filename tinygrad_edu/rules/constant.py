"""Functions that are constant wherever they have a derivative: no gradient flows, plain arrays come out."""

from collections.abc import Callable
from typing import Any

import numpy as np

PIECEWISE_CONSTANT: frozenset[Callable[..., Any]] = frozenset(
    {
        # comparisons and logic
        *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.any, np.all),
        *(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal, np.count_nonzero),
        # rounding and signs
        *(np.sign, np.signbit, np.heaviside, np.floor, np.ceil, np.rint, np.trunc, np.round, np.floor_divide),
        # places
        *(
            np.argmax,
            np.argmin,
            np.argsort,
            np.argwhere,
            np.nonzero,
            np.flatnonzero,
            np.searchsorted,
            np.unique,
        ),
        # shapes and types
        *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj),
        *(np.zeros_like, np.ones_like, np.full_like, np.empty_like),
        *(np.array_repr, np.array_str, np.array2string),
    }
)
