// --- What the reader looks at, and the address that remembers it ------------------------------------------

const state = { step: 0, node: null, entry: null, view: 0, predict: false };
const guesses = new Map(); // view and step → {rank, text}

// The one arrow that points to a later file: whoever changes the state calls `changed`, and start.js draws again.
const listeners = [];
const changed = () => listeners.forEach((listener) => listener());

// The node in the panel: the chosen one, or what the step is about; and which of its entries: where none was chosen,
// that of the largest number.
const shown = () => state.node ?? mainNode(state.step);
const isChosen = (node) => state.entry !== null && shown() === node && state.entry < valueOf(node).size;
function shownEntry(node) {
  if (isChosen(node)) return state.entry;
  const question = state.predict ? asked() : null;
  return question?.node === node ? question.entry : largest(latest(node, state.step));
}

function go(step) {
  Object.assign(state, { step: Math.max(0, Math.min(track.N, step)), node: null, entry: null });
  changed();
}

function choose(node, entry = null) {
  Object.assign(state, { node, entry });
  changed();
  if (document.activeElement === document.body) document.getElementById("panel-title").focus(); // the button pressed was replaced
}

// Another view goes on from the same moment.
function see(view) {
  const before = track;
  takeTrack((state.view = view));
  state.step = sameMoment(state.step, before, track);
  if (state.node !== null && !isInTrack(state.node)) Object.assign(state, { node: null, entry: null });
  changed();
}

// Who predicts sees the numbers of a step only after a guess.
const moment = () => `${state.view} ${state.step}`;
const asked = () => question(state.step, isChosen(mainNode(state.step)) ? state.entry : null);
const isWaiting = () => state.predict && !guesses.has(moment()) && asked() !== null;
function isHidden(node, what) {
  if (!isWaiting()) return false;
  const now = current(state.step);
  if (what === "value") return now.phase === "forward" && now.node === node;
  return now.phase === "backward" && now.contributions.some((c) => c.to === node);
}

function saveState() {
  const parts = [`step=${state.step}`, `view=${state.view}`];
  if (state.node !== null) parts.push(`node=${state.node}`);
  if (state.entry !== null) parts.push(`entry=${state.entry}`);
  if (state.predict) parts.push("predict=1");
  try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* a sandboxed frame has no history */ }
}

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const whole = (name, most) => {
    const n = Number(given.get(name) ?? NaN);
    return Number.isInteger(n) && n >= 0 && n <= most ? n : null;
  };
  takeTrack((state.view = whole("view", tracks.length - 1) ?? 0));
  state.step = whole("step", track.N) ?? 0;
  state.node = whole("node", film.nodes.length - 1);
  if (state.node !== null && !isInTrack(state.node)) state.node = null;
  state.entry = whole("entry", 1e9);
  state.predict = given.get("predict") === "1";
}
