"""The engine: record NumPy calls, then walk them backwards.

Read `graph` (a node is a NumPy call as data), `walk` (record forwards, hand gradients back), and the first page of
`table` (where the rules stand). The other files are what those call by name: `arguments` says what may be recorded and
in which form, `ownership` whose arrays a graph may keep, `broadcasting` brings gradients into the form of their values,
`constants` says through what no gradient flows, `primitive` makes functions of one's own recordable, `dispatch` finds
out what a NumPy function means for tensors, `modes` switches recording off and on, names scopes, and knows who looks
on; `anomaly` is somebody who does, and `tracing` somebody who has everything recorded.
"""

from tinygrad_edu.engine.anomaly import detect_anomaly
from tinygrad_edu.engine.arguments import bind
from tinygrad_edu.engine.broadcasting import unbroadcast
from tinygrad_edu.engine.constants import PIECEWISE_CONSTANT, constant
from tinygrad_edu.engine.dispatch import dispatch
from tinygrad_edu.engine.graph import NO_KWARGS, Node, ancestors, make_leaf, next_index, nodes_in, operations_under
from tinygrad_edu.engine.modes import (
    Scope,
    Watcher,
    is_recording,
    is_watched,
    no_grad,
    reading,
    recording,
    records_all,
    scope,
    scoped,
    told,
    watchers,
    watching,
)
from tinygrad_edu.engine.ownership import (
    EXPOSED,
    IN_GRAPH,
    PRIVATE,
    at_once,
    check_leaves,
    copied,
    own,
    replace_values,
)
from tinygrad_edu.engine.primitive import primitive, recordable
from tinygrad_edu.engine.table import EXPANSIONS, RULES, SPELLINGS, Each, Rule, defvjp, expands, spells
from tinygrad_edu.engine.tracing import Tracer
from tinygrad_edu.engine.walk import Contribution, contributions, gradients, make_node, record, steps_of

__all__ = [
    "EXPANSIONS",
    "EXPOSED",
    "IN_GRAPH",
    "NO_KWARGS",
    "PIECEWISE_CONSTANT",
    "PRIVATE",
    "RULES",
    "SPELLINGS",
    "Contribution",
    "Each",
    "Node",
    "Rule",
    "Scope",
    "Tracer",
    "Watcher",
    "ancestors",
    "at_once",
    "bind",
    "check_leaves",
    "constant",
    "contributions",
    "copied",
    "defvjp",
    "detect_anomaly",
    "dispatch",
    "expands",
    "gradients",
    "is_recording",
    "is_watched",
    "make_leaf",
    "make_node",
    "next_index",
    "no_grad",
    "nodes_in",
    "operations_under",
    "own",
    "primitive",
    "reading",
    "record",
    "recordable",
    "recording",
    "records_all",
    "replace_values",
    "scope",
    "scoped",
    "spells",
    "steps_of",
    "told",
    "unbroadcast",
    "watchers",
    "watching",
]
