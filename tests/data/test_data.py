"""The digits are what their README says, and the MNIST reader reads what it should and nothing else."""

import doctest
import gzip
import hashlib
import io
import os
import pickle
import re
import struct
from importlib import resources

import numpy as np
import pytest

from tinygrad_edu import data

# --- digits ----------------------------------------------------------------------------------------------


def test_digits_have_the_promised_shapes_and_types():
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert (x_train.shape, y_train.shape) == ((1437, 64), (1437,))
    assert (x_test.shape, y_test.shape) == ((360, 64), (360,))
    for x, y in ((x_train, y_train), (x_test, y_test)):
        assert x.dtype == np.float64
        assert y.dtype == np.int64
        assert (x.min(), x.max()) == (0.0, 1.0)
        assert np.array_equal(x * 16, np.round(x * 16))
        assert set(y) == set(range(10))


def test_no_digit_is_in_both_parts_and_no_class_is_scarce():
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert len(np.unique(np.concatenate([x_train, x_test]), axis=0)) == 1797
    assert np.bincount(y_train).min() >= 130
    assert np.bincount(y_test).min() >= 27


def test_each_call_gives_new_writable_arrays():
    (x, y), (x_test, y_test) = data.digits()
    for array in (x, y, x_test, y_test):
        assert array.flags.writeable
        assert array.flags.c_contiguous
        array[...] = 7
    (x, y), (x_test, y_test) = data.digits()
    assert max(x.max(), x_test.max()) == 1.0
    assert min(y.min(), y_test.min()) == 0


def test_the_readme_of_the_data_gives_the_checksums_and_the_counts():
    folder = resources.files("tinygrad_edu.data")
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    packed = folder.joinpath("digits.npz").read_bytes()
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        plain = file["images"].tobytes() + file["labels"].tobytes()
    assert [hashlib.sha256(b).hexdigest() for b in (packed, plain)] == re.findall("[0-9a-f]{64}", readme)
    for name, (_, y) in zip(("training", "test"), data.digits(), strict=True):
        counts = " | ".join(map(str, np.bincount(y)))
        assert f"| {name} | {counts} | {len(y)} |" in readme


def test_the_example_in_the_docstring():
    result = doctest.testmod(data)
    assert result.attempted > 0
    assert result.failed == 0


# --- MNIST from IDX files --------------------------------------------------------------------------------

RNG = np.random.default_rng(1)
IMAGES = {
    "train": RNG.integers(0, 256, (7, 4, 3), np.uint8),
    "t10k": RNG.integers(0, 256, (5, 4, 3), np.uint8),
}
LABELS = {"train": RNG.integers(0, 10, 7, np.uint8), "t10k": RNG.integers(0, 10, 5, np.uint8)}


def idx(array, magic=None):
    """Return an array of bytes as an IDX file."""
    return struct.pack(f">{1 + array.ndim}I", magic or 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, *prefixes, zipped=False):
    for prefix in prefixes:
        for name, array in (("images-idx3", IMAGES[prefix]), ("labels-idx1", LABELS[prefix])):
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))


def assert_pair(pair, images, labels):
    x, y = pair
    assert x.dtype == np.float64
    assert y.dtype == np.int64
    assert x.flags.writeable
    assert y.flags.writeable
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(y, labels)


def scaled(prefix):
    return IMAGES[prefix].reshape(len(IMAGES[prefix]), -1) / 255


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_idx_folder(tmp_path, zipped, kind):
    write_idx(tmp_path, "train", "t10k", zipped=zipped)
    train, test = data.mnist(kind(tmp_path))
    assert_pair(train, scaled("train"), LABELS["train"])
    assert_pair(test, scaled("t10k"), LABELS["t10k"])


def test_idx_values_run_from_0_to_1(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.array([[[0, 255]]], np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([3], np.uint8)))
    x, y = data.mnist(tmp_path, split="train")
    assert x.tolist() == [[0.0, 1.0]]
    assert y.tolist() == [3]


