"""Where every function of the rule table is checked: shapes, and values away from kinks and poles.

A case makes arrays of some shapes with values in a range, and calls the function on them with fixed options.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.rules.shapes import scatter_add

UNARY_SHAPES = ((), (3,), (2, 3), (0,), (2, 0, 3))
PAIRS = (
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((2, 3), ()),
    ((), (2,)),
    ((0,), (1,)),
    ((4, 1, 2), (3, 1)),
)


@dataclass(frozen=True)
class Case:
    label: str
    call: Callable[..., Any]  # of the arrays
    shapes: tuple[tuple[int, ...], ...]  # one for each array
    low: float = -2.0
    high: float = 2.0

    def arrays(self, rng: np.random.Generator, dtype: Any = np.float64) -> list[np.ndarray]:
        """Values at distances of at least 1 % of the range from each other, so that none are tied."""
        n = sum(int(np.prod(shape)) for shape in self.shapes)
        grid = self.low + (self.high - self.low) * (rng.permutation(n) + rng.uniform(0.25, 0.75, n)) / max(n, 1)
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        return [
            part.reshape(shape).astype(dtype) for part, shape in zip(np.split(grid, ends), self.shapes, strict=False)
        ]


def unary(fn: Callable[..., Any], low: float = -2.0, high: float = 2.0) -> list[Case]:
    return [Case(f"{shape}", fn, (shape,), low, high) for shape in UNARY_SHAPES]


def binary(fn: Callable[..., Any], low: float = -2.0, high: float = 2.0) -> list[Case]:
    return [Case(f"{a}{b}", fn, (a, b), low, high) for a, b in PAIRS]


def options(
    fn: Callable[..., Any], shape: tuple[int, ...], *variants: dict[str, Any], low: float = -2.0, high: float = 2.0
) -> list[Case]:
    return [Case(f"{shape}{kwargs}", lambda a, k=kwargs: fn(a, **k), (shape,), low, high) for kwargs in variants]


AXES = (
    {},
    {"axis": 0},
    {"axis": -1},
    {"axis": 1, "keepdims": True},
    {"axis": (0, 2)},
    {"keepdims": True},
    {"axis": (-1, 0, 1)},
)


def reduction(fn: Callable[..., Any], low: float = -2.0, high: float = 2.0, *, empty: bool = True) -> list[Case]:
    cases = options(fn, (2, 3, 2), *AXES, low=low, high=high) + options(fn, (), {}, low=low, high=high)
    if empty:
        cases += options(fn, (0, 2), {}, {"axis": 0}, low=low, high=high)
    return cases + options(fn, (2, 0), {"axis": 0}, {"axis": 0, "keepdims": True}, low=low, high=high)


MATMUL_SHAPES = (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (2, 3, 1)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
)
DOT_SHAPES = (
    ((), (3,)),
    ((2, 3), ()),
    ((3,), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 3), (5, 3, 4)),
    ((3,), (2, 3, 4)),
)

INDICES: dict[str, tuple[tuple[int, ...], Any]] = {
    "integer": ((4, 3), 2),
    "negative": ((4, 3), (-1, -2)),
    "slice": ((4, 3), slice(1, 3)),
    "steps": ((4, 3), (slice(None, None, -2), slice(None, None, 2))),
    "newaxis": ((4,), (None, slice(None), None)),
    "ellipsis": ((2, 3, 4), (..., 1)),
    "mask": ((4,), np.array([True, False, True, True])),
    "mask of rows": ((3, 2), np.array([True, False, True])),
    "mask 2-d": ((2, 2), np.array([[True, False], [False, True]])),
    "repeats": ((4,), np.array([0, 2, 2, 2, 1])),
    "list with repeats": ((4, 2), [3, 3, 0]),
    "two arrays": ((3, 3), (np.array([0, 0, 2]), np.array([1, 1, 0]))),
    "array and slice": ((3, 4), (np.array([2, 0, 2]), slice(1, None))),
    "broadcast arrays": ((3, 4), (np.array([[0], [2]]), np.array([1, 1, 3]))),
    "empty": ((4,), np.array([], dtype=int)),
    "0-d": ((), ()),
}

CONDITION = np.array([[True, False, True], [False, False, True]])

CASES: dict[Callable[..., Any], list[Case]] = {
    np.add: binary(np.add),
    np.subtract: binary(np.subtract),
    np.multiply: binary(np.multiply),
    np.divide: binary(np.divide, 0.5, 3),
    np.remainder: [Case("7 mod 2.7…", lambda a, b: np.remainder(a * 7, b + 2.7), ((3,), (3,)), 0.9, 1)],
    np.power: [
        *binary(np.power, 0.5, 3),
        *(Case(f"** {n}", lambda a, n=n: a**n, ((2, 3),), 0.5, 2) for n in (0, 1, 2, 3, -1, 0.5, 2.0)),
        *(Case(f"negative base ** {n}", lambda a, n=n: a**n, ((3,),), -2, -0.5) for n in (3, -2, np.array([2, 3, 0]))),
        Case("2 **", lambda a: 2**a, ((3,),)),
    ],
    np.negative: unary(np.negative),
    np.positive: unary(np.positive),
    np.reciprocal: unary(np.reciprocal, 0.5, 2),
    np.absolute: unary(np.absolute, 0.1, 2) + unary(np.absolute, -2, -0.1),
    np.fabs: unary(np.fabs, 0.1, 2) + unary(np.fabs, -2, -0.1),
    np.square: unary(np.square),
    np.sqrt: unary(np.sqrt, 0.5, 3),
    np.cbrt: unary(np.cbrt, 0.5, 3),
    np.exp: unary(np.exp),
    np.exp2: unary(np.exp2),
    np.expm1: unary(np.expm1),
    np.log: unary(np.log, 0.5, 3),
    np.log2: unary(np.log2, 0.5, 3),
    np.log10: unary(np.log10, 0.5, 3),
    np.log1p: unary(np.log1p, -0.4, 3),
    np.logaddexp: binary(np.logaddexp),
    np.sin: unary(np.sin),
    np.cos: unary(np.cos),
    np.tan: unary(np.tan, -1, 1),
    np.arcsin: unary(np.arcsin, -0.7, 0.7),
    np.arccos: unary(np.arccos, -0.7, 0.7),
    np.arctan: unary(np.arctan),
    np.sinh: unary(np.sinh),
    np.cosh: unary(np.cosh),
    np.tanh: unary(np.tanh),
    np.arcsinh: unary(np.arcsinh),
    np.arccosh: unary(np.arccosh, 1.5, 3),
    np.arctanh: unary(np.arctanh, -0.7, 0.7),
    np.maximum: binary(np.maximum),
    np.minimum: binary(np.minimum),
    np.where: [
        *(
            Case(f"{a}{b}", lambda a, b: np.where(CONDITION, a, b), (a, b))
            for a, b in (((2, 3), (2, 3)), ((3,), (2, 1)), ((), (2, 3)))
        ),
        Case("number", lambda a: np.where(CONDITION, a, 0), ((2, 3),)),
    ],
    np.clip: [
        Case("numbers", lambda a: np.clip(a, -1, 1), ((2, 3),)),
        Case("no low", lambda a: np.clip(a, None, 0.5), ((5,),)),
        Case("no high", lambda a: np.clip(a, min=0.5), ((5,),)),
        Case("tensors", lambda a, low, high: np.clip(a, low, high + 1), ((4, 5), (5,), ())),
        Case("crossed", lambda a, low, high: np.clip(a, low, high), ((6,), (6,), (6,))),
        Case("no low, tensor", lambda a, high: np.clip(a, a_min=None, a_max=high), ((6,), (6,))),
        Case("no high, tensor", lambda a, low: np.clip(a, low, None), ((6,), (6,))),
    ],
    np.sum: reduction(np.sum),
    np.prod: reduction(np.prod, 0.5, 2) + options(np.prod, (9,), {}) + options(np.prod, (1,), {}),
    np.max: reduction(np.max, empty=False),
    np.min: reduction(np.min, empty=False),
    np.mean: reduction(np.mean, empty=False),
    np.var: reduction(np.var, empty=False) + options(np.var, (3, 4), {"ddof": 1}, {"ddof": 1, "axis": 0}),
    np.std: options(np.std, (3, 4), {}, {"axis": 0}, {"axis": 1, "ddof": 1, "keepdims": True}),
    np.matmul: [Case(f"{a}{b}", np.matmul, (a, b)) for a, b in MATMUL_SHAPES],
    np.dot: [Case(f"{a}{b}", np.dot, (a, b)) for a, b in DOT_SHAPES],
    np.reshape: options(np.reshape, (2, 3), {"shape": (3, 2)}, {"shape": -1}, {"shape": (1, 6, 1)})
    + options(np.reshape, (0, 2), {"shape": (2, 0)}),
    np.expand_dims: options(np.expand_dims, (2, 3), {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}),
    np.squeeze: options(np.squeeze, (1, 3, 1), {}, {"axis": 0}, {"axis": (0, -1)}),
    np.transpose: options(np.transpose, (2, 3, 4), {}, {"axes": (1, 0, 2)}, {"axes": (2, 0, 1)}, {"axes": (-1, 0, -2)})
    + options(np.transpose, (3,), {}),
    np.swapaxes: options(np.swapaxes, (2, 3, 4), {"axis1": 0, "axis2": 2}, {"axis1": -1, "axis2": -2}),
    np.broadcast_to: options(np.broadcast_to, (3, 1), {"shape": (3, 2)}, {"shape": (4, 3, 2)})
    + options(np.broadcast_to, (), {"shape": (2, 0)}),
    np.astype: [Case("float64", lambda a: np.astype(a, np.float64), ((2, 3),))],
    np.concatenate: [
        *(
            Case(f"axis {axis}", lambda a, b, axis=axis: np.concatenate([a, b], axis=axis), ((2, 3), (2, 3)))
            for axis in (0, 1, -1)
        ),
        Case("unequal", lambda a, b, c: np.concatenate((a, b, c)), ((2,), (0,), (3,))),
        Case("axis None", lambda a, b: np.concatenate([a, b], axis=None), ((2, 2), (3,))),
        Case("with a constant", lambda a: np.concatenate([np.ones(2), a, a]), ((3,),)),
    ],
    np.stack: [
        Case(f"axis {axis}", lambda a, b, axis=axis: np.stack([a, b, a], axis=axis), ((2, 3), (2, 3)))
        for axis in (0, 1, -1, -2)
    ],
    operator.getitem: [
        Case(label, lambda a, index=index: a[index], (shape,)) for label, (shape, index) in INDICES.items()
    ],
    scatter_add: [
        Case(label, lambda g, index=index, shape=shape: scatter_add(g, index, shape), (np.zeros(shape)[index].shape,))
        for label, (shape, index) in INDICES.items()
    ],
}
