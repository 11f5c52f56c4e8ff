"""BP1–BP4 in a recorded graph, recomputed by hand from the recorded values and compared with autograd.

The formulas are those of `tinygrad_edu.backprop`. Activation functions and costs without one there are recomputed along
the imaginary axis: the complex step, Im f(x + ih)/h, which needs no rule.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.check import ULPS
from tinygrad_edu.engine import Node, unbroadcast
from tinygrad_edu.structure import Layer, Product, scopes
from tinygrad_edu.viz import graph
from tinygrad_edu.viz.formulas import COSTS, LOGITS, agree, cost_gradient, is_activation, is_cost
from tinygrad_edu.viz.symbols import SCOPES, flat, norm

Array = npt.NDArray[Any]
Data = dict[str, Any]

H = 1e-30
WORK = 5_000_000  # how many numbers may be computed for the complex step of a cost, which runs once per activation
ANALYTIC: set[Any] = {
    *(np.add, np.subtract, np.multiply, np.divide, np.power, np.negative, np.positive, np.square, np.sqrt),
    *(np.reciprocal, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.sinh),
    *(np.cosh, np.tanh, np.arctan, np.sum, np.matmul, np.transpose, np.reshape, getitem, np.where, np.concatenate),
}

CHOICES: set[Any] = {np.maximum, np.minimum, np.clip, np.absolute}  # between two analytic functions, except at a tie


def recompute(
    sketch: graph.Sketch, parts: Mapping[Node, Any], keep: Callable[[Any], int], ids: Mapping[int, int]
) -> list[Data]:
    """Every equation in the graph: its text, the numbers that go into it, and whether autograd agrees.

    Parameters
    ----------
    sketch : Sketch
    parts : mapping of Node to array
        The contributions to its gradient, each by its magnitude, added.
    keep : callable
        Stores an array and returns its index.
    ids : mapping
        From the id of a node to its number in the film.
    """
    return _Equations(sketch, parts, keep, ids).all


class _Equations:
    def __init__(
        self, sketch: graph.Sketch, parts: Mapping[Node, Any], keep: Callable[[Any], int], ids: Mapping[int, int]
    ) -> None:
        self.sketch, self.parts, self.keep, self.ids = sketch, parts, keep, ids
        self.grads = sketch.grads
        self.all: list[Data] = []
        for layer in sketch.layers:
            if layer.z in self.grads and layer.tag:
                (self._bp1 if layer.tag == "BP1" else self._bp2)(layer)
        self._parameters()

    def _add(self, tag: str, value: Node, text: str, hand: Any, size: Any, **more: Any) -> None:
        """Compare; ``size`` is the same equation with absolute values: rounding errors are proportional to it."""
        auto = self.grads[value]
        entry: Data = {"tag": tag, "node": self.ids[id(value)], "text": text, "status": "unchecked", **more}
        if hand is not None and np.shape(hand) == auto.shape:
            difference, scale = norm(auto - hand), norm(size)
            entry["status"] = "not finite"
            if math.isfinite(difference) and math.isfinite(scale):
                error = difference / scale if difference else 0.0
                dtype = value.value.dtype if value.value.dtype.kind == "f" else np.float64
                entry["status"] = "verified" if error <= ULPS * float(np.finfo(dtype).eps) else "differs"
                entry["error"] = error
        self.all.append(entry)

    def _operand(self, array: Any, symbol: str) -> Data:
        return {"array": self.keep(array), "symbol": symbol}

    # --- The errors δ -------------------------------------------------------------------------------------

    def _bp1(self, layer: Layer) -> None:
        z, delta = layer.z, self.sketch.delta(layer.z)
        text = self.sketch.equation(z).partition(": ")[2]
        probabilities = self._softmax(layer)
        a = layer.a if probabilities is None else probabilities
        nabla, size, name, note = self._cost_gradient(a)
        if nabla is None and a is not z:
            nabla, size = self.grads.get(a), self.parts.get(a)
            note = f"{self.sketch.delta(a)} is taken from autograd: there is no formula by hand for this cost."
        if probabilities is not None and nabla is not None:
            text = f"{delta} = {self.sketch.delta(a)} ∂{self.sketch.symbol(a)}/∂{self.sketch.symbol(z)}"
            hand = np.einsum("nj,njk->nk", nabla, by_hand.softmax_jacobian(a.value))
            scale = a.value * (size + np.sum(a.value * size, axis=1, keepdims=True))
            self._add("BP1", z, text, hand, scale, note=f"Through the whole Jacobian of softmax. {note}".strip())
            return
        slope = _slope(layer, self.sketch)
        if nabla is None or slope is None:
            note = "There is no formula by hand for this cost or activation function."
            self._add("BP1", z, text, None, None, note=note)
            return
        if name in LOGITS and a is z:
            text = f"{delta} = {SCOPES[name][1].format(a=self.sketch.symbol(z), n=len(z.value))}"
        factor = self._factor(layer, slope)
        numbers = {"kind": "one", "left": self._operand(nabla, self.sketch.delta(a)), **factor} if factor else None
        hand, scale = by_hand.bp1(nabla, slope), by_hand.bp1(size, _at_least_one(slope))
        self._add("BP1", z, text, hand, scale, note=note, numbers=numbers)

    def _users(self, value: Node) -> list[Node]:
        return [node for node in self.sketch.operations if any(parent is value for parent in node.parents)]

    def _inside(self, value: Node, names: set[str]) -> tuple[str, list[Node]]:
        """The one scope of such a name that all uses of a value are in, and the operations there."""
        around = [next((s for s in scopes(node) if s.name in names), None) for node in self._users(value)]
        if not around or None in around or len({scope.serial for scope in around if scope}) != 1 or not around[0]:
            return "", []
        serial = around[0].serial
        return around[0].name, [n for n in self.sketch.operations if any(s.serial == serial for s in scopes(n))]

    def _softmax(self, layer: Layer) -> Node | None:
        """softmax(z) of the layer, if that is all that z is used for."""
        inside = self._inside(layer.z, {"softmax"})[1]
        if not inside or layer.z.value.ndim != 2 or not layer.z.value.size:
            return None
        return inside[-1] if agree(by_hand.softmax(layer.z.value), inside[-1].value) else None

    def _cost_gradient(self, a: Node) -> tuple[Any, Any, str, str]:
        """∇ₐC, its magnitude, the name of the cost if it is one of `tinygrad_edu.costs`, and what is to be said."""
        name, inside = self._inside(a, COSTS)
        for y in [y for node in inside for y in _constants(node, a.value.shape)]:
            C = inside[-1]
            if C in self.grads and is_cost(name, a.value, y, C.value):
                upstream = self.grads[C].reshape(())
                nabla, size = cost_gradient(name, a.value, y)
                return nabla * upstream, size * abs(upstream), name if upstream == 1 else "", ""
        between = _between(a, self.sketch.root, self.sketch)
        if not between or a.value.size * sum(np.size(flat(node.value)) + 1000 for node in between) > WORK:
            return None, None, "", ""
        nabla = np.empty_like(a.value)
        for i in range(nabla.size):
            direction = np.zeros_like(a.value)
            direction.flat[i] = 1
            step = _complex_step(a, direction, self.sketch.root, between)
            if step is None:
                return None, None, "", ""
            nabla.flat[i] = np.sum(step)
        return (
            nabla,
            self.parts.get(a, np.abs(nabla)),
            "",
            f"{self.sketch.delta(a)} by the complex step: no rule is used.",
        )

    def _bp2(self, layer: Layer) -> None:
        text = self.sketch.equation(layer.z).partition(": ")[2]
        slope = _slope(layer, self.sketch)
        if slope is None:
            note = "There is no formula by hand for this activation function."
            self._add("BP2", layer.z, text, None, None, note=note)
            return
        hand: Any = 0
        size: Any = 0
        for after, product in layer.next:
            delta, W = self.grads[after.z], _weights(product)
            hand = hand + _carried_back(product, W, delta) * slope
            size = size + _carried_back(product, np.abs(W), np.abs(delta)) * _at_least_one(slope)
        numbers = None
        after, product = layer.next[0]
        if len(layer.next) == 1 and _is_of_matrices(product):
            factors = [
                self._operand(self.grads[after.z], self.sketch.delta(after.z)),
                self._operand(_parameter(product), self.sketch.symbol(product.W)),
            ]
            turned = [product.W_first and not product.transposed, not product.W_first and not product.transposed]
            numbers = _product(factors[:: -1 if product.W_first else 1], turned) | self._factor(layer, slope)
        self._add("BP2", layer.z, text, hand, size, numbers=numbers)

    def _factor(self, layer: Layer, slope: Array) -> Data:
        return {"factor": self._operand(slope, self.sketch.slope(layer))} if layer.functions else {}

    # --- The parameters -----------------------------------------------------------------------------------

    def _parameters(self) -> None:
        """BP3 and BP4, for parameters that are used in layers only: the sum over the layers that use them."""
        biases: dict[Node, list[Layer]] = defaultdict(list)
        weights: dict[Node, list[tuple[Layer, Product]]] = defaultdict(list)
        for layer in self.sketch.layers:
            if layer.z in self.grads:
                for bias in layer.biases:
                    biases[bias].append(layer)
                for product in layer.products:
                    weights[product.W].append((layer, product))
        uses = self.sketch.uses
        for bias, layers in biases.items():
            if bias in self.grads and uses[bias] == len(layers):
                self._bp3(bias, layers)
        for W, places in weights.items():
            turned = [_taker(product) for _, product in places if product.transposed]
            plain = len(places) - len(turned)
            in_layers_only = all(uses[taker] == turned.count(taker) for taker in turned)
            if W in self.grads and in_layers_only and uses[W] == plain + len(set(turned)):
                self._bp4(W, places)

    def _bp3(self, bias: Node, layers: list[Layer]) -> None:
        deltas = [self.grads[layer.z] for layer in layers]

        def total(arrays: list[Array]) -> Any:
            shape = bias.value.shape
            return sum(
                by_hand.bp3(d) if d.ndim == 2 and d.shape[1:] == shape else unbroadcast(d, shape) for d in arrays
            )

        names = [self.sketch.delta(layer.z) for layer in layers]
        numbers, (*_, m) = None, (1, *bias.value.shape)
        if len(deltas) == 1 and deltas[0].ndim == 2:
            left = self._operand(deltas[0], names[0])
            if bias.value.shape == (deltas[0].shape[0], 1) and deltas[0].shape[1] > 1:
                numbers = {"kind": "sum", "axis": 1, "left": left}
            elif bias.value.size == m == deltas[0].shape[1]:
                numbers = {"kind": "sum", "axis": 0, "left": left}
        text = f"{self.sketch.delta(bias)} = {_listed([f'Σ {name}' for name in names])}, over examples"
        self._add("BP3", bias, text, total(deltas), total([np.abs(d) for d in deltas]), numbers=numbers)

    def _bp4(self, W: Node, places: list[tuple[Layer, Product]]) -> None:
        hand: Any = 0
        size: Any = 0
        texts = []
        for layer, product in places:
            a, delta = _activations(product), self.grads[layer.z]
            hand = hand + _gathered(product, a, delta)
            size = size + _gathered(product, np.abs(a), np.abs(delta))
            texts.append(graph.weight_gradient(product, self.sketch.symbol(product.a), self.sketch.delta(layer.z)))
        numbers = None
        layer, product = places[0]
        if len(places) == 1 and _is_of_matrices(product):
            factors = [
                self._operand(_activations(product), self.sketch.symbol(product.a)),
                self._operand(self.grads[layer.z], self.sketch.delta(layer.z)),
            ]
            a_first = product.W_first == product.transposed
            numbers = _product(factors[:: 1 if a_first else -1], [not product.W_first, product.W_first])
        self._add("BP4", W, f"{self.sketch.delta(W)} = {_listed(texts)}", hand, size, numbers=numbers)


def _listed(texts: list[str]) -> str:
    return " + ".join(texts[:3]) + " + …" * (len(texts) > 3)


def _product(factors: list[Data], turned: list[bool]) -> Data:
    """A product of two matrices, of which some are transposed."""
    return {"kind": "product", "left": factors[0], "right": factors[1], "turned": turned}


def _at_least_one(slope: Array) -> Array:
    """Of the size of the errors in a slope: that of a saturated unit is what is left of terms near 1."""
    return np.maximum(np.abs(slope), 1)


# --- Products of a matrix and activations -----------------------------------------------------------------


def _is_of_matrices(product: Product) -> bool:
    return all(np.ndim(value) == 2 for value in product.node.values)


def _taker(product: Product) -> Node:
    """The transpose of W that a product takes."""
    taker: Node = product.node.args[0 if product.W_first else 1]
    return taker


def _weights(product: Product) -> Array:
    """The matrix W as it was multiplied."""
    value: Array = product.node.values[0 if product.W_first else 1]
    return value


def _parameter(product: Product) -> Array:
    """W itself, as it was then."""
    value: Array = _taker(product).values[0] if product.transposed else _weights(product)
    return value


def _activations(product: Product) -> Array:
    value: Array = product.node.values[1 if product.W_first else 0]
    return value


def _turned(x: Array) -> Array:
    """Examples in rows, where they are in columns."""
    return np.swapaxes(x, -1, -2) if x.ndim > 1 else x


def _carried_back(product: Product, W: Array, delta: Array) -> Array:
    """δ Wᵀ of BP2, for one product; Nielsen's W a is the transpose of a W."""
    if W.ndim == 1:
        in_columns = product.W_first and _activations(product).ndim > 1
        return np.expand_dims(delta, -2) * W[:, np.newaxis] if in_columns else np.multiply.outer(delta, W)
    one = np.ones((), delta.dtype)
    return _turned(by_hand.bp2(W.T, _turned(delta), one)) if product.W_first else by_hand.bp2(W, delta, one)


