"""XOR with a 2-3-1 network: gradient descent written out, step by step.

No single unit can compute "one or the other, but not both"; three hidden units are enough.
"""

import numpy as np

import tinygrad_edu as tg

x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([[0.0], [1.0], [1.0], [0.0]])

net = tg.nn.MLP([2, 3, 1], rng=1)
optimizer = tg.optim.SGD(net.parameters(), lr=3.0)

costs = []
for step in range(2001):
    optimizer.zero_grad()
    C = tg.costs.quadratic(net(x), y)
    C.backward()  # ∂C/∂w for every weight and bias
    costs.append(C.item())
    if step % 400 == 0:
        print(f"after {step:4} steps: C = {C:.5f}")
    optimizer.step()  # w → w − η ∂C/∂w

outputs = net(x).numpy()
for inputs, a in zip(x, outputs, strict=True):
    print(f"{inputs[0]:.0f} xor {inputs[1]:.0f} = {a[0]:.3f}")

assert costs[-1] < 0.01 * costs[0]
assert np.array_equal(outputs > 0.5, y == 1)
