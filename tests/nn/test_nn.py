"""Layers and networks: shapes, names, seeds, initial weights, parameters, copies, and every error message."""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine import ancestors
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import INITIALIZERS, MLP, Layer, Linear, Module, Sequential, split

SEEDS = st.integers(0, 2**32)
NAMES = st.sampled_from(sorted(ACTIVATIONS))


@st.composite
def networks(draw, **options):
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    hidden = draw(st.lists(NAMES, min_size=len(sizes) - 2, max_size=len(sizes) - 2))
    init = draw(st.sampled_from(sorted(INITIALIZERS)))
    return MLP(sizes, hidden, draw(NAMES), init, rng=draw(SEEDS), **options)


def values(model):
    return [p.numpy() for p in model.parameters()]


def assert_same_bits(mine, theirs):
    assert [(a.tobytes(), a.shape, a.dtype) for a in mine] == [(b.tobytes(), b.shape, b.dtype) for b in theirs]


def assert_gradient_is_the_slope(model, x, h=1e-5):
    """The gradient of Σ a² in x and in every parameter, against central differences of every entry."""
    x = tg.Tensor(x, requires_grad=True)

    def C():
        return np.sum(np.square(model(x)))

    for t in (leaves := [x, *model.parameters()]):
        t.zero_grad()
    C().backward()
    for t in leaves:
        start = t.numpy()
        for i in np.ndindex(t.shape):
            ends = []
            for step in (-h, h):
                t.data[i] = start[i] + step
                ends.append(C().item())
            t.data[i] = start[i]
            np.testing.assert_allclose(t.grad[i], (ends[1] - ends[0]) / (2 * h), rtol=1e-8, atol=1e-8)


# --- the network is its equations -----------------------------------------------------------------------


@given(net=networks(), n=st.integers(1, 4), seed=SEEDS)
def test_mlp_is_its_equations(net, n, seed):
    a = x = np.random.default_rng(seed).normal(size=(n, net.sizes[0]))
    for l, name in enumerate([*net.activation, net.output]):
        z = a @ net.weights[l].numpy() + net.biases[l].numpy()
        a = ACTIVATIONS[name](z)
    found = net(x)
    assert found.shape == (n, net.sizes[-1])
    np.testing.assert_array_equal(np.asarray(tg.stop_gradient(found)), a)
    np.testing.assert_array_equal(net.logits(x).numpy(), z)


@given(net=networks())
def test_shapes_and_names_of_parameters(net):
    L = len(net.sizes) - 1
    assert [W.shape for W in net.weights] == list(zip(net.sizes, net.sizes[1:], strict=False))
    assert [b.shape for b in net.biases] == [(n,) for n in net.sizes[1:]]
    names = [f"{letter}{l}" for l in range(1, L + 1) for letter in "Wb"]
    assert list(net.named_parameters()) == names
    assert [p.name for p in net.parameters()] == names
    assert [p is q for p, q in zip(net.parameters(), net.named_parameters().values(), strict=True)] == [True] * 2 * L
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert [layer.number for layer in net.layers] == list(range(1, L + 1))
    for layer, W, b in zip(net.layers, net.weights, net.biases, strict=True):
        assert layer.linear.W is W
        assert layer.linear.b is b


def test_names_of_z_and_a_and_their_scopes():
    net = MLP([2, 3, 4, 1], ["tanh", "relu"], "sigmoid", rng=0)
    named = {node.name: node for node in ancestors(net(np.ones((5, 2)))) if node.name}
    assert set(named) == {f"{letter}{l}" for letter in "Wbza" for l in (1, 2, 3)}
    assert named["z2"].shape == named["a2"].shape == (5, 4)
    assert [s.name for s in named["z2"].scope.path()] == ["layer 2", "linear"]
    assert [s.name for s in named["a2"].scope.path()] == ["layer 2", "relu"]
    assert named["a2"].parents[-1] is named["z2"]


def test_identity_output_keeps_the_name_z():
    net = MLP([2, 3, 1], output="identity", rng=0)
    assert net(np.ones((5, 2))).name == "z2"


@given(net=networks())
def test_attributes_and_repr(net):
    assert isinstance(net.sizes, list)
    assert [layer.activation for layer in net.layers] == [*net.activation, net.output]
    assert repr(net) == f"MLP({net.sizes}, activation={net.activation}, output={net.output!r})"


