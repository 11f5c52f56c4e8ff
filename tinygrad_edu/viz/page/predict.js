// --- Predict: a number is asked for before it is shown -------------------------------------------------------

function guessForm() {
  const { node, what } = asked(state.step);
  const truth = what === "value" ? valueOf(node) : gradient(node, state.step);
  const e = numberAt(truth, shownEntry(node)) === undefined ? 0 : shownEntry(node);
  const label = `${what === "value" ? symbolOf(node) : deltaOf(node)}${at(e, truth.shape)}`;
  const oninput = () => input.setCustomValidity("");
  const input = make("input", { type: "text", inputmode: "decimal", id: "guess", size: "12", autocomplete: "off", oninput });
  const onsubmit = (event) => {
    event.preventDefault();
    answer(input, label, numberAt(truth, e));
  };
  const question = make("label", { for: "guess" }, `What will ${label} be? `);
  const form = make("form", { class: "guess", onsubmit }, question, input, " ", make("button", { type: "submit" }, "Show"));
  if (what === "gradient" && arrived(node, state.step).length < track.incoming[node].length) form.append(" (the sum so far)");
  return form;
}

function answer(input, label, truth) {
  const guess = read(input.value);
  if (guess === null) {
    input.setCustomValidity("A number, please, such as −0.25");
    input.reportValidity();
    return;
  }
  guesses.set(state.step, { right: isRight(guess, truth), text: `You guessed ${input.value.trim()} for ${label}; it is ${write(truth)}.` });
  changed();
  $("next").focus();
}

// Within 2 %; what is not finite has to be named.
function isRight(guess, truth) {
  if (!Number.isFinite(truth)) return Object.is(guess, truth);
  return Math.abs(guess - truth) <= Math.max(0.02 * Math.abs(truth), 1e-12);
}

function verdict() {
  const guess = state.predict ? guesses.get(state.step) : null;
  if (!guess) return [];
  const score = [...guesses.values()].filter((g) => g.right).length;
  return [p(make("b", {}, guess.right ? "Right. " : "Not quite. "), guess.text, ` ${score} right of ${guesses.size}.`)];
}
