"""The compiler: record a function once, and write down the NumPy program that it is.

A run of the function is traced (`trace`), tidied up (`simplify`), its values get names (`names`) and places (`plan`),
and it is printed (`printers`): as NumPy with buffers, as loops for numba, or as mathematics. A `program` is what was
printed, made a function; `compiled` keeps one for each kind of arguments.
"""

from tinygrad_edu.compiler.compiled import Compiled, compile
from tinygrad_edu.compiler.program import NumbaProgram, NumbaSteps, Program
from tinygrad_edu.compiler.trace import last_backward_pass, only_needed

__all__ = ["Compiled", "NumbaProgram", "NumbaSteps", "Program", "compile", "last_backward_pass", "only_needed"]
