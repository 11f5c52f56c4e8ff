"""The state of a run in a file, from which `fit` goes on as if it had not been interrupted.

An .npz file without pickle: the arrays of the model and of the optimiser, and one member of JSON with the history and
the states of the generators of random numbers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import replace_values
from tinygrad_edu.nn import Module
from tinygrad_edu.nn.saving import read_arrays, write_arrays
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.training.history import History
from tinygrad_edu.training.stopping import Best

Array = npt.NDArray[Any]


def tensors_of(model: Any, optimizer: Optimizer) -> dict[str, Tensor]:
    """All that a run changes: the tensors of the model, and parameters that only the optimiser knows of."""
    named = model.named_tensors() if isinstance(model, Module) else {}
    known = set(named.values())
    return named | {f"parameter {i}": p for i, p in enumerate(optimizer.params) if p not in known}


class Checkpoint:
    """What a run is made of, to be saved and loaded as a whole.

    Parameters
    ----------
    path : str or path-like
    optimizer, generator, schedule, history, best
        The parts of the run.
    model : callable
    settings : dict
        What must be the same in the run that goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Any,
        optimizer: Optimizer,
        generator: np.random.Generator,
        schedule: Any,
        history: History,
        best: Best,
        settings: dict[str, Any],
    ) -> None:
        self.path = Path(path)
        self.optimizer, self.schedule, self.history, self.best = optimizer, schedule, history, best
        self.settings = settings
        self.tensors = tensors_of(model, optimizer)
        self.generators = {"shuffling": generator, **_generators_in(model)}

    def save(self, stopped: bool) -> None:
        """Write the state of now; whatever goes wrong, the old file stays."""
        about = {
            "settings": self.settings,
            "stopped": stopped,
            "lr": self.optimizer.lr,
            "schedule": getattr(self.schedule, "last_epoch", None),
            "history": {name: values for name, values in vars(self.history).items() if isinstance(values, list)},
            "generators": {name: g.bit_generator.state for name, g in self.generators.items()},
            "best": self.best.entry,
        }
        text = json.dumps(about, default=lambda array: array.tolist())
        write_arrays(self.path, self._arrays(), {"run.json": text})

    def load(self) -> bool:
        """Set everything as it was saved; whether the run was stopped by a callback.

        Raises
        ------
        ValueError
            If the file is damaged, or of another run; then nothing is changed.
        """
        arrays, texts = read_arrays("fit: checkpoint", self.path, self._arrays(), ("run.json",))
        about = self._understood(texts["run.json"])
        for name, generator in self.generators.items():
            generator.bit_generator.state = about["generators"][name]
        replace_values([(t, arrays[f"model/{name}"]) for name, t in self.tensors.items()])
        self.optimizer.state = [
            tuple(arrays[f"optimizer/{i}/{j}"] for j in range(len(state)))
            for i, state in enumerate(self.optimizer.state)
        ]
        if self.schedule is not None:
            self.schedule.set_epoch(about["schedule"])
        self.optimizer.lr = about["lr"]
        for name, values in about["history"].items():
            getattr(self.history, name)[:] = values
        self.best.entry = about["best"]
        self.best.values = {name: arrays[f"best/{name}"] for name in self.best.tensors}
        return bool(about["stopped"])

    def _understood(self, text: str) -> dict[str, Any]:
        try:
            about: dict[str, Any] = json.loads(text)
            others = {name: about["settings"][name] for name in self.settings}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"fit: the checkpoint {self.path.name} is damaged, or was written by something else ({error}); delete "
                "it, or give another file"
            ) from error
        for name, value in self.settings.items():
            if others[name] != value:
                raise ValueError(
                    f"fit: the checkpoint {self.path.name} is of a run with {name} {others[name]!r}, not {value!r}; "
                    "go on with the same arguments, or give another file"
                )
        return about

    def _arrays(self) -> Mapping[str, Array]:
        """The arrays of the run, by name; the best so far are those of now before anything was measured."""
        arrays = {f"model/{name}": t.value for name, t in self.tensors.items()}
        for i, state in enumerate(self.optimizer.state):
            arrays |= {f"optimizer/{i}/{j}": np.asarray(part) for j, part in enumerate(state)}
        return arrays | {f"best/{name}": self.best.values.get(name, t.value) for name, t in self.best.tensors.items()}


def _generators_in(model: Any) -> dict[str, np.random.Generator]:
    """The generators of random numbers among the attributes of a model's modules."""
    modules = model.named_modules() if isinstance(model, Module) else {}
    return {
        f"{path}.{name}": value
        for path, module in modules.items()
        for name, value in vars(module).items()
        if isinstance(value, np.random.Generator)
    }
