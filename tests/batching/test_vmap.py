"""`vmap` against a loop over the examples: every function of the rule table, every option, every place of the axis."""

import operator
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import N as SIDE
from programs import programs, run
from rule_cases import CASES

import tinygrad_edu as tg
from tinygrad_edu.batching import families
from tinygrad_edu.batching.calls import BATCHED
from tinygrad_edu.engine import RULES, is_recording, is_watched
from tinygrad_edu.trees import leaves_of

N = 3
THOROUGH = settings.default.max_examples > 1000
EVERY = [pytest.param(case, id=f"{fn.__name__} {case.label}") for fn, cases in CASES.items() for case in cases]
FOLLOWS_VALUES = {id(case) for fn in (np.piecewise, np.trim_zeros) for case in CASES[fn]}
CONDITIONS_ARE_GIVEN = {id(case) for case in CASES[np.piecewise] if case.label.startswith("one")}


def examples_of(case, dtype):
    """For each example the arguments of a case."""
    return [case.arrays(np.random.default_rng(seed), dtype) for seed in range(N)]


def looped(f, rows, differ):
    """What a loop over the examples gives; where an argument does not differ it is that of the first."""
    chosen = [
        [tg.Tensor(row[i] if own else rows[0][i], requires_grad=True) for i, own in enumerate(differ)] for row in rows
    ]
    results = [[x.numpy() if isinstance(x, tg.Tensor) else x for x in leaves_of(f(*xs))] for xs in chosen]
    return [np.stack(parts) for parts in zip(*results, strict=True)]


def batched(f, rows, differ, axis=0):
    """The function for all examples, and its arguments."""
    columns = zip(*rows, strict=True)
    stacked = [np.stack(xs, axis) if own else xs[0] for xs, own in zip(columns, differ, strict=True)]
    return tg.vmap(f, tuple(axis if own else None for own in differ)), stacked


def places(n):
    """All arguments differ; each alone does; each alone does not."""
    ones = [tuple(j == i for j in range(n)) for i in range(n)]
    return dict.fromkeys([(True,) * n, *ones, *([tuple(not own for own in one) for one in ones] if n > 1 else [])])


def compared(ours, expected, tolerance):
    for x, y in zip(ours, expected, strict=True):
        assert isinstance(x, np.ndarray)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, **tolerance)


def derivatives(case):
    """The function of a case, its gradient for each argument, and the gradient of these."""
    everything = tuple(range(len(case.shapes)))

    def scalar(*xs):
        return sum(np.sum(np.sin(part)) for part in leaves_of(case.call(*xs)))

    def slopes(*xs):
        return sum(np.sum(np.cos(g)) for g in tg.grad(scalar, everything)(*xs))

    return case.call, tg.grad(scalar, everything), tg.grad(slopes, everything)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", EVERY)
@pytest.mark.filterwarnings("ignore:vmap")
def test_every_function(case, dtype):
    """With the examples along the first axis and along the last; derivatives where the loop has them."""
    rows = examples_of(case, dtype)
    tolerance = {"rtol": 1e-10, "atol": 1e-10} if dtype == np.float64 else {"rtol": 3e-3, "atol": 3e-3}
    if id(case) in FOLLOWS_VALUES - CONDITIONS_ARE_GIVEN:
        vf, xs = batched(case.call, rows, (True,) * len(case.shapes))
        with pytest.raises(TypeError, match=r"vmap: .*np\.where"):
            vf(*xs)
        return
    for differ in places(len(case.shapes)):
        for f, axis in zip(derivatives(case), (0, -1, 0), strict=True):
            vf, xs = batched(f, rows, differ, axis)
            try:
                expected = looped(f, rows, differ)
            except (TypeError, ValueError, np.linalg.LinAlgError):
                assert f is not case.call
                break  # nothing to differentiate, or not in this precision
            compared(leaves_of(vf(*xs)), expected, tolerance)


@pytest.mark.parametrize(
    "case", [case for case in EVERY if id(case.values[0]) not in FOLLOWS_VALUES][:: 1 if THOROUGH else 4]
)
@pytest.mark.filterwarnings("ignore:vmap")
def test_every_function_compiled(case):
    """The program of one set of examples, run on another: what depends on the values must follow them."""
    rows = examples_of(case, np.float64)
    differ = (True,) * len(case.shapes)
    f, gradient, _ = derivatives(case)
    try:
        looped(gradient, rows, differ)
    except (TypeError, ValueError, np.linalg.LinAlgError):
        gradient = f
    vf, xs = batched(gradient, rows, differ)
    compiled = tg.compile(vf)
    compiled(*xs)
    again = rows[::-1]
    compared(
        leaves_of(compiled(*batched(gradient, again, differ)[1])),
        looped(gradient, again, differ),
        {"rtol": 1e-9, "atol": 1e-9},
    )


