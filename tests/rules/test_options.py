"""Every parameter of the signature of every function in the table is either right or refused by name.

Which ones the cases use (rule_cases.py, where value, first and second order are checked), a spy finds out; what no case
uses stands here, with a value that is not NumPy's default. A function without entries fails the test.
"""

import inspect
import operator
import sys

import numpy as np
import pytest
from rule_cases import CASES, Case

import tinygrad_edu as tg
from tinygrad_edu.engine import EXPANSIONS, PIECEWISE_CONSTANT, RULES, SPELLINGS, Node, ancestors
from tinygrad_edu.errors import name_of
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.trees import leaves_of

DIFFERENTIATED = [fn for fn in dict.fromkeys([*RULES, *EXPANSIONS, *SPELLINGS]) if fn is not operator.getitem]
CONSTANT = sorted(PIECEWISE_CONSTANT, key=name_of)

MASK = np.array([[True], [False]])
UFUNC = {
    "out": np.zeros(()),
    "where": np.array(True),
    "casting": "unsafe",
    "order": "C",
    "dtype": np.float32,
    "subok": False,
    "signature": "d",
}
REDUCTION = {"out": np.zeros(()), "dtype": np.float32, "initial": 2.0, "where": np.array(True)}
JOIN = {"out": np.zeros(()), "dtype": np.float32, "casting": "unsafe"}

# What no case uses: right (then it is checked here), or refused.
SAMPLES = {
    **{fn: UFUNC for fn in DIFFERENTIATED if isinstance(fn, np.ufunc)},
    **{fn: UFUNC | {"axes": [(-2, -1)] * 3, "axis": 0, "keepdims": True} for fn in (np.matmul, np.vecdot)},
    **{fn: UFUNC | {"out": (np.zeros(()), None)} for fn in (np.divmod, np.modf)},
    **dict.fromkeys(
        (
            np.sum,
            np.prod,
            np.max,
            np.min,
            np.amax,
            np.amin,
            np.mean,
            np.var,
            np.std,
            np.ptp,
            np.nansum,
            np.nanprod,
            np.nanmax,
            np.nanmin,
            np.nanmean,
            np.nanvar,
            np.nanstd,
            np.cumsum,
            np.cumprod,
            np.nancumsum,
            np.nancumprod,
        ),
        REDUCTION,
    ),
    **dict.fromkeys((np.concatenate, np.stack, np.hstack, np.vstack), JOIN),
    np.clip: {"out": np.zeros(()), "kwargs": {"dtype": np.float32}},
    np.einsum: {"out": np.zeros(()), "kwargs": {"dtype": np.float32}},
    np.astype: {"copy": False, "device": "cpu"},
    np.broadcast_to: {"subok": True},
    np.broadcast_arrays: {"subok": True},
    np.copy: {"order": "F", "subok": True},
    np.nan_to_num: {"copy": False},
    np.real_if_close: {"tol": 10},
    np.cov: {"fweights": [1, 2, 1, 1], "aweights": [1.0, 2.0, 1.0, 1.0], "dtype": np.float32},
    np.corrcoef: {"dtype": np.float32},
    np.median: {"out": np.zeros(()), "overwrite_input": True},
    **{
        fn: {"out": np.zeros(()), "overwrite_input": True, "weights": np.ones((3, 4))}
        for fn in (np.quantile, np.percentile)
    },
    np.sort: {"order": "x"},
    np.partition: {"kind": "quick", "order": "x"},
    np.reshape: {"copy": True},
    np.ravel: {"order": "F"},
    np.linspace: {"retstep": True, "dtype": np.float32, "device": "cpu"},
    np.meshgrid: {"copy": False},
    np.array_split: {"axis": 1},
    np.split: {"axis": 1},
    np.trace: {"dtype": np.float32, "out": np.zeros(())},
    np.take: {"out": np.zeros(())},
    np.choose: {"out": np.zeros(())},
    np.compress: {"out": np.zeros(())},
    np.dot: {"out": np.zeros(())},
    np.outer: {"out": np.zeros(())},
    np.lib.stride_tricks.sliding_window_view: {"axis": -1, "subok": True, "writeable": True},
    np.linalg.pinv: {"rtol": 1e-5, "hermitian": True},
    np.linalg.lstsq: {"rcond": 1e-5},
    np.linalg.multi_dot: {"out": np.zeros(())},
    np.linalg.svd: {"hermitian": True},
    np.linalg.cross: {"axis": 0},
    np.linalg.tensorsolve: {"axes": (0,)},
    np.linalg.trace: {"dtype": np.float32},
}

