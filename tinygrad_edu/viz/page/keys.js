// --- Which keys are for the film ---------------------------------------------------------------------------

// Not those that are typed, or that the browser wants.
const isForOthers = (event) =>
  event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input:not([type=checkbox]), select");
