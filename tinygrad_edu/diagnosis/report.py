"""What `diagnose` answers, in words."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.diagnosis.explain import Convention, Explanation, merged, rounding
from tinygrad_edu.diagnosis.forms import Form
from tinygrad_edu.diagnosis.mistakes import Mistake
from tinygrad_edu.diagnosis.problems import Array, Problem, Setting
from tinygrad_edu.equations.typeset import latex, matrix
from tinygrad_edu.tables import Formula, Part, Report

if TYPE_CHECKING:
    from tinygrad_edu.diagnosis.diagnose import Trial
    from tinygrad_edu.viz.dot import Drawing

WIDTH = 88
"""Of a line of the answer."""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

READ = {
    "BP1": "docs/equations.md, BP1: the outputs",
    "BP2": "docs/equations.md, BP2: one layer back",
    "BP3": "docs/equations.md, BP3: the biases",
    "BP4": "docs/equations.md, BP4: the weights",
}

FORMULAS = {
    "BP1": ("δᴸ = ∂C/∂aᴸ ⊙ σ′(zᴸ)", r"\delta^L = \nabla_{a^L} C \odot \sigma'(z^L)"),
    "BP2": ("δˡ = ((wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ′(zˡ)", r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)"),
    "BP3": ("∂C/∂bˡ = δˡ, summed over the examples", r"\frac{\partial C}{\partial b^l} = \sum_x \delta^{x,l}"),
    "BP4": (
        "∂C/∂wˡ = δˡ (aˡ⁻¹)ᵀ, summed over the examples",
        r"\frac{\partial C}{\partial w^l} = \sum_x \delta^{x,l} (a^{x,l-1})^T",
    ),
}
"""The equations as in the text, where examples are columns; and in LaTeX."""


@dataclass(frozen=True)
class Evidence:
    """The smallest network that shows a mistake, and the numbers in it.

    Attributes
    ----------
    problem : Problem
    factor : float
        How many times the gradient of BP1–BP4 its is, by a convention that is none of its mistakes.
    quantity : str
        "∂C/∂b" or "∂C/∂w".
    number : int
        Of the layer, l from 1.
    yours, right : ndarray
    """

    problem: Problem
    factor: float
    quantity: str
    number: int
    yours: Array
    right: Array

    @property
    def gap(self) -> float:
        """How far the numbers are apart."""
        apart = self.yours - self.right if self.yours.shape == self.right.shape else self.right
        return float(np.max(np.abs(apart)))


@dataclass(frozen=True)
class Finding:
    """One mistake.

    Attributes
    ----------
    equation : str
        "BP1", …, "BP4" or "forward".
    layers : tuple of int
        As in the text, where the inputs are layer 1; from the last to the first.
    mistake : str
        Its short name.
    words : str
    """

    equation: str
    layers: tuple[int, ...]
    mistake: str
    words: str

    def __str__(self) -> str:
        if not self.layers:
            return f"{self.equation}: {self.words}."
        *others, last = map(str, self.layers)
        where = f"layers {', '.join(others)} and {last}" if others else f"layer {last}"
        return f"{self.equation}, {where}: {self.words}."


@dataclass(frozen=True, repr=False)
class Diagnosis(Report):
    """The result of `diagnose`. ``str(report)`` is the answer in words.

    Attributes
    ----------
    findings : tuple of Finding
        All mistakes that were found, in backward order.
    convention : str
        What was inferred: the form of the program, its layout, and what its gradient is of.
    trouble : str
        The short name of what kept the program from being judged, such as "exception"; else empty.
    unknown : tuple of (str, int), or None
        The first quantity and its layer that are wrong in a way that is not known.
    evidence : Evidence or None
    note : str
    units : float or None
        Of a right program, how far its gradients are from those of BP1–BP4, in units in the last place: the largest
        |yours − right| in an array over the distance of its largest number to the next one of float64.
    """

    setting: Setting
    convention: str
    findings: tuple[Finding, ...] = ()
    trouble: str = ""
    unknown: tuple[str, int] | None = None
    evidence: Evidence | None = None
    note: str = ""
    units: float | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.findings or self.trouble or self.unknown)

    @property
    def equation(self) -> str | None:
        """Which equation is wrong first, in backward order; "forward" is what goes before them all."""
        return self.findings[0].equation if self.findings else None

    @property
    def layer(self) -> int | None:
        """In which layer, counted as in the text: the inputs are layer 1."""
        if self.findings and self.findings[0].layers:
            return self.findings[0].layers[0]
        return self.unknown[1] if self.unknown and not self.findings else None

    @property
    def mistake(self) -> str | None:
        """The short name of the first mistake; or of the trouble."""
        return self.findings[0].mistake if self.findings else (self.trouble or ("unknown" if self.unknown else None))

    def parts(self) -> list[Part]:
        """The answer, and what it rests on."""
        if self.ok:
            units = [] if self.units is None else [_rounding(self.units)]
            return ["Right: the gradients are those of BP1–BP4.", *units, fill(self.convention, WIDTH)]
        if self.trouble:
            return [fill(self.note, WIDTH), fill(self.convention, WIDTH)]
        said: list[Part] = [fill(str(finding), WIDTH, subsequent_indent="  ") for finding in self.findings]
        if self.unknown:
            said.append(fill(self.note, WIDTH))
        if self.findings and (equation := self.findings[0].equation) in FORMULAS:
            text, typeset = FORMULAS[equation]
            said.append(Formula(f"The equation: {text}.", rf"\text{{The equation: }} {typeset}"))
            said.append(f"Read {READ[equation]}.")
        if self.note and not self.unknown:
            said.append(fill(self.note, WIDTH))
        if self.evidence:
            said += _shown(self.evidence)
        return [*said, fill(self.convention, WIDTH)]

    def draw(self) -> Drawing:
        """The gradient graph of the smallest network that shows a mistake, with the places that are wrong in red.

        Returns
        -------
        Drawing
            As `tinygrad_edu.draw` gives it.

        Raises
        ------
        ValueError
            If there is nothing to mark: the program is right, or could not be judged.
        """
        from tinygrad_edu.diagnosis.picture import Spot, draw_spots, spots_of

        e = self.evidence
        if e is None:
            why = "the program is right" if self.ok else f"what is wrong ({self.mistake}) has no place in the graph"
            raise ValueError(f"draw: there is nothing to mark, {why}; print the report")
        numbers = f"{e.quantity}{superscript(e.number + 1)}: yours {_numbers(e.yours)}, right {_numbers(e.right)}"
        spots = [spot for f in self.findings for spot in spots_of(e.problem, f.equation, f.layers, f.words)]
        at = (e.quantity[-1], e.number)
        if at in [(spot.quantity, spot.number) for spot in spots] or not spots:
            spots.append(Spot(*at, numbers))
        else:  # it follows from the first mistake
            spots[0] = spots[0]._replace(text=f"{spots[0].text}\n{numbers}")
        return draw_spots(e.problem, e.factor, spots)


FLOAT32 = 2.0**29
"""How many units in the last place of float64 are one of float32."""


def _rounding(units: float) -> str:
    """How far right gradients are off."""
    said, of = (f"{units:.2g}", "") if units < 100 else (f"{units:,.0f}", "")
    if units > FLOAT32 / 100:
        said, of = f"{units / FLOAT32:.2g}", " of float32, so it may compute with that"
    return f"The largest error is {said} unit{'s' * (said != '1')} in the last place{of}."


def superscript(l: int) -> str:
    """The number of a layer as in the text."""
    return str(l).translate(SUPERSCRIPTS)


def _words(mistake: Mistake, layers: list[int | None]) -> str:
    l = next((l for l in layers if l is not None), None)
    if l is None:
        return mistake.words
    # The text counts the inputs as layer 1: our layer l is its layer l + 1.
    return mistake.words.format(l=superscript(l + 1), next=superscript(l + 2), prev=superscript(l))


def of_explanation(
    trial: Trial, setting: Setting, explained: Explanation, evidence: Evidence | None, only_square: str = ""
) -> Diagnosis:
    """The answer for a program that was explained."""
    findings = tuple(
        Finding(m.equation, tuple(l + 1 for l in layers if l is not None), m.slug, _words(m, layers))
        for m, layers in merged(explained.found)
    )
    unknown, note = None, ""
    if explained.unknown:
        unknown = (explained.unknown[0], explained.unknown[1] + 1)
        note = f"The gradients of layer {unknown[1]} are wrong, in a way that is not known here; "
        if explained.unknown[1] == trial.problems[0].depth:
            note += "it is the last, so look at the forward pass, at BP1, and at BP3 and BP4 of this layer."
        else:
            note += f"those of later layers are {'as said' if findings else 'right'}."
    elif only_square:
        note = f"It only runs on networks of equal widths; else: {only_square}"
    units = None if findings or unknown else rounding(trial.problems, trial.seen, explained.convention)
    convention = describe(trial.form, setting, explained.convention)
    return Diagnosis(setting, convention, findings, "", unknown, evidence, note, units)


def describe(form: Form, setting: Setting, c: Convention) -> str:
    """What was found out about a program, none of which is a mistake."""
    of = "the sum of C_x over the batch" if c.is_sum else "the mean of C_x over the batch"
    if form.is_single:
        of = "C_x of one example"
    if setting.cost == "quadratic":
        of += f", C_x = {'' if c.is_double else '½ '}‖y − a‖²"
        of += ", divided by the number of outputs" if c.is_mean_of_outputs else ""
    what = "the direction of descent, minus the gradient" if c.is_descent else "the gradient"
    return f"Read as {form.name}{form.layout and f'; {form.layout}'}; it gives {what} of {of}."


def of_behaviour(trial: Trial, setting: Setting) -> Diagnosis:
    """The answer for a program that gave no numbers that could be judged."""
    said = {
        "exception": f"It stops with {trial.words}.",
        "shape": f"Its answer cannot be read: {trial.words}",
        "nan": f"{trial.words[:1].upper()}{trial.words[1:]}: is a logarithm of 0 taken, or does e^z overflow?",
    }
    trouble = trial.trouble or "exception"
    note = said.get(trouble, f"{trial.words[:1].upper()}{trial.words[1:]}.")
    note += "" if note.endswith(("?", ".")) else "."
    return Diagnosis(
        setting,
        f"Read as {trial.form.name}{trial.form.layout and f'; {trial.form.layout}'}.",
        (),
        trouble,
        None,
        None,
        note,
    )


def _shown(e: Evidence) -> list[Part]:
    """The smallest network, and its numbers."""
    p = e.problem
    at = superscript(e.number + 1)
    sizes = "-".join(map(str, p.sizes))
    said: list[Part] = [f"The smallest network that shows it: {sizes}, {p.n} example{'s' * (p.n > 1)} (rows), with"]
    for l, (W, b) in enumerate(zip(p.weights, p.biases, strict=True), start=2):
        text = f"  w{superscript(l)} = {_numbers(W)}, b{superscript(l)} = {_numbers(b)}"
        said.append(Formula(text, rf"w^{{{l}}} = {matrix(W)}, \quad b^{{{l}}} = {matrix(b)}"))
    text = f"  x = {_numbers(p.x)}, y = {_numbers(p.y)}"
    said.append(Formula(text, rf"x = {matrix(p.x)}, \quad y = {matrix(p.y)}"))
    text = f"  {e.quantity}{at}: yours {_numbers(e.yours)}, right {_numbers(e.right)}"
    symbol = latex(f"{e.quantity}{e.number + 1}")
    typeset = rf"{symbol}: \text{{ yours }} {matrix(e.yours)}, \text{{ right }} {matrix(e.right)}"
    return [*said, Formula(text, typeset)]


def _numbers(a: Any) -> str:
    def one(x: float) -> str:
        return f"{x:.4g}".replace("-", "−")

    a = np.asarray(a)
    if a.ndim == 0:
        return one(float(a))
    return "[" + ", ".join(_numbers(part) for part in a) + "]"
