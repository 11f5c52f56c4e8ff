"""The process that runs students' files: ``python -m tinygrad_edu.diagnosis.worker``, started by `grading`.

It imports once what is needed. Then each line of its standard input is a task, as JSON, and each line of its standard
output an answer. It does a task in a child of its own, with limits, and ends that with all that it has started.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import linecache
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import tokenize
import traceback
import types
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tinygrad_edu.diagnosis.diagnose import diagnose
from tinygrad_edu.diagnosis.forms import forms_of
from tinygrad_edu.diagnosis.report import Diagnosis

LONGEST_TEXT = 4000
"""Characters of an answer: the message of an exception may be of any length."""

MODULE = "student"
"""What a file is called while it runs, so that what stands under ``if __name__ == "__main__"`` does not."""

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of Linux, <sys/prctl.h>


class UnusableError(Exception):
    """There is no program to be judged; the message says why, to the student."""


# --- The student's program --------------------------------------------------------------------------------------


def program_in(path: str, function: str | None) -> Any:
    """The student's program: by its name, or the only one in the file that has a form that is known."""
    namespace = run(path)
    if function is not None:
        if function not in namespace:
            raise UnusableError(f"There is no {function} in it; {_near(function, namespace)}")
        try:
            forms_of(namespace[function])
        except TypeError as error:
            raise UnusableError(str(error).removeprefix("diagnose: ")) from None
        return namespace[function]
    own = {name: value for name, value in namespace.items() if _is_own(value)}
    found = {}
    for name, value in own.items():
        with contextlib.suppress(TypeError):
            forms_of(value)
            found[name] = value
    if len(found) > 1:
        raise UnusableError(f"It has {', '.join(found)}; say which is meant with --function.")
    if not found:
        has = f"it has {', '.join(own)}, with parameters that are not known" if own else "it defines nothing"
        raise UnusableError(f"There is no program of a form that is known in it: {has}.")
    return next(iter(found.values()))


def _is_own(value: Any) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == MODULE


def _near(function: str, namespace: dict[str, Any]) -> str:
    """The names that may be meant."""
    from difflib import get_close_matches

    own = [name for name, value in namespace.items() if _is_own(value)]
    if near := get_close_matches(function, own, n=1, cutoff=0.6):
        return f"is {near[0]} meant?"
    return f"it has {', '.join(own)}." if own else "it defines nothing."


def run(path: str) -> dict[str, Any]:
    """Run a file as a module; what it has defined."""
    module = types.ModuleType(MODULE)
    module.__file__ = path
    sys.modules[MODULE] = module
    sys.argv = [path]
    sys.path.insert(0, str(Path(path).parent))  # it may import its neighbours
    for name, source in parts_of(path):
        # Its lines are kept for messages: the program may delete its file, and the cell of a notebook has none.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec", dont_inherit=True), vars(module))
    return dict(vars(module))


def parts_of(path: str) -> list[tuple[str, str]]:
    """The names and texts of a file's parts: of a notebook the cells with code, else the whole."""
    name = Path(path).name
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
            texts = [
                (i, "".join(cell["source"])) for i, cell in enumerate(cells, start=1) if cell["cell_type"] == "code"
            ]
        except (ValueError, KeyError, TypeError):
            raise UnusableError("It is no notebook that can be read: is it complete?") from None
        return [(f"{name}, cell {i}", without_magic(text)) for i, text in texts]
    try:
        with tokenize.open(path) as file:
            return [(name, file.read())]
    except (UnicodeDecodeError, SyntaxError):
        raise UnusableError(
            "It is no text in UTF-8. Save it as UTF-8, or name its encoding in its first line, as in "
            "# -*- coding: latin-1 -*-."
        ) from None


def without_magic(cell: str) -> str:
    """A cell without what only a notebook understands, such as %matplotlib inline, with as many lines."""
    if re.match(r"%%(?!time|capture|prun)", cell):
        return ""  # another language, or a file to be written
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", cell, flags=re.MULTILINE)


# --- A task -----------------------------------------------------------------------------------------------------


def judge(task: dict[str, Any]) -> dict[str, Any]:
    """The answer to a task. A student's file may do anything; leave with SystemExit, too."""
    try:
        return answer_of(diagnose(program_in(task["path"], task["function"]), **task["setting"]))
    except UnusableError as error:
        return no_answer("error", str(error))
    except MemoryError:
        return no_answer("memory", f"It needs more memory than the {task['megabytes']} megabytes that it may have.")
    except BaseException as error:
        return no_answer("error", f"It stops with {_told(error)}")


