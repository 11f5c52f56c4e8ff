"""Data that do not fit into memory: `fit` reads them by rows, and looks at them in parts."""

import re
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.training import examples, measuring

OPTIONS = {"cost": "quadratic", "epochs": 2, "batch_size": 10, "rng": 0, "progress": False}


@pytest.mark.parametrize("at_once", [1, 5, 30, 10**6])
@pytest.mark.parametrize("place", [(0, 0), (7, 2), (19, 1)])
def test_what_is_not_finite_is_found_in_any_part(at_once, place, monkeypatch):
    monkeypatch.setattr(examples, "AT_ONCE", at_once)
    x = np.zeros((20, 3))
    x[place] = np.nan
    net = tg.nn.MLP([3, 1], rng=0)
    said = f"fit: x has nan at index {place}; drop or fill such rows first"
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        tg.fit(net, x, np.zeros((20, 1)), optimizer=tg.optim.SGD(net.parameters(), 0.1), **OPTIONS)
    y = np.zeros(20)
    y[place[0]] = -np.inf
    with pytest.raises(ValueError, match=re.escape(f"fit: y has -inf at index ({place[0]},)")):
        tg.fit(net, np.zeros((20, 3)), y, optimizer=tg.optim.SGD(net.parameters(), 0.1), **OPTIONS)


@pytest.mark.parametrize("sizes", [[4, 6, 3], [4, 6, 6, 3]])
def test_advice_in_parts_is_the_same_advice(sizes, monkeypatch):
    x = 255 * np.random.default_rng(0).random((50, 4))
    y = np.eye(3)[np.arange(50) % 3]
    said = []
    for rows in (10**9, 7):
        monkeypatch.setattr(measuring, "ROWS", rows)
        monkeypatch.setattr(sys.modules["tinygrad_edu.training.advice"], "ROWS", rows)
        net = tg.nn.MLP(sizes, init="normal", rng=0)
        said.append(tg.fit(net, x, y, optimizer=tg.optim.SGD(net.parameters(), 0.1), **OPTIONS).advice)
    assert said[0] == said[1]
    assert any("dead" in sentence for sentence in said[0])


LITTLE_MEMORY = """
import resource
import sys
import numpy as np
import tinygrad_edu as tg

def in_memory():
    "Megabytes of this process that are in no file."
    status = open("/proc/self/status").read()
    return int(status.split("VmData:")[1].split()[0]) // 1024

def train(n, **options):
    x = np.memmap(sys.argv[1], np.float32, "r", shape=(n, 784))
    y = np.arange(n) % 10
    net = tg.nn.MLP([784, 8, 10], output="softmax", rng=0, dtype=np.float32)
    sgd = tg.optim.SGD(net.parameters(), 1e-6)
    options |= {"cost": "cross_entropy", "optimizer": sgd, "epochs": 1, "batch_size": 200, "rng": 0, "progress": False}
    history = tg.fit(net, x, y, validation=(x, y), **options)
    assert history.epochs == 1, history

for options in ({}, {"shards": 2}):
    train(5000, **options)  # whatever is imported or set up once
limit = (in_memory() + 30) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
for options in ({}, {"shards": 2}):
    train(50_000, **options)
try:
    np.ones(50_000 * 784, np.float32)
except MemoryError:
    print("trained")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what is in no file")
def test_a_map_larger_than_the_memory_is_learned_from(tmp_path):
    """157 MB with 30 MB to spare, for everything but pages of the file; with a copy there would be a MemoryError."""
    pytest.importorskip("threadpoolctl", reason='it comes with "tinygrad_edu[cluster]", and with make test')
    with open(tmp_path / "x", "wb") as file:
        file.truncate(50_000 * 784 * 4)  # zeros, of which nothing is written to the disk
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, tmp_path / "x"], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.stdout == "trained\n", done.stderr
