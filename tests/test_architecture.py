"""The arrows between the modules point one way, and the library is light to import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tinygrad_edu"

# The rooms, and inside a room its files: each may import only what stands above it.
ROOMS = [
    "errors",
    "files",
    "tables",
    "figures",
    "engine",
    "rules",
    "operators",
    "tensor",
    "trees",
    "batching",
    "transforms",
    "functional",
    "costs",
    "nn",
    "optim",
    "backprop",
    "equations",
    "compiler",
    "training",
    "check",
    "viz",
    "diagnosis",
    "derivations",
    "testing",
    "data",
]
FILES_OF = {
    "engine": [
        "graph",
        "modes",
        "table",
        "ownership",
        "broadcasting",
        "arguments",
        "walk",
        "constants",
        "primitive",
        "dispatch",
        "anomaly",
        "tracing",
    ],
    "batching": ["calls", "families", "products", "indexing", "replay", "vmap"],
    "backprop": ["formulas", "arguments", "forward", "magnitudes", "matrices", "network"],
    "nn": [
        "batches",
        "saving",
        "summary",
        "module",
        "initializers",
        "linear",
        "mlp",
        "convolution",
        "regularization",
        "recurrent",
        "embedding",
        "rbf",
        "boltzmann",
    ],
    "optim": ["base", "clipping", "sgd", "adagrad", "rmsprop", "adam", "schedules"],
    "training": [
        "stored",
        "worker",
        "shards",
        "sharded",
        "examples",
        "history",
        "measuring",
        "advice",
        "weights",
        "stopping",
        "checkpoint",
        "step",
        "sharded_step",
        "run",
        "fit",
        "minimize",
    ],
    "rules": [
        "elementwise",
        "reductions",
        "shapes",
        "indexing",
        "joining",
        "signals",
        "statistics",
        "differences",
        "products",
        "linalg",
        "decompositions",
        "norms",
    ],
    "compiler": [
        "facts",
        "kinds",
        "trace",
        "arguments",
        "simplify",
        "names",
        "plan",
        "printers",
        "program",
        "drawing",
        "compiled",
    ],
    "compiler/simplify": ["bounds", "rewriting", "masks", "products", "sums", "tidy"],
    "compiler/printers": ["text", "words", "containers", "layout", "formula", "numpy", "loops"],
    "compiler/printers/loops": ["kinds", "fusion", "indices", "elements", "statements", "kernel", "steps"],
    "equations": ["arrays", "words", "typeset", "functions", "structure", "notation", "without_rules", "recompute"],
    "viz": [
        "plots",
        "operations",
        "recorded",
        "units",
        "loops",
        "symbols",
        "description",
        "labels",
        "boxes",
        "describe",
        "dot",
        "encoding",
        "local",
        "handed",
        "film",
        "pictures",
        "page",
        "explorer",
    ],
    "diagnosis": ["problems", "mistakes", "explain", "forms", "picture", "report", "diagnose", "worker", "grading"],
    "diagnosis/forms": ["base", "functions", "classes", "layers"],
    "derivations": ["steps", "derive", "mistakes", "answers", "exercise"],
    "check": ["layers", "arguments", "witnesses", "gradients", "backprop", "learning_speed"],
    "testing": ["numbers", "strategies", "gradients", "backprop"],
}
KNOWS_NOTHING = {"errors", "tables", "figures", "backprop", "data"}  # rooms that import nothing of ours

LIGHT = {"numpy", "tinygrad_edu"}
LAZY = {  # files that are themselves imported only where they are used
    "viz/dot.py",
    "testing/numbers.py",
    "testing/strategies.py",
    "testing/backprop.py",
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path, everywhere: bool) -> set[str]:
    """The modules that a file imports, at its top level or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for block in [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]:
        tree.body.remove(block)  # types only
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
    ours = {
        tuple(name.split(".")[1:]) for name in imports_of(path, everywhere=True) if name.startswith("tinygrad_edu.")
    }
    above = set() if room in KNOWS_NOTHING else set(ROOMS[: ROOMS.index(room)])
    assert {names[0] for names in ours} - {room} <= above
    place = path.relative_to(PACKAGE).with_suffix("").parts
    for depth in range(1, len(place)):  # in the room, in a folder of it, and so on
        folder, own = place[:depth], place[depth]
        files = FILES_OF.get("/".join(folder))
        if files and own != "__init__":
            used = {names[depth] for names in ours if names[:depth] == folder and len(names) > depth + 1} - {own}
            assert used <= set(files[: files.index(own)]), f"{own} of {'/'.join(folder)}"


def names_defined(tree: ast.AST) -> set[str]:
    """Functions, classes, variables, and attributes that are assigned anywhere in a file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            found |= {node.attr} if node.value.id in ("self", "twin") else set()
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


OF_OTHERS = {
    "_fields",
    "_asdict",
    "_replace",
    "_getframe",
    "_session",
    "_create_session",
    "_repr_png_",
    "_repr_image_svg_xml",
}  # private or odd names of Python (those of named tuples are public), NumPy, Graphviz


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name not in OF_OTHERS


@pytest.mark.parametrize("path", FILES)
def test_no_file_uses_private_names_of_another(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = names_defined(tree)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert not {name for name in imported | (used - own) if is_private(name)}


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
    core = {"engine", "errors", "functional", "operators", "rules", "tensor", "transforms", "trees"}
    assert {name.split(".")[1] for name in loaded} == core


def test_no_two_test_files_have_one_name():
    """Pytest would take the one for the other, if both are collected by one process."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py")]
    assert len(names) == len(set(names))


def test_every_public_name_is_there():
    """Each in a fresh process: some are loaded when they are asked for."""
    code = "import tinygrad_edu as tg; [getattr(tg, name) for name in dir(tg)]; from tinygrad_edu import *"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_public_name_is_documented():
    import tinygrad_edu as tg

    for name in tg.__all__:
        assert re.search(r"\w+", getattr(tg, name).__doc__ or ""), name
