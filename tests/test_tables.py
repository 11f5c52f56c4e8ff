"""What reports, histories and compiled functions show: the same words and numbers as text and in a notebook."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.tables import as_html, as_text

X, Y = np.eye(2), np.array([[0.0], [1.0]])


def compiled():
    def cost(w, x):
        return np.sum((x @ w) ** 2)

    f = tg.compile(tg.value_and_grad(cost))
    f(np.ones(2), X)
    return f


SHOWN = {
    "check_backprop": lambda: tg.check_backprop(tg.nn.MLP([2, 3, 1], rng=0), X, Y),
    "check_grads": lambda: tg.check_grads(lambda p: p[0] * np.tanh(p[1]), (X, Y)),
    "exercise": lambda: tg.exercise(1).check({"C": 0.0}),
    "learning_report": lambda: tg.learning_report(tg.nn.MLP([2, 3, 1], rng=0), X, Y),
    "History": lambda: tg.History([0.5, 0.1], [0.2, 0.9], [0.6, 0.2], [0.1, 0.8], advice=('So & so: "<1"',)),
    "no history": lambda: tg.History(),
    "compiled": compiled,
    "not called": lambda: tg.compile(np.tanh),
}


def words(html):
    """The text of every element, the page being well-formed."""
    return [text for element in ET.fromstring(f"<div>{html}</div>").iter() for text in [element.text] if text]


@pytest.mark.parametrize("name", SHOWN)
def test_text_and_html_say_the_same(name):
    thing = SHOWN[name]()
    text = repr(thing)
    assert str(thing) == text
    assert " object at 0x" not in text
    found = words(thing._repr_html_())
    assert found
    if name == "compiled":
        assert found == [text, thing.formula]
    elif name == "History":
        assert found == [
            *("before", "after 1 epoch"),
            *("cost", "0.5", "0.1"),
            *("accuracy", "20.0%", "90.0%"),
            *("validation cost", "0.6", "0.2"),
            *("validation accuracy", "10.0%", "80.0%"),
            'So & so: "<1"',
        ]
    else:
        squeezed = lambda s: re.sub(r"[\s─]+", "", s)
        assert squeezed("".join(found)) == squeezed(text)


@pytest.mark.parametrize("name", SHOWN)
def test_html_has_no_colour_of_its_own(name):
    """So it has those of the page, which may be dark."""
    html = SHOWN[name]()._repr_html_()
    assert "color" not in html
    assert "background" not in html
    assert "#" not in re.sub(r"&#x27;", "", html) or name == "compiled"  # the comments of a program


def test_texts_are_escaped():
    attack = "<script>alert(1)</script>&"
    html = as_html([attack, [(attack, "b"), ("c", attack)]])
    assert "<script" not in html
    assert words(html).count(attack) == 3

    def cost(x):
        return x * 2

    cost.__name__ = "<b>"
    assert "<b>" not in tg.compile(cost)._repr_html_()


def test_a_table_of_text_is_aligned():
    assert as_text(["Title", [("a", "long"), ("wide", "c")], "End"]).splitlines() == [
        "Title",
        "──────────",
        "a     long",
        "──────────",
        "wide  c",
        "──────────",
        "End",
    ]


def test_compiled_functions_say_what_they_are():
    def cost(x):
        return np.sum(np.tanh(x))

    f = tg.compile(cost)
    assert repr(f) == "compiled cost, not called yet"
    f(np.ones(2))
    assert repr(f) == "compiled cost: 1 program, the latest one of numpy"
    f(np.ones(3))
    assert repr(f).startswith("compiled cost: 2 programs")
    assert repr(tg.compile(tg.nn.MLP([2, 1], rng=0))).startswith("compiled MLP([2, 1]")


def test_the_report_of_check_grads():
    report = tg.check_grads(lambda p: np.sin(p[0]) * p[1], (np.ones(2), np.ones((3, 2))))
    assert [(d.order, d.array, d.shape) for d in report.derivatives] == [
        (1, 0, (2,)), (1, 1, (3, 2)), (2, 0, (2,)), (2, 1, (3, 2)),
    ]  # fmt: skip
    assert {d.by for d in report.derivatives if d.order == 1} == {"complex step"}
    assert all(abs(d.autograd - d.witness) <= 1e-9 * (1 + abs(d.witness)) for d in report.derivatives)
    assert all(d.witness != 0 for d in report.derivatives)
    assert report.max_error == max(d.error for d in report.derivatives) < 1e-9
    assert {d.by for d in tg.check_grads(np.abs, np.array([0.7, -0.3])).derivatives} == {"central differences"}
    assert tg.check_grads(np.sin, np.zeros((0, 2))).max_error == 0