def test_idx_one_part_alone(tmp_path):
    write_idx(tmp_path, "t10k")
    assert_pair(data.mnist(tmp_path, split="test"), scaled("t10k"), LABELS["t10k"])
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz" in str(caught.value)
    assert "mnist(path, split='test')" in str(caught.value)


def test_idx_gzipped_without_saying_so(tmp_path):
    write_idx(tmp_path, "t10k")
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert_pair(data.mnist(tmp_path, split="test"), scaled("t10k"), LABELS["t10k"])


def test_an_empty_folder_and_a_missing_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither train-images-idx3-ubyte nor") as caught:
        data.mnist(tmp_path)
    assert "split=" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"no folder or file .*nowhere"):
        data.mnist(tmp_path / "nowhere")


def test_splits_that_do_not_exist(tmp_path):
    write_idx(tmp_path, "train", "t10k")
    with pytest.raises(ValueError, match="no split 'validation'"):
        data.mnist(tmp_path, split="validation")
    with pytest.raises(ValueError, match="'train', 'validation', 'test' or None, not 'training'"):
        data.mnist(tmp_path, split="training")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("images-idx3-ubyte", idx(LABELS["t10k"]), "not an IDX file of images: .* number 2049, not 2051"),
        ("labels-idx1-ubyte", idx(IMAGES["t10k"]), "not an IDX file of labels: .* number 2051, not 2049"),
        ("images-idx3-ubyte", b"", "not an IDX file of images"),
        ("images-idx3-ubyte", b"PK\x03\x04 a zip file", "not an IDX file of images"),
        ("images-idx3-ubyte", idx(IMAGES["t10k"])[:10], "cut short"),
        (
            "images-idx3-ubyte",
            idx(IMAGES["t10k"])[:-1],
            r"cut short: shape \(5, 4, 3\) takes 76 bytes, .* 75",
        ),
        ("images-idx3-ubyte", idx(IMAGES["t10k"]) + b"!", "bytes left over: .* takes 76 bytes, .* 77"),
        ("images-idx3-ubyte", gzip.compress(idx(IMAGES["t10k"]))[:-9], "cut short or damaged"),
        ("images-idx3-ubyte", b"\x1f\x8bnot gzip at all", "cut short or damaged"),
        ("labels-idx1-ubyte", idx(LABELS["train"]), "5 images but 7 labels for 'test'"),
    ],
)
def test_idx_files_that_are_wrong(tmp_path, file, content, message):
    write_idx(tmp_path, "t10k")
    (tmp_path / f"t10k-{file}").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        data.mnist(tmp_path, split="test")
    assert str(tmp_path) in str(caught.value)


# --- MNIST from Nielsen's pickle -------------------------------------------------------------------------

NIELSEN = tuple(
    (RNG.random((n, 6), np.float32), RNG.integers(0, 10, n, dtype=np.int64)) for n in (4, 3, 2)
)  # training, validation, test


def write_nielsen(folder, content, *, protocol=2):
    """Write what Python 3 makes of a pickle for Python 2, or the bytes given."""
    raw = content if isinstance(content, bytes) else pickle.dumps(content, protocol)
    path = folder / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(raw))
    return path


def python2_pickle(parts):
    """Pickle pairs of arrays byte for byte as Python 2 does: its strings are not unicode."""

    def array(a):
        raw = a.tobytes()
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n("
            + b"".join(b"I%d\n" % n for n in a.shape)
            + b"tcnumpy\ndtype\n(S'%s'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n" % a.dtype.str[1:].encode()
            + (b"T" + struct.pack("<i", len(raw)) + raw + b"tb")
        )

    return b"(" + b"".join(b"(" + array(x) + array(y) + b"t" for x, y in parts) + b"t."


