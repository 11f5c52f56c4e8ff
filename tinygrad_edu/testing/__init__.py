"""For tests of your own: random networks and batches, and assertions about gradients.

The strategies are for Hypothesis (``pip install "tinygrad_edu[testing]"``), which calls a test with many random values
and shows the smallest with which it fails ::

    from hypothesis import given
    import tinygrad_edu as tg

    @given(tg.testing.problems())
    def test_my_backpropagation(problem):
        net, x, y, cost = problem
        ...

Numbers have two decimals at most, and a failing example shrinks to small networks with round numbers. What hides
mistakes is left out unless it is asked for: biases of 0, layers of equal widths, a batch of one example or of as many
as a layer is wide, units that are saturated, dead, or at a corner of their activation function.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_edu.testing.backprop import assert_matches_backprop
    from tinygrad_edu.testing.gradients import assert_gradients_match
    from tinygrad_edu.testing.numbers import arrays
    from tinygrad_edu.testing.strategies import Problem, activations, batches, costs, networks, problems

__all__ = [
    "Problem",
    "activations",
    "arrays",
    "assert_gradients_match",
    "assert_matches_backprop",
    "batches",
    "costs",
    "networks",
    "problems",
]

_FILE_OF = {"arrays": "numbers", "assert_gradients_match": "gradients", "assert_matches_backprop": "backprop"}


def __getattr__(name: str) -> Any:
    """The strategies and assertions are loaded when they are first used, and Hypothesis with them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_FILE_OF.get(name, 'strategies')}"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(f'tg.testing.{name} needs Hypothesis: pip install "tinygrad_edu[testing]"') from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
