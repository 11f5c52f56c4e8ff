"""The equations in words and in symbols: z = a W + b and BP1–BP4, each worded here and nowhere else.

What a formula is about comes in as symbols, as text, so that a picture, a program and a report say the same of values
that they call by different names. A formula is the right-hand side of its equation.
"""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_edu.costs import FROM_LOGITS


class Words(NamedTuple):
    """What is said of an equation, in sentences."""

    what: str  # which gradient it is
    comment: str  # beside a line of a program
    meaning: str  # what stands in the formula, and why


EQUATIONS = {
    "BP1": Words(
        "the error δ = ∂C/∂z of the last layer",
        "the error at the outputs",
        "The error of the last layer: how the cost changes with its activations, times how those change with z.",
    ),
    "BP2": Words(
        "the error of a layer from that of the next: back through W, then through σ′",
        "the error moves back through {W}",
        "The error of the next layer, carried back through its weights, times the slope of this layer's activation "
        "function.",
    ),
    "BP3": Words(
        "the gradient of the biases",
        "",
        "A bias is added to z as it is, so its gradient is the error itself, summed over the examples.",
    ),
    "BP4": Words(
        "the gradient of the weights",
        "",
        "The gradient of a weight: what came in times the error of what went out, summed over the examples.",
    ),
}

# How functions are written where they are one step, and their derivatives: {y} is the result, {a} the argument, {n} how
# many examples a cost, or elements a mean, is over.
FUNCTIONS = {
    "sigmoid": ("σ", "{y}(1 − {y})"),
    "tanh": ("tanh", "1 − {y}²"),
    "relu": ("relu", "1 where {a} > 0"),
    "softplus": ("softplus", "σ({a})"),
    "sine": ("sin", "cos({a})"),
    "softmax": ("softmax", "diag {y} − {y}{y}ᵀ"),
    "mean": ("mean", "1/{n}"),
    "quadratic": ("quadratic cost", "({a} − y)/{n}"),
    "binary_cross_entropy": ("cross-entropy cost", "({a} − y)/({n}{a}(1 − {a}))"),
    "binary_cross_entropy_with_logits": ("cross-entropy cost of σ", "(σ({a}) − y)/{n}"),
    "cross_entropy": ("cross-entropy cost", "−y/({n}{a})"),
    "cross_entropy_with_logits": ("cross-entropy cost of softmax", "(softmax({a}) − y)/{n}"),
}


class Layout(NamedTuple):
    """How a product of activations and weights is written; as a W, with one example per row, unless something is said.

    The transposes of BP2 and BP4 follow from it.
    """

    W_first: bool = False  # z = W a
    transposed: bool = False  # z = a Wᵀ
    one_example: bool = False  # a is a vector, or a number
    of_number: bool = False  # W is a number


ROWS = Layout()
OVER_EXAMPLES = "over examples"


def comment(tag: str | None, weights: list[str] | None = None) -> str:
    """What a program says beside the line that computes one of BP1–BP4.

    >>> comment("BP2", ["W2"])
    'BP2: the error moves back through W2'
    """
    if tag is None:
        return "the error of this layer"
    words = EQUATIONS[tag].comment.format(W=" and ".join(weights or []))
    return f"{tag}: {words}" if words else tag


def error(z: str) -> str:
    """What the gradient of a weighted input is called.

    >>> error("z1"), error("z1[t]"), error("hidden")
    ('δ1', 'δ1[t]', 'δ(hidden)')
    """
    is_numbered = z[0] == "z" and z[1:].partition("[")[0].rstrip("′").isdigit()
    return f"δ{z[1:]}" if is_numbered else f"δ({z})"


def gradient(x: str, cost: str = "C") -> str:
    """What the gradient of another value is called."""
    return f"∂{cost}/∂{x}"


def product(a: str, W: str, layout: Layout = ROWS) -> str:
    """A W, or as the layout has it."""
    W += "ᵀ" * layout.transposed
    return f"{W} {a}" if layout.W_first else f"{a} {W}"


def weighted_input(products: list[str], biases: list[str]) -> str:
    """Z = a W + b."""
    return " + ".join([*products, *biases])


