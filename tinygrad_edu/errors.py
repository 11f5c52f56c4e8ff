"""The sentences of error messages: what went wrong, with names and shapes, and a way out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np


def unknown_name(who: str, name: object, known: Collection[str]) -> str:
    """Say that a name is unknown, which one it may have meant, and which there are."""
    from difflib import get_close_matches  # here, as it is slow to import

    near = get_close_matches(str(name), known, n=1, cutoff=0.65)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{who}: unknown name {name!r}; {hint}known: {', '.join(sorted(known))}"


def name_of(fn: Callable[..., Any]) -> str:
    """``np.tanh`` for NumPy's tanh, the plain name for other functions."""
    module = getattr(fn, "__module__", None) or ("numpy" if isinstance(fn, np.ufunc) else "")
    prefix = {"numpy": "np.", "numpy.linalg": "np.linalg.", "numpy.fft": "np.fft."}.get(module, "")
    return prefix + str(getattr(fn, "__name__", fn))


def no_rule(fn: Callable[..., Any]) -> TypeError:
    """The error for a function that the table does not know."""
    return TypeError(
        f"{name_of(fn)} has no derivative rule, so a gradient could not flow through it. Give it one with "
        f"tg.defvjp({name_of(fn)}, ...), or call it on t.numpy() if no gradient is wanted"
    )


def no_argument_rule(fn: Callable[..., Any], i: int) -> str:
    """For an argument of a known function that has no rule."""
    return (
        f"{name_of(fn)}: argument {i} requires a gradient, but {name_of(fn)} has none in it. Pass t.detach() there, "
        "or give a rule with tg.defvjp"
    )


def keyword_is_a_tensor(fn: Callable[..., Any], kwargs: Mapping[str, Any]) -> str:
    """For a tensor where only a constant may stand."""
    name = next(name for name, option in kwargs.items() if type(option).__name__ == "Tensor")
    return f"{name_of(fn)}: the keyword {name!r} cannot be a tensor; pass {name}.numpy()"


def is_complex(fn: Callable[..., Any], i: int | str) -> str:
    """For an argument that is complex."""
    return f"{name_of(fn)}: argument {i} is complex, and tensors are real; keep real and imaginary part as two tensors"


def shapes_do_not_fit(fn: Callable[..., Any], values: list[Any], error: ValueError) -> str:
    """NumPy's complaint about shapes, in a plain sentence."""
    shapes = [v.shape for v in values if isinstance(v, np.ndarray)]
    said = f"{name_of(fn)}: arguments of shapes {' and '.join(map(str, shapes))} do not fit"
    if fn is np.matmul and len(shapes) == 2 and all(shapes):
        inner = shapes[1][-2] if len(shapes[1]) > 1 else shapes[1][0]
        return (
            f"{said}: the last axis of the first ({shapes[0][-1]}) must be as long as the first axis of the second, or "
            f"last but one ({inner}); transpose one with .T?"
        )
    if isinstance(fn, np.ufunc):
        return (
            f"{said}: counted from the right, sizes must be equal or one of them 1; reshape one, or give it an axis "
            "with [:, None]"
        )
    return f"{said}: {error}"
