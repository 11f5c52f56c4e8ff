"""The film of one forward and one backward pass, as plain data.

Every step is the engine's: the operations that it recorded, and what each of them hands to its arguments on the one
walk back (`engine.contributions`). Here it is written down, with what a reader wants to know of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import Node, ancestors, contributions
from tinygrad_edu.equations.arrays import flat, norm
from tinygrad_edu.equations.notation import Notation, clean
from tinygrad_edu.equations.recompute import Factor, Numbers, Recomputed, recompute
from tinygrad_edu.equations.structure import Structure, is_elementwise, is_product_of_matrices, operands, scopes
from tinygrad_edu.equations.words import EQUATIONS, gradient
from tinygrad_edu.viz import labels
from tinygrad_edu.viz.encoding import Arrays, Data, number
from tinygrad_edu.viz.handed import StepBack, Walk, magnitudes, rule, steps_back
from tinygrad_edu.viz.local import FACTORS, Local, local_derivatives
from tinygrad_edu.viz.operations import OPERATIONS, expression
from tinygrad_edu.viz.recorded import Recorded, check_is_tensor
from tinygrad_edu.viz.symbols import name
from tinygrad_edu.viz.units import Unit, fold


class Film(NamedTuple):
    """The data of a film, and what the pictures to it need."""

    data: Data
    recorded: Recorded
    units: list[Unit]
    notation: Notation
    numbers: Mapping[int, int]  # of the nodes in the data, by the id of the value


def film(tensor: Node) -> Data:
    """Every step of the forward and of the backward pass under a tensor, as plain data (lists, dicts, numbers, text).

    Parameters
    ----------
    tensor : Tensor
        The result; of one that is not a single number, the gradients are those of the sum of its elements.

    Returns
    -------
    dict
        ``nodes``: the values, in the order of computation; ``forward``: the operations (their nodes) in order;
        ``backward``: per operation, latest first, the ``contributions`` it hands to its arguments; ``boxes``: the same
        two by the circles of the folded picture, where that differs; ``equations``: BP1–BP4, each recomputed by hand,
        with the error, and ``meanings`` their words; ``depth``: ‖δ‖ of each layer; ``arrays``: the numbers that the
        others refer to by index.

    Raises
    ------
    TypeError
        If ``tensor`` is not a tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(3.0, requires_grad=True, name="x")
    >>> backward = film(x * x)["backward"]
    >>> len(backward), len(backward[0]["contributions"])  # x receives 3 twice
    (1, 2)
    """
    check_is_tensor("film", tensor)
    return make(tensor).data


def make(root: Node) -> Film:
    """The film of the graph under a tensor."""
    with np.errstate(all="ignore"):
        recorded, walk = _passes(root)
        units = fold(recorded.structure, "ops", None).units
        boxes = fold(recorded.structure, "equations", None).units
        notation = name(recorded.structure, units).notation
        arrays = Arrays()
        nodes = _Nodes(recorded, units, notation, arrays)
        equations = recompute(notation, recorded.grads, magnitudes(walk))
        backward = _Backward(nodes)
        data: Data = {
            "title": notation.cost,
            "root": nodes.numbers[id(root)],
            "nodes": nodes.entries,
            "forward": [nodes.numbers[id(node)] for node in recorded.operations],
            "backward": backward.by_operation(steps_back(walk, units)),
            "boxes": None,
            "meanings": {tag: words.meaning for tag, words in EQUATIONS.items()},
            "equations": [_equation(equation, nodes) for equation in equations],
            "depth": _depth(recorded, nodes),
            "notes": _notes(root),
        }
        if len(boxes) < len(units):
            data["boxes"] = {
                "forward": [nodes.box(unit) for unit in boxes],
                "backward": backward.by_box(steps_back(walk, boxes), data["backward"]),
            }
        data["arrays"] = arrays.encoded()
    left_out = sum("rows" in array for array in data["arrays"])
    if left_out:
        data["notes"].append(f"{left_out} arrays are too large for the film: it holds a part of their entries.")
    return Film(data, recorded, units, notation, nodes.numbers)


def _passes(root: Node) -> tuple[Recorded, Walk]:
    """The graph, and the engine's walk back through it."""
    nodes = ancestors(root)[::-1]
    received: dict[Node, Any] = {}
    walk: Walk = []
    if root.requires_grad:
        walk = list(contributions(root, np.ones(root.value.shape, root.value.dtype), nodes, received))
    grads = {node: flat(g) for node, g in received.items()}
    return Recorded(Structure(root, [node for node in nodes if node.fn]), grads), walk


