"""Third stage: of a loop that was unrolled, one step is drawn.

A loop is found from what its steps share. The units that take the same parameter in the same way are one row, a unit
for each step. What uses their results, or makes what they take, in the same way at every step is a row too. In the end
all that a row takes must be shared by all steps, be data of the step, or come from the step itself or the one before.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node
from tinygrad_edu.viz.units import Folded, Input, Loop, Series, Unit, is_leaf

LEAST = 5  # steps; fewer are drawn one by one

Row = list[Unit | None]  # by step, what does the same; the first step may do without
Slot = tuple[int, int, int]  # which operation of a unit, which argument, which part of it
Relation = tuple[
    str, int
]  # how a row comes by what it takes: "shared", "own", or from a row: "same step", "step before"


def roll(folded: Folded) -> Folded:
    """The same with one step of each loop."""
    units, loops = folded.units, list[Loop]()
    while loop := _first_loop(units, {unit for loop in loops for unit in loop.shown}):
        found, rows = loop
        units = _in_order(units, found, {unit for row in rows for unit in row if unit})
        loops.append(found)
    return Folded(units, folded.plain, loops)


def _first_loop(units: list[Unit], taken: set[Unit]) -> tuple[Loop, list[Row]] | None:
    graph = _Graph([unit for unit in units if unit not in taken])
    for seed in graph.seeds():
        rows, relations = graph.related(seed)
        if seed in rows and any(found and found[0] == "step before" for row in relations for found in row.values()):
            return _loop(rows, relations), rows
    return None


def _in_order(units: list[Unit], loop: Loop, members: set[Unit]) -> list[Unit]:
    """The units with one step of a loop: before it what does not depend on the loop, after it what does."""
    before, after = [], []
    made = {id(output) for unit in members for output in unit.outputs}
    for unit in units:
        if unit in members:
            continue
        if any(id(i.operand) in made for i in unit.inputs):
            made.update(id(output) for output in unit.outputs)
            after.append(unit)
        else:
            before.append(unit)
    return [*before, *loop.shown, *after]


# --- Rows -------------------------------------------------------------------------------------------------


class _Graph:
    """Who makes and who takes each value."""

    def __init__(self, units: list[Unit]) -> None:
        self.slots = {unit: dict(_slots(unit)) for unit in units}
        self.maker = {id(output): unit for unit in units for output in unit.outputs}
        self.users: dict[int, list[tuple[Slot, Unit]]] = defaultdict(list)
        for unit, slots in self.slots.items():
            for slot, i in slots.items():
                self.users[id(i.operand)].append((slot, unit))
        self.parameters = {
            id(i.operand): None
            for slots in self.slots.values()
            for i in slots.values()
            if i.needs_gradient and is_leaf(i.operand)
        }

    def seeds(self) -> list[Row]:
        """The longest rows of units that take the same parameter in the same way."""
        rows: list[Row] = []
        for parameter in self.parameters:
            alike: dict[Any, Row] = defaultdict(list)
            for slot, unit in self.users[parameter]:
                alike[slot, _kind(unit)].append(unit)
            rows += [row for row in alike.values() if len(row) >= LEAST]
        return sorted(rows, key=len, reverse=True)

    def related(self, seed: Row) -> tuple[list[Row], list[dict[Slot, Relation | None]]]:
        """All rows of a loop, and whence each has its arguments.

        They are found from each row first to what uses its results, then to what makes its arguments.
        """
        rows, members = [seed], {unit for unit in seed if unit}

        def add(row: Row) -> bool:
            units = [unit for unit in row if unit]
            is_new = len({*units} - members) == len(units)
            if is_new:
                rows.append(row)
                members.update(units)
            return is_new

        forward = 0
        while True:
            while forward < len(rows):
                for row in [*self._users(rows[forward], members)]:
                    add(row)
                forward += 1
            if not any(add(row) for known in rows for row in self._makers(known)):
                break
        while True:
            relations = self.relations(rows)
            fits = [None not in found.values() for found in relations]
            if all(fits):
                return rows, relations
            rows = [row for row, fit in zip(rows, fits, strict=True) if fit]

    def _users(self, row: Row, members: set[Unit]) -> Iterator[Row]:
        alike: dict[Any, dict[int, list[Unit]]] = defaultdict(lambda: defaultdict(list))
        for step, unit in enumerate(row):
            for number, output in _outputs(unit):
                for slot, user in self.users[id(output)]:
                    if user not in members:
                        alike[number, slot, _kind(user)][step].append(user)
        for found in alike.values():
            steps = [found.get(step, []) for step in range(len(row))]
            if all(len(users) == 1 for users in steps[1:]) and len(steps[0]) <= 1:
                yield [next(iter(users), None) for users in steps]

    def _makers(self, row: Row) -> Iterator[Row]:
        for slot in self._slots_of(row):
            taken = [self.slots[unit].get(slot) if unit else None for unit in row]
            makers = [self.maker.get(id(i.operand)) if i else None for i in taken]
            if all(makers) and len({_kind(unit) for unit in makers if unit}) == 1:
                yield makers

    def _slots_of(self, row: Row) -> list[Slot]:
        return list(dict.fromkeys(slot for unit in row if unit for slot in self.slots[unit]))

    def relations(self, rows: list[Row]) -> list[dict[Slot, Relation | None]]:
        """For each row and argument where it comes from; None where steps differ."""
        place = {unit: (number, step) for number, row in enumerate(rows) for step, unit in enumerate(row) if unit}
        return [
            {slot: self._relation(row, slot, place) for slot in self._slots_of(row)}
            if _same_numbers(row)
            else {(0, 0, 0): None}
            for row in rows
        ]

    def _relation(self, row: Row, slot: Slot, place: dict[Unit, tuple[int, int]]) -> Relation | None:
        first = 0 if row[0] else 1
        taken = [self.slots[unit].get(slot) if unit else None for unit in row]
        later = taken[first + 1 :]
        operands = [i.operand for i in later if i]
        if len(operands) < len(later):
            return None
        makers = [self.maker.get(id(operand)) for operand in operands]
        sources = {
            (place[maker][0], step - place[maker][1]) if maker in place else None
            for step, maker in enumerate(makers, start=first + 1)
            if maker
        }
        begins = taken[first]
        if begins and all(operand is begins.operand for operand in operands):
            return "shared", -1
        if all(is_leaf(operand) for operand in operands) and begins and is_leaf(begins.operand):
            return None if any(i.needs_gradient for i in taken if i) else ("own", -1)
        if len(sources) != 1 or not all(makers) or None in sources:
            return None
        ((number, back),) = (source for source in sources if source)
        if back == 1:
            return "step before", number
        maker = self.maker.get(id(begins.operand)) if begins else None
        return ("same step", number) if back == 0 and maker and place.get(maker) == (number, first) else None


def _slots(unit: Unit) -> Iterator[tuple[Slot, Input]]:
    number = {node: k for k, node in enumerate(unit.nodes)}
    parts: dict[tuple[int, int], int] = defaultdict(int)
    for i in unit.inputs:
        place = number[i.node], i.position
        yield (*place, parts[place]), i
        parts[place] += 1


def _outputs(unit: Unit | None) -> list[tuple[int, Node]]:
    number = {node: k for k, node in enumerate(unit.nodes)} if unit else {}
    return [(number[output], output) for output in unit.outputs] if unit else []


def _kind(unit: Unit) -> Any:
    """What units have in common that do the same, perhaps with other numbers."""
    operations = tuple((node.fn, getattr(node.value, "shape", None), tuple(node.kwargs)) for node in unit.nodes)
    return unit.scope.name if unit.scope else "", operations


def _same_numbers(row: Row) -> bool:
    """Whether all but the first have the same plain arguments; an index may differ."""
    return len({_numbers(unit) for unit in row[1:] if unit}) == 1


def _numbers(unit: Unit) -> str:
    plain = []
    for node in unit.nodes:
        arguments = () if node.fn is operator.getitem else node.args
        for arg in (*arguments, *node.kwargs.values()):
            plain.append("" if isinstance(arg, Node | list | tuple) or np.ndim(arg) else repr(arg))
    return " ".join(plain)


# --- What is drawn ----------------------------------------------------------------------------------------


def _loop(rows: list[Row], relations: list[dict[Slot, Relation | None]]) -> Loop:
    number = len(rows[0]) // 2
    slots = {unit: dict(_slots(unit)) for row in rows for unit in row if unit}
    made: dict[int, Series] = {}  # by id of a value
    for row in rows:
        by_output: dict[int, Series] = defaultdict(dict)
        for step, unit in enumerate(row):
            for output, node in _outputs(unit):
                by_output[output][step] = node, node.value
                made[id(node)] = by_output[output]
    series = [*{id(found): found for found in made.values() if number in found}.values()]
    shown = sorted((unit for row in rows if (unit := row[number])), key=lambda unit: unit.nodes[-1].index)
    loop = Loop(shown, number, len(rows[0]), series, [], [], [])
    for row, relation in zip(rows, relations, strict=True):
        for slot, found in relation.items():
            taken = {step: i for step, u in enumerate(row) if u and (i := slots[u].get(slot))}
            unit, i = row[number], taken[number]
            assert unit
            assert found
            if found[0] == "own":
                own = {step: (i.operand, i.value) for step, i in taken.items()}
                same = next((known for known in series if _are_copies(own, known)), None)
                if same:
                    loop.copies += [(own[step][0], same[step][0]) for step in own]
                else:
                    series.append(own)
            elif found[0] == "step before":
                loop.carried.append((unit, i))
                if 0 in taken and id(taken[0].operand) not in made:
                    first, begins = taken[0], made[id(i.operand)]
                    known = (j.operand for _, j, other in loop.initial if other is begins)
                    original = next((array for array in known if _is_copy(first.operand, array)), None)
                    loop.copies += [] if original is None else [(first.operand, original)]
                    loop.initial.append((unit, first, begins))
    return loop


def _are_copies(series: Series, other: Series) -> bool:
    return series.keys() == other.keys() and all(_is_copy(series[step][0], other[step][0]) for step in series)


def _is_copy(x: Any, y: Any) -> bool:
    return isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x is not y and np.array_equal(x, y)
