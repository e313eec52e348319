"""Contents that a machine fetches itself: checked, unpacked, or refused, by either engine."""

from __future__ import annotations

import gzip
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.reconfigure.desire.state import Kind, Remote
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.engines.salt.engine import Salt
from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange, Plan
from toolbox.lib.reconfigure.session.shell import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = b"plain\n" * 1000
PACKED = gzip.compress(PLAIN)
SERVED = {"/plain": PLAIN, "/packed": PACKED, "/cut": PACKED[:-9]}
SHA256 = f"sha256-{hashlib.sha256(PLAIN).hexdigest()}"
SHA512 = f"sha512-{hashlib.sha512(PLAIN).hexdigest()}"
# Reason: Salt takes a second to start, and longer where others work.
pytestmark = pytest.mark.timeout(300)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with what is served there."""
        data = SERVED.get(self.path)
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve; yield the beginning of the URLs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["direct", pytest.param("salt", marks=pytest.mark.needs("salt-call"))])
def engine(request: pytest.FixtureRequest, habitat: Path) -> str:
    """Return the name of an engine; what it holds in memory is in the test's own place."""
    assert habitat.is_dir()
    return str(request.param)


@contextmanager
def made(root: Path, engine: str, remote: Remote) -> Iterator[list[str]]:
    """Have a file fetched; yield what failed."""
    (root / "etc").mkdir(parents=True)
    node = NodeChange("/etc/far", Change.ADDED, Kind.FILE, mode=0o640, remote=remote)
    with local(root) as shell:
        direct = Direct(shell)
        maker = Salt(direct) if engine == "salt" else direct
        report = maker.apply(Plan(nodes=(node,), record=Record(0, "sha256-x", engine=engine)))
        yield [item.message for item in report.done if not item.ok]


@pytest.mark.parametrize(
    ("path", "compression", "digest"),
    [("/plain", "", SHA256), ("/plain", "", SHA512), ("/packed", "gzip", SHA256)],
)
def test_it_is_there(
    tmp_path: Path, site: str, engine: str, path: str, compression: str, digest: str
) -> None:
    """The hash is that of the bytes that are there in the end, with the mode that is wanted."""
    remote = Remote(f"{site}{path}", digest, compression)
    with made(tmp_path / "root", engine, remote) as failed:
        assert failed == []
    far = tmp_path / "root/etc/far"
    assert far.read_bytes() == PLAIN
    assert far.stat().st_mode & 0o777 == 0o640
    assert left(tmp_path) == {"far", "infra-toolbox"}


@pytest.mark.parametrize(
    ("path", "compression", "digest"),
    [
        pytest.param("/packed", "", SHA256, id="packed bytes"),
        pytest.param("/plain", "gzip", SHA256, id="not packed"),
        pytest.param("/cut", "gzip", SHA256, id="cut off"),
        pytest.param("/nowhere", "", SHA256, id="not there"),
        pytest.param("/nowhere", "gzip", SHA256, id="not there, packed"),
        pytest.param("/packed", "gzip", f"sha256-{'0' * 64}", id="another hash"),
    ],
)
def test_it_is_refused(
    tmp_path: Path, site: str, engine: str, path: str, compression: str, digest: str
) -> None:
    """What is not what the hash says is not put there, and why is told."""
    remote = Remote(f"{site}{path}", digest, compression)
    with made(tmp_path / "root", engine, remote) as failed:
        assert len(failed) == 1
        assert failed[0]
    assert "far" not in left(tmp_path)
    assert ".infra-toolbox.tmp" not in left(tmp_path)


def left(folder: Path) -> set[str]:
    """Return what is below /etc."""
    return {path.name for path in (folder / "root/etc").iterdir()}


@pytest.mark.parametrize("digest", ["", "md5-d41d8cd98f00b204e9800998ecf8427e"])
def test_a_hash_that_nobody_can_check_is_refused(tmp_path: Path, site: str, digest: str) -> None:
    """A plan never asks for that; the machine does not take it either."""
    with made(tmp_path / "root", "direct", Remote(f"{site}/plain", digest, "")) as failed:
        assert failed
    assert "far" not in left(tmp_path)
