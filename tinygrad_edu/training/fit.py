"""`fit`: training by mini-batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.costs import cost_named
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.training.history import History
from tinygrad_edu.training.measuring import Array, Cost, Model, measure
from tinygrad_edu.training.step import Step


def fit(
    model: Model,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    cost: Cost,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
    compiled: bool = True,
) -> History:
    """Train a model by mini-batches: shuffle, cut into batches, and for each take one step down the gradient.

    Parameters
    ----------
    model : callable
        Outputs from a batch, such as an `MLP`. With the pairs sigmoid + binary_cross_entropy and softmax +
        cross_entropy the cost is computed stably from the weighted inputs of a network that says which these are (see
        `tinygrad_edu.nn.split`), as an `MLP` and a `Sequential` do.
    x : array_like, shape (n, …)
        Examples, one a row.
    y : array_like
        Targets, one a row, or integer labels.
    cost : str or callable
        A name in `tinygrad_edu.costs`, or a function C(a, y).
    optimizer : Optimizer
        Over the model's parameters.
    epochs : int
        Passes over the examples.
    batch_size : int
        Examples in a mini-batch; the last may be smaller.
    validation : (x, y), optional
        Examples that are only measured.
    rng : int, numpy.random.Generator or None
        Source or seed of the shuffling: the same seed on the same machine gives the same bits.
    progress : bool
        Whether to show a progress bar.
    compiled : bool
        Whether to compile the step (see `tinygrad_edu.compile`): model and cost then run as Python once for every
        shape of mini-batch, and later as the program that came out. A model that cannot be compiled is run as it is,
        after a warning that says why.

    Returns
    -------
    History
        Cost and accuracy before the first epoch and after each. Ctrl-C ends the run early: the history so far is
        returned, and the parameters are those of the last step.

    Raises
    ------
    ValueError
        If x and y have different lengths or none, if x or y contain NaN or infinity, if batch_size < 1 or epochs < 0,
        or if cost is unknown.
    TypeError
        If x or y are not numbers, or if the cost depends on no parameter.
    """
    x, y = _examples("x", "y", x, y)
    held_out = None if validation is None else _examples("validation x", "validation y", *validation)
    if not isinstance(batch_size, int | np.integer) or not isinstance(epochs, int | np.integer):
        raise TypeError(f"fit: batch_size and epochs must be integers, not {batch_size!r} and {epochs!r}")
    if batch_size < 1:
        raise ValueError(f"fit: batch_size must be at least 1, not {batch_size}")
    if epochs < 0:
        raise ValueError(f"fit: epochs must be 0 or more, not {epochs}")
    cost_named(cost, "fit: cost")
    generator = np.random.default_rng(rng)
    history = History()
    step = Step(model, cost, optimizer, compiled)

    with _bar(epochs, progress) as bar:
        try:
            measure(history, model, x, y, cost, held_out)
            for _ in range(epochs):
                order = generator.permutation(len(x))
                for start in range(0, len(x), batch_size):
                    batch = order[start : start + batch_size]
                    step(x[batch], y[batch])
                measure(history, model, x, y, cost, held_out)
                bar.set_postfix_str(history.latest(), refresh=False)
                bar.update()
        except KeyboardInterrupt:
            history.interrupted = True
    return history


def _bar(epochs: int, progress: bool) -> Any:
    import warnings

    from tqdm import TqdmExperimentalWarning, TqdmWarning

    with warnings.catch_warnings():  # in a notebook without widgets tqdm says so, and shows a bar of text
        warnings.simplefilter("ignore", TqdmWarning)
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        from tqdm.auto import tqdm
    return tqdm(total=epochs, desc="training", unit="epoch", disable=not progress)


def _examples(name_x: str, name_y: str, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"fit: {name_x} of shape {x.shape} and {name_y} of shape {y.shape} need one row per example each"
        )
    if len(x) == 0:
        raise ValueError(f"fit: {name_x} is empty (shape {x.shape}); there is nothing to learn from")
    for name, values in ((name_x, x), (name_y, y)):
        if values.dtype.kind not in "fiub":
            raise TypeError(f"fit: {name} must be real numbers, not of dtype {values.dtype}")
        finite = np.isfinite(values)
        if not finite.all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            raise ValueError(f"fit: {name} has {values[place]} at index {place}; drop or fill such rows first")
    return x, y
