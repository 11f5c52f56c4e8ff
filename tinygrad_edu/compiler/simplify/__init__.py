"""Make a traced graph smaller: what a person would cross out when tidying up a derivation.

The graph is written down again, operation by operation; each is looked at once with its arguments already tidy.
Whole passes are repeated until nothing changes. A pass

- computes what depends on constants only, and computes everything else once (common subexpressions: `rewriting`),
- leaves out what does nothing: adding 0, multiplying by 1, reshaping to the same shape (`tidy`),
- merges the numbers in a chain of products and quotients, and uses a quotient that exists already:
  (g / d) · p = g · a where a = p / d (`products`), but only where no step can overflow that did not before (`bounds`),
- factors sums: t − t a = t (1 − a) (`sums`),
- drops masks that change nothing (`masks`).

Together they turn what the rules give for σ(z) = p / (1 + p), p = eᶻ, into the a (1 − a) of the textbooks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.compiler.simplify.rewriting import Rewriting
from tinygrad_edu.compiler.simplify.tidy import tidy
from tinygrad_edu.compiler.trace import Trace
from tinygrad_edu.engine import Node, nodes_in
from tinygrad_edu.trees import tree_map

MOST_PASSES = 20


def simplify(trace: Trace) -> None:
    """Replace the result, root and gradients of a trace by smaller ones of the same value, to rounding."""
    before = None
    known: dict[Any, Node] = {}
    for _ in range(MOST_PASSES):
        _pass(trace, Rewriting(trace, known))
        now = [(node.fn, len(nodes_in(node.args))) for node in trace.operations]
        if now == before:
            return
        before = now


def _pass(trace: Trace, graph: Rewriting) -> None:
    with np.errstate(all="ignore"):
        for node in graph.old:
            graph.replace(node, tidy(graph, node))
    now = graph.now
    trace.result = tree_map(now, trace.result)
    trace.root = None if trace.root is None else now(trace.root)
    trace.gradients = {
        now(g): now(of) for g, of in trace.gradients.items() if isinstance(now(g), Node) and isinstance(now(of), Node)
    }


__all__ = ["simplify"]
