"""The film of one forward and one backward pass, as one HTML file that needs nothing else.

`film` runs the rules of a recorded graph once more and writes down every step as plain data; `Explorer` puts this data
and two drawings of the graph into a page. The page is explorer.html, its look explorer.css, its behaviour explorer.js.
Whatever comes from the user (names above all) reaches the page as JSON, and from there only as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.check import ULPS
from tinygrad_edu.engine import RULES, Each, Node, ancestors, unbroadcast
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.viz import dot, graph
from tinygrad_edu.viz.layers import Layer, Product, scopes
from tinygrad_edu.viz.symbols import OPERATIONS, SCOPES, clean, expression, flat, norm

Array = np.ndarray[Any, np.dtype[Any]]
Data = dict[str, Any]

NUMBERS = 180_000  # how many numbers a film holds; beyond that, the largest arrays are sampled
READABLE = 512  # arrays up to this size are lists in the JSON text
FACTORS = 40_000  # how many local derivatives are tabulated, for operations that are not elementwise
BOXES = 100  # in a picture
LOGITS = {"binary_cross_entropy_with_logits": "sigmoid", "cross_entropy_with_logits": "softmax"}


def film(tensor: Tensor) -> Data:
    """Every step of the forward and of the backward pass under a tensor, as plain data (lists, dicts, numbers, text).

    Parameters
    ----------
    tensor : Tensor
        The result; of one that is not a single number, the gradients are those of the sum of its elements.

    Returns
    -------
    dict
        ``nodes``: the values, in the order of computation; ``forward``: the operations (their nodes) in order;
        ``backward``: per operation, latest first, the ``contributions`` it hands to its arguments; ``equations``:
        BP1–BP4, each recomputed by hand, with the error; ``depth``: ‖δ‖ of each layer; ``arrays``: the numbers that
        the others refer to by index.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(3.0, requires_grad=True, name="x")
    >>> backward = film(x * x)["backward"]
    >>> len(backward), len(backward[0]["contributions"])  # x receives 3 twice
    (1, 2)
    """
    with np.errstate(all="ignore"):
        return _Film(tensor).data


class Explorer:
    """The film as a page. A notebook shows it; `save` writes it.

    Attributes
    ----------
    film : dict
        What `tinygrad_edu.viz.explorer.film` gives, and the pictures.
    html : str
        The page.
    """

    def __init__(self, tensor: Tensor) -> None:
        with np.errstate(all="ignore"):
            made = _Film(tensor)
            self.film = made.data
            self.film["pictures"] = made.pictures()
        self._tensor = tensor
        self.html = _page(self.film)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a file, and return its path. The old file stays until the new one is complete."""
        dot.write_file(path, self.html)
        return os.fspath(path)

    def __repr__(self) -> str:
        forward, backward = len(self.film["forward"]), len(self.film["backward"])
        return f"<Explorer: {forward} steps forward, {backward} back; .save('film.html') writes it>"

    def _repr_html_(self) -> str:
        """For notebooks: a frame that can reach neither the notebook nor the network."""
        page = html.escape(self.html, quote=True)
        return (
            '<iframe sandbox="allow-scripts allow-downloads" title="Film of a forward and backward pass" '
            f'style="width:100%;height:900px;border:1px solid #999" srcdoc="{page}"></iframe>'
        )

    def _repr_svg_(self) -> str:
        """For viewers that show no HTML: the static drawing."""
        from tinygrad_edu.viz import draw

        return draw(self._tensor)._repr_image_svg_xml()


# --- The film as data -------------------------------------------------------------------------------------


