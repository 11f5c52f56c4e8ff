"""A whole run of a function as data: also the calls through which no gradient flows, so that it can be run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.graph import Node, nodes_in
from tinygrad_edu.engine.modes import Watcher
from tinygrad_edu.engine.ownership import copied
from tinygrad_edu.engine.walk import make_node
from tinygrad_edu.errors import name_of

LOOKS_AT_SHAPE: frozenset[Callable[..., Any]] = frozenset(
    {
        *(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.result_type),
        *(np.can_cast, np.common_type, np.min_scalar_type, np.iscomplexobj, np.isrealobj),
    }
)
"""Functions whose result does not depend on the values."""

SHAPE_FOLLOWS_VALUES: frozenset[Callable[..., Any]] = frozenset(
    {np.argwhere, np.nonzero, np.flatnonzero, np.unique, np.bincount, np.histogram, np.histogram_bin_edges}
)


class Tracer(Watcher):
    """Has everything recorded, and nothing that depends on the values but is no array.

    Attributes
    ----------
    who : str
        On whose behalf, for error messages.
    why : str
        Why nothing may depend on the values.
    """

    records_all = True
    who = why = ""

    def constant(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], values: list[Any], value: Any
    ) -> Any:
        """Record the call: a mask must follow the values that it was made from."""
        kind = next((type(node) for node in nodes_in(args)), None)
        if kind is None or fn in LOOKS_AT_SHAPE or isinstance(value, Node):  # another tracer has recorded it
            return value
        if fn in SHAPE_FOLLOWS_VALUES or not isinstance(value, np.ndarray | np.generic):
            raise TypeError(
                f"{self.who}: {name_of(fn)} gives a result whose shape, or the course of the program, depends on the "
                f"values; {self.why}"
            )
        node = make_node(kind, fn, tuple(map(copied, args)), kwargs, values, value, [])
        self.recorded(node)
        return node
