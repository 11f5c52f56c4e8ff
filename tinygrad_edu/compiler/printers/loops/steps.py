"""The text for numba of many steps: one step as a kernel, and a loop over mini-batches around it."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers.containers import Parameters, returned, signature, unpacking
from tinygrad_edu.compiler.printers.layout import Printed, assignments, indented, wrapped
from tinygrad_edu.compiler.printers.loops.kernel import Kernel
from tinygrad_edu.compiler.printers.loops.kinds import CannotTakeError
from tinygrad_edu.compiler.printers.text import literal
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node
from tinygrad_edu.trees import leaves_of


def print_steps(tensors: Sequence[Node], trace: Trace, names: Names, parameters: Parameters) -> Printed:
    """All the steps of `Program.steps` as one function; raises `CannotTakeError`.

    What a step begins with, and what it leaves, are two sets of arrays, which change places after each step.
    """
    kernel = Kernel(trace, names)
    words, name_of = kernel.words, kernel.words.names.of
    new_of = _carried(kernel, tensors, trace)
    ends = {new: old if name_of[old] in kernel.passed else new for old, new in new_of.items()}
    pairs = {name_of[old]: name_of[new] for old, new in new_of.items() if ends[new] is old}
    if not pairs:
        raise CannotTakeError("steps that do not begin where the one before has led")
    exchange = f"{', '.join([*pairs, *pairs.values()])} = {', '.join([*pairs.values(), *pairs])}"

    columns = trace.inputs[: sum(x is not None for _, x in parameters[:-2])]
    batch = [name_of[column] for column in columns]
    whole = [words.names.new(f"all_{name}") for name in batch]
    steps, batches, rows, row = map(words.names.new, ("steps", "batches", "rows", "row"))
    in_turn = [name for name in kernel.passed if name not in batch] + list(kernel.outputs)
    loop = [
        "@numba.njit(nogil=True)",
        *wrapped(f"def {steps}(", [batches, *whole, *in_turn], "):"),
        *indented(assignments(dict(zip(batch, (words.empty(column.value) for column in columns), strict=True)))),
        f"    for {rows} in {batches}:",
        f"        for {row} in range({len(columns[0].value)}):",
        *(f"            {name}[{row}] = {column}[{rows}[{row}]]" for name, column in zip(batch, whole, strict=True)),
        *indented(indented(wrapped(f"{kernel.name}(", [*kernel.passed, *kernel.outputs], ")"))),
        f"        {exchange}",
        "",
    ]

    inside = unpacking(words, parameters, trace.inputs)
    inside += [*assignments({old: f"{old}.copy()" for old in pairs}), *assignments(kernel.outputs)]
    inside += wrapped(f"{steps}(", [batches, *batch, *in_turn], ")")
    inside += [f"if len({batches}) % 2:", f"    {exchange}"]
    end = returned(
        words, trace.result, lambda x: name_of[ends.get(x, x)] if isinstance(x, Node) else literal(x, words.name)
    )
    lines = ["import numba", "import numpy as np", "", *assignments(words.constants), *kernel.text, *loop]
    lines += [f"def program({signature(words, parameters, batches)}):", *indented([*inside, f"return {end}"])]
    return Printed("\n".join(lines), words.given)


def _carried(kernel: Kernel, tensors: Sequence[Node], trace: Trace) -> dict[Node, Node]:
    """What a step begins with → what it leaves in its place; without what stays as it is."""
    values, states = zip(*trace.result, strict=True)
    remembered = list(leaves_of(states))
    before = trace.inputs[len(trace.inputs) - len(remembered) :]
    pairs = [*zip(tensors, values, strict=True), *zip(before, remembered, strict=True)]
    carried = {old: new for old, new in pairs if new is not None and new is not old}
    filled = set(kernel.filled)
    for old, new in carried.items():
        if not (isinstance(new, Node) and new in filled and new.value.shape == old.value.shape):
            raise CannotTakeError("a step that leaves something else than new values")
    if not carried or len(set(carried.values())) < len(carried):
        raise CannotTakeError("a step that leaves one value in two places")
    return carried
