// --- Everything together ---------------------------------------------------------------------------------------

function render() {
  renderControls();
  renderIndex();
  paint();
  resize();
  lookAtStep();
  renderStep();
  renderPanel();
  renderDepth();
  afterLayout();
  saveState();
}

listeners.push(render);
connectControls();
connectIndex();
connectZoom();
readState();
if (film.at && !location.hash) jump(film.at);
render();
window.tinygradFilm = { film, state, go, choose, see, array, gradient, arrived, terms, isComputed, isInTrack, completeAt, shownEntry, get track() { return track; } };
