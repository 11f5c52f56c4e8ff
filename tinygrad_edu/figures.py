"""What all plots share: a figure of matplotlib (``pip install "tinygrad_edu[plots]"``), and its colours."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
COLORS = (BLUE, ORANGE, GREEN, "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")  # Okabe and Ito's palette


def new_figure(width: float, height: float = 3.4) -> Any:
    """A figure outside pyplot, so that nothing is shown twice or kept in memory; a notebook shows it all the same."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "tinygrad_edu[plots]"') from None
    figure: Any = Figure(figsize=(width, height), layout="constrained")
    figure._repr_png_ = partial(_png, figure)
    return figure


def _png(figure: Any) -> tuple[bytes, dict[str, int]]:
    """For notebooks: the picture, and how wide to show it. It has twice as many pixels, to be sharp on any screen."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=200)
    return picture.getvalue(), {"width": round(100 * figure.get_figwidth())}


def whole_numbers(axes: Any) -> None:
    """There is no epoch 2.5."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
