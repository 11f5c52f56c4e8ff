"""Last stage: units become boxes and arrows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.equations import words
from tinygrad_edu.equations.arrays import flat, norm
from tinygrad_edu.equations.notation import clean
from tinygrad_edu.equations.structure import operands
from tinygrad_edu.viz import labels
from tinygrad_edu.viz.description import Arrow, Box, Cluster, Description, Kind, Line, Note
from tinygrad_edu.viz.operations import name_of_operation
from tinygrad_edu.viz.recorded import Recorded
from tinygrad_edu.viz.symbols import Named
from tinygrad_edu.viz.units import Folded, Input, Loop, Unit, is_leaf, uses_of_leaves

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
    frames, repeated = _Frames(visible, folded.plain, folded.loops), _Repeated(units, visible)
    drawing = _Drawing(recorded, named, folded.loops, entries, frames, repeated)
    for unit in visible[:first]:
        drawing.add(unit)
    if hidden:
        operations = [node for unit in hidden for node in unit.nodes]
        drawing.add_hidden(operations)
        notes = [*notes, Note("size", f"{len(operations)} operations are hidden", "draw(…, max_nodes=…) shows more.")]
    for unit in visible[first:]:
        drawing.add(unit)
    drawing.add_recurrence()
    if not units:
        drawing.add_value(recorded.root, recorded.root.value, None)
    arrows = list(drawing.arrows.values())
    said = {arrow.tag for arrow in arrows if arrow.whole} | drawing.add_equations()
    arrows = [arrow if arrow.tag in said else replace(arrow, tag=None) for arrow in arrows]  # no part without a whole
    _count_contributions([box for box in drawing.boxes if id(box.value) not in drawing.series], arrows, hidden)
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
    arriving = Counter[str]()
    for arrow in arrows:
        arriving[arrow.target] += arrow.steps * arrow.gradient
    out_of_sight = {id(part) for unit in hidden for node in unit.nodes for part in node.parents if is_leaf(part)}
    for box in boxes:
        if arriving[box.id] and id(box.value) in out_of_sight:
            box.text.append(Line("gradient", "some of its uses are hidden"))
        elif arriving[box.id] > 1 and box.kind != "hidden":
            box.text.append(Line("gradient", f"sum of {arriving[box.id]} contributions"))


class _Drawing:
    """Boxes and arrows, as more and more units are added."""

    def __init__(
        self,
        recorded: Recorded,
        named: Named,
        loops: Sequence[Loop],
        entries: int,
        frames: _Frames,
        repeated: _Repeated,
    ) -> None:
        self.recorded, self.entries, self.frames, self.repeated = recorded, entries, frames, repeated
        self.named, self.notation, self.boxed = named, named.notation, named.boxed
        self.loops = loops
        self.loop_of = {unit: loop for loop in loops for unit in loop.shown}
        self.series = {id(series[loop.number][0]): (series, loop) for loop in loops for series in loop.series}
        self.original = {id(copy): array for loop in loops for copy, array in loop.copies}
        self.circle: dict[Unit, str] = {}
        self.boxes: list[Box] = []
        self.arrows: dict[tuple[str, str, bool], Arrow] = {}
        self.place: dict[int, str] = {}  # of a value, by id: the box it is in
        self.said: set[str] = set()  # the boxes whose equation stands at an arrow

    def add(self, unit: Unit) -> None:
        """A circle, with the values that come in and go out."""
        self.notation = self.named.inside if unit in self.loop_of else self.named.notation
        frame = self.frames.around(unit)
        sources = self._sources(unit, frame)
        begin = self._initial(unit)
        held = unit.outputs[0] if len(unit.outputs) == 1 and id(unit.outputs[0]) not in self.boxed else None
        name = labels.expression_of(unit, self.notation)
        numbers: list[Line] = []
        if held is not None:
            taken = list(dict.fromkeys(self.notation.symbol(i.operand) for i in unit.inputs))
            arguments = f"({', '.join(taken[:3])}{', …' * (len(taken) > 3)})" if unit.scope else ""
            name = f"{self.notation.symbol(held)} = {name}{arguments}"
            numbers = self._numbers(held, held.value)
        circle = self.circle[unit] = self._box("op", [Line("name", name), *numbers], frame, held, tuple(unit.nodes))
        for source in sources.values():
            self._arrow(Arrow(source, circle))
        for _, source in begin:
            self._arrow(Arrow(source, circle, lines=["at t = 1"]))
        for output in unit.outputs:
            place = circle
            if held is None:
                place = self.add_value(output, output.value, frame)
                self._arrow(Arrow(circle, place))
            series, _ = self.series.get(id(output), ({0: (output, None)}, None))
            self.place |= {id(value): place for value, _ in series.values()}
            for arrow in self._back(unit, output, sources):
                self._arrow(arrow)
            for value, source in begin:
                if isinstance(value, Node) and value in self.recorded.grads:
                    arriving = self.recorded.grads[value]
                    self._arrow(Arrow(place, source, True, None, [self.notation.gradient(value)], norm=norm(arriving)))

    def _sources(self, unit: Unit, frame: int | None) -> dict[int, str]:
        """The boxes of the values that come into a unit, by the ids of the values."""
        sources: dict[int, str] = {}
        too_many = 0
        loop = self.loop_of.get(unit)
        carried = {id(i.operand) for user, i in loop.carried if user is unit} if loop else set()
        for i in unit.inputs:
            operand = self.original.get(id(i.operand), i.operand)
            value = id(operand)
            if value in sources or value in carried:
                continue
            if value in self.place and value not in self.repeated.drawn:
                sources[value] = self.place[value]
            elif len(sources) < MANY:
                sources[value] = self.add_value(operand, i.value, frame)
            else:
                too_many += 1
                sources[value] = f"n{len(self.boxes)}"  # the next box
        if too_many:
            self._box("hidden", [Line("name", f"{too_many} more inputs")], frame)
        return sources

    def _initial(self, unit: Unit) -> list[tuple[Any, str]]:
        """The values that a loop begins with, where this unit takes what the step before has made, and their boxes."""
        loop = self.loop_of.get(unit)
        first = [i for user, i, _ in loop.initial if user is unit] if loop else []
        values = [(self.original.get(id(i.operand), i.operand), i.value) for i in first]
        return [(value, self.place.get(id(value)) or self.add_value(value, data, None)) for value, data in values]

    def add_recurrence(self) -> None:
        """The arrows of loops: to the next step and back, and out of the last one if that is the result."""
        self.notation = self.named.inside
        for unit, i in (carried for loop in self.loops for carried in loop.carried):
            if unit in self.circle and id(i.operand) in self.place:
                source = self.place[id(i.operand)]
                circle = self.circle[unit]
                lines = ["to the", "next step"] if source != circle else []
                self._arrow(Arrow(source, circle, lines=lines, recurrent=True))
                for output in unit.outputs:
                    for arrow in self._back(unit, output, {id(i.operand): source}):
                        self._arrow(replace(arrow, recurrent=True))
        root = self.recorded.root
        for shown, (series, loop) in self.series.items():
            if any(value is root for value, _ in series.values()) and shown in self.place:
                place, result = self.place[shown], self.add_value(root, root.value, None)
                self._arrow(Arrow(place, result, lines=[f"at t = {loop.length}"]))
                if root in self.recorded.grads:
                    last = f"{self.notation.symbol(root)}[{loop.length}]"
                    lines = [words.gradient(last, self.notation.cost), "= 1"]
                    self._arrow(Arrow(result, place, True, None, lines, norm=norm(self.recorded.grads[root])))

    def _numbers(self, value: Any, data: Any) -> list[Line]:
        if id(value) in self.series:
            series, loop = self.series[id(value)]
            return labels.numbers_of_steps(series, loop.number, self.recorded, self.notation)
        return labels.numbers(value, data, self.recorded, self.notation, self.entries)

    def add_value(self, value: Any, data: Any, frame: int | None) -> str:
        """A box for a value."""
        is_of_loop = id(value) in self.series
        name = clean(value.name) if isinstance(value, Node) and value.name and not is_of_loop else ""
        kind: Kind = "data"
        if value is self.recorded.root:
            kind = "loss"
        elif is_leaf(value) and isinstance(value, Node) and value.requires_grad:
            kind = "parameter"
        numbers = self._numbers(value, data)
        forward = [line for line in numbers if line.kind != "gradient"]
        text = [Line("name", name or self.notation.symbol(value)), *forward, *self.repeated.note(value)]
        text += numbers[len(forward) :]
        self.place[id(value)] = self._box(kind, text, None if is_leaf(value) and not is_of_loop else frame, value)
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
        grads = self.recorded.grads
        reaching = [i for i in unit.inputs if i.needs_gradient and i.operand in grads]
        handed: dict[Node, list[tuple[Input, labels.Step]]] = {}
        for i in reaching:
            if id(i.operand) in sources:
                step = labels.step_back(unit, output, i, len(reaching), self.notation)
                handed.setdefault(i.operand, []).append((i, step))
        for value, known in handed.items():
            i, (left, right, tag) = known[0]
            rights = [step.right for _, step in known]
            right = " + ".join(rights) if all(rights) else ""
            uses = len(self.recorded.structure.users[value])
            is_all = uses == len(known) and len(unit.outputs) == 1
            equation = self.notation.equation(value) if is_all else None
            loop = self.loop_of.get(unit)
            steps = loop.length if loop and uses >= len(known) * loop.length else 1
            source = sources[id(value)]
            if equation:
                self.said.add(source)
                lines = labels.beside(equation, labels.Step(left, right, tag), output, i, self.notation)
            else:
                is_sum = tag in ("BP3", "BP4")
                right = labels.over_steps(right) if is_sum and steps > 1 else right
                right = f"… + {right}" if is_sum and uses > len(known) * steps else right  # it is used elsewhere too
                lines = [left, f"= {right}"] if right else [left]
            whole = tag in ("BP3", "BP4") or (equation is not None and equation.tag is not None)
            yield Arrow(self.place[id(output)], source, True, tag, lines, whole, norm(grads[value]), steps=steps)

    def add_equations(self) -> set[str | None]:
        """Into the boxes those equations of which no arrow brings the whole, and which these are."""
        added = set()
        for box in self.boxes:
            if isinstance(box.value, Node) and box.value in self.recorded.grads and box.id not in self.said:
                notation = self.named.inside if id(box.value) in self.series else self.named.notation
                equation = notation.equation(box.value)
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
        series, _ = self.series.get(id(value), ({0: (value, value)}, None))
        values = [value for value, _ in series.values() if value is not None]
        arrays = [flat(value.value) if isinstance(value, Node) else value for value in values]
        grads = self.recorded.grads
        arrays += [grads[value] for value in values if isinstance(value, Node) and value in grads]
        alarm = not all(np.isfinite(x).all() for x in arrays)
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
    """The loops, and the open scopes that hold more than one circle."""

    def __init__(self, units: list[Unit], plain: Set[int], loops: Sequence[Loop]) -> None:
        self.shown: list[Cluster] = []
        self.number: dict[int, int] = {}
        self.of_loop: dict[Unit, int] = {}
        for loop in loops:
            self.of_loop |= dict.fromkeys(loop.shown, len(self.shown))
            self.shown.append(Cluster(len(self.shown), f"× {loop.length}: t = 1 … {loop.length}", None, is_loop=True))
        others = [unit for unit in units if unit not in self.of_loop]
        inside = Counter(scope.serial for unit in others for scope in unit.around if scope.serial not in plain)
        for unit in others:
            outer = None
            for scope in unit.around:
                if inside[scope.serial] > 1:
                    if scope.serial not in self.number:
                        self.number[scope.serial] = len(self.shown)
                        self.shown.append(Cluster(len(self.shown), clean(scope.name), outer))
                    outer = self.number[scope.serial]

    def around(self, unit: Unit) -> int | None:
        """The innermost one around a unit."""
        if unit in self.of_loop:
            return self.of_loop[unit]
        numbers = [self.number[scope.serial] for scope in unit.around if scope.serial in self.number]
        return numbers[-1] if numbers else None
