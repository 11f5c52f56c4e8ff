"""Whatever picture, film and program call z, a, δ or BP1–BP4 is so, in networks written by hand in any style.

Each network is computed twice, by tensors and in plain NumPy. Every equation that a picture shows is read as it stands
there and evaluated with the numbers of the boxes.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.viz.describe import describe

# --- Networks in many styles ------------------------------------------------------------------------------

ACTIVATIONS = {
    "sigmoid": tg.sigmoid,
    "own sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "the other own sigmoid": lambda z: np.exp(z) / (1 + np.exp(z)),
    "sigmoid of negatives": lambda z: 1.0 / (np.exp(-z) + 1.0),
    "np.tanh": np.tanh,
    "own tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "tanh by a sigmoid": lambda z: 2 / (1 + np.exp(-2 * z)) - 1,
    "relu": tg.relu,
    "np.maximum": lambda z: np.maximum(z, 0),
    "softplus by hand": lambda z: np.log(1 + np.exp(z)),
    "sine": np.sin,
    "swish": lambda z: z / (1 + np.exp(-z)),
    "bell": lambda z: np.exp(-(z**2)),
    "linear": lambda z: z,
}
LINEAR = {"linear"}

COSTS = {
    "quadratic": lambda a, y: 0.5 * np.sum((a - y) ** 2) / 4,
    "mean square": lambda a, y: np.mean((y - a) ** 2),
    "product": lambda a, y: np.sum((a - y) * (a - y)),
    "absolute": lambda a, y: np.mean(np.abs(a - y)),
    "log cosh": lambda a, y: np.sum(np.log(np.cosh(a - y))),
    "hinge": lambda a, y: np.sum(np.maximum(0, 1 - y * a)),
    "logistic": lambda a, y: np.mean(np.log(1 + np.exp(-y * a))),
    "Poisson": lambda a, y: np.sum(np.exp(a) - y * a),
    "likelihood": lambda a, y: -np.sum(y * np.log(1e-3 + a**2) + (1 - y) * np.log(2 + np.cos(a))),
    "sum": lambda a, y: np.sum(a),
}

PRODUCTS = {
    "@": lambda x, W: x @ W,
    "matmul": lambda x, W: np.matmul(x, W),
    "dot": lambda x, W: np.dot(x, W),
    "einsum": lambda x, W: np.einsum("ij,jk->ik", x, W),
}


class Network(NamedTuple):
    """What was computed, by tensors, and the numbers of the layers in plain NumPy."""

    C: tg.Tensor
    cost: Callable[..., tg.Tensor]  # of the parameters
    z: list[np.ndarray]
    a: list[np.ndarray]
    functions: list
    parameters: list[list[tg.Tensor]]


@st.composite
def networks(draw, styles=("rows", "columns", "numbers"), products=tuple(PRODUCTS)):
    style, name = draw(st.sampled_from(styles)), draw(st.sampled_from(products))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    names = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=3))
    cost = COSTS[draw(st.sampled_from(sorted(COSTS)))]
    n = 1 if style == "numbers" else draw(st.integers(2, 4))
    sizes = [1 if style == "numbers" else draw(st.integers(1, 3)) for _ in (*names, 0)]
    if style == "numbers":
        shape = draw(st.sampled_from([(), (3,)]))
        x = rng.normal(size=shape) if shape else draw(st.sampled_from([0.7, -1.5]))
        shapes = [((), ()) for _ in names]
    else:
        x = rng.normal(size=(n, sizes[0]))
        shapes = [((i, o), draw(st.sampled_from([(o,), (1, o)]))) for i, o in pairwise(sizes)]
        if style == "columns":
            x, shapes = x.T, [((o, i), (o, 1)) for (i, o), _ in shapes]
    parameters = [[rng.normal(size=s) for s in pair] for pair in shapes]
    out = x.shape[1:] if style == "columns" else np.shape(x)[:1]
    target = draw(st.sampled_from(["number", "array", "row", "tensor"]))
    full = np.shape(x) if style == "numbers" else (sizes[-1], *out) if style == "columns" else (*out, sizes[-1])
    y = {
        "number": draw(st.sampled_from([0.0, 0.3, 1.0, -1.0])),
        "array": rng.uniform(size=full),
        "row": rng.uniform(size=full[-1:]),
        "tensor": tg.Tensor(rng.uniform(size=full)),
    }[target]

    def weighted(a, W, b):
        if style == "numbers":
            return W * a + b if name in ("@", "dot") else b + a * W
        if style == "columns":
            return (np.dot(W, a) if name == "dot" else W @ a) + b
        return PRODUCTS[name](a, W) + b

    def run(parameters, y):
        a, zs, activations = x, [], []
        for (W, b), function in zip(parameters, names, strict=True):
            z = weighted(a, W, b)
            a = ACTIVATIONS[function](z)
            zs.append(z)
            activations.append(a)
        return cost(a, y), zs, activations

    tensors = [[tg.Tensor(p, requires_grad=True) for p in pair] for pair in parameters]
    C, _, _ = run(tensors, y)
    _, z, a = run(parameters, y.numpy() if isinstance(y, tg.Tensor) else y)
    return Network(C, lambda parameters: run(parameters, y)[0], z, a, [ACTIVATIONS[f] for f in names], tensors)


# --- Equations read as they stand -------------------------------------------------------------------------


class Values(NamedTuple):
    of: dict[str, np.ndarray]  # values and gradients by their symbols
    slopes: list  # functions of z


def split(text, separator):
    """At the top level, outside of brackets."""
    parts, depth = [""], 0
    for piece in re.split(r"([()]|" + re.escape(separator) + ")", text):
        depth += (piece == "(") - (piece == ")")
        if piece == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def evaluate(text, values):
    """The number that a formula stands for."""
    terms = split(text, " + ")
    if len(terms) > 1:
        return sum(evaluate(term, values) for term in terms)
    if text.startswith("Σ "):
        return evaluate(text[2:], values)  # summed by `alike`, to the shape of the left-hand side
    factors = split(text, " ⊙ ")
    if len(factors) > 1:
        return np.prod([evaluate(factor, values) for factor in factors], axis=0)
    product = None
    for factor in split(text, " "):
        array = value_of(factor, values)
        both_are_arrays = product is not None and np.ndim(product) and np.ndim(array)
        product = array if product is None else product @ array if both_are_arrays else product * array
    return product


def value_of(factor, values):
    if re.fullmatch(r"−?[\d.]+", factor):
        return float(factor.replace("−", "-"))
    if factor.startswith("(") and factor.endswith(")"):
        return evaluate(factor[1:-1], values)
    if found := re.fullmatch(r"(\S+)′\((z(\d+))\)", factor):
        return slope(found[1], values.slopes[int(found[3]) - 1], values.of[found[2]])
    array = values.of[factor.removesuffix("ᵀ")]
    return np.swapaxes(array, -1, -2) if factor.endswith("ᵀ") and array.ndim > 1 else array


def slope(name, function, z):
    """σ′(z), by the name that the picture gives to the function, if it is a known one; and by the function itself."""
    h = 1e-6
    measured = (function(z + h) - function(z - h)) / (2 * h)
    named = {"σ": lambda z: tg.sigmoid(z) * (1 - tg.sigmoid(z)), "tanh": lambda z: 1 - np.tanh(z) ** 2,
             "relu": lambda z: (z > 0) * 1.0, "softplus": tg.sigmoid, "sin": np.cos}  # fmt: skip
    if name in named:
        np.testing.assert_allclose(named[name](z), measured, atol=1e-7, err_msg=name)
        return named[name](z)
    return measured


def alike(found, expected, what):
    """Equal, or when summed over the examples to this shape; to the accuracy of a measured slope."""
    if np.shape(found) != np.shape(expected):
        found = engine.unbroadcast(np.asarray(found), np.shape(expected))
    scale = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(found, expected, atol=1e-6 * scale, rtol=1e-6, err_msg=what)


# --- What is shown ----------------------------------------------------------------------------------------


def symbols(description, C):
    """{symbol: value} of what has a box of its own, and {symbol of its gradient: gradient}."""
    nodes = [box.value for box in description.boxes if isinstance(box.value, engine.Node)]
    grads = engine.gradients(C, np.ones_like(C.value), {*nodes})
    of = {}
    for box in description.boxes:
        if box.kind != "op" and box.value is not None:
            name = box.lines[0]
            of[name] = box.value.value if isinstance(box.value, engine.Node) else box.value
            if isinstance(box.value, engine.Node) and box.value in grads:
                of[f"∂C/∂{name}"] = grads[box.value]
                if name.startswith("z"):
                    of[f"δ{name[1:]}"] = grads[box.value]
    return of


def check_picture(network, description):
    """Every z, a and tag; the tags that were found."""
    values = Values(symbols(description, network.C), network.functions)
    name = {box.id: box.lines[0] for box in description.boxes}
    for symbol, array in values.of.items():
        if found := re.fullmatch(r"z(\d+)|a(\d+)", symbol):
            numbers = network.z if found[1] else network.a
            np.testing.assert_allclose(array, numbers[int(found[1] or found[2]) - 1], rtol=1e-12, err_msg=symbol)
    for arrow in description.arrows:
        target = name[arrow.target]
        if not arrow.gradient and re.fullmatch(r"z\d+", target):
            alike(evaluate(name[arrow.source], values), values.of[target], name[arrow.source])
        if arrow.gradient and arrow.tag and arrow.whole:
            check_equation(" ".join(arrow.lines) if arrow.tag in ("BP3", "BP4") else arrow.lines[0], values)
    for box in description.boxes:
        for line in box.lines:
            if line.startswith("BP"):
                check_equation(line.partition(": ")[2], values)
    return {arrow.tag for arrow in description.arrows if arrow.tag}


def check_equation(text, values):
    left, _, right = text.partition(" = ")
    alike(evaluate(right.removesuffix(" over examples"), values), values.of[left], text)


@settings(max_examples=settings.default.max_examples * 4)
@given(network=networks())
def test_every_label_of_a_picture_is_true(network):
    with np.errstate(all="ignore"):
        tags = check_picture(network, describe(network.C))
    assert tags <= {"BP1", "BP2", "BP3", "BP4"}


@settings(max_examples=settings.default.max_examples * 2)
@given(network=networks(products=("@", "matmul", "dot")))
def test_no_equation_is_missing(network):
    tags = {arrow.tag for arrow in describe(network.C).arrows}
    if network.C.item() and np.isfinite(network.C.item()):
        assert {"BP1", "BP3", "BP4"} <= tags
        assert ("BP2" in tags) == (len(network.z) > 1)


@settings(max_examples=settings.default.max_examples // 2)
@given(network=networks())
def test_every_equation_of_a_film_is_verified(network):
    equations = tg.explore(network.C).film["equations"]
    assert {equation["status"] for equation in equations} <= {"verified", "unchecked"}


@pytest.mark.long
@settings(max_examples=settings.default.max_examples // 2)
@given(network=networks(styles=("rows", "columns")))
def test_every_name_in_a_program_is_true(network):
    """z, a, δ and the gradients of W and b in the formula that a compiled function prints."""
    parameters = [[p.numpy() for p in pair] for pair in network.parameters]
    compiled = tg.compile(tg.value_and_grad(network.cost))
    with np.errstate(all="ignore"):
        compiled(parameters)
        space = {}
        exec(compiled.formula.replace("return ", "return locals(), "), space)
        program = compiled.programs[-1]
        found, *_ = space["program"](parameters, **program.given)
    recorded = describe(network.C)
    grads = {box.lines[0]: box.value for box in recorded.boxes if isinstance(box.value, engine.Node)}
    grads = {name: engine.gradients(network.C, np.ones_like(network.C.value), {node}) for name, node in grads.items()}
    for name, array in found.items():
        if shape := re.fullmatch(r"([za])(\d+)", name):
            numbers = network.z if shape[1] == "z" else network.a
            np.testing.assert_allclose(array, numbers[int(shape[2]) - 1], rtol=1e-9, atol=1e-9, err_msg=name)
        elif shape := re.fullmatch(r"delta(\d+)", name):
            (delta,) = grads[f"z{shape[1]}"].values()
            np.testing.assert_allclose(array, delta, rtol=1e-9, atol=1e-9, err_msg=name)


COST_ALONE = {
    "a number subtracted": lambda z: (z - 1.0) ** 2,
    "own sigmoid, target 1": lambda z: (1 / (1 + np.exp(-z)) - 1) ** 2,
    "likelihood of 1": lambda z: -np.log(1 / (1 + np.exp(-z))),
    "likelihood of 0": lambda z: -np.log(1 - 1 / (1 + np.exp(-z))),
    "likelihood of 0.3": lambda z: (lambda a: -(0.3 * np.log(a) + 0.7 * np.log(1 - a)))(tg.sigmoid(z)),
    "hinge": lambda z: np.maximum(0, 1 - z),
    "perceptron": lambda z: np.maximum(0, -z),
    "logistic": lambda z: np.log(1 + np.exp(-z)),
    "absolute": lambda z: np.abs(z - 0.5),
    "Huber": lambda z: np.where(np.abs(z - 1) < 1, 0.5 * (z - 1) ** 2, np.abs(z - 1) - 0.5),
    "tanh, target −1": lambda z: (np.tanh(z) + 1) ** 2,
}


@pytest.mark.parametrize("last", COST_ALONE)
@pytest.mark.parametrize("shape", [(), (4, 2)], ids=["number", "matrix"])
def test_a_cost_of_numbers_is_no_activation_function(last, shape):
    """Not f(z2) = ((1 / (1 + exp(−z2))) − 1)², with BP1 … ⊙ f′."""
    rng = np.random.default_rng(0)
    if shape:
        x, W, b = (rng.normal(size=s) for s in ((4, 3), (3, 2), (2,)))
    else:
        x, W, b = 0.7, *rng.normal(size=2)
    W, b = (tg.Tensor(p, requires_grad=True) for p in (W, b))
    z = x @ W + b if shape else W * x + b
    C = np.sum(COST_ALONE[last](z))
    description = describe(C)
    assert not [box.lines[0] for box in description.boxes if box.lines[0].startswith("f(")]
    (bp1,) = {a.lines[0] for a in description.arrows if a.tag == "BP1" and a.whole} | {
        line.partition(": ")[2] for box in description.boxes for line in box.lines if line.startswith("BP1")
    }
    a = {"own": "σ", "tan": "tanh", "lik": "σ"}.get(last[:3])
    assert bp1 == (f"δ1 = ∂C/∂a1 ⊙ {a}′(z1)" if a else "δ1 = ∂C/∂z1")


def test_a_wrong_label_would_be_found():
    rng = np.random.default_rng(0)
    W, b = (tg.Tensor(rng.normal(size=s), requires_grad=True) for s in ((2, 1), (1,)))
    x = rng.normal(size=(3, 2))
    z = x @ W + b
    C = np.sum((np.tanh(z) - 0.5) ** 2)
    network = Network(C, None, [z.value], [np.tanh(z.value)], [np.tanh], [[W, b]])
    description = describe(C)
    assert check_picture(network, description) == {"BP1", "BP3", "BP4"}
    for arrow in description.arrows:
        for wrong in (("xᵀ δ1", "x1"), ("tanh′", "σ′"), ("∂C/∂a1 ⊙", "a1 ⊙"), ("Σ δ1", "z1")):
            if arrow.whole and any(wrong[0] in line for line in arrow.lines):
                right = list(arrow.lines)
                arrow.lines[:] = [line.replace(*wrong) for line in right]
                with pytest.raises((AssertionError, KeyError)):
                    check_picture(network, description)
                arrow.lines[:] = right
    with pytest.raises(AssertionError, match="a1"):
        check_picture(network._replace(a=[np.tanh(z.value) + 1e-3]), description)


def recurrent(steps, x=None):
    rng = np.random.default_rng(0)
    W, U, b, V = (tg.Tensor(rng.normal(size=s), requires_grad=True) for s in ((2, 3), (3, 3), (3,), (3, 1)))
    h = np.zeros((4, 3))
    for _ in range(steps):
        h = np.tanh((rng.normal(size=(4, 2)) if x is None else x) @ W + h @ U + b)
    return np.sum((h @ V - rng.uniform(size=(4, 1))) ** 2)


def test_the_inputs_and_the_first_state_of_a_loop_have_names():
    names = {box.lines[0] for box in describe(recurrent(3)).boxes if box.kind in ("data", "parameter")}
    assert {"h0", "x1", "x2", "x3", "y", "W1", "U1", "b1"} <= names
    assert not any("′" in name for name in names)
    names = {box.lines[0] for box in describe(recurrent(3, tg.Tensor(np.ones((4, 2))))).boxes}
    assert {"h0", "x", "x W1 + h0 U1 + b1", "x W1 + a2 U1 + b1"} <= names


def test_tied_weights_are_no_loop():
    W, x = tg.Tensor(np.ones((2, 3)), requires_grad=True), np.ones((4, 2))
    names = {box.lines[0] for box in describe(np.sum((np.tanh(x @ W) @ W.T - x) ** 2)).boxes}
    assert "x W1" in names
    assert "h0" not in names
