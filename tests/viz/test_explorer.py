"""The film: its data against the engine, the page as a file, and the page in a browser."""

import base64
import functools
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.equations.words import EQUATIONS
from tinygrad_edu.viz import draw, explore
from tinygrad_edu.viz import page as assembly
from tinygrad_edu.viz.film import film
from tinygrad_edu.viz.pictures import inert

X = np.array([[0.0, 0.1], [0.2, 1.0], [1.0, 0.3], [1.0, 1.2]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def parameter(*shape, seed=0, name=None):
    return tg.Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, name=name)


def small(cost="quadratic", **options):
    sizes = options.pop("sizes", [2, 3, 1])
    network = tg.nn.MLP(sizes, rng=0, **options)
    return getattr(tg.costs, cost)(network(X), np.eye(sizes[-1])[[0, 1, 1, 0]] if sizes[-1] > 1 else Y)


def fan_out():
    x = tg.Tensor([1.0, -2.0], requires_grad=True, name="x")
    return np.sum(np.sin(x) * x + np.exp(x))


def svd():
    U, s, Vh = np.linalg.svd(parameter(3, 2, name="A"), full_matrices=False)
    return np.sum(s**2) + U[0, 0] ** 2 * Vh[1, 1] ** 2


def joined():
    a, b = parameter(2, seed=1), parameter(3, seed=2)
    return np.sum(np.concatenate([a, b * 2, a, np.ones(2)]) ** 2)


def repeated():
    y = tg.Tensor(0.1, requires_grad=True)
    for _ in range(5):
        y = y + y
    return y * y


def logistic(z):
    return 1 / (1 + np.exp(-z))


def attention():
    q, k, v = (parameter(3, 4, seed=seed) for seed in range(3))
    return np.sum(tg.softmax(q @ k.T / 2.0) @ v)


def recurrent():
    U, W, h = parameter(2, 3, seed=1), parameter(3, 3, seed=2), np.zeros((4, 3))
    for t in range(3):
        h = np.tanh(X * t @ U + h @ W)
    return np.mean(h**2)


def mixed():
    x, w = parameter(3, 4), parameter(4, seed=1)
    y = np.where(x > 0, x, 0.1 * x) * w + np.einsum("ij,j", x, w)[:, None]
    return np.sum(np.clip(y.reshape(2, 6), -1, 1)[:, ::2] ** 3)


GRAPHS = {
    "small": small,
    "deep": lambda: small("binary_cross_entropy", sizes=[2, 3, 3, 1], activation="tanh"),
    "softmax": lambda: small("cross_entropy", sizes=[2, 4, 2], output="softmax"),
    "logits": lambda: small("cross_entropy_with_logits", sizes=[2, 4, 2], output="identity"),
    "fan_out": fan_out,
    "svd": svd,
    "joined": joined,
    "repeated": repeated,
    "attention": attention,
    "recurrent": recurrent,
    "transposed": lambda: np.sum((logistic(logistic(X @ parameter(3, 2).T) @ parameter(1, 3).T) - Y) ** 2),
    "columns": lambda: np.mean((tg.sigmoid(parameter(1, 3).T.T @ np.tanh(parameter(2, 3).T @ X.T)) - Y.T) ** 2),
    "mixed": mixed,
    "vector": lambda: np.tanh(parameter(3)),
    "outputs": lambda: tg.nn.MLP([2, 3, 2], rng=0)(X),
    "leaf": lambda: tg.Tensor(2.0, requires_grad=True),
    "constant": lambda: tg.Tensor([1.0, 2.0]),
    "empty": lambda: np.sum(parameter(0, 3) * 2.0),
    "large": lambda: np.sum(np.tanh(parameter(60, 50) @ parameter(50, 20))),
}
graphs = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


def numbers(data, index):
    """An array of a film, as NumPy has it."""
    array = data["arrays"][index]
    if "base64" in array:
        flat = np.frombuffer(base64.b64decode(array["base64"]), f"<f{array['bytes']}")
    else:
        flat = np.array([float(x) for x in array["numbers"]])
    return flat.reshape(array["shape"])


def flat(x):
    return np.concatenate([np.ravel(part) for part in x]) if isinstance(x, tuple | list) else np.asarray(x)


def recorded(root):
    """(operations forward, {node: gradient}), from the engine."""
    nodes = engine.ancestors(root)[::-1]
    with np.errstate(all="ignore"):
        return [n for n in nodes if n.fn], engine.gradients(root, np.ones(root.shape), nodes)


# --- The data ------------------------------------------------------------------------------------------------


@graphs
def test_forward_values_and_gradients_are_those_of_the_engine(make):
    root = make()
    data = film(root)
    operations, gradients = recorded(root) if root.requires_grad else ([], {})
    assert len(data["forward"]) == len(operations)
    for i, node in zip(data["forward"], operations, strict=True):
        np.testing.assert_array_equal(numbers(data, data["nodes"][i]["value"]), flat(node.value))
        np.testing.assert_array_equal(numbers(data, data["nodes"][i]["gradient"]), flat(gradients[node]))
    assert data["backward"] == [] or [s["node"] for s in data["backward"]] == data["forward"][::-1]
    json.dumps(data, allow_nan=False)


def tracks(data):
    """The steps back, by operation and where that differs by box."""
    by_operation = data["backward"]
    by_box = data["boxes"]["backward"] if data["boxes"] else []
    return [by_operation, [by_operation[step] if isinstance(step, int) else step for step in by_box]]


@graphs
def test_contributions_add_up_to_the_gradient_at_every_node(make):
    data = film(make())
    for steps in tracks(data):
        assert_adds_up(data, steps)


def assert_adds_up(data, steps):
    sums = {}
    for step in steps:
        for c in step["contributions"]:
            part = numbers(data, c["part"])
            sums[c["to"]] = sums[c["to"]] + part if c["to"] in sums else part
    for i, total in sums.items():
        gradient = numbers(data, data["nodes"][i]["gradient"])
        np.testing.assert_allclose(total, gradient, rtol=0 if steps is data["backward"] else 1e-13)
    if steps is data["backward"] and steps:
        assert set(sums) == {i for i, node in enumerate(data["nodes"]) if "gradient" in node} - {data["root"]}


@graphs
def test_contributions_are_those_of_the_one_backward_pass(make):
    root = make()
    data = film(root)
    steps = data["backward"]
    if not root.requires_grad:
        assert steps == []
        return
    with np.errstate(all="ignore"):
        walk = list(engine.contributions(root, np.ones(root.shape), set(engine.ancestors(root)), {}))
    assert len(steps) == len(walk)
    for step, (node, g, parts) in zip(steps, walk, strict=True):
        np.testing.assert_array_equal(numbers(data, data["nodes"][step["node"]]["gradient"]), flat(g))
        assert len(step["contributions"]) == len(parts), node.fn
        for c, (_, _, part) in zip(step["contributions"], parts, strict=True):
            np.testing.assert_array_equal(numbers(data, c["part"]), flat(part))


@graphs
def test_upstream_times_local_is_the_contribution(make):
    data = film(make())
    boxes = data["boxes"]["forward"] if data["boxes"] else []
    several = {box["operations"][-1] for box in boxes if len(box.get("outputs", [])) > 1}
    for step in (step for steps in tracks(data) for step in steps):
        g = numbers(data, data["nodes"][step["node"]]["gradient"]) if step["contributions"] else None
        for c in step["contributions"]:
            part, local = numbers(data, c["part"]), c["local"]
            if local["kind"] == "table":
                total = np.zeros(part.size)
                for k, e, value in local["entries"]:
                    total[e] += g.flat[k] * float(value)
            elif local["kind"] == "diagonal":
                total = engine.unbroadcast(g * numbers(data, local["array"]), part.shape)
            elif local["kind"] == "single":
                which, factor = (np.broadcast_to(numbers(data, local[k]), part.shape) for k in ("which", "array"))
                total = g.flat[which.astype(int)] * factor
            elif local["kind"] == "matmul":
                other = numbers(data, local["other"]).T
                total = g @ other if local["argument"] == 0 else other @ g
                total = total.T if local.get("turned") else total
            elif step["node"] in several:
                continue  # a box with several results
            else:
                pytest.fail(f"{data['nodes'][step['node']]['text']} hands back without saying how")
            np.testing.assert_allclose(np.reshape(total, part.shape), part, rtol=1e-12, atol=1e-12)


def test_large_reductions_and_rearrangements_can_be_followed():
    x = parameter(40, 30)
    y = np.concatenate([x.T, np.ones((30, 2))], axis=1).reshape(20, 63)[::2, 5:]
    data = film(np.sum(np.mean(y, axis=1) * np.max(y, axis=1)))
    kinds = {data["nodes"][s["node"]]["text"]: s["contributions"][0]["local"]["kind"] for s in data["backward"]}
    assert set(kinds.values()) <= {"single", "diagonal"}, kinds


def test_products_of_equal_gradients_are_not_taken_for_one():
    x = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = np.cumsum(x)  # every upstream gradient is 1, and several of them reach an entry
    step = film(y)["backward"][0]["contributions"][0]
    assert sorted(map(tuple, step["local"]["entries"])) == [(k, e, 1.0) for k in range(3) for e in range(k + 1)]


def test_a_value_that_was_stretched_says_so_in_its_rule():
    x, w = parameter(3, 4, name="x"), parameter(4, name="w")
    rules = [c["rule"] for c in film(np.sum(x * w))["backward"][1]["contributions"]]
    assert rules == ["∂C/∂v1 ⊙ w", "Σ ∂C/∂v1 ⊙ x, over the axes that w was stretched along"]


def test_grad_is_untouched_before_and_after_backward():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    C = np.sum(w**2)
    before = film(C)
    assert w.grad is None
    C.backward()
    kept = w.grad.copy()
    assert film(C) == before
    np.testing.assert_array_equal(w.grad, kept)


def test_the_film_holds_the_values_of_the_recording():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    C = np.sum(w**2)
    w.data = [10.0, 20.0]
    data = film(C)
    np.testing.assert_array_equal(numbers(data, data["nodes"][0]["value"]), [1, 2])


@pytest.mark.parametrize(
    "cost",
    [
        "quadratic",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "cross_entropy_with_logits",
    ],
)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_all_four_equations_are_verified(cost, activation):
    output = "identity" if "logits" in cost else "softmax" if cost == "cross_entropy" else "sigmoid"
    data = film(small(cost, sizes=[2, 3, 4, 2], activation=activation, output=output))
    assert data["meanings"] == {tag: words.meaning for tag, words in EQUATIONS.items()}
    equations = data["equations"]
    assert sorted(e["tag"] for e in equations) == sorted(["BP1", "BP2", "BP2", *["BP3"] * 3, *["BP4"] * 3])
    for e in equations:
        assert e["status"] == "verified", e
        assert e["error"] < 1e-12


def by_hand_nets():
    """Networks with plain NumPy: C by name."""
    W1, b1, W2, b2 = (parameter(*shape, seed=i) for i, shape in enumerate([(2, 3), (3,), (3, 1), (1,)]))
    V1, c1, V2 = parameter(3, 2), parameter(3, 1), parameter(1, 3)
    stack = np.random.default_rng(0).normal(size=(5, 2, 4))

    def ends_in(cost):
        return cost(np.tanh(X @ W1 + b1) @ W2 + b2)

    @engine.scoped
    def quadratic(a, y):
        return np.sum((a - y) ** 2)  # not the mean

    @engine.scoped
    def sigmoid(z):
        return 1.7 * np.tanh(z)

    @engine.scoped
    def logistic(z):
        return 1 / (1 + np.exp(-np.clip(z, -30, 30)))

    def bce(z):
        a = logistic(z)
        return -np.mean(Y * np.log(a) + (1 - Y) * np.log(1 - a))

    def hidden(activation):
        return tg.costs.quadratic(activation(X @ W1) @ W2, Y)

    return {
        "rows": ends_in(lambda z: np.sum((1 / (1 + np.exp(-z)) - Y) ** 2) / 8),
        "columns": np.sum((tg.sigmoid(V2 @ tg.sigmoid(V1 @ X.T + c1)) - Y.T) ** 2),
        "transposed": np.sum((tg.sigmoid(tg.sigmoid(X @ V1.T) @ V2.T) - Y) ** 2),
        "transposed columns": np.sum(np.tanh(W2.T @ np.tanh(W1.T @ X.T)) ** 3),
        "one example": np.sum(np.tanh(V2 @ np.tanh(V1 @ X[1])) ** 2),
        "stack of columns": np.sum(np.tanh(V2 @ np.tanh(V1 @ stack)) ** 2),
        "stack of rows": np.sum(np.tanh(np.tanh(np.swapaxes(stack, 1, 2) @ W1 + b1) @ W2) ** 2),
        "a vector first": np.sum(np.tanh(V2[0] * 1.0 @ np.tanh(V1 @ X.T)) ** 2),
        "a vector of weights": np.sum(np.tanh(parameter(2) @ np.tanh(parameter(2, 2) @ X.T)) ** 2),
        "recurrent": recurrent(),
        "a cost of two parts": ends_in(lambda z: np.sum(np.concatenate([np.tanh(z), np.square(np.tanh(z))]) ** 2)),
        "cost of the same name": ends_in(lambda z: quadratic(tg.sigmoid(z), Y)),
        "sigmoid of the same name": hidden(sigmoid),
        "scoped sigmoid": hidden(logistic),
        "cross-entropy by hand": ends_in(bce),
        "absolute error": ends_in(lambda z: np.sum(np.abs(np.tanh(z) - Y))),
        "softmax and a cost by hand": np.sum(-np.eye(3)[[0, 1, 2, 0]] * np.log(tg.softmax(X @ W1))),
        "twice the cost": ends_in(lambda z: 2 * tg.costs.binary_cross_entropy_with_logits(z, Y)),
        "logits of tanh": ends_in(lambda z: tg.costs.binary_cross_entropy_with_logits(np.tanh(z), Y)),
        "steeper leaky_relu": hidden(lambda z: tg.leaky_relu(z, 0.2)),
        "larger elu": hidden(lambda z: tg.elu(z, 2.0)),
        "relu with where": hidden(lambda z: np.where(z > 0, z, 0)),
        "maximum at a tie": tg.costs.quadratic(np.maximum(np.zeros((4, 2)) @ W1, 0) @ W2, Y),
        "no inputs": np.sum(tg.sigmoid(np.zeros((3, 0)) @ parameter(0, 2))),
        "saturated logits": tg.costs.binary_cross_entropy_with_logits(
            np.eye(2) @ tg.Tensor([[20.0], [-20.0]], requires_grad=True), [[1.0], [0.0]]
        ),
        "saturated sigmoid": tg.costs.quadratic(
            tg.sigmoid(np.ones((2, 1)) @ tg.Tensor([[30.0]], requires_grad=True)), [[0.0], [1.0]]
        ),
    }


@pytest.mark.parametrize("name", by_hand_nets())
def test_networks_written_by_hand_are_verified_too(name):
    equations = film(by_hand_nets()[name])["equations"]
    assert equations
    assert {e["status"] for e in equations} == {"verified"}, equations
    assert "taken from autograd" not in json.dumps(equations)


@pytest.mark.parametrize("name", by_hand_nets())
def test_the_numbers_put_into_an_equation_give_the_gradient(name):
    data = film(by_hand_nets()[name])
    for e in data["equations"]:
        n = e.get("numbers")
        if not n:
            continue
        left, right = numbers(data, n["left"]["array"]), "right" in n and numbers(data, n["right"]["array"])
        if n["kind"] == "product":
            left, right = (x.T if turned else x for x, turned in zip((left, right), n["turned"], strict=True))
            left = left @ right
        elif n["kind"] == "sum":
            left = left.sum(axis=n["axis"])
        if "factor" in n:
            left = left * numbers(data, n["factor"]["array"])
        gradient = numbers(data, data["nodes"][e["node"]]["gradient"])
        np.testing.assert_allclose(left.reshape(gradient.shape), gradient, rtol=1e-10, atol=1e-16)


def test_every_layout_has_its_numbers():
    for name in ("rows", "columns", "transposed", "transposed columns"):
        equations = film(by_hand_nets()[name])["equations"]
        assert all(e["numbers"] for e in equations if e["tag"] in ("BP2", "BP3", "BP4")), name


def test_the_formula_of_a_cost_stands_only_where_it_is_true():
    texts = {name: film(C)["equations"] for name, C in by_hand_nets().items()}
    written = {name: next(e["text"] for e in texts[name] if e["tag"] == "BP1") for name in texts}
    assert written["saturated logits"] == "δ1 = (σ(z1) − y)/2"
    assert written["twice the cost"] == "δ2 = ∂C/∂z2"
    assert written["logits of tanh"] == "δ2 = ∂C/∂a2 ⊙ tanh′(z2)"


def test_numbers_that_are_not_finite_are_neither_right_nor_wrong():
    x = np.where(X == 1, np.nan, X)
    status = {e["tag"]: e["status"] for e in film(tg.costs.quadratic(tg.sigmoid(x @ parameter(2, 1)), Y))["equations"]}
    assert status == {"BP1": "not finite", "BP4": "not finite"}


def outputs(activation, units=2):
    return tg.nn.MLP([2, 3, units], output=activation, rng=0)(X)


ROOTS = {
    "a matrix": lambda: outputs("sigmoid"),
    "one unit": lambda: outputs("tanh", 1),
    "a kink": lambda: outputs("relu"),
    "softmax": lambda: outputs("softmax"),
    "softmax of one example": lambda: tg.softmax(X[1] @ parameter(2, 3)),
    "softmax of a stack": lambda: tg.softmax(np.stack([X, X]) @ parameter(2, 3)),
    "a vector": lambda: np.tanh(parameter(3, 2) @ X[1]),
    "a row of the outputs": lambda: outputs("sigmoid")[1],
    "a scalar that is no cost": lambda: outputs("sigmoid")[1, 0],
    "a scalar activation": lambda: np.tanh(X[1] @ parameter(2)),
    "sums": lambda: np.sum(outputs("tanh"), axis=1),
    "no example": lambda: np.tanh(np.ones((0, 2)) @ parameter(2, 3)),
    "one of several results": lambda: np.linalg.qr(np.tanh(parameter(3, 2) @ parameter(2, 3, seed=1)))[1],
}


@pytest.mark.parametrize("make", ROOTS.values(), ids=ROOTS)
def test_without_a_cost_the_outputs_are_added(make):
    root = make()
    explored = explore(root).film
    equations = explored["equations"]
    assert {e["status"] for e in equations if e["tag"] != "BP1"} <= {"verified"}, equations
    (bp1,) = (e for e in equations if e["tag"] == "BP1")
    assert bp1["status"] == "verified", bp1
    assert bool(explored["notes"]) == (root.size != 1)
    assert "BP1" in draw(root).source
    assert "BP1" in draw(root, level="ops").source


def test_weighted_inputs_without_anything_after_them_show_no_bp1():
    for root in (X @ parameter(2, 3), X @ parameter(2, 3) + parameter(3), X[1] @ parameter(2)):
        assert {e["tag"]: e["status"] for e in explore(root).film["equations"]}.items() <= {
            "BP3": "verified",
            "BP4": "verified",
        }.items()
        assert "BP1" not in draw(root).source


def test_a_transpose_used_elsewhere_is_not_bp4():
    turned = parameter(1, 2).T
    equations = film(np.sum(np.tanh(X @ turned) ** 2) + np.sum(turned**2))["equations"]
    assert [e["tag"] for e in equations] == ["BP1"]


def test_a_wrong_rule_in_a_cost_by_hand_is_found(monkeypatch):
    monkeypatch.setitem(engine.RULES, np.square, (lambda g, y, x: g * x,))
    W = parameter(2, 1)
    (bp1, bp4) = film(np.sum(np.square(np.tanh(X @ W) - Y)))["equations"]
    assert (bp1["status"], bp4["status"]) == ("differs", "verified")
    assert "complex step" in bp1["note"]


def test_what_cannot_be_recomputed_is_taken_from_autograd_and_said():
    (bp1, _) = film(np.sum(np.logaddexp(np.tanh(X @ parameter(2, 1)), 0.5)))["equations"]
    assert bp1["status"] == "verified"
    assert bp1["note"] == "∂C/∂a1 is taken from autograd: there is no formula by hand for this cost."
    (large, _) = film(np.sum(np.tanh(np.ones((3000, 2)) @ parameter(2, 1)) ** 2))["equations"]
    assert large["note"] == bp1["note"]
    softplus = np.sum(np.logaddexp(X @ parameter(2, 1), 0.5) @ parameter(1, 1))
    assert [e["status"] for e in film(softplus)["equations"] if e["tag"] == "BP2"] == ["unchecked"]


def test_a_wrong_rule_is_found(monkeypatch):
    rules = engine.RULES[np.tanh]
    monkeypatch.setitem(engine.RULES, np.tanh, (lambda g, y, x: g * (1 - y),))
    C = small(activation="tanh")
    status = {e["text"]: e["status"] for e in film(C)["equations"]}
    assert status["δ1 = (δ2 W2ᵀ) ⊙ tanh′(z1)"] == "differs"
    assert list(status.values()).count("differs") == 1  # the others follow from the wrong δ1
    assert engine.RULES[np.tanh] != rules


def test_float32_is_verified_within_its_precision():
    network = tg.nn.MLP([2, 3, 1], rng=0)
    for p in network.parameters():
        p.value = p.value.astype(np.float32)
    equations = film(tg.costs.quadratic(network(X.astype(np.float32)), Y.astype(np.float32)))["equations"]
    assert {e["status"] for e in equations} == {"verified"}


def test_large_arrays_are_sampled_and_it_is_said():
    w = parameter(2000, 300, name="w")
    data = film(np.sum(np.tanh(w)))
    kept = data["arrays"][data["nodes"][0]["value"]]
    assert kept["shape"] == [2000, 300]
    assert kept["rows"][0] == kept["columns"][0] == 0
    assert (kept["rows"][-1], kept["columns"][-1]) == (1999, 299)
    sample = np.frombuffer(
        base64.b64decode(kept["base64"]), f"<f{kept['bytes']}"
    )  # there are many numbers: seven digits of each
    np.testing.assert_allclose(sample, w.value[np.ix_(kept["rows"], kept["columns"])].ravel(), rtol=1e-6)
    assert kept["norm"] == pytest.approx(np.linalg.norm(w.value))
    assert "too large" in " ".join(data["notes"])
    assert len(explore(np.sum(np.tanh(w))).html) < 3e6


def test_numbers_out_of_range_keep_all_their_digits():
    """Also where there are so many that others do not."""
    w = tg.Tensor(np.geomspace(1e-300, 1e300, 400 * 200).reshape(400, 200), requires_grad=True)
    data = film(np.sum(w * 1.0))
    np.testing.assert_array_equal(numbers(data, data["nodes"][0]["value"]), w.value)


def test_a_long_graph_folds_its_picture_and_keeps_every_step():
    u = tg.Tensor([0.5, 0.3], requires_grad=True)
    for _ in range(2000):
        u = np.sin(u)
    page = explore(np.sum(u))
    assert len(page.film["backward"]) == 2001
    assert len(page.film["pictures"]) == 1
    assert "hidden" in page.film["pictures"][0]["notes"][0]
    assert len(page.html) < 3e6


def test_a_film_of_a_loop_of_2000_operations_is_small():
    U, W, b, V = (parameter(*shape, seed=i) for i, shape in enumerate([(2, 8), (8, 8), (8,), (8, 1)]))
    inputs, h = np.random.default_rng(0).normal(size=(400, 4, 2)), np.zeros((4, 8))
    for x in inputs:
        h = np.tanh(x @ U + h @ W + b)
    made = explore(tg.costs.quadratic(tg.sigmoid(h @ V), np.ones((4, 1))))
    assert len(made.film["backward"]) > 2000
    assert len(made.html.encode()) < 3e6


def test_the_lines_of_a_box_are_known_when_their_numbers_are():
    layers = [np.sin(tg.Tensor([1.0, 2.0], requires_grad=True, name="value"))]
    for _ in range(30):  # dense: long arrows are folded
        layers.append(np.sin(sum(layers[1:], start=layers[0])))
    for root in (np.sum(layers[-1]), small(), svd()):
        made = explore(root)
        for picture in made.film["pictures"]:
            texts = {}
            for group in picture["tree"][2][0][2]:
                if group[1].get("class") == "node":
                    texts[group[1]["id"]] = [child[2] for child in group[2] if child[0] == "text"]
            for id, box in picture["boxes"].items():
                kinds = dict(zip(texts[id][1:], box["lines"][1:], strict=True))
                for text, kind in kinds.items():
                    if "hidden" not in texts[id][0]:
                        is_gradient = any(mark in text for mark in ("∂", "δ", "contributions", "are hidden"))
                        assert (kind == "gradient") == is_gradient, (text, kind)


def test_not_finite_numbers_are_text():
    x = tg.Tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True)
    data = film(np.sum(np.multiply(x, 2.0)))
    assert data["arrays"][data["nodes"][0]["value"]]["numbers"] == ["NaN", "Infinity", "-Infinity", 1.0]


