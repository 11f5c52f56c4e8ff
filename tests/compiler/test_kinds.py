"""A program is never used for arguments that it was not written for, and what it would not repeat is refused."""

import collections
import copy
import enum
import functools
import pickle
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from test_compiler import arrays, assert_close

import tinygrad_edu as tg

X = np.array([1.0, 2.0, 3.0])


class Scaled:
    def __init__(self, factor, table=None):
        self.factor, self.table = factor, table

    def apply(self, x):
        return x * self.factor if self.table is None else x * self.factor + self.table

    __call__ = apply


class WithSlots:
    __slots__ = ("__hidden", "factor")

    def __init__(self, factor, hidden=0.0):
        self.factor, self.__hidden = factor, hidden

    def apply(self, x):
        return x * self.factor + self.__hidden


@dataclass(frozen=True)
class Config:
    rate: float
    names: tuple[str, ...] = ()


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


# --- The same program, or another ---------------------------------------------------------------------------------

FROZEN = [
    lambda: slice(0, 2),
    lambda: np.dtype(np.float32),
    lambda: (1, (2.5, "text"), None),
    lambda: frozenset([1, 2]),
    lambda: range(3),
    lambda: date(2026, 1, 1),
    lambda: Colour.RED,
    lambda: Config(0.1, ("a",)),
    lambda: functools.partial(np.clip, min=0),
    lambda: 1 + 2j,
    lambda: b"bytes",
    lambda: np.tanh,
    lambda: [Scaled(2.0)],
    lambda: {1, 2},
]


@pytest.mark.parametrize("make", FROZEN)
def test_equal_values_have_one_program(make):
    compiled = tg.compile(lambda x, value: x * 2)
    for _ in range(3):
        compiled(X, make())
    assert len(compiled.programs) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (slice(0, 2), slice(0, 1)),
        (slice(0, 2), slice(False, 2)),
        ({1}, {2}),
        (frozenset([1]), frozenset([1.0])),
        (Config(0.1), Config(0.2)),
        (Colour.RED, Colour.BLUE),
        (0.0, -0.0),
        (1, True),
        (functools.partial(np.clip, min=0), functools.partial(np.clip, min=1)),
        (Scaled(1.0).apply, Scaled(2.0).apply),
        (collections.deque([1]), collections.deque([2])),
        (type("Day", (date,), {"tag": 1})(2026, 1, 1), type("Day", (date,), {"tag": 1})(2026, 1, 2)),
    ],
)
def test_other_values_have_another_program(one, other):
    compiled = tg.compile(lambda x, value: x * 2)
    compiled(X, one)
    compiled(X, other)
    assert len(compiled.programs) == 2


# --- Objects are followed -----------------------------------------------------------------------------------------

CHANGES = [
    (lambda: Scaled(2.0), lambda s: setattr(s, "factor", 5.0)),
    (lambda: Scaled(2.0), lambda s: setattr(s, "factor", np.float32(5.0))),
    (lambda: Scaled(2.0, np.ones(3)), lambda s: s.table.__setitem__(0, 7.0)),
    (lambda: Scaled(np.float64(2.0), np.ones(3)), lambda s: setattr(s, "table", None)),
    (lambda: WithSlots(2.0), lambda s: setattr(s, "factor", 5.0)),
    (lambda: WithSlots(2.0), lambda s: setattr(s, "_WithSlots__hidden", 5.0)),
    (lambda: Scaled(tg.Tensor([2.0])), lambda s: setattr(s, "factor", tg.Tensor([3.0]))),
    (lambda: Scaled(tg.Tensor([2.0])), lambda s: s.factor.data.__setitem__(0, 3.0)),
]


@pytest.mark.parametrize(("make", "change"), CHANGES)
def test_attributes_are_followed(make, change):
    """In an object among the arguments, in the object of a method, and in a list of them."""
    for compiled, call in (
        (tg.compile(lambda s, x: s.apply(x)), lambda f, s: f(s, X)),
        (tg.compile(lambda s, x: s["deep"][0].apply(x)), lambda f, s: f({"deep": [s]}, X)),
    ):
        thing = make()
        for _ in range(2):
            assert_close(call(compiled, thing), thing.apply(X))
        change(thing)
        for _ in range(2):
            assert_close(call(compiled, thing), thing.apply(X))
    thing = make()
    compiled = tg.compile(thing.apply)
    assert_close(compiled(X), thing.apply(X))
    change(thing)
    assert_close(compiled(X), thing.apply(X))


