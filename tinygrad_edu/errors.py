"""Sentences that several error messages share."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def unknown_name(who: str, name: object, known: Collection[str]) -> str:
    """Say that a name is unknown, which one it may have meant, and which there are."""
    near = get_close_matches(str(name), known, n=1, cutoff=0.65)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{who}: unknown name {name!r}; {hint}known: {', '.join(sorted(known))}"
