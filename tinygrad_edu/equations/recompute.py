"""BP1–BP4 in a recorded graph, recomputed by hand from the recorded values and compared with autograd.

The formulas are those of `tinygrad_edu.backprop`. Activation functions and costs without one there are recomputed along
the imaginary axis, see `without_rules`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.costs import COSTS
from tinygrad_edu.engine import Node, unbroadcast
from tinygrad_edu.equations import words
from tinygrad_edu.equations.arrays import Array, agree, norm
from tinygrad_edu.equations.functions import PAIR_IN, cost_gradient, is_cost
from tinygrad_edu.equations.notation import Equation, Notation
from tinygrad_edu.equations.structure import Product, Structure, WeightedInput, operands, scopes
from tinygrad_edu.equations.without_rules import gradient_by_steps, slope_by_hand

ULPS = 4500
"""Allowed error in units of the machine epsilon: 1e-12 in float64, 5e-4 in float32."""

Status = Literal["verified", "differs", "not finite", "unchecked"]


class Factor(NamedTuple):
    """An array in a formula, and its symbol."""

    array: Array
    symbol: str


@dataclass(frozen=True)
class Numbers:
    """The numbers that stand in a formula, so that one entry of the result can be followed.

    ``left``, the sum of it over an axis, or the product of two matrices of which some are turned (transposed); all
    times ``slope``, element by element.
    """

    kind: Literal["one", "sum", "product"]
    left: Factor
    right: Factor | None = None
    turned: tuple[bool, bool] | None = None
    axis: int | None = None
    slope: Factor | None = None


@dataclass(frozen=True)
class Recomputed:
    """One equation, and whether it gives what autograd finds.

    Attributes
    ----------
    equation : Equation
    node : Node
        The value whose gradient is the left-hand side.
    status : str
    error : float or None
        |auto − hand| / S in the Euclidean norm, where S is the same equation evaluated with absolute values.
    note : str
        How it was recomputed, or why not.
    numbers : Numbers or None
        Where the formula is of matrices.
    """

    equation: Equation
    node: Node
    status: Status
    error: float | None = None
    note: str = ""
    numbers: Numbers | None = None


class _ByHand(NamedTuple):
    """A gradient by hand, and the same with absolute values, to which rounding errors are proportional."""

    value: Any
    size: Any


def recompute(notation: Notation, grads: Mapping[Node, Array], magnitudes: Mapping[Node, Array]) -> list[Recomputed]:
    """Every equation in a graph, recomputed.

    Parameters
    ----------
    notation : Notation
    grads : mapping of Node to array
        What autograd finds.
    magnitudes : mapping of Node to array
        The contributions to each gradient, each by its magnitude, added.
    """
    done: list[Recomputed] = []
    for layer in notation.structure.layers:
        if layer.z in grads and layer.tag == "BP1":
            done.append(_bp1(layer, notation, grads, magnitudes))
        elif layer.z in grads and layer.tag == "BP2":
            done.append(_bp2(layer, notation, grads))
    return done + _parameters(notation, grads)


def _compared(
    equation: Equation, node: Node, auto: Array, hand: _ByHand, note: str = "", numbers: Numbers | None = None
) -> Recomputed:
    if np.shape(hand.value) != auto.shape:
        return Recomputed(equation, node, "unchecked", None, note, numbers)
    difference, scale = norm(auto - hand.value), norm(hand.size)
    if not (math.isfinite(difference) and math.isfinite(scale)):
        return Recomputed(equation, node, "not finite", None, note, numbers)
    error = difference / scale if difference else 0.0
    dtype = node.value.dtype if node.value.dtype.kind == "f" else np.dtype(np.float64)
    status: Status = "verified" if error <= ULPS * float(np.finfo(dtype).eps) else "differs"
    return Recomputed(equation, node, status, error, note, numbers)


# --- BP1 --------------------------------------------------------------------------------------------------


class _CostGradient(NamedTuple):
    """∇ₐC by hand."""

    by_hand: _ByHand | None
    cost: str = ""  # its name, if it is one of `tinygrad_edu.costs` and the result of the graph
    note: str = ""


def _bp1(
    layer: WeightedInput, notation: Notation, grads: Mapping[Node, Array], magnitudes: Mapping[Node, Array]
) -> Recomputed:
    z, structure = layer.z, notation.structure
    equation = notation.equation(z)
    assert equation
    probabilities = _softmax(layer, structure)
    a = layer.a if probabilities is None else probabilities
    nabla, cost, note = _cost_gradient(a, notation, grads, magnitudes)
    if nabla is None and a is not z and a in grads:
        nabla = _ByHand(grads[a], magnitudes[a])
        note = f"{notation.gradient(a)} is taken from autograd: there is no formula by hand for this cost."
    if probabilities is not None and nabla is not None:
        right = words.bp1_softmax(notation.gradient(a), notation.symbol(a), notation.symbol(z))
        rows = (-1, a.value.shape[-1])  # one example, or a stack of batches
        jacobian = by_hand.softmax_jacobian(a.value.reshape(rows))
        hand = np.einsum("nj,njk->nk", nabla.value.reshape(rows), jacobian).reshape(z.value.shape)
        size = a.value * (nabla.size + np.sum(a.value * nabla.size, axis=-1, keepdims=True))
        note = f"Through the whole Jacobian of softmax. {note}".strip()
        return _compared(Equation("BP1", equation.left, right), z, grads[z], _ByHand(hand, size), note)
    slope = slope_by_hand(layer, structure)
    if nabla is None or slope is None:
        note = "There is no formula by hand for this cost or activation function."
        return Recomputed(equation, z, "unchecked", note=note)
    if cost in PAIR_IN and a is z:
        derivative = words.FUNCTIONS[cost][1].format(a=notation.symbol(z), n=len(z.value))
        equation = Equation("BP1", equation.left, derivative)
    numbers = None
    if layer.functions:
        left = Factor(nabla.value, notation.gradient(a))
        numbers = Numbers("one", left, slope=Factor(slope, notation.slope(layer)))
    hand_and_size = _ByHand(by_hand.bp1(nabla.value, slope), by_hand.bp1(nabla.size, _at_least_one(slope)))
    return _compared(equation, z, grads[z], hand_and_size, note, numbers)


def _cost_gradient(
    a: Node, notation: Notation, grads: Mapping[Node, Array], magnitudes: Mapping[Node, Array]
) -> _CostGradient:
    structure = notation.structure
    if a is structure.root:
        ones = np.ones_like(a.value)
        return _CostGradient(
            _ByHand(ones, ones), note=f"{notation.gradient(a)} is 1: the outputs themselves are added."
        )
    name, inside = _inside(a, COSTS, structure)
    for y in [y for node in inside for y in _constants(node, a.value.shape)]:
        C = inside[-1]
        if C in grads and is_cost(name, a.value, y, C.value):
            upstream = grads[C].reshape(())
            nabla, size = cost_gradient(name, a.value, y)
            return _CostGradient(_ByHand(nabla * upstream, size * abs(upstream)), name if upstream == 1 else "")
    steps = gradient_by_steps(a, structure)
    if steps is None:
        return _CostGradient(None)
    by_steps = _ByHand(steps, magnitudes.get(a, np.abs(steps)))
    return _CostGradient(by_steps, note=f"{notation.gradient(a)} by the complex step: no rule is used.")


def _inside(value: Node, names: Collection[str], structure: Structure) -> tuple[str, list[Node]]:
    """The one scope of such a name that all uses of a value are in, and the operations there."""
    around = [next((s for s in scopes(node) if s.name in names), None) for node in structure.users[value]]
    if not around or None in around or len({scope.serial for scope in around if scope}) != 1 or not around[0]:
        return "", []
    serial = around[0].serial
    return around[0].name, [n for n in structure.operations if any(s.serial == serial for s in scopes(n))]


def _softmax(layer: WeightedInput, structure: Structure) -> Node | None:
    """softmax(z) of the layer, if that is all that z is used for."""
    inside = _inside(layer.z, {"softmax"}, structure)[1]
    if not inside or layer.z.value.ndim == 0 or not layer.z.value.size:
        return None
    return inside[-1] if agree(by_hand.softmax(layer.z.value), inside[-1].value) else None


def _constants(node: Node, shape: tuple[int, ...]) -> list[Array]:
    return [
        value
        for _, operand, value in operands(node)
        if not getattr(operand, "requires_grad", False) and np.shape(value) == shape and value.dtype != bool
    ]


def _at_least_one(slope: Array) -> Array:
    """Of the size of the errors in a slope: that of a saturated unit is what is left of terms near 1."""
    return np.maximum(np.abs(slope), 1)


# --- BP2 --------------------------------------------------------------------------------------------------


def _bp2(layer: WeightedInput, notation: Notation, grads: Mapping[Node, Array]) -> Recomputed:
    equation = notation.equation(layer.z)
    assert equation
    slope = slope_by_hand(layer, notation.structure)
    if slope is None:
        note = "There is no formula by hand for this activation function."
        return Recomputed(equation, layer.z, "unchecked", note=note)
    hand: Any = 0
    size: Any = 0
    for after, product in layer.next:
        delta, W = grads[after.z], product.weights
        hand = hand + _carried_back(product, W, delta) * slope
        size = size + _carried_back(product, np.abs(W), np.abs(delta)) * _at_least_one(slope)
    numbers = None
    after, product = layer.next[0]
    if len(layer.next) == 1 and product.is_of_matrices:
        delta_and_W = (
            Factor(grads[after.z], notation.gradient(after.z)),
            Factor(product.parameter, notation.symbol(product.W)),
        )
        W_first, transposed = product.layout.W_first, product.layout.transposed
        left, right = delta_and_W[:: -1 if W_first else 1]
        turned = (W_first and not transposed, not W_first and not transposed)
        factor = Factor(slope, notation.slope(layer)) if layer.functions else None
        numbers = Numbers("product", left, right, turned, slope=factor)
    return _compared(equation, layer.z, grads[layer.z], _ByHand(hand, size), numbers=numbers)


def _carried_back(product: Product, W: Array, delta: Array) -> Array:
    """δ Wᵀ of BP2, for one product; Nielsen's W a is the transpose of a W."""
    if product.layout.of_number:
        return delta * W
    if W.ndim == 1:
        in_columns = product.layout.W_first and product.activations.ndim > 1
        return np.expand_dims(delta, -2) * W[:, np.newaxis] if in_columns else np.multiply.outer(delta, W)
    one = np.ones((), delta.dtype)
    if product.layout.W_first:
        return _turned(by_hand.bp2(W.T, _turned(delta), one))
    return by_hand.bp2(W, delta, one)