def test_a_model_is_followed():
    net = tg.nn.MLP([3, 2], rng=0)
    compiled = tg.compile(net)
    compiled(X[None])
    net.layers[0].activation = "tanh"
    assert_close(compiled(X[None]), net(X[None]))


def test_objects_that_refer_to_each_other():
    one, other = Scaled(2.0), Scaled(3.0)
    one.friend, other.friend = other, one
    compiled = tg.compile(lambda s, x: s.friend.apply(x))
    for _ in range(2):
        assert_close(compiled(one, X), X * 3)
    other.factor = 4.0
    assert_close(compiled(one, X), X * 4)


@pytest.mark.parametrize("make", [lambda: iter([1, 2]), lambda: (i for i in range(2)), lambda: bytearray(b"ab")])
def test_what_changes_without_notice_is_refused(make):
    with pytest.raises(TypeError, match="read only once, or changes"):
        tg.compile(lambda x, y: x * len(list(y)))(X, make())


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", [lambda: np.ma.array([1.0, 2.0], mask=[0, 1]), lambda: np.asmatrix(np.eye(2))])
def test_arrays_with_rules_of_their_own_are_refused(make):
    with pytest.raises(TypeError, match=r"compile: an argument is a .*; pass np\.asarray"):
        tg.compile(lambda x: x * x)(make())


# --- What a program would not repeat ------------------------------------------------------------------------------


@dataclass
class Answer:
    value: object


class SubDict(dict):
    pass


@pytest.mark.parametrize(
    "f",
    [
        lambda x: Answer(x * 2),
        lambda x: {x * 2},
        lambda x: collections.deque([x * 2]),
        lambda x: (x * i for i in range(2)),
        lambda x: map(np.sin, [x]),
        lambda x: [x, {"a": Answer(3)}],
        lambda x: lambda: x * 2,
        lambda x: tg.vjp(np.sin, x),
        lambda x: SubDict(a=x * 2),
        lambda x: collections.OrderedDict(a=x * 2),
    ],
)
def test_a_result_that_is_no_container_of_arrays_is_refused(f):
    compiled = tg.compile(f)
    with pytest.raises(TypeError, match=r"compile: there is a .* in the result"):
        compiled(X)
    assert not compiled.programs


LOG = []


class Remembering:
    def __call__(self, x):
        self.last = np.tanh(x)
        return self.last * 2


class Cyclic:
    def __call__(self, x):
        def step(n, y):
            return y if n == 0 else step(n - 1, np.tanh(y))  # a function that refers to itself

        return step(3, x)


@pytest.mark.parametrize(
    "f",
    [
        Remembering(),
        lambda x: (LOG.append(x * 2), x)[1],
        lambda x: (LOG.append(x), x * 2)[1],
        lambda x: (LOG.append({"a": [x > 0]}), x)[1],
    ],
)
def test_a_tensor_that_is_kept_outside_is_refused(f):
    LOG.clear()
    compiled = tg.compile(f)
    with pytest.raises(TypeError, match=r"compile: the function keeps a tensor of shape .* return it instead"):
        compiled(X)
    assert not compiled.programs


def test_a_function_that_refers_to_itself_keeps_nothing():
    assert_close(tg.compile(Cyclic())(X), Cyclic()(X))


class Counting:
    def __init__(self):
        self.count, self.seen = 0, []

    def __call__(self, x):
        self.count += 1
        return x * 2


class Listing(Counting):
    def __call__(self, x):
        self.seen.append("a call")
        return x * 2


@pytest.mark.parametrize("kind", [Counting, Listing])
def test_attributes_that_change_in_every_run_are_refused(kind):
    thing = kind()
    for f, args in (
        (thing, (X,)),
        (lambda s, x: s(x), (thing, X)),
        (functools.partial(lambda s, x: s(x), thing), (X,)),
    ):
        with pytest.raises(TypeError, match="changes attributes of an object"):
            tg.compile(f)(*args)


