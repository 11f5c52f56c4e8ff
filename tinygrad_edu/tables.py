"""How a result shows itself: sentences and tables, as text, and in a notebook as HTML; with formulas, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Formula:
    """A line that a notebook shows typeset."""

    text: str
    latex: str


Part = str | Rows | Formula
"""A sentence, the rows of a table, the first of which is its head, or a formula."""

# No colour of its own, so that it is read on a dark page as on a white one.
CELL = "text-align:left;padding:0.15em 1em 0.15em 0;white-space:nowrap"
HEAD = f"{CELL};border-bottom:1px solid"


class Report:
    """Shows itself as text, and in a notebook as HTML."""

    def parts(self) -> list[Part]:
        """Sentences and tables, from top to bottom."""
        raise NotImplementedError

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        return None if any(isinstance(part, Formula) for part in self.parts()) else as_html(self.parts())

    def _repr_markdown_(self) -> str:
        return as_markdown(self.parts())


def as_text(parts: Sequence[Part]) -> str:
    """Line by line, with a rule above, in and below each table."""
    return "\n".join(line for part in parts for line in _lines(part))


def _lines(part: Part) -> list[str]:
    if isinstance(part, str | Formula):
        return [part if isinstance(part, str) else part.text]
    return _ruled(part)


def _ruled(rows: Rows) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = "─" * len(lines[0])
    return [rule, *(line.rstrip() for line in (lines[0], rule, *lines[1:])), rule]


def as_html(parts: Sequence[Part]) -> str:
    """The same as paragraphs and tables; wide ones scroll."""
    return "".join(map(_element, parts))


def _element(part: Part) -> str:
    if isinstance(part, str | Formula):
        return _paragraph(part if isinstance(part, str) else part.text)
    return _table(part)


def as_markdown(parts: Sequence[Part]) -> str:
    """The same in Markdown, formulas typeset."""
    return "\n\n".join(map(_block, parts))


def _block(part: Part) -> str:
    if isinstance(part, Formula):
        return f"$${part.latex}$$"
    if isinstance(part, str):
        return _plain(part)
    head, *body = part
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in rows)


def _plain(text: str) -> str:
    """Text in which nothing has a meaning."""
    return re.sub(r"([\\`*_\[\]<>$#|~])", r"\\\1", text)


def code_as_html(text: str) -> str:
    """A program, line by line."""
    return f'<pre style="overflow-x:auto">{escape(text)}</pre>'


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _table(rows: Rows) -> str:
    head, *body = rows
    cells = "".join(f'<th style="{HEAD}">{escape(cell)}</th>' for cell in head)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in body
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
