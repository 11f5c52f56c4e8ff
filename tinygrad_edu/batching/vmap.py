"""`vmap`: a function of one example as one of many."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_edu.batching.replay import for_all
from tinygrad_edu.engine import Node, records_all
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trees import tree_map

Function = Callable[..., Any]


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """A function of one example as a function of many: what is written for one vector then takes a matrix of them.

    ``f`` is run once, on the first example, and recorded; each recorded call is then made once, for all examples
    together. So its cost is that of a program written for batches.

    Parameters
    ----------
    f : callable
        Computes arrays, or nested lists, tuples and dicts of them, with NumPy.
    in_axes : int, None, or a tuple with one for each argument
        The axis of each array along which the examples lie; None for an argument that is the same for all. For a nested
        argument it may be a container of them, built like the argument from the outside inwards. Keyword arguments
        have their examples along the first axis.
    out_axes : int, or a container of them
        Where the axis of the examples should be in the results; a result that is the same for all is repeated. None:
        the result must be the same for all, and is given once.

    Returns
    -------
    callable
        Takes the arguments of ``f`` with an axis more, and returns its results with an axis more: arrays, or tensors
        where they depend on a tensor that requires a gradient. It can be differentiated, compiled, and mapped again.

    Raises
    ------
    TypeError, ValueError
        By the returned function, if the examples are not equally many everywhere, or what ``f`` does depends on the
        values of an example: an ``if``, an ``.item()``, a result whose shape follows the values.

    Warns
    -----
    UserWarning
        Once for each function that can only be called in a loop over the examples.

    Notes
    -----
    As in JAX, random numbers drawn inside are drawn once, the same for all examples: pass them as an argument.

    Examples
    --------
    Gradients of each example's own cost Cₓ:

    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> def C_x(w, x, y):
    ...     return 0.5 * (np.tanh(w @ x) - y) ** 2
    >>> w, x, y = np.array([0.5, -1.0]), np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]]), np.array([0.0, 1.0, 0.0])
    >>> tg.vmap(tg.grad(C_x), in_axes=(None, 0, 0))(w, x, y).shape
    (3, 2)
    """
    if not callable(f):
        raise TypeError(f"vmap: f must be a function, not {type(f).__name__}")

    @wraps(f)
    def batched(*args: Any, **kwargs: Any) -> Any:
        axes = _axes_of_arguments(in_axes, len(args))
        given = _Given()
        inside = [given.take(arg, axis, f"argument {i}") for i, (arg, axis) in enumerate(zip(args, axes, strict=True))]
        named = {name: given.take(arg, 0, f"argument {name}") for name, arg in kwargs.items()}
        n = given.examples()

        def of_one(*leaves: Any) -> Any:
            def put(x: Any) -> Any:
                return leaves[x.number] if isinstance(x, _Place) else x

            return f(*(tree_map(put, x) for x in inside), **{name: tree_map(put, x) for name, x in named.items()})

        results, differ = for_all("vmap", of_one, n, given.xs, given.differ)
        return _with_axes(results, differ, out_axes, n)

    return batched


def _axes_of_arguments(in_axes: Any, n: int) -> Any:
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * n
    if not isinstance(in_axes, tuple | list):
        raise TypeError(f"vmap: in_axes must be a number, None, or a tuple of them, not {in_axes!r}")
    if len(in_axes) != n:
        raise ValueError(f"vmap: in_axes has {len(in_axes)} entries, but the function was called with {n} arguments")
    return in_axes


class _Place:
    """Where an argument of one example goes."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Given:
    """The arrays of all examples, with these along their first axis."""

    def __init__(self) -> None:
        self.xs: list[Any] = []
        self.differ: list[bool] = []
        self.sizes: dict[str, int] = {}

    def take(self, arg: Any, axes: Any, where: str) -> Any:
        """The argument with places where there are arrays of examples."""
        if axes is None:
            return tree_map(lambda x: self._add(x, False) if isinstance(x, np.ndarray | Node) else x, arg)
        if isinstance(axes, dict | list | tuple):
            return self._parts(arg, axes, where)
        return tree_map(lambda x: self._array(x, axes, where), arg)

    def _parts(self, arg: Any, axes: Any, where: str) -> Any:
        if isinstance(axes, dict):
            if not isinstance(arg, dict) or arg.keys() != axes.keys():
                raise ValueError(f"vmap: in_axes of {where} has the keys {list(axes)}, which are not those of it")
            return {key: self.take(part, axes[key], f"{where}[{key!r}]") for key, part in arg.items()}
        if not isinstance(arg, list | tuple) or len(arg) != len(axes):
            raise ValueError(f"vmap: in_axes of {where} is {axes!r}, but it is no list or tuple of {len(axes)}")
        parts = [self.take(part, axis, f"{where}[{i}]") for i, (part, axis) in enumerate(zip(arg, axes, strict=True))]
        return type(arg)(*parts) if hasattr(arg, "_fields") else type(arg)(parts)

    def _array(self, x: Any, axis: Any, where: str) -> _Place:
        if not isinstance(x, Tensor):
            x = np.asarray(x)
            if x.dtype.kind not in "fiub":
                raise TypeError(f"vmap: {where} is no array of numbers; in_axes=None passes it on as it is")
        if not isinstance(axis, int):
            raise TypeError(f"vmap: in_axes must be whole numbers or None, not {axis!r}")
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(
                f"vmap: {where} has shape {x.shape}, which has no axis {axis}; in_axes=None is for what is the same "
                "for all examples"
            )
        self.sizes[f"{where} has {x.shape[axis]} along axis {axis}"] = x.shape[axis]
        return self._add(np.moveaxis(x, axis, 0) if axis % x.ndim else x, True)

    def _add(self, x: Any, differs: bool) -> _Place:
        self.xs.append(x)
        self.differ.append(differs)
        return _Place(len(self.xs) - 1)

    def examples(self) -> int:
        """How many there are."""
        if not self.sizes:
            raise ValueError("vmap: no argument has an axis of examples: in_axes is None everywhere")
        if len(set(self.sizes.values())) > 1:
            raise ValueError(f"vmap: the examples must be equally many, but {', '.join(self.sizes)}")
        return next(iter(self.sizes.values()))


