"""What goes from a machine: only what its record says was put there, and no config names now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import MASK, UNITS, Kind
from toolbox.lib.reconfigure.history.record import WAS_MASKED
from toolbox.lib.reconfigure.planning.appending import base
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from toolbox.lib.reconfigure.desire.state import Unit
    from toolbox.lib.reconfigure.history.record import Placed
    from toolbox.lib.reconfigure.look.survey import Found
    from toolbox.lib.reconfigure.planning.scene import Scene

EMPTY = Blob(b"").digest


def removals(desired: Collection[str], scene: Scene) -> Iterator[NodeChange]:
    """Yield what has to be done about paths that were put there and are not desired any more.

    Args:
        desired: Paths that are.
        scene: The machine.

    Yields:
        Changes, the deepest paths first.
    """
    gone = [path for path in scene.placed if path not in desired and not scene.is_cleared(path)]
    for path in sorted(gone, key=lambda path: (-path.count("/"), path)):
        change = _change(path, scene.placed[path], scene)
        if change is not None:
            yield change


def emptied(gone: Iterable[NodeChange], scene: Scene) -> Iterator[NodeChange]:
    """Yield what goes before something else can stand where a folder is, and the folder itself.

    It stays when somebody else has put something there, and then nothing takes its place.

    Args:
        gone: What goes, the deepest paths first.
        scene: The machine.
    """
    yield from (change for change in gone if scene.is_emptied(change.path))
    for path in sorted(scene.emptied):
        yield NodeChange(path, Change.REMOVED, Kind.DIRECTORY, was=scene.found(path))


def unmasked(units: Iterable[Unit], desired: Collection[str], scene: Scene) -> Iterator[NodeChange]:
    """Yield the removal of masks that a config wants away, whoever put them there."""
    for unit in units:
        path = f"{UNITS}/{unit.name}"
        found = scene.found(path)
        is_masked = found is not None and found.target == MASK
        if unit.masked is False and is_masked and not {path} & {*desired, *scene.placed}:
            yield NodeChange(
                path, Change.REMOVED, Kind.LINK, f"mask of {unit.name}", was=found, target=MASK
            )


def masked_again(
    units: Iterable[Unit], desired: Collection[str], scene: Scene
) -> Iterator[NodeChange]:
    """Yield masks of the image that a config wanted away, and no config speaks of any more."""
    said = {unit.name: unit.masked for unit in units}
    known = scene.survey.record.units if scene.survey.record else {}
    for name, words in known.items():
        path = f"{UNITS}/{name}"
        is_free = path not in desired and scene.found(path) is None
        if WAS_MASKED in words.split(",") and said.get(name) is None and is_free:
            yield NodeChange(path, Change.ADDED, Kind.LINK, f"mask of {name}", target=MASK)


def _change(path: str, was: Placed, scene: Scene) -> NodeChange | None:
    found, original = scene.found(path), scene.survey.originals.get(path)
    if was.kind == Kind.DIRECTORY:
        return _folder(path, was, scene)
    if original is not None:
        # Reason: a folder of the image comes back with all that is in it.
        return None if found and _same(found, original) else _restored(path, original, scene)
    return _own(path, was, found, scene) if found else None


def _own(path: str, was: Placed, found: Found, scene: Scene) -> NodeChange | None:
    """Return what becomes of a file or link that the image does not have."""
    if found.kind is not (Kind.LINK if was.kind == Kind.LINK else Kind.FILE):
        _stays(path, "something else stands there now", scene)
        return None
    if was.appended:
        return _taken_out(path, was, found, scene)
    ours = was.digest or was.source or was.target
    # Reason: where nothing but its mode was ours, a file that is empty was made for it.
    if not ours and (was.kept or found.digest != EMPTY):
        _stays(path, "its contents were never ours", scene)
        return None
    return _removed(path, was, found, scene)


def _folder(path: str, was: Placed, scene: Scene) -> NodeChange | None:
    found, original = scene.found(path), scene.survey.originals.get(path)
    if found is None or found.kind is not Kind.DIRECTORY:
        return None
    if original is None:
        return None if was.kept else _removed(path, was, found, scene)
    if was.mode is None and not was.owner:
        return None
    facts = (found.mode, found.uid, found.gid)
    if facts == (original.mode, original.uid, original.gid):
        return None
    return NodeChange(
        path,
        Change.CHANGED,
        Kind.DIRECTORY,
        "as in the image",
        was=found,
        mode=original.mode,
        user=original.uid,
        group=original.gid,
        reasons=("mode",) if found.mode != original.mode else ("owner",),
    )


def _taken_out(path: str, was: Placed, found: Found, scene: Scene) -> NodeChange | None:
    """Return the change that takes what was appended out of a file."""
    if found.contents is None:
        _stays(path, "what was appended to it cannot be seen from here", scene)
        return None
    rest = Blob(base(found.contents.reveal(), was, path, scene))
    if rest == found.contents:
        return None
    if not rest.size and not was.kept:
        return _removed(path, was, found, scene)
    return NodeChange(
        path,
        Change.CHANGED,
        Kind.FILE,
        "as before",
        was=found,
        mode=found.mode,
        user=found.uid,
        group=found.gid,
        contents=rest,
        reasons=("contents",),
        diff=scene.diff(path, rest, found.mode, secret=was.secret),
    )


def _restored(path: str, original: Found, scene: Scene) -> NodeChange:
    found = scene.found(path)
    kind = original.kind or Kind.FILE
    return NodeChange(
        path,
        Change.CHANGED if found else Change.ADDED,
        kind,
        "as in the image",
        was=found,
        mode=None if kind is Kind.LINK else original.mode,
        user=original.uid,
        group=original.gid,
        contents=original.contents,
        target=original.target,
        clear=found is not None and found.kind is not kind,
        restored=True,
        reasons=("contents",),
        diff=scene.diff(path, original.contents, original.mode, secret=False)
        if original.contents
        else "",
    )


def _removed(path: str, was: Placed, found: Found, scene: Scene) -> NodeChange:
    is_file = found.kind is Kind.FILE
    return NodeChange(
        path,
        Change.REMOVED,
        found.kind or Kind.FILE,
        was=found,
        target=found.target,
        secret=was.secret,
        diff=scene.diff(path, None, was.mode, secret=was.secret) if is_file else "",
    )


def _same(found: Found, original: Found) -> bool:
    """Tell whether the image's own version stands there."""
    facts = [
        (it.kind, it.digest, it.target, it.uid, it.gid, it.mode * (it.kind is not Kind.LINK))
        for it in (found, original)
    ]
    return facts[0] == facts[1]


def _stays(path: str, why: str, scene: Scene) -> None:
    message = f"{path} is in no config any more, and stays: {why}"
    scene.say("stays", message, "remove it by hand if it is not wanted", Severity.WARNING)
