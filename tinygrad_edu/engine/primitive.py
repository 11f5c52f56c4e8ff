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


def primitive(*rules: Rule | Each | None) -> Callable[[F], F]:
    """A decorator: make a function of arrays recordable, as one node, with these rules (see `defvjp`).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> @tg.primitive(lambda g, y, x: g / (1 + np.abs(x)) ** 2)
    ... def softsign(x):
    ...     return x / (1 + np.abs(x))
    >>> tg.check_grads(softsign, np.array([-1.0, 0.5]))
    """

    def decorate(fn: F) -> F:
        @wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if nodes_in((*args, *kwargs.values())):
                return record(wrapper, *bind(wrapper, args, kwargs))
            result = fn(*args, **kwargs)
            # It may be an array that the function keeps and writes into again.
            return result.copy() if isinstance(result, np.ndarray) else result

        RULES[wrapper] = rules
        return wrapper  # type: ignore[return-value] # it is called as ``fn`` is, which an F cannot say

    return decorate
