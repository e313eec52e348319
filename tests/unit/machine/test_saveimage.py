"""The document of a save image is replaced, and nothing else of it is touched."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.machine import saveimage

if TYPE_CHECKING:
    from pathlib import Path

XML = "<domain><name>old</name></domain>"
COOKIE = b"<cookie/>\0"
STREAM = b"QEVM" + bytes(range(256))


def _image(
    path: Path, *, cookie: bytes = COOKIE, room: int = 512, magic: bytes = saveimage.MAGIC
) -> Path:
    """Write a save image as libvirt does."""
    text = XML.encode() + b"\0"
    length = len(text) + len(cookie) + room
    offset = len(text) if cookie else 0
    head = struct.pack("<16sIIIII56x", magic, 2, length, 1, 0, offset)
    path.write_bytes(head + (text + cookie).ljust(length, b"\0") + STREAM)
    return path


@pytest.mark.parametrize("cookie", [COOKIE, b""], ids=["cookie", "no cookie"])
@given(xml=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rewritten(tmp_path: Path, cookie: bytes, xml: str) -> None:
    """The new document is read, libvirt's cookie is found behind it, and the stream stays."""
    path = _image(tmp_path / "memory", cookie=cookie)
    size = path.stat().st_size

    saveimage.rewrite(path, xml)

    data = path.read_bytes()
    _magic, version, length, running, compression, offset = saveimage.HEADER.unpack_from(data)
    body = data[saveimage.HEADER.size :][:length]
    assert saveimage.document(path) == xml
    assert (version, running, compression, len(data)) == (2, 1, 0, size)
    assert data.endswith(STREAM)
    assert data[saveimage.HEADER.size + length :] == STREAM
    assert body[offset:].startswith(cookie) if cookie else offset == 0


def test_no_room(tmp_path: Path) -> None:
    """A document that does not fit changes nothing."""
    path = _image(tmp_path / "memory", room=10)
    before = path.read_bytes()

    with pytest.raises(ToolboxError, match="no room"):
        saveimage.rewrite(path, XML + " " * 100)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no save image"),
        (b"LibvirtQemudSave", "no save image"),
        (b"LibvirtQemudPart".ljust(200, b"\0"), "no save image"),
        (struct.pack("<16sIIIII56x", saveimage.MAGIC, 3, 8, 1, 0, 0) + bytes(8), "version 3"),
        (struct.pack("<16sIIIII56x", saveimage.MAGIC, 2, 9, 1, 0, 0) + bytes(8), "not known"),
        (struct.pack("<16sIIIII56x", saveimage.MAGIC, 2, 8, 1, 0, 9) + bytes(8), "not known"),
        (struct.pack("<16sIIIII56x", saveimage.MAGIC, 2, 2**32 - 1, 1, 0, 0), "not known"),
    ],
    ids=["empty", "short", "unfinished", "version", "truncated", "cookie", "huge"],
)
def test_refused(tmp_path: Path, data: bytes, why: str) -> None:
    """What is not whole, or not known, is refused with its name."""
    path = tmp_path / "memory"
    path.write_bytes(data)

    with pytest.raises(ToolboxError, match=why) as caught:
        saveimage.document(path)
    assert str(path) in caught.value.message
