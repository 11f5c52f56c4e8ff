"""What the README, the examples and the docstrings show is what happens."""

import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MODULES = ["tinygrad_edu", *(m.name for m in pkgutil.walk_packages(tinygrad_edu.__path__, "tinygrad_edu."))]

NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+")


# --- The README -------------------------------------------------------------------------------------------


def alike(shown: str, printed: str) -> bool:
    """Whether two texts say the same, but for spaces, 2 % in a number, and rounding errors, which may differ."""
    words, printed_words = (" ".join(NUMBER.sub("#", text).split()) for text in (shown, printed))
    return words == printed_words and all(map(near, NUMBER.findall(shown), NUMBER.findall(printed)))


def near(shown: str, printed: str) -> bool:
    a, b = abs(float(shown)), abs(float(printed))
    rounding = 1e-12 if "." in shown else 1e-6  # "3e-07" is an error of finite differences
    return abs(float(shown) - float(printed)) <= 0.02 * max(a, b) or max(a, b) < rounding


def test_the_comparison_can_fail():
    assert alike("98.1% right, error 1.0e-17", "97.8%  right, error 0.0e+00\n")
    assert not alike("98.1% right", "88.1% right")
    assert not alike("98.1% right", "98.1% wrong")
    assert not alike("error 1.0e-17", "error 1.0e-07")
    assert not alike("0.5", "-0.5")
    assert not alike("", "something")


def test_the_readme_shows_what_its_programs_print(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    program, shown, printed = {}, 0, ""
    for language, text in blocks:
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, "README.md", "exec"), program)
            printed = out.getvalue()
        elif language == "text":
            shown += 1
            assert alike(text, printed), f"the README shows\n{text}\nbut its program prints\n{printed}"
    assert shown == sum(language == "python" for language, _ in blocks) >= 1
    assert b"<svg" in (tmp_path / "gradient_graph.svg").read_bytes()


def test_the_readme_links_to_what_exists():
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", README)
    assert len(links) > 10
    for link in map("".join, links):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_readme_names_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= set(re.findall(r"\bmake ([a-z-]+)\b(?= *(?:#|`))", README)) <= targets


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").glob("*")), ids=lambda path: path.name)
def test_the_pictures_are_small(picture):
    assert picture.stat().st_size < 200_000


def test_the_reference_covers_every_public_name():
    modules = re.findall(r"module:: (\S+)", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
    for name in tinygrad_edu.__all__:
        thing = getattr(tinygrad_edu, name)
        assert getattr(thing, "__module__", f"tinygrad_edu.{name}") in modules, name


# --- Examples and docstrings ------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_leaves_nothing_but_its_picture(example, tmp_path):
    """Each asserts what it claims; in full they run by `make examples`."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(example), "--quick"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout
    text = example.read_text(encoding="utf-8")
    pictures = [f"pictures/{example.stem}.png"] if "savefig" in text else []
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == pictures
    assert len(text.splitlines()) < 110


def test_there_are_examples_and_docstrings_to_run():
    assert len(EXAMPLES) >= 4
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name))) > 20


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, table):  # one of them defines a rule
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
