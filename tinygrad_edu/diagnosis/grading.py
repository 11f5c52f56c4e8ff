"""Many students' files at once, each in a process of its own: ``python -m tinygrad_edu check student.py``.

A process has limited time and memory, and ends with all that it has started. That keeps an endless loop from stopping
the rest; it is no security sandbox: a program that wants to harm the machine, or to pass without being right, can.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from textwrap import fill
from types import TracebackType
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from tinygrad_edu.backprop import ACTIVATION_FORMULAS, COST_FORMULAS
from tinygrad_edu.diagnosis.report import Diagnosis
from tinygrad_edu.tables import as_text

ROOT = Path(__file__).parents[2]
"""Where Python finds `tinygrad_edu`."""

NO_TEXT = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a terminal or XML does not show as they are; the message of an exception may have any."""


class Graded(NamedTuple):
    """What came of one file; ``str(graded)`` is the answer in words.

    Attributes
    ----------
    path : str
    ok : bool
    equation : str or None
    layer : int or None
    mistake : str or None
        As in a `Diagnosis`; or why the file could not be judged: "missing", "error", "timeout", "memory" or "killed".
    text : str
        The answer in words.
    """

    path: str
    ok: bool
    equation: str | None
    layer: int | None
    mistake: str | None
    text: str

    def __str__(self) -> str:
        return self.text


def grade(
    path: str | os.PathLike[str],
    function: str | None = None,
    *,
    activation: str = "sigmoid",
    output: str = "sigmoid",
    cost: str = "quadratic",
    seconds: float = 30,
    megabytes: int = 2048,
) -> Graded:
    """Diagnose the program in a file, in a process with limits.

    Parameters
    ----------
    path : str or path-like
        The file: Python, or a notebook, whose cells with code are run from top to bottom.
    function : str, optional
        The name of the function or class in it; without it, the only one of a form that is known.
    activation, output, cost : str
        As for `diagnose`.
    seconds : float
        How long it may take.
    megabytes : int
        How much memory it may have, where the system can limit it.

    Returns
    -------
    Graded
    """
    setting = {"activation": activation, "output": output, "cost": cost}
    task = {"function": function, "setting": setting, "seconds": seconds, "megabytes": megabytes}
    with Worker() as worker:
        return worker.grade(os.fspath(path), task)


