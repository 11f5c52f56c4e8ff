// --- An operation, forward, with the numbers put in ---------------------------------------------------------

// "v1[0, 1] = 0.2 × 0.5 + … = …"; null where an operation does not say.
function forwardNumbers(node, e, equals = result(numberAt(valueOf(node), e))) {
  const { template, how, arguments: given } = track.doing.get(node) ?? {};
  const y = valueOf(node);
  if (!y.size || (template === undefined && how !== "matmul")) return null;
  const text = how === "matmul" ? weightedInput(given.map(argumentOf), e, y.shape) : filledIn(template, given.map(argumentOf), e, y.shape);
  return numbersLine(`${symbolOf(node)}${at(e, y.shape)} = ${text}${equals}`);
}

// A product of two matrices, and what is added to it.
function weightedInput([left, right, ...biases], e, shape) {
  const products = sumOfProducts(left, right, [false, false], ...place(e, shape));
  return [products, ...biases.map((bias) => factor(numberAt(bias, shrunk(e, shape, bias.shape))))].join(" + ");
}

// A template with ⟦0⟧ for the first argument.
function filledIn(template, given, e, shape) {
  const number = (x) => factor(numberAt(x, shrunk(e, shape, x.shape)));
  return template.split(/⟦(\d+)⟧/).map((piece, i) => (i % 2 ? number(given[Number(piece)]) : piece)).join("");
}

// Entry [i, k] of a product of two matrices, each as it is or turned.
function sumOfProducts(left, right, turned, i, k) {
  const all = pairs(left, right, turned, i, k);
  const held = all.map(([l, r]) => [numberAt(left, l), numberAt(right, r)]).filter((pair) => !pair.includes(undefined));
  const written = largestFew(held, ([x, y]) => x * y);
  return written.map((pair) => pair.map(factor).join(" × ")).join(" + ") + unwritten(all.length, written.length);
}

// The entries of its arguments that entry `e` of an operation was computed from: [{node, entries}].
function madeFrom(node, e) {
  const { how, arguments: given } = track.doing.get(node) ?? {};
  const y = valueOf(node);
  let found = [];
  if (how === "elementwise") {
    found = given.map((a) => ({ node: a.node, entries: [shrunk(e, y.shape, argumentOf(a).shape)] }));
  } else if (how === "matmul") {
    const all = pairs(...given.slice(0, 2).map(argumentOf), [false, false], ...place(e, y.shape));
    const ofBias = (a) => [shrunk(e, y.shape, argumentOf(a).shape)];
    found = given.map((a, side) => ({ node: a.node, entries: side < 2 ? all.map((pair) => pair[side]) : ofBias(a) }));
  } else {
    const contributions = track.backward.find((step) => step.node === node)?.contributions ?? [];
    found = contributions.map((c) => ({ node: c.to, entries: dependents(c.local, array(c.part), e) }));
  }
  return found.filter((x) => x.node !== undefined && x.entries.length);
}
