"""Convolution and pooling against loops in plain NumPy, against PyTorch, and against finite differences."""

import copy
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine import ancestors
from tinygrad_edu.equations.structure import Structure
from tinygrad_edu.nn import INITIALIZERS, AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Sequential

few = settings(max_examples=settings.default.max_examples // 2)
SEEDS = st.integers(0, 2**32)


def pair(size):
    return size if isinstance(size, tuple) else (size, size)


def sizes(least, most):
    return st.integers(least, most) | st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def images(draw, kernel, padding, dilation=1, channels=None):
    """A batch that the kernel fits in; all numbers differ by more than the steps of finite differences."""
    n, c = draw(st.integers(1, 3)), channels or draw(st.integers(1, 3))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(*map(pair, (kernel, padding, dilation)), strict=True)]
    height, width = (size + draw(st.integers(0, 3)) for size in least)
    numbers = np.random.default_rng(draw(SEEDS)).permutation(n * c * height * width)
    return numbers.reshape(n, c, height, width) / numbers.size - 0.5


@st.composite
def convolutions(draw, most=3, dtype=np.float64):
    n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel, stride, padding = draw(sizes(1, most)), draw(sizes(1, most)), draw(sizes(0, 2))
    dilation = draw(sizes(1, 2))
    layer = Conv2d(n_in, n_out, kernel, stride, padding, dilation, rng=draw(SEEDS), dtype=dtype)
    return layer, draw(images(kernel, padding, dilation, n_in)).astype(dtype)