def _turned(x: Array) -> Array:
    """Examples in rows, where they are in columns."""
    return np.swapaxes(x, -1, -2) if x.ndim > 1 else x


# --- BP3 and BP4 ------------------------------------------------------------------------------------------


def _parameters(notation: Notation, grads: Mapping[Node, Array]) -> list[Recomputed]:
    """For parameters that are used in layers only: the sum over the layers that use them."""
    biases: dict[Node, list[WeightedInput]] = defaultdict(list)
    weights: dict[Node, list[tuple[WeightedInput, Product]]] = defaultdict(list)
    for layer in notation.structure.layers:
        if layer.z in grads:
            for bias in layer.biases:
                biases[bias].append(layer)
            for product in layer.products:
                weights[product.W].append((layer, product))
    users = notation.structure.users
    done = [
        _bp3(bias, layers, notation, grads)
        for bias, layers in biases.items()
        if bias in grads and len(users[bias]) == len(layers)
    ]
    for W, places in weights.items():
        turned = [product.takes for _, product in places if product.layout.transposed]
        plain = len(places) - len(turned)
        in_layers_only = all(len(users[taken]) == turned.count(taken) for taken in turned)
        if W in grads and in_layers_only and len(users[W]) == plain + len(set(turned)):
            done.append(_bp4(W, places, notation, grads))
    return done


