"""The value is NumPy's: every function of the table, called with arrays and with tensors, must do the same.

Functions, shapes, dtypes, options and values are drawn: zeros of both signs, infinities, NaN, denormal and huge numbers,
ties, empty arrays, impossible options. Compared are value, dtype, category of warnings, and type of error.
"""

import operator
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine import EXPANSIONS, PIECEWISE_CONSTANT, RULES, SPELLINGS, expands
from tinygrad_edu.errors import name_of
from tinygrad_edu.rules.indexing import scatter_add

DTYPES = [*3 * [np.float64], *2 * [np.float32], np.float16, np.int64, np.int8, np.bool_]
SHAPES = [(), (1,), (3,), (0,), (2, 3), (3, 3), (2, 0), (1, 3), (2, 2, 3), (2, 1, 2), (0, 2, 2)]
SPECIALS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e300, -1e300, 1e30, 65504.0]
AXES = [None, 0, 1, -1, -2, 2, 5]


@dataclass(frozen=True)
class Operand:
    """An array that becomes a tensor in our call."""

    array: np.ndarray


class Draw:
    """What the calls below are drawn with."""

    def __init__(self, draw):
        self.draw = draw

    def pick(self, *values):
        return self.draw(st.sampled_from(values))

    def shape(self):
        return self.pick(*SHAPES)

    def options(self, **choices):
        """Some of the options, each one of its values."""
        return {name: self.pick(*values) for name, values in choices.items() if self.pick(False, True)}

    def array(self, shape=None, dtypes=DTYPES):
        shape = self.shape() if shape is None else shape
        rng = np.random.default_rng(self.draw(st.integers(0, 2**16)))
        match self.pick("ordinary", "ordinary", "ties", "hostile", "some hostile", "zeros"):
            case "ordinary":
                values = rng.normal(size=shape) * 2
            case "ties":
                values = rng.integers(-1, 2, shape).astype(float)
            case "hostile":
                values = rng.choice(SPECIALS, shape)
            case "some hostile":
                values = np.where(rng.random(shape) < 0.3, rng.choice(SPECIALS, shape), rng.normal(size=shape))
            case "zeros":
                values = np.zeros(shape)
        dtype = np.dtype(self.pick(*dtypes))
        if dtype.kind in "iu":
            values = np.clip(np.nan_to_num(values, nan=3.0), -100, 100)
        with np.errstate(all="ignore"):
            return np.asarray(values).astype(dtype)

    def operand(self, shape=None, dtypes=DTYPES):
        return Operand(self.array(shape, dtypes))

    def finite(self, shape, dtypes=DTYPES):
        """An operand without infinities: LAPACK's singular value decomposition never comes back from some of them."""
        array = self.array(shape, dtypes)
        return Operand(np.where(np.isinf(array), array.dtype.type(9), array))

    def number(self):
        """A Python number, an operand, or an array of the right kind."""
        return self.pick(2, -1.5, 0.0, float("inf"))

    def integers(self, shape, low, high):
        return np.random.default_rng(self.draw(st.integers(0, 2**16))).integers(low, high, shape)


# --- The calls, function by function --------------------------------------------------------------------------

CALLS = {}


def calls(*functions, **kinds):
    def register(spec):
        for fn in functions:
            CALLS[fn] = spec
        return spec

    return register


def ufuncs(n):
    everything = set(RULES) | set(EXPANSIONS) | set(PIECEWISE_CONSTANT)
    return [fn for fn in everything if isinstance(fn, np.ufunc) and fn.nin == n and fn.signature is None]


@calls(*ufuncs(1), np.sinc, np.real, np.conjugate, np.imag, np.angle, np.isreal, np.iscomplex, np.iscomplexobj)
@calls(np.isrealobj, np.fix, np.isposinf, np.isneginf, np.copy, np.real_if_close)
def one(d):
    return [d.operand()], {}


@calls(*ufuncs(2))
def two(d):
    a = d.operand()
    if d.pick(False, False, True):
        return d.pick([a, d.number()], [d.number(), a]), {}
    return [a, d.operand(d.pick(a.array.shape, None))], {}