class _Film:
    def __init__(self, root: Node) -> None:
        self.sketch = graph.Sketch(root, gradients=True)
        self.sketch.fold("ops", None)
        self.root = root
        self.numbers: list[Array] = []
        self.kept: dict[int, tuple[int, Any]] = {}  # by id: the index of an array, which stays alive with it
        self.ids: dict[int, int] = {}  # of the node of a value, by id
        self.nodes: list[Data] = []
        self.factors = 0
        self.units = {unit.nodes[0]: unit for unit in self.sketch.units}
        for node in self.sketch.operations:
            for _, operand, value in graph.operands(node):
                if id(operand) in self.sketch.symbols:
                    self._add_node(operand, value)
            self._add_node(node, node._data)
        self._add_node(root, root._data)
        self.data: Data = {
            "title": self.sketch.cost,
            "root": self.ids[id(root)],
            "nodes": self.nodes,
            "forward": [self.ids[id(node)] for node in self.sketch.operations],
            "backward": self._backward(),
            "equations": _Equations(self).all,
            "depth": self._depth(),
            "notes": self._notes(),
        }
        self.data["arrays"] = _encoded(self.numbers)
        left_out = sum("rows" in array for array in self.data["arrays"])
        if left_out:
            self.data["notes"].append(
                f"{left_out} arrays are too large for the film: it holds a part of their entries."
            )

    def keep(self, x: Any) -> int:
        """The index of an array among those of the film."""
        if id(x) not in self.kept:
            self.kept[id(x)] = len(self.numbers), x
            self.numbers.append(np.asarray(flat(x), dtype=np.float64))
        return self.kept[id(x)][0]

    def _notes(self) -> list[str]:
        size = self.root._data.size if isinstance(self.root._data, np.ndarray) else 0
        notes = [] if size == 1 else ["The gradients are those of the sum of all elements of the last tensor."]
        return notes if self.root.requires_grad else ["This tensor was not recorded: no gradient flows through it."]

    # --- Nodes --------------------------------------------------------------------------------------------

    def _add_node(self, value: Any, data: Any) -> None:
        if id(value) in self.ids:
            return
        self.ids[id(value)] = len(self.nodes)
        node = value if isinstance(value, Node) else None
        symbol = self.sketch.symbol(value)
        entry: Data = {
            "symbol": symbol,
            "name": str(node.name) if node is not None and node.name else "",
            "kind": self._kind(value),
            "shape": f"{len(data)} results in one row" if isinstance(data, tuple) else _shape(data.shape),
            "value": self.keep(data),
            "scope": [clean(scope.name) for scope in scopes(node)] if node is not None else [],
        }
        if node is not None and node in self.sketch.grads:
            entry["gradient"] = self.keep(self.sketch.grads[node])
            entry["delta"] = self.sketch.delta(node)
        if node is not None and node.fn:
            entry["text"] = self._text(node)
            entry.update(self._in_numbers(node))
        self.nodes.append(entry)

    def _kind(self, value: Any) -> str:
        if value is self.root:
            return "result"
        if isinstance(value, Node) and value.fn:
            return "operation"
        return "parameter" if isinstance(value, Node) and value.requires_grad else "data"

    def _text(self, node: Node) -> str:
        unit = self.units.get(node)
        return self.sketch.expression_of(unit) if unit else expression(node, [])

    def _in_numbers(self, node: Node) -> Data:
        """For elementwise operations: how to write them with the numbers of one entry, ⟦0⟧ being the first argument."""
        if not _is_elementwise(node) or node.fn not in OPERATIONS:
            return {}
        arguments = [
            {"node": self.ids[id(arg)]} if id(arg) in self.ids else {"array": self.keep(value)}
            for arg, value in zip(node.args, node.values, strict=True)
        ]
        return {"template": expression(node, [f"⟦{i}⟧" for i in range(len(arguments))]), "arguments": arguments}

    # --- Backward -----------------------------------------------------------------------------------------

    def _backward(self) -> list[Data]:
        """The backward pass once more, as `engine.gradients` makes it, keeping what each operation hands on."""
        root = self.root
        if not root.requires_grad or root.fn is None:
            return []
        received: dict[Node, Any] = {root: np.ones(root._data.shape, root._data.dtype)}
        counts: dict[Node, int] = defaultdict(int)
        steps: list[Data] = []
        for node in ancestors(root):
            if node.fn is None:
                continue
            parts = list(_hand_back(node, received[node]))
            factors = self._factors(node, received[node], parts)
            contributions: list[Data] = []
            for (position, parent, part), local in zip(parts, factors, strict=True):
                counts[parent] += 1
                received[parent] = _sum(received[parent], part) if parent in received else part
                contributions.append(
                    {
                        "to": self.ids[id(parent)],
                        "number": counts[parent],
                        "part": (parent, part),  # for a moment
                        "local": local,
                        **self._rule(node, position, parent),
                    }
                )
            steps.append({"node": self.ids[id(node)], "contributions": contributions})
        for step in steps:
            for contribution in step["contributions"]:
                parent, part = contribution["part"]
                contribution["of"] = counts[parent]
                only = counts[parent] == 1  # then it is the gradient
                contribution["part"] = self.keep(self.sketch.grads[parent]) if only else self.keep(part)
        return steps

    def _rule(self, node: Node, position: int, parent: Node) -> Data:
        """The rule in symbols: what arrives at one argument, and the equation that this is."""
        unit = self.units[node]
        inputs = [i for i in unit.inputs if isinstance(i.operand, Node) and i.operand.requires_grad]
        taken = next(i for i in inputs if i.position == position and i.operand is parent)
        left, right, tag = self.sketch.local_derivative(unit, node, taken, len(inputs))
        upstream = self.sketch.delta(node)
        if tag in ("BP3", "BP4"):
            return {"rule": right, "tag": tag, "local_symbol": ""}
        if node.fn is np.matmul:
            layer_first = taken.position == 0
            other = self.sketch.symbol(node.args[1 - position])
            rule = f"{upstream} {right or f'{other}ᵀ'}" if layer_first else f"{right or f'{other}ᵀ'} {upstream}"
        elif _is_elementwise(node):
            rule = f"{upstream} ⊙ {f'({right})' if ' ' in right else right}" if right else f"{upstream} ⊙ {left}"
        else:
            rule = f"{upstream}, back through {expression(node, []).partition('(')[0] or 'this operation'}"
        return {"rule": rule, "tag": tag, "local_symbol": right}

    def _factors(self, node: Node, g: Any, parts: list[tuple[int, Node, Any]]) -> list[Data]:
        """For each contribution, how its entries come from those of the upstream gradient."""
        y = node._data
        two = [value for value in node.values if isinstance(value, np.ndarray) and value.ndim == 2]
        if node.fn is np.matmul and len(two) == 2:
            arrays = [self.keep(value) for value in node.values]
            return [{"kind": "matmul", "argument": position, "other": arrays[1 - position]} for position, _, _ in parts]
        if _is_elementwise(node):
            found = [_diagonal(node, position, g, part) for position, _, part in parts]
            return [{"kind": "none"} if d is None else {"kind": "diagonal", "array": self.keep(d)} for d in found]
        work = y.size * sum(np.size(flat(part)) for _, _, part in parts) if isinstance(y, np.ndarray) else 0
        if not (parts and 0 < work <= 20_000 and y.size <= 64 and self.factors < FACTORS):
            return [{"kind": "none"}] * len(parts)
        tables = [table if _adds_up(table, g, part) else None for table, part in _tables(node, parts)]
        self.factors += sum(len(table) for table in tables if table)
        return [
            {"kind": "none"}
            if table is None
            else {"kind": "table", "entries": [[k, e, _number(value)] for k, e, value in table]}
            for table in tables
        ]

    def _depth(self) -> list[Data]:
        return [
            {"node": self.ids[id(layer.z)], "layer": layer.number, "symbol": self.sketch.delta(layer.z)}
            | {"norm": _number(norm(self.sketch.grads[layer.z])), "tag": layer.tag}
            for layer in self.sketch.layers
            if layer.z in self.sketch.grads
        ]

    # --- Pictures -----------------------------------------------------------------------------------------

    def pictures(self) -> list[Data]:
        """The graph folded into equations and, where it is small enough, with every operation."""
        levels: list[tuple[graph.Level, str]] = [("equations", "Equations")]
        if len(self.sketch.operations) and self.sketch.size() <= BOXES:
            levels.append(("ops", "Every operation"))
        return [{"name": name, **self._picture(level)} for level, name in levels]

    def _picture(self, level: graph.Level) -> Data:
        drawn: list[graph.Description] = []

        def describe(most: int) -> graph.Description:
            symbols = self.sketch.symbols
            drawn[:] = [graph.describe(self.root, level=level, max_nodes=most, symbols=symbols)]
            return replace(drawn[0], notes=[])  # the page has a place of its own for notes

        drawing = dot.draw(describe, BOXES, legend=False)
        tree = inert(str(drawing.pipe("svg", encoding="utf-8")))
        plain = graph.describe(self.root, level=level, gradients=False, max_nodes=BOXES, symbols=self.sketch.symbols)
        before = {box.id: box.lines for box in plain.boxes}
        return {
            "tree": tree,
            "notes": [note.partition(": draw(")[0] for note in drawn[0].notes if "gradients are" not in note],
            "boxes": {box.id: self._box(box, before.get(box.id, [])) for box in drawn[0].boxes},
        }

    def _box(self, box: graph.Box, without_gradients: list[str]) -> Data:
        lines = ["name"] + ["value" if "value" in line else "name" for line in box.lines[1:]]
        for i, line in enumerate(box.lines[1:], start=1):
            if line not in without_gradients and box.kind != "hidden":
                lines[i] = "gradient"
        return {
            "kind": box.kind,
            "value": self.ids.get(id(box.value)),
            "operations": [self.ids[id(node)] for node in box.operations],
            "lines": lines,
        }


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if shape else "a single number"


