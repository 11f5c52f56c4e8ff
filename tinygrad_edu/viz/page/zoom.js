// --- Zoom: at first all of the picture is seen; then by buttons, keys, Ctrl and the wheel, or two fingers ---------

const LARGEST_SCALE = 4;
const READABLE = 0.45; // of their size, letters can be read
let scale = null; // null: all of it, if that is readable

function fitting() {
  const { width, height } = picture();
  const { clientWidth, clientHeight } = $("canvas");
  return Math.min(1.5, clientWidth / width, clientHeight / height);
}

// Never smaller than all of it. What would be too small to read follows the steps in the width of the frame.
function currentScale() {
  const all = fitting();
  const atFirst = all < READABLE ? Math.min(0.8, $("canvas").clientWidth / picture().width) : all;
  return Math.max(all, scale ?? atFirst);
}

const middle = () => {
  const { left, top, width, height } = $("canvas").getBoundingClientRect();
  return [left + width / 2, top + height / 2];
};

// Draws the picture in its size; the point of it that is at `x`, `y` of the window stays there.
function resize([x, y] = middle()) {
  const { svg, width, height } = picture();
  $("canvas").style.aspectRatio = `${width} / ${height}`; // where there is room
  const [before, now] = [svg.getBoundingClientRect(), currentScale()];
  svg.setAttribute("width", width * now);
  svg.setAttribute("height", height * now);
  if (!before.width) return;
  const after = svg.getBoundingClientRect();
  const moved = (start, old, now, length, is) => start + ((is - old) / length) * now - is;
  const left = moved(after.left, before.left, after.width, before.width, x);
  const top = moved(after.top, before.top, after.height, before.height, y);
  $("canvas").scrollBy({ left, top, behavior: "instant" });
}

function zoomBy(factor, point) {
  scale = Math.min(currentScale() * factor, LARGEST_SCALE);
  resize(point);
}

function fitAll() {
  scale = 0;
  resize();
}

const pan = (left, top) => $("canvas").scrollBy({ left, top, behavior: "instant" });

const zooms = { "+": () => zoomBy(1.25), "=": () => zoomBy(1.25), "-": () => zoomBy(0.8), 0: fitAll };
const pans = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };

function zoomOnKey(event) {
  const act = event.shiftKey && pans[event.key] ? () => pan(...pans[event.key]) : zooms[event.key];
  if (!act || isForOthers(event)) return;
  event.preventDefault();
  act();
}

// The mouse drags the picture; one finger scrolls, as everywhere; two fingers zoom.
function listenToPointers(canvas) {
  const held = new Map();
  const distance = ([[a, b], [c, d]]) => Math.hypot(a - c, b - d);
  canvas.addEventListener("pointerdown", (event) => held.set(event.pointerId, [event.clientX, event.clientY]));
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) canvas.addEventListener(end, (event) => held.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    const [id, from, to] = [event.pointerId, held.get(event.pointerId), [event.clientX, event.clientY]];
    if (!from || (!canvas.hasPointerCapture(id) && distance([from, to]) < 4)) return; // a press is no drag
    const before = [...held.values()];
    held.set(id, to);
    if (held.size === 2) zoomBy(distance([...held.values()]) / distance(before), to);
    else if (event.pointerType === "mouse") {
      canvas.setPointerCapture(id);
      pan(from[0] - to[0], from[1] - to[1]);
    }
  });
}

function connectZoom() {
  const canvas = $("canvas");
  document.addEventListener("keydown", zoomOnKey);
  for (const [id, act] of [["smaller", zooms["-"]], ["larger", zooms["+"]], ["fit", fitAll]]) $(id).addEventListener("click", act);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(2 ** (-event.deltaY / 300), [event.clientX, event.clientY]);
  }, { passive: false });
  listenToPointers(canvas);
  new ResizeObserver(() => resize()).observe(canvas);
}
