// --- Moving: buttons, keys, the player ----------------------------------------------------------------------------

const moves = {
  first: () => go(0),
  back: () => go(state.step - 1),
  next: () => go(state.step + 1),
  last: () => go(track.N),
};
const moveOfKey = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last" };

let timer = null;
function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(playOn, 1500 / Number($("speed").value)) : null;
  $("play").setAttribute("aria-pressed", String(!!timer));
  $("play").textContent = timer ? "pause" : "play";
}
function playOn() {
  go(state.step + 1);
  if (state.step === track.N || isWaiting()) play(false);
}
function togglePlay() {
  if (!timer && state.step === track.N) go(0);
  play(!timer);
}

// The reader moves: the player stops.
function moveBy(move) {
  play(false);
  move();
}

function onKey(event) {
  const isSpace = event.key === " ";
  const move = moveOfKey[event.key];
  if (!(move || isSpace) || event.shiftKey || isForOthers(event)) return;
  if (isSpace && event.target.matches("button, input, [role=button]")) return; // pressing
  event.preventDefault();
  if (isSpace) togglePlay();
  else moveBy(moves[move]);
}

function renderControls() {
  const status = `Step ${state.step} of ${track.N}: ${describeStep().status}`;
  $("status").textContent = status;
  $("slider").max = track.N;
  $("slider").value = state.step;
  $("slider").setAttribute("aria-valuetext", status);
  for (const id of ["first", "back"]) $(id).setAttribute("aria-disabled", String(state.step === 0));
  for (const id of ["last", "next"]) $(id).setAttribute("aria-disabled", String(state.step === track.N));
  $("predict").checked = state.predict;
  [...$("views").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.view)));
  $("notes").textContent = [...film.notes, ...drawing().notes].join(" ");
}

function show(name, value) {
  state[name] = value;
  changed();
}

function connectControls() {
  document.addEventListener("keydown", onKey);
  for (const [id, move] of Object.entries(moves)) $(id).addEventListener("click", () => moveBy(move));
  $("play").addEventListener("click", togglePlay);
  $("speed").addEventListener("change", () => play(!!timer));
  $("slider").addEventListener("input", () => moveBy(() => go(Number($("slider").value))));
  $("predict").addEventListener("change", () => show("predict", $("predict").checked));
  $("search").addEventListener("input", find);
  $("download").addEventListener("click", downloadSvg);
  const views = tracks.length > 1 ? ["Equations", "Operations"] : [];
  views.forEach((name, i) => $("views").append(make("button", { onclick: () => see(i) }, name)));
  addEventListener("hashchange", () => moveBy(() => { readState(); changed(); }));
}
