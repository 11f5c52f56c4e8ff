"""Last stage: units become boxes and arrows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.equations.arrays import flat, norm
from tinygrad_edu.equations.notation import clean
from tinygrad_edu.equations.structure import operands
from tinygrad_edu.viz import labels
from tinygrad_edu.viz.description import Arrow, Box, Cluster, Description, Kind, Line, Note
from tinygrad_edu.viz.operations import name_of_operation
from tinygrad_edu.viz.recorded import Recorded
from tinygrad_edu.viz.symbols import Named
from tinygrad_edu.viz.units import Folded, Input, Unit, is_leaf, uses_of_leaves

REPEAT = 4  # a leaf used by more operations than this is drawn at each of them
MANY = 24  # leaves beyond this number at one operation become one box


def size(units: list[Unit], boxed: Set[int]) -> int:
    """How many boxes and circles there would be, if nothing were hidden."""
    leaves = sum(n if n > REPEAT else 1 for n in uses_of_leaves(units).values())
    return leaves + sum(_own_size(unit, boxed) for unit in units)


def _own_size(unit: Unit, boxed: Set[int]) -> int:
    return 1 + sum(id(output) in boxed for output in unit.outputs)


def draw(
    recorded: Recorded, folded: Folded, named: Named, max_nodes: int, entries: int, notes: list[Note]
) -> Description:
    """Draw as many units from both ends as there may be boxes; one box stands for those between."""
    units = folded.units
    first, last = _middle(units, named.boxed, max_nodes)
    hidden, visible = units[first:last], units[:first] + units[last:]
    drawing = _Drawing(recorded, named, entries, _Frames(visible, folded.plain), _Repeated(units, visible))
    for unit in visible[:first]:
        drawing.add(unit)
    if hidden:
        operations = [node for unit in hidden for node in unit.nodes]
        drawing.add_hidden(operations)
        notes = [*notes, Note("size", f"{len(operations)} operations are hidden", "draw(…, max_nodes=…) shows more.")]
    for unit in visible[first:]:
        drawing.add(unit)
    if not units:
        drawing.add_value(recorded.root, recorded.root.value, None)
    arrows = list(drawing.arrows.values())
    said = {arrow.tag for arrow in arrows if arrow.whole} | drawing.add_equations()
    arrows = [arrow if arrow.tag in said else replace(arrow, tag=None) for arrow in arrows]  # no part without a whole
    _count_contributions(drawing.boxes, arrows, hidden)
    return Description(drawing.boxes, arrows, drawing.frames.shown, notes)


def _middle(units: list[Unit], boxed: Set[int], max_nodes: int) -> tuple[int, int]:
    """The range of units to hide."""
    first, last = 0, len(units)
    if size(units, boxed) <= max_nodes:
        return last, last
    for turn in range(len(units)):
        unit = units[first if turn % 2 else last - 1]
        leaves = {id(i.operand) for i in unit.inputs if is_leaf(i.operand)}
        max_nodes -= _own_size(unit, boxed) + min(len(leaves), MANY)
        if turn and max_nodes < 1:
            break
        first, last = (first + 1, last) if turn % 2 else (first, last - 1)
    return first, last


def _count_contributions(boxes: list[Box], arrows: list[Arrow], hidden: list[Unit]) -> None:
    """Say where a gradient is a sum."""
    arriving = Counter(arrow.target for arrow in arrows if arrow.gradient)
    out_of_sight = {id(part) for unit in hidden for node in unit.nodes for part in node.parents if is_leaf(part)}
    for box in boxes:
        if arriving[box.id] and id(box.value) in out_of_sight:
            box.text.append(Line("gradient", "some of its uses are hidden"))
        elif arriving[box.id] > 1 and box.kind != "hidden":
            box.text.append(Line("gradient", f"sum of {arriving[box.id]} contributions"))


class _Drawing:
    """Boxes and arrows, as more and more units are added."""

    def __init__(self, recorded: Recorded, named: Named, entries: int, frames: _Frames, repeated: _Repeated) -> None:
        self.recorded, self.entries, self.frames, self.repeated = recorded, entries, frames, repeated
        self.notation, self.boxed = named
        self.boxes: list[Box] = []
        self.arrows: dict[tuple[str, str, bool], Arrow] = {}
        self.place: dict[int, str] = {}  # of a value, by id: the box it is in
        self.said: set[int] = set()  # the values, by id, whose equation stands at an arrow

    def add(self, unit: Unit) -> None:
        """A circle, with the values that come in and go out."""
        frame = self.frames.around(unit)
        sources = self._sources(unit, frame)
        held = unit.outputs[0] if len(unit.outputs) == 1 and id(unit.outputs[0]) not in self.boxed else None
        name = labels.expression_of(unit, self.notation)
        numbers: list[Line] = []
        if held is not None:
            taken = list(dict.fromkeys(self.notation.symbol(i.operand) for i in unit.inputs))
            arguments = f"({', '.join(taken[:3])}{', …' * (len(taken) > 3)})" if unit.scope else ""
            name = f"{self.notation.symbol(held)} = {name}{arguments}"
            numbers = labels.numbers(held, held.value, self.recorded, self.notation, self.entries)
        circle = self._box("op", [Line("name", name), *numbers], frame, held, tuple(unit.nodes))
        for source in sources.values():
            self._arrow(Arrow(source, circle))
        for output in unit.outputs:
            if held is None:
                self._arrow(Arrow(circle, self.add_value(output, output.value, frame)))
            else:
                self.place[id(output)] = circle
            for arrow in self._back(unit, output, sources):
                self._arrow(arrow)

    def _sources(self, unit: Unit, frame: int | None) -> dict[int, str]:
        """The boxes of the values that come into a unit, by the ids of the values."""
        sources: dict[int, str] = {}
        too_many = 0
        for i in unit.inputs:
            value = id(i.operand)
            if value in sources:
                continue
            if value in self.place and value not in self.repeated.drawn:
                sources[value] = self.place[value]
            elif len(sources) < MANY:
                sources[value] = self.add_value(i.operand, i.value, frame)
            else:
                too_many += 1
                sources[value] = f"n{len(self.boxes)}"  # the next box
        if too_many:
            self._box("hidden", [Line("name", f"{too_many} more inputs")], frame)
        return sources

    def add_value(self, value: Any, data: Any, frame: int | None) -> str:
        """A box for a value."""
        name = clean(value.name) if isinstance(value, Node) and value.name else ""
        kind: Kind = "data"
        if value is self.recorded.root:
            kind = "loss"
        elif is_leaf(value) and isinstance(value, Node) and value.requires_grad:
            kind = "parameter"
        numbers = labels.numbers(value, data, self.recorded, self.notation, self.entries)
        forward = [line for line in numbers if line.kind != "gradient"]
        text = [Line("name", name or self.notation.symbol(value)), *forward, *self.repeated.note(value)]
        text += numbers[len(forward) :]
        self.place[id(value)] = self._box(kind, text, None if is_leaf(value) else frame, value)
        return self.place[id(value)]

    def add_hidden(self, operations: list[Node]) -> None:
        """One box for many operations."""
        kinds = Counter(name_of_operation(node) for node in operations)
        summary = [f"{count} × {clean(kind)}" for kind, count in kinds.most_common(4)]
        lines = [Line("name", text) for text in (f"… {len(operations)} operations hidden …", *summary)]
        box = self._box("hidden", lines, None, ops=tuple(operations))
        for node in operations:
            for _, operand, _ in operands(node):
                if id(operand) in self.place and not is_leaf(operand) and self.place[id(operand)] != box:
                    self._arrow(Arrow(self.place[id(operand)], box))
                    if operand in self.recorded.grads:
                        arriving = norm(self.recorded.grads[operand])
                        self._arrow(Arrow(box, self.place[id(operand)], True, norm=arriving))
            self.place[id(node)] = box

    def _back(self, unit: Unit, output: Node, sources: dict[int, str]) -> Iterator[Arrow]:
        """The gradient arrows from an output of a unit to what it was computed from."""
        grads, uses = self.recorded.grads, self.recorded.structure.users
        reaching = [i for i in unit.inputs if i.needs_gradient and i.operand in grads]
        steps: dict[Node, list[tuple[Input, labels.Step]]] = {}
        for i in reaching:
            step = labels.step_back(unit, output, i, len(reaching), self.notation)
            steps.setdefault(i.operand, []).append((i, step))
        for value, known in steps.items():
            i, (left, right, tag) = known[0]
            rights = [step.right for _, step in known]
            right = " + ".join(rights) if all(rights) else ""
            is_all = len(uses[value]) == len(known) and len(unit.outputs) == 1
            equation = self.notation.equation(value) if is_all else None
            if equation:
                self.said.add(id(value))
                lines = labels.beside(equation, labels.Step(left, right, tag), output, i, self.notation)
            else:
                is_sum = tag in ("BP3", "BP4") and not is_all  # it is used elsewhere too
                lines = [left, f"= {'… + ' * is_sum}{right}"] if right else [left]
            whole = tag in ("BP3", "BP4") or (equation is not None and equation.tag is not None)
            source = sources[id(value)]
            yield Arrow(self.place[id(output)], source, True, tag, lines, whole, norm(grads[value]))

    def add_equations(self) -> set[str | None]:
        """Into the boxes those equations of which no arrow brings the whole, and which these are."""
        added = set()
        for box in self.boxes:
            if isinstance(box.value, Node) and box.value in self.recorded.grads and id(box.value) not in self.said:
                equation = self.notation.equation(box.value)
                if equation:
                    box.text.append(Line("gradient", str(equation)))
                    added.add(equation.tag)
        return added

    def _arrow(self, arrow: Arrow) -> None:
        key = (arrow.source, arrow.target, arrow.gradient)
        if key in self.arrows:  # several values hidden in one box
            arrow = replace(self.arrows[key], lines=[], whole=False, norm=max(arrow.norm, self.arrows[key].norm))
        self.arrows[key] = arrow

    def _box(self, kind: Kind, text: list[Line], frame: int | None, value: Any = None, ops: Any = ()) -> str:
        numbers = [] if value is None else [flat(value.value) if isinstance(value, Node) else value]
        if isinstance(value, Node) and value in self.recorded.grads:
            numbers.append(self.recorded.grads[value])
        alarm = not all(np.isfinite(x).all() for x in numbers)
        self.boxes.append(Box(f"n{len(self.boxes)}", kind, text, frame, alarm, value, ops))
        return self.boxes[-1].id


class _Repeated:
    """The leaves that are drawn at each of their uses."""

    def __init__(self, units: list[Unit], visible: list[Unit]) -> None:
        self.uses: Mapping[int, int] = uses_of_leaves(units)
        self.drawn = {leaf: n for leaf, n in uses_of_leaves(visible).items() if n > REPEAT}

    def note(self, value: Any) -> list[Line]:
        """What is said in its box."""
        if id(value) not in self.drawn:
            return []
        drawn, uses = self.drawn[id(value)], self.uses[id(value)]
        return [Line("value", f"drawn at {'each' if drawn == uses else drawn} of its {uses} uses")]


class _Frames:
    """The open scopes that hold more than one circle."""

    def __init__(self, units: list[Unit], plain: Set[int]) -> None:
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

    def around(self, unit: Unit) -> int | None:
        """The innermost one around a unit."""
        numbers = [self.number[scope.serial] for scope in unit.around if scope.serial in self.number]
        return numbers[-1] if numbers else None
