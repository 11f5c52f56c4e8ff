"""Files of students, run in processes of their own: right, wrong, endless, greedy, hostile ones; and the command."""

import json
import os
import signal
import subprocess
import sys
import time
import types
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from diagnosis.right import RIGHT

from tinygrad_edu.diagnosis import diagnose
from tinygrad_edu.diagnosis.grading import Worker, grade, hinted, main
from tinygrad_edu.diagnosis.worker import without_magic

SOURCE = RIGHT["plain_rows"].source
WRONG = SOURCE.replace("(a[L] - y) / n * dsigmoid(z[L])", "(a[L] - y) / n")

ASSIGNMENT = Path(__file__).parents[2] / "examples" / "assignment"

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot find what has left its group")


@pytest.fixture
def file(tmp_path):
    def write(text, name="student.py"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(tmp_path / name)

    return write


@pytest.fixture(scope="module")
def worker():
    with Worker() as worker:
        yield worker


@pytest.fixture
def judged(file, worker):
    """What comes of a text as a student's file; all of them are run by one process."""

    def judge(text, name="student.py", function=None, seconds=60, megabytes=2048):
        task = {"function": function, "seconds": seconds, "megabytes": megabytes}
        setting = {"activation": "sigmoid", "output": "sigmoid", "cost": "quadratic"}
        return worker.grade(file(text, name), task | {"setting": setting})

    return judge


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path("/proc", str(pid), "status").read_text()
    except OSError:
        return False


def test_right_and_wrong(file):
    assert WRONG != SOURCE
    assert grade(file(SOURCE)).ok
    found = grade(file(WRONG))
    assert (found.ok, found.equation, found.layer, found.mistake) == (False, "BP1", 4, "no-sigma-prime")
    assert str(found).startswith("BP1, layer 4: δ⁴ is ∂C/∂a⁴")
    assert grade(Path(file(SOURCE)), "backprop").ok


# --- Programs that do other things -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistake", "said"),
    [
        ("import sys; sys.exit(0)", "error", "It stops with SystemExit: 0 (student.py, line 1: import sys; sys.exit(0))."),
        ("import os; os._exit(3)", "killed", "left Python by itself"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed", "ended by the system, with SIGSEGV"),
        ("\n\ndef f(: pass", "error", "SyntaxError: invalid syntax (student.py, line 3: def f(: pass)."),
        ("import nothing_like_it", "error", "ModuleNotFoundError: No module named 'nothing_like_it' (student.py, line 1"),
        ("raise KeyError('a')", "error", "It stops with KeyError: 'a' (student.py, line 1"),
        ("name = input()", "error", "EOFError"),
        ("print('a\\n' * 10**6)\n" + SOURCE, None, "Right"),
        ("import os; os.close(1); os.close(2)\n" + SOURCE, None, "Right"),
        ("import os; os.remove(__file__)\n" + SOURCE, None, "Right"),
        ("import os; os.chdir('/')\n" + SOURCE, None, "Right"),
        ("import shutil; shutil.rmtree('.', ignore_errors=True)\n" + SOURCE, None, "Right"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(100,)).start()\n" + SOURCE, None, "Right"),
        ("open('big', 'wb').write(bytes(2 * 2**20))", "error", "OSError: [Errno 27] File too large"),
        ("import os\nfor fd in range(3, 99):\n    try: os.close(fd)\n    except OSError: pass", "killed", "left"),
        ("def f(a: int): pass\nassert f.__annotations__ == {'a': int}\n" + SOURCE, None, "Right"),
        (SOURCE + "\nif __name__ == '__main__':\n    raise SystemExit\n", None, "Right"),
        ("raise ValueError('\\x1b[31m\\0' + 'a' * 10**6)", "error", "ValueError: ?[31m?aaa"),
    ],
)  # fmt: skip
def test_programs_that_do_other_things(judged, text, mistake, said):
    found = judged(text)
    assert found.mistake == mistake
    assert said in found.text
    assert len(found.text) < 5000
    assert found.ok == (mistake is None)


@pytest.mark.parametrize(
    "text", ["x = []\nwhile True: x.append(bytes(2**20))", "x = [0] * 10**10", "import numpy as np; np.ones(10**11)"]
)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_is_limited(judged, text):
    found = judged(text, megabytes=500)
    assert (found.mistake, found.text) == ("memory", "It needs more memory than the 500 megabytes that it may have.")


@pytest.mark.parametrize("text", ["while True: pass", "while True: print('a' * 1000)", "import time; time.sleep(1000)"])
def test_an_endless_program_is_ended(judged, text):
    found = judged(text, seconds=2)
    assert (found.mistake, found.text) == ("timeout", "It took longer than 2 seconds; is there an endless loop?")
    assert judged(SOURCE).ok  # the next one is judged


STARTS = """
import os, subprocess, sys, time
def start(new_session):
    code = "import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=new_session).pid
"""

BOMB = """
import os, time
for _ in range(50):  # a bomb that stops by itself
    if os.fork() == 0:
        os.setsid()
        open(PIDS, "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
"""

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(PIDS, "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(0.5)
"""


@linux
@pytest.mark.parametrize(
    ("text", "count"),
    [
        (STARTS + "open(PIDS, 'w').write(f'{start(False)}\\n')\n", 1),
        (STARTS + "open(PIDS, 'w').write(f'{start(True)}\\n')\n", 1),
        (BOMB + "time.sleep(1)\n", 50),
        (DAEMON, 1),
    ],
    ids=["a process", "one in a session of its own", "a bomb", "a daemon"],
)
@pytest.mark.parametrize("then", [SOURCE, "while True: pass", "os._exit(0)"], ids=["right", "endless", "gone"])
def test_nothing_is_left_of_what_it_has_started(judged, tmp_path, text, count, then):
    judged(f"PIDS = {str(tmp_path / 'pids')!r}\n{text}{then}", seconds=10 if then == SOURCE else 3)
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == count
    assert not any(map(is_running, pids))
    assert judged(SOURCE).ok


@linux
def test_a_program_that_ends_or_stops_its_judge_is_not_right(judged, monkeypatch, tmp_path):
    pid = tmp_path / "pid"
    ending = (
        f"import os, signal; open({str(pid)!r}, 'w').write(str(os.getpid())); os.kill(os.getppid(), signal.SIGKILL)"
    )
    assert judged(f"{ending}\nwhile True: pass").mistake == "killed"
    patience = time.monotonic() + 5
    while is_running(pid.read_text()) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not is_running(pid.read_text())
    monkeypatch.setattr(Worker, "PATIENCE", 1)
    stopping = judged("import os, signal; os.kill(os.getppid(), signal.SIGSTOP)\n" + SOURCE, seconds=2)
    assert (stopping.ok, stopping.mistake) == (False, "killed")
    assert judged(SOURCE).ok


def test_an_answer_of_its_own_that_cannot_be_read_is_not_right(judged):
    """It may write one that can be read: that is not prevented, and the page for teachers says so."""
    text = "import os\nfor fd in range(3, 30):\n    try: os.write(fd, b'\\0\\0\\0\\2{}')\n    except OSError: pass\n"
    assert not judged(text).ok


def test_systems_on_which_nothing_is_forked(file):
    """Each file has a Python of its own there; what it starts in its group is ended."""
    program = "import sys; sys.platform = 'other'; from tinygrad_edu.diagnosis.worker import main; main()"
    setting = {"activation": "sigmoid", "output": "sigmoid", "cost": "quadratic"}
    tasks = [
        {"path": file(text, f"{i}.py"), "function": None, "setting": setting, "seconds": seconds, "megabytes": 2048}
        for i, (text, seconds) in enumerate([(SOURCE, 60), ("while True: pass", 8), ("import os; os._exit(1)", 60)])
    ]
    given = "".join(json.dumps(task) + "\n" for task in tasks)
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(answer["ok"], answer["mistake"]) for answer in answers] == [
        (True, None),
        (False, "timeout"),
        (False, "killed"),
    ]
    assert done.stderr == ""


# --- Which program is meant --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "function", "said"),
    [
        ("", None, "There is no program of a form that is known in it: it defines nothing."),
        ("def f(a): pass", None, "in it: it has f, with parameters that are not known."),
        (SOURCE + "\ndef other(weights, biases, x, y): pass", None, "It has backprop, other; say which is meant with --function."),
        (SOURCE, "backprob", "There is no backprob in it; is backprop meant?"),
        ("def f(a): pass", "backprop", "There is no backprop in it; it has f."),
        ("def f(a): pass", "f", "f has none of the forms that are known"),
        ("import numpy as np", "np", "numpy has none of the forms that are known"),
        ("# é".encode("latin-1"), None, "It is no text in UTF-8. Save it as UTF-8"),
        (b"\x00\x01PK", None, "null bytes"),
    ],
)  # fmt: skip
def test_files_without_a_program(judged, text, function, said):
    found = judged(text, function=function)
    assert (found.ok, found.mistake) == (False, "error")
    assert said in found.text


def test_another_encoding_can_be_named(judged):
    assert judged(("# -*- coding: latin-1 -*-\n# é\n" + SOURCE).encode("latin-1")).ok


def test_it_may_import_its_neighbours(file, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    file("def sigmoid(z):\n    import numpy as np\n    return 1 / (1 + np.exp(-z))\n", "activations_of_mine.py")
    text = SOURCE.replace("def sigmoid(", "from activations_of_mine import sigmoid\n\n\ndef _unused(")
    assert grade(file(text)).ok
    assert sorted(p.name for p in tmp_path.iterdir()) == ["activations_of_mine.py", "student.py"]


def notebook(*cells):
    kinds = [{"cell_type": "code" if i else "markdown", "source": [cell]} for i, cell in enumerate(("# Title", *cells))]
    return json.dumps({"cells": kinds, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_a_notebook_is_its_cells(judged):
    cells = ["%matplotlib inline\n!pip list\n1 + 1", SOURCE, "%%bash\nls"]
    assert judged(notebook(*cells), "student.ipynb").ok
    raised = judged(notebook("x = 1", "\n1 / 0"), "student.ipynb")
    assert raised.text == "It stops with ZeroDivisionError: division by zero (student.ipynb, cell 3, line 2: 1 / 0)."
    assert judged("{}", "student.ipynb").text == "It is no notebook that can be read: is it complete?"


def test_magic_is_taken_out_line_by_line():
    assert without_magic("if a:\n    %time f()\nb = 5 % 3") == "if a:\n    pass\nb = 5 % 3"
    assert without_magic("%%time\nx = 1") == "pass\nx = 1"
    assert without_magic("%%writefile a.py\nx = 1") == ""


# --- The command -------------------------------------------------------------------------------------------------


def test_many_files_give_a_table_and_reports(file, tmp_path, capsys):
    files = [
        file(SOURCE, "anna.py"),
        file(WRONG, "ben.py"),
        file("while True: pass", "carl.py"),
        file(WRONG, "dora.py"),
    ]
    reports = ["--junit", str(tmp_path / "junit.xml"), "--gradescope", str(tmp_path / "results.json")]
    assert main([*files, *reports, "--seconds", "3", "--points", "10"]) == 1
    printed, errors = capsys.readouterr()
    assert "anna.py  yes\n" in printed
    assert "ben.py   no     BP1       4      no-sigma-prime\n" in printed
    assert "carl.py  no                      timeout\n" in printed
    assert printed.endswith("1 of 4 right; wrong: BP1 ×2, timeout ×1. Most often: BP1 no-sigma-prime ×2.\n")
    assert "4/4" in errors  # the progress bar
    assert "file/s" not in printed
    suite = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "3")
    failure = suite.findall("testcase")[1].find("failure")
    assert failure.get("message").startswith("BP1, layer 4")
    assert "The smallest network" in failure.text
    tests = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tests"]
    assert [test["score"] for test in tests] == [10, 0, 0, 0]


def test_what_gradescope_shows(file, tmp_path, capsys):
    """The fields of its specification, and a message that helps: also where a program cannot be judged."""
    path = tmp_path / "results.json"
    given = {
        "right": (SOURCE, "Right"),
        "endless": ("while True: pass", "longer than 3 seconds; is there an endless loop?"),
        "syntax": ("def backprop(x:\n    pass", "SyntaxError: "),
        "other": ("def forward(a): pass", "There is no backprop in it; it has forward."),
        "missing": (None, "There is no file missing.py."),
    }
    for name, (text, said) in given.items():
        if text:
            file(text, f"{name}.py")
        asked = [str(tmp_path / f"{name}.py"), "--function", "backprop", "--gradescope", str(path), "--seconds", "3"]
        assert main(asked) == {"right": 0, "missing": 2}.get(name, 1)
        results = json.loads(path.read_text(encoding="utf-8"))
        assert results["stdout_visibility"] == "hidden"
        (test,) = results["tests"]
        assert said in test["output"]
        assert test | {"output": ""} == {
            "name": f"{name}.py",
            "score": 1 if name == "right" else 0,
            "max_score": 1,
            "status": "passed" if name == "right" else "failed",
            "output": "",
            "output_format": "text",
            "visibility": "visible",
        }


def test_json_and_junit_can_say_anything(file, tmp_path, capsys):
    odd = file("raise ValueError('<&\"\\x00\\ud800 ]]>')", "a&b<.py")
    assert main([odd, "--json", "--junit", str(tmp_path / "junit.xml")]) == 1
    assert "ValueError: <&" in json.loads(capsys.readouterr().out)[0]["text"]
    assert ET.parse(tmp_path / "junit.xml").getroot()[0].get("name") == "a&b<.py"


@pytest.mark.parametrize(
    ("hint", "said", "row"),
    [
        ("1", "Something is wrong in layer 4.", "ben.py   no               4\n"),
        ("2", "BP1 is wrong in layer 4.", "ben.py   no     BP1       4\n"),
    ],
)
def test_a_hint_tells_only_part(file, tmp_path, capsys, hint, said, row):
    ben = file(WRONG, "ben.py")
    reports = [tmp_path / "junit.xml", tmp_path / "results.json"]
    assert main([ben, "--hint", hint, "--junit", str(reports[0]), "--gradescope", str(reports[1])]) == 1
    assert capsys.readouterr().out.strip() == said
    assert main([ben, file(SOURCE, "anna.py"), "--hint", hint]) == 1
    assert row in capsys.readouterr().out
    assert main([ben, "--hint", hint, "--json"]) == 1
    for text in (capsys.readouterr().out, *(report.read_text(encoding="utf-8") for report in reports)):
        assert said in text
        assert "no-sigma-prime" not in text
        assert ("BP1" in text) == (hint == "2")


def test_hints_of_reports():
    def unlike_any(weights, biases, x, y):
        rng = np.random.default_rng(1)
        return [rng.normal(size=W.shape) for W in weights], [rng.normal(size=b.shape) for b in biases]

    report = diagnose(unlike_any)
    assert hinted(report, 1) == hinted(report, 2) == "Something is wrong in layer 4."
    assert hinted(report, 3) == str(report)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seconds", "0"], "argument --seconds: 0 is not a whole number from 1 up"),
        (["--hint", "4"], "argument --hint: invalid choice: 4"),
        (["--activation", "sigmoyd"], "argument --activation: invalid choice: 'sigmoyd'"),
        (["--cost", "mse"], "argument --cost: invalid choice: 'mse'"),
        (["--jobs", "x"], "argument --jobs: x is not a whole number from 1 up"),
        (["EMPTY"], "there is no .py or .ipynb file in"),
    ],
)
def test_options_that_cannot_be(file, tmp_path, capsys, options, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as left:
        main([file(SOURCE), *(str(tmp_path / "empty") if option == "EMPTY" else option for option in options)])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_what_cannot_be_found_or_written_loses_nothing(file, tmp_path, capsys):
    junit, nothing = str(tmp_path / "nowhere" / "junit.xml"), str(tmp_path / "nothing.py")
    assert main([file(SOURCE), nothing, "--junit", junit]) == 2
    printed, errors = capsys.readouterr()
    assert "student.py  yes" in printed
    assert "nothing.py  no                      missing" in printed
    assert f"check: there is no file {nothing}" in errors
    assert f"check: {junit} could not be written: No such file or directory" in errors


def test_a_folder_is_what_is_in_it(file, tmp_path, capsys):
    for name in ("b/backprop.py", "a/backprop.py"):
        (tmp_path / name).parent.mkdir()
        file(SOURCE, name)
    file("no program", "a/notes.txt")
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "yes" in line]
    assert names == [os.path.join("a", "backprop.py"), os.path.join("b", "backprop.py")]


def test_the_command(file, tmp_path):
    """Also where the folder has a file with the name of a module that the checker needs."""
    file("raise ImportError", "decimal.py")
    command = [sys.executable, "-P", "-m", "tinygrad_edu", "check", file(WRONG)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("BP1, layer 4: δ⁴ is ∂C/∂a⁴")


def test_an_interruption_ends_what_is_running(file, tmp_path):
    """Ctrl-C while two files are endless."""
    text = f"import os\nopen({str(tmp_path / 'pids')!r}, 'a').write(f'{{os.getpid()}}\\n')\nwhile True: pass"
    files = [file(text, "a.py"), file(text, "b.py"), file(text, "c.py")]
    command = [sys.executable, "-m", "tinygrad_edu", "check", *files, "--jobs", "2", "--seconds", "300"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "pids").exists() or (tmp_path / "pids").read_text().count("\n") < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert not any(map(is_running, (tmp_path / "pids").read_text().split()))


# --- The assignment of the page for teachers ---------------------------------------------------------------------


def submission(name):
    return (ASSIGNMENT / "submissions" / f"{name}.py").read_text(encoding="utf-8")


def test_the_starter_and_the_submissions(judged):
    assert "It stops with NotImplementedError" in judged((ASSIGNMENT / "backprop.py").read_text()).text
    assert judged(submission("anna")).ok
    assert judged(submission("ben"))[2:5] == ("BP2", 2, "sigma-prime-of-a")
    assert judged(submission("carla"), seconds=2).mistake == "timeout"


def test_carla_has_no_biases(judged):
    """If her program ended, that would be said."""
    text = submission("carla").partition("\n\n\nx = ")[0]
    assert judged(text).equation == "forward"


@pytest.mark.parametrize(("name", "score", "said"), [("anna", 10, "Right"), ("ben", 0, "BP2 is wrong in layer 2.")])
@pytest.mark.skipif(os.name == "nt", reason="Gradescope runs it on Linux")
def test_run_autograder(tmp_path, name, score, said):
    """In folders like those of Gradescope, with only the paths replaced."""
    for folder in ("submission", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "venv").symlink_to(sys.prefix)
    (tmp_path / "submission" / "backprop.py").write_text(submission(name))
    script = (ASSIGNMENT / "gradescope" / "run_autograder").read_text()
    assert os.access(ASSIGNMENT / "gradescope" / "run_autograder", os.X_OK)
    subprocess.run(["bash", "-c", script.replace("/autograder/", f"{tmp_path}/")], check=True, capture_output=True)
    (test,) = json.loads((tmp_path / "results" / "results.json").read_text())["tests"]
    assert (test["name"], test["score"], test["max_score"]) == ("backprop.py", score, 10)
    assert test["output"].startswith(said)


@pytest.mark.skipif(os.name == "nt", reason="Gradescope runs it on Linux")
def test_setup_is_a_program_of_the_shell():
    subprocess.run(["bash", "-n", ASSIGNMENT / "gradescope" / "setup.sh"], check=True)


def test_the_test_file_of_otter(monkeypatch):
    """With a stand-in for Otter, which hands a function what its parameters name."""
    stand_in = types.ModuleType("otter.test_files")
    stand_in.test_case = lambda points, hidden: lambda function: function
    monkeypatch.setitem(sys.modules, "otter", types.ModuleType("otter"))
    monkeypatch.setitem(sys.modules, "otter.test_files", stand_in)
    tests = {}
    exec((ASSIGNMENT / "otter" / "backprop.py").read_text(), tests)
    assert (tests["OK_FORMAT"], tests["name"], tests["points"]) == (False, "backprop", 10)
    anna, ben = {}, {}
    exec(submission("anna"), anna)
    tests["test_backprop"](anna["backprop"])
    exec(submission("ben"), ben)
    with pytest.raises(AssertionError, match=r"BP2 is wrong in layer 2\."):
        tests["test_backprop"](ben["backprop"])


def test_the_notebook_of_nbgrader():
    cells = json.loads((ASSIGNMENT / "nbgrader" / "backprop.ipynb").read_text())["cells"]
    solution, test = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert (solution.count("### BEGIN SOLUTION"), solution.count("### END SOLUTION")) == (1, 1)
    kinds = [cell["metadata"]["nbgrader"] for cell in cells]
    assert [(kind["solution"], kind["grade"], kind.get("points")) for kind in kinds[1:]] == [
        (True, False, None),
        (False, True, 10),
    ]
    exec(f"{solution}\n{test}", {})
    exec(f"{submission('anna')}\n{test}", {})
    with pytest.raises(AssertionError, match=r"BP2 is wrong in layer 2\."):
        exec(f"{submission('ben')}\n{test}", {})
