"use strict";
(() => {
const film = JSON.parse(document.getElementById("film").textContent);
const $ = (id) => document.getElementById(id);

// --- The numbers -----------------------------------------------------------------------------------------

const decoded = new Map();

// An array as {shape, numbers, rows, columns}: as a table of its last axis and all others. A sampled one says which
// rows and columns of that table it holds.
function array(index) {
  if (!decoded.has(index)) decoded.set(index, decode(film.arrays[index]));
  return decoded.get(index);
}

function decode(a) {
  let numbers;
  if (a.base64 !== undefined) {
    const bytes = Uint8Array.from(atob(a.base64), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    numbers = Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  } else {
    numbers = Float64Array.from(a.numbers, Number);
  }
  const width = a.shape.length ? a.shape.at(-1) : 1;
  const size = a.shape.reduce((n, m) => n * m, 1);
  const missing = a.missing ?? countMissing(numbers);
  return { ...a, numbers, size, width, missing, sampled: !!a.rows, w: a.columns ? a.columns.length : width };
}
const countMissing = (numbers) => numbers.reduce((n, x) => n + !Number.isFinite(x), 0);

// Entry e, counted in the whole array; undefined where the film does not hold it.
function numberAt(a, e) {
  if (!a.sampled) return a.numbers[e];
  const [row, column] = [a.rows.indexOf(Math.floor(e / a.width)), a.columns.indexOf(e % a.width)];
  return row < 0 || column < 0 ? undefined : a.numbers[row * a.w + column];
}
// The other way round: which entry of the whole array number i is.
const entryOf = (a, i) => (a.sampled ? a.rows[Math.floor(i / a.w)] * a.width + a.columns[i % a.w] : i);

function norm(a) {
  if (a.sampled) return Number(a.norm);
  let largest = 0;
  for (const x of a.numbers) largest = Math.max(largest, Math.abs(x));
  if (!(largest > 0 && largest < Infinity)) return largest;
  let sum = 0;
  for (const x of a.numbers) sum += (x / largest) ** 2;
  return largest * Math.sqrt(sum);
}

function sum(parts) {
  const total = { ...parts[0], numbers: Float64Array.from(parts[0].numbers) };
  for (const part of parts.slice(1)) part.numbers.forEach((x, i) => { total.numbers[i] += x; });
  if (parts.length > 1) Object.assign(total, total.sampled ? { norm: null, missing: 0 } : { missing: countMissing(total.numbers) });
  return total;
}

function write(x, digits = 4) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "+∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e5 || size < 1e-4 ? size.toExponential(digits - 2) : String(Number(size.toPrecision(digits)));
  return (x < 0 ? "−" : "") + text;
}
const signed = (x) => (x > 0 && Number.isFinite(x) ? "+" : "") + write(x, 3);
const factor = (x) => (x === undefined ? "…" : x < 0 ? `(${write(x)})` : write(x));

// Entry i of an array of this shape, as [i, j, …].
function place(i, shape) {
  const index = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(i % shape[axis]);
    i = Math.floor(i / shape[axis]);
  }
  return index;
}
const at = (i, shape) => (shape.length ? `[${place(i, shape).join(", ")}]` : "");

// The entry of a smaller array that was stretched (broadcast) to entry i of this shape.
function shrunk(i, shape, smaller) {
  const index = place(i, shape).slice(shape.length - smaller.length);
  return smaller.reduce((k, n, axis) => k * n + (n === 1 ? 0 : index[axis]), 0);
}

// The other way round: the entries of this shape that entry e of a smaller array was stretched to.
function stretched(e, shape, smaller) {
  const padded = [...Array(shape.length - smaller.length).fill(1), ...smaller];
  const index = place(e, padded);
  let entries = [0];
  shape.forEach((n, axis) => {
    const along = padded[axis] === 1 ? [...Array(n).keys()] : [index[axis]];
    entries = entries.flatMap((k) => along.map((i) => k * n + i));
  });
  return entries;
}

// The pairs of entries whose products add up to entry [i, k] of a product of two matrices, each as it is or transposed.
function pairs(left, right, [leftTurned, rightTurned], i, k) {
  const [, n] = left.shape;
  const [, m] = right.shape;
  return Array.from({ length: left.shape[leftTurned ? 0 : 1] }, (_, j) => [leftTurned ? j * n + i : i * n + j, rightTurned ? k * m + j : j * m + k]);
}

// --- What is known at which step -------------------------------------------------------------------------
// Step 0: nothing is computed. Then the operations forward, the seed ∂C/∂C = 1, the operations backward.

const F = film.forward.length;
const B = film.backward.length;
const N = F + (B ? 1 + B : 0);
const computedAt = new Map(film.forward.map((node, i) => [node, i + 1]));
const incoming = film.nodes.map(() => []); // contributions to each node, with the step at which they arrive
film.backward.forEach((step, i) => {
  for (const c of step.contributions) incoming[c.to].push({ ...c, from: step.node, step: F + 2 + i });
});
const equationOf = new Map(film.equations.map((e) => [e.node, e]));

const isComputed = (node, step) => (computedAt.get(node) ?? 0) <= step;
const arrived = (node, step) => incoming[node].filter((c) => c.step <= step);
const completeAt = (node) => (node === film.root ? F + 1 : Math.max(F + 1, ...incoming[node].map((c) => c.step)));
const hasGradient = (node) => film.nodes[node].gradient !== undefined && B > 0;

// The gradient of a node at a step: null before anything arrived, then the partial sum, at last all of it.
function gradient(node, step) {
  if (!hasGradient(node)) return null;
  const all = film.nodes[node].gradient;
  if (node === film.root) return step > F ? array(all) : null;
  const parts = arrived(node, step);
  if (!parts.length) return null;
  return parts.length === incoming[node].length ? array(all) : sum(parts.map((c) => array(c.part)));
}

function current(step) {
  if (step === 0) return { phase: "start", node: film.forward[0] ?? film.root };
  if (step <= F) return { phase: "forward", node: film.forward[step - 1] };
  if (step === F + 1) return { phase: "seed", node: film.root };
  return { phase: "backward", node: film.backward[step - F - 2].node, contributions: film.backward[step - F - 2].contributions };
}

// --- State -----------------------------------------------------------------------------------------------

const state = { step: 0, node: null, entry: 0, view: 0, predict: false };
const guesses = new Map(); // step → {text, right}
let score = 0;
let timer = null;

// What the student has to predict at a step: an entry of a value or of a contribution.
function asked(step) {
  const now = current(step);
  if (now.phase === "forward") return sizeOf(now.node) ? { node: now.node, what: "value" } : null;
  if (now.phase !== "backward") return null;
  const given = now.contributions.filter((c) => sizeOf(c.to));
  const main = given.find((c) => equationOf.has(c.to)) ?? given[0];
  return main ? { node: main.to, what: "gradient" } : null;
}
const sizeOf = (node) => array(film.nodes[node].value).size;
const isWaiting = () => state.predict && !guesses.has(state.step) && asked(state.step) !== null;
const isHidden = (node, what) => {
  if (!isWaiting()) return false;
  const now = current(state.step);
  if (what === "value") return now.phase === "forward" && now.node === node;
  return now.phase === "backward" && now.contributions.some((c) => c.to === node);
};

function shown() { // the node in the panel: the chosen one, or what the step is about
  return state.node ?? asked(state.step)?.node ?? current(state.step).node;
}

function go(step) {
  state.step = Math.max(0, Math.min(N, step));
  state.node = null;
  state.entry = 0;
  render();
}

function choose(node, entry = 0) {
  state.node = node;
  state.entry = entry;
  render();
  if (document.activeElement === document.body) $("panel-title").focus(); // the button pressed was replaced
}

function saveState() {
  const parts = [`step=${state.step}`, `view=${state.view}`];
  if (state.node !== null) parts.push(`node=${state.node}`);
  if (state.entry) parts.push(`entry=${state.entry}`);
  if (state.predict) parts.push("predict=1");
  try { history.replaceState(null, "", "#" + parts.join("&")); } catch { /* a sandboxed frame has no history */ }
}

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const whole = (name, most) => {
    const n = Number(given.get(name) ?? NaN);
    return Number.isInteger(n) && n >= 0 && n <= most ? n : null;
  };
  state.step = whole("step", N) ?? 0;
  state.view = whole("view", film.pictures.length - 1) ?? 0;
  state.node = whole("node", film.nodes.length - 1);
  state.entry = whole("entry", 1e9) ?? 0;
  state.predict = given.get("predict") === "1";
}

