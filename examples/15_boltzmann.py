"""A Boltzmann machine learns which pictures there are: bars and stripes.

Of the 512 black-and-white pictures of 3×3 pixels, it is shown the 14 in which whole columns or whole rows are black. It
learns their distribution without labels: by contrastive divergence, which compares the data with samples that the
machine draws itself. It is so small that the likelihood can be computed exactly, so we see it rise.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, new_figure

quick = "--quick" in sys.argv
steps = 1000 if quick else 10_000
rng = np.random.default_rng(0)

lines = np.array(list(product([0.0, 1.0], repeat=3)))
bars, stripes = np.tile(lines, 3), np.repeat(lines, 3, axis=1)
data = np.unique(np.concatenate([bars, stripes]), axis=0)  # all white and all black are both
best = -np.log(len(data))  # of a machine for which each of them has the same probability, and others have none

rbm = tg.nn.RBM(9, 16, rng)
optimizer = tg.optim.SGD(rbm.parameters(), lr=0.2 if quick else 0.05, momentum=0.5)
schedule = tg.optim.CosineAnnealingLR(optimizer, steps)
chains = np.round(rng.random((500, 9)))  # samples that go on from step to step
every = steps // 20
likelihoods = [rbm.log_likelihood(data).item()]
for step in range(1, steps + 1):
    optimizer.zero_grad()
    rbm.contrastive_divergence(data, k=1, rng=rng, persistent=chains).backward()
    optimizer.step()
    schedule.step()
    if step % every == 0:
        likelihoods.append(rbm.log_likelihood(data).item())
    if step % (5 * every) == 0:
        print(f"after {step:5} steps: mean ln p(picture) = {likelihoods[-1]:.3f} (best: {best:.3f})")
assert likelihoods[-1] > (-4.0 if quick else -2.85)

samples = rbm.gibbs(np.round(rng.random((500, 9))), k=100 if quick else 1000, rng=rng)  # from noise
is_right = (samples[:, None] == data).all(axis=2).any(axis=1)
print(f"{np.mean(is_right):.0%} of its samples are bars or stripes; of random pictures {len(data) / 512:.0%} are")
assert np.mean(is_right) > (0.3 if quick else 0.85)

figure = new_figure(9, 8)
curve, *strips = figure.subfigures(4, 1, height_ratios=[2.2, 1, 1, 1.1])
axes = curve.subplots()
axes.plot(np.arange(len(likelihoods)) * every, likelihoods, "o-", color=BLUE, label="exact likelihood")
axes.axhline(best, color="black", linestyle="--", label=f"the best there is, $-$ln {len(data)}")
axes.set(title="Contrastive divergence makes the data more likely", xlabel="step", ylabel="mean ln p(picture), in nats")
axes.legend(loc="lower right")
W = rbm.W.numpy().T
gray, signed = {"cmap": "gray_r", "vmin": 0, "vmax": 1}, {"cmap": "RdBu_r", "vmin": -abs(W).max(), "vmax": abs(W).max()}
for strip, pictures, colours, title in (
    (strips[0], data, gray, "all bars and stripes, the data"),
    (strips[1], samples, gray, "samples of the machine"),
    (strips[2], W, signed, "weights of 14 of the 16 hidden units: red positive, blue negative"),
):
    strip.suptitle(title)
    for axes, picture in zip(strip.subplots(1, 14), pictures, strict=False):
        axes.imshow(picture.reshape(3, 3), **colours)
        axes.set(xticks=[], yticks=[])
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/15_boltzmann.png", dpi=150)
