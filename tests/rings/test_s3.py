"""Files over the real S3 protocol, by moto's server: an upload on one machine, a step on another, retention."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rings.needed import absent

from ringback.journal.bucket import Bucket
from ringback.problems import Failure

pytestmark = [pytest.mark.ring, pytest.mark.filterwarnings("default")]
LARGE = 12_000_000
"""More than one part of an upload."""


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, Any]]:
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        absent("moto is not installed: make rings")
    import s3fs

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    made = {"key": "ring", "secret": "ring-secret", "endpoint_url": f"http://{host}:{port}"}
    s3fs.S3FileSystem(**made).mkdir("texts")
    yield made
    server.stop()


class Zeros(io.RawIOBase):
    """A stream that is never whole in memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._left)
        self._left -= given
        return bytes(given)


@pytest.mark.parametrize("size", [0, 26, LARGE])
def test_a_file_goes_through_s3(tmp_path: Path, options: dict[str, Any], size: int) -> None:
    one, other = (Bucket(tmp_path / name, "s3://texts/school", options) for name in ("a", "b"))
    file = one.receive(Zeros(size), "form.bin", limit=LARGE)  # type: ignore[arg-type]
    assert file["size"] == size
    assert other.path(file["sha256"]).read_bytes() == bytes(size)
    assert list(other.left_over()) == []
    assert other.remove([file["sha256"]], older_than_s=3600) == 0
    assert other.remove([file["sha256"], "0" * 64]) == 1
    with pytest.raises(Failure, match="not here"):
        other.path(file["sha256"])


def test_wrong_storage_is_a_sentence(tmp_path: Path, options: dict[str, Any]) -> None:
    store = Bucket(tmp_path, "s3://no-such-bucket/x", options)
    with pytest.raises(OSError, match="s3://no-such-bucket/x did not take a file"):
        store.save("a", b"a")