// --- Making elements: text is only ever text ------------------------------------------------------------

function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const p = (...children) => make("p", {}, ...children);
const formula = (...children) => make("p", { class: "formula" }, ...children);
const numbersLine = (...children) => make("p", { class: "formula numbers" }, ...children);
const quiet = (...children) => make("p", { class: "quiet" }, ...children);
const symbolOf = (node) => film.nodes[node].symbol;
const deltaOf = (node) => film.nodes[node].delta;
function nameButton(node) {
  return make("button", { class: "name", onclick: () => choose(node) }, symbolOf(node));
}

// --- The picture -----------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
const pictures = []; // built when first shown

function build([tag, attributes, content]) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key !== "id") element.setAttribute(key, value);
    else element.dataset.id = value;
  }
  if (typeof content === "string") element.textContent = content;
  else element.append(...content.map(build));
  return element;
}

function picture() {
  return (pictures[state.view] ??= prepare(film.pictures[state.view]));
}

function prepare(data) {
  const svg = build(data.tree);
  svg.querySelector("polygon")?.remove(); // the white sheet
  const [, , width, height] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  const scale = Math.max(1, Math.min(1.3, ($("canvas").clientWidth - 4) / width));
  svg.setAttribute("width", width * scale);
  svg.setAttribute("height", height * scale);
  svg.setAttribute("role", "group");
  const boxes = new Map();
  for (const element of svg.querySelectorAll(".node")) {
    const box = data.boxes[element.dataset.id];
    if (!box) continue;
    boxes.set(element.dataset.id, { ...box, element, texts: [...element.querySelectorAll("text")] });
    element.classList.add(box.kind === "hidden" ? "hiding" : box.kind);
    const about = box.value ?? box.operations.at(-1);
    if (about === undefined) continue;
    element.setAttribute("role", "button");
    element.setAttribute("tabindex", "0");
    element.setAttribute("aria-label", box.kind === "hidden" ? "hidden operations" : boxes.get(element.dataset.id).texts[0]?.textContent ?? "");
    element.addEventListener("click", () => choose(about));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); choose(about); }
    });
  }
  const edges = [...svg.querySelectorAll(".edge")].map((element) => {
    const [from, to] = element.dataset.id.split("->");
    const isGradient = !!element.querySelector("path[stroke-dasharray]");
    element.classList.add(isGradient ? "gradient" : "forward");
    return { element, isGradient, from, to };
  });
  for (const edge of edges) edge.steps = edge.isGradient ? travelled(edge, edges, boxes) : [];
  return { svg, boxes, edges };
}

// A gradient arrow of the drawing goes back from box `to` to box `from`: the steps at which something goes along it.
function travelled(edge, edges, boxes) {
  const target = boxes.get(edge.from);
  const source = boxes.get(edge.to);
  if (!target || !source) return [];
  const makers = source.operations.length ? [source] : edges.filter((e) => !e.isGradient && e.to === edge.to).map((e) => boxes.get(e.from));
  const operations = new Set(makers.flatMap((box) => box?.operations ?? []));
  const values = target.kind === "hidden" ? target.operations : [target.value];
  const steps = values.flatMap((v) => (v === null || v === undefined ? [] : incoming[v])).filter((c) => operations.has(c.from)).map((c) => c.step);
  return steps.length ? steps : values.flatMap((v) => (v === null || v === undefined ? [] : [completeAt(v)]));
}

