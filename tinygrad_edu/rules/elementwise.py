"""Functions that act on each element by itself.

For y = f(a) the rule is g f′(a); for y = f(a, b) there is one for each argument. `y` is used where it makes the
derivative cheaper: (eᵃ)′ = y, tanh′ = 1 − y².
"""

from typing import Any

import numpy as np

from tinygrad_edu.engine import defvjp

# Arithmetic
defvjp(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
defvjp(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
defvjp(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
defvjp(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
defvjp(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(a, b))
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


defvjp(
    np.power,
    lambda g, y, a, b: g * (b * a ** _lower(b)),
    lambda g, y, a, b: g * (y * np.log(np.where(a == 0, 1, a))),  # 0ᵇ stays 0 when b grows
)

# Powers, exponentials and logarithms
defvjp(np.square, lambda g, y, a: g * (2 * a))
defvjp(np.sqrt, lambda g, y, a: g * 0.5 / y)
defvjp(np.cbrt, lambda g, y, a: g / (3 * y * y))
defvjp(np.exp, lambda g, y, a: g * y)
defvjp(np.exp2, lambda g, y, a: g * y * float(np.log(2)))
defvjp(np.expm1, lambda g, y, a: g * (y + 1))
defvjp(np.log, lambda g, y, a: g / a)
defvjp(np.log2, lambda g, y, a: g / (a * float(np.log(2))))
defvjp(np.log10, lambda g, y, a: g / (a * float(np.log(10))))
defvjp(np.log1p, lambda g, y, a: g / (a + 1))
defvjp(np.logaddexp, lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y))

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


# Choices between values. Where two are equal, `maximum` and `minimum` give each half of the gradient.
def _first(wins: Any, ties: Any) -> Any:
    return wins + 0.5 * ties


defvjp(
    np.maximum,
    lambda g, y, a, b: g * _first(a > b, a == b),
    lambda g, y, a, b: g * _first(b > a, a == b),
)
defvjp(
    np.minimum,
    lambda g, y, a, b: g * _first(a < b, a == b),
    lambda g, y, a, b: g * _first(b < a, a == b),
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