def _is_elementwise(node: Node) -> bool:
    fn = node.fn
    return isinstance(node._data, np.ndarray) and (
        (isinstance(fn, np.ufunc) and fn.signature is None and fn.nout == 1) or fn in (np.where, np.clip)
    )


def _hand_back(node: Node, g: Any) -> Iterator[tuple[int, Node, Any]]:
    """What an operation contributes to the gradients of its arguments, of its own gradient g: one backward step."""
    if isinstance(node.values[0], tuple):  # one of several results
        parts = [np.zeros_like(part) for part in node.values[0]]
        parts[node.args[1]] = parts[node.args[1]] + g
        yield 0, node.args[0], parts
        return
    for position, (rule, arg) in enumerate(zip(RULES[node.fn], node.args, strict=False)):  # type: ignore[index]
        if isinstance(rule, Each):
            if any(isinstance(part, Node) and part.requires_grad for part in arg):
                for part, part_g in zip(arg, rule.rule(g, node._data, *node.values, **node.kwargs), strict=True):
                    if isinstance(part, Node) and part.requires_grad:
                        yield position, part, _like(part_g, part._data)
        elif rule is not None and isinstance(arg, Node) and arg.requires_grad:
            yield position, arg, _like(rule(g, node._data, *node.values, **node.kwargs), arg._data)