function paint() {
  const { svg, boxes, edges } = picture();
  const now = current(state.step);
  const canvas = $("canvas");
  if (canvas.firstChild !== svg) canvas.replaceChildren(svg);
  const targets = new Set((now.contributions ?? []).map((c) => c.to));
  let focus = null;
  for (const box of boxes.values()) {
    const value = box.value;
    const isAbout = box.operations.includes(now.node) || (value === now.node && now.phase !== "backward") || targets.has(value);
    const isNow = state.step > 0 && isAbout;
    box.element.classList.toggle("later", !isDone(box, "some"));
    box.element.classList.toggle("now", isNow);
    box.element.classList.toggle("chosen", state.node !== null && (value === state.node || box.operations.includes(state.node)));
    if (state.step > 0 && box.operations.includes(now.node)) focus = box.element;
    focus ??= isNow ? box.element : null;
    let finite = true;
    box.lines.forEach((kind, i) => {
      if (kind === "name" || !box.texts[i] || box.texts.length !== box.lines.length) return;
      const about = value ?? box.operations.at(-1);
      const isKnown = kind === "value" ? isComputed(about, state.step) : state.step >= completeAt(about);
      const visible = isKnown && !isHidden(about, kind);
      box.texts[i].classList.toggle("unknown", !visible);
      if (visible && array(film.nodes[about][kind]).missing) finite = false;
    });
    box.element.classList.toggle("alarm", !finite);
  }
  for (const edge of edges) {
    const reached = edge.isGradient ? edge.steps.some((step) => step <= state.step) : isDone(boxes.get(edge.from), "every");
    edge.element.classList.toggle("later", !reached);
    edge.element.classList.toggle("now", edge.isGradient && edge.steps.includes(state.step));
  }
  if (state.node !== null) focus = [...boxes.values()].find((box) => box.value === state.node)?.element ?? focus;
  if (focus) center(canvas, focus);
  else if (state.step === 0) canvas.scrollLeft = 0;
}
// Whether some or every operation of a box has been computed.
function isDone(box, which) {
  if (!box) return true;
  if (!box.operations.length) return box.value === null || isComputed(box.value, state.step);
  return box.operations[which]((o) => isComputed(o, state.step));
}

function center(canvas, element) {
  const inner = element.getBoundingClientRect();
  const outer = canvas.getBoundingClientRect();
  const left = inner.left + inner.width / 2 - outer.left - outer.width / 2;
  const top = inner.top + inner.height / 2 - outer.top - outer.height / 2;
  canvas.scrollBy({ left, top, behavior: "instant" });
}