@given(programs, st.integers(0, 2**32 - 1))
@settings(max_examples=settings.default.max_examples // 2 + 1)
@pytest.mark.filterwarnings("ignore:vmap")
def test_random_programs(program, seed):
    xs = np.random.default_rng(seed).normal(size=(N, 2, SIDE, SIDE))

    def f(x, other):
        return run(np, program, x, other)

    slope = tg.grad(lambda x, other: np.sum(np.sin(f(x, other))))
    rows = [list(x) for x in xs]
    with np.errstate(all="ignore"):
        for g in (f, slope):
            vf, stacked = batched(g, rows, (True, True))
            compared(leaves_of(vf(*stacked)), looped(g, rows, (True, True)), {"rtol": 1e-7, "atol": 1e-7})


def test_what_has_no_form_for_many():
    """Every rule of the table but these: a function that is new fails here until somebody has thought of it."""
    own = {fn for fn in RULES if fn.__module__ is None or fn.__module__.startswith(("numpy", "_operator", "tinygrad"))}
    without = {fn for fn in own if not (isinstance(fn, np.ufunc) and not fn.signature) and fn not in BATCHED}
    assert without == {np.convolve, np.roll}  # this one is recorded as the slices and the joining that it is


# --- Planted mistakes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "wrong"),
    [
        (np.sum, lambda call: call.run(call.args[0], **call.options)),
        (np.transpose, lambda call: np.swapaxes(call.args[0], -1, -2)),
        (np.where, lambda call: call.run(*call.args)),
        (operator.getitem, lambda call: call.run(call.args[0], call.args[1])),
        (np.matmul, lambda call: call.run(*call.args)),
    ],
)
def test_a_wrong_rule_is_caught(fn, wrong, monkeypatch):
    monkeypatch.setitem(BATCHED, fn, wrong)
    caught = 0
    for case in CASES[fn]:
        try:
            test_every_function(case, np.float64)
        except Exception:
            caught += 1
    assert caught


def test_the_axis_that_is_reduced_is_not_that_of_the_examples(monkeypatch):
    monkeypatch.setattr(families, "shifted", lambda axis: axis)
    x = np.arange(12.0).reshape(3, 4)
    with pytest.raises((AssertionError, ValueError)):
        np.testing.assert_array_equal(tg.vmap(lambda a: np.sum(a, axis=0))(x), x.sum(axis=1))


# --- Together with other transforms -----------------------------------------------------------------------------


def C_x(w, x, y):
    return 0.5 * np.sum((np.tanh(w @ x) - y) ** 2)


RNG = np.random.default_rng(0)
W, X, Y = RNG.normal(size=(2, 4)), RNG.normal(size=(5, 4)), RNG.normal(size=(5, 2))


def test_gradients_of_each_example():
    each = tg.vmap(tg.grad(C_x), (None, 0, 0))(W, X, Y)
    assert each.shape == (5, 2, 4)
    np.testing.assert_allclose(each, [tg.grad(C_x)(W, x, y) for x, y in zip(X, Y, strict=True)], rtol=1e-13)
    whole = tg.grad(lambda w: np.mean(tg.vmap(C_x, (None, 0, 0))(w, X, Y)))(W)
    np.testing.assert_allclose(each.mean(axis=0), whole, rtol=1e-13)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_a_network_of_one_example_and_of_many(kind):
    net = tg.nn.MLP([4, 3, 2], output=kind, rng=0)
    np.testing.assert_allclose(tg.vmap(lambda x: net(x[None])[0])(X).numpy(), net(X).numpy(), rtol=1e-13)


def test_a_network_keeps_its_gradient():
    net = tg.nn.MLP([4, 3, 2], rng=0)
    costs = tg.vmap(lambda x, y: tg.costs.quadratic(net(x[None]), y[None]))(X, Y)
    assert isinstance(costs, tg.Tensor)
    np.mean(costs).backward()
    for p, (_, g) in zip(net.parameters(), net.named_parameters().items(), strict=True):
        assert p is g
    ours = [p.grad for p in net.parameters()]
    for p in net.parameters():
        p.zero_grad()
    tg.costs.quadratic(net(X), Y).backward()
    for g, p in zip(ours, net.parameters(), strict=True):
        np.testing.assert_allclose(g, p.grad, rtol=1e-12, atol=1e-15)


