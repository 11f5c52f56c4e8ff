"""What every report is: sentences and tables, to be printed or shown in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_edu.tables import Part, as_html, as_text


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


def title(sizes: Sequence[int], examples: int, cost: str) -> str:
    """What was looked at."""
    return f"{'-'.join(map(str, sizes))} network, {examples} examples, {cost} cost"
