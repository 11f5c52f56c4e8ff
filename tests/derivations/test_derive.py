"""What `tg.derive` prints is true: each equation is read as it stands there, and evaluated against autograd."""

import itertools
import re

import numpy as np
import pytest
from formula_reader import Reader, Run, from_latex
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.derivations import steps
from tinygrad_edu.equations import typeset, words
from tinygrad_edu.equations.typeset import latex
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import MLP, Linear, Sequential

KNOWN = sorted(set(ACTIVATIONS) - {"softmax", "log_softmax", "logsumexp"})
OWN = {
    "softsign": lambda z: z / (1 + np.abs(z)),
    "swish": lambda z: z * tg.sigmoid(z),
    "np.tanh": np.tanh,
    "sin": np.sin,
}
COSTS = ["quadratic", "binary_cross_entropy", "cross_entropy"]


def functions_of(model):
    return [layer.split()[1] for layer in model.layers] if isinstance(model, MLP) else list(model.layers[1::2])


def check(derivation, model, x, y, cost, read=lambda text: text):
    """Evaluate every equation; how many entries were compared."""
    linears = [layer.linear for layer in model.layers] if isinstance(model, MLP) else list(model.layers[::2])
    sigmas = functions_of(model)
    run = Run(
        [(k.W.numpy(), k.b.numpy(), s) for k, s in zip(linears, sigmas, strict=True)], x, y, getattr(tg.costs, cost)
    )
    symbols = {}
    for l, sigma in enumerate(sigmas, start=1):
        (right,) = [line.right for line in derivation.sections[0].lines if line.left == f"a{l}"]
        name = right.partition("(")[0]
        assert symbols.setdefault(name, sigma) is sigma  # no name is that of two functions
    reader, count = Reader(run, symbols), 0
    for section in derivation.sections:
        left = ""
        for line in section.lines:
            left = line.left or left
            if "`σ` is the sigmoid" in line.why:
                assert symbols.get("σ", tg.sigmoid) is tg.sigmoid
            condition = re.search(r"where `(.*[<>].*)`", line.why)
            try:
                if line.right:
                    count += reader.holds(read(left), read(line.right), condition[1] if condition else "")
                if line.value is not None:
                    np.testing.assert_allclose(line.value, reader.value(left, {}, {}), rtol=1e-9, atol=1e-12)
            except AssertionError as error:
                raise AssertionError(f"{section.title}: {left} = {line.right}\n{error}") from error
    return count


