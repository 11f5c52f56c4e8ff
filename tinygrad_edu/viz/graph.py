"""From a tensor to the description of its picture: boxes, arrows and clusters, with all their text.

Nothing here knows how the picture is rendered. In the picture a value is a box and an operation is a circle; a value
without a name of its own is written into the circle of the operation that made it. `describe` returns the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Literal, NamedTuple

import numpy as np

from tinygrad_edu.check import SATURATED
from tinygrad_edu.engine import Node, Scope, ancestors
from tinygrad_edu.engine import gradients as gradients_of
from tinygrad_edu.structure import Layer, Product, find_layers, scopes
from tinygrad_edu.viz.formulas import COSTS, is_activation, is_cost, is_softmax
from tinygrad_edu.viz.symbols import SCOPES, clean, derivative, expression, flat, norm, number, summary

Level = Literal["equations", "ops"]
Kind = Literal["op", "data", "parameter", "loss", "hidden"]

REPEAT = 4  # a leaf used by more operations than this is drawn at each of them
MANY = 24  # leaves beyond this number at one operation become one box
REACH = 12  # columns that arrows may cross, for each of max_nodes: long arrows are what makes a layout slow
IN_FORMULA = 14  # longest name in a formula
NOTHING: Mapping[Any, str] = {}


@dataclass(frozen=True)
class Box:
    """Something drawn: an operation, a value, or what is hidden (kind "hidden").

    `value` is the tensor or array that the text is about, `operations` are the recorded operations it stands for.
    """

    id: str
    kind: Kind
    forward: list[str]  # what is known after the forward pass; the first line is the name or the formula
    backward: list[str]  # what the backward pass adds
    cluster: int | None = None
    alarm: bool = False  # something is not finite
    value: Any = None
    operations: tuple[Node, ...] = ()

    @property
    def lines(self) -> list[str]:
        """All its text."""
        return self.forward + self.backward


@dataclass(frozen=True)
class Arrow:
    """From a value to the operation that uses it; or, where a gradient flows, from a value back to an earlier one."""

    source: str
    target: str
    gradient: bool = False
    tag: str | None = None  # BP1 … BP4
    lines: list[str] = field(default_factory=list)  # the local derivative
    norm: float = 0.0  # of the gradient that arrives


@dataclass(frozen=True)
class Cluster:
    """An open scope."""

    id: int
    name: str
    outer: int | None


@dataclass(frozen=True)
class Description:
    """All that a picture shows, in topological order, and in words what it does not show."""

    boxes: list[Box]
    arrows: list[Arrow]
    clusters: list[Cluster]
    notes: list[str]


@dataclass(eq=False)
class _Unit:
    """Operations drawn as one circle: a single one, a layer z = a W + b, its activation function, or a closed scope."""

    nodes: list[Node]
    scope: Scope | None
    layer: Layer | None
    inputs: list[_Input] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)

    @property
    def around(self) -> list[Scope]:
        """The open scopes around it."""
        inner = self.scope.serial if self.scope else None
        return list(takewhile(lambda scope: scope.serial != inner, scopes(self.nodes[-1])))


class _Input(NamedTuple):
    """A value that comes into a unit from outside."""

    node: Node  # the operation that takes it,
    position: int  # as which argument
    operand: Any  # a tensor or an array
    value: Any  # what it was at that time


def describe(
    root: Node,
    *,
    level: Level = "equations",
    depth: int | None = None,
    gradients: bool = True,
    max_nodes: int = 200,
    symbols: Mapping[int, str] = NOTHING,
) -> Description:
    """Describe the picture of the graph under a tensor; the arguments are those of `tinygrad_edu.draw`.

    ``symbols``, by id, are those of another picture, so that a value has one symbol in both.
    """
    sketch = Sketch(root, gradients, symbols)
    asked: tuple[Level, int | None] = (level, depth)
    smaller: list[tuple[Level, int | None]] = [("equations", None), ("equations", 1), ("equations", 0)]
    foldings = [asked, *(smaller if any(node.scope for node in sketch.operations) else smaller[:1])]
    for folding in dict.fromkeys(foldings):
        sketch.fold(*folding)
        if sketch.size() <= max_nodes:
            break
    else:  # nothing is small enough: hide the middle of the equations
        folding = asked if level == "equations" else smaller[0]
        sketch.fold(*folding)
    if folding != asked:
        sketch.notes.append("Scopes are closed to keep the picture small (max_nodes).")
    boxes = min(max_nodes, sketch.size())
    while True:
        description = sketch.describe(boxes)
        if boxes <= 8 or _reach(description) <= REACH * max_nodes:
            return description
        boxes = boxes * 2 // 3


class Sketch:
    """A description in the making."""

    def __init__(self, root: Node, gradients: bool, symbols: Mapping[int, str] = NOTHING) -> None:
        self.root = root
        self.known = symbols
        nodes = ancestors(root)[::-1]
        self.operations = [node for node in nodes if node.fn]
        self.layers = find_layers(root, self.operations)
        self.grads: dict[Node, Any] = {}
        self.notes: list[str] = []
        if gradients and root.requires_grad:
            with np.errstate(all="ignore"):
                received = gradients_of(root, np.ones(root.value.shape, root.value.dtype), nodes)
                self.grads = {node: flat(g) for node, g in received.items()}
            if root.value.size != 1:
                self.notes.append("The gradients are those of the sum of all elements of the last tensor.")
        self.layer_with_part = {value: layer for layer in self.layers for value in (layer.a, layer.z)}
        self.layer_of = {node: layer for layer in self.layers for node in layer.nodes}
        self.tag_of = {node: layer.tag for layer in self.layers for node in (layer.a, layer.z)}
        self.uses = Counter(parent for node in self.operations for parent in node.parents)
        self.leaving = {p for node in self.operations for p in node.parents if p.scope is not node.scope} | {root}

    # --- What becomes one circle, and what is written beside it -------------------------------------------

    def fold(self, level: Level, depth: int | None) -> None:
        """Gather the operations into units, with the values they take and hand on."""
        with_layers = Counter(scope.serial for layer in self.layers for scope in scopes(layer.z))
        # A cluster around a single layer would say no more than its equation does
        single = {serial for serial, n in with_layers.items() if n == 1}
        self.plain = single if level == "equations" and depth is None else set()

        def closed(node: Node) -> Scope | None:
            around = scopes(node)
            if depth is not None:
                return around[depth] if len(around) > depth else None
            return next((s for s in around if level == "equations" and s.serial not in with_layers), None)

        folded: dict[Node, tuple[Layer, Node]] = {}  # to one circle: a layer, and what is applied to its z by hand
        for layer in self.layers if level == "equations" else ():
            folded.update((node, (layer, layer.z)) for node in layer.nodes)
            inner = layer.applied[:-1]
            if all(node.scope is layer.z.scope for node in layer.applied) and not any(node.name for node in inner):
                folded.update((node, (layer, layer.a)) for node in layer.applied)
        units: dict[int, _Unit] = {}
        unit_of: dict[Node, _Unit] = {}
        for node in self.operations:
            part_of, main = folded.get(node, (None, node))
            scope = closed(main)
            unit = units.setdefault(scope.serial if scope else main.index, _Unit([], scope, None if scope else part_of))
            unit.nodes.append(node)
            unit_of[node] = unit
        for node, unit in unit_of.items():
            for position, operand, value in operands(node):
                if isinstance(operand, Node) and operand.fn:
                    source = unit_of[operand]
                    if source is unit:
                        continue
                    if not any(output is operand for output in source.outputs):
                        source.outputs.append(operand)
                unit.inputs.append(_Input(node, position, operand, value))
        if self.root.fn:
            unit_of[self.root].outputs.append(self.root)
        for unit in units.values():
            unit.inputs = [i for i in unit.inputs if self._is_shown(unit, i)]
        self.units = sorted(units.values(), key=lambda unit: unit.nodes[-1].index)
        self._name()

    def _is_shown(self, unit: _Unit, i: _Input) -> bool:
        """Whether a value is drawn: all that a gradient reaches, and the data, but no masks and inner constants."""
        if isinstance(i.operand, Node) and i.operand.requires_grad:
            return True
        if unit.scope is None:
            return np.asarray(i.value).dtype != bool
        if unit.scope.name in COSTS:
            return _targets(unit) is i
        return any(product.a is i.operand for product in self._products(i.node))

    def _products(self, node: Node) -> list[Product]:
        """Those of the layer that an operation belongs to, if it is one of them."""
        layer = self.layer_of.get(node)
        return [product for product in layer.products if product.node is node] if layer else []

    def _name(self) -> None:
        """Give every value a symbol. Those with a name, or a part in a layer, get a box of their own."""
        self.symbols: dict[int, str] = {}
        shown = [v for unit in self.units for v in (*(i.operand for i in unit.inputs), *unit.outputs)] or [self.root]
        taken = set()
        for value in shown:
            if isinstance(value, Node) and value.name and clean(value.name):
                self.symbols[id(value)] = clean(value.name, IN_FORMULA)
                taken.add(clean(value.name, IN_FORMULA))

        def call(value: Any, symbol: str) -> None:
            if id(value) not in self.symbols:
                while symbol in taken:
                    symbol += "′"
                taken.add(symbol)
                self.symbols[id(value)] = symbol

        if self.root.value.size == 1:
            call(self.root, "C")
        for layer in self.layers:
            call(layer.z, f"z{layer.number}")
            call(layer.a, f"a{layer.number}")
            for product in layer.products:
                call(product.W, f"W{layer.number}")
                if not isinstance(product.a, Node) or not product.a.fn:
                    call(product.a, "x")
            for bias in layer.biases:
                call(bias, f"b{layer.number}")
        self.boxed = set(self.symbols) | {id(self.root)}
        counts = Counter[str]()
        for unit in self.units:
            for i in unit.inputs:
                if id(i.operand) not in self.symbols and _is_leaf(i.operand):
                    letter = "p" if _needs_gradient(i) else "y" if self._is_target(i) else "c"
                    counts[letter] += 1
                    call(i.operand, letter if letter == "y" else f"{letter}{counts[letter]}")
            for output in unit.outputs:
                counts["v"] += id(output) not in self.symbols
                call(output, f"v{counts['v']}")
        call(self.root, "v")  # if it is all there is
        self.symbols.update((value, symbol) for value, symbol in self.known.items() if value in self.symbols)
        C = self.symbols[id(self.root)]
        self.cost = C if self.root.value.size == 1 else f"Σ{C}"

    def _is_target(self, i: _Input) -> bool:
        """Whether a constant is what the outputs are compared with."""
        parts = {self.layer_with_part[p].a for p in i.node.parents if p in self.layer_with_part}
        outputs = [a for a in parts if a.value.shape == i.value.shape and self.tag_of[a] == "BP1"]
        return bool(outputs) or any(scope.name in COSTS for scope in scopes(i.node))

    def symbol(self, value: Any) -> str:
        """What a value is called in formulas."""
        return self.symbols.get(id(value), "…")

    def delta(self, value: Node) -> str:
        """What its gradient is called."""
        symbol = self.symbol(value)
        if value in self.layer_with_part and value is self.layer_with_part[value].z:
            is_numbered = symbol[0] == "z" and symbol[1:].rstrip("′").isdigit()
            return f"δ{symbol[1:]}" if is_numbered else f"δ({symbol})"
        return f"∂{self.cost}/∂{symbol}"

    def size(self) -> int:
        """How many boxes and circles there would be, if nothing were hidden."""
        leaves = sum(n if n > REPEAT else 1 for n in self._leaves(self.units).values())
        return leaves + sum(self._own_size(unit) for unit in self.units)

    def _own_size(self, unit: _Unit) -> int:
        return 1 + sum(id(output) in self.boxed for output in unit.outputs)

    @staticmethod
    def _leaves(units: list[_Unit]) -> Counter[int]:
        """By id, how many of the units each leaf comes into."""
        return Counter(leaf for unit in units for leaf in {id(i.operand) for i in unit.inputs if _is_leaf(i.operand)})

    # --- Boxes and arrows ---------------------------------------------------------------------------------

    def describe(self, max_nodes: int) -> Description:
        """Draw as many units from both ends as there may be boxes; one box stands for those between."""
        first, last = self._middle(max_nodes)
        hidden = self.units[first:last]
        visible = self.units[:first] + self.units[last:]
        self.repeated = {leaf: n for leaf, n in self._leaves(visible).items() if n > REPEAT}
        self.boxes: list[Box] = []
        self.arrows: dict[tuple[str, str, bool], Arrow] = {}
        self.place: dict[int, str] = {}  # of a value, by id: the box it is in
        self.clusters = _Clusters(visible, self.plain)
        for unit in visible[:first]:
            self._draw(unit)
        notes = list(self.notes)
        if hidden:
            operations = [node for unit in hidden for node in unit.nodes]
            self._draw_hidden(operations)
            notes.append(f"{len(operations)} operations are hidden: draw(…, max_nodes=…) shows more.")
        for unit in visible[first:]:
            self._draw(unit)
        if not self.units:
            self._value(self.root, self.root.value, None)
        arrows = list(self.arrows.values())
        arriving = Counter(arrow.target for arrow in arrows if arrow.gradient)
        out_of_sight = {id(part) for unit in hidden for node in unit.nodes for part in node.parents if _is_leaf(part)}
        for box in self.boxes:
            if arriving[box.id] and id(box.value) in out_of_sight:
                box.backward.append("some of its uses are hidden")
            elif arriving[box.id] > 1 and box.kind != "hidden":
                box.backward.append(f"sum of {arriving[box.id]} contributions")
        return Description(self.boxes, arrows, self.clusters.shown, notes)

    def _middle(self, max_nodes: int) -> tuple[int, int]:
        """The range of units to hide."""
        first, last = 0, len(self.units)
        if self.size() <= max_nodes:
            return last, last
        for turn in range(len(self.units)):
            unit = self.units[first if turn % 2 else last - 1]
            leaves = {id(i.operand) for i in unit.inputs if _is_leaf(i.operand)}
            max_nodes -= self._own_size(unit) + min(len(leaves), MANY)
            if turn and max_nodes < 1:
                break
            first, last = (first + 1, last) if turn % 2 else (first, last - 1)
        return first, last

    def _draw(self, unit: _Unit) -> None:
        cluster = self.clusters.of(unit)
        sources: dict[int, str] = {}
        too_many = 0
        for i in unit.inputs:
            operand = i.operand
            if id(operand) in sources:
                continue
            if id(operand) in self.place and id(operand) not in self.repeated:
                sources[id(operand)] = self.place[id(operand)]
            elif len(sources) < MANY:
                sources[id(operand)] = self._value(operand, i.value, cluster)
            else:
                too_many += 1
                sources[id(operand)] = f"n{len(self.boxes)}"  # the next box
        if too_many:
            self._box("hidden", ([f"{too_many} more inputs"], []), cluster)

        held = unit.outputs[0] if len(unit.outputs) == 1 and id(unit.outputs[0]) not in self.boxed else None
        name = self.expression_of(unit)
        numbers: tuple[list[str], list[str]] = [], []
        if held is not None:
            taken = list(dict.fromkeys(self.symbol(i.operand) for i in unit.inputs))
            arguments = f"({', '.join(taken[:3])}{', …' * (len(taken) > 3)})" if unit.scope else ""
            name = f"{self.symbol(held)} = {name}{arguments}"
            numbers = self._numbers(held, held.value)
        circle = self._box("op", ([name, *numbers[0]], numbers[1]), cluster, held, tuple(unit.nodes))
        for source in sources.values():
            self._arrow(Arrow(source, circle))
        for output in unit.outputs:
            if held is None:
                self._arrow(Arrow(circle, self._value(output, output.value, cluster)))
            else:
                self.place[id(output)] = circle
            for arrow in self._back(unit, output, sources):
                self._arrow(arrow)

    def _back(self, unit: _Unit, output: Node, sources: dict[int, str]) -> Iterator[Arrow]:
        """The gradient arrows from an output of a unit to what it was computed from."""
        reaching = [i for i in unit.inputs if _needs_gradient(i) and i.operand in self.grads]
        texts: dict[int, list[tuple[str, str, str | None]]] = {}
        for i in reaching:
            texts.setdefault(id(i.operand), []).append(self.local_derivative(unit, output, i, len(reaching)))
        for i in {id(i.operand): i for i in reaching}.values():
            known = texts[id(i.operand)]
            left, _, tag = known[0]
            right = " + ".join(right for _, right, _ in known) if all(right for _, right, _ in known) else ""
            if tag in ("BP3", "BP4") and self.uses[i.operand] > len(known):
                right = f"… + {right}"  # it is used elsewhere too
            lines = [left, f"= {right}"] if right else [left]
            source, target = self.place[id(output)], sources[id(i.operand)]
            yield Arrow(source, target, True, tag, lines, norm(self.grads[i.operand]))

    def _draw_hidden(self, operations: list[Node]) -> None:
        kinds = Counter(expression(node, []).partition("(")[0] for node in operations)
        summary = [f"{count} × {kind}" for kind, count in kinds.most_common(4)]
        lines = [f"… {len(operations)} operations hidden …", *summary]
        box = self._box("hidden", (lines, []), None, ops=tuple(operations))
        for node in operations:
            for _, operand, _ in operands(node):
                if id(operand) in self.place and not _is_leaf(operand) and self.place[id(operand)] != box:
                    self._arrow(Arrow(self.place[id(operand)], box))
                    if operand in self.grads:
                        size = norm(self.grads[operand])
                        self._arrow(Arrow(box, self.place[id(operand)], True, None, [], size))
            self.place[id(node)] = box

    def _arrow(self, arrow: Arrow) -> None:
        key = (arrow.source, arrow.target, arrow.gradient)
        if key in self.arrows:  # several values hidden in one box
            arrow = replace(self.arrows[key], lines=[], norm=max(arrow.norm, self.arrows[key].norm))
        self.arrows[key] = arrow

    def _box(
        self, kind: Kind, lines: tuple[list[str], list[str]], cluster: int | None, value: Any = None, ops: Any = ()
    ) -> str:
        numbers = [] if value is None else [flat(value.value) if isinstance(value, Node) else value]
        if value is not None and isinstance(value, Node) and value in self.grads:
            numbers.append(self.grads[value])
        alarm = not all(np.isfinite(x).all() for x in numbers)
        self.boxes.append(Box(f"n{len(self.boxes)}", kind, *lines, cluster, alarm, value, ops))
        return self.boxes[-1].id

    # --- Text ---------------------------------------------------------------------------------------------

    def _value(self, value: Any, data: Any, cluster: int | None) -> str:
        """A box for a value."""
        name = clean(value.name) if isinstance(value, Node) and value.name else ""
        forward, backward = self._numbers(value, data)
        kind: Kind = "data"
        if value is self.root:
            kind = "loss"
        elif _is_leaf(value) and isinstance(value, Node) and value.requires_grad:
            kind = "parameter"
        if id(value) in self.repeated:
            drawn, all_of_it = self.repeated[id(value)], self._leaves(self.units)[id(value)]
            forward.append(f"drawn at {'each' if drawn == all_of_it else drawn} of its {all_of_it} uses")
        lines = [name or self.symbol(value), *forward], backward
        self.place[id(value)] = self._box(kind, lines, None if _is_leaf(value) else cluster, value)
        return self.place[id(value)]

    def _numbers(self, value: Any, data: Any) -> tuple[list[str], list[str]]:
        """Shape, value and what is special about it; and then its gradient, with the equation for that."""
        if isinstance(data, tuple):
            forward, data = [f"{len(data)} results"], flat(data)
        else:
            forward = [f"shape {data.shape}"] if data.ndim else []
        forward.append(summary("value", data))
        slope = self._squashed(value, data)
        if slope is not None and (count := int(np.sum(slope < SATURATED))):
            forward.append(f"{count} of {data.size} saturated (σ′ < {SATURATED})")
        if not isinstance(value, Node) or value not in self.grads:
            return forward, []
        equation = self.equation(value)
        return forward, [summary(self.delta(value), self.grads[value]), *([equation] if equation else [])]

    def _squashed(self, value: Any, data: Any) -> Any:
        """σ′ for each element of a sigmoid or a hyperbolic tangent, written as a function or by hand; else None."""
        if not isinstance(value, Node) or not value.fn:
            return None
        scope = value.scope.name if value.scope else ""
        layer = self.layer_with_part.get(value)
        z = layer.z.value if layer and value is layer.a and layer.functions else None
        if (scope == "sigmoid" and value in self.leaving) or (z is not None and is_activation("sigmoid", z, data)):
            return data * (1 - data)
        return 1 - data * data if value.fn is np.tanh and scope != "gelu" else None

    def equation(self, value: Node) -> str:
        """BP1 or BP2 for the z of a layer, and for its a what the next layers hand back; empty for other values."""
        layer = self.layer_with_part.get(value)
        if layer and layer.tag == "BP1" and value is layer.z:
            slope = f" ⊙ {self.slope(layer)}" if layer.functions else ""
            return f"BP1: {self.delta(value)} = ∂{self.cost}/∂{self.symbol(layer.a)}{slope}"
        if layer and layer.tag == "BP2":
            back = " + ".join(_times_weights(self.delta(n.z), p, self.symbol(p.W)) for n, p in layer.next[:3])
            back += " + …" if len(layer.next) > 3 else ""
            if value is not layer.z:
                return f"{self.delta(value)} = {back}"
            right = f"({back}) ⊙ {self.slope(layer)}" if layer.functions else back
            return f"BP2: {self.delta(value)} = {right}"
        return ""

    def activation(self, layer: Layer) -> str:
        """The activation function by its name, f if it has none of its own, nothing if there is none."""
        names = layer.functions
        last = layer.applied[-1] if names else layer.z
        if len(names) == 1 and (last.scope is not layer.z.scope or len(last.args) == 1):
            known = is_activation(names[0], layer.z.value, last.value)
            return SCOPES[names[0]][0] if known and names[0] in SCOPES else clean(names[0], IN_FORMULA)
        return "" if not names else "σ" if is_activation("sigmoid", layer.z.value, last.value) else "f"

    def slope(self, layer: Layer) -> str:
        """σ′(z) by the name of the activation function; nothing if there is none."""
        name = self.activation(layer)
        return f"{name}′({self.symbol(layer.z)})" if name else ""

    def _known(self, unit: _Unit) -> tuple[str, str]:
        """How a closed scope and its derivative are written, if it is the function that its name says."""
        assert unit.scope
        name = unit.scope.name
        x = next(i.value for i in unit.inputs if _needs_gradient(i))
        y = unit.outputs[0].value if len(unit.outputs) == 1 else None
        if name not in SCOPES or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
            return clean(name), ""
        n = x.size // max(y.size, 1)
        if name in COSTS:
            targets, n = _targets(unit), len(x) if x.ndim else 1
            is_known = targets is not None and is_cost(name, x, targets.value, y)
        elif name == "mean":
            is_known = np.allclose(np.sum(x), n * np.sum(y))
        else:
            is_known = is_softmax(x, y) if name == "softmax" else is_activation(name, x, y)
        symbol, slope = SCOPES[name]
        return (symbol, slope.replace("{n}", str(n))) if is_known else (clean(name), "")

    def expression_of(self, unit: _Unit) -> str:
        """What a unit computes."""
        if unit.scope:
            return self._known(unit)[0]
        if unit.layer and unit.nodes[-1] is unit.layer.z:
            products = [self._product(product) for product in unit.layer.products]
            return " + ".join([*products, *(self.symbol(bias) for bias in unit.layer.biases)])
        written: dict[Node, str] = {}
        for node in unit.nodes:
            axis = node.kwargs.get("axis")
            text = expression(node, self._arguments(node, written)) + ("" if axis is None else f" over axis {axis}")
            written[node] = f"({text})" if " " in text else text
        name = self.activation(unit.layer) if unit.layer else ""
        is_named = name and (len(unit.nodes) > 1 or name == "f") and unit.layer and unit.nodes[-1] is unit.layer.a
        return clean(f"{name}({self.symbol(unit.layer.z)}) = {text}" if is_named and unit.layer else text)

    def _product(self, product: Product) -> str:
        a, W = self.symbol(product.a), self.symbol(product.W) + "ᵀ" * product.transposed
        return f"{W} {a}" if product.W_first else f"{a} {W}"

    def _arguments(self, node: Node, written: Mapping[Node, str] = NOTHING) -> list[str]:
        """How the arguments of an operation are written: symbols, numbers, and what has been written already."""
        texts = []
        for arg, value in zip(node.args, node.values, strict=True):
            if isinstance(arg, list | tuple):
                texts += [self.symbol(part) for part in arg if isinstance(part, Node | np.ndarray)]
            elif isinstance(arg, Node):
                texts.append(written.get(arg) or self.symbol(arg))
            elif np.ndim(value) > 0:
                texts.append(self.symbol(arg))
            elif isinstance(value, int | float | np.ndarray | np.generic):
                texts.append(number(float(value)))
        return texts

    def local_derivative(self, unit: _Unit, output: Node, i: _Input, n_inputs: int) -> tuple[str, str, str | None]:
        """The local derivative for one input, or the equation of backpropagation that it is: (left, right, tag)."""
        x, y, value = self.symbol(i.operand), self.symbol(output), i.operand
        gathered, local, tag = f"∂{self.cost}/∂{x}", f"∂{y}/∂{x}", self.tag_of.get(value)
        layer = self.layer_of.get(i.node)
        if layer:
            delta = self.delta(layer.z)
            for product in layer.products:
                if product.W is value:
                    return gathered, weight_gradient(product, self.symbol(product.a), delta), "BP4"
                if product.a is value and i.node is product.node:
                    if unit.scope and output is not layer.z:
                        return local, "", None  # this arrow does more than one step
                    return local, self.symbol(product.W) + "ᵀ" * (not product.transposed), tag
            if any(bias is value for bias in layer.biases):
                same = layer.z.value.shape == value.value.shape
                return gathered, delta if same else f"Σ {delta} over examples", "BP3"
        applied = self.layer_with_part.get(value)
        if applied and output is applied.a and applied.functions:
            local += f" = {self.slope(applied)}"
        if unit.scope:
            return local, self._known(unit)[1].format(a=x, y=y) if n_inputs == 1 else "", tag
        if len(unit.nodes) > 1:
            is_sigmoid = applied and output is applied.a and self.activation(applied) == "σ"
            return local, SCOPES["sigmoid"][1].format(y=y) if is_sigmoid else "", tag
        return local, derivative(i.node, i.position, y, self._arguments(i.node)), tag


class _Clusters:
    """The open scopes that hold more than one circle."""

    def __init__(self, units: list[_Unit], plain: set[int]) -> None:
        inside = Counter(scope.serial for unit in units for scope in unit.around if scope.serial not in plain)
        self.shown: list[Cluster] = []
        self.number: dict[int, int] = {}
        for unit in units:
            outer = None
            for scope in unit.around:
                if inside[scope.serial] > 1:
                    if scope.serial not in self.number:
                        self.number[scope.serial] = len(self.shown)
                        self.shown.append(Cluster(len(self.shown), clean(scope.name), outer))
                    outer = self.number[scope.serial]

    def of(self, unit: _Unit) -> int | None:
        """The innermost one around a unit."""
        numbers = [self.number[scope.serial] for scope in unit.around if scope.serial in self.number]
        return numbers[-1] if numbers else None


def operands(node: Node) -> Iterator[tuple[int, Any, Any]]:
    """The tensors and arrays among the arguments of an operation: (position, as given, its array)."""
    for position, (arg, value) in enumerate(zip(node.args, node.values, strict=True)):
        if isinstance(arg, Node) or (isinstance(arg, np.ndarray) and arg.ndim):
            yield position, arg, value
        elif isinstance(arg, list | tuple) and any(isinstance(part, Node) for part in arg):
            for part, array in zip(arg, value, strict=True):
                if isinstance(part, Node | np.ndarray):
                    yield position, part, array


def _is_leaf(value: Any) -> bool:
    return not (isinstance(value, Node) and value.fn)


def _needs_gradient(i: _Input) -> bool:
    return isinstance(i.operand, Node) and i.operand.requires_grad


def _targets(unit: _Unit) -> _Input | None:
    """What a cost compares the outputs with: the first constant of their shape."""
    a = next(i.value for i in unit.inputs if _needs_gradient(i))
    constants = [i for i in unit.inputs if not _needs_gradient(i)]
    return next((i for i in constants if np.shape(i.value) == np.shape(flat(a))), None)


def _times_weights(delta: str, product: Product, W: str) -> str:
    """What a layer hands back to its inputs: δ Wᵀ, where z = a W."""
    W += "ᵀ" * (not product.transposed)
    return f"{W} {delta}" if product.W_first else f"{delta} {W}"


def weight_gradient(product: Product, a: str, delta: str) -> str:
    """BP4: aᵀ δ, where z = a W; and the same for the other ways to write the product."""
    a_first = product.W_first == product.transposed
    if len(product.a.shape) == 1:
        return f"{a} ⊗ {delta}" if a_first else f"{delta} ⊗ {a}"
    if product.W_first:
        return f"{a} {delta}ᵀ" if a_first else f"{delta} {a}ᵀ"
    return f"{a}ᵀ {delta}" if a_first else f"{delta}ᵀ {a}"


def _reach(description: Description) -> int:
    """How many columns the arrows cross: each box is one column to the right of the last that leads to it."""
    column: dict[str, int] = {}
    for arrow in description.arrows:
        if not arrow.gradient:
            column[arrow.target] = max(column.get(arrow.target, 0), column.get(arrow.source, 0) + 1)
    return sum(abs(column.get(arrow.target, 0) - column.get(arrow.source, 0)) for arrow in description.arrows)
