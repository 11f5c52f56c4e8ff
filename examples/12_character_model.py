"""A network that writes: a GRU learns which character follows, from a few lines about neural networks.

Each character becomes a row of numbers (an embedding), a GRU reads them one after the other, and a linear layer with
softmax gives the probability of every character to be the next. The cost of a character is −ln of the probability of
the right one; its exponential, the perplexity, is among how many equally likely characters the network still wavers.
The text is so short that the network learns it by heart: a low cost here says nothing of a text that it has not read.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, new_figure

quick, rng = "--quick" in sys.argv, np.random.default_rng(0)
TEXT = """\
a neural network is a chain of simple steps. each step takes numbers, weighs them, adds them up and bends the sum.
what the network knows is in its weights. at first they are random, and so is what it says. then it is shown an
example, and the cost tells how far off the answer was. the gradient of the cost says in which direction each weight
should move, and backpropagation finds it, from the last layer to the first. a small step against the gradient makes
the cost a little lower, and after many small steps the network has learned. a recurrent network reads a sequence, one
part at a time, and keeps in its state what it will need later. the same weights are used at every step, so the
gradient goes back through time, step by step, and may vanish on the way. gates help it to remember.
"""
TEXT = TEXT.replace("\n", " ")
characters, k = sorted(set(TEXT)), len(set(TEXT))
symbols = np.array([characters.index(c) for c in TEXT])


class Writer(tg.nn.Module):
    """For every character of the sequences, z of the next one: probabilities are softmax(z)."""

    def __init__(self, n_features, n_hidden):
        self.embedding = tg.nn.Embedding(k, n_features, rng=rng)
        self.gru = tg.nn.GRU(n_features, n_hidden, rng=rng)
        self.linear = tg.nn.Linear(n_hidden, k, rng=rng)

    def __call__(self, symbols, state=None):
        outputs, state = self.gru(self.embedding(symbols), state)
        return self.linear(outputs), state


def from_counts(n):
    """The cost per character for one that knows how often each follows the n before it, and nothing else."""
    parts = [TEXT[i : i + n + 1] for i in range(len(TEXT) - n)]
    seen, before = Counter(parts), Counter(part[:n] for part in parts)
    return -np.mean([np.log(seen[part] / before[part[:n]]) for part in parts])


begin, stretch, length, early_on = 122, 60, 25, 40
net, costs = Writer(16, 48 if quick else 96), []
optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
for update in range(51 if quick else 301):
    if update == early_on:  # what it expects along a stretch of the text, which it reads from the beginning
        early = tg.softmax(net(symbols[None, : begin + stretch])[0].numpy()[0, begin:])
    windows = symbols[rng.integers(len(TEXT) - length, size=(16, 1)) + np.arange(length + 1)]
    optimizer.zero_grad()
    z, _ = net(windows[:, :-1])
    C = tg.costs.cross_entropy_with_logits(z.reshape(-1, k), windows[:, 1:].ravel())
    C.backward()
    tg.optim.clip_grad_norm_(net.parameters(), max_norm=1.0)
    optimizer.step()
    costs.append(C.item())
    if update % 50 == 0:
        print(f"after {update:3} updates: {C.item():.2f} per character, perplexity {np.exp(C.item()):5.2f}")
final = tg.costs.cross_entropy_with_logits(net(symbols[None, :-1])[0][0], symbols[1:]).item()
print(f"whole text: {final:.2f}; from counts of characters {from_counts(0):.2f}, of pairs {from_counts(1):.2f}")
assert final < (from_counts(1) if quick else 0.3)  # so it remembers more than the one character before

entropy, is_space = -np.sum(early * np.log(early), axis=1), symbols[begin : begin + stretch] == characters.index(" ")
at_start, inside = entropy[is_space].mean(), entropy[~is_space].mean()
print(f"after {early_on} updates it wavers among {np.exp(at_start):.1f} where words begin, {np.exp(inside):.1f} inside")
assert at_start > inside + 0.4

# It writes: each character is drawn from the probabilities, and read as the next input
written, state, last = [], None, characters.index(" ")
for _ in range(200):
    z, state = net(np.array([[last]]), state)
    last = rng.choice(k, p=tg.softmax(z.numpy()[0, -1]))
    written.append(characters[last])
print("it writes:", "".join(written))

figure = new_figure(13, 5)
left, right = figure.subplots(1, 2, width_ratios=[1, 2.6])
left.plot(costs, color=BLUE)
for value, label in (
    (np.log(k), "by guessing"),
    (from_counts(0), "by counts of letters"),
    (from_counts(1), "by pairs"),
):
    left.axhline(value, color="black", linestyle=":")
    left.text(len(costs), value + 0.03, label, ha="right")
left.set(xlabel="update", ylabel="cost per character", title="Learning", ylim=(0, None))
names = ["␣" if c == " " else c for c in characters]
image = right.imshow(early.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
right.plot(symbols[begin + 1 : begin + stretch + 1], "s", ms=5, mfc="none", mec="#D55E00", label="what does follow")
right.set_yticks(range(k), names, fontsize=8)
right.set_xticks(range(stretch), [names[s] for s in symbols[begin : begin + stretch]], fontsize=8)
right.set(xlabel="the character that it has just read (␣ is a space)", ylabel="the next character")
right.set_title(f"What it expects after {early_on} updates: it foresees how words end, hardly how they begin")
right.legend(loc="upper left", bbox_to_anchor=(0, -0.07))
figure.colorbar(image, ax=right, label="probability")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/12_character_model.png", dpi=150)
