"""`Tensor`: an array that remembers how it was computed.

Operators, NumPy's functions and NumPy's methods all end in one place, `engine.record`. What is written
here is only the way there: Python's operators, and the two protocols by which NumPy hands over a call
(`__array_ufunc__` for ufuncs such as ``np.tanh``, `__array_function__` for functions such as ``np.sum``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import engine, rules
from tinygrad_edu.engine import EXPOSED, IN_GRAPH, PRIVATE, Node, constant, gradients, make_leaf, own, record
from tinygrad_edu.errors import name_of, no_rule

Array = npt.NDArray[Any]
_record: Callable[[Callable[..., Any], tuple[Any, ...]], Tensor] = record  # what gives one tensor


class Tensor(Node):
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
        If ``data`` is complex, or not numeric.

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
        value = np.array(data, dtype=dtype)
        if value.dtype.kind == "c":
            raise TypeError(
                "Tensor: complex data are not supported; use the real and the imaginary part as two tensors"
            )
        if value.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: data must be numbers, not of dtype {value.dtype}")
        if requires_grad and value.dtype.kind != "f":
            value = value.astype(np.float64)
        self._data = value
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
        self._must_not_be_traced(".data")
        if self.fn is None:
            if self._state == IN_GRAPH:
                self._data = self._data.copy()  # the graph keeps the old array
            self._state = EXPOSED
            return self._data
        view = self._data.view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value: npt.ArrayLike) -> None:
        if self.fn is not None:
            raise TypeError("Tensor.data: this tensor was computed, so its value is fixed; make a new Tensor(value)")
        new = np.array(value, dtype=self._data.dtype)
        if new.shape != self._data.shape:
            raise ValueError(f"Tensor.data: the new value has shape {new.shape}, the tensor {self._data.shape}")
        self._data, self._state = new, PRIVATE

    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._data.dtype

    @property
    def T(self) -> Tensor:
        """The transpose."""
        return self.transpose()

    def item(self) -> Any:
        """The one element, as a Python number."""
        self._must_not_be_traced(".item()")
        return self._data.item()

    def numpy(self) -> Array:
        """A copy of the value, outside the graph."""
        self._must_not_be_traced(".numpy()")
        return self._data.copy()

    def detach(self) -> Tensor:
        """The same value as a constant: no gradient flows through it."""
        if engine.is_tracing():
            with engine.no_grad():
                return _record(np.positive, (self,))
        return Tensor(self._data, name=self.name)

    def _must_not_be_traced(self, access: str) -> None:
        """A compiled program is the same for all values, so while it is traced none may be looked at."""
        if engine.is_tracing():
            raise TypeError(
                f"compile: {access} of a tensor of shape {self.shape} would fix, for all later calls, what it is now; "
                "compute with the tensor itself (np.where chooses between values), or leave this function uncompiled"
            )

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
        if engine.is_tracing():
            raise TypeError(
                "compile: .backward() leaves its result in .grad, outside the program; compile tg.value_and_grad(f)"
            )
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
            g = own(g, taken)
            leaf.grad = g if leaf.grad is None else leaf.grad + g

    def zero_grad(self) -> None:
        """Forget the accumulated gradient: ``.grad`` becomes None."""
        self.grad = None

    # --- NumPy's protocols --------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return dispatch(ufunc, inputs, kwargs)
        if method == "reduce" and ufunc in rules.REDUCTIONS:
            kwargs = {"axis": 0, **kwargs}  # np.add.reduce goes over the first axis, np.sum over all
            return dispatch(rules.REDUCTIONS[ufunc], inputs, kwargs)
        raise TypeError(f"np.{ufunc.__name__}.{method} has no derivative rule; use the function without .{method}")

    def __array_function__(
        self, fn: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        return dispatch(fn, args, kwargs)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                "np.asarray(t) or arr[...] = t would silently cut the graph of a tensor that requires a gradient: "
                "use t.numpy() for its value, t.detach() for a constant, np.stack([...]) to join a list of tensors"
            )
        self._must_not_be_traced("np.asarray (or of an index into an array: index tg.Tensor(array) instead)")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        """Copies and pickles are leaves of their own: value, gradient and name, without the graph behind."""
        grad = None if self.grad is None else self.grad.copy()
        return _restore, (self._data, self.requires_grad and self.fn is None, self.name, grad)

    # --- Python's protocols -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100)
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
        self._must_not_be_traced("the truth value (if, while, and, or)")
        if self.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use np.any(t) or np.all(t)"
            )
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __index__(self) -> int:
        return operator.index(self._number("int"))

    def _number(self, kind: str) -> Any:
        self._must_not_be_traced(f"{kind}(t)")
        if self.requires_grad:
            raise TypeError(
                f"{kind}(t) would silently cut the graph of a tensor that requires a gradient: use t.item()"
            )
        return self._data.item()

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Tensor) for part in parts):
            if not engine.is_tracing():
                parts = tuple(part.__array__() if isinstance(part, Tensor) else part for part in parts)
                index = parts if isinstance(index, tuple) else parts[0]
            elif any(isinstance(part, Tensor) and part.dtype == bool for part in parts):
                raise TypeError(
                    "compile: t[mask] has a shape that depends on the values; use np.where(mask, t, 0), which has not"
                )
        return _record(operator.getitem, (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "t[i] = v would change a value that a gradient may need. Make a new tensor: np.where(mask, v, t), "
            "or np.concatenate / np.stack of its parts; to set a parameter, assign w.data"
        )

    def __add__(self, other: Any) -> Tensor:
        return _record(np.add, (self, other))

    def __radd__(self, other: Any) -> Tensor:
        return _record(np.add, (other, self))

    def __sub__(self, other: Any) -> Tensor:
        return _record(np.subtract, (self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return _record(np.subtract, (other, self))

    def __mul__(self, other: Any) -> Tensor:
        return _record(np.multiply, (self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return _record(np.multiply, (other, self))

    def __truediv__(self, other: Any) -> Tensor:
        return _record(np.divide, (self, other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return _record(np.divide, (other, self))

    def __matmul__(self, other: Any) -> Tensor:
        return _record(np.matmul, (self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return _record(np.matmul, (other, self))

    def __pow__(self, other: Any) -> Tensor:
        if type(other) in (int, float) and other == 2:  # as ndarray does: exact, and much faster than np.power
            return _record(np.square, (self,))
        return _record(np.power, (self, other))

    def __rpow__(self, other: Any) -> Tensor:
        return _record(np.power, (other, self))

    def __neg__(self) -> Tensor:
        return _record(np.negative, (self,))

    def __pos__(self) -> Tensor:
        return _record(np.positive, (self,))

    def __abs__(self) -> Tensor:
        return _record(np.absolute, (self,))

    def __mod__(self, other: Any) -> Tensor:
        return _record(np.remainder, (self, other))

    def __rmod__(self, other: Any) -> Tensor:
        return _record(np.remainder, (other, self))

    # Comparisons and rounding are piecewise constant: no gradient flows, and plain arrays come out.

    def __floordiv__(self, other: Any) -> Any:
        return constant(np.floor_divide, (self, other))

    def __rfloordiv__(self, other: Any) -> Any:
        return constant(np.floor_divide, (other, self))

    def __eq__(self, other: object) -> Any:
        return constant(np.equal, (self, other))

    def __ne__(self, other: object) -> Any:
        return constant(np.not_equal, (self, other))

    def __lt__(self, other: Any) -> Any:
        return constant(np.less, (self, other))

    def __le__(self, other: Any) -> Any:
        return constant(np.less_equal, (self, other))

    def __gt__(self, other: Any) -> Any:
        return constant(np.greater, (self, other))

    def __ge__(self, other: Any) -> Any:
        return constant(np.greater_equal, (self, other))

    def __and__(self, other: Any) -> Any:
        return constant(np.bitwise_and, (self, other))

    def __or__(self, other: Any) -> Any:
        return constant(np.bitwise_or, (self, other))

    def __invert__(self) -> Any:
        return constant(np.invert, (self,))

    __rand__, __ror__ = __and__, __or__

    __hash__ = object.__hash__  # == is elementwise, so a tensor is found by identity

    # --- NumPy's methods ----------------------------------------------------------------------------------

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.sum` of this tensor."""
        return _tensor(np.sum(self, axis=axis, keepdims=keepdims))

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.mean` of this tensor."""
        return _tensor(np.mean(self, axis=axis, keepdims=keepdims))

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.prod` of this tensor."""
        return _tensor(np.prod(self, axis=axis, keepdims=keepdims))

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.max` of this tensor; ties share the gradient equally."""
        return _tensor(np.max(self, axis=axis, keepdims=keepdims))

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.min` of this tensor; ties share the gradient equally."""
        return _tensor(np.min(self, axis=axis, keepdims=keepdims))

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """`numpy.var` of this tensor."""
        return _tensor(np.var(self, axis=axis, ddof=ddof, keepdims=keepdims))

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """`numpy.std` of this tensor."""
        return _tensor(np.std(self, axis=axis, ddof=ddof, keepdims=keepdims))

    def reshape(self, *shape: Any) -> Tensor:
        """`numpy.reshape` of this tensor; the shape as one tuple or as several integers."""
        return _record(np.reshape, (self, shape[0] if len(shape) == 1 else shape))

    def transpose(self, *axes: Any) -> Tensor:
        """`numpy.transpose` of this tensor; the axes as one tuple, as several integers, or none to reverse them."""
        if not axes:
            return _record(np.transpose, (self,))
        return _record(np.transpose, (self, axes[0] if len(axes) == 1 else axes))

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """`numpy.swapaxes` of this tensor."""
        return _record(np.swapaxes, (self, axis1, axis2))

    def squeeze(self, axis: Any = None) -> Tensor:
        """`numpy.squeeze` of this tensor."""
        return _record(np.squeeze, (self, axis))

    def ravel(self) -> Tensor:
        """This tensor with one axis only."""
        return self.reshape(-1)

    def flatten(self) -> Tensor:
        """This tensor with one axis only."""
        return self.reshape(-1)

    def dot(self, other: Any) -> Tensor:
        """`numpy.dot` of this tensor and another."""
        return _tensor(np.dot(self, other))

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """`numpy.clip` of this tensor."""
        return _tensor(np.clip(self, min, max))

    def astype(self, dtype: npt.DTypeLike) -> Any:
        """This tensor in another precision; the gradient comes back in this one. As integers: a plain array."""
        return dispatch(np.astype, (self, dtype), {})

    def copy(self) -> Tensor:
        """A new tensor of the same value, through which the gradient flows."""
        return _record(np.positive, (self,))

    def argmax(self, axis: int | None = None) -> Any:
        """`numpy.argmax`: plain integers."""
        return constant(np.argmax, (self, axis))

    def argmin(self, axis: int | None = None) -> Any:
        """`numpy.argmin`: plain integers."""
        return constant(np.argmin, (self, axis))


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    tensor = Tensor(data, requires_grad, name=name)
    tensor.grad = grad
    return tensor


def _tensor(result: Any) -> Tensor:
    """For the type checker: NumPy's annotations do not know that its functions return what a protocol returns."""
    assert isinstance(result, Tensor)
    return result


def dispatch(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What a NumPy function means for tensors: a rule, an expansion, or a plain result without gradient."""
    if kwargs:
        if kwargs.get("out") is not None:
            name = name_of(fn)
            raise TypeError(f"{name}: out= would overwrite a value that a gradient may need; use what {name} returns")
        if any(isinstance(value, Node) for value in kwargs.values()):
            bound = signature(fn).bind(*args, **kwargs)  # np.clip(t, a_max=u): rules go by position
            args, kwargs = bound.args, bound.kwargs
    if fn in engine.EXPANSIONS:
        return engine.EXPANSIONS[fn](*args, **kwargs)
    if fn in engine.RULES:
        return record(fn, args, kwargs)
    if fn in rules.PIECEWISE_CONSTANT:
        return constant(fn, args, kwargs)
    if engine.is_tracing() and not any(node.requires_grad for node in engine.nodes_in(args)):
        return constant(fn, args, kwargs)  # a program may call what has no derivative where none is asked for
    raise no_rule(fn)


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
