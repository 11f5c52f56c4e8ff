"""Train on handwritten digits, check every gradient by hand, then make a mistake on purpose and see it caught."""

import tinygrad_edu as tg

(x, y), test = tg.data.digits()
net = tg.nn.MLP([64, 30, 10], rng=0)
optimizer = tg.optim.SGD(net.parameters(), lr=3.0)
history = tg.fit(net, x, y, cost="quadratic", optimizer=optimizer, epochs=3, batch_size=10, validation=test, rng=0)
print(f"After three epochs {history.validation_accuracy[-1]:.1%} of the test digits are right.\n")
assert history.validation_accuracy[-1] > 0.9

report = tg.check_backprop(net, x[:10], y[:10])
print(report)
assert report.ok


def bp2_without_sigma_prime(W_next, delta_next, sigma_prime):
    """BP2 as it is often mistyped: the factor σ′(z) is forgotten."""
    return delta_next @ W_next.T


right = tg.backprop.bp2
tg.backprop.bp2 = bp2_without_sigma_prime  # the check now uses this equation
wrong = tg.check_backprop(net, x[:10], y[:10])
tg.backprop.bp2 = right

caught = [row.quantity for row in wrong.rows if row.error > wrong.tolerance]
print("\nWithout σ′ in BP2 these do not agree:", ", ".join(caught))
print("All that is computed before BP2 is still right, so the mistake is there.")
assert not wrong.ok
assert caught == ["δ1", "∂C/∂b1", "∂C/∂W1"]
