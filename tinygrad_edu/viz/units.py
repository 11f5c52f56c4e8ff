"""Second stage: what becomes one circle, and what is written beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal, NamedTuple

import numpy as np

from tinygrad_edu.costs import COSTS
from tinygrad_edu.engine import Node, Scope
from tinygrad_edu.equations.arrays import flat
from tinygrad_edu.equations.structure import Structure, WeightedInput, operands, scopes

Level = Literal["equations", "ops"]


class Input(NamedTuple):
    """A value that comes into a unit from outside."""

    node: Node  # the operation that takes it,
    position: int  # as which argument
    operand: Any  # a tensor or an array
    value: Any  # what it was at that time

    @property
    def needs_gradient(self) -> bool:
        """Whether a gradient flows back to it."""
        return isinstance(self.operand, Node) and self.operand.requires_grad


@dataclass(eq=False)
class Unit:
    """Operations drawn as one circle: a single one, a layer z = a W + b, its activation function, or a closed scope."""

    nodes: list[Node]
    scope: Scope | None
    layer: WeightedInput | None
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)

    @property
    def around(self) -> list[Scope]:
        """The open scopes around it."""
        inner = self.scope.serial if self.scope else None
        return list(takewhile(lambda scope: scope.serial != inner, scopes(self.nodes[-1])))

    @property
    def argument(self) -> Any:
        """The value of the first input that a gradient flows back to."""
        return next(i.value for i in self.inputs if i.needs_gradient)

    @property
    def targets(self) -> Input | None:
        """What a cost compares the outputs with: the first constant of their shape."""
        constants = [i for i in self.inputs if not i.needs_gradient]
        return next((i for i in constants if np.shape(i.value) == np.shape(flat(self.argument))), None)


Series = dict[int, tuple[Any, Any]]
"""By step of a loop: a value, and its array."""


@dataclass(eq=False)
class Loop:
    """A loop that was unrolled: steps that do the same with the same parameters, each going on from the one before.

    Attributes
    ----------
    shown : list of Unit
        The units of the one step that is drawn for all. It has a step before it and one after it.
    number : int
        Which step this is; the first is 0.
    length : int
        How many steps there are.
    series : list of Series
        What each step makes, and the data that each step takes for itself.
    carried : list of (Unit, Input)
        Where a unit of `shown` takes what the step before has made.
    initial : list of (Unit, Input, Series)
        What stands in its place at the first step, and the series that it begins.
    copies : list of (array, array)
        An array that is another one over again, and that one: a graph keeps a copy for each use.
    """

    shown: list[Unit]
    number: int
    length: int
    series: list[Series]
    carried: list[tuple[Unit, Input]]
    initial: list[tuple[Unit, Input, Series]]
    copies: list[tuple[Any, Any]]


class Folded(NamedTuple):
    """The units, in the order of computation, and the open scopes (serial numbers) that need no frame."""

    units: list[Unit]
    plain: Set[int]
    loops: Sequence[Loop] = ()  # of which one step is among the units


def fold(structure: Structure, level: Level, depth: int | None) -> Folded:
    """Gather the operations into units, with the values they take and hand on."""
    layers_in = Counter(scope.serial for layer in structure.layers for scope in scopes(layer.z))

    def closed(node: Node) -> Scope | None:
        around = scopes(node)
        if depth is not None:
            return around[depth] if len(around) > depth else None
        return next((s for s in around if level == "equations" and s.serial not in layers_in), None)

    parts = _parts_of_layers(structure) if level == "equations" else {}
    units: dict[int, Unit] = {}
    unit_of: dict[Node, Unit] = {}
    for node in structure.operations:
        layer, main = parts.get(node, (None, node))
        scope = closed(main)
        unit = units.setdefault(scope.serial if scope else main.index, Unit([], scope, None if scope else layer))
        unit.nodes.append(node)
        unit_of[node] = unit
    _connect(unit_of)
    if structure.root.fn:
        unit_of[structure.root].outputs.append(structure.root)
    for unit in units.values():
        unit.inputs = [i for i in unit.inputs if _is_shown(unit, i, structure)]
    # A frame around a single layer would say no more than its equation does
    plain = {serial for serial, n in layers_in.items() if n == 1} if level == "equations" and depth is None else set()
    return Folded(sorted(units.values(), key=lambda unit: unit.nodes[-1].index), plain)


def _parts_of_layers(structure: Structure) -> dict[Node, tuple[WeightedInput, Node]]:
    """What belongs into one circle: the operations of z, and those applied to it by hand; with the last of them."""
    parts: dict[Node, tuple[WeightedInput, Node]] = {}
    for layer in structure.layers:
        parts.update((node, (layer, layer.z)) for node in layer.nodes)
        inner = layer.between[:-1]
        if all(node.scope is layer.z.scope for node in layer.between) and not any(node.name for node in inner):
            parts.update((node, (layer, layer.a)) for node in layer.between)
    return parts


def _connect(unit_of: dict[Node, Unit]) -> None:
    for node, unit in unit_of.items():
        for position, operand, value in operands(node):
            if not is_leaf(operand):
                source = unit_of[operand]
                if source is unit:
                    continue
                if not any(output is operand for output in source.outputs):
                    source.outputs.append(operand)
            unit.inputs.append(Input(node, position, operand, value))


def _is_shown(unit: Unit, i: Input, structure: Structure) -> bool:
    """Whether a value is drawn: all that a gradient reaches, and the data, but no masks and inner constants."""
    if i.needs_gradient:
        return True
    if unit.scope is None:
        return np.asarray(i.value).dtype != bool
    if unit.scope.name in COSTS:
        return unit.targets is i
    layer = structure.of_operation.get(i.node)
    return layer is not None and any(p.node is i.node and p.a is i.operand for p in layer.products)


def is_leaf(value: Any) -> bool:
    """Whether a value was not computed."""
    return not (isinstance(value, Node) and value.fn)


def uses_of_leaves(units: list[Unit]) -> Counter[int]:
    """By id, how many of the units each leaf comes into."""
    return Counter(leaf for unit in units for leaf in {id(i.operand) for i in unit.inputs if is_leaf(i.operand)})
