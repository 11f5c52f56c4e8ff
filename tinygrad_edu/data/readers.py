"""A reader for MNIST, in its own IDX format and in the pickle that comes with Nielsen's book.

Nothing is downloaded here: the reader takes the path of files that you have, or that `fetch_mnist` has fetched.
"""

import gzip
import io
import math
import os
import pickle
import pickletools
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Images of shape (n, pixels), with values from 0 to 1, and their n labels."""

Part: TypeAlias = Literal["train", "validation", "test"]

MOST_BYTES = 2**30
"""What a file may hold, unpacked: twice what any data set in these formats takes."""

MOST_OPCODES = 10_000
"""The steps of a pickle; that of MNIST has about 200."""

_PARTS = ("train", "validation", "test")
_PREFIX = {"train": "train", "test": "t10k"}  # how the names of the IDX files begin


@overload
def mnist(path: str | os.PathLike[str], *, split: None = None) -> tuple[Pair, Pair]: ...
@overload
def mnist(path: str | os.PathLike[str], *, split: Part) -> Pair: ...
def mnist(path: str | os.PathLike[str], *, split: Part | None = None) -> tuple[Pair, Pair] | Pair:
    """Read MNIST from a folder with its IDX files, or from the file ``mnist.pkl.gz`` of Nielsen's book.

    Parameters
    ----------
    path
        A folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``, each of them gzipped (``.gz``) or not; or the file ``mnist.pkl.gz``.
        Other data in these formats, such as Fashion-MNIST, can be read too.
    split
        ``"train"``, ``"validation"`` or ``"test"``: return this part alone; of a folder, only its two files
        are needed. IDX folders have no ``"validation"`` (60,000 images to train with and 10,000 to test);
        Nielsen's file has all three (50,000, 10,000 and 10,000).

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Or one such pair, where `split` is given. Images ``x`` of shape (n, 784): one image a row, its pixels
        row by row from the top left, float64 from 0 (paper) to 1 (ink). IDX files hold whole numbers, which
        are divided by 255; Nielsen's file holds pixel/256, which is left as it is. Labels ``y`` of shape
        (n,), int64.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message names the folder and what was looked for.
    ValueError
        If a file is damaged or of another kind, if the numbers of images and labels differ, if the data
        have no such `split`, or if a file holds more than 1 GiB when it is unpacked.

    Notes
    -----
    To load a pickle is to run whatever program its author put in. This reader only ever builds arrays of
    numbers from one, and raises ``ValueError`` on a pickle that asks for more, or for more memory than it
    has bytes.
    """
    if split is not None and split not in _PARTS:
        raise ValueError(f"mnist: split must be 'train', 'validation', 'test' or None, not {split!r}.")
    path = Path(path)
    if path.is_dir():
        if split is not None:
            return _read_folder(path, split)
        return _read_folder(path, "train"), _read_folder(path, "test")
    if not path.exists():
        raise FileNotFoundError(f"mnist: there is no folder or file {path}.")
    parts = _read_nielsen(path)
    if split is not None:
        return parts[split]
    return parts["train"], parts["test"]


# ---------------------------------------------------------------------------------------------------------
# IDX: four bytes that say "unsigned bytes, so many axes", the length of each axis, then the bytes themselves


def _read_folder(folder: Path, part: Part) -> Pair:
    """Read the images and labels of one part from a folder of IDX files."""
    if part == "validation":
        raise ValueError(
            f"mnist: the IDX files in {folder} have no split 'validation'; set some of 'train' aside instead."
        )
    images = _read_idx(_find(folder, part, "images-idx3-ubyte"), axes=3)
    labels = _read_idx(_find(folder, part, "labels-idx1-ubyte"), axes=1)
    if len(images) != len(labels):
        raise ValueError(f"mnist: {folder} has {len(images)} images but {len(labels)} labels for {part!r}.")
    n, rows, columns = images.shape
    return images.reshape(n, rows * columns) / 255.0, labels.astype(np.int64)


def _find(folder: Path, part: Part, ending: str) -> Path:
    """Return the path of an IDX file, gzipped or not."""
    name = f"{_PREFIX[part]}-{ending}"
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    other = "test" if part == "train" else "train"
    hint = ""
    if any(folder.glob(f"{_PREFIX[other]}-{ending}*")):
        hint = f" It does have the {other!r} part: mnist(path, split={other!r}) reads that alone."
    raise FileNotFoundError(f"mnist: {folder} has neither {name} nor {name}.gz.{hint}")


def _read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with the given number of axes."""
    start = 4 + 4 * axes
    with path.open("rb") as file:
        stream = _unzipped(file)
        head = _read_bytes(path, stream, start)
        magic, found = 0x0800 + axes, int.from_bytes(head[:4], "big")
        if found != magic:
            kind = "images" if axes == 3 else "labels"
            raise ValueError(
                f"mnist: {path} is not an IDX file of {kind}: it begins with the number {found}, not {magic}."
            )
        if len(head) < start:
            raise ValueError(f"mnist: {path} is cut short: {len(head)} bytes are not even its head of {start}.")
        shape = tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, start, 4))
        size = math.prod(shape)
        if size == 0:
            raise ValueError(f"mnist: {path} is empty: its shape is {shape}.")
        if size > MOST_BYTES:
            raise ValueError(
                f"mnist: {path}: shape {shape} takes {size} bytes, and no more than {MOST_BYTES} are read."
            )
        data = _read_bytes(path, stream, size + 1)  # one more, to see whether there is one
    if len(data) != size:
        fault, more = ("is cut short", "") if len(data) < size else ("has bytes left over", " or more")
        raise ValueError(
            f"mnist: {path} {fault}: shape {shape} takes {start + size} bytes, but it has {start + len(data)}{more}."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _unzipped(file: BinaryIO) -> BinaryIO:
    """The stream, unzipped if it is gzipped (whatever its name says)."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if zipped else file  # type: ignore[return-value] # reads like one


def _read_bytes(path: Path, stream: BinaryIO, most: int) -> bytearray:
    """Read so many bytes of a stream, or what it has: piece by piece, so that memory is taken for what is there."""
    data = bytearray()
    try:
        while len(data) < most and (piece := stream.read(min(most - len(data), 2**20))):
            data += piece
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"mnist: {path} is cut short or damaged: {error}") from None
    return data


# ---------------------------------------------------------------------------------------------------------
# Nielsen's mnist.pkl.gz: three pairs (images, labels) of NumPy arrays, pickled by Python 2. A pickle names
# the functions that rebuild its objects. The names that belong to arrays are answered with stand-ins, which keep
# what they are given and can do nothing else; every other name is refused. Before anything is built, the steps of
# the pickle are looked through; and numbers are made only of what was built in the end.


class _Name:
    """Stands in for a function or class of NumPy: it can be called, and is otherwise as it is."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: object) -> Any:
        return self._make(*args)

    def __setstate__(self, state: object) -> None:
        raise ValueError("it asks to change a function, and only arrays of numbers are let in")


class _Made:
    """Stands in for what NumPy would make: it keeps what it is made of."""

    __slots__ = ("args", "state")

    def __init__(self, *args: object) -> None:
        self.args: tuple[Any, ...] = args
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Dtype(_Made):
    """``numpy.dtype``: made of a code such as ``f4``, then given a byte order such as ``<``."""

    __slots__ = ()

    def plain(self) -> np.dtype[Any]:
        code, order = self.args[0], self.state[1] if isinstance(self.state, tuple) else "="
        if not (isinstance(code, str) and isinstance(order, str) and re.fullmatch("[<>=|][fiu][1248]", order + code)):
            shown = repr(code[:20]) if isinstance(code, str) else type(code).__name__
            raise ValueError(f"it has an array of type {shown}, and only numbers are let in")
        return np.dtype(order + code)


class _Text(_Made):
    """``_codecs.encode``, by which Python 3 writes bytes into a pickle for Python 2: they stay the text they are."""

    __slots__ = ()


class _Array(_Made):
    """``numpy.ndarray``: made empty, then given its shape, type and bytes."""

    __slots__ = ()

    def parts(self) -> tuple[tuple[int, ...], np.dtype[Any], bool, str | bytes]:
        """Shape, type, whether by columns, and bytes (or Latin-1), all of them of these types."""
        _, shape, dtype, by_columns, data = self.state
        data = data.args[0] if isinstance(data, _Text) else data
        if not (isinstance(shape, tuple) and len(shape) <= 2 and all(type(n) is int and 0 < n < 2**32 for n in shape)):
            raise ValueError("it has an array whose shape is not one or two lengths")
        if not isinstance(dtype, _Dtype):
            raise ValueError("it has an array without a type")
        plain = dtype.plain()
        if not isinstance(data, str | bytes):
            raise ValueError("it has an array without bytes")
        if len(data) != math.prod(shape) * plain.itemsize:
            raise ValueError(f"it has an array of shape {shape} and type {plain}, but {len(data)} bytes for it")
        return shape, plain, bool(by_columns), data

    def values(self) -> NDArray[Any]:
        shape, dtype, by_columns, data = self.parts()
        raw = data.encode("latin1") if isinstance(data, str) else data
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if by_columns else "C")


