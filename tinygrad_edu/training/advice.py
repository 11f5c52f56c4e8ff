"""What to say where nothing is learned: targets that no output can reach, a cost that does not fall, dead units.

Each sentence says what is so, and names a section of ``docs/training.md``, where the ways out are.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.backprop import ACTIVATION_FORMULAS
from tinygrad_edu.costs import COSTS, FROM_LOGITS, cost_named, one_hot, quadratic
from tinygrad_edu.engine import no_grad
from tinygrad_edu.equations.functions import SATURATED
from tinygrad_edu.functional import ACTIVATIONS
from tinygrad_edu.nn import MLP, Module, Sequential, split
from tinygrad_edu.training.history import History, epochs
from tinygrad_edu.training.measuring import ROWS, Array, Cost, Model, values_of

RANGES: dict[str, tuple[float, float]] = {
    "sigmoid": (0, 1),
    "softmax": (0, 1),
    "step": (0, 1),
    "tanh": (-1, 1),
    "sine": (-1, 1),
    "relu": (0, math.inf),
    "softplus": (0, math.inf),
    "elu": (-1, math.inf),
    "gelu": (-0.18, math.inf),
}
"""Where the outputs of these activation functions lie; those of the others lie anywhere."""

MATERIAL = 0.01
"""Targets out of reach are worth a word if they make up more than this share of the variance; noise is not."""

LEARNED, UNLEARNED = 0.1, 0.99
"""With less cost a network has learned, with more it has not; in units of that of the best constant outputs."""

FALLING = 0.95
"""A cost falls if the second half of the epochs has left less of it."""

TINY = 1e-12
"""Targets that vary less are all the same."""


def warn_of_targets(model: Model, x: Array, y: Array) -> None:
    """Warn where no outputs come near the targets. It is the caller of `fit` who is told, from two calls below."""
    sigma = split(model)[1]
    name = next((name for name in RANGES if sigma is ACTIVATIONS[name]), None)
    if name is None or not isinstance(model, Module) or y.ndim < 2:
        return
    low, high = RANGES[name]
    targets = y.astype(float)
    missed = np.sum((targets - np.clip(targets, low, high)) ** 2)
    if missed <= MATERIAL * np.sum((targets - targets.mean(axis=0)) ** 2):
        return
    with no_grad():
        if np.shape(model(x[:1])) != y[:1].shape:  # the cost says what is wrong, or takes them for something else
            return
    reach = f"from {low:g} to {high:g}" if high < math.inf else f"from {low:g} up"
    classes = np.array_equal(targets, np.round(targets))
    warnings.warn(
        f"fit: the targets go from {targets.min():.3g} to {targets.max():.3g}, but the outputs of {name} only {reach}, "
        "so they cannot meet. For numbers of any size the output layer is linear: output='identity'"
        + ("; for classes it has a unit for each, and y is their labels in a row" if classes else "")
        + f" ({_see('Targets out of reach')})",
        stacklevel=4,
    )


def advice(history: History, model: Model, x: Array, y: Array, outputs: Any, cost: Cost) -> tuple[str, ...]:
    """What keeps a network from learning, in sentences; none for one that learns."""
    wrong = next((epoch for epoch, C in enumerate(history.cost) if not math.isfinite(C)), None)
    if wrong is not None:
        return (
            f"After {epochs(history.measured[wrong])} the cost is {history.cost[wrong]}: the steps are too long (take "
            "a smaller lr), or the cost divides by 0 or takes its logarithm; tg.detect_anomaly() names the first "
            f"operation that does ({_see('The cost does not fall')}).",
        )
    a = values_of(outputs)
    targets = _like_outputs(y, a)
    if history.epochs == 0 or targets is None:
        return ()
    best, left = _left_to_learn(history, a, targets, cost)
    falls = history.cost[-1] < FALLING * history.cost[(len(history.cost) - 1) // 2]
    learns = falls or left < UNLEARNED or _classifies(history, targets)
    found = [] if learns else [_not_falling(history, best)]
    if left > LEARNED:
        found += _dead_units(model, x, targets, a, cost, learns)
    return tuple(found)


def _like_outputs(y: Array, outputs: Array) -> Array | None:
    """The targets in the shape of the outputs, or None if they have another meaning, as for a cost of one's own."""
    if outputs.ndim == 2 and outputs.shape[1] > 1 and y.ndim == 1 and np.isin(y, range(outputs.shape[1])).all():
        y = one_hot(y.astype(int), outputs.shape[1])
    return y.astype(float) if y.shape == outputs.shape else None


