"""The text of a picture: what a unit computes, what is known of a value, and what stands at a gradient arrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.costs import COSTS
from tinygrad_edu.engine import Node
from tinygrad_edu.equations import words
from tinygrad_edu.equations.arrays import flat, norm
from tinygrad_edu.equations.functions import SATURATED, is_activation, is_cost, is_softmax
from tinygrad_edu.equations.notation import Equation, Notation, clean
from tinygrad_edu.viz.description import Line
from tinygrad_edu.viz.operations import derivative, expression, number, summary
from tinygrad_edu.viz.recorded import Recorded
from tinygrad_edu.viz.units import Input, Series, Unit

NOTHING: Mapping[Any, str] = {}


class Step(NamedTuple):
    """What a gradient arrow says: a local derivative, or the equation of backpropagation that it is."""

    left: str
    right: str
    tag: str | None


# --- Values -----------------------------------------------------------------------------------------------


def numbers(value: Any, data: Any, recorded: Recorded, notation: Notation, entries: int) -> list[Line]:
    """Shape, value and what is special about it; and then its gradient. Up to so many entries are written out."""
    if isinstance(data, tuple):
        lines, data = [Line("value", f"{len(data)} results")], flat(data)
    else:
        lines = [Line("name", f"shape {data.shape}")] if data.ndim else []
    lines += [Line("value", text) for text in summary("value", data, entries)]
    slope = _slope_of_sigmoid(value, data, recorded)
    if slope is not None and (count := int(np.sum(slope < SATURATED))):
        lines.append(Line("value", f"{count} of {data.size} saturated (σ′ < {SATURATED})"))
    if isinstance(value, Node) and value in recorded.grads:
        gradient = summary(notation.gradient(value), recorded.grads[value], entries)
        lines += [Line("gradient", text) for text in gradient]
    return lines


def numbers_of_steps(series: Series, shown: int, recorded: Recorded, notation: Notation) -> list[Line]:
    """The same of what each step of a loop makes or takes: from the first step to the last."""
    values = [(value, flat(data)) for _, (value, data) in sorted(series.items())]
    value, data = series[shown]
    lines = [Line("name", f"shape {data.shape}")] if np.ndim(data) else []
    lines.append(Line("value", _from_to("value", [data for _, data in values])))
    grads = [recorded.grads[value] for value, _ in values if isinstance(value, Node) and value in recorded.grads]
    if grads:
        lines.append(Line("gradient", _from_to(notation.gradient(value), grads)))
    return lines


def _from_to(symbol: str, arrays: list[Any]) -> str:
    bad = sum(not np.isfinite(x).all() for x in arrays)
    if bad:
        return f"{symbol}: not finite at {bad} of {len(arrays)} steps"
    is_number = np.size(arrays[0]) == 1
    sizes = [number(float(np.asarray(x).item()) if is_number else norm(x)) for x in arrays]
    text = sizes[0] if len(set(sizes)) == 1 else f"{sizes[0]} … {sizes[-1]}"
    return f"{symbol} = {text}" if is_number else f"‖{symbol}‖ = {text}"


def _slope_of_sigmoid(value: Any, data: Any, recorded: Recorded) -> Any:
    """σ′ for each element of a sigmoid or a hyperbolic tangent, written as a function or by hand; else None."""
    if not isinstance(value, Node) or not value.fn:
        return None
    scope = value.scope.name if value.scope else ""
    leaves_scope = value is recorded.root or any(
        user.scope is not value.scope for user in recorded.structure.users[value]
    )
    layer = recorded.structure.with_part.get(value)
    z = layer.z.value if layer and value is layer.a and layer.functions else None
    if (scope == "sigmoid" and leaves_scope) or (z is not None and is_activation("sigmoid", z, data)):
        return data * (1 - data)
    return 1 - data * data if value.fn is np.tanh and scope != "gelu" else None


# --- Units ------------------------------------------------------------------------------------------------


def expression_of(unit: Unit, notation: Notation) -> str:
    """What a unit computes."""
    if unit.scope:
        return _function(unit)[0]
    layer = unit.layer
    if layer and unit.nodes[-1] is layer.z:
        return notation.weighted_input(layer)
    written: dict[Node, str] = {}
    for node in unit.nodes:
        axis = node.kwargs.get("axis")
        text = expression(node, _arguments(node, notation, written)) + ("" if axis is None else f" over axis {axis}")
        written[node] = f"({text})" if " " in text else text
    name = notation.activation(layer) if layer and unit.nodes[-1] is layer.a else ""
    own = getattr(unit.nodes[-1].fn, "__name__", "")
    if layer and name and (len(unit.nodes) > 1 or name not in (own, words.FUNCTIONS.get(own, ("", ""))[0])):
        text = f"{words.applied(name, notation.symbol(layer.z))} = {text}"
    return clean(text)


def _function(unit: Unit) -> tuple[str, str]:
    """How a closed scope and its derivative are written, if it is the function that its name says."""
    assert unit.scope
    name, x = unit.scope.name, unit.argument
    y = unit.outputs[0].value if len(unit.outputs) == 1 else None
    if name not in words.FUNCTIONS or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return clean(name), ""
    n = x.size // max(y.size, 1)
    if name in COSTS:
        targets, n = unit.targets, len(x) if x.ndim else 1
        is_known = targets is not None and is_cost(name, x, targets.value, y)
    elif name == "mean":
        is_known = np.allclose(np.sum(x), n * np.sum(y))
    else:
        is_known = is_softmax(x, y) if name == "softmax" else is_activation(name, x, y)
    symbol, slope = words.FUNCTIONS[name]
    slope = slope.replace("{n}", str(n)) if n > 1 else slope.replace("/{n}", "").replace("{n}", "")
    return (symbol, slope) if is_known else (clean(name), "")


def _arguments(node: Node, notation: Notation, written: Mapping[Node, str] = NOTHING) -> list[str]:
    """How the arguments of an operation are written: symbols, numbers, and what has been written already."""
    texts = []
    for arg, value in zip(node.args, node.values, strict=True):
        if isinstance(arg, list | tuple):
            texts += [notation.symbol(part) for part in arg if isinstance(part, Node | np.ndarray)]
        elif isinstance(arg, Node):
            texts.append(written.get(arg) or notation.symbol(arg))
        elif np.ndim(value) > 0:
            texts.append(notation.symbol(arg))
        elif isinstance(value, int | float | np.ndarray | np.generic):
            texts.append(number(float(value)))
    return texts


# --- Gradient arrows --------------------------------------------------------------------------------------


def step_back(unit: Unit, output: Node, i: Input, n_inputs: int, notation: Notation) -> Step:
    """The local derivative for one input of a unit, or the equation of backpropagation that it is."""
    x, y, value = notation.symbol(i.operand), notation.symbol(output), i.operand
    local = f"∂{y}/∂{x}"
    in_layer = _step_in_layer(unit, output, i, notation, local)
    if in_layer:
        return in_layer
    layer = notation.structure.with_part.get(value)
    tag = layer.tag if layer else None
    is_whole_activation = layer is not None and output is layer.a and bool(layer.functions)
    if layer and is_whole_activation:
        local += f" = {notation.slope(layer)}"
    if unit.scope:
        slope = _function(unit)[1].format(a=x, y=y) if n_inputs == 1 else ""
        return Step(local, _with_targets(slope, unit, x, notation), tag)
    if len(unit.nodes) > 1:
        name = notation.activation(layer) if layer and is_whole_activation else ""
        slopes = [slope.format(a=x, y=y) for symbol, slope in words.FUNCTIONS.values() if symbol == name]
        return Step(local, slopes[0] if slopes else "", tag)
    return Step(local, derivative(i.node, i.position, y, _arguments(i.node, notation)), tag)


def _with_targets(slope: str, unit: Unit, x: str, notation: Notation) -> str:
    """The derivative of a cost with the symbol that its targets have."""
    targets = unit.targets if unit.scope and unit.scope.name in COSTS else None
    y = notation.symbol(targets.operand) if targets else "y"
    return x.join(re.sub(r"\by\b", lambda _: y, part) for part in slope.split(x))


def over_steps(term: str) -> str:
    """BP3 or BP4 where every step of a loop contributes.

    >>> over_steps("xᵀ δ1"), over_steps("Σ δ1 over examples")
    ('Σ xᵀ δ1 over t', 'Σ δ1 over examples and t')
    """
    return f"{term} and t" if term.endswith(words.OVER_EXAMPLES) else f"Σ {term} over t"


def beside(equation: Equation, step: Step, output: Node, i: Input, notation: Notation) -> list[str]:
    """What an arrow says that brings all of a gradient: the equation for that, and of this step what is not in it."""
    left, right, _ = step
    layer = notation.structure.with_part[i.operand]
    if notation.structure.of_operation.get(i.node):
        return [equation.text]
    if output is layer.a and layer.functions:
        return [equation.text, f"{notation.slope(layer)} = {right}"] if right else [equation.text]
    local = [] if left == equation.right else [left]
    return [equation.text, *local, f"= {right}"] if right else [equation.text]


def _step_in_layer(unit: Unit, output: Node, i: Input, notation: Notation, local: str) -> Step | None:
    """The same, from the weighted input of a layer to what it was made of; None if it is something else."""
    structure, value = notation.structure, i.operand
    layer = structure.of_operation.get(i.node)
    if not layer:
        return None
    gathered = words.gradient(notation.symbol(value), notation.cost)
    delta = notation.gradient(layer.z)
    for product in layer.products:
        if product.W is value:
            return Step(gathered, words.bp4(notation.symbol(product.a), delta, product.layout), "BP4")
        if product.a is value and i.node is product.node:
            if unit.scope and output is not layer.z:
                return Step(local, "", None)  # this arrow does more than one step
            before = structure.with_part.get(value)
            return Step(local, words.turned(notation.symbol(product.W), product.layout), before.tag if before else None)
    if any(bias is value for bias in layer.biases):
        same = layer.z.value.shape == value.value.shape
        return Step(gathered, delta if same else f"{words.bp3(delta)} {words.OVER_EXAMPLES}", "BP3")
    return None