SPREAD = np.diag([0.0, 5.0, 12.0])

# Cases of options only, beside those of rule_cases.py.
MORE = {
    np.trim_zeros: [
        Case("end", lambda a: np.trim_zeros(np.concatenate([np.zeros(2), a, [0.0]]), "b"), ((3,),), 0.5, 2),
        Case("axis", lambda a: np.trim_zeros(np.concatenate([np.zeros((2, 2)), a]), axis=0), ((3, 2),), 0.5, 2),
    ],
    np.linalg.eigh: [Case("U", lambda a: np.linalg.eigh((a + a.T) / 2 + SPREAD, UPLO="U")[0], ((3, 3),), -0.5, 0.5)],
    np.linalg.eigvalsh: [
        Case("U", lambda a: np.linalg.eigvalsh((a + a.T) / 2 + SPREAD, UPLO="U"), ((3, 3),), -0.5, 0.5)
    ],
    np.linalg.tensorinv: [
        Case("1", lambda a: np.linalg.tensorinv(a.reshape((4, 2, 2)) + FOUR, ind=1), ((16,),), -0.2, 0.2)
    ],
    np.linalg.cross: [Case("3 × 3", np.linalg.cross, ((3, 3), (3, 3)))],
    np.vecdot: [Case("3 × 3", np.vecdot, ((3, 3), (3, 3)))],
    np.split: [Case("even", lambda a: np.concatenate(np.split(a, 2)), ((4, 4),))],
    np.apply_along_axis: [
        Case("more", lambda a: np.apply_along_axis(lambda row, p, k: np.sum(row**p) * k, 0, a, 2, k=3.0), ((3, 2),)),
    ],
    np.piecewise: [
        Case("more", lambda x: np.piecewise(x, [x > 0], [lambda x, p, k: x**p * k, 1.0], 2, k=3.0), ((5,),))
    ],
}
FOUR = 2 * np.eye(4).reshape(4, 2, 2)

