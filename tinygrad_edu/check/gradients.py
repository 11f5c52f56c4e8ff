"""Derivatives of any function, against witnesses that know no rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.check.witnesses import central_difference, complex_step, corner
from tinygrad_edu.engine import Node, recording
from tinygrad_edu.tables import Part, Report
from tinygrad_edu.transforms import vjp
from tinygrad_edu.trees import leaves_of, tree_map

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Derivative:
    """A derivative of f in one direction, as autograd finds it and as a witness does.

    Attributes
    ----------
    order : int
        Of the derivative.
    array : int
        Which of the arrays of x was moved, from 0 up.
    shape : tuple of int
        Of that array.
    autograd, witness : float
        The two numbers.
    by : str
        The witness: "complex step" or "central differences".
    error : float
        Their difference, in units of the terms that were added, and a thousandth of 1 + |f|.
    """

    order: int
    array: int
    shape: tuple[int, ...]
    autograd: float
    witness: float
    by: str
    error: float


@dataclass(frozen=True, repr=False)
class GradientReport(Report):
    """The result of `check_grads`, which raises where something is wrong. ``str(report)`` is a table.

    Attributes
    ----------
    derivatives : tuple of Derivative
        By rising order.
    """

    derivatives: tuple[Derivative, ...]

    @property
    def max_error(self) -> float:
        """The largest error."""
        return max((d.error for d in self.derivatives), default=0.0)

    def parts(self) -> list[Part]:
        """The table of all derivatives, and the verdict."""
        rows = [("order", "array of x", "shape", "autograd", "witness", "by", "error")]
        for d in self.derivatives:
            numbers = (f"{d.autograd:.10g}", f"{d.witness:.10g}", d.by, f"{d.error:.0e}")
            rows.append((str(d.order), str(d.array), str(d.shape), *numbers))
        return [
            "Derivatives along a random direction:",
            rows,
            f"They agree: the largest error is {self.max_error:.0e}.",
        ]


def check_grads(
    f: Callable[[Any], Any], x: Any, order: int = 2, *, rng: int | np.random.Generator = 0
) -> GradientReport:
    """Check the derivatives that autograd finds for a function against two witnesses that know no rules.

    In random directions, one array of ``x`` at a time, autograd is compared with central differences and, where the
    function allows it, with the complex step Im f(x + ihv)/h, which has no rounding error.

    Parameters
    ----------
    f : callable
        Returns one array, computed with NumPy from ``x``.
    x : array_like, or nested lists, tuples and dicts of them
        Where to differentiate; not at a corner or a jump, where the derivative is a convention.
    order : int
        Check derivatives up to this order, 1 or more.
    rng : int or numpy.random.Generator
        Source or seed of the directions.

    Returns
    -------
    GradientReport
        ``.derivatives``, ``.max_error``; ``str(report)`` is a table of the derivatives and their witnesses.

    Raises
    ------
    AssertionError
        If a derivative is wrong; it says of which order and array, and shows both numbers.
    TypeError, ValueError
        If there is nothing that could be checked: ``f`` does not return one array, changes its input, gives another
        value when called again, is not finite, or has a corner or a jump at ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> check_grads(lambda x: np.tanh(x) @ x, np.array([0.3, -1.2])).max_error < 1e-9
    True
    """
    if not callable(f):
        raise TypeError(f"check_grads: f must be a function, not a {type(f).__name__}")
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < 1:
        raise ValueError(f"check_grads: order must be an integer of 1 or more, not {order!r}")
    generator = np.random.default_rng(rng)
    with recording(False), np.errstate(all="ignore"):  # tensors that f holds, such as parameters, are constants here
        x = tree_map(_floating, x)
        y = _value(f, x)
        u, w = generator.normal(size=(2, *y.shape))

        def weighted(x: Any) -> Any:
            y = f(x)
            return u * y + w * (y * y)  # y² makes what flows back depend on x, as it does inside a network

        checked: Callable[[Any], Any] = weighted
        derivatives: list[Derivative] = []
        for k in range(1, order + 1):
            derivatives += _checked_slopes(checked, x, k, generator)
            checked = _slope(checked, tree_map(lambda leaf: generator.normal(size=leaf.shape), x))
    return GradientReport(tuple(derivatives))


def _floating(a: Any) -> Array:
    """A copy that f may not hurt."""
    array: Array = np.array(a.value if isinstance(a, Node) else a)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"check_grads: x must hold real numbers, not {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(float)


def _value(f: Callable[[Any], Any], x: Any) -> Array:
    """f(x), if f is a function that can be differentiated at x."""
    arrays = list(leaves_of(x))
    if not arrays:
        raise ValueError("check_grads: x holds no array, so there is nothing to check")
    if not all(np.isfinite(a).all() for a in arrays):
        raise ValueError("check_grads: x contains NaN or infinity; check at finite numbers")
    given = tree_map(np.copy, x)
    y, again = f(given), f(tree_map(np.copy, x))
    for i, (a, before) in enumerate(zip(leaves_of(given), arrays, strict=True)):
        if not np.array_equal(a, before):
            raise ValueError(f"check_grads: f changes array {i} of x; let it make a new one (x = x + 1, not x += 1)")
    if y is None or isinstance(y, list | tuple | dict | str):
        raise TypeError(
            f"check_grads: f returned a {type(y).__name__}, but must return one array; join several with np.concatenate"
        )
    y, again = np.asarray(y), np.asarray(again)
    if y.dtype.kind not in "fiub":
        raise TypeError(f"check_grads: f returned dtype {y.dtype}, but must return real numbers")
    if not np.isfinite(y).all():
        raise ValueError("check_grads: f(x) contains NaN or infinity, so it has no derivative here; choose another x")
    if not np.array_equal(y, again):
        raise ValueError("check_grads: f gives another value when it is called again; fix its seed, or what it counts")
    return y


def _gradient(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of the sum of f(x), without a sum in the graph: it would hide a wrong rule of `np.sum`."""
    y, pull_back = vjp(f, x)
    return pull_back(np.ones(y.shape))[0]