def applied(function: str, z: str) -> str:
    """A = σ(z)."""
    return f"{function}({z})"


def slope(function: str, z: str) -> str:
    """σ′(z); nothing where no function is applied."""
    return f"{function}′({z})" if function else ""


def bp1(nabla: str, slope: str) -> str:
    """δ = ∇ₐC ⊙ σ′(z)."""
    return f"{nabla} ⊙ {slope}" if slope else nabla


def bp1_softmax(nabla: str, a: str, z: str) -> str:
    """BP1 where each output depends on all of z: through the whole Jacobian."""
    return f"{nabla} ∂{a}/∂{z}"


def bp2(carried_back: list[str], slope: str) -> str:
    """δ = (δ′ W′ᵀ) ⊙ σ′(z), where δ′ and W′ are those of the next layer, or the sum over several next layers."""
    terms = added(carried_back)
    return f"({terms}) ⊙ {slope}" if slope else terms


def carried_back(delta: str, W: str, layout: Layout = ROWS) -> str:
    """What a layer hands back to its inputs: δ Wᵀ, where z = a W.

    >>> carried_back("δ2", "W2"), carried_back("δ2", "W2", Layout(W_first=True))
    ('δ2 W2ᵀ', 'W2ᵀ δ2')
    """
    return product(delta, turned(W, layout), Layout(layout.W_first))


def turned(W: str, layout: Layout = ROWS) -> str:
    """Wᵀ, the local derivative of z = a W with respect to a."""
    return W + "ᵀ" * (not layout.transposed and not layout.of_number)


def bp3(delta: str) -> str:
    """∂C/∂b = Σ δ, where `OVER_EXAMPLES` may be added."""
    return f"Σ {delta}"


def bp4(a: str, delta: str, layout: Layout = ROWS) -> str:
    """∂C/∂W = aᵀ δ, where z = a W.

    >>> bp4("a1", "δ2"), bp4("a1", "δ2", Layout(W_first=True))
    ('a1ᵀ δ2', 'δ2 a1ᵀ')
    """
    if layout.of_number:
        return f"{a} {delta}" if layout.one_example else f"Σ {a} ⊙ {delta}"
    left, right = (a, delta) if layout.W_first == layout.transposed else (delta, a)
    if layout.one_example:
        return f"{left} ⊗ {right}"
    return f"{left} {right}ᵀ" if layout.W_first else f"{left}ᵀ {right}"


def added(terms: list[str]) -> str:
    """A sum, of which three terms are written."""
    return " + ".join(terms[:3]) + " + …" * (len(terms) > 3)


def formula(tag: str, l: int, *, output: str = "sigmoid", cost: str = "quadratic") -> str:
    """The equation of layer l in a network of layers 1, 2, …; that is, its right-hand side.

    Parameters
    ----------
    tag : {"z", "BP1", "BP2", "BP3", "BP4"}
    l : int
    output, cost : str
        The output activation and the cost, on which BP1 depends.

    Examples
    --------
    >>> formula("BP2", 2)
    '(δ3 W3ᵀ) ⊙ σ′(z2)'
    >>> formula("BP1", 3, output="softmax", cost="cross_entropy")
    '(a3 − y) / n'
    """
    match tag:
        case "z":
            return weighted_input([product(f"a{l - 1}", f"W{l}")], [f"b{l}"])
        case "BP1" if (output, cost) in FROM_LOGITS:
            return f"(a{l} − y) / n"
        case "BP1" if output == "softmax":
            return bp1_softmax("∇ₐC", f"a{l}", f"z{l}")
        case "BP1":
            return bp1("∇ₐC", slope("σ", f"z{l}"))
        case "BP2":
            return bp2([carried_back(error(f"z{l + 1}"), f"W{l + 1}")], slope("σ", f"z{l}"))
        case "BP3":
            return bp3(error(f"z{l}"))
        case "BP4":
            return bp4(f"a{l - 1}", error(f"z{l}"))
    raise ValueError(f"formula: tag must be 'z', 'BP1', 'BP2', 'BP3' or 'BP4', not {tag!r}")