def _like(g: Any, value: Array) -> Array:
    """Undo broadcasting and type promotion, as the engine does."""
    g = unbroadcast(np.asarray(g), value.shape)
    return np.broadcast_to(g, value.shape).astype(value.dtype, copy=False)


def _sum(a: Any, b: Any) -> Any:
    return [_sum(x, y) for x, y in zip(a, b, strict=True)] if isinstance(a, list) else a + b


def _diagonal(node: Node, position: int, g: Array, part: Array) -> Array | None:
    """The derivative ∂y_e/∂x_e of an elementwise operation, of the shape of y; None if it does not explain ``part``."""
    rule: Callable[..., Any] = RULES[node.fn][position]  # type: ignore[index, assignment]
    y = node._data
    try:
        local = np.broadcast_to(np.asarray(rule(np.ones_like(y), y, *node.values, **node.kwargs)), y.shape)
        again = _like(g * local, part)
    except ValueError:
        return None
    return local if np.allclose(again, part, rtol=1e-4, atol=0, equal_nan=True) else None


Table = list[tuple[int, int, float]]  # (entry of y, entry of the argument, derivative), where it is not zero


def _tables(node: Node, parts: list[tuple[int, Node, Any]]) -> Iterator[tuple[Table, Any]]:
    """All local derivatives of a small operation: the rule, run with a 1 at one entry of y after the other."""
    tables: list[Table] = [[] for _ in parts]
    basis = np.zeros(node._data.shape, node._data.dtype)
    for k in range(basis.size):
        basis.flat[k] = 1
        for table, (_, _, part) in zip(tables, _hand_back(node, basis.copy()), strict=True):
            row = np.ravel(flat(part))
            table += [(k, int(e), float(row[e])) for e in np.flatnonzero(row)]
        basis.flat[k] = 0
    for table, (_, _, part) in zip(tables, parts, strict=True):
        yield table, np.ravel(flat(part))