@pytest.mark.parametrize(
    "content",
    [NIELSEN, python2_pickle([(x.astype("<f4"), y.astype("<i8")) for x, y in NIELSEN])],
    ids=["python3", "python2"],
)
def test_nielsen(tmp_path, content):
    path = write_nielsen(tmp_path, content)
    train, test = data.mnist(path)
    assert_pair(train, *NIELSEN[0])
    assert_pair(test, *NIELSEN[2])
    for split, part in zip(("train", "validation", "test"), NIELSEN, strict=True):
        assert_pair(data.mnist(path, split=split), *part)


def test_nielsen_unzipped_in_other_orders_and_protocols(tmp_path):
    parts = [(np.asfortranarray(x.astype(">f8")), y.astype(">i4")) for x, y in NIELSEN]
    path = tmp_path / "mnist.pkl"
    for protocol in range(5):
        path.write_bytes(pickle.dumps(parts, protocol))
        train, test = data.mnist(path)
        assert_pair(train, *NIELSEN[0])
        assert_pair(test, *NIELSEN[2])


class Hostile:
    """Asks whoever loads it to call a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.mkdir, ("taken",)),
        (eval, ("1 + 1",)),
        (exec, ("import os",)),
        (getattr, (1, "real")),
        (np.load, ("x",)),
    ],
)
def test_a_pickle_that_asks_for_more_than_arrays_is_refused(tmp_path, monkeypatch, function, arguments):
    monkeypatch.chdir(tmp_path)
    x, y = NIELSEN[0]
    for content in (Hostile(function, *arguments), ((x, y), (x, Hostile(function, *arguments)), (x, y))):
        path = write_nielsen(tmp_path, content)
        with pytest.raises(ValueError, match=rf"asks for .*{function.__name__}, and only arrays of numbers"):
            data.mnist(path)
    assert not (tmp_path / "taken").exists()


def test_an_array_of_objects_is_refused(tmp_path):
    x, y = NIELSEN[0]
    path = write_nielsen(tmp_path, ((x, y), (x, y), (x, np.array([len] * len(y), object))))
    with pytest.raises(ValueError, match=r"asks for .*len|type 'O8'"):
        data.mnist(path)
    path = write_nielsen(tmp_path, ((x, y), (x, y), (x, np.array([1] * len(y), object))))
    with pytest.raises(ValueError, match="type 'O8', and only numbers"):
        data.mnist(path)


def test_a_raw_call_of_a_stand_in_is_harmless(tmp_path):
    for raw in (b"cnumpy\nndarray\n(tR.", b"cos\nsystem\n(S'true'\ntR.", b"cnumpy\ndtype\n(S'f4'\ntR}b."):
        with pytest.raises(ValueError, match="could not be read as Nielsen's"):
            data.mnist(write_nielsen(tmp_path, raw))


X, Y = NIELSEN[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "could not be read"),
        (pickle.dumps(NIELSEN, 2)[:-40], "could not be read"),
        (idx(IMAGES["train"]), "give the folder"),
        (NIELSEN[:2], "2 parts, not three"),
        (((X, Y[:-1]),) * 3, "4 images but 3 labels"),
        (((X[0], Y),) * 3, "images should be rows of floats"),
        (((X, X),) * 3, "labels whole numbers"),
        (((X * 255, Y),) * 3, "not all between 0 and 1"),
        (((X * np.float32("nan"), Y),) * 3, "not all between 0 and 1"),
        ("a string", "could not be read"),
        (7, "could not be read"),
    ],
)
def test_nielsen_files_that_are_wrong(tmp_path, content, message):
    path = write_nielsen(tmp_path, content)
    with pytest.raises(ValueError, match=message) as caught:
        data.mnist(path)
    assert str(path) in str(caught.value)


def test_a_damaged_gzip_is_reported(tmp_path):
    path = write_nielsen(tmp_path, NIELSEN)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"mnist\.pkl\.gz is cut short or damaged"):
        data.mnist(path)
