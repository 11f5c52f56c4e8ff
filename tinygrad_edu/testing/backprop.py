"""Backpropagation of one's own, against BP1–BP4 on random networks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import Phase, find, settings
from hypothesis.errors import Flaky, NoSuchExample

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.errors import check_whole, shown, unknown_name
from tinygrad_edu.testing.strategies import Problem, costs_of, networks, problems

Array = npt.NDArray[Any]

WHO = "assert_matches_backprop"


def assert_matches_backprop(
    fn: Callable[..., Any],
    *,
    activation: Any = "sigmoid",
    output: Any = "sigmoid",
    cost: str = "quadratic",
    sizes: Sequence[int] | None = None,
    tolerance: float = 1e-6,
    max_examples: int = 100,
) -> None:
    """Compare backpropagation of your own with BP1–BP4 on random networks, and show the smallest where it is wrong.

    It draws its networks itself, always the same ones: call it in an ordinary test, without ``@given``.

    Parameters
    ----------
    fn : callable
        ``fn(weights, biases, x, y)`` returns ``(grad_weights, grad_biases)``, each a list with one array for every
        layer: ∂C/∂W^l and ∂C/∂b^l of the shapes of W^l, (n_in, n_out), and b^l, (n_out,). The examples in ``x``,
        (n, n_in), and the targets in ``y``, (n, n_out), are rows, and C is the mean over the examples.
    activation, output, cost : str
        What the network is made of, as in `tinygrad_edu.backprop.backprop`; all hidden layers have the same
        ``activation``.
    sizes : sequence of int, optional
        Units per layer, from the inputs to the outputs, if ``fn`` is for such networks alone. Unless it is given, there
        are one to three layers of weights.
    tolerance : float
        How large an error may be, in units of the terms that are added.
    max_examples : int
        How many problems are tried.

    Raises
    ------
    AssertionError
        If a gradient is wrong: it names the equation and the layer, shows both numbers, and the smallest problem found.
        Also if ``fn`` raises an error, returns something else, or changes its arguments.
    TypeError, ValueError
        If ``fn`` is no function, or a name is unknown, or the cost does not fit the output.

    Examples
    --------
    >>> import numpy as np
    >>> def no_hidden_layer(weights, biases, x, y):
    ...     a = 1 / (1 + np.exp(-(x @ weights[0] + biases[0])))
    ...     delta = (a - y) / len(x)
    ...     return [x.T @ delta], [delta.sum(axis=0)]
    >>> assert_matches_backprop(no_hidden_layer, cost="binary_cross_entropy", sizes=[3, 2])
    >>> assert_matches_backprop(no_hidden_layer, cost="quadratic", sizes=[2, 1])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    AssertionError: assert_matches_backprop: BP3 and BP4, layer 1: fn gives ...
    """
    if not callable(fn):
        raise TypeError(f"{WHO}: fn must be a function of weights, biases, x and y, not {shown(fn)}")
    for name, value, known in (
        ("activation", activation, [*by_hand.ACTIVATION_FORMULAS]),
        ("output", output, [*by_hand.ACTIVATION_FORMULAS, "softmax"]),
        ("cost", cost, [*by_hand.COST_FORMULAS]),
    ):
        if value not in known:
            raise ValueError(unknown_name(f"{WHO}: {name}", value, known))
    if cost not in costs_of(output):
        raise ValueError(
            f"{WHO}: the cost {cost!r} does not fit the output {output!r}; {' or '.join(costs_of(output))} does"
        )
    check_whole(WHO, max_examples=max_examples)
    names = {"activation": activation, "output": output, "cost": cost}

    def fails(problem: Problem) -> bool:
        try:
            _compare(fn, problem, names, tolerance)
        except AssertionError:
            return True
        return False

    given = problems(networks(sizes=sizes, activations=[activation], outputs=[output]), costs=[cost], labels=False)
    quiet = settings(
        max_examples=max_examples, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    try:
        smallest = find(given, fails, settings=quiet)
        _compare(fn, smallest, names, tolerance)
    except NoSuchExample:
        return
    except AssertionError as error:
        told = f"{WHO}: {error}\n\nThe smallest problem on which it was seen:\n\n{_as_program(smallest)}"
        raise AssertionError(told) from error.__cause__
    except Flaky:
        pass
    raise AssertionError(
        f"{WHO}: fn is right and wrong on the same problem: what it returns must depend on its arguments alone, not on "
        "random numbers or on earlier calls"
    )


def _compare(fn: Callable[..., Any], problem: Problem, names: dict[str, str], tolerance: float) -> None:
    """Raise if fn is wrong on a problem, and name the gradient that is wrong first, from the output layer down."""
    W, b = ([p.numpy() for p in parameters] for parameters in (problem.net.weights, problem.net.biases))
    given = (W, b, problem.x, problem.y)
    right, scale = (f(*given, **names) for f in (by_hand.backprop, by_hand.scales))
    grad_weights, grad_biases = _returned(fn, given)
    for i in range(len(W) - 1, -1, -1):
        l = i + 1
        said = {
            "BP3": _difference(f"∂C/∂b{l}", grad_biases[i], right.grad_biases[i], scale.grad_biases[i], tolerance),
            "BP4": _difference(f"∂C/∂W{l}", grad_weights[i], right.grad_weights[i], scale.grad_weights[i], tolerance),
        }
        wrong = {equation: difference for equation, difference in said.items() if difference}
        if wrong:
            both = f"; both are wrong where δ{l} is ({'BP1' if l == len(W) else 'BP2'})" if len(wrong) == 2 else ""
            raise AssertionError(f"{' and '.join(wrong)}, layer {l}: {'; '.join(wrong.values())}{both}")


def _returned(fn: Callable[..., Any], given: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """What fn returns for copies of these arguments, if it has the right form."""
    copies = deepcopy(given)
    try:
        returned = fn(*copies)
    except Exception as error:
        raise AssertionError(f"fn raises {type(error).__name__}: {error}") from error
    for name, now, before in zip(("weights", "biases", "x", "y"), copies, given, strict=True):
        if pickle.dumps(now) != pickle.dumps(before):
            raise AssertionError(
                f"fn changes the {name} that it is given; let it make new arrays (W = W - step, not W -= step)"
            )
    try:
        grad_weights, grad_biases = map(list, () if isinstance(returned, dict) else returned)
    except (TypeError, ValueError):
        raise AssertionError(
            f"fn must return (grad_weights, grad_biases), two lists with an array for each layer, not {shown(returned)}"
        ) from None
    for name, grads in (("grad_weights", grad_weights), ("grad_biases", grad_biases)):
        if len(grads) != len(given[0]):
            raise AssertionError(f"{name} must have an array for each layer, {len(given[0])} in all, not {len(grads)}")
    return grad_weights, grad_biases


def _difference(symbol: str, found: Any, right: Array, scale: Array, tolerance: float) -> str | None:
    """How a gradient differs from the right one, in words, if it does."""
    try:
        found = np.asarray(found)
    except ValueError:  # a ragged list
        return f"{symbol} is no array"
    if found.dtype.kind not in "fiub":
        return f"{symbol} must be an array of real numbers, not {shown(found)} of dtype {found.dtype}"
    if found.shape != right.shape:
        transposed = ": is it transposed?" if found.shape == right.shape[::-1] else ""
        return f"{symbol} has shape {found.shape}, but must have that of {symbol[4:]}, {right.shape}{transposed}"
    error = np.abs(found - right) / np.maximum(scale, np.finfo(float).tiny)
    error = np.where(np.isnan(error), np.inf, error)
    if error.max() <= tolerance:
        return None
    at = tuple(map(int, np.unravel_index(error.argmax(), error.shape)))
    return f"fn gives {found[at]:.8g} for {symbol}{list(at)}, but it is {right[at]:.8g}"


def _as_program(problem: Problem) -> str:
    """The arguments of fn, to be pasted into a program."""
    lists = {"weights": problem.net.weights, "biases": problem.net.biases}
    lines = [f"{name} = [{', '.join(_array(p.numpy()) for p in parameters)}]" for name, parameters in lists.items()]
    return "\n".join([*lines, f"x = {_array(problem.x)}", f"y = {_array(problem.y)}"])


def _array(array: Array) -> str:
    return f"np.array({array.tolist()})"
