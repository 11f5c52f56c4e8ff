"""Parameters in a file: NumPy's .npz format, one array a parameter, and no pickle."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.errors import shown
from tinygrad_edu.files import write_file

Array = npt.NDArray[Any]

LONGEST_TEXT = 100_000_000
"""So much is read of a text, in bytes: a small file may claim to hold more than fits into memory."""

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], texts: Mapping[str, str] = {}) -> None:
    """Write named arrays, and texts beside them, to an .npz file; whatever goes wrong, the old file stays."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        for name, text in texts.items():
            archive.writestr(name, text)
    write_file(path, content.getvalue())


def read_arrays(
    who: str, path: str | os.PathLike[str], expected: Mapping[str, Array], texts: Collection[str] = ()
) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the arrays that are expected, of those shapes, and the texts of these names, from an .npz file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an .npz file, is damaged, or does not have just these arrays.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                check_names(f"{who}: the file {path.name}", names, [*expected, *texts])
                arrays = {name: _read(who, archive, name, array) for name, array in expected.items()}
                return arrays, {name: _read_text(archive, name) for name in texts}
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(
                f"{who}: {path.name} is no .npz file of parameters, or is damaged ({error}); write it with save"
            ) from error


def check_names(who: str, names: Collection[str], expected: Collection[str]) -> None:
    """Raise unless just the expected parameters are there."""
    missing, surplus = [n for n in expected if n not in names], [n for n in names if n not in expected]
    if missing or surplus:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"also has {', '.join(surplus)}"] * bool(surplus)
        raise ValueError(f"{who} {' and '.join(parts)}; this model has {', '.join(expected) or 'no parameters'}")


def fitting(who: str, name: str, array: Any, expected: Array) -> Array:
    """A copy of an array, of the dtype of the parameter that it is for; raise if it does not fit."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{who}: {name} is a masked array, whose mask would be lost")
    array = np.asarray(array)
    check_shape(who, name, array.shape, array.dtype, expected)
    copy: Array = array.astype(expected.dtype)
    return copy


def check_shape(who: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], expected: Array) -> None:
    """Raise unless an array of this shape and dtype can be the value of a parameter, without loss."""
    if shape != expected.shape:
        raise ValueError(f"{who}: {name} has shape {shape}, but in this model {expected.shape}; is it of another one?")
    if not np.can_cast(dtype, expected.dtype):
        raise ValueError(
            f"{who}: {name} is {dtype}, which does not fit in the {expected.dtype} of this model; make the model with "
            f"dtype={shown(str(dtype))}, or convert the arrays first"
        )


def _read(who: str, archive: zipfile.ZipFile, name: str, expected: Array) -> Array:
    """One array. Its shape is looked at before there is memory taken for it."""
    member = f"{name}.npy"
    try:
        with archive.open(member) as file:
            shape, dtype = _header(file)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{who}: {name} cannot be read from the file ({error})") from error
    check_shape(who, name, shape, dtype, expected)
    with archive.open(member) as file:
        return fitting(who, name, np.lib.format.read_array(file, allow_pickle=False), expected)


def _read_text(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return file.read(LONGEST_TEXT).decode()


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise OSError(f"version {version} of the format")
    shape, _, dtype = HEADERS[version](file)
    return shape, dtype
