"""What the benchmarks have in common: options, the description of the machine, tables, and the page they end up on."""

import argparse
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path

import numpy as np
import timing

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def options(description, add=lambda parser: None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="see that everything runs; the numbers mean little")
    parser.add_argument("--mnist", metavar="PATH", help="folder or file of MNIST, for bench_training.py")
    add(parser)
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def begin(quick):
    """Wait for calm moments, unless in a hurry, and warn if there may be none."""
    timing.patience = 0.0 if quick else 120.0
    if not quick and hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        say(f"The machine is busy (load {os.getloadavg()[0]:.1f}), which makes these numbers unreliable.")


# --- The machine ------------------------------------------------------------------------------------------


def cpu():
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine(packages=()):
    """One paragraph: processor, system, Python, NumPy, BLAS, and the versions of the packages that are installed."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    peers = [f"{package} {version(package)}" for package in dict.fromkeys(packages) if version(package)]
    return (
        f"{cpu()}, {os.cpu_count()} cores; {platform.system()}, {platform.python_implementation()} "
        f"{platform.python_version()}; NumPy {np.__version__} with {blas['name']} {blas['version']}"
        + "".join(f"; {peer}" for peer in peers)
        + "."
    )


# --- Tables -----------------------------------------------------------------------------------------------


def number(value):
    """Three significant digits: 0.651, 6.51, 65.1, 651, 6510."""
    if not value:
        return "0"
    value = float(f"{value:.3g}")
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(abs(value)))))}f}"


def table(head, rows):
    """A table in Markdown, in columns that can be read in a terminal too. Cells are text; None is a dash."""
    cells = [list(head), *([("–" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        [cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)] for row in cells
    ]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def publish(sections, quick, page=PAGE):
    """Print the sections and, unless in a hurry, put each between its two marks in the page, for whatever was there."""
    for name, text in sections.items():
        print(f"\n--- {name} ---\n\n{text}")
    if quick:
        return
    words = page.read_text(encoding="utf-8")
    for name, text in sections.items():
        words, found = re.subn(
            rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)",
            lambda marks, text=text: f"{marks[1]}\n{text}\n\n{marks[2]}",
            words,
            flags=re.DOTALL,
        )
        if found != 1:
            raise ValueError(f"{page.name} has {found} places for the section {name}")
    page.write_text(words, encoding="utf-8")