@st.composite
def poolings(draw):
    kernel = draw(sizes(1, 3))
    padding = tuple(draw(st.integers(0, k // 2)) for k in pair(kernel))
    stride = draw(st.none() | sizes(1, 3))
    layer = draw(st.sampled_from([MaxPool2d, AvgPool2d]))(kernel, stride, padding)
    return layer, draw(images(kernel, padding))


# --- The witness: loops over every output, from the formula in the docstring ----------------------------------


def windows_one_by_one(x, layer, fill):
    """For every output pixel (y, x) the pixels under the kernel, of shape (n, channels, kernel height, kernel width)."""
    (kh, kw), (sy, sx), (py, px) = layer.kernel_size, layer.stride, layer.padding
    dy, dx = getattr(layer, "dilation", (1, 1))
    padded = np.pad(x, ((0, 0), (0, 0), (py, py), (px, px)), constant_values=fill)
    for y in range((padded.shape[2] - dy * (kh - 1) - 1) // sy + 1):
        for x in range((padded.shape[3] - dx * (kw - 1) - 1) // sx + 1):
            top, left = y * sy, x * sx
            yield (y, x), padded[:, :, top : top + dy * kh : dy, left : left + dx * kw : dx][:, :, :kh, :kw]


def by_loops(layer, x):
    if isinstance(layer, Conv2d):
        W, b = layer.W.numpy(), layer.b.numpy()
        values = {p: np.einsum("ncij,ocij->no", w, W) + b for p, w in windows_one_by_one(x, layer, 0)}
    elif isinstance(layer, MaxPool2d):
        values = {p: w.max(axis=(2, 3)) for p, w in windows_one_by_one(x, layer, -np.inf)}
    else:
        values = {p: w.mean(axis=(2, 3)) for p, w in windows_one_by_one(x, layer, 0)}
    height, width = np.max(list(values), axis=0) + 1
    rows = [np.stack([values[y, x] for x in range(width)], axis=-1) for y in range(height)]
    return np.stack(rows, axis=-2)


LAYERS = convolutions() | poolings()


def value_of(y):
    return y.numpy() if isinstance(y, tg.Tensor) else y


@given(LAYERS)
def test_a_layer_is_its_formula(drawn):
    layer, x = drawn
    y = layer(x)
    np.testing.assert_allclose(value_of(y), by_loops(layer, x), rtol=0, atol=1e-13)


def function_and_point(layer, x):
    """The layer as a function of everything that it depends on."""

    def f(p):
        twin = copy.copy(layer)
        vars(twin).update(
            {name: a if isinstance(a, tg.Tensor) else tg.Tensor(a) for name, a in p.items() if name != "x"}
        )
        return twin(p["x"])

    return f, {"x": x, **layer.state_dict()}


@few
@given(LAYERS)
def test_derivatives_are_those_of_finite_differences(drawn):
    f, point = function_and_point(*drawn)
    tg.check_grads(lambda p: np.sin(f(p)), point, order=2)  # the sine: pooling alone has no second order


@few
@given(LAYERS, SEEDS)
def test_gradients_are_sums_over_the_loops(drawn, seed):
    """The gradient of Σ g y, by hand: the same loops, backwards."""
    layer, x = drawn
    f, point = function_and_point(layer, x)
    y, pull_back = tg.vjp(f, point)
    g = np.random.default_rng(seed).normal(size=y.shape)
    (found,) = pull_back(g)
    numbers = np.arange(x.size, dtype=float).reshape(x.shape)  # which pixel stands where
    expected = {name: np.zeros(value.size) for name, value in point.items()}
    places = dict(windows_one_by_one(numbers, layer, -1))
    for (i, j), window in windows_one_by_one(x, layer, -np.inf if isinstance(layer, MaxPool2d) else 0):
        into = places[i, j].astype(int)
        delta = g[:, :, i, j]
        if isinstance(layer, Conv2d):
            expected["W"] += np.einsum("no,ncij->ocij", delta, window).ravel()
            expected["b"] += delta.sum(axis=0)
            share = np.einsum("no,ocij->ncij", delta, layer.W.numpy())
        elif isinstance(layer, MaxPool2d):
            share = delta[:, :, None, None] * (window == window.max(axis=(2, 3), keepdims=True))
        else:
            share = np.broadcast_to(delta[:, :, None, None], window.shape) / window[0, 0].size
        np.add.at(expected["x"], into[into >= 0], share[into >= 0])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].ravel(), value, rtol=0, atol=1e-12, err_msg=name)


@few
@given(LAYERS, st.sampled_from([np.float64, np.float32]))
def test_compiled_it_gives_the_same(drawn, dtype):
    f, point = function_and_point(*drawn)
    point = {name: a.astype(dtype) for name, a in point.items()}

    def cost(p):
        return np.sum(np.sin(f(p)))

    C, gradient = tg.value_and_grad(cost)(point)
    again, compiled = tg.compile(tg.value_and_grad(cost))(point)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(again, C, rtol=tolerance, atol=tolerance)
    for name, g in gradient.items():
        np.testing.assert_allclose(compiled[name], g, rtol=0, atol=tolerance)
        assert compiled[name].dtype == g.dtype == dtype


# --- PyTorch ------------------------------------------------------------------------------------------------


def in_torch(layer):
    from torch.nn import functional

    options = {"stride": layer.stride, "padding": layer.padding}
    if isinstance(layer, Conv2d):
        return lambda p: functional.conv2d(p["x"], p["W"], p["b"], dilation=layer.dilation, **options)
    pool = functional.max_pool2d if isinstance(layer, MaxPool2d) else functional.avg_pool2d
    return lambda p: pool(p["x"], layer.kernel_size, **options)


@pytest.mark.peers
@given(LAYERS, SEEDS, st.sampled_from([np.float64, np.float32]))
def test_pytorch_agrees_at_first_and_second_order(drawn, seed, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")
    layer, x = drawn
    f, point = function_and_point(layer, x)
    rng = np.random.default_rng(seed)
    point = {name: a.astype(dtype) for name, a in point.items()}
    v = {name: rng.normal(size=a.shape).astype(dtype) for name, a in point.items()}
    theirs = {name: torch.tensor(a, requires_grad=True) for name, a in point.items()}

    y = in_torch(layer)(theirs)
    C = torch.sum(torch.sin(y))  # not linear, so that there is a second order in pooling, too
    first = torch.autograd.grad(C, list(theirs.values()), create_graph=True)
    slope = sum(torch.sum(g * torch.tensor(v[name])) for name, g in zip(theirs, first, strict=True))
    second = torch.autograd.grad(slope, list(theirs.values()))

    def cost(p):
        return np.sum(np.sin(f(p)))

    tolerance = {"rtol": 0, "atol": 1e-11 if dtype == np.float64 else 2e-4}
    np.testing.assert_allclose(value_of(f(point)), y.detach().numpy(), **tolerance)
    for mine, their in ((tg.grad(cost)(point), first), (tg.hvp(cost)(point, v), second)):
        assert {g.dtype for g in mine.values()} == {np.dtype(dtype)}
        for (name, g), t in zip(mine.items(), their, strict=True):
            np.testing.assert_allclose(g, t.detach().numpy(), err_msg=name, **tolerance)


def test_ties_share_the_gradient():
    x = tg.Tensor([[[[3.0, 1.0], [3.0, 3.0]]]], requires_grad=True)
    np.sum(MaxPool2d(2)(x)).backward()
    np.testing.assert_allclose(x.grad, [[[[1 / 3, 0], [1 / 3, 1 / 3]]]])


def test_not_a_number_stays_one():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 0, 0] = np.nan
    for layer in (MaxPool2d(2), AvgPool2d(2), Conv2d(1, 1, 2, 2, rng=0)):
        np.testing.assert_array_equal(np.isnan(value_of(layer(x)))[0, 0], [[True, False], [False, False]])


# --- Shapes, dtypes, starts -----------------------------------------------------------------------------------


def lenet(dtype=np.float64, rng=0):
    """Small: images of 8×8."""
    rng = np.random.default_rng(rng)
    return Sequential(
        Conv2d(1, 3, 3, padding=1, rng=rng, dtype=dtype, suffix="1"),
        tg.tanh,
        MaxPool2d(2),
        Conv2d(3, 4, 3, rng=rng, dtype=dtype, suffix="2"),
        tg.tanh,
        AvgPool2d(2),
        Flatten(),
        Linear(4, 10, rng=rng, dtype=dtype, suffix="3"),
        tg.softmax,
    )


@given(convolutions(dtype=np.float32))
def test_single_precision_stays(drawn):
    layer, x = drawn
    z = layer(x)
    np.sum(z * z).backward()
    assert {z.dtype, layer.W.grad.dtype, layer.b.grad.dtype} == {np.dtype(np.float32)}
    for pool in (MaxPool2d(1), AvgPool2d(1)):
        assert pool(x).dtype == np.float32


def test_whole_numbers_become_floats():
    x = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    assert MaxPool2d(2, padding=1)(x).dtype == AvgPool2d(2)(x).dtype == Flatten()(x).dtype == np.float64
    np.testing.assert_array_equal(MaxPool2d(2)(x.tolist()), [[[[5, 7], [13, 15]]]])
    np.testing.assert_array_equal(MaxPool2d(2)(x > 4), [[[[1, 1], [1, 1]]]])


def test_no_images_give_none():
    assert lenet()(np.zeros((0, 1, 8, 8))).shape == (0, 10)
    assert Flatten()(np.zeros((0, 1, 8, 8))).shape == (0, 64)


def test_parameters_and_their_names():
    net = lenet()
    assert {name: p.shape for name, p in net.named_parameters().items()} == {
        "layers.0.W": (3, 1, 3, 3),
        "layers.0.b": (3,),
        "layers.3.W": (4, 3, 3, 3),
        "layers.3.b": (4,),
        "layers.7.W": (4, 10),
        "layers.7.b": (10,),
    }
    assert [p.name for p in net.parameters()] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert not MaxPool2d(2).parameters() + AvgPool2d(2).parameters() + Flatten().parameters()
    assert net.layers[0](np.zeros((1, 1, 8, 8))).name == "z1"


def test_representations_are_calls():
    for text in (
        "Conv2d(1, 6, 5)",
        "Conv2d(1, 6, (5, 3), stride=2, padding=(1, 0), dilation=2)",
        "MaxPool2d(2)",
        "MaxPool2d(3, stride=2, padding=1)",
        "AvgPool2d((2, 1))",
        "Flatten()",
    ):
        assert repr(eval(text)) == text
    assert repr(Conv2d(1, 1, [2, 3], stride=[1, 1])) == "Conv2d(1, 1, (2, 3))"


@pytest.mark.parametrize(
    ("init", "of_W", "of_b"),
    [
        ("scaled", 1 / np.sqrt(4 * 15), 1),
        ("normal", 1, 1),
        ("glorot", np.sqrt(2 / (4 * 15 + 400 * 15)), 0),
        ("he", np.sqrt(2 / (4 * 15)), 0),
    ],
)
def test_starts(init, of_W, of_b):
    """An output unit has 4·15 inputs, an input goes into 400·15 of them."""
    layer = Conv2d(4, 400, (3, 5), init=init, rng=0)
    assert layer.W.shape == (400, 4, 3, 5)
    np.testing.assert_allclose(layer.W.data.std(), of_W, rtol=0.02)
    np.testing.assert_allclose(layer.b.data.std(), of_b, rtol=0.1)
    assert set(INITIALIZERS) == {"scaled", "normal", "glorot", "he"}


def test_the_same_seed_gives_the_same_layer():
    first, second, other = (Conv2d(2, 3, 3, rng=seed).flatten() for seed in (0, np.random.default_rng(0), 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


# --- In the company of the rest --------------------------------------------------------------------------------


def test_saved_and_loaded(tmp_path):
    net, other = lenet(rng=0), lenet(rng=1)
    net.save(tmp_path / "net.npz")
    other.load(tmp_path / "net.npz")
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8))
    np.testing.assert_array_equal(net(x).numpy(), other(x).numpy())
    third = lenet(rng=2)
    third.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(net(x).numpy(), third(x).numpy())


@pytest.mark.parametrize("compiled", [True, False])
def test_a_network_learns(compiled):
    """Which way do the stripes run? No pixel alone tells: their place is random."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=64)
    stripes = np.sin(np.arange(8) * 2 + rng.uniform(0, 6, size=(64, 1)))
    x = np.where(y[:, None, None] == 1, stripes[:, :, None], stripes[:, None, :]) * np.ones((8, 8))
    net = Sequential(Conv2d(1, 4, 3, rng=rng), tg.relu, MaxPool2d(2), Flatten(), Linear(36, 2, rng=rng), tg.softmax)
    optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
    history = tg.fit(
        net,
        x[:, None],
        y,
        cost="cross_entropy",
        optimizer=optimizer,
        epochs=15,
        batch_size=16,
        rng=0,
        progress=False,
        compiled=compiled,
    )
    assert history.accuracy[-1] == 1


def test_drawings_carry_equations_only_where_they_hold(tmp_path):
    """z = aW + b is in the last layer alone; a convolution is no matrix product of its a and W."""
    net = lenet()
    C = tg.costs.cross_entropy(net(np.random.default_rng(0).normal(size=(2, 1, 8, 8))), [1, 2])
    layers = Structure(C, [node for node in ancestors(C) if node.fn]).layers
    assert [[p.W.name for p in layer.products] for layer in layers] == [["W3"]]
    source = tg.draw(C, max_nodes=500).source
    assert set(re.findall(r"BP\d", source)) <= {"BP1", "BP3", "BP4"}
    assert "conv2d" in source
    tg.draw(C).save(tmp_path / "graph.dot")
    tg.explore(C, tmp_path / "film.html")
    only = np.sum(Conv2d(1, 2, 3, rng=0)(np.ones((1, 1, 4, 4))))
    for level in ("equations", "ops"):
        assert "BP" not in tg.draw(only, level=level, legend=False).source


# --- Errors -----------------------------------------------------------------------------------------------------

CONV, POOL = Conv2d(1, 2, 3, rng=0), MaxPool2d(3)
ERRORS = {
    "images without channels": (
        lambda: CONV(np.zeros((5, 8, 8))),
        ValueError,
        "(5, 8, 8)",
        "(n, 1, height",
        "x[:, None]",
    ),
    "rows of pixels": (
        lambda: CONV(np.zeros((5, 64))),
        ValueError,
        "(5, 64)",
        "x.reshape(-1, 1, height, width)",
    ),
    "pool without channels": (
        lambda: POOL(np.zeros((5, 8, 8))),
        ValueError,
        "MaxPool2d",
        "(n, channels, height, width)",
    ),
    "a number": (lambda: AvgPool2d(2)(1.0), ValueError, "AvgPool2d: x has shape ()"),
    "channels": (lambda: CONV(np.zeros((5, 3, 8, 8))), ValueError, "(5, 3, 8, 8)", "(n, 1, height, width)"),
    "channels last": (lambda: CONV(np.zeros((5, 8, 8, 1))), ValueError, "(5, 8, 8, 1)", "np.moveaxis(x, -1, 1)"),
    "single image": (
        lambda: Conv2d(3, 1, 3)(np.zeros((3, 8, 8))),
        ValueError,
        "width); a single image becomes x[None]",
    ),
    "small": (lambda: CONV(np.zeros((5, 1, 8, 2))), ValueError, "width 2 are smaller", "whose width is 3"),
    "small pool": (lambda: POOL(np.zeros((5, 1, 2, 8))), ValueError, "MaxPool2d", "height 2 are smaller"),
    "small, padded": (
        lambda: Conv2d(1, 1, 7, padding=1)(np.zeros((1, 1, 4, 4))),
        ValueError,
        "height 4, 6 with the padding, are smaller than the kernel, whose height is 7",
    ),
    "small, dilated": (
        lambda: Conv2d(1, 1, 3, dilation=2)(np.zeros((1, 1, 4, 4))),
        ValueError,
        "whose height is 3, spread over 5 by dilation 2",
    ),
    "words": (lambda: CONV([["a"]]), TypeError, "Conv2d: x must be real numbers"),
    "complex": (lambda: POOL(np.zeros((1, 1, 3, 3), complex)), TypeError, "MaxPool2d: x must be real numbers"),
    "flat number": (lambda: Flatten()(2.0), ValueError, "Flatten", "a single number"),
    "flat words": (lambda: Flatten()(["a"]), TypeError, "Flatten"),
    "stride 0": (lambda: Conv2d(1, 1, 3, stride=0), ValueError, "Conv2d: stride must be at least 1, not 0"),
    "pool stride 0": (lambda: MaxPool2d(2, stride=(1, 0)), ValueError, "MaxPool2d: stride must be at least 1, not 0"),
    "padding": (lambda: Conv2d(1, 1, 3, padding=-1), ValueError, "Conv2d: padding must be 0 or more, not -1"),
    "much padding": (
        lambda: AvgPool2d(3, padding=2),
        ValueError,
        "AvgPool2d: padding 2 is more than half of kernel_size 3",
    ),
    "dilation 0": (lambda: Conv2d(1, 1, 3, dilation=0), ValueError, "Conv2d: dilation must be at least 1, not 0"),
    "kernel 0": (lambda: Conv2d(1, 1, 0), ValueError, "Conv2d: kernel_size must be at least 1, not 0"),
    "no channels": (lambda: Conv2d(0, 1, 3), ValueError, "Conv2d: n_in must be at least 1, not 0"),
    "half a pixel": (lambda: Conv2d(1, 1, 2.5), TypeError, "Conv2d: kernel_size must be a whole number, not 2.5"),
    "a bool": (lambda: Conv2d(1, 1, 3, stride=True), TypeError, "Conv2d: stride must be a whole number, not True"),
    "a bool in a pair": (lambda: MaxPool2d((True, 2)), TypeError, "MaxPool2d: kernel_size", "not True"),
    "a bool of NumPy": (lambda: Conv2d(np.True_, 1, 3), TypeError, "Conv2d: n_in must be a whole number"),
    "a name": (
        lambda: Conv2d(1, 1, 3, padding="same"),
        TypeError,
        "Conv2d: padding must be a whole number, not 'same'",
    ),
    "three sizes": (
        lambda: Conv2d(1, 1, (3, 3, 3)),
        ValueError,
        "Conv2d: kernel_size",
        "two for height and width, not (3",
    ),
    "init": (lambda: Conv2d(1, 1, 3, init="glorrot"), ValueError, "Conv2d: init", "did you mean 'glorot'?"),
    "rng": (lambda: Conv2d(1, 1, 3, rng="x"), TypeError, "Conv2d: rng must be a seed"),
    "dtype": (lambda: Conv2d(1, 1, 3, dtype=int), TypeError, "Conv2d: dtype must be one of floats"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_would_fit(case):
    call, kind, *phrases = ERRORS[case]
    with pytest.raises(kind) as error:
        call()
    for phrase in phrases:
        assert phrase in str(error.value)
