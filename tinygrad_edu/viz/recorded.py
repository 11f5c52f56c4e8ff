"""First stage of a picture: the graph as it was recorded, with its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import Node, ancestors, contributions
from tinygrad_edu.equations.arrays import flat
from tinygrad_edu.equations.structure import Structure


class Recorded(NamedTuple):
    """The operations under a root, where the equations stand in them, and the gradient of every node."""

    structure: Structure
    grads: Mapping[Node, Any]

    @property
    def root(self) -> Node:
        """What is drawn."""
        return self.structure.root

    @property
    def operations(self) -> list[Node]:
        """In the order of creation."""
        return self.structure.operations


def check_is_tensor(who: str, root: Any) -> None:
    """Raise if there is no graph to show; ``who`` was asked to."""
    if isinstance(root, Node):
        return
    said = f"{who}: the first argument must be a Tensor, not {type(root).__name__}"
    if isinstance(root, np.ndarray | np.generic | int | float):
        said += (
            "; a plain number or array has no graph behind it: it was computed without tensors, or through something "
            "that no gradient flows through (np.floor, a comparison, .item(), .numpy())"
        )
    raise TypeError(said)


def read(root: Node, with_gradients: bool = True) -> Recorded:
    """The graph under a root; its gradients are those of the sum of the elements of the root.

    Nobody is told of this walk: a picture shows a NaN, also where `detect_anomaly` would stop a program at it.
    """
    nodes = ancestors(root)[::-1]
    grads: dict[Node, Any] = {}
    if with_gradients and root.requires_grad:
        with np.errstate(all="ignore"):
            received: dict[Node, Any] = {}
            for _ in contributions(root, np.ones(root.value.shape, root.value.dtype), nodes, received):
                pass
            grads = {node: flat(g) for node, g in received.items()}
    return Recorded(Structure(root, [node for node in nodes if node.fn]), grads)
