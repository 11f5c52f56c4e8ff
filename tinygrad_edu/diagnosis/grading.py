"""Many students' files at once, each in a process of its own: ``python -m tinygrad_edu check student.py``.

A process has limited time and memory, and ends with all that it has started. That keeps an endless loop from stopping
the rest; it is no security sandbox: a program that wants to harm the machine can.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from tinygrad_edu.tables import as_text


class Graded(NamedTuple):
    """What came of one file.

    Attributes
    ----------
    path : str
    ok : bool
    equation, mistake : str or None
    layer : int or None
    text : str
        The answer in words.
    """

    path: str
    ok: bool
    equation: str | None
    layer: int | None
    mistake: str | None
    text: str


def grade(
    path: str | os.PathLike[str],
    function: str | None = None,
    *,
    activation: str = "sigmoid",
    output: str = "sigmoid",
    cost: str = "quadratic",
    seconds: float = 30,
    megabytes: int = 4096,
) -> Graded:
    """Diagnose the program in a file, in a process with limits.

    Parameters
    ----------
    path : str or path-like
        The file.
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
    path = os.fspath(path)
    if not os.path.isfile(path):
        return _failed(path, "missing", "There is no such file.")
    setting = {"activation": activation, "output": output, "cost": cost}
    with tempfile.TemporaryDirectory() as folder:
        answer = os.path.join(folder, "answer.json")
        limits = {"seconds": int(seconds) + 1, "megabytes": megabytes}
        task = {"path": os.path.abspath(path), "function": function, "setting": setting, "answer": answer, **limits}
        ended = _run(json.dumps(task), seconds, folder)
        if not ended:
            return _failed(path, "timeout", f"It took longer than {seconds:g} seconds; is there an endless loop?")
        if not os.path.exists(answer):
            return _failed(
                path, "killed", "It was ended by the system: it took too much memory or time, or left by itself."
            )
        found = json.loads(Path(answer).read_text(encoding="utf-8"))
    if "error" in found:
        return _failed(path, "error", f"It could not be judged: {found['error']}.")
    return Graded(path, *(found[name] for name in ("ok", "equation", "layer", "mistake", "text")))


def _failed(path: str, mistake: str, text: str) -> Graded:
    return Graded(path, False, None, None, mistake, text)


def _run(task: str, seconds: float, folder: str) -> bool:
    """Run a worker to its end, or end it and all that it has started; whether it ended by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_edu.diagnosis.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
        text=True,
    )
    try:
        process.communicate(task, timeout=seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        with contextlib.suppress(OSError, AttributeError):  # nothing is left of it, or this is Windows
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


# --- The command ------------------------------------------------------------------------------------------------

HINTS = {1: "where it is", 2: "and which equation", 3: "and what is wrong"}


def hinted(graded: Graded, hint: int) -> str:
    """The answer, or only part of it."""
    if graded.ok or hint >= 3 or graded.equation is None:
        return graded.text
    where = f"layer {graded.layer}" if graded.layer else "the forward pass"
    return f"Something is wrong in {where}." if hint == 1 else f"{graded.equation} is wrong in {where}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Check files; returns 0 if all are right, 1 if one is not."""
    from tqdm import tqdm

    options = _parser().parse_args(arguments)
    setting = {name: getattr(options, name) for name in ("activation", "output", "cost", "seconds", "megabytes")}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting = [pool.submit(grade, path, options.function, **setting) for path in options.files]
        bar = tqdm(waiting, desc="checking", unit="file", disable=len(waiting) == 1, file=sys.stderr)
        graded = [future.result() for future in bar]
    if options.json:
        print(json.dumps([g._asdict() | {"text": hinted(g, options.hint)} for g in graded], indent=2))
    elif len(graded) == 1:
        print(hinted(graded[0], options.hint))
    else:
        rows: list[Sequence[str]] = [("file", "right", "equation", "layer", "mistake")]
        shown = [(g.equation, g.layer, g.mistake if options.hint >= 3 or not g.equation else None) for g in graded]
        rows += [
            (Path(g.path).name, "yes" if g.ok else "no", *("" if cell is None else str(cell) for cell in cells))
            for g, cells in zip(graded, shown, strict=True)
        ]
        print(as_text([rows]))
    if options.junit:
        options.junit.write_text(_junit(graded, options.hint), encoding="utf-8")
    if options.gradescope:
        options.gradescope.write_text(json.dumps(_gradescope(graded, options.hint), indent=2), encoding="utf-8")
    return 0 if all(g.ok for g in graded) else 1


def _junit(graded: Sequence[Graded], hint: int) -> str:
    cases = "".join(
        f"  <testcase name={quoteattr(g.path)}>"
        + ("" if g.ok else f"<failure message={quoteattr(hinted(g, hint))}/>")
        + "</testcase>\n"
        for g in graded
    )
    failed = sum(not g.ok for g in graded)
    return f'<testsuite name="backpropagation" tests="{len(graded)}" failures="{failed}">\n{cases}</testsuite>\n'


def _gradescope(graded: Sequence[Graded], hint: int) -> dict[str, Any]:
    tests = [
        {"name": Path(g.path).name, "score": float(g.ok), "max_score": 1.0, "output": hinted(g, hint)} for g in graded
    ]
    return {"tests": tests}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_edu check", description="Say which equation a hand-written backpropagation has wrong."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="Python files, one program in each")
    parser.add_argument("--function", metavar="NAME", help="the function or class, if there are several in a file")
    parser.add_argument("--activation", default="sigmoid", help="of the hidden layers (%(default)s)")
    parser.add_argument("--output", default="sigmoid", help="of the output layer (%(default)s)")
    parser.add_argument("--cost", default="quadratic", help="%(default)s, binary_cross_entropy or cross_entropy")
    said = "; ".join(f"{level}: {what}" for level, what in HINTS.items())
    parser.add_argument("--hint", type=int, choices=HINTS, default=3, help=f"how much to tell ({said})")
    parser.add_argument("--seconds", type=float, default=30, help="for each file (%(default)s)")
    parser.add_argument("--megabytes", type=int, default=4096, help="of memory for each file (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--junit", type=Path, metavar="PATH", help="write a JUnit file, too")
    parser.add_argument("--gradescope", type=Path, metavar="PATH", help="write Gradescope's results.json, too")
    return parser
