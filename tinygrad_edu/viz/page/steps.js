// --- What is known at which step -------------------------------------------------------------------------
// Step 0: nothing is computed. Then the steps forward, the seed ∂C/∂C = 1, the steps backward.

// There are two tracks: by boxes of the folded picture, where that differs, and by operations.
const byOperation = makeTrack(film.forward.map((node) => ({ operations: [node] })), film.backward);
const tracks = film.boxes ? [makeTrack(film.boxes.forward, film.boxes.backward), byOperation] : [byOperation];
let track = tracks[0];
const takeTrack = (i) => { track = tracks[i]; };

function makeTrack(forward, stepsBack) {
  const [F, B] = [forward.length, stepsBack.length];
  const [computedAt, handedBackAt] = [new Map(), new Map()]; // operation → step
  const doing = new Map(); // result → what was done, and with what
  forward.forEach((step, i) => {
    const last = step.operations.at(-1);
    for (const operation of step.operations) computedAt.set(operation, i + 1);
    for (const output of step.outputs ?? [last]) doing.set(output, step.text === undefined ? { ...film.nodes[last], ...step } : step);
  });
  const incoming = film.nodes.map(() => []); // contributions to each node, with the step at which they arrive
  const backward = stepsBack.map((given, i) => {
    const { node, contributions } = typeof given === "number" ? film.backward[given] : given;
    const step = F + 2 + i;
    for (const operation of doing.get(node).operations) handedBackAt.set(operation, step);
    return { node, contributions: contributions.map((c) => arriving({ ...c, from: node, step }, incoming[c.to])) };
  });
  return { forward, backward, F, B, N: F + (B ? 1 + B : 0), computedAt, handedBackAt, doing, incoming };
}

// A contribution is number … of those to one node.
function arriving(c, all) {
  c.number = all.push(c);
  Object.defineProperty(c, "of", { get: () => all.length });
  return c;
}

// The step of another track where as much is done.
function sameMoment(step, from, to) {
  if (step === 0) return 0;
  if (step <= from.F) return to.computedAt.get(from.forward[step - 1].operations.at(-1));
  if (step === from.F + 1) return to.F + 1;
  return to.handedBackAt.get(from.doing.get(from.backward[step - from.F - 2].node).operations[0]);
}

// A track by boxes does not show what is inside them.
const isInTrack = (node) => !byOperation.computedAt.has(node) || track.doing.has(node);

const equationOf = new Map(film.equations.map((equation) => [equation.node, equation]));

const symbolOf = (node) => film.nodes[node].symbol;
const deltaOf = (node) => film.nodes[node].delta ?? `∂${film.title}/∂${symbolOf(node)}`;
const valueOf = (node) => array(film.nodes[node].value);
const gradientOf = (node) => array(film.nodes[node].gradient); // all of it, as it is at the end
const scopeOf = (node) => film.nodes[node].scope ?? [];
const argumentOf = (argument) => array(argument.array ?? film.nodes[argument.node].value);
const hasGradient = (node) => film.nodes[node].gradient !== undefined && track.B > 0;

const isComputed = (node, step) => (track.computedAt.get(node) ?? 0) <= step;
const arrived = (node, step) => track.incoming[node].filter((c) => c.step <= step);
const completeAt = (node) => (node === film.root ? track.F + 1 : Math.max(track.F + 1, ...track.incoming[node].map((c) => c.step)));

// The gradient of a node at a step: null before anything arrived, then the partial sum, at last all of it.
function gradient(node, step) {
  if (!hasGradient(node)) return null;
  if (node === film.root) return step > track.F ? gradientOf(node) : null;
  const parts = arrived(node, step);
  if (!parts.length) return null;
  return parts.length === track.incoming[node].length ? gradientOf(node) : added(parts.map((c) => array(c.part)));
}

// What a node got last: a contribution that arrives at this step, else its gradient so far, else its value.
function latest(node, step) {
  const now = track.incoming[node].findLast((c) => c.step === step);
  return now ? array(now.part) : gradient(node, step) ?? valueOf(node);
}

function current(step) {
  const { forward, backward, F, doing } = track;
  if (step === 0) return { phase: "start", node: F ? doing.get(forward[0].operations.at(-1)).inputs[0] ?? film.root : film.root };
  if (step <= F) return { phase: "forward", node: forward[step - 1].operations.at(-1) };
  if (step === F + 1) return { phase: "seed", node: film.root };
  return { phase: "backward", ...backward[step - F - 2] };
}

// The node that a step is most about: of those that are handed something, one with an equation.
function mainNode(step) {
  const now = current(step);
  const given = (now.contributions ?? []).filter((c) => valueOf(c.to).size);
  return (given.find((c) => equationOf.has(c.to)) ?? given[0])?.to ?? now.node;
}
