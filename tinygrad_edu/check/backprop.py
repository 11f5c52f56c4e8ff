"""The check: what autograd finds on the recorded graph, against BP1–BP4 derived by hand.

Two witnesses stand against autograd: the formulas of `tinygrad_edu.backprop`, which know nothing of graphs, and finite
differences of the cost, which know nothing of derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import backprop as by_hand
from tinygrad_edu.backprop.arguments import Problem
from tinygrad_edu.check.arguments import network_problem, title, two_passes
from tinygrad_edu.check.layers import Layer, layers_of, plain
from tinygrad_edu.check.witnesses import ONE_SIDED, UNSEEN, NetworkCost, slope_of_cost
from tinygrad_edu.costs import FROM_LOGITS, cost_named
from tinygrad_edu.engine import gradients, recording
from tinygrad_edu.equations.recompute import ULPS
from tinygrad_edu.equations.words import applied, formula
from tinygrad_edu.nn import Module
from tinygrad_edu.tables import Part, Report
from tinygrad_edu.tensor import Tensor

Array = npt.NDArray[Any]

WITNESS_TOLERANCE = 1e-4
"""Allowed relative error of finite differences, which are no better than that with large curvature."""

REMARKS = {
    ONE_SIDED: "* The move leads across a corner or a jump of σ, or of a clipped logarithm. The difference is taken on"
    "\n  the side to which each unit belongs: z = 0 is on the left of relu, where σ′ = 0.",
    UNSEEN: "? Finite differences cannot see this gradient: C is too flat or too curved, or its rounding too large,"
    "\n  or a unit is at a corner of a σ of your own.",
}


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
    mark : str
        "*" if the finite difference led a unit across a corner or a jump (relu at z = 0), so that it was taken on the
        side to which the unit belongs; "?" if the cost is too flat or too curved for finite differences to see it.
    """

    quantity: str
    equation: str
    formula: str
    shape: tuple[int, ...]
    difference: float
    error: float
    witness: float | None
    mark: str = ""


@dataclass(frozen=True, repr=False)
class BackpropReport(Report):
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

    @property
    def verdict(self) -> str:
        """The last line."""
        return (
            f"Autograd and BP1–BP4 {'agree' if self.ok else 'DO NOT AGREE'}: the largest error is "
            f"{self.max_error:.1e} of S, {self.tolerance:.0e} is allowed."
        )

    def parts(self) -> list[Part]:
        """The table of all quantities, and the verdict."""
        rows = [("quantity", "equation", "shape", "max |auto − hand|", "÷ S", "fin. diff.")]
        for row in self.rows:
            witness = "" if row.witness is None else f"{row.witness:.0e} {row.mark}".rstrip()
            equation = f"{row.equation:<7} {row.formula}"
            rows.append((row.quantity, equation, str(row.shape), f"{row.difference:.1e}", f"{row.error:.1e}", witness))
        return [
            f"{self.title}, C = {self.cost:.6g}",
            rows,
            *(text for mark, text in REMARKS.items() if any(row.mark == mark for row in self.rows)),
            self.verdict,
        ]