def _adds_up(table: Table, g: Array, part: Array) -> bool:
    total = np.zeros(part.size)
    for k, e, local in table:
        total[e] += g.flat[k] * local
    return bool(np.allclose(total, part, rtol=1e-4, atol=1e-4 * norm(part), equal_nan=True))


# --- The equations, by hand -------------------------------------------------------------------------------


class _Equations:
    """BP1–BP4 recomputed with the formulas of `tinygrad_edu.backprop` from the recorded values, and compared."""

    def __init__(self, film: _Film) -> None:
        self.film, self.sketch = film, film.sketch
        self.grads = film.sketch.grads
        self.all: list[Data] = []
        for layer in self.sketch.layers:
            if layer.z in self.grads and layer.tag:
                (self._bp1 if layer.tag == "BP1" else self._bp2)(layer)
        self._parameters()

    def _add(self, tag: str, value: Node, text: str, hand: Any, size: Any, **more: Any) -> None:
        """Compare; ``size`` is the same equation with absolute values: rounding errors are proportional to it."""
        auto = self.grads[value]
        entry: Data = {"tag": tag, "node": self.film.ids[id(value)], "text": text, "status": "unchecked", **more}
        if hand is not None and np.shape(hand) == auto.shape:
            difference, scale = norm(auto - hand), norm(size)
            entry["status"] = "not finite"
            if math.isfinite(difference) and math.isfinite(scale):
                error = difference / scale if difference else 0.0
                dtype = value._data.dtype if value._data.dtype.kind == "f" else np.float64
                entry["status"] = "verified" if error <= ULPS * float(np.finfo(dtype).eps) else "differs"
                entry["error"] = error
        self.all.append(entry)

    def _bp1(self, layer: Layer) -> None:
        text = self.sketch.equation(layer.z).partition(": ")[2]
        delta = self.sketch.delta(layer.z)
        if (probabilities := self._softmax(layer)) is not None:
            nabla, a = _Cost(probabilities, self.sketch).by_hand(), self.sketch.symbol(probabilities)
            text = f"{delta} = ∂{self.sketch.cost}/∂{a} ∂{a}/∂{self.sketch.symbol(layer.z)}"
            J = by_hand.softmax_jacobian(probabilities._data)
            hand = None if nabla is None else np.einsum("nj,njk->nk", nabla, J)
            size = None if nabla is None else np.einsum("nj,njk->nk", np.abs(nabla), np.abs(J))
            self._add("BP1", layer.z, text, hand, size, note="Through the whole Jacobian of softmax.")
            return
        cost = _Cost(layer.a, self.sketch)
        nabla, slope, note = cost.by_hand(), _slope(layer), ""
        if nabla is not None and cost.name in LOGITS:
            formula = SCOPES[cost.name][1].format(a=self.sketch.symbol(layer.z), n=len(layer.z._data))
            text = f"{delta} = {formula}"
        elif nabla is None and layer.functions:
            nabla = self.grads.get(layer.a)
            note = f"{self.sketch.delta(layer.a)} is taken from autograd: there is no formula by hand for this cost."
        if nabla is None or slope is None:
            note = "There is no formula by hand for this cost or activation function."
            self._add("BP1", layer.z, text, None, None, note=note)
            return
        hand, size = by_hand.bp1(nabla, slope), by_hand.bp1(np.abs(nabla), np.abs(slope))
        left = {"array": self.film.keep(nabla), "symbol": self.sketch.delta(layer.a)}
        numbers = {"kind": "one", "left": left, **self._factor(layer, slope)} if layer.functions else None
        self._add("BP1", layer.z, text, hand, size, note=note, numbers=numbers)

    def _softmax(self, layer: Layer) -> Node | None:
        """softmax(z) of the layer, if that is all that z is used for."""
        users = [node for node in self.sketch.operations if any(parent is layer.z for parent in node.parents)]
        around = [{scope.serial for scope in scopes(node) if scope.name == "softmax"} for node in users]
        serials = set.intersection(*around) if around else set()
        inside = [n for n in self.sketch.operations if serials & {scope.serial for scope in scopes(n)}]
        return (
            inside[-1] if inside and layer.z._data.ndim == 2 and inside[-1]._data.shape == layer.z._data.shape else None
        )

    def _bp2(self, layer: Layer) -> None:
        text = self.sketch.equation(layer.z).partition(": ")[2]
        slope = _slope(layer)
        if slope is None:
            self._add(
                "BP2", layer.z, text, None, None, note="There is no formula by hand for this activation function."
            )
            return
        hand, size = 0, 0
        for after, product in layer.next:
            delta, W = self.grads[after.z], _weights(product)
            hand = hand + _back(product, W, delta, slope)
            size = size + _back(product, np.abs(W), np.abs(delta), np.abs(slope))
        after, product = layer.next[0]
        numbers = None
        if len(layer.next) == 1 and _is_standard(product):
            left = {"array": self.film.keep(self.grads[after.z]), "symbol": self.sketch.delta(after.z)}
            right = {"array": self.film.keep(product.W._data), "symbol": self.sketch.symbol(product.W)}
            numbers = {"kind": "abT", "left": left, "right": right, **self._factor(layer, slope)}
        self._add("BP2", layer.z, text, hand, size, numbers=numbers)

    def _factor(self, layer: Layer, slope: Array) -> Data:
        if not layer.functions:
            return {}
        return {"factor": {"array": self.film.keep(slope), "symbol": self.sketch.slope(layer)}}

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
        for bias, layers in biases.items():
            if bias in self.grads and self.sketch.uses[bias] == len(layers):
                self._bp3(bias, layers)
        for W, uses in weights.items():
            if W in self.grads and self.sketch.uses[W] == len({id(_taker(product)) for _, product in uses}):
                self._bp4(W, uses)

    def _bp3(self, bias: Node, layers: list[Layer]) -> None:
        deltas = [self.grads[layer.z] for layer in layers]

        def total(arrays: list[Array]) -> Any:
            plain = bias._data.ndim == 1
            return sum([by_hand.bp3(d) if plain and d.ndim == 2 else _like(d, bias._data) for d in arrays], start=0.0)

        names = [self.sketch.delta(layer.z) for layer in layers]
        numbers = None
        if len(deltas) == 1 and deltas[0].ndim == 2:
            numbers = {"kind": "rows", "left": {"array": self.film.keep(deltas[0]), "symbol": names[0]}}
        text = f"{self.sketch.delta(bias)} = {_listed([f'Σ {name}' for name in names])}, over examples"
        self._add("BP3", bias, text, total(deltas), total([np.abs(d) for d in deltas]), numbers=numbers)

    def _bp4(self, W: Node, uses: list[tuple[Layer, Product]]) -> None:
        hand: Any = 0
        size: Any = 0
        texts = []
        for layer, product in uses:
            a, delta = _activations(product), self.grads[layer.z]
            hand = hand + _gathered(product, a, delta)
            size = size + _gathered(product, np.abs(a), np.abs(delta))
            texts.append(graph.weight_gradient(product, self.sketch.symbol(product.a), self.sketch.delta(layer.z)))
        numbers = None
        layer, product = uses[0]
        if len(uses) == 1 and _is_standard(product):
            left = {"array": self.film.keep(_activations(product)), "symbol": self.sketch.symbol(product.a)}
            right = {"array": self.film.keep(self.grads[layer.z]), "symbol": self.sketch.delta(layer.z)}
            numbers = {"kind": "aTb", "left": left, "right": right}
        self._add("BP4", W, f"{self.sketch.delta(W)} = {_listed(texts)}", hand, size, numbers=numbers)


