"""The checks: what autograd finds, against formulas derived by hand and against witnesses that know no derivatives.

`backprop` compares the gradients of a network with BP1–BP4, `gradients` those of any function with numbers, and
`learning_speed` reads from the same formulas how fast each layer learns. `witnesses` holds the finite differences and
the complex step, `report` what all reports have in common.
"""

from tinygrad_edu.check.backprop import WITNESS_TOLERANCE, BackpropReport, Row, check_backprop
from tinygrad_edu.check.gradients import Derivative, GradientReport, check_grads
from tinygrad_edu.check.learning_speed import DemonStep, LayerSpeed, LearningReport, learning_report

__all__ = [
    "WITNESS_TOLERANCE",
    "BackpropReport",
    "DemonStep",
    "Derivative",
    "GradientReport",
    "LayerSpeed",
    "LearningReport",
    "Row",
    "check_backprop",
    "check_grads",
    "learning_report",
]
