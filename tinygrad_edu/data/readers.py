"""A reader for MNIST, in its own IDX format and in the pickle that comes with Nielsen's book.

Nothing is downloaded: the reader takes the path of files that you have.
"""

import gzip
import io
import math
import os
import pickle
import re
import zlib
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Pair: TypeAlias = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Images of shape (n, pixels), with values from 0 to 1, and their n labels."""

Part: TypeAlias = Literal["train", "validation", "test"]

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
        If a file is damaged or of another kind, if the numbers of images and labels differ, or if the data
        have no such `split`.

    Notes
    -----
    To load a pickle is to run whatever program its author put in. This reader only ever builds arrays of
    numbers from one, and raises ``ValueError`` on a pickle that asks for more.
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
    data = _read_bytes(path)
    magic, found = 0x0800 + axes, int.from_bytes(data[:4], "big")
    if found != magic:
        kind = "images" if axes == 3 else "labels"
        raise ValueError(f"mnist: {path} is not an IDX file of {kind}: it begins with the number {found}, not {magic}.")
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    size = start + math.prod(shape)
    if len(data) != size:
        fault = "is cut short" if len(data) < size else "has bytes left over"
        raise ValueError(f"mnist: {path} {fault}: shape {shape} takes {size} bytes, but it has {len(data)}.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    """Return what a file holds, unzipped if it is gzipped (whatever its name says)."""
    data = path.read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"mnist: {path} is cut short or damaged: {error}") from None


# ---------------------------------------------------------------------------------------------------------
# Nielsen's mnist.pkl.gz: three pairs (images, labels) of NumPy arrays, pickled by Python 2. A pickle names
# the functions that rebuild its objects. The names that belong to arrays are answered with the stand-ins
# below, which hold numbers and can do nothing else; every other name is refused.


class _Dtype:
    """Stands in for ``numpy.dtype``: a code such as ``f4``, then a byte order such as ``<``."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def plain(self) -> np.dtype[Any]:
        if not re.fullmatch("[<>=|][fiu][1248]", self.order + self.code):
            raise ValueError(f"it has an array of type {self.code!r}, and only numbers are let in")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands in for ``numpy.ndarray``: made empty, then given its shape, type and bytes."""

    values: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, data = state
        raw = data.encode("latin1") if isinstance(data, str) else data
        self.values = np.frombuffer(raw, dtype.plain()).reshape(shape, order="F" if by_columns else "C")


def _reconstruct(*_: object) -> _Array:
    """Stand in for NumPy's function that makes an empty array of a class, shape and type."""
    return _Array()


def _encode(text: str, _: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 3 writes bytes into a Python 2 pickle."""
    return text.encode("latin1")


_STAND_INS = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Array,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "_codecs.encode": _encode,
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows the stand-ins and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _STAND_INS:
            raise ValueError(f"it asks for {module}.{name}, and only arrays of numbers are let in")
        return _STAND_INS[f"{module}.{name}"]


def _read_nielsen(path: Path) -> dict[str, Pair]:
    """Read the three parts of ``mnist.pkl.gz``."""
    data = _read_bytes(path)
    try:
        loaded = _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
        parts = [(images.values, labels.values) for images, labels in loaded]
        if len(parts) != 3:
            raise ValueError(f"it holds {len(parts)} parts, not three (training, validation, test)")
        return {name: _checked(*part) for name, part in zip(_PARTS, parts, strict=True)}
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
    return images.astype(np.float64), labels.astype(np.int64)