def test_repr_of_layers():
    assert repr(Linear(3, 2)) == "Linear(3, 2)"
    assert repr(MLP([3, 2]).layers[0]) == "Layer(Linear(3, 2), 'sigmoid')"
    assert repr(Sequential(Linear(3, 2), tg.tanh)) == "Sequential(Linear(3, 2), tanh)"


def test_one_activation_for_all_or_one_each():
    assert MLP([2, 3, 4, 1], "tanh").activation == ["tanh", "tanh"]
    assert MLP([2, 3, 4, 1], ("tanh", "elu")).activation == ["tanh", "elu"]
    assert MLP([2, 1], "tanh").activation == []
    assert MLP([2, 3, 1]).activation == ["sigmoid"]
    assert MLP([2, 3, 1]).output == "sigmoid"
    a = MLP([3, 4], output="softmax", rng=0)(np.ones((5, 3)))
    np.testing.assert_allclose(a.numpy().sum(axis=1), 1)


def test_inputs_as_lists_tensors_and_whole_numbers():
    net = MLP([2, 3, 1], rng=0)
    expected = net(np.array([[1.0, 2.0]])).numpy()
    for x in ([[1, 2]], np.array([[1, 2]]), tg.Tensor([[1.0, 2.0]])):
        np.testing.assert_array_equal(net(x).numpy(), expected)


def test_gradient_with_respect_to_the_input():
    net = MLP([2, 3, 1], "tanh", rng=0)
    assert_gradient_is_the_slope(net, np.array([[0.3, -0.2], [1.0, 0.5]]))


def test_sizes_given_are_not_shared():
    sizes = [2, 3, 1]
    net = MLP(sizes, rng=0)
    sizes.append(7)
    assert net.sizes == [2, 3, 1]


# --- initial values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", INITIALIZERS)
@given(seed=SEEDS)
def test_same_seed_same_bits(init, seed):
    nets = [MLP([3, 4, 2], init=init, rng=rng) for rng in (seed, seed, np.random.default_rng(seed))]
    for net in nets[1:]:
        assert_same_bits(values(nets[0]), values(net))
    assert values(MLP([3, 4, 2], init=init, rng=seed + 1))[0].tobytes() != values(nets[0])[0].tobytes()
    assert_same_bits(values(Linear(3, 4, init, rng=seed)), values(Linear(3, 4, init, rng=np.random.default_rng(seed))))


def test_a_generator_moves_on_and_no_seed_is_different_each_time():
    rng = np.random.default_rng(0)
    for source in (rng, None):
        first, second = Linear(3, 4, rng=source), Linear(3, 4, rng=source)
        assert not np.array_equal(first.W.numpy(), second.W.numpy())
    W1, W2 = MLP([3, 3, 3], rng=0).weights
    assert not np.array_equal(W1.numpy(), W2.numpy())


@pytest.mark.parametrize(
    ("init", "variance", "bias"),
    [("scaled", 1 / 400, 1), ("normal", 1, 1), ("glorot", 2 / 500, 0), ("he", 2 / 400, 0)],
)
def test_statistics_of_initial_values(init, variance, bias):
    layers = [Linear(400, 100, init, rng=seed) for seed in range(20)]
    W = np.concatenate([layer.W.numpy() for layer in layers])
    b = np.concatenate([layer.b.numpy() for layer in layers])
    # Of 800,000 draws the mean has standard error σ/894, and the variance a relative one of 1/632.
    assert abs(W.mean()) < 5 / 894 * np.sqrt(variance)
    assert abs(W.var() / variance - 1) < 5 / 632
    within = np.mean(np.abs(W) < np.sqrt(variance))
    assert abs(within - 0.6827) < 0.005  # normal, not uniform: 68% within one standard deviation
    assert abs(b.mean()) < 5 / np.sqrt(2000)
    assert abs(b.var() - bias) < 5 * np.sqrt(2 / 2000)
    assert bias or not b.any()


def test_scaled_is_the_default():
    assert_same_bits(values(MLP([3, 4, 2], rng=0)), values(MLP([3, 4, 2], init="scaled", rng=0)))
    assert_same_bits(values(Linear(3, 4, rng=0)), values(Linear(3, 4, "scaled", 0)))


