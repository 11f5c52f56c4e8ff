"""Differential equations solved by networks: exponential decay, and heat in a rod.

A trial solution g(x) is written so that it meets the initial and boundary conditions whatever the network N gives.
The cost is the mean square of what the equation leaves over, g' + γ g or u_t − u_xx: derivatives of the network by its
*inputs*, inside a cost whose gradient by the parameters is then taken (after I. Lagaris, A. Likas and D. Fotiadis, IEEE
Trans. Neural Networks 9, 987, 1998).
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import tinygrad_edu as tg
from tinygrad_edu.figures import BLUE, ORANGE, new_figure

quick, rng = "--quick" in sys.argv, np.random.default_rng(0)


def network(params, *inputs):
    """A hidden layer of tanh units; each input is an array of shape (n,), and so is the output."""
    W1, b1, W2 = params
    return np.tanh(np.stack(inputs, axis=1) @ W1 + b1) @ W2


def solve(residual, params, *points, iterations):
    """Parameters that make the mean squared residual at these points small."""
    step = tg.compile(tg.value_and_grad(lambda params: np.mean(residual(params, *points) ** 2)))

    def unflatten(vector):
        parts = np.split(vector, np.cumsum([p.size for p in params])[:-1])
        return [part.reshape(p.shape) for part, p in zip(parts, params, strict=True)]

    def cost(vector):
        C, grads = step(unflatten(vector))
        return float(C), np.concatenate([np.ravel(g) for g in grads])

    start = np.concatenate([p.ravel() for p in params])
    found = minimize(cost, start, jac=True, method="BFGS", options={"maxiter": iterations, "gtol": 1e-7})
    print(f"  {found.nit} iterations, mean squared residual {found.fun:.1e}")
    return unflatten(found.x)


# Exponential decay: g' = −γ g with g(0) = g0, whose exact solution is g0 exp(−γ x)
gamma, g0 = 2.0, 10.0


def g(x, params):
    return g0 + x * network(params, x)


def decay(params, x):
    return tg.elementwise_grad(g)(x, params) + gamma * g(x, params)


print("exponential decay")
x, x_fine = np.linspace(0, 1, 20), np.linspace(0, 1, 201)  # the error is measured between the points of training too
params = solve(decay, [rng.normal(size=(1, 10)), rng.normal(size=10), rng.normal(size=10)], x, iterations=500)
g_found, g_exact = g(x_fine, params), g0 * np.exp(-gamma * x_fine)
error_g = np.abs(g_found - g_exact).max()
print(f"  largest error {error_g:.1e}, where g falls from {g0:.0f} to {g_exact[-1]:.2f}")
assert error_g < 1e-3


# Heat in a rod: u_t = u_xx with u(0, t) = u(1, t) = 0 and u(x, 0) = sin πx; exact: exp(−π² t) sin πx
def u(x, t, params):
    return (1 - t) * np.sin(np.pi * x) + x * (1 - x) * t * network(params, x, t)


def heat(params, x, t):
    u_t = tg.elementwise_grad(lambda t: u(x, t, params))(t)
    u_xx = tg.elementwise_grad(tg.elementwise_grad(lambda x: u(x, t, params)))(x)
    return u_t - u_xx


print("heat in a rod")
line = np.linspace(0, 1, 12 if quick else 15)
x, t = (v.ravel() for v in np.meshgrid(line, line**2))  # most of them at early t
start = [rng.normal(size=(2, 20)), rng.normal(size=20), rng.normal(size=20)]
params = solve(heat, start, x, t, iterations=400 if quick else 2000)
x_grid, t_grid = np.meshgrid(np.linspace(0, 1, 51), np.linspace(0, 1, 51))
u_found = u(x_grid.ravel(), t_grid.ravel(), params).reshape(x_grid.shape)
u_exact = np.exp(-(np.pi**2) * t_grid) * np.sin(np.pi * x_grid)
error_u = np.abs(u_found - u_exact).max()
print(f"  largest error {error_u:.1e}, where u is 1 at most")
assert error_u < (2e-2 if quick else 5e-3)

figure = new_figure(11, 3.4)
left, middle, right = figure.subplots(1, 3)
left.plot(x_fine, g_exact, color="black", label="exact")
left.plot(x_fine[::10], g_found[::10], "o", color=ORANGE, label="network")
left.set(xlabel="x", ylabel="g", title=f"$g' = -{gamma:.0f}g$: error at most {error_g:.0e}")
left.legend()
for row, time in ((0, 0.0), (2, 0.04), (5, 0.1), (10, 0.2), (25, 0.5)):
    middle.plot(x_grid[row], u_exact[row], color="black", label=None if row else "exact")
    middle.plot(x_grid[row, ::3], u_found[row, ::3], "o", color=BLUE, markersize=4, label=None if row else "network")
    middle.text(0.5, u_exact[row, 25] + 0.02, f"t = {time:g}", ha="center", va="bottom", fontsize=8)
middle.set(xlabel="x", ylabel="u", ylim=(-0.05, 1.15), title="$u_t = u_{xx}$: the rod cools")
middle.legend(loc="upper right", fontsize=8)
image = right.pcolormesh(x_grid, t_grid, np.abs(u_found - u_exact), cmap="viridis")
right.set(xlabel="x", ylabel="t", title=f"|network − exact|: at most {error_u:.0e}")
figure.colorbar(image, ax=right)
Path("pictures").mkdir(exist_ok=True)
figure.savefig("pictures/18_differential_equations.png", dpi=150)
