"""The spot of a mistake in the gradient graph, and the answer in a notebook."""

import re

import numpy as np
import pytest
from diagnosis.catalogue import MISTAKES, source_with
from diagnosis.confusion import diagnosed
from diagnosis.test_diagnose import backprop

import tinygrad_edu as tg
from tinygrad_edu.diagnosis.picture import spots_of
from tinygrad_edu.diagnosis.problems import Setting, problem
from tinygrad_edu.viz.dot import RED

WRONG = [m for m in MISTAKES if m.equation not in ("cost", "state") and m.needs(next(iter(m.planted))) != "raises"]


def marked(drawing):
    """The text of the red boxes by their symbol, and that of the red arrows by their equation."""
    red = [line for line in drawing.source.replace("\n", " ").split("\t") if f'color="{RED}"' in line]
    texts = [re.search(r'label="(.*?)(?<!\\)"', line)[1].split(r"\n") for line in red]
    boxes = {text[0].strip(): text for text, line in zip(texts, red, strict=True) if "->" not in line}
    return boxes, [text[0].split()[-1] for text, line in zip(texts, red, strict=True) if "->" in line]


@pytest.mark.parametrize("mistake", WRONG, ids=lambda m: f"{m.equation}-{m.slug}")
def test_what_is_named_is_marked(mistake):
    name = next(iter(mistake.planted))
    report = diagnosed(source_with(mistake, name), name)
    for formula in re.findall(r"\$\$(.*?)\$\$", report._repr_markdown_(), re.DOTALL):
        assert formula.isascii()
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\begin{bmatrix}") == formula.count(r"\end{bmatrix}")
    if report.evidence is None:
        with pytest.raises(ValueError, match=r"draw: there is nothing to mark, .*; print the report"):
            report.draw()
        return
    boxes, arrows = marked(report.draw())
    expected = {
        ({"BP3": "b", "BP4": "w"}.get(found.equation, "z") + str(l), found.equation)
        for found in report.findings
        for l in found.layers
    }
    if expected:
        assert set(boxes) == {symbol for symbol, _ in expected}
        assert sorted(arrows) == sorted(equation for _, equation in expected)
    else:
        assert len(boxes) == 1
        assert not arrows
    said = " ".join(" ".join(text) for text in boxes.values())
    assert "yours" in said
    assert "right" in said


def doubled(weights, biases, x, y):
    """BP4 of the last layer is transposed; the cost is the sum over the batch, and descent is returned."""
    dW, db = backprop(weights, biases, x, y)
    n = len(x)
    return [-n * dW[0], -n * dW[1].T], [-n * b for b in db]


def test_the_gradients_drawn_are_those_of_the_cost_of_the_program():
    report = tg.diagnose(doubled)
    assert "the direction of descent, minus the gradient of the sum" in str(report).replace("\n", " ")
    boxes, _ = marked(report.draw())
    e = report.evidence
    number = f"{float(e.right.flat[0]):.3g}"
    assert any(line.startswith(f"∂C/∂w3 = [{number}") for line in boxes["w3"]), (boxes, e.right)


@pytest.mark.parametrize(
    ("words", "quantity"),
    [
        ("the biases are not added: z is aW, where aW + b is meant", ("z", 1)),
        ("each layer gets the inputs x, where the activations before it are meant", ("z", 2)),
        ("σ is applied twice at the output", ("a", 3)),
        ("σ is applied twice in the hidden layers", ("a", 1)),
    ],
)
def test_a_forward_pass_is_marked_at_its_first_wrong_value(words, quantity):
    p = problem((2, 2, 2, 2), 3, Setting("sigmoid", "sigmoid", "quadratic"), 0)
    [spot] = spots_of(p, "forward", (), words)
    assert (spot.quantity, spot.number) == quantity


def test_there_is_nothing_to_mark():
    with pytest.raises(ValueError, match="draw: there is nothing to mark, the program is right"):
        tg.diagnose(backprop).draw()


def test_an_answer_that_is_not_known_marks_the_gradient():
    def odd(weights, biases, x, y):
        dW, db = backprop(weights, biases, x, y)
        return [np.cos(dW[0]) + np.arange(dW[0].size).reshape(dW[0].shape), dW[1]], db

    report = tg.diagnose(odd)
    assert report.mistake == "unknown"
    boxes, _ = marked(report.draw())
    assert list(boxes) == ["w2"]


# --- In a notebook --------------------------------------------------------------------------------------------


def test_a_notebook_shows_the_equation_typeset():
    forgotten = next(m for m in MISTAKES if (m.equation, m.slug) == ("BP2", "no-sigma-prime"))
    report = diagnosed(source_with(forgotten, "script"), "script")
    assert report._repr_html_() is None
    shown = report._repr_markdown_()
    assert r"$$\text{The equation: } \delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)$$" in shown
    assert r"\frac{\partial C}{\partial b^{2}}: \text{ yours } \begin{bmatrix}" in shown
    assert "The equation: δˡ = ((wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ′(zˡ)." in str(report)


def test_without_formulas_it_is_html():
    assert tg.diagnose(backprop)._repr_html_().startswith("<p>Right")
