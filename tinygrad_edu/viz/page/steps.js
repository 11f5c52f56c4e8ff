// --- What is known at which step -------------------------------------------------------------------------
// Step 0: nothing is computed. Then the operations forward, the seed ∂C/∂C = 1, the operations backward.

const F = film.forward.length;
const B = film.backward.length;
const N = F + (B ? 1 + B : 0);
const computedAt = new Map(film.forward.map((node, i) => [node, i + 1]));
const handedBackAt = new Map(film.backward.map((step, i) => [step.node, F + 2 + i]));
const incoming = film.nodes.map(() => []); // contributions to each node, with the step at which they arrive
for (const { node, contributions } of film.backward) {
  for (const c of contributions) incoming[c.to].push({ ...c, from: node, step: handedBackAt.get(node) });
}
const equationOf = new Map(film.equations.map((equation) => [equation.node, equation]));

const symbolOf = (node) => film.nodes[node].symbol;
const deltaOf = (node) => film.nodes[node].delta;
const valueOf = (node) => array(film.nodes[node].value);
const gradientOf = (node) => array(film.nodes[node].gradient); // all of it, as it is at the end
const hasGradient = (node) => film.nodes[node].gradient !== undefined && B > 0;

const isComputed = (node, step) => (computedAt.get(node) ?? 0) <= step;
const arrived = (node, step) => incoming[node].filter((c) => c.step <= step);
const completeAt = (node) => (node === film.root ? F + 1 : Math.max(F + 1, ...incoming[node].map((c) => c.step)));

// The gradient of a node at a step: null before anything arrived, then the partial sum, at last all of it.
function gradient(node, step) {
  if (!hasGradient(node)) return null;
  if (node === film.root) return step > F ? gradientOf(node) : null;
  const parts = arrived(node, step);
  if (!parts.length) return null;
  return parts.length === incoming[node].length ? gradientOf(node) : added(parts.map((c) => array(c.part)));
}

// What a node got last: a contribution that arrives at this step, else its gradient so far, else its value.
function latest(node, step) {
  const now = incoming[node].findLast((c) => c.step === step);
  return now ? array(now.part) : gradient(node, step) ?? valueOf(node);
}

function current(step) {
  if (step === 0) return { phase: "start", node: film.forward[0] ?? film.root };
  if (step <= F) return { phase: "forward", node: film.forward[step - 1] };
  if (step === F + 1) return { phase: "seed", node: film.root };
  return { phase: "backward", ...film.backward[step - F - 2] };
}

// What a student can be asked to predict at a step: an entry of a value or of a gradient.
function asked(step) {
  const now = current(step);
  if (now.phase === "forward") return valueOf(now.node).size ? { node: now.node, what: "value" } : null;
  if (now.phase !== "backward") return null;
  const given = now.contributions.filter((c) => valueOf(c.to).size);
  const main = given.find((c) => equationOf.has(c.to)) ?? given[0];
  return main ? { node: main.to, what: "gradient" } : null;
}
