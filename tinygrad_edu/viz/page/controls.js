// --- Moving: buttons, keys, the player ----------------------------------------------------------------------------

// The steps at which one box of the folded picture is finished, forward or backward.
const boxSteps = (() => {
  const steps = new Set([0, N]);
  if (B) steps.add(F + 1);
  for (const { operations, kind } of Object.values(film.pictures[0].boxes)) {
    if (!operations.length || kind === "hidden") continue;
    steps.add(Math.max(...operations.map((o) => computedAt.get(o))));
    if (B) steps.add(Math.max(...operations.map((o) => handedBackAt.get(o))));
  }
  return [...steps].sort((a, b) => a - b);
})();

const moves = {
  first: () => go(0),
  back: () => go(state.step - 1),
  next: () => go(state.step + 1),
  last: () => go(N),
  "back-box": () => go(boxSteps.findLast((step) => step < state.step) ?? 0),
  "next-box": () => go(boxSteps.find((step) => step > state.step) ?? N),
};
const moveOfKey = { ArrowRight: "next", ArrowLeft: "back", PageDown: "next-box", PageUp: "back-box", Home: "first", End: "last" };

let timer = null;
function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(playOn, 1200) : null;
  $("play").setAttribute("aria-pressed", String(!!timer));
  $("play").textContent = timer ? "pause" : "play";
}
function playOn() {
  go(state.step + 1);
  if (state.step === N || isWaiting()) play(false);
}
function togglePlay() {
  if (!timer && state.step === N) go(0);
  play(!timer);
}

// The reader moves: the player stops.
function moveBy(move) {
  play(false);
  move();
}

const isForOthers = (event) => event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input:not([type=checkbox]), select"); // typing

function onKey(event) {
  const isSpace = event.key === " ";
  const move = moveOfKey[event.key];
  if (!(move || isSpace) || isForOthers(event)) return;
  if (isSpace && event.target.matches("button, input, [role=button]")) return; // pressing
  event.preventDefault();
  if (isSpace) togglePlay();
  else moveBy(moves[move]);
}

function renderControls() {
  const status = `Step ${state.step} of ${N}: ${describeStep().status}`;
  $("status").textContent = status;
  $("slider").value = state.step;
  $("slider").setAttribute("aria-valuetext", status);
  for (const id of ["first", "back", "back-box"]) $(id).setAttribute("aria-disabled", String(state.step === 0));
  for (const id of ["last", "next", "next-box"]) $(id).setAttribute("aria-disabled", String(state.step === N));
  $("predict").checked = state.predict;
  [...$("views").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.view)));
  $("notes").textContent = [...film.notes, ...film.pictures[state.view].notes].join(" ");
}

function show(name, value) {
  state[name] = value;
  changed();
}

function connectControls() {
  document.addEventListener("keydown", onKey);
  for (const [id, move] of Object.entries(moves)) $(id).addEventListener("click", () => moveBy(move));
  $("play").addEventListener("click", togglePlay);
  $("slider").max = N;
  $("slider").addEventListener("input", () => moveBy(() => go(Number($("slider").value))));
  $("predict").addEventListener("change", () => show("predict", $("predict").checked));
  $("search").addEventListener("input", find);
  $("download").addEventListener("click", downloadSvg);
  film.pictures.forEach(({ name }, i) => $("views").append(make("button", { onclick: () => show("view", i) }, name)));
  addEventListener("hashchange", () => moveBy(() => { readState(); changed(); }));
}
