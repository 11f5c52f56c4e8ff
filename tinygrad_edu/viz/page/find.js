// --- Find a value by its name, its operation or its scope --------------------------------------------------------

function find() {
  const wanted = $("search").value.trim().toLowerCase();
  const isFound = ({ symbol, name, text = "", scope }) => [symbol, name, text, ...scope].some((s) => s.toLowerCase().includes(wanted));
  const found = wanted ? [...film.nodes.keys()].filter((node) => isFound(film.nodes[node])) : [];
  const buttons = found.slice(0, 12).map((node) => make("button", { onclick: () => choose(node) }, symbolOf(node)));
  const rest = found.length > 12 ? ` and ${found.length - 12} more` : wanted && !found.length ? "nothing found" : "";
  $("found").replaceChildren(...buttons, rest);
}
