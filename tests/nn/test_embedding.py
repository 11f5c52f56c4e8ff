"""Embeddings: rows of a table, and their gradient."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tinygrad_edu as tg
from tinygrad_edu.nn import Embedding


@given(arrays(int, st.sampled_from([(), (3,), (2, 4)]), elements=st.integers(0, 4)))
def test_it_is_a_linear_layer_on_one_hot_rows(symbols):
    table = Embedding(5, 3, rng=0)
    one_hot = np.eye(5)[symbols]
    out = table(symbols)
    np.testing.assert_array_equal(out.numpy(), one_hot @ table.W.data)
    g = np.random.default_rng(0).normal(size=out.shape)
    np.sum(out * g).backward()
    np.testing.assert_allclose(table.W.grad, one_hot.reshape(-1, 5).T @ g.reshape(-1, 3), rtol=1e-12, atol=1e-15)


def test_compiled_and_in_fit():
    symbols, y = np.array([0, 1, 2, 3, 4] * 4), np.array([0, 1, 0, 1, 1] * 4)
    net = tg.nn.Sequential(Embedding(5, 2, rng=0), tg.nn.Linear(2, 2, rng=1))
    np.testing.assert_allclose(tg.compile(net)(symbols), net(symbols).numpy(), rtol=1e-12)
    history = tg.fit(
        net, symbols, y, cost="cross_entropy_with_logits", optimizer=tg.optim.Adam(net.parameters(), 0.1), epochs=30,
        batch_size=5, rng=0, progress=False,
    )  # fmt: skip
    assert history.accuracy[-1] == 1


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: Embedding(0, 2), ValueError, "Embedding: n_symbols must be at least 1, not 0"),
        (lambda: Embedding(2, 2.5), TypeError, "Embedding: n_features must be a whole number, not 2.5"),
        (lambda: Embedding(2, 2)([0.5]), TypeError, "Embedding: symbols must be integers, not of dtype float64"),
        (lambda: Embedding(2, 2)([2]), ValueError, "Embedding: symbol 2 has no row; there are rows for 0 to 1"),
        (lambda: Embedding(2, 2)([-1]), ValueError, "Embedding: symbol -1 has no row"),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        wrong()
