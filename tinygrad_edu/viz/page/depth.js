// --- The strip of layers: how large is δ of each? --------------------------------------------------------------

const norms = film.depth.map((layer) => Number(layer.norm));
const isPositive = (x) => x > 0 && Number.isFinite(x);

function renderDepth() {
  $("depth").hidden = !film.depth.length;
  const rows = film.depth.map((layer, i) => {
    const isReached = state.step >= completeAt(layer.node);
    const isKnown = isReached && !isHidden(layer.node, "gradient");
    const fill = make("div", { class: "fill" });
    if (isKnown && isPositive(norms[i])) fill.style.width = `${barLength(norms[i])}%`;
    const text = isKnown ? normInWords(i) : `‖${layer.symbol}‖: ${isReached ? "guess first" : "not reached yet"}`;
    const track = make("div", { class: isKnown ? "track" : "track empty", "aria-hidden": "true" }, fill);
    return make("div", { class: "bar" }, nameButton(layer.node), track, make("span", { class: "said" }, text));
  });
  $("depth-body").replaceChildren(
    ...rows,
    quiet("Bars on a logarithmic scale, first layer on top. Where δ shrinks from layer to layer, the first layers learn slowly: the vanishing gradient."),
  );
}

// In percent, on a logarithmic scale from a little below the smallest norm to the largest.
function barLength(x) {
  const logs = norms.filter(isPositive).map(Math.log10);
  const [low, high] = [Math.min(...logs) - 0.5, Math.max(...logs)];
  return (100 * (Math.log10(x) - low)) / (high - low || 1);
}

function normInWords(i) {
  const [x, after] = [norms[i], norms[i + 1]];
  const text = `‖${film.depth[i].symbol}‖ = ${write(x, 3)}`;
  if (!isPositive(x) || !isPositive(after)) return text;
  const ratio = x < after ? `${write(after / x, 2)} times smaller` : `${write(x / after, 2)} times larger`;
  return `${text}, ${ratio} than ${film.depth[i + 1].symbol}`;
}