@calls(np.array_equal, np.array_equiv, np.isclose, np.allclose, np.isin)
def comparisons(d):
    return [d.operand(), d.operand()], {}


@calls(np.round, np.around)
def rounding(d):
    return [d.operand()], d.options(decimals=[0, 1, -1])


@calls(np.nan_to_num)
def nan_to_num(d):
    return [d.operand()], d.options(nan=[1.0], posinf=[None, 5.0], neginf=[None, -5.0])


@calls(np.where)
def where(d):
    a = d.operand()
    return [d.array(a.array.shape, [np.bool_]), a, d.pick(d.operand(d.pick(a.array.shape, None)), 0, 1.5)], {}


@calls(np.clip)
def clip(d):
    return [d.operand(), d.pick(None, -1, 0.5), d.pick(None, 1, d.operand(()))], {}


@calls(np.unwrap)
def unwrap(d):
    return [d.operand()], d.options(axis=[0, -1, 2], discont=[None, 4.0], period=[6.0])


@calls(np.interp)
def interp(d):
    n = d.pick(1, 2, 4, 0)
    options = d.options(left=[None, 9.0], right=[None, -9.0])
    return [d.operand(), Operand(np.arange(float(n))), d.operand((d.pick(n, n, n, 3),))], options


@calls(np.polyval)
def polyval(d):
    return [d.operand((d.pick(0, 1, 3),)), d.operand()], {}


REDUCED = {"axis": [None, 0, 1, -1, 2, (0, 1), (0,), (), np.int64(0)], "keepdims": [False, True]}


@calls(np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.ptp, np.mean, np.nansum, np.nanprod, np.nanmax, np.nanmin)
@calls(np.nanmean, np.median, np.any, np.all, np.count_nonzero)
def reduction(d):
    return [d.operand()], d.options(**REDUCED)


@calls(np.var, np.std, np.nanvar, np.nanstd)
def spread(d):
    return [d.operand()], d.options(**REDUCED, ddof=[0, 1, 2, 5])


@calls(np.cumsum, np.cumprod, np.nancumsum, np.nancumprod)
def running(d):
    return [d.operand()], d.options(axis=AXES)


@calls(np.argmax, np.argmin, np.nanargmax, np.nanargmin)
def places(d):
    return [d.operand()], d.options(axis=AXES, keepdims=[False, True])


@calls(np.sort, np.argsort)
def sorting(d):
    return [d.operand()], d.options(axis=AXES, stable=[None, True], kind=[None, "stable"])


@calls(np.partition, np.argpartition)
def partition(d):
    return [d.operand(), d.pick(0, 1, -1)], d.options(axis=AXES)


@calls(np.average)
def average(d):
    a = d.operand()
    options = d.options(axis=[None, 0, -1, (0, 1), np.int64(0)], keepdims=[False, True])
    if d.pick(False, True):
        options["weights"] = d.operand(d.pick(a.array.shape, a.array.shape[:1], a.array.shape[-1:]))
    return [a], options


@calls(np.cov)
def cov(d):
    return [d.operand()], d.options(rowvar=[True, False], bias=[False, True], ddof=[None, 0, 1, 2])


@calls(np.corrcoef)
def corrcoef(d):
    return [d.operand()], d.options(rowvar=[True, False])


@calls(np.quantile, np.percentile)
def quantile(d):
    options = d.options(**REDUCED, method=["linear", "lower", "higher", "nearest", "midpoint"])
    return [d.operand(), d.pick(0.3, 0, 1, 0.5, 1.5, -0.1, np.array([0.1, 0.9]), np.nan)], options


@calls(np.diff)
def diff(d):
    return [d.operand()], d.options(n=[0, 1, 2, 4, -1], axis=[0, 1, -1, 5], prepend=[0.0, 1], append=[2.0])


@calls(np.ediff1d)
def ediff1d(d):
    return [d.operand()], d.options(to_begin=[0, 1.0], to_end=[[2, 3]])


@calls(np.trapezoid)
def trapezoid(d):
    return [d.operand()], d.options(dx=[1.0, 0.5], axis=[0, 1, -1, 5])


