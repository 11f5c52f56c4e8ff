"""Where every function of the rule table is checked: shapes, and values away from kinks and poles.

A case makes arrays of some shapes with values in a range, and calls the function on them with fixed options.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.rules.indexing import scatter_add

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

BROKEN = np.array([1.0, np.nan, np.inf, -np.inf])
HOLES = np.array([[False, True, False], [False, False, True]])

EINSUMS = (
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (2, 2, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,i", (3,), (3,)),
    ("ij,k->k", (2, 3), (4,)),
    ("ij,ik,il->jkl", (2, 3), (2, 2), (2, 2)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...i,i...->...", (2, 3), (3, 2)),
    ("...", (2, 3)),
    ("...i,...i->...", (2, 3, 4), (3, 4)),
    ("...i->i", (3,)),
    ("b...,b->...", (2, 3, 2), (2,)),
    ("ii,ij->j", (2, 2), (2, 3)),
    ("ij, jk -> ki", (2, 3), (3, 4)),
    (",i->i", (), (3,)),
    ("ij,ij->i", (1, 3), (2, 3)),
    ("ijk,ik->ij", (2, 1, 3), (2, 3)),
)


def joined(*parts: Any) -> Any:
    return np.concatenate([np.ravel(part) for part in parts])


def splits(fn: Callable[..., Any], shape: tuple[int, ...], sections: tuple[Any, ...]) -> list[Case]:
    return [Case(f"{n}", lambda a, n=n: joined(*fn(a, n)), (shape,)) for n in sections]


def near_identity(a: Any) -> Any:
    """A well-conditioned matrix."""
    return 0.3 * a + np.eye(*a.shape[-2:], dtype=a.dtype) * 2


def gram(a: Any) -> Any:
    """A symmetric positive definite matrix."""
    return a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1], dtype=a.dtype)


def spread(a: Any) -> Any:
    """A matrix whose eigenvalues and singular values lie well apart; symmetric if square."""
    if a.shape[-1] == a.shape[-2]:
        a = a + np.swapaxes(a, -1, -2)
    return a + np.eye(*a.shape[-2:], dtype=a.dtype) * np.array([2, 5, 9, 14], a.dtype)[: a.shape[-1]]


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
        Case("** each of -1, 0, 1", lambda a: a ** np.array([-1.0, 0.0, 1.0]), ((2, 3),), 0.5, 2),
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
        Case("the other names", lambda a, high: np.clip(a, min=-0.5, max=high + 1), ((5,), (5,))),
        Case("tensors", lambda a, low, high: np.clip(a, low, high + 1), ((4, 5), (5,), ())),
        Case("crossed", lambda a, low, high: np.clip(a, low, high), ((6,), (6,), (6,))),
        Case("no low, tensor", lambda a, high: np.clip(a, a_min=None, a_max=high), ((6,), (6,))),
        Case("no high, tensor", lambda a, low: np.clip(a, low, None), ((6,), (6,))),
    ],
    np.sum: reduction(np.sum),
    np.prod: reduction(np.prod, 0.5, 2)
    + options(np.prod, (9,), {})
    + options(np.prod, (1,), {})
    + [Case(f"{n} zeros", lambda a, n=n: np.prod(a * (np.arange(5) >= n)), ((5,),)) for n in (1, 2, 3)],
    np.max: reduction(np.max, empty=False),
    np.min: reduction(np.min, empty=False),
    np.mean: reduction(np.mean, empty=False),
    np.var: [
        *reduction(np.var, empty=False),
        *options(np.var, (3, 4), {"ddof": 1}, {"ddof": 1, "axis": 0}, {"correction": 1}),
        Case("about", lambda a, m: np.var(a, axis=0, mean=m), ((3, 4), (1, 4))),
    ],
    np.std: [
        *options(np.std, (3, 4), {}, {"axis": 0}, {"axis": 1, "ddof": 1, "keepdims": True}, {"correction": 1}),
        Case("about", lambda a, m: np.std(a, axis=0, mean=m), ((3, 4), (1, 4))),
    ],
    np.matmul: [Case(f"{a}{b}", np.matmul, (a, b)) for a, b in MATMUL_SHAPES],
    np.dot: [Case(f"{a}{b}", np.dot, (a, b)) for a, b in DOT_SHAPES],
    np.reshape: options(
        np.reshape, (2, 3), {"shape": (3, 2)}, {"shape": -1}, {"shape": (1, 6, 1)}, {"shape": (3, 2), "order": "F"}
    )
    + options(np.reshape, (0, 2), {"shape": (2, 0)}),
    np.expand_dims: options(np.expand_dims, (2, 3), {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}),
    np.squeeze: options(np.squeeze, (1, 3, 1), {}, {"axis": 0}, {"axis": (0, -1)}),
    np.transpose: options(np.transpose, (2, 3, 4), {}, {"axes": (1, 0, 2)}, {"axes": (2, 0, 1)}, {"axes": (-1, 0, -2)})
    + options(np.transpose, (2, 3, 4), {"axes": [1, 2, 0]})
    + options(np.transpose, (3,), {}, {"axes": 0}),
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
    # --- elementwise
    np.fmod: [Case("7 fmod 2.7…", lambda a, b: np.fmod(a * 7, b + 2.7), ((3,), (3,)), 0.9, 1)],
    np.float_power: binary(np.float_power, 0.5, 3),
    np.logaddexp2: binary(np.logaddexp2),
    np.deg2rad: unary(np.deg2rad),
    np.radians: unary(np.radians),
    np.rad2deg: unary(np.rad2deg),
    np.degrees: unary(np.degrees),
    np.hypot: binary(np.hypot),
    np.arctan2: binary(np.arctan2, 0.3, 2),
    np.sinc: unary(np.sinc) + unary(np.sinc, -0.02, 0.02),
    np.fmax: [*binary(np.fmax), Case("NaN", lambda a: np.fmax(a, np.array([np.nan, 0.0, -3.0])), ((3,),))],
    np.fmin: [*binary(np.fmin), Case("NaN", lambda a: np.fmin(np.array([np.nan, 0.0, 3.0]), a), ((3,),))],
    np.copysign: [
        *(Case(f"{a}{b}", lambda a, b: np.copysign(a, b), (a, b), 0.1, 2) for a, b in PAIRS),
        Case("minus", lambda a: np.copysign(a, -1.0), ((3,),), -2, -0.1),
    ],
    np.nan_to_num: [
        Case("finite", np.nan_to_num, ((3,),)),
        Case(
            "all",
            lambda a: np.nan_to_num(np.where(np.isfinite(BROKEN), a, BROKEN), nan=3.0, posinf=4.0, neginf=5.0),
            ((4,),),
            0.5,
            2,
        ),
    ],
    np.divmod: [Case("", lambda a, b: np.divmod(a * 7, b + 2.7)[1], ((3,), (3,)), 0.9, 1)],
    np.modf: [
        Case("", lambda a: np.modf(a)[0], ((3,),), 0.1, 0.9),
        Case("-", lambda a: np.modf(a)[0], ((3,),), -2.9, -2.1),
    ],
    np.real: unary(np.real),
    np.conjugate: unary(np.conjugate),
    np.real_if_close: unary(np.real_if_close),
    np.copy: unary(np.copy),
    np.unwrap: options(np.unwrap, (2, 4), {}, {"axis": 0}, {"discont": 4.0}, low=-9, high=9)
    + options(np.unwrap, (5,), {"period": 1.5}),
    np.interp: [
        Case("x", lambda x: np.interp(x, np.array([-1.9, -0.3, 1.1]), np.array([1.0, 3.0, -2.0])), ((5,),)),
        Case("all", lambda x, xp, fp: np.interp(x, xp + np.array([-6.0, 0, 6.0]), fp), ((4,), (3,), (3,))),
        Case(
            "ends",
            lambda x, fp: np.interp(x * 3, np.array([-1.0, 0, 1.0]), fp, left=fp[0] * 2, right=7.0),
            ((6,), (3,)),
        ),
        Case(
            "period",
            lambda x, xp, fp: np.interp(x * 3, xp * 0.1 + np.array([2.0, 0.6, 1.2]), fp, period=2.6),
            ((6,), (3,), (3,)),
        ),
        Case(
            "period below 0",
            lambda x, fp: np.interp(x * 3, np.array([2.0, 0.6, 1.2]), fp, period=-2.6),
            ((6,), (3,)),
        ),
        Case("one point", lambda x, xp, fp: np.interp(x, xp, fp), ((4,), (1,), (1,))),
    ],
    np.polyval: [Case("", np.polyval, ((4,), (2, 2))), Case("number", lambda p: np.polyval(p, 1.5), ((3,),))],
    # --- reductions
    np.cumsum: options(np.cumsum, (2, 3, 2), {}, {"axis": 0}, {"axis": -1}, {"axis": 1}),
    np.cumprod: [
        *options(np.cumprod, (2, 5), {}, {"axis": 0}, {"axis": -1}, low=0.5, high=2),
        Case("zeros", lambda a: np.cumprod(a * np.array([1, 0, 1, 0])), ((4,),)),
        *options(np.cumprod, (1, 0), {}, {"axis": 1}),
        *(Case(f"{shape}", np.cumprod, (shape,)) for shape in ((), (1,), (2,), (9,))),
    ],
    np.amax: reduction(np.amax, empty=False),
    np.amin: reduction(np.amin, empty=False),
    np.ptp: reduction(np.ptp, empty=False),
    np.average: [
        *options(np.average, (2, 3), {}, {"axis": 0}, {"axis": 1, "keepdims": True}),
        Case("weights", lambda a, w: np.average(a, weights=w), ((2, 3), (2, 3)), 0.5, 2),
        Case("of integers", lambda w: np.average(np.array([1, 5, 2]), weights=w), ((3,),), 0.5, 2),
        Case("weights of an axis", lambda a, w: np.average(a, axis=1, weights=w), ((2, 3), (3,)), 0.5, 2),
        Case(
            "weights, keepdims", lambda a, w: np.average(a, axis=1, weights=w, keepdims=True), ((2, 3), (2, 3)), 0.5, 2
        ),
        Case("of two", lambda a, w: np.average(a, axis=(2, -3), weights=w), ((2, 3, 4), (4, 2)), 0.5, 2),
        Case(
            "and their sum",
            lambda a, w: joined(*np.average(a, axis=np.int64(1), weights=w, returned=True)),
            ((2, 3), (3,)),
            0.5,
            2,
        ),
    ],
    np.cov: [
        *options(np.cov, (3, 4), {}, {"rowvar": False}, {"bias": True}, {"ddof": 0}),
        *options(np.cov, (4,), {}),
        Case("two", np.cov, ((2, 4), (4,))),
    ],
    np.corrcoef: [*options(np.corrcoef, (3, 4), {}, {"rowvar": False}), Case("two", np.corrcoef, ((4,), (4,)))],
    **{
        fn: [
            Case(
                f"NaN {kwargs}",
                lambda a, fn=fn, kwargs=kwargs: fn(np.where(HOLES, np.nan, a), **kwargs),
                ((2, 3),),
                0.5,
                2,
            )
            for kwargs in (
                {},
                {"axis": 0},
                {"axis": 1},
                *([] if fn in (np.nancumsum, np.nancumprod) else [{"axis": 1, "keepdims": True}]),
            )
        ]
        for fn in (np.nansum, np.nanprod, np.nancumsum, np.nancumprod, np.nanmax, np.nanmin, np.nanmean)
    },
    **{
        fn: [
            *(
                Case(
                    f"NaN {kwargs}",
                    lambda a, fn=fn, kwargs=kwargs: fn(np.where(HOLES, np.nan, a), axis=1, **kwargs),
                    ((2, 3),),
                    0.5,
                    2,
                )
                for kwargs in ({}, {"ddof": 1, "keepdims": True}, {"correction": 1}, {"mean": np.array([[0.7], [1.2]])})
            ),
            *options(fn, (2, 3), {}),
        ]
        for fn in (np.nanvar, np.nanstd)
    },
    np.sort: options(np.sort, (3, 4), {}, {"axis": 0}, {"axis": None}, {"axis": 0, "kind": "stable"}, {"stable": True}),
    np.partition: [
        *options(np.partition, (2, 5), {"kth": 2}, {"kth": 0, "axis": 0}, {"kth": 3, "axis": None}),
        *options(np.partition, (5,), {"kth": 2}),
        *options(np.partition, (2, 2, 3), {"kth": 1}),
    ],
    np.quantile: [
        *options(np.quantile, (3, 4), {"q": 0.3}, {"q": 1.0, "axis": 0}, {"q": 0.0, "axis": (0, 1), "keepdims": True}),
        *options(
            np.quantile,
            (2, 5),
            {"q": np.array([0.1, 0.5, 0.9]), "axis": 1},
            {"q": np.array([[0.2], [0.7]]), "axis": 1, "keepdims": True},
        ),
        *options(np.quantile, (6,), *({"q": 0.33, "method": m} for m in ("lower", "higher", "nearest", "midpoint"))),
        *options(np.quantile, (5,), *({"q": 0.5, "method": m} for m in ("lower", "higher", "nearest", "midpoint"))),
        *options(np.quantile, (6,), *({"q": 0.4, "method": m} for m in ("hazen", "inverted_cdf", "median_unbiased"))),
    ],
    np.percentile: options(
        np.percentile,
        (3, 4),
        {"q": 30},
        {"q": [25, 75], "axis": 1},
        {"q": 40, "axis": 0, "method": "weibull", "keepdims": True},
    ),
    np.median: options(np.median, (3, 4), {}, {"axis": 0}, {"axis": 1, "keepdims": True}),
    np.diff: [
        *options(np.diff, (3, 4), {}, {"n": 2}, {"axis": 0}, {"n": 0}, {"prepend": 1.0}, {"append": np.ones((3, 2))}),
        Case("tensors", lambda a, b: np.diff(a, prepend=b, append=b), ((4,), (2,))),
        Case("a number in front", lambda a, b: np.diff(a, axis=0, prepend=b), ((2, 3), ())),
    ],
    np.ediff1d: options(np.ediff1d, (2, 3), {}, {"to_begin": 1.0, "to_end": [2.0, 3.0]}),
    np.trapezoid: [
        *options(np.trapezoid, (3, 4), {}, {"axis": 0}, {"dx": 0.5}, {"x": np.array([0.0, 1.0, 3.0, 4.0])}),
        Case("x", lambda y, x: np.trapezoid(y, x), ((5,), (5,))),
        Case("x of an axis", lambda y, x: np.trapezoid(y, x, axis=0), ((4, 2), (4,))),
        Case("x of all", lambda y, x: np.trapezoid(y, x, axis=0), ((4, 2), (4, 2))),
    ],
    np.gradient: [
        *options(np.gradient, (4, 5), {"axis": 0}, {"axis": 1, "edge_order": 2}, {"axis": -1}),
        Case("all axes", lambda f: joined(*np.gradient(f)), ((3, 4),)),
        Case("spacings", lambda f: joined(*np.gradient(f, 0.5, np.array([0.0, 1.0, 3.0, 3.5]))), ((3, 4),)),
        Case("uneven, second order", lambda f: np.gradient(f, np.array([0.0, 1.0, 3.0, 3.5]), edge_order=2), ((4,),)),
        *(
            Case(
                f"spacing {order}",
                lambda f, x, order=order: np.gradient(f, x + np.arange(0.0, 25.0, 5), edge_order=order),
                ((5,), (5,)),
            )
            for order in (1, 2)
        ),
        Case("of integers", lambda x: np.gradient(np.array([1, 5, 2, 9]), x + np.arange(0.0, 20.0, 5)), ((4,),)),
        Case("a number", lambda f, h: np.gradient(f, h + 3, axis=0, edge_order=2), ((4, 2), ())),
    ],
    # --- products
    np.linalg.matmul: [Case("", np.linalg.matmul, ((2, 3), (3, 4)))],
    np.tensordot: [
        *(
            Case(f"axes {n}", lambda a, b, n=n: np.tensordot(a, b, n), (a, b))
            for n, a, b in ((0, (2,), (3,)), (1, (2, 3), (3, 2)), (2, (4, 2, 3), (2, 3)))
        ),
        Case("pairs", lambda a, b: np.tensordot(a, b, axes=([0, -1], [1, 0])), ((2, 3, 4), (4, 2, 3))),
        Case("numbers", lambda a, b: np.tensordot(a, b, axes=(1, 0)), ((2, 3), (3, 4))),
    ],
    np.linalg.tensordot: [Case("", lambda a, b: np.linalg.tensordot(a, b, axes=1), ((2, 3), (3, 2)))],
    np.inner: [
        Case(f"{a}{b}", np.inner, (a, b)) for a, b in (((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((), (3,)))
    ],
    np.vdot: [Case("", np.vdot, ((2, 3), (2, 3)))],
    np.vecdot: [Case("", np.vecdot, ((2, 3), (3,)))],
    np.linalg.vecdot: [Case("", lambda a, b: np.linalg.vecdot(a, b, axis=0), ((3, 2), (3, 2)))],
    np.outer: [Case("", np.outer, ((3,), (2, 2)))],
    np.linalg.outer: [Case("", np.linalg.outer, ((3,), (2,)))],
    np.kron: [
        Case(f"{a}{b}", np.kron, (a, b))
        for a, b in (((2, 3), (3, 2)), ((2,), (3,)), ((2,), (2, 3)), ((2, 3), (2,)), ((), (3,)))
    ],
    np.cross: [
        Case("", np.cross, ((3,), (2, 3))),
        Case("stack", np.cross, ((2, 2, 3), (2, 1, 3))),
        Case("axes", lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), ((3, 2), (2, 3))),
        Case("axis", lambda a, b: np.cross(a, b, axis=0), ((3, 2), (3, 2))),
    ],
    np.linalg.cross: [Case("", np.linalg.cross, ((2, 3), (2, 3)))],
    np.trace: options(np.trace, (3, 4), {}, {"offset": 1}) + options(np.trace, (2, 3, 3), {"axis1": 1, "axis2": 2}),
    np.linalg.trace: options(np.linalg.trace, (2, 3, 3), {}, {"offset": -1}),
    np.linalg.matrix_power: [
        Case(f"{n}", lambda a, n=n: np.linalg.matrix_power(near_identity(a), n), ((2, 3, 3),))
        for n in (0, 1, 2, 3, 5, -1, -2, -3)
    ],
    np.linalg.multi_dot: [Case("", lambda a, b, c: np.linalg.multi_dot([a, b, c]), ((2, 3), (3, 4), (4,)))],
    np.einsum: [
        Case(f"{subscripts} {shapes}", lambda *arrays, subscripts=subscripts: np.einsum(subscripts, *arrays), shapes)
        for subscripts, *shapes in EINSUMS
        for shapes in [tuple(shapes)]
    ]
    + [
        Case("lists", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), ((2, 3), (3, 4))),
        Case("lists, no output", lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), ((2, 3), (3, 4))),
        Case("lists with ellipsis", lambda a, b: np.einsum(a, [..., 1], b, [1, 2], [..., 2]), ((5, 2, 3), (3, 4))),
        Case("optimize", lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c, optimize=True), ((2, 3), (3, 4), (4, 2))),
        Case("16 operands", lambda *arrays: np.einsum(",".join(16 * "i") + "->", *arrays), 16 * ((2,),), 0.5, 1.5),
        Case("one operand twice", lambda a: np.einsum("ij,ij->", a, a), ((2, 3),)),
    ],
    # --- linear algebra
    np.linalg.inv: [
        Case(f"{shape}", lambda a: np.linalg.inv(near_identity(a)), (shape,)) for shape in ((3, 3), (2, 2, 2), (1, 1))
    ],
    np.linalg.solve: [
        Case(f"{a}{b}", lambda a, b: np.linalg.solve(near_identity(a), b), (a, b))
        for a, b in (
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((2, 3, 3), (3, 1)),
            ((3, 3), (2, 3, 2)),
            ((2, 3, 3), (3,)),
            ((3, 3, 3), (3,)),
        )
    ],
    np.linalg.det: [
        *(
            Case(f"{shape}", lambda a: np.linalg.det(near_identity(a)), (shape,))
            for shape in ((3, 3), (2, 2, 2), (1, 1), (7, 7))
        ),
        Case("rank 1", lambda a: np.linalg.det(np.ones((3, 3)) + a), ((3, 3),), -1e-9, 1e-9),
    ],
    np.linalg.slogdet: [
        Case("logarithm", lambda a: np.linalg.slogdet(near_identity(a))[1], ((3, 3),)),
        Case("by name", lambda a: np.linalg.slogdet(near_identity(a)).logabsdet, ((2, 2, 2),)),
    ],
    np.linalg.pinv: [
        Case("tall", lambda a: np.linalg.pinv(near_identity(a)), ((4, 2),)),
        Case("wide", lambda a: np.linalg.pinv(near_identity(a)), ((2, 4),)),
        Case("rank 1", lambda u, v: np.linalg.pinv(np.outer(u, v), rcond=1e-5), ((3,), (2,)), 0.5, 2),
    ],
    np.linalg.lstsq: [
        Case("tall", lambda a, b: joined(*np.linalg.lstsq(near_identity(a), b)[:2]), ((4, 2), (4,))),
        Case("columns", lambda a, b: joined(*np.linalg.lstsq(near_identity(a), b)[:2]), ((4, 2), (4, 2))),
        Case("wide", lambda a, b: np.linalg.lstsq(near_identity(a), b)[0], ((2, 3), (2,))),
    ],
    np.linalg.tensorinv: [
        Case("", lambda a: np.linalg.tensorinv(near_identity(a.reshape((4, 4))).reshape((2, 2, 4)), 2), ((16,),))
    ],
    np.linalg.tensorsolve: [
        Case(
            "",
            lambda a, b: np.linalg.tensorsolve(near_identity(a.reshape((4, 4))).reshape((2, 2, 4)), b),
            ((16,), (2, 2)),
        )
    ],
    np.linalg.cholesky: [
        Case(f"{shape}", lambda a: np.linalg.cholesky(gram(a)), (shape,)) for shape in ((3, 3), (2, 2, 2), (1, 1))
    ]
    + [Case("upper", lambda a: np.linalg.cholesky(gram(a), upper=True), ((3, 3),))],
    np.linalg.eigh: [
        Case("values and vectors", lambda a: joined(*np.linalg.eigh(spread(a))), ((3, 3),), -0.5, 0.5),
        Case("stack", lambda a: np.linalg.eigh(spread(a)).eigenvalues, ((2, 2, 2),), -0.5, 0.5),
        Case("vectors", lambda a: np.linalg.eigh(spread(a))[1], ((3, 3),), -0.5, 0.5),
    ],
    np.linalg.eigvalsh: [
        Case(f"{uplo}", lambda a, uplo=uplo: np.linalg.eigvalsh(spread(a), uplo), ((3, 3),), -0.5, 0.5) for uplo in "LU"
    ],
    np.linalg.svd: [
        *(
            Case(f"{shape}", lambda a: joined(*np.linalg.svd(spread(a), full_matrices=False)), (shape,), -0.5, 0.5)
            for shape in ((3, 3), (4, 2), (2, 4))
        ),
        Case("square, full", lambda a: joined(*np.linalg.svd(spread(a))), ((3, 3),), -0.5, 0.5),
        Case("values", lambda a: np.linalg.svd(spread(a), compute_uv=False), ((2, 3, 2),), -0.5, 0.5),
        Case("vectors of a stack", lambda a: np.linalg.svd(spread(a), full_matrices=False)[0], ((2, 3, 2),), -0.5, 0.5),
    ],
    np.linalg.svdvals: [Case("", lambda a: np.linalg.svdvals(spread(a)), ((3, 2),), -0.5, 0.5)],
    np.linalg.qr: [
        *(
            Case(f"{shape}", lambda a: joined(*np.linalg.qr(near_identity(a))), (shape,))
            for shape in ((3, 3), (4, 2), (2, 3, 2), (3, 4, 2))
        ),
        Case("r", lambda a: np.linalg.qr(near_identity(a), mode="r"), ((3, 2),)),
    ],
    np.linalg.norm: [
        *(
            options(
                np.linalg.norm,
                (2, 3),
                {},
                {"axis": 0},
                {"axis": 1, "keepdims": True},
                *({"ord": p, "axis": 1} for p in (1, 2, 3, 0.5, -1, np.inf, -np.inf)),
                {"axis": (0, 1)},
            )
        ),
        *(options(np.linalg.norm, (3,), *({"ord": p} for p in (None, 1, 2, 4, np.inf)))),
        *(options(np.linalg.norm, (3, 2), *({"ord": p} for p in ("fro", 1, -1, np.inf, -np.inf)))),
        *(
            Case(f"spread {p}", lambda a, p=p: np.linalg.norm(spread(a), p), ((3, 2),), -0.5, 0.5)
            for p in (2, -2, "nuc")
        ),
        Case("spread 2, keepdims", lambda a: np.linalg.norm(spread(a), 2, keepdims=True), ((3, 2),), -0.5, 0.5),
        *options(np.linalg.norm, (1, 2, 3), {"ord": 1, "axis": (1, 2)}),
        *(
            options(
                np.linalg.norm,
                (2, 3, 2),
                {"ord": 1, "axis": (2, 0)},
                {"ord": "fro", "axis": (0, 1), "keepdims": True},
                {"ord": np.inf, "axis": (0, 2), "keepdims": True},
            )
        ),
        Case(
            "spread stack",
            lambda a: np.linalg.norm(spread(a), "nuc", axis=(1, 2), keepdims=True),
            ((2, 3, 2),),
            -0.5,
            0.5,
        ),
    ],
    np.linalg.vector_norm: options(np.linalg.vector_norm, (2, 3), {}, {"axis": 1}, {"ord": 3}, {"keepdims": True}),
    np.linalg.matrix_norm: options(np.linalg.matrix_norm, (2, 3, 2), {}, {"ord": 1, "keepdims": True}),
    np.linalg.cond: [
        Case(f"{p}", lambda a, p=p: np.linalg.cond(spread(a), p), ((3, 3),), -0.5, 0.5) for p in (None, -2, 1, "fro")
    ],
    # --- shapes
    np.flip: options(np.flip, (2, 3), {}, {"axis": 0}, {"axis": (0, 1)}),
    np.fliplr: options(np.fliplr, (2, 3), {}),
    np.flipud: options(np.flipud, (2, 3), {}),
    np.roll: options(np.roll, (2, 3), {"shift": 1}, {"shift": (1, 2), "axis": (0, 1)}, {"shift": -1, "axis": 1}),
    np.rot90: options(np.rot90, (2, 3), {}, {"k": 2}, {"k": -1}) + options(np.rot90, (2, 3, 2), {"axes": (1, 2)}),
    np.tile: options(np.tile, (2, 3), {"reps": 2}, {"reps": (2, 1)}, {"reps": (2, 2, 3)}),
    np.repeat: options(np.repeat, (2, 3), {"repeats": 2}, {"repeats": [1, 3], "axis": 0}, {"repeats": 0, "axis": 1}),
    np.resize: options(np.resize, (2, 3), {"new_shape": (3, 3)}, {"new_shape": 4}),
    np.diagonal: options(np.diagonal, (3, 4), {}, {"offset": 1})
    + options(np.diagonal, (2, 3, 3), {"axis1": 1, "axis2": 2}),
    np.linalg.diagonal: options(np.linalg.diagonal, (2, 3, 3), {}, {"offset": 1}),
    np.take: options(
        np.take,
        (3, 4),
        {"indices": [5, 0, 5]},
        {"indices": [[1, 0], [1, 1]], "axis": 1},
        {"indices": 2, "axis": 0},
        {"indices": [7], "axis": 0, "mode": "wrap"},
    ),
    np.take_along_axis: [
        Case("", lambda a: np.take_along_axis(a, np.array([[0, 0, 2], [1, 0, 1]]), axis=1), ((2, 3),))
    ],
    np.delete: options(np.delete, (3, 4), {"obj": 1}, {"obj": [0, 2], "axis": 1}, {"obj": slice(0, 2), "axis": 0}),
    np.compress: [
        Case("", lambda a: np.compress([True, False, True], a, axis=0), ((3, 2),)),
        Case("flat", lambda a: np.compress([True, False, True], a), ((3, 2),)),
    ],
    np.extract: [Case("", lambda a: np.extract(CONDITION, a), ((2, 3),))],
    np.trim_zeros: [Case("", lambda a: np.trim_zeros(np.concatenate([np.zeros(2), a, np.zeros(1)])), ((3,),), 0.5, 2)],
    np.split: splits(np.split, (6, 2), (3, [1, 4])),
    np.array_split: splits(np.array_split, (5, 2), (3, [1, 4])),
    np.hsplit: splits(np.hsplit, (2, 4), (2, [1])),
    np.vsplit: splits(np.vsplit, (4, 2), (2, [1])),
    np.dsplit: splits(np.dsplit, (1, 2, 4), (2, [1])),
    np.unstack: [Case("", lambda a: joined(*np.unstack(a, axis=1)), ((2, 3),))],
    np.lib.stride_tricks.sliding_window_view: options(
        np.lib.stride_tricks.sliding_window_view, (5,), {"window_shape": 3}
    )
    + options(np.lib.stride_tricks.sliding_window_view, (3, 4), {"window_shape": (2, 2)}),
    np.diag: options(np.diag, (3,), {}, {"k": 1}, {"k": -2}) + options(np.diag, (3, 4), {}, {"k": 1}),
    np.diagflat: options(np.diagflat, (2, 2), {}, {"k": 1}),
    np.tril: options(np.tril, (3, 4), {}, {"k": 1}) + options(np.tril, (2, 3, 3), {}),
    np.triu: options(np.triu, (3, 4), {}, {"k": -1}),
    np.pad: [
        *options(np.pad, (2, 3), {"pad_width": 1}, {"pad_width": ((1, 2), (0, 1)), "constant_values": 3.0}),
        *options(np.pad, (2, 3), {"pad_width": 1, "constant_values": ((1.0, 2.0), (3.0, 4.0))}),
        *options(
            np.pad, (3, 4), *({"pad_width": 2, "mode": mode} for mode in ("edge", "reflect", "symmetric", "wrap"))
        ),
        Case("tensor", lambda a, c: np.pad(a, 1, constant_values=c), ((2,), ())),
    ],
    np.moveaxis: options(
        np.moveaxis, (2, 3, 4), {"source": 0, "destination": -1}, {"source": (0, 1), "destination": (2, 0)}
    ),
    np.rollaxis: options(np.rollaxis, (2, 3, 4), {"axis": 2}, {"axis": 0, "start": 2}),
    np.matrix_transpose: options(np.matrix_transpose, (2, 3, 4), {}),
    np.linalg.matrix_transpose: options(np.linalg.matrix_transpose, (2, 3), {}),
    np.ravel: options(np.ravel, (2, 3), {}, {"order": "F"}),
    **{
        fn: [
            *(Case(f"{shape}", fn, (shape,)) for shape in ((), (3,), (2, 3), (2, 1, 2))),
            Case("two", lambda a, b, fn=fn: joined(*fn(a, b)), ((), (2,))),
        ]
        for fn in (np.atleast_1d, np.atleast_2d, np.atleast_3d)
    },
    np.broadcast_arrays: [Case("", lambda a, b: joined(*np.broadcast_arrays(a, b)), ((2, 1), (3,)))],
    np.meshgrid: [
        *(
            Case(f"{kwargs}", lambda a, b, kwargs=kwargs: joined(*np.meshgrid(a, b, **kwargs)), ((2,), (3,)))
            for kwargs in ({}, {"indexing": "ij"}, {"sparse": True})
        ),
        Case("three", lambda a, b, c: joined(*np.meshgrid(a, b, c)), ((2,), (3,), (2,))),
        Case("one", lambda a: joined(*np.meshgrid(a)), ((2,),)),
    ],
    **{
        fn: [Case(f"{a}{b}", lambda a, b, fn=fn: fn([a, b]), (a, b)) for a, b in pairs]
        for fn, pairs in {
            np.hstack: (((2,), (3,)), ((2, 1), (2, 3)), ((), (2,))),
            np.vstack: (((3,), (3,)), ((2, 3), (3,))),
            np.dstack: (((3,), (3,)), ((2, 3), (2, 3))),
            np.column_stack: (((3,), (3, 2)), ((3,), (3,))),
        }.items()
    },
    np.block: [
        *(Case(f"{a}{b}", lambda a, b: np.block([a, b]), (a, b)) for a, b in (((2,), (3,)), ((2, 1), (2, 3)))),
        *(Case(f"rows {a}{b}", lambda a, b: np.block([[a], [b]]), (a, b)) for a, b in (((3,), (3,)), ((2, 3), (3,)))),
    ],
    np.append: [
        Case("flat", np.append, ((2, 2), (3,))),
        Case("axis", lambda a, b: np.append(a, b, axis=0), ((2, 2), (1, 2))),
    ],
    np.insert: [
        Case("flat", lambda a, v: np.insert(a, 1, v), ((2, 2), ())),
        Case("axis", lambda a, v: np.insert(a, [0, 2], v, axis=1), ((2, 3), (2, 2))),
        Case("row", lambda a, v: np.insert(a, 1, v, axis=0), ((2, 3), (3,))),
    ],
    np.choose: [
        *(
            Case(f"{mode}", lambda a, b, mode=mode: np.choose(np.array([0, 1, 3, -1]), [a, b], mode=mode), ((4,), ()))
            for mode in ("clip", "wrap")
        ),
        Case("raise", lambda a, b: np.choose(np.array([0, 1, 1]), [a, b]), ((3,), (3,))),
    ],
    np.select: [
        Case("", lambda a, b: np.select([a > 0.5, a > -0.5], [a * 2, b], default=7.0), ((5,), (5,))),
        Case("of 0 otherwise", lambda a: np.select([a > 0.5], [a * 2]), ((5,),)),
    ],
    np.piecewise: [
        Case("functions", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x: x**2, np.sin]), ((5,),)),
        Case("otherwise", lambda x: np.piecewise(x, [x < 0], [3.0, np.sqrt]), ((2, 3),)),
        Case("one condition", lambda x: np.piecewise(x, np.array([True, False, True]), [np.square, np.sin]), ((3,),)),
        Case("one element", lambda x: np.piecewise(x, [[False, True, False]], [np.square, np.sin]), ((3,),)),
    ],
    np.convolve: [
        Case(f"{mode} {a}{b}", lambda a, b, mode=mode: np.convolve(a, b, mode), (a, b))
        for mode in ("full", "same", "valid")
        for a, b in (((5,), (3,)), ((2,), (4,)))
    ],
    np.linspace: [
        Case("", lambda a, b: np.linspace(a, b, 5), ((), (2,))),
        Case("open", lambda a: np.linspace(a, 1.0, 4, endpoint=False, axis=-1), ((2,),)),
        *(Case(f"one, {end}", lambda a, b, end=end: np.linspace(a, b, 1, end), ((2,), ())) for end in (True, False)),
    ],
    np.vander: options(np.vander, (3,), {}, {"N": 2}, {"increasing": True}),
    np.apply_along_axis: [
        Case("to number", lambda a: np.apply_along_axis(lambda r: np.sum(r * r), 0, a), ((3, 2),)),
        Case("to vector", lambda a: np.apply_along_axis(lambda r: r[:2] * r[2], 1, a), ((2, 3, 2),)),
        Case("from the end", lambda a: np.apply_along_axis(lambda r: r[:2] * r[2], -2, a), ((2, 3, 2),)),
    ],
}
