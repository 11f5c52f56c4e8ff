// --- BP1–BP4 for one entry, with the numbers put in ---------------------------------------------------------

function equationCard(equation, e, withNumbers) {
  const tag = make("span", { class: `tag ${equation.tag}` }, equation.tag);
  const head = p(tag, " ", make("span", { class: "formula big" }, equation.text));
  const card = make("div", { class: `equation ${equation.tag}` }, head, p(film.meanings[equation.tag]));
  if (!withNumbers) return card;
  if (equation.numbers && gradientOf(equation.node).size) card.append(...equationNumbers(equation, e), equationMaps(equation, e));
  card.append(badge(equation));
  return card;
}

// Two lines, "δ1[0, 1] = Σⱼ δ2[0, j] W2[1, j] × …" and the same with numbers.
function equationNumbers({ node, numbers: n }, e) {
  const gradient = gradientOf(node);
  const entry = at(e, gradient.shape);
  let [letters, text] = sides[n.kind](n, e, gradient.shape);
  if (n.factor) {
    const inBrackets = (sum) => (n.kind === "product" ? `(${sum})` : sum);
    letters = `${inBrackets(letters)} × ${n.factor.symbol}${entry}`;
    text = `${inBrackets(text)} × ${factor(numberAt(array(n.factor.array), e))}`;
  }
  return [formula(`${deltaOf(node)}${entry} = ${letters}`), numbersLine(`= ${text}${result(numberAt(gradient, e))}`)];
}

// For each kind of equation, its right side without the last factor: [in letters, in numbers].
const sides = {
  one: (n, e, shape) => [`${n.left.symbol}${at(e, shape)}`, factor(numberAt(array(n.left.array), e))],
  sum(n, e) {
    const left = array(n.left.array);
    const [rows, columns] = left.shape;
    const [count, index] = n.axis === 0 ? [rows, `[i, ${e}]`] : [columns, `[${e}, i]`];
    const all = Array.from({ length: count }, (_, i) => numberAt(left, n.axis === 0 ? i * columns + e : e * columns + i));
    const written = largestFew(all.filter((x) => x !== undefined), (x) => x);
    const rest = count > written.length ? ` + … (${count - written.length} more)` : "";
    return [`Σᵢ ${n.left.symbol}${index}`, written.map(factor).join(" + ") + rest];
  },
  product(n, e, shape) {
    const [left, right] = [array(n.left.array), array(n.right.array)];
    const [i, k] = place(e, shape);
    const isSum = left.shape[n.turned[0] ? 0 : 1] > 1;
    const j = isSum ? "j" : "0";
    const index = (row, column, turned) => (turned ? `[${column}, ${row}]` : `[${row}, ${column}]`);
    const letters = `${n.left.symbol}${index(i, j, n.turned[0])} ${n.right.symbol}${index(j, k, n.turned[1])}`;
    return [(isSum ? "Σⱼ " : "") + letters, sumOfProducts(left, right, n.turned, i, k)];
  },
};

// The factors of an equation as heatmaps, with the entries that make entry `e` of the result outlined.
function equationMaps({ node, numbers: n }, e) {
  const gradient = gradientOf(node);
  const [i, k] = place(e, gradient.shape);
  const map = (operand, sources) => heatmap(array(operand.array), operand.symbol, { sources, brief: true });
  const along = (operand, axis, index) => {
    const a = array(operand.array);
    return map(operand, new Set(entriesOf(a).filter((j) => place(j, a.shape)[axis] === index)));
  };
  const maps = {
    one: () => [map(n.left, new Set([e]))],
    sum: () => [along(n.left, 1 - n.axis, e)],
    product: () => [along(n.left, n.turned[0] ? 1 : 0, i), along(n.right, n.turned[1] ? 0 : 1, k)],
  }[n.kind]();
  if (n.factor) maps.push(map(n.factor, new Set([e])));
  return make("div", { class: "maps" }, ...maps, heatmap(gradient, `= ${deltaOf(node)}`, { chosen: e, brief: true }));
}

function badge(equation) {
  const error = equation.error === 0 ? "0" : equation.error?.toExponential(1);
  const words = {
    verified: `✓ verified: recomputed by hand, relative error ${error}`,
    differs: `✗ differs: autograd and the equation are ${error} apart`,
    "not finite": "not finite: cannot be compared",
    unchecked: "not checked",
  };
  const line = p(make("span", { class: `badge ${equation.status.replace(" ", "-")}` }, words[equation.status]));
  if (equation.note) line.append(make("span", { class: "quiet" }, ` ${equation.note}`));
  return line;
}