@calls(np.gradient)
def gradient(d):
    return [d.operand(), *d.pick([], [0.5], [2])], d.options(axis=[None, 0, -1, (0, 1)], edge_order=[1, 2, 3])


# Products


@calls(np.matmul, np.linalg.matmul, np.dot, np.inner, np.vdot, np.outer, np.kron, np.linalg.outer)
def product(d):
    a, b = d.array(), d.array(d.pick(None, (3,), (3, 2), (2, 3, 2)))
    if () in (a.shape, b.shape):  # 0 · ∞ is 0 to some BLAS, in np.dot and np.inner of a single number
        a, b = (np.where(x == 0, x.dtype.type(1), x) for x in (a, b))
    return [Operand(a), Operand(b)], {}


@calls(np.vecdot, np.linalg.vecdot)
def vecdot(d):
    a = d.operand()
    return [a, d.operand(d.pick(None, a.array.shape))], d.options(axis=[-1, 0, 1])


@calls(np.tensordot, np.linalg.tensordot)
def tensordot(d):
    axes = d.pick(0, 1, 2, (0, 0), ([0], [1]), ([0, 1], [0, 1]), ([0, 0], [0, 0]), ([-1], [-2]), ([0], [0, 1]), 3)
    a = d.operand()
    return [a, d.operand(d.pick(None, a.array.shape, a.array.shape[::-1]))], d.pick({"axes": axes}, {})


@calls(np.cross, np.linalg.cross)
def cross(d):
    shapes = [(3,), (2, 3), (3, 2), (3, 3), (0, 3), (), (4,)]
    return [d.operand(d.pick(*shapes)), d.operand(d.pick(*shapes))], d.options(axis=[-1, 0, 1])


@calls(np.trace)
def trace(d):
    return [d.operand()], d.options(offset=[0, 1, -5], axis1=[0, 1, -1], axis2=[1, 0, 2])


@calls(np.linalg.trace, np.linalg.diagonal)
def matrix_trace(d):
    return [d.operand()], d.options(offset=[0, 1, -5])


@calls(np.linalg.multi_dot)
def multi_dot(d):
    shapes = d.pick([(2, 3), (3, 2)], [(3,), (3, 2), (2,)], [(2, 3), (3, 1), (1, 4), (4,)], [(2, 3), (2, 3)], [(3,)])
    return [[d.operand(shape, [np.int64, np.int8]) for shape in shapes]], {}  # in any order, 0 · ∞ comes elsewhere


