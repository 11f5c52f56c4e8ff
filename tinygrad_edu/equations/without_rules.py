"""Derivatives of recorded operations that need no rule.

They come from the formulas of `tinygrad_edu.backprop` or, where there is none, from the complex step Im f(x + ih)/h.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.engine import Node
from tinygrad_edu.equations.arrays import Array, agree, flat
from tinygrad_edu.equations.functions import is_activation
from tinygrad_edu.equations.structure import Structure, WeightedInput

H = 1e-30
WORK = 5_000_000  # how many numbers may be computed for the complex step of a cost, which runs once per activation
ANALYTIC: set[Any] = {
    *(np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive, np.square, np.sqrt),
    *(np.reciprocal, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.sinh),
    *(np.cosh, np.tanh, np.arctan, np.sum, np.matmul, np.transpose, np.reshape, getitem, np.where, np.concatenate),
}
CHOICES: set[Any] = {np.maximum, np.minimum, np.clip, np.absolute}  # between two analytic functions, except at a tie


def slope_by_hand(layer: WeightedInput, structure: Structure) -> Array | None:
    """σ′(z); None where there is no way to find it."""
    slope, x = np.ones_like(layer.z.value), layer.z
    for function, y in zip(layer.functions, layer.applied, strict=True):
        factor: Any
        if is_activation(function, x.value, y.value):
            factor = by_hand.ACTIVATION_FORMULAS[function].prime(x.value)
        elif y.fn in (np.maximum, np.minimum) and any(arg is x for arg in y.args):
            other = y.values[1 if y.args[0] is x else 0]
            wins = x.value > other if y.fn is np.maximum else x.value < other
            factor = wins + 0.5 * (x.value == other)
        else:
            factor = _complex_step(x, np.ones_like(x.value), y, _between(x, y, structure))
        if factor is None:
            return None
        slope, x = slope * np.asarray(factor, x.value.dtype), y
    return slope


def gradient_by_steps(a: Node, structure: Structure) -> Array | None:
    """The gradient of the sum of the root, one entry of a after the other; None where there is no way to find it."""
    between = _between(a, structure.root, structure)
    if not between or a.value.size * sum(np.size(flat(node.value)) + 1000 for node in between) > WORK:
        return None
    nabla = np.empty_like(a.value)
    for i in range(nabla.size):
        direction = np.zeros_like(a.value)
        direction.flat[i] = 1
        step = _complex_step(a, direction, structure.root, between)
        if step is None:
            return None
        nabla.flat[i] = np.sum(step)
    return nabla


def _between(x: Node, y: Node, structure: Structure) -> list[Node]:
    """The operations that lead from x to y, in order."""
    after = {x}
    found = []
    for node in structure.operations:
        if x.index < node.index <= y.index and not after.isdisjoint(node.parents):
            after.add(node)
            found.append(node)
    return found


def _complex_step(x: Node, direction: Array, y: Node, operations: list[Node]) -> Any:
    """The derivative of y along a direction of x: Im y(x + ih)/h. None where an operation is not analytic."""
    moved: dict[Node, Any] = {x: x.value + 1j * H * direction.astype(np.float64)}
    for node in operations:
        args = [_replaced(arg, value, moved) for arg, value in zip(node.args, node.values, strict=True)]
        assert node.fn
        if node.fn in ANALYTIC and "dtype" not in node.kwargs:
            moved[node] = node.fn(*args, **node.kwargs)
        elif node.fn in CHOICES and not any(np.any(np.real(args[0]) == b) for b in map(np.real, args[1:] or [0])):
            moved[node] = np.where(np.real(args[0]) < 0, -args[0], args[0]) if len(args) == 1 else node.fn(*args)
        else:
            return None
    if y not in moved or not agree(np.real(moved[y]).astype(y.value.dtype), y.value):
        return None
    return np.imag(moved[y]) / H


def _replaced(arg: Any, value: Any, moved: Mapping[Node, Any]) -> Any:
    if isinstance(arg, Node):
        return moved.get(arg, value)
    if isinstance(arg, list | tuple) and any(isinstance(part, Node) for part in arg):
        return [_replaced(part, v, moved) for part, v in zip(arg, value, strict=True)]
    return value
