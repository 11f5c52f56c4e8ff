"""What a model is made of, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine import no_grad
from tinygrad_edu.tables import Part, Report
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_edu.nn.module import Module


class Summary(Report):
    """The table of `Module.summary`.

    Attributes
    ----------
    parameters : int
        How many numbers are trained, each counted once.
    """

    def __init__(self, name: str, rows: list[tuple[str, ...]], parameters: int, fixed: int) -> None:
        self.name, self.rows, self.parameters, self.fixed = name, rows, parameters, fixed

    def parts(self) -> list[Part]:
        """The name of the model, the table, and the sum."""
        total = f"{self.parameters:,} parameters"
        fixed = f", and {self.fixed:,} numbers that are not trained" if self.fixed else ""
        return [self.name, self.rows, total + fixed]


def summary_of(model: Module, x: Any) -> Summary:
    """Its layers, or, where it has no list of layers, its tensors: one a row."""
    layers: list[Any] | None = getattr(model, "layers", None)
    if not isinstance(layers, list):
        if x is not None:
            raise TypeError(
                f"summary: {type(model).__name__} has no list `layers` that are called one after the other, so the "
                "shapes between them are not known; call summary() without x"
            )
        rows: list[tuple[str, ...]] = [(name, _shape(t), f"{t.size:,}") for name, t in model.named_tensors().items()]
        rows.insert(0, ("tensor", "shape", "numbers"))
    else:
        rows = [("layer", "parameters", "numbers", *(["output"] * (x is not None)))]
        rows += [(*row, *shape) for row, shape in zip(map(_row, layers), _outputs(layers, x), strict=True)]
    tensors = set(model.named_tensors().values())
    trained = set(model.parameters())
    return Summary(type(model).__name__, rows, _count(trained), _count(tensors - trained))


def _row(layer: Any) -> tuple[str, str, str]:
    tensors = layer.named_tensors() if hasattr(layer, "named_tensors") else {}
    shapes = ", ".join(f"{name.split('.')[-1]} {_shape(t)}" for name, t in tensors.items())
    return getattr(layer, "__name__", repr(layer)), shapes, f"{_count(set(tensors.values())):,}"


@no_grad()
def _outputs(layers: list[Any], x: Any) -> Iterable[tuple[str, ...]]:
    """The shape of what each layer returns, for the batch x."""
    shapes = []
    for layer in layers:
        x = None if x is None else layer(x)
        shapes.append(() if x is None else (str(np.shape(x)),))
    return shapes


def _shape(t: Tensor) -> str:
    return " × ".join(map(str, t.shape)) or "1"


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(t.size for t in tensors)