def test_same_film_same_bytes():
    assert explore(small()).html == explore(small()).html


@pytest.mark.parametrize("show", [film, explore, tg.draw])
def test_only_tensors(show):
    p = tg.Tensor([1.5, 2.5], requires_grad=True)
    for plain in (np.ones(2), np.sum(np.floor(p)), p > 2, p.numpy(), 3.0):
        words = f"{show.__name__}: the first argument must be a Tensor, not {type(plain).__name__}; a plain .*np.floor"
        with pytest.raises(TypeError, match=words):
            show(plain)
    for other in (None, "C", tg.nn.MLP([2, 1]), [p]):
        words = f"{show.__name__}: the first argument must be a Tensor, not {type(other).__name__}$"
        with pytest.raises(TypeError, match=words):
            show(other)


def test_the_film_is_the_same_while_anomalies_are_looked_for():
    with tg.detect_anomaly():
        watched = explore(small()).html
    assert watched == explore(small()).html


@pytest.mark.parametrize("show", [film, explore, tg.draw])
def test_a_picture_shows_what_detect_anomaly_stops_at(show):
    with tg.detect_anomaly():
        C = np.sum(np.sqrt(tg.Tensor([0.0, 1.0], requires_grad=True)))  # its gradient is infinite
        show(C)
        with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"np\.sqrt sent back 1 infinite"):
            C.backward()