@given(net=networks(dtype=np.float32))
def test_float32_networks(net):
    x = np.ones((2, net.sizes[0]), np.float32)
    assert all(p.dtype == np.float32 for p in net.parameters())
    assert net.logits(x).dtype == net(x).dtype == np.float32
    cost = tg.costs.quadratic(net.logits(x), np.zeros((2, net.sizes[-1])))
    cost.backward()
    assert cost.dtype == np.float32
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {np.dtype(np.float32)}


def test_float32_is_the_float64_network_rounded():
    wide, narrow = (MLP([3, 4, 2], rng=0, dtype=dtype) for dtype in (np.float64, np.float32))
    assert_same_bits([a.astype(np.float32) for a in values(wide)], values(narrow))


# --- layers ---------------------------------------------------------------------------------------------


@given(n_in=st.integers(1, 5), n_out=st.integers(1, 5), n=st.integers(0, 4), seed=SEEDS)
def test_linear(n_in, n_out, n, seed):
    layer = Linear(n_in, n_out, rng=seed)
    x = np.random.default_rng(seed).normal(size=(n, n_in))
    np.testing.assert_array_equal(layer(x).numpy(), x @ layer.W.numpy() + layer.b.numpy())
    assert list(layer.named_parameters()) == ["W", "b"]
    assert (layer.W.name, layer.b.name, layer(x).name) == ("W", "b", "z")
    assert layer(x).scope.name == "linear"


def test_linear_takes_one_example_and_stacks_of_batches():
    layer = Linear(2, 3, rng=0)
    assert layer([1.0, 2.0]).shape == (3,)
    assert layer(np.ones((5, 4, 2))).shape == (5, 4, 3)


def test_suffix_of_names():
    layer = Linear(2, 3, suffix="7")
    assert (layer.W.name, layer.b.name, layer(np.ones((1, 2))).name) == ("W7", "b7", "z7")


def test_sequential():
    first, second = Linear(2, 3, rng=0), Linear(3, 1, rng=1)
    model = Sequential(first, tg.tanh, second, lambda z: 2 * z)
    x = np.array([[1.0, -1.0]])
    expected = 2 * (np.tanh(x @ first.W.numpy() + first.b.numpy()) @ second.W.numpy() + second.b.numpy())
    np.testing.assert_array_equal(model(x).numpy(), expected)
    assert list(model.named_parameters()) == ["layers.0.W", "layers.0.b", "layers.2.W", "layers.2.b"]
    assert [id(p) for p in model.parameters()] == [id(p) for p in (first.W, first.b, second.W, second.b)]
    assert Sequential()(x) is x
    assert Sequential().parameters() == []


def test_a_sequential_of_the_layers_is_the_mlp():
    net = MLP([2, 3, 1], rng=0)
    x = np.ones((4, 2))
    np.testing.assert_array_equal(Sequential(*net.layers)(x).numpy(), net(x).numpy())
    assert [id(p) for p in Sequential(net).parameters()] == [id(p) for p in net.parameters()]
    assert list(Sequential(net).named_parameters()) == ["layers.0.W1", "layers.0.b1", "layers.0.W2", "layers.0.b2"]


class Own(Module):
    """A model as a student writes it: tensors, modules and lists of both, one of them used twice."""

    def __init__(self):
        self.scale = tg.Tensor([2.0], requires_grad=True)
        self.frozen = tg.Tensor([5.0])
        self.shared = Linear(2, 2, rng=0)
        self.blocks = [Linear(2, 2, rng=1), [self.shared, tg.tanh], (tg.Tensor(3.0, requires_grad=True), "text")]
        self.note = {"anything": 1}

    def __call__(self, x):
        for layer in (self.shared, self.blocks[0], *self.blocks[1]):
            x = layer(x)
        return x * self.scale * self.blocks[2][0] + self.frozen


def test_own_module_lists_its_parameters():
    model = Own()
    assert list(model.named_parameters()) == [
        "scale", "shared.W", "shared.b", "blocks.0.W", "blocks.0.b", "blocks.1.0.W", "blocks.1.0.b", "blocks.2.0",
    ]  # fmt: skip
    assert len(model.parameters()) == 6  # the shared layer counts once
    assert all(p.requires_grad for p in model.parameters())
    tg.costs.quadratic(model(np.ones((3, 2))), np.zeros((3, 2))).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
    assert model.frozen.grad is None
    assert_gradient_is_the_slope(model, np.array([[0.3, -0.2]]))


def test_module_without_call():
    class Unfinished(Module):
        pass

    with pytest.raises(NotImplementedError):
        Unfinished()(np.ones((1, 2)))