def _notes(root: Node) -> list[str]:
    if not root.requires_grad:
        return ["This tensor was not recorded: no gradient flows through it."]
    return [] if root.value.size == 1 else ["The gradients are those of the sum of all elements of the last tensor."]


# --- Nodes ------------------------------------------------------------------------------------------------


class _Nodes:
    """The values of a film, numbered in the order of computation."""

    def __init__(self, recorded: Recorded, units: list[Unit], notation: Notation, arrays: Arrays) -> None:
        self.recorded, self.notation, self.arrays = recorded, notation, arrays
        self.units = {unit.nodes[0]: unit for unit in units}
        self.entries: list[Data] = []
        self.numbers: dict[int, int] = {}  # by the id of the value
        for node in recorded.operations:
            for _, operand, value in operands(node):
                if id(operand) in notation.symbols:
                    self._add(operand, value)
            self._add(node, node.value)
        self._add(recorded.root, recorded.root.value)

    def _add(self, value: Any, data: Any) -> None:
        if id(value) in self.numbers:
            return
        self.numbers[id(value)] = len(self.entries)
        node = value if isinstance(value, Node) else None
        entry: Data = {
            "symbol": self.notation.symbol(value),
            "kind": self._kind(value),
            "value": self.arrays.keep(data),
        }
        if isinstance(data, tuple):
            entry["results"] = len(data)
        if node is not None and node.name:
            entry["name"] = str(node.name)
        if node is not None and node.scope:
            entry["scope"] = [clean(scope.name) for scope in scopes(node)]
        if node is not None and node in self.recorded.grads:
            entry["gradient"] = self.arrays.keep(self.recorded.grads[node])
            if self.notation.gradient(node) != gradient(entry["symbol"], self.notation.cost):
                entry["delta"] = self.notation.gradient(node)
        if node is not None and node.fn:
            entry.update(self._doing(node))
        self.entries.append(entry)

    def _kind(self, value: Any) -> str:
        if value is self.recorded.root:
            return "result"
        if isinstance(value, Node) and value.fn:
            return "operation"
        return "parameter" if isinstance(value, Node) and value.requires_grad else "data"

    def _doing(self, node: Node) -> Data:
        """What an operation computes and takes and, where one entry is easily followed, how it was computed.

        An argument is a node or an array; in a template, ⟦0⟧ is the first.
        """
        unit = self.units.get(node)
        doing: Data = {
            "text": labels.expression_of(unit, self.notation) if unit else expression(node, []),
            "inputs": [self.numbers[id(x)] for _, x, _ in operands(node) if id(x) in self.numbers],
        }
        if is_elementwise(node) or is_product_of_matrices(node):
            doing["how"] = "elementwise" if is_elementwise(node) else "matmul"
            doing["arguments"] = [
                self._argument(arg, value)
                for arg, value in zip(node.args, node.values, strict=True)
                if value is not None  # an open end of np.clip
            ]
        if is_elementwise(node) and node.fn in OPERATIONS:
            doing["template"] = expression(node, [f"⟦{i}⟧" for i in range(len(node.args))])
        return doing

    def _argument(self, arg: Any, value: Any) -> Data:
        return {"node": self.numbers[id(arg)]} if id(arg) in self.numbers else {"array": self.arrays.keep(value)}

    def box(self, unit: Unit) -> Data:
        """A step forward: the nodes of a circle, of which the last is its result; of several, what they do together."""
        box: Data = {"operations": [self.numbers[id(node)] for node in unit.nodes]}
        if len(unit.nodes) == 1:
            return box
        box["outputs"] = [self.numbers[id(output)] for output in unit.outputs]
        box["inputs"] = [self.numbers[id(i.operand)] for i in unit.inputs if id(i.operand) in self.numbers]
        name = labels.expression_of(unit, self.notation)
        taken = list(dict.fromkeys(self.notation.symbol(i.operand) for i in unit.inputs))
        box["text"] = f"{name}({', '.join(taken[:3])}{', …' * (len(taken) > 3)})" if unit.scope else name
        layer = unit.layer
        if layer and unit.nodes[-1] is layer.z:
            if len(layer.products) == 1 and layer.products[0].is_of_matrices:
                product = layer.products[0].node
                box["how"] = "matmul"
                factors = zip(product.args, product.values, strict=True)
                biases = ((bias, bias.value) for bias in layer.biases)
                box["arguments"] = [self._argument(*given) for given in (*factors, *biases)]
        elif len(unit.inputs) == 1 and all(map(is_elementwise, unit.nodes)):
            function = self.notation.activation(layer) if layer else name
            box["how"] = "elementwise"
            box["template"] = f"{function}(⟦0⟧)"
            box["arguments"] = [self._argument(unit.inputs[0].operand, unit.inputs[0].value)]
        return box


