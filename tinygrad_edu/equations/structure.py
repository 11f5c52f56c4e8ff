"""Find the weighted inputs z = a W + b in a recorded graph, and which of its gradients are BP1–BP4.

Only the structure counts, never a name: a product with a parameter matrix, and the parameters added to it, make a
weighted input z; so does w x + b of a single weight and a bias. So a network written by hand with ``@`` is understood
as one of `tinygrad_edu.nn` is. Where the last activation function ends and the cost begins, no structure tells: the
numbers do, see `_last_of_activation`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import Node, Scope
from tinygrad_edu.equations.arrays import Array
from tinygrad_edu.equations.functions import shows_as
from tinygrad_edu.equations.words import Layout

NEVER_COSTS = (np.tanh, np.sin, np.arctan, "sigmoid", "tanh")  # whatever comes before them
OF_Z = (np.maximum, np.clip)  # activation functions, if it is z that they are applied to: max(0, 1 − z) is a cost
KNOWN = ("sigmoid", "tanh", "relu", "leaky_relu", "elu")  # those told by their numbers, however they are written
LONGEST = 16  # steps in which such a function is written
NESTED = 16  # scopes nested deeper than this are seen as parts of the one around them


# --- What is found ----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Product:
    """One product of activations and a parameter matrix: ``a @ W``, ``W @ a``, or with ``W.T``; or w a, of a number."""

    node: Node
    a: Any  # a tensor, a plain array, or a number
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
        return np.asarray(self.node.values[1 if self.layout.W_first else 0])

    @property
    def written(self) -> Layout:
        """The layout in which it is written: as it was computed, but numbers come first."""
        is_number = not isinstance(self.a, Node) and np.ndim(self.a) == 0
        return Layout(of_number=True) if is_number else self.layout

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
    between : list of Node
        All operations from z to `a`.
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
    between: list[Node] = field(default_factory=list)
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
    of_numbers : bool
        Whether w x + b of a single weight counts. Not in a simplified program, where w has become a part of a longer
        product.

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

    def __init__(self, root: Node, operations: list[Node], of_numbers: bool = True) -> None:
        self.root, self.operations = root, operations
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in operations:
            for parent in node.parents:
                self.users[parent].append(node)
        self.layers = _weighted_inputs(operations, self.users, of_numbers)
        _follow(self)
        self.with_part = {value: layer for layer in self.layers for value in (layer.a, layer.z)}
        self.of_operation = {node: layer for layer in self.layers for node in layer.nodes}


# --- z = a W + b ------------------------------------------------------------------------------------------


def _weighted_inputs(operations: list[Node], users: dict[Node, list[Node]], of_numbers: bool) -> list[WeightedInput]:
    sums: dict[Node, WeightedInput] = {}  # as long as nothing more is added
    for node in operations:
        if node.fn is np.matmul and (product := _product(node)):
            # W.T, if it was computed for this product only, is a part of the layer
            own = [p for p in node.parents if p.fn is np.transpose and p.args[0] is product.W and len(users[p]) == 1]
            sums[node] = WeightedInput(0, node, [product], [], [*own, node])
        elif of_numbers and node.fn is np.multiply and (product := _product_with_a_number(node)):
            sums[node] = WeightedInput(0, node, [product], [], [node])
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
    layers = [layer for layer in sums.values() if _is_layer(layer)]
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


def _product_with_a_number(node: Node) -> Product | None:
    """``node`` as w a of a single parameter w, where a is no parameter."""
    is_parameter = [isinstance(arg, Node) and arg.fn is None and arg.requires_grad for arg in node.args]
    if len(node.args) == 2 and sum(is_parameter) == 1:
        i = is_parameter.index(True)
        if node.args[i].value.ndim == 0:
            return Product(node, node.args[1 - i], node.args[i], Layout(i == 0, False, node.value.ndim == 0, True))
    return None


def _is_layer(layer: WeightedInput) -> bool:
    """Whether it is more than a multiple: of single weights, only w a + b is a weighted input."""
    return not all(p.layout.of_number for p in layer.products) or any(bias.requires_grad for bias in layer.biases)


# --- BP1 and BP2 ------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """A function applied to each element: its result, its name, and the operations it is made of."""

    result: Node
    name: str
    operations: list[Node]


def _follow(structure: Structure) -> None:
    """Find for each layer its activations, and which equation the gradient of z is."""
    users = structure.users
    of_layers = {node for layer in structure.layers for node in layer.nodes}
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
        a, steps = layer.z, list[_Step]()
        while not feeds_layers_only(a) and (step := _elementwise_step(a, structure, members, of_layers)):
            steps.append(step)
            a = step.result
        if feeds_layers_only(a):
            layer.tag = "BP2"
            layer.next = [place[user] for user in users[a]]
        elif layer.z not in leads_to_layer and layer.z is not structure.root:
            layer.tag = "BP1"
            steps = steps[: _last_of_activation(layer.z, steps)]
        layer.functions = [step.name for step in steps]
        layer.applied = [step.result for step in steps]
        layer.between = [node for step in steps for node in step.operations]
        layer.a = layer.applied[-1] if steps else layer.z


def _last_of_activation(z: Node, steps: list[_Step]) -> int:
    """How many of the functions applied to z before the cost are its activation function; the others are of the cost.

    With targets that are numbers, as in (σ(z) − 1)², a cost is elementwise, too. So the first counts that can be
    nothing but an activation function: by its name, if it is applied to z itself, or by its numbers. If there is none,
    z is the output, and δ = ∂C/∂z the whole of BP1.
    """
    around = {scope.serial for scope in scopes(z)}
    for i, (a, name, operations) in enumerate(steps[:LONGEST], start=1):
        is_named = any(scope.serial not in around for scope in scopes(a))
        if (name if is_named else a.fn) in NEVER_COSTS or (i == 1 and (is_named or a.fn in OF_Z)):
            return i
        is_choice = i == 1 and (a.fn in (np.where, np.multiply) or len(operations) > 1)
        if any(shows_as(function, z.value, a.value) for function in KNOWN[: None if is_choice else 2]):
            return i
    return 0


def _elementwise_step(
    node: Node, structure: Structure, members: dict[int, list[Node]], of_layers: set[Node]
) -> _Step | None:
    """The one function applied to each element of ``node``, if that is all that happens to it."""
    users = structure.users[node]
    around = {scope.serial for scope in scopes(node)}
    entered = [next((s for s in scopes(user) if s.serial not in around), None) for user in users]
    scope = entered[0] if entered else None
    if scope is None:  # bare operations, as np.tanh(z) or exp(z) / (1 + exp(z))
        operations = _until_they_meet(node, structure, of_layers)
        return _Step(operations[-1], _name_of(operations), operations) if operations else None
    inside = members[scope.serial]
    known = {node, *inside}
    results = [n for n in inside if n is structure.root or not known.issuperset(structure.users[n])]
    if (
        all(s is not None and s.serial == scope.serial for s in entered)
        and all(_elementwise(n, node) and known.issuperset(n.parents) for n in inside)
        and len(results) == 1
    ):
        return _Step(results[0], scope.name, inside)
    return None


def _until_they_meet(node: Node, structure: Structure, of_layers: set[Node]) -> list[Node]:
    """The elementwise operations that ``node`` goes into, up to the first in which all ways from it meet."""
    known, found = {node}, list[Node]()
    seen = {user.index: user for user in structure.users[node]}
    waiting = list(seen)
    heapify(waiting)
    while waiting:
        operation = seen[heappop(waiting)]
        if operation in of_layers or not _elementwise(operation, node) or not _only_numbers(operation, known):
            return []
        known.add(operation)
        found.append(operation)
        if not waiting:
            return found
        for user in structure.users[operation]:
            if user.index not in seen:
                seen[user.index] = user
                heappush(waiting, user.index)
    return []


def _name_of(operations: list[Node]) -> str:
    return getattr(operations[0].fn, "__name__", "f") if len(operations) == 1 else "f"


def _elementwise(operation: Node, of: Node) -> bool:
    return is_elementwise(operation) and operation.value.shape == of.value.shape


def _only_numbers(operation: Node, known: set[Node]) -> bool:
    """Whether the other arguments are known, numbers, or masks as in ``np.where(z > 0, z, 0)``."""
    others = [
        (arg, value)
        for arg, value in zip(operation.args, operation.values, strict=True)
        if not (isinstance(arg, Node) and arg in known)
    ]
    return all(
        np.asarray(value).dtype.kind == "b"
        or (np.ndim(value) == 0 and not (isinstance(arg, Node) and arg.fn and arg.requires_grad))
        for arg, value in others
    )


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
