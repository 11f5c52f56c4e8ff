"""The table: what each NumPy function does to a gradient, and what it means for tensors.

An entry is one of three kinds. A *rule* says how the gradient flows back through a call. An *expansion* says what a
function is in terms of others, and needs no rule. A *spelling* brings the many ways to write a call into the one way
that the rules know.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinygrad_edu.engine.modes import scoped
from tinygrad_edu.errors import name_of

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]

Rule = Callable[..., Any]
"""``rule(g, y, *args, **options)``: the gradient of one argument, from the gradient ``g`` of ``y``."""


class Each(NamedTuple):
    """A rule for an argument that is a sequence of arrays: it returns one gradient for each."""

    rule: Rule


RULES: dict[Function, tuple[Rule | Each | None, ...]] = {}
EXPANSIONS: dict[Function, Function] = {}
SPELLINGS: dict[Function, Function] = {}
FORMS: dict[Function, Any] = {}
"""How the calls of a function are written down (see arguments.py); found out when it is first called."""


def defvjp(fn: Function, *rules: Rule | Each | None) -> None:
    """Say how the gradient flows back through ``fn``: one vector–Jacobian rule per positional argument.

    Parameters
    ----------
    fn : callable
        The function, in most cases NumPy's own.
    *rules : callable or None
        ``rule(g, y, *args, **options)`` with ``g`` the gradient of the result ``y = fn(*args, **options)``; it returns
        the gradient of its argument, gᵀ ∂y/∂arg. It may leave the sum over broadcast axes and the dtype to the
        engine. ``None`` for an argument that has no gradient. Written with NumPy operations, a rule serves arrays and,
        for higher orders, tensors. It may depend on shapes, dtypes and options, never on values. Options reach it by
        keyword, where they differ from NumPy's default; one that it does not name is refused when the call is recorded.

    Examples
    --------
    >>> defvjp(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
    """
    if not (isinstance(fn, np.ufunc | type(np.sum)) or fn is getitem or fn in RULES):
        raise TypeError(
            f"defvjp: {name_of(fn)} does not hand tensors over as NumPy's functions do, so the rule would never be "
            "used; decorate it with @tg.primitive(rule, ...)"
        )
    EXPANSIONS.pop(fn, None)
    FORMS.pop(fn, None)
    RULES[fn] = rules


def expands(*functions: Function) -> Callable[[F], F]:
    """A decorator: the function below says what these NumPy functions mean for tensors, in terms of others.

    They then need no rule; their derivatives, of every order, come from what they are made of. Its parameters are the
    options it understands, under NumPy's names.
    """

    def register(text: F) -> F:
        for function in functions:
            EXPANSIONS[function] = scoped(text)
            FORMS.pop(function, None)
        return text

    return register


def spells(function: Function) -> Callable[[F], F]:
    """A decorator: the function below takes the arguments of a NumPy function, however they are written.

    It returns them, (args, options), as the rules of that function take them.
    """

    def register(text: F) -> F:
        SPELLINGS[function] = text
        return text

    return register
