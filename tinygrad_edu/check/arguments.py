"""What `check_backprop` and `learning_report` take: a network, a batch and targets, as BP1–BP4 need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem, problem
from tinygrad_edu.check.layers import check_elementwise, layers_of, plain


def network_problem(who: str, mlp: Any, x: Any, y: Any, cost: Any) -> Problem:
    """The arguments of the function ``who`` as arrays, in the dtype of the network; raises where they do not fit."""
    layers = layers_of(who, mlp)
    n_in = layers[0].linear.W.shape[0]
    x, y = (_plain(who, name, value) for name, value in (("x", x), ("y", y)))
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != n_in:
        raise ValueError(f"{who}: x has shape {x.shape}, but this network takes (n, {n_in}), n ≥ 1, one example a row")
    weights, biases = ([getattr(layer.linear, name).value for layer in layers] for name in ("W", "b"))
    for l, (W, b) in enumerate(zip(weights, biases, strict=True), start=1):
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError(
                f"{who}: W{l} or b{l} contains NaN or infinity: the training diverged; take a smaller learning rate"
            )
    if x.dtype.kind in "fiub":
        x = x.astype(weights[0].dtype)
    *activation, output = (layer.activation for layer in layers)
    given = problem(who, weights, biases, x, y, activation, output, cost)
    if not all(isinstance(sigma, str) for sigma in given.names):
        z, _a = by_hand.feedforward(*given[:3], activation=activation, output=output)
        for l, (layer, z_l) in enumerate(zip(layers, z, strict=True), start=1):
            if not isinstance(layer.activation, str):
                check_elementwise(who, l, layer, z_l)
    return given


def _plain(who: str, name: str, value: Any) -> Any:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} is a masked array, whose mask would be ignored; leave out masked rows")
    array = plain(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{who}: {name} contains NaN or infinity")
    return array


def as_float64(given: Problem) -> Problem:
    """The same problem in double precision."""
    W, b = ([array.astype(float) for array in arrays] for arrays in (given.weights, given.biases))
    return Problem(W, b, given.x.astype(float), given.y.astype(float), given.names)


def two_passes(who: str, given: Problem, cost: str) -> by_hand.Backprop:
    """BP1–BP4 of the problem; raises where the numbers grow beyond what its floats can hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        hand = by_hand.backprop(*given[:4], activation=given.names[:-1], output=given.names[-1], cost=cost)
    quantities = [("z", hand.z), ("a", hand.a[1:]), ("δ", hand.delta), ("∂C/∂W", hand.grad_weights)]
    for name, arrays in [*quantities, ("∂C/∂b", hand.grad_biases), ("C", [np.asarray(hand.cost)])]:
        for l, array in enumerate(arrays, start=1):
            if not np.isfinite(array).all():
                symbol = name if name == "C" else f"{name}{l}"
                raise ValueError(f"{who}: {symbol} overflows to infinity or NaN; scale the inputs or weights down")
    return hand


def title(given: Problem, cost: str) -> str:
    """What was looked at."""
    sizes = [given.x.shape[1], *map(len, given.biases)]
    return f"{'-'.join(map(str, sizes))} network, {len(given.x)} examples, {cost} cost"
