"""`fit`: training by mini-batches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.compiler.compiled import BACKENDS
from tinygrad_edu.compiler.program import import_numba
from tinygrad_edu.costs import cost_named
from tinygrad_edu.errors import check_number, check_whole, shown, unknown_name
from tinygrad_edu.nn.initializers import generator_of
from tinygrad_edu.optim import LambdaLR, Optimizer
from tinygrad_edu.training.advice import advice, warn_of_targets
from tinygrad_edu.training.checkpoint import Checkpoint, tensors_of
from tinygrad_edu.training.examples import examples, held_out_of
from tinygrad_edu.training.history import History
from tinygrad_edu.training.measuring import Cost, InParts, Model
from tinygrad_edu.training.run import Run
from tinygrad_edu.training.sharded_step import ShardedStep
from tinygrad_edu.training.shards import Executor
from tinygrad_edu.training.step import Step
from tinygrad_edu.training.stopping import Best
from tinygrad_edu.training.stored import Stored
from tinygrad_edu.training.weights import example_weights


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
    backend: str = "numpy",
    measure_every: int = 1,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Mapping[int, float] | npt.ArrayLike | str | None = None,
    clip_norm: float | None = None,
    schedule: LambdaLR | None = None,
    callbacks: Sequence[Callable[[History], Any]] = (),
    keep_best: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    shards: int | None = None,
) -> History:
    """Train a model by mini-batches: shuffle, cut into batches, and for each take one step down the gradient.

    Parameters
    ----------
    model : callable
        Outputs from a batch, such as an `MLP`. With the pairs sigmoid + binary_cross_entropy and softmax +
        cross_entropy the cost is computed stably from the weighted inputs of a network that says which these are (see
        `tinygrad_edu.nn.split`), as an `MLP` and a `Sequential` do.
    x : array_like, shape (n, …)
        Examples, one a row. A `numpy.memmap`, or an HDF5 or Zarr array, is read by rows, and never as a whole if
        ``model`` is a network.
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
        after a warning that says why; one with `Dropout` or `BatchNorm1d` in it, without.
    backend : {"numpy", "numba", "auto"}
        What runs the compiled steps. With "numba" (``pip install "tinygrad_edu[fast]"``) a whole epoch is one function
        in machine code, which takes some seconds to make; Ctrl-C then ends the run between two epochs. It pays off for
        many steps of a small network. "auto" makes both, times them in the first epoch, and keeps the faster one. The
        last mini-batch of an epoch, where it is smaller, is NumPy's.
    measure_every : int
        After so many epochs cost and accuracy are measured, and callbacks and checkpoint have their turn; after the
        last epoch in any case. Measuring takes about as long as a third of an epoch of steps.
    sample_weight : array_like, shape (n,), optional
        How much each example counts: the cost of a batch is Σₓ wₓ Cₓ / Σₓ wₓ. Validation examples count the same.
    class_weight : dict, array_like or "balanced", optional
        How much the examples of each class count; "balanced" lets all classes count the same.
    clip_norm : float, optional
        The longest gradient: that of all parameters together is scaled down to this norm.
    schedule : one of the schedules in `tinygrad_edu.optim`, optional
        Takes a step after each epoch.
    callbacks : sequence of callable
        Each is called with the history after each epoch that is measured; if one returns true, the run ends
        (`early_stopping`).
    keep_best : bool
        Whether the model ends with the parameters of the epoch with the lowest validation cost (or cost, where nothing
        is held out) instead of the last.
    checkpoint : str or path-like, optional
        A file to which the whole state of the run is written after each epoch.
    resume : bool
        Whether to go on from that file, if it is there. Called again with the same arguments, after a crash for
        example, `fit` then ends with the same bits as if it had not been interrupted.
    executor : concurrent.futures.Executor, optional
        Its workers compute the gradients of the parts of a mini-batch (see `tinygrad_edu.sharded`). Each is sent model,
        cost and examples once, or where the file of the examples is, and then parameters and the numbers of rows.
    shards : int, optional
        Into how many parts a mini-batch is cut; needed with an executor. The bits depend on it, but not on the executor
        and its workers: without one, the parts are computed here. The cost must be a mean over the examples, and the
        model must treat each by itself, which is checked with the first mini-batch; models with `Dropout` or
        `BatchNorm1d` are refused, and so is a backend other than "numpy".

    Returns
    -------
    History
        Cost and accuracy before the first epoch and after each (that is measured). Ctrl-C ends the run early: the
        history so far is returned, and parameters and optimiser are as the last whole step left them. Only while the
        arguments are being checked, before anything is measured or moved, does it come through as KeyboardInterrupt.

    Raises
    ------
    ValueError
        If x and y have different lengths or none, if x or y contain NaN or infinity, if batch_size < 1 or epochs < 0,
        if cost is unknown, or if it takes probabilities and the outputs are none; if weights do not fit, or the
        checkpoint is of another run.
    TypeError
        If x or y are not numbers, if an argument is of another kind than it should be, or if the cost depends on no
        parameter.
    FileExistsError
        If the checkpoint is there already, and ``resume`` is not set.
    """
    xs, ys = examples("fit", "x", "y", x, y)
    flags = {"progress": progress, "compiled": compiled, "keep_best": keep_best, "resume": resume}
    for name, value in flags.items():
        if not isinstance(value, int | np.bool_):
            raise TypeError(f"fit: {name} must be True or False, not {shown(value)}")
    held_out = None if validation is None else held_out_of("fit", validation)
    _check(model, optimizer, cost)
    check_whole("fit", 0, epochs=epochs)
    check_whole("fit", batch_size=batch_size, measure_every=measure_every)
    order = generator_of(rng, "fit: rng")
    weights = example_weights(ys, sample_weight, class_weight, cost_named(cost, "fit: cost"))
    _check_backend(backend, compiled, executor is not None or shards is not None or isinstance(xs, Stored))
    _check_extras(optimizer, clip_norm, schedule, callbacks)
    history, best = History(), Best(tensors_of(model, optimizer) if keep_best else {})
    file = None
    if checkpoint is not None:
        settings = {"cost": str(cost), "batch_size": batch_size, "examples": len(xs)}
        settings |= {} if shards is None else {"shards": shards}
        file = Checkpoint(checkpoint, model, optimizer, order, schedule, history, best, settings)
    stopped = _resumed(file, resume)
    step = (
        Step(model, cost, optimizer, compiled, clip_norm, backend)
        if executor is None and shards is None
        else ShardedStep(model, cost, optimizer, compiled, clip_norm, executor, shards)
    )
    run = Run(
        model,
        cost,
        (xs, ys, weights),
        held_out,
        step,
        InParts(step.is_compiled),
        measure_every,
        order,
        history,
        best,
        schedule,
        callbacks,
        file,
        stopped,
    )

    def whole() -> None:
        outputs = run.begin()
        warn_of_targets(model, xs, ys)
        with _bar(epochs, progress) as bar:
            outputs = run.train(epochs, batch_size, bar, outputs)
        history.advice = advice(history, model, xs, ys, outputs, cost)
        run.finish()
        if progress:
            for sentence in history.advice:
                print(sentence, file=sys.stderr)  # where the bar is

    try:
        copy_context().run(whole)  # a copy: whatever Ctrl-C leaves open there (no_grad, a scope) ends with it
        return history
    except KeyboardInterrupt:
        history.interrupted = True
        run.finish()
        return history


def _resumed(file: Checkpoint | None, resume: bool) -> bool:
    """Go on from the file, if that is wanted and it is there; whether the run that it is of was stopped."""
    if file is None:
        if resume:
            raise ValueError("fit: resume=True needs the file to go on from, as in checkpoint='run.npz'")
        return False
    if resume and file.path.exists():
        return file.load()
    if file.path.exists():
        raise FileExistsError(
            f"fit: the checkpoint {file.path.name} is there already; resume=True goes on from it, or delete it first"
        )
    return False


def _check_backend(backend: str, compiled: bool, in_parts: bool) -> None:
    """Raise for an unknown one, or one that cannot run; ``in_parts``: not all in this process and in memory."""
    if backend not in BACKENDS:
        raise ValueError(unknown_name("fit: backend", backend, BACKENDS))
    if backend == "numba":
        import_numba("fit")
    if backend != "numpy" and not compiled:
        raise ValueError(f"fit: backend={backend!r} is what runs compiled steps, but compiled is False; leave out one")
    if backend != "numpy" and in_parts:
        raise ValueError(
            f"fit: backend={backend!r} is for whole epochs in one process, of examples in memory or a numpy.memmap; "
            "leave it out with executor and shards, and with HDF5 and Zarr"
        )


def _check_extras(optimizer: Optimizer, clip_norm: Any, schedule: Any, callbacks: Any) -> None:
    if clip_norm is not None:
        check_number("fit", "clip_norm", clip_norm, "positive", lambda norm: norm > 0)
    if schedule is not None and not isinstance(schedule, LambdaLR):
        raise TypeError(f"fit: schedule must be one of tg.optim, such as StepLR(optimizer, 10), not {shown(schedule)}")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError("fit: schedule is of another optimizer than this one, whose learning rate would stay as it is")
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(f"fit: callbacks must be a list of functions of the history, not {shown(callbacks)}")


def _check(model: Any, optimizer: Any, cost: Any) -> None:
    """Raise where these are not what they should be."""
    if not callable(model) or isinstance(model, type):
        what = f"the class {model.__name__}" if isinstance(model, type) else repr(model)
        raise TypeError(f"fit: model must be a network, or a function of a batch, not {what}; as in MLP([2, 3, 1])")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit: optimizer must be one of tg.optim, over the model's parameters, not {optimizer!r}; as in "
            "tg.optim.SGD(net.parameters(), lr=0.5)"
        )
    cost_named(cost, "fit: cost")


def _bar(epochs: int, progress: bool) -> Any:
    import warnings

    from tqdm import TqdmExperimentalWarning, TqdmWarning

    with warnings.catch_warnings():  # in a notebook without widgets tqdm says so, and shows a bar of text
        warnings.simplefilter("ignore", TqdmWarning)
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        from tqdm.auto import tqdm
    return tqdm(total=epochs, desc="training", unit="epoch", disable=not progress)
