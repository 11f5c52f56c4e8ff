// --- The index: from one equation to the next -------------------------------------------------------------------

const TAGS = ["BP1", "BP2", "BP3", "BP4"];

// The equations of one kind, in the order in which the backward pass comes to them.
const equationsOf = (tag) => film.equations.filter((e) => e.tag === tag).sort((a, b) => completeAt(a.node) - completeAt(b.node));

// The step where the gradient of an equation is complete, with it in the panel.
function goTo({ node }) {
  Object.assign(state, { step: completeAt(node), node, entry: null });
  changed();
}

const isHere = ({ node }) => state.node === node && state.step === completeAt(node);

// The first equation of a kind; where one of them is shown already, the next.
function jump(tag) {
  const all = equationsOf(tag);
  if (all.length) goTo(all[(all.findIndex(isHere) + 1) % all.length]);
}

function renderIndex() {
  for (const button of $("index").children) button.setAttribute("aria-pressed", String(equationsOf(button.textContent).some(isHere)));
}

function connectIndex() {
  for (const [i, tag] of TAGS.entries()) {
    const count = equationsOf(tag).length;
    const title = count ? `To ${tag} (key ${i + 1})${count > 1 ? `; again: to the next of ${count}` : ""}` : `There is no ${tag} in this graph`;
    $("index").append(make("button", { class: tag, title, "aria-disabled": String(!count), onclick: () => moveBy(() => jump(tag)) }, tag));
  }
  document.addEventListener("keydown", (event) => {
    const tag = `BP${event.key}`;
    if (TAGS.includes(tag) && !isForOthers(event)) moveBy(() => jump(tag));
  });
  $("index").hidden = !film.equations.length;
}