@pytest.mark.parametrize("at", ["BP5", "bp2", 2, "", ["BP2"]])
def test_an_unknown_equation_is_refused(at):
    message = f"explore: at must be 'BP1', 'BP2', 'BP3', 'BP4' or None, not {at!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        explore(small(), at=at)


def test_an_equation_that_is_not_there_is_refused_and_those_there_are_named():
    with pytest.raises(
        ValueError, match="explore: at='BP2', but of the equations this graph has BP1, BP3 and BP4 only"
    ):
        explore(small(sizes=[2, 1]), at="BP2")
    with pytest.raises(ValueError, match="explore: at='BP1', but this graph has none of BP1 to BP4: they stand where"):
        explore(fan_out(), at="BP1")


# --- The file ------------------------------------------------------------------------------------------------

HOSTILE = [
    "\"quoted\" 'twice' \\back\\slashes\\n",
    "</script><script>window.sentinel = 1</script>",
    "<b>bold</b><img src=x onerror='window.sentinel = 1'>&lt;&amp;",
    "javascript:window.sentinel=1",
    "nul \0 and \x1b escape",
    "😀 emoji \u2028 and \u2029, \u202e turned",
    "{{SCRIPT}} {{FILM}} \\1 ⟦0⟧ <!--",
    "x" * 10_000,
]


