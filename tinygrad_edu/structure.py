"""Find the layers z = a W + b in a recorded graph, and which of its gradients are BP1–BP4.

Only the structure counts, never a name: a product with a parameter matrix, and the parameters added to it, make a
weighted input z. So a network written by hand with ``@`` is understood as one of `tinygrad_edu.nn` is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, Scope

ACTIVATIONS = (np.tanh, np.sin, np.arctan, np.maximum, np.clip)  # by themselves, not as a part of 1 / (1 + exp(−z))
DEEPEST = 16  # scopes nested deeper than this are seen as parts of the one around them


@dataclass(eq=False)
class Product:
    """One product of activations and a parameter matrix: ``a @ W``, ``W @ a``, or with ``W.T``."""

    node: Node
    a: Any  # a tensor, or a plain array
    W: Node
    W_first: bool
    transposed: bool  # W.T was multiplied


@dataclass(eq=False)
class Layer:
    """A weighted input z, what it was made of, and what became of it.

    Attributes
    ----------
    number : int
        1 for the weighted input computed first.
    z : Node
    products : list of Product
        One, except where several are added (a recurrent layer: x @ W + h @ U + b).
    biases : list of Node
        The parameters added.
    nodes : list of Node
        The operations z was computed with.
    a : Node
        The activations: z after the elementwise functions applied to it. z itself if there are none.
    functions : list of str
        The names of these functions.
    applied : list of Node
        Their results, up to `a`.
    tag : {"BP1", "BP2"} or None
        Which equation the gradient of z is. BP1: it comes from the cost, no other layer lies between. BP2: it comes
        from all the layers that use a, and from nowhere else. None: neither, for example around a shortcut.
    next : list of (Layer, Product)
        With BP2, where a was used.
    """

    number: int
    z: Node
    products: list[Product]
    biases: list[Node]
    nodes: list[Node]
    a: Node = field(init=False)
    functions: list[str] = field(default_factory=list)
    applied: list[Node] = field(default_factory=list)
    tag: str | None = None
    next: list[tuple[Layer, Product]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.a = self.z


def scopes(node: Node) -> list[Scope]:
    """The scopes around a node, from the outermost."""
    path = []
    scope = node.scope
    while scope:
        path.append(scope)
        scope = scope.outer
    return path[: -DEEPEST - 1 : -1]


def find_layers(root: Node, operations: list[Node]) -> list[Layer]:
    """All layers among the operations that led to ``root``.

    Parameters
    ----------
    root : Node
    operations : list of Node
        Every recorded operation under the root, in the order of creation.

    Returns
    -------
    list of Layer
        In the order of creation.
    """
    uses: dict[Node, list[Node]] = defaultdict(list)
    for node in operations:
        for parent in node.parents:
            uses[parent].append(node)

    products: dict[Node, Product] = {}
    sums: dict[Node, Layer] = {}  # weighted inputs, as long as nothing more is added
    for node in operations:
        if node.fn is np.matmul and (product := _product(node)):
            products[node] = product
            # W.T, if it was computed for this product only, is a part of the layer
            own = [p for p in node.parents if p.fn is np.transpose and p.args[0] is product.W and len(uses[p]) == 1]
            sums[node] = Layer(0, node, [product], [], [*own, node])
        elif node.fn is np.add and len(node.parents) == 2:
            terms = [sums[p] for p in node.parents if p in sums and len(uses[p]) == 1]
            biases = [p for p in node.parents if p.fn is None and (p.value.ndim < 2 or 1 in p.value.shape)]
            if terms and len(terms) + len(biases) == 2 and node.value.shape == terms[0].z.value.shape:
                for term in terms:
                    del sums[term.z]
                sums[node] = Layer(
                    0,
                    node,
                    [product for term in terms for product in term.products],
                    [bias for term in terms for bias in term.biases] + biases,
                    [part for term in terms for part in term.nodes] + [node],
                )
    layers = list(sums.values())
    for number, layer in enumerate(layers, start=1):
        layer.number = number
    _tag(root, operations, layers, products, uses)
    return layers


def _product(node: Node) -> Product | None:
    """``node`` as a product of activations and a parameter matrix; where both are parameters, the second is W."""
    for i in (1, 0):
        W, transposed = node.args[i], False
        if isinstance(W, Node) and W.fn is np.transpose and W.value.ndim == 2 and len(W.args) == 1 and not W.kwargs:
            W, transposed = W.args[0], True
        if isinstance(W, Node) and W.fn is None and W.requires_grad and W.value.ndim in (1, 2):
            return Product(node, node.args[1 - i], W, W_first=i == 0, transposed=transposed)
    return None


def _tag(
    root: Node,
    operations: list[Node],
    layers: list[Layer],
    products: dict[Node, Product],
    uses: dict[Node, list[Node]],
) -> None:
    members: dict[int, list[Node]] = defaultdict(list)
    for node in operations:
        for scope in scopes(node):
            members[scope.serial].append(node)
    layer_of = {product.node: layer for layer in layers for product in layer.products}

    def feeds_layers_only(node: Node) -> bool:
        return bool(uses[node]) and all(use in products and products[use].a is node for use in uses[node])

    leads_to_layer: set[Node] = set()
    for node in reversed(operations):
        if any(use in leads_to_layer or (use in products and products[use].a is node) for use in uses[node]):
            leads_to_layer.add(node)

    for layer in layers:
        steps = [(layer.z, "")]
        while not feeds_layers_only(steps[-1][0]) and (step := _elementwise_step(steps[-1][0], root, uses, members)):
            steps.append(step)
        if feeds_layers_only(steps[-1][0]):
            layer.tag = "BP2"
            layer.next = [(layer_of[use], products[use]) for use in uses[steps[-1][0]]]
        elif layer.z not in leads_to_layer and layer.z is not root:
            layer.tag = "BP1"
            # Elementwise functions may run on into the cost. The last of the layer is one with a name of its own.
            own = [i for i, (node, _) in enumerate(steps) if i and (node.name or node.scope or node.fn in ACTIVATIONS)]
            steps = steps[: own[0] + 1 if own else None]
        layer.a, layer.functions = steps[-1][0], [function for _, function in steps[1:]]
        layer.applied = [node for node, _ in steps[1:]]


def _elementwise_step(
    node: Node, root: Node, uses: dict[Node, list[Node]], members: dict[int, list[Node]]
) -> tuple[Node, str] | None:
    """The one function applied to each element of ``node``, if that is all that happens to it: (result, name)."""
    around = {scope.serial for scope in scopes(node)}
    entered = [next((s for s in scopes(use) if s.serial not in around), None) for use in uses[node]]
    scope = entered[0] if entered else None
    if scope is None:  # a bare operation, as np.tanh(z) or 1 / z
        if len(uses[node]) == 1 and _elementwise(use := uses[node][0], node) and _only_numbers(use, node):
            return use, getattr(use.fn, "__name__", "f")
        return None
    inside = members[scope.serial]
    known = {node, *inside}
    results = [n for n in inside if n is root or not known.issuperset(uses[n])]
    if (
        all(s is not None and s.serial == scope.serial for s in entered)
        and all(_elementwise(n, node) and known.issuperset(n.parents) for n in inside)
        and len(results) == 1
    ):
        return results[0], scope.name
    return None


def is_elementwise(operation: Node) -> bool:
    """Whether each entry of the result depends on one entry of each argument, after broadcasting."""
    fn = operation.fn
    if isinstance(operation.value, tuple):  # several results
        return False
    return (isinstance(fn, np.ufunc) and fn.signature is None and fn.nout == 1) or fn in (np.where, np.clip)


def _elementwise(operation: Node, of: Node) -> bool:
    return is_elementwise(operation) and operation.value.shape == of.value.shape


def _only_numbers(operation: Node, node: Node) -> bool:
    """Whether the other arguments are numbers, or masks as in ``np.where(z > 0, z, 0)``."""
    others = [value for arg, value in zip(operation.args, operation.values, strict=True) if arg is not node]
    return all(np.ndim(value) == 0 or np.asarray(value).dtype.kind == "b" for value in others)
