"""The sentences of error messages: what went wrong, with names and shapes, and a way out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np


def unknown_name(who: str, name: object, known: Collection[str]) -> str:
    """Say that a name is unknown, which one it may have meant, and which there are."""
    from difflib import get_close_matches  # here, as it is slow to import

    near = get_close_matches(str(name), known, n=1, cutoff=0.65)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{who}: unknown name {name!r}; {hint}known: {', '.join(sorted(known))}"


def shown(value: Any) -> str:
    """A value in a sentence: as Python writes it where that is short, else what kind of thing it is."""
    text = repr(value)
    if len(text) <= 60 and "\n" not in text and " at 0x" not in text:
        return text
    if hasattr(value, "shape"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"a {type(value).__name__}{size}"


def name_of(fn: Callable[..., Any]) -> str:
    """``np.tanh`` for NumPy's tanh, the plain name for other functions."""
    module = getattr(fn, "__module__", None) or ("numpy" if isinstance(fn, np.ufunc) else "")
    prefix = {"numpy": "np.", "numpy.linalg": "np.linalg.", "numpy.fft": "np.fft."}.get(module, "")
    return prefix + str(getattr(fn, "__name__", fn))


def no_rule(fn: Callable[..., Any]) -> TypeError:
    """The error for a function that the table does not know."""
    if fn in (np.save, np.savez, np.savez_compressed, np.savetxt):
        return TypeError(
            f"{name_of(fn)}: tensors are not written to files as they are; pass their arrays, t.numpy(), as in "
            "np.savez(path, **{name: t.numpy() for name, t in net.named_parameters().items()})"
        )
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


def is_complex(fn: Callable[..., Any], i: int | str) -> str:
    """For an argument that is complex."""
    return f"{name_of(fn)}: argument {i} is complex, and tensors are real; keep real and imaginary part as two tensors"


def other_arithmetic(what: str, array: Any) -> str:
    """For a masked array or a matrix: ``what`` is it, such as "np.add: argument 1"."""
    kind = "a masked array" if isinstance(array, np.ma.MaskedArray) else "an np.matrix"
    return (
        f"{what} is {kind}, whose rules of arithmetic are not those of tensors; pass np.asarray(array), and leave out "
        "masked elements with np.where"
    )


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


def check_number(
    who: str, name: str, value: Any, want: str = "finite", fits: Callable[[Any], bool] = lambda _: True
) -> None:
    """Raise if an argument is not a finite number for which ``fits`` holds; ``want`` says so in words."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, not {shown(value)}")
    if not fits(value):
        raise ValueError(f"{who}: {name} must be {want}, not {value}")
    if not isfinite(value):
        raise ValueError(f"{who}: {name} must be finite, not {value}")


def check_whole(who: str, least: int = 1, **numbers: Any) -> None:
    """Raise if one of the named arguments is no whole number, or is too small."""
    for name, n in numbers.items():
        if not isinstance(n, int | np.integer) or isinstance(n, bool):
            raise TypeError(f"{who}: {name} must be a whole number, not {shown(n)}")
        if n < least:
            raise ValueError(f"{who}: {name} must be {f'at least {least}' if least else '0 or more'}, not {n}")
