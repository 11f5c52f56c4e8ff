"""Parameters as a dict, as a vector and in a file; nothing is lost, whatever goes wrong."""

import os
import re
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.nn import MLP, Linear, Sequential

MODELS = st.builds(
    lambda sizes, dtype, rng: MLP(sizes, dtype=dtype, rng=rng),
    st.lists(st.integers(1, 5), min_size=2, max_size=4),
    st.sampled_from([np.float64, np.float32]),
    st.integers(0, 99),
)


def twin(model):
    return MLP(model.sizes, dtype=model.weights[0].dtype, rng=1234)


def bits(model):
    return {name: (p.dtype, p.shape, p.numpy().tobytes()) for name, p in model.named_parameters().items()}


@given(model=MODELS)
def test_a_dict_a_vector_and_a_file_bring_every_bit_back(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "new folder" / "net.npz"
    by_dict, by_vector, by_file = twin(model), twin(model), twin(model)
    by_dict.load_state_dict(model.state_dict())
    by_vector.unflatten(model.flatten())
    model.save(path)
    by_file.load(path)
    assert bits(by_dict) == bits(by_vector) == bits(by_file) == bits(model)
    assert [p.name for p in path.parent.iterdir()] == ["net.npz"]


def test_the_file_is_one_of_numpy_without_pickle(tmp_path):
    net = Sequential(Linear(2, 3, rng=0), tg.tanh, Linear(3, 1, rng=0))
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as arrays:
        assert list(arrays) == list(net.named_parameters())
        for name, p in net.named_parameters().items():
            np.testing.assert_array_equal(arrays[name], p.numpy())


def test_a_file_that_numpy_wrote_is_read(tmp_path):
    net = MLP([2, 3, 1], rng=0)
    np.savez_compressed(tmp_path / "net.npz", **net.state_dict())
    other = MLP([2, 3, 1], rng=1)
    other.load(tmp_path / "net.npz")
    assert bits(other) == bits(net)


def test_the_dict_is_a_copy_both_ways():
    net = MLP([2, 1], rng=0)
    state = net.state_dict()
    before = bits(net)
    state["W1"][:] = 7
    assert bits(net) == before
    net.load_state_dict(state)
    state["W1"][:] = 8
    assert (net.weights[0].numpy() == 7).all()


def test_what_was_computed_before_keeps_its_gradient():
    net = MLP([2, 1], rng=0)
    C = np.sum(net(np.ones((1, 2))) ** 2)
    expected = tg.grad(lambda W, b: np.sum(tg.sigmoid(np.ones((1, 2)) @ W + b) ** 2))(*net.state_dict().values())
    net.unflatten(np.zeros(3))
    C.backward()
    np.testing.assert_allclose(net.weights[0].grad, expected)


def test_a_vector_is_in_the_order_of_the_names():
    net = MLP([2, 1], rng=0)
    net.unflatten([1, 2, 3])
    assert net.weights[0].numpy().tolist() == [[1], [2]]
    assert net.biases[0].numpy().tolist() == [3]
    assert net.flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize("vector", [np.zeros(3, complex), ["a", "b", "c"]], ids=["complex", "text"])
def test_a_vector_that_is_not_of_real_numbers_changes_nothing(vector):
    net = MLP([2, 1], rng=0)
    before = bits(net)
    with pytest.raises(TypeError, match=r"^unflatten: vector must be of real numbers, not of dtype "):
        net.unflatten(vector)
    assert bits(net) == before


def test_a_shared_parameter_is_in_the_vector_once():
    layer = Linear(2, 2, rng=0)
    net = Sequential(layer, tg.tanh, layer)
    assert net.flatten().size == 6
    net.unflatten(np.arange(6.0))
    assert net.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    other = Sequential(*[Linear(2, 2, rng=1)] * 2)
    other.unflatten(net.flatten())
    np.testing.assert_array_equal(other.flatten(), net.flatten())


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder; name a file in it$"):
        MLP([2, 1]).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_without_parameters():
    nothing = Sequential(tg.tanh)
    nothing.unflatten(nothing.flatten())
    nothing.load_state_dict({})
    assert nothing.flatten().shape == (0,)


def test_less_precision_is_widened_more_is_refused():
    wide, narrow = MLP([2, 1], rng=0), MLP([2, 1], rng=0, dtype=np.float32)
    wide.load_state_dict(narrow.state_dict())
    assert wide.weights[0].dtype == np.float64
    with pytest.raises(ValueError, match=r"^load_state_dict: W1 is float64, which does not fit in the float32"):
        narrow.load_state_dict(wide.state_dict())


# --- What does not fit ------------------------------------------------------------------------------------------

STATE = {"W1": np.zeros((2, 3)), "b1": np.zeros(3), "W2": np.zeros((3, 1)), "b2": np.zeros(1)}
WRONG = [
    ({"W1": STATE["W1"]}, "lacks b1, W2, b2; this model has W1, b1, W2, b2"),
    (STATE | {"W3": 1}, "also has W3; this model has W1, b1, W2, b2"),
    ({}, "lacks W1, b1, W2, b2"),
    (STATE | {"W2": np.zeros((4, 1))}, "W2 has shape (4, 1), but in this model (3, 1); is it of another one?"),
    (STATE | {"b1": np.zeros(3, complex)}, "b1 is complex128, which does not fit in the float64 of this model"),
    (STATE | {"b1": np.array(["a", "b", "c"])}, "b1 is <U1, which does not fit in the float64 of this model"),
]


@pytest.mark.parametrize(("state", "message"), WRONG)
def test_a_state_that_does_not_fit_changes_nothing(state, message, tmp_path):
    net = MLP([2, 3, 1], rng=0)
    before = bits(net)
    with pytest.raises(ValueError, match="^load_state_dict: .*" + re.escape(message)):
        net.load_state_dict(state)
    np.savez(tmp_path / "other.npz", **state)
    with pytest.raises(ValueError, match="^load: .*" + re.escape(message)):
        net.load(tmp_path / "other.npz")
    assert bits(net) == before


@pytest.mark.parametrize("state", [3, "net.npz", [np.zeros((2, 3))], None])
def test_a_state_that_is_no_dict(state):
    with pytest.raises(TypeError, match=r"^load_state_dict: state must be a dict of names and arrays, not "):
        MLP([2, 3, 1]).load_state_dict(state)


@pytest.mark.parametrize("vector", [np.zeros(12), np.zeros((13, 1)), 1.0, []])
def test_a_vector_of_another_length(vector):
    with pytest.raises(ValueError, match=r"^unflatten: vector has shape .* are 13 numbers in all, so it must have"):
        MLP([2, 3, 1]).unflatten(vector)


def damaged(tmp_path):
    """Files that are not what `save` writes, by name."""
    net = MLP([20, 30, 1], rng=0)
    net.save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    np.save(tmp_path / "array.npy", np.zeros((20, 30)))
    np.savez(tmp_path / "pickled.npz", **{n: np.array([{}], object) for n in net.state_dict()})
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        for name in net.state_dict():
            archive.writestr(f"{name}.npy", "no array")
    return {
        "cut": whole[: len(whole) // 2],
        "cut by a little": whole[:-10],
        "flipped": bytes(flipped),
        "empty": b"",
        "text": b"hello",
        "array": (tmp_path / "array.npy").read_bytes(),
        "pickled": (tmp_path / "pickled.npz").read_bytes(),
        "text inside": (tmp_path / "text.npz").read_bytes(),
    }


@pytest.mark.parametrize(
    "kind", ["cut", "cut by a little", "flipped", "empty", "text", "array", "pickled", "text inside"]
)
def test_a_damaged_file_is_refused_and_changes_nothing(kind, tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(damaged(tmp_path)[kind])
    net = MLP([20, 30, 1], rng=1)
    before = bits(net)
    with pytest.raises(ValueError, match=r"^load: "):
        net.load(path)
    assert bits(net) == before


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        MLP([2, 1]).load(tmp_path / "none.npz")


def test_a_shape_of_terabytes_takes_no_memory(tmp_path):
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        for name in ("W1", "b1"):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, {"shape": (10**12,), "fortran_order": False, "descr": "<f8"})
    with pytest.raises(ValueError, match=re.escape("load: W1 has shape (1000000000000,), but in this model (2, 1)")):
        MLP([2, 1]).load(tmp_path / "huge.npz")


# --- Nothing is lost --------------------------------------------------------------------------------------------


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    old, new = MLP([2, 1], rng=0), MLP([2, 1], rng=1)
    path = tmp_path / "net.npz"
    old.save(path)

    def fail(*_):
        raise OSError("disk full")

    for broken in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, broken, fail)
            with pytest.raises(OSError, match="disk full"):
                new.save(path)
        found = MLP([2, 1])
        found.load(path)
        assert bits(found) == bits(old)
        assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that kills")
def test_a_kill_during_save_leaves_a_file_that_can_be_read(tmp_path):
    path = tmp_path / "net.npz"
    program = f"""
import numpy as np, tinygrad_edu as tg
net = tg.nn.MLP([300, 300, 1], rng=0)
n = net.flatten().size
k = 0
while True:
    net.unflatten(np.full(n, float(k)))
    net.save({str(path)!r})
    k += 1
    if k == 1:
        print("saved", flush=True)
"""
    for wait in (0.0, 0.01, 0.03):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.kill()
        net = MLP([300, 300, 1])
        net.load(path)
        assert len(set(net.flatten())) == 1  # all of one save
