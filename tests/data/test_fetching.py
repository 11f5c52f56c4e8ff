"""MNIST is fetched whole or not at all, from a server on this machine; nothing is ever asked of the internet."""

import gzip
import hashlib
import re
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tinygrad_edu import data
from tinygrad_edu.data import fetching


def idx(array):
    return gzip.compress(struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes(), mtime=0)


RNG = np.random.default_rng(0)
ARRAYS = {
    f"{part}-{kind}": RNG.integers(0, 10, shape, dtype=np.uint8)
    for part, n in (("train", 300), ("t10k", 5))
    for kind, shape in (("images-idx3-ubyte.gz", (n, 28, 28)), ("labels-idx1-ubyte.gz", (n,)))
}
FILES = {name: idx(array) for name, array in ARRAYS.items()}
FIRST = next(iter(fetching.SHA256))


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Files of a few kilobytes instead of the real ones, and no proxy between the tests and their server."""
    assert list(FILES) == list(fetching.SHA256)
    monkeypatch.setattr(fetching, "SHA256", {name: hashlib.sha256(file).hexdigest() for name, file in FILES.items()})
    monkeypatch.setenv("no_proxy", "*")


@contextmanager
def server(send):
    """A mirror on this machine; ``send(handler, name, content)`` answers. Gives its address, and what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            asked.append(name)
            send(self, name, FILES[name])

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/mnist/", asked
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def whole(handler, name, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def broken(handler, name, content):
    whole(handler, name, content[: len(content) // 2], length=len(content))


def truncated(handler, name, content):
    whole(handler, name, content[:-1])


def other_bytes(handler, name, content):
    whole(handler, name, content[:-1] + bytes([content[-1] ^ 1]))


def not_found(handler, name, content):
    handler.send_error(404)


def without_length(handler, name, content):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content)


def broken_chunks(handler, name, content):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(content) + content[:100])
    handler.close_connection = True


def no_http(handler, name, content):
    handler.wfile.write(b"good morning\r\n\r\n")


def silent(handler, name, content):
    handler.connection.recv(1)  # until the other side gives up


FAULTS = [
    (broken, "the connection broke after"),
    (truncated, "their checksum is not that of the published file"),
    (other_bytes, "their checksum is not that of the published file"),
    (not_found, "HTTP Error 404: Not Found"),
    (broken_chunks, "IncompleteRead"),
    (no_http, "good morning"),
    (silent, "timed out"),
]
EVERY_FAULT = pytest.mark.parametrize(("fault", "words"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])


def free_address():
    """The address of a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/"


def assert_complete(folder):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def test_what_is_fetched_can_be_read(tmp_path, capsys):
    folder = tmp_path / "new" / "mnist"
    with server(whole) as (mirror, asked):
        assert data.fetch_mnist(str(folder), mirrors=[mirror.rstrip("/")]) == folder
    assert asked == list(FILES)
    assert_complete(folder)
    (x, y), (x_test, y_test) = data.mnist(folder)
    np.testing.assert_array_equal(x, ARRAYS[FIRST].reshape(300, 784) / 255)
    np.testing.assert_array_equal(y, ARRAYS["train-labels-idx1-ubyte.gz"])
    assert (x_test.shape, y_test.shape) == ((5, 784), (5,))
    shown = capsys.readouterr().err
    assert all(name in shown for name in FILES)
    assert "100%" in shown


def test_what_is_there_is_not_fetched_again(tmp_path, capsys):
    with server(whole) as (mirror, asked):
        data.fetch_mnist(tmp_path, mirrors=[mirror], progress=False)
        (tmp_path / FIRST).write_bytes(b"damaged")
        data.fetch_mnist(tmp_path, mirrors=[mirror], progress=False)
    assert asked == [*FILES, FIRST]
    assert_complete(tmp_path)
    data.fetch_mnist(tmp_path, mirrors=[free_address()])  # no server is needed any more
    assert capsys.readouterr().err == ""


@EVERY_FAULT
def test_a_mirror_that_fails_leaves_it_to_the_next(tmp_path, fault, words):
    with server(fault) as (bad, asked), server(whole) as (good, asked_next):
        data.fetch_mnist(tmp_path, mirrors=[bad, good], timeout=0.1 if fault is silent else 5, progress=False)
    assert asked == asked_next == list(FILES)
    assert_complete(tmp_path)


@EVERY_FAULT
def test_an_error_says_what_went_wrong_and_leaves_things_as_they_were(tmp_path, fault, words):
    old = tmp_path / FIRST
    old.write_bytes(b"an older file")
    with server(fault) as (mirror, _), pytest.raises(ConnectionError, match=re.escape(words)) as caught:
        data.fetch_mnist(tmp_path, mirrors=[mirror], timeout=0.1 if fault is silent else 5)
    assert f"{mirror}{FIRST}: " in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [FIRST]
    assert old.read_bytes() == b"an older file"


def test_files_that_came_before_the_fault_are_kept(tmp_path):
    second = list(FILES)[1]

    def second_breaks(handler, name, content):
        (broken if name == second else whole)(handler, name, content)

    words = f"{second} could not be fetched"
    with server(second_breaks) as (mirror, asked), pytest.raises(ConnectionError, match=words):
        data.fetch_mnist(tmp_path, mirrors=[mirror], progress=False)
    assert asked == list(FILES)[:2]
    assert [path.name for path in tmp_path.iterdir()] == [FIRST]


def test_without_a_network_it_says_what_to_do_by_hand(tmp_path):
    mirrors = [free_address(), free_address()]
    with pytest.raises(ConnectionError, match="refused") as caught:
        data.fetch_mnist(tmp_path, mirrors=mirrors)
    for words in (*FILES, *mirrors, str(tmp_path), "by hand", "tg.data.mnist(folder)", "tg.data.digits()"):
        assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_say_how_long_a_file_is(tmp_path):
    with server(without_length) as (mirror, _):
        data.fetch_mnist(tmp_path, mirrors=[mirror])
    assert_complete(tmp_path)


def test_a_file_that_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 100)
    with server(without_length) as (mirror, _), pytest.raises(ConnectionError, match="it is longer than 100 bytes"):
        data.fetch_mnist(tmp_path, mirrors=[mirror], progress=False)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_no_part_of_a_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching.os, "fsync", full)
    with server(whole) as (mirror, asked), pytest.raises(OSError, match="No space left") as caught:
        data.fetch_mnist(tmp_path, mirrors=[mirror, mirror], progress=False)
    assert not isinstance(caught.value, ConnectionError)
    assert asked == [FIRST]  # no other mirror can help
    assert not list(tmp_path.iterdir())


def test_wrong_arguments(tmp_path):
    with pytest.raises(TypeError, match=re.escape("mirrors must be a list of addresses, as ['http://x/']")):
        data.fetch_mnist(tmp_path, mirrors="http://x/")
    with pytest.raises(ValueError, match="mirrors is empty"):
        data.fetch_mnist(tmp_path, mirrors=[])
    with pytest.raises(ConnectionError, match="unknown url type"):
        data.fetch_mnist(tmp_path, mirrors=["here"])
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file, and a folder is needed"):
        data.fetch_mnist(tmp_path / "file", mirrors=[free_address()])