@st.composite
def problems(draw):
    """A network, a batch, targets and a cost."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cost = draw(st.sampled_from(COSTS))
    hidden = [draw(st.sampled_from(KNOWN)) for _ in sizes[2:]]
    output = draw(st.sampled_from(["softmax", "sigmoid", *KNOWN]))
    net = MLP(sizes, hidden, output, rng=rng)
    if draw(st.booleans()) and output != "softmax":
        own = [draw(st.sampled_from([*OWN.values(), tg.relu, tg.sigmoid])) for _ in sizes[1:]]
        parts = [[Linear(i, o, rng=rng), sigma] for (i, o), sigma in zip(itertools.pairwise(sizes), own, strict=True)]
        net = Sequential(*itertools.chain(*parts))
    n = draw(st.integers(1, 3))
    y = rng.uniform(0.1, 0.9, size=(n, sizes[-1]))
    if draw(st.booleans()):
        y /= y.sum(axis=1, keepdims=True)
    return net, cost, rng.normal(size=(n, sizes[0])), y


@given(problems())
def test_every_printed_equation_is_true(problem):
    net, cost, x, y = problem
    derivation = tg.derive(net, cost, x, y)
    assert derivation.report.ok
    assert check(derivation, net, x, y, cost) >= 10
    text = str(derivation)
    for section in derivation.sections:
        for line in section.lines:
            assert f" = {line.right}" in text
            assert line.left in text


@given(problems())
def test_the_formulas_in_latex_are_the_same(problem):
    net, cost, x, y = problem
    derivation = tg.derive(net, cost, x, y)
    shown = derivation.latex, derivation._repr_markdown_()
    for section in derivation.sections:
        for line in section.lines:
            assert all(f"{latex(line.left)} &= {latex(line.right)}" in text for text in shown)
    check(derivation, net, x, y, cost, lambda text: from_latex(latex(text)))


@given(problems())
def test_without_numbers_it_is_the_same(problem):
    net, cost, x, y = problem
    y = y / y.sum(axis=1, keepdims=True)
    bare, full = tg.derive(net, cost), tg.derive(net, cost, x, y)
    assert bare.report is None
    assert [[line[:2] for line in s.lines] for s in bare.sections] == [
        [line[:2] for line in s.lines if line.right] for s in full.sections
    ]
    check(bare, net, x, y, cost)


WRONG = {
    "sigmoid": (words.FUNCTIONS, "sigmoid", ("σ", "{y}(1 + {y})")),
    "tanh": (words.FUNCTIONS, "tanh", ("tanh", "1 − {y}")),
    "relu": (words.SLOPES, "relu", "1 where {a} > 0, 1 elsewhere"),
    "gelu": (words.VALUES, "gelu", "½ {z} (1 + tanh(√(2/π) ({z} + 0.04 {z}³)))"),
    "quadratic": (words.FUNCTIONS, "quadratic", ("quadratic cost", "({a} + y)/{n}")),
    "cost": (words.COST_VALUES, "quadratic", "Σ_j ({y} − {a})²"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_is_caught(name, monkeypatch):
    monkeypatch.setitem(*WRONG[name])
    hidden = name if name in ACTIVATIONS else "sigmoid"
    net, x, y = MLP([2, 3, 2], hidden, "sigmoid", rng=0), np.eye(2), np.full((2, 2), 0.3)
    with pytest.raises(AssertionError, match="="):
        check(tg.derive(net, "quadratic", x, y), net, x, y, "quadratic")


@pytest.mark.parametrize(
    ("place", "name", "wrong"),
    [
        (words, "bp1", lambda nabla, slope: nabla),
        (words, "bp2", lambda back, slope: f"({words.added(back)})"),
        (words, "softmax_slope", lambda a_k, a_j: f"{a_k}(1 − {a_j})"),
        (words, "softmax_error", lambda a: "a2[p,j] ∂C/∂a2[p,j]"),
        (words, "chain", lambda x, through, cost="C": f"∂C/∂{through}"),
        (words, "bp4", lambda a, delta: f"{a} {delta}ᵀ"),
        (steps, "gradient", lambda x, cost="C": f"∂C/∂{x.replace('z', 'a')}"),
    ],
)
def test_a_wrong_equation_is_caught(place, name, wrong, monkeypatch):
    net, x, y = MLP([2, 2, 2], "tanh", "softmax" if "softmax" in name else "sigmoid", rng=0), np.eye(2), np.eye(2)
    check(tg.derive(net, "quadratic", x, y), net, x, y, "quadratic")
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises(AssertionError):
        check(tg.derive(net, "quadratic", x, y), net, x, y, "quadratic")


@pytest.mark.parametrize(
    ("output", "cost", "cancels"),
    [("softmax", "cross_entropy", "a2[p,k]"), ("sigmoid", "binary_cross_entropy", "a2[p,j](1 − a2[p,j])")],
)
def test_the_pairs_cancel(output, cost, cancels):
    bp1 = tg.derive(MLP([2, 3, 2], output=output, rng=0), cost).sections[1]
    assert bp1.title.startswith("BP1, layer 2")
    why = [line.why for line in bp1.lines]
    at = why.index(f"`{cancels}` cancels")
    assert cancels in bp1.lines[at - 1].right
    assert cancels not in bp1.lines[at].right
    assert bp1.lines[-1][:2] == ("δ2", "(a2 − y) / n")


def test_targets_that_do_not_add_up_to_1():
    net, x, y = MLP([2, 2], output="softmax", rng=0), np.eye(2), np.full((2, 2), 0.4)
    derivation = tg.derive(net, "cross_entropy", x, y)
    assert "(a1 − y) / n" not in str(derivation)
    check(derivation, net, x, y, "cross_entropy")


def test_small_arrays_are_written_out_and_large_ones_are_not():
    rng = np.random.default_rng(0)
    text = str(tg.derive(MLP([2, 20, 1], rng=0), "quadratic", rng.normal(size=(3, 2)), np.zeros((3, 1))))
    assert re.search(r"δ2 = .*\n +σ|δ2 = .*\n +∂C|= \[\[-?0\.\d+\], \[-?0\.\d+\], \[-?0\.\d+\]\]", text)
    assert "= an array of shape (3, 20) and norm " in text


def test_two_functions_never_have_one_name():
    act = lambda scale: Named(scale)

    class Named:
        __name__ = "act"

        def __init__(self, scale):
            self.scale = scale

        def __call__(self, z):
            return np.tanh(self.scale * z)

    net = Sequential(Linear(2, 2, rng=0), act(1), Linear(2, 2, rng=1), act(2), Linear(2, 1, rng=2), lambda z: z**2)
    derivation = tg.derive(net, "quadratic", np.eye(2), np.ones((2, 1)))
    assert [line.right for line in derivation.sections[0].lines if line.left in ("a1", "a2", "a3")] == [
        "act(z1)", "f2(z2)", "f3(z3)",
    ]  # fmt: skip
    check(derivation, net, np.eye(2), np.ones((2, 1)), "quadratic")


def test_latex_is_understood():
    """By the program that makes MathML of it for the pages."""
    math = pytest.importorskip("docutils.utils.math.latex2mathml", reason="docutils comes with `make docs`")
    for output, cost in [("softmax", "cross_entropy"), ("gelu", "quadratic"), ("leaky_relu", "binary_cross_entropy")]:
        derivation = tg.derive(MLP([3, 2, 2], "elu", output, rng=0), cost, 0.1 * np.eye(3), np.full((3, 2), 0.5))
        text = derivation._repr_markdown_()
        formulas = re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL) + re.findall(r"(?<!\$)\$([^$]+)\$(?!\$)", text)
        formulas += re.findall(r"\\\[(.*?)\\\]", derivation.latex, re.DOTALL)
        assert len(formulas) > 10
        for formula in formulas:
            math.tex2mathml(formula.replace("array", "aligned").replace("{llll}", ""), as_block=True)


@pytest.mark.parametrize(("sign", "wrong"), [("ᵀ", ""), ("²", ""), ("−", "+"), ("½", "")])
def test_a_wrong_sign_in_latex_is_caught(sign, wrong, monkeypatch):
    net, x, y = MLP([2, 3, 2], "tanh", rng=0), np.eye(2), np.full((2, 2), 0.3)
    derivation = tg.derive(net, "quadratic", x, y)
    check(derivation, net, x, y, "quadratic", lambda text: from_latex(latex(text)))
    monkeypatch.setitem(typeset.SIGNS, sign, wrong)
    with pytest.raises((AssertionError, ValueError)):  # shapes that do not fit
        check(derivation, net, x, y, "quadratic", lambda text: from_latex(latex(text)))


def test_latex_is_plain():
    for output in ("softmax", "gelu"):
        assert tg.derive(MLP([3, 2, 2], "elu", output, rng=0), "quadratic", np.eye(3), np.zeros((3, 2))).latex.isascii()


def test_a_network_of_another_kind():
    with pytest.raises(TypeError, match=r"derive: mlp must be a tg\.nn\.MLP"):
        tg.derive(tg.nn.RBF(2, 3, 1, rng=0))
    with pytest.raises(ValueError, match="derive: give both x and y"):
        tg.derive(MLP([2, 1], rng=0), "quadratic", np.eye(2))
    with pytest.raises(ValueError, match="derive: cost 'quadratik' is unknown; did you mean 'quadratic'"):
        tg.derive(MLP([2, 1], rng=0), "quadratik")
    with pytest.raises(ValueError, match=r"derive: x has shape \(2, 3\)"):
        tg.derive(MLP([2, 1], rng=0), "quadratic", np.ones((2, 3)), np.ones((2, 1)))


def test_the_network_is_left_alone():
    net = MLP([2, 3, 1], rng=0)
    before = net.state_dict()
    tg.derive(net, "quadratic", np.eye(2), np.ones((2, 1)))
    assert all(p.grad is None for p in net.parameters())
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_numbers():
    assert typeset.array(-0.0) == "0"
    assert typeset.matrix(1.5e-7) == r"1.5 \cdot 10^{-7}"