def _left_to_learn(history: History, outputs: Array, targets: Array, cost: Cost) -> tuple[float | None, float]:
    """The cost of the best outputs that are the same for every example, and how many times that much is left.

    A cost of one's own may be anything: while it falls, nothing (0) is left, and if it does not, the outputs are judged
    by their distance from the targets.
    """
    C = cost_named(cost, "fit: cost")
    constant = np.broadcast_to(targets.mean(axis=0), targets.shape)
    if C in COSTS.values():
        of_outputs = {from_logits: COSTS[name] for (_, name), from_logits in FROM_LOGITS.items()}.get(C, C)
        best = float(of_outputs(constant, targets))
        return best, history.cost[-1] / best if best > TINY else 0
    distance = float(quadratic(constant, targets))
    falls = history.cost[-1] < history.cost[0]
    return None, 0 if falls or distance <= TINY else float(quadratic(outputs, targets)) / distance


def _classifies(history: History, targets: Array) -> bool:
    """Whether half of the way is gone from naming the most frequent class always to naming each rightly."""
    if not history.accuracy:
        return False
    shares = targets.mean(axis=0)
    most_frequent = max(shares) if len(shares) > 1 else max(shares[0], 1 - shares[0])
    return bool(history.accuracy[-1] > (1 + most_frequent) / 2)


def _not_falling(history: History, best: float | None) -> str:
    first, last = history.cost[0], history.cost[-1]
    so = f"After {epochs(history.epochs)} the cost is {last:.4g}"
    if best is None:
        so += f", and it was {first:.4g}: take another lr, most likely a smaller one; or has the cost the wrong sign?"
    elif last - first > 0.1 * first:
        so += f", and it was {first:.4g}: the steps are too long, so take a smaller lr"
    else:
        so += (
            f", and the same outputs for every example could reach {best:.4g}: nothing is learned of x yet. "
            "Another lr, more epochs or other first weights may help"
        )
    return f"{so} ({_see('The cost does not fall')})."


def _dead_units(model: Model, x: Array, targets: Array, outputs: Array, cost: Cost, learns: bool) -> list[str]:
    """A sentence for each layer with units that no example moves, where these may be what keeps it from learning."""
    found, layers = [], _dead_in_layers(model, x, outputs)
    for l, (name, dead) in enumerate(layers, start=1):
        if dead is None or (l == len(layers) and (name, cost_named(cost, "fit: cost").__name__) in FROM_LOGITS):
            continue  # of softmax, and where σ′ cancels in BP1, no unit is dead
        if l == len(layers):
            dead = dead & (np.ptp(targets, axis=0) > SATURATED)
        elif learns and dead.mean() <= 0.5:
            continue
        if dead.any():
            found.append(_dead(l, name, int(dead.sum()), len(dead)))
    return found


def _dead_in_layers(model: Model, x: Array, outputs: Array) -> list[tuple[str, Array | None]]:
    """The name of σ of every layer, and which of its units no example moves; None where σ′ is not known."""
    parts = []
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        layers = _layers(model, x[rows], outputs[rows])
        if not layers:
            return []
        parts.append([(name, _extremes(name, z)) for name, z in layers])
    return [(of_layer[0][0], _dead_in([extremes for _, extremes in of_layer])) for of_layer in zip(*parts, strict=True)]


def _extremes(name: str, z: Array) -> tuple[Array, Array, Array] | None:
    """For each unit the largest |σ′(z)|, and the smallest and largest σ(z)."""
    sigma = ACTIVATION_FORMULAS.get(name)
    if sigma is None:
        return None
    a = sigma.f(z)
    return np.abs(sigma.prime(z)).max(axis=0), a.min(axis=0), a.max(axis=0)


def _dead_in(parts: list[tuple[Array, Array, Array] | None]) -> Array | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    slopes, lowest, highest = map(np.array, zip(*known, strict=True))
    dead: Array = (slopes.max(axis=0) < SATURATED) & (highest.max(axis=0) - lowest.min(axis=0) < SATURATED)
    return dead


@no_grad()
def _layers(model: Model, x: Any, outputs: Array) -> list[tuple[str, Array]]:
    """The name of σ, and the weighted inputs z, of every layer; none where the model does not consist of its layers."""
    layers = getattr(model, "layers", None)
    if not isinstance(model, MLP | Sequential) or not layers:
        return []
    x = model.batch(x) if isinstance(model, MLP) else x
    found = []
    for layer in layers:
        logits, sigma = split(layer)
        z = logits(x)
        x = sigma(z)
        found.append((getattr(sigma, "__name__", ""), values_of(z)))
    x = values_of(x)
    rounding = 1e4 * np.finfo(x.dtype).eps  # the outputs were computed in parts
    return found if x.shape == outputs.shape and np.allclose(x, outputs, rounding, rounding) else []


def _dead(l: int, name: str, dead: int, units: int) -> str:
    relu = name == "relu"
    flat = "relu gives 0, where σ′ is 0" if relu else f"{name} is on the same side, where σ′ < {SATURATED}"
    which = f"{dead} of the {units} units of layer {l} {'is' if dead == 1 else 'are'} dead"
    through = f"{'no' if relu else 'hardly any'} gradient comes through"
    return f"{which}: for every example {flat}, so that {through} ({_see('Dead units')})."


def _see(section: str) -> str:
    return f'see "{section}" in docs/training.md'