@calls(np.einsum)
def einsum(d):
    text, shapes = d.pick(
        ("ij,jk->ik", [(2, 3), (3, 2)]),
        ("ij,jk", [(2, 3), (3, 2)]),
        ("ij,jk", [(2, 3), (2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("...i,i...", [(2, 3), (3,)]),
        ("ij->ji", [(0, 3)]),
        ("i->ik", [(3,)]),
        ("i,i", [(3,)]),
        ("ij", [(3,)]),
        ("...->", [(2, 3)]),
        (",", [(), (2,)]),
    )
    return [text, *map(d.operand, shapes)], {}


# Linear algebra

MATRICES = [(3, 3), (2, 2), (1, 1), (2, 3), (3, 2), (2, 2, 2), (0, 0), (2, 0), (3,), (2, 0, 0)]


@calls(np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.matrix_transpose, np.linalg.matrix_transpose)
def matrix(d):
    return [d.operand(d.pick(*MATRICES))], {}


@calls(np.linalg.svdvals, np.linalg.pinv, np.linalg.matrix_rank)
def by_singular_values(d):
    return [d.finite(d.pick(*MATRICES))], {}


@calls(np.linalg.cholesky)
def cholesky(d):
    a = d.array(d.pick(*MATRICES))
    with np.errstate(all="ignore"):
        square = a @ np.swapaxes(a, -1, -2) if a.ndim > 1 else a
    return [Operand(d.pick(square, a))], d.options(upper=[True, False])


@calls(np.linalg.eigh, np.linalg.eigvalsh)
def eigh(d):
    return [d.operand(d.pick(*MATRICES))], d.options(UPLO=["L", "U", "u", "x"])


@calls(np.linalg.svd)
def svd(d):
    return [d.finite(d.pick(*MATRICES))], d.pick({"full_matrices": False}, {"compute_uv": False}, {})


@calls(np.linalg.qr)
def qr(d):
    return [d.operand(d.pick(*MATRICES))], d.options(mode=["reduced", "r"])


@calls(np.linalg.solve)
def solve(d):
    a = d.operand(d.pick(*MATRICES))
    n = a.array.shape[-1]
    return [a, d.pick(d.operand(d.pick((n,), (n, 2), (2, n, 1), (n + 1,))), [1.0] * n)], {}


@calls(np.linalg.lstsq)
def lstsq(d):
    a = d.finite(d.pick(*MATRICES), [np.int64, np.int8])
    n = a.array.shape[0]
    return [a, d.operand(d.pick((n,), (n, 2), (n + 1,)), [np.int64])], d.options(rcond=[None, 0.1])


@calls(np.linalg.tensorinv)
def tensorinv(d):
    return [d.operand(d.pick((2, 2, 4), (4, 2, 2), (2, 3), (3, 3)))], d.options(ind=[1, 2, 0])


@calls(np.linalg.tensorsolve)
def tensorsolve(d):
    return [d.operand(d.pick((2, 2, 4), (4, 4), (2, 2, 2, 2), (2, 3))), d.operand(d.pick((2, 2), (4,), (2,)))], {}


@calls(np.linalg.matrix_power)
def matrix_power(d):
    return [d.operand(d.pick(*MATRICES)), d.pick(0, 1, 2, 3, 5, 6, -1, -2, 1.5)], {}


ORDERS = [None, 1, 2, 3, 0, -1, -2, 0.5, np.inf, -np.inf, "fro", "nuc", "f", "x"]


@calls(np.linalg.norm)
def norm(d):
    axes = [None, 0, 1, -1, (0, 1), (1, 0), (0, -1), (0, 0)]
    options = d.options(ord=ORDERS, axis=axes, keepdims=[False, True])
    of_vectors = options.get("ord") not in (2, -2, "nuc") or isinstance(options.get("axis"), int)
    shape = d.shape()
    return [d.operand(shape) if of_vectors or len(shape) == 1 else d.finite(shape)], options


@calls(np.linalg.vector_norm)
def vector_norm(d):
    return [d.operand()], d.options(ord=ORDERS, axis=[None, 0, -1, (0, 1), (1, 0), (2, 0)], keepdims=[False, True])


@calls(np.linalg.matrix_norm)
def matrix_norm(d):
    return [d.finite(d.shape())], d.options(ord=ORDERS, keepdims=[False, True])


@calls(np.linalg.cond)
def cond(d):
    return [d.finite(d.pick(*MATRICES))], d.options(p=[None, 2, -2, 1, -1, "fro", np.inf, "x"])


# Shapes, and elements moved


@calls(np.reshape)
def reshape(d):
    return [d.operand(), d.pick(-1, (3, 2), (6,), (1, -1), 7, ())], d.options(order=["C", "F"])


@calls(np.ravel)
def ravel(d):
    return [d.operand()], d.options(order=["C", "F"])


@calls(np.expand_dims, np.squeeze)
def one_axis(d):
    return [d.operand(), d.pick(0, 1, -1, (0, 1), (0, 0), 5)], {}


@calls(np.flip)
def flip(d):
    return [d.operand()], d.options(axis=[None, 0, 1, -1, (0, 1), (0, 0)])


@calls(np.transpose)
def transpose(d):
    return [d.operand()], d.options(axes=[None, (1, 0), [1, 0], (0, 2, 1), (0, 0), 0, (-1, 0)])


@calls(np.swapaxes, np.moveaxis)
def two_axes(d):
    return [d.operand(), d.pick(0, 1, -1, 5), d.pick(0, -1, 2)], {}


@calls(np.rollaxis)
def rollaxis(d):
    return [d.operand(), d.pick(0, 1, -1, 5)], d.options(start=[0, 1, 2, 7])


@calls(np.broadcast_to)
def broadcast_to(d):
    return [d.operand(), d.pick((2, 3), (3,), 3, (0,), (2, 2, 3), (-1,))], {}


@calls(np.astype)
def astype(d):
    return [d.operand(), d.pick(np.float32, np.float64, np.float16, int, bool, "int8")], {}


@calls(np.fliplr, np.flipud, np.diagflat, np.tril, np.triu, np.diag)
@calls(np.shape, np.ndim, np.size, np.common_type, np.min_scalar_type, np.result_type, np.array_repr, np.array_str)
@calls(np.array2string, np.nonzero, np.argwhere, np.flatnonzero, np.zeros_like, np.ones_like, np.unique)
@calls(np.histogram_bin_edges, np.histogram)
def plain(d):
    return [d.operand()], {}


@calls(np.tril, np.triu, np.diag, np.diagflat)
def triangle(d):
    return [d.operand()], d.options(k=[0, 1, -1, 5])


@calls(np.diagonal)
def diagonal(d):
    return [d.operand()], d.options(offset=[0, 1, -1, 7], axis1=[0, 1], axis2=[1, -1, 3])


@calls(np.roll)
def roll(d):
    return [d.operand(), d.pick(1, -2, (1, 1), 0)], d.options(axis=[None, 0, 1, (0, 1), 5])


@calls(np.rot90)
def rot90(d):
    return [d.operand()], d.options(k=[0, 1, 2, -1, 5], axes=[(0, 1), (1, 0), (0, 0), (1, 2)])


@calls(np.tile)
def tile(d):
    return [d.operand(), d.pick(2, 0, (2, 1), (1, 2, 2), ())], {}


@calls(np.repeat)
def repeat(d):
    return [d.operand(), d.pick(0, 2, [1, 2], [1, 0, 2], -1)], d.options(axis=[None, 0, 1, 5])


@calls(np.resize)
def resize(d):
    return [d.operand(), d.pick(4, (2, 2), (0,), (7,), -1)], {}


@calls(np.take)
def take(d):
    indices = d.pick(0, [0, 1, -1], [[0, 0], [2, 1]], [7], [], np.int64(1))
    return [d.operand(), indices], d.options(axis=[None, 0, 1, -1], mode=["raise", "wrap", "clip"])


@calls(np.take_along_axis)
def take_along_axis(d):
    a = d.operand()
    return [a, d.integers(d.pick(a.array.shape, (2, 1)), -1, 4)], d.options(axis=[0, 1, -1, None])


@calls(np.delete)
def delete(d):
    return [d.operand(), d.pick(0, [0, 1], slice(0, 2), 5, [True, False, True])], d.options(axis=[None, 0, 1, 5])


@calls(np.split, np.array_split)
def split(d):
    return [d.operand(), d.pick(1, 2, 3, [1], [1, 2], 0)], d.options(axis=[0, 1, -1, 5])


@calls(np.hsplit, np.vsplit, np.dsplit)
def split_fixed(d):
    return [d.operand(), d.pick(1, 2, 3, [1], [1, 2], 0)], {}


@calls(np.unstack)
def unstack(d):
    return [d.operand()], d.options(axis=[0, 1, -1, 5])


@calls(np.lib.stride_tricks.sliding_window_view)
def windows(d):
    return [d.operand(), d.pick(1, 2, (2, 2), (1,), 9)], d.options(axis=[None, 0, -1, (0, 1)])


@calls(np.pad)
def pad(d):
    mode = d.pick("constant", "edge", "reflect", "symmetric", "wrap", "x")
    options = d.options(constant_values=[0, 3, -1.5, (1, 2), ((1, 2), (3, 4)), np.nan]) if d.pick(True, False) else {}
    return [d.operand(), d.pick(1, 0, (1, 2), ((1, 0), (0, 2)), -1, 5), mode], options


@calls(np.compress)
def compress(d):
    return [d.pick([True, False, True], [True], [], [[True]]), d.operand()], d.options(axis=[None, 0, 1, 5])


@calls(np.extract)
def extract(d):
    a = d.operand()
    return [d.array(d.pick(a.array.shape, (3,)), [np.bool_]), a], {}


@calls(np.trim_zeros)
def trim_zeros(d):
    return [d.operand()], d.options(trim=["fb", "f", "B", "x"], axis=[None, 0, -1, 5])


@calls(np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_arrays)
def several(d):
    return d.pick([d.operand()], [d.operand(), d.operand()], [d.operand(), 2.0]), {}


@calls(np.meshgrid)
def meshgrid(d):
    operands = [d.operand() for _ in range(d.pick(1, 2, 3))]
    return operands, d.options(sparse=[False, True], indexing=["xy", "ij", "x"], copy=[True, False])


# Joining


@calls(np.concatenate, np.stack)
def joined(d):
    a = d.operand()
    return [[a, *(d.operand(d.pick(a.array.shape, None)) for _ in range(d.pick(0, 1, 2)))]], d.options(axis=AXES)


@calls(np.hstack, np.vstack, np.dstack, np.column_stack)
def stacked(d):
    a = d.operand()
    return [[a, *(d.operand(d.pick(a.array.shape, None)) for _ in range(d.pick(0, 1, 2)))]], {}


@calls(np.append)
def append(d):
    a = d.operand()
    return [a, d.pick(d.operand(d.pick(a.array.shape, None)), 1.5, [1, 2])], d.options(axis=AXES)


@calls(np.insert)
def insert(d):
    values = d.pick(d.operand((d.pick(1, 2),)), 7, 1.5, [1.5, 2])
    return [d.operand(), d.pick(0, 1, [0, 1], -1, 9, slice(0, 2)), values], d.options(axis=[None, 0, 1, 5])


@calls(np.block)
def block(d):
    a = d.operand()
    b = d.operand(d.pick(a.array.shape, None))
    return [d.pick(a, [a, b], [[a, b]], [[a], [b]], [a, [b]], [[a, b], [b, a]], [[]], (a, b))], {}


# Choosing


@calls(np.choose)
def choose(d):
    a = d.operand((3,))
    return [d.integers((3,), -1, 4), d.pick([a, d.operand((3,))], [a, 2.0, d.operand(())])], d.options(
        mode=["raise", "wrap", "clip"]
    )


@calls(np.select)
def select(d):
    a = d.operand((3,))
    conditions = [d.array((3,), [np.bool_]) for _ in range(d.pick(1, 2, 3))]
    return [conditions, d.pick([a, d.operand((3,))], [a, 2], [a])], d.options(default=[0, 1.5])


@calls(np.piecewise)
def piecewise(d):
    a = d.operand(d.pick((), (3,), (2, 3), (0,)))
    masks = [d.array(a.array.shape, [np.bool_]) for _ in range(d.pick(1, 2))]
    return [a, masks, d.pick([np.abs, 3], [2.5, 1], [np.abs], [np.abs, 1, np.negative])], {}


# Given by values


@calls(np.convolve)
def convolve(d):
    shapes = [(3,), (1,), (5,), (0,), (), (2, 2)]
    return [d.operand(d.pick(*shapes)), d.operand(d.pick(*shapes))], d.options(mode=["full", "same", "valid", "x"])


@calls(np.linspace)
def linspace(d):
    a = d.operand(d.pick((), (2,), (0,)))
    options = d.options(num=[0, 1, 2, 5, -1, 2.5], endpoint=[True, False], axis=[0, -1, 5])
    return d.pick([a, d.operand(d.pick((), (2,)))], [a, 3], [0.5, a]), options


@calls(np.vander)
def vander(d):
    return [d.operand(d.pick((3,), (0,), (), (2, 2)))], d.options(N=[None, 0, 1, 2, 4, -1], increasing=[False, True])


@calls(np.apply_along_axis)
def apply_along_axis(d):
    f = d.pick(np.sum, np.abs, len, lambda row: row[:1])
    return [f, d.pick(0, 1, -1, 5), d.operand()], {}


# Indexing


@calls(operator.getitem)
def getitem(d):
    a = d.operand()
    index = d.pick(0, -1, 7, slice(1, None), (slice(None), 0), ..., None, [0, 0], np.array([True, False, True]), (0, 0))
    return [a, index], {}


@calls(np.full_like)
def full_like(d):
    return [d.operand(), 2], {}


@calls(np.searchsorted, np.digitize)
def sorted_places(d):
    return d.pick([np.arange(3.0), d.operand()], [d.operand(), np.arange(3.0)]), {}


@calls(np.bincount)
def bincount(d):
    return [d.operand((3,), [np.int64, np.float64])], {}


@calls(np.lexsort)
def lexsort(d):
    return [[d.operand((3,)), d.operand((3,))]], {}


@calls(np.can_cast)
def can_cast(d):
    return [d.operand(), d.pick(int, float)], {}


@calls(np.shares_memory, np.may_share_memory)
def memory(d):
    return [d.operand(), np.ones(3)], {}


@calls(scatter_add)
def scattered(d):
    return [d.operand((3,)), d.pick(np.array([0, 2, 2]), slice(0, 3)), (4,)], {}


# --- What must agree, and what is meant to differ -------------------------------------------------------------

KEEP_FLOAT32 = {np.cov, np.corrcoef, np.polyval, np.vander}
"""NumPy makes float64 of smaller floating numbers here; tensors stay what they are."""

BY_BLAS = {np.dot, np.vdot, np.inner, np.matmul, np.vecdot, np.linalg.vecdot, np.tensordot, np.linalg.tensordot}
"""Whether BLAS warns of infinities depends on the shapes that it is called with."""

LEFT_OUT = {np.empty_like}
"""The values are whatever stood in memory."""

REFUSED = (
    "tensors do not know the option",  # an option whose derivative is not known
    "has no derivative",  # a mode of it
    "are arbitrary, with no derivative",  # full matrices of an SVD
    "must have 3 components",  # np.cross of vectors of two: deprecated by NumPy
    "would silently cut the graph",  # a list of tensors that NumPy does not hand over, as in np.lexsort
    "Singular matrix",  # np.linalg.cond, which NumPy calls infinite
)
"""Parts of the errors of calls that NumPy takes and tensors do not."""


def outcome(fn, args, kwargs):
    """(value, or None), (error, or None), categories of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, error = fn(*args, **kwargs), None
        except Exception as raised:
            value, error = None, raised
    return value, error, {warning.category for warning in caught}


def converted(arg, how):
    if isinstance(arg, Operand):
        return how(arg.array.copy())
    if type(arg) in (list, tuple):
        return type(arg)(converted(part, how) for part in arg)
    return arg


def differentiable(array):
    return tg.Tensor(array, requires_grad=array.dtype.kind == "f")


def parts_of(value):
    if isinstance(value, list | tuple):
        return [getattr(value, "_fields", ()), *(part for inner in value for part in parts_of(inner))]
    return [value.numpy() if isinstance(value, tg.Tensor) else value]


def largest(args):
    """A bound for the numbers that a computation may pass through: products of two operands."""
    found = 1.0
    for arg in args:
        if isinstance(arg, Operand):
            arg = arg.array
        if isinstance(arg, list | tuple):
            found = max(found, largest(arg))
        elif isinstance(arg, np.ndarray) and arg.dtype.kind in "fiub" and arg.size:
            finite = np.abs(arg[np.isfinite(arg)].astype(np.longdouble))
            found = max(found, float(np.max(finite, initial=1.0)))
    return found


def assert_same(fn, mine, theirs, scale):
    if not isinstance(mine, np.ndarray | np.generic):  # a type, a text, a name
        assert mine == theirs or mine != mine
        return
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape, f"shape {mine.shape}, NumPy's {theirs.shape}"
    if fn not in KEEP_FLOAT32:
        assert mine.dtype == theirs.dtype, f"dtype {mine.dtype}, NumPy's {theirs.dtype}"
    if mine.dtype.kind != "f":
        assert np.array_equal(mine, theirs), f"value {mine.tolist()}, NumPy's {theirs.tolist()}"
        return
    text = f"value {mine.tolist()}, NumPy's {theirs.tolist()}"
    allowed = 0.0 if fn in RULES and fn not in EXPANSIONS else 64 * float(np.finfo(mine.dtype).eps)
    bound = np.longdouble(scale) ** 2
    with np.errstate(all="ignore"):
        mine, theirs = mine.astype(np.longdouble), theirs.astype(mine.dtype).astype(np.longdouble)
        near = np.abs(mine - theirs) <= allowed * np.maximum(np.abs(theirs), bound)
        same = near | (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    assert np.all(same), text


def check(fn, args, kwargs, how):
    try:
        compare(fn, args, kwargs, how)
    except AssertionError as difference:
        raise AssertionError(f"{name_of(fn)}(*{args!r}, **{kwargs!r}): {difference}") from None


def compare(fn, args, kwargs, how):
    theirs, refusal, warned = outcome(fn, converted(args, lambda a: a), kwargs_of(kwargs, lambda a: a))
    mine, error, told = outcome(fn, converted(args, how), kwargs_of(kwargs, how))
    if error is not None:
        if any(text in str(error) for text in REFUSED):
            return
        assert refusal is not None, f"refused: {type(error).__name__}: {error}; NumPy gives {theirs!r}"
        assert isinstance(error, type(refusal)), f"{error!r}, NumPy's {refusal!r}"
        return
    assert refusal is None, f"gives {mine!r}; NumPy refuses: {refusal!r}"
    mine, theirs = parts_of(mine), parts_of(theirs)
    assert len(mine) == len(theirs), f"{len(mine)} parts, NumPy's {len(theirs)}"
    scale = largest([*args, *kwargs.values()])
    for a, b in zip(mine, theirs, strict=True):
        assert_same(fn, a, b, scale)
    assert fn in BY_BLAS or told == warned, f"warnings {told}, NumPy's {warned}"


def kwargs_of(kwargs, how):
    return {name: converted(option, how) for name, option in kwargs.items()}


def test_every_function_is_drawn():
    known = set(RULES) | set(EXPANSIONS) | set(SPELLINGS) | set(PIECEWISE_CONSTANT)
    assert {name_of(fn) for fn in known - LEFT_OUT - set(CALLS)} == set()


FUNCTIONS = sorted(CALLS, key=name_of)


@st.composite
def random_calls(draw, functions=tuple(FUNCTIONS)):
    fn = draw(st.sampled_from(functions))
    args, kwargs = CALLS[fn](Draw(draw))
    return fn, args, kwargs


@settings(max_examples=20 * settings.default.max_examples)  # 1000 in CI
@given(random_calls(), st.sampled_from([differentiable, tg.Tensor]))
def test_values_are_those_of_numpy(call, how):
    fn, args, kwargs = call
    check(fn, args, kwargs, how)


PLANTED = {
    "value": (np.flip, lambda a, axis=None: a * 1, [Operand(np.array([1.0, 2.0]))]),
    "the last digits": (np.linalg.trace, lambda a: np.trace(a) * (1 + 1e-13), [Operand(np.eye(2))]),
    "dtype": (np.ravel, lambda a: a.reshape(-1).astype(np.float64), [Operand(np.ones(2, np.float32))]),
    "shape": (np.kron, lambda a, b: (a * b)[None], [Operand(np.ones(2)), 2.0]),
    "a refusal": (np.vdot, lambda a, b: np.sum(a * b), [Operand(np.ones(2)), np.ones(1)]),
    "a warning": (np.ravel, lambda a: (np.sqrt(-np.ones(1)), a.reshape(-1))[1], [Operand(np.ones(2))]),
    "type of the error": (np.cross, lambda a, b: a + "", [Operand(np.ones(())), np.ones(3)]),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_difference_is_found(what):
    fn, wrong, args = PLANTED[what]
    check(fn, args, {}, differentiable)
    expands(fn)(wrong)
    with pytest.raises(AssertionError):
        check(fn, args, {}, differentiable)
