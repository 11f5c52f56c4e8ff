"""The check: what autograd finds on the recorded graph, against BP1–BP4 derived by hand.

Two witnesses stand against autograd: the formulas of `tinygrad_edu.backprop`, which know nothing of graphs, and finite
differences of the cost, which know nothing of derivatives.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.costs import FROM_LOGITS, cost_named
from tinygrad_edu.engine import gradients, recording
from tinygrad_edu.equations.recompute import ULPS
from tinygrad_edu.equations.words import applied, formula
from tinygrad_edu.nn import MLP
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import leaves_of, tree_map, vjp

Array = npt.NDArray[Any]

WITNESS_TOLERANCE = 1e-4
"""Allowed relative error of finite differences, which are no better than that near a kink or with large curvature."""


@dataclass(frozen=True)
class Row:
    """One quantity of the report.

    Attributes
    ----------
    quantity, equation : str
        Such as "δ2" and "BP1".
    formula : str
        The equation written out.
    shape : tuple of int
    difference : float
        max |auto − hand|.
    error : float
        max |auto − hand| / S, where S is the same equation evaluated with absolute values.
    witness : float or None
        Relative error of autograd against a finite difference of C in a random direction; None for values.
    """

    quantity: str
    equation: str
    formula: str
    shape: tuple[int, ...]
    difference: float
    error: float
    witness: float | None


@dataclass(frozen=True)
class BackpropReport:
    """The result of `check_backprop`. ``str(report)`` is a table.

    Attributes
    ----------
    rows : list of Row
        Forward by rising layer, then backward by falling layer.
    cost : float
        The cost C.
    tolerance : float
        What ``error`` may reach.
    title : str
    """

    rows: list[Row]
    cost: float
    tolerance: float
    title: str

    @property
    def max_error(self) -> float:
        """The largest |auto − hand| / S of all quantities."""
        return float(np.max([row.error for row in self.rows]))

    @property
    def ok(self) -> bool:
        """Whether autograd, the formulas and finite differences agree everywhere."""
        return all(
            row.error <= self.tolerance and (row.witness is None or row.witness <= WITNESS_TOLERANCE)
            for row in self.rows
        )

    def __str__(self) -> str:
        head = ("quantity", "equation", "shape", "max |auto − hand|", "÷ S", "fin. diff.")
        table = [head]
        for row in self.rows:
            witness = "" if row.witness is None else f"{row.witness:.0e}"
            equation = f"{row.equation:<7} {row.formula}"
            table.append((row.quantity, equation, str(row.shape), f"{row.difference:.1e}", f"{row.error:.1e}", witness))
        widths = [max(len(line[i]) for line in table) for i in range(len(head))]
        lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in table]
        rule = "─" * max(map(len, lines))
        verdict = "agree" if self.ok else "DO NOT AGREE"
        return "\n".join(
            [
                f"{self.title}, C = {self.cost:.6g}",
                rule,
                lines[0],
                rule,
                *(line.rstrip() for line in lines[1:]),
                rule,
                f"Autograd and BP1–BP4 {verdict}: the largest error is {self.max_error:.1e} of S, "
                f"{self.tolerance:.0e} is allowed.",
            ]
        )


def check_backprop(mlp: MLP, x: npt.ArrayLike, y: npt.ArrayLike, cost: str = "quadratic") -> BackpropReport:
    """Compare autograd with the four backpropagation equations, layer by layer and equation by equation.

    Parameters
    ----------
    mlp : MLP
        The network. Its parameters and their ``.grad`` are left as they are.
    x : array_like, shape (n, sizes[0])
        A batch of examples.
    y : array_like, shape (n, sizes[-1]), or integer labels of shape (n,)
        Targets.
    cost : {"quadratic", "binary_cross_entropy", "cross_entropy"}
        The cost function.

    Returns
    -------
    BackpropReport
        ``.ok``, ``.max_error``, ``.rows``; ``str(report)`` is a table.

    Raises
    ------
    TypeError, ValueError
        If ``mlp`` is not an MLP, the shapes do not fit, or ``cost`` is unknown.

    Notes
    -----
    The error δ^l = ∂C/∂z^l of autograd is the gradient at the node z^l of the recorded graph. Differences are measured
    in units of S, the same equation evaluated with absolute values: rounding errors are proportional to the numbers
    that are added, not to what is left of them when they cancel, or when a unit saturates.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> report = tg.check_backprop(tg.nn.MLP([2, 3, 1], rng=0), np.eye(2), np.array([[0.0], [1.0]]))
    >>> report.ok
    True
    """
    if not isinstance(mlp, MLP):
        raise TypeError(f"check_backprop: mlp must be a tinygrad_edu.nn.MLP, not a {type(mlp).__name__}")
    x = mlp.batch(x)
    network: dict[str, Any] = {"activation": mlp.activation, "output": mlp.output}
    weights, biases = [W.value for W in mlp.weights], [b.value for b in mlp.biases]
    hand = by_hand.backprop(weights, biases, x, y, cost=cost, **network)
    scale = by_hand.scales(weights, biases, x, y, cost=cost, **network)
    auto = _autograd(mlp, hand.a[0], y, cost)
    directional = _finite_differences(weights, biases, hand, scale, y, cost, network)

    rows: list[Row] = []

    def compare(kind: str, l: int, quantity: str, equation: str, formula: str) -> None:
        i = l if kind == "a" else l - 1
        mine, theirs, S = (getattr(result, kind)[i] for result in (auto, hand, scale))
        witness = None if kind in ("z", "a") else directional(kind, i, mine)
        difference = np.abs(mine - theirs)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(difference == 0, 0, difference / np.abs(S))
        rows.append(
            Row(quantity, equation, formula, theirs.shape, float(difference.max()), float(error.max()), witness)
        )

    L = len(mlp.layers)
    for l in range(1, L + 1):
        compare("z", l, f"z{l}", "forward", formula("z", l))
        compare("a", l, f"a{l}", "forward", applied(mlp.layers[l - 1].activation, f"z{l}"))
    for l in range(L, 0, -1):
        tag = "BP1" if l == L else "BP2"
        compare("delta", l, f"δ{l}", tag, formula(tag, l, output=mlp.output, cost=cost))
        compare("grad_biases", l, f"∂C/∂b{l}", "BP3", formula("BP3", l))
        compare("grad_weights", l, f"∂C/∂W{l}", "BP4", formula("BP4", l))

    sizes = "-".join(map(str, mlp.sizes))
    title = f"{sizes} network, {len(hand.a[0])} examples, {cost} cost"
    return BackpropReport(rows, hand.cost, ULPS * float(np.finfo(weights[0].dtype).eps), title)


def _autograd(mlp: MLP, x: Array, y: npt.ArrayLike, cost: str) -> by_hand.Backprop:
    """The same quantities as `backprop.backprop` gives, from one recorded graph."""
    z: list[Tensor] = []
    a: list[Any] = [x]
    with recording(True):
        for layer in mlp.layers:
            z.append(layer.weighted_input(a[-1]))
            a.append(layer.activate(z[-1]))
        stable = FROM_LOGITS.get((mlp.output, cost))
        C = stable(z[-1], y) if stable else cost_named(cost, "check_backprop: cost")(a[-1], y)
    targets = {*z, *mlp.weights, *mlp.biases}
    # A step function cuts the graph: what lies before it has gradient zero.
    found = gradients(C, np.ones((), C.dtype), targets) if isinstance(C, Tensor) and C.requires_grad else {}

    def at(tensors: list[Tensor]) -> list[Array]:
        return [np.asarray(found.get(t, np.zeros(t.shape, t.dtype))) for t in tensors]

    values = [t.value if isinstance(t, Tensor) else np.asarray(t) for t in a]
    return by_hand.Backprop(float(_number(C)), [t.value for t in z], values, at(z), at(mlp.weights), at(mlp.biases))


def _number(C: Any) -> float:
    return float(C.item())


def _finite_differences(
    weights: list[Array],
    biases: list[Array],
    hand: by_hand.Backprop,
    scale: by_hand.Backprop,
    y: npt.ArrayLike,
    cost: str,
    network: dict[str, Any],
) -> Callable[[str, int, Array], float]:
    """The second witness: a function that checks a gradient by moving what it belongs to, and looking at C.

    The move h v is along a random direction v, where C should change by h Σ g v. It is so long that C changes in the
    fifth digit, but short for the activation functions; where a kink (relu at 0) lies within, a shorter one decides.
    An error that rounding of C can explain does not count against it.
    """
    rng = np.random.default_rng(0)
    W, b, x = ([array.astype(float) for array in arrays] for arrays in (weights, biases, [hand.a[0]]))
    target = np.asarray(y)
    if target.shape != hand.a[-1].shape:
        target = by_hand.one_hot(target, hand.a[-1].shape[1])

    # How rounding moves C: that of its own terms, and that of every z^l, which reaches it through δ^l.
    noise = scale.cost + sum(float(np.sum(S_d * S_z)) for S_d, S_z in zip(scale.delta, scale.z, strict=True))

    def C(nudge: dict[int, Array], moved_W: list[Array], moved_b: list[Array]) -> float:
        z, a = by_hand.feedforward(moved_W, moved_b, x[0], nudge=nudge, **network)
        return by_hand.total_cost(z[-1], a[-1], target, output=network["output"], cost=cost)

    def moved(kind: str, i: int, step: Array) -> float:
        if kind == "delta":
            return C({i + 1: step}, W, b)
        if kind == "grad_weights":
            return C({}, [*W[:i], W[i] + step, *W[i + 1 :]], b)
        return C({}, W, [*b[:i], b[i] + step, *b[i + 1 :]])

    def witness(kind: str, i: int, g: Array) -> float:
        v = rng.normal(size=g.shape)
        size = float(np.sum(getattr(scale, kind)[i] * np.abs(v)))
        if size == 0:
            return 0.0 if not g.any() else np.inf
        expected = float(np.sum(g * v))
        errors = []
        for digits in (1e-5, 1e-6, 1e-4, 1e-7, 1e-8, 1e-9):
            h = digits * min((1 + abs(hand.cost)) / size, 10)
            slope = (moved(kind, i, h * v) - moved(kind, i, -h * v)) / (2 * h)
            with np.errstate(over="ignore"):
                rounding = 10 * np.finfo(float).eps * np.float64(noise) / h
            error = abs(slope - expected)
            errors.append(error / size if error > rounding else min(error / size, WITNESS_TOLERANCE))
            if errors[-1] <= WITNESS_TOLERANCE / 10:
                break
        return float(min(errors))

    return witness


def check_grads(f: Callable[[Any], Any], x: Any, order: int = 2, *, rng: int | np.random.Generator = 0) -> None:
    """Check the derivatives that autograd finds for a function against two witnesses that know no rules.

    In random directions, one array of ``x`` at a time, autograd is compared with central differences and, where the
    function allows it, with the complex step Im f(x + ihv)/h, which has no rounding error.

    Parameters
    ----------
    f : callable
        Returns one array, computed with NumPy from ``x``.
    x : array_like, or nested lists, tuples and dicts of them
        Where to differentiate; away from kinks and jumps.
    order : int
        Check derivatives up to this order.
    rng : int or numpy.random.Generator
        Source or seed of the directions.

    Raises
    ------
    AssertionError
        If a derivative is wrong; it says of which order and array, and shows both numbers.

    Examples
    --------
    >>> import numpy as np
    >>> check_grads(lambda x: np.tanh(x) @ x, np.array([0.3, -1.2]))
    """
    generator = np.random.default_rng(rng)
    with recording(False):  # tensors that f holds, such as parameters, are constants here
        x = tree_map(_floating, x)
        y = np.asarray(f(x))
        u, w = generator.normal(size=(2, *y.shape))

        def weighted(x: Any) -> Any:
            y = f(x)
            return u * y + w * (y * y)  # y² makes what flows back depend on x, as it does inside a network

        checked: Callable[[Any], Any] = weighted
        for k in range(1, order + 1):
            _check_slope(checked, x, k, generator)
            checked = _slope(checked, tree_map(lambda leaf: generator.normal(size=leaf.shape), x))


def _gradient(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of the sum of f(x), without a sum in the graph: it would hide a wrong rule of `np.sum`."""
    y, pull_back = vjp(f, x)
    return pull_back(np.ones(y.shape))[0]


