"""Backpropagation as a method of a network."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.diagnosis.explain import Seen
from tinygrad_edu.diagnosis.forms.base import (
    COLUMNS,
    ROWS,
    Form,
    OtherFormError,
    UnreadableError,
    as_arrays,
    changed,
    check_count,
    cost_in,
    in_rows,
    sorted_out,
)
from tinygrad_edu.diagnosis.forms.functions import read
from tinygrad_edu.diagnosis.problems import Array, Problem


def forms_of_class(student: Any) -> Iterator[Form]:
    """The forms that a class of networks can have, by the names of its methods; or an object of one."""
    if callable(getattr(student, "backprop", None)):
        yield Form("Network.backprop(X, Y)", COLUMNS, partial(_nielsen, student))
        yield Form("Network.backprop(x, y)", COLUMNS, partial(_nielsen, student), is_single=True)
    elif callable(getattr(student, "costFunctionPrime", None)):
        for has_biases in (True, False):
            run = partial(_notes, student, has_biases)
            yield Form("costFunctionPrime(X, y)", ROWS, run, (2,), has_biases=has_biases)
    elif callable(getattr(student, "loss", None)):
        yield Form("loss(X, y) -> loss, grads", ROWS, partial(_loss, student), (2,))


def _network(student: Any, *ways: tuple[Any, ...]) -> Any:
    """An object of the class, made in the first way that it takes; or a copy of the object."""
    if not isinstance(student, type):
        return deepcopy(student)
    for arguments in ways[:-1]:
        try:
            return student(*arguments)
        except TypeError:
            continue
    return student(*ways[-1])


def _nielsen(student: Any, p: Problem) -> Seen:
    net = _network(student, (p.sizes,), (*p.sizes,), ())
    x, y = p.x.T.copy(), p.y.T.copy()
    seen = _asked(net, p, x, y)
    name = changed({"x": x, "y": y}, {"x": p.x.T, "y": p.y.T})
    used = _network(student, (p.sizes,), (*p.sizes,), ())
    _asked(used, replace(p, weights=[2 * W for W in p.weights]), p.x.T.copy(), p.y.T.copy())
    again, later = (_asked(n, p, p.x.T.copy(), p.y.T.copy()) for n in (net, used))
    return seen._replace(changed=name or seen.changed, again=again, later=later)


def _asked(net: Any, p: Problem, x: Array, y: Array) -> Seen:
    """What the object gives with the weights of the problem."""
    net.sizes, net.num_layers = p.sizes, len(p.sizes)
    net.weights = [W.T.copy() for W in p.weights]
    net.biases = [b[:, None].copy() for b in p.biases]
    return _read_nielsen(net, net.backprop(x, y), p)


def _read_nielsen(net: Any, result: Any, p: Problem) -> Seen:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise UnreadableError("backprop must return two lists, (nabla_b, nabla_w)")
    first, second = (as_arrays(f"result {i}", part) for i, part in enumerate(result, start=1))
    check_count("result 1", first, p)
    check_count("result 2", second, p)
    seen = in_rows(p, *sorted_out(second, first, p), columns=True)  # where the shapes do not tell, b first
    if not all(np.array_equal(w, W.T) for w, W in zip(net.weights, p.weights, strict=True)):
        seen = seen._replace(changed="weights")
    if p.n > 1 and (seen.grad_biases or [])[-1].size == p.n * p.sizes[-1]:
        raise OtherFormError("nabla_b has a column for each example; is it for one at a time?")
    return seen


def _notes(student: Any, has_biases: bool, p: Problem) -> Seen:
    net = _network(student, (), tuple(p.sizes))
    for name, size in zip(("inputLayerSize", "hiddenLayerSize", "outputLayerSize"), p.sizes, strict=True):
        setattr(net, name, size)
    if has_biases != hasattr(net, "b1"):
        raise OtherFormError("there are biases" if hasattr(net, "b1") else "there are no biases b1 and b2")
    net.W1, net.W2 = (W.copy() for W in p.weights)
    if has_biases:
        net.b1, net.b2 = (b.reshape(np.shape(at)).copy() for b, at in zip(p.biases, (net.b1, net.b2), strict=True))
    if hasattr(net, "Lambda"):
        net.Lambda = 0.0
    X, y = p.x.copy(), p.y.copy()
    seen = in_rows(p, *read(net.costFunctionPrime(X, y), p, has_biases), columns=False)
    seen = seen._replace(changed=changed({"X": X, "y": y}, {"X": p.x, "y": p.y}))
    return seen._replace(
        cost=cost_in(net.costFunction(p.x.copy(), p.y.copy())) if hasattr(net, "costFunction") else None
    )


def _loss(student: Any, p: Problem) -> Seen:
    net, used = (_network(student, tuple(p.sizes), (p.sizes,), ()) for _ in range(2))
    _loss_of(used, replace(p, weights=[2 * W for W in p.weights]))
    first, again, later = (_loss_of(n, p) for n in (net, net, used))
    return first._replace(again=again, later=later)


def _loss_of(net: Any, p: Problem) -> Seen:
    """What the object gives with the weights of the problem."""
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=1):
        net.params[f"W{l}"], net.params[f"b{l}"] = W.copy(), b.copy()
    if hasattr(net, "reg"):
        net.reg = 0.0
    takes_labels = p.setting.cost == "cross_entropy"
    y: Array = p.y.argmax(axis=1) if takes_labels else p.y.copy()
    result = net.loss(p.x.copy(), y)
    seen = in_rows(p, *read(result, p, True), columns=False)
    return seen._replace(cost=cost_in(result[0]) if isinstance(result, tuple | list) else None)
