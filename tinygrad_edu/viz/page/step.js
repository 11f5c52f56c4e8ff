// --- The card of the step ------------------------------------------------------------------------------------

// Where an operation stands; a box stands in sight.
const inside = (node) => (track === byOperation && scopeOf(node).length ? ` (inside ${scopeOf(node).join(" › ")})` : "");

function describeStep() {
  const now = current(state.step);
  const { F, B } = track;
  const equation = `${symbolOf(now.node)} = ${track.doing.get(now.node)?.text}`;
  const C = film.title;
  switch (now.phase) {
    case "start":
      return { title: "Start", status: B ? "Only the data and the parameters are known." : "No gradient flows here." };
    case "forward":
      return { title: `Forward ${state.step} of ${F}: ${equation}`, status: `compute ${equation}${inside(now.node)}` };
    case "seed":
      return { title: `Turn round: ∂${C}/∂${C} = 1`, status: "the gradient of the result with respect to itself is 1" };
    default: {
      const to = listed([...new Set(now.contributions.map((c) => symbolOf(c.to)))]).join("");
      const title = `Backward ${state.step - F - 1} of ${B}: through ${equation}`;
      return { title, status: `${equation} hands its gradient back to ${to}${inside(now.node)}` };
    }
  }
}

function renderStep() {
  const now = current(state.step);
  $("step-title").textContent = describeStep().title;
  $("step-body").replaceChildren(...bodies[now.phase](now));
}

// What the card says in each phase.
const bodies = {
  start: () => [p(
    "First everything is computed, from the data up to the result. Then the gradient flows back down: each operation receives ",
    make("b", {}, "upstream"), ", multiplies by its ", make("b", {}, "local"), " derivative, and hands the product on.",
  )],
  forward({ node }) {
    const takes = p("Takes ", ...inputsOf(node), ".");
    if (isHidden(node, "value")) return [takes, guessForm()];
    const numbers = forwardNumbers(node, shownEntry(node));
    return [takes, ...verdict(), ...(numbers ? [numbers] : [])];
  },
  seed: () => [p(`The backward pass begins at ${film.title}, with 1.`)],
  backward({ contributions }) {
    const first = isWaiting() ? [guessForm()] : verdict();
    if (!contributions.length) return [...first, p("None of its arguments needs a gradient.")];
    const inOrder = contributions.toSorted((a, b) => (b.to === shown()) - (a.to === shown())); // that in the panel comes first
    return [...first, ...inOrder.map((c) => contributionCard(c, shownEntry(c.to)))];
  },
};

function inputsOf(node) {
  const all = [...new Set(track.doing.get(node).inputs)];
  return all.length ? listed(all.map(nameButton)) : ["constants"];
}

// One contribution: the rule in symbols, with numbers, and at a fan-out the sum so far.
function contributionCard(c, e) {
  const card = make("div", { class: "contribution now" });
  const head = c.of > 1 ? `Contribution ${c.number} of ${c.of} to ` : "To ";
  card.append(p(head, nameButton(c.to), c.of > 1 ? " (it is used more than once, so the contributions are added)" : ""));
  if (isHidden(c.to, "gradient")) {
    card.append(formula(`${c.of > 1 ? "contribution" : deltaOf(c.to)} = ${c.rule}`), p("Its numbers are hidden until you have guessed."));
    return card;
  }
  const equation = c.number === c.of ? equationOf.get(c.to) : null; // the last one makes the gradient complete
  if (!(equation?.numbers && ["BP3", "BP4"].includes(equation.tag))) card.append(...ruleInNumbers(c, e)); // there the equation is the rule
  if (c.of > 1) card.append(sumSoFar(c, e));
  if (equation) card.append(equationCard(equation, e, true));
  return card;
}

function ruleInNumbers(c, e) {
  const { shape, size } = gradientOf(c.to);
  const rule = formula(`${c.of > 1 ? "contribution" : deltaOf(c.to)} = ${c.rule}`);
  const which = shape.length ? `Entry ${at(e, shape)}: ` : "";
  return size ? [rule, quiet(`${which}upstream × local = result`), inNumbers(c, e)] : [rule];
}

function sumSoFar(c, e) {
  const isBefore = (other) => other.step < c.step || (other.step === c.step && other.number <= c.number);
  const parts = track.incoming[c.to].filter(isBefore).map((other) => array(other.part));
  const latest = parts.slice(-FEW).map((part) => factor(numberAt(part, e))).join(" + ");
  const sum = parts.length > FEW ? `(${parts.length - FEW} earlier) + ${latest}` : latest;
  const total = parts[0].size ? result(numberAt(added(parts), e)) : " = nothing: it is empty";
  const text = parts.length > 1 ? sum + total : total.slice(3);
  return make("p", { class: "sum formula" }, `sum so far (${c.number} of ${c.of}): ${text}`);
}