def _bp3(bias: Node, layers: list[WeightedInput], notation: Notation, grads: Mapping[Node, Array]) -> Recomputed:
    deltas = [grads[layer.z] for layer in layers]
    shape = bias.value.shape

    def total(arrays: list[Array]) -> Any:
        return sum(by_hand.bp3(d) if d.ndim == 2 and d.shape[1:] == shape else unbroadcast(d, shape) for d in arrays)

    numbers, (*_, m) = None, (1, *shape)
    if len(deltas) == 1 and deltas[0].ndim == 2:
        left = Factor(deltas[0], notation.gradient(layers[0].z))
        if shape == (deltas[0].shape[0], 1) and deltas[0].shape[1] > 1:
            numbers = Numbers("sum", left, axis=1)
        elif bias.value.size == m == deltas[0].shape[1]:
            numbers = Numbers("sum", left, axis=0)
    hand = _ByHand(total(deltas), total([np.abs(d) for d in deltas]))
    return _compared(notation.bias_gradient(bias, layers), bias, grads[bias], hand, numbers=numbers)


def _bp4(
    W: Node, places: list[tuple[WeightedInput, Product]], notation: Notation, grads: Mapping[Node, Array]
) -> Recomputed:
    hand: Any = 0
    size: Any = 0
    for layer, product in places:
        a, delta = product.activations, grads[layer.z]
        hand = hand + _gathered(product, a, delta)
        size = size + _gathered(product, np.abs(a), np.abs(delta))
    numbers = None
    layer, product = places[0]
    if len(places) == 1 and product.is_of_matrices:
        a_and_delta = (
            Factor(product.activations, notation.symbol(product.a)),
            Factor(grads[layer.z], notation.gradient(layer.z)),
        )
        W_first = product.layout.W_first
        left, right = a_and_delta[:: 1 if W_first == product.layout.transposed else -1]
        numbers = Numbers("product", left, right, (not W_first, W_first))
    equation = notation.weight_gradient(W, places)
    return _compared(equation, W, grads[W], _ByHand(hand, size), numbers=numbers)


def _gathered(product: Product, a: Array, delta: Array) -> Array:
    """aᵀ δ of BP4 for one product, of the shape of the parameter."""
    W, W_first = product.weights, product.layout.W_first
    if product.layout.of_number:
        return np.asarray(np.sum(a * delta))
    if W_first:
        a, delta = _turned(a), _turned(delta) if W.ndim == 2 else delta
    n_in = W.shape[-1 if W_first else 0]
    n_out = W.shape[0 if W_first else 1] if W.ndim == 2 else 1
    rows = math.prod(a.shape[:-1])
    gathered = by_hand.bp4(np.reshape(a, (rows, n_in)), np.reshape(delta, (rows, n_out)))
    gathered = gathered.T if W_first and W.ndim == 2 else gathered
    return np.reshape(gathered.T if product.layout.transposed else gathered, product.W.value.shape)