function downloadSvg() {
  const { svg } = picture();
  const copy = svg.cloneNode(true);
  const [mine, theirs] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  const looks = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "visibility", "font-family", "font-weight"];
  mine.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const look of looks) if (element !== svg) theirs[i].setAttribute(look, style.getPropertyValue(look));
    for (const name of ["class", "tabindex", "role"]) theirs[i].removeAttribute(name);
  });
  const sheet = document.createElementNS(SVG, "rect");
  const [x, y, width, height] = svg.getAttribute("viewBox").split(/[\s,]+/);
  for (const [key, value] of Object.entries({ x, y, width, height, fill: getComputedStyle(document.body).backgroundColor })) sheet.setAttribute(key, value);
  copy.prepend(sheet);
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  make("a", { href: url, download: `step-${state.step}.svg` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// --- Heatmaps: blue is negative, white zero, orange positive ----------------------------------------------

const ENDS = [[90, 169, 230], [255, 255, 255], [240, 160, 32]];
function colour(x, largest) {
  const t = largest > 0 ? Math.max(-1, Math.min(1, x / largest)) : 0;
  const end = t < 0 ? ENDS[0] : ENDS[2];
  return ENDS[1].map((white, i) => Math.round(white + Math.abs(t) * (end[i] - white)));
}
function extent(a) {
  let largest = 0;
  for (const x of a.numbers) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  return largest;
}

// A table of numbers where they are few, else an image. `pick(i)` is called with the entry; `sources` are marked.
function heatmap(a, title, { pick = null, chosen = -1, sources = new Set(), id = "", brief = false } = {}) {
  const figure = make("div", { class: "map" }, make("h3", {}, title));
  if (a.size === 0) figure.append(p(`Empty: shape (${a.shape.join(", ")}).`));
  else if (a.numbers.length <= 100 && a.w <= 10) figure.append(table(a, title, pick, chosen, sources, id));
  else figure.append(make("div", { class: "scroll" }, image(a, title, pick, chosen, sources, id)));
  if (!brief) figure.append(quiet(summary(a)));
  return figure;
}

function summary(a) {
  const parts = a.size > 1 ? [`colour scale ±${write(extent(a), 3)}`] : [];
  if (a.size > 1 && a.norm !== null) parts.unshift(`norm ${write(norm(a), 3)}`);
  if (a.missing) parts.push(`${a.missing} of ${a.size} not finite (hatched)`);
  if (a.sampled) parts.push(`only ${a.rows.length} of ${a.size / a.width} rows and ${a.w} of ${a.width} columns are shown; the others are left out`);
  return parts.join("; ");
}

// Arrow keys move within the table, the film does not move then; Enter picks.
function moving(a, i, move, enter) {
  return (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -a.w, ArrowDown: a.w }[event.key];
    if (event.key === "Enter") enter();
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(a.numbers.length - 1);
    else if (by === undefined) return;
    else if (i + by >= 0 && i + by < a.numbers.length) move(i + by);
    event.preventDefault();
    event.stopPropagation();
  };
}

function table(a, title, pick, chosen, sources, id) {
  const largest = extent(a);
  const grid = make("div", { class: "grid", role: "grid", "aria-label": title });
  grid.style.gridTemplateColumns = `repeat(${Math.max(a.w, 1)}, minmax(max-content, auto))`;
  let row = null;
  const cells = [];
  a.numbers.forEach((x, i) => {
    if (i % a.w === 0) {
      row = make("div", { role: "row" });
      row.style.display = "contents";
      grid.append(row);
    }
    const cell = make("div", { class: "cell", role: "gridcell", "aria-label": `${title} ${at(entryOf(a, i), a.shape)}: ${write(x)}` }, signed(x));
    if (Number.isFinite(x)) cell.style.backgroundColor = `rgb(${colour(x, largest).join()})`;
    else cell.classList.add("missing");
    if (entryOf(a, i) === chosen) cell.classList.add("chosen");
    if (sources.has(entryOf(a, i))) cell.classList.add("source");
    if (pick) {
      const isHere = entryOf(a, i) === chosen || (i === 0 && chosen < 0);
      cell.tabIndex = isHere ? 0 : -1;
      if (isHere && id) cell.dataset.keep = id;
      cell.setAttribute("aria-selected", String(entryOf(a, i) === chosen));
      const enter = () => pick(entryOf(a, i), id);
      cell.addEventListener("click", enter);
      cell.addEventListener("keydown", moving(a, i, (k) => (id ? pick(entryOf(a, k), id) : cells[k].focus()), enter));
    }
    cells.push(cell);
    row.append(cell);
  });
  return grid;
}

function image(a, title, pick, chosen, sources, id) {
  const h = Math.ceil(a.numbers.length / a.w);
  const size = Math.max(1, Math.min(16, Math.floor(480 / a.w), Math.max(2, Math.floor(320 / h))));
  const canvas = make("canvas", { width: a.w * size, height: h * size, role: "img" });
  const draw = canvas.getContext("2d");
  const largest = extent(a);
  a.numbers.forEach((x, i) => {
    const [left, top] = [(i % a.w) * size, Math.floor(i / a.w) * size];
    draw.fillStyle = Number.isFinite(x) ? `rgb(${colour(x, largest).join()})` : "#fff";
    draw.fillRect(left, top, size, size);
    if (!Number.isFinite(x)) hatch(draw, left, top, size);
  });
  let here = 0;
  a.numbers.forEach((_, i) => {
    if (sources.has(entryOf(a, i))) outline(draw, a, i, size, sources);
    if (entryOf(a, i) === chosen || (chosen < 0 && !here && sources.has(entryOf(a, i)))) here = i;
  });
  const [x, y] = [(here % a.w) * size, Math.floor(here / a.w) * size];
  [canvas.dataset.left, canvas.dataset.top] = [x, y];
  draw.lineWidth = 2;
  if (chosen >= 0) draw.strokeRect(Math.max(1, x), Math.max(1, y), Math.max(size, 6) - 1, Math.max(size, 6) - 1);
  canvas.setAttribute("aria-label", `${title} ${at(entryOf(a, here), a.shape)}: ${write(a.numbers[here])}`);
  if (pick) {
    canvas.tabIndex = 0;
    if (id) canvas.dataset.keep = id;
    canvas.addEventListener("click", (event) => {
      const scale = canvas.width / canvas.clientWidth;
      const i = Math.floor((event.offsetY * scale) / size) * a.w + Math.floor((event.offsetX * scale) / size);
      if (i >= 0 && i < a.numbers.length) pick(entryOf(a, i), id);
    });
    canvas.addEventListener("keydown", moving(a, here, (k) => id && pick(entryOf(a, k), id), () => pick(entryOf(a, here), id)));
  }
  return canvas;
}

// The sides of a marked entry beyond which no marked one lies, so that a marked row is one long frame.
function outline(draw, a, i, size, sources) {
  const [x, y] = [i % a.w, Math.floor(i / a.w)];
  const isMarked = (dx, dy) => x + dx >= 0 && x + dx < a.w && sources.has(entryOf(a, i + dx + dy * a.w));
  draw.fillStyle = "#5b1a8b";
  const [left, top, thick] = [x * size, y * size, 2];
  if (!isMarked(-1, 0)) draw.fillRect(left - (x ? 1 : 0), top, thick, size);
  if (!isMarked(1, 0)) draw.fillRect(left + size - 1, top, thick, size);
  if (!isMarked(0, -1)) draw.fillRect(left, top - (y ? 1 : 0), size, thick);
  if (!isMarked(0, 1)) draw.fillRect(left, top + size - 1, size, thick);
}

function hatch(draw, left, top, size) {
  draw.strokeStyle = "#666";
  draw.lineWidth = 1;
  draw.beginPath();
  for (const d of [0.5, 1, 1.5]) {
    draw.moveTo(left + Math.max(0, d - 1) * size, top + Math.min(1, d) * size);
    draw.lineTo(left + Math.min(1, d) * size, top + Math.max(0, d - 1) * size);
  }
  draw.stroke();
}

// --- The rule with the numbers put in --------------------------------------------------------------------

// The products upstream × local that make entry `e` of a contribution: how many there are (total), and those whose
// numbers the film holds (found: [{entry, upstream, local}]). Null where an operation does not say.
function terms(c, e) {
  const upstream = array(film.nodes[c.from].gradient);
  const part = array(c.part);
  if (c.local.kind === "none" || !part.size) return null;
  const all = []; // [entry of the upstream gradient, local]
  const known = c.local.array === undefined ? null : array(c.local.array);
  if (c.local.kind === "table") {
    for (const [k, to, local] of c.local.entries) if (to === e) all.push([k, Number(local)]);
  } else if (c.local.kind === "single") {
    const which = array(c.local.which);
    const local = numberAt(known, shrunk(e, part.shape, known.shape));
    if (local !== 0) all.push([numberAt(which, shrunk(e, part.shape, which.shape)), local]);
  } else if (c.local.kind === "diagonal") {
    for (const k of stretched(e, known.shape, part.shape)) all.push([k, numberAt(known, k)]);
  } else {
    const other = array(c.local.other); // y = a b: ∂C/∂a = g bᵀ, ∂C/∂b = aᵀ g
    const [i, k] = place(e, part.shape);
    if (c.local.argument === 0) for (const [g, b] of pairs(upstream, other, [false, true], i, k)) all.push([g, numberAt(other, b)]);
    else for (const [a, g] of pairs(other, upstream, [true, false], i, k)) all.push([g, numberAt(other, a)]);
  }
  const found = all.map(([entry, local]) => ({ entry, local, upstream: entry === undefined ? undefined : numberAt(upstream, entry) }));
  return { total: all.length, found: found.filter((t) => t.local !== undefined && t.upstream !== undefined) };
}

const FEW = 6; // products in a line
const MANY = 12; // contributions in the panel
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const others = (total, shown) => (total > shown ? `${shown ? " + " : ""}… (${plural(total - shown, shown ? "more product" : "product")})` : "");
const result = (x) => (x === undefined ? " = a number that the film leaves out" : ` = ${write(x)}`);

// "0.2 × 0.5 + 0.1 × (−2) + … = −0.1", each product a button that follows the path back to where it came from.
function inNumbers(c, e) {
  const line = numbersLine();
  const products = terms(c, e);
  if (!products) {
    line.append("The products of this operation are not listed.");
    return line;
  }
  const shown = products.found.slice(0, FEW);
  const shape = array(film.nodes[c.from].gradient).shape;
  shown.forEach((t, i) => {
    if (i) line.append(" + ");
    const where = `${deltaOf(c.from)}${at(t.entry, shape)}`;
    const follow = { class: "term", title: `Follow the path to ${where}`, onclick: () => choose(c.from, t.entry) };
    line.append(make("button", follow, `${factor(t.upstream)} × ${factor(t.local)}`));
  });
  line.append(products.total ? others(products.total, shown.length) : "nothing reaches this entry", result(numberAt(array(c.part), e)));
  return line;
}

// An operation with the numbers of one entry put in.
function forwardNumbers(node, e) {
  const { template, how, arguments: given, symbol, value } = film.nodes[node];
  const y = array(value);
  if (!y.size || (template === undefined && how !== "matmul")) return null;
  const [left, right] = given.map(argumentOf);
  const text = how === "matmul" ? sumOfProducts(left, right, [false, false], ...place(e, y.shape)) : template.split(/⟦(\d+)⟧/).map((piece, i) => {
    if (i % 2 === 0) return piece;
    const x = argumentOf(given[Number(piece)]);
    return factor(numberAt(x, shrunk(e, y.shape, x.shape)));
  }).join("");
  return numbersLine(`${symbol}${at(e, y.shape)} = ${text}${result(numberAt(y, e))}`);
}
const argumentOf = (argument) => array(argument.array ?? film.nodes[argument.node].value);

function sumOfProducts(left, right, turned, i, k) {
  const all = pairs(left, right, turned, i, k);
  const shown = all.map(([l, r]) => [numberAt(left, l), numberAt(right, r)]).filter(([l, r]) => l !== undefined && r !== undefined).slice(0, FEW);
  return shown.map((product) => product.map(factor).join(" × ")).join(" + ") + others(all.length, shown.length);
}

// The entries of its arguments that entry `e` of an operation was computed from: [{node, entries}].
function madeFrom(node, e) {
  const { how, arguments: given, value } = film.nodes[node];
  const y = array(value);
  const found = [];
  if (how === "elementwise") {
    for (const a of given) found.push({ node: a.node, entries: [shrunk(e, y.shape, argumentOf(a).shape)] });
  } else if (how === "matmul") {
    const all = pairs(...given.map(argumentOf), [false, false], ...place(e, y.shape));
    given.forEach((a, side) => found.push({ node: a.node, entries: all.map((pair) => pair[side]) }));
  } else {
    const step = film.backward.find((s) => s.node === node);
    for (const c of step?.contributions ?? []) found.push({ node: c.to, entries: reached(c.local, array(c.part), e) });
  }
  return found.filter((x) => x.node !== undefined && x.entries.length);
}

// The entries of an argument that entry `e` of the result depends on.
function reached(local, part, e) {
  if (local.kind === "table") return local.entries.filter(([k]) => k === e).map(([, to]) => to);
  if (local.kind !== "single") return [];
  const [which, by] = [array(local.which), array(local.array)];
  const own = (a, i) => numberAt(a, shrunk(i, part.shape, a.shape));
  return [...part.numbers.keys()].map((i) => entryOf(part, i)).filter((i) => own(which, i) === e && own(by, i) !== 0);
}

// BP1–BP4 for one entry, with the numbers put in.
function equationNumbers(equation, e) {
  const n = equation.numbers;
  const gradient = array(film.nodes[equation.node].gradient);
  if (!n || !gradient.size) return [];
  const [left, right] = [array(n.left.array), n.right && array(n.right.array)];
  const [i, k] = place(e, gradient.shape);
  let [letters, text] = [`${n.left.symbol}${at(e, gradient.shape)}`, factor(numberAt(left, e))];
  if (n.kind === "sum") {
    const [ones, turned, name] = n.axis === 0 ? [left.shape[0], true, `[i, ${e}]`] : [left.shape[1], false, `[${e}, i]`];
    const all = Array.from({ length: ones }, (_, j) => numberAt(left, turned ? j * left.shape[1] + e : e * left.shape[1] + j)).filter((x) => x !== undefined);
    [letters, text] = [`Σᵢ ${n.left.symbol}${name}`, all.slice(0, FEW).map(factor).join(" + ") + (ones > FEW ? ` + … (${ones - FEW} more)` : "")];
  } else if (n.kind === "product") {
    const isSum = left.shape[n.turned[0] ? 0 : 1] > 1;
    const j = isSum ? "j" : "0";
    const index = (row, column, turned) => (turned ? `[${column}, ${row}]` : `[${row}, ${column}]`);
    letters = `${isSum ? "Σⱼ " : ""}${n.left.symbol}${index(i, j, n.turned[0])} ${n.right.symbol}${index(j, k, n.turned[1])}`;
    text = sumOfProducts(left, right, n.turned, i, k);
  }
  if (n.factor) {
    letters = `(${letters}) × (${n.factor.symbol}${at(e, gradient.shape)})`;
    text = `${n.kind === "product" ? `(${text})` : text} × ${factor(numberAt(array(n.factor.array), e))}`;
  }
  const where = `${deltaOf(equation.node)}${at(e, gradient.shape)}`;
  return [formula(`${where} = ${letters}`), numbersLine(`= ${text}${result(numberAt(gradient, e))}`)];
}

// The factors of an equation as heatmaps, with the entries that make entry `e` of the result outlined.
function equationMaps(equation, e) {
  const n = equation.numbers;
  const gradient = array(film.nodes[equation.node].gradient);
  if (!n || !gradient.size) return null;
  const [i, k] = place(e, gradient.shape);
  const map = (operand, marks) => heatmap(array(operand.array), operand.symbol, { sources: marks, brief: true });
  const along = (operand, axis, index) => {
    const a = array(operand.array);
    return map(operand, new Set([...a.numbers.keys()].map((j) => entryOf(a, j)).filter((j) => place(j, a.shape)[axis] === index)));
  };
  const maps = {
    one: () => [map(n.left, new Set([e]))],
    sum: () => [along(n.left, 1 - n.axis, e)],
    product: () => [along(n.left, n.turned[0] ? 1 : 0, i), along(n.right, n.turned[1] ? 0 : 1, k)],
  }[n.kind]();
  if (n.factor) maps.push(map(n.factor, new Set([e])));
  return make("div", { class: "maps" }, ...maps, heatmap(gradient, `= ${deltaOf(equation.node)}`, { chosen: e, brief: true }));
}

function equationCard(equation, e, withNumbers) {
  const card = make("div", { class: "equation" }, p(make("span", { class: "tag" }, equation.tag), " ", make("span", { class: "formula big" }, equation.text)));
  card.append(p(equation.meaning));
  if (withNumbers) {
    card.append(...equationNumbers(equation, e));
    const maps = equationMaps(equation, e);
    if (maps) card.append(maps);
    card.append(badge(equation));
  }
  return card;
}

function badge(equation) {
  const words = {
    verified: `✓ verified: recomputed by hand, relative error ${equation.error === 0 ? "0" : equation.error?.toExponential(1)}`,
    differs: `✗ differs: autograd and the equation are ${equation.error?.toExponential(1)} apart`,
    "not finite": "not finite: cannot be compared",
    unchecked: "not checked",
  };
  const line = p(make("span", { class: `badge ${equation.status.replace(" ", "-")}` }, words[equation.status]));
  if (equation.note) line.append(make("span", { class: "quiet" }, ` ${equation.note}`));
  return line;
}

// --- The two cards ---------------------------------------------------------------------------------------

function describeStep() {
  const now = current(state.step);
  const node = film.nodes[now.node];
  const equation = `${node.symbol} = ${node.text}`;
  const inside = node.scope.length ? ` (inside ${node.scope.join(" › ")})` : "";
  const C = film.title;
  switch (now.phase) {
    case "start":
      return { title: "Start", status: B ? "Only the data and the parameters are known." : "No gradient flows here." };
    case "forward":
      return { title: `Forward ${state.step} of ${F}: ${equation}`, status: `compute ${equation}${inside}` };
    case "seed":
      return { title: `Turn round: ∂${C}/∂${C} = 1`, status: "the gradient of the result with respect to itself is 1" };
    default: {
      const to = [...new Set(now.contributions.map((c) => symbolOf(c.to)))].join(" and ");
      return { title: `Backward ${state.step - F - 1} of ${B}: through ${equation}`, status: `${equation} hands its gradient back to ${to}${inside}` };
    }
  }
}

function renderStep() {
  const now = current(state.step);
  const body = [];
  if (now.phase === "start") {
    body.push(p(
      "First every operation is computed, from left to right. Then the gradient flows back, from right to left: each operation receives ",
      make("b", {}, "upstream"), ", multiplies by its ", make("b", {}, "local"), " derivative, and hands the product on.",
    ));
  } else if (now.phase === "forward") {
    body.push(p("Takes ", ...inputsOf(now.node), "."));
    if (isHidden(now.node, "value")) body.push(guessForm());
    else {
      body.push(...verdict());
      const numbers = forwardNumbers(now.node, shown() === now.node ? state.entry : 0);
      if (numbers) body.push(numbers);
    }
  } else if (now.phase === "seed") {
    body.push(p(`The backward pass begins at ${film.title}, with 1.`));
  } else {
    if (now.contributions.some((c) => isHidden(c.to, "gradient"))) body.push(guessForm());
    else body.push(...verdict());
    for (const c of now.contributions) body.push(contribution({ ...c, from: now.node, step: state.step }, shown() === c.to ? state.entry : 0, true));
    if (!now.contributions.length) body.push(p("None of its arguments needs a gradient."));
  }
  $("step-title").textContent = describeStep().title;
  $("step-body").replaceChildren(...body);
}

function inputsOf(node) {
  const all = [...new Set(film.nodes[node].inputs)];
  return all.length ? all.flatMap((n, i) => (i ? [" and ", nameButton(n)] : [nameButton(n)])) : ["constants"];
}

// One contribution: the rule in symbols, with numbers, and at a fan-out the sum so far.
function contribution(c, e, isCurrent) {
  const shape = array(film.nodes[c.to].gradient).shape;
  const e0 = e < array(film.nodes[c.to].gradient).size ? e : 0;
  const card = make("div", { class: isCurrent ? "contribution now" : "contribution" });
  const head = c.of > 1 ? `Contribution ${c.number} of ${c.of} to ` : "To ";
  card.append(p(head, nameButton(c.to), c.of > 1 ? " (it is used more than once, so the contributions are added)" : ""));
  if (isHidden(c.to, "gradient")) {
    card.append(formula(c.rule), p("Its numbers are hidden until you have guessed."));
    return card;
  }
  const equation = completeAt(c.to) === c.step ? equationOf.get(c.to) : null;
  if (!(equation?.numbers && ["BP3", "BP4"].includes(equation.tag))) { // there the equation is the rule
    card.append(formula(`${c.of > 1 ? "contribution" : deltaOf(c.to)} = ${c.rule}`));
    const which = shape.length ? `Entry ${at(e0, shape)}: ` : "";
    if (array(c.part).size) card.append(quiet(`${which}upstream × local = result`), inNumbers(c, e0));
  }
  if (c.of > 1) card.append(sumSoFar(c, e0));
  if (equation) card.append(equationCard(equation, e0, true));
  return card;
}

function sumSoFar(c, e) {
  const isBefore = (other) => other.step < c.step || (other.step === c.step && other.number <= c.number);
  const parts = incoming[c.to].filter(isBefore).map((other) => array(other.part));
  const latest = parts.slice(-FEW).map((part) => factor(numberAt(part, e))).join(" + ");
  const terms = parts.length > FEW ? `(${parts.length - FEW} earlier) + ${latest}` : latest;
  const total = parts[0].size ? result(numberAt(sum(parts), e)) : " = nothing: it is empty";
  const text = parts.length > 1 ? terms + total : total.slice(3);
  return make("p", { class: "sum formula" }, `sum so far (${c.number} of ${c.of}): ${text}`);
}

function renderPanel() {
  const node = shown();
  const now = current(state.step);
  const data = film.nodes[node];
  const value = array(data.value);
  const e = state.entry < value.size ? state.entry : 0;
  const keep = document.activeElement?.dataset?.keep;
  const pick = (entry, id) => { state.entry = entry; state.node = shown(); render(); document.querySelector(`[data-keep="${id}"]`)?.focus(); };
  const body = [];
  const kinds = { result: "result", operation: "computed", parameter: "parameter", data: "data" };
  body.push(p(`${kinds[data.kind]}, ${data.shape}`, data.scope.length ? `, inside ${data.scope.join(" › ")}` : ""));
  if (data.text) body.push(formula(`${data.symbol} = ${data.text}`));
  if (data.name && data.name !== data.symbol) body.push(quiet("Full name: ", make("span", { id: "full-name" }, data.name)));
  const maps = make("div", { class: "maps" });
  if (!isComputed(node, state.step)) maps.append(p(`Value: not computed yet (step ${computedAt.get(node)}).`));
  else if (isHidden(node, "value")) maps.append(p("Value: guess first."));
  else maps.append(heatmap(value, `value of ${data.symbol}`, { pick, chosen: e, id: "value" }));
  const g = gradient(node, state.step);
  const parts = arrived(node, state.step);
  if (!hasGradient(node)) maps.append(p("No gradient: it is a constant."));
  else if (!g) maps.append(p(`Gradient ${data.delta}: not reached yet.`));
  else if (isHidden(node, "gradient")) maps.append(p("Gradient: guess first."));
  else {
    const partial = parts.length < incoming[node].length ? ` (sum of ${parts.length} of ${incoming[node].length} contributions so far)` : "";
    maps.append(heatmap(g, `gradient ${data.delta}${partial}`, { pick, chosen: e, id: "gradient" }));
  }
  body.push(maps);
  const equation = equationOf.get(node);
  const isInStep = completeAt(node) === state.step && now.contributions?.some((c) => c.to === node); // shown on the left
  if (equation && !isInStep) body.push(equationCard(equation, e, state.step >= completeAt(node) && !isHidden(node, "gradient")));
  if (g && !isHidden(node, "gradient")) body.push(...paths(node, parts, e, value));
  else if (isComputed(node, state.step) && !isHidden(node, "value")) body.push(...valuePaths(node, e, value));
  $("panel-title").textContent = data.symbol + (value.size > 1 ? `, entry ${at(e, value.shape)}` : "");
  $("panel-body").replaceChildren(...body);
  if (keep && !document.activeElement?.dataset?.keep) document.querySelector(`[data-keep="${keep}"]`)?.focus();
}

// Where one entry of a gradient came from: the contributions, and the upstream entries behind each.
function paths(node, parts, e, value) {
  if (!value.size) return [];
  if (node === film.root) return [p("Its gradient is 1: the backward pass begins here.")];
  const where = `${deltaOf(node)}${at(e, value.shape)}`;
  const body = [make("h3", {}, `Where ${where} came from`)];
  for (const c of parts.slice(0, MANY)) {
    const upstream = array(film.nodes[c.from].gradient);
    body.push(p(c.of > 1 ? `Contribution ${c.number} of ${c.of}, from ` : "From ", nameButton(c.from), `: ${deltaOf(c.from)} × local`), inNumbers(c, e));
    const sources = new Set((terms(c, e)?.found ?? []).map((t) => t.entry));
    if (sources.size && upstream.size > 1) body.push(outlined(c.from, upstream, deltaOf(c.from), sources));
  }
  if (parts.length > MANY) body.push(p(`… and ${parts.length - MANY} more contributions: each is shown at its step.`));
  return body;
}

// Where one entry of a value came from: the entries that it was computed from.
function valuePaths(node, e, value) {
  const sources = value.size ? madeFrom(node, e) : [];
  if (!sources.length) return [];
  const body = [make("h3", {}, `Where ${symbolOf(node)}${at(e, value.shape)} came from`)];
  const now = current(state.step);
  const numbers = now.phase === "forward" && now.node === node ? null : forwardNumbers(node, e); // shown on the left
  if (numbers) body.push(numbers);
  for (const source of sources) {
    const a = array(film.nodes[source.node].value);
    if (a.size > 1) body.push(outlined(source.node, a, symbolOf(source.node), new Set(source.entries)));
    else body.push(p("From ", nameButton(source.node)));
  }
  return body;
}

function outlined(node, a, title, sources) {
  const all = `${title}, outlined: the ${sources.size} of ${a.size} entries that contributed`;
  return heatmap(a, all, { sources, pick: (entry) => choose(node, entry), brief: true });
}

// --- Predict ---------------------------------------------------------------------------------------------

// A number as people write it; null if it is none.
function read(text) {
  const plain = text.trim().toLowerCase().replace(/[−–]/, "-").replace(",", ".").replace(/∞|inf(inity)?/, "Infinity");
  const number = Number(plain);
  return plain === "nan" ? NaN : plain === "" || Number.isNaN(number) ? null : number;
}

function guessForm() {
  const { node, what } = asked(state.step);
  const data = film.nodes[node];
  const truth = what === "value" ? array(data.value) : gradient(node, state.step);
  const e = shown() === node && numberAt(truth, state.entry) !== undefined ? state.entry : 0;
  const label = `${what === "value" ? data.symbol : data.delta}${at(e, truth.shape)}`;
  const input = make("input", { type: "text", inputmode: "decimal", id: "guess", size: "12", autocomplete: "off", oninput: () => input.setCustomValidity("") });
  const answer = (event) => {
    event.preventDefault();
    const guess = read(input.value);
    if (guess === null) {
      input.setCustomValidity("A number, please, such as −0.25");
      input.reportValidity();
      return;
    }
    const x = numberAt(truth, e);
    const right = Math.abs(guess - x) <= Math.max(0.02 * Math.abs(x), 1e-12) || Object.is(guess, x);
    guesses.set(state.step, { right, text: `You guessed ${input.value.trim()} for ${label}; it is ${write(x)}.` });
    score += right;
    render();
    $("next").focus();
  };
  const question = make("label", { for: "guess" }, `What will ${label} be? `);
  const form = make("form", { class: "guess", onsubmit: answer }, question, input, " ", make("button", { type: "submit" }, "Show"));
  const more = asked(state.step).what === "gradient" && arrived(node, state.step).length < incoming[node].length ? " (the sum so far)" : "";
  if (more) form.append(more);
  return form;
}

function verdict() {
  const guess = state.predict ? guesses.get(state.step) : null;
  return guess ? [p(make("b", {}, guess.right ? "Right. " : "Not quite. "), guess.text, ` ${score} right of ${guesses.size}.`)] : [];
}

// --- The strip of layers ---------------------------------------------------------------------------------

function renderDepth() {
  $("depth").hidden = !film.depth.length;
  const norms = film.depth.map((d) => Number(d.norm));
  const logs = norms.filter((x) => x > 0 && Number.isFinite(x)).map(Math.log10);
  const [low, high] = [Math.min(...logs) - 0.5, Math.max(...logs)];
  const isPositive = (x) => x > 0 && Number.isFinite(x);
  const rows = film.depth.map((d, i) => {
    const known = state.step >= completeAt(d.node) && !isHidden(d.node, "gradient");
    const fill = make("div", { class: "fill" });
    const [x, after] = [norms[i], norms[i + 1]];
    let text = `‖${d.symbol}‖: not reached yet`;
    if (known) {
      text = `‖${d.symbol}‖ = ${write(x, 3)}`;
      if (isPositive(x)) fill.style.width = `${(100 * (Math.log10(x) - low)) / (high - low || 1)}%`;
      if (isPositive(x) && isPositive(after)) {
        const ratio = x < after ? `${write(after / x, 2)} times smaller` : `${write(x / after, 2)} times larger`;
        text += `, ${ratio} than ${film.depth[i + 1].symbol}`;
      }
    }
    return make("div", { class: "bar" }, nameButton(d.node), make("div", { class: "track", "aria-hidden": "true" }, fill), make("span", {}, text));
  });
  $("depth-body").replaceChildren(
    ...rows,
    quiet("Bars on a logarithmic scale, first layer on top. Where δ shrinks from layer to layer, the first layers learn slowly: the vanishing gradient."),
  );
}

// --- Search ----------------------------------------------------------------------------------------------

function search() {
  const wanted = $("search").value.trim().toLowerCase();
  const found = wanted ? film.nodes.map((_, i) => i).filter((i) => {
    const node = film.nodes[i];
    return [node.symbol, node.name, node.text ?? "", ...node.scope].some((text) => text.toLowerCase().includes(wanted));
  }) : [];
  const buttons = found.slice(0, 12).map((i) => make("button", { onclick: () => choose(i) }, symbolOf(i)));
  const rest = found.length > 12 ? ` and ${found.length - 12} more` : wanted && !found.length ? "nothing found" : "";
  $("found").replaceChildren(...buttons, rest);
}

// --- Everything together ---------------------------------------------------------------------------------

function render() {
  const now = describeStep();
  $("status").textContent = `Step ${state.step} of ${N}: ${now.status}`;
  $("slider").value = state.step;
  $("slider").setAttribute("aria-valuetext", $("status").textContent);
  for (const id of ["first", "back", "back-box"]) $(id).setAttribute("aria-disabled", String(state.step === 0));
  for (const id of ["last", "next", "next-box"]) $(id).setAttribute("aria-disabled", String(state.step === N));
  $("predict").checked = state.predict;
  [...$("views").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.view)));
  $("notes").textContent = [...film.notes, ...film.pictures[state.view].notes].join(" ");
  paint();
  renderStep();
  renderPanel();
  renderDepth();
  for (const canvas of document.querySelectorAll(".scroll canvas")) { // the entry that it is about comes into sight
    const box = canvas.parentElement;
    box.scrollTo({ left: canvas.dataset.left - box.clientWidth / 2, top: canvas.dataset.top - box.clientHeight / 2, behavior: "instant" });
  }
  saveState();
}

