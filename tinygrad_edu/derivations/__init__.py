"""Backpropagation on paper: derived for one network, and given as an exercise whose answers are checked.

`steps` holds the equations of a derivation, `derive` shows them as text and typeset, by `typeset`.
"""

from tinygrad_edu.derivations.derive import Derivation, derive

__all__ = ["Derivation", "derive"]
