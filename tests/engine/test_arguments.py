"""What may be recorded: arrays of every kind stay as they were, options are never overlooked, odd things are refused."""

import array
import math
import operator
import tempfile

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import engine

X = np.array([1.0, 10.0, 100.0])


def leaf(data, **options):
    return tg.Tensor(data, requires_grad=True, **options)


# --- Arrays of every kind ---------------------------------------------------------------------------------


class Holder:
    """An object that NumPy takes for an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if not copy else self.values.copy()


class OwnArray(np.ndarray):
    pass


def memmap(values):
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=values.dtype, shape=values.shape)
    mapped[:] = values
    return mapped


KINDS = {  # how to make one, and how somebody changes it afterwards
    "array": (np.copy, lambda x: x.fill(0)),
    "memmap": (memmap, lambda x: x.fill(0)),
    "subclass": (lambda x: x.copy().view(OwnArray), lambda x: x.fill(0)),
    "array.array": (
        lambda x: array.array("d", x),
        lambda x: x.__setitem__(slice(None), array.array("d", [0] * len(x))),
    ),
    "memoryview": (lambda x: memoryview(x.copy()), lambda x: np.asarray(x).fill(0)),
    "__array__": (lambda x: Holder(x.copy()), lambda x: x.values.fill(0)),
    "list": (list, lambda x: x.__setitem__(slice(None), [0.0] * len(x))),
}
CALLS = {
    "multiply": (lambda t, x: np.multiply(t, x), X),
    "multiply, on the left": (lambda t, x: np.multiply(x, t), X),
    "operator": (lambda t, x: t * x, X),
    "matmul": (lambda t, x: t @ x, X),
    "dot": (lambda t, x: np.dot(t, x), X),
    "power": (lambda t, x: np.power(t, x), X * 2.0 ** (X - 1)),
    "where": (lambda t, x: np.where(x, t * 2, 0), [2.0, 2, 2]),
    "concatenate": (lambda t, x: np.concatenate([t, x]), [1.0, 1, 1]),
    "index": (lambda t, x: t[np.asarray(x, int) % 3] * 5, [0.0, 15, 0]),
    "solve": (lambda t, x: np.linalg.solve(np.diag([1.0, 2, 4]) * (1 + 0 * t), x), None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_given_may_be_changed_after_the_forward_pass(kind, call):
    make, change = KINDS[kind]
    fn, expected = CALLS[call]
    results = []
    for somebody_changes_it in (False, True):
        t, x = leaf([2.0, 2.0, 2.0]), make(X)
        y = np.sum(fn(t, x))
        if somebody_changes_it:
            change(x)
        y.backward()
        results.append(t.grad)
    np.testing.assert_array_equal(*results)
    if expected is not None:
        np.testing.assert_allclose(results[0], expected)


@pytest.mark.parametrize("other", [[1.0, 2.0, 3.0], (1.0, 2.0, 3.0), range(1, 4), np.float32(2), True])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.truediv, operator.pow])
def test_operators_take_what_numpy_takes(op, other):
    a = np.array([1.5, 2.0, 3.0])
    t = leaf(a)
    for left, right in ((t, other), (other, t)):
        if op is operator.truediv and left is other:
            continue
        plain = op(*(np.asarray(x.numpy() if x is t else x) for x in (left, right)))
        np.testing.assert_array_equal(op(left, right).numpy(), plain)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["masked", "matrix"])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.matmul, operator.truediv])
@pytest.mark.parametrize("side", ["left", "right"])
def test_masked_arrays_and_matrices_are_refused_in_words(kind, op, side):
    odd = np.ma.array([1.0, 2.0], mask=[0, 1]) if kind == "masked" else np.matrix([1.0, 2.0])
    t = leaf([3.0, 4.0])
    with pytest.raises(TypeError, match=r"masked array|np\.matrix"):
        op(odd, t) if side == "left" else op(t, odd)
    with pytest.raises(TypeError, match=r"masked array|np\.matrix"):
        np.concatenate([t, odd])
    with pytest.raises(TypeError, match=r"masked array|np\.matrix"):
        np.where(odd, t, 0)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["a masked array", "an np.matrix"])
@pytest.mark.parametrize("needs_gradient", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        *(operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne, operator.floordiv),
        *(np.isclose, np.allclose, np.array_equal, np.isin, np.heaviside, np.floor_divide, np.searchsorted),
        lambda t, odd: np.isclose(odd, t),
        lambda t, odd: np.isclose(a=t, b=odd),
        lambda t, odd: np.histogram(t, weights=odd),
    ],
)
def test_what_is_constant_refuses_them_in_the_same_words(call, needs_gradient, kind):
    odd = np.ma.array([1.0, 2.0], mask=[0, 1]) if "masked" in kind else np.matrix([1.0, 2.0])
    t = tg.Tensor([3.0, 4.0], requires_grad=needs_gradient)
    with pytest.raises(TypeError, match=rf"argument \w+ is {kind}, whose rules .* pass np\.asarray\(array\)"):
        call(t, odd)


def test_a_mask_is_not_dropped_by_a_tensor():
    with pytest.raises(TypeError, match=r"Tensor: data is a masked array.* np\.asarray\(array\)"):
        tg.Tensor(np.ma.array([1.0, 2.0], mask=[0, 1]))


def test_an_element_that_becomes_a_tensor_says_why_not():
    """NumPy replaces whatever a sequence raises here by a ValueError of its own, so ours is found as its cause."""
    with pytest.raises(ValueError, match="array element") as error:
        np.zeros(3)[0] = leaf(1.0)
    assert "array[i] = t: use" in str(error.value.__cause__)
    assert "np.stack" in str(error.value.__cause__)
    with pytest.raises(TypeError, match=r"arr\[\.\.\.\] = t.* np\.stack"):
        np.zeros(3)[:2] = leaf([1.0, 2.0])


class Sparse:
    """As sparse matrices are: no array, and iterable in no useful way."""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1j, 2.0], "is complex"),
        ([[1.0], [2j]], "is complex"),
        (np.array([1j, 2]), "is complex"),
        (2j, "is complex"),
        (Sparse(), "is a Sparse, which is no array of numbers"),
        (np.array([1.0, None]), "no array of numbers"),
        ({"a": 1.0}, "no array of numbers"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused(value, words):
    t = leaf([3.0, 4.0])
    for call in (lambda: np.multiply(t, value), lambda: t + value, lambda: np.where([True, False], t, value)):
        with pytest.raises(TypeError, match=words):
            call()


# --- Functions of one's own -------------------------------------------------------------------------------


def test_a_primitive_follows_its_rule_by_keyword_too():
    @tg.primitive(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
    def product(a, b):
        return a * b

    s, t = leaf(2.0), leaf(3.0)
    product(b=t, a=s).backward()
    assert (s.grad, t.grad) == (3, 2)
    product(5.0, b=t).backward()
    assert t.grad == 7


def test_a_primitive_may_use_its_buffer_again():
    buffer = np.zeros(2)

    @tg.primitive(lambda g, y, x: g * y)
    def exponential(x):
        return np.exp(x, out=buffer)

    t = leaf([0.0, 1.0])
    y = exponential(t)
    exponential(t * 0)
    np.sum(y).backward()
    np.testing.assert_allclose(t.grad, np.exp([0, 1]))
    plain = exponential(np.zeros(2))
    exponential(np.ones(2))
    assert plain.tolist() == [1, 1]


def test_a_primitive_must_not_write_into_its_arguments():
    @tg.primitive(lambda g, y, x: g * 2)
    def doubled(x):
        x *= 2
        return x

    t = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        doubled(t)
    assert t.numpy().tolist() == [1, 2]


def test_arrays_in_keywords_of_a_primitive_may_be_changed():
    @tg.primitive(lambda g, y, x, scale: g * scale)
    def scaled(x, *, scale):
        return x * scale

    t, scale = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = scaled(t, scale=scale)
    scale[:] = 0
    np.sum(y).backward()
    assert t.grad.tolist() == [3, 4]
    with pytest.raises(TypeError, match=r"scaled: the keyword 'scale' cannot be a tensor; pass scale\.numpy\(\)"):
        scaled(t, scale=t)


# --- One form for every call ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "same"),
    [
        (lambda t: np.sum(t, 0, None, None, True), lambda t: np.sum(t, axis=0, keepdims=True)),
        (lambda t: np.sum(keepdims=False, a=t), lambda t: np.sum(t)),
        (lambda t: np.transpose(t, None), lambda t: t.T),
        (lambda t: np.reshape(t, shape=(3, 2)), lambda t: t.reshape(3, 2)),
        (lambda t: np.reshape(t, (3, 2), "C"), lambda t: t.reshape(3, 2)),
        (lambda t: np.clip(t, a_max=2.0, a_min=None), lambda t: np.clip(t, None, 2.0)),
        (lambda t: np.clip(t, max=2.0), lambda t: np.clip(t, None, 2.0)),
        (lambda t: np.max(t, 1, None, True), lambda t: np.max(t, keepdims=True, axis=1)),
        (lambda t: np.add(t, 1.0, where=True, casting="same_kind"), lambda t: t + 1.0),
        (lambda t: np.einsum("ij->j", t), lambda t: np.einsum(t, [0, 1], [1])),
    ],
)
def test_positional_and_keyword_forms_are_one(call, same):
    t = leaf(np.arange(6.0).reshape(2, 3))
    one, other = call(t), same(t)
    assert (one.fn, one.args[1:], one.kwargs) == (other.fn, other.args[1:], other.kwargs)
    np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: np.sum(t, dtype=np.float32), r"np\.sum: .*option dtype=.*\(known: axis, keepdims\).*astype"),
        (lambda t: np.sum(t, initial=1.0), r"np\.sum: .*option initial=1\.0.*np\.concatenate"),
        (lambda t: np.mean(t, where=np.ones(3, bool)), r"np\.mean: .*option where=an array of shape \(3,\).*np\.where"),
        (lambda t: np.add(t, 1, np.zeros((2, 3))), r"np\.add: out= would overwrite"),
        (lambda t: np.floor(t, np.zeros((2, 3))), r"np\.floor: out= would overwrite"),
        (lambda t: np.clip(t, 0, 1, np.zeros((2, 3))), r"np\.clip: out= would overwrite"),
        (lambda t: np.exp(t, dtype=np.float32), r"np\.exp: .*option dtype="),
        (lambda t: np.sum(t, nonsense=1), r"np\.sum|nonsense"),
    ],
)
def test_an_option_that_is_not_understood_is_named_in_forward(call, words):
    with pytest.raises(TypeError, match=words):
        call(leaf(np.arange(6.0).reshape(2, 3)))


def test_another_spelling_stays_when_the_rule_is_given_anew(table):
    tg.defvjp(np.clip, lambda g, y, a, low, high: g * 100)
    t = leaf([0.5, 2.0])
    np.sum(np.clip(t, a_max=1.0)).backward()
    assert t.grad.tolist() == [100, 100]


def test_a_rule_may_name_an_option_that_numpy_has_a_default_for(table):
    tg.defvjp(np.tensordot, lambda g, y, a, b, axes: g * b * axes, lambda g, y, a, b, axes: g * a * axes)
    t = leaf(np.ones((2, 2)))
    np.tensordot(t, np.full((2, 2), 3.0)).backward()
    assert (t.grad == 6).all()


# --- Where a value leaves the graph -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: math.exp(t[0]), TypeError, r"np\.exp\(t\) for math\.exp\(t\)"),
        (lambda t: np.savez("m", **{"W1": t}), TypeError, r"np\.savez: .*t\.numpy\(\)"),
        (lambda t: t.round(2), AttributeError, r"no 'round', as NumPy's arrays have: use np\.round\(t\)"),
        (lambda t: t.tolist(), AttributeError, r"no 'tolist', as NumPy's arrays have: t\.numpy\(\)\.tolist"),
        (lambda t: t.nonsense, AttributeError, "no attribute 'nonsense'"),
        (lambda t: tg.hessian(lambda x: (x * x).sum())([1.0, 2.0]), TypeError, r"hessian: .*np\.array\(x\)"),
        (lambda t: tg.grad(lambda x: np.sum(x.data**2))(np.ones(2)), TypeError, r"\.data inside a function"),
        (lambda t: tg.grad(lambda x: np.sum((x * 2).data ** 2))(np.ones(2)), TypeError, r"\.data inside a function"),
        (lambda t: tg.grad(np.sin, argnums=1.5), TypeError, r"grad: argnums must be an integer"),
    ],
)
def test_the_way_out_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call(leaf([1.0, 2.0]))


def test_data_of_what_is_constant_may_be_read_inside_a_transform():
    w = leaf([2.0, 3.0])
    g = tg.grad(lambda x: np.sum(x * w.data))(np.ones(2))
    assert g.tolist() == [2, 3]


def test_argnums_may_be_an_integer_of_numpy():
    assert tg.grad(lambda a, b: a * b, argnums=np.int64(1))(2.0, 3.0) == 2


def test_integers_made_to_require_a_gradient_raise():
    k = tg.Tensor([1, 2])
    k.requires_grad = True
    with pytest.raises(TypeError, match="holds int64, which has none"):
        (k * 2.0).sum().backward()


# --- The backward pass as data ----------------------------------------------------------------------------


def test_contributions_say_what_each_call_hands_to_each_argument():
    x, w = leaf(3.0, name="x"), leaf(2.0, name="w")
    C = x * w + x
    received = {}
    steps = list(engine.contributions(C, np.ones(()), None, received))
    assert [(node.fn, [(i, arg.name, float(part)) for i, arg, part in parts]) for node, _, parts in steps] == [
        (np.add, [(0, None, 1.0), (1, "x", 1.0)]),
        (np.multiply, [(0, "x", 2.0), (1, "w", 3.0)]),
    ]
    assert {node.name: float(g) for node, g in received.items()} == {"x": 3, "w": 3}


def test_the_parts_that_argument_receives_add_up_to_its_gradient():
    rng = np.random.default_rng(0)
    a = leaf(rng.normal(size=(3, 3)))
    u, s, v = np.linalg.svd(a, full_matrices=False)
    C = np.sum(np.stack([u @ v, a]) ** 2) * np.sum(s)
    received, total = {}, {}
    for _, _, parts in engine.contributions(C, np.ones(()), None, received):
        for _, arg, part in parts:
            total[arg] = total[arg] + part if arg in total and not isinstance(part, list) else part
    np.testing.assert_array_equal(received[a], total[a])
    np.testing.assert_array_equal(received[a], engine.gradients(C, np.ones(()), {a})[a])


def test_an_anomaly_in_the_rule_of_a_sequence_is_seen(table):
    engine.RULES[np.concatenate] = (
        engine.Each(lambda g, y, arrays, axis=0: [np.full(a.shape, np.nan) for a in arrays]),
    )
    t = leaf([1.0, 2.0])
    y = np.sum(np.concatenate([t, t]))
    with tg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"np\.concatenate sent back 2 NaN of 2 values"):
        y.backward()
