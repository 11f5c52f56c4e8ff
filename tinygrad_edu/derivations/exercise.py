"""Exercises: a small network whose gradients are computed by hand, and the check of what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem, one_hot
from tinygrad_edu.check.arguments import network_problem
from tinygrad_edu.derivations.answers import Answer, Rounding, judged, named_answers
from tinygrad_edu.derivations.derive import Derivation, derive
from tinygrad_edu.derivations.mistakes import both_passes, quantities
from tinygrad_edu.equations import words
from tinygrad_edu.equations.functions import BRANCHED
from tinygrad_edu.equations.typeset import array, latex, matrix, sentence
from tinygrad_edu.errors import check_whole
from tinygrad_edu.nn import MLP
from tinygrad_edu.nn.initializers import generator_of

Array = npt.NDArray[Any]

SIZES = [(2, 2, 1), (3, 2, 1), (2, 3, 1), (2, 2, 2), (2, 3, 2), (3, 2, 2)]
EXACT = {"relu", "identity"}  # with whole numbers and the quadratic cost no digit is ever rounded
LARGEST = 20  # number in a pass through one layer; half as much more for each further layer
MOST = 4  # |z| of a function that saturates
TRIES = 3000


@dataclass(frozen=True, repr=False)
class Exercise:
    """An exercise of `exercise`. ``str(exercise)`` states the problem; a notebook shows it typeset.

    Attributes
    ----------
    seed : int
        ``tg.exercise(seed)`` with the same other arguments is the same exercise.
    model : MLP
    x, y : ndarray, shapes (n, n_in) and (n, n_out)
    cost : str
    """

    seed: int
    model: MLP
    x: Array
    y: Array
    cost: str

    @property
    def asked(self) -> list[str]:
        """The names of what is to be found, in the order in which it is computed."""
        return [q.name for q in quantities(len(self.model.layers))]

    @cached_property
    def solution(self) -> Derivation:
        """The way there, worked: `derive`, with the numbers."""
        return derive(self.model, self.cost, self.x, self.y)

    @property
    def rounding(self) -> Rounding:
        """How much an answer may differ: of whole numbers and halves less than of rounded ones."""
        is_exact = self.cost == "quadratic" and {*self.model.activation, self.model.output} <= EXACT
        return Rounding(0.005, 1) if is_exact else Rounding(0.02, 0)

    def check(self, answer: Any) -> Answer:
        """Say whether an answer is right; if not, which equation is wrong first, and the likely mistake.

        Parameters
        ----------
        answer : mapping of str to array_like, or array_like, or tg.backprop.Backprop
            By the names of ``asked``, some or all of them; for δ1 and ∂C/∂W1 "delta1" and "dW1" will do. An array by
            itself is taken for ∂C/∂W1, the last of them. Numbers may be rounded to three digits.

        Returns
        -------
        Answer
            ``.ok``, ``.equation``, ``.layer``, ``.mistake``; ``str(answer)`` is the answer in words.

        Raises
        ------
        ValueError, TypeError
            If a name is none of those that were asked, or a value is no array of numbers.
        """
        given = self._given
        named = named_answers(answer, len(given.weights), "∂C/∂W1")
        return judged(given, self.cost, named, self.rounding)

    @cached_property
    def _given(self) -> Problem:
        return network_problem("exercise", self.model, self.x, self.y, self.cost)

    def _numbers(self) -> dict[str, Array]:
        parameters = {name: p.numpy() for name, p in self.model.named_parameters().items()}
        return {"x": self.x, "y": self.y, **parameters}

    def _sentences(self) -> tuple[list[str], list[str]]:
        """What is given, and what is asked; formulas between backticks."""
        L, n = len(self.model.layers), len(self.x)
        names = [*self.model.activation, self.model.output]
        functions = ", ".join(f"{name} in layer {l}" for l, name in enumerate(names, start=1))
        of_one = words.written_cost(self.cost, words.entry(f"a{L}", "p", "j"), words.entry("y", "p", "j"))
        forward, backward = ([f"`{x}`" for x in self.asked if (x[0] in "δ∂") == is_back] for is_back in (False, True))
        given = [
            f"A {'-'.join(map(str, self.model.sizes))} network, {functions}: `z1 = {words.formula('z', 1)}`, `a0 = x`.",
            f"The {words.FUNCTIONS[self.cost][0]}: `C = {words.mean_cost()}`, `C[p] = {of_one}`.",
            "One example:" if n == 1 else f"{n} examples, one a row:",
        ]
        asked = [
            f"Find {', '.join(forward)}, then {', '.join(backward)}.",
            "`δ` is `∂C/∂z` of this C, the 1/n included. Its check takes some or all; its solution shows the way.",
        ]
        return given, asked

    def __str__(self) -> str:
        given, asked = ("\n".join(lines).replace("`", "") for lines in self._sentences())
        numbers = "\n".join(f"  {name:<2} = {array(value)}" for name, value in self._numbers().items())
        return f"Exercise {self.seed}: backpropagation by hand\n\n{given}\n\n{numbers}\n\n{asked}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        given, asked = (sentence(" ".join(lines)) for lines in self._sentences())
        numbers = [f"{latex(name)} &= {matrix(value)}" for name, value in self._numbers().items()]
        formula = "\\begin{aligned}\n" + " \\\\\n".join(numbers) + "\n\\end{aligned}"
        parts = [f"**Exercise {self.seed}: backpropagation by hand**", given, f"$$\n{formula}\n$$"]
        return "\n\n".join([*parts, asked])


def exercise(
    seed: int | np.random.Generator | None = None,
    sizes: Sequence[int] | None = None,
    *,
    activation: str | Sequence[str] = "relu",
    output: str = "identity",
    cost: str = "quadratic",
    examples: int = 2,
) -> Exercise:
    """Make an exercise in backpropagation: a network of small whole numbers, whose gradients are found by hand.

    Parameters
    ----------
    seed : int, numpy.random.Generator or None
        The same seed gives the same exercise; None one that is not known beforehand. ``exercise.seed`` has it.
    sizes : sequence of int, optional
        Units per layer, from the inputs to the outputs; two or three of each by default.
    activation, output : str
        As in `tg.nn.MLP`. With relu and identity no number need be rounded; with others take a pocket calculator.
    cost : {"quadratic", "binary_cross_entropy", "cross_entropy"}
        The cost function.
    examples : int
        How many examples the batch has. With one, neither the sum over examples nor the 1/n is practised.

    Returns
    -------
    Exercise
        ``str(exercise)`` states the problem, ``.solution`` is the worked answer, ``.check(answer)`` looks at yours.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or no network of small numbers is found.

    Notes
    -----
    No unit is at a corner of its activation function (z = 0 of relu), at least half of the entries of each gradient are
    not zero, and the factor σ′(z) of a hidden layer makes a difference.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> task = tg.exercise(1)
    >>> print(task.check({"dW1": task.solution.value("∂C/∂W1")}))
    Right: ∂C/∂W1.
    """
    if not isinstance(seed, int | np.integer):
        seed = int(generator_of(seed, "exercise: seed").integers(10**6))
    rng = generator_of(int(seed), "exercise: seed")
    check_whole("exercise", examples=examples)
    fitting = [each for each in SIZES if output != "softmax" or each[-1] > 1]
    chosen = fitting[rng.integers(len(fitting))] if sizes is None else sizes
    model = MLP(chosen, activation, output, rng=0)
    x, y = np.zeros((examples, model.sizes[0])), np.zeros((examples, model.sizes[-1]))
    given = network_problem("exercise", model, x, y, cost)
    for _ in range(TRIES):
        drawn = _drawn(given, cost, rng)
        if drawn is not None:
            numbers = [p for pair in zip(drawn.weights, drawn.biases, strict=True) for p in pair]
            model.load_state_dict(dict(zip(model.named_parameters(), numbers, strict=True)))
            return Exercise(int(seed), model, drawn.x, drawn.y, cost)
    raise ValueError(
        f"exercise: found no network of sizes {list(model.sizes)} and activations {[*model.activation, output]} with "
        "small numbers and gradients that are not zero; take fewer layers or units, or other functions"
    )


def _drawn(given: Problem, cost: str, rng: np.random.Generator) -> Problem | None:
    """A network and a batch of small whole numbers; None if it would be no good exercise."""
    W = [rng.choice([-2.0, -1.0, 1.0, 2.0], size=W_l.shape) for W_l in given.weights]
    b = [rng.integers(-2, 3, size=b_l.shape).astype(float) for b_l in given.biases]
    x = rng.integers(-3, 4, size=given.x.shape).astype(float)
    *activation, output = given.names
    z, a = by_hand.feedforward(W, b, x, activation=activation, output=output)
    most = LARGEST * (1 + len(W)) / 2
    if not all(_is_plain(name, z_l, most) for name, z_l in zip(given.names, z, strict=True)):
        return None
    problem = Problem(W, b, x, _targets(a[-1], output, cost, rng), given.names)
    return problem if _is_good(problem, both_passes(problem, cost), most) else None


def _is_plain(name: Any, z: Array, most: float) -> bool:
    """Whether weighted inputs are small, not at a corner of the activation function, and not where it is flat."""
    return bool(np.abs(z).max() <= (most if name in EXACT else MOST) and (z.all() or name not in BRANCHED))


def _targets(a: Array, output: Any, cost: str, rng: np.random.Generator) -> Array:
    n, m = a.shape
    if cost == "quadratic" and output in EXACT:  # so that (a − y)/n is whole
        return np.asarray(a - n * rng.choice([-2, -1, 1, 2], size=a.shape))
    if output == "softmax" and m > 1:
        return one_hot(rng.integers(m, size=n), m)
    return rng.integers(2, size=a.shape).astype(float)


def _is_good(problem: Problem, found: Mapping[str, Array], most: float) -> bool:
    """Whether the numbers are small, half of each gradient is not zero, and every σ′ has an effect."""
    for l in range(2, len(problem.weights) + 1):
        back = found[f"δ{l}"] @ problem.weights[l - 1].T
        if problem.names[l - 2] != "identity" and np.allclose(back, found[f"δ{l - 1}"]):
            return False
    sizes = [float(np.abs(value).max()) for value in [*found.values(), problem.y]]
    gradients = [value for name, value in found.items() if name[0] in "δ∂"]
    return max(sizes) <= most and all(2 * np.count_nonzero(value) >= value.size for value in gradients)
