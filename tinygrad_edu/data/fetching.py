"""Fetching the four files of MNIST, so that what ends up in the folder is whole and is what was published."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MIRRORS = ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/")

SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""What the bytes of each file add up to: a mirror can send what it likes, but only these bytes are kept."""

MOST_BYTES = 2**24  # the largest of them has 9,912,422


def fetch_mnist(
    folder: str | os.PathLike[str], *, mirrors: Sequence[str] = MIRRORS, timeout: float = 30, progress: bool = True
) -> Path:
    """Download MNIST, 11.6 MB, into a folder that ``tinygrad_edu.data.mnist(folder)`` then reads.

    Parameters
    ----------
    folder
        Where the four files go; it is made if it is not there. A file that is there already and has the right
        checksum is left as it is, so a second call needs no network; one that has not is replaced.
    mirrors
        Addresses of folders that have the files, tried in this order for each file.
    timeout
        Seconds to wait for an answer of a mirror, and for each next piece.
    progress
        Whether to show a bar for each file.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ConnectionError
        If no mirror had a file, whole and with the right checksum; the message says what went wrong at each, and how
        to do without: which files to put where by hand. Files that came before are kept, the others left as they were.
    NotADirectoryError
        If `folder` is a file.
    TypeError, ValueError
        If `mirrors` is a single string, or empty.

    Notes
    -----
    Source: Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST database of handwritten digits* (1998). The checksums
    are the SHA-256 of the published files. A file is written under a name of its own beside its place, and takes
    that place only when it is complete.
    """
    if isinstance(mirrors, str):
        raise TypeError(f"fetch_mnist: mirrors must be a list of addresses, as [{mirrors!r}]")
    if not mirrors:
        raise ValueError("fetch_mnist: mirrors is empty; leave it out to use the usual ones")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"fetch_mnist: {folder} is a file, and a folder is needed")
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHA256:
        if not _is_there(folder / name):
            _fetch(folder / name, mirrors, timeout, progress)
    return folder


def _is_there(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path.name]


def _fetch(path: Path, mirrors: Sequence[str], timeout: float, progress: bool) -> None:
    """Put a file in its place, from the first mirror that has it."""
    from http.client import HTTPException

    faults = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{path.name}"
        try:
            content = _download(address, timeout, progress)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: this is no address
            faults.append(f"  {address}: {error or type(error).__name__}")
            continue
        if hashlib.sha256(content).hexdigest() == SHA256[path.name]:
            _write(path, content)
            return
        faults.append(f"  {address}: {len(content)} bytes came, but their checksum is not that of the published file")
    raise ConnectionError(
        f"fetch_mnist: {path.name} could not be fetched:\n"
        + "\n".join(faults)
        + f"\nTry again later; or download {', '.join(SHA256)} by hand where there is a network, from "
        + f"{' or '.join(mirrors)}, put them in the folder {path.parent.resolve()} as they are, and read them with "
        + "tg.data.mnist(folder). The 8×8 digits of tg.data.digits() need no network."
    )


def _download(address: str, timeout: float, progress: bool) -> bytes:
    """Return what stands at an address; raise if it ends before it is whole, or does not end."""
    from urllib.request import urlopen

    content = bytearray()
    with urlopen(address, timeout=timeout) as answer:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        with _bar(address.rpartition("/")[2], total, progress) as bar:
            while piece := answer.read(2**16):
                content += piece
                bar.update(len(piece))
                if len(content) > MOST_BYTES:
                    raise OSError(f"it is longer than {MOST_BYTES} bytes, which no file of MNIST is")
    if total is not None and len(content) < total:
        raise OSError(f"the connection broke after {len(content)} of {total} bytes")
    return bytes(content)


def _bar(name: str, total: int | None, progress: bool) -> Any:
    import warnings

    from tqdm import TqdmExperimentalWarning, TqdmWarning

    with warnings.catch_warnings():  # in a notebook without widgets tqdm says so, and shows a bar of text
        warnings.simplefilter("ignore", TqdmWarning)
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        from tqdm.auto import tqdm
    return tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=not progress)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it takes the place of an old one
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
