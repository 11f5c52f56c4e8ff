// --- Everything together ---------------------------------------------------------------------------------------

function render() {
  renderControls();
  paint();
  renderStep();
  renderPanel();
  renderDepth();
  scrollToEntries();
  saveState();
}

listeners.push(render);
connectControls();
readState();
render();
window.tinygradFilm = { film, state, go, choose, array, gradient, arrived, terms, incoming, isComputed, completeAt, steps: { F, B, N } };
