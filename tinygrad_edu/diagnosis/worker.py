"""The process in which a student's file is run: ``python -m tinygrad_edu.diagnosis.worker``, started by `grading`.

It reads what to do as JSON from its standard input, and writes the answer as JSON to a file, because whatever the
student's program prints goes to the standard output.
"""

from __future__ import annotations

import inspect
import json
import runpy
import sys
from pathlib import Path
from typing import Any

from tinygrad_edu.diagnosis.diagnose import diagnose
from tinygrad_edu.diagnosis.forms import forms_of


def limit(megabytes: int, seconds: int) -> None:
    """Let the system end the process where it takes too much; where there are no such limits, the clock must do."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in (("RLIMIT_AS", megabytes * 2**20), ("RLIMIT_CPU", seconds), ("RLIMIT_FSIZE", 2**20)):
        try:
            resource.setrlimit(getattr(resource, what), (most, most))
        except (AttributeError, ValueError, OSError):
            continue


def program_in(path: str, function: str | None) -> Any:
    """The student's program: by its name, or the only one in the file that has a form that is known."""
    namespace = runpy.run_path(path, run_name="student")
    if function is not None:
        if function not in namespace:
            raise LookupError(f"there is no {function} in {Path(path).name}")
        return namespace[function]
    found = {}
    for name, value in namespace.items():
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == "student":
            try:
                forms_of(value)
            except TypeError:
                continue
            found[name] = value
    if len(found) != 1:
        names = f"has {', '.join(found)}" if found else "has no program of a form that is known"
        raise LookupError(f"{Path(path).name} {names}; say which it is with --function")
    return next(iter(found.values()))


def main() -> None:
    """Diagnose one file."""
    task = json.load(sys.stdin)
    limit(task["megabytes"], task["seconds"])
    try:
        report = diagnose(program_in(task["path"], task["function"]), **task["setting"])
        answer = {
            "ok": report.ok,
            "equation": report.equation,
            "layer": report.layer,
            "mistake": report.mistake,
            "convention": report.convention,
            "text": str(report),
        }
    except MemoryError:
        answer = {"error": "it needs too much memory"}
    except LookupError as error:
        answer = {"error": str(error.args[0])}
    except BaseException as error:  # a student's file may do anything, and leave with SystemExit, too
        answer = {"error": f"{type(error).__name__}: {error}"}
    Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
