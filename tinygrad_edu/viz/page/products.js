// --- The products upstream × local that make a contribution --------------------------------------------------

// Those that make entry `e` of a contribution: how many there are (total), and those whose
// numbers the film holds (found: [{entry, upstream, local}]). Null where an operation does not say.
function terms(c, e) {
  const upstream = gradientOf(c.from);
  const part = array(c.part);
  if (c.local.kind === "none" || !part.size) return null;
  const all = locals[c.local.kind](c.local, part, upstream, e);
  const numberOf = (entry) => (entry === undefined ? undefined : numberAt(upstream, entry));
  const found = all.map(([entry, local]) => ({ entry, local, upstream: numberOf(entry) }));
  return { total: all.length, found: found.filter((t) => t.local !== undefined && t.upstream !== undefined) };
}

// For each kind of operation: [entry of the upstream gradient, local derivative] of every product.
const locals = {
  table: (local, part, upstream, e) => local.entries.filter(([, to]) => to === e).map(([k, , x]) => [k, Number(x)]),
  diagonal(local, part, upstream, e) {
    const known = array(local.array);
    return stretched(e, known.shape, part.shape).map((k) => [k, numberAt(known, k)]);
  },
  single(local, part, upstream, e) {
    const [entry, x] = [ownOf(array(local.which), part, e), ownOf(array(local.array), part, e)];
    return x === 0 ? [] : [[entry, x]];
  },
  matmul(local, part, upstream, e) { // y = a b: ∂C/∂a = g bᵀ, ∂C/∂b = aᵀ g
    const other = array(local.other);
    const [i, k] = local.turned ? place(e, part.shape).reverse() : place(e, part.shape);
    if (local.argument === 0) return pairs(upstream, other, [false, true], i, k).map(([g, b]) => [g, numberAt(other, b)]);
    return pairs(other, upstream, [true, false], i, k).map(([a, g]) => [g, numberAt(other, a)]);
  },
};
const ownOf = (a, part, e) => numberAt(a, shrunk(e, part.shape, a.shape));

// The entries of an argument that entry `e` of the result depends on.
function dependents(local, part, e) {
  if (local.kind === "table") return local.entries.filter(([k]) => k === e).map(([, to]) => to);
  if (local.kind !== "single") return [];
  const [which, by] = [array(local.which), array(local.array)];
  return entriesOf(part).filter((i) => ownOf(which, part, i) === e && ownOf(by, part, i) !== 0);
}
