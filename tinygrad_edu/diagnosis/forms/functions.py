"""Backpropagation as a function: of lists, of the dicts of a course, of one long vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.backprop import output_error
from tinygrad_edu.diagnosis.explain import Seen
from tinygrad_edu.diagnosis.forms.base import (
    COLUMNS,
    MIXED,
    ROWS,
    Form,
    UnreadableError,
    as_array,
    as_arrays,
    by_layer,
    changed,
    check_count,
    cost_in,
    in_rows,
    names_of,
    sorted_out,
)
from tinygrad_edu.diagnosis.problems import Array, Problem, slope, value

ARGUMENTS = {
    "weights": ("weights", "w", "ws", "thetas", "theta"),
    "biases": ("biases", "b", "bs", "bias"),
    "x": ("x", "xs", "inputs", "input", "a0"),
    "y": ("y", "ys", "targets", "target", "t", "labels"),
}
"""The names under which a plain function may take its arguments, in small letters."""


def forms_of_function(function: Callable[..., Any]) -> Iterator[Form]:
    """The forms that a function can have, by the names of its parameters."""
    names = names_of(function)
    if names[:4] == ["parameters", "cache", "x", "y"]:
        yield Form("backward_propagation(parameters, cache, X, Y)", COLUMNS, partial(_cached, function), (2,))
    elif names[:3] == ["al", "y", "caches"]:
        yield Form("L_model_backward(AL, Y, caches)", COLUMNS, partial(_deep, function))
    elif names[:2] == ["dout", "cache"]:
        yield Form("affine_backward(dout, cache)", ROWS, partial(_affine, function))
    elif names[:1] == ["nn_params"]:
        for order, how in (("C", "row by row"), ("F", "column by column")):
            layout = f"examples are rows, Theta has a column of biases, and is unrolled {how}"
            yield Form("nnCostFunction(nn_params, …)", layout, partial(_unrolled, function, order), (2,), classes=True)
    elif names[:2] == ["x", "y"] and names[-1] in RATES and len(names) == 7:
        said = f"a step of gradient descent, ({', '.join(names)})"
        yield Form(said, ROWS, partial(_stepped, function), (2,), updates=True)
    else:
        roles = [next((role for role, known in ARGUMENTS.items() if name in known), "") for name in names[:4]]
        if "" not in roles and {"weights", "x", "y"} <= set(roles):
            said = f"a function of ({', '.join(names[:4])})"
            for layout in (ROWS, COLUMNS, MIXED):
                run = partial(_plain, function, layout, roles)
                yield Form(said, layout, run, has_biases="biases" in roles)


RATES = ("alpha", "lr", "eta", "learning_rate", "rate")


def _stepped(function: Callable[..., Any], p: Problem) -> Seen:
    """What the parameters have moved by, in place or as new ones, at a learning rate of 1."""
    given = [array.copy() for pair in zip(p.weights, p.biases, strict=True) for array in pair]
    before = [array.copy() for array in given]
    result = function(p.x.copy(), p.y.copy(), *given, 1.0)
    after = as_arrays("the result", list(result)) if isinstance(result, tuple | list) and len(result) == 4 else given
    moved = [x - y for x, y in zip(before, after, strict=True)]
    return in_rows(p, moved[::2], moved[1::2], columns=False)


def _plain(function: Callable[..., Any], layout: str, roles: list[str], p: Problem) -> Seen:
    columns = layout != ROWS
    given = {
        "weights": [W.T.copy() if layout == COLUMNS else W.copy() for W in p.weights],
        "biases": [b[:, None].copy() if columns else b.copy() for b in p.biases],
        "x": p.x.T.copy() if columns else p.x.copy(),
        "y": p.y.T.copy() if columns else p.y.copy(),
    }
    before = deepcopy(given)
    W, b = read(function(*(given[role] for role in roles)), p, "biases" in roles)
    return in_rows(p, W, b, layout == COLUMNS)._replace(changed=changed(given, before))


def read(result: Any, p: Problem, has_biases: bool) -> tuple[list[Array], list[Array] | None]:
    """Gradients of weights and biases from whatever a function returns."""
    if isinstance(result, Mapping):
        return by_layer("the result", result, "w", p.depth), by_layer(
            "the result", result, "b", p.depth
        ) if has_biases else None
    for w, b in (("nabla_w", "nabla_b"), ("grad_weights", "grad_biases"), ("dW", "db")):
        if hasattr(result, w):
            return as_arrays(w, getattr(result, w)), as_arrays(b, getattr(result, b)) if has_biases else None
    if result is None:
        raise UnreadableError("the program returned None; is a return missing?")
    if not isinstance(result, tuple | list):
        raise UnreadableError(
            f"the program returned {type(result).__name__}, where a pair (gradients of weights, of biases) is meant"
        )
    parts = list(result)
    if len(result) != 2 * p.depth or not isinstance(result[0], np.ndarray):  # else a number is a sum over everything
        parts = [
            part for part in result if not np.isscalar(part) and not (isinstance(part, np.ndarray) and not part.ndim)
        ]
    if len(parts) == 1 and isinstance(parts[0], Mapping):
        return read(parts[0], p, has_biases)
    if not has_biases:
        found = as_arrays("the result", parts[0] if len(parts) == 1 else list(parts))
        check_count("the result", found, p)
        return found, None
    if len(parts) == 2 * p.depth:  # dW1, db1, dW2, db2, or dW1, dW2, db1, db2
        is_in_turns = np.shape(parts[1]) not in (p.weights[1].shape, p.weights[1].T.shape)
        parts = [parts[::2], parts[1::2]] if is_in_turns else [parts[: p.depth], parts[p.depth :]]
    if len(parts) != 2:
        raise UnreadableError(
            f"the program returned {len(result)} values, where a pair (gradients of weights, of biases) is meant"
        )
    first, second = (as_arrays(f"result {i}", part) for i, part in enumerate(parts, start=1))
    check_count("result 1", first, p)
    check_count("result 2", second, p)
    return sorted_out(first, second, p)


def _parameters(p: Problem) -> dict[str, Array]:
    """The parameters as a course has them, in columns."""
    named = {}
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        named[f"W{l}"], named[f"b{l}"] = W.T.copy(), b[:, None].copy()
    return named


def forward_values(p: Problem) -> tuple[list[Array], list[Array]]:
    """Z and a of all layers, rows; a[0] is x."""
    z, a = [], [p.x]
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        z.append(a[-1] @ W + b)
        a.append(value(p.setting.sigma(l, p.depth), z[-1]))
    return z, a


def _own_forward(function: Callable[..., Any], name: str, p: Problem) -> Any:
    """What the forward function gives that stands beside the program; None if there is none."""
    forward = getattr(function, "__globals__", {}).get(name)
    return forward(p.x.T.copy(), _parameters(p)) if callable(forward) else None


def _cached(function: Callable[..., Any], p: Problem) -> Seen:
    z, a = forward_values(p)
    cache = {f"Z{l + 1}": part.T.copy() for l, part in enumerate(z)}
    cache |= {f"A{l}": part.T.copy() for l, part in enumerate(a)}
    own = _own_forward(function, "forward_propagation", p)
    if isinstance(own, tuple) and isinstance(own[-1], Mapping):
        cache = dict(own[-1])
    given = _parameters(p) | cache | {"X": p.x.T.copy(), "Y": p.y.T.copy()}
    before = deepcopy(given)
    parameters = {name: given[name] for name in given if name not in cache and name not in "XY"}
    W, b = read(function(parameters, {name: given[name] for name in cache}, given["X"], given["Y"]), p, True)
    return in_rows(p, W, b, columns=True)._replace(changed=changed(given, before))


def _deep(function: Callable[..., Any], p: Problem) -> Seen:
    z, a = forward_values(p)
    caches = [
        ((a[l].T.copy(), p.weights[l].T.copy(), p.biases[l][:, None].copy()), z[l].T.copy()) for l in range(p.depth)
    ]
    own = _own_forward(function, "L_model_forward", p)
    AL, caches = own if isinstance(own, tuple) and len(own) == 2 else (a[-1].T.copy(), caches)
    W, b = read(function(AL, p.y.T.copy(), caches), p, True)
    return in_rows(p, W, b, columns=True)


def _unrolled(function: Callable[..., Any], order: Any, p: Problem) -> Seen:
    thetas = [np.vstack([b, W]).T for W, b in zip(p.weights, p.biases, strict=True)]
    params = np.concatenate([theta.ravel(order) for theta in thetas])
    kept = params.copy()
    result = function(params, *p.sizes, p.x.copy(), p.y.argmax(axis=1), 0.0)
    gradient = as_array("the gradient", result[1] if isinstance(result, tuple | list) else result).ravel()
    if gradient.size != params.size:
        raise UnreadableError(f"the gradient has {gradient.size} numbers, but nn_params has {params.size}")
    ends = np.cumsum([theta.size for theta in thetas])[:-1]
    parts = [
        part.reshape(theta.shape, order=order) for part, theta in zip(np.split(gradient, ends), thetas, strict=True)
    ]
    cost = cost_in(result[0]) if isinstance(result, tuple | list) else None
    name = changed({"nn_params": params}, {"nn_params": kept})
    return Seen([part[:, 1:].T for part in parts], [part[:, 0] for part in parts], name, cost)


def _affine(function: Callable[..., Any], p: Problem) -> Seen:
    """A network whose σ and cost are ours, and whose products are the student's."""
    z, a = forward_values(p)
    s = p.setting
    delta = output_error(z[-1], a[-1], p.y, output=s.output, cost=s.cost)
    W: list[Array] = []
    b: list[Array] = []
    for l in range(p.depth, 0, -1):
        result = function(delta.copy(), (a[l - 1].copy(), p.weights[l - 1].copy(), p.biases[l - 1].copy()))
        if not isinstance(result, tuple | list) or len(result) != 3:
            raise UnreadableError("affine_backward must return three arrays: dx, dw, db")
        dx, dw, db = (as_array(name, part) for name, part in zip(("dx", "dw", "db"), result, strict=True))
        W.insert(0, dw)
        b.insert(0, db)
        if l > 1:
            if dx.shape != z[l - 2].shape:
                raise UnreadableError(f"dx has shape {dx.shape}, but must have the shape of x, {z[l - 2].shape}")
            delta = dx * slope(s.activation, z[l - 2])
    return Seen(W, b)
