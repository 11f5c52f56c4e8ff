"""The pages about the lecture notes name nothing that is not there."""

import re
from functools import reduce
from pathlib import Path

import pytest

import tinygrad_edu as tg

ROOT = Path(__file__).parent.parent
PAGE, ERRATA = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("notes.md", "errata.md"))
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith("| ---")
]
HEADS = {"in the notes", "in the text"}


def faults(text: str) -> list[str]:
    """What the code in a cell names and the project has not."""
    return [why for code in re.findall(r"`([^`]+)`", text) for why in faults_of(code)]


def faults_of(code: str) -> list[str]:
    found = []
    for name in re.findall(r"\btg((?:\.\w+)+)", code):
        try:
            reduce(getattr, name[1:].split("."), tg)
        except AttributeError:
            found.append(f"tg{name}")
    for file, test in re.findall(r"([\w/]+\.py)(?:::(\w+))?", code):
        folder = "" if file.startswith(("examples/", "tests/")) else "examples" if file[0].isdigit() else "tests"
        path = ROOT / folder / file
        if not path.is_file() or (test and f"\ndef {test}(" not in path.read_text(encoding="utf-8")):
            found.append(code)
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_a_row_is_whole_and_names_what_is_there(row):
    assert len(row) == 4
    assert all(row)
    assert not faults(" ".join(row))
    if row[0] not in HEADS:
        assert re.search(r"`\d\d_\w+\.py|\]\(\w+\.md", row[2]), "no example or page"
        assert "`" in row[3], "no test"
        assert "::" in row[3]


def test_the_text_around_the_tables_names_what_is_there():
    lines = [line for line in PAGE.splitlines() if not line.startswith(("|", "```"))]
    commands = [line for line in lines if line.startswith(("python ", "pytest "))]
    assert not faults("\n".join(lines))
    assert len(commands) == 2
    assert not [why for line in commands for why in faults_of(line)]


def test_the_errata_name_what_is_there():
    text = re.sub(r"^```.*?^```$", "", ERRATA, flags=re.MULTILINE | re.DOTALL)
    assert "`tg.data.columns`" in text
    assert "`02_xor.py`" in text
    assert not faults(text)


def test_the_page_has_tables():
    heads = [row for row in ROWS if row[0] in HEADS]
    assert len(heads) >= 8
    assert len(ROWS) > 100


@pytest.mark.parametrize("number", [*range(27, 46)])
def test_every_numbered_equation_of_the_chapter_has_a_row(number):
    spans = [(int(a), int(b or a)) for a, b in re.findall(r"\((\d\d)\)(?:–\((\d\d)\))?", PAGE)]
    assert any(first <= number <= last for first, last in spans)


@pytest.mark.parametrize(
    "wrong",
    [
        "`tg.nn.MPL`",
        "`tg.costs.quadratik(a, y)`",
        "`05_neuron.py`",
        "`test_notes.py::test_two_neurons`",
        "`test_notice.py::test_one_neuron`",
        "`python examples/66.py`",
        "`tests/no.py`",
    ],
)
def test_a_wrong_name_is_found(wrong):
    assert faults(wrong)
    assert not faults("`tg.nn.MLP([2, 1])`, `test_notes.py::test_one_neuron`, `examples/02_xor.py`, `02_xor.py`, `net`")
