"""Random networks and batches for them, which hide no mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import count, islice, pairwise
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import note
from hypothesis import strategies as st

from tinygrad_edu.backprop import softmax
from tinygrad_edu.backprop.formulas import formulas_of
from tinygrad_edu.check.layers import Layer, layers_of
from tinygrad_edu.costs import COSTS, cost_named
from tinygrad_edu.equations.functions import BRANCHED, SATURATED
from tinygrad_edu.errors import check_whole, unknown_name
from tinygrad_edu.functional import ACTIVATIONS, activation_named
from tinygrad_edu.nn import MLP
from tinygrad_edu.testing.numbers import arrays

Array = npt.NDArray[Any]

LEARNING = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus", "sine")
"""The activation functions that have a σ′ to forget, and one that is not 0 everywhere."""

STANDARD_DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "scaled": lambda n_in, n_out: 1 / sqrt(n_in),
    "normal": lambda n_in, n_out: 1.0,
    "glorot": lambda n_in, n_out: sqrt(2 / (n_in + n_out)),
    "he": lambda n_in, n_out: sqrt(2 / n_in),
}
"""Of the weights, by the name of the initialiser; see `tinygrad_edu.nn.initializers`."""

LIMITS = {
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "sine": (-1.0, 1.0), "elu": (-1.0, 2.0),
    "relu": (0.0, 2.0), "gelu": (0.0, 2.0), "softplus": (0.0, 2.0),
}  # fmt: skip
"""Where the outputs lie, so that targets can lie there, too."""

SOFTMAX = ("softmax", ACTIVATIONS["softmax"])

MARGIN = 0.01
"""So far a weighted input z keeps away from a corner of its activation function."""

MOST = 2000
"""So many numbers fit into what Hypothesis draws for one example."""


class Problem(NamedTuple):
    """A network with a cost of some examples; it unpacks as ``net, x, y, cost = problem``."""

    net: MLP
    """The network."""

    x: Array
    """Examples, shape (n, n_in)."""

    y: Array
    """Targets, shape (n, n_out), or integer labels of shape (n,)."""

    cost: str
    """A name from `tinygrad_edu.costs`."""


def activations() -> st.SearchStrategy[str]:
    """Names of activation functions for hidden layers.

    All that are there but "identity", whose σ′ is 1, and "step", whose σ′ is 0: a wrong σ′ would not be seen.
    """
    return st.sampled_from(LEARNING)


def costs(output: Any = "sigmoid", *, logits: bool = False) -> st.SearchStrategy[str]:
    """Names of the costs that `tinygrad_edu.fit` takes of the outputs of an activation function.

    Parameters
    ----------
    output : str or callable
        That of the last layer.
    logits : bool
        Whether to draw also those that end in ``_with_logits``. They take weighted inputs, so ``output`` is "identity"
        then, and `tinygrad_edu.backprop.backprop` does not know them.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return st.sampled_from(costs_of(output, logits))


def costs_of(output: Any, logits: bool = False) -> list[str]:
    """The costs that fit an output, the simplest first."""
    sigma = output if callable(output) else activation_named(output, "costs: output")
    fitting = ["quadratic"]
    if sigma in (ACTIVATIONS["sigmoid"], ACTIVATIONS["softmax"]):
        fitting.append("binary_cross_entropy")
    if sigma is ACTIVATIONS["softmax"]:
        fitting.append("cross_entropy")
    if logits and sigma is ACTIVATIONS["identity"]:
        fitting += ["binary_cross_entropy_with_logits", "cross_entropy_with_logits"]
    return fitting


