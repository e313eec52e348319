"""What becomes of each path that a config names: nothing, something new, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.core.report import Severity
from toolbox.lib.reconfigure.desire.state import FILE_MODE, FOLDER_MODE, Kind
from toolbox.lib.reconfigure.history import record
from toolbox.lib.reconfigure.planning import places
from toolbox.lib.reconfigure.planning.appending import appended, silent
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.desire.state import Node, Remote
    from toolbox.lib.reconfigure.look.survey import Found
    from toolbox.lib.reconfigure.planning.scene import Scene

FETCHED = ("https://", "http://")


def changes(nodes: Sequence[Node], scene: Scene) -> Iterator[NodeChange]:
    """Yield what has to be done so that paths are as they are desired.

    Args:
        nodes: What is desired, in the order in which it is made.
        scene: The machine; findings about what is refused are added to it.
    """
    # Reason: what is ours and desired no more is not what it was, either.
    rewritten = scene.placed.keys() - {node.path for node in nodes}
    for node in nodes:
        change = _change(node, scene, rewritten)
        if change is None:
            continue
        if change.clear:
            scene.cleared.add(node.path)
        if change.contents or change.remote or change.clear or change.was is None:
            rewritten.add(node.path)
        yield change


def lacking(changed: Collection[NodeChange], gone: Collection[str], scene: Scene) -> None:
    """Say which hard links would lead to nothing; Ignition would not boot, either.

    Args:
        changed: What changes because the config says so.
        gone: Paths that go.
        scene: The machine; findings are added to it.
    """
    made = {change.path for change in changed}
    for change in changed:
        target = change.target or ""
        stays = scene.found(target) is not None and target not in gone
        if change.kind is Kind.HARD_LINK and target not in made and not stays:
            message = f"{change.path} is a hard link to {target}, which will not be there"
            scene.say("no-target", message, "let the config make it, too, or use a symbolic link")


def _change(node: Node, scene: Scene, rewritten: set[str]) -> NodeChange | None:
    found = scene.found(node.path)
    if _is_way(node, found, scene):
        return None
    other = found is not None and (
        found.kind is not _standing(node.kind) or _is_shared(node, found, scene)
    )
    wanted = _wanted(node, scene, found if not other else None, rewritten)
    if found and not other and not wanted.reasons:
        return None
    if not _allowed(node, found, scene, wanted):
        return None
    # Reason: a folder of ours is gone by then.
    there = None if node.path in scene.emptied else found
    clear = there is not None and other
    secret = wanted.secret
    diff = ""
    if node.kind is Kind.FILE and wanted.contents and not other:
        diff = scene.diff(node.path, wanted.contents, wanted.mode, secret=secret)
    return replace(
        wanted,
        change=Change.ADDED if there is None else Change.CHANGED,
        was=there,
        clear=clear,
        diff=diff,
        reasons=("kind",) if clear else wanted.reasons if there else (),
    )


def _is_shared(node: Node, found: Found, scene: Scene) -> bool:
    """Tell whether a hard link of ours stands where a file shall be."""
    was = scene.placed.get(node.path)
    is_file = node.kind is Kind.FILE and found.kind is Kind.FILE
    return is_file and was is not None and was.kind == Kind.HARD_LINK


def _is_way(node: Node, found: Found | None, scene: Scene) -> bool:
    """Tell whether a folder that nobody asked for is there, or a link of others leads to it."""
    asked = not node.origin.startswith("folder of ")
    if asked or found is None or node.kind is not Kind.DIRECTORY:
        return False
    was = scene.placed.get(node.path)
    return found.kind is Kind.LINK and (was is None or was.kind == Kind.DIRECTORY)


def _standing(kind: Kind) -> Kind:
    """Return what is seen where something stands."""
    return Kind.FILE if kind is Kind.HARD_LINK else kind


def _wanted(node: Node, scene: Scene, found: Found | None, rewritten: set[str]) -> NodeChange:
    """Return what has to be there, with the reasons why it is not."""
    if node.kind is Kind.FILE:
        return _file(node, scene, found)
    base = NodeChange(node.path, Change.CHANGED, node.kind, node.origin, target=node.target)
    if node.kind is Kind.HARD_LINK:
        there = scene.found(node.target or "")
        same = found and there and found.inode == there.inode and node.target not in rewritten
        return replace(base, reasons=() if same else ("target",))
    reasons: list[str] = []
    if node.kind is Kind.LINK:
        reasons += [] if found and found.target == node.target else ["target"]
        return _owned(
            replace(base, reasons=tuple(reasons)),
            node,
            scene,
            (found, found if not reasons else None),
        )
    below = _below(node, scene, found)
    mode = node.mode if node.mode is not None else below.mode if below else FOLDER_MODE
    reasons += [] if found and found.mode == mode else ["mode"]
    return _owned(replace(base, mode=mode, reasons=tuple(reasons)), node, scene, (found, below))


def _below(node: Node, scene: Scene, found: Found | None) -> Found | None:
    """Return what would be there without our config, as far as that can be known."""
    original = scene.survey.originals.get(node.path)
    # Reason: what the image has was removed for a folder that overwrites, at its first boot.
    if original is not None and original.kind is _standing(node.kind) and not node.overwrite:
        return original
    was = scene.placed.get(node.path)
    if found is None or was is None or was.kept:
        return found
    # Reason: what a config said and says no more is as it is for something new.
    mode = FILE_MODE if node.kind is Kind.FILE else FOLDER_MODE
    user, _, group = was.owner.partition(":")
    return replace(
        found,
        mode=found.mode if was.mode is None else mode,
        uid=0 if user else found.uid,
        gid=0 if group else found.gid,
    )


def _file(node: Node, scene: Scene, found: Found | None) -> NodeChange:
    base = NodeChange(node.path, Change.CHANGED, Kind.FILE, node.origin, secret=node.secret)
    whole = node.contents is not None or node.remote is not None
    below = _below(node, scene, found) if not whole else None
    mode = node.mode if node.mode is not None else below.mode if below else FILE_MODE
    reasons = [] if found and found.mode == mode else ["mode"]
    if node.remote is not None:
        base = _fetched(base, node.remote, scene, found)
    else:
        contents = _contents(node, scene, found)
        base = replace(base, contents=contents)
    if base.contents is not None or base.remote is not None:
        reasons.insert(0, "contents")
    return _owned(replace(base, mode=mode, reasons=tuple(reasons)), node, scene, (found, below))


def _contents(node: Node, scene: Scene, found: Found | None) -> Blob | None:
    """Return the bytes that have to be written; None where those that are there stay."""
    if node.contents is not None:
        blob = record.whole(node)
        return None if found and found.digest == blob.digest else blob
    return appended(node, scene, found) if node.appended else silent(node.path, scene, found)


def _fetched(base: NodeChange, remote: Remote, scene: Scene, found: Found | None) -> NodeChange:
    """Return a change with what the machine has to fetch, or nothing where it has it."""
    function, _, value = (remote.hash or "").partition("-")
    was = scene.placed.get(base.path)
    same = found is not None and was is not None and was.source == str(remote)
    if function == "sha256" and found is not None:
        same = found.digest == value
    if same:
        return base
    lacks = ""
    if not remote.url.startswith(FETCHED):
        lacks = f"only a first boot fetches {remote.url.partition(':')[0]}:"
    elif not remote.hash:
        lacks = "without a hash nobody can tell what it is"
    if lacks:
        message = f"{base.path} is fetched by the machine, and {lacks}"
        scene.say("remote", message, "name it as local, or by https with verification.hash")
    return replace(base, remote=remote)


def _owned(
    base: NodeChange, node: Node, scene: Scene, there: tuple[Found | None, Found | None]
) -> NodeChange:
    """Return a change with its owner decided.

    Args:
        base: The change.
        node: What is desired.
        scene: The machine.
        there: What stands there, and what would stand there without our config.
    """
    found, below = there
    # Reason: in a folder everything is the property of who writes there.
    kept = below if scene.survey.systemd else found
    user = node.user if node.user is not None else kept.uid if kept else "root"
    group = node.group if node.group is not None else kept.gid if kept else "root"
    wanted = scene.owners.user(user), scene.owners.group(group)
    differs = found is not None and (found.uid, found.gid) != wanted
    reasons = (*base.reasons, "owner") if differs else base.reasons
    return replace(base, user=user, group=group, reasons=reasons)


def _allowed(node: Node, found: Found | None, scene: Scene, wanted: NodeChange) -> bool:
    """Tell whether a path may be changed; if not, say why."""
    refused = places.refusal(node.path, ostree=scene.survey.ostree)
    if refused:
        scene.say("read-only", f"{node.path} ({node.origin}) cannot be there: {refused}")
        return False
    lacking = scene.owners.lacks(wanted.user, wanted.group)
    if lacking:
        message = f"{node.path} shall belong to {lacking}, which the machine does not have"
        scene.say("no-owner", message, "add it below passwd, or use a number")
        return False
    return found is None or node.overwrite or _may_replace(node, found, scene, wanted)


def _may_replace(node: Node, found: Found, scene: Scene, wanted: NodeChange) -> bool:
    """Tell whether what stands at a path may be replaced without ``overwrite``."""
    ours = node.path in scene.placed
    other = found.kind is not _standing(node.kind)
    if found.kind is Kind.DIRECTORY and other:
        if _goes(node.path, scene):
            scene.emptied.add(node.path)
            return True
        message = f"{node.path} is a folder there, and shall be a {node.kind}"
        scene.say("folder-in-the-way", message, "overwrite: true removes it with all that is in it")
        return False
    written = wanted.contents is not None or wanted.remote is not None or "target" in wanted.reasons
    # Reason: without a source Ignition keeps what is there, and what is appended replaces nothing.
    replaces = other or (written and not (node.kind is Kind.FILE and _keeps(node)))
    if ours or not replaces:
        return True
    what = found.kind.value if found.kind else "device, socket or pipe"
    message = f"{node.path} is there already, a {what} that was not put there by this"
    if scene.survey.record is None and scene.survey.config and found.kind is not None:
        hint = "nothing is known of what was put there before"
        scene.say("taken-over", message, hint, Severity.WARNING)
        return True
    scene.say("path-exists", message, "Ignition would refuse it, too; say overwrite: true")
    return False


def _goes(path: str, scene: Scene) -> bool:
    """Tell whether a folder was made by us, so that it goes when nothing is left in it."""
    was = scene.placed.get(path)
    ours = was is not None and was.kind == Kind.DIRECTORY and not was.kept
    return ours and path not in scene.survey.originals


def _keeps(node: Node) -> bool:
    return node.contents is None and node.remote is None
