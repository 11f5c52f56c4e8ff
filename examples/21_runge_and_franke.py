"""Networks and polynomials as fits: Runge's function of one variable, and Franke's surface with noise.

Runge: the polynomial through 21 equidistant points is off by 60 between the last two. A network with ten hidden units
stays near the function. (The points are to blame: at Chebyshev's, which crowd at the ends, the polynomial is good too.)
Franke: 400 points with noise. Polynomials of low degree are too stiff, those of high degree learn the noise; between
these lies a degree that is as good as a network with weight decay.
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick, rng = "--quick" in sys.argv, np.random.default_rng(0)


def runge(x):
    return 1 / (1 + 25 * x**2)


def franke(x, y):
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


def rms(values):
    return np.sqrt(np.mean(values**2))


# Runge's function
x, line = np.linspace(-1, 1, 21), np.linspace(-1, 1, 1001)
net = tg.nn.MLP([1, 10, 1], "tanh", "identity", init="normal", rng=0)
tg.optim.minimize(net, "quadratic", x[:, None], runge(x)[:, None], method="BFGS", max_iterations=500)
through_points = np.polynomial.Chebyshev.fit(x, runge(x), deg=20)
polynomial, network = through_points(line), net(line[:, None]).numpy()[:, 0]
fits = {"polynomial of degree 20": (polynomial, BLUE, "-"), "network": (network, ORANGE, "--")}
worst = {name: np.abs(fit - runge(line)).max().round(4).item() for name, (fit, _, _) in fits.items()}
at_chebyshev = np.abs(np.polynomial.Chebyshev.interpolate(runge, 20)(line) - runge(line)).max()
print(f"Runge, largest errors: {worst}; of the polynomial through Chebyshev's points {at_chebyshev:.4f}")
assert rms(through_points(x) - runge(x)) < 1e-10
assert worst["polynomial of degree 20"] > 50
assert worst["network"] < 0.01
assert at_chebyshev < 0.02

# Franke's surface
points, grid = rng.random((400, 2)), np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 2), axis=-1)
places, truth = grid.reshape(-1, 2), franke(grid[..., 0], grid[..., 1])
heights = franke(*points.T) + 0.1 * rng.normal(size=400)


def powers(p, degree):
    """All x^i y^j with i + j ≤ degree, one a column."""
    return np.stack([p[:, 0] ** i * p[:, 1] ** j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)


surfaces, train = {}, {}
polynomials, networks = [f"degree {d}" for d in range(1, 13)], [f"network {n}" for n in range(1, 2 if quick else 6)]
for degree, name in enumerate(polynomials, start=1):
    solution = np.linalg.lstsq(powers(points, degree), heights)[0]
    surfaces[name] = (powers(places, degree) @ solution).reshape(truth.shape)
    train[name] = rms(powers(points, degree) @ solution - heights)
options = {"method": "L-BFGS-B", "l2": 3e-5, "max_iterations": 400 if quick else 600}
for seed, name in enumerate(networks):
    net = tg.nn.MLP([2, 20, 20, 1], "tanh", "identity", init="normal", rng=seed)
    tg.optim.minimize(net, "quadratic", points, heights[:, None], **options)
    surfaces[name] = net(places).numpy().reshape(truth.shape)
    train[name] = rms(net(points).numpy()[:, 0] - heights)
test = {name: rms(surface - truth) for name, surface in surfaces.items()}
print("Franke, r.m.s. errors on 400 points with noise of 0.1, and against the surface itself:")
for name in surfaces:
    print(f"{name:>10} {train[name]:.3f} {test[name]:.3f}")
typical = sorted(networks, key=test.get)[len(networks) // 2]
assert test[typical] < 0.95 * test["degree 5"]
assert test[typical] < 0.5 * test["degree 12"]
assert train["degree 12"] < train["degree 5"]  # so it has learned the noise
assert test[typical] < (2 if quick else 1.1) * min(test[name] for name in polynomials)  # as good as the best degree

figure = new_figure(12, 7)
(curves, errors, degrees), maps = figure.subplots(2, 3)
curves.plot(line, runge(line), color="black", linewidth=4, alpha=0.3, label="Runge's function")
for name, (fit, color, style) in fits.items():
    curves.plot(line, fit, style, color=color, label=name)
    errors.semilogy(line, np.abs(fit - runge(line)) + 1e-12, style, color=color, label=name)
curves.plot(x, runge(x), "ko", markersize=4, label="21 points")
curves.set(xlabel="x", ylim=(-1, 2.6), title=f"Runge (the polynomial goes down to {polynomial.min():.0f})")
errors.set(xlabel="x", ylim=(1e-8, 1e3), title="Runge: the errors")
degrees.plot(range(1, 13), [train[name] for name in polynomials], "o:", color=BLUE, label="polynomial, noisy points")
degrees.plot(range(1, 13), [test[name] for name in polynomials], "o-", color=BLUE, label="polynomial, the surface")
degrees.axhline(test[typical], color=ORANGE, linestyle="--", label=f"{typical}, the middle one of {len(networks)}")
degrees.set(xlabel="degree", ylabel="r.m.s. error", ylim=(0, 0.28), xticks=range(1, 13), title="Franke: the errors")
for axes in (curves, errors, degrees):
    axes.legend(fontsize=8)
for axes, name in zip(maps, ("degree 5", "degree 12", typical), strict=True):
    error, levels = surfaces[name] - truth, np.linspace(-0.2, 0.2, 21)
    filled = axes.contourf(*grid.T, error.T, levels, cmap="RdBu_r", extend="both")
    axes.set(title=f"Franke, {name}: {test[name]:.3f}", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
figure.colorbar(filled, ax=maps, label="fit − surface")
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/21_runge_and_franke.png", dpi=150)