def _slope(f: Callable[[Any], Any], directions: Any) -> Callable[[Any], Any]:
    """The derivative of the sum of f(x) in a direction, by autograd."""

    def slope(x: Any) -> Any:
        pairs = zip(leaves_of(_gradient(f, x)), leaves_of(directions), strict=True)
        return sum((np.sum(g * v) for g, v in pairs), start=np.zeros(()))

    return slope


def _check_slope(f: Callable[[Any], Any], x: Any, order: int, generator: np.random.Generator) -> None:
    arrays = list(leaves_of(x))
    precise = [a.astype(float) for a in arrays]
    eps = float(np.finfo(np.result_type(float if not arrays else arrays[0], *arrays)).eps)
    for i, (a, g) in enumerate(zip(arrays, leaves_of(_gradient(f, x)), strict=True)):
        v = generator.normal(size=a.shape)
        v /= max(float(np.linalg.norm(v)), 1.0)

        def along(t: complex, i: int = i, v: Array = v) -> Any:
            moved = [b + t * v if j == i else b for j, b in enumerate(precise)]
            return np.sum(f(_rebuilt(x, moved)))

        found, slope = float(np.sum(g * v)), float(np.sum(np.abs(g * v)))
        size = slope + 1e-3 * (1 + abs(float(along(0.0))))
        witnesses = [_central_difference(along, h) for h in (1e-3, 1e-4, 1e-5)]
        nearest = min(witnesses, key=lambda witness: abs(witness - found))
        allowed = max(1e-6, 50 * eps**0.5)
        exact = _complex_step(along)
        if exact is not None and abs(exact - nearest) <= 1e-6 * slope + 1e-10:  # else f is not analytic, as |x| is not
            nearest, allowed = exact, max(1e-9, 1e3 * eps)
        if not abs(nearest - found) <= allowed * size:
            raise AssertionError(
                f"check_grads: derivative of order {order} in array {i} of x (shape {a.shape}), along a random "
                f"direction: autograd finds {found:.10g}, but it is {nearest:.10g}"
            )


def _central_difference(along: Callable[[float], Any], h: float) -> float:
    """The slope at 0 from four points, with an error of h⁴."""
    near, far = (float(along(k * h)) - float(along(-k * h)) for k in (1, 2))
    return (8 * near - far) / (12 * h)


def _complex_step(along: Callable[[complex], Any]) -> float | None:
    """The slope at 0 from one complex point; None if the function does not take one, as most derivatives do not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # the imaginary part would be thrown away
            value = along(1e-30j)
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return None
    return float(np.imag(value)) / 1e-30


def _floating(a: Any) -> Array:
    array: Array = np.asarray(a)
    return array if array.dtype.kind == "f" else array.astype(float)


def _rebuilt(x: Any, arrays: list[Array]) -> Any:
    following = iter(arrays)
    return tree_map(lambda _: next(following), x)
