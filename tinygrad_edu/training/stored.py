"""Arrays that lie in files, of which only the rows that are needed are read: memory-mapped, HDF5 and Zarr."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PACKAGES = ("h5py", "zarr")


def is_stored(data: Any) -> bool:
    """Whether this is an array of HDF5 or Zarr, which NumPy would read as a whole."""
    package = type(data).__module__.split(".")[0]
    return package in PACKAGES and all(hasattr(data, name) for name in ("shape", "dtype", "__getitem__"))


class Stored:
    """An array of HDF5 or Zarr that is read by rows, and pickled as the place where it lies.

    Parameters
    ----------
    source : h5py.Dataset or zarr.Array
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        self.shape: tuple[int, ...] = tuple(source.shape)
        self.dtype = np.dtype(source.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Array) -> Array:
        """The rows of a slice, or those with these numbers, in any order."""
        if isinstance(rows, slice):
            return np.asarray(self.source[rows])
        rising, place = np.unique(rows, return_inverse=True)  # HDF5 takes no others
        found: Array = np.asarray(getattr(self.source, "oindex", self.source)[rising])[place]
        return found

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self.source[:], dtype)

    def __reduce__(self) -> Any:
        if type(self.source).__module__.split(".")[0] == "h5py":
            return _open_hdf5, (self.source.file.filename, self.source.name)
        return Stored, (self.source,)  # a Zarr array is pickled as its place


def _open_hdf5(filename: str, name: str) -> Stored:
    import h5py

    return Stored(h5py.File(filename, "r")[name])


class Parcel:
    """An array on its way to another process: pickled, it is the place where it lies, if it is in a file.

    Parameters
    ----------
    array : ndarray or Stored
    """

    def __init__(self, array: Any) -> None:
        self.array = array if isinstance(array, Stored) else read_only(array)

    def __reduce__(self) -> Any:
        place = None if isinstance(self.array, Stored) else place_in_file(self.array)
        return (Parcel, (self.array,)) if place is None else (_open_mapped, place)


class Rows:
    """Rows of an array on their way to another process, which is sent these rows alone, or the place of the file.

    Parameters
    ----------
    place : (start, stop)
    array : ndarray or Stored
    """

    def __init__(self, place: tuple[int, int], array: Any) -> None:
        self.place, self.array = place, array

    def read(self) -> Array:
        """The rows, in C order, which they have after a journey; they cannot be written to."""
        return read_only(np.ascontiguousarray(self.array[slice(*self.place)]))

    def __reduce__(self) -> Any:
        in_file = isinstance(self.array, Stored) or place_in_file(self.array)
        return _rows, (self.place, Parcel(self.array)) if in_file else (None, Parcel(self.read()))


def _rows(place: tuple[int, int] | None, parcel: Parcel) -> Rows:
    return Rows(place or (0, len(parcel.array)), parcel.array)


def read_only(array: Any) -> Array:
    """A plain array of the same numbers that cannot be written to."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def place_in_file(array: Array) -> tuple[str, int, tuple[int, ...], tuple[int, ...], str] | None:
    """Filename, offset in bytes, shape, strides and dtype of a memory-mapped array, or of a view of one; else None."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    mapped = array
    while isinstance(mapped, np.ndarray) and not isinstance(mapped, np.memmap):
        mapped = mapped.base  # type: ignore[assignment] # None, or whatever holds the memory
    if not isinstance(root.base, mmap.mmap) or mapped is None or mapped.filename is None or mapped.mode == "c":
        return None  # not in a file, or changed for this process alone
    if mapped.mode != "r":
        mapped.flush()
    # `offset` of a view is that of the array that it was cut from.
    offset = mapped.offset + array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return str(mapped.filename), offset, array.shape, array.strides, array.dtype.str


def _open_mapped(filename: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> Parcel:
    whole = np.memmap(filename, np.uint8, "r")
    return Parcel(np.ndarray(shape, dtype, whole, offset, strides))
