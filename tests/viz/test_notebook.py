"""The page of pictures, run as a notebook: what a student sees below each cell is a picture with the right numbers."""

import base64
import html
import inspect
import json
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.viz import plots

PAGE = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^```\{code-cell\} python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PLOTS = [name for name, fn in inspect.getmembers(plots, inspect.isfunction) if fn.__module__ == plots.__name__]
PLOTS = [name for name in PLOTS if not name.startswith("_")]
NO_PLOTS = 'needs matplotlib: pip install "tinygrad_edu[plots]"'
SVG = "{http://www.w3.org/2000/svg}"

# Warnings of Jupyter's own machinery are not ours. In the kernel, where our code runs, each is an error: see below.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of every cell, by its source."""
    reason = "needs nbclient and ipykernel, of the dependency group test"
    nbclient, nbformat = (pytest.importorskip(name, reason=reason) for name in ("nbclient", "nbformat"))
    pytest.importorskip("ipykernel", reason=reason)
    pytest.importorskip("matplotlib", reason=NO_PLOTS)
    sources = ["import warnings\nwarnings.simplefilter('error')", *CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    folder = tmp_path_factory.mktemp("notebook")
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120, resources=resources).execute()
    assert not list(folder.iterdir())
    return {cell.source: cell.outputs for cell in notebook.cells}


def shown(outputs, call):
    """What the cell that ends with this call shows: {kind: content}, and how to show it."""
    (found,) = [out for source, out in outputs.items() if source.strip().rpartition("\n")[2].startswith(call)]
    (output,) = found
    assert output.output_type == "execute_result"
    return output.data, output.metadata


def test_no_cell_fails_or_complains(outputs):
    assert len(outputs) > 10
    for source, found in outputs.items():
        for output in found:
            assert output.output_type in ("execute_result", "stream"), source
            assert output.get("name") != "stderr", output.text


# --- The graph --------------------------------------------------------------------------------------------


def drawn(svg):
    """The svg element of a picture, which must be XML."""
    root = ET.fromstring(svg.encode())
    return root if root.tag == f"{SVG}svg" else root.find(f"{SVG}svg")


def words(svg):
    return [text.text for text in svg.iter(f"{SVG}text")]


def is_whole(svg):
    """Whether every node lies in the part of the plane that is shown."""
    left, top, width, height = map(float, svg.get("viewBox").split())
    graph = svg.find(f"{SVG}g")
    dx, dy = map(float, re.search(r"translate\((\S+) (\S+)\)", graph.get("transform")).groups())
    points = []
    for node in graph.iter(f"{SVG}g"):
        for shape in node if node.get("class") == "node" else ():
            if shape.tag == f"{SVG}ellipse":
                x, y, rx, ry = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
                points += [(x - rx, y - ry), (x + rx, y + ry)]
            elif shape.tag in (f"{SVG}polygon", f"{SVG}path"):
                numbers = re.findall(r"-?[\d.]+", shape.get("points") or shape.get("d"))
                points += zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True)
    assert len(points) > 20
    x, y = np.array(points).T
    return bool(np.all((left <= x + dx) & (x + dx <= left + width) & (top <= y + dy) & (y + dy <= top + height)))


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        ("tg.draw(C)", set()),
        ('tg.draw(C, direction="LR"', set()),
        ("tg.draw(C, depth=0", {"BP1", "BP2"}),
        ('tg.draw(C, level="ops"', set()),
        ("tg.draw(np.mean(", {"BP2"}),
    ],
)
def test_graphs_show_the_four_equations_and_are_whole(outputs, call, missing):
    data, _ = shown(outputs, call)
    for kind in ("text/html", "image/svg+xml"):
        svg = drawn(data[kind])
        assert set(re.findall(r"BP\d", " ".join(words(svg)))) == {"BP1", "BP2", "BP3", "BP4"} - missing
        assert is_whole(svg)
        assert not svg.get("height")  # in proportion to the width
    assert data["text/plain"]


def test_a_cropped_picture_would_be_found(outputs):
    svg = drawn(shown(outputs, "tg.draw(C)")[0]["text/html"])
    left, top, width, height = map(float, svg.get("viewBox").split())
    svg.set("viewBox", f"{left} {top} {width - 20} {height}")
    assert not is_whole(svg)


def test_a_wide_graph_stays_readable_and_scrolls(outputs):
    frame = ET.fromstring(shown(outputs, "tg.draw(C)")[0]["text/html"])
    assert frame.get("style") == "overflow-x:auto"
    assert frame.get("tabindex") == "0"  # so that the arrow keys can scroll it
    svg = drawn(shown(outputs, "tg.draw(C)")[0]["text/html"])
    form = r"min-width:clamp\(([\d.]+)pt,90vw,([\d.]+)pt\);max-width:([\d.]+)pt"
    on_a_phone, least, most = map(float, re.fullmatch(form, svg.get("style")).groups())
    assert on_a_phone == pytest.approx(0.4 * most, abs=1)
    assert least == pytest.approx(0.75 * most, abs=1)
    assert most == pytest.approx(float(svg.get("viewBox").split()[2]), abs=1)


# --- The film ---------------------------------------------------------------------------------------------


def test_the_film_is_in_a_sandbox_and_has_fallbacks(outputs):
    data, _ = shown(outputs, "tg.explore(C, at=")
    frame = data["text/html"]
    assert frame.startswith("<iframe ")
    assert set(re.search(r' sandbox="([^"]*)"', frame)[1].split()) == {"allow-scripts", "allow-downloads"}
    assert is_whole(drawn(data["image/svg+xml"]))
    assert "steps forward" in data["text/plain"]


def test_the_gradients_of_the_film_are_those_of_numpy(outputs):
    page = html.unescape(re.search(r' srcdoc="([^"]*)"', shown(outputs, "tg.explore(C, at=")[0]["text/html"])[1])
    film = json.loads(re.search(r'<script id="film" type="application/json">(.*?)</script>', page, re.DOTALL)[1])

    def numbers(symbol, kind):
        (node,) = [node for node in film["nodes"] if node["symbol"] == symbol]
        array = film["arrays"][node[kind]]
        return np.reshape([float(number) for number in array["numbers"]], array["shape"])

    x, y, W1, b1, W2, b2 = (numbers(symbol, "value") for symbol in ("x", "y", "W1", "b1", "W2", "b2"))
    np.testing.assert_array_equal(np.hstack([x, y]), [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
    a1 = 1 / (1 + np.exp(-(x @ W1 + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    delta2 = (a2 - y) / 4 * a2 * (1 - a2)
    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    by_numpy = {"W1": x.T @ delta1, "b1": delta1.sum(0), "W2": a1.T @ delta2, "b2": delta2.sum(0)}
    by_numpy |= {"z1": delta1, "z2": delta2, "a1": delta2 @ W2.T, "a2": (a2 - y) / 4}
    for symbol, gradient in by_numpy.items():
        np.testing.assert_allclose(numbers(symbol, "gradient"), gradient, rtol=1e-12, atol=1e-16)
    assert {equation["status"] for equation in film["equations"]} == {"verified"}


# --- Plots ------------------------------------------------------------------------------------------------


def size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_shown_sharp(outputs, name):
    data, metadata = shown(outputs, f"plots.{name}(")
    png = base64.b64decode(data["image/png"])
    width, height = size(png)
    assert min(width, height) > 400
    assert len(png) > 10_000  # not blank
    assert metadata["image/png"]["width"] == width // 2


def test_a_figure_is_drawn_as_it_is_when_shown():
    pytest.importorskip("matplotlib", reason=NO_PLOTS)
    figure = plots.learning_curves(tg.History(cost=[2.0, 1.0]))
    before, _ = figure._repr_png_()
    figure.axes[0].set_title("changed")
    assert figure._repr_png_()[0] != before
