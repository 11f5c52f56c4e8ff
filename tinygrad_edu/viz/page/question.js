// --- What is worth predicting: a number that a few products make, of a size that one can reason about ------------

const isReasonable = (x) => Math.abs(x) >= 1e-3 && Math.abs(x) < 1e4;

// The question of a step, {node, entry, truth, contribution (of a gradient)}; null where nothing is worth asking. Who
// chose an entry, of those that there are, is asked for that.
function question(step, chosen) {
  const { phase } = current(step);
  if (phase !== "forward" && phase !== "backward") return null;
  const node = mainNode(step);
  const contribution = phase === "backward" ? track.incoming[node].find((c) => c.step === step) : null;
  const a = phase === "forward" ? valueOf(node) : contribution && array(contribution.part);
  if (!a) return null;
  const entry = chosen !== null && numberAt(a, chosen) !== undefined ? chosen : worthAsking(a, node, contribution);
  return entry === null ? null : { node, entry, contribution, truth: numberAt(a, entry) };
}

function worthAsking(a, node, contribution) {
  const entry = largest({ ...a, numbers: a.numbers.map((x) => (isReasonable(x) ? x : 0)) });
  if (!a.size || !isReasonable(numberAt(a, entry))) return null;
  const many = contribution ? terms(contribution, entry)?.total : termsForward(node);
  return many >= 1 && many <= FEW ? entry : null;
}

// How many products make an entry of a value; undefined where that is not said.
function termsForward(node) {
  const { how, template, arguments: given } = track.doing.get(node) ?? {};
  if (how === "matmul") return argumentOf(given[0]).shape[1];
  return template === undefined ? undefined : 1;
}