# Through which no gradient flows: enough calls for all parameters.
A, B, I = np.array([[1.5, -2.0, 0.0], [3.0, 1.5, -0.5]]), np.array([1.5, 0.5, 2.0]), np.array([[1, 2, 3], [6, 5, 4]])
UFUNC_CONSTANT = {"casting": "unsafe", "order": "F", "subok": False}
LIKE = [(A, {"dtype": np.float32}), (A, {"order": "F", "subok": False, "shape": (3,), "device": "cpu"})]
ORDERED = [(A, {"axis": 0}), (A, {"kind": "stable"}), (A, {"axis": None})]
CALLS = {
    **{
        fn: [((A,), options), ((A,), {"dtype": np.float64})]
        for fn in (np.sign, np.floor, np.ceil, np.rint, np.trunc)
        for options in (UFUNC_CONSTANT,)
    },
    **{fn: [((A,), UFUNC_CONSTANT), ((A,), {"dtype": bool})] for fn in (np.isnan, np.isinf, np.isfinite, np.signbit)},
    **{
        fn: [((A, B), UFUNC_CONSTANT), ((A, B), {"dtype": dtype})]
        for fns, dtype in (
            ((np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal), bool),
            ((np.logical_and, np.logical_or, np.logical_xor), bool),
            ((np.heaviside, np.floor_divide), np.float32),
        )
        for fn in fns
    },
    np.logical_not: [((A,), UFUNC_CONSTANT), ((A,), {"dtype": bool})],
    **{fn: [((I, I[0]), UFUNC_CONSTANT), ((I, I[0]), {"dtype": np.int64})] for fn in (np.bitwise_and, np.bitwise_or)},
    np.bitwise_xor: [((I, I[0]), UFUNC_CONSTANT), ((I, I[0]), {"dtype": np.int64})],
    np.invert: [((I,), UFUNC_CONSTANT), ((I,), {"dtype": np.int64})],
    **{fn: [((A,), {"axis": 0, "keepdims": True}), ((A,), {"where": MASK})] for fn in (np.any, np.all)},
    **{fn: [((A,), {})] for fn in (np.isposinf, np.isneginf, np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal)},
    **{fn: [((A,), {})] for fn in (np.fix, np.imag, np.argwhere, np.nonzero, np.flatnonzero, np.shape, np.ndim)},
    np.angle: [((A,), {"deg": True})],
    **{fn: [((A, B), {"rtol": 0.5, "atol": 1.0, "equal_nan": True})] for fn in (np.isclose, np.allclose)},
    np.isin: [((A, B), {"assume_unique": True, "invert": True, "kind": "sort"})],
    np.array_equal: [((A, A * np.nan), {"equal_nan": True})],
    np.array_equiv: [((A, B), {})],
    np.count_nonzero: [((A,), {"axis": 0, "keepdims": True})],
    **{fn: [((A * 1.234,), {"decimals": 1})] for fn in (np.round, np.around)},
    **{fn: [((A,), {"axis": 0, "keepdims": True})] for fn in (np.argmax, np.argmin, np.nanargmax, np.nanargmin)},
    np.argsort: [((A,), {"axis": 0, "kind": "stable"}), ((A,), {"stable": True})],
    np.argpartition: [((A, 1), {"axis": 0, "kind": "introselect"})],
    np.lexsort: [((A,), {"axis": 0})],
    np.searchsorted: [((np.sort(B), A), {"side": "right", "sorter": np.arange(3)})],
    np.digitize: [((A, np.sort(B)), {"right": True})],
    np.unique: [
        ((A,), {"return_index": True, "return_inverse": True, "return_counts": True, "axis": 0}),
        ((A * np.nan,), {"equal_nan": False, "sorted": True}),
    ],
    np.bincount: [((I[0],), {"weights": B, "minlength": 6})],
    np.histogram: [((A,), {"bins": 3, "range": (-1.0, 2.0), "density": True, "weights": A * A})],
    np.histogram_bin_edges: [((A,), {"bins": 3, "range": (-1.0, 2.0), "weights": A * A})],
    np.linalg.matrix_rank: [((A,), {"tol": 0.5}), ((A[:, :2], 0.5, True), {}), ((A,), {"rtol": 0.5})],
    np.size: [((A,), {"axis": 1})],
    np.result_type: [((A, np.float32), {})],
    np.can_cast: [((A.dtype, np.float32), {"casting": "unsafe"})],
    np.common_type: [((A, B), {})],
    np.min_scalar_type: [((A,), {})],
    **{fn: [((A,), LIKE[0][1]), ((A,), LIKE[1][1])] for fn in (np.zeros_like, np.ones_like, np.empty_like)},
    np.full_like: [((A, 3.0), LIKE[0][1]), ((A, 3.0), LIKE[1][1])],
    **{fn: [((A, B), {"max_work": 1})] for fn in (np.shares_memory, np.may_share_memory)},
    **{
        fn: [((A,), {"max_line_width": 20, "precision": 2, "suppress_small": True})]
        for fn in (np.array_repr, np.array_str)
    },
    np.array2string: [
        ((A,), {"max_line_width": 20, "precision": 2, "suppress_small": True, "separator": ";", "prefix": "p"}),
        ((A,), {"threshold": 2, "edgeitems": 1, "sign": "+", "floatmode": "fixed", "suffix": "s", "legacy": "1.21"}),
        ((A,), {"formatter": {"float": "{:.1f}".format}}),
    ],
}
# out= is refused, what NumPy makes of where= without it is left to chance, order= is for arrays of records.
NOT_FOR_TENSORS = {"out", "signature", "where", "order"}


