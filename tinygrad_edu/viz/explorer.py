"""The film of one forward and one backward pass, as one HTML file that needs nothing else.

`film` runs the rules of a recorded graph once more and writes down every step as plain data; `Explorer` puts this data
and two drawings of the graph into a page, see the folder page.
Whatever comes from the user (names above all) reaches the page as JSON, and from there only as text.
"""

from __future__ import annotations

import base64
import html
import math
import os
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np

from tinygrad_edu.engine import RULES, Each, Node, Rule, ancestors, unbroadcast
from tinygrad_edu.structure import is_elementwise, scopes
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.viz import dot, equations, graph, page
from tinygrad_edu.viz.symbols import OPERATIONS, clean, expression, flat, norm

Array = np.ndarray[Any, np.dtype[Any]]
Data = dict[str, Any]

NUMBERS = 180_000  # how many numbers a film holds; beyond that, the largest arrays are sampled
READABLE = 32  # arrays up to this size are lists in the JSON text, and never sampled
FACTORS = 40_000  # how many local derivatives are tabulated, for operations that are not elementwise
BOXES = 100  # in a picture


def film(tensor: Tensor) -> Data:
    """Every step of the forward and of the backward pass under a tensor, as plain data (lists, dicts, numbers, text).

    Parameters
    ----------
    tensor : Tensor
        The result; of one that is not a single number, the gradients are those of the sum of its elements.

    Returns
    -------
    dict
        ``nodes``: the values, in the order of computation; ``forward``: the operations (their nodes) in order;
        ``backward``: per operation, latest first, the ``contributions`` it hands to its arguments; ``equations``:
        BP1–BP4, each recomputed by hand, with the error; ``depth``: ‖δ‖ of each layer; ``arrays``: the numbers that
        the others refer to by index.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(3.0, requires_grad=True, name="x")
    >>> backward = film(x * x)["backward"]
    >>> len(backward), len(backward[0]["contributions"])  # x receives 3 twice
    (1, 2)
    """
    with np.errstate(all="ignore"):
        return _Film(tensor).data


