"""`Tensor`: an array that remembers how it was computed.

Operators (operators.py), NumPy's functions and NumPy's methods all end in one place, `engine.record`. What is written
here is the value, the gradient, and the two protocols by which NumPy hands over a call (`__array_ufunc__` for ufuncs
such as ``np.tanh``, `__array_function__` for functions such as ``np.sum``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import (
    EXPOSED,
    IN_GRAPH,
    PRIVATE,
    RULES,
    Node,
    constant,
    dispatch,
    gradients,
    make_leaf,
    own,
    record,
    records_all,
    told,
)
from tinygrad_edu.errors import other_arithmetic
from tinygrad_edu.operators import Operators, name_the_missing
from tinygrad_edu.rules import REDUCTIONS

Array = npt.NDArray[Any]


class Tensor(Operators, Node):
    """An array that records what is computed from it.

    Parameters
    ----------
    data : array_like
        Real numbers of any shape; they are copied.
    requires_grad : bool
        Whether gradients with respect to this tensor will be wanted. Integers then become float64.
    name : str, optional
        Shown in drawings and reports.
    dtype : dtype, optional
        float64 by default for Python numbers; an array keeps its own.

    Attributes
    ----------
    grad : ndarray or None
        On a leaf that requires a gradient, after `backward`: the gradient, of the tensor's shape and dtype. It
        accumulates over calls of `backward` until `zero_grad`.
    requires_grad : bool
        Whether a gradient flows to or through this tensor.
    name : str or None
        Free to set.

    Raises
    ------
    TypeError
        If ``data`` is complex, not numeric, or a masked array.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor
    >>> w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = np.sum(w**2)
    >>> loss.backward()
    >>> w.grad
    array([2., 4., 6.])
    """

    __slots__ = ()

    def __init__(
        self,
        data: npt.ArrayLike,
        requires_grad: bool = False,
        *,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        if type(data) is not np.ndarray and isinstance(data, np.ma.MaskedArray):
            raise TypeError(other_arithmetic("Tensor: data", data))
        value = np.array(data, dtype=dtype)
        if value.dtype.kind == "c":
            raise TypeError(
                "Tensor: complex data are not supported; use the real and the imaginary part as two tensors"
            )
        if value.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: data must be numbers, not of dtype {value.dtype}")
        if requires_grad and value.dtype.kind != "f":
            value = value.astype(np.float64)
        self.value = value
        self.scope = None
        self.name = name
        make_leaf(self, requires_grad)

    # --- The value ----------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The value, an ndarray.

        On a leaf it may be changed, in place (``w.data -= eta * w.grad``) or by assignment, which copies; what was
        computed before keeps the old value. On a computed tensor it is read-only.
        """
        told(self, ".data")
        if self.fn is None:
            if self.known_to == IN_GRAPH:
                self.value = self.value.copy()  # the graph keeps the old array
            self.known_to = EXPOSED
            return self.value
        view = self.value.view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value: npt.ArrayLike) -> None:
        if self.fn is not None:
            raise TypeError("Tensor.data: this tensor was computed, so its value is fixed; make a new Tensor(value)")
        new = np.array(value, dtype=self.value.dtype)
        if new.shape != self.value.shape:
            raise ValueError(f"Tensor.data: the new value has shape {new.shape}, the tensor {self.value.shape}")
        self.replace(new)

    def replace(self, value: Array) -> None:
        """Make ``value`` the data of this leaf, without a copy: an array of its shape and dtype that nobody else has.

        What was computed before keeps the old value. This is how optimisers move a parameter.
        """
        told(self, ".data = …")
        self.value, self.known_to = value, PRIVATE

    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each axis."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.value.dtype

    def item(self) -> Any:
        """The one element, as a Python number."""
        told(self, ".item()")
        return self.value.item()

    def numpy(self) -> Array:
        """A copy of the value, outside the graph."""
        told(self, ".numpy()")
        return self.value.copy()

    def detach(self) -> Tensor:
        """The same value as a constant: no gradient flows through it."""
        value = constant(np.copy, (self,))
        return value if isinstance(value, Tensor) else Tensor(value, name=self.name)

    # --- The gradient -------------------------------------------------------------------------------------

    def backward(self, gradient: npt.ArrayLike | None = None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf that it was computed from.

        Parameters
        ----------
        gradient : array_like, optional
            ∂C/∂self, of this tensor's shape, if the tensor is not the scalar C itself.

        Raises
        ------
        TypeError
            If the tensor depends on nothing that requires a gradient.
        ValueError
            If the tensor is not a scalar and ``gradient`` is not given, or has another shape.
        """
        told(self, ".backward()")
        if not self.requires_grad:
            raise TypeError(
                "Tensor.backward: nothing that this tensor was computed from has requires_grad=True "
                "(or every path to it is constant: a step function, a comparison, a detached tensor)"
            )
        if gradient is not None:
            seed = np.array(gradient, dtype=self.dtype)
        elif self.size == 1:
            seed = np.array(1, dtype=self.dtype, ndmin=self.ndim)
        else:
            raise ValueError(
                f"Tensor.backward: this tensor has shape {self.shape}, and only a single number has a gradient by "
                f"itself: call backward on its .sum() or .mean(), or pass gradient= of shape {self.shape}"
            )
        if seed.shape != self.shape:
            raise ValueError(f"Tensor.backward: gradient has shape {seed.shape}, but must have {self.shape}")
        taken: set[int] = set()
        for leaf, g in gradients(self, seed).items():
            if g.dtype.kind != "f":
                raise TypeError(
                    f"Tensor.backward: {leaf.name or 'a leaf'} requires a gradient, but holds {g.dtype}, which has "
                    "none; make it with Tensor(data, requires_grad=True), which turns integers into float64"
                )
            g = own(g, taken)
            leaf.grad = g if leaf.grad is None else leaf.grad + g

    def zero_grad(self) -> None:
        """Forget the accumulated gradient: ``.grad`` becomes None."""
        self.grad = None

    # --- NumPy's protocols --------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return record(ufunc, inputs) if ufunc in RULES and not kwargs else dispatch(ufunc, inputs, kwargs)
        if method == "reduce" and ufunc in REDUCTIONS:
            said = {name: option for name, option in kwargs.items() if name == "axis" or option is not None}
            kwargs = {"axis": 0, **said}  # np.add.reduce goes over the first axis, np.sum over all
            return dispatch(REDUCTIONS[ufunc], inputs, kwargs)
        raise TypeError(f"np.{ufunc.__name__}.{method} has no derivative rule; use the function without .{method}")

    def __array_function__(
        self, fn: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        return dispatch(fn, args, kwargs)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                "np.asarray(t), arr[...] = t, or a masked array with t would silently cut the graph of a tensor that "
                "requires a gradient: use t.numpy() for its value, t.detach() for a constant, np.stack([...]) to join "
                "a list of tensors"
            )
        told(self, "np.asarray (or of an index into an array: index tg.Tensor(array) instead)")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        """Copies and pickles are leaves of their own: value, gradient and name, without the graph behind."""
        grad = None if self.grad is None else self.grad.copy()
        return _restore, (self.value, self.requires_grad and self.fn is None, self.name, grad)

    # --- Python's protocols -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        text = np.array2string(self.value, separator=", ", prefix="Tensor(", threshold=100)
        name = f", name={self.name!r}" if self.name else ""
        return f"Tensor({text}{name}{', requires_grad=True' if self.requires_grad else ''})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor: it is a single number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        told(self, "the truth value (if, while, and, or)")
        if self.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use np.any(t) or np.all(t)"
            )
        return bool(self.value)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __index__(self) -> int:
        return operator.index(self._number("int"))

    def _number(self, kind: str) -> Any:
        told(self, f"{kind}(t)")
        if self.requires_grad:
            raise TypeError(
                f"{kind}(t) would silently cut the graph of a tensor that requires a gradient, and so would array[i] = "
                "t: use t.item() for a plain number, np.exp(t) for math.exp(t), np.stack([...]) to fill an array"
            )
        return self.value.item()

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Tensor) for part in parts):
            masks = [part for part in parts if isinstance(part, Tensor) and part.dtype == bool]
            for mask in masks:
                told(mask, "t[mask], whose shape follows the mask,")
            if masks or not records_all():
                parts = tuple(part.__array__() if isinstance(part, Tensor) else part for part in parts)
                index = parts if isinstance(index, tuple) else parts[0]
        item: Tensor = record(operator.getitem, (self, index))
        return item

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "t[i] = v would change a value that a gradient may need. Make a new tensor: np.where(mask, v, t), "
            "or np.concatenate / np.stack of its parts; to set a parameter, assign w.data"
        )

    __hash__ = object.__hash__  # == is elementwise, so a tensor is found by identity


name_the_missing(Tensor)


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    tensor = Tensor(data, requires_grad, name=name)
    tensor.grad = grad
    return tensor


def stop_gradient(t: Any) -> Any:
    """The value of ``t`` as a constant: no gradient flows back through it.

    Parameters
    ----------
    t : Tensor or array_like

    Returns
    -------
    Tensor
        Of the same value, with ``requires_grad=False``. Anything but a tensor is returned as it is.
    """
    return t.detach() if isinstance(t, Tensor) else t