def answer_of(report: Diagnosis) -> dict[str, Any]:
    """What a report says."""
    found = {name: getattr(report, name) for name in ("ok", "equation", "layer", "mistake")}
    return found | {"text": str(report)[:LONGEST_TEXT]}


def no_answer(mistake: str, text: str) -> dict[str, Any]:
    """Where the program could not be judged."""
    return {"ok": False, "equation": None, "layer": None, "mistake": mistake, "text": text[:LONGEST_TEXT]}


def _told(error: BaseException) -> str:
    """An exception that was raised while the file ran, and where."""
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{kind}: {error.msg} ({error.filename}, line {error.lineno}: {(error.text or '').strip()})."
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in linecache.cache and f.line]
    own = [f for f in frames if "tinygrad_edu" not in f.filename]
    where = f" ({own[-1].filename}, line {own[-1].lineno}: {own[-1].line})" if own else ""
    return f"{kind}{f': {error}' if str(error) else ''}{where}."


def limit(megabytes: int, seconds: float, processes: int | None) -> None:
    """Let the system end the process where it takes too much; where there are no such limits, the clock must do."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"AS": megabytes * 2**20, "CPU": int(seconds) + 1, "FSIZE": 2**20, "CORE": 0, "NPROC": processes}
    for what, most in limits.items():
        if most is not None:
            with contextlib.suppress(AttributeError, ValueError, OSError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))


def do(task: dict[str, Any], folder: str, answers: Connection, processes: int | None) -> None:
    """What the child does. It sees neither the terminal nor the folder from which the checker was started."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it shall not go on when it has ended its judge
    if hasattr(os, "setsid"):
        os.setsid()
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    sys.dont_write_bytecode = True  # beside what the students have handed in
    limit(task["megabytes"], task["seconds"], processes)
    answers.send_bytes(json.dumps(judge(task)).encode())


def in_a_child(task: dict[str, Any], processes: int | None) -> dict[str, Any]:
    """Do a task in a process of its own."""
    # A fork has all imports already. Only on Linux is it safe beside the system's own libraries.
    linux = sys.platform == "linux"
    context = multiprocessing.get_context("fork") if linux else multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=do, args=(task, folder, sender, processes))
        child.start()
        sender.close()
        try:
            if not receiver.poll(task["seconds"]):
                return no_answer(
                    "timeout", f"It took longer than {task['seconds']:g} seconds; is there an endless loop?"
                )
            found: dict[str, Any] = json.loads(receiver.recv_bytes(2**20))
            return found
        except (EOFError, OSError, ValueError):
            child.join(1)
            return no_answer("killed", _how_it_ended(child.exitcode))
        finally:
            receiver.close()
            end(child)


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"Python was ended by the system, with {signal.Signals(-code).name}: it took too much, or crashed."
    return "It left Python by itself, before it could be judged; is os._exit called?"


# --- Ending what a program has started ---------------------------------------------------------------------------


def end(child: Any) -> None:
    """End a child, its group of processes, and those that have left the group."""
    child.kill()
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):  # nothing is left of it
            os.killpg(child.pid, signal.SIGKILL)
    child.join()
    while sys.platform == "linux" and reap():
        for pid in below(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def adopt() -> None:
    """Have Linux make processes whose parents have ended children of this one, so that `below` finds them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    """Linux's own call of that name; elsewhere nothing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def reap() -> bool:
    """Take leave of the children that have ended; whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def below(parent: int) -> list[int]:
    """The processes that come from one, whatever their groups and sessions."""
    children: dict[int, list[int]] = {}
    for pid, stat in _processes("stat"):
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(pid)
    found, waiting = [], [parent]
    while waiting:
        waiting += (new := children.get(waiting.pop(), []))
        found += new
    return found


def most_processes() -> int | None:
    """How many the user may have: a few more than now. The administrator has no such limit."""
    if sys.platform != "linux" or os.geteuid() == 0:
        return None
    mine = [text for _, text in _processes("status") if f"\nUid:\t{os.getuid()}\t" in text]
    return sum(int(text.partition("\nThreads:")[2].split()[0]) for text in mine) + 50


def _processes(what: str) -> list[tuple[int, str]]:
    """What the system says about each of its processes."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            found.append((int(pid), Path("/proc", pid, what).read_text(errors="replace")))
    return found


def main() -> None:
    """Do tasks until there are no more."""
    adopt()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that what a program has started ends, too
    processes = most_processes()
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line), processes)), flush=True)


if __name__ == "__main__":
    main()
