// --- The picture as a file --------------------------------------------------------------------------------

const LOOKS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "visibility", "font-family", "font-weight"];

// A copy of the drawing as it is seen: what the style sheet says is written into it.
function drawingAsSeen(svg) {
  const copy = svg.cloneNode(true);
  const [mine, theirs] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  mine.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const look of LOOKS) if (element !== svg) theirs[i].setAttribute(look, style.getPropertyValue(look));
    for (const name of ["class", "tabindex", "role"]) theirs[i].removeAttribute(name);
  });
  const [x, y, width, height] = svg.getAttribute("viewBox").split(/[\s,]+/);
  copy.prepend(makeSvg(["rect", { x, y, width, height, fill: getComputedStyle(document.body).backgroundColor }, []]));
  return copy;
}

function downloadSvg() {
  const text = new XMLSerializer().serializeToString(drawingAsSeen(picture().svg));
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  make("a", { href: url, download: `step-${state.step}.svg` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