// The steps at which one box of the folded picture is finished, forward or backward.
const boxSteps = (() => {
  const steps = new Set([0, N]);
  if (B) steps.add(F + 1);
  const backAt = new Map(film.backward.map((step, i) => [step.node, F + 2 + i]));
  for (const box of Object.values(film.pictures[0].boxes)) {
    if (!box.operations.length || box.kind === "hidden") continue;
    steps.add(Math.max(...box.operations.map((o) => computedAt.get(o))));
    if (B) steps.add(Math.max(...box.operations.map((o) => backAt.get(o))));
  }
  return [...steps].sort((a, b) => a - b);
})();
const nextBox = () => go(boxSteps.find((step) => step > state.step) ?? N);
const backBox = () => go(boxSteps.findLast((step) => step < state.step) ?? 0);

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => { go(state.step + 1); if (state.step === N || isWaiting()) play(false); }, 1200) : null;
  $("play").setAttribute("aria-pressed", String(!!timer));
  $("play").textContent = timer ? "pause" : "play";
}
function togglePlay() {
  if (!timer && state.step === N) go(0);
  play(!timer);
}

const [first, back, next, last] = [() => go(0), () => go(state.step - 1), () => go(state.step + 1), () => go(N)];
const keys = { ArrowRight: next, ArrowLeft: back, PageDown: nextBox, PageUp: backBox, Home: first, End: last, " ": togglePlay };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
  const target = event.target;
  const typing = target.matches("input:not([type=checkbox])");
  if (typing || (event.key === " " && target.matches("button, input, [role=button]"))) return;
  event.preventDefault();
  if (event.key !== " ") play(false);
  keys[event.key]();
});

const clicks = { first, back, next, last, "back-box": backBox, "next-box": nextBox };
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", () => { play(false); action(); });
$("play").addEventListener("click", togglePlay);
$("slider").max = N;
$("slider").addEventListener("input", () => { play(false); go(Number($("slider").value)); });
$("predict").addEventListener("change", () => { state.predict = $("predict").checked; render(); });
$("search").addEventListener("input", search);
$("download").addEventListener("click", downloadSvg);
film.pictures.forEach((data, i) => $("views").append(make("button", { onclick: () => { state.view = i; render(); } }, data.name)));
addEventListener("hashchange", () => { play(false); readState(); render(); });

readState();
render();
window.tinygradFilm = { film, state, go, choose, array, gradient, arrived, terms, incoming, isComputed, completeAt, steps: { F, B, N } };
})();