def _slope(f: Callable[[Any], Any], directions: Any) -> Callable[[Any], Any]:
    """The derivative of the sum of f(x) in a direction, by autograd."""

    def slope(x: Any) -> Any:
        pairs = zip(leaves_of(_gradient(f, x)), leaves_of(directions), strict=True)
        return sum((np.sum(g * v) for g, v in pairs), start=np.zeros(()))

    return slope


def _checked_slopes(f: Callable[[Any], Any], x: Any, order: int, generator: np.random.Generator) -> list[Derivative]:
    """The derivative for each array of x, or an error that says which is wrong."""
    derivatives = []
    arrays = list(leaves_of(x))
    precise = [a.astype(float) for a in arrays]
    eps = max(float(np.finfo(a.dtype).eps) for a in arrays)
    for i, (a, g) in enumerate(zip(arrays, leaves_of(_gradient(f, x)), strict=True)):
        v = generator.normal(size=a.shape)
        v /= max(float(np.linalg.norm(v)), 1.0)

        def along(t: complex, i: int = i, v: Array = v) -> Any:
            moved = [b + t * v if j == i else b for j, b in enumerate(precise)]
            return np.sum(f(_rebuilt(x, moved)))

        where = f"derivative of order {order} in array {i} of x (shape {a.shape}), along a random direction"
        found, slope = float(np.sum(g * v)), float(np.sum(np.abs(g * v)))
        size = slope + 1e-3 * (1 + abs(float(along(0.0))))
        nearest, by = _nearest(along, found, where), "central differences"
        allowed = max(1e-6, 50 * eps**0.5)
        exact = complex_step(along)
        if exact is not None and abs(exact - nearest) <= 1e-6 * slope + 1e-10:  # else f is not analytic, as |x| is not
            nearest, by, allowed = exact, "complex step", max(1e-9, 1e3 * eps)
        if not abs(nearest - found) <= allowed * size:
            if (sides := corner(along)) is not None:
                raise ValueError(
                    f"check_grads: {where}: the function has a corner or a jump at x, with slope {sides[0]:.6g} on one "
                    f"side and {sides[1]:.6g} on the other, so that its derivative is a convention; check beside it"
                )
            raise AssertionError(f"check_grads: {where}: autograd finds {found:.10g}, but it is {nearest:.10g}")
        derivatives.append(Derivative(order, i, a.shape, found, nearest, by, abs(nearest - found) / size))
    return derivatives


def _nearest(along: Callable[[float], Any], found: float, where: str) -> float:
    """The central difference that speaks best for what was found; a shorter step where the function ends nearby."""
    witnesses = [central_difference(along, h) for h in (1e-3, 1e-4, 1e-5)]
    if not np.isfinite(witnesses).all():
        witnesses += [central_difference(along, h) for h in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11)]
    finite = [slope for slope in witnesses if np.isfinite(slope)]
    if finite:
        return min(finite, key=lambda slope: abs(slope - found))
    raise ValueError(f"check_grads: {where}: the function is NaN or infinite beside x; choose another x")


def _rebuilt(x: Any, arrays: list[Array]) -> Any:
    following = iter(arrays)
    return tree_map(lambda _: next(following), x)
