"""The digits are what their README says, and the MNIST reader reads what it should and nothing else."""

import doctest
import gzip
import hashlib
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import tracemalloc
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
        ("images-idx3-ubyte", gzip.compress(idx(IMAGES["t10k"]), mtime=0)[:-9], "cut short or damaged"),
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


# --- Attacks: small files that ask for much --------------------------------------------------------------


def long_text(raw):
    return struct.pack("<I", len(raw)) + raw


BINARY_ARRAY = (  # an array as protocol 2 writes it, of a text in the place 7 of the memo; its shape and type before
    b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01%scnumpy\ndtype\nU\x02f4"
    b"K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89%stb"
)
LAUGHS = b"(lp0\n" + b"".join(b"(g%d\ng%d\ntp%d\n" % (i, i, i + 1) for i in range(60))
PICKLES = {
    "a number of 2 GB": b"\x8b\xff\xff\xff\x7f.",
    "bytes of 2 GB": b"\x80\x03B\xff\xff\xff\x7f.",
    "bytes of 2 GB, long form": b"\x80\x04\x8e\xff\xff\xff\x7f\0\0\0\0.",
    "a byte array of 2 GB": b"\x80\x05\x96\xff\xff\xff\x7f\0\0\0\0.",
    "a text of 2 GB": b"\x80\x04X\xff\xff\xff\x7f.",
    "a text of 2 GB, long form": b"\x80\x04\x8d\xff\xff\xff\x7f\0\0\0\0.",
    "a string of 2 GB": b"T\xff\xff\xff\x7f.",
    "a frame of 2 GB": b"\x80\x04\x95\xff\xff\xff\x7f\0\0\0\0N.",
    "a place far out in the memo": b"Nr\xff\xff\xff\x7f.",
    "a place far out in the memo, as text": b"Np2000000000\n.",
    "more steps than there are arrays": b"N0" * 10**6 + b"N.",
    "more steps of a kind that is let in": b"(" + b"N" * 10**6 + b"t.",
    "a type whose text doubles 60 times": LAUGHS + b"cnumpy\ndtype\n(g60\ntR.",
    "an array whose type is such a text": LAUGHS
    + BINARY_ARRAY.replace(b"U\x02f4", b"g60\n") % (b"K\x02\x85", b"U\x08" + b"\0" * 8),
    "an array whose shape is such a text": LAUGHS + BINARY_ARRAY % (b"g60\n", b"U\x08" + b"\0" * 8),
    "one text made into bytes a thousand times": b"(X"
    + long_text(b"x" * 10**7)
    + b"q\x07"
    + b"c_codecs\nencode\nh\x07U\x06latin1\x86R" * 1000
    + b"t.",
    "one text in a thousand arrays": b"(X"
    + long_text(b"x" * 10**7)
    + b"q\x07"
    + (BINARY_ARRAY % (b"J" + struct.pack("<i", 25 * 10**5) + b"\x85", b"h\x07")) * 300
    + b"t.",
    "a shape that is negative": b"(" + (BINARY_ARRAY % (b"J\xff\xff\xff\xff\x85", b"U\x08" + b"\0" * 8)) * 2 + b"t.",
    "a shape that is very large": b"(" + (BINARY_ARRAY % (b"\x8a\x09" + b"\x7f" * 9 + b"\x85", b"U\x00")) * 2 + b"t.",
}  # fmt: skip


def head(*shape):
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)