def data_of(page):
    """The JSON block, as a browser cuts it out of the page."""
    block = re.search(r'<script id="film" type="application/json">(.*?)</script', page, re.DOTALL | re.IGNORECASE)[1]
    return block, json.loads(block)


def hostile(name):
    x = tg.Tensor([1.0, -2.0], requires_grad=True, name=name)
    y = np.sin(x)
    y.name = name
    return np.sum(y * x)


@given(st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE), st.text("<>/&!-script\u2028\"'\\{}\0", max_size=40)))
@example(HOSTILE[1])
@example(HOSTILE[7])
@example("\ud800")
@settings(max_examples=15)
def test_hostile_names_stay_text(name):
    block, data = data_of(explore(hostile(name)).html)
    assert not set("<>&\u2028\u2029") & set(block)
    block.encode()
    assert [node.get("name", "") for node in data["nodes"][:2]] == [name, name]


def test_the_picture_is_rebuilt_from_what_is_allowed():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()"><script>x()</script>'
        '<a xlink:href="javascript:x()"><text>in a</text></a><foreignObject/><g class="node"><title>n1</title>'
        '<path d="M0,0" fill="url(http://x)" style="x" onclick="x()"/><text x="1">t &lt;b&gt;</text></g></svg>'
    )
    assert inert(svg) == [
        "svg",
        {},
        [["g", {"class": "node", "id": "n1"}, [["path", {"d": "M0,0"}, []], ["text", {"x": "1"}, "t <b>"]]]],
    ]


def test_the_policy_allows_our_own_script_and_style_and_nothing_else():
    page = explore(small()).html
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert set(rules) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert rules["default-src"] == "'none'"
    assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", rules[kind]) for kind in ("script-src", "style-src"))
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_it_writes_the_file_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "film.html"
    made = explore(small(), path)
    assert path.read_text(encoding="utf-8") == made.html
    path.write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        explore(fan_out(), path)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["film.html"]


def test_in_a_notebook_it_is_a_sandboxed_frame():
    made = explore(small())
    frame = made._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == made.html
    assert re.search(r'sandbox="([^"]*)"', frame)[1] == "allow-scripts allow-downloads"
    assert made._repr_svg_().lstrip().startswith("<?xml")
    assert repr(made) == "<Explorer: 16 steps forward, 16 back; .save('film.html') writes it>"


# --- The scripts of the page -----------------------------------------------------------------------------------

PARTS = {name: assembly.read(f"{name}.js") for name in assembly.SCRIPTS}


def definitions(script):
    """The names that a file gives to all files after it: those that begin a line."""
    names = re.findall(r"^(?:function|const|let) (\w+|\$)", script, re.MULTILINE)
    assert len(names) == len(re.findall(r"^(?:async|class|function|const|let|var)\b", script, re.MULTILINE))
    return set(names)


def words(script):
    """The names that a file uses: comments, texts, properties and keys are none. In a template every word counts."""
    script = re.sub(r'"(?:\\.|[^"\\\n])*"|//.*|/\*.*?\*/', '""', script)
    return set(re.findall(r"(?<![\w$]|(?<!\.)\.)(?:[A-Za-z_]\w*|\$(?=\())(?!\w*:)", script))


def used_too_early(parts):
    """(file, name) where a file uses a name of a later one, or gives a name that an earlier one gives."""
    names, found = list(parts), []
    for i, name in enumerate(names):
        later = set().union(*(definitions(parts[after]) for after in names[i + 1 :]))
        found += [(name, word) for word in sorted((words(parts[name]) | definitions(parts[name])) & later)]
    return found


def test_every_script_uses_earlier_ones_only():
    folder = Path(assembly.__file__).parent
    assert {path.name for path in folder.iterdir() if path.suffix} - {"__init__.py", "page.html", "page.css"} == {
        f"{name}.js" for name in PARTS
    }
    assert used_too_early(PARTS) == []


def test_an_arrow_that_points_to_a_later_script_is_found():
    for line in (
        "const unused = () => renderPanel();",
        "heard(`${plural(2, word)} of ${renderPanel}`);",
        "[...renderPanel];",
    ):
        assert used_too_early({**PARTS, "steps": PARTS["steps"] + line}) == [("steps", "renderPanel")]
    for line in ('say("renderPanel"); // renderPanel', "x.renderPanel();", "x = { renderPanel: 1 };"):
        assert used_too_early({**PARTS, "steps": PARTS["steps"] + line}) == []
    assert used_too_early({**PARTS, "data": PARTS["data"] + "\nfunction renderPanel() {}"}) == [("data", "renderPanel")]
    assert len(used_too_early({name: PARTS[name] for name in reversed(PARTS)})) > 100


def test_no_script_and_no_function_of_one_is_long():
    for name, script in PARTS.items():
        assert script.count("\n") <= 130, name
        assert "</script" not in script.lower()
        for function in re.findall(r"^(?:function|const \w+ = [^\n]*\{$).*?^\}", script, re.MULTILINE | re.DOTALL):
            assert function.count("\n") < 40, function.partition("\n")[0]


# --- Colours ---------------------------------------------------------------------------------------------------


def palettes():
    blocks = re.findall(r":root \{(.*?)\}", assembly.read("page.css"), re.DOTALL)
    found = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in blocks]
    assert len(found) == 2
    assert set(found[0]) == set(found[1])
    return dict(zip(["light", "dark"], found, strict=True))


def contrast(a, b):
    """The WCAG 2 contrast ratio of two colours, as #rrggbb."""

    def luminance(colour):
        c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_passes_wcag_aa(mode):
    c = palettes()[mode]
    for name in ("text", "quiet", "link", "good", "bad", "gradient", "now", "bp1", "bp2", "bp3", "bp4"):
        for ground in ("page", "card"):
            assert contrast(c[name], c[ground]) >= 4.5, (name, ground)
    assert contrast(c["text"], c["button"]) >= 4.5
    for tag in ("bp1", "bp2", "bp3", "bp4"):  # letters in the colour of the page on a pressed button
        assert contrast(c["page"], c[tag]) >= 4.5, tag
    for box in ("op", "data", "parameter", "loss"):
        assert contrast(c["ink"], c[box]) >= 4.5, box
    for name in ("line", "now", "edge"):  # not text
        assert contrast(c[name], c["page"]) >= 3, name


def test_numbers_are_readable_on_every_colour_of_a_heatmap():
    ends = json.loads(re.search(r"const ENDS = (.*?);", assembly.script())[1])
    for end in ends:
        assert contrast("#000000", "#" + "".join(f"{x:02x}" for x in end)) >= 4.5


