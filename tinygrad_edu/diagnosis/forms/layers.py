"""Backpropagation as methods of a layer, of which a network is then built; σ and the cost are ours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.backprop import output_error
from tinygrad_edu.diagnosis.explain import Seen
from tinygrad_edu.diagnosis.forms.base import ROWS, Form, UnreadableError, as_array, in_rows, names_of
from tinygrad_edu.diagnosis.problems import Array, Problem, slope, value

WEIGHTS = ("weights", "W", "w", "weight", "kernel")
BIASES = ("biases", "b", "bias")
RATE = 1.0
"""The learning rate that a layer is given that updates itself; its gradient is what it has moved by."""


def forms_of_layer(student: Any) -> Iterator[Form]:
    """The forms that a class of layers can have."""
    if not (isinstance(student, type) and hasattr(student, "forward") and hasattr(student, "backward")):
        return
    updates = len(names_of(student.backward)) >= 2
    said = (
        "a layer whose backward(grad, lr) updates it"
        if updates
        else "a layer whose backward(dvalues) keeps its gradients"
    )
    yield Form(said, ROWS, partial(_network, student, updates))


def _network(student: type, updates: bool, p: Problem) -> Seen:
    layers = []
    a = [p.x.copy()]
    z: list[Array] = []
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        layer = student(*W.shape)
        shape = np.shape(getattr(layer, _name(layer, BIASES)))
        _set(layer, WEIGHTS, W.copy())
        _set(layer, BIASES, b.reshape(shape) if np.size(b) == np.prod(shape) else b.copy())
        layers.append(layer)
        out = layer.forward(a[-1])
        z.append(as_array("forward", layer.output if out is None and hasattr(layer, "output") else out))
        if z[-1].shape != (p.n, len(b)):
            raise UnreadableError(f"forward returned shape {z[-1].shape}, but must return ({p.n}, {len(b)})")
        a.append(value(p.setting.sigma(l, p.depth), z[-1]))
    s = p.setting
    delta = output_error(z[-1], a[-1], p.y, output=s.output, cost=s.cost)
    grads: list[tuple[Array, Array]] = []
    for l in range(p.depth, 0, -1):
        layer = layers[l - 1]
        before = [np.array(getattr(layer, _name(layer, names)), float) for names in (WEIGHTS, BIASES)]
        out = layer.backward(delta.copy(), RATE) if updates else layer.backward(delta.copy())
        after = [np.array(getattr(layer, _name(layer, names)), float) for names in (WEIGHTS, BIASES)]
        if updates:
            grads.insert(0, ((before[0] - after[0]) / RATE, (before[1] - after[1]) / RATE))
        else:
            grads.insert(0, (_kept(layer, WEIGHTS), _kept(layer, BIASES)))
        if l > 1:
            out = layer.dinputs if out is None and hasattr(layer, "dinputs") else out
            carried = as_array("backward", out)
            if carried.shape != z[l - 2].shape:
                raise UnreadableError(
                    f"backward returned shape {carried.shape}, but must return that of its inputs, {z[l - 2].shape}"
                )
            delta = carried * slope(s.sigma(l - 1, p.depth), z[l - 2])
    return in_rows(p, [W for W, _ in grads], [b for _, b in grads], columns=False)


def _name(layer: Any, names: tuple[str, ...]) -> str:
    for name in names:
        if hasattr(layer, name):
            return name
    raise UnreadableError(f"the layer has no attribute {names[0]!r}, nor one of {', '.join(names[1:])}")


def _set(layer: Any, names: tuple[str, ...], array: Array) -> None:
    setattr(layer, _name(layer, names), array)


def _kept(layer: Any, names: tuple[str, ...]) -> Array:
    for name in names:
        for kept in (f"d{name}", f"grad_{name}", f"{name}_grad"):
            if hasattr(layer, kept):
                return as_array(kept, getattr(layer, kept))
    raise UnreadableError(
        f"after backward the layer has no gradient of its {names[0]}: an attribute such as d{names[0]}"
    )
