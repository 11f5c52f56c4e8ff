"""The derivative table: what every NumPy function does to a gradient, grouped as NumPy's manual groups them.

- `elementwise`: one number in, one number out (and two-argument arithmetic).
- `reductions`: sums, products, extrema over axes.
- `linalg`: products of matrices and vectors.
- `shapes`: the same numbers in another arrangement; indexing.
- `expansions`: functions that are short compositions of others; they need no rule.
- `constant`: functions that are flat wherever they have a derivative; no gradient flows through them.
"""

from tinygrad_edu.rules import elementwise, linalg, reductions, shapes
from tinygrad_edu.rules.constant import PIECEWISE_CONSTANT
from tinygrad_edu.rules.expansions import EXPANSIONS, REDUCTIONS

__all__ = ["EXPANSIONS", "PIECEWISE_CONSTANT", "REDUCTIONS", "elementwise", "linalg", "reductions", "shapes"]
