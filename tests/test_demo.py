"""The demo as a student runs it: ``python -m tinygrad_edu``."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from tinygrad_edu.__main__ import main


def demo(*arguments, cwd, **environment):
    """Run it in a process of its own, as from the shell."""
    return subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return demo("--epochs", 1, "--out", "pictures", cwd=folder), folder


def test_it_ends_well(run):
    finished, _ = run
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    assert "Warning" not in finished.stderr


def test_it_tells_its_story_in_order(run):
    out = run[0].stdout
    told = [
        "Filmed: backprop",
        "Learned:",
        "Checked: Autograd and BP1–BP4 agree",
        "Drawn:",
        "Filmed:  ",
        "quantity  equation",
    ]
    places = [out.index(words) for words in told]
    assert places == sorted(places)
    assert out.splitlines()[-1].startswith(f"Open {os.path.join('pictures', 'film.html')} first.")


def test_the_first_film_is_of_a_small_network_at_bp2(run):
    page = (run[1] / "pictures" / "film.html").read_text("utf-8")
    assert all(name in page for name in ("W1", "b1", "W2", "b2", "BP2"))
    assert "(64, 30)" not in page


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY"])
@pytest.mark.parametrize(
    ("terminal", "screen", "arguments", "opened"),
    [(True, True, [], True), (True, True, ["--no-open"], False), (False, True, [], False), (True, False, [], False)],
)
def test_it_opens_the_film_where_somebody_can_see_it(
    display, terminal, screen, arguments, opened, monkeypatch, tmp_path, capsys
):
    addresses = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if screen:
        monkeypatch.setenv(display, ":0")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    main(["--epochs", "0", "--out", str(tmp_path), *arguments])
    assert addresses == ([(tmp_path / "film.html").as_uri()] if opened else [])


def test_it_says_how_many_digits_it_knows(run):
    out = run[0].stdout
    assert "64-30-10, for 1437 handwritten digits" in out
    percent = re.search(r"Learned: it is right about (\d+\.\d)% of 360 digits", out)
    assert 30 < float(percent[1]) <= 100  # after one epoch; guessing gives 10


def test_it_shows_a_progress_bar(run):
    assert re.search(r"training: 100%.* 1/1 .*cost 0\.\d+, accuracy \d+\.\d%, validation \d+\.\d%", run[0].stderr)


def test_it_prints_the_table_of_the_four_equations(run):
    out = run[0].stdout
    for equation, formula in [
        ("BP1", "∇ₐC ⊙ σ′(z2)"),
        ("BP2", "(δ2 W2ᵀ) ⊙ σ′(z1)"),
        ("BP3", "Σ δ1"),
        ("BP4", "a0ᵀ δ1"),
    ]:
        assert re.search(rf"{equation}\s+{re.escape(formula)}", out)
    assert "Autograd and BP1–BP4 agree" in out


def test_it_draws_the_graph_and_says_where(run):
    finished, folder = run
    path = os.path.join("pictures", "gradient_graph.svg")
    assert f"its gradient graph, {path}\n" in finished.stdout
    svg = ET.fromstring((folder / path).read_bytes())
    text = " ".join(svg.itertext())
    assert svg.tag.endswith("svg")
    assert all(name in text for name in ("W1", "b1", "W2", "b2"))


def test_it_plots_the_learning_curve_and_says_where(run):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    finished, folder = run
    path = os.path.join("pictures", "learning_curve.png")
    assert f"its learning curve, {path}\n" in finished.stdout
    assert (folder / path).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_it_leaves_nothing_else_behind(run):
    _, folder = run
    assert [path.name for path in folder.iterdir()] == ["pictures"]
    pictures = {"film.html", "digits_film.html", "gradient_graph.svg", "learning_curve.png"}
    assert {path.name for path in (folder / "pictures").iterdir()} <= pictures


def test_without_matplotlib_it_says_so_and_goes_on(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    finished = demo("--epochs", 0, "--out", tmp_path / "out", cwd=tmp_path, PYTHONPATH=path)
    assert finished.returncode == 0, finished.stderr
    assert 'its learning curve, no: plots need matplotlib: pip install "tinygrad_edu[plots]"' in finished.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "film.html",
        "digits_film.html",
        "gradient_graph.svg",
    }


def test_a_terminal_without_greek_letters_is_no_obstacle(tmp_path):
    finished = demo("--epochs", 0, cwd=tmp_path, PYTHONIOENCODING="cp1252")
    assert finished.returncode == 0, finished.stderr
    assert "Autograd and BP1" in finished.stdout
    assert (tmp_path / "demo" / "gradient_graph.svg").exists()  # the folder by default


def test_same_seed_same_output(capsys, tmp_path):
    printed = []
    for seed in (1, 1, 2):
        main(["--epochs", "1", "--seed", str(seed), "--out", str(tmp_path)])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m tinygrad_edu")
    for option, default in (("--epochs", 30), ("--seed", 0), ("--out", "demo")):
        assert re.search(rf"{option} [A-Z]+ .*\(default: {default}\)", " ".join(out.split()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "-1"], "argument --epochs: -1 is not a whole number from 0 up"),
        (["--epochs", "two"], "argument --epochs: two is not a whole number from 0 up"),
        (["--epochs", "1.5"], "argument --epochs: 1.5 is not a whole number from 0 up"),
        (["--seed", "-3"], "argument --seed: -3 is not a whole number from 0 up"),
        (["--speed", "3"], "unrecognized arguments: --speed 3"),
    ],
)
def test_wrong_options(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_out_that_is_a_file(capsys, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["--epochs", "0", "--out", str(taken)])
    assert ended.value.code == 2
    assert f"argument --out: {taken} is a file, not a folder" in capsys.readouterr().err
    assert taken.read_text() == "mine"
