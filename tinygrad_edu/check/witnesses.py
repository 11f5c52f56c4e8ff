"""Witnesses that know no derivatives: finite differences and the complex step.

A function may have corners (relu at 0) and jumps (step at 0), and the derivative there is a convention: that of the
branch to which the point belongs. z = 0 belongs to the left branch of relu, so relu′(0) = 0. A difference taken across
a corner knows nothing of this. So `NetworkCost` keeps every unit on the branch on which it is, however far it is moved;
where nothing crosses a corner, that is the cost itself, and where something does, it is the cost seen from one side.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem
from tinygrad_edu.backprop.formulas import formulas_of
from tinygrad_edu.costs import FROM_LOGITS

Array = npt.NDArray[Any]


class Corner(NamedTuple):
    """An activation function in two pieces that meet at 0."""

    is_right: Callable[[Array, float], Array]
    """Which z belong to the right piece: ``is_right(z, 0)``."""

    left: Callable[[Array], Array]
    right: Callable[[Array], Array]


CORNERS: dict[str | by_hand.Activation, Corner] = {
    "relu": Corner(np.greater, np.zeros_like, np.positive),
    "leaky_relu": Corner(np.greater, lambda z: 0.01 * z, np.positive),
    "elu": Corner(np.greater, np.expm1, np.positive),
    "step": Corner(np.greater_equal, np.zeros_like, np.ones_like),
}


class NetworkCost:
    """C as a function of the weights and the weighted inputs, near the point where gradients were taken.

    Parameters
    ----------
    problem : Problem
        The network, the batch and its targets.
    at : Backprop
        What the forward pass found there. The cost is taken around these very numbers, in float64: what a network of
        float32 has lost to rounding stays lost.
    cost : str
    """

    def __init__(self, problem: Problem, at: by_hand.Backprop, cost: str) -> None:
        self._names, self._cost = problem.names, cost
        self._W, self._b, z, a = (
            [array.astype(float) for array in arrays] for arrays in (problem.weights, problem.biases, at.z, at.a)
        )
        self._a, self._y = a, problem.y.astype(float)
        self._right = [
            CORNERS[name].is_right(z_l, 0) if name in CORNERS else None
            for name, z_l in zip(self._names, at.z, strict=True)
        ]
        self._logs = [(p <= np.finfo(p.dtype).tiny, p.astype(float)) for p in (at.a[-1], 1 - at.a[-1])]
        self._lost_z = [z_l - (a_prev @ W + b) for z_l, a_prev, W, b in zip(z, a, self._W, self._b, strict=False)]
        self._lost_a = [a_l - self._activation(l, z_l) for l, (z_l, a_l) in enumerate(zip(z, a[1:], strict=True))]

    def __call__(self, kind: str, i: int, step: Array) -> tuple[float, bool]:
        """C after a step in the weights, or else in z, of layer i + 1; and whether it led across a corner."""
        a, crossed = self._a[0], False
        for l, (W, b, right) in enumerate(zip(self._W, self._b, self._right, strict=True)):
            if l == i and kind == "grad_weights":
                W = W + step
            z = a @ W + b + self._lost_z[l]
            if l == i and kind != "grad_weights":
                z = z + step
            if right is not None:
                crossed |= bool(np.any(CORNERS[self._names[l]].is_right(z, 0) != right))
            a = self._activation(l, z) + self._lost_a[l]
        if self._cost == "quadratic" or (self._names[-1], self._cost) in FROM_LOGITS:
            return by_hand.total_cost(z, a, self._y, output=self._names[-1], cost=self._cost), crossed
        terms = [(a, self._y), (1 - a, 1 - self._y)][: 1 if self._cost == "cross_entropy" else 2]
        C = 0.0
        for (p, y), (clipped, before) in zip(terms, self._logs, strict=False):
            p_is_clipped = p <= np.finfo(float).tiny
            crossed |= bool(np.any(clipped & ~p_is_clipped))
            if np.any(~clipped & p_is_clipped & (y != 0)):
                return np.nan, crossed  # beyond the end of the logarithm
            C += by_hand.total_cost(z, np.where(clipped, before, p), y, output="", cost="cross_entropy")
        return C, crossed

    @property
    def may_have_corners(self) -> bool:
        """Whether there is a function of one's own, of which nothing is known."""
        return any(isinstance(name, by_hand.Activation) for name in self._names)

    def reach(self, kind: str, i: int, v: Array) -> float:
        """How far a step v moves any z at most, as long as no σ′ exceeds 1."""
        moved = np.abs(self._a[i] @ v) if kind == "grad_weights" else np.abs(v)
        farthest = float(moved.max())
        for W in self._W[i + 1 :]:
            moved = moved @ np.abs(W)
            farthest = max(farthest, float(moved.max()))
        return farthest

    def _activation(self, l: int, z: Array) -> Array:
        name, right = self._names[l], self._right[l]
        if right is not None:
            with np.errstate(over="ignore"):  # where() drops one of the two
                return np.where(right, CORNERS[name].right(z), CORNERS[name].left(z))
        return by_hand.softmax(z) if name == "softmax" else formulas_of(name).f(z)


