"""Files that a config only appends to: what was there is kept, ours is put behind it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Kind

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.state import Node
    from toolbox.lib.reconfigure.history.record import Placed
    from toolbox.lib.reconfigure.look.survey import Found
    from toolbox.lib.reconfigure.planning.scene import Scene


def appended(node: Node, scene: Scene, found: Found | None) -> Blob | None:
    """Return the bytes of a file that is appended to; None where they are right as they are.

    Args:
        node: What is desired; it has no contents of its own.
        scene: The machine.
        found: What stands there.
    """
    ours = Blob(b"".join(blob.reveal() for blob in node.appended))
    was = scene.placed.get(node.path)
    if found is None:
        return Blob(_original(node.path, scene) + ours.reveal())
    known = was is not None and (was.appended, was.digest) == (ours.size, ours.digest)
    as_made = _has(node.path, scene) and found.digest == _expected(node.path, scene, ours)
    # Reason: where it was not shown, what we know of it has to do.
    if as_made or (known and found.contents is None):
        return None
    before = _before(node.path, scene, found)
    data = found.contents.reveal() if found.contents else b""
    # Reason: it stands there once; what somebody wrote behind it stays behind it.
    if before is None or (known and before != data):
        return None
    if was and before == data and data.endswith(ours.reveal()) and not _has(node.path, scene):
        # Reason: an apply that was cut off had put it there, and no record says so yet.
        return None
    result = Blob(before + ours.reveal())
    return None if found.digest == result.digest else result


def silent(path: str, scene: Scene, found: Found | None) -> Blob | None:
    """Return the bytes of a file of which a config says only whose it is.

    Args:
        path: The file.
        scene: The machine.
        found: What stands there.

    Returns:
        What is there without us; None where it is that already.
    """
    if found is None:
        return Blob(_original(path, scene))
    was = scene.placed.get(path)
    if was is None or not (was.appended or was.digest or was.source or was.target):
        return None
    before = _before(path, scene, found)
    return None if before is None or Blob(before).digest == found.digest else Blob(before)


def _before(path: str, scene: Scene, found: Found) -> bytes | None:
    """Return what a file holds without us; None, and a finding, where that cannot be known."""
    was, original = scene.placed.get(path), scene.survey.originals.get(path)
    whole = was is not None and not was.appended and bool(was.digest or was.source or was.target)
    if whole and original is not None and original.contents is None:
        # Reason: it is as in the image, or nobody here knows what the image has.
        if original.digest == found.digest:
            return None
    elif whole:
        return _original(path, scene)
    elif found.contents is not None:
        return base(found.contents.reveal(), was, path, scene)
    message = f"{path} is appended to, and is too large or too secret to be read"
    scene.say("not-readable", message, "give it contents instead")
    return None


def base(data: bytes, was: Placed | None, path: str, scene: Scene) -> bytes:
    """Return what a file holds without what was put into it.

    Args:
        data: What it holds.
        was: What was put there.
        path: Where it is.
        scene: The machine.
    """
    if was is None:
        return data
    if not was.appended:
        # Reason: it was written as a whole, so nothing of the image is left in it.
        return _original(path, scene) if was.digest or was.kind != Kind.FILE else data
    start = len(data) - was.appended
    # Reason: mostly it stands at the end; somebody may have added something since.
    for at in range(start, -1, -1):
        if Blob(data[at : at + was.appended]).digest == was.digest:
            return data[:at] + data[at + was.appended :]
    return data


def _expected(path: str, scene: Scene, ours: Blob) -> str:
    """Return the digest of what the image has, with what is appended to it."""
    return Blob(_original(path, scene) + ours.reveal()).digest


def _has(path: str, scene: Scene) -> bool:
    return path in scene.survey.originals


def _original(path: str, scene: Scene) -> bytes:
    original = scene.survey.originals.get(path)
    return original.contents.reveal() if original and original.contents else b""
