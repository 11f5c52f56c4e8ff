// --- The panel of one node: its value, its gradient, and where an entry came from -----------------------------

const MANY = 12; // contributions in the panel
const KINDS = { result: "result", operation: "computed", parameter: "parameter", data: "data" };

function renderPanel() {
  const node = shown();
  const { symbol } = film.nodes[node];
  const [value, e] = [valueOf(node), shownEntry(node)];
  const keep = document.activeElement?.dataset?.keep;
  $("panel-title").textContent = symbol + (value.size > 1 ? `, entry ${at(e, value.shape)}` : "");
  const maps = make("div", { class: "maps" }, valueMap(node, e), gradientMap(node, e));
  $("panel-body").replaceChildren(...aboutNode(node), maps, ...equationInPanel(node, e), ...paths(node, e));
  if (keep && !document.activeElement?.dataset?.keep) focusOn(keep);
}
const focusOn = (id) => document.querySelector(`[data-keep="${id}"]`)?.focus();

// An entry of a heatmap of the panel was pressed; the heatmap is made anew, and keeps the focus.
function pickEntry(entry, id) {
  Object.assign(state, { entry, node: shown() });
  changed();
  focusOn(id);
}

function shapeOf(node) {
  const { results } = film.nodes[node];
  const { shape } = valueOf(node);
  if (results) return `${results} results in one row`;
  return shape.length ? `shape (${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "a single number";
}

function aboutNode(node) {
  const data = film.nodes[node];
  const body = [p(`${KINDS[data.kind]}, ${shapeOf(node)}${inside(node)}`)];
  const doing = track.doing.get(node);
  if (doing) body.push(formula(`${data.symbol} = ${doing.text}`));
  if (data.name && data.name !== data.symbol) body.push(quiet("Full name: ", make("span", { id: "full-name" }, data.name)));
  return body;
}

const isValueShown = (node) => isComputed(node, state.step) && !isHidden(node, "value");
const isGradientShown = (node) => gradient(node, state.step) !== null && !isHidden(node, "gradient");

function valueMap(node, e) {
  if (!isComputed(node, state.step)) return p(`Value: not computed yet (step ${track.computedAt.get(node)}).`);
  if (isHidden(node, "value")) return p("Value: guess first.");
  return heatmap(valueOf(node), `value of ${symbolOf(node)}`, { pick: pickEntry, chosen: e, id: "value" });
}

function gradientMap(node, e) {
  const g = gradient(node, state.step);
  if (film.nodes[node].gradient === undefined) return p("No gradient: it is a constant.");
  if (!hasGradient(node)) return p("No gradient: nothing was computed from it.");
  if (!g) return p(`Gradient ${deltaOf(node)}: not reached yet.`);
  if (isHidden(node, "gradient")) return p("Gradient: guess first.");
  const [parts, all] = [arrived(node, state.step).length, track.incoming[node].length];
  const partial = parts < all ? ` (sum of ${parts} of ${all} contributions so far)` : "";
  return heatmap(g, `gradient ${deltaOf(node)}${partial}`, { pick: pickEntry, chosen: e, id: "gradient" });
}

function equationInPanel(node, e) {
  const equation = equationOf.get(node);
  const isInStep = completeAt(node) === state.step && current(state.step).contributions?.some((c) => c.to === node);
  if (!equation || isInStep) return []; // the card of the step shows it
  return [equationCard(equation, e, state.step >= completeAt(node) && !isHidden(node, "gradient"))];
}

function paths(node, e) {
  if (!valueOf(node).size) return [];
  if (isGradientShown(node)) return gradientPaths(node, e);
  return isValueShown(node) ? valuePaths(node, e) : [];
}

// Where one entry of a gradient came from: the contributions, and the upstream entries behind each.
function gradientPaths(node, e) {
  if (node === film.root) return [p("Its gradient is 1: the backward pass begins here.")];
  const parts = arrived(node, state.step);
  const body = [make("h3", {}, `Where ${deltaOf(node)}${at(e, valueOf(node).shape)} came from`)];
  for (const c of parts.slice(0, MANY)) {
    const upstream = gradientOf(c.from);
    const head = c.of > 1 ? `Contribution ${c.number} of ${c.of}, from ` : "From ";
    body.push(p(head, nameButton(c.from), `: ${deltaOf(c.from)} × local`), inNumbers(c, e));
    const sources = new Set((terms(c, e)?.found ?? []).map((t) => t.entry));
    if (sources.size && upstream.size > 1) body.push(outlined(c.from, upstream, deltaOf(c.from), sources));
  }
  if (parts.length > MANY) body.push(p(`… and ${parts.length - MANY} more contributions: each is shown at its step.`));
  return body;
}

// Where one entry of a value came from: the entries that it was computed from.
function valuePaths(node, e) {
  const sources = madeFrom(node, e);
  if (!sources.length) return [];
  const body = [make("h3", {}, `Where ${symbolOf(node)}${at(e, valueOf(node).shape)} came from`)];
  const isInStep = state.step === track.computedAt.get(node); // the card of the step shows its numbers
  const numbers = isInStep ? null : forwardNumbers(node, e);
  if (numbers) body.push(numbers);
  for (const source of sources) {
    const a = valueOf(source.node);
    if (a.size > 1) body.push(outlined(source.node, a, symbolOf(source.node), new Set(source.entries)));
    else body.push(p("From ", nameButton(source.node)));
  }
  return body;
}
