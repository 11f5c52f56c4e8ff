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
    kernel = Kernel(trace, names)
    words, outputs = kernel.words, kernel.outputs
    end = returned(words, trace.result, _Results(words, set(kernel.filled)).text)
    inside, functions, checked = unpacking(words, parameters, trace.inputs), [], False
    if outputs:
        functions = kernel.text
        if sum(node.value.nbytes for node in kernel.filled) >= REUSED_FROM:
            functions += ["def outputs():", *indented(wrapped("return (", list(outputs.values()), ")")), ""]
            inside.append(f"{', '.join(outputs)}, = out or outputs()")
        else:
            inside += assignments(outputs)
        inside += wrapped(f"{kernel.name}(", [*kernel.passed, *outputs], ")")
        checked = {words.names.of[node] for node in trace.inputs} <= set(kernel.passed)
    lines = ["import numba", "import numpy as np", "", *assignments(words.constants), *functions]
    lines += [f"def program({signature(words, parameters, 'out=None')}):", *indented([*inside, f"return {end}"])]
    return Printed("\n".join(lines), words.given, checked)


class Kernel:
    """The function that numba compiles: it reads arrays, and fills others.

    Attributes
    ----------
    words : Words
    name : str
    passed : dict of str to ndarray
        The arrays that it reads, by name.
    filled : list of Node
        The results that it computes.
    outputs : dict of str to str
        The names of the arrays for these, and the text that allocates each.
    """

    def __init__(self, trace: Trace, names: Names) -> None:
        words, operations = Words(names, trace.captured), trace.operations
        check(operations)
        fusion = Fusion(operations, set(trace.results), set(names.of))
        numbers = count(1)
        for node in operations:
            if node in fusion.loop_of and node not in words.names.of:
                words.names.give(node, f"t{next(numbers)}")
        elements = Elements(words, fusion)
        statements = Statements(elements)
        self._body = [line for loop in fusion.loops for line in statements.of(loop)]
        self._long = any(kind(node) == "BLAS" for node in operations)  # else others would wait for nothing
        self.words = words
        self.name = words.names.new("kernel")
        self.filled = [node for node in operations if node in fusion.results]
        self.outputs = {words.names.of[node]: words.empty(node.value) for node in self.filled}
        known = [*(words.names.of[node] for node in trace.inputs), *words.given]
        self.passed: dict[str, Any] = {name: elements.passed[name] for name in known if name in elements.passed}

    @property
    def text(self) -> list[str]:
        """The function, for arrays of these types and no other shapes."""
        found = self.words.names.new("shapes")
        types = [_type_of(x) for x in [*self.passed.values(), *(node.value for node in self.filled)]]
        checks = wrapped(f"{found} = (", [f"{name}.shape" for name in self.passed], ")")
        checks += wrapped(f"if {found} != (", [str(x.shape) for x in self.passed.values()], "):")
        checks.append('    raise ValueError("this program is for arrays of other shapes")')
        return [
            *wrapped('types = """(', types, ')"""'),
            "",
            f'@numba.njit(types, error_model="numpy"{", nogil=True" if self._long else ""})',
            *wrapped(f"def {self.name}(", [*self.passed, *self.outputs], "):"),
            *indented([*checks, *self._body]),
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
