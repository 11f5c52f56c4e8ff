"""How a result shows itself: sentences and tables, as text, and in a notebook as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Rows = Sequence[Sequence[str]]
Part = str | Rows
"""A sentence, or the rows of a table, the first of which is its head."""

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

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def as_text(parts: Sequence[Part]) -> str:
    """Line by line, with a rule above, in and below each table."""
    return "\n".join(line for part in parts for line in ([part] if isinstance(part, str) else _lines(part)))


def _lines(rows: Rows) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = "─" * len(lines[0])
    return [rule, *(line.rstrip() for line in (lines[0], rule, *lines[1:])), rule]


def as_html(parts: Sequence[Part]) -> str:
    """The same as paragraphs and tables; wide ones scroll."""
    return "".join(_paragraph(part) if isinstance(part, str) else _table(part) for part in parts)


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
