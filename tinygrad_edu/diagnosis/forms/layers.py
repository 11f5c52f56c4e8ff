"""Backpropagation as methods of layers: of one class of layers, of which a network is built, or of a whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.backprop import output_error
from tinygrad_edu.diagnosis.explain import Seen
from tinygrad_edu.diagnosis.forms.base import (
    ROWS,
    AddsUpError,
    Form,
    OtherFormError,
    UnreadableError,
    as_array,
    cost_in,
    in_rows,
    names_of,
)
from tinygrad_edu.diagnosis.problems import Array, Problem, slope, value

WEIGHTS = ("weights", "W", "w", "weight", "kernel")
BIASES = ("biases", "bias", "b")
RATE = 1.0
"""The learning rate that a layer is given that updates itself; its gradient is what it has moved by."""


Run = Callable[[Any, list[Any], Array, Array], tuple[list[tuple[Array, Array]], Any]]
"""From a model, its layers, x and y to the gradients of the layers, and to the cost, where it is returned."""


def forms_of_layer(student: Any) -> Iterator[Form]:
    """The forms that a class of layers, or of models of layers, can have."""
    if not isinstance(student, type):
        return
    step: Any = getattr(student, "train_step", None) or getattr(student, "train_on_batch", None)
    forward, backward = (getattr(student, name, None) for name in ("forward", "backward"))
    if step is not None and len(names_of(step)) == 3:
        yield from _of_model(student, "a model of layers whose train_step(x, y, lr) updates them", _trained)
    elif forward is not None and backward is not None and len(names_of(forward)) == 2:
        yield from _of_model(student, "a model of layers with forward(X, y) and backward(y)", _walked)
    elif forward is not None and backward is not None:
        updates = len(names_of(backward)) >= 2
        said = "backward(grad, lr) updates it" if updates else "backward(dvalues) keeps its gradients"
        yield Form(f"a layer whose {said}", ROWS, partial(_network, student, updates), updates=updates)


def _of_model(student: type, said: str, run: Run) -> Iterator[Form]:
    """For a batch and for single examples, with targets as numbers and as labels."""
    for is_single in (False, True):
        for classes in (False, True):
            ask = partial(_model, student, run, classes)
            yield Form(said, "", ask, is_single=is_single, classes=classes, updates=run is _trained)


# --- A whole model --------------------------------------------------------------------------------------------


def _model(student: type, run: Run, labels: bool, p: Problem) -> Seen:
    model = student(p.sizes)
    layers = list(_layers_in(vars(model)))
    if len(layers) != p.depth:
        raise UnreadableError(f"the model has {len(layers)} layers with weights, but sizes {p.sizes} make {p.depth}")
    probe = next(_layers_in(vars(student([2, 3, *p.sizes[2:]]))))
    is_columns = np.shape(_get(probe, WEIGHTS)) == (3, 2)
    for layer, W, b in zip(layers, p.weights, p.biases, strict=True):
        _set(layer, WEIGHTS, W.T.copy() if is_columns else W.copy())
        _set(layer, BIASES, b.reshape(np.shape(_get(layer, BIASES))).copy())
    x, y = (p.x.T.copy(), p.y.T.copy()) if is_columns else (p.x.copy(), p.y.copy())
    grads, cost = run(model, layers, x, p.y.argmax(axis=1) if labels else y)
    seen = in_rows(p, [W for W, _ in grads], [b for _, b in grads], is_columns)._replace(cost=cost_in(cost))
    last = (seen.grad_biases or [])[-1]
    if is_columns and p.n > 1 and last.size == p.n * p.sizes[-1]:
        raise OtherFormError("the gradients of the biases are not summed over the batch; is it for single examples?")
    if not is_columns and p.n == 1:
        raise OtherFormError("examples are rows, so it is for batches")
    return seen


def _trained(model: Any, layers: list[Any], x: Array, y: Array) -> tuple[list[tuple[Array, Array]], Any]:
    before = [[np.array(_get(layer, names), float) for names in (WEIGHTS, BIASES)] for layer in layers]
    step = getattr(model, "train_step", None) or model.train_on_batch
    cost = step(x, y, RATE)
    after = [[np.array(_get(layer, names), float) for names in (WEIGHTS, BIASES)] for layer in layers]
    return [((W - V) / RATE, (b - c) / RATE) for (W, b), (V, c) in zip(before, after, strict=True)], cost


def _walked(model: Any, layers: list[Any], x: Array, y: Array) -> tuple[list[tuple[Array, Array]], Any]:
    cost = model.forward(x, y)
    model.backward(y)
    first = [(_kept(layer, WEIGHTS).copy(), _kept(layer, BIASES).copy()) for layer in layers]
    model.forward(x, y)
    model.backward(y)
    for (W, _), layer in zip(first, layers, strict=True):
        if np.any(W) and np.allclose(2 * W, _kept(layer, WEIGHTS), atol=0):
            raise AddsUpError
    return first, cost


def _layers_in(value: Any) -> Iterator[Any]:
    """The objects with weights in an object's attributes, in their order."""
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, list | tuple | dict):
            yield from _layers_in(part)
        elif hasattr(part, "__dict__") and any(hasattr(part, name) for name in WEIGHTS):
            yield part


# --- One class of layers; σ and the cost are ours -----------------------------------------------------------------


def _network(student: type, updates: bool, p: Problem) -> Seen:
    layers, z = [], []
    a = [p.x.copy()]
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        layer = student(*W.shape)
        _set(layer, WEIGHTS, W.copy())
        _set(layer, BIASES, b.reshape(np.shape(_get(layer, BIASES))).copy())
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
        before = [np.array(_get(layer, names), float) for names in (WEIGHTS, BIASES)]
        out = layer.backward(delta.copy(), RATE) if updates else layer.backward(delta.copy())
        after = [np.array(_get(layer, names), float) for names in (WEIGHTS, BIASES)]
        if updates:
            grads.insert(0, ((before[0] - after[0]) / RATE, (before[1] - after[1]) / RATE))
        else:
            grads.insert(0, (_kept(layer, WEIGHTS), _kept(layer, BIASES)))
        if l > 1:
            carried = as_array("backward", layer.dinputs if out is None and hasattr(layer, "dinputs") else out)
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


def _get(layer: Any, names: tuple[str, ...]) -> Any:
    return getattr(layer, _name(layer, names))


def _set(layer: Any, names: tuple[str, ...], array: Array) -> None:
    setattr(layer, _name(layer, names), array)


def _kept(layer: Any, names: tuple[str, ...]) -> Array:
    for name in names:
        for kept in (f"d{name}", f"grad_{name}", f"{name}_grad"):
            if hasattr(layer, kept):
                return as_array(kept, getattr(layer, kept))
    raise UnreadableError(f"after backward the layer has no gradient of its {names[0]}: an attribute as d{names[0]}")
