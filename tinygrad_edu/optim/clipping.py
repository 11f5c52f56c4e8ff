"""Gradients that are too long, made shorter; for loops of one's own, between ``backward`` and ``step``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.errors import check_number
from tinygrad_edu.optim.base import listed
from tinygrad_edu.tensor import Tensor


def shortened(grads: list[Any], max_norm: float) -> tuple[list[Any], Any]:
    """The gradients, scaled by one factor so that their norm together is at most ``max_norm``; and the norm before."""
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in grads))
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)  # as PyTorch has it
    return [g * factor.astype(g.dtype) for g in grads], norm


def clip_grad_norm_(params: Iterable[Tensor], max_norm: float) -> float:
    """Scale the gradients of all parameters by one factor, so that their norm together is at most ``max_norm``.

    Parameters
    ----------
    params : iterable of Tensor, or one Tensor
        Those without a gradient are passed over.
    max_norm : float
        The longest that the gradient may be, as one vector.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive, or the norm is infinite or NaN.
    TypeError
        If ``params`` are no tensors.
    """
    check_number("clip_grad_norm_", "max_norm", max_norm, "positive", lambda norm: norm > 0)
    moved = _with_gradient("clip_grad_norm_", params)
    if not moved:
        return 0.0
    with np.errstate(over="ignore"):  # told of below
        grads, norm = shortened([p.grad for p in moved], max_norm)
    if not np.isfinite(norm):
        raise ValueError(
            f"clip_grad_norm_: the norm of the gradient is {norm}, which no factor can mend; find where it comes from "
            "with tg.detect_anomaly(), or take a smaller learning rate"
        )
    for p, g in zip(moved, grads, strict=True):
        p.grad = g
    return float(norm)


def clip_grad_value_(params: Iterable[Tensor], clip_value: float) -> None:
    """Bring every number in the gradients of the parameters to between −clip_value and clip_value.

    Raises
    ------
    ValueError
        If ``clip_value`` is not positive.
    TypeError
        If ``params`` are no tensors.
    """
    check_number("clip_grad_value_", "clip_value", clip_value, "positive", lambda value: value > 0)
    for p in _with_gradient("clip_grad_value_", params):
        p.grad = np.clip(np.asarray(p.grad), -clip_value, clip_value)


def _with_gradient(who: str, params: Iterable[Tensor]) -> list[Tensor]:
    """Each parameter that has a gradient, once: a shared one would be counted twice."""
    if isinstance(params, Tensor):
        params = [params]  # its rows would be new tensors, without a gradient
    params = list(dict.fromkeys(listed(who, params)))
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(f"{who}: params must be tensors, as net.parameters() gives, not {type(p).__name__}")
    return [p for p in params if p.grad is not None]
