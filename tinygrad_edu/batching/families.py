"""Functions of each element, over axes, of shapes: the axes of an example lie behind that of the examples."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.batching.calls import Call, batches, elementwise, spread

batches(
    *(np.where, np.clip, np.copy, np.round, np.around, np.fix, np.isclose, np.isposinf, np.isneginf, np.modf),
    *(np.isreal, np.iscomplex, np.angle, np.imag, np.astype),
)(elementwise)


def shifted(axis: Any) -> Any:
    """An axis of one example, or several, counted among those of all: from behind they are the same."""
    if isinstance(axis, tuple | list):
        return tuple(map(shifted, axis))
    return axis + 1 if axis >= 0 else axis


def _along(default: Any) -> Any:
    """Functions along one axis or over several; without an axis, over the whole example as one."""

    def rule(call: Call) -> Any:
        if not call.only(0):
            return NotImplemented
        a, axis = call.args[0], call.options.get("axis", default)
        if axis is not None and call.ndim(0):
            return call.run(a, *call.args[1:], **{**call.options, "axis": shifted(axis)})
        flat = np.reshape(a, (call.n, prod(call.node.values[0].shape)))
        options = {name: option for name, option in call.options.items() if name != "keepdims"}
        return np.reshape(call.run(flat, *call.args[1:], **{**options, "axis": 1}), (call.n, *call.shape))

    return rule


batches(
    *(np.sum, np.prod, np.max, np.min, np.nanmax, np.nanmin, np.nanvar, np.median),
    *(np.any, np.all, np.count_nonzero, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.cumsum, np.cumprod),
)(_along(None))
batches(np.sort, np.argsort, np.partition, np.argpartition, np.unwrap)(_along(-1))


@batches(np.quantile, np.percentile)
def quantile(call: Call) -> Any:
    return _along(None)(call) if np.ndim(call.node.values[1]) == 0 else NotImplemented


@batches(np.take_along_axis)
def take_along_axis(call: Call) -> Any:
    a, places, axis = call.each(0), call.each(1), call.args[2] if len(call.args) > 2 else call.options.get("axis", -1)
    if axis is None:
        return NotImplemented
    return call.run(a, places, shifted(axis))


# --- Shapes ---------------------------------------------------------------------------------------------------


@batches(np.reshape)
def reshape(call: Call) -> Any:
    a, order = call.args[0], call.options.get("order", "C")
    if "F" not in (order, *call.args[2:]):
        return np.reshape(a, (call.n, *call.shape))
    turned = np.transpose(a, (0, *range(call.ndim(0), 0, -1)))  # Fortran's order is ours of the transposes
    return np.transpose(np.reshape(turned, (call.n, *call.shape[::-1])), (0, *range(len(call.shape), 0, -1)))


@batches(np.expand_dims, np.squeeze)
def reshaped(call: Call) -> Any:
    return np.reshape(call.args[0], (call.n, *call.shape))


@batches(np.transpose)
def transpose(call: Call) -> Any:
    axes = call.options.get("axes")
    if len(call.args) > 1:
        axes = call.args[1]
    ndim = call.ndim(0)
    axes = range(ndim)[::-1] if axes is None else axes if isinstance(axes, tuple | list) else (axes,)
    return np.transpose(call.args[0], (0, *(1 + i % ndim for i in axes)))


@batches(np.swapaxes)
def swapaxes(call: Call) -> Any:
    a, *axes = call.args
    return call.run(a, *map(shifted, axes))


@batches(np.broadcast_to)
def broadcast_to(call: Call) -> Any:
    return call.run(call.aligned(0, len(call.shape)), (call.n, *call.shape))


@batches(np.concatenate)
def concatenate(call: Call) -> Any:
    [arrays], [differs], axis = call.args, call.differs, call.options.get("axis", 0)
    parts = [spread(x, own, call.n) for x, own in zip(arrays, differs, strict=True)]
    if axis is None:
        parts, axis = [np.reshape(x, (call.n, -1)) for x in parts], 0
    return call.run(parts, **{**call.options, "axis": shifted(axis)})


# --- Functions given by their values ------------------------------------------------------------------------------


@batches(np.interp, np.searchsorted, np.digitize, np.isin)
def looked_up(call: Call) -> Any:
    """Every element of the first argument by itself (of searchsorted, the second) in a table that is one for all."""
    x = 1 if call.node.fn is np.searchsorted else 0
    return call.run(*call.args, **call.options) if call.only(x) else NotImplemented
