"""Exercises, and what is said of answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.derivations.answers import Rounding, same
from tinygrad_edu.derivations.mistakes import MISTAKES, RIGHT, both_passes, quantities
from tinygrad_edu.diagnosis.explain import COSTS
from tinygrad_edu.diagnosis.mistakes import FACTORS, forwards, hidden, of_biases, of_weights, outputs
from tinygrad_edu.diagnosis.problems import Setting, problem
from tinygrad_edu.equations.functions import BRANCHED
from tinygrad_edu.equations.typeset import latex

KINDS = [
    {},
    {"activation": "identity"},
    {"sizes": [2, 3, 2, 1]},
    {"sizes": [3, 2]},
    {"activation": "sigmoid", "output": "sigmoid", "cost": "binary_cross_entropy"},
    {"activation": "tanh", "output": "softmax", "cost": "cross_entropy", "sizes": [2, 3, 3]},
    {"output": "softmax", "cost": "cross_entropy"},
    {"activation": "leaky_relu", "output": "sigmoid"},
    {"examples": 1},
    {"examples": 3},
]
exercises = st.builds(lambda seed, kind: tg.exercise(seed, **kind), st.integers(0, 10**6), st.sampled_from(KINDS))


def three_digits(array):
    """As one writes them down."""
    return np.vectorize(lambda x: float(f"{x:.3g}"))(array).tolist()


def numbers(task):
    """The right numbers by autograd: nothing of the exercise is used but its network and batch."""
    net, y = task.model, task.y
    z, a = [], [task.x]
    for layer in net.layers:
        z.append(layer.weighted_input(a[-1]))
        a.append(layer.activate(z[-1]))
    C = getattr(tg.costs, task.cost)(a[-1], y)
    grads = tg.engine.gradients(C, np.ones(()), {*z, *net.parameters()})
    found = {"C": C.numpy()}
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        found |= {f"z{l}": z[l - 1].numpy(), f"a{l}": a[l].numpy(), f"δ{l}": grads[z[l - 1]]}
        found |= {f"∂C/∂W{l}": grads[W], f"∂C/∂b{l}": grads[b]}
    return found


@given(exercises)
def test_the_right_answer_is_right(task):
    right = numbers(task)
    assert set(task.asked) == set(right)
    answer = task.check({name: three_digits(value) for name, value in right.items()})
    assert answer.ok, str(answer)
    assert (answer.equation, answer.layer, answer.mistake, answer.quantity) == (None,) * 4
    assert str(answer) == f"Right: {', '.join(task.asked)}."
    assert task.solution.report.ok
    for name, value in right.items():
        np.testing.assert_allclose(task.solution.value(name), value, rtol=1e-9, atol=1e-12)
    assert task.check(right["∂C/∂W1"]).ok
    assert not task.check(right["∂C/∂W1"] + 1).ok


@given(exercises)
def test_an_exercise_is_fit_for_paper(task):
    right = numbers(task)
    for value in (task.x, task.y, *(p.numpy() for p in task.model.parameters())):
        np.testing.assert_array_equal(value, np.round(value)) if task.model.output != "softmax" else None
        assert np.abs(value).max() <= 40
    most = 10 * (1 + len(task.model.layers))
    for name, value in right.items():
        assert np.abs(value).max() <= most
        assert 2 * np.count_nonzero(value) >= value.size or name[0] in "zaC"
        if task.cost == "quadratic" and {*task.model.activation, task.model.output} <= {"relu", "identity"}:
            np.testing.assert_allclose(2 * len(task.x) * value, np.round(2 * len(task.x) * value), atol=1e-9)
    for l, layer in enumerate(task.model.layers, start=1):
        assert layer.activation not in BRANCHED or right[f"z{l}"].all()


def test_the_same_seed_is_the_same_exercise():
    assert str(tg.exercise(7)) == str(tg.exercise(7)) == str(tg.exercise(np.int64(7)))
    assert str(tg.exercise(7)) != str(tg.exercise(8))
    task = tg.exercise()
    assert str(tg.exercise(task.seed)) == str(task)
    one, other = (tg.exercise(np.random.default_rng(3)) for _ in range(2))
    assert str(one) == str(other)


@given(exercises, st.sampled_from(MISTAKES), st.booleans(), st.data())
def test_a_planted_mistake_is_named(task, mistake, in_all, data):
    """With all numbers seen; it may be told by other words that give the same numbers."""
    problem, L = task._given, len(task.model.layers)
    places = [q for q in quantities(L) if q.tag == mistake.tag]
    if not places:
        return
    layer = None if in_all else data.draw(st.sampled_from([q.layer for q in places]))
    try:
        found = both_passes(problem, task.cost, mistake, layer)
    except ValueError:
        return
    right, rounding = numbers(task), task.rounding
    if all(same(found[name], right[name], rounding) for name in right):
        return
    answer = task.check(found)
    assert not answer.ok
    first = next(q for q in quantities(L) if not same(found[q.name], right[q.name], rounding))
    assert answer.quantity == first.name
    assert answer.layer == first.layer
    assert answer.mistake is not None, str(answer)
    if first.tag == mistake.tag:
        named = [m for m in MISTAKES if m.tag == mistake.tag and m.words in str(answer)]
        assert named
        values = [both_passes(problem, task.cost, m, first.layer)[first.name] for m in named]
        assert any(same(value, found[first.name], rounding) for value in values)


def test_gradients_alone_tell_which_equation_is_wrong():
    """As many programs show nothing else: in 97 of 100 planted mistakes, and no wrong answer is called right."""
    rng, total, named = np.random.default_rng(0), 0, 0
    for _ in range(60):
        task = tg.exercise(int(rng.integers(10**6)), **KINDS[rng.integers(6)])
        mistake, L = MISTAKES[rng.integers(len(MISTAKES))], len(task.model.layers)
        layers = [q.layer for q in quantities(L) if q.tag == mistake.tag and q.tag.startswith("BP")]
        if layers:
            layer = int(rng.choice(layers))
            try:
                found = both_passes(task._given, task.cost, mistake, layer)
            except ValueError:
                continue
            seen = {name: value for name, value in found.items() if name.startswith("∂")}
            answer, right = task.check(seen), numbers(task)
            assert answer.ok == all(same(seen[name], right[name], task.rounding) for name in seen)
            total += not answer.ok
            named += (answer.equation, answer.layer) == (mistake.tag, layer)
    assert total > 30
    assert named >= 0.97 * total


def first_and_rest(task):
    return task, task.solution.value


def test_the_mistake_is_told_in_words():
    task, v = first_and_rest(tg.exercise(1))
    W2, x, a1, n = task.model.weights[1].numpy(), task.x, v("a1"), len(task.x)
    delta1 = v("δ2") @ W2.T
    answer = task.check({"delta2": v("δ2"), "delta1": delta1, "dW1": x.T @ delta1})
    assert (answer.ok, answer.equation, answer.layer, answer.mistake) == (False, "BP2", 1, "no-sigma-prime")
    assert str(answer) == (
        "Right so far: δ2.\nBP2, layer 1: your δ1 is not (δ2 W2ᵀ) ⊙ relu′(z1). Probably the factor σ′(z) is missing. "
        "All your other numbers follow from that."
    )
    assert str(task.check(x.T @ delta1)) == (
        "BP2, layer 1: your ∂C/∂W1 is what comes out if, for δ1, the factor σ′(z) is missing."
    )
    told = {
        "sign": {"δ2": -v("δ2")},
        "one-over-n-missing": {"δ2": n * v("δ2"), "∂C/∂b2": n * v("∂C/∂b2")},
        "transposed": {"∂C/∂W2": v("∂C/∂W2").T},
        "one-per-example": {"∂C/∂b2": v("δ2")},
        "no-bias": {"z1": x @ task.model.weights[0].numpy()},
        "a-of-this-layer": {"∂C/∂W1": a1.T @ v("δ1")},
        "half-missing": {"C": 2 * v("C")},
    }
    for slug, wrong in told.items():
        answer = task.check({"∂C/∂b1": v("∂C/∂b1")} | wrong)
        if slug == "half-missing":  # with two examples n is 2 as well, so both are said
            assert "the ½ is missing" in str(answer)
        else:
            assert slug == answer.mistake, (slug, str(answer))
        assert not answer.ok


def test_the_mistakes_have_the_names_that_they_have_in_programs():
    setting = Setting("sigmoid", "softmax", "quadratic")
    small = problem((2, 2, 2), 2, setting, 0)
    known = {*FACTORS, *COSTS}
    known |= {mistake.slug for mistake, _ in (*forwards(small), *outputs(setting), *hidden(setting))}
    known |= {mistake.slug for mistake, _ in (*of_biases(), *of_weights())}
    known |= {"mean-for-sum", "no-activation"}  # a factor of BP3; of the hidden layers, or of the outputs
    assert {mistake.slug for mistake in MISTAKES} - {"not-summed"} <= known


def test_the_exercise_of_the_page():
    task, v = first_and_rest(tg.exercise(0, sizes=[2, 2, 1]))
    right = {"a2": [[-5], [-8]], "δ2": [[1], [2]], "δ1": [[-1, 0], [-2, -4]], "∂C/∂W1": [[-8, -12], [-1, 0]]}
    assert task.check(right).ok
    assert v("z1")[0, 1] == -1
    wrong = {"δ2": [[1], [2]], "δ1": [[-1, -2], [-2, -4]], "∂C/∂W1": [[-8, -16], [-1, -2]]}
    assert task.check(wrong).mistake == task.check(wrong["∂C/∂W1"]).mistake == "no-sigma-prime"
    assert task.check([[-8, -12], [-1, 1]]).mistake is None


def test_slips_are_not_called_mistakes():
    task, v = first_and_rest(tg.exercise(1))
    wrong = v("δ2").copy()
    wrong[1, 0] += 1
    answer = task.check({"δ2": wrong, "dW2": v("a1").T @ wrong})
    assert answer.mistake is None
    assert answer.equation == "BP1"
    assert "1 of its 2 entries is right; look again at [1, 0]." in str(answer)
    assert "All that you have after it follows from it" in str(answer)
    wrong = v("∂C/∂W1").copy()
    wrong[0, 1] += 1
    answer = task.check(wrong)
    assert answer.equation is None
    assert str(answer).endswith("look again at [0, 1]. Answer δ2, δ1 as well, to be told where it begins.")
    assert "It has shape (3,), but it should have (1,)." in str(task.check({"db2": [1, 2, 3], "δ2": v("δ2")}))
    assert "It contains NaN or infinity." in str(task.check({"C": np.nan}))
    assert "It is 3 times what it should be." in str(task.check({"δ2": 3 * v("δ2")}))


def test_what_an_answer_may_be():
    task, v = first_and_rest(tg.exercise(3))
    net = task.model
    names = {"activation": net.activation, "output": net.output}
    hand = tg.backprop.backprop(
        [W.numpy() for W in net.weights], [b.numpy() for b in net.biases], task.x, task.y, **names
    )
    assert task.check(hand).ok
    assert task.check({"delta_2": tg.Tensor(v("δ2")), "dC/dw1": v("∂C/∂W1"), "grad_b1": v("∂C/∂b1")[None]}).ok
    assert str(task.check({"δ2": v("δ2"), "db2": v("∂C/∂b2")})) == (
        "Right: δ2, ∂C/∂b2. Still to be found: ∂C/∂W2, δ1, ∂C/∂b1, ∂C/∂W1."
    )
    with pytest.raises(ValueError, match=r"check: 'dW3' is none of what can be answered: C, a1, a2"):
        task.check({"dW3": 1})
    with pytest.raises(ValueError, match="check: the answer is empty"):
        task.check({})
    with pytest.raises(ValueError, match="check: the rows of δ2 must be of one length"):
        task.check({"δ2": [[1], [2, 3]]})
    for wrong in ("right", None, [True], 1j):
        with pytest.raises(TypeError, match="check: ∂C/∂W1 must be an array of real numbers"):
            task.check(wrong)


def test_arguments_that_do_not_fit():
    with pytest.raises(TypeError, match="exercise: examples must be a whole number"):
        tg.exercise(1, examples=1.5)
    with pytest.raises(ValueError, match="unknown name 'reluu'"):
        tg.exercise(1, activation="reluu")
    with pytest.raises(ValueError, match="exercise: cost 'mse' is unknown"):
        tg.exercise(1, cost="mse")
    with pytest.raises(ValueError, match="exercise: found no network of sizes"):
        tg.exercise(1, [9] * 9)
    with pytest.raises(ValueError, match="gradients that are not zero"):
        tg.exercise(1, [2, 1], output="step")
    with pytest.raises(TypeError, match="exercise: seed"):
        tg.exercise(-1)


def test_the_problem_states_all_that_is_needed():
    task = tg.exercise(2)
    text, shown = str(task), task._repr_markdown_()
    assert repr(task) == text
    for name in ("x", "y", "W1", "b1", "W2", "b2"):
        assert f"  {name:<2} = [" in text
    for name in task.asked:
        assert name in text
        assert latex(name) in shown
    assert text.startswith("Exercise 2: ")


def test_every_equation_has_mistakes_and_each_differs_from_it():
    assert {m.tag for m in MISTAKES} == set(RIGHT)
    task = tg.exercise(3, [3, 2, 2], activation="sigmoid", output="tanh")
    for mistake in MISTAKES:
        try:
            found = both_passes(task._given, task.cost, mistake)
        except ValueError:
            continue
        right = numbers(task)
        assert any(not same(found[name], right[name], Rounding(1e-9, 0)) for name in right), mistake
