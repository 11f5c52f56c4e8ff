"""Training with all examples at once, by an optimiser of SciPy that knows only a vector of parameters."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler import compile
from tinygrad_edu.costs import cost_named
from tinygrad_edu.costs import l2 as penalty
from tinygrad_edu.engine import gradients
from tinygrad_edu.errors import check_number, check_whole, shown, unknown_name
from tinygrad_edu.nn import Module
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.examples import examples, held_out_of
from tinygrad_edu.training.history import History
from tinygrad_edu.training.measuring import Array, Cost, cost_of, measure, set_training

METHODS = ("BFGS", "L-BFGS-B", "CG", "Newton-CG")


def minimize(
    model: Module,
    cost: Cost,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    method: str = "BFGS",
    l2: float = 0.0,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    max_iterations: int = 200,
) -> History:
    """Train a model on all examples at once, by a method of SciPy that finds direction and length of each step itself.

    It lowers C + ½ λ Σ w², the sum over all parameters with two axes or more: weights, but not biases. Cost and
    gradient are compiled, as is the product of the Hessian with a vector that Newton-CG asks for.

    Parameters
    ----------
    model : Module
        A network, such as an `MLP`.
    cost : str or callable
        As for `tinygrad_edu.fit`.
    x : array_like, shape (n, …)
        Examples, one a row.
    y : array_like
        Targets, one a row, or integer labels.
    method : {"BFGS", "L-BFGS-B", "CG", "Newton-CG"}
        L-BFGS-B and CG keep no n × n matrix, and so serve networks with very many parameters.
    l2 : float
        λ ≥ 0, the strength of weight decay.
    validation : (x, y), optional
        Examples that are only measured.
    max_iterations : int
        So many steps at most.

    Returns
    -------
    History
        Cost (without the penalty) and accuracy before the first iteration and after each; an iteration counts as an
        epoch. ``history.advice`` says if it was still on its way. Ctrl-C ends the run early and leaves the parameters
        of the last whole iteration.

    Raises
    ------
    ValueError
        If ``method`` is unknown, ``l2`` is negative, or x and y do not fit.
    TypeError
        If ``model`` is no network with parameters, or an argument is of another kind than it should be.
    ImportError
        If SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> net = tg.nn.MLP([1, 5, 1], "tanh", output="identity", rng=0)
    >>> history = tg.optim.minimize(net, "quadratic", x, np.sin(3 * x))
    >>> history.cost[-1] < 1e-4
    True
    """
    if not isinstance(model, Module) or not model.parameters():
        raise TypeError(f"minimize: model must be a network with parameters, not {shown(model)}; as in MLP([2, 3, 1])")
    if method not in METHODS:
        raise ValueError(unknown_name("minimize: method", method, METHODS))
    check_number("minimize", "l2", l2, "0 or more", lambda strength: strength >= 0)
    check_whole("minimize", 0, max_iterations=max_iterations)
    cost_named(cost, "minimize: cost")
    xs, ys = map(np.asarray, examples("minimize", "x", "y", x, y))  # of a file, all: every step is for all examples
    held_out = None if validation is None else held_out_of("minimize", validation)
    search = _Search(model, cost, xs, ys, float(l2), held_out)
    try:
        copy_context().run(search.run, method, max_iterations)
    except KeyboardInterrupt:
        search.history.interrupted = True
    model.unflatten(search.reached)
    return search.history


class _Search:
    """What SciPy calls: cost, gradient and Hessian as functions of one vector, and a look after every iteration."""

    def __init__(self, model: Module, cost: Cost, x: Array, y: Array, l2: float, held_out: Any) -> None:
        self.model, self.cost, self.x, self.y, self.held_out = model, cost, x, y, held_out
        self.history = History()
        self.reached = model.flatten()
        parts = model, cost, model.parameters(), l2
        self._slopes = compile(partial(_slopes, *parts))
        self._curvature = compile(partial(_curvature, *parts))

    def run(self, method: str, max_iterations: int) -> None:
        """Search, from where the parameters are."""
        optimize = _scipy_optimize()
        set_training(self.model, False)
        self._look()
        if not max_iterations:
            return
        found = optimize.minimize(
            self.value_and_gradient,
            self.reached,
            jac=True,
            method=method,
            hessp=self.curvature if method == "Newton-CG" else None,
            callback=self.after_iteration,
            options={"maxiter": max_iterations},
        )
        if not found.success and found.nit >= max_iterations:
            self.history.advice = (
                f"After {found.nit} iterations {method} was still on its way; go on with another call, or more "
                "max_iterations.",
            )

    def value_and_gradient(self, vector: Array) -> tuple[float, Array]:
        """C with the penalty, and its gradient, as a vector."""
        self.model.unflatten(vector)
        C, grads = self._slopes(self.x, self.y)
        return float(C), _joined(grads)

    def curvature(self, vector: Array, direction: Array) -> Array:
        """The Hessian times a direction."""
        parameters = self.model.parameters()
        parts = np.split(direction, np.cumsum([p.size for p in parameters])[:-1])
        self.model.unflatten(vector)
        return _joined(
            self._curvature([part.reshape(p.shape) for p, part in zip(parameters, parts, strict=True)], self.x, self.y)
        )

    def after_iteration(self, vector: Array) -> None:
        """Measure where an iteration has led."""
        self.model.unflatten(vector)
        self._look()
        self.reached = vector.copy()

    def _look(self) -> None:
        measure(self.history, self.model, self.x, self.y, self.cost, self.held_out, who="minimize")


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise ImportError('minimize needs SciPy: pip install "tinygrad_edu[scipy]"') from error
    return optimize


def _joined(grads: list[Any]) -> Array:
    return np.concatenate([np.asarray(g, float).ravel() for g in grads])


def _slopes(model: Module, cost: Cost, params: list[Tensor], l2: float, x: Any, y: Any) -> tuple[Any, list[Any]]:
    """C with the penalty, and its gradient at each parameter, recorded."""
    C, _ = cost_of(model, x, y, cost, who="minimize")
    weights = [p for p in params if p.ndim > 1]
    if l2 and weights:
        C = C + penalty(weights, l2)
    if not isinstance(C, Tensor) or not C.requires_grad:
        raise TypeError("minimize: the cost does not depend on any parameter of the model, so nothing can be learned")
    found = gradients(C, np.ones(C.shape, C.dtype), params, create_graph=True)
    return C, [found[p] if p in found else np.zeros(p.shape) for p in params]


def _curvature(
    model: Module, cost: Cost, params: list[Tensor], l2: float, directions: list[Any], x: Any, y: Any
) -> list[Any]:
    """The Hessian times a direction: the gradient of Σ direction · gradient."""
    _, slopes = _slopes(model, cost, params, l2, x, y)
    along = sum(np.sum(g * v) for g, v in zip(slopes, directions, strict=True))
    found = gradients(along, np.ones(()), params, create_graph=True)
    return [found[p] if p in found else np.zeros(p.shape) for p in params]