def test_freezing_a_parameter():
    net = MLP([2, 3, 1], rng=0)
    sequence = Sequential(*net.layers)
    net.weights[0].requires_grad = False
    assert "layers.0.linear.W" not in sequence.named_parameters()
    tg.costs.quadratic(sequence(np.ones((1, 2))), [[0.0]]).backward()
    assert net.weights[0].grad is None
    assert net.biases[0].grad is not None


# --- copies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [lambda: MLP([2, 3, 1], "tanh", rng=0), lambda: Sequential(Linear(2, 1, rng=0)), Own])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_are_equal_and_independent(build, duplicate):
    model, x = build(), np.array([[1.0, -2.0]])
    tg.costs.quadratic(model(x), np.zeros_like(model(x).numpy())).backward()
    twin = duplicate(model)
    assert list(twin.named_parameters()) == list(model.named_parameters())
    assert_same_bits(values(twin), values(model))
    assert [p.name for p in twin.parameters()] == [p.name for p in model.parameters()]
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad, q.grad)
        assert not np.shares_memory(p.grad, q.grad)
    before = model(x).numpy()
    np.testing.assert_array_equal(twin(x).numpy(), before)
    tg.optim.SGD(twin.parameters(), lr=1.0).step()
    twin.parameters()[0].data[...] += 1
    np.testing.assert_array_equal(model(x).numpy(), before)
    assert not np.array_equal(twin(x).numpy(), before)


def test_a_copied_shared_layer_is_still_shared():
    twin = copy.deepcopy(Own())
    assert twin.shared is twin.blocks[1][0]
    assert len(twin.parameters()) == 6


# --- error messages -------------------------------------------------------------------------------------

