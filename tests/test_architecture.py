"""The arrows between the modules point one way, and the library is light to import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tinygrad_edu"

# What each room may import of ours; tests of the design, not of taste.
MAY_IMPORT = {
    "errors": set(),
    "anomaly": {"engine", "errors"},
    "backprop": set(),
    "data": set(),
    "engine": {"errors"},
    "rules": {"engine"},
    "tensor": {"engine", "errors", "rules"},
    "transforms": {"engine", "tensor"},
    "functional": {"engine", "errors", "tensor"},
    "compiler": {"engine", "errors", "rules", "structure", "tensor", "transforms"},
    "structure": {"engine"},
    "costs": {"engine", "errors", "functional", "tensor"},
    "nn": {"engine", "errors", "functional", "tensor"},
    "optim": {"engine", "tensor"},
    "training": {"compiler", "costs", "engine", "nn", "optim", "tensor", "transforms"},
    "check": {"backprop", "costs", "engine", "nn", "tensor", "transforms"},
    "learning": {"backprop", "costs", "nn"},
    "viz": {
        "backprop",
        "check",
        "costs",
        "engine",
        "errors",
        "functional",
        "learning",
        "nn",
        "rules",
        "structure",
        "tensor",
        "training",
        "transforms",
    },
}
LIGHT = {"numpy", "tinygrad_edu"}
LAZY = {"viz/dot.py"}  # a file that is itself imported only where it is used


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path, everywhere: bool) -> set[str]:
    """The modules that a file imports, at its top level or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = [pytest.param(path, id=str(path.relative_to(PACKAGE))) for path in sorted(PACKAGE.rglob("*.py"))]


@pytest.mark.parametrize("path", FILES)
def test_arrows_point_one_way(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    ours = {name.split(".")[1] for name in imports_of(path, everywhere=True) if name.startswith("tinygrad_edu.")}
    assert ours - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", FILES)
def test_heavy_packages_are_imported_where_they_are_used(path):
    if path.relative_to(PACKAGE).as_posix() in LAZY:
        return
    top = {name.split(".")[0] for name in imports_of(path, everywhere=False)}
    assert top - LIGHT <= sys.stdlib_module_names


def test_import_brings_only_numpy():
    """In a fresh process: what stands in sys.modules after the import."""
    code = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_edu; print(*sorted(set(sys.modules) - before))"
    )
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    top = {name.split(".")[0] for name in new}
    assert top - LIGHT <= sys.stdlib_module_names


def test_import_loads_the_core_only():
    """The rooms that a program may not need are loaded when they are first used."""
    code = "import sys, tinygrad_edu; print(*(name for name in sys.modules if name.startswith('tinygrad_edu.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    core = {"anomaly", "engine", "errors", "functional", "rules", "tensor", "transforms"}
    assert {name.split(".")[1] for name in loaded} == core


def test_every_public_name_is_there():
    """Each in a fresh process: some are loaded when they are asked for."""
    code = "import tinygrad_edu as tg; [getattr(tg, name) for name in dir(tg)]; from tinygrad_edu import *"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_public_name_is_documented():
    import tinygrad_edu as tg

    for name in tg.__all__:
        assert re.search(r"\w+", getattr(tg, name).__doc__ or ""), name
