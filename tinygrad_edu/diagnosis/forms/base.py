"""What every form of program has in common: how it is asked, and how its answer is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.diagnosis.explain import Seen
from tinygrad_edu.diagnosis.problems import Array, Problem


class UnreadableError(Exception):
    """The program ran, but its answer is none that can be read as gradients."""


class AddsUpError(UnreadableError):
    """A second call adds to what the first has left."""


class OtherFormError(UnreadableError):
    """The program turns out to have another form."""


@dataclass(frozen=True)
class Form:
    """A way in which backpropagation is written.

    Attributes
    ----------
    name : str
        What it is called in the report.
    layout : str
        How examples and weights lie in its arrays, in words.
    run : callable
        From a `Problem` to what the program gave, as `Seen`.
    depths : tuple of int
        How many layers of weights it can have.
    is_single : bool
        Whether it is for one example at a time.
    has_biases : bool
    classes : bool
        Whether its targets are the labels of classes.
    updates : bool
        Whether it takes the step itself.
    """

    name: str
    layout: str
    run: Callable[[Problem], Seen]
    depths: tuple[int, ...] = (2, 3)
    is_single: bool = False
    has_biases: bool = True
    classes: bool = False
    updates: bool = False


ROWS = "examples are rows, weights are (n_in, n_out)"
COLUMNS = "examples are columns, weights are (n_out, n_in)"
MIXED = "examples are columns, weights are (n_in, n_out)"


def names_of(function: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters, in small letters; without ``self``."""
    try:
        names = [name.lower() for name in inspect.signature(function).parameters]
    except (TypeError, ValueError):
        return []
    return [name for name in names if name != "self"]


def cost_in(value: Any) -> float | None:
    """The cost, if that is what a value can be."""
    try:
        return float(np.asarray(value, float).item()) if np.size(value) == 1 else None
    except (TypeError, ValueError):
        return None


def as_arrays(what: str, value: Any) -> list[Array]:
    """A list of arrays of real numbers."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        value = [value]
    if isinstance(value, Mapping) or not isinstance(value, Sequence | np.ndarray):
        raise UnreadableError(f"{what} should be a list of arrays, one for each layer, but is a {type(value).__name__}")
    return [as_array(f"{what}[{i}]", part) for i, part in enumerate(value)]


def as_array(what: str, value: Any) -> Array:
    """An array of real numbers, as float64; one of whole numbers stays that, which tells of a mistake."""
    if value is None:
        raise UnreadableError(f"{what} is None; is a return missing?")
    try:
        array = np.asarray(value)
        return array if array.dtype.kind == "i" else array.astype(float)
    except (TypeError, ValueError):
        raise UnreadableError(f"{what} should be an array of numbers, but is {type(value).__name__}") from None


def by_layer(what: str, found: Mapping[str, Any], letter: str, depth: int) -> list[Array]:
    """The gradients of all layers from a dict with keys such as "dW1", "W1" or "db1"."""
    keys = {str(key).lower(): value for key, value in found.items()}
    arrays = []
    for l in range(1, depth + 1):
        for key in (f"d{letter}{l}", f"{letter}{l}", f"nabla_{letter}{l}", f"grad_{letter}{l}"):
            if key in keys:
                arrays.append(as_array(f"{what}[{key!r}]", keys[key]))
                break
        else:
            raise UnreadableError(
                f"{what} has no entry for the gradient of {letter.upper()}{l}: its keys are {sorted(found)}"
            )
    return arrays


def changed(given: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """The name of the first argument, of those given, that is no longer as it was."""
    for name, value in given.items():
        pairs = zip(value, before[name], strict=False) if isinstance(value, list) else [(value, before[name])]
        if not all(np.array_equal(x, y) for x, y in pairs) or len(value) != len(before[name]):
            return name
    return ""


def check_count(what: str, found: Sequence[Any], p: Problem) -> None:
    """Raise unless there is one for each layer."""
    if len(found) != p.depth:
        raise UnreadableError(f"{what} has {len(found)} entries, but the network has {p.depth} layers of weights")


def sorted_out(first: list[Array], second: list[Array], p: Problem) -> tuple[list[Array], list[Array]]:
    """Which of two lists are the gradients of the weights, by their shapes, or else by their sizes."""

    def fit(grads: list[Array]) -> tuple[int, int]:
        score = 0
        for g, W, m in zip(grads, p.weights, map(len, p.biases), strict=False):
            score += g.shape in (W.shape, W.T.shape)
            score -= g.shape in ((m,), (m, 1), (1, m), (m, p.n), (p.n, m))
        return score, sum(g.size for g in grads)

    return (first, second) if fit(first) >= fit(second) else (second, first)


def in_rows(p: Problem, grad_weights: list[Array], grad_biases: list[Array] | None, columns: bool) -> Seen:
    """The gradients in our layout; where a shape is another one, it stays as it is, turned if the layout is."""
    W = [g.T if columns else g for g in grad_weights]
    b = None
    if grad_biases is not None:
        b = [_bias(g, len(mine), columns) for g, mine in zip(grad_biases, p.biases, strict=True)]
    return Seen(W, b)


def _bias(g: Array, m: int, columns: bool) -> Array:
    """A vector, if it is a single row or column; a number of its own for each example else."""
    if g.ndim == 2 and columns:
        g = g.T
    return g.ravel() if g.size == m or (g.ndim == 2 and 1 in g.shape) else g.reshape(g.shape or (1,))
