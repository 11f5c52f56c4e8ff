"""The equations in words and in symbols: z = a W + b and BP1–BP4, each worded here and nowhere else.

What a formula is about comes in as symbols, as text, so that a picture, a program and a report say the same of values
that they call by different names. A formula is the right-hand side of its equation.
"""

from __future__ import annotations

import re
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

# The same where they are derived rather than drawn: what a function is, of one number z, and the derivatives that are
# no single step of a program.
VALUES = {
    "sigmoid": "1 / (1 + exp(−{z}))",
    "tanh": "(exp({z}) − exp(−{z})) / (exp({z}) + exp(−{z}))",
    "relu": "{z} where {z} > 0, 0 elsewhere",
    "leaky_relu": "{z} where {z} > 0, 0.01 {z} elsewhere",
    "elu": "{z} where {z} > 0, exp({z}) − 1 elsewhere",
    "gelu": "½ {z} (1 + tanh(√(2/π) ({z} + 0.044715 {z}³)))",
    "softplus": "ln(1 + exp({z}))",
    "sine": "sin({z})",
    "step": "1 where {z} ≥ 0, 0 elsewhere",
    "identity": "{z}",
}
SLOPES = {
    "relu": "1 where {a} > 0, 0 elsewhere",
    "leaky_relu": "1 where {a} > 0, 0.01 elsewhere",
    "elu": "1 where {a} > 0, exp({a}) elsewhere",
    "gelu": "½ (1 + tanh(√(2/π) ({a} + 0.044715 {a}³))) "
    "+ ½ {a} (1 − tanh(√(2/π) ({a} + 0.044715 {a}³))²) √(2/π) (1 + 0.134145 {a}²)",
    "step": "0",
    "identity": "1",
}
# The cost of one example: {a} and {y} are entry j of its outputs and targets.
COST_VALUES = {
    "quadratic": "½ Σ_j ({y} − {a})²",
    "binary_cross_entropy": "−Σ_j ({y} ln({a}) + (1 − {y}) ln(1 − {a}))",
    "cross_entropy": "−Σ_j {y} ln({a})",
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


def written_value(function: str, z: str) -> str:
    """σ(z) written out, for a function of `tinygrad_edu.functional`.

    >>> written_value("sigmoid", "z")
    '1 / (1 + exp(−z))'
    """
    return VALUES[function].format(z=z)


def written_slope(function: str, z: str, a: str) -> str:
    """σ′(z) written out, in z or in a = σ(z).

    >>> written_slope("sigmoid", "z1", "a1"), written_slope("tanh", "z1", "a1")
    ('a1(1 − a1)', '1 − a1²')
    """
    return (SLOPES.get(function) or FUNCTIONS[function][1]).format(a=z, y=a)


def written_softmax(z: str) -> str:
    """An output of softmax, of the weighted inputs of one example.

    >>> written_softmax("z2")
    'exp(z2[p,j]) / (Σ_k exp(z2[p,k]))'
    """
    z_j, z_k = (entry(z, "p", index) for index in "jk")
    return f"exp({z_j}) / ({summed('k', f'exp({z_k})')})"


def mean_cost() -> str:
    """C of the costs of all examples."""
    return f"1/n {summed('p', entry('C', 'p'))}"


def written_cost(cost: str, a: str, y: str) -> str:
    """The cost of one example, of its outputs and targets j."""
    return COST_VALUES[cost].format(a=a, y=y)


def written_cost_slope(cost: str, a: str, y: str) -> str:
    """∂C/∂a of one output written out, where C is the mean over n examples.

    >>> written_cost_slope("quadratic", "a2[p,j]", "y[p,j]")
    '(a2[p,j] − y[p,j])/n'
    """
    return FUNCTIONS[cost][1].replace("y", y).format(a=a, n="n ").strip()


def entry(x: str, *indices: str) -> str:
    """An entry of an array; 1[j=k] is 1 where j = k and 0 elsewhere.

    >>> entry("W2", "i", "j")
    'W2[i,j]'
    """
    return f"{x}[{','.join(indices)}]"


def summed(index: str, term: str) -> str:
    """A sum over an index."""
    return f"Σ_{index} {term}"


def chain(x: str, through: str, cost: str = "C") -> str:
    """One way in which C depends on x.

    >>> chain("z1", "a1")
    '∂C/∂a1 ∂a1/∂z1'
    """
    return f"{gradient(through, cost)} {gradient(x, through)}"


def chain_of(x: str, through: str, z: str) -> str:
    """∂z/∂x where x is seen through one value alone.

    >>> chain_of("z1", "a1", "z2")
    '∂z2/∂a1 ∂a1/∂z1'
    """
    return f"{gradient(through, z)} {gradient(x, through)}"


def softmax_slope(a_k: str, a_j: str) -> str:
    """∂a_k/∂z_j of softmax: each output depends on every weighted input.

    >>> softmax_slope("a2[p,k]", "a2[p,j]")
    'a2[p,k](1[j=k] − a2[p,j])'
    """
    return f"{a_k}(1[j=k] − {a_j})"


def softmax_error(a: str) -> str:
    """BP1 of softmax, of an output: the sum over k taken apart."""
    a_j, a_k = (entry(a, "p", index) for index in "jk")
    return f"{a_j} ({gradient(a_j)} − {summed('k', f'{gradient(a_k)} {a_k}')})"


def softmax_pair(a: str, y: str) -> tuple[str, str]:
    """BP1 of softmax with the cross-entropy, of an output: before and after the sum over k is taken apart."""
    (a_j, _), (y_j, y_k) = ([entry(x, "p", index) for index in "jk"] for x in (a, y))
    return f"−1/n {summed('k', f'{y_k} (1[j=k] − {a_j})')}", f"({a_j} {summed('k', y_k)} − {y_j})/n"


def times(factor: str, other: str) -> str:
    """A product of numbers, of which one may be a sum or have a case for each sign.

    >>> times("(a2 − y)/n", "1 − a2²")
    '(a2 − y)/n · (1 − a2²)'
    """
    return " · ".join(f"({x})" if re.search(r" [+−] |^−| where ", _outside(x)) else x for x in (factor, other))


def _outside(text: str) -> str:
    """What stands in no parentheses."""
    while text != (text := re.sub(r"\([^()]*\)", "", text)):
        pass
    return text


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
