"""What a picture shows, as data: boxes, arrows and frames, with all their text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from tinygrad_edu.engine import Node

Kind = Literal["op", "data", "parameter", "loss", "hidden"]


class Line(NamedTuple):
    """One line of a box, and what must have been computed before it is known."""

    kind: Literal["name", "value", "gradient"]  # nothing, the forward pass, the backward pass
    text: str


class Note(NamedTuple):
    """In words, what a picture does not show."""

    kind: Literal["sum", "size"]  # about what is differentiated, or about what there was no room for
    text: str
    advice: str = ""  # how to see more

    def __str__(self) -> str:
        return f"{self.text}: {self.advice}" if self.advice else self.text


@dataclass(frozen=True)
class Box:
    """Something drawn: an operation, a value, or what is hidden (kind "hidden").

    `value` is the tensor or array that the text is about, `operations` are the recorded operations it stands for.
    """

    id: str
    kind: Kind
    text: list[Line]  # the first line is the name or the formula
    cluster: int | None = None
    alarm: bool = False  # something is not finite, or is marked
    value: Any = None
    operations: tuple[Node, ...] = ()

    @property
    def lines(self) -> list[str]:
        """All its text."""
        return [line.text for line in self.text]


@dataclass(frozen=True)
class Arrow:
    """From a value to the operation that uses it; or, where a gradient flows, from a value back to an earlier one."""

    source: str
    target: str
    gradient: bool = False
    tag: str | None = None  # BP1 … BP4, of which it is the whole or a part
    lines: list[str] = field(default_factory=list)  # that equation, or the local derivative
    whole: bool = False  # whether the text is all of the equation
    norm: float = 0.0  # of the gradient that arrives
    steps: int = 1  # of a loop, for which it stands
    recurrent: bool = False  # whether it goes on to the next step of a loop, or back from there
    alarm: bool = False  # its equation is marked


@dataclass(frozen=True)
class Cluster:
    """An open scope, or a loop of which one step is drawn."""

    id: int
    name: str
    outer: int | None
    is_loop: bool = False


@dataclass(frozen=True)
class Description:
    """All that a picture shows, in topological order, and in words what it does not show."""

    boxes: list[Box]
    arrows: list[Arrow]
    clusters: list[Cluster]
    notes: list[Note]

    def marked(self, mark: Mapping[Node, str]) -> Description:
        """The same with text at these values, to be seen first; the arrow of an equation that it names likewise."""

        def marked(box: Box) -> Box:
            text = mark.get(box.value) if isinstance(box.value, Node) else None
            lines = [Line("name", line) for line in (text or "").splitlines()]
            return box if text is None else replace(box, alarm=True, text=[*box.text, *lines])

        boxes = [marked(box) for box in self.boxes]
        said = {box.id: mark[box.value] for box, old in zip(boxes, self.boxes, strict=True) if box is not old}
        arrows = [
            replace(arrow, alarm=arrow.gradient and arrow.tag is not None and arrow.tag in said.get(arrow.target, ""))
            for arrow in self.arrows
        ]
        shown = {id(box.value) for box in boxes}
        hidden = [text for value, text in mark.items() if id(value) not in shown]
        notes = [Note("size", f"A marked value is hidden ({text})") for text in hidden]
        return replace(self, boxes=boxes, arrows=arrows, notes=[*self.notes, *notes])
