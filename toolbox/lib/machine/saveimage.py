"""libvirt's save image: the file that `virsh save` writes, and the document at its beginning.

`virsh restore --xml` lets a caller change paths of the host, and refuses another name or UUID: to
libvirt a saved machine is one machine. Here one saved machine is the beginning of many, so the
document is replaced in the file itself. Layout: ``virQEMUSaveHeader`` of libvirt's
``qemu_saveimage.h``, then the document, then a cookie of libvirt's own, then room that libvirt
leaves for a longer document, then QEMU's migration stream, which is not looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from toolbox.lib.core.errors import ToolboxError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = struct.Struct("<16sIIIII56x")
"""Magic, version, bytes up to the stream, whether it ran, compression, offset of the cookie."""
MAGIC = b"LibvirtQemudSave"
VERSION = 2
# Reason: libvirt leaves 64 KiB beside a document of some KiB; more is not from libvirt.
LONGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the stream.

    Attributes:
        length: Bytes from the document to the stream.
        running: libvirt's mark of a machine that ran.
        compression: libvirt's number of a format, 0 for none.
        document: XML text of the domain.
        cookie: What libvirt remembers beside, or nothing.
    """

    length: int
    running: int
    compression: int
    document: bytes
    cookie: bytes


def document(path: Path) -> str:
    """Return the domain XML of a saved machine.

    Args:
        path: The save image.

    Raises:
        ToolboxError: It is none, or one of a libvirt that we do not know.
    """
    with path.open("rb") as file:
        return _read(file, path).document.decode()


def rewrite(path: Path, xml: str) -> None:
    """Replace the document of a saved machine; its memory stays.

    Args:
        path: The save image.
        xml: Domain XML that describes the same hardware.

    Raises:
        ToolboxError: It is no save image that we know, or has no room for the document.
    """
    with path.open("r+b") as file:
        head = _read(file, path)
        text = xml.encode() + b"\0"
        offset = len(text) if head.cookie else 0
        block = text + head.cookie
        if len(block) > head.length:
            message = f"{path} has no room for a document of {len(block)} bytes: {head.length}"
            raise ToolboxError(message)
        file.seek(0)
        marks = (MAGIC, VERSION, head.length, head.running, head.compression, offset)
        file.write(HEADER.pack(*marks) + block.ljust(head.length, b"\0"))


def _read(file: BinaryIO, path: Path) -> _Head:
    start = file.read(HEADER.size)
    if len(start) < HEADER.size or not start.startswith(MAGIC):
        message = f"{path} is no save image of libvirt"
        raise ToolboxError(message)
    _magic, version, length, running, compression, offset = HEADER.unpack(start)
    block = file.read(length) if length <= LONGEST else b""
    if version != VERSION or len(block) < length or not 0 <= offset <= length:
        message = f"{path} is a save image of a libvirt that is not known (version {version})"
        raise ToolboxError(message)
    text = block[:offset] if offset else block
    cookie = block[offset:].rstrip(b"\0") + b"\0" if offset else b""
    return _Head(length, running, compression, text.split(b"\0", 1)[0], cookie)
