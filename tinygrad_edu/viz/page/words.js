// --- Numbers as words ------------------------------------------------------------------------------------

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
const result = (x) => (x === undefined ? " = a number that the film leaves out" : ` = ${write(x)}`);

// A number as people write it; null if it is none.
function read(text) {
  const plain = text.trim().toLowerCase().replace(/[−–]/, "-").replace(",", ".").replace(/∞|inf(inity)?/, "Infinity");
  const number = Number(plain);
  return plain === "nan" ? NaN : plain === "" || Number.isNaN(number) ? null : number;
}

const FEW = 6; // terms in a line
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// The terms of a sum that are written out: all, or where they are many the largest.
function largestFew(all, size) {
  if (all.length <= FEW) return all;
  return all.toSorted((a, b) => Math.abs(size(b)) - Math.abs(size(a))).slice(0, FEW);
}

// "a, b and c", of texts or elements.
const listed = (all) => all.flatMap((x, i) => (i === 0 ? [x] : [i < all.length - 1 ? ", " : " and ", x]));

// What is said of the products of a sum that are not written out.
function unwritten(total, written) {
  if (total <= written) return "";
  return written ? ` + … (${plural(total - written, "more product")})` : `… (${plural(total, "product")})`;
}
