"""`detect_anomaly`: where the first NaN or infinity comes from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from os.path import dirname
from typing import Any

import numpy as np

from tinygrad_edu.engine.graph import Node
from tinygrad_edu.engine.modes import Watcher, watching
from tinygrad_edu.errors import name_of

_HERE = dirname(dirname(__file__))


class detect_anomaly(Watcher):  # noqa: N801 - PyTorch's name
    """Within this context, the first operation that makes a NaN or an infinity raises.

    Forward or backward, the message names the operation, the ranges of its inputs, and the line of your program that
    called it. Recording and walking the graph become slower, so use it to look for an error, not always.

    Raises
    ------
    FloatingPointError
        By the operation or by ``backward``, when finite inputs give a result that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 0.0], requires_grad=True)
    >>> with tg.detect_anomaly(), np.errstate(all="ignore"):
    ...     np.log(x)
    Traceback (most recent call last):
    ...
    FloatingPointError: np.log made 1 infinite of 2 values, from argument 0: shape (2,), values 0 to 1 (line 2 of <...>)
    """

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}  # by the index of the node

    def __enter__(self) -> detect_anomaly:
        self._watching = watching(self)
        self._watching.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watching.__exit__(None, None, None)

    def recorded(self, node: Node) -> None:
        """Look at the result of an operation just recorded."""
        self._lines[node.index] = _line_of_caller()
        self._look(node, node.value, node.values, "made", "")

    def walked(self, steps: Iterator[Any], received: dict[Node, Any]) -> Iterator[Any]:
        """Look at what every rule makes of the gradient it gets."""
        for node, g, parts in steps:
            for _, _, part in parts:
                self._look(node, part, [g, *node.values], "sent back", "the gradient (argument 0) and the arguments: ")
            yield node, g, parts

    def _look(self, node: Node, result: Any, inputs: list[Any], did: str, preface: str) -> None:
        for array in result if isinstance(result, tuple | list) else [result]:
            value = _array(array)
            wrong = ~np.isfinite(value)
            if wrong.any() and all(np.isfinite(_array(a)).all() for a in inputs if _array(a).dtype.kind == "f"):
                kind = "NaN" if np.isnan(value).any() else "infinite"
                ranges = "; ".join(f"argument {i}: {_range(a)}" for i, a in enumerate(inputs) if _is_array(a))
                line = self._lines.get(node.index, "a line recorded before detect_anomaly was entered")
                name = name_of(node.fn) if node.fn else "the seed"
                raise FloatingPointError(
                    f"{name} {did} {wrong.sum()} {kind} of {wrong.size} values, from {preface}{ranges} ({line})"
                )


def _is_array(a: Any) -> bool:
    return isinstance(a, Node | np.ndarray | np.generic | float)


def _array(a: Any) -> Any:
    return a.value if isinstance(a, Node) else np.asarray(a if _is_array(a) else 0)


def _range(a: Any) -> str:
    value = _array(a)
    return f"shape {value.shape}" + (f", values {value.min():.4g} to {value.max():.4g}" if value.size else "")


def _line_of_caller() -> str:
    """The innermost line of the program that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    skipped = (_HERE, dirname(np.__file__))
    while frame.f_back is not None and frame.f_code.co_filename.startswith(skipped):
        frame = frame.f_back
    return f"line {frame.f_lineno} of {frame.f_code.co_filename}"