_STAND_INS = {
    "numpy.dtype": _Name(_Dtype),
    "numpy.ndarray": _Name(_Array),
    "numpy.core.multiarray._reconstruct": _Name(_Array),
    "numpy._core.multiarray._reconstruct": _Name(_Array),
    "_codecs.encode": _Name(_Text),
}

_OPCODES = frozenset(
    re.findall(
        r"\w+",
        """
        PROTO FRAME STOP MARK TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE LIST EMPTY_LIST APPEND APPENDS
        INT BININT BININT1 BININT2 LONG LONG1 NONE NEWTRUE NEWFALSE
        STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES UNICODE BINUNICODE SHORT_BINUNICODE
        GLOBAL STACK_GLOBAL REDUCE BUILD PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
        """,
    )
)


def _look_through(data: bytes) -> None:
    """Raise where a pickle takes steps that arrays do not need, or has room made for more than is there.

    A single step can ask for gigabytes: by a length, by the number of a place in the memo. `pickletools` reads the
    same steps, takes no memory for what does not follow, and builds nothing.
    """
    argument: Any
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data), start=1):
        if opcode.name not in _OPCODES:
            raise ValueError(f"it takes the step {opcode.name}, and only arrays of numbers are let in")
        if count > MOST_OPCODES:
            raise ValueError(f"it takes more than {MOST_OPCODES} steps, and a few arrays take less")
        if (opcode.name == "FRAME" and argument > len(data)) or ("PUT" in opcode.name and argument > MOST_OPCODES):
            raise ValueError(f"its step {opcode.name} asks for room for {argument}, which it cannot need")


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _STAND_INS:
            raise ValueError(f"it asks for {f'{module}.{name}'[:80]}, and only arrays of numbers are let in")
        return _STAND_INS[f"{module}.{name}"]


