"""Files of students, run in processes of their own: right, wrong, endless, greedy ones."""

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest
from diagnosis.right import RIGHT

from tinygrad_edu.diagnosis.grading import grade, main

SOURCE = RIGHT["plain_rows"].source
WRONG = SOURCE.replace("(a[L] - y) / n * dsigmoid(z[L])", "(a[L] - y) / n")


@pytest.fixture
def file(tmp_path):
    def write(text, name="student.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_right_and_wrong(file):
    assert WRONG != SOURCE
    assert grade(file(SOURCE)).ok
    found = grade(file(WRONG))
    assert (found.ok, found.equation, found.layer, found.mistake) == (False, "BP1", 4, "no-sigma-prime")
    assert grade(file(SOURCE), "backprop").ok


@pytest.mark.parametrize(
    ("text", "mistake", "said"),
    [
        ("while True: pass", "timeout", "longer than 3 seconds; is there an endless loop?"),
        (SOURCE + "\nimport subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\nwhile True: pass", "timeout", "longer"),
        ("x = [0] * 10**10", "error", "too much memory"),
        ("import os; os._exit(3)", "killed", "left by itself"),
        ("import sys; sys.exit(0)", "error", "SystemExit"),
        ("def f(: pass", "error", "SyntaxError"),
        ("def f(a): pass", "error", "has no program of a form that is known; say which it is with --function"),
        (SOURCE + "\ndef other(weights, biases, x, y): pass", "error", "has backprop, other; say which it is"),
        ("print('x' * 10**7)\n" + SOURCE, None, "Right"),
    ],
)  # fmt: skip
def test_files_that_do_other_things(file, text, mistake, said):
    found = grade(file(text), seconds=3 if mistake == "timeout" else 60, megabytes=4096)
    assert found.mistake == mistake
    assert said in found.text
    assert found.ok == (mistake is None)


def test_nothing_is_left_of_what_it_has_started(file):
    text = (
        SOURCE
        + "\nimport subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(98.7654)'])\nwhile True: pass"
    )
    grade(file(text), seconds=3)
    time.sleep(0.2)
    running = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True)
    assert "98.7654" not in running.stdout


def test_a_file_that_is_not_there():
    assert grade("nothing.py").text == "There is no such file."


def test_many_files_give_a_table_and_reports(file, tmp_path, capsys):
    files = [file(SOURCE, "anna.py"), file(WRONG, "ben.py")]
    reports = ["--junit", str(tmp_path / "junit.xml"), "--gradescope", str(tmp_path / "results.json")]
    assert main([*files, *reports]) == 1
    printed = capsys.readouterr().out
    assert "anna.py  yes" in printed
    assert "ben.py   no     BP1       4      no-sigma-prime" in printed
    suite = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    tests = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tests"]
    assert [test["score"] for test in tests] == [1.0, 0.0]
    assert main([files[0], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["ok"]


@pytest.mark.parametrize(("hint", "said"), [("1", "Something is wrong in layer 4."), ("2", "BP1 is wrong in layer 4.")])
def test_a_hint_tells_only_part(file, capsys, hint, said):
    assert main([file(WRONG), "--hint", hint]) == 1
    assert capsys.readouterr().out.strip() == said


def test_the_command(file):
    command = [sys.executable, "-m", "tinygrad_edu", "check", file(WRONG)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("BP1, layer 4: δ⁴ is ∂C/∂a⁴")
