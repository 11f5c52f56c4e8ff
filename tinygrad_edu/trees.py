"""Nested lists, tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node

_CONTAINERS = (list, tuple, dict)  # as `list | tuple | dict` it would be made, and asked, anew for every leaf


def tree_map(fn: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure, with ``fn`` applied to everything in it that is not a container."""
    if not isinstance(tree, _CONTAINERS):
        return fn(tree)
    if isinstance(tree, dict):
        return {key: tree_map(fn, part) for key, part in tree.items()}
    parts = [tree_map(fn, part) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def leaves_of(tree: Any) -> Iterator[Any]:
    """Everything in nested containers that is not a container, in order."""
    if isinstance(tree, _CONTAINERS):
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