def _with_axes(result: Any, differs: Any, axes: Any, n: int) -> Any:
    """The results, with the examples along the axes that are asked for."""
    if isinstance(result, dict | list | tuple):
        parts = _out_axes(result, axes)
        if isinstance(result, dict):
            return {key: _with_axes(part, differs[key], parts[key], n) for key, part in result.items()}
        done = [_with_axes(*each, n) for each in zip(result, differs, parts, strict=True)]
        return type(result)(*done) if hasattr(result, "_fields") else type(result)(done)
    return _placed(result, differs, axes, n)


def _placed(result: Any, differs: bool, axes: Any, n: int) -> Any:
    """One array, with the examples along an axis."""
    if not isinstance(result, Node | np.ndarray | np.generic | int | float):
        raise TypeError(f"vmap: the function returned a {type(result).__name__}; it must return arrays")
    if axes is None:
        if differs:
            raise ValueError("vmap: out_axes is None, but the result differs between the examples; give it an axis")
        return _released(result)
    if not isinstance(axes, int):
        raise TypeError(f"vmap: out_axes must be whole numbers or None, not {axes!r}")
    array: Any = result
    y = array if differs else np.broadcast_to(array, (n, *np.shape(array)))
    if not -y.ndim <= axes < y.ndim:
        raise ValueError(f"vmap: out_axes is {axes}, but the results have {y.ndim} axes with that of the examples")
    return _released(np.moveaxis(y, 0, axes) if axes % y.ndim else y)


def _out_axes(result: Any, axes: Any) -> Any:
    """The axes for each part."""
    if isinstance(result, dict):
        if isinstance(axes, dict) and axes.keys() == result.keys():
            return axes
        if axes is None or isinstance(axes, int):
            return dict.fromkeys(result, axes)
    elif isinstance(axes, list | tuple) and len(axes) == len(result):
        return axes
    elif axes is None or isinstance(axes, int):
        return [axes] * len(result)
    raise ValueError(f"vmap: out_axes is {axes!r}, which is not built like the result, a {type(result).__name__}")


def _released(y: Any) -> Any:
    """A tensor if somebody wants its gradient, else an array that is shared with nobody."""
    if isinstance(y, Node):
        return y if y.requires_grad or records_all() else y.value.copy()
    return np.array(y)