# --- In a browser ------------------------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1300,1000",
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("no browser: needs chromium and chromedriver (apt install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no browser driver: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """A film that is open in the browser."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder

    def open(self, tensor, fragment=""):
        path = self.folder / "film.html"
        explore(tensor, path)
        return self.show(path, fragment)

    def show(self, path, fragment=""):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri() + fragment)
        return self

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        return self.find(selector)[0].text

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def step(self, n):
        self.js("tinygradFilm.go(arguments[0])", n)

    @property
    def status(self):
        return self.text("#status")

    @property
    def steps(self):
        return self.js("return tinygradFilm.track.N")

    def gradients(self):
        """Of every node, as the page has them at this step: None, or a list."""
        return self.js(
            "return tinygradFilm.film.nodes.map((_, i) => { const g = tinygradFilm.gradient(i, tinygradFilm.state.step);"
            " return g && Array.from(g.numbers, String); })"
        )

    def snapshot(self):
        """All that is seen."""
        return self.js(
            "return [...['status', 'step', 'panel', 'depth'].map((id) => document.getElementById(id).textContent),"
            " ...[...document.querySelectorAll('#canvas [class]')].map((e) => e.getAttribute('class')).filter(Boolean)]"
        )

    def complaints(self):
        """Console messages (violations of the policy are among them), and requests for anything but the page."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return said + [url for url in urls if not url.startswith(("file:///", "about:"))] + urls[1:]


@pytest.fixture
def page(driver, tmp_path):
    opened = Page(driver, tmp_path)
    yield opened
    assert opened.complaints() == []


BY_OPERATION = "#view=1"


@pytest.mark.parametrize("view", ["#view=0", BY_OPERATION])
@pytest.mark.parametrize("name", ["small", "fan_out", "svd", "joined", "recurrent", "large", "transposed"])
def test_stepping_to_the_end_gives_numpys_gradients_and_back_restores_the_start(page, name, view):
    root = GRAPHS[name]()
    page.open(root, view)
    start = page.snapshot()
    page.js("for (let i = 0; i < arguments[0]; i++) document.getElementById('next').click()", page.steps)
    assert page.status.startswith(f"Step {page.steps} of {page.steps}:")
    operations, gradients = recorded(root)
    shown = page.gradients()
    data = film(root)
    seen = page.js("return tinygradFilm.film.nodes.map((_, i) => tinygradFilm.isInTrack(i))")
    assert all(seen) or (view != BY_OPERATION and data["boxes"])
    for i, node in zip(data["forward"], operations, strict=True):
        if seen[i]:
            np.testing.assert_array_equal([float(x) for x in shown[i]], np.ravel(flat(gradients[node])))
    for i, node in enumerate(data["nodes"]):
        if "gradient" in node and seen[i]:
            np.testing.assert_array_equal([float(x) for x in shown[i]], np.ravel(numbers(data, node["gradient"])))
        else:
            assert shown[i] is None
    page.js("for (let i = 0; i < arguments[0]; i++) document.getElementById('back').click()", page.steps)
    assert page.snapshot() == start
    assert not any(page.gradients())


def test_a_whole_run_by_keyboard_only(page):
    from selenium.webdriver import Keys

    page.open(small())
    start, seen = page.snapshot(), set()
    for step in range(page.steps + 1):
        assert page.status.startswith(f"Step {step} of {page.steps}:")
        seen.add(page.status)
        page.press(Keys.ARROW_RIGHT)
    assert len(seen) == page.steps + 1
    page.press(Keys.HOME)
    assert page.snapshot() == start
    page.press(Keys.END)
    assert page.status.startswith(f"Step {page.steps} of")
    page.press(Keys.ARROW_LEFT)
    assert int(page.status.split()[1]) == page.steps - 1
    page.press(" ")
    assert page.text("#play") == "pause"
    page.press(" ")
    assert page.text("#play") == "play"


def test_every_control_is_reached_by_tab_and_shows_the_focus(page):
    from selenium.webdriver import Keys

    page.open(small(), "#step=20")
    wanted = page.js("return [...document.querySelectorAll('button, input, [tabindex=\"0\"]')].length")
    reached = set()
    for _ in range(wanted + 2):
        page.press(Keys.TAB)
        seen = page.js(
            "const e = document.activeElement; e.seen ??= Math.random();"
            " return [e.seen, e === document.body || getComputedStyle(e).outlineStyle !== 'none']"
        )
        assert seen[1]
        reached.add(seen[0])
    assert len(reached) >= wanted


def test_arrow_keys_in_a_table_choose_the_entry_and_keep_the_focus(page):
    from selenium.webdriver import Keys

    page.open(small(), "#step=2&entry=0")
    page.js("document.querySelector('[data-keep=value]').focus()")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_DOWN)
    assert page.status.startswith("Step 2 ")
    assert page.text("#panel-title").endswith("entry [1, 1]")
    assert page.js("return document.activeElement.getAttribute('aria-selected')") == "true"


def test_a_table_that_leads_elsewhere_is_walked_by_arrow_keys_and_left_by_enter(page):
    from selenium.webdriver import Keys

    page.open(small(), "#step=1&entry=0")
    page.js("document.querySelectorAll('#panel .map')[1].querySelector('[tabindex=\"0\"]').focus()")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_DOWN)
    assert page.text("#panel-title") == "z1, entry [0, 0]"
    page.press(Keys.ENTER)
    assert page.text("#panel-title") == "x, entry [1, 1]"
    assert page.status.startswith("Step 1 ")


def test_partial_sums_at_a_fan_out(page):
    root = fan_out()
    data = film(root)
    x = next(i for i, node in enumerate(data["nodes"]) if node["symbol"] == "x")
    page.open(root)
    count, total = 0, 0
    for i, step in enumerate(data["backward"]):
        page.step(len(data["forward"]) + 2 + i)
        page.js("tinygradFilm.choose(arguments[0], 1)", x)
        for c in step["contributions"]:
            if c["to"] == x:
                total = total + numbers(data, c["part"])
                count += 1
                assert f"Contribution {count} of 3 to x" in page.text("#step")
                now = page.js(
                    "return Array.from(tinygradFilm.gradient(arguments[0], tinygradFilm.state.step).numbers)", x
                )
                np.testing.assert_array_equal(now, total)
                said = re.search(r"sum so far \(\d of 3\): .*?([−\d.e]+)$", page.text("#step"), re.MULTILINE)[1]
                assert float(said.replace("−", "-")) == pytest.approx(total[1], rel=1e-3)
    assert count == 3
    np.testing.assert_allclose(total, np.cos([1, -2]) * [1, -2] + np.sin([1, -2]) + np.exp([1, -2]))


@pytest.mark.parametrize("name", GRAPHS)
def test_every_panel_opens_at_every_stage(page, name):
    page.open(GRAPHS[name]())
    for step in {0, page.steps // 2, page.steps}:
        page.step(step)
        panels = page.js(
            "return tinygradFilm.film.nodes.map((node, i) => { tinygradFilm.choose(i);"
            " return [node.symbol, ...['title', 'body'].map((x) => document.getElementById('panel-' + x).innerText)]; })"
        )
        assert panels
        for symbol, title, body in panels:
            assert title.partition(", entry")[0] == symbol
            assert "undefined" not in body
            assert "shape" in body or "single number" in body or "results" in body
    for i in range(len(page.find("#views button"))):
        page.find("#views button")[i].click()
        assert page.find("#canvas svg")


def test_boxes_of_the_picture_open_their_panel(page):
    page.open(small())
    for name in ("W1", "z2", "C"):
        page.js(
            "[...document.querySelectorAll('#canvas .node')].find((n) => n.textContent.split(' ')[0] === arguments[0]).dispatchEvent(new MouseEvent('click'))",
            name,
        )
        assert page.text("#panel-title").startswith(name)


def test_bp2_is_shown_with_its_numbers_and_verified(page):
    root = small()
    data = film(root)
    z1 = next(i for i, node in enumerate(data["nodes"]) if node["symbol"] == "z1")
    page.open(root)
    page.step(page.steps)
    page.js("tinygradFilm.choose(arguments[0], 4)", z1)
    shown = page.text("#panel .equation")
    assert "BP2" in shown
    assert "δ1 = (δ2 W2ᵀ) ⊙ σ′(z1)" in shown
    assert "verified" in shown
    numbers_put_in = re.search(r"= \((.*?) × (.*?)\) × (.*?) = (.*)", shown)
    a, b, slope, result = (float(text.strip("()").replace("−", "-")) for text in numbers_put_in.groups())
    assert a * b * slope == pytest.approx(result, rel=2e-3)
    assert result == pytest.approx(numbers(data, data["nodes"][z1]["gradient"]).flat[4], rel=1e-3)


def test_the_path_of_an_entry_leads_to_the_result(page):
    page.open(small())
    page.step(page.steps)
    page.js("tinygradFilm.choose(tinygradFilm.film.nodes.findIndex((n) => n.symbol === 'W1'), 3)")
    for _ in range(40):
        terms = page.find("#panel button.term")
        if not terms:
            break
        terms[0].click()
    assert page.text("#panel-title") == "C"


def test_another_view_goes_on_from_the_same_moment(page):
    page.open(small(), "#step=9")  # z2 hands its gradient back
    views = page.find("#views button")
    for said in ["v5 = a1 @ W2 hands", "z2 = a1 W2 + b2 hands"]:
        views[page.js("return 1 - tinygradFilm.state.view")].click()
        assert said in page.status
    for step in range(page.steps + 1):
        page.step(step)
        page.js("tinygradFilm.see(1); tinygradFilm.see(0)")
        assert page.status.startswith(f"Step {step} of 11:")


def test_the_step_of_an_activation_function_is_its_slope(page):
    """By boxes, nothing of the inside of a sigmoid is seen."""
    root = small()
    page.open(root)
    seen = []
    for step in range(page.steps + 1):
        page.step(step)
        seen += [page.status, page.text("main")]
    text = "\n".join(seen)
    assert not re.search(r"\bv\d|min\(|exp\(", text)
    assert "δ1 = ∂C/∂a1 ⊙ σ′(z1) = ∂C/∂a1 ⊙ a1(1 − a1)" in text
    assert "compute a1 = σ(z1)" in text
    data = film(root)
    a1 = next(numbers(data, node["value"]) for node in data["nodes"] if node["symbol"] == "a1")
    slope = numbers(data, data["boxes"]["backward"][3]["contributions"][0]["local"]["array"])
    np.testing.assert_allclose(slope, a1 * (1 - a1), rtol=1e-12)


def test_predict_hides_the_number_until_it_is_guessed(page):
    from selenium.webdriver import Keys

    page.open(fan_out())
    page.find("#predict")[0].click()
    page.step(1)
    assert "About what will v1[1] be?" in page.text("#step")
    assert "v1[1] = sin((−2)) = ?" in page.text("#step")
    assert "0.9093" not in page.text("main")
    assert "guess first" in page.text("#panel")
    page.find("#guess")[0].send_keys("-0.91", Keys.ENTER)
    assert "Right. You guessed -0.91" in page.text("#step")
    assert "0.9093" in page.text("#step")
    page.step(page.steps)
    page.find("#guess")[0].send_keys("70", Keys.ENTER)
    assert "You guessed 70" in page.text("#step")
    assert "1 right of 2" in page.text("#step")


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        ("-0.9", "Right. "),
        ("-0.7", "Close: the right sign and size. "),
        ("-9", "The sign is right, the size is not. "),
        ("2", "Not this time. "),
    ],
)
def test_a_guess_is_judged_kindly(page, guess, said):
    from selenium.webdriver import Keys

    page.open(fan_out(), "#step=1&predict=1")  # sin(−2) = −0.9093
    page.find("#guess")[0].send_keys(guess, Keys.ENTER)
    assert f"{said}You guessed {guess} for v1[1]; it is −0.9093." in page.text("#step")


@pytest.mark.parametrize("name", ["small", "deep", "fan_out", "recurrent", "large", "empty", "svd", "trained"])
def test_only_numbers_worth_predicting_are_asked_for(page, name):
    """Not 0, of a size that one can reason about, and the sum of a few products."""
    page.open({**GRAPHS, "trained": trained_on_digits}[name](), "#predict=1")
    asked = 0
    for step in range(page.steps + 1):
        page.step(step)
        if page.find("#guess"):
            asked += 1
            assert page.text("form.guess .numbers").count(" × ") <= 6
            page.js(
                "document.getElementById('guess').value = '0'; document.querySelector('form.guess').requestSubmit()"
            )
            truth = float(re.search(r"; it is (.*)\. ", page.text("#step"))[1].replace("−", "-"))
            assert 1e-3 <= abs(truth) < 1e4
    assert asked > 0 or name in ("empty", "svd")


def test_predict_asks_again_for_what_is_no_number_and_stops_the_player(page):
    from selenium.webdriver import Keys

    page.open(fan_out(), "#step=1&predict=1")
    page.find("#guess")[0].send_keys("abc", Keys.ENTER)
    assert "About what will" in page.text("#step")
    page.find("#guess")[0].clear()
    page.find("#guess")[0].send_keys("0,84", Keys.ENTER)
    assert "Not this time. You guessed 0,84 for v1[1]; it is −0.9093." in page.text("#step")
    page.driver.execute_async_script(
        "const real = setInterval; window.setInterval = (f) => real(f, 10);"
        "document.getElementById('play').click(); setTimeout(arguments[0], 300)"
    )
    assert page.status.startswith("Step 2 of")
    assert page.text("#play") == "play"
    page.open(np.sum(np.multiply(tg.Tensor([np.nan, np.inf], requires_grad=True), 1.0)), "#step=1&predict=1&entry=0")
    page.find("#guess")[0].send_keys("nan", Keys.ENTER)
    assert "Right. You guessed nan" in page.text("#step")
    page.open(np.sum(parameter(0, 3) * 2.0), "#step=1&predict=1")
    assert page.find("#guess") == []
    assert "Empty" in page.text("#panel")


def test_the_speed_is_that_of_the_player(page):
    page.open(fan_out())
    page.js(
        "window.waits = []; const real = setInterval; window.setInterval = (f, ms) => (waits.push(ms), real(f, 1e6))"
    )
    page.find("#play")[0].click()
    page.js("const s = document.getElementById('speed'); s.value = '4'; s.dispatchEvent(new Event('change'))")
    assert page.js("return waits[0] / waits[1]") == 4
    assert page.text("#play") == "pause"


def trained_on_digits():
    """As in the demo: inputs with blank pixels, saturated units."""
    train, test = tg.data.digits()
    net = tg.nn.MLP([64, 30, 10], rng=0)
    sgd = tg.optim.SGD(net.parameters(), lr=3.0)
    tg.fit(net, *train, cost="quadratic", optimizer=sgd, epochs=3, batch_size=10, rng=0, progress=False)
    return tg.costs.quadratic(net(test[0][:10]), test[1][:10])


@pytest.mark.parametrize("view", ["#view=0", BY_OPERATION])
@pytest.mark.parametrize("name", [*GRAPHS, "trained"])
def test_the_entry_that_is_looked_at_is_never_zero_where_any_is_not(page, name, view):
    page.open({**GRAPHS, "trained": trained_on_digits}[name](), view)
    blank = page.js(
        "const { go, film, array, gradient, isInTrack, isComputed, shownEntry, state, choose } = tinygradFilm, found = [];"
        "for (let step = 0; step <= tinygradFilm.track.N; step++) {"
        "  go(step);"
        "  for (const node of film.nodes.keys()) {"
        "    if (!isInTrack(node) || !isComputed(node, step)) continue;"
        "    const a = gradient(node, step) ?? array(film.nodes[node].value);"
        "    if (Array.from(a.numbers).some((x) => x !== 0) && a.numbers[shownEntry(node)] === 0 && !a.sampled) found.push([step, node]);"
        "  }"
        "}"
        "return found"
    )
    assert blank == []


def test_of_many_products_the_largest_are_written(page):
    page.open(trained_on_digits())
    page.press("4")
    for selector in ("#step .equation .numbers", "#panel .numbers"):
        said = page.text(selector).replace("−", "-")
        products = [float(a.strip("= ()")) * float(b.strip(" ()")) for a, b in re.findall(r"(\S+) × (\S+)", said)]
        assert len(products) == 6
        assert sorted(products, key=abs, reverse=True) == pytest.approx(products)
        total = float(said.split(" = ")[-1])
        assert sum(products) == pytest.approx(total, rel=0.05)
    assert "4 more products" in said


def test_a_number_that_is_as_good_as_nothing_is_written_so(page):
    page.open(np.multiply(tg.Tensor([1000.0, 0.4, 0.6, 0.0], requires_grad=True), 1.0), "#step=1")
    assert [cell.text for cell in page.find("#panel .grid")[0].find_elements("css selector", ".cell")] == [
        "+1000",
        "≈ 0",
        "+0.6",
        "0",
    ]
    page.js("tinygradFilm.choose(tinygradFilm.film.forward[0], 1)")
    assert page.text("#panel .cell.chosen") == "+0.4"


def test_the_start_looks_at_something_that_is_in_the_picture(page):
    for name in ("small", "recurrent", "attention", "fan_out"):
        page.open(GRAPHS[name]())
        title = page.text("#panel-title").split(",")[0]
        labels = page.js("return [...document.querySelectorAll('#canvas .node')].map((n) => n.textContent)")
        assert title in {label.split()[0] for label in labels}, (title, labels)
        assert "value of" in page.text("#panel")


def test_the_path_of_a_value_leads_to_the_inputs(page):
    page.open(small(), "#step=1")
    assert "Takes x, W1 and b1." in page.text("#step")
    page.open(small(), BY_OPERATION + "&step=1")
    assert "Takes x and W1." in page.text("#step")
    page.js("tinygradFilm.choose(tinygradFilm.film.forward[0], 4)")
    v = X[1] @ (W := tg.nn.MLP([2, 3, 1], rng=0).weights[0].numpy())[:, 1]
    said = page.text("#step .numbers")
    a, b, c, d, result = (float(x.strip("() ").replace("−", "-")) for x in re.split("[×+=]", said)[1:])
    np.testing.assert_allclose([a, c, b, d], [*X[1], *W[:, 1]], rtol=1e-3)
    assert a * b + c * d == pytest.approx(v, rel=1e-3)
    assert result == pytest.approx(v, rel=1e-3)
    outlined = page.js(
        "return [...document.querySelectorAll('#panel .source')].map((c) => c.getAttribute('aria-label'))"
    )
    assert [text.split("contributed ")[1].split(":")[0] for text in outlined] == [
        "[1, 0]",
        "[1, 1]",
        "[0, 1]",
        "[1, 1]",
    ]
    page.open(np.sum(np.concatenate([parameter(2, name="p"), parameter(2, name="q")])), "#step=1")
    page.js("tinygradFilm.choose(tinygradFilm.film.forward[0], 3)")
    outlined = page.js(
        "return [...document.querySelectorAll('#panel .source')].map((c) => c.getAttribute('aria-label'))"
    )
    assert [text.split(",")[0] for text in outlined] == ["q"]


def test_many_contributions_are_summed_up(page):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    page.open(np.sum(sum((np.sin(x * k) for k in range(1, 20)), start=np.exp(x))))
    page.step(page.steps)
    page.js("tinygradFilm.choose(0, 1)")
    assert "… and 8 more contributions" in page.text("#panel")
    said = re.search(r"sum so far \(20 of 20\): \(14 earlier\) \+ .* = (.*)", page.text("#step"))[1]
    k = np.arange(1, 20)
    assert float(said.replace("−", "-")) == pytest.approx(np.sum(k * np.cos(2 * k)) + np.exp(2), rel=1e-3)


def test_sampled_arrays_show_their_own_entries_or_none(page):
    """An entry is counted in the whole array, also where the film holds a part."""
    w = parameter(600, 500, name="w")
    root = np.sum(np.sin(w) * w)
    data = film(root)
    kept = data["arrays"][data["nodes"][0]["value"]]
    row, column = kept["rows"][3], kept["columns"][5]
    value = w.numpy()[row, column]
    page.open(root)
    page.step(page.steps)
    page.js("tinygradFilm.choose(0, arguments[0])", row * 500 + column)
    said = re.search(r"sum so far \(2 of 2\): (.*) \+ (.*) = (.*)", page.text("#step")).groups()
    first, second, total = (float(text.strip("()").replace("−", "-")) for text in said)
    assert sorted([first, second]) == pytest.approx(sorted([np.sin(value), value * np.cos(value)]), rel=2e-3)
    assert total == pytest.approx(np.sin(value) + value * np.cos(value), rel=2e-3)
    assert f"∂C/∂w[{row}, {column}] came from" in page.text("#panel")
    outside = next(i for i in range(500) if i not in kept["columns"])
    page.js("tinygradFilm.choose(0, arguments[0])", outside)
    assert "= a number that the film leaves out" in page.text("#step")
    assert "NaN" not in page.text("main")
    page.open(np.sum(np.tanh(parameter(300, 900) @ parameter(900, 200))), "#step=1")
    assert re.search(r"\+ … \(\d+ more products\) = ", page.text("#step"))
    page.js("tinygradFilm.choose(tinygradFilm.film.forward[0], 0)")
    page.js("document.getElementById('predict').click(); document.getElementById('guess').value = '1'")
    page.js("document.querySelector('form.guess').requestSubmit()")
    assert "You guessed 1 for z1[0, 0]" in page.text("#step")


def test_what_is_not_finite_has_to_be_named(page):
    from selenium.webdriver import Keys

    for said, verdict in [("7", "Not this time. "), ("−inf", "Not this time. "), ("∞", "Right. ")]:
        page.open(np.multiply(tg.Tensor([np.nan, np.inf], requires_grad=True), 1.0), "#step=1&predict=1&entry=1")
        page.find("#guess")[0].send_keys(said, Keys.ENTER)
        assert f"{verdict}You guessed {said} for " in page.text("#step")
        assert "[1]; it is +∞." in page.text("#step")


def test_an_entry_that_the_film_leaves_out_is_not_framed_elsewhere(page):
    root = np.sum(np.sin(parameter(600, 500, name="w")))
    data = film(root)
    kept = data["arrays"][data["nodes"][0]["value"]]
    outside = next(i for i in range(500) if i not in kept["columns"])
    page.open(root)
    pictures = []
    for entry in (outside, 0):
        page.js("tinygradFilm.choose(0, arguments[0])", entry)
        pictures.append(page.js("return document.querySelector('#panel canvas').toDataURL()"))
    assert pictures[0] != pictures[1]


def test_an_entry_in_the_address_that_is_not_there_is_that_of_the_largest_number(page):
    page.open(small(), "#step=1&entry=9999")
    assert page.text("#panel-title") == "z1, entry [3, 0]"
    assert page.text("#step .numbers").startswith("z1[3, 0] = ")
    assert "leaves out" not in page.text("#step")


def test_an_equation_stands_at_the_last_contribution_of_a_step(page):
    z = X @ parameter(2, 1)
    root = np.sum(z * z)
    data = film(root)
    (node,) = (e["node"] for e in data["equations"] if e["tag"] == "BP1")
    at = next(i for i, s in enumerate(data["backward"]) if [c["to"] for c in s["contributions"]] == [node] * 2)
    page.open(root)
    page.step(len(data["forward"]) + 2 + at)
    assert [len(card.find_elements("css selector", ".equation")) for card in page.find(".contribution")] == [0, 1]


def test_a_parameter_alone_is_no_constant(page):
    page.open(GRAPHS["leaf"]())
    assert "No gradient: nothing was computed from it." in page.text("#panel")
    page.open(GRAPHS["constant"]())
    assert "No gradient: it is a constant." in page.text("#panel")


def test_an_outlined_image_begins_at_its_first_entry(page):
    page.open(np.sum(np.ones((12, 20)) @ parameter(20, 30)), "#step=1&entry=0")
    labels = page.js("return [...document.querySelectorAll('#panel canvas')].map((c) => c.getAttribute('aria-label'))")
    assert [re.search(r"contributed (\[.*?\])", label)[1] for label in labels if "contributed" in label] == [
        "[0, 0]"
    ] * 2


def test_a_layer_has_a_bar_when_its_error_is_known(page):
    def bars():
        widths = page.js("return [...document.querySelectorAll('#depth .fill')].map((f) => f.offsetWidth)")
        return [width > 0 for width in widths], page.text("#depth-body")

    root = small()
    data = film(root)
    page.open(root)
    assert bars()[0] == [False, False]
    page.step(page.steps)
    assert bars()[0] == [True, True]
    page.js("tinygradFilm.go(tinygradFilm.completeAt(arguments[0]))", data["depth"][1]["node"])
    assert bars()[0] == [False, True]
    page.find("#predict")[0].click()
    assert bars()[0] == [False, False]
    assert len(page.find("#depth .track.empty")) == 2
    assert "‖δ2‖: guess first" in bars()[1]
    assert "‖δ1‖: not reached yet" in bars()[1]
    page.open(np.sum(np.tanh(X @ tg.Tensor(np.zeros((2, 1)), requires_grad=True)) ** 2))
    page.step(page.steps)
    assert bars()[0] == [False]  # ‖δ‖ = 0


def test_the_script_leaves_one_name_to_the_window(page):
    path = page.folder / "empty.html"
    path.write_text("<!DOCTYPE html><meta charset=utf-8><title>empty</title>", encoding="utf-8")
    names = "return Object.getOwnPropertyNames(window).filter((name) => !/^\\d+$/.test(name))"
    before = set(page.show(path).js(names))
    after = set(page.open(small()).js(names))
    assert after - before == {"tinygradFilm"}


def test_a_name_is_no_alarm(page):
    page.open(np.sum(parameter(3, name="info") * parameter(3, name="NaNcy")))
    page.step(page.steps)
    assert page.find("#canvas .alarm") == []
    with np.errstate(all="ignore"):
        root = np.sum(np.log(tg.Tensor([0.0, 1.0], requires_grad=True, name="w")))
    page.open(root)
    page.step(page.steps)
    assert [n.text.split()[0] for n in page.find("#canvas .alarm")] == ["w", "v1", "C"]


def test_an_equation_is_shown_once_and_its_large_factors_as_images(page):
    page.open(tg.costs.quadratic(tg.nn.MLP([20, 30, 2], rng=0)(np.ones((12, 20))), np.ones((12, 2))))
    page.step(page.steps)
    page.js("tinygradFilm.choose(tinygradFilm.film.nodes.findIndex((n) => n.symbol === 'W1'), 40)")
    assert [tag.text for tag in page.find(".equation .tag")] == ["BP4", "BP3"]  # what is chosen comes first
    assert len(page.find(".equation")[0].find_elements("css selector", "canvas")) == 3  # x, δ1 and ∂C/∂W1
    assert "∂C/∂W1[1, 10] = Σⱼ x[j, 1] δ1[j, 10]" in page.text(".equation")


def test_search_finds_by_name_operation_and_scope(page):
    page.open(small())
    for wanted, name in [("w2", "W2"), ("σ", "a1"), ("quadratic", "C")]:
        page.find("#search")[0].clear()
        page.find("#search")[0].send_keys(wanted)
        next(button for button in page.find("#found button") if button.text == name).click()
        assert page.text("#panel-title").startswith(name)
    page.find("#views button")[1].click()
    for wanted, name in [("w2", "W2"), ("exp", "v3"), ("quadratic", "v9")]:
        page.find("#search")[0].clear()
        page.find("#search")[0].send_keys(wanted)
        found = [button for button in page.find("#found button") if button.text == name]
        found[0].click()
        assert page.text("#panel-title").startswith(name)
    page.find("#search")[0].clear()
    page.find("#search")[0].send_keys("nowhere")
    assert page.text("#found") == "nothing found"


def test_the_state_is_in_the_address(page):
    page.open(small(), BY_OPERATION)
    page.step(20)
    page.js("tinygradFilm.choose(3, 2)")
    address = page.driver.current_url
    assert address.endswith("#step=20&view=1&node=3&entry=2")
    seen = page.snapshot()
    page.show(page.folder / "film.html", "#" + address.partition("#")[2])
    assert page.snapshot() == seen
    page.show(page.folder / "film.html", "#step=1e9&view=-1&node=x&entry=99999")
    assert page.status.startswith("Step 0 of")


def test_the_picture_is_saved_as_it_is_seen(page):
    page.open(fan_out(), "#step=8")
    page.js(
        "window.blobs = []; URL.createObjectURL = (blob) => { blobs.push(blob); return '#saved'; };"
        "HTMLAnchorElement.prototype.click = () => {};"
    )
    page.find("#download")[0].click()
    svg = page.driver.execute_async_script("blobs[0].text().then(arguments[0])")
    assert inert(svg)[0] == "svg"
    assert "v1 = sin(x)" in svg


def test_the_index_and_the_keys_jump_to_the_equations(page):
    page.open(small())
    for key, tag in enumerate(["BP1", "BP2", "BP3", "BP4"], start=1):
        for by_key in (True, False):
            page.step(0)
            if by_key:
                page.press(str(key))
            else:
                page.find("#index button")[key - 1].click()
            assert page.text("#step .equation .tag") == tag
            assert "verified" in page.text("#step .equation")
    page.press("4")
    assert page.text("#panel-title").startswith("W1")  # the next of the two
    page.open(fan_out())
    assert not page.find("#index")[0].is_displayed()


@pytest.mark.parametrize(("at", "shown"), [("BP1", "z2"), ("BP2", "z1"), ("BP3", "b2"), ("BP4", "W2")])
def test_it_opens_at_an_equation(page, at, shown):
    path = page.folder / "film.html"
    explore(small(), path, at=at)
    page.show(path)
    assert page.text("#step .equation .tag") == at
    assert page.text("#panel-title").startswith(shown)
    page.show(path, "#step=3")
    assert page.status.startswith("Step 3 ")


@pytest.fixture
def window(page):
    """Sets the size of the window, and restores it."""
    size = page.driver.get_window_size()

    def set_to(width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    yield set_to
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert page.driver.get_window_size() == size


def overflow(page):
    """How far the drawing reaches beyond its frame, and the frame beyond the window, in pixels."""
    return page.js(
        "const beyond = (a, b) => Math.max(b.left - a.left, a.right - b.right, b.top - a.top, a.bottom - b.bottom);"
        "const [svg, canvas] = ['#canvas svg', '#canvas'].map((x) => document.querySelector(x).getBoundingClientRect());"
        "return [beyond(svg, canvas), beyond(canvas, new DOMRect(0, 0, innerWidth, innerHeight))]"
    )


@pytest.mark.parametrize("size", [(1024, 700), (1280, 800), (400, 800)])
@pytest.mark.parametrize("name", ["small", "deep", "trained", "recurrent"])
def test_the_whole_graph_is_seen_at_first(page, window, name, size):
    window(*size)
    page.open({**GRAPHS, "trained": trained_on_digits}[name]())
    assert max(overflow(page)) <= 1, overflow(page)
    window(1100, 600)
    page.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert overflow(page)[0] <= 1


def test_zoom_and_pan_by_keys_buttons_and_mouse(page, window):
    from selenium.webdriver import ActionChains, Keys

    window(1024, 700)
    page.open(small())

    def wide():
        return page.js("return document.querySelector('#canvas svg').getBoundingClientRect().width")

    all_of_it = wide()
    for larger, smaller in [("+", "-"), ("=", "-")]:
        page.press(larger)
        assert wide() == pytest.approx(1.25 * all_of_it, abs=1)
        page.press(smaller)
        assert wide() == pytest.approx(all_of_it, abs=1)
    page.find("#larger")[0].click()
    page.find("#larger")[0].click()
    assert overflow(page)[0] > 0
    canvas = page.find("#canvas")[0]
    at = "return [document.getElementById('canvas').scrollLeft, document.getElementById('canvas').scrollTop]"
    before = page.js(at)
    ActionChains(page.driver).move_to_element(canvas).click_and_hold().move_by_offset(-30, -20).release().perform()
    assert page.js(at) == pytest.approx([before[0] + 30, before[1] + 20], abs=1)
    assert page.text("#panel-title").startswith("x")  # a drag is no press
    before = page.js(at)
    ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_UP).key_up(Keys.SHIFT).perform()
    assert page.js(at) == pytest.approx([before[0], before[1] - 60], abs=1)
    assert page.status.startswith("Step 0 ")
    page.find("#fit")[0].click()
    assert wide() == pytest.approx(all_of_it, abs=1)
    page.js(
        "document.getElementById('canvas').dispatchEvent(new WheelEvent('wheel', { deltaY: -300, ctrlKey: true, cancelable: true }))"
    )
    assert wide() == pytest.approx(2 * all_of_it, abs=1)
    page.press("0")
    assert wide() == pytest.approx(all_of_it, abs=1)


def test_two_fingers_zoom(page, window):
    window(400, 800)
    page.open(small())
    width = "return document.querySelector('#canvas svg').getBoundingClientRect().width"
    before = page.js(width)
    page.js(
        "const send = (type, id, x) => document.getElementById('canvas').dispatchEvent("
        "new PointerEvent(type, { pointerId: id, pointerType: 'touch', clientX: x, clientY: 400 }));"
        "send('pointerdown', 1, 150); send('pointerdown', 2, 250); send('pointermove', 2, 350); send('pointerup', 2, 350)"
    )
    assert page.js(width) == pytest.approx(2 * before, abs=1)


def test_the_strip_is_readable_on_a_telephone(page, window):
    window(400, 800)
    page.open(small())
    heights = page.js("return [...document.querySelectorAll('#depth .said')].map((s) => s.offsetHeight)")
    assert len(heights) == 2
    assert max(heights) < 30  # one line
    assert page.js("return document.documentElement.scrollWidth") <= 400


def test_the_slider_moves_the_film(page):
    page.open(fan_out())
    page.js("const s = document.getElementById('slider'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert page.status.startswith("Step 4 of")


def test_nan_infinity_0d_and_empty_arrays_show(page):
    x = tg.Tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True, name="x")
    page.open(np.sum(np.multiply(x, 2.0)))
    page.js("tinygradFilm.choose(0)")
    assert [cell.text for cell in page.find("#panel .cell")] == ["NaN", "+∞", "−∞", "+1"]
    assert len(page.find("#panel .cell.missing")) == 3
    assert "3 of 4 not finite (hatched)" in page.text("#panel")
    assert page.complaints() == []
    page.open(np.sum(parameter(0, 3, name="nothing") * 2.0))
    page.js("tinygradFilm.go(99); tinygradFilm.choose(0)")
    assert "Empty: shape (0, 3)." in page.text("#panel")
    assert page.complaints() == []
    page.open(tg.Tensor(2.0, requires_grad=True, name="w") ** 3.0)
    page.js("tinygradFilm.go(99); tinygradFilm.choose(0)")
    assert [cell.text for cell in page.find("#panel .map .cell")][:2] == ["+2", "+12"]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:12]))
def test_hostile_names_run_nothing_and_are_seen_as_they_are(page, name):
    page.open(hostile(name))
    for step in range(page.steps + 1):
        page.step(step)
        page.js("tinygradFilm.choose(0)")
    assert page.js("return window.sentinel") is None
    assert (
        page.js("return document.getElementById('full-name')?.textContent ?? tinygradFilm.film.nodes[0].symbol") == name
    )
    assert page.find("b, img, #panel script, #step script, #canvas script") == []


def test_two_films_on_one_page(page):
    path = page.folder / "two.html"
    films = [explore(make()) for make in (small, fan_out)]
    body = "".join(f._repr_html_() for f in films)
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>two</title>{body}", encoding="utf-8")
    page.show(path)
    frames = page.find("iframe")
    for steps, frame in zip((2, 4), frames, strict=True):
        page.driver.switch_to.frame(frame)
        for _ in range(steps):
            page.find("#next")[0].click()
        page.driver.switch_to.default_content()
    for steps, frame in zip((2, 4), frames, strict=True):
        page.driver.switch_to.frame(frame)
        assert page.status.startswith(f"Step {steps} of")
        page.driver.switch_to.default_content()
    said = [entry["message"] for entry in page.driver.get_log("browser")]
    assert said == []
    page.driver.get_log("performance")  # the two frames are requests of their own, to about:srcdoc


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_dark_mode_follows_the_system(page, mode):
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    )
    page.open(small(), "#step=31")
    ground = page.js("return getComputedStyle(document.body).backgroundColor")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert "#" + "".join(f"{int(x):02x}" for x in re.findall(r"\d+", ground)) == palettes()[mode]["page"]


def test_reduced_motion_is_respected(page):
    page.open(small())
    durations = []
    for value in ("no-preference", "reduce"):
        features = {"features": [{"name": "prefers-reduced-motion", "value": value}]}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        durations.append(
            page.js("return [...document.querySelectorAll('*')].map((e) => getComputedStyle(e).transitionDuration)")
        )
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert set(durations[0]) == {"0s", "0.2s"}
    assert set(durations[1]) == {"0s"}


def test_without_a_browser_the_tests_skip_and_say_what_is_missing():
    name = "test_the_slider_moves_the_film"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", f"{__file__}::{name}"]
    done = subprocess.run(command, env=os.environ | {"PATH": ""}, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert "no browser: needs chromium and chromedriver (apt install chromium chromium-driver)" in done.stdout
    assert "1 skipped" in done.stdout


@functools.cache
def digits():
    rng = np.random.default_rng(0)
    return explore(tg.costs.quadratic(tg.nn.MLP([784, 30, 10], rng=0)(rng.random((10, 784))), np.eye(10)))


def test_a_film_of_784_30_10_is_small_and_loads_fast(page):
    assert len(digits().html.encode()) < 3e6
    path = page.folder / "film.html"
    digits().save(path)
    times = []
    for _ in range(3):
        page.show(path)
        times.append(page.js("return performance.getEntriesByType('navigation')[0].duration"))
    assert min(times) < 1000, times
    page.press("\ue010")  # End
    page.js("tinygradFilm.choose(tinygradFilm.film.nodes.findIndex((n) => n.symbol === 'W1'))")
    assert page.find("#panel canvas")
