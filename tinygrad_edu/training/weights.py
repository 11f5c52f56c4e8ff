"""How much each example counts: weights of examples, and of classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import shown

Array = npt.NDArray[Any]


def example_weights(y: Array, sample_weight: Any, class_weight: Any, cost: Callable[..., Any]) -> Array | None:
    """One weight for each example: that of the example times that of its class; None where all count the same."""
    if sample_weight is None and class_weight is None:
        return None
    if "weights" not in inspect.signature(cost).parameters:
        raise TypeError(
            f"fit: sample_weight and class_weight need a cost that takes weights, C(a, y, weights), as those of "
            f"tg.costs do; {shown(cost)} does not"
        )
    weights = np.ones(len(y))
    if sample_weight is not None:
        weights = weights * _checked("sample_weight", sample_weight, len(y), "example")
    if class_weight is not None:
        labels = _labels(y)
        weights = weights * _of_classes(class_weight, labels)[labels]
    if not weights.any():
        raise ValueError("fit: all weights are 0, so nothing would be learned")
    return weights


def _labels(y: Array) -> Array:
    """The class of each example, from labels, from rows with a single 1, or from 0 and 1 for a single unit."""
    if y.ndim == 1 and y.dtype.kind in "iu":
        return y
    if y.ndim == 2 and np.isin(y, (0, 1)).all():
        if y.shape[1] == 1:
            return np.asarray(y[:, 0], int)
        if (y.sum(axis=1) == 1).all():
            return np.asarray(y.argmax(axis=1))
    raise ValueError(
        f"fit: class_weight needs targets that are classes: integer labels, rows with a single 1, or 0 and 1 for a "
        f"single unit, not an array of shape {y.shape} and dtype {y.dtype}; for other targets give sample_weight"
    )


def _of_classes(class_weight: Any, labels: Array) -> Array:
    """The weight of each class, from 0 up."""
    n_classes = int(labels.max()) + 1
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"fit: class_weight must be 'balanced', a dict of label and weight, or one weight for each class, not "
                f"{class_weight!r}"
            )
        counts = np.bincount(labels, minlength=n_classes)
        return len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    if isinstance(class_weight, Mapping):
        unknown = [key for key in class_weight if key not in range(n_classes)]
        if unknown:
            raise ValueError(
                f"fit: class_weight names the class {unknown[0]!r}, but the labels are 0 to {n_classes - 1}"
            )
        class_weight = [class_weight.get(label, 1.0) for label in range(n_classes)]
    return _checked("class_weight", class_weight, n_classes, "class")


def _checked(name: str, values: Any, n: int, each: str) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"fit: {name} must be numbers, one for each {each}, not {shown(values)}")
    if array.shape != (n,):
        raise ValueError(f"fit: {name} has shape {array.shape}, but must have one number for each {each}, ({n},)")
    if not (np.isfinite(array).all() and (array >= 0).all()):
        raise ValueError(f"fit: {name} must be 0 or more, and finite")
    return array.astype(float)