def test_inside_and_outside_every_transform():
    def f(x):
        return np.sum(np.sin(x) * x[::-1]) + np.prod(x)

    def close(ours, theirs):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)

    close(tg.vmap(tg.hessian(f))(X), [tg.hessian(f)(x) for x in X])
    close(tg.vmap(tg.jacobian(np.tanh))(X), [tg.jacobian(np.tanh)(x) for x in X])
    close(tg.vmap(tg.hvp(f))(X, X[::-1]), [tg.hvp(f)(x, v) for x, v in zip(X, X[::-1], strict=True)])
    close(tg.vmap(tg.elementwise_grad(np.sin))(X), np.cos(X))
    for ours, theirs in zip(
        tg.vmap(lambda x, v: tg.jvp(f, (x,), (v,)))(X, X + 1),
        zip(*(tg.jvp(f, (x,), (x + 1,)) for x in X), strict=True),
        strict=True,
    ):
        close(ours, theirs)
    v = tg.vmap(lambda x, u: tg.vjp(np.tanh, x)[1](u)[0])(X, X)
    close(v, X * (1 - np.tanh(X) ** 2))
    close(
        tg.jacobian(tg.vmap(f))(X),
        np.stack([np.stack([tg.grad(f)(X[i]) * (i == j) for j in range(5)]) for i in range(5)]),
    )
    close(
        tg.hessian(lambda w: np.sum(tg.vmap(C_x, (None, 0, 0))(w, X, Y)))(W),
        sum(tg.hessian(lambda w, x=x, y=y: C_x(w, x, y))(W) for x, y in zip(X, Y, strict=True)),
    )
    close(tg.jvp(tg.vmap(f), (X,), (X,))[1], [tg.jvp(f, (x,), (x,))[1] for x in X])


def test_twice():
    table = tg.vmap(tg.vmap(np.dot, (0, None)), (None, 0))(X, W)
    np.testing.assert_allclose(table, W @ X.T, rtol=1e-13)
    thrice = tg.vmap(tg.vmap(tg.vmap(lambda a, b: a * b + a, (0, None)), (None, 0)))(X[:, :, None] + np.zeros(3), X)
    assert thrice.shape == (5, 4, 4, 3)


def test_compiled_within_and_around():
    g = tg.vmap(tg.grad(C_x), (None, 0, 0))
    expected = g(W, X, Y)
    np.testing.assert_allclose(tg.compile(g)(W, X, Y), expected, rtol=1e-13)
    np.testing.assert_allclose(tg.vmap(tg.compile(tg.grad(C_x)), (None, 0, 0))(W, X, Y), expected, rtol=1e-13)
    compiled = tg.compile(tg.vmap(tg.vmap(lambda a, b: np.tanh(a @ b), (0, None)), (None, 0)))
    np.testing.assert_allclose(compiled(X, W), np.tanh(W @ X.T), rtol=1e-13)
    assert len(compiled.source.splitlines()) < 30


def test_a_constant_stays_one():
    """What cuts a gradient in one example cuts it in all."""
    for cut in (tg.stop_gradient, tg.no_grad()(lambda x: x * x)):
        f = tg.vmap(lambda x, cut=cut: np.sum(x * cut(x)))
        np.testing.assert_allclose(tg.grad(lambda x, f=f: np.sum(f(x)))(X), cut(tg.Tensor(X)).numpy(), rtol=1e-13)


# --- Arguments and results ------------------------------------------------------------------------------------