WRONG = [
    (lambda: MLP([]), "MLP: sizes [] must name at least the inputs and the outputs, each of 1 or more, for example ["),
    (lambda: MLP([3]), "MLP: sizes [3] must name at least the inputs and the outputs"),
    (lambda: MLP([3, 0]), "MLP: sizes [3, 0] must name at least the inputs and the outputs, each of 1 or more"),
    (lambda: MLP([3, -2, 1]), "MLP: sizes [3, -2, 1] must name"),
    (
        lambda: MLP([3, 2, 1], ["tanh", "tanh"]),
        "MLP: 2 activations for 1 hidden layers; give one name for all, or one for each (the output layer has output=)",
    ),
    (lambda: MLP([3, 2, 2, 1], ["tanh"]), "MLP: 1 activations for 2 hidden layers"),
    (
        lambda: MLP([3, 2, 1], "sigmiod"),
        "MLP: activation of layer 1: unknown name 'sigmiod'; did you mean 'sigmoid'? known: elu, gelu",
    ),
    (
        lambda: MLP([3, 2, 2, 1], ["tanh", "rellu"]),
        "MLP: activation of layer 2: unknown name 'rellu'; did you mean 'relu'?",
    ),
    (
        lambda: MLP([3, 2, 1], output="sotfmax"),
        "MLP: activation of layer 2: unknown name 'sotfmax'; did you mean 'softmax'?",
    ),
    (
        lambda: MLP([3, 2], init="gloro"),
        "Linear: init: unknown name 'gloro'; did you mean 'glorot'? known: glorot, he, normal, scaled",
    ),
    (lambda: MLP([3, 2], init="xyzzy"), "Linear: init: unknown name 'xyzzy'; known: glorot"),
    (lambda: Linear(3, 2, "Normal"), "Linear: init: unknown name 'Normal'; did you mean 'normal'?"),
    (lambda: Linear(0, 2), "Linear: n_in and n_out must be at least 1, not 0 and 2"),
    (lambda: Linear(2, -1), "Linear: n_in and n_out must be at least 1, not 2 and -1"),
    (lambda: Layer(Linear(2, 2), "tahn", 3), "MLP: activation of layer 3: unknown name 'tahn'; did you mean 'tanh'?"),
    (
        lambda: MLP([3, 2])(np.ones(3)),
        "MLP: x has shape (3,), but this network takes (n, 3), one example a row; a single one is x[None, :]",
    ),
    (lambda: MLP([3, 2])(np.ones(4)), "MLP: x has shape (4,), but this network takes (n, 3), one example a row"),
    (lambda: MLP([3, 2])(np.ones((5, 4))), "MLP: x has shape (5, 4), but this network takes (n, 3), one example a row"),
    (lambda: MLP([3, 2])(tg.Tensor(np.ones((3, 5)))), "MLP: x has shape (3, 5), but this network takes (n, 3)"),
    (lambda: MLP([3, 2]).logits(np.ones((5, 4))), "MLP: x has shape (5, 4), but this network takes (n, 3)"),
    (lambda: MLP([3, 2])(1.0), "MLP: x has shape (), but this network takes (n, 3)"),
    (
        lambda: Linear(3, 2)(np.ones((5, 4))),
        "Linear: x has shape (5, 4), but this layer takes (n, 3), one example a row",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_wrong_arguments(wrong, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        wrong()


def test_parameters_in_a_dict_are_found():
    class Heads(tg.nn.Module):
        def __init__(self):
            self.heads = {"a": tg.nn.Linear(2, 1, rng=0), "b": tg.nn.Linear(2, 1, rng=1)}

    assert list(Heads().named_parameters()) == ["heads.a.W", "heads.a.b", "heads.b.W", "heads.b.b"]


def test_an_array_is_taken_in_the_dtype_of_the_network():
    net = tg.nn.MLP([2, 3, 1], rng=0, dtype=np.float32)
    assert net(np.ones((4, 2))).dtype == np.float32
    assert net(np.ones((4, 2), np.uint8)).dtype == np.float32
    assert net(tg.Tensor(np.ones((4, 2)))).dtype == np.float64


# --- the last step: weighted inputs, and the function that makes outputs of them -------------------------


@given(net=networks(), n=st.integers(1, 4), seed=SEEDS)
def test_split_is_the_network_in_two_parts(net, n, seed):
    x = np.random.default_rng(seed).normal(size=(n, net.sizes[0]))
    for model in (net, Sequential(*net.layers), Sequential(net), Sequential(tg.identity, Sequential(*net.layers))):
        logits, sigma = split(model)
        assert sigma is ACTIVATIONS[net.output]
        np.testing.assert_array_equal(logits(x).numpy(), net.logits(x).numpy())
        np.testing.assert_array_equal(tg.stop_gradient(sigma(logits(x))), tg.stop_gradient(model(x)))


@pytest.mark.parametrize(
    ("model", "sigma"),
    [
        (Sequential(Linear(2, 3, rng=0), tg.softmax), tg.softmax),
        (Sequential(Linear(2, 3, rng=0)), tg.identity),
        (Sequential(), tg.identity),
        (Linear(2, 3, rng=0), tg.identity),
        (tg.tanh, tg.tanh),
    ],
    ids=["softmax", "linear in a row", "empty", "linear", "function"],
)
def test_split_of_layers_and_functions(model, sigma):
    x = np.array([[1.0, -2.0]])
    logits, found = split(model)
    assert found is sigma
    np.testing.assert_array_equal(tg.stop_gradient(found(logits(x))), tg.stop_gradient(model(x)))


class Doubled:
    """Stands before a network class, and calls it twice as large."""

    def __call__(self, x):
        return super().__call__(x) * 2


def test_a_class_with_its_own_call_does_not_inherit_the_split():
    class Louder(MLP):
        def __call__(self, x):
            return super().__call__(x) * 2

    class Mixed(Doubled, MLP):
        pass

    class OwnLogits(MLP):  # which MLP.__call__ does not use
        def logits(self, x):
            return super().logits(x) * 2

    class Told(MLP):
        def __call__(self, x):
            return tg.tanh(self.logits(x))

        def split(self):
            return self.logits, tg.tanh

    class More(Told):
        pass

    x = np.array([[1.0, -2.0]])
    for kind, sigma in [(Louder, tg.identity), (Mixed, tg.identity), (OwnLogits, tg.sigmoid), (More, tg.tanh)]:
        for model in (kind([2, 3, 1], rng=0), Sequential(kind([2, 3, 1], rng=0))):
            logits, found = split(model)
            assert found is sigma
            np.testing.assert_array_equal(found(logits(x)).numpy(), model(x).numpy())


def test_a_layer_put_in_later_is_the_one_that_is_split():
    net = MLP([2, 3, 1], rng=0)
    net.layers[-1] = Layer(net.layers[-1].linear, "tanh", 2)
    x = np.array([[1.0, -2.0]])
    logits, sigma = split(net)
    assert sigma is tg.tanh
    np.testing.assert_array_equal(sigma(logits(x)).numpy(), net(x).numpy())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: MLP("abc"),
            "MLP: sizes must be whole numbers, from the inputs to the outputs, as in [784, 30, 10], not",
        ),
        (lambda: MLP(3), "MLP: sizes must be whole numbers"),
        (lambda: MLP([3, 2.5]), "MLP: sizes must be whole numbers"),
        (lambda: MLP([3, True]), "MLP: sizes must be whole numbers"),
        (lambda: MLP([3, 2], dtype=bool), "Linear: dtype must be one of floats, such as np.float32, not bool"),
        (lambda: MLP([3, 2], dtype=int), "Linear: dtype must be one of floats, such as np.float32, not int64"),
        (
            lambda: MLP([3, 2], activation=None),
            "MLP: activation must be a name or a function, or one for each hidden layer, not None",
        ),
        (
            lambda: MLP([3, 2], rng="x"),
            "MLP: rng must be a seed (an integer from 0 up), a numpy Generator or None, not 'x'",
        ),
        (lambda: MLP([3, 2], rng=-1), "MLP: rng must be a seed"),
        (lambda: Linear(2.5, 3), "Linear: n_in and n_out must be whole numbers, not 2.5 and 3"),
        (lambda: Linear("2", 3), "Linear: n_in and n_out must be whole numbers, not '2' and 3"),
        (lambda: MLP([1, 2])([["1"]]), "MLP: x must be real numbers, not of dtype <U1"),
        (lambda: MLP([1, 2])([[1j]]), "MLP: x must be real numbers, not of dtype complex128"),
        (lambda: MLP([1, 2])([[None]]), "MLP: x must be real numbers, not of dtype object"),
    ],
)
def test_arguments_of_a_wrong_kind(wrong, message):
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: Linear(3, 2)(1.0), ValueError, "Linear: x has shape (), but this layer takes (n, 3), one example a"),
        (lambda: Linear(3, 2)("abc"), TypeError, "Linear: x must be real numbers, not of dtype <U3"),
        (lambda: Linear(3, 2)(None), TypeError, "Linear: x must be real numbers, not of dtype object"),
        (lambda: Linear(3, 2, init=["he"]), ValueError, "Linear: init: unknown name ['he']; known: glorot"),
        (lambda: MLP([3, 2], output=["relu"]), ValueError, "MLP: activation of layer 1: unknown name ['relu']; did"),
        (
            lambda: MLP([1, 2])(np.ones(4)),
            ValueError,
            "MLP: x has shape (4,), but this network takes (n, 1), one exampl",
        ),
        (lambda: tg.nn.Module()(1), NotImplementedError, "Module does not say what it computes: define __call__(self,"),
    ],
)
def test_programs_that_are_wrong(wrong, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        wrong()


def test_numbers_in_a_row_are_told_the_way_out():
    with pytest.raises(ValueError, match=r"numbers in a row are x\[:, None\]$"):
        MLP([1, 2])(np.ones(4))


def test_a_sequential_takes_its_layers_in_a_list_too():
    layers = [Linear(2, 3, rng=0), tg.tanh]
    for net in (Sequential(layers), Sequential(tuple(layers)), Sequential(*layers)):
        assert net.layers == layers
        assert len(net.parameters()) == 2


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Linear(2, 3, rng=0), "relu"), "Sequential: layer 2 must be a module or a function, not 'relu'; as in"),
        (([Linear(2, 3, rng=0), None],), "Sequential: layer 2 must be a module or a function, not None; as in"),
        ((Linear, tg.relu), "Sequential: layer 1 must be a module or a function, not the class Linear; as in"),
        ((Linear(2, 3, rng=0), [tg.relu]), "Sequential: layer 2 must be a module or a function, not [<function relu"),
    ],
    ids=["name", "None", "class", "list"],
)
def test_what_is_no_layer(layers, words):
    with pytest.raises(TypeError, match="^" + re.escape(words)):
        Sequential(*layers)


def test_an_activation_is_looked_at_where_no_layer_has_it():
    with pytest.raises(ValueError, match=r"^MLP: activation: unknown name 'sigmoyd'; did you mean 'sigmoid'\?"):
        MLP([3, 2], activation="sigmoyd")


def test_sizes_of_numpy_are_plain_numbers():
    assert repr(MLP(np.array([3, 2]))) == "MLP([3, 2], activation=[], output='sigmoid')"
