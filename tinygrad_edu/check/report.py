"""How a report looks: one table for all of them, and the line above it."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = "─" * len(lines[0])
    return [rule, *(line.rstrip() for line in (lines[0], rule, *lines[1:])), rule]


def title(sizes: Sequence[int], examples: int, cost: str) -> str:
    """What was looked at."""
    return f"{'-'.join(map(str, sizes))} network, {examples} examples, {cost} cost"