def test_containers_and_axes():
    def f(p, x, scale=1.0):
        return {"z": x @ p["w"] + p["b"], "parts": (np.sum(x), p["b"]), "n": 3.0}

    p = {"w": RNG.normal(size=(4, 2)), "b": RNG.normal(size=(2, 5))}
    out = tg.vmap(f, ({"w": None, "b": 1}, 0), {"z": 1, "parts": 0, "n": None})(p, X)
    np.testing.assert_allclose(out["z"], (X @ p["w"] + p["b"].T).T, rtol=1e-13)
    np.testing.assert_allclose(out["parts"][0], X.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(out["parts"][1], p["b"].T)
    assert out["n"] == 3.0
    assert out["n"].shape == ()


def test_keywords_are_mapped():
    out = tg.vmap(lambda x, *, y: x @ y, (None,))(X[0], y=X)
    np.testing.assert_allclose(out, X @ X[0], rtol=1e-13)


def test_what_is_the_same_for_all_is_repeated():
    np.testing.assert_array_equal(tg.vmap(lambda x, y: (y * 2, 1.5), (0, None))(X, Y)[0], np.stack([2 * Y] * 5))
    out = tg.vmap(lambda x: 1.5)(X)
    assert (out.shape, out.tolist()) == ((5,), [1.5] * 5)
    out[0] = 3  # it is nobody else's


def test_results_are_new_arrays():
    x = X.copy()
    for f in (lambda x: x, lambda x: x[:2], lambda x: (x, x)):
        for part in leaves_of(tg.vmap(f)(x)):
            part[...] = 0
    np.testing.assert_array_equal(x, X)
    w = tg.Tensor(W)
    tg.vmap(lambda x: w, out_axes=None)(X)[...] = 0
    np.testing.assert_array_equal(w.numpy(), W)


def test_indices_of_each_example():
    table, where = RNG.normal(size=(6, 3)), np.array([[0, 5], [2, 2], [4, 1]])
    np.testing.assert_array_equal(tg.vmap(lambda t, i: t[i], (None, 0))(table, where), table[where])
    np.testing.assert_array_equal(tg.vmap(lambda t, i: t[i, 1:], (None, 0))(table, where), table[where, 1:])
    np.testing.assert_array_equal(
        tg.vmap(lambda t, i: t[1:3, i], (None, 0))(table, where % 3), np.moveaxis(table[1:3, where % 3], 1, 0)
    )
    np.testing.assert_array_equal(tg.vmap(lambda i: np.eye(6)[0] * 0 + i[0])(where), np.repeat(where[:, :1], 6, axis=1))
    order = tg.vmap(lambda x: x[np.argsort(x)])(X)
    np.testing.assert_array_equal(order, np.sort(X))
    g = tg.grad(lambda t: np.sum(tg.vmap(lambda i: np.sum(t[i] ** 2))(where)))(table)
    np.testing.assert_allclose(g, 2 * table * np.bincount(where.ravel(), minlength=6)[:, None])


STACK = RNG.normal(size=(N, 4, 5, 3))
ARRAYS = [np.array([0, 2]), np.array([[1], [0]]), np.array(1), 2, -1, slice(None), slice(2, 0, -1), None, ...]


@given(st.data())
@settings(max_examples=10 * settings.default.max_examples)
def test_any_index(data):
    """Integers, slices, new axes and arrays in any order, each array the same for all examples or not."""
    index = data.draw(
        st.lists(st.sampled_from(range(len(ARRAYS))), min_size=1, max_size=5).filter(lambda x: x.count(8) < 2)
    )
    own = [data.draw(st.booleans()) if isinstance(ARRAYS[i], np.ndarray) else False for i in index]
    indices = [
        [(ARRAYS[i] + e * own_) % 3 if own_ else ARRAYS[i] for i, own_ in zip(index, own, strict=True)]
        for e in range(N)
    ]
    for shared in (False, True):
        stack = STACK[0] if shared else STACK
        try:
            rows = [tuple(parts) for parts in indices]
            expected = np.stack([(stack if shared else stack[e])[rows[e]] for e in range(N)])
        except IndexError:
            return
        given_ = [np.stack([indices[e][k] for e in range(N)]) for k, own_ in enumerate(own) if own_]

        def f(a, *arrays, own=own, index=index):
            left = iter(arrays)
            return a[tuple(next(left) if own_ else ARRAYS[i] for i, own_ in zip(index, own, strict=True))]

        axes = (None if shared else 0, *(0 for _ in given_))
        if shared and not given_:
            return
        np.testing.assert_array_equal(tg.vmap(f, axes)(stack, *given_), expected)
        weights = np.cos(np.arange(expected[0].size)).reshape(expected[0].shape)
        g = tg.vmap(tg.grad(lambda a, *arrays, f=f, weights=weights: np.sum(f(a, *arrays) * weights)), axes)(
            stack, *given_
        )
        for e in range(N):
            by_hand = np.zeros_like(STACK[0])
            np.add.at(by_hand, rows[e], weights)
            np.testing.assert_allclose(g[e], by_hand)


def test_no_examples():
    assert tg.vmap(tg.grad(C_x), (None, 0, 0))(W, X[:0], Y[:0]).shape == (0, 2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert tg.vmap(lambda x: np.convolve(x, x))(X[:0]).shape == (0, 7)


def test_integers_and_precision():
    assert tg.vmap(lambda x: x * 2)(np.arange(3)).dtype == int
    assert tg.vmap(lambda x: np.tanh(x) * 2)(X.astype(np.float32)).dtype == np.float32


# --- What has no form for many examples -------------------------------------------------------------------------


def test_a_loop_says_so_once():
    @tg.primitive(lambda g, y, x: g * np.cos(x))
    def waves(x):
        return np.sin(x)

    f = tg.vmap(lambda x: np.sum(waves(x)))
    with pytest.warns(UserWarning, match="vmap: .*waves, called as it is here, has no form for many examples at once"):
        out = f(X)
    np.testing.assert_allclose(out, np.sin(X).sum(axis=1))
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(f(x)))(X), np.cos(X))  # would raise for a second warning


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (
            lambda x: x if x[0] > 0 else -x,
            "vmap: the truth value .* would take, for all examples, what it is in the first",
        ),
        (lambda x: x.item(), "vmap: .item"),
        (lambda x: x[x > 0], "vmap: t.mask., whose shape follows the mask, of a tensor"),
        (lambda x: np.nonzero(x), "vmap: np.nonzero gives a result whose shape"),
        (lambda x: "text", "vmap: the function returned a str; it must return arrays"),
        (lambda x: np.sum(x).backward(), "vmap: .backward"),
    ],
)
def test_what_depends_on_the_values_of_one(f, said):
    with pytest.raises(TypeError, match=said):
        tg.vmap(f)(X[:, :1] if "item" in said or "truth" in said else X)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: tg.vmap(3), TypeError, "vmap: f must be a function, not int"),
        (lambda: tg.vmap(np.sin, "0")(X), TypeError, "vmap: in_axes must be a number, None, or a tuple of them, not '0'"),
        (lambda: tg.vmap(np.sin, (0, 0))(X), ValueError, "vmap: in_axes has 2 entries, but the function was called with 1"),
        (lambda: tg.vmap(np.sin, None)(X), ValueError, "vmap: no argument has an axis of examples: in_axes is None everywhere"),
        (lambda: tg.vmap(np.sin)(3.0), ValueError, r"vmap: argument 0 has shape \(\), which has no axis 0; in_axes=None is for"),
        (lambda: tg.vmap(np.sin, 2)(X), ValueError, r"vmap: argument 0 has shape \(5, 4\), which has no axis 2"),
        (lambda: tg.vmap(np.add)(X, Y[:3]), ValueError, "vmap: the examples must be equally many, but argument 0 has 5 along axis 0, argument 1 has 3"),
        (lambda: tg.vmap(np.sin)("text"), TypeError, "vmap: argument 0 is no array of numbers; in_axes=None passes it on"),
        (lambda: tg.vmap(np.sin, 0.5)(X), TypeError, "vmap: in_axes must be a number"),
        (lambda: tg.vmap(np.sin, (0.5,))(X), TypeError, "vmap: in_axes must be whole numbers or None, not 0.5"),
        (lambda: tg.vmap(lambda p: p[0], ((0, 0),))([X]), ValueError, r"vmap: in_axes of argument 0 is \(0, 0\), but it is no list or tuple of 2"),
        (lambda: tg.vmap(lambda p: p["a"], ({"b": 0},))({"a": X}), ValueError, r"vmap: in_axes of argument 0 has the keys \['b'\]"),
        (lambda: tg.vmap(np.sin, out_axes=3)(X), ValueError, "vmap: out_axes is 3, but the results have 2 axes with that of"),
        (lambda: tg.vmap(np.sin, out_axes=None)(X), ValueError, "vmap: out_axes is None, but the result differs between"),
        (lambda: tg.vmap(np.sin, out_axes="0")(X), TypeError, "vmap: out_axes must be whole numbers or None, not '0'"),
        (lambda: tg.vmap(lambda x: (x, x), out_axes=(0,))(X), ValueError, r"vmap: out_axes is \(0,\), which is not built like the result, a tuple"),
    ],
)  # fmt: skip
def test_errors(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_an_error_leaves_everything_as_it_was():
    with pytest.raises(ZeroDivisionError):
        tg.vmap(lambda x: 1 / 0)(X)
    assert is_recording()
    assert not is_watched()


def test_one_example_warns_of_nothing_that_all_do_not():
    """1/0 in the first example: NumPy says so once, of all."""
    with pytest.warns(RuntimeWarning, match="divide by zero") as told:
        tg.vmap(lambda x: 1 / x)(np.array([0.0, 1.0]))
    assert len(told) == 1
