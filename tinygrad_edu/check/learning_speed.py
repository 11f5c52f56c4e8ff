"""Learning speed: how fast each layer of a network learns, and what holds it back.

The equations of backpropagation name two causes of slow learning (Nielsen, chapter 2) ::

    BP1, BP2    σ′(z^l) is a factor of δ^l:          units learn slowly when saturated, σ′(z^l) ≈ 0
    BP4         a^{l-1} is a factor of ∂C/∂W^l:      weights learn slowly when their input is low, a^{l-1} ≈ 0

All numbers come from the formulas of `tinygrad_edu.backprop`, in float64; no graph is recorded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.formulas import formulas_of
from tinygrad_edu.check.arguments import as_float64, network_problem, title, two_passes
from tinygrad_edu.check.layers import layers_of
from tinygrad_edu.costs import FROM_LOGITS
from tinygrad_edu.equations.functions import SATURATED
from tinygrad_edu.nn import Module
from tinygrad_edu.tables import Part, Report

Array = npt.NDArray[Any]

LOW = 0.01
"""An activation is low where |a| is below this."""

MANY = 0.6
"""A fraction above this holds a layer back. Not one half: relu units are 0 for half of the examples, and learn well."""

STUCK = 0.9
"""A unit that is saturated for this fraction of the examples is stuck."""

FADES = 10
"""‖δ‖ of the first and the last layer differ by more than this factor: the gradient vanishes, or explodes."""

NOT_HELD_BACK = (
    f"Neither cause holds a layer back: in none more than {MANY:.0%} of the units are saturated, or of the inputs low."
)

WIDTH = 88
"""Of a line in the report."""

STEPS = (0.1, 0.001, 0.00001)
"""How far the demon moves the weighted input that it moves most."""


@dataclass(frozen=True)
class DemonStep:
    """What the demon found: it added Δz to the weighted inputs of one layer, against δ so that the cost falls.

    Attributes
    ----------
    size : float
        max |Δz|, where Δz = −size · δ / max |δ|.
    predicted : float
        δ·Δz, what the definition δ = ∂C/∂z lets one expect.
    actual : float
        ΔC, what happened to the cost.
    ratio : float
        ΔC / (δ·Δz), which goes to 1 as Δz goes to 0; NaN where ΔC is too small to be told from rounding errors.
    """

    size: float
    predicted: float
    actual: float
    ratio: float


@dataclass(frozen=True)
class LayerSpeed:
    """How fast one layer learns.

    Attributes
    ----------
    number : int
        l, from 1 to L.
    activation : str
        The name of σ.
    units : int
        How many units the layer has.
    error : float
        ‖δ^l‖, the root of the sum of the squares over all examples and units; δ carries the 1/n of the mean cost.
    gradient : float
        ‖∂C/∂W^l‖, the size of the step that the weights take.
    saturated : float
        The fraction of units, on average over the examples, with |σ′(z^l)| < 0.01 (`SATURATED`). For softmax σ′ is
        taken as ∂a_j/∂z_j = a_j (1 − a_j).
    stuck : int
        How many units are saturated for at least nine examples in ten (`STUCK`): hardly any example moves them.
    low_inputs : float
        The fraction of inputs, on average over the examples, with |a^{l−1}| < 0.01 (`LOW`).
    demon : tuple of DemonStep
        One for each of `STEPS`.
    """

    number: int
    activation: str
    units: int
    error: float
    gradient: float
    saturated: float
    stuck: int
    low_inputs: float
    demon: tuple[DemonStep, ...]


@dataclass(frozen=True, repr=False)
class LearningReport(Report):
    """The result of `learning_report`. ``str(report)`` is a table with a diagnosis.

    Attributes
    ----------
    layers : tuple of LayerSpeed
        From the first hidden layer to the output.
    cost : float
        The cost C.
    diagnosis : tuple of str
        A sentence for everything that slows the network down; one that says so if nothing does.
    title : str
    """

    layers: tuple[LayerSpeed, ...]
    cost: float
    diagnosis: tuple[str, ...]
    title: str

    @property
    def errors(self) -> list[float]:
        """‖δ^l‖ of every layer, for `tinygrad_edu.viz.plots.gradient_norms`."""
        return [layer.error for layer in self.layers]

    def parts(self) -> list[Part]:
        """The speeds, the diagnosis, and what the demon found."""
        speeds = [("layer", "σ", "units", "‖δ‖", "‖∂C/∂W‖", "saturated units", "inputs ≈ 0")]
        demon = [("layer", "max |Δz|", "δ·Δz", "ΔC", "ΔC / δ·Δz")]
        for l in self.layers:
            numbers = (f"{l.error:.2e}", f"{l.gradient:.2e}", f"{l.saturated:.0%}", f"{l.low_inputs:.0%}")
            speeds.append((str(l.number), l.activation, str(l.units), *numbers))
            for s in l.demon:
                ratio = "–" if np.isnan(s.ratio) else f"{s.ratio:.7f}"
                demon.append((str(l.number), f"{s.size:g}", f"{s.predicted:.4e}", f"{s.actual:.4e}", ratio))
        return [
            f"{self.title}, C = {self.cost:.6g}",
            speeds,
            f"A weight learns slowly if its unit is saturated (|σ′(z)| < {SATURATED}; σ′ is a factor of δ in\n"
            f"BP1 and BP2), or if its input is low (|a| < {LOW}; a is a factor of ∂C/∂W in BP4). Here:",
            *(textwrap.fill(f"• {sentence}", WIDTH, subsequent_indent="  ") for sentence in self.diagnosis),
            "",
            "The demon adds Δz to the weighted inputs of a layer, against δ. Does C change by δ·Δz?",
            demon,
            _demon_verdict(self.layers),
        ]


def learning_report(mlp: Module, x: npt.ArrayLike, y: npt.ArrayLike, cost: str = "quadratic") -> LearningReport:
    """Tell how fast every layer learns, which of the two causes of slow learning it suffers from, and what δ means.

    Parameters
    ----------
    mlp : MLP, or Sequential of Linear and activation functions
        The network; it is left as it is.
    x : array_like, shape (n, n_in)
        A batch of examples.
    y : array_like, shape (n, n_out), or integer labels of shape (n,)
        Targets.
    cost : {"quadratic", "binary_cross_entropy", "cross_entropy"}
        The cost function.

    Returns
    -------
    LearningReport
        ``.layers`` has the numbers, ``.diagnosis`` the sentences; ``str(report)`` shows all of it.

    Raises
    ------
    TypeError, ValueError
        If ``mlp`` is another kind of network, the shapes do not fit, ``cost`` is unknown, or a number is NaN or
        infinite.

    Notes
    -----
    δ^l = ∂C/∂z^l is the error of layer l. Nielsen's demon explains it: somebody changes z^l by a small Δz, and the cost
    changes by δ^l·Δz (summed over units and examples), up to an error that is proportional to Δz².

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> net = tg.nn.MLP([2, 3, 1], rng=0)
    >>> report = tg.learning_report(net, np.eye(2), np.array([[0.0], [1.0]]))
    >>> report.diagnosis
    ('Neither cause holds a layer back: in none more than 60% of the units are saturated, or of the inputs low.',)
    >>> [round(step.ratio, 2) for step in report.layers[0].demon]
    [1.03, 1.0, 1.0]
    """
    given = as_float64(network_problem("learning_report", mlp, x, y, cost))
    hand = two_passes("learning_report", given, cost)
    *activation, output = given.names

    def moved(number: int, step: Array) -> float:
        z, a = by_hand.feedforward(
            given.weights, given.biases, given.x, activation=activation, output=output, nudge={number: step}
        )
        return by_hand.total_cost(z[-1], a[-1], given.y, output=output, cost=cost) - hand.cost

    speeds = []
    for i, layer in enumerate(layers_of("learning_report", mlp)):
        saturated = np.abs(_slope(given.names[i], hand.z[i])) < SATURATED
        demon = tuple(_demon(i + 1, size, hand.delta[i], hand.cost, moved) for size in STEPS)
        speeds.append(
            LayerSpeed(
                i + 1,
                layer.name,
                len(given.biases[i]),
                float(np.linalg.norm(hand.delta[i])),
                float(np.linalg.norm(hand.grad_weights[i])),
                float(np.mean(saturated)),
                int(np.sum(np.mean(saturated, axis=0) >= STUCK)),
                float(np.mean(np.abs(hand.a[i]) < LOW)),
                demon,
            )
        )
    diagnosis = _diagnosis(speeds, sigma_cancels=(output, cost) in FROM_LOGITS)
    return LearningReport(tuple(speeds), hand.cost, tuple(diagnosis), title(given, cost))


def _slope(activation: str | by_hand.Activation, z: Array) -> Array:
    """σ′(z); for softmax, the derivative of each unit with respect to its own z."""
    if activation == "softmax":
        a = by_hand.softmax(z)
        return np.asarray(a * (1 - a))
    return formulas_of(activation).prime(z)


def _demon(number: int, size: float, delta: Array, cost: float, moved: Any) -> DemonStep:
    """Let the demon take one step; ``moved(number, Δz)`` is ΔC."""
    largest = float(np.abs(delta).max())
    step = delta * (-size / largest) if largest else np.zeros_like(delta)
    predicted, actual = float(np.sum(delta * step)), moved(number, step)
    visible = abs(predicted) > 1e4 * np.finfo(float).eps * abs(cost)  # else the rounding of C shows in the ratio
    return DemonStep(size, predicted, actual, actual / predicted if visible else float("nan"))


def _diagnosis(layers: Sequence[LayerSpeed], sigma_cancels: bool) -> list[str]:
    found = []
    for layer in layers:
        l, is_output = layer.number, layer is layers[-1]
        if layer.saturated > MANY:
            units = f"{layer.saturated:.0%} of the units of layer {l} are saturated"
            if is_output and sigma_cancels:
                found.append(f"{units}, which does no harm: with this cost, σ′ cancels in BP1.")
            elif is_output:
                found.append(f"{units}: where such an output is wrong, it learns slowly (BP1: σ′(z{l}) is in δ{l}).")
            elif layer.error == 0:
                found.append(f"{units}, and δ{l} = 0: the layer does not learn at all.")
            else:
                found.append(f"{units}: they learn slowly, unless large weights W{l + 1} make up for it in BP2.")
        elif layer.stuck and not (is_output and sigma_cancels):
            found.append(
                f"{layer.stuck} of the {layer.units} units of layer {l} are stuck: saturated for nine examples in ten "
                "or more."
            )
        if layer.low_inputs > MANY:
            inputs = f"{layer.low_inputs:.0%} of the inputs of layer {l} are low"
            found.append(f"{inputs}, so its weights learn slowly (BP4: a{l - 1} is in ∂C/∂W{l}).")
    held_back = bool(found)
    first, last = layers[0], layers[-1]
    if first.error > FADES * last.error:
        found.append(_change("grows", first, last, first.error, last.error))
    elif last.error > FADES * first.error:
        found.append(_change("shrinks", first, last, last.error, first.error))
    if not held_back:
        found.insert(0, NOT_HELD_BACK)
    return found


def _change(verb: str, first: LayerSpeed, last: LayerSpeed, larger: float, smaller: float) -> str:
    factor = f"{larger / smaller:.3g} times" if smaller else "to nothing"
    name = "a vanishing" if verb == "shrinks" else "an exploding"
    return (
        f"Back from layer {last.number} to layer {first.number}, ‖δ‖ {verb} {factor}: {name} gradient "
        "(BP2 multiplies by Wᵀ and σ′)."
    )


def _demon_verdict(layers: Sequence[LayerSpeed]) -> str:
    """How far ΔC and δ·Δz are apart in the worst layer, for the longest and the shortest step."""
    gaps = [[abs(step.ratio - 1) for step in layer.demon if not np.isnan(step.ratio)] for layer in layers]
    seen = [gap for gap in gaps if len(gap) == len(STEPS)]
    if not seen:
        return "The changes of C are too small to be seen: the network is stuck, or has learnt everything."
    far, near = (max(gap[i] for gap in seen) for i in (0, -1))
    if near > max(far / 100, 1e-6):
        return "These steps are still too long: the cost is so curved that the straight line δ·Δz cannot follow it."
    return (
        f"ΔC / δ·Δz goes to 1: its distance from 1 falls from {far:.2g} to {near:.2g}\n"
        f"as Δz gets {STEPS[0] / STEPS[-1]:,.0f} times smaller. So, to first order, ΔC = δ·Δz."
    )
