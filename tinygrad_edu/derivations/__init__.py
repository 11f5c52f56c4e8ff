"""Backpropagation on paper: derived for one network, and given as an exercise whose answers are checked.

`steps` holds the equations of a derivation, `derive` shows them as text and typeset. `exercise` draws a network of
small numbers; `answers` judges what was computed by hand, with the `mistakes` that people make.
"""

from tinygrad_edu.derivations.answers import Answer
from tinygrad_edu.derivations.derive import Derivation, derive
from tinygrad_edu.derivations.exercise import Exercise, exercise

__all__ = ["Answer", "Derivation", "Exercise", "derive", "exercise"]