def check_backprop(mlp: Module, x: npt.ArrayLike, y: npt.ArrayLike, cost: str = "quadratic") -> BackpropReport:
    """Compare autograd with the four backpropagation equations, layer by layer and equation by equation.

    Parameters
    ----------
    mlp : MLP, or Sequential of Linear and activation functions
        The network. Its parameters and their ``.grad`` are left as they are.
    x : array_like, shape (n, n_in)
        A batch of examples.
    y : array_like, shape (n, n_out), or integer labels of shape (n,)
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
        If ``mlp`` is another kind of network, the shapes do not fit, ``cost`` is unknown, or a number is NaN or
        infinite.

    Notes
    -----
    The error δ^l = ∂C/∂z^l of autograd is the gradient at the node z^l of the recorded graph. Differences are measured
    in units of S, the same equation evaluated with absolute values: rounding errors are proportional to the numbers
    that are added, not to what is left of them when they cancel, or when a unit saturates.

    Finite differences know no conventions: relu′(0) = 0 is one. Where the move of a quantity leads a unit across a
    corner or a jump of its activation function, the difference is taken on the side to which the unit belongs (for
    relu z ≤ 0, or z > 0), as if that piece of the function went on. The report marks these with an asterisk.

    Of an activation function of your own nobody has derived σ′ by hand. The formulas then take σ′ from autograd, of σ
    alone, and finite differences are what confirms it.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> report = tg.check_backprop(tg.nn.MLP([2, 3, 1], rng=0), np.eye(2), np.array([[0.0], [1.0]]))
    >>> report.ok
    True
    """
    given, layers = network_problem("check_backprop", mlp, x, y, cost), layers_of("check_backprop", mlp)
    hand = two_passes("check_backprop", given, cost)
    *activation, output = given.names
    scale = by_hand.scales(*given[:4], activation=activation, output=output, cost=cost)
    auto = _autograd(layers, given, cost)
    _check_call(mlp, given.x, auto.a[-1])
    C, rng = NetworkCost(given, hand, cost), np.random.default_rng(0)
    rows: list[Row] = []

    def compare(kind: str, l: int, quantity: str, tag: str) -> None:
        i = l if kind == "a" else l - 1
        mine, theirs, S = (getattr(result, kind)[i] for result in (auto, hand, scale))
        difference = np.abs(mine - theirs)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # Below the smallest normal number, the fewer digits are left the smaller it is.
            error = np.where(difference == 0, 0, difference / np.maximum(np.abs(S), np.finfo(S.dtype).tiny))
        witness: tuple[float | None, str] = (None, "")
        if kind not in ("z", "a"):
            v = rng.normal(size=mine.shape)
            witness = slope_of_cost(C, kind, i, mine, scale, hand.cost, WITNESS_TOLERANCE, v)
        if kind == "a":
            written = applied(layers[l - 1].name, f"z{l}")
        else:
            written = formula(
                "z" if kind == "z" else tag, l, output=output if isinstance(output, str) else "", cost=cost
            )
        rows.append(Row(quantity, tag, written, theirs.shape, float(difference.max()), float(error.max()), *witness))

    L = len(given.weights)
    for l in range(1, L + 1):
        compare("z", l, f"z{l}", "forward")
        compare("a", l, f"a{l}", "forward")
    for l in range(L, 0, -1):
        compare("delta", l, f"δ{l}", "BP1" if l == L else "BP2")
        compare("grad_biases", l, f"∂C/∂b{l}", "BP3")
        compare("grad_weights", l, f"∂C/∂W{l}", "BP4")
    tolerance = ULPS * float(np.finfo(given.weights[0].dtype).eps)
    return BackpropReport(rows, hand.cost, tolerance, title(given, cost))


def _check_call(mlp: Module, x: Array, outputs: Array) -> None:
    """Raise if the network, called, gives other outputs than its layers in a row."""
    called = plain(mlp(x))
    if called.shape != outputs.shape or not np.allclose(called, outputs, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ValueError(
            f"check_backprop: mlp, a {type(mlp).__name__}, gives other outputs than its layers in a row, as BP1–BP4 "
            "take it; tg.check_grads checks the gradients of any model"
        )


def _autograd(layers: list[Layer], given: Problem, cost: str) -> by_hand.Backprop:
    """The same quantities as `backprop.backprop` gives, from one recorded graph."""
    z: list[Tensor] = []
    a: list[Any] = [given.x]
    with recording(True):
        for layer in layers:
            z.append(layer.linear(a[-1]))
            a.append(layer.sigma(z[-1]))
        stable = FROM_LOGITS.get((name, cost)) if isinstance(name := given.names[-1], str) else None
        C = stable(z[-1], given.y) if stable else cost_named(cost, "check_backprop: cost")(a[-1], given.y)
    W, b = ([getattr(layer.linear, letter) for layer in layers] for letter in ("W", "b"))
    targets = {*z, *W, *b}
    # A step function cuts the graph: what lies before it has gradient zero.
    found = gradients(C, np.ones((), C.dtype), targets) if isinstance(C, Tensor) and C.requires_grad else {}

    def at(tensors: list[Tensor]) -> list[Array]:
        return [np.asarray(found.get(t, np.zeros(t.shape, t.dtype))) for t in tensors]

    return by_hand.Backprop(float(C.item()), [t.value for t in z], list(map(plain, a)), at(z), at(W), at(b))
