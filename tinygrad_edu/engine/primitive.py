"""`primitive`: functions of one's own as single operations of the record."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu.engine.arguments import bind
from tinygrad_edu.engine.graph import nodes_in
from tinygrad_edu.engine.table import RULES, Each, Rule
from tinygrad_edu.engine.walk import record

F = TypeVar("F", bound=Callable[..., Any])


def recordable(fn: F) -> F:
    """A decorator: calls with tensors are recorded as one node. The rules are given with `defvjp`."""

    @wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if nodes_in((*args, *kwargs.values())):
            return record(wrapper, *bind(wrapper, args, kwargs))
        return fn(*args, **kwargs)

    RULES[wrapper] = ()
    return wrapper  # type: ignore[return-value] # it is called as ``fn`` is, which an F cannot say


def primitive(*rules: Rule | Each | None) -> Callable[[F], F]:
    """A decorator: make a function of arrays recordable, as one node, with these rules (see `defvjp`).

    The function may keep what it returns and write into it again, as the graph keeps a copy; it must not write into its
    arguments, which are read-only.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> @tg.primitive(lambda g, y, x: g / (1 + np.abs(x)) ** 2)
    ... def softsign(x):
    ...     return x / (1 + np.abs(x))
    >>> tg.check_grads(softsign, np.array([-1.0, 0.5])).max_error < 1e-9
    True
    """

    def decorate(fn: F) -> F:
        @wraps(fn)
        def apart(*args: Any, **kwargs: Any) -> Any:
            return _copied(fn(*map(_read_only, args), **kwargs))

        wrapper = recordable(apart)
        RULES[wrapper] = rules
        return wrapper  # type: ignore[return-value] # as above

    return decorate


def _read_only(x: Any) -> Any:
    if type(x) is np.ndarray:
        x = x.view()
        x.flags.writeable = False
    return x


def _copied(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_copied, result))
    return result.copy() if isinstance(result, np.ndarray) else result
