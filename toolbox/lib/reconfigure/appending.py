"""Files that a config only appends to: what was there is kept, ours is put behind it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.blob import Blob
from toolbox.lib.reconfigure.state import Kind

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.record import Placed
    from toolbox.lib.reconfigure.scene import Scene
    from toolbox.lib.reconfigure.state import Node
    from toolbox.lib.reconfigure.survey import Found


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
    if found.contents is None:
        if was and was.appended == ours.size and was.digest == ours.digest:
            # Reason: it was not shown, so what we know of it has to do.
            return None
        before = None if was is None or was.kept else _origin_of(was, node.path, scene)
        if before is None:
            message = f"{node.path} is appended to, and is too large or too secret to be read"
            scene.say("not-readable", message, "give it contents instead")
            return None
    else:
        data = found.contents.reveal()
        before = base(data, was, node.path, scene)
        if was and was.appended and before == data and data.endswith(ours.reveal()):
            # Reason: an apply that was cut off had put it there, and no record says so yet.
            return None
    result = Blob(before + ours.reveal())
    return None if found.digest == result.digest else result


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


def _origin_of(was: Placed, path: str, scene: Scene) -> bytes | None:
    original = scene.survey.originals.get(path)
    if original is None:
        return b"" if was.digest and not was.appended else None
    return original.contents.reveal() if original.contents else None


def _original(path: str, scene: Scene) -> bytes:
    original = scene.survey.originals.get(path)
    return original.contents.reveal() if original and original.contents else b""