# --- The backward pass ------------------------------------------------------------------------------------


class _Backward:
    """The steps back, by operations and by boxes."""

    def __init__(self, nodes: _Nodes) -> None:
        self.nodes = nodes
        self.tabulated = 0

    def by_operation(self, steps: list[StepBack]) -> list[Data]:
        """What each operation hands to its arguments."""
        of = Counter(handed.input.operand for step in steps for handed in step.handed)
        return [self._step(step, of) for step in steps]

    def by_box(self, steps: list[StepBack], by_operation: list[Data]) -> list[Data | int]:
        """The same for each circle; of one operation, where it stands among the operations."""
        of = Counter(handed.input.operand for step in steps for handed in step.handed)
        known = {step["node"]: i for i, step in enumerate(by_operation)}
        boxes = [self._step(step, of) for step in steps]
        return [i if by_operation[i := known[box["node"]]] == box else box for box in boxes]

    def _step(self, step: StepBack, of: Counter[Node]) -> Data:
        unit, arrays, grads = step.unit, self.nodes.arrays, self.nodes.recorded.grads
        last = unit.nodes[-1]
        parts = [handed.contribution for handed in step.handed]
        locals_ = local_derivatives(unit, grads[last], parts, FACTORS - self.tabulated)
        self.tabulated += sum(len(local.entries or ()) for local in locals_)
        data: list[Data] = []
        for handed, local in zip(step.handed, locals_, strict=True):
            arg = handed.input.operand
            said = rule(unit, handed.input, self.nodes.notation)
            data.append(
                {
                    "to": self.nodes.numbers[id(arg)],
                    "part": arrays.keep(grads[arg] if of[arg] == 1 else handed.part),
                    "local": _local(local, arrays),
                    "rule": said,
                }
            )
        return {"node": self.nodes.numbers[id(last)], "contributions": data}


def _local(local: Local, arrays: Arrays) -> Data:
    data: Data = {"kind": local.kind}
    if local.argument is not None:
        data["argument"] = local.argument
    if local.turned:
        data["turned"] = True
    kept = {"other": local.other, "which": local.which, "array": local.array}
    data |= {key: arrays.keep(array) for key, array in kept.items() if array is not None}
    if local.entries is not None:
        data["entries"] = [[k, e, number(value)] for k, e, value in local.entries]
    return data


# --- The equations ----------------------------------------------------------------------------------------


def _equation(done: Recomputed, nodes: _Nodes) -> Data:
    data: Data = {
        "tag": done.equation.tag,
        "node": nodes.numbers[id(done.node)],
        "text": done.equation.text,
        "status": done.status,
    }
    if done.note:
        data["note"] = done.note
    if done.error is not None:
        data["error"] = done.error
    if done.numbers:
        data["numbers"] = _numbers(done.numbers, nodes.arrays)
    return data


def _numbers(numbers: Numbers, arrays: Arrays) -> Data:
    def factor(f: Factor) -> Data:
        return {"array": arrays.keep(f.array), "symbol": f.symbol}

    data: Data = {"kind": numbers.kind, "left": factor(numbers.left)}
    if numbers.right is not None:
        data |= {"right": factor(numbers.right), "turned": list(numbers.turned or ())}
    if numbers.axis is not None:
        data["axis"] = numbers.axis
    if numbers.slope is not None:
        data["factor"] = factor(numbers.slope)
    return data


def _depth(recorded: Recorded, nodes: _Nodes) -> list[Data]:
    """‖δ‖ of each layer."""
    return [
        {
            "node": nodes.numbers[id(layer.z)],
            "layer": layer.number,
            "symbol": nodes.notation.gradient(layer.z),
            "norm": number(norm(recorded.grads[layer.z])),
            "tag": layer.tag,
        }
        for layer in recorded.structure.layers
        if layer.z in recorded.grads
    ]
