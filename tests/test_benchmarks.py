"""The benchmarks measure what they say; no time is asserted here."""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.trees import leaves_of, tree_map

BENCHMARKS = Path(__file__).parent / "benchmarks"
PAGES = [Path(__file__).parent.parent / "docs" / name for name in ("benchmarks.md", "limits.md")]
sys.path.insert(0, str(BENCHMARKS))  # the scripts import each other by name, so the imports come after it

import contenders  # noqa: E402 - after the path to them was added, as the four below
import networks  # noqa: E402
import report  # noqa: E402
import timing  # noqa: E402
import user_programs  # noqa: E402


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("network", networks.NETWORKS)
def test_the_baseline_is_backpropagation(network, dtype):
    p = networks.problem(network, dtype)
    C, grads = networks.backprop(*p)
    right = tg.backprop.backprop(*p, activation="sigmoid", output="sigmoid", cost="quadratic")
    tolerance = {"rtol": 0, "atol": 1e-14 if dtype == "float64" else 1e-5}
    np.testing.assert_allclose(C, right.cost, **tolerance)
    assert {C.dtype, *(g.dtype for g in grads)} == {np.dtype(dtype)}
    for found, expected in zip(grads, [*right.grad_weights, *right.grad_biases], strict=True):
        np.testing.assert_allclose(found, expected, **tolerance)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("network", networks.NETWORKS)
def test_ours_agrees_with_the_baseline(network, dtype):
    p = networks.problem(network, dtype)
    run = contenders.CONTENDERS["ours"].prepare(p)
    run()
    assert contenders.mistake("ours", p, run()) is None  # the second time: gradients do not accumulate


def test_a_contender_that_is_wrong_is_found():
    p = networks.problem("2-3-1, batch 4")
    C, grads = networks.backprop(*p)
    assert contenders.mistake("ours", p, (C, grads)) is None
    assert contenders.mistake("ours", p, (2 * C, grads)) == "the cost is off by 1e+00"
    assert contenders.mistake("ours", p, (C, [np.full((2, 3), np.nan), *grads[1:]])) == "gradient 1 is off by nan"
    assert contenders.mistake("ours", p, (C, [*grads[:-1], 2 * grads[-1]])) == "gradient 4 is off by 1e+00"
    assert contenders.mistake("ours", p, (C, [grads[0].T, *grads[1:]])) == "gradient 1 has shape (3, 2), not (2, 3)"
    assert contenders.mistake("ours", p, (C, grads[1:])) == "there are 3 gradients, not 4"
    single = [grads[0].astype("float32"), *grads[1:]]
    assert contenders.mistake("ours", p, (C, single)) == "gradient 1 is float32, not float64"


@pytest.mark.parametrize("name", list(user_programs.PROGRAMS)[::2])  # the smaller one of each kind
def test_the_gradient_of_a_program_of_users_is_its_slope(name):
    cost, params, data = user_programs.PROGRAMS[name]
    f, rng, h = cost(np), np.random.default_rng(0), 1e-6
    direction = tree_map(lambda x: rng.normal(size=np.shape(x)), params)

    def moved(step):
        steps = iter(leaves_of(direction))
        return tree_map(lambda x: x + step * next(steps), params)

    slope = (f(moved(h), *data) - f(moved(-h), *data)) / (2 * h)
    _, gradient = tg.value_and_grad(f)(params, *data)
    along = sum(np.vdot(g, d) for g, d in zip(leaves_of(gradient), leaves_of(direction), strict=True))
    assert along == pytest.approx(slope, rel=1e-5)


def test_ratios_on_a_machine_that_slows_down(monkeypatch):
    """On a clock that runs three times as fast at the end as at the start, and stutters, 2 is still 2."""
    clock, noise = [0.0], random.Random(0)
    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(timing, "seconds_of_others", lambda: 0.0)

    def work(seconds):
        def run():
            clock[0] += seconds * (1 + clock[0] / 100) * (5 if noise.random() < 0.01 else 1)

        return run

    found = timing.compare(work(0.001), {"twice": work(0.002), "half": work(0.0005)}, seconds=60, rounds=100)
    assert clock[0] > 5
    assert found["twice"].ratio == pytest.approx(2, rel=0.05)
    assert found["half"].ratio == pytest.approx(0.5, rel=0.05)
    assert found[None].ratio == pytest.approx(1, rel=0.05)
    assert found["twice"].low <= found["twice"].ratio <= found["twice"].high


def test_what_others_disturb_is_measured_again(monkeypatch):
    clock, others, shares = [0.0], [0.0], [0.5, 0.3, 0.01, 0.9]
    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(timing, "seconds_of_others", lambda: others[0])
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(timing, "patience", 60.0)

    def measure():
        clock[0] += 10
        others[0] += 10 * shares[0]
        return shares.pop(0)

    assert timing.undisturbed(measure) == 0.01
    assert timing.patience == 39  # two rounds and the pauses after them
    monkeypatch.setattr(timing, "patience", 0.0)
    assert timing.undisturbed(measure) == 0.9  # one takes what there is, in the end


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux tells in this way")
def test_the_work_of_others_is_seen():
    before = timing.seconds_of_others()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(1)
        after = timing.seconds_of_others()
        child.kill()
    assert after - before > 0.1


@pytest.mark.long
@pytest.mark.parametrize("script", sorted(BENCHMARKS.glob("bench_*.py")), ids=lambda path: path.stem)
def test_the_quick_run_prints_tables(script, tmp_path):
    before = [page.read_bytes() for page in PAGES]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), "--quick"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\| (ours|tg\.fit|compiled).*\d \|", done.stdout, re.MULTILINE)
    assert not re.search("^- ours.*(failed|wrong)", done.stdout, re.MULTILINE), done.stdout
    for section in re.findall(r"^--- (.*) ---$", done.stdout, re.MULTILINE):
        assert f"<!-- begin {section} -->" in b"".join(before).decode(), f"no page has a place for {section}"
    assert [page.read_bytes() for page in PAGES] == before
    assert not list(tmp_path.iterdir())


def test_sections_of_the_page_are_replaced(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- begin a -->\nold\n<!-- end a -->\n\nAfter.\n", encoding="utf-8")
    report.publish({"a": r"new \1"}, quick=True, page=page)
    assert "old" in page.read_text(encoding="utf-8")
    report.publish({"a": r"new \1"}, quick=False, page=page)
    assert page.read_text(encoding="utf-8") == ("Before.\n\n<!-- begin a -->\n\nnew \\1\n\n<!-- end a -->\n\nAfter.\n")
    assert capsys.readouterr().out.count("new") == 2
    with pytest.raises(ValueError, match="0 places for the section b"):
        report.publish({"b": ""}, quick=False, page=page)


def test_tables_and_numbers():
    assert [report.number(v) for v in (0, 0.06512, 0.651, 0.9999, 6.51, 65.1, 651.2, 6512)] == [
        "0", "0.0651", "0.651", "1.00", "6.51", "65.1", "651", "6510",
    ]  # fmt: skip
    assert report.table(["", "x"], [["a", "1.00"], ["long", None]]).splitlines() == [
        "|      |    x |",
        "| ---- | ---: |",
        "| a    | 1.00 |",
        "| long |    – |",
    ]
