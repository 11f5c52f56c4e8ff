"""A loop is drawn as one step: when it is one, and what the picture then says."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.equations.arrays import norm
from tinygrad_edu.viz import draw, explore
from tinygrad_edu.viz.describe import describe
from tinygrad_edu.viz.operations import number

X = np.random.default_rng(0).normal(size=(50, 4, 2))
Y = np.random.default_rng(1).normal(size=(50, 4, 1))


def parameters(*names, **shapes):
    rng = np.random.default_rng(2)
    return [tg.Tensor(rng.normal(size=shapes[name]) / 2, requires_grad=True, name=name) for name in shapes]


def simple():
    return parameters(W=(2, 3), U=(3, 3), b=(3,), V=(3, 1))


def at_the_end(steps, h=None):
    """A recurrent network with a target for its last output."""
    W, U, b, V = simple()
    h = np.zeros((4, 3)) if h is None else h
    for t in range(steps):
        h = np.tanh(X[t] @ W + h @ U + b)
    return tg.costs.quadratic(h @ V, Y[0])


def at_each(steps):
    """The same with a target at every step."""
    W, U, b, V = simple()
    h, C = np.zeros((4, 3)), 0
    for t in range(steps):
        h = np.tanh(X[t] @ W + h @ U + b)
        C = C + tg.costs.quadratic(h @ V, Y[t])
    return C


def at_each_in_a_list(steps):
    W, U, b, V = simple()
    h, costs = np.zeros((4, 3)), []
    for t in range(steps):
        h = np.tanh(X[t] @ W + h @ U + b)
        costs.append(tg.costs.quadratic(h @ V, Y[t]))
    return sum(costs) / steps


def stacked_costs(steps):
    W, U, b, V = simple()
    h, outputs = np.zeros((4, 3)), []
    for t in range(steps):
        h = np.tanh(X[t] @ W + h @ U + b)
        outputs.append(h @ V)
    return np.sum(np.stack(outputs) ** 2)


def without_a_first_state(steps):
    """At the first step there is no U, and no sum of costs."""
    W, U, b, V = simple()
    h = C = None
    for t in range(steps + 1):
        z = X[t] @ W + b if h is None else X[t] @ W + h @ U + b
        h = np.tanh(z)
        cost = tg.costs.quadratic(h @ V, Y[t])
        C = cost if C is None else C + cost
    return C


def lstm(steps):
    """Two values go on to the next step."""
    gates = [parameters(**{f"W{g}": (2, 3), f"U{g}": (3, 3), f"b{g}": (3,)}) for g in "ifog"]
    h, c = np.zeros((4, 3)), np.zeros((4, 3))
    for t in range(steps):
        x = X[t]
        z = [x @ W + h @ U + b for W, U, b in gates]
        i, f, o = (tg.sigmoid(part) for part in z[:3])
        c = f * c + i * np.tanh(z[3])
        h = o * np.tanh(c)
    return np.sum(h)


def two_layers(steps):
    W, U, b, V = simple()
    W2, U2 = parameters(W2=(3, 3), U2=(3, 3))
    h = k = np.zeros((4, 3))
    for t in range(steps):
        h = np.tanh(X[t] @ W + h @ U + b)
        k = np.tanh(h @ W2 + k @ U2)
    return np.sum(k @ V)


def indexed(steps):
    """The states have names, and a gradient flows back to the first."""
    W, U, b, V = simple()
    x, h = tg.Tensor(X, requires_grad=True, name="xs"), tg.Tensor(np.ones((4, 3)), requires_grad=True, name="h0")
    for t in range(steps):
        h = np.tanh(x[t] @ W + h @ U + b)
        h.name = "h"
    return tg.costs.quadratic(h @ V, Y[0])


def added_up(steps):
    """Nothing goes on to the next step but the sum."""
    W, _, b, _ = simple()
    return sum(np.sum(np.tanh(X[t] @ W + b)) for t in range(steps))


def weight_tied(steps):
    """Every layer has the same weights."""
    (W,) = parameters(W=(3, 3))
    a = np.ones((4, 3))
    for _ in range(steps):
        a = tg.sigmoid(a @ W)
    return np.sum(a)


LOOPS = {
    loop.__name__: loop
    for loop in (
        *(at_the_end, at_each, at_each_in_a_list, stacked_costs, without_a_first_state, lstm, two_layers, indexed),
        *(added_up, weight_tied),
    )
}


def frames(description):
    return [cluster.name for cluster in description.clusters if "×" in cluster.name]


def texts(description):
    return [box.lines[0] for box in description.boxes]


def box(description, name):
    return next(box for box in description.boxes if box.lines[0] == name)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_is_drawn_as_one_step(loop):
    small, large = describe(loop(5)), describe(loop(20))
    assert frames(small) == ["× 5: t = 1 … 5"]
    assert frames(large) == ["× 20: t = 1 … 20"]
    assert len(small.boxes) == len(large.boxes) < len(describe(loop(4)).boxes) / 2 + 3
    assert any(arrow.recurrent and not arrow.gradient for arrow in large.arrows)
    assert any(arrow.recurrent and arrow.gradient for arrow in large.arrows)
    assert any("20 steps of a loop are drawn as one: draw(…, unfold=True)" in str(note) for note in large.notes)
    assert frames(describe(loop(20), unfold=True, max_nodes=10_000)) == []
    ids = [box.id for box in large.boxes]
    rank = {id: i for i, id in enumerate(ids)}
    assert ids == [f"n{i}" for i in range(len(ids))]
    assert all(rank[a.source] < rank[a.target] for a in large.arrows if not (a.gradient or a.recurrent))


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_few_steps_are_drawn_one_by_one(loop):
    for steps in (1, 3, 4):
        assert draw(loop(steps)).source == draw(loop(steps), unfold=True).source


def siamese():
    (W,) = parameters(W=(2, 3))
    return np.sum(np.stack([np.tanh(X[t] @ W) for t in range(20)]))


def equal_layers():
    network = tg.nn.MLP([3] * 12, rng=0)
    return tg.costs.quadratic(network(np.ones((4, 3))), np.zeros((4, 3)))


def no_parameters():
    u = tg.Tensor([0.5, 0.3], requires_grad=True)
    for _ in range(20):
        u = np.sin(u)
    return np.sum(u)


def other_numbers():
    (W,) = parameters(W=(3, 3))
    a = np.ones((4, 3))
    for t in range(20):
        a = np.tanh((a @ W) * (1 + 0.1 * t))
    return np.sum(a)


def other_number_at_the_first_step():
    (W,) = parameters(W=(3, 3))
    a = tg.Tensor(np.ones((4, 3)))
    for t in range(5):
        a = np.tanh((a @ W) * (2.0 if t == 0 else 3.0))
    return np.sum(a)


def other_parameters_for_each_step():
    (W,) = parameters(W=(3, 3))
    a = np.ones((4, 3))
    for _ in range(20):
        a = np.tanh(a @ W + parameters(b=(3,))[0])
    return np.sum(a)


def made_at_the_first_step():
    """All steps take what is made of the first, so there is no place for it before the loop or after it."""
    W, U, b, _ = simple()
    (Q,) = parameters(Q=(3, 3))
    h, C, gate = np.zeros((4, 3)), 0, None
    for t in range(6):
        h = np.tanh(X[t] @ W + h @ U + b)
        gate = tg.sigmoid(h @ Q) if t == 0 else gate
        C = C + np.sum(h * gate)
    return C


def other_functions():
    (W,) = parameters(W=(3, 3))
    a = np.ones((4, 3))
    for t in range(20):
        a = np.tanh(a @ W) if t % 3 else np.sin(a @ W)
    return np.sum(a)


@pytest.mark.parametrize(
    "unlike",
    [
        *(siamese, equal_layers, no_parameters, other_numbers, other_number_at_the_first_step),
        *(other_parameters_for_each_step, other_functions, made_at_the_first_step),
    ],
)
def test_what_is_no_loop_is_drawn_as_it_is(unlike):
    assert frames(describe(unlike())) == []
    assert draw(unlike()).source == draw(unlike(), unfold=True).source


def test_what_the_picture_of_a_recurrent_network_says():
    description = describe(at_the_end(20))
    assert texts(description) == [
        *("x[t]", "W", "U", "b", "a1[0]", "x[t] W + a1[t−1] U + b", "z1[t]", "tanh(z1[t])", "a1[t]"),
        *("V", "a1[20] V", "z2", "y", "quadratic cost", "C"),
    ]
    name = {box.id: box.lines[0] for box in description.boxes}
    said = {(name[a.source], name[a.target]): a.lines for a in description.arrows if a.gradient}
    assert said == {
        ("C", "z2"): ["δ2 = ∂C/∂z2", "= (z2 − y)/4"],
        ("z2", "a1[t]"): ["∂C/∂a1[20] = δ2 Vᵀ"],
        ("z2", "V"): ["∂C/∂V", "= a1[20]ᵀ δ2"],
        ("a1[t]", "z1[t]"): ["δ1[t] = (δ1[t+1] Uᵀ) ⊙ tanh′(z1[t])", "tanh′(z1[t]) = 1 − a1[t]²"],
        ("z1[t]", "a1[t]"): ["∂C/∂a1[t−1] = δ1[t] Uᵀ"],
        ("z1[t]", "W"): ["∂C/∂W", "= Σ x[t]ᵀ δ1[t] over t"],
        ("z1[t]", "U"): ["∂C/∂U", "= Σ a1[t−1]ᵀ δ1[t] over t"],
        ("z1[t]", "b"): ["∂C/∂b", "= Σ δ1[t] over examples and t"],
    }
    inside = {name[box.id] for box in description.boxes if box.cluster is not None}
    assert inside == {"x[t]", "x[t] W + a1[t−1] U + b", "z1[t]", "tanh(z1[t])", "a1[t]"}
    forward = {(name[a.source], name[a.target]): a.lines for a in description.arrows if not a.gradient and a.lines}
    assert forward == {
        ("a1[t]", "x[t] W + a1[t−1] U + b"): ["to the", "next step"],
        ("a1[0]", "x[t] W + a1[t−1] U + b"): ["at t = 1"],
    }


def test_one_input_of_several_gates_is_one_box():
    names = texts(describe(lstm(20)))
    assert [name for name in names if name[0] == "x" and "W" not in name] == ["x[t]"]
    assert sorted(name for name in names if name.endswith("[0]")) == ["v3[0]", "v5[0]"]
    assert len([name for name in names if name.startswith("x[t] W")]) == 4


def test_contributions_are_counted_over_the_steps():
    description = describe(without_a_first_state(20))
    assert box(description, "W").lines[-1] == "sum of 21 contributions"
    lines = [line for arrow in description.arrows if arrow.tag == "BP4" for line in arrow.lines]
    assert {"= … + x1ᵀ δ1", "= … + Σ x2[t]ᵀ δ3[t] over t"} <= set(lines)
    assert "= (z4[t] − y′[t])/4" in [line for arrow in description.arrows for line in arrow.lines]


def test_with_a_target_at_each_step_errors_come_from_both():
    description = describe(at_each(20))
    assert {"C[t] = C[t−1] + v1[t]", "C", "y[t]", "a1[t] V"} <= set(texts(description))
    assert box(description, "a1[t]").lines[-1] == "∂C/∂a1[t] = δ2[t] Vᵀ + δ1[t+1] Uᵀ"
    (bp2,) = (arrow.lines[0] for arrow in description.arrows if arrow.tag == "BP2" and arrow.whole)
    assert bp2 == "δ1[t] = (δ2[t] Vᵀ + δ1[t+1] Uᵀ) ⊙ tanh′(z1[t])"
    result = box(description, "C")
    assert result.kind == "loss"
    assert f"value = {number(at_each(20).item())}" in result.lines


@pytest.mark.parametrize("loop", [at_the_end, at_each])
def test_what_it_says_is_so(loop):
    """The equations of the step, summed or carried back over all steps by hand, are the gradients of autograd."""
    C = loop(20)
    nodes = engine.ancestors(C)
    grads = engine.gradients(C, np.ones(()), nodes)
    named = {node.name: node for node in nodes if node.name}
    W, U, V = (named[name] for name in "WUV")
    by_step = [node for node in nodes if node.fn is np.tanh][::-1]
    by_step = sorted(by_step, key=lambda node: node.index)
    a = [np.zeros((4, 3)), *(node.numpy() for node in by_step)]
    z = [node.parents[0] for node in by_step]
    delta = [grads[node] for node in z]
    for t in range(19):
        back = delta[t + 1] @ U.numpy().T
        if loop is at_each:
            back = back + (a[t + 1] @ V.numpy() - Y[t]) / 4 @ V.numpy().T
        np.testing.assert_allclose(delta[t], back * (1 - a[t + 1] ** 2), rtol=1e-10)
    np.testing.assert_allclose(sum(X[t].T @ delta[t] for t in range(20)), grads[W], rtol=1e-10)
    np.testing.assert_allclose(sum(a[t].T @ delta[t] for t in range(20)), grads[U], rtol=1e-10)
    lines = box(describe(C), "z1[t]").lines
    assert f"‖value‖ = {number(norm(z[0].numpy()))} … {number(norm(z[-1].numpy()))}" in lines
    assert f"‖δ1[t]‖ = {number(norm(delta[0]))} … {number(norm(delta[-1]))}" in lines


def test_names_and_first_states():
    description = describe(indexed(20))
    assert {"h[t]", "h0", "xs", "h[20] V"} <= set(texts(description))
    name = {box.id: box.lines[0] for box in description.boxes}
    (back,) = (arrow for arrow in description.arrows if arrow.gradient and name[arrow.target] == "h0")
    assert back.lines == ["∂C/∂h0"]
    assert back.norm == pytest.approx(norm(indexed_gradient()))


def test_numbered_names_are_one_name():
    W, U, b, V = simple()
    h = np.zeros((4, 3))
    for t in range(20):
        h = np.tanh(X[t] @ W + h @ U + b)
        h.name = f"h{t}"
    assert {"h[t]", "h[20] V"} <= set(texts(describe(np.sum(h @ V))))


def indexed_gradient():
    C = indexed(20)
    nodes = engine.ancestors(C)
    (h0,) = (node for node in nodes if node.name == "h0")
    return engine.gradients(C, np.ones(()), nodes)[h0]


def test_two_loops_one_after_the_other():
    W, U, b, _ = simple()
    W2, U2 = parameters(W2=(3, 3), U2=(3, 3))
    h = np.zeros((4, 3))
    for t in range(10):
        h = np.tanh(X[t] @ W + h @ U + b)
    k = h
    for _ in range(7):
        k = np.tanh(k @ U2)
    description = describe(np.sum(k @ W2))
    assert sorted(frames(description)) == ["× 10: t = 1 … 10", "× 7: t = 1 … 7"]
    assert {"a1[t]", "a2[t]", "a2[7] W2"} <= set(texts(description))


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("options", [{}, {"level": "ops"}, {"depth": 0}, {"direction": "LR"}, {"gradients": False}])
def test_it_can_be_rendered(loop, options, monkeypatch):
    monkeypatch.setenv("PATH", "")
    svg = draw(loop(20), **options).pipe("svg", encoding="utf-8")
    assert "× 20" in svg


def test_not_finite_at_some_steps_is_said():
    W, U, b, V = simple()
    h = np.zeros((4, 3))
    for t in range(20):
        h = np.tanh((X[t] * np.nan if t == 17 else X[t]) @ W + h @ U + b)
    x = box(describe(np.sum(h @ V)), "x[t]")
    assert "value: not finite at 1 of 20 steps" in x.lines
    assert x.alarm


def test_the_film_shows_every_step():
    assert "× 20" not in str(explore(at_the_end(20)).film["pictures"])


# --- Loops of any kind ---------------------------------------------------------------------------------------


STEPS = {
    "W": lambda a, b, W, c: a @ W,
    "c": lambda a, b, W, c: a + c,
    "+": lambda a, b, W, c: a + b,
    "×": lambda a, b, W, c: a * b,
    "tanh": lambda a, b, W, c: np.tanh(a),
    "σ": lambda a, b, W, c: tg.sigmoid(a),
}
step = st.tuples(st.sampled_from(sorted(STEPS)), *[st.integers(1, 4)] * 2, *[st.integers(0, 1)] * 2)


def run(program, length, odd_one, ending):
    """A loop over operations of the last few values, the odd step of which may do something else at the end."""
    rng = np.random.default_rng(0)
    W = [tg.Tensor(rng.normal(size=(3, 3)) / 3, requires_grad=True) for _ in range(2)]
    c = [tg.Tensor(rng.normal(size=3), requires_grad=True) for _ in range(2)]
    state, outputs = [np.ones((2, 3)), tg.Tensor(rng.normal(size=(2, 3)), requires_grad=True)], []
    for t in range(length):
        values = [*state, rng.normal(size=(2, 3))]
        for name, i, j, k, l in program:
            a, b = values[-min(i, len(values))], values[-min(j, len(values))]
            values.append(STEPS[name](a, b, W[k], c[l]))
        if t == odd_one:
            values.append(np.sin(values[-1]))
        state = values[-2:]
        outputs.append(values[-1])
    ends = {"last": lambda: outputs[-1], "sum": lambda: sum(map(np.sum, outputs)), "stack": lambda: np.stack(outputs)}
    return np.sum(ends[ending]())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(step, min_size=1, max_size=4),
    st.integers(3, 9),
    st.integers(0, 20),
    st.sampled_from(["last", "sum", "stack"]),
)
def test_nothing_is_lost_and_every_contribution_counted(program, length, odd_one, ending):
    C = run(program, length, odd_one, ending)
    if not isinstance(C, tg.Tensor):
        return
    folded, unfolded = describe(C, max_nodes=10_000), describe(C, max_nodes=10_000, unfold=True)
    assert contributions(folded) == contributions(unfolded)
    if not frames(folded):
        assert [box.lines for box in folded.boxes] == [box.lines for box in unfolded.boxes]
    assert [box.kind for box in folded.boxes].count("loss") == 1
    assert not any("…" in box.lines[0].replace(", …", "") for box in folded.boxes)  # every value has a symbol
    joined = {id for arrow in folded.arrows for id in (arrow.source, arrow.target)}
    assert joined == {box.id for box in folded.boxes}


def contributions(description):
    """{parameter: how many contributions its gradient is the sum of}."""
    value = {box.id: box.value for box in description.boxes if box.kind == "parameter"}
    found = Counter()
    for arrow in description.arrows:
        if arrow.gradient and arrow.target in value:
            found[id(value[arrow.target])] += arrow.steps
    return found
