"""The whole text for numba: a kernel of flat arrays, and the function around it."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from tinygrad_edu.compiler.names import Names
from tinygrad_edu.compiler.printers import text
from tinygrad_edu.compiler.printers.containers import Parameters, returned, signature, unpacking
from tinygrad_edu.compiler.printers.layout import Printed, assignments, indented, wrapped
from tinygrad_edu.compiler.printers.loops.elements import Elements
from tinygrad_edu.compiler.printers.loops.fusion import Fusion
from tinygrad_edu.compiler.printers.loops.kinds import check, kind
from tinygrad_edu.compiler.printers.loops.statements import Statements
from tinygrad_edu.compiler.printers.words import Words
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node

REUSED_FROM = 1 << 16  # bytes of all results; smaller ones are allocated faster than they are looked after


def print_loops(trace: Trace, names: Names, parameters: Parameters) -> Printed:
    """A kernel, and a function that unpacks the arguments for it; raises `CannotTakeError`."""
    words, operations = Words(names, trace.captured), trace.operations
    check(operations)
    fusion = Fusion(operations, set(trace.results), set(names.of))
    numbers = count(1)
    for node in operations:
        if node in fusion.loop_of and node not in words.names.of:
            words.names.give(node, f"t{next(numbers)}")
    elements = Elements(words, fusion)
    statements = Statements(elements)
    body = [line for loop in fusion.loops for line in statements.of(loop)]
    end = returned(words, trace.result, _Results(words, fusion.results).text)

    filled = [node for node in operations if node in fusion.results]
    outputs = {words.names.of[node]: words.empty(node) for node in filled}
    inside, functions, checked = unpacking(words, parameters, trace.inputs), [], False
    if outputs:
        known = [*(words.names.of[node] for node in trace.inputs), *words.given]
        passed = {name: elements.passed[name] for name in known if name in elements.passed}
        kernel = words.names.new("kernel")
        long = any(kind(node) == "BLAS" for node in operations)  # else others would wait for nothing
        functions = _kernel(words, kernel, passed, filled, body, long)
        if sum(node.value.nbytes for node in filled) >= REUSED_FROM:
            functions += ["def outputs():", *indented(wrapped("return (", list(outputs.values()), ")")), ""]
            inside.append(f"{', '.join(outputs)}, = out or outputs()")
        else:
            inside += assignments(outputs)
        inside += wrapped(f"{kernel}(", [*passed, *outputs], ")")
        checked = {words.names.of[node] for node in trace.inputs} <= set(passed)
    lines = ["import numba", "import numpy as np", "", *assignments(words.constants), *functions]
    lines += [f"def program({signature(words, parameters, 'out=None')}):", *indented([*inside, f"return {end}"])]
    return Printed("\n".join(lines), words.given, checked)


def _kernel(
    words: Words, name: str, passed: dict[str, Any], filled: list[Node], body: list[str], long: bool
) -> list[str]:
    """The function that numba compiles, for arrays of these types and no other shapes."""
    found = words.names.new("shapes")
    outputs = [words.names.of[node] for node in filled]
    types = [_type_of(x) for x in [*passed.values(), *(node.value for node in filled)]]
    checks = wrapped(f"{found} = (", [f"{name}.shape" for name in passed], ")")
    checks += wrapped(f"if {found} != (", [str(x.shape) for x in passed.values()], "):")
    checks.append('    raise ValueError("this program is for arrays of other shapes")')
    return [
        *wrapped('types = """(', types, ')"""'),
        "",
        f'@numba.njit(types, error_model="numpy"{", nogil=True" if long else ""})',
        *wrapped(f"def {name}(", [*passed, *outputs], "):"),
        *indented([*checks, *body]),
        "",
    ]


class _Results:
    """What is handed to the caller, each value in an array of its own."""

    def __init__(self, words: Words, filled: set[Node]) -> None:
        self._words = words
        self._waiting = set(filled)

    def text(self, x: Any) -> str:
        """One value of the result."""
        if isinstance(x, Node):
            if x not in self._waiting:
                return f"{self._words.names.of[x]}.copy()"
            self._waiting.remove(x)
            return self._words.names.of[x]
        return f"{self._words.constant(x)}.copy()" if isinstance(x, np.ndarray) else text.literal(x, self._words.name)


def _type_of(x: Any) -> str:
    """How numba writes the type of an array without gaps."""
    name = f"{x.dtype.kind}{x.dtype.itemsize}"
    return f"{name}[{', '.join([':'] * (x.ndim - 1) + ['::1'])}]" if x.ndim else f"Array({name}, 0, 'C')"