def networks(
    *,
    sizes: Sequence[int] | None = None,
    min_layers: int = 1,
    max_layers: int = 3,
    max_width: int = 5,
    activations: Sequence[Any] = LEARNING,
    outputs: Sequence[Any] = ("sigmoid", "identity", "softmax", *LEARNING[1:]),
    inits: Sequence[str] = ("scaled", "normal", "glorot", "he"),
    dtypes: Sequence[npt.DTypeLike] = (np.float64,),
    equal_widths: bool = False,
    zero_biases: bool = False,
) -> st.SearchStrategy[MLP]:
    """Multilayer perceptrons of random depth, widths, activation functions, weights and biases.

    The weights and biases of a failing example are printed with it.

    Parameters
    ----------
    sizes : sequence of int, optional
        Units per layer, from the inputs to the outputs, for all networks the same; the next three then say nothing.
    min_layers, max_layers : int
        How many layers of weights there are.
    max_width : int
        Most units of a layer, 3 or more. A layer is neither as wide as the one before it nor as the one before that.
    activations, outputs : sequence of str or callable
        What to draw from for each hidden layer, and for the output layer.
    inits : sequence of str
        What to draw the size of the weights from, of the whole network: their standard deviation is that of the
        initialiser of this name. Biases are of size 1 with all of them.
    dtypes : sequence of dtypes
        What to draw the dtype of the parameters from.
    equal_widths : bool
        Whether layers may be equally wide.
    zero_biases : bool
        Whether all biases are 0.

    Raises
    ------
    ValueError, TypeError
        If a name or a size is none, or there are more than 2000 weights and biases, too many for Hypothesis.
    """
    check_whole("networks", min_layers=min_layers, max_layers=max_layers, max_width=max_width)
    if max_layers < min_layers:
        raise ValueError(f"networks: max_layers is {max_layers}, but must be at least min_layers, {min_layers}")
    if sizes is None and max_width < (1 if equal_widths else 3):
        raise ValueError(f"networks: max_width is {max_width}; layers of different widths need 3 or more")
    for name, choices in (("activations", activations), ("outputs", outputs), ("inits", inits), ("dtypes", dtypes)):
        if isinstance(choices, str) or not len(choices):
            raise ValueError(f"networks: {name} must be a list to draw from, such as [{choices or '…'!r}]")
    for init in inits:
        if init not in STANDARD_DEVIATIONS:
            raise ValueError(unknown_name("networks: inits", init, STANDARD_DEVIATIONS))
    for sigma in activations:
        for dtype in dtypes:
            MLP([1, 1, 1] if sizes is None else sizes, sigma, dtype=dtype)  # raises where these are none
    for sigma in outputs:
        MLP([1, 1], output=sigma)
    widest = sizes or [max_width] * (max_layers + 1)
    if sum((n_in + 1) * n_out for n_in, n_out in pairwise(widest)) > MOST:
        raise ValueError(
            f"networks: {'-'.join(map(str, widest))} have more than {MOST} weights and biases, too many for Hypothesis "
            "to draw; small networks show the same mistakes"
        )
    if (max_width if sizes is None else sizes[-1]) == 1:  # softmax of one unit is 1, whatever it is given
        outputs = [sigma for sigma in outputs if sigma not in SOFTMAX] or outputs
    which, functions = st.integers(0, max_width - 1), st.sampled_from(activations)  # which of the widths that are free

    @st.composite
    def network(draw: st.DrawFn) -> MLP:
        output, spread = draw(st.sampled_from(outputs)), STANDARD_DEVIATIONS[draw(st.sampled_from(inits))]
        if sizes is not None:
            widths, hidden = list(sizes), [draw(functions) for _ in sizes[2:]]
        else:
            layers = draw(st.lists(st.tuples(which, functions), min_size=min_layers - 1, max_size=max_layers - 1))
            places, hidden = [draw(which), *(place for place, _ in layers), draw(which)], [sigma for _, sigma in layers]
            widths = _widths(places, max_width, equal_widths, least_outputs=2 if output in SOFTMAX else 1)
        net = MLP(widths, hidden, output, rng=0, dtype=draw(st.sampled_from(dtypes)))
        for layer in net.layers:
            W, b = layer.linear.W, layer.linear.b
            W.data = draw(_around_zero(W.shape, sqrt(3) * spread(*W.shape)))
            b.data = np.zeros(b.shape) if zero_biases else draw(_around_zero(b.shape, 1.0))
        note(_Parameters(net))
        return net

    return network()


def _widths(places: list[int], widest: int, equal: bool, *, least_outputs: int) -> list[int]:
    """Units per layer, where each takes one of those that the two layers before it left free."""
    widths: list[int] = []
    for place, least in zip(places, [1] * (len(places) - 1) + [least_outputs], strict=True):
        free = [width for width in range(least, widest + 1) if equal or width not in widths[-2:]]
        widths.append(free[place % len(free)])
    return widths


class _Parameters:
    """How the parameters of a network are printed."""

    def __init__(self, net: MLP) -> None:
        self._net = net

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {tensor.numpy()!r}" for name, tensor in self._net.named_parameters().items())


def _around_zero(shape: tuple[int, ...], reach: float) -> st.SearchStrategy[Array]:
    """Arrays of numbers that go so far up and down, rounded, and are not near 0."""
    reach = float(f"{reach:.1g}") if reach < 1 else round(reach, 1)
    return arrays(shape, min_value=-reach, max_value=reach, distance=reach / 10)


