// --- The data of the film, and its arrays of numbers -----------------------------------------------------

const film = JSON.parse(document.getElementById("film").textContent);
const decoded = new Map();

// An array as {shape, numbers, size, …}: as a table of its last axis and all others, `w` numbers in a row. Of an array
// that is too large the film holds a sample, and `rows` and `columns` say which of the table these are.
function array(index) {
  if (!decoded.has(index)) decoded.set(index, decode(film.arrays[index]));
  return decoded.get(index);
}

function decode(a) {
  const numbers = a.numbers ? Float64Array.from(a.numbers, Number) : fromBytes(a);
  const width = a.shape.length ? a.shape.at(-1) : 1;
  const size = a.shape.reduce((n, m) => n * m, 1);
  const missing = a.missing ?? countMissing(numbers);
  return { ...a, numbers, size, width, missing, sampled: !!a.rows, w: a.columns ? a.columns.length : width };
}

// The lowest byte of a number comes first, whatever the order on this machine.
function fromBytes({ base64, bytes }) {
  const view = new DataView(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
  const number = (i) => (bytes === 8 ? view.getFloat64(8 * i, true) : view.getFloat32(4 * i, true));
  return Float64Array.from({ length: view.byteLength / bytes }, (_, i) => number(i));
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
const entriesOf = (a) => Array.from(a.numbers, (_, i) => entryOf(a, i));

// The entry of the largest number; one that is not finite counts as larger.
function largest(a) {
  const size = (x) => (Number.isFinite(x) ? Math.abs(x) : Infinity);
  return entryOf(a, a.numbers.reduce((best, x, i) => (size(x) > size(a.numbers[best]) ? i : best), 0));
}

// The Euclidean norm; the numbers are divided by the largest first, so that no square overflows.
function norm(a) {
  if (a.sampled) return Number(a.norm);
  let largest = 0;
  for (const x of a.numbers) largest = Math.max(largest, Math.abs(x));
  if (!(largest > 0 && largest < Infinity)) return largest;
  let sum = 0;
  for (const x of a.numbers) sum += (x / largest) ** 2;
  return largest * Math.sqrt(sum);
}

// Arrays of one shape, added.
function added(parts) {
  if (parts.length === 1) return parts[0];
  const numbers = Float64Array.from(parts[0].numbers);
  for (const part of parts.slice(1)) part.numbers.forEach((x, i) => { numbers[i] += x; });
  const known = parts[0].sampled ? { norm: null, missing: 0 } : { missing: countMissing(numbers) }; // of a sample, nothing
  return { ...parts[0], ...known, numbers };
}