def _listed(texts: list[str]) -> str:
    return " + ".join(texts[:3]) + " + …" * (len(texts) > 3)


def _is_standard(product: Product) -> bool:
    """Whether it is a W with examples in rows."""
    return not product.W_first and not product.transposed and product.node._data.ndim == product.W._data.ndim == 2


def _taker(product: Product) -> Any:
    """The operation that takes W: the product, or the transpose before it."""
    return product.node.args[0 if product.W_first else 1] if product.transposed else product.node


def _weights(product: Product) -> Array:
    """The matrix W as it was multiplied."""
    value: Array = product.node.values[0 if product.W_first else 1]
    return value


def _activations(product: Product) -> Array:
    value: Array = product.node.values[1 if product.W_first else 0]
    return value


def _back(product: Product, W: Array, delta: Array, slope: Array) -> Any:
    """BP2 for one product; Nielsen's W a is the transpose of a W."""
    if product.W_first:
        W, delta = W.T, delta.T
        return by_hand.bp2(W, delta, slope.T).T if W.ndim == 2 else W * delta * slope
    return by_hand.bp2(W, delta, slope) if W.ndim == 2 else np.multiply.outer(delta, W) * slope


def _gathered(product: Product, a: Array, delta: Array) -> Any:
    """BP4 for one product, of the shape of the parameter."""
    if product.W_first:
        a, delta = a.T, delta.T
    n_in = product.W._data.size if product.W._data.ndim == 1 else _weights(product).shape[1 if product.W_first else 0]
    gathered = by_hand.bp4(np.reshape(a, (-1, n_in)), np.reshape(delta, (np.size(a) // max(n_in, 1), -1)))
    gathered = gathered.T if product.W_first else gathered
    return np.reshape(gathered.T if product.transposed else gathered, product.W._data.shape)


def _slope(layer: Layer) -> Array | None:
    """σ′(z) by hand; None where there is no formula."""
    slope, x = np.ones_like(layer.z._data), layer.z
    for function, y in zip(layer.functions, layer.applied, strict=True):
        if function in by_hand.ACTIVATIONS:
            factor: Any = by_hand.ACTIVATIONS[function].prime(x._data)
        else:
            factor = _complex_step(y, x)
        if factor is None:
            return None
        slope, x = slope * factor, y
    return slope


def _complex_step(y: Node, x: Node) -> Array | None:
    """dy/dx of a single elementwise operation without any rule: Im f(x + ih)/h, exact for analytic functions."""
    if not any(arg is x for arg in y.args) or y.fn is np.absolute:
        return None
    h = 1e-30
    moved = [x._data + 1j * h if arg is x else value for arg, value in zip(y.args, y.values, strict=True)]
    try:
        slope: Array = np.imag(y.fn(*moved, **y.kwargs)) / h  # type: ignore[misc]
    except TypeError:
        return None
    return slope.astype(x._data.dtype)


class _Cost:
    """The cost function that the activations of the last layer go into, if it is one of `tinygrad_edu.costs`."""

    def __init__(self, a: Node, sketch: graph.Sketch) -> None:
        self.a, self.name = a, ""
        users = [node for node in sketch.operations if any(parent is a for parent in node.parents)]
        known = [[s for s in scopes(node) if s.name in {*by_hand.COSTS, *LOGITS}][:1] for node in users]
        serials = {scope.serial for around in known for scope in around}
        if not all(known) or len(serials) != 1 or a._data.ndim != 2:
            return
        inside = [node for node in sketch.operations if serials & {scope.serial for scope in scopes(node)}]
        candidates = [operand for node in inside for operand in _constants(node, a._data.shape)]
        if candidates and inside[-1] in sketch.grads and inside[-1]._data.size == 1:
            self.name, self.y = known[0][0].name, candidates[0]
            self.upstream = sketch.grads[inside[-1]].reshape(())

    def by_hand(self) -> Array | None:
        """∇ₐC."""
        if not self.name:
            return None
        a = self.a._data
        if self.name in LOGITS:
            output = by_hand.softmax(a) if LOGITS[self.name] == "softmax" else by_hand.ACTIVATIONS["sigmoid"].f(a)
            total = self.y.sum(axis=1, keepdims=True) if LOGITS[self.name] == "softmax" else 1
            nabla: Array = (output * total - self.y) / len(a)
        else:
            nabla = by_hand.COSTS[self.name].gradient(a, self.y)
        return np.asarray(nabla * self.upstream)


def _constants(node: Node, shape: tuple[int, ...]) -> list[Array]:
    return [
        value
        for _, operand, value in graph.operands(node)
        if not getattr(operand, "requires_grad", False) and value.shape == shape and value.dtype != bool
    ]


# --- Plain data -------------------------------------------------------------------------------------------


def _number(x: float) -> float | str:
    """JSON has no NaN and no infinity: they become text."""
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _encoded(arrays: list[Array]) -> list[Data]:
    cap = max([array.size for array in arrays], default=0)
    while sum(min(array.size, cap) for array in arrays) > NUMBERS and cap > READABLE // 8:
        cap = cap * 3 // 4
    return [_array(array, cap) for array in arrays]


def _array(array: Array, cap: int) -> Data:
    """All numbers, or of an array that is too large those in some of its rows and columns, evenly spread."""
    data: Data = {"shape": list(array.shape)}
    if array.size > cap:
        table = array.reshape(-1, array.shape[-1])
        columns = _spread(table.shape[1], max(math.isqrt(cap), cap // table.shape[0]))
        rows = _spread(table.shape[0], max(cap // len(columns), 1))
        data |= {"rows": rows, "columns": columns, "norm": _number(norm(array))}
        data |= {"missing": int(array.size - np.isfinite(array).sum())}
        array = table[np.ix_(rows, columns)]
    if array.size <= READABLE:
        data["numbers"] = [_number(x) for x in array.ravel().tolist()]
    else:
        data["base64"] = base64.b64encode(array.astype("<f8").tobytes()).decode()
    return data


def _spread(n: int, most: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))]


TAGS = {"svg", "g", "path", "polygon", "polyline", "ellipse", "text"}
ATTRIBUTES = {
    *("d", "points", "cx", "cy", "rx", "ry", "x", "y", "viewBox", "transform"),
    *("fill", "stroke", "stroke-width", "stroke-dasharray", "text-anchor", "font-size"),
}
HARMLESS = re.compile(r"[\w\s#.,()+-]*", re.ASCII)


def inert(svg: str) -> list[Any]:
    """A picture of Graphviz as [tag, attributes, children or text]: shapes and text, and nothing that could act."""

    def rebuilt(element: ET.Element) -> list[Any] | None:
        tag = element.tag.rpartition("}")[2]
        if tag not in TAGS:
            return None
        keep = {k: v for k, v in element.attrib.items() if k in ATTRIBUTES and HARMLESS.fullmatch(v)}
        title = element.find("{http://www.w3.org/2000/svg}title")
        if element.get("class") in ("node", "edge", "cluster") and title is not None:
            keep["class"] = element.get("class", "")
            keep["id"] = (title.text or "").replace("\xa0", " ")
        if tag == "text":
            return [tag, keep, "".join(element.itertext())]
        return [tag, keep, [child for child in map(rebuilt, element) if child is not None]]

    picture = rebuilt(ET.fromstring(svg))
    assert picture is not None
    return picture


# --- The page ---------------------------------------------------------------------------------------------


def _page(film: Data) -> str:
    """One file: the scripts and styles allowed are these and no others, and the data cannot end its block."""
    template, style, script = (_part(f"explorer.{kind}") for kind in ("html", "css", "js"))
    text = json.dumps(film, allow_nan=False, separators=(",", ":"))  # ASCII: U+2028 is escaped as well
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    allowed = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    parts = {"POLICY": policy, "STYLE": style, "SCRIPT": script, "FILM": text}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