def batches(
    net: Any,
    cost: str = "quadratic",
    *,
    n: int | st.SearchStrategy[int] | None = None,
    labels: bool | None = None,
    anywhere: bool = False,
) -> st.SearchStrategy[tuple[Array, Array]]:
    """Examples for a network, and targets that suit its outputs and the cost.

    Parameters
    ----------
    net : MLP, or Sequential of Linear and activation functions
    cost : str
        The targets of a cross-entropy are from 0 to 1, and each row sums to 1 where the classes exclude each other;
        those of the quadratic cost lie where the outputs do.
    n : int, or a strategy for it
        How many examples: unless it is given, 2 or more, but not as many as a layer is wide.
    labels : bool, optional
        Whether targets are integer labels, of shape (n,), or have one row for each example. Unless it is given, labels
        are drawn only where there are two or more output units, and one example in three then has them.
    anywhere : bool
        Whether units may also be saturated, dead, or at a corner of their activation function. Otherwise |σ′(z)| is at
        least 0.01; for relu, where it is 0 or 1, each example has a unit that is active, and for functions with a
        corner at 0, |z| is at least 0.01.

    Returns
    -------
    strategy for (x, y)
        Of shapes (n, n_in), and (n, n_out) or (n,).

    Raises
    ------
    ValueError
        If the cost is unknown, or labels are wanted of a single output unit.
    TypeError
        If ``net`` is another kind of network.
    """
    layers = layers_of("batches", net)
    sizes = [layers[0].linear.W.shape[0], *(layer.linear.b.shape[0] for layer in layers)]
    if cost not in COSTS:
        raise ValueError(unknown_name("batches: cost", cost, COSTS))
    if labels and sizes[-1] == 1:
        raise ValueError("batches: labels are for two or more output units, but this network has one")
    if n is not None and not isinstance(n, st.SearchStrategy):
        check_whole("batches", n=n)
    if n is None:
        n = st.sampled_from(list(islice((k for k in count(2) if k not in sizes), 3)))
    return _batch(layers, cost, n, labels, None if anywhere else lambda x: _in_general_position(layers, x))


@st.composite
def _batch(
    draw: st.DrawFn, layers: list[Layer], cost: str, n: Any, labels: bool | None, fits: Any
) -> tuple[Array, Array]:
    (n_in, _), dtype = layers[0].linear.W.shape, layers[0].linear.W.dtype
    rows = draw(n) if isinstance(n, st.SearchStrategy) else n
    x = arrays((rows, n_in), min_value=-2, max_value=2, dtype=dtype)
    n_out = layers[-1].linear.W.shape[1]
    return draw(x.filter(fits) if fits else x), draw(_targets(layers[-1].name, cost, rows, n_out, labels, dtype))


def problems(
    nets: st.SearchStrategy[MLP] | None = None,
    *,
    costs: Sequence[str] | None = None,
    n: int | st.SearchStrategy[int] | None = None,
    labels: bool | None = None,
    anywhere: bool = False,
) -> st.SearchStrategy[Problem]:
    """A network, a batch, targets and a cost that fit each other, as a named tuple (net, x, y, cost).

    Parameters
    ----------
    nets : strategy for networks
        Such as ``networks(sizes=[2, 3, 1])``.
    costs : sequence of str, optional
        What to draw from. Unless it is given, those which `tinygrad_edu.fit` takes of the outputs of the network.
    n, labels, anywhere
        As in `batches`.

    Raises
    ------
    ValueError
        If a cost is unknown.
    """
    nets = networks() if nets is None else nets
    for cost in costs or ():
        cost_named(cost, "problems: costs")

    return _problem(nets, costs, {"n": n, "labels": labels, "anywhere": anywhere})


@st.composite
def _problem(
    draw: st.DrawFn, nets: st.SearchStrategy[MLP], costs: Sequence[str] | None, options: dict[str, Any]
) -> Problem:
    net = draw(nets)
    cost = draw(st.sampled_from(costs or costs_of(net.split()[1])))
    return Problem(net, *draw(batches(net, cost, **options)), cost)


@cache
def _targets(output: str, cost: str, n: int, units: int, labels: bool | None, dtype: Any) -> st.SearchStrategy[Array]:
    """Targets of n examples: integer labels, rows with a single 1, or rows of other numbers."""
    classes = st.lists(st.integers(0, units - 1), min_size=n, max_size=n).map(np.array)
    one_hot = classes.map(np.eye(units, dtype=dtype).__getitem__)
    if units > 1 and (
        output == "softmax" or cost.startswith("cross_entropy")
    ):  # the mean of four such rows still sums to 1
        numbers = st.tuples(*[one_hot] * 4).map(lambda rows: np.mean(rows, axis=0))
    else:
        low, high = (0.0, 1.0) if "entropy" in cost else LIMITS.get(output, (-2.0, 2.0))
        numbers = arrays((n, units), min_value=low, max_value=high, away_from=(low, high), distance=0.05, dtype=dtype)
    if labels:
        return classes
    if units == 1:
        return numbers
    return numbers | one_hot if labels is False else numbers | one_hot | classes


def _in_general_position(layers: Sequence[Layer], x: Array) -> bool:
    """Whether no unit is saturated or at a corner, and no layer dead."""
    a = x
    for layer in layers:
        z = a @ layer.linear.W.value + layer.linear.b.value
        name = layer.activation
        if name == "softmax":
            return z.shape[1] == 1 or bool(np.all(softmax(z) < 1 - SATURATED))
        if (name in BRANCHED or not isinstance(name, str)) and np.any(np.abs(z) < MARGIN):
            return False
        slope = np.abs(formulas_of(name).prime(z))
        alive = np.any(slope > 0, axis=1) if name == "relu" or not isinstance(name, str) else slope >= SATURATED
        if name != "step" and not np.all(alive):
            return False
        a = formulas_of(name).f(z)
    return True
