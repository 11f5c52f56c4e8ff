// --- Heatmaps: blue is negative, white zero, orange positive ----------------------------------------------

const ENDS = [[90, 169, 230], [255, 255, 255], [240, 160, 32]];

// The colour of x where `largest` has the full one.
function colour(x, largest) {
  const t = largest > 0 ? Math.max(-1, Math.min(1, x / largest)) : 0;
  const end = t < 0 ? ENDS[0] : ENDS[2];
  return `rgb(${ENDS[1].map((white, i) => Math.round(white + Math.abs(t) * (end[i] - white))).join()})`;
}

function extent(a) {
  let largest = 0;
  for (const x of a.numbers) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  return largest;
}

function summary(a) {
  const parts = a.size > 1 ? [`colour scale ±${write(extent(a), 3)}`] : [];
  if (a.size > 1 && a.norm !== null) parts.unshift(`norm ${write(norm(a), 3)}`);
  if (a.missing) parts.push(`${a.missing} of ${a.size} not finite (hatched)`);
  if (a.sampled) {
    const rows = `${a.rows.length} of ${a.size / a.width} rows`;
    parts.push(`only ${rows} and ${a.w} of ${a.width} columns are shown; the others are left out`);
  }
  return parts.join("; ");
}

const labelOf = (a, title, i) => `${title} ${at(entryOf(a, i), a.shape)}: ${write(a.numbers[i])}`;

// Arrow keys move within the numbers, the film does not move then; Enter picks.
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

// Few numbers, in a grid. `here` is the one that the Tab key reaches.
function numberTable(a, title, options) {
  const here = Math.max(0, entriesOf(a).indexOf(options.chosen));
  const grid = make("div", { class: "grid", role: "grid", "aria-label": title });
  grid.style.gridTemplateColumns = `repeat(${Math.max(a.w, 1)}, minmax(max-content, auto))`;
  const cells = Array.from(a.numbers, (_, i) => makeCell(a, title, i, options));
  for (let i = 0; i < cells.length; i += a.w) {
    const row = make("div", { role: "row" }, ...cells.slice(i, i + a.w));
    row.style.display = "contents";
    grid.append(row);
  }
  if (options.pick) cells.forEach((_, i) => makePickable(a, cells, i, here, options));
  return grid;
}

// Beside the others of a table, such a number is as good as nothing.
const isTiny = (x, a) => x !== 0 && Math.abs(x) < 5e-4 * extent(a);

function makeCell(a, title, i, { chosen, sources }) {
  const [x, entry] = [a.numbers[i], entryOf(a, i)];
  const text = isTiny(x, a) && entry !== chosen && !sources.has(entry) ? "≈ 0" : signed(x);
  const label = `${title} ${at(entry, a.shape)}: ${text}`;
  const cell = make("div", { class: "cell", role: "gridcell", "aria-label": label, title: write(x) }, text);
  if (Number.isFinite(x)) cell.style.backgroundColor = colour(x, extent(a));
  else cell.classList.add("missing");
  if (entry === chosen) cell.classList.add("chosen");
  if (sources.has(entry)) cell.classList.add("source");
  return cell;
}

function makePickable(a, cells, i, here, { pick, chosen, id }) {
  const [cell, entry] = [cells[i], entryOf(a, i)];
  cell.tabIndex = i === here ? 0 : -1;
  if (i === here && id) cell.dataset.keep = id;
  cell.setAttribute("aria-selected", String(entry === chosen));
  const move = (k) => (id ? pick(entryOf(a, k), id) : cells[k].focus());
  cell.addEventListener("click", () => pick(entry, id));
  cell.addEventListener("keydown", moving(a, i, move, () => pick(entry, id)));
}
