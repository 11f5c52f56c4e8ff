// --- Predict: a number is asked for before it is shown -------------------------------------------------------

function guessForm() {
  const { node, entry, contribution: c, truth } = asked();
  const label = (c ? deltaOf(node) : symbolOf(node)) + at(entry, valueOf(node).shape);
  const oninput = () => input.setCustomValidity("");
  const input = make("input", { type: "text", inputmode: "decimal", id: "guess", size: "12", autocomplete: "off", oninput });
  const onsubmit = (event) => {
    event.preventDefault();
    answer(input, label, truth);
  };
  const which = c?.of > 1 ? `contribution ${c.number} of ${c.of} to ${label}` : label;
  const text = make("label", { for: "guess" }, `About what will ${which} be? `);
  const hint = c ? inNumbers(c, entry, " = ?") : forwardNumbers(node, entry, " = ?");
  return make("form", { class: "guess", onsubmit }, text, input, " ", make("button", { type: "submit" }, "Show"), hint);
}

function answer(input, label, truth) {
  const guess = read(input.value);
  if (guess === null) {
    input.setCustomValidity("A number, please, such as −0.25");
    input.reportValidity();
    return;
  }
  guesses.set(moment(), { rank: rank(guess, truth), text: `You guessed ${input.value.trim()} for ${label}; it is ${write(truth)}.` });
  changed();
  $("next").focus();
}

// How good a guess is: within 5 %; within a factor of 2; of the right sign. What is not finite has to be named.
const RANKS = ["Right. ", "Close: the right sign and size. ", "The sign is right, the size is not. ", "Not this time. "];
function rank(guess, truth) {
  if (!Number.isFinite(truth) || truth === 0) return Object.is(guess, truth) ? 0 : 3;
  if (Math.abs(guess - truth) <= 0.05 * Math.abs(truth)) return 0;
  const ratio = guess / truth;
  return ratio >= 0.5 && ratio <= 2 ? 1 : ratio > 0 ? 2 : 3;
}

function verdict() {
  const guess = state.predict ? guesses.get(moment()) : null;
  if (!guess) return [];
  const all = [...guesses.values()];
  const [right, close] = [0, 1].map((rank) => all.filter((g) => g.rank === rank).length);
  const score = [right || !close ? `${right} right` : "", close ? `${close} close` : ""].filter(Boolean).join(" and ");
  return [p(make("b", {}, RANKS[guess.rank]), guess.text, ` ${score} of ${all.length}.`)];
}
