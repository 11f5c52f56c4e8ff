"""Pictures: the gradient graph, and plots."""

from typing import Any

from tinygrad_edu.viz.plots import learning_curves

__all__ = ["draw", "learning_curves"]


def draw(tensor: Any, **options: Any) -> Any:
    """To be written."""
    raise NotImplementedError