def _read_nielsen(path: Path) -> dict[str, Pair]:
    """Read the three parts of ``mnist.pkl.gz``."""
    with path.open("rb") as file:
        data = bytes(_read_bytes(path, _unzipped(file), MOST_BYTES + 1))
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"it holds more than {MOST_BYTES} bytes")
        _look_through(data)
        parts = [(images, labels) for images, labels in _ArraysOnly(io.BytesIO(data), encoding="latin1").load()]
        if len(parts) != 3:
            raise ValueError(f"it holds {len(parts)} parts, not three (training, validation, test)")
        if not all(isinstance(array, _Array) for pair in parts for array in pair):
            raise ValueError("its parts are not pairs of arrays")
        if sum(len(array.parts()[3]) for pair in parts for array in pair) > MOST_BYTES:
            raise ValueError(f"its arrays take more than {MOST_BYTES} bytes")  # one text may be in it many times
        return {
            name: _checked(images.values(), labels.values())
            for name, (images, labels) in zip(_PARTS, parts, strict=True)
        }
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise ValueError(
            f"mnist: {path} could not be read as Nielsen's mnist.pkl.gz: {error}. "
            "(To read IDX files, give the folder that holds them.)"
        ) from error


def _checked(images: NDArray[Any], labels: NDArray[Any]) -> Pair:
    """Return images and labels in our types, if that is what they are."""
    if images.ndim != 2 or images.dtype.kind != "f" or labels.ndim != 1 or labels.dtype.kind == "f":
        raise ValueError(
            f"images should be rows of floats and labels whole numbers, but they are {images.dtype} of shape "
            f"{images.shape} and {labels.dtype} of shape {labels.shape}"
        )
    if len(images) != len(labels):
        raise ValueError(f"it has {len(images)} images but {len(labels)} labels")
    if not np.all((images >= 0) & (images <= 1)):
        raise ValueError("its pixels are not all between 0 and 1")
    wrong = labels[(labels < 0) | (labels > np.iinfo(np.int64).max)]
    if wrong.size:
        raise ValueError(f"it has the label {wrong[0]}, and classes are counted from 0")
    return images.astype(np.float64), labels.astype(np.int64)
