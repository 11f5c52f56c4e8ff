"""What all optimisers do: hold the parameters and what is remembered of them, and move them all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import replace_values
from tinygrad_edu.errors import check_number, shown
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]
State = tuple[Any, ...]


class Optimizer:
    """The base: it holds the parameters; a subclass says by which array each moves.

    Parameters
    ----------
    params : iterable of Tensor
        Leaves that require a gradient.
    lr : float
        The learning rate η, > 0. It may be set anew between steps.
    weight_decay : float
        λ ≥ 0; what a subclass makes of it, usually ∂C/∂w + λ w for ∂C/∂w (`decayed`).

    Raises
    ------
    ValueError
        If there are no parameters, ``lr`` is not positive and finite, or ``weight_decay`` not finite and 0 or more.
    TypeError
        If a parameter is not a leaf that requires a gradient, or ``lr`` or ``weight_decay`` is no number.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        check_number(type(self).__name__, "weight_decay", weight_decay, "0 or more", lambda decay: decay >= 0)
        check_number(type(self).__name__, "lr", lr, "positive", lambda lr: lr > 0)
        self.weight_decay = weight_decay
        self.lr = self.initial_lr = lr
        self.params = _leaves(type(self).__name__, params)
        self.state = [self.initial_state(p.value) for p in self.params]

    @property
    def lr(self) -> float:
        """The learning rate η; a schedule (see `StepLR`) may take it down to 0."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        check_number(type(self).__name__, "lr", value, "0 or more", lambda lr: lr >= 0)
        self._lr = value

    def step(self) -> None:
        """Move every parameter that has a gradient; all at once, so that Ctrl-C comes before or after.

        Raises
        ------
        RuntimeError
            If none has a gradient.
        ValueError
            If a gradient that was set by hand has another shape than its parameter.
        """
        grads = [p.grad for p in self.params]
        if all(g is None for g in grads):
            raise RuntimeError(
                f"{type(self).__name__}.step: none of the {len(grads)} parameters has a gradient, so nothing would "
                "move; call backward() on a cost that is computed from them, after zero_grad()"
            )
        for p, g in zip(self.params, grads, strict=True):
            if g is not None and np.shape(g) != p.shape:
                raise ValueError(
                    f"{type(self).__name__}.step: the gradient of {p.name or 'a parameter'} has shape {np.shape(g)}, "
                    f"but must have that of the parameter, {p.shape}"
                )
        self.move(
            [
                (None, s) if g is None else self.update(p.value, g, np.asarray(self.lr, p.dtype), *s)
                for p, g, s in zip(self.params, grads, self.state, strict=True)
            ]
        )

    def move(self, moved: Sequence[tuple[Any, State]]) -> None:
        """Give every parameter its new value, None for none, and what is remembered of it: all at once, or not at all.

        The values are new arrays: what was computed from the old ones keeps them (see `Tensor.replace`).
        """
        pairs = [(p, np.asarray(value)) for p, (value, _) in zip(self.params, moved, strict=True) if value is not None]
        for p, value in pairs:
            if value.shape != p.value.shape or value.dtype != p.value.dtype:
                raise ValueError(
                    f"{type(self).__name__}.update: the new value of {p.name or 'a parameter'} is of shape "
                    f"{value.shape} and {value.dtype}, but it was of shape {p.shape} and {p.dtype}"
                )
        replace_values(pairs, (self, "state", [state for _, state in moved]))

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.params:
            p.grad = None

    def initial_state(self, w: Array) -> State:
        """What is remembered about a parameter before the first step."""
        return ()

    def update(self, w: Any, g: Any, lr: Any, *state: Any) -> tuple[Any, State]:
        """The parameter after a step down its gradient ``g``, and what is remembered: plain NumPy, so it compiles.

        ``lr`` is η as an array without axes, of the dtype of ``w``.
        """
        raise NotImplementedError

    def decayed(self, w: Any, g: Any) -> Any:
        """∂C/∂w + λ w, the gradient with weight decay."""
        return g + float(self.weight_decay) * w if self.weight_decay else g


def listed(who: str, params: Any) -> list[Any]:
    """The parameters as a list; raises if they are no list of anything."""
    if isinstance(params, Tensor):
        raise TypeError(f"{who}: params must be a list of tensors, not one Tensor (of shape {params.shape}); pass [w]")
    if hasattr(params, "parameters"):
        raise TypeError(
            f"{who}: params must be a list of tensors, not a {type(params).__name__}; pass net.parameters()"
        )
    if isinstance(params, dict):
        raise TypeError(f"{who}: params must be a list of tensors, not a dict; pass list(params.values())")
    if not isinstance(params, Iterable):
        raise TypeError(f"{who}: params must be a list of tensors, not {params!r}; pass net.parameters()")
    return list(params)


def _leaves(who: str, params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters, each once."""
    leaves = listed(who, params)
    if not leaves:
        raise ValueError(f"{who}: params is empty; pass model.parameters()")
    for p in leaves:
        if not isinstance(p, Tensor) or not p.requires_grad or p.fn is not None:
            raise TypeError(f"{who}: every parameter must be a Tensor made with requires_grad=True, not {shown(p)}")
    return list(dict.fromkeys(leaves))  # one given twice is moved once
