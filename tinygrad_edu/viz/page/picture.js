// --- The picture: made once, painted at every step --------------------------------------------------------

const pictures = []; // made when first shown
const drawing = () => film.pictures[state.view] ?? film.pictures[0]; // of too many operations there is no drawing
const picture = () => (pictures[state.view] ??= makePicture(drawing()));

function makePicture(data) {
  const svg = makeSvg(data.tree);
  svg.querySelector("polygon")?.remove(); // the white sheet
  const [, , width, height] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  svg.setAttribute("role", "group");
  const boxes = new Map();
  for (const element of svg.querySelectorAll(".node")) {
    const id = element.dataset.id;
    if (data.boxes[id]) boxes.set(id, makeBox(data.boxes[id], element));
  }
  const edges = [...svg.querySelectorAll(".edge")].map((element) => makeEdge(element, data.tags[element.dataset.id]));
  for (const edge of edges) edge.steps = edge.isGradient ? travelled(edge, edges, boxes) : [];
  return { svg, width, height, boxes, edges };
}

// A box, which can be pressed to open its panel. `about` is the node that it stands for.
function makeBox(data, element) {
  const box = { ...data, element, about: data.value ?? data.operations.at(-1), texts: [...element.querySelectorAll("text")] };
  element.classList.add(box.kind === "hidden" ? "hiding" : box.kind);
  if (box.about === undefined) return box;
  for (const [name, value] of [["role", "button"], ["tabindex", "0"]]) element.setAttribute(name, value);
  for (const text of box.texts) text.append(" "); // read aloud, the lines are words of their own
  element.addEventListener("click", () => choose(box.about));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    choose(box.about);
  });
  return box;
}

function makeEdge(element, tag) {
  const [from, to] = element.dataset.id.split("->");
  const isGradient = !!element.querySelector("path[stroke-dasharray]");
  element.classList.add(isGradient ? "gradient" : "forward", ...(tag ? [tag] : []));
  return { element, isGradient, from, to };
}

// A gradient arrow of the drawing goes back from box `to` to box `from`: the steps at which something goes along it.
function travelled(edge, edges, boxes) {
  const [target, source] = [boxes.get(edge.from), boxes.get(edge.to)];
  if (!target || !source) return [];
  const before = edges.filter((e) => !e.isGradient && e.to === edge.to).map((e) => boxes.get(e.from));
  const makers = source.operations.length ? [source] : before;
  const operations = new Set(makers.flatMap((box) => box?.operations ?? []));
  const values = (target.kind === "hidden" ? target.operations : [target.value]).filter((v) => v !== null && v !== undefined);
  const steps = values.flatMap((v) => track.incoming[v]).filter((c) => operations.has(c.from)).map((c) => c.step);
  return steps.length ? steps : values.map(completeAt);
}

function paint() {
  const { svg, boxes, edges } = picture();
  if ($("canvas").firstChild !== svg) $("canvas").replaceChildren(svg);
  const all = [...boxes.values()];
  all.forEach(paintBox);
  for (const edge of edges) {
    const reached = edge.isGradient ? edge.steps.some((step) => step <= state.step) : isDone(boxes.get(edge.from), "every");
    edge.element.classList.toggle("later", !reached);
    edge.element.classList.toggle("now", edge.isGradient && edge.steps.includes(state.step));
  }
}

// What the step is about comes into sight.
function lookAtStep() {
  const focus = inFocus([...picture().boxes.values()]);
  if (focus) center($("canvas"), focus.element);
}

function paintBox(box) {
  const { classList } = box.element;
  classList.toggle("later", !isDone(box, "some"));
  classList.toggle("now", isNow(box));
  classList.toggle("chosen", state.node !== null && (box.value === state.node || box.operations.includes(state.node)));
  classList.toggle("alarm", showsMissing(box));
}

// Shows the lines of a box whose numbers are known, and tells whether one of these is not finite.
function showsMissing(box) {
  if (box.texts.length !== box.lines.length) return false;
  let missing = false;
  box.lines.forEach((kind, i) => {
    if (kind === "name") return;
    const isKnown = kind === "value" ? isComputed(box.about, state.step) : state.step >= completeAt(box.about);
    const isVisible = isKnown && !isHidden(box.about, kind);
    box.texts[i].classList.toggle("unknown", !isVisible);
    missing ||= isVisible && array(film.nodes[box.about][kind]).missing > 0;
  });
  return missing;
}

// Whether a box is what this step is about: what is computed, or what a gradient goes through or arrives at.
function isNow(box) {
  const now = current(state.step);
  if (state.step === 0) return false;
  if (box.operations.includes(now.node)) return true;
  return now.phase === "backward" ? now.contributions.some((c) => c.to === box.value) : box.value === now.node;
}

// Whether some or every operation of a box has been computed.
function isDone(box, which) {
  if (!box) return true;
  if (!box.operations.length) return box.value === null || isComputed(box.value, state.step);
  return box.operations[which]((o) => isComputed(o, state.step));
}

// The box that comes into sight: the chosen one, else the operation of this step.
function inFocus(boxes) {
  const chosen = state.node !== null && boxes.find((box) => box.value === state.node);
  if (chosen) return chosen;
  const now = current(state.step).node;
  return (state.step > 0 && boxes.findLast((box) => box.operations.includes(now))) || boxes.find(isNow);
}

function center(canvas, element) {
  const [inner, outer] = [element.getBoundingClientRect(), canvas.getBoundingClientRect()];
  const left = inner.left + inner.width / 2 - outer.left - outer.width / 2;
  const top = inner.top + inner.height / 2 - outer.top - outer.height / 2;
  canvas.scrollBy({ left, top, behavior: "instant" });
}
