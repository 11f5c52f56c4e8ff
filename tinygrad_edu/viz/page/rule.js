// --- The rule of an operation, backward, with the numbers put in -------------------------------------------

// "0.2 × 0.5 + 0.1 × (−2) + … = −0.1", each product a button that follows the path back to where it came from.
function inNumbers(c, e, equals = result(numberAt(array(c.part), e))) {
  const products = terms(c, e);
  if (!products) return numbersLine("The products of this operation are not listed.");
  const written = largestFew(products.found, (t) => t.upstream * t.local);
  const buttons = written.flatMap((t, i) => (i ? [" + ", termButton(c, t)] : [termButton(c, t)]));
  const rest = products.total ? unwritten(products.total, written.length) : "nothing reaches this entry";
  return numbersLine(...buttons, rest, equals);
}

function termButton(c, { entry, upstream, local }) {
  const title = `Follow the path to ${deltaOf(c.from)}${at(entry, gradientOf(c.from).shape)}`;
  const onclick = () => choose(c.from, entry);
  return make("button", { class: "term", title, onclick }, `${factor(upstream)} × ${factor(local)}`);
}