class Worker:
    """A process that runs one file after the other: see `tinygrad_edu.diagnosis.worker`."""

    PATIENCE = 30
    """Seconds after which it is ended, beyond those that a file may take: a program may have stopped it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def grade(self, path: str, task: dict[str, Any]) -> Graded:
        """Diagnose the program in a file."""
        if not os.path.isfile(path):
            return Graded(path, False, None, None, "missing", f"There is no file {Path(path).name}.")
        found = self._ask(task | {"path": os.path.abspath(path)})
        ok, equation, layer, mistake, text = (found.get(name) for name in Graded._fields[1:])
        return Graded(path, ok is True, equation, layer, mistake, NO_TEXT.sub("?", str(text)))

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        process = self._process = self._process or _started()
        assert process.stdin
        assert process.stdout
        clock = threading.Timer(task["seconds"] + self.PATIENCE, process.kill)
        clock.start()
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            return dict(json.loads(process.stdout.readline()))
        except (OSError, ValueError, TypeError):
            self.close()
            return {"mistake": "killed", "text": "It has ended the process that was to judge it."}
        finally:
            clock.cancel()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(self.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in filter(None, (process.stdin, process.stdout)):
            with contextlib.suppress(OSError):
                stream.close()


def _started() -> subprocess.Popen[str]:
    # The networks are small: one thread each is faster, and a process with threads must not be forked.
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "VECLIB")}
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_edu.diagnosis.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | threads | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,
        encoding="utf-8",
    )


def grade_all(paths: Sequence[str], task: dict[str, Any], jobs: int) -> list[Graded]:
    """Diagnose the programs in many files, a few at a time, with a progress bar."""
    from tqdm import tqdm

    workers = [Worker() for _ in range(min(jobs, len(paths)))]
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def one(path: str) -> Graded:
        worker = free.get()
        try:
            return worker.grade(path, task)
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(len(workers))
    try:
        waiting = [pool.submit(one, path) for path in paths]
        if len(waiting) > 1:
            for _ in tqdm(as_completed(waiting), "checking", len(waiting), unit="file", file=sys.stderr):
                pass
        return [future.result() for future in waiting]
    finally:  # also where somebody has lost patience
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()
        pool.shutdown()


# --- How much is told --------------------------------------------------------------------------------------------

HINTS = {1: "where it is", 2: "and which equation", 3: "and what is wrong"}

PARTS = {"forward": "the forward pass", "cost": "the cost"}
"""What is no equation, in words."""


def hinted(found: Graded | Diagnosis, hint: int) -> str:
    """The answer in words, or only part of it.

    Parameters
    ----------
    found : Graded or Diagnosis
    hint : {1, 2, 3}
        1 tells where something is wrong, 2 also which equation, 3 everything.

    Returns
    -------
    str
    """
    if found.ok or hint >= 3 or not (found.equation or found.layer):
        return str(found)
    part = PARTS.get(found.equation or "")
    where = f"layer {found.layer}" if found.layer else (part or "the gradients")
    if hint == 1 or not found.equation:
        return f"Something is wrong in {where}."
    return f"Something is wrong in {part}." if part else f"{found.equation} is wrong in {where}."


def told(graded: Graded, hint: int) -> Graded:
    """The same with nothing in it that is not to be told."""
    text = hinted(graded, hint)
    if text == graded.text:
        return graded
    return graded._replace(text=text, mistake=None, equation=graded.equation if hint == 2 else None)


# --- Tables and files of results ---------------------------------------------------------------------------------


def table(graded: Sequence[Graded]) -> str:
    """One line for each file, and how many are right."""
    rows: list[Sequence[str]] = [("file", "right", "equation", "layer", "mistake")]
    for name, g in zip(names_of(graded), graded, strict=True):
        cells = ("" if cell is None else str(cell) for cell in (g.equation, g.layer, g.mistake))
        rows.append((name, "yes" if g.ok else "no", *cells))
    return f"{as_text([rows])}\n{summary(graded)}"


def names_of(graded: Sequence[Graded]) -> list[str]:
    """The paths, without the folders that all have in common."""
    paths = [os.path.abspath(g.path) for g in graded]
    with contextlib.suppress(ValueError):  # they are on different drives
        shared = os.path.commonpath([os.path.dirname(path) for path in paths])
        paths = [os.path.relpath(path, shared) for path in paths]
    return [NO_TEXT.sub("?", path) for path in paths]


def summary(graded: Sequence[Graded]) -> str:
    """How many are right, what is wrong in the others, and the most frequent mistakes."""
    wrong = [g for g in graded if not g.ok]
    text = f"{len(graded) - len(wrong)} of {len(graded)} right"
    if wrong:
        text += f"; wrong: {_counted(g.equation or g.mistake or 'not told' for g in wrong)}"
    if often := _counted((f"{g.equation} {g.mistake}" for g in wrong if g.equation and g.mistake), least=2):
        text += f". Most often: {often}"
    return fill(f"{text}.", 100, break_on_hyphens=False)


def _counted(kinds: Iterable[str], least: int = 1) -> str:
    return ", ".join(f"{kind} ×{n}" for kind, n in Counter(kinds).most_common(8) if n >= least)


def junit(graded: Sequence[Graded]) -> str:
    """A JUnit file, as servers of continuous integration read it."""
    cases = "".join(_case(name, g) for name, g in zip(names_of(graded), graded, strict=True))
    failed = sum(not g.ok for g in graded)
    return f'<testsuite name="backpropagation" tests="{len(graded)}" failures="{failed}">\n{cases}</testsuite>\n'


def _case(name: str, graded: Graded) -> str:
    first, *_ = graded.text.splitlines() or [""]
    failure = "" if graded.ok else f"<failure message={quoteattr(first)}>{escape(graded.text)}</failure>"
    return f'  <testcase classname="backpropagation" name={quoteattr(name)}>{failure}</testcase>\n'


def gradescope(graded: Sequence[Graded], points: float) -> dict[str, Any]:
    """Gradescope's results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/."""
    tests = [
        {
            "name": name,
            "score": points if g.ok else 0.0,
            "max_score": points,
            "status": "passed" if g.ok else "failed",
            "output": g.text,
            "output_format": "text",
            "visibility": "visible",
        }
        for name, g in zip(names_of(graded), graded, strict=True)
    ]
    return {"stdout_visibility": "hidden", "tests": tests}


