"""Find the weighted inputs z = a W + b in a recorded graph, and which of its gradients are BP1–BP4.

Only the structure counts, never a name: a product with a parameter matrix, and the parameters added to it, make a
weighted input z. So a network written by hand with ``@`` is understood as one of `tinygrad_edu.nn` is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.engine import Node, Scope
from tinygrad_edu.equations.arrays import Array
from tinygrad_edu.equations.words import Layout

WHOLE_ACTIVATIONS = (np.tanh, np.sin, np.arctan, np.maximum, np.clip)  # no parts of one, as those of 1 / (1 + exp(−z))
NESTED = 16  # scopes nested deeper than this are seen as parts of the one around them


# --- What is found ----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Product:
    """One product of activations and a parameter matrix: ``a @ W``, ``W @ a``, or with ``W.T``."""

    node: Node
    a: Any  # a tensor, or a plain array
    W: Node
    layout: Layout

    @property
    def takes(self) -> Any:
        """What is multiplied as W: W itself, or its transpose."""
        return self.node.args[0 if self.layout.W_first else 1]

    @property
    def weights(self) -> Array:
        """The matrix as it was multiplied."""
        value: Array = self.node.values[0 if self.layout.W_first else 1]
        return value

    @property
    def parameter(self) -> Array:
        """W itself, as it was then."""
        value: Array = self.takes.values[0] if self.layout.transposed else self.weights
        return value

    @property
    def activations(self) -> Array:
        """The array a, as it was then."""
        value: Array = self.node.values[1 if self.layout.W_first else 0]
        return value

    @property
    def is_of_matrices(self) -> bool:
        """Whether both factors are matrices, no vectors and no stacks."""
        return is_product_of_matrices(self.node)


@dataclass(eq=False)
class WeightedInput:
    """A weighted input z, what it was made of, and what became of it.

    Attributes
    ----------
    number : int
        That of its layer: 1 for the weighted input computed first.
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
    next : list of (WeightedInput, Product)
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
    next: list[tuple[WeightedInput, Product]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.a = self.z


class Structure:
    """Where the equations stand in the graph under a root.

    Parameters
    ----------
    root : Node
    operations : list of Node
        Every recorded operation under the root, in the order of creation.

    Attributes
    ----------
    layers : list of WeightedInput
        In the order of creation.
    users : dict
        Node → the operations that take it, once for each argument.
    with_part : dict
        Node → the layer of which it is the z or the a.
    of_operation : dict
        Node → the layer whose z it was computed for.
    """

    def __init__(self, root: Node, operations: list[Node]) -> None:
        self.root, self.operations = root, operations
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in operations:
            for parent in node.parents:
                self.users[parent].append(node)
        self.layers = _weighted_inputs(operations, self.users)
        _follow(self)
        self.with_part = {value: layer for layer in self.layers for value in (layer.a, layer.z)}
        self.of_operation = {node: layer for layer in self.layers for node in layer.nodes}


# --- z = a W + b ------------------------------------------------------------------------------------------


def _weighted_inputs(operations: list[Node], users: dict[Node, list[Node]]) -> list[WeightedInput]:
    sums: dict[Node, WeightedInput] = {}  # as long as nothing more is added
    for node in operations:
        if node.fn is np.matmul and (product := _product(node)):
            # W.T, if it was computed for this product only, is a part of the layer
            own = [p for p in node.parents if p.fn is np.transpose and p.args[0] is product.W and len(users[p]) == 1]
            sums[node] = WeightedInput(0, node, [product], [], [*own, node])
        elif node.fn is np.add and len(node.parents) == 2:
            terms = [sums[p] for p in node.parents if p in sums and len(users[p]) == 1]
            biases = [p for p in node.parents if p.fn is None and (p.value.ndim < 2 or 1 in p.value.shape)]
            if terms and len(terms) + len(biases) == 2 and node.value.shape == terms[0].z.value.shape:
                for term in terms:
                    del sums[term.z]
                sums[node] = WeightedInput(
                    0,
                    node,
                    [product for term in terms for product in term.products],
                    [bias for term in terms for bias in term.biases] + biases,
                    [part for term in terms for part in term.nodes] + [node],
                )
    layers = list(sums.values())
    for number, layer in enumerate(layers, start=1):
        layer.number = number
    return layers


def _product(node: Node) -> Product | None:
    """``node`` as a product of activations and a parameter matrix; where both are parameters, the second is W."""
    for i in (1, 0):
        W, transposed = node.args[i], False
        if isinstance(W, Node) and W.fn is np.transpose and W.value.ndim == 2 and len(W.args) == 1 and not W.kwargs:
            W, transposed = W.args[0], True
        if isinstance(W, Node) and W.fn is None and W.requires_grad and W.value.ndim in (1, 2):
            one_example = np.ndim(node.values[1 - i]) == 1
            return Product(node, node.args[1 - i], W, Layout(i == 0, transposed, one_example))
    return None


# --- BP1 and BP2 ------------------------------------------------------------------------------------------


def _follow(structure: Structure) -> None:
    """Find for each layer its activations, and which equation the gradient of z is."""
    users = structure.users
    place = {product.node: (layer, product) for layer in structure.layers for product in layer.products}
    members: dict[int, list[Node]] = defaultdict(list)
    for node in structure.operations:
        for scope in scopes(node):
            members[scope.serial].append(node)

    def is_input(node: Node, of: Node) -> bool:
        return of in place and place[of][1].a is node

    leads_to_layer: set[Node] = set()
    for node in reversed(structure.operations):
        if any(user in leads_to_layer or is_input(node, user) for user in users[node]):
            leads_to_layer.add(node)

    def feeds_layers_only(node: Node) -> bool:
        return bool(users[node]) and all(is_input(node, user) for user in users[node])

    for layer in structure.layers:
        steps = [(layer.z, "")]
        while not feeds_layers_only(steps[-1][0]) and (step := _elementwise_step(steps[-1][0], structure, members)):
            steps.append(step)
        if feeds_layers_only(steps[-1][0]):
            layer.tag = "BP2"
            layer.next = [place[user] for user in users[steps[-1][0]]]
        elif layer.z not in leads_to_layer and layer.z is not structure.root:
            layer.tag = "BP1"
            # Elementwise functions may run on into the cost. The last of the layer is one with a name of its own.
            ends = [bool(node.name or node.scope or node.fn in WHOLE_ACTIVATIONS) for node, _ in steps[1:]]
            steps = steps[: ends.index(True) + 2 if True in ends else None]
        layer.a, layer.functions = steps[-1][0], [function for _, function in steps[1:]]
        layer.applied = [node for node, _ in steps[1:]]


def _elementwise_step(node: Node, structure: Structure, members: dict[int, list[Node]]) -> tuple[Node, str] | None:
    """The one function applied to each element of ``node``, if that is all that happens to it: (result, name)."""
    users = structure.users[node]
    around = {scope.serial for scope in scopes(node)}
    entered = [next((s for s in scopes(user) if s.serial not in around), None) for user in users]
    scope = entered[0] if entered else None
    if scope is None:  # a bare operation, as np.tanh(z) or 1 / z
        if len(users) == 1 and _elementwise(users[0], node) and _only_numbers(users[0], node):
            return users[0], getattr(users[0].fn, "__name__", "f")
        return None
    inside = members[scope.serial]
    known = {node, *inside}
    results = [n for n in inside if n is structure.root or not known.issuperset(structure.users[n])]
    if (
        all(s is not None and s.serial == scope.serial for s in entered)
        and all(_elementwise(n, node) and known.issuperset(n.parents) for n in inside)
        and len(results) == 1
    ):
        return results[0], scope.name
    return None


def _elementwise(operation: Node, of: Node) -> bool:
    return is_elementwise(operation) and operation.value.shape == of.value.shape


def _only_numbers(operation: Node, node: Node) -> bool:
    """Whether the other arguments are numbers, or masks as in ``np.where(z > 0, z, 0)``."""
    others = [value for arg, value in zip(operation.args, operation.values, strict=True) if arg is not node]
    return all(np.ndim(value) == 0 or np.asarray(value).dtype.kind == "b" for value in others)


# --- About single operations ------------------------------------------------------------------------------


def scopes(node: Node) -> list[Scope]:
    """The scopes around a node, from the outermost."""
    path = []
    scope = node.scope
    while scope:
        path.append(scope)
        scope = scope.outer
    return path[: -NESTED - 1 : -1]


def operands(node: Node) -> Iterator[tuple[int, Any, Any]]:
    """The tensors and arrays among the arguments of an operation: (position, as given, its array)."""
    for position, (arg, value) in enumerate(zip(node.args, node.values, strict=True)):
        if isinstance(arg, Node) or (isinstance(arg, np.ndarray) and arg.ndim):
            yield position, arg, value
        elif isinstance(arg, list | tuple) and any(isinstance(part, Node) for part in arg):
            for part, array in zip(arg, value, strict=True):
                if isinstance(part, Node | np.ndarray):
                    yield position, part, array


def is_elementwise(operation: Node) -> bool:
    """Whether each entry of the result depends on one entry of each argument, after broadcasting."""
    return is_elementwise_ufunc(operation) or operation.fn in (np.where, np.clip)


def is_elementwise_ufunc(operation: Node) -> bool:
    """Those among them that can also write into an array that is there, even that of an argument."""
    fn = operation.fn
    return isinstance(fn, np.ufunc) and fn.signature is None and fn.nout == 1


def is_product_of_matrices(operation: Node) -> bool:
    """Whether the operation is ``a @ b`` of two matrices."""
    return operation.fn is np.matmul and all(np.ndim(value) == 2 for value in operation.values)
