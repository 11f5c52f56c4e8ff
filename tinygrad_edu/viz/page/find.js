// --- Find a value by its name, its operation or its scope --------------------------------------------------------

function find() {
  const wanted = $("search").value.trim().toLowerCase();
  const textsOf = (node) => [symbolOf(node), film.nodes[node].name ?? "", track.doing.get(node)?.text ?? "", ...scopeOf(node)];
  const isFound = (node) => isInTrack(node) && textsOf(node).some((s) => s.toLowerCase().includes(wanted));
  const found = wanted ? [...film.nodes.keys()].filter(isFound) : [];
  const buttons = found.slice(0, 12).map((node) => make("button", { onclick: () => choose(node) }, symbolOf(node)));
  const rest = found.length > 12 ? ` and ${found.length - 12} more` : wanted && !found.length ? "nothing found" : "";
  $("found").replaceChildren(...buttons, rest);
}