# --- The command -------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Check files; returns 0 if all are right, 1 if one is not, 2 if one is not there, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # "?" for a δ that the terminal does not have
    paths: list[str] = []
    for given in options.files:
        paths += (found := files_in(given))
        if not found:
            parser.error(f"there is no .py or .ipynb file in {given}")
    setting = {name: getattr(options, name) for name in ("activation", "output", "cost")}
    task = {name: getattr(options, name) for name in ("function", "seconds", "megabytes")} | {"setting": setting}
    try:
        graded = [told(g, options.hint) for g in grade_all(paths, task, options.jobs)]
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps([g._asdict() for g in graded], indent=2))
    else:
        print(graded[0] if len(graded) == 1 else table(graded))
    complaints = [f"there is no file {g.path}" for g in graded if g.mistake == "missing"]
    results = json.dumps(gradescope(graded, options.points), indent=2)
    for path, text in ((options.junit, junit(graded)), (options.gradescope, results)):
        if path:
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                complaints.append(f"{path} could not be written: {error.strerror}")
    for complaint in complaints:
        print(f"{parser.prog}: {complaint}", file=sys.stderr)
    return 2 if complaints else 0 if all(g.ok for g in graded) else 1


def files_in(path: str) -> list[str]:
    """The programs in a folder, or the file itself."""
    if not os.path.isdir(path):
        return [path]
    return sorted(str(file) for file in Path(path).iterdir() if file.suffix in (".py", ".ipynb") and file.is_file())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_edu check",
        usage="%(prog)s [options] FILE [FILE ...]",
        description="Say which equation a hand-written backpropagation has wrong. "
        "Ends with 0 if all files are right, 1 if one is wrong, 2 if one is not there or cannot be written.",
    )
    said = "; ".join(f"{level}: {what}" for level, what in HINTS.items())
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    parser.add_argument("files", nargs="+", metavar="FILE", help="Python files or notebooks, or folders of them")
    parser.add_argument("--function", metavar="NAME", help="the function or class, if there are several in a file")
    parser.add_argument(
        "--activation", choices=ACTIVATION_FORMULAS, default="sigmoid", help="of the hidden layers (%(default)s)"
    )
    parser.add_argument(
        "--output", choices=[*ACTIVATION_FORMULAS, "softmax"], default="sigmoid", help="of the last layer (%(default)s)"
    )
    parser.add_argument("--cost", choices=COST_FORMULAS, default="quadratic", help="(%(default)s)")
    parser.add_argument("--hint", type=int, choices=HINTS, default=3, help=f"how much to tell ({said})")
    parser.add_argument("--seconds", type=_positive, default=30, help="for each file (%(default)s)")
    parser.add_argument("--megabytes", type=_positive, default=2048, help="of memory for each file (%(default)s)")
    parser.add_argument("--jobs", type=_positive, default=cores, help="files at a time (%(default)s, the cores)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--junit", type=Path, metavar="PATH", help="write a JUnit file, too")
    parser.add_argument("--gradescope", type=Path, metavar="PATH", help="write Gradescope's results.json, too")
    parser.add_argument("--points", type=_positive, default=1, help="for a right file, in results.json (%(default)s)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)
