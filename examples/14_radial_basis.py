"""Radial basis functions: a surface from scattered points.

A sum of bumps, φ_j(x) = exp(−‖x − c_j‖² / (2 s_j²)), is fitted to values known at scattered points. First the centres
are found by k-means, and the output weights by linear least squares. Then everything is learned by gradient descent,
also where the bumps are and how wide. The surface is Franke's, a usual test of interpolation (R. Franke, Mathematics of
Computation 38, 181, 1982).
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import new_figure

quick = "--quick" in sys.argv
epochs = 60 if quick else 1000
rng = np.random.default_rng(0)


def franke(x, y):
    """Two hills, a small one, and a dip, in the unit square."""
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


points = rng.random((300, 2))
heights = franke(*points.T)[:, None]
grid = np.stack(np.meshgrid(np.linspace(0, 1, 61), np.linspace(0, 1, 61)), axis=-1)
true = franke(grid[..., 0], grid[..., 1])


def surface(net):
    """The outputs on the grid, and their root-mean-square error there."""
    z = net(grid.reshape(-1, 2)).numpy().reshape(true.shape)
    return z, np.sqrt(np.mean((z - true) ** 2))


net = tg.nn.RBF.from_data(points, n_units=25, n_out=1, rng=rng, learn_centres=True)
centres = net.centres.numpy()

# The outputs are linear in W and b: the best of these are the solution of a linear problem.
phi = np.column_stack([net.phi(points).numpy(), np.ones(len(points))])
solution = np.linalg.lstsq(phi, heights)[0]
net.linear.W.data, net.linear.b.data = solution[:-1], solution[-1]
z_first, error_first = surface(net)
print(f"25 bumps by k-means, weights by least squares: error {error_first:.4f}")

optimizer = tg.optim.Adam(net.parameters(), lr=3e-3)
tg.fit(
    net, points, heights, cost="quadratic", optimizer=optimizer, epochs=epochs, batch_size=50, rng=rng, progress=False
)
z, error = surface(net)
print(f"after {epochs} epochs, in which centres and widths are learned too: error {error:.4f}")
assert error_first < 0.05
assert error < error_first / (1.5 if quick else 8)

figure = new_figure(11, 6.6)
heights_of, errors_of = figure.subplots(2, 3, sharex=True, sharey=True)
titles = ("the surface, 300 points", "k-means and least squares", "everything learned")
for axes, height, title in zip(heights_of, (true, z_first, z), titles, strict=True):
    filled = axes.contourf(*grid.T, height.T, np.linspace(-0.1, 1.3, 15), cmap="viridis", extend="both")
    axes.set(title=title, aspect="equal")
figure.colorbar(filled, ax=heights_of, label="height")
heights_of[0].scatter(*points.T, s=3, color="white")
for axes, height, e in zip(errors_of[1:], (z_first, z), (error_first, error), strict=True):
    filled = axes.contourf(*grid.T, (height - true).T, np.linspace(-0.1, 0.1, 21), cmap="RdBu_r", extend="both")
    axes.set(title=f"error: {e:.4f} r.m.s.", xlabel="$x_1$", aspect="equal")
figure.colorbar(filled, ax=errors_of, label="fit − surface")
learned = net.centres.numpy()
outside = np.sum(np.any((learned < 0) | (learned > 1), axis=1))
print(f"{outside} of the {len(learned)} centres have left the square")
errors_of[0].scatter(*centres.T, s=25, facecolors="none", edgecolors="black", label="by k-means")
errors_of[0].scatter(*learned.T, s=25, marker="x", color="#D55E00", label=f"learned ({outside} lie outside)")
errors_of[0].set(title="the centres", xlabel="$x_1$", aspect="equal")
errors_of[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
for axes in (heights_of[0], errors_of[0]):
    axes.set(ylabel="$x_2$", xlim=(0, 1), ylim=(0, 1))
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/14_radial_basis.png", dpi=150)
