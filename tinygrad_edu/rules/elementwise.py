"""Functions that act on each element by itself.

For y = f(a) the rule is g f′(a); for y = f(a, b) there is one for each argument. `y` is used where it makes the
derivative cheaper: (eᵃ)′ = y, tanh′ = 1 − y².
"""

from math import log, pi
from typing import Any

import numpy as np

from tinygrad_edu.engine import constant, defvjp, expands, record, spells

# Arithmetic
defvjp(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
defvjp(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
defvjp(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
defvjp(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
defvjp(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(a, b))
defvjp(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b))
defvjp(np.negative, lambda g, y, a: -g)
defvjp(np.positive, lambda g, y, a: g)
defvjp(np.reciprocal, lambda g, y, a: -g * y * y)
defvjp(np.absolute, lambda g, y, a: g * np.sign(a))  # sign(0) = 0
defvjp(np.fabs, lambda g, y, a: g * np.sign(a))


def _lower(b: Any) -> Any:
    """The exponent b − 1 of the derivative, but any number where b = 0: there b aᵇ⁻¹ is 0, not 0 · ∞."""
    if isinstance(b, int | float):
        return b - 1 if b else 1
    return np.where(b == 0, 1, b - 1)


for _power in (np.power, np.float_power):
    defvjp(
        _power,
        lambda g, y, a, b: g * (b * a ** _lower(b)),
        lambda g, y, a, b: g * (y * np.log(np.where(a == 0, 1, a))),  # 0ᵇ stays 0 when b grows
    )

# Powers, exponentials and logarithms
defvjp(np.square, lambda g, y, a: g * (2 * a))
defvjp(np.sqrt, lambda g, y, a: g * 0.5 / y)
defvjp(np.cbrt, lambda g, y, a: g / (3 * y * y))
defvjp(np.exp, lambda g, y, a: g * y)
defvjp(np.exp2, lambda g, y, a: g * y * log(2))
defvjp(np.expm1, lambda g, y, a: g * (y + 1))
defvjp(np.log, lambda g, y, a: g / a)
defvjp(np.log2, lambda g, y, a: g / (a * log(2)))
defvjp(np.log10, lambda g, y, a: g / (a * log(10)))
defvjp(np.log1p, lambda g, y, a: g / (a + 1))
defvjp(np.logaddexp, lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y))
defvjp(np.logaddexp2, lambda g, y, a, b: g * np.exp2(a - y), lambda g, y, a, b: g * np.exp2(b - y))

# Trigonometric and hyperbolic functions
defvjp(np.sin, lambda g, y, a: g * np.cos(a))
defvjp(np.cos, lambda g, y, a: -g * np.sin(a))
defvjp(np.tan, lambda g, y, a: g * (1 + y * y))
defvjp(np.arcsin, lambda g, y, a: g / np.sqrt(1 - a * a))
defvjp(np.arccos, lambda g, y, a: -g / np.sqrt(1 - a * a))
defvjp(np.arctan, lambda g, y, a: g / (1 + a * a))
defvjp(np.sinh, lambda g, y, a: g * np.cosh(a))
defvjp(np.cosh, lambda g, y, a: g * np.sinh(a))
defvjp(np.tanh, lambda g, y, a: g * (1 - y * y))
defvjp(np.arcsinh, lambda g, y, a: g / np.sqrt(a * a + 1))
defvjp(np.arccosh, lambda g, y, a: g / np.sqrt(a * a - 1))
defvjp(np.arctanh, lambda g, y, a: g / (1 - a * a))
defvjp(np.deg2rad, lambda g, y, a: g * (pi / 180))
defvjp(np.radians, lambda g, y, a: g * (pi / 180))
defvjp(np.rad2deg, lambda g, y, a: g * (180 / pi))
defvjp(np.degrees, lambda g, y, a: g * (180 / pi))


def _not_zero(a: Any) -> Any:
    """A divisor: at 0 the gradient is taken as 0, as 0 / 1."""
    return np.where(a == 0, 1, a)


defvjp(np.hypot, lambda g, y, a, b: g * a / _not_zero(y), lambda g, y, a, b: g * b / _not_zero(y))
defvjp(
    np.arctan2,
    lambda g, y, a, b: g * b / _not_zero(a * a + b * b),
    lambda g, y, a, b: -g * a / _not_zero(a * a + b * b),
)


@expands(np.sinc)
def sinc(x: Any) -> Any:
    # Near 0 the quotient loses all digits of its derivatives; there the series of sin(t)/t takes over.
    t = pi * x
    near = np.abs(t) < 0.5
    far, square = np.where(near, 1, t), np.where(near, t, 0) ** 2
    series, term = 1 + 0 * square, 1 + 0 * square
    for k in range(2, 20, 2):
        term = -term * square / (k * (k + 1))
        series = series + term
    return np.where(near, series, np.sin(far) / far)


# Choices between values. Where two are equal, `maximum` and `minimum` give each half of the gradient.
def _first(g: Any, wins: Any, ties: Any) -> Any:
    return np.where(ties, g.dtype.type(0.5), wins)  # in the precision of the gradient


def _above(g: Any, a: Any, b: Any) -> Any:
    """1 where a > b, ½ where they are equal, 0 elsewhere."""
    moderate = g.dtype.itemsize > 2 and (_is_moderate(a) or _is_moderate(b))  # a − b cannot overflow or be ∞ − ∞
    if moderate and g.size < 10_000:  # where arrays are small this is faster; NaN is above nothing, as below
        return np.heaviside(np.fmax(a - b, -1), 0.5)
    return _first(g, a > b, a == b)


def _is_moderate(number: Any) -> bool:
    return isinstance(number, int | float) and abs(number) < 1e30


defvjp(np.maximum, lambda g, y, a, b: g * _above(g, a, b), lambda g, y, a, b: g * _above(g, b, a))
defvjp(np.minimum, lambda g, y, a, b: g * _above(g, b, a), lambda g, y, a, b: g * _above(g, a, b))
# fmax and fmin prefer a number to NaN.
defvjp(
    np.fmax,
    lambda g, y, a, b: g * _first(g, (a > b) | np.isnan(b), a == b),
    lambda g, y, a, b: g * _first(g, (b > a) | np.isnan(a), a == b),
)
defvjp(
    np.fmin,
    lambda g, y, a, b: g * _first(g, (a < b) | np.isnan(b), a == b),
    lambda g, y, a, b: g * _first(g, (b < a) | np.isnan(a), a == b),
)
# The gradient is masked, not multiplied: 0 · ∞ from the branch not taken would be NaN.
defvjp(
    np.where,
    None,
    lambda g, y, condition, a, b: np.where(condition, g, 0),
    lambda g, y, condition, a, b: np.where(condition, 0, g),
)


def _between(a: Any, low: Any, high: Any) -> Any:
    above = True if low is None else a >= low
    return above if high is None else above & (a <= high)


# On the boundary the gradient goes to `a`.
defvjp(
    np.clip,
    lambda g, y, a, low, high: np.where(_between(a, low, high), g, 0),
    lambda g, y, a, low, high: np.where((a < low) if high is None else (a < low) & (low <= high), g, 0),
    lambda g, y, a, low, high: np.where((a > high) if low is None else (a > high) | (low > high), g, 0),
)


@spells(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **options: Any
) -> Any:
    return (a, a_min if min is None else min, a_max if max is None else max), {"out": out, **options}


@expands(np.nan_to_num)
def nan_to_num(x: Any, *, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if x.dtype.kind != "f":
        return copy(x)
    largest = np.finfo(x.dtype).max
    y = np.where(np.isnan(x), nan, x)
    y = np.where(x == np.inf, largest if posinf is None else posinf, y)
    y = np.where(x == -np.inf, -largest if neginf is None else neginf, y)
    return y if y.dtype == x.dtype else np.astype(y, x.dtype)


@expands(np.copysign)
def copysign(a: Any, b: Any) -> Any:
    """|a| times the sign of b, where a Python number, as it is, keeps float32."""
    if type(a) in (int, float):
        return abs(a) * constant(np.copysign, (1.0, b))
    sign = constant(np.copysign, (a.dtype.type(1), b))
    return np.absolute(a) * (float(sign) if type(b) in (int, float) else sign)


@expands(np.divmod)
def divmod(a: Any, b: Any) -> Any:
    return np.floor_divide(a, b), np.remainder(a, b)


defvjp(np.modf, lambda g, y, a: g[0])  # the whole part is constant


@expands(np.modf)
def modf(a: Any) -> Any:
    fraction, whole = record(np.modf, (a,))
    return fraction, constant(np.positive, (whole,))


@expands(np.real, np.conjugate, np.real_if_close)
def real(a: Any) -> Any:
    return copy(a)  # tensors are real


@expands(np.copy)
def copy(a: Any) -> Any:
    return np.positive(a) if a.dtype != bool else constant(np.copy, (a,))


# Whole periods are added to the values: a constant.
defvjp(np.unwrap, lambda g, y, p, discont=None, axis=-1, period=2 * pi: g)


@expands(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    y = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y
