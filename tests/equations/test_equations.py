"""The equations: worded once, found in any layout, and asked of one table of pairs."""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.costs import FROM_LOGITS
from tinygrad_edu.equations import structure, words
from tinygrad_edu.equations.functions import PAIR_IN

PACKAGE = Path(words.__file__).parent.parent
SENTENCES = [s for said in words.EQUATIONS.values() for s in (said.what, said.comment.partition(" {")[0], said.meaning)]


def parameter(*shape, seed=0):
    return tg.Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def operations(root):
    return [node for node in engine.ancestors(root)[::-1] if node.fn]


@pytest.mark.parametrize("sentence", [s for s in SENTENCES if s])
def test_each_sentence_stands_in_one_file(sentence):
    start = sentence[:60]
    files = [f for f in PACKAGE.rglob("*") if f.suffix in (".py", ".js", ".html")]
    assert [f.name for f in files if start in f.read_text(encoding="utf-8")] == ["words.py"]


def test_the_formulas_of_a_layer():
    assert words.formula("z", 2) == "a1 W2 + b2"
    assert words.formula("BP1", 3) == "∇ₐC ⊙ σ′(z3)"
    assert words.formula("BP1", 3, output="softmax") == "∇ₐC ∂a3/∂z3"
    assert words.formula("BP2", 2) == "(δ3 W3ᵀ) ⊙ σ′(z2)"
    assert words.formula("BP3", 2) == "Σ δ2"
    assert words.formula("BP4", 2) == "a1ᵀ δ2"
    with pytest.raises(ValueError, match=r"formula: tag must be .*'BP4', not 'BP5'"):
        words.formula("BP5", 1)


@pytest.mark.parametrize("W_first", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_formulas_of_every_layout_are_true(W_first, transposed):
    """Each is evaluated as it is written, and compared with autograd."""
    x, W = np.sin(parameter(2, 2, seed=1)), parameter(2, 2)
    factor = W.T if transposed else W
    z = factor @ x if W_first else x @ factor
    delta = np.random.default_rng(2).normal(size=(2, 2))
    found = engine.gradients(z, delta, {x, W})
    (layer,) = structure.Structure(np.sum(z), operations(np.sum(z))).layers
    layout = layer.products[0].layout
    assert layout == words.Layout(W_first, transposed)

    def value(formula):
        product = np.eye(2)
        for symbol in formula.split():
            array = {"x": x.value, "W": W.value, "δ": delta}[symbol.removesuffix("ᵀ")]
            product = product @ (array.T if symbol.endswith("ᵀ") else array)
        return product

    np.testing.assert_allclose(value(words.product("x", "W", layout)), z.value)
    np.testing.assert_allclose(value(words.carried_back("δ", "W", layout)), found[x])
    np.testing.assert_allclose(value(words.bp4("x", "δ", layout)), found[W])


def test_a_program_says_the_layout_it_has():
    def cost(V1, V2, x):
        return np.sum(tg.sigmoid(V2 @ tg.sigmoid(V1 @ x)) ** 2)

    program = tg.compile(tg.value_and_grad(cost, argnums=(0, 1)))
    program(parameter(3, 2).value, parameter(1, 3).value, np.ones((2, 4)))
    assert "# layer 2: z2 = V2 a1" in program.formula
    assert "# BP2: the error moves back through V2" in program.formula


def test_the_stable_pairs_are_those_of_the_costs():
    assert {pair: FROM_LOGITS[pair].__name__ for pair in PAIR_IN.values()} == {
        pair: name for name, pair in PAIR_IN.items()
    }
    assert set(PAIR_IN.values()) == set(FROM_LOGITS)


def test_elementwise_and_the_ufuncs_among_it():
    x = parameter(2, 3)
    both = [np.tanh(x), x + 1, np.maximum(x, 0)]
    only = [np.where(x.value > 0, x, 0), np.clip(x, 0, 1)]
    neither = [x @ parameter(3, 3), np.sum(x), x.T]
    for nodes, expected in ((both, (True, True)), (only, (True, False)), (neither, (False, False))):
        for node in nodes:
            found = structure.is_elementwise(node), structure.is_elementwise_ufunc(node)
            assert found == expected, node.fn