STEPS = (1e-5, 1e-6, 1e-4, 1e-7, 1e-3, 1e-8, 1e-9)
"""How far C should change, relative to 1 + |C|: in its fifth digit, or less where it is curved."""

ONE_SIDED, UNSEEN = "*", "?"


class Slope(NamedTuple):
    """What finite differences say of a gradient."""

    error: float
    """|difference − gradient| in units of S."""

    mark: str = ""
    """`ONE_SIDED` if the move led across a corner, so that one side of it was looked at; `UNSEEN` if C changes too
    little, is too curved, or has a corner, so that finite differences cannot tell anything."""


def slope_of_cost(
    C: NetworkCost, kind: str, i: int, g: Array, scale: by_hand.Backprop, cost: float, tolerance: float, v: Array
) -> Slope:
    """Check a gradient by moving what it belongs to, and looking at C.

    The move h v is along a random direction v, where C should change by h Σ g v. It is so long that C changes in the
    fifth digit, but short for the activation functions. If the gradient is not confirmed, other lengths are tried, and
    the one decides that sees best: a short one suffers from the rounding of C, a long one from its curvature. Doubts
    of this size do not count against the gradient.
    """
    size = float(np.sum(getattr(scale, kind)[i] * np.abs(v)))
    if size == 0:
        return Slope(np.inf if g.any() else 0.0)
    # How rounding moves C: that of its own terms, and that of every z^l, which reaches it through δ^l.
    noise = scale.cost + sum(float(np.sum(S_d * S_z)) for S_d, S_z in zip(scale.delta, scale.z, strict=True))
    expected = float(np.sum(g * v))
    best, least_doubt, reach = Slope(tolerance, UNSEEN), np.inf, C.reach(kind, i, v)
    for digits in STEPS:
        h = digits * min((1 + abs(cost)) / size, 10)
        (after, crossed), (before, crossed_too) = C(kind, i, h * v), C(kind, i, -h * v)
        mark = ONE_SIDED if crossed or crossed_too else ""
        slope = (after - before) / (2 * h)
        error = abs(slope - expected) / size
        if error <= tolerance / 10:
            return Slope(error, mark)
        if h * reach > 1:  # a sine that is run through, or a sigmoid from end to end, looks flat
            continue
        farther = [(C(kind, i, k * h * v)[0] - C(kind, i, -k * h * v)[0]) / (2 * k * h) for k in (2, 3)]
        curved = 3 * max(abs(far - slope) for far in farther) / size
        with np.errstate(over="ignore"):
            rounding = 10 * np.finfo(float).eps * np.float64(noise) / h / size
        doubt = float(rounding + curved)
        if doubt < least_doubt:
            least_doubt = doubt
            if error <= doubt:
                error, mark = min(error, tolerance), UNSEEN if doubt > tolerance else mark
            best = Slope(error, mark)
    if best.error > tolerance and C.may_have_corners and corner(lambda t: C(kind, i, t * v)[0]):
        return Slope(tolerance, UNSEEN)
    return best


def central_difference(along: Callable[[float], Any], h: float) -> float:
    """The slope at 0 from four points, with an error of h⁴."""
    near, far = (float(along(k * h)) - float(along(-k * h)) for k in (1, 2))
    return (8 * near - far) / (12 * h)


def corner(along: Callable[[float], Any]) -> tuple[float, float] | None:
    """The slopes to the left and to the right of 0, if a corner or a jump is there: no step reconciles them."""
    wide, close = (_sides(along, h) for h in (1e-4, 1e-6))
    apart = abs(close[1] - close[0]) > max(1e-3 * max(map(abs, close)), abs(wide[1] - wide[0]) / 10)
    steeper = max(map(abs, close)) > 10 * max(*map(abs, wide), 1e-3 * (1 + abs(float(along(0.0)))))
    return close if np.isfinite(close).all() and (apart or steeper) else None


def _sides(along: Callable[[float], Any], h: float) -> tuple[float, float]:
    """The slopes at 0 from three points to its left and three to its right."""
    slopes = []
    for side in (-1, 1):
        f = [float(along(side * k * h)) for k in (0, 1, 2)]
        slopes.append(side * (4 * f[1] - 3 * f[0] - f[2]) / (2 * h))
    return slopes[0], slopes[1]


def complex_step(along: Callable[[complex], Any]) -> float | None:
    """The slope at 0 from one complex point; None if the function does not take one, as most derivatives do not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # the imaginary part would be thrown away
            value = along(1e-30j)
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return None
    return float(np.imag(value)) / 1e-30
