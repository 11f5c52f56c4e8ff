"""What a NumPy function means for tensors: a rule, an expansion, or a plain result without gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_edu.engine.arguments import bind, computable
from tinygrad_edu.engine.constants import PIECEWISE_CONSTANT, constant
from tinygrad_edu.engine.graph import nodes_in
from tinygrad_edu.engine.modes import records_all
from tinygrad_edu.engine.ownership import constants, with_arrays
from tinygrad_edu.engine.table import EXPANSIONS, RULES, SPELLINGS
from tinygrad_edu.engine.walk import record
from tinygrad_edu.errors import no_rule


def dispatch(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call ``fn`` as NumPy would, on tensors."""
    if fn in SPELLINGS:
        args, kwargs = SPELLINGS[fn](*args, **kwargs)
    if fn in EXPANSIONS:
        args, kwargs = computable(fn, *bind(fn, args, kwargs))
        if not records_all() and not any(node.requires_grad for node in nodes_in((*args, *kwargs.values()))):
            return _of_constants(fn, args, kwargs)
        return EXPANSIONS[fn](*args, **kwargs)
    if fn in RULES:
        args, kwargs = bind(fn, args, kwargs)
        return record(fn, args, kwargs)
    if fn in PIECEWISE_CONSTANT:
        return constant(fn, *bind(fn, args, kwargs))
    if records_all() and not any(node.requires_grad for node in nodes_in(args)):
        return constant(fn, args, kwargs)  # a program may call what has no derivative where none is asked for
    raise no_rule(fn)


def _of_constants(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The call where nothing needs a gradient: NumPy's own value, as constants."""
    kind = type(nodes_in((*args, *kwargs.values()))[0])
    value = fn(*map(with_arrays, args), **{name: with_arrays(option) for name, option in kwargs.items()})
    return constants(value, kind)
