"""Python's operators and NumPy's methods of a `Tensor`: each is a call of the NumPy function that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import constant, dispatch, record

if TYPE_CHECKING:
    from tinygrad_edu.tensor import Tensor

_record: Callable[[Callable[..., Any], tuple[Any, ...]], Tensor] = record  # what gives one tensor


def _call(fn: Callable[..., Any], *args: Any, **options: Any) -> Tensor:
    result: Tensor = dispatch(fn, args, options)
    return result


def _reduced(fn: Callable[..., Any], t: Any, axis: Any, keepdims: Any) -> Tensor:
    options = {} if axis is None else {"axis": axis}
    if keepdims is not False:
        options["keepdims"] = keepdims
    result: Tensor = dispatch(fn, (t,), options)
    return result


class Operators:
    """What `Tensor` inherits of its behaviour as an array."""

    __slots__ = ()

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

    # --- NumPy's methods ----------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The transpose."""
        return self.transpose()

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.sum` of this tensor."""
        return _reduced(np.sum, self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.mean` of this tensor."""
        return _reduced(np.mean, self, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.prod` of this tensor."""
        return _reduced(np.prod, self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.max` of this tensor; ties share the gradient equally."""
        return _reduced(np.max, self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """`numpy.min` of this tensor; ties share the gradient equally."""
        return _reduced(np.min, self, axis, keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """`numpy.var` of this tensor."""
        return _call(np.var, self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """`numpy.std` of this tensor."""
        return _call(np.std, self, axis=axis, ddof=ddof, keepdims=keepdims)

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
        return _call(np.dot, self, other)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """`numpy.clip` of this tensor."""
        return _call(np.clip, self, min, max)

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


class _Missing:
    """In the place of what NumPy's arrays have and tensors lack: a ``__getattr__`` would slow down every attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, tensor: Tensor | None, owner: type) -> Any:
        way_out = (
            f"use np.{self._name}(t)" if hasattr(np, self._name) else f"t.numpy().{self._name} is outside the graph"
        )
        raise AttributeError(f"a Tensor has no {self._name!r}, as NumPy's arrays have: {way_out}")


def name_the_missing(cls: type) -> None:
    """Say a way out where an attribute of NumPy's arrays is missing."""
    for name in dir(np.ndarray):
        if not name.startswith("_") and name not in dir(cls):
            setattr(cls, name, _Missing(name))
