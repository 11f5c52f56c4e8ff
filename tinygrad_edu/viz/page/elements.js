// --- Making elements: text is only ever text --------------------------------------------------------------

const $ = (id) => document.getElementById(id);

// An element of HTML: options are its attributes, and what happens (onclick and so on).
function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// An element of a drawing, from [tag, attributes, text or children].
const SVG = "http://www.w3.org/2000/svg";
function makeSvg([tag, attributes, content]) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "id") element.dataset.id = value;
    else element.setAttribute(key, value);
  }
  if (typeof content === "string") element.textContent = content;
  else element.append(...content.map(makeSvg));
  return element;
}

const p = (...children) => make("p", {}, ...children);
const formula = (...children) => make("p", { class: "formula" }, ...children);
const numbersLine = (...children) => make("p", { class: "formula numbers" }, ...children);
const quiet = (...children) => make("p", { class: "quiet" }, ...children);
const nameButton = (node) => make("button", { class: "name", onclick: () => choose(node) }, symbolOf(node));
