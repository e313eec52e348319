"""Ignition as a client that is written in Go: does it take a server with that certificate?

It is asked to fetch a config from a name that no network knows. It goes by a proxy, which is the
server itself.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.unit.ignition import fetch

if TYPE_CHECKING:
    from pathlib import Path

    from toolbox.lib.core.secret import Secret

HERE = "127.0.0.1"
PATIENCE = 2
CONFIG = b'{"ignition":{"version":"3.3.0"}}'
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


def accepts(folder: Path, leaf: tuple[Secret, str], root: str, name: str) -> bool:
    """Tell whether Ignition fetches from a server, which it knows by a root and a name.

    Args:
        folder: An empty one, or one of a former call.
        leaf: Key and certificates of the server.
        root: What it trusts.
        name: Of the server.
    """
    pair = folder / "pair.pem"
    pair.write_text(leaf[1] + leaf[0].reveal())
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(pair)
    with socket.create_server((HERE, 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener, shown))
        server.start()
        got = fetch(_config(root, name, listener.getsockname()[1]), folder)
        # Reason: closing alone does not wake who waits for a connection.
        listener.shutdown(socket.SHUT_RDWR)
        server.join()
    assert isinstance(got, dict) or "x509: " in got, got
    return isinstance(got, dict)


def _config(root: str, name: str, port: int) -> str:
    source = f"data:,{quote(root)}"
    return json.dumps(
        {
            "ignition": {
                "version": "3.3.0",
                "config": {"replace": {"source": f"https://{name}/config"}},
                "proxy": {"httpsProxy": f"http://{HERE}:{port}"},
                "security": {"tls": {"certificateAuthorities": [{"source": source}]}},
                "timeouts": {"httpTotal": PATIENCE},
            }
        }
    )


def _serve(listener: socket.socket, shown: ssl.SSLContext) -> None:
    """Answer one client after the other until the listener is closed."""
    while True:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        # Reason: who does not take the certificate ends the connection in the middle.
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            _read(connection)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with shown.wrap_socket(connection, server_side=True) as inside:
                _read(inside)
                inside.sendall(ANSWER % (len(CONFIG), CONFIG))


def _read(connection: socket.socket) -> None:
    """Read the head of a request."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            return
        head += more
