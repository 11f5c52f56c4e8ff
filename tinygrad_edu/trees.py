"""Nested lists, tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node


def tree_map(fn: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure, with ``fn`` applied to everything in it that is not a container."""
    if isinstance(tree, dict):
        return {key: tree_map(fn, part) for key, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(fn, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(tree_map(fn, part) for part in tree)
    return fn(tree)


def leaves_of(tree: Any) -> Iterator[Any]:
    """Everything in nested containers that is not a container, in order."""
    if isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves_of(part)
    else:
        yield tree


def matching(who: str, v: Any, x: Any) -> Iterator[Any]:
    """The arrays of ``v``, which must be built like ``x``."""
    vs, xs = list(leaves_of(v)), list(leaves_of(x))
    if len(vs) != len(xs):
        raise ValueError(f"{who} has {len(vs)} arrays, but the argument has {len(xs)}")
    for part, like in zip(vs, xs, strict=True):
        if np.shape(part) != np.shape(like):
            raise ValueError(f"{who} has shape {np.shape(part)} where the argument has {np.shape(like)}")
        yield part if isinstance(part, Node) else np.asarray(part)