FAR = 2**32 - 1
IDX = {
    "2^96 bytes": (head(FAR, FAR, FAR), rf"shape \({FAR}, {FAR}, {FAR}\) takes {FAR**3} bytes, and no more than"),
    "2^64 bytes": (head(2**31, 2**31, 4), "takes 18446744073709551616 bytes, and no more than"),  # 0 in 64 bits
    "1 GB that is not there": (head(2**30 // 784, 28, 28), "cut short: shape .* takes"),
    "no images": (head(0, 28, 28), r"is empty: its shape is \(0, 28, 28\)"),
    "images of no pixels": (head(FAR, 0, 0), "is empty: its shape"),
    "less than a head": (head(5, 4, 3)[:9], "cut short: 9 bytes are not even its head of 16"),
}

IN_LITTLE_MEMORY = """
import sys
from tinygrad_edu import data

try:
    import resource
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28,) * 2)
except (ImportError, OSError):
    pass
for path in sys.argv[1:]:
    try:
        data.mnist(path, split="test")
    except ValueError as error:
        print("refused" if not isinstance(error.__cause__, MemoryError) else path)
"""


def test_no_attack_takes_memory(tmp_path):
    """In a process of its own, which may have 256 MB more than it begins with."""
    paths = []
    for i, raw in enumerate(PICKLES.values()):
        for name, content in ((f"{i}.pkl", raw), (f"{i}.pkl.gz", gzip.compress(raw, 1))):
            paths.append(tmp_path / name)
            paths[-1].write_bytes(content)
    for i, (raw, _) in enumerate(IDX.values()):
        paths.append(tmp_path / str(i))
        paths[-1].mkdir()
        (paths[-1] / "t10k-images-idx3-ubyte").write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["refused"] * len(paths)


@pytest.mark.parametrize("case", PICKLES)
def test_attacks_by_pickle_are_refused_in_words(tmp_path, case):
    with pytest.raises(ValueError, match="could not be read as Nielsen's") as caught:
        data.mnist(write_nielsen(tmp_path, PICKLES[case]))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("case", IDX)
def test_attacks_by_idx_are_refused_in_words(tmp_path, case):
    raw, message = IDX[case]
    write_idx(tmp_path, "t10k")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        data.mnist(tmp_path, split="test")


def test_a_gzip_file_is_unpacked_as_far_as_it_may_hold(tmp_path, monkeypatch):
    """100 MB of zeros in 100 KB, where the head of the file or the limit allow less."""
    monkeypatch.setattr(data.readers, "MOST_BYTES", 10**6)
    zeros = gzip.compress(bytes(10**8), 1)
    images = gzip.compress(head(7, 4, 3)) + zeros
    pickled = tmp_path / "mnist.pkl.gz"
    pickled.write_bytes(zeros)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(images)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="takes 100 bytes, but it has 101 or more"):
            data.mnist(tmp_path, split="train")
        with pytest.raises(ValueError, match="it holds more than 1000000 bytes"):
            data.mnist(pickled)
        assert tracemalloc.get_traced_memory()[1] < 2 * 10**7
    finally:
        tracemalloc.stop()


def test_one_text_in_many_arrays_is_counted_many_times(tmp_path, monkeypatch):
    monkeypatch.setattr(data.readers, "MOST_BYTES", 5000)
    text = b"X" + long_text(b"\0" * 1000) + b"q\x07("  # what is below the mark is left on the stack
    array = BINARY_ARRAY % (b"J" + struct.pack("<i", 250) + b"\x85", b"h\x07")
    with pytest.raises(ValueError, match="its arrays take more than 5000 bytes"):
        data.mnist(write_nielsen(tmp_path, text + (b"(" + array * 2 + b"t") * 3 + b"t."))


@pytest.mark.parametrize(
    "name", ["numpy.core.multiarray _reconstruct", "_codecs encode", "numpy ndarray", "numpy dtype"]
)
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (b"}U\x05helloU\x05worlds", "takes the step EMPTY_DICT"),
        (b"N}U\x05helloU\x05worlds\x86", "takes the step EMPTY_DICT"),
        (b"U\x05helloU\x05world\x86", "asks to change a function"),
        (b"N", "asks to change a function"),
    ],
    ids=["dict", "slots", "pair", "None"],
)
def test_build_changes_no_function(tmp_path, monkeypatch, name, state, message):
    path = write_nielsen(tmp_path, "c{}\n{}\n".format(*name.split()).encode() + state + b"b.")
    with pytest.raises(ValueError, match=f"{message}, and only arrays"):
        data.mnist(path)
    monkeypatch.setattr(data.readers, "_look_through", lambda data: None)  # nor without the first look
    with pytest.raises(ValueError, match="asks to change a function, and only arrays"):
        data.mnist(path)
    assert not any(hasattr(thing, "hello") for thing in vars(data.readers).values())


@pytest.mark.parametrize("label", [2**63, 2**64 - 1])
def test_labels_that_do_not_fit(tmp_path, label):
    labels = np.array([1, 2, 3, label], np.uint64)
    with pytest.raises(ValueError, match=f"it has the label {label}, and classes are counted from 0"):
        data.mnist(write_nielsen(tmp_path, ((X, labels),) * 3))
    with pytest.raises(ValueError, match="it has the label -1, and"):
        data.mnist(write_nielsen(tmp_path, ((X, np.array([0, -1, 2, 3])),) * 3))


def test_unsigned_labels_that_fit(tmp_path):
    train, _ = data.mnist(write_nielsen(tmp_path, ((X, Y.astype(np.uint64)),) * 3))
    assert_pair(train, X, Y)
