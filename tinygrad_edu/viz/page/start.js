// --- Everything together ---------------------------------------------------------------------------------------

function render() {
  renderControls();
  renderIndex();
  paint();
  renderStep();
  renderPanel();
  renderDepth();
  scrollToEntries();
  saveState();
}

listeners.push(render);
connectControls();
connectIndex();
readState();
if (film.at && !location.hash) jump(film.at);
render();
window.tinygradFilm = { film, state, go, choose, array, gradient, arrived, terms, incoming, isComputed, completeAt, steps: { F, B, N } };
