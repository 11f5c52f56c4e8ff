"""Random networks on which nothing hides: no zero biases, no equal widths, no batch of one, no saturated units."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.backprop import Activation, backprop, softmax
from tinygrad_edu.backprop.formulas import formulas_of

Array = npt.NDArray[Any]
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """What the student's program is meant to compute: the functions in it."""

    activation: str
    output: str
    cost: str
    classes: bool = False  # whether the targets are classes, although the cost does not ask for them

    def sigma(self, l: int, L: int) -> str:
        """The name of the activation function of layer l of L."""
        return self.output if l == L else self.activation


@dataclass(frozen=True)
class Problem:
    """A network with a batch, rows as examples: z^l = a^{l−1} W^l + b^l, for l = 1, …, L."""

    weights: list[Array]
    biases: list[Array]
    x: Array
    y: Array
    setting: Setting

    @property
    def n(self) -> int:
        """How many examples it has."""
        return len(self.x)

    @property
    def depth(self) -> int:
        """How many layers of weights it has, L."""
        return len(self.weights)

    @property
    def sizes(self) -> list[int]:
        """The widths of all layers, the inputs first."""
        return [self.x.shape[1], *map(len, self.biases)]

    def solve(self) -> Any:
        """What is right, by the formulas."""
        s = self.setting
        return backprop(
            self.weights, self.biases, self.x, self.y, activation=s.activation, output=s.output, cost=s.cost
        )


def value(name: str | Activation, z: Array) -> Array:
    """σ(z), also of softmax."""
    return softmax(z) if name == "softmax" else formulas_of(name).f(z)


def slope(name: str, z: Array) -> Array:
    """σ′(z); of softmax the diagonal of its Jacobian, a(1 − a)."""
    if name == "softmax":
        a = softmax(z)
        return np.asarray(a * (1 - a))
    return formulas_of(name).prime(z)


def problem(sizes: Sizes, n: int, setting: Setting, seed: int, has_biases: bool = True, scale: float = 1.0) -> Problem:
    """A random network of these widths, with n examples; its weights are of the size `scale`."""
    rng = np.random.default_rng(seed)
    weights = [scale * rng.uniform(0.3, 1.2, shape) * rng.choice([-1, 1], shape) for shape in pairwise(sizes)]
    biases = [rng.uniform(0.1, 0.8, m) * rng.choice([-1, 1], m) * has_biases for m in sizes[1:]]
    x = rng.uniform(0.2, 1.5, (n, sizes[0])) * rng.choice([-1, 1], (n, sizes[0]))
    return Problem(weights, biases, x, _targets(rng, n, sizes[-1], setting), setting)


def small_problem(sizes: Sizes, n: int, setting: Setting, seed: int, has_biases: bool = True) -> Problem:
    """The same of small whole numbers, to be computed by hand."""
    rng = np.random.default_rng(seed)

    def whole(*shape: int) -> Array:
        return np.asarray(rng.choice([-2.0, -1.0, 1.0, 2.0], shape))

    weights = [whole(*shape) for shape in pairwise(sizes)]
    biases = [whole(m) * has_biases for m in sizes[1:]]
    return Problem(weights, biases, whole(n, sizes[0]), _targets(rng, n, sizes[-1], setting, whole=True), setting)


def _targets(rng: np.random.Generator, n: int, m: int, setting: Setting, whole: bool = False) -> Any:
    """Classes where the cost or the output speaks of them, else numbers."""
    if setting.classes or setting.output == "softmax" or setting.cost == "cross_entropy":
        # As many classes as there are examples appear, so that no two examples are alike.
        labels = (rng.integers(m) + np.arange(n)) % m
        return np.eye(m)[labels]
    if setting.cost == "binary_cross_entropy" or whole:
        return rng.integers(0, 2, (n, m)).astype(float)
    return rng.uniform(0.1, 0.9, (n, m))
