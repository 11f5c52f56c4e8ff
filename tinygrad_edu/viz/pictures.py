"""The pictures of a film: drawings as data, in which boxes know the steps that they stand for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

from tinygrad_edu.viz import boxes, dot
from tinygrad_edu.viz.describe import describe_recorded
from tinygrad_edu.viz.description import Box, Description, Line
from tinygrad_edu.viz.encoding import Data
from tinygrad_edu.viz.film import Film
from tinygrad_edu.viz.symbols import name
from tinygrad_edu.viz.units import Level

BOXES = 100  # in a picture
ENTRIES = 1  # written into a box; the page shows the others beside it


def pictures(film: Film) -> list[Data]:
    """The graph folded into equations and, where that differs and is small enough, with every operation."""
    levels: list[Level] = ["equations"]
    boxed = name(film.recorded.structure, film.units).boxed
    if film.data["boxes"] and boxes.size(film.units, boxed) <= BOXES:
        levels.append("ops")
    return [_picture(film, level) for level in levels]


def _picture(film: Film, level: Level) -> Data:
    drawn: list[Description] = []

    def describe(most: int) -> Description:
        drawn[:] = [describe_recorded(film.recorded, level, None, ENTRIES, most, True, film.notation.symbols)]
        drawn[0] = replace(drawn[0], boxes=[_compact(box) for box in drawn[0].boxes])
        return replace(drawn[0], notes=[])  # the page has a place of its own for notes

    drawing = dot.draw(describe, BOXES, legend=False, direction="BT")
    tree = inert(str(drawing.pipe("svg", encoding="utf-8")))
    return {
        "tree": tree,
        "notes": [note.text for note in drawn[0].notes if note.kind == "size"],
        "tags": {f"{a.target}->{a.source}": a.tag for a in drawn[0].arrows if a.gradient and a.tag},
        "boxes": {box.id: _box(box, film) for box in drawn[0].boxes},
    }


def _compact(box: Box) -> Box:
    """The shape beside the name: a line less, and so larger letters on a screen."""
    name, *lines = box.text
    shape = getattr(box.value, "shape", ())
    if not (shape and lines and lines[0].kind == "name"):
        return box
    return replace(box, text=[Line("name", f"{name.text} {shape}"), *lines[1:]])


def _box(box: Box, film: Film) -> Data:
    return {
        "kind": box.kind,
        "value": film.numbers.get(id(box.value)),
        "operations": [film.numbers[id(node)] for node in box.operations],
        "lines": [line.kind for line in box.text],
    }


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