def _gathered(product: Product, a: Array, delta: Array) -> Array:
    """BP4 for one product, of the shape of the parameter."""
    W = _weights(product)
    if product.W_first:
        a, delta = _turned(a), _turned(delta) if W.ndim == 2 else delta
    n_in = W.shape[-1 if product.W_first else 0]
    n_out = W.shape[0 if product.W_first else 1] if W.ndim == 2 else 1
    rows = math.prod(a.shape[:-1])
    gathered = by_hand.bp4(np.reshape(a, (rows, n_in)), np.reshape(delta, (rows, n_out)))
    gathered = gathered.T if product.W_first and W.ndim == 2 else gathered
    return np.reshape(gathered.T if product.transposed else gathered, product.W.value.shape)


# --- Derivatives without rules ----------------------------------------------------------------------------


def _slope(layer: Layer, sketch: graph.Sketch) -> Array | None:
    """σ′(z) by hand; None where there is no formula."""
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
            factor = _complex_step(x, np.ones_like(x.value), y, _between(x, y, sketch))
        if factor is None:
            return None
        slope, x = slope * np.asarray(factor, x.value.dtype), y
    return slope


def _between(x: Node, y: Node, sketch: graph.Sketch) -> list[Node]:
    """The operations that lead from x to y, in order."""
    after = {x}
    found = []
    for node in sketch.operations:
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


def _constants(node: Node, shape: tuple[int, ...]) -> list[Array]:
    return [
        value
        for _, operand, value in graph.operands(node)
        if not getattr(operand, "requires_grad", False) and np.shape(value) == shape and value.dtype != bool
    ]
