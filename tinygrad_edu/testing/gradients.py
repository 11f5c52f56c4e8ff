"""The check of derivatives as an assertion."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tinygrad_edu.check.gradients import check_grads
from tinygrad_edu.errors import shown
from tinygrad_edu.trees import leaves_of


def assert_gradients_match(f: Callable[..., Any], *xs: Any, order: int = 2) -> None:
    """Check the derivatives that autograd finds for a function of several arguments.

    It is `tinygrad_edu.check_grads` with an argument for each argument of the function.

    Parameters
    ----------
    f : callable
        Returns one array, computed with NumPy from its arguments.
    *xs : array_like, or nested lists, tuples and dicts of them
        The arguments: where to differentiate.
    order : int
        Check derivatives up to this order, also those that are mixed.

    Raises
    ------
    AssertionError
        If a derivative is wrong; it says of which order and argument, and shows both numbers.
    TypeError, ValueError
        If there is nothing that could be checked, as in `tinygrad_edu.check_grads`.

    Examples
    --------
    >>> import numpy as np
    >>> assert_gradients_match(lambda a, b: np.tanh(a @ b), np.ones((2, 3)), np.full(3, 0.1))
    """
    if not callable(f):
        raise TypeError(f"assert_gradients_match: f must be a function, not {shown(f)}")
    places = [(i, sum(1 for _ in leaves_of(x))) for i, x in enumerate(xs)]
    names = [f"argument {i}" if many == 1 else f"array {j} of argument {i}" for i, many in places for j in range(many)]
    try:
        check_grads(lambda arguments: f(*arguments), xs, order)
    except (AssertionError, TypeError, ValueError) as error:
        who, is_ours, said = str(error).partition("check_grads: ")
        if who or not is_ours:
            raise
        said = re.sub(r"\barray (\d+) of x\b", lambda found: names[int(found[1])], said)
        raise type(error)(f"assert_gradients_match: {said}") from None
