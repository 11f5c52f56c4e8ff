"""Functions of functions: gradients, Jacobians, Hessians and their products with vectors.

All of them lift their inputs to tensors, run the function, and walk the recorded graph. When the result can still
depend on a tensor outside that requires a gradient (a transform inside a transform), the walk itself is recorded:
nothing else is needed for any order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from operator import index
from typing import Any

import numpy as np

from tinygrad_edu.engine import (
    Node,
    ancestors,
    check_leaves,
    gradients,
    is_recording,
    own,
    reading,
    recording,
    records_all,
)
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trees import leaves_of, matching, tree_map

Function = Callable[..., Any]

FEW = 10
"""So few backward passes are made one by one: that is quicker than to record one, and run it for all."""

AT_ONCE = 2**24
"""So many numbers may the backward passes of a Jacobian make together, so that its memory is bounded."""


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The gradient of a scalar function, as a function of the same arguments.

    Parameters
    ----------
    f : callable
        Returns one number, computed with NumPy from its arguments: arrays, or nested lists, tuples and dicts of them.
    argnums : int or tuple of int
        The positional arguments to differentiate with respect to.

    Returns
    -------
    callable
        Returns the gradient in the structure of the argument; a tuple of them for a tuple of ``argnums``. Each is an
        ndarray, or a Tensor where it still depends on a tensor that requires a gradient.

    Raises
    ------
    TypeError, ValueError
        By the returned function, if the result of ``f`` is not a single number, or an argument is not real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> grad(np.sin)(0.0)
    array(1.)
    >>> grad(grad(grad(lambda x: x**4)))(2.0)
    array(48.)
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """Like `grad`, but the returned function gives the pair (value, gradient)."""
    is_one = not isinstance(argnums, tuple | list)
    try:
        places = tuple(map(index, [argnums] if is_one else argnums))  # type: ignore[arg-type] # may raise
    except TypeError:
        raise TypeError(f"grad: argnums must be an integer or a tuple of integers, not {argnums!r}") from None

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if not all(-len(args) <= i < len(args) for i in places):
            raise ValueError(f"grad: argnums is {argnums}, but the function was called with {len(args)} arguments")
        with _Tape() as tape:
            lifted = list(args)
            for i in places:
                lifted[i] = tape.lift(args[i])
            y = _output(f(*lifted, **kwargs))
            if y.size != 1:
                raise ValueError(
                    f"grad: the function returned shape {y.shape}, and only a single number has a gradient; sum it, or "
                    "use jacobian, or elementwise_grad"
                )
            grads = tuple(tape.pull_back(y, np.ones(y.shape, y.dtype), [lifted[i] for i in places]))
            return tape.release(y), grads[0] if is_one else grads

    return value_and_gradient


def vjp(f: Function, *xs: Any) -> tuple[Any, Function]:
    """The value of ``f(*xs)`` and the function v ↦ vᵀJ, the vector–Jacobian product.

    Parameters
    ----------
    f : callable
        Returns an array.
    *xs : array_like, or nested containers of them

    Returns
    -------
    y : ndarray or Tensor
        ``f(*xs)``.
    pullback : callable
        Takes v of the shape of y; returns a tuple with one gradient for each of ``xs``.
    """
    with _Tape() as tape:
        lifted = [tape.lift(x) for x in xs]
        y = _output(f(*lifted))

    def pullback(v: Any) -> tuple[Any, ...]:
        with tape:
            return tuple(tape.pull_back(y, _shaped("vjp: v", v, y), lifted))

    return tape.release(y), pullback


def jvp(f: Function, xs: tuple[Any, ...], vs: tuple[Any, ...]) -> tuple[Any, Any]:
    """The value of ``f(*xs)`` and its derivative in the direction ``vs``, the Jacobian–vector product J v.

    Parameters
    ----------
    f : callable
        Returns an array.
    xs, vs : tuple
        The arguments, and for each a direction of the same structure and shapes.

    Returns
    -------
    y, Jv : ndarray or Tensor
        Both of the shape of the result.

    Notes
    -----
    uᵀJ is linear in u, and its derivative with respect to u in the direction v is J v: two backward passes make a
    forward one, so every rule serves both.
    """
    if not (isinstance(xs, tuple) and isinstance(vs, tuple) and len(xs) == len(vs)):
        raise TypeError("jvp: xs and vs must be tuples of the same length, one entry for each argument of the function")
    with _Tape() as tape:
        lifted = [tape.lift(x) for x in xs]
        y = _output(f(*lifted))
        u = tape.lift(np.zeros(y.shape, y.dtype))
        pulled = gradients(y, u, set(leaves_of(lifted)), create_graph=True) if y.requires_grad else {}
        pairs = zip(leaves_of(lifted), matching("jvp: vs", vs, xs), strict=True)
        inner = sum((np.sum(pulled[x] * v) for x, v in pairs if x in pulled), start=Tensor(0.0))
        return tape.release(y), tape.pull_back(inner, np.ones((), inner.dtype), u)


def hvp(f: Function) -> Function:
    """The Hessian–vector product of a scalar function: ``hvp(f)(x, v)`` is ∇²f(x) v, without the Hessian.

    ``x`` and ``v`` are arrays, or nested containers of the same structure; the result has that structure.
    """

    @wraps(f)
    def product(x: Any, v: Any) -> Any:
        directions = list(matching("hvp: v", v, x))

        def slope(x: Any) -> Any:
            return sum(np.sum(g * d) for g, d in zip(leaves_of(grad(f)(x)), directions, strict=True))

        return grad(slope)(x)

    return product


def jacobian(f: Function) -> Function:
    """The Jacobian of a function of one array: shape ``y.shape + x.shape``, with entries ∂yᵢ/∂xⱼ.

    The function is run once. Its rows are backward passes, made together in one, as `tinygrad_edu.vmap` would.
    """
    return _jacobian(f, "jacobian")


def _jacobian(f: Function, who: str) -> Function:
    @wraps(f)
    def matrix(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, list | tuple | dict):
            raise TypeError(
                f"{who}: the argument must be one array, not a {type(x).__name__}: np.array(x) makes one of numbers; "
                "for nested containers use vjp, jvp or hvp"
            )
        with _Tape() as tape:
            lifted = tape.lift(x)
            y = _output(f(lifted, *args, **kwargs))
            if y.size == 0:
                return np.zeros((*y.shape, *lifted.shape), lifted.dtype)
            seeds = np.eye(y.size, dtype=y.dtype).reshape((y.size, *y.shape))
            return tape.pull_back_all(who, y, seeds, lifted).reshape((*y.shape, *lifted.shape))

    return matrix


def hessian(f: Function) -> Function:
    """The Hessian of a scalar function of one array: shape ``x.shape + x.shape``, with entries ∂²f/∂xᵢ∂xⱼ."""
    return _jacobian(grad(f), "hessian")


def elementwise_grad(f: Function) -> Function:
    """The derivative of an elementwise function: f′(xᵢ) for every element of one array, shape of ``x``."""
    return grad(wraps(f)(lambda *args, **kwargs: np.sum(f(*args, **kwargs))))


class _Tape:
    """One run of a transform: its inputs, and whether its results must be recorded for somebody outside."""

    def __init__(self) -> None:
        self._inputs: set[Node] = set()
        self._leaves: list[Tensor] = []  # inputs that are wanted by this transform alone
        self._outer = is_recording()
        self._found_outside: dict[Tensor, bool] = {}

    def __enter__(self) -> _Tape:
        self._recording, self._reading = recording(True), reading(self._read)
        self._recording.__enter__()
        self._reading.__enter__()
        for leaf in self._leaves:
            leaf.requires_grad = True
        return self

    def __exit__(self, *exc: object) -> None:
        self._reading.__exit__()
        self._recording.__exit__()
        del self._reading  # it points back here: the graph would stay until the garbage collector finds the circle
        self._found_outside.clear()  # another time, other tensors may be wanted outside
        for leaf in self._leaves:
            leaf.requires_grad = False  # once this transform is done, nobody wants their gradient

    def _read(self, node: Node, how: str) -> None:
        if how == ".data" and node.requires_grad and not self._inputs.isdisjoint(ancestors(node)):
            raise TypeError(
                ".data inside a function that is differentiated would silently cut the graph, and the gradient would "
                "be 0: compute with the tensor itself, or take .numpy() or .detach() if it is meant as a constant"
            )

    def lift(self, x: Any) -> Any:
        """The argument with every array in it as a new tensor that requires a gradient.

        A tensor from outside gets a node of its own, so that ∂/∂x here is not ∂/∂x there.
        """
        return tree_map(self._lift, x)

    def _lift(self, x: Any) -> Any:
        if isinstance(x, Tensor) and records_all():
            tensor: Any = np.positive(x if x.dtype.kind == "f" else x.astype(np.float64))
            tensor.requires_grad = True
        elif isinstance(x, Tensor) and x.requires_grad and self._outer:
            tensor = np.positive(x)
        else:
            tensor = Tensor(x.value if isinstance(x, Tensor) else x, requires_grad=True)
            self._leaves.append(tensor)
        self._inputs.add(tensor)
        return tensor

    def pull_back(self, y: Tensor, seed: Any, lifted: Any) -> Any:
        """The gradient of ``sum(seed * y)`` in the structure of the lifted argument; zeros where there is none."""
        if not y.requires_grad:
            return tree_map(lambda x: np.zeros(x.shape, x.dtype), lifted)
        live = records_all() or self._depends_outside(y) or (isinstance(seed, Tensor) and self._depends_outside(seed))
        found = gradients(y, seed, set(leaves_of(lifted)), create_graph=live)
        taken: set[int] = set()

        def result(x: Tensor) -> Any:
            g = found.get(x)
            if g is None:
                return np.zeros(x.shape, x.dtype)
            return self.release(g) if isinstance(g, Tensor) else own(g, taken)

        return tree_map(result, lifted)

    def pull_back_all(self, who: str, y: Tensor, seeds: Any, lifted: Tensor) -> Any:
        """The gradients for several seeds, stacked: one backward pass, recorded for one of them, for all together."""
        from tinygrad_edu.batching import for_all

        if not y.requires_grad:
            return np.zeros((len(seeds), *lifted.shape), lifted.dtype)
        if len(seeds) < FEW and not records_all():
            return np.stack([self.pull_back(y, seed, lifted) for seed in seeds])
        order = ancestors(y)
        check_leaves(order)
        live = records_all() or self._depends_outside(y)
        at_once = max(1, AT_ONCE // sum(node.value.size for node in order))
        parts = []
        for i in range(0, len(seeds), at_once):
            some = seeds[i : i + at_once]
            with recording(live):
                part, differ = for_all(who, lambda seed: self.pull_back(y, seed, lifted), len(some), [some], [True])
            parts.append(part if differ else np.broadcast_to(part, (len(some), *lifted.shape)))
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self.release(rows) if isinstance(rows, Tensor) else rows

    def release(self, t: Tensor) -> Any:
        """The tensor itself if it depends on something outside that requires a gradient, else its array."""
        return t if records_all() or self._depends_outside(t) else t.value.copy()

    def _depends_outside(self, t: Tensor) -> bool:
        if t not in self._found_outside:  # asked of the result of every backward pass, and again for every row
            wanted = {node for node in ancestors(t) if node.fn is None and node.requires_grad} if self._outer else set()
            self._found_outside[t] = not wanted <= self._inputs
        return self._found_outside[t]


def _output(y: Any) -> Tensor:
    if isinstance(y, list | tuple | dict):
        raise TypeError(f"the function to differentiate returned a {type(y).__name__}; it must return one array")
    return y if isinstance(y, Tensor) else Tensor(y)


def _shaped(who: str, v: Any, like: Tensor) -> Any:
    v = v if isinstance(v, Tensor) else np.array(v, like.dtype)
    if v.shape != like.shape:
        raise ValueError(f"{who} has shape {v.shape}, but must have {like.shape}")
    return v