def test_what_is_computed_once_and_kept_is_no_change():
    class Lazy:
        def __call__(self, x):
            if not hasattr(self, "places"):
                self.places = np.arange(3)[::-1]
            return x[self.places]

    lazy = Lazy()
    compiled = tg.compile(lazy)
    for _ in range(2):
        assert_close(compiled(X), X[::-1])


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda d: (d.__setitem__("new", d["a"] * 2), d["a"])[1], lambda: {"a": X}),
        (lambda d: (d.append(d[0] * 2), d[0])[1], lambda: [X]),
        (lambda d: (d.__setitem__(0, d[0] * 2), d[0])[1], lambda: [X]),
    ],
)
def test_changed_containers_are_refused(f, argument):
    with pytest.raises(TypeError, match="changes a list or dict among its arguments"):
        tg.compile(f)(argument())


# --- Copies -------------------------------------------------------------------------------------------------------


@tg.compile
def doubled(x):
    return x * 2


def test_copies_and_pickles():
    for f in (np.sin, tg.nn.MLP([3, 2], rng=0)):
        compiled = tg.compile(f, backend="auto")
        compiled(X[None])
        for twin in (copy.copy(compiled), copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
            assert not twin.programs
            assert_close(twin(X[None]), f(X[None]))
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    net = tg.nn.MLP([3, 2], rng=0)
    compiled = tg.compile(net)
    twin = copy.deepcopy(compiled)
    net.weights[0].data[...] = 0
    assert not np.array_equal(arrays(twin(X[None]))[0], arrays(compiled(X[None]))[0])


def test_the_attributes_of_an_object_are_not_taken_for_those_of_the_compiled_function():
    scaled = Scaled(2.0)
    scaled._f = scaled._programs = scaled._lock = "something else"
    assert_close(tg.compile(scaled)(X), X * 2)


# --- Other things found -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.sort(x) ** 3 * np.arange(4.0)),
        lambda x: np.median(x) ** 3,
        lambda x: np.quantile(x, 0.3) ** 3,
        lambda x: np.sum(np.partition(x, 2)[:2] ** 3),
        lambda x: np.sum(np.take_along_axis(x, np.argsort(-x), 0) ** 3 * np.arange(4.0)),
    ],
)
def test_orders_in_second_derivatives(f):
    runs = [np.array([3.0, 1, 2, 5]), np.array([-1.0, 2, 0.5, 0])]
    for g in (
        tg.hessian(f),
        tg.jacobian(tg.grad(f)),
        lambda x: tg.jvp(f, (x,), (x,)),
        lambda x: tg.jvp(tg.grad(f), (x,), (np.ones(4),)),
        lambda x: tg.hvp(f)(x, x),
    ):
        compiled = tg.compile(g)
        for x in runs:
            assert_close(compiled(x), g(x))


def test_a_transposed_factor_that_is_not_differentiated():
    f = tg.value_and_grad(lambda x, y: np.sum(np.tanh(x @ y.T)))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    assert_close(tg.compile(f)(x, y), f(x, y))


def test_long_doubles():
    third = np.longdouble(1) / 3
    f = tg.value_and_grad(lambda x: np.sum(np.tanh(x) * third * 2 + 1) + np.sum(np.full(3, third)))
    x = np.linspace(0, 1, 3, dtype=np.longdouble)
    assert_close(tg.compile(f)(x), f(x), float(8 * np.finfo(np.longdouble).eps))


# --- The testers are tested ---------------------------------------------------------------------------------------


def test_a_guard_that_does_not_look_into_objects_is_caught(monkeypatch):
    from tinygrad_edu.compiler import kinds

    monkeypatch.setattr(kinds, "_watched", lambda objects: lambda: True)
    for make, change in CHANGES[:-1]:
        with pytest.raises(AssertionError):
            test_attributes_are_followed(make, change)


def test_a_trace_that_forgets_what_is_kept_is_caught(monkeypatch):
    from tinygrad_edu.compiler import trace

    monkeypatch.setattr(trace, "_refuse_what_is_left_behind", lambda made: None)
    with pytest.raises(BaseException, match="DID NOT RAISE"):
        test_a_tensor_that_is_kept_outside_is_refused(lambda x: (LOG.append(x * 2), x)[1])
