"""HTTP/1.1 as strangers speak it, read by h11, within narrow bounds."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from toolbox.lib.transport.offer import SILENT, TOO_LARGE, Refused, Request

if TYPE_CHECKING:
    import h11

LARGEST_HEAD = 8192
"""Bytes of the request line with all headers; Ignition sends about 400."""
CHUNK = 4096
"""Bytes that are read at once, so a head is never much larger than its bound."""


class Reader:
    """Makes one request of the bytes of a connection, and the bytes of its answer.

    Args:
        largest_body: Bytes that a body may have.
    """

    def __init__(self, largest_body: int = 0) -> None:
        import h11

        self._h11 = h11
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self._largest_body = largest_body
        self._head: h11.Request | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> Request | None:
        """Take what was received; return the request when it is whole.

        Args:
            data: At most `CHUNK` bytes; nothing at the end of the connection.

        Raises:
            Refused: It is no request, or too large.
        """
        h11 = self._h11
        try:
            self._connection.receive_data(data)
            while (event := self._connection.next_event()) is not h11.NEED_DATA:
                if self._take(event):
                    return self._whole()
        except h11.RemoteProtocolError as error:
            raise _malformed(error) from error
        return None

    def _take(self, event: object) -> bool:
        """Take a part of the request; tell whether it was the last."""
        h11 = self._h11
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._add(event.data)
        elif not isinstance(event, h11.EndOfMessage):
            raise Refused(SILENT)
        return isinstance(event, h11.EndOfMessage)

    def _begin(self, head: h11.Request) -> None:
        self._head = head
        declared = dict(head.headers).get(b"content-length", b"0")
        if int(declared) > self._largest_body:
            raise _too_large()

    def _add(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._largest_body:
            raise _too_large()

    def _whole(self) -> Request:
        assert self._head is not None  # noqa: S101 - h11 gives the head before the end
        # Reason: h11 lets nothing but ASCII through in methods and names, any byte in values.
        return Request(
            self._head.method.decode("ascii"),
            self._head.target.decode("latin-1"),
            tuple((name.decode(), value.decode("latin-1")) for name, value in self._head.headers),
            bytes(self._body),
        )

    def answer(self, status: HTTPStatus, body: bytes = b"", content_type: str = "") -> bytes:
        """Return the bytes of an answer, after which the connection ends; none where none may be.

        Args:
            status: HTTP status.
            body: What is sent; left out where HTTP wants none, as for HEAD.
            content_type: What the body is.
        """
        h11 = self._h11
        if self._connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return b""
        headers = [("Content-Length", str(len(body))), ("Connection", "close")]
        headers += [("Content-Type", content_type)] if content_type else []
        reason = status.phrase.encode()
        response = h11.Response(status_code=int(status), reason=reason, headers=headers)
        sent = self._connection.send(response) or b""
        if body and not (self._head and self._head.method == b"HEAD"):
            sent += self._connection.send(h11.Data(data=body)) or b""
        return sent + (self._connection.send(h11.EndOfMessage()) or b"")


def _too_large() -> Refused:
    return Refused(TOO_LARGE, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _malformed(error: h11.RemoteProtocolError) -> Refused:
    # Reason: h11 quotes what it got in some words, and a log is no place for foreign bytes.
    if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        reason = f"its head has more than {LARGEST_HEAD} bytes"
        return Refused(reason, status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return Refused("it is no HTTP request", status=HTTPStatus.BAD_REQUEST)
