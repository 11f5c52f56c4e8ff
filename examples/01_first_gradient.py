"""A first gradient: a formula of two numbers, and how fast its value changes with each of them.

The formula is the worked example in the README of micrograd (https://github.com/karpathy/micrograd), and the numbers
printed there come out here.
"""

import tinygrad_edu as tg


def formula(a, b):
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c - a
    d = d + d * 2 + tg.relu(b + a)
    d = d + 3 * d + tg.relu(b - a)
    f = (c - d) ** 2
    return f / 2 + 10 / f


a = tg.Tensor(-4.0, requires_grad=True)
b = tg.Tensor(2.0, requires_grad=True)
g = formula(a, b)  # every operation is recorded,
g.backward()  # and the record is walked backwards

print(f"g     = {g:9.4f}")
print(f"∂g/∂a = {a.grad:9.4f}")
print(f"∂g/∂b = {b.grad:9.4f}")
assert [f"{v:.4f}" for v in (g.item(), a.grad, b.grad)] == ["24.7041", "138.8338", "645.5773"]

# A derivative is a slope: move a by a little, and see how far g moves.
h = 1e-6
slope = (formula(-4 + h, 2.0) - formula(-4 - h, 2.0)) / (2 * h)
print(f"∂g/∂a = {slope:9.4f} measured with a step of {h}")
assert abs(slope - a.grad) < 1e-4
