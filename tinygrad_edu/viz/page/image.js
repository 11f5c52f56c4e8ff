// --- Heatmaps of many numbers: a square each ----------------------------------------------------------------

function numberImage(a, title, options) {
  const { pick, chosen, sources } = options;
  const height = Math.ceil(a.numbers.length / a.w);
  const size = Math.max(1, Math.min(16, Math.floor(480 / a.w), Math.max(2, Math.floor(320 / height))));
  const canvas = make("canvas", { width: a.w * size, height: height * size, role: "img" });
  const draw = canvas.getContext("2d");
  drawSquares(draw, a, size);
  const entries = entriesOf(a);
  entries.forEach((entry, i) => { if (sources.has(entry)) outline(draw, a, i, size, sources); });
  const found = entries.findIndex((entry) => (chosen < 0 ? sources.has(entry) : entry === chosen));
  const here = Math.max(0, found);
  const [x, y] = [(here % a.w) * size, Math.floor(here / a.w) * size];
  [canvas.dataset.left, canvas.dataset.top] = [x, y];
  draw.lineWidth = 2;
  if (chosen >= 0 && found >= 0) draw.strokeRect(Math.max(1, x), Math.max(1, y), Math.max(size, 6) - 1, Math.max(size, 6) - 1);
  canvas.setAttribute("aria-label", labelOf(a, title, here));
  if (pick) listenTo(canvas, a, here, size, options);
  return canvas;
}

function drawSquares(draw, a, size) {
  const largest = extent(a);
  a.numbers.forEach((x, i) => {
    const [left, top] = [(i % a.w) * size, Math.floor(i / a.w) * size];
    draw.fillStyle = Number.isFinite(x) ? colour(x, largest) : "#fff";
    draw.fillRect(left, top, size, size);
    if (!Number.isFinite(x)) hatch(draw, left, top, size);
  });
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

// The mouse and the keys of an image.
function listenTo(canvas, a, here, size, { pick, id }) {
  canvas.tabIndex = 0;
  if (id) canvas.dataset.keep = id;
  canvas.addEventListener("click", (event) => {
    const scale = canvas.width / canvas.clientWidth;
    const i = Math.floor((event.offsetY * scale) / size) * a.w + Math.floor((event.offsetX * scale) / size);
    if (i >= 0 && i < a.numbers.length) pick(entryOf(a, i), id);
  });
  const move = (k) => id && pick(entryOf(a, k), id);
  canvas.addEventListener("keydown", moving(a, here, move, () => pick(entryOf(a, here), id)));
}

// A table of numbers where they are few, else an image. `pick(entry, id)` is called with the entry that is pressed;
// `chosen` is framed, `sources` are outlined.
function heatmap(a, title, { pick = null, chosen = -1, sources = new Set(), id = "", brief = false } = {}) {
  const figure = make("div", { class: "map" }, make("h3", {}, title));
  const options = { pick, chosen, sources, id };
  if (a.size === 0) figure.append(p(`Empty: shape (${a.shape.join(", ")}).`));
  else if (a.numbers.length <= 100 && a.w <= 10) figure.append(numberTable(a, title, options));
  else figure.append(make("div", { class: "scroll" }, numberImage(a, title, options)));
  if (!brief) figure.append(quiet(summary(a)));
  return figure;
}

// The entries of an array of a node that something was made from, outlined; each leads to the node.
function outlined(node, a, title, sources) {
  const all = `${title}, outlined: the ${sources.size} of ${a.size} entries that contributed`;
  return heatmap(a, all, { sources, pick: (entry) => choose(node, entry), brief: true });
}

// An image that scrolls shows the entry that it is about; a table that scrolls can be reached by the keyboard.
function afterLayout() {
  for (const box of document.querySelectorAll(".grid, .scroll")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls && !box.querySelector("[tabindex]")) box.tabIndex = 0;
  }
  for (const canvas of document.querySelectorAll(".scroll canvas")) {
    const box = canvas.parentElement;
    const [left, top] = [canvas.dataset.left - box.clientWidth / 2, canvas.dataset.top - box.clientHeight / 2];
    box.scrollTo({ left, top, behavior: "instant" });
  }
}
