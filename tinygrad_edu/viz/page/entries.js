// --- Entries of arrays: number e in the order of the rows, or [i, j, …] -----------------------------------

function place(e, shape) {
  const index = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(e % shape[axis]);
    e = Math.floor(e / shape[axis]);
  }
  return index;
}
const at = (e, shape) => (shape.length ? `[${place(e, shape).join(", ")}]` : "");

// The entry of a smaller array that was stretched (broadcast) to entry e of this shape.
function shrunk(e, shape, smaller) {
  const index = place(e, shape).slice(shape.length - smaller.length);
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
  const pair = (j) => [leftTurned ? j * n + i : i * n + j, rightTurned ? k * m + j : j * m + k];
  return Array.from({ length: left.shape[leftTurned ? 0 : 1] }, (_, j) => pair(j));
}