class Explorer:
    """The film as a page. A notebook shows it; `save` writes it.

    Attributes
    ----------
    film : dict
        What `tinygrad_edu.viz.explorer.film` gives, and the pictures.
    html : str
        The page.
    """

    def __init__(self, tensor: Tensor) -> None:
        with np.errstate(all="ignore"):
            made = _Film(tensor)
            self.film = made.data
            self.film["pictures"] = made.pictures()
        self._tensor = tensor
        self.html = page.assemble(self.film)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a file, and return its path. The old file stays until the new one is complete."""
        dot.write_file(path, self.html)
        return os.fspath(path)

    def __repr__(self) -> str:
        forward, backward = len(self.film["forward"]), len(self.film["backward"])
        return f"<Explorer: {forward} steps forward, {backward} back; .save('film.html') writes it>"

    def _repr_html_(self) -> str:
        """For notebooks: a frame that can reach neither the notebook nor the network."""
        page = html.escape(self.html, quote=True)
        return (
            '<iframe sandbox="allow-scripts allow-downloads" title="Film of a forward and backward pass" '
            f'style="width:100%;height:900px;border:1px solid #999" srcdoc="{page}"></iframe>'
        )

    def _repr_svg_(self) -> str:
        """For viewers that show no HTML: the static drawing."""
        from tinygrad_edu.viz import draw

        return draw(self._tensor)._repr_image_svg_xml()


# --- The film as data -------------------------------------------------------------------------------------


class _Film:
    def __init__(self, root: Node) -> None:
        self.sketch = graph.Sketch(root, gradients=True)
        self.sketch.fold("ops", None)
        self.root = root
        self.numbers: list[Array] = []
        self.kept: dict[int, tuple[int, Any]] = {}  # by id: the index of an array, which stays alive with it
        self.ids: dict[int, int] = {}  # of the node of a value, by id
        self.nodes: list[Data] = []
        self.factors = 0
        self.magnitude: dict[Node, Any] = {}  # of the contributions to a gradient, added
        self.units = {unit.nodes[0]: unit for unit in self.sketch.units}
        for node in self.sketch.operations:
            for _, operand, value in graph.operands(node):
                if id(operand) in self.sketch.symbols:
                    self._add_node(operand, value)
            self._add_node(node, node.value)
        self._add_node(root, root.value)
        self.data: Data = {
            "title": self.sketch.cost,
            "root": self.ids[id(root)],
            "nodes": self.nodes,
            "forward": [self.ids[id(node)] for node in self.sketch.operations],
            "backward": self._backward(),
            "equations": equations.recompute(self.sketch, self.magnitude, self.keep, self.ids),
            "depth": self._depth(),
            "notes": self._notes(),
        }
        self.data["arrays"] = _encoded(self.numbers)
        left_out = sum("rows" in array for array in self.data["arrays"])
        if left_out:
            self.data["notes"].append(
                f"{left_out} arrays are too large for the film: it holds a part of their entries."
            )

    def keep(self, x: Any) -> int:
        """The index of an array among those of the film."""
        if id(x) not in self.kept:
            self.kept[id(x)] = len(self.numbers), x
            self.numbers.append(np.asarray(flat(x), dtype=np.float64))
        return self.kept[id(x)][0]

    def _notes(self) -> list[str]:
        size = self.root.value.size if isinstance(self.root.value, np.ndarray) else 0
        notes = [] if size == 1 else ["The gradients are those of the sum of all elements of the last tensor."]
        return notes if self.root.requires_grad else ["This tensor was not recorded: no gradient flows through it."]

    # --- Nodes --------------------------------------------------------------------------------------------

    def _add_node(self, value: Any, data: Any) -> None:
        if id(value) in self.ids:
            return
        self.ids[id(value)] = len(self.nodes)
        node = value if isinstance(value, Node) else None
        symbol = self.sketch.symbol(value)
        entry: Data = {
            "symbol": symbol,
            "name": str(node.name) if node is not None and node.name else "",
            "kind": self._kind(value),
            "shape": f"{len(data)} results in one row" if isinstance(data, tuple) else _shape(data.shape),
            "value": self.keep(data),
            "scope": [clean(scope.name) for scope in scopes(node)] if node is not None else [],
        }
        if node is not None and node in self.sketch.grads:
            entry["gradient"] = self.keep(self.sketch.grads[node])
            entry["delta"] = self.sketch.delta(node)
        if node is not None and node.fn:
            entry["text"] = self._text(node)
            entry.update(self._inputs(node))
        self.nodes.append(entry)

    def _kind(self, value: Any) -> str:
        if value is self.root:
            return "result"
        if isinstance(value, Node) and value.fn:
            return "operation"
        return "parameter" if isinstance(value, Node) and value.requires_grad else "data"

    def _text(self, node: Node) -> str:
        unit = self.units.get(node)
        return self.sketch.expression_of(unit) if unit else expression(node, [])

    def _inputs(self, node: Node) -> Data:
        """What an operation takes: its nodes and, where one entry is easily followed, how it was computed.

        An argument is a node or an array; in a template, ⟦0⟧ is the first.
        """
        inputs: Data = {"inputs": [self.ids[id(x)] for _, x, _ in graph.operands(node) if id(x) in self.ids]}
        if not (is_elementwise(node) or _is_of_matrices(node)):
            return inputs
        inputs["how"] = "elementwise" if is_elementwise(node) else "matmul"
        inputs["arguments"] = [
            {"node": self.ids[id(arg)]} if id(arg) in self.ids else {"array": self.keep(value)}
            for arg, value in zip(node.args, node.values, strict=True)
            if value is not None  # an open end of np.clip
        ]
        if is_elementwise(node) and node.fn in OPERATIONS:
            inputs["template"] = expression(node, [f"⟦{i}⟧" for i in range(len(node.args))])
        return inputs

    # --- Backward -----------------------------------------------------------------------------------------

    def _backward(self) -> list[Data]:
        """The backward pass once more, as `engine.gradients` makes it, keeping what each operation hands on."""
        root = self.root
        if not root.requires_grad or root.fn is None:
            return []
        received: dict[Node, Any] = {root: np.ones(root.value.shape, root.value.dtype)}
        counts: dict[Node, int] = defaultdict(int)
        steps: list[Data] = []
        for node in ancestors(root):
            if node.fn is None:
                continue
            parts = list(_hand_back(node, received[node]))
            factors = self._factors(node, received[node], parts)
            contributions: list[Data] = []
            for (position, parent, part), local in zip(parts, factors, strict=True):
                counts[parent] += 1
                self.magnitude[parent] = self.magnitude.get(parent, 0) + np.abs(flat(part))
                received[parent] = _sum(received[parent], part) if parent in received else part
                contributions.append(
                    {
                        "to": self.ids[id(parent)],
                        "number": counts[parent],
                        "part": (parent, part),  # for a moment
                        "local": local,
                        **self._rule(node, position, parent),
                    }
                )
            steps.append({"node": self.ids[id(node)], "contributions": contributions})
        for step in steps:
            for contribution in step["contributions"]:
                parent, part = contribution["part"]
                contribution["of"] = counts[parent]
                only = counts[parent] == 1  # then it is the gradient
                contribution["part"] = self.keep(self.sketch.grads[parent]) if only else self.keep(part)
        return steps

    def _rule(self, node: Node, position: int, parent: Node) -> Data:
        """The rule in symbols: what arrives at one argument, and the equation that this is."""
        unit = self.units[node]
        inputs = [i for i in unit.inputs if isinstance(i.operand, Node) and i.operand.requires_grad]
        taken = next(i for i in inputs if i.position == position and i.operand is parent)
        left, right, tag = self.sketch.local_derivative(unit, node, taken, len(inputs))
        upstream = self.sketch.delta(node)
        if tag in ("BP3", "BP4"):
            return {"rule": right, "tag": tag, "local_symbol": ""}
        if node.fn is np.matmul:
            layer_first = taken.position == 0
            other = self.sketch.symbol(node.args[1 - position])
            rule = f"{upstream} {right or f'{other}ᵀ'}" if layer_first else f"{right or f'{other}ᵀ'} {upstream}"
        elif is_elementwise(node):
            rule = f"{upstream} ⊙ {f'({right})' if ' ' in right else right or left}"
            if parent.value.shape != node.value.shape:
                rule = f"Σ {rule}, over the axes that {self.sketch.symbol(parent)} was stretched along"
        else:
            rule = f"{upstream}, back through {expression(node, []).partition('(')[0] or 'this operation'}"
        return {"rule": rule, "tag": tag, "local_symbol": right}

    def _factors(self, node: Node, g: Any, parts: list[tuple[int, Node, Any]]) -> list[Data]:
        """For each contribution, how its entries come from those of the upstream gradient."""
        if _is_of_matrices(node):
            arrays = [self.keep(value) for value in node.values]
            return [{"kind": "matmul", "argument": position, "other": arrays[1 - position]} for position, _, _ in parts]
        if is_elementwise(node):
            found = [_diagonal(node, position, g, part) for position, _, part in parts]
            return [{"kind": "none"} if d is None else {"kind": "diagonal", "array": self.keep(d)} for d in found]
        single = _single(node, parts)
        if single:
            return [{"kind": "single", "which": self.keep(k), "array": self.keep(d)} for k, d in single]
        n = flat(node.value).size
        work = n * sum(np.size(flat(part)) for _, _, part in parts)
        if not (parts and work <= 20_000 and n <= 64 and self.factors < FACTORS):
            return [{"kind": "none"}] * len(parts)
        tables = [table if _adds_up(table, g, part) else None for table, part in _tables(node, parts)]
        self.factors += sum(len(table) for table in tables if table)
        return [
            {"kind": "none"}
            if table is None
            else {"kind": "table", "entries": [[k, e, _number(value)] for k, e, value in table]}
            for table in tables
        ]

    def _depth(self) -> list[Data]:
        return [
            {"node": self.ids[id(layer.z)], "layer": layer.number, "symbol": self.sketch.delta(layer.z)}
            | {"norm": _number(norm(self.sketch.grads[layer.z])), "tag": layer.tag}
            for layer in self.sketch.layers
            if layer.z in self.sketch.grads
        ]

    # --- Pictures -----------------------------------------------------------------------------------------

    def pictures(self) -> list[Data]:
        """The graph folded into equations and, where it is small enough, with every operation."""
        levels: list[tuple[graph.Level, str]] = [("equations", "Equations")]
        if len(self.sketch.operations) and self.sketch.size() <= BOXES:
            levels.append(("ops", "Every operation"))
        return [{"name": name, **self._picture(level)} for level, name in levels]

    def _picture(self, level: graph.Level) -> Data:
        drawn: list[graph.Description] = []

        def describe(most: int) -> graph.Description:
            symbols = self.sketch.symbols
            drawn[:] = [graph.describe(self.root, level=level, max_nodes=most, symbols=symbols)]
            return replace(drawn[0], notes=[])  # the page has a place of its own for notes

        drawing = dot.draw(describe, BOXES, legend=False)
        tree = inert(str(drawing.pipe("svg", encoding="utf-8")))
        return {
            "tree": tree,
            "notes": [note.partition(": draw(")[0] for note in drawn[0].notes if "gradients are" not in note],
            "boxes": {box.id: self._box(box) for box in drawn[0].boxes},
        }

    def _box(self, box: graph.Box) -> Data:
        is_name = box.kind == "hidden"
        lines = ["name"] + ["name" if is_name or line.startswith("shape ") else "value" for line in box.forward[1:]]
        return {
            "kind": box.kind,
            "value": self.ids.get(id(box.value)),
            "operations": [self.ids[id(node)] for node in box.operations],
            "lines": lines + ["gradient"] * len(box.backward),
        }


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {shape}" if shape else "a single number"


def _is_of_matrices(node: Node) -> bool:
    return node.fn is np.matmul and all(np.ndim(value) == 2 for value in node.values)


def _hand_back(node: Node, g: Any) -> Iterator[tuple[int, Node, Any]]:
    """What an operation contributes to the gradients of its arguments, of its own gradient g: one backward step."""
    if isinstance(node.values[0], tuple):  # one of several results
        parts = [np.zeros_like(part) for part in node.values[0]]
        parts[node.args[1]] = parts[node.args[1]] + g
        yield 0, node.args[0], parts
        return
    assert node.fn
    for position, (rule, arg) in enumerate(zip(RULES[node.fn], node.args, strict=False)):
        if isinstance(rule, Each):
            if any(isinstance(part, Node) and part.requires_grad for part in arg):
                for part, part_g in zip(arg, rule.rule(g, node.value, *node.values, **node.kwargs), strict=True):
                    if isinstance(part, Node) and part.requires_grad:
                        yield position, part, _like(part_g, part.value)
        elif rule is not None and isinstance(arg, Node) and arg.requires_grad:
            yield position, arg, _like(rule(g, node.value, *node.values, **node.kwargs), arg.value)


def _like(g: Any, value: Array) -> Array:
    """Undo broadcasting and type promotion, as the engine does."""
    g = unbroadcast(np.asarray(g), value.shape)
    return np.broadcast_to(g, value.shape).astype(value.dtype, copy=False)


def _sum(a: Any, b: Any) -> Any:
    return [_sum(x, y) for x, y in zip(a, b, strict=True)] if isinstance(a, list) else a + b


def _diagonal(node: Node, position: int, g: Array, part: Array) -> Array | None:
    """The derivative ∂y_e/∂x_e of an elementwise operation, of the shape of y; None if it does not explain ``part``."""
    assert node.fn
    rule, y = cast(Rule, RULES[node.fn][position]), node.value
    try:
        local = np.broadcast_to(np.asarray(rule(np.ones_like(y), y, *node.values, **node.kwargs)), y.shape)
        again = _like(g * local, part)
    except ValueError:
        return None
    return local if np.allclose(again, part, rtol=1e-4, atol=0, equal_nan=True) else None


def _single(node: Node, parts: list[tuple[int, Node, Any]]) -> list[tuple[Array, Array]]:
    """Where each entry of a contribution is one upstream entry times a factor: for each entry, (which one, factor).

    The rule is linear in the upstream gradient: with ones it gives the factors, with 1, 2, 3 … the entries, and with
    random numbers it shows whether this is all there is to it. Empty if it is not.
    """
    y = node.value
    if isinstance(y, tuple) or not parts or any(isinstance(part, list) for _, _, part in parts):
        return []

    def back(g: Array) -> list[Array]:
        return [part for _, _, part in _hand_back(node, g.reshape(y.shape).astype(y.dtype))]

    probe = np.random.default_rng(0).random(y.size) + 1
    found = []
    for factor, counted, tried in zip(*map(back, (np.ones(y.size), np.arange(y.size) + 1.0, probe)), strict=True):
        which = np.rint(np.divide(counted, factor, where=factor != 0, out=np.ones(factor.shape))) - 1
        if not (
            np.all((which >= 0) & (which < y.size)) and np.allclose(factor * probe[which.astype(int)], tried, 1e-5, 0)
        ):
            return []
        found.append((_as_number(which), _as_number(factor)))
    return found


def _as_number(x: Array) -> Array:
    """One number for an array of the same ones."""
    return x.ravel()[0] * np.ones(()) if x.size and np.all(x == x.flat[0]) else x


Table = list[tuple[int, int, float]]  # (entry of y, entry of the argument, derivative), where it is not zero


def _tables(node: Node, parts: list[tuple[int, Node, Any]]) -> Iterator[tuple[Table, Any]]:
    """All local derivatives of a small operation: the rule, run with a 1 at one entry of y after the other."""
    tables: list[Table] = [[] for _ in parts]
    n = flat(node.value).size
    for k in range(n):
        for table, (_, _, part) in zip(tables, _hand_back(node, _shaped(np.eye(n)[k], node.value)), strict=True):
            row = np.ravel(flat(part))
            table += [(k, int(e), float(row[e])) for e in np.flatnonzero(row)]
    for table, (_, _, part) in zip(tables, parts, strict=True):
        yield table, np.ravel(flat(part))


def _shaped(numbers: Array, y: Any) -> Any:
    """A row of numbers, in the shape of y, which may be several results."""
    if not isinstance(y, tuple):
        return numbers.reshape(y.shape).astype(y.dtype)
    ends = np.cumsum([np.size(part) for part in y])[:-1]
    return [_shaped(piece, part) for piece, part in zip(np.split(numbers, ends), y, strict=True)]


def _adds_up(table: Table, g: Any, part: Array) -> bool:
    total, upstream = np.zeros(part.size), np.ravel(flat(g))
    for k, e, local in table:
        total[e] += upstream[k] * local
    size = norm(part)
    return bool(np.allclose(total, part, rtol=1e-4, atol=1e-4 * size if size < np.inf else 0, equal_nan=True))


# --- Plain data -------------------------------------------------------------------------------------------


def _number(x: float) -> float | str:
    """JSON has no NaN and no infinity: they become text."""
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _encoded(arrays: list[Array]) -> list[Data]:
    cap = max([array.size for array in arrays], default=0)
    while sum(min(array.size, cap) for array in arrays) > NUMBERS and cap > 2 * READABLE:
        cap = cap * 3 // 4
    return [_array(array, cap) for array in arrays]


def _array(array: Array, cap: int) -> Data:
    """All numbers, or of an array that is too large those in some of its rows and columns, evenly spread."""
    data: Data = {"shape": list(array.shape)}
    if array.size > cap:
        table = array.reshape(-1, array.shape[-1])
        columns = _spread(table.shape[1], max(math.isqrt(cap), cap // table.shape[0]))
        rows = _spread(table.shape[0], max(cap // len(columns), 1))
        data |= {"rows": rows, "columns": columns, "norm": _number(norm(array))}
        data |= {"missing": int(array.size - np.isfinite(array).sum())}
        array = table[np.ix_(rows, columns)]
    if array.size <= READABLE:
        data["numbers"] = [_number(x) for x in array.ravel().tolist()]
    else:
        data["base64"] = base64.b64encode(array.astype("<f8").tobytes()).decode()
    return data


def _spread(n: int, most: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))]


TAGS = {"svg", "g", "path", "polygon", "polyline", "ellipse", "text"}
ATTRIBUTES = {
    *("d", "points", "cx", "cy", "rx", "ry", "x", "y", "viewBox", "transform"),
    *("fill", "stroke", "stroke-width", "stroke-dasharray", "text-anchor", "font-size"),
}
HARMLESS = re.compile(r"[\w\s#.,()+-]*", re.ASCII)


def inert(svg: str) -> list[Any]:
    """A picture of Graphviz as [tag, attributes, children or text]: shapes and text, and nothing that could act."""

    def rebuilt(element: ET.Element) -> list[Any] | None:
        tag = element.tag.rpartition("}")[2]
        if tag not in TAGS:
            return None
        keep = {k: v for k, v in element.attrib.items() if k in ATTRIBUTES and HARMLESS.fullmatch(v)}
        title = element.find("{http://www.w3.org/2000/svg}title")
        if element.get("class") in ("node", "edge", "cluster") and title is not None:
            keep["class"] = element.get("class", "")
            keep["id"] = (title.text or "").replace("\xa0", " ")
        if tag == "text":
            return [tag, keep, "".join(element.itertext())]
        return [tag, keep, [child for child in map(rebuilt, element) if child is not None]]

    picture = rebuilt(ET.fromstring(svg))
    assert picture is not None
    return picture