# --- Who calls what with which options ------------------------------------------------------------------------


class Spy(np.ndarray):
    """An array that writes down which functions are called on it."""

    calls: list = []  # noqa: RUF012 - (function, args, kwargs); one list for all

    def __array_function__(self, fn, types, args, kwargs):
        Spy.calls.append((fn, args, dict(kwargs)))
        return changed(fn(*changed(args, np.asarray), **changed(dict(kwargs), np.asarray)), spied)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method == "__call__":
            Spy.calls.append((ufunc, inputs, kwargs))
        return changed(getattr(ufunc, method)(*changed(inputs, np.asarray), **changed(kwargs, np.asarray)), spied)


def spied(a):
    return np.asarray(a).view(Spy)


def changed(x, change):
    """The same, nested as it is, with every array (or spy, or NumPy number) changed."""
    if isinstance(x, np.ndarray | np.generic):
        return change(x) if change is spied or isinstance(x, Spy) else x
    if isinstance(x, dict):
        return {name: changed(value, change) for name, value in x.items()}
    if isinstance(x, list | tuple):
        parts = [changed(part, change) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def calls_of(case: Case):
    """What a case calls, with which arguments: those computed from its arrays are spies."""
    Spy.calls = []
    case.call(*(spied(a) for a in case.arrays(np.random.default_rng(0))))
    return Spy.calls


ALL_CALLS = [call for cases in (*CASES.values(), *MORE.values()) for case in cases for call in calls_of(case)]


def signature(fn):
    return inspect.signature(fn)


def same(a, b):
    return a is b or (type(a) is type(b) and isinstance(a, int | float | str | tuple) and a == b)


def used(fn, args, kwargs):
    """The parameters to which a call gives another value than the default."""
    parameters, bound = signature(fn).parameters, signature(fn).bind(*args, **kwargs)
    return {name for name, value in bound.arguments.items() if not same(value, parameters[name].default)}


def names(fn):
    return set(signature(fn).parameters)


def with_option(call, name, value):
    """The call with one more option, by keyword."""
    fn, args, kwargs = call
    match signature(fn).parameters[name].kind:
        case inspect.Parameter.VAR_KEYWORD:
            return fn, args, kwargs | value
        case inspect.Parameter.VAR_POSITIONAL:
            return fn, (*args, *value), kwargs
    return fn, args, kwargs | {name: value}


def by_position(call):
    """The same call with as much as possible by position, or None if nothing changes."""
    fn, args, kwargs = call
    parameters = list(signature(fn).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    arguments = signature(fn).bind(*args, **kwargs).arguments
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    last = max((i for i, p in enumerate(placed) if p.name in arguments), default=-1)
    values = [arguments.get(p.name, p.default) for p in placed[: last + 1]]
    rest = {name: value for name, value in kwargs.items() if name not in {p.name for p in placed}}
    return fn, tuple(values), rest


def by_keyword(call):
    """The same call with as much as possible by keyword, the first argument too; or None."""
    fn, args, kwargs = call
    parameters = list(signature(fn).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    arguments = signature(fn).bind(*args, **kwargs).arguments
    placed = [arguments[p.name] for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in arguments]
    named = {p.name: arguments[p.name] for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in arguments}
    return fn, tuple(placed), named | {n: v for n, v in kwargs.items() if n not in named}


def forms_of(call):
    return [form for form in (call, by_position(call), by_keyword(call)) if form is not None]


def tensor(a):
    return tg.Tensor(np.asarray(a), requires_grad=a.dtype.kind == "f")


def on_tensors(call):
    fn, args, kwargs = call
    return fn(*changed(args, tensor), **changed(kwargs, tensor))


def on_arrays(call):
    fn, args, kwargs = call
    return fn(*changed(args, np.asarray), **changed(kwargs, np.asarray))


def recipe(result):
    """Everything that was recorded, and every bit of the values: what two spellings of a call must have in common."""
    lines = []
    for leaf in leaves_of(result):
        if not isinstance(leaf, Node):
            lines.append(text(np.asarray(leaf)))
            continue
        nodes = ancestors(leaf)[::-1]
        number = {node: i for i, node in enumerate(nodes)}
        for node in nodes:
            args = [text(arg, number) for arg in node.args]
            options = [(name, text(option, number)) for name, option in node.kwargs.items()]
            lines.append((node.fn, args, options, text(node.value)))
    return lines


def text(x, number=()):
    if isinstance(x, Node):
        return ("node", number[x]) if x in number else text(x.value)
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype.str, x.tobytes()
    if type(x) in (list, tuple):
        return [type(x), *(text(part, number) for part in x)]
    return repr(x)


def check_forms(call):
    """Every spelling of a call gives the value of NumPy, by the same recipe."""
    plain = [np.asarray(x) for x in leaves_of(on_arrays(call))]
    recipes = []
    for form in forms_of(call):
        result = on_tensors(form)
        recipes.append(recipe(result))
        values = [x.value if isinstance(x, Node) else np.asarray(x) for x in leaves_of(result)]
        for mine, theirs in zip(values, plain, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
            assert mine.shape == theirs.shape
    assert all(other == recipes[0] for other in recipes)


# --- The tests ------------------------------------------------------------------------------------------------


def test_every_parameter_of_every_function_has_an_entry():
    missing = {}
    for fn in DIFFERENTIATED:
        known = {name for call in ALL_CALLS if call[0] is fn for name in used(*call)} | set(SAMPLES.get(fn, ()))
        if fn is not scatter_add and names(fn) - known:
            missing[name_of(fn)] = names(fn) - known
    for fn in CONSTANT:
        known = {name for args, kwargs in CALLS.get(fn, []) for name in signature(fn).bind(*args, **kwargs).arguments}
        if names(fn) - known - NOT_FOR_TENSORS:
            missing[name_of(fn)] = names(fn) - known - NOT_FOR_TENSORS
    assert not missing


FORMS = [
    pytest.param(call, id=f"{i} {name_of(call[0])}")
    for i, call in enumerate(ALL_CALLS)
    if call[0] in DIFFERENTIATED and used(*call) - {p.name for p in list(signature(call[0]).parameters.values())[:1]}
]


@pytest.mark.parametrize("call", FORMS)
def test_every_spelling_is_one_call(call):
    check_forms(call)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{name_of(fn)} {case.label}") for fn, cases in MORE.items() for case in cases]
)
def test_cases_of_options(case):
    tg.testing.assert_gradients_match(case.call, *case.arrays(np.random.default_rng(0)))


SAMPLED = [
    pytest.param(fn, name, value, id=f"{name_of(fn)} {name}")
    for fn, options in SAMPLES.items()
    for name, value in options.items()
    if name in names(fn)
]


def accepted(call):
    """Whether NumPy takes it."""
    try:
        on_arrays(call)
    except (TypeError, ValueError, IndexError):
        return False
    return True


@pytest.mark.parametrize(("fn", "name", "value"), SAMPLED)
@pytest.mark.filterwarnings("ignore:Passing more than 2 positional:DeprecationWarning")  # NumPy, of np.maximum
@pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")
def test_an_option_without_a_case_is_right_or_refused(fn, name, value):
    calls = [with_option(call, name, value) for call in ALL_CALLS if call[0] is fn]
    call = next(filter(accepted, calls), calls[0]) if name != "out" else calls[0]  # NumPy would write there
    try:
        on_tensors(call)
    except (TypeError, ValueError):
        options = value if isinstance(value, dict) else {name: value}
        for form in forms_of(call):
            with pytest.raises((TypeError, ValueError), match=f"{name_of(fn)}: .*{next(iter(options))}"):
                on_tensors(form)
        return
    check_forms(call)
    differentiable = [isinstance(x, Node) for x in leaves_of(on_tensors(call))]
    kept = [a for a in leaves_of([*call[1], *call[2].values()]) if isinstance(a, Spy) and a.dtype.kind == "f"]

    def again(arrays):
        following = iter(arrays)
        fill = lambda a: next(following) if a.dtype.kind == "f" else np.asarray(a)
        result = fn(*changed(call[1], fill), **changed(call[2], fill))
        return np.concatenate([np.ravel(x) for x, d in zip(leaves_of(result), differentiable, strict=True) if d])

    tg.check_grads(again, [np.asarray(a) for a in kept])


@pytest.mark.parametrize("fn", CONSTANT, ids=name_of)
def test_a_constant_function_takes_the_options_of_numpy(fn):
    for args, kwargs in CALLS[fn]:
        call = (fn, changed(args, spied), kwargs)
        expected = text([np.asarray(x) for x in leaves_of(on_arrays(call))])
        for form in forms_of(call):
            result = on_tensors(form)
            assert not any(isinstance(x, Node) for x in leaves_of(result))
            if fn is np.empty_like:
                assert (result.shape, result.dtype) == (on_arrays(call).shape, on_arrays(call).dtype)
            else:
                assert text([np.asarray(x) for x in leaves_of(result)]) == expected
    if "out" in names(fn):
        args, kwargs = CALLS[fn][0]
        for form in forms_of((fn, changed(args, spied), kwargs | {"out": np.zeros((2, 3))})):
            with pytest.raises(TypeError, match="out"):
                on_tensors(form)


def test_another_spelling_stays_when_the_rule_is_given_anew(table):
    tg.defvjp(np.clip, lambda g, y, a, low, high: g * 10, None, None)
    tg.defvjp(np.einsum, None, lambda g, y, subscripts, a: g * 20)
    for call, slope in (
        (lambda t: np.clip(t, -1, 1), 10),
        (lambda t: np.clip(t, a_min=-1, a_max=1), 10),
        (lambda t: np.clip(t, min=-1, max=1), 10),
        (lambda t: np.einsum("i", t), 20),
        (lambda t: np.einsum(t, [0]), 20),
    ):
        t = tg.Tensor([0.5, 3.0], requires_grad=True)
        call(t).backward(np.ones(2))
        assert t.grad.tolist() == [slope, slope]


# --- The tester tested ----------------------------------------------------------------------------------------


def test_a_rule_that_overlooks_an_option_is_caught(table):
    table.RULES[np.prod] = (lambda g, y, a, axis=None, **overlooked: g * np.prod(a) / a,)
    with pytest.raises(AssertionError, match="order 1"):
        test_an_option_without_a_case_is_right_or_refused(np.prod, "initial", 2.0)


def test_an_expansion_that_overlooks_an_option_is_caught(table):
    table.EXPANSIONS[np.trace] = lambda a, offset=0, axis1=0, axis2=1, dtype=None: np.sum(np.diagonal(a))
    with pytest.raises(AssertionError):
        check_forms((np.trace, (spied(np.arange(12.0).reshape(3, 4)),), {"offset": 1}))


def test_a_refusal_that_does_not_name_the_option_is_caught(table):
    def trace(a, offset=0, axis1=0, axis2=1, dtype=None):
        raise TypeError("np.trace: no")

    table.EXPANSIONS[np.trace] = trace
    with pytest.raises(AssertionError, match="dtype"):
        test_an_option_without_a_case_is_right_or_refused(np.trace, "dtype", np.float32)


def test_a_spelling_that_is_another_call_is_caught(monkeypatch):
    monkeypatch.setattr(sys.modules["tinygrad_edu.engine.dispatch"], "bind", lambda fn, args, kwargs: (args, kwargs))
    with pytest.raises((AssertionError, TypeError)):
        check_forms((np.sum, (spied(np.ones((3, 4))),), {"axis": 0}))


def test_a_function_without_entries_is_caught(table, monkeypatch):
    monkeypatch.setitem(globals(), "DIFFERENTIATED", [*DIFFERENTIATED, np.i0])
    with pytest.raises(AssertionError, match=r"np\.i0"):
        test_every_parameter_of_every_function_has_an_entry()
