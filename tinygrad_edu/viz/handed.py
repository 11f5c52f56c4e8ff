"""The walk back in the steps of a picture: what each of its circles hands to its inputs, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import Contribution, Node
from tinygrad_edu.equations.arrays import flat
from tinygrad_edu.equations.notation import Notation, clean
from tinygrad_edu.equations.structure import is_elementwise
from tinygrad_edu.viz import labels
from tinygrad_edu.viz.operations import name_of_operation
from tinygrad_edu.viz.units import Input, Unit

Walk = list[tuple[Node, Any, list[Contribution]]]
"""The engine's: operations, the gradient of the result of each, and what it hands on."""


@dataclass
class Handed:
    """What an input of a circle is handed: of a circle of one operation at each of its places, else all of it."""

    input: Input
    part: Any

    @property
    def contribution(self) -> Contribution:
        """In the engine's form."""
        return self.input.position, self.input.operand, self.part


class StepBack(NamedTuple):
    """A circle, and what it hands back."""

    unit: Unit
    handed: list[Handed]


def steps_back(walk: Walk, units: list[Unit]) -> list[StepBack]:
    """The walk by circles, from the last to the first."""
    unit_of = {node: unit for unit in units for node in unit.nodes}
    steps = {id(unit): StepBack(unit, []) for unit in reversed(units)}
    for node, _, parts in walk:
        unit, handed = steps[id(unit_of[node])]
        for position, arg, part in parts:
            if unit_of.get(arg) is unit:
                continue
            known = next((h for h in handed if h.input.operand is arg), None) if len(unit.nodes) > 1 else None
            if known:
                known.part = flat(known.part) + flat(part)
            else:
                handed.append(Handed(_input(unit, node, position, arg), part))
    for _, handed in steps.values():
        handed.sort(key=lambda h: h.input.node.index)  # z = a W + b: a and W, then b
    return list(steps.values()) if walk else []


def _input(unit: Unit, node: Node, position: int, arg: Node) -> Input:
    return next(i for i in unit.inputs if i.node is node and i.position == position and i.operand is arg)


def rule(unit: Unit, i: Input, notation: Notation) -> str:
    """What a circle hands back to an input, in symbols."""
    n_inputs = sum(other.needs_gradient for other in unit.inputs)
    outputs = unit.outputs or unit.nodes[-1:]
    left, right, tag = labels.step_back(unit, outputs[-1], i, n_inputs, notation)
    if tag in ("BP3", "BP4"):
        return right
    upstream = " and ".join(notation.gradient(output) for output in outputs)
    return _text(unit, i, upstream, left, right, notation)


def _text(unit: Unit, i: Input, upstream: str, left: str, right: str, notation: Notation) -> str:
    if i.node.fn is np.matmul:
        factor = right or f"{notation.symbol(i.node.args[1 - i.position])}ᵀ"
        return f"{upstream} {factor}" if i.position == 0 else f"{factor} {upstream}"
    if len(unit.outputs) == 1 and all(map(is_elementwise, unit.nodes)):
        *_, slope = left.split(" = ")  # σ′(z), where it is one
        factors = [factor for factor in dict.fromkeys([slope if " = " in left else "", right]) if factor] or [left]
        text = " = ".join(f"{upstream} ⊙ {_in_brackets(factor)}" for factor in factors)
        stretched = i.operand.value.shape != unit.nodes[-1].value.shape
        return f"Σ {text}, over the axes that {notation.symbol(i.operand)} was stretched along" if stretched else text
    if unit.scope and right:
        return f"{upstream} {'× ' * (unit.nodes[-1].value.size == 1)}{_in_brackets(right)}"
    name = clean(unit.scope.name) if unit.scope else name_of_operation(unit.nodes[-1])
    return f"{upstream}, back through {name or 'this operation'}"


def _in_brackets(text: str) -> str:
    return text if _is_one_factor(text) else f"({text})"


def _is_one_factor(text: str) -> bool:
    """Whether a text such as a(1 − a) is a product already."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == " " and not depth:
            return False
    return True


def magnitudes(walk: Iterable[tuple[Node, Any, list[Contribution]]]) -> dict[Node, Any]:
    """The contributions to each gradient by their magnitudes, added."""
    found: dict[Node, Any] = {}
    for _, _, parts in walk:
        for _, arg, part in parts:
            found[arg] = found.get(arg, 0) + np.abs(flat(part))
    return found
